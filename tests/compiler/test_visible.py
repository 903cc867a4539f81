from __future__ import annotations

from dataclasses import replace

from shipline.compiler import PushFacts
from shipline.compiler.visible import Visible, for_includes, job_variables
from shipline.model.definition import Environment, JobDefinition, When
from shipline.model.variable import Variable

FACTS = PushFacts(
    "main",
    predefined=(Variable("CI", "true"), Variable("GITLAB_USER_LOGIN", "ada"), Variable("A", "predefined")),
    settings=(Variable("S", "setting"),),
)
JOB = JobDefinition("make it", "build", ("make",), variables=(Variable("A", "yaml"), Variable("S", "yaml")))


def test_includes_see_settings_but_nothing_of_the_user() -> None:
    assert for_includes(FACTS) == {"CI": "true", "A": "predefined", "S": "setting"}


def test_workflow_sees_the_user_and_nothing_of_jobs() -> None:
    values = Visible(FACTS).workflow((Variable("A", "yaml"),))
    assert (values["GITLAB_USER_LOGIN"], values["CI_NODE_TOTAL"], values["CI_PIPELINE_IID"]) == (
        "ada",
        "1",
        "",
    )
    assert not [name for name in values if name.startswith("CI_JOB")]


def test_the_yaml_beats_what_is_predefined_and_settings_beat_the_yaml() -> None:
    values = Visible(FACTS).job(JOB)
    assert (values["A"], values["S"]) == ("yaml", "setting")


def test_a_yaml_variable_beats_a_predefined_one_of_the_job() -> None:
    job = JobDefinition("a", "test", (), variables=(Variable("CI_JOB_NAME", "mine"),))
    assert Visible(FACTS).job(job)["CI_JOB_NAME"] == "mine"


def test_a_job_knows_its_place() -> None:
    assert job_variables(JOB) == {
        "CI_JOB_NAME": "make it",
        "CI_JOB_NAME_SLUG": "make-it",
        "CI_JOB_STAGE": "build",
        "CI_JOB_GROUP_NAME": "make it",
        "CI_NODE_TOTAL": "1",
    }


def test_an_instance_knows_its_number_and_its_group() -> None:
    values = job_variables(JobDefinition("a 2/3", "test", (), group="a", node_index=2, node_total=3))
    assert (values["CI_NODE_INDEX"], values["CI_NODE_TOTAL"], values["CI_JOB_GROUP_NAME"]) == ("2", "3", "a")


def test_manual_and_delayed_jobs_are_manual_ones() -> None:
    for when in (When.MANUAL, When.DELAYED):
        assert job_variables(JobDefinition("a", "test", (), when=when))["CI_JOB_MANUAL"] == "true"
    assert "CI_JOB_MANUAL" not in job_variables(JobDefinition("a", "test", ()))


def test_an_environment_is_seen_but_not_its_slug() -> None:
    environment = Environment("prod", url="https://x", action="stop", deployment_tier="production")
    values = job_variables(JobDefinition("a", "test", (), environment=environment))
    assert {key: value for key, value in values.items() if "ENVIRONMENT" in key} == {
        "CI_ENVIRONMENT_NAME": "prod",
        "CI_ENVIRONMENT_ACTION": "stop",
        "CI_ENVIRONMENT_TIER": "production",
        "CI_ENVIRONMENT_URL": "https://x",
    }


def test_a_job_of_an_environment_sees_what_is_set_for_that() -> None:
    def set_for(environment: str) -> tuple[Variable, ...]:
        return (Variable("S", f"for {environment}"), Variable("HOST", "$S", raw=False))

    visible = Visible(replace(FACTS, set_for=set_for))
    job = replace(JOB, environment=Environment("review/$A"))
    assert visible.job(job)["S"] == "for review/yaml"
    assert visible.job(job).expanded("HOST") == "for review/yaml"
    assert visible.job(JOB)["S"] == visible.workflow(())["S"] == "setting"
