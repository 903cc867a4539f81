"""What the tests of a pipeline's jobs came to: the sums, and every case. Source: GitLab's REST API, pipelines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest
from ninja import Router

from shipline.coordinator import test_reports
from shipline.coordinator.artifacts import accessible_to
from shipline.coordinator.http.rest.callers import AnybodyReads
from shipline.coordinator.http.rest.lookup import reader
from shipline.coordinator.http.rest.pipelines import find_pipeline
from shipline.coordinator.models import Job
from shipline.coordinator.services import services
from shipline.protocols.junit.report import TestCase, Totals, system_output, worst_first

router = Router(auth=AnybodyReads())


@dataclass
class Suite:
    """The jobs of one name; instances of a parallel job are one suite. Where GitLab forgets a whole suite of which
    one file is bad, its other files count here, and `problems` say the rest."""

    name: str
    totals: Totals = field(default_factory=Totals)
    problems: list[str] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    cases: list[tuple[TestCase, Job]] = field(default_factory=list)

    def counts(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "total_time": round(self.totals.seconds, 6),
            "total_count": self.totals.count,
            "success_count": self.totals.success,
            "failed_count": self.totals.failed,
            "skipped_count": self.totals.skipped,
            "error_count": self.totals.error,
            "suite_error": "\n".join(self.problems) or None,
        }


def suites_of(reports: Iterable[test_reports.JobReport]) -> list[Suite]:
    found: dict[str, Suite] = {}
    for report in reports:
        name = test_reports.suite_name(report.job)
        suite = found.setdefault(name, Suite(name))
        suite.totals += report.totals
        suite.problems += [report.problem] if report.problem else []
        suite.jobs.append(report.job)
        suite.cases += [(case, report.job) for case in report.cases or ()]
    return list(found.values())


@router.get("/projects/{project_id}/pipelines/{pipeline_id}/test_report")
def get_test_report(request: HttpRequest, project_id: str, pipeline_id: int) -> dict[str, Any]:
    """Every case of the newest attempts, as far as the caller may have the jobs' artifacts."""
    pipeline = find_pipeline(request, project_id, pipeline_id)
    accessible = accessible_to(reader(request), pipeline.project)
    suites = suites_of(test_reports.whole_reports(pipeline, accessible))
    total = sum((suite.totals for suite in suites), Totals())
    base = f"{services().config.coordinator.external_url}/{pipeline.project.path_with_namespace}/-/jobs"
    return {
        "total_time": round(total.seconds, 6),
        "total_count": total.count,
        "success_count": total.success,
        "failed_count": total.failed,
        "skipped_count": total.skipped,
        "error_count": total.error,
        "test_suites": [suite.counts() | {"test_cases": _cases(suite, base)} for suite in suites],
    }


def _cases(suite: Suite, base: str) -> list[dict[str, Any]]:
    jobs = {id(case): job for case, job in suite.cases}
    return [
        _case(case, f"{base}/{jobs[id(case)].pk}") for case in worst_first(case for case, _ in suite.cases)
    ]


def _case(case: TestCase, job_url: str) -> dict[str, Any]:
    shown = {
        "status": case.outcome.value,
        "name": case.name,
        "classname": case.classname,
        "file": case.file or None,
        "execution_time": case.seconds,
        "system_output": system_output(case) or None,
        "stack_trace": None,
        "recent_failures": None,
    }
    if case.attachment:
        shown["attachment_url"] = f"{job_url}/artifacts/file/{quote(case.attachment)}"
    return shown


@router.get("/projects/{project_id}/pipelines/{pipeline_id}/test_report_summary")
def get_test_report_summary(request: HttpRequest, project_id: str, pipeline_id: int) -> dict[str, Any]:
    pipeline = find_pipeline(request, project_id, pipeline_id)
    suites = suites_of(test_reports.sums_of(pipeline))
    total = sum((suite.totals for suite in suites), Totals())
    return {
        "total": {
            "time": round(total.seconds, 6),
            "count": total.count,
            "success": total.success,
            "failed": total.failed,
            "skipped": total.skipped,
            "error": total.error,
            "suite_error": "\n".join(problem for suite in suites for problem in suite.problems) or None,
        },
        "test_suites": [suite.counts() | {"build_ids": [job.pk for job in suite.jobs]} for suite in suites],
    }
