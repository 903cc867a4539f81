"""Reports of tests that jobs leave: read once at their upload, and whole when somebody asks for every case.

A page of a pipeline is drawn anew whenever a job of it changes, for everybody who looks at it, so that it must not
unpack and parse the reports of 200 jobs each time. The upload is where a job waits anyway, before any lock is
taken: there the sums and the first failures become a row, which also outlives the report's expiry. All cases of a
large project are tens of megabytes that hardly anybody asks for: they stay in the artifact, and REST reads them
from there, within `WHOLE`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from django.db.models import QuerySet

from shipline.coordinator.job_variables import hidden, secrets_of
from shipline.coordinator.models import Job, JobArtifact, JobTestReport, Pipeline
from shipline.coordinator.stored import stored_at
from shipline.protocols.junit.reading import Limits, read_report
from shipline.protocols.junit.report import Outcome, Report, TestCase, Totals, totals_of, worst_first

# Of what went wrong in a job, so many cases, and of each text so many characters: what a page shows.
CASES_KEPT, TEXT_KEPT, MESSAGE_KEPT = 50, 8_000, 1_000
# Of all reports of a pipeline together, for one answer.
WHOLE = Limits()
CHUNK = 1 << 20
_LONG_TEXTS = ("text", "system_out", "system_err")
_TEXTS = ("name", "classname", "file", "message", "attachment", *_LONG_TEXTS)
TOO_MUCH = "Not read: the reports of this pipeline are larger than what is answered at once"


@dataclass(frozen=True, slots=True)
class JobReport:
    """A job's report as somebody may see it. `cases` None: not for the reader, or too many."""

    job: Job
    totals: Totals
    problem: str = ""
    cases: tuple[TestCase, ...] | None = None


def read(path: Path, limits: Limits = WHOLE) -> Report:
    """Raises OSError when the file is not there."""
    with path.open("rb") as file:
        return read_report(iter(lambda: file.read(CHUNK), b""), limits)


def summary_of(job: Job, report: Report) -> JobTestReport:
    """The row, which is not saved yet. What the job's masked variables hold may have come into a report."""
    report = without_secrets(report, secrets_of(job))
    totals = totals_of(report.cases)
    wrong = [case for case in worst_first(report.cases) if case.went_wrong][:CASES_KEPT]
    return JobTestReport(
        job=job,
        success=totals.success,
        failed=totals.failed,
        error=totals.error,
        skipped=totals.skipped,
        seconds=totals.seconds,
        problem="\n".join(report.problems),
        went_wrong=[asdict(_shortened(case)) for case in wrong],
    )


def without_secrets(report: Report, secrets: Sequence[str]) -> Report:
    if not any(secrets):
        return report
    cases = tuple(_with_texts(case, _TEXTS, lambda text: hidden(text, secrets)) for case in report.cases)
    return replace(report, cases=cases, problems=tuple(hidden(one, secrets) for one in report.problems))


def _shortened(case: TestCase) -> TestCase:
    case = _with_texts(case, _LONG_TEXTS, lambda text: without_middle(text, TEXT_KEPT))
    return replace(case, message=without_middle(case.message, MESSAGE_KEPT))


def _with_texts(case: TestCase, names: Iterable[str], change: Callable[[str], str]) -> TestCase:
    changed: dict[str, Any] = {name: change(getattr(case, name)) for name in names}
    return replace(case, **changed)


def without_middle(text: str, limit: int) -> str:
    """A traceback says at its end what it comes to, and at its beginning where it came from."""
    if len(text) <= limit:
        return text
    start = limit // 4
    end = limit - start
    return f"{text[:start]}\n[… {len(text) - limit} characters …]\n{text[-end:]}"


def totals_in(row: JobTestReport) -> Totals:
    return Totals(row.success, row.failed, row.error, row.skipped, row.seconds)


def cases_in(row: JobTestReport) -> tuple[TestCase, ...]:
    """What went wrong, as far as it was kept."""
    return tuple(TestCase(**one | {"outcome": Outcome(one["outcome"])}) for one in row.went_wrong)


def rows_of(pipeline: Pipeline) -> QuerySet[JobTestReport]:
    """Of the newest attempts, in the order of the jobs."""
    rows = JobTestReport.objects.filter(job__pipeline=pipeline, job__retried=False)
    return rows.order_by("job__stage_index", "job_id")


def sums_of(pipeline: Pipeline) -> list[JobReport]:
    """As `rows_of`, without any case."""
    rows = rows_of(pipeline).select_related("job").defer("went_wrong")
    return [JobReport(row.job, totals_in(row), row.problem) for row in rows]


def whole_reports(pipeline: Pipeline, accessible: Collection[str]) -> Iterator[JobReport]:
    """Of the newest attempts, in the order of the jobs, with all cases where the reader may have them (which is
    what `accessible` says, see `artifacts.accessible_to`). Of a report that has expired there is what was kept."""
    artifacts = JobArtifact.objects.filter(job__pipeline=pipeline, job__retried=False, file_type="junit")
    files = {artifact.job_id: artifact for artifact in artifacts}
    left = WHOLE
    for row in rows_of(pipeline).select_related("job__project", "job__pipeline"):
        told = JobReport(row.job, totals_in(row), row.problem)
        if row.accessibility not in accessible:
            yield told
        elif (artifact := files.get(row.job_id)) is None:
            yield replace(told, cases=cases_in(row))
        elif left.unpacked <= 0 or left.cases < told.totals.count:
            yield replace(told, problem=f"{row.problem}\n{TOO_MUCH}".strip())
        else:
            try:
                report = read(stored_at(artifact), left)
            except FileNotFoundError:
                yield replace(told, cases=cases_in(row))
                continue
            left = replace(left, unpacked=left.unpacked - report.size, cases=left.cases - len(report.cases))
            yield replace(told, cases=without_secrets(report, secrets_of(row.job)).cases)


def suite_name(job: Job) -> str:
    """As GitLab: the instances of `parallel: 5` are one suite, those of a matrix one each."""
    definition = job.definition
    group, total = definition.get("group"), definition.get("node_total")
    numbered = group and job.name == f"{group} {definition.get('node_index')}/{total}"
    return str(group) if numbered else job.name
