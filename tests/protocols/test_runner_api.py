"""The Runner API's messages: what a GitLab and its runners really send, and what they must not."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from shipline.protocols.runner_api import (
    DockerOptions,
    ExecutorOptions,
    JobImage,
    JobPayload,
    JobRequest,
    JobUpdate,
    RunnerFeatures,
    VerifyRequest,
)

PAYLOAD: dict[str, Any] = {
    "id": 4711,
    "token": "glcbt-64_SjobTokenjobTokenjob",
    "allow_git_fetch": True,
    "job_info": {
        "id": 4711,
        "name": "test: [3.11]",
        "stage": "test",
        "project_id": 42,
        "project_name": "app",
        "project_full_path": "acme/app",
        "namespace_id": 9,
        "root_namespace_id": 9,
        "organization_id": 1,
        "instance_id": "95ddbd84",
        "instance_uuid": "95ddbd84-2ad5-4bc9-8b8e-8a0fe9d5a0f3",
        "user_id": 1,
        "scoped_user_id": None,
        "time_in_queue_seconds": 1,
        "project_jobs_running_on_instance_runners_count": "+Inf",
        "queue_size": 0,
        "queue_depth": 0,
        "pipeline_id": 815,
    },
    "git_info": {
        "repo_url": "https://gitlab-ci-token:glcbt-64_S@gitlab.example.com/acme/app.git",
        "repo_object_format": "sha1",
        "ref": "main",
        "ref_type": "branch",
        "sha": "3b1e2f" + "0" * 34,
        "before_sha": "0" * 40,
        "refspecs": [
            "+refs/pipelines/815:refs/pipelines/815",
            "+refs/heads/main:refs/remotes/origin/main",
        ],
        "depth": 20,
        "protected": True,
    },
    "runner_info": {"timeout": 3600, "runner_session_url": None},
    "inputs": [],
    "variables": [
        {"key": "CI_JOB_ID", "value": "4711", "public": True, "masked": False},
        {"key": "CI_JOB_TOKEN", "value": "glcbt-64_S", "public": False, "masked": True},
        {"key": "KUBECONFIG", "value": "apiVersion: v1\n", "public": False, "masked": False, "file": True},
        {"key": "PASSWORD", "value": "a$b", "public": False, "masked": True, "raw": True},
        {"key": "EMPTY", "value": None, "public": True, "masked": False},
    ],
    "steps": [
        {
            "name": "script",
            "script": ["pip install -r requirements.txt", "pytest"],
            "timeout": 3600,
            "when": "on_success",
            "allow_failure": False,
        },
        {
            "name": "after_script",
            "script": ["echo bye"],
            "timeout": 3600,
            "when": "always",
            "allow_failure": True,
        },
    ],
    "hooks": [],
    "image": {
        "name": "python:3.11-slim",
        "entrypoint": [""],
        "executor_opts": {},
        "ports": [],
        "pull_policy": None,
    },
    "services": [
        {
            "name": "postgres:15",
            "entrypoint": None,
            "executor_opts": {},
            "ports": [],
            "pull_policy": None,
            "alias": "db",
            "command": None,
            "variables": None,
        },
        {
            "name": "docker:dind",
            "alias": None,
            "command": ["--tls=false"],
            "variables": [{"key": "DOCKER_TLS_CERTDIR", "value": ""}],
            "pull_policy": ["if-not-present"],
        },
    ],
    "artifacts": [
        {
            "name": None,
            "untracked": None,
            "paths": ["dist/"],
            "exclude": None,
            "when": None,
            "expire_in": "1 week",
            "artifact_type": "archive",
            "artifact_format": "zip",
        },
        {
            "name": "junit.xml",
            "paths": ["report.xml"],
            "when": "always",
            "artifact_type": "junit",
            "artifact_format": "gzip",
        },
    ],
    "cache": [],
    "credentials": [
        {
            "type": "registry",
            "url": "registry.example.com:5050",
            "username": "gitlab-ci-token",
            "password": "glcbt-64_S",
        }
    ],
    "dependencies": [
        {
            "id": 4710,
            "name": "build",
            "token": "glcbt-64_B",
            "artifacts_file": {"filename": "artifacts.zip", "size": 1234},
        },
        {"id": 4709, "name": "lint", "token": "glcbt-64_L"},
    ],
    "features": {
        "trace_sections": True,
        "token_mask_prefixes": ["glpat-", "glcbt-"],
        "failure_reasons": ["unknown_failure", "script_failure"],
    },
}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The payload with another value at `a.0.b`."""
    made = deepcopy(PAYLOAD)
    *way, last = path.split(".")
    place: Any = made
    for key in way:
        place = place[int(key) if key.isdigit() else key]
    place[int(last) if last.isdigit() else last] = value
    return made


def without(path: str) -> dict[str, Any]:
    made = deepcopy(PAYLOAD)
    *way, last = path.split(".")
    place: Any = made
    for key in way:
        place = place[int(key) if key.isdigit() else key]
    del place[last]
    return made


def read(document: dict[str, Any]) -> JobPayload:
    return JobPayload.model_validate_json(json.dumps(document))


def test_a_payload_of_gitlab_is_read() -> None:
    payload = read(PAYLOAD)
    assert (payload.id, payload.token) == (4711, "glcbt-64_SjobTokenjobTokenjob")
    assert payload.job_info.project_full_path == "acme/app"
    assert payload.git_info.refspecs[0] == "+refs/pipelines/815:refs/pipelines/815"
    assert payload.runner_info.timeout == 3600
    assert [(one.key, one.masked, one.file, one.raw) for one in payload.variables] == [
        ("CI_JOB_ID", False, False, False),
        ("CI_JOB_TOKEN", True, False, False),
        ("KUBECONFIG", False, True, False),
        ("PASSWORD", True, False, True),
        ("EMPTY", False, False, False),
    ]
    assert [step.name for step in payload.steps] == ["script", "after_script"]
    assert payload.image is not None
    assert payload.image.entrypoint == [""]
    assert [one.alias for one in payload.services] == ["db", None]
    assert payload.services[1].variables[0].key == "DOCKER_TLS_CERTDIR"
    assert payload.artifacts[1].artifact_format == "gzip"
    assert payload.credentials[0].url == "registry.example.com:5050"
    assert payload.dependencies[0].artifacts_file is not None
    assert payload.dependencies[1].artifacts_file is None
    assert payload.features.token_mask_prefixes == ["glpat-", "glcbt-"]


def test_what_is_null_is_as_if_it_were_not_there() -> None:
    payload = read(PAYLOAD)
    assert payload.variables[4].value == ""
    assert payload.services[0].variables == []
    assert payload.services[0].pull_policy == []
    assert payload.services[0].command is None
    archive = payload.artifacts[0]
    assert (archive.name, archive.when, archive.untracked, archive.exclude) == ("", "on_success", False, [])
    for key in ("variables", "steps", "services", "artifacts", "credentials", "dependencies"):
        assert getattr(read(changed(key, None)), key) == getattr(read(without(key)), key) == []
    assert read(changed("image", None)).image is None


def test_the_least_payload_has_defaults() -> None:
    payload = read(
        {
            "id": 1,
            "token": "t",
            "job_info": {"name": "test"},
            "git_info": {"repo_url": "https://c/a/b.git", "ref": "main", "sha": "a" * 40},
        }
    )
    assert (payload.runner_info.timeout, payload.git_info.depth) == (3600, 20)
    assert not payload.features.trace_sections


def test_members_of_newer_servers_are_ignored() -> None:
    assert read({**PAYLOAD, "policy_options": {"x": [1]}, "suspended": None}) == read(PAYLOAD)
    assert read(changed("image.executor_opts", {"windows": {"edition": "core"}})) == read(PAYLOAD)


def test_a_runner_is_sent_those_executor_options_only_that_the_job_asks_for() -> None:
    """Of others an older runner says in the job's log that it does not know them."""
    for options in ({}, {"docker": {"platform": "linux/arm64"}}, {"kubernetes": {"user": "1000"}}):
        written = json.loads(read(changed("image.executor_opts", options)).model_dump_json())
        assert written["image"]["executor_opts"] == options


@pytest.mark.parametrize(
    "path",
    [
        "id",
        "token",
        "job_info",
        "job_info.name",
        "git_info",
        "git_info.repo_url",
        "git_info.ref",
        "git_info.sha",
        "image.name",
        "services.0.name",
        "steps.0.name",
        "variables.0.key",
        "credentials.0.password",
        "dependencies.0.token",
    ],
)
def test_a_payload_without_what_a_job_needs_is_refused(path: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read(without(path))
    assert ".".join(map(str, caught.value.errors()[0]["loc"])) == path


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "seven"),
        ("id", None),
        ("token", 5),
        ("token", None),
        ("job_info", []),
        ("git_info.sha", None),
        ("git_info.refspecs", "refs/heads/main"),
        ("git_info.depth", "deep"),
        ("runner_info.timeout", "1h"),
        ("variables", {"A": "b"}),
        ("variables.0.value", ["x"]),
        ("variables.0.masked", "maybe"),
        ("steps.0.script", "pytest"),
        ("steps.0.script", [1]),
        ("image", "python"),
        ("image.entrypoint", "sh"),
        ("services.0", None),
        ("services.1.command", "--tls=false"),
        ("artifacts.0.paths", "dist/"),
        ("features.token_mask_prefixes", "glpat-"),
        ("dependencies.0.artifacts_file", "artifacts.zip"),
    ],
)
def test_a_payload_with_a_wrong_type_is_refused_at_its_place(path: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        read(changed(path, value))
    assert ".".join(map(str, caught.value.errors()[0]["loc"])).startswith(path)


@pytest.mark.parametrize("text", ["", "null", "[]", '"job"', "{", "7"])
def test_what_is_no_payload_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        JobPayload.model_validate_json(text)


def test_what_is_written_is_read_the_same() -> None:
    payload = read(PAYLOAD)
    assert JobPayload.model_validate_json(payload.model_dump_json()) == payload


def test_a_message_does_not_show_its_secrets_when_it_is_printed() -> None:
    shown = repr(read(PAYLOAD))
    for secret in ("jobTokenjob", "glcbt-64_B", "gitlab-ci-token:glcbt"):
        assert secret not in shown
    messages: list[BaseModel] = [
        JobRequest(token="glrt-s"),
        JobUpdate(token="glrt-s"),
        VerifyRequest(token="glrt-s"),
    ]
    for message in messages:
        assert "glrt-s" not in repr(message)


def test_a_message_cannot_be_changed() -> None:
    payload = read(PAYLOAD)
    with pytest.raises(ValidationError, match="frozen"):
        payload.token = "other"  # type: ignore[misc]


def test_the_question_of_a_gitlab_runner_is_read() -> None:
    asked = JobRequest.model_validate(
        {
            "info": {
                "name": "gitlab-runner",
                "version": "18.2.1",
                "revision": "cc489270",
                "platform": "linux",
                "architecture": "amd64",
                "executor": "docker",
                "shell": "bash",
                "features": {"variables": True, "cache": True, "two_phase_job_commit": True, "vault": True},
                "config": {"gpus": ""},
                "labels": {},
            },
            "token": "glrt-0123456789",
            "system_id": "s_0a1b2c3d4e5f",
            "last_update": "8c1f",
            "session": {"url": ""},
        }
    )
    assert (asked.system_id, asked.last_update, asked.info.version) == ("s_0a1b2c3d4e5f", "8c1f", "18.2.1")
    assert asked.info.features.two_phase_job_commit
    assert not asked.info.features.cancelable


def test_a_question_may_be_short_but_needs_a_token() -> None:
    asked = JobRequest.model_validate({"token": "t", "info": {"features": {}}, "last_update": None})
    assert (asked.last_update, asked.system_id) == ("", "")
    for message in (JobRequest, VerifyRequest):
        with pytest.raises(ValidationError, match="token"):
            message.model_validate({"info": {}})


def test_features_that_we_do_not_know_are_kept() -> None:
    features = RunnerFeatures.model_validate({"masking": True, "native_steps_integration": True})
    assert features.model_dump()["native_steps_integration"] is True


def test_the_end_of_a_job_is_read() -> None:
    update = JobUpdate.model_validate(
        {
            "info": {"name": "gitlab-runner"},
            "token": "glcbt-x",
            "state": "failed",
            "failure_reason": "script_failure",
            "checksum": "crc32:0a1b2c3d",
            "output": {"checksum": "crc32:0a1b2c3d", "bytesize": 99},
            "exit_code": 3,
        }
    )
    assert (update.state, update.failure_reason, update.exit_code) == ("failed", "script_failure", 3)
    assert update.output is not None
    assert update.output.bytesize == 99


@pytest.mark.parametrize("fields", [{"exit_code": "three"}, {"output": []}, {"output": {"bytesize": "many"}}])
def test_an_end_with_a_wrong_type_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        JobUpdate.model_validate({"state": "failed", **fields})


def test_what_an_end_does_not_say_is_not_sent() -> None:
    assert json.loads(JobUpdate(state="running").model_dump_json(exclude_none=True)) == {
        "token": "",
        "state": "running",
        "failure_reason": "",
        "checksum": "",
    }


def test_a_user_may_be_a_number() -> None:
    asked = changed("image.executor_opts", {"docker": {"user": 1000, "platform": None}})
    image = read(asked).image
    assert image is not None
    assert (image.executor_opts.docker.user, image.executor_opts.docker.platform) == ("1000", "")


def test_options_that_nobody_has_set_are_not_in_the_message() -> None:
    """gitlab-runner refuses a job with an option that it does not know, even an empty one."""
    plain = JobImage(name="python:3.12")
    assert json.loads(plain.model_dump_json())["executor_opts"] == {}
    with_user = JobImage(name="python:3.12", executor_opts=ExecutorOptions(docker=DockerOptions(user="1000")))
    assert json.loads(with_user.model_dump_json())["executor_opts"] == {"docker": {"user": "1000"}}
    assert JobImage.model_validate_json(with_user.model_dump_json()) == with_user
