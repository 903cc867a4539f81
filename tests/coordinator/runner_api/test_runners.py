"""Runners and their tokens: registration, verify, leave, managers, reset."""

from __future__ import annotations

import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.server import (
    Coordinator,
    Job,
    Project,
    Runner,
    WorkTree,
)

pytestmark = on_both_databases


def test_verify_answers_a_good_token_with_the_runner(runner: Runner) -> None:
    answer = runner.verify()
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == {"id": runner.id, "token": runner.token, "token_expires_at": None}


@pytest.mark.parametrize("token", ["", "glrt-wrong", "glpat-", "x" * 2000], ids=repr)
def test_verify_refuses_any_other_token(runner: Runner, token: str) -> None:
    assert runner.verify(token).status_code == 403


def test_a_body_that_is_no_message_is_400(coordinator: Coordinator) -> None:
    with coordinator.client() as client:
        for method, path in (
            ("POST", "runners/verify"),
            ("POST", "jobs/request"),
            ("DELETE", "runners"),
            ("PUT", "jobs/1"),
        ):
            for body in (b"", b"[]", b"{", b'"token"', b"\xff", b'{"token": "glrt-\\u0000"}'):
                answer = client.request(method, f"/api/v4/{path}", content=body)
                assert answer.status_code == 400, (method, path, body)


def test_registration_tokens_are_gone(coordinator: Coordinator) -> None:
    with coordinator.client() as client:
        answer = client.post("/api/v4/runners", json={"token": "GR1348941"})
    assert answer.status_code == 410
    assert "POST /user/runners" in answer.json()["message"]


def test_a_runner_that_takes_its_leave_is_not_known_any_more(
    coordinator: Coordinator, runner: Runner
) -> None:
    with coordinator.client() as client:
        answer = client.request("DELETE", "/api/v4/runners", json={"token": runner.token})
    assert answer.status_code == 204
    assert runner.verify().status_code == 403
    assert runner.request().status_code == 403


def test_there_is_no_job_router(runner: Runner) -> None:
    for token, status in ((runner.token, 501), ("glrt-wrong", 403), ("", 403)):
        with runner.coordinator.client(**{"Runner-Token": token}) as client:
            assert client.get("/api/v4/runners/router/discovery").status_code == status


def test_registration_tokens_are_off_unless_they_are_let(coordinator: Coordinator) -> None:
    answer = coordinator.root.call("POST", "runners/reset_registration_token")
    assert answer.status_code == 403
    assert "allow_registration_token" in answer.json()["message"]


def test_a_registration_token_makes_runners_of_its_project_or_of_all(strict: Coordinator) -> None:
    project = strict.project()
    for path, kind, projects in (
        ("runners/reset_registration_token", "instance_type", []),
        (f"projects/{project.id}/runners/reset_registration_token", "project_type", [project.id]),
    ):
        token = project.root.post(path)["token"]
        assert token.startswith("GR1348941")
        members = {
            "description": "made by a token",
            "maintenance_note": "in the cellar",
            "tag_list": "docker, ec2,docker",
            "run_untagged": False,
            "access_level": "ref_protected",
            "maximum_timeout": 900,
            "paused": True,
            "info": {"name": "gitlab-runner"},
        }
        with strict.client() as client:
            answer = client.post("/api/v4/runners", json={"token": token} | members)
        assert answer.status_code == 201
        made = answer.json()
        assert made["token"].startswith("glrtr-")
        assert made["token_expires_at"] is None
        shown = project.root.get(f"runners/{made['id']}")
        assert shown["runner_type"] == kind
        assert [one["id"] for one in shown["projects"]] == projects
        assert shown["tag_list"] == ["docker", "ec2"]
        for name in ("description", "maintenance_note", "run_untagged", "access_level", "paused"):
            assert shown[name] == members[name], name
        assert (shown["maximum_timeout"], shown["locked"]) == (900, False)
        assert Runner(strict, made["id"], made["token"]).verify().status_code == 200


def test_another_registration_token_takes_the_place_of_the_one_before(strict: Coordinator) -> None:
    first, second = (strict.root.post("runners/reset_registration_token")["token"] for _ in range(2))
    with strict.client() as client:
        assert client.post("/api/v4/runners", json={"token": first}).status_code == 403
        assert client.post("/api/v4/runners", json={"token": second}).status_code == 201


def test_a_runner_changes_its_token_itself(runner: Runner) -> None:
    answer = runner.call("POST", "/reset_authentication_token")
    assert answer.status_code == 201
    fresh = answer.json()
    assert fresh["token"].startswith("glrt-")
    assert fresh["token_expires_at"] is None
    assert runner.verify().status_code == 403
    assert runner.verify(fresh["token"]).status_code == 200


def test_a_runner_goes_on_with_its_jobs_when_its_token_changes(job: Job, runner: Runner) -> None:
    assert runner.call("POST", "/reset_authentication_token").status_code == 201
    assert job.trace(b"hello").status_code == 202
    job.succeed()


def test_every_machine_that_asks_with_a_token_is_a_manager_of_the_runner(runner: Runner) -> None:
    root = runner.coordinator.root
    for system_id in ("s_first", "s_second", "s_first"):
        runner.system_id = system_id
        assert runner.request().status_code == 204
    managers = root.get(f"runners/{runner.id}/managers")
    assert [one["system_id"] for one in managers] == ["s_second", "s_first"]
    told = managers[0]
    assert (told["version"], told["executor"], told["status"]) == ("17.0.0", "docker", "online")
    assert told["ip_address"] == "127.0.0.1"
    assert told["contacted_at"] is not None
    assert runner.call("DELETE", "/managers", system_id="s_first").status_code == 204
    assert [one["system_id"] for one in root.get(f"runners/{runner.id}/managers")] == ["s_second"]


def test_a_runner_that_does_not_say_which_machine_it_is_is_known_all_the_same(runner: Runner) -> None:
    runner.system_id = ""
    assert runner.request().status_code == 204
    managers = runner.coordinator.root.get(f"runners/{runner.id}/managers")
    assert [one["system_id"] for one in managers] == ["<legacy>"]


def test_a_runner_that_was_updated_is_known_at_once_to_do_more(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship("job: {script: make, artifacts: {reports: {junit: a.xml}}}\n")
    runner.features = {}
    assert runner.request().status_code == 204
    assert project.jobs()["job"]["failure_reason"] == "runner_unsupported"
    runner.features = {"upload_multiple_artifacts": True}
    assert project.act("retry", project.jobs()["job"]["id"]).status_code == 201
    assert runner.take().name == "job"


@pytest.mark.parametrize(
    "wrong",
    [
        {"tag_list": ["x" * 256]},
        {"tag_list": ",".join(f"t{number}" for number in range(51))},
        {"description": "x" * 1025},
        {"maintenance_note": "x" * 1025},
        {"access_level": "open"},
        {"maximum_timeout": 599},
        {"maximum_timeout": "soon"},
        {"run_untagged": False},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_runner_that_cannot_be_is_not_registered(strict: Coordinator, wrong: dict[str, object]) -> None:
    token = strict.root.post("runners/reset_registration_token")["token"]
    with strict.client() as client:
        answer = client.post("/api/v4/runners", json={"token": token} | wrong)
    assert answer.status_code == 400
    assert next(iter(wrong)) in answer.json()["message"] or "tags_list" in answer.json()["message"]
