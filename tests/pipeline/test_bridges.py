"""Trigger jobs: what they may start, what they hand on, and what comes back."""

from __future__ import annotations

import pytest

from shipline.model.definition import Trigger
from shipline.model.status import JobStatus, PipelineStatus
from shipline.model.variable import Variable
from shipline.pipeline.bridges import Ancestor, forwarded, outcome, refusal

ROOT = Ancestor(1, "main", "push")
CHILD = Ancestor(1, "main", "parent_pipeline")
VALUES = {"NAME": "sam", "TOKEN": "a-secret-value"}


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ((ROOT,), None),
        ((CHILD, ROOT), None),
        ((CHILD, CHILD, ROOT), "reached_max_descendant_pipelines_depth"),
        # Another project's pipeline is a beginning of its own.
        ((Ancestor(2, "main", "pipeline"), CHILD, CHILD, ROOT), None),
    ],
)
def test_children_go_two_levels_deep(line: tuple[Ancestor, ...], refused: str | None) -> None:
    assert refusal(child=True, line=line, family=3) == refused


def test_projects_may_trigger_one_another_twice_in_one_line() -> None:
    there, back = Ancestor(2, "main", "pipeline"), Ancestor(1, "main", "pipeline")
    assert refusal(child=False, line=(there, back, there, ROOT), family=4) is None
    line = (there, back, there, back, there, ROOT)
    assert refusal(child=False, line=line, family=6) == "pipeline_loop_detected"


def test_another_ref_is_no_circle() -> None:
    line = tuple(Ancestor(1, f"b{number}", "pipeline") for number in range(9))
    assert refusal(child=False, line=line, family=9) is None


@pytest.mark.parametrize("child", [True, False])
def test_a_family_of_pipelines_has_a_limit(child: bool) -> None:
    assert refusal(child=child, line=(ROOT,), family=999) is None
    assert refusal(child=child, line=(ROOT,), family=1000) == "reached_max_pipeline_hierarchy_size"


@pytest.mark.parametrize(
    ("strategy", "status", "becomes"),
    [
        (None, PipelineStatus.SUCCESS, None),
        ("depend", PipelineStatus.RUNNING, None),
        ("depend", PipelineStatus.MANUAL, None),
        ("depend", PipelineStatus.SUCCESS, JobStatus.SUCCESS),
        ("depend", PipelineStatus.FAILED, JobStatus.FAILED),
        ("depend", PipelineStatus.CANCELED, JobStatus.CANCELED),
        ("depend", PipelineStatus.SKIPPED, JobStatus.FAILED),
        ("mirror", PipelineStatus.SKIPPED, JobStatus.SKIPPED),
        ("mirror", PipelineStatus.FAILED, JobStatus.FAILED),
    ],
)
def test_what_a_pipelines_status_means_for_the_job_that_follows_it(
    strategy: str | None, status: PipelineStatus, becomes: JobStatus | None
) -> None:
    assert outcome(strategy, status) == becomes


def test_the_jobs_variables_are_handed_on_with_their_values() -> None:
    own = (Variable("A", "hello $NAME"), Variable("B", "$NAME", raw=True))
    assert forwarded(Trigger(), own, (), VALUES.get) == (
        Variable("A", "hello sam", raw=True),
        Variable("B", "$NAME", raw=True),
    )


def test_pipeline_variables_are_handed_on_when_asked_for_and_stand_above() -> None:
    own, given = (Variable("A", "mine"),), (Variable("A", "given"), Variable("C", "c"))
    assert forwarded(Trigger(forward_pipeline_variables=True), own, given, VALUES.get) == given
    assert [one.value for one in forwarded(Trigger(), own, given, VALUES.get)] == ["mine"]
    none = Trigger(forward_yaml_variables=False)
    assert forwarded(none, own, given, VALUES.get) == ()


def test_what_holds_a_secret_stays_one() -> None:
    own = (Variable("A", "Bearer $TOKEN"), Variable("B", "$NAME"))
    found = forwarded(Trigger(), own, (), VALUES.get, ["a-secret-value", ""])
    assert [(one.masked, one.public) for one in found] == [(True, False), (False, True)]
