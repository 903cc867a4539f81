"""The job payload: facts in, the message out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shipline.compiler.keywords.artifacts import COVERAGE_FORMATS, REPORTS
from shipline.coordinator.job_payload import JobFacts, notices, payload, variables
from shipline.model.definition import Artifacts, CoverageReport, JobDefinition, JobInput
from shipline.model.variable import SettingsVariable, Variable
from shipline.protocols.artifact_types import ARTIFACT_TYPES, FORMATS

JOB = JobDefinition(name="test", stage="test", script=("make",))
FACTS = JobFacts(
    id=7,
    token="glcbt-secret",
    definition=JOB,
    pipeline_id=3,
    pipeline_iid=2,
    pipeline_name="",
    pipeline_created_at="2030-01-01T00:00:00+00:00",
    project_id=5,
    project_path="acme/app",
    ref="main",
    ref_type="branch",
    sha="a" * 40,
    before_sha="0" * 40,
    merge_request=False,
    protected=False,
    timeout=3600,
    depth=20,
    separated_caches=True,
    server_url="https://ci.example.com",
    registries=(),
    predefined=(),
    settings=(),
    started_at="2030-01-01T00:00:01+00:00",
    user_id=1,
    user_login="root",
    user_name="Administrator",
    runner_id=9,
    runner_description="One",
    runner_tags=(),
    instance_id="0123456789ab",
)


def facts(**changed: Any) -> JobFacts:
    return replace(FACTS, **changed)


def value_of(found: JobFacts, key: str) -> str | None:
    return next((one.value for one in variables(found) if one.key == key), None)


def setting(key: str, value: str, *, protected: bool = False, scope: str = "*") -> SettingsVariable:
    return SettingsVariable(Variable(key, value, public=False), protected, scope)


@pytest.mark.parametrize(
    ("changed", "specs"),
    [
        ({}, ["+refs/heads/main:refs/remotes/origin/main"]),
        ({"ref": "v1", "ref_type": "tag"}, ["+refs/tags/v1:refs/tags/v1"]),
        ({"depth": 0}, ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]),
        (
            {
                "merge_request": True,
                "ref": "topic",
                "predefined": (Variable("CI_MERGE_REQUEST_REF_PATH", "refs/merge-requests/4/head"),),
            },
            ["+refs/merge-requests/4/head:refs/merge-requests/4/head"],
        ),
    ],
    ids=["branch", "tag", "everything", "merge-request"],
)
def test_what_is_fetched_besides_the_pipeline_s_own_ref(changed: dict[str, Any], specs: list[str]) -> None:
    assert payload(facts(**changed)).git_info.refspecs == ["+refs/pipelines/3:refs/pipelines/3", *specs]


@pytest.mark.parametrize(
    ("written", "depth"), [("5", 5), (" 5 ", 5), ("5x", 5), ("", 0), ("all", 0), ("-1", 0), ("0", 0)]
)
def test_git_depth_is_read_as_gitlab_reads_it(written: str, depth: int) -> None:
    job = replace(JOB, variables=(Variable("GIT_DEPTH", written),))
    assert payload(facts(definition=job)).git_info.depth == depth


def test_settings_win_over_dotenv_and_that_over_the_yaml_and_that_over_the_predefined() -> None:
    job = replace(JOB, variables=tuple(Variable(key, "yaml") for key in "BCD"))
    found = facts(
        definition=job,
        predefined=tuple(Variable(key, "predefined") for key in "ABCD"),
        dotenv=(Variable("C", "dotenv"), Variable("D", "dotenv")),
        settings=(setting("D", "setting"),),
    )
    assert [value_of(found, key) for key in "ABCD"] == ["predefined", "yaml", "dotenv", "setting"]


def test_protected_variables_are_for_protected_refs_and_the_log_says_what_is_missing() -> None:
    settings = (setting("KEY", "x", protected=True), setting("OPEN", "y"))
    outside, inside = facts(settings=settings), facts(settings=settings, protected=True)
    assert (value_of(outside, "KEY"), value_of(outside, "OPEN")) == (None, "y")
    assert value_of(inside, "KEY") == "x"
    assert "KEY" in notices(outside)[0]
    assert "OPEN" not in notices(outside)[0]
    assert notices(inside) == []


def test_whatever_holds_the_token_is_masked_and_not_public() -> None:
    message = payload(facts(registries=("registry.example.com",)))
    holding = [one for one in message.variables if "glcbt-secret" in one.value]
    assert {one.key for one in holding} == {"CI_JOB_TOKEN", "CI_REPOSITORY_URL", "CI_REGISTRY_PASSWORD"}
    assert all(one.masked and not one.public for one in holding)
    assert "glcbt-secret" not in repr(message)


@pytest.mark.parametrize(
    ("running", "told"), [(None, "+Inf"), (0, "0"), (999, "999"), (1000, "1000+"), (5000, "1000+")]
)
def test_how_many_jobs_of_the_project_instance_runners_run(running: int | None, told: str) -> None:
    info = payload(facts(running_on_instance_runners=running)).job_info
    assert info.project_jobs_running_on_instance_runners_count == told


def test_every_report_that_the_compiler_knows_has_a_name_and_a_format() -> None:
    for kind in REPORTS:
        job = replace(JOB, artifacts=Artifacts(reports=((kind, ("a", "b")),), expire_in="1 week"))
        (report,) = payload(facts(definition=job)).artifacts
        assert report.name
        assert report.artifact_format in FORMATS
        assert (report.artifact_type, report.paths, report.when) == (kind, ["a", "b"], "always")
        assert report.expire_in == "1 week"


@pytest.mark.parametrize("kind", COVERAGE_FORMATS)
def test_a_coverage_report_is_an_artifact_of_its_format(kind: str) -> None:
    job = replace(JOB, artifacts=Artifacts(coverage_report=CoverageReport(kind, "cover.xml")))
    (report,) = payload(facts(definition=job)).artifacts
    assert (report.artifact_type, report.name) == (kind, f"{kind}-coverage.xml")
    assert (report.artifact_format, report.paths) == ("gzip", ["cover.xml"])


def test_no_two_reports_have_the_same_name() -> None:
    names = [known.filename for known in ARTIFACT_TYPES.values() if known.filename]
    assert len(names) == len(set(names))


def test_inputs_are_told_with_their_types() -> None:
    job = replace(JOB, inputs=(JobInput("count", 3, "number"), JobInput("name", "x")))
    told = [(one.key, one.value.type, one.value.content) for one in payload(facts(definition=job)).inputs]
    assert told == [("count", "number", 3), ("name", "string", "x")]


def test_one_installation_has_one_id_and_another_has_another() -> None:
    first, again, other = (payload(facts(instance_id=one)).job_info.instance_uuid for one in ("a", "a", "b"))
    assert first == again != other
