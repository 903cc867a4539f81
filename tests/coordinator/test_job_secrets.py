"""What a runner is told of the secrets that it fetches itself, and of CI/CD steps."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.coordinator.server import Project, Runner, WorkTree

from shipline.coordinator.abilities import missing
from shipline.coordinator.job_secrets import secrets, unreadable
from shipline.model.definition import IdToken, JobDefinition

JOB = JobDefinition(
    name="test",
    stage="test",
    script=("make",),
    id_tokens=(IdToken("FIRST", ("a",)), IdToken("OTHER", ("b",))),
)
VALUES = {
    "VAULT_SERVER_URL": "https://vault.example.com",
    "VAULT_AUTH_ROLE": "deploy",
    "AWS_REGION": "eu-west-1",
    "AZURE_KEY_VAULT_SERVER_URL": "https://azure.example.com",
    "AZURE_CLIENT_ID": "client",
    "AZURE_TENANT_ID": "tenant",
    "GCP_PROJECT_NUMBER": "12",
    "GCP_WORKLOAD_IDENTITY_FEDERATION_POOL_ID": "pool",
    "GCP_WORKLOAD_IDENTITY_FEDERATION_PROVIDER_ID": "provider",
}


def told(written: Any, values: dict[str, str] = VALUES, job: JobDefinition = JOB) -> Any:
    return secrets(replace(job, secrets={"A": written}), values)["A"]


VAULT_SERVER = {
    "url": "https://vault.example.com",
    "auth": {"name": "jwt", "path": "jwt", "data": {"jwt": "$FIRST", "role": "deploy"}},
}


@pytest.mark.parametrize(
    ("written", "engine"),
    [
        ("production/db/password", "kv-v2"),
        ("production/db/password@ops", "ops"),
        ({"engine": {"name": "kv-v2", "path": "ops"}, "path": "production/db", "field": "password"}, "ops"),
    ],
    ids=["short", "short-with-engine", "full"],
)
def test_a_secret_of_vault_is_told_with_the_server_that_variables_name(written: Any, engine: str) -> None:
    assert told({"vault": written}) == {
        "vault": {
            "engine": {"name": "kv-v2", "path": engine},
            "path": "production/db",
            "field": "password",
            "server": VAULT_SERVER,
        }
    }


def test_each_secret_has_the_token_that_it_names() -> None:
    job = replace(
        JOB, secrets={"A": {"vault": "a/b"}, "B": {"vault": "a/c", "token": "$OTHER", "file": False}}
    )
    found = secrets(job, VALUES)
    assert found["A"]["vault"]["server"]["auth"]["data"]["jwt"] == "$FIRST"
    assert found["B"]["vault"]["server"]["auth"]["data"]["jwt"] == "$OTHER"
    assert ("file" in found["A"], found["B"]["file"]) == (False, False)


def test_the_other_stores_have_servers_of_their_own() -> None:
    assert told({"azure_key_vault": {"name": "db", "version": 7}})["azure_key_vault"] == {
        "name": "db",
        "version": "7",
        "server": {
            "url": "https://azure.example.com",
            "client_id": "client",
            "tenant_id": "tenant",
            "jwt": "$FIRST",
        },
    }
    assert told({"gcp_secret_manager": {"name": "db"}, "token": "$OTHER"})["gcp_secret_manager"] == {
        "name": "db",
        "server": {
            "project_number": "12",
            "workload_identity_federation_pool_id": "pool",
            "workload_identity_federation_provider_id": "provider",
            "jwt": "$OTHER",
        },
    }
    for written in ("shop/db#password", {"secret_id": "shop/db", "field": "password"}):
        assert told({"aws_secrets_manager": written})["aws_secrets_manager"] == {
            "secret_id": "shop/db",
            "field": "password",
            "server": {"region": "eu-west-1", "jwt": "$AWS_ID_TOKEN"},
        }


@pytest.mark.parametrize(
    "written",
    [
        None,
        "x",
        {},
        {"vault": None},
        {"vault": 5},
        {"vault": "password"},
        {"vault": "/password"},
        {"vault": "a/"},
        {"vault": {"path": "a", "field": "b"}},
        {"vault": {"engine": "kv", "path": "a", "field": "b"}},
        {"vault": {"engine": {"name": "kv-v2", "path": "a"}, "path": ["a"], "field": "b"}},
        {"vault": "a/b", "azure_key_vault": {"name": "a"}},
        {"vault": "a/b", "file": "no"},
        {"vault": "a/b", "token": 5},
        {"aws_secrets_manager": "#field"},
        {"aws_secrets_manager": {"field": "a"}},
        {"azure_key_vault": "name"},
        {"gitlab_secrets_manager": {"name": "a"}},
        {"elsewhere": {"name": "a"}},
    ],
)
def test_a_secret_that_no_runner_could_fetch_stops_the_job_and_is_named(written: Any) -> None:
    job = replace(JOB, secrets={"GOOD": {"vault": "a/b"}, "BAD": written})
    assert unreadable(job) == ["BAD"]
    assert "secrets:BAD" in missing(job)
    assert list(secrets(job, VALUES)) == ["GOOD"]


CI = """\
deploy:
  script: make deploy
  id_tokens:
    VAULT_ID_TOKEN: {aud: https://vault.example.com}
  secrets:
    PASSWORD: {vault: production/db/password@ops, file: false}
"""
STEPS = """\
deploy:
  run:
    - name: hello
      script: echo hello
    - name: more
      step: gitlab.com/components/step@v1
      inputs: {count: 2}
"""


def test_a_runner_that_can_fetch_secrets_is_told_which(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    project.set_variable("VAULT_SERVER_URL", "https://vault.$ZONE")
    project.set_variable("ZONE", "example.com")
    runner.features["vault_secrets"] = True
    work_tree.ship(CI)
    job = runner.take()
    found = job.payload["secrets"]["PASSWORD"]
    assert (found["file"], found["vault"]["field"]) == (False, "password")
    assert found["vault"]["server"] == {
        "url": "https://vault.example.com",
        "auth": {"name": "jwt", "path": "jwt", "data": {"jwt": "$VAULT_ID_TOKEN"}},
    }
    assert job.variables["VAULT_ID_TOKEN"].count(".") == 2


def test_a_runner_that_reads_steps_gets_them_as_they_are_written(work_tree: WorkTree, runner: Runner) -> None:
    runner.features["native_steps_integration"] = True
    work_tree.ship(STEPS)
    payload = runner.take().payload
    assert json.loads(payload["run"]) == [
        {"name": "hello", "script": "echo hello"},
        {"name": "more", "step": "gitlab.com/components/step@v1", "inputs": {"count": 2}},
    ]
    assert all(not step["script"] for step in payload["steps"])


@pytest.mark.parametrize(
    ("ci", "feature"), [(CI, "vault_secrets"), (STEPS, "native_steps_integration")], ids=["secrets", "run"]
)
def test_a_job_for_another_kind_of_runner_fails_when_this_one_takes_it(
    project: Project, work_tree: WorkTree, runner: Runner, ci: str, feature: str
) -> None:
    work_tree.ship(ci)
    assert project.statuses() == {"deploy": "pending"}
    assert runner.request().status_code == 204
    job = project.jobs()["deploy"]
    assert (job["status"], job["failure_reason"]) == ("failed", "runner_unsupported")
    assert f"lacks {feature}" in project.trace(job["id"])


def test_a_job_without_steps_has_no_member_for_them(work_tree: WorkTree, runner: Runner) -> None:
    """gitlab-runner reads `run` as JSON whenever it is there."""
    work_tree.ship("job: {script: echo}\n")
    assert "run" not in runner.take().payload
