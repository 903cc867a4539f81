"""What the pages say of tests: the sums of each job, and what went wrong first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.db.models import Sum

from shipline.coordinator.artifacts import accessible_to
from shipline.coordinator.models import Job, JobTestReport, Pipeline, Project
from shipline.coordinator.test_reports import cases_in, rows_of, totals_in
from shipline.coordinator.web.times import span
from shipline.protocols.junit.report import TestCase, Totals, system_output

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

# So many failed cases of a pipeline have their output on its page, of a job their names on its own.
SHOWN, NAMED = 60, 5


@dataclass(frozen=True, slots=True)
class ShownCase:
    """`place` is its name in the page's address, `took` its time in words. `attachment` is an address."""

    place: str
    case: TestCase
    output: str
    took: str
    attachment: str


@dataclass(frozen=True, slots=True)
class ShownReport:
    """`more` cases went wrong than are here. `hidden`: the reader may not have the report itself."""

    job: Job
    totals: Totals
    took: str
    problem: str = ""
    cases: tuple[ShownCase, ...] = ()
    more: int = 0
    hidden: bool = False


def pipeline_tests(pipeline: Pipeline, user: User | AnonymousUser | None) -> dict[str, Any]:
    """Jobs of which something went wrong stand first. Outputs are read of so many jobs as a page has room for."""
    light = [*rows_of(pipeline).select_related("job").defer("went_wrong", "job__definition")]
    accessible = accessible_to(user, pipeline.project) if light else frozenset[str]()
    wanted = _first_that_fill(light, accessible)
    kept = {row.pk: row for row in rows_of(pipeline).filter(pk__in=wanted)} if wanted else {}
    left, reports = SHOWN, []
    for row in sorted(light, key=lambda row: not (row.failed or row.error)):
        cases = cases_in(kept[row.pk])[:left] if row.pk in kept else ()
        left -= len(cases)
        reports.append(_report(row, cases, pipeline.project, hidden=row.accessibility not in accessible))
    total = sum((report.totals for report in reports), Totals())
    return {
        "tests": total,
        "tests_took": span(total.seconds),
        "reports": reports,
        "wrong": [report for report in reports if report.totals.went_wrong or report.problem],
    }


def _first_that_fill(rows: Collection[JobTestReport], accessible: Collection[str]) -> list[int]:
    found, cases = [], 0
    for row in rows:
        if row.accessibility in accessible and (row.failed or row.error) and cases < SHOWN:
            found.append(row.pk)
            cases += row.failed + row.error
    return found


def _report(
    row: JobTestReport, cases: tuple[TestCase, ...], project: Project, *, hidden: bool
) -> ShownReport:
    totals = totals_in(row)
    base = f"/{project.path_with_namespace}/-/jobs/{row.job_id}/artifacts/file/"
    shown = tuple(
        ShownCase(
            f"test-{row.job_id}-{number}",
            case,
            _output(case),
            span(case.seconds) if case.seconds else "",
            base + quote(case.attachment) if case.attachment else "",
        )
        for number, case in enumerate(cases, 1)
    )
    more = totals.went_wrong - len(shown)
    return ShownReport(row.job, totals, span(totals.seconds), row.problem, shown, more, hidden)


def _output(case: TestCase) -> str:
    """What stands below the message, which is not said twice."""
    output = system_output(case)
    return "" if output == case.message else output


def job_tests(job: Job, user: User | AnonymousUser | None) -> ShownReport | None:
    """The sums, and the first names of what went wrong."""
    row = JobTestReport.objects.filter(job=job).first()
    if row is None:
        return None
    accessible = accessible_to(user, job.project)
    row.job = job
    hidden = row.accessibility not in accessible
    return _report(row, () if hidden else cases_in(row)[:NAMED], job.project, hidden=hidden)


def tests_sums(pipeline: Pipeline) -> Totals:
    """For one line; no report is read for it."""
    names = ("success", "failed", "error", "skipped")
    sums = rows_of(pipeline).order_by().aggregate(**{name: Sum(name) for name in names})
    return Totals(**{name: sums[name] or 0 for name in names})


def state_of_tests(pipeline_id: int) -> list[Any]:
    """What makes the tests of a page look different."""
    rows = JobTestReport.objects.filter(job__pipeline=pipeline_id, job__retried=False)
    return list(rows.order_by("id").values_list("id", flat=True))
