"""Runners by REST, as people and their programs manage them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.runner_api.configurations import CI
from tests.coordinator.server import (
    DEVELOPER,
    MAINTAINER,
    OWNER,
    Coordinator,
    Json,
    Project,
    Runner,
    User,
    WorkTree,
)

pytestmark = on_both_databases


def ids(found: list[Json]) -> list[int]:
    return sorted(one["id"] for one in found)


@pytest.fixture
def maintainer(project: Project) -> User:
    return project.add(MAINTAINER)


def instance_runner(coordinator: Coordinator, **options: object) -> Runner:
    """Paused: it takes nothing of other tests."""
    body = {"runner_type": "instance_type", "paused": True} | options
    made = coordinator.root.post("user/runners", body)
    return Runner(coordinator, made["id"], made["token"])


def test_a_runner_is_made_as_asked(project: Project, maintainer: User) -> None:
    options = {
        "description": "One",
        "maintenance_note": "in the cellar",
        "tag_list": ["docker", "ec2"],
        "run_untagged": False,
        "locked": True,
        "paused": True,
        "access_level": "ref_protected",
        "maximum_timeout": 900,
    }
    body = {"runner_type": "project_type", "project_id": project.id} | options
    made = maintainer.post("user/runners", body)
    assert made["token"].startswith("glrt-")
    assert made["token_expires_at"] is None
    shown = maintainer.get(f"runners/{made['id']}")
    assert {name: shown[name] for name in options} == options
    assert [one["path_with_namespace"] for one in shown["projects"]] == [project.path]
    assert (shown["runner_type"], shown["is_shared"], shown["active"]) == ("project_type", False, False)
    assert (shown["status"], shown["online"], shown["contacted_at"]) == ("never_contacted", False, None)
    assert shown["created_by"]["username"] == maintainer.name
    assert "token" not in shown


@pytest.mark.parametrize(
    "wrong",
    [
        {"runner_type": "nonsense"},
        {"run_untagged": False},
        {"maximum_timeout": 599},
        {"access_level": "open"},
        {"tag_list": ["x" * 300]},
        {"description": "x" * 1025},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_runner_that_cannot_be_is_refused(coordinator: Coordinator, wrong: Json) -> None:
    assert (
        coordinator.root.call("POST", "user/runners", {"runner_type": "instance_type"} | wrong).status_code
        == 400
    )


def test_who_may_make_runners(project: Project, maintainer: User) -> None:
    body = {"runner_type": "project_type", "project_id": project.id}
    assert project.add(DEVELOPER).call("POST", "user/runners", body).status_code == 403
    assert project.coordinator.user().call("POST", "user/runners", body).status_code == 404
    assert maintainer.call("POST", "user/runners", {"runner_type": "instance_type"}).status_code == 403


def test_a_runner_is_changed_and_deleted_by_those_who_maintain_its_project(
    project: Project, maintainer: User, runner: Runner
) -> None:
    path = f"runners/{runner.id}"
    for stranger in (
        project.add(DEVELOPER),
        project.coordinator.user(),
        project.coordinator.project().add(MAINTAINER),
    ):
        assert stranger.call("GET", path).status_code == 403
        assert stranger.call("PUT", path, {"paused": True}).status_code == 403
        assert stranger.call("DELETE", path).status_code == 403
    changed = maintainer.put(
        path, {"tag_list": "a, b", "locked": True, "active": False, "maximum_timeout": 1200}
    )
    assert (changed["tag_list"], changed["locked"], changed["paused"]) == (["a", "b"], True, True)
    assert maintainer.put(path, {"maximum_timeout": None})["maximum_timeout"] is None
    assert maintainer.call("PUT", path, {"tag_list": "", "run_untagged": False}).status_code == 400
    assert maintainer.call("DELETE", path).status_code == 204
    assert maintainer.call("GET", path).status_code == 404
    assert runner.verify().status_code == 403


def test_everybody_sees_instance_runners_and_administrators_change_them(
    coordinator: Coordinator, maintainer: User
) -> None:
    runner = instance_runner(coordinator)
    assert maintainer.get(f"runners/{runner.id}")["is_shared"] is True
    assert maintainer.call("PUT", f"runners/{runner.id}", {"paused": False}).status_code == 403
    assert maintainer.call("DELETE", f"runners/{runner.id}").status_code == 403
    assert coordinator.root.put(f"runners/{runner.id}", {"description": "x"})["description"] == "x"


def test_people_list_the_runners_they_maintain_and_administrators_all(
    coordinator: Coordinator, project: Project, maintainer: User, runner: Runner
) -> None:
    tag = f"only-{project.id}"
    shared = instance_runner(coordinator, tag_list=[tag])
    other = coordinator.project().runner(tag_list=[tag])
    assert ids(maintainer.get("runners")) == [runner.id]
    assert maintainer.call("GET", "runners/all").status_code == 403
    assert ids(coordinator.root.get(f"runners/all?tag_list={tag}")) == [shared.id, other.id]
    assert coordinator.user().get("runners") == []
    with coordinator.client() as client:
        assert client.get("/api/v4/runners").status_code == 401


def test_lists_are_filtered(project: Project, maintainer: User) -> None:
    tagged = project.runner(tag_list=["docker", "ec2"])
    paused = project.runner(paused=True)
    asking = project.runner()
    assert asking.verify().status_code == 200
    for query, expected in (
        ("tag_list=docker", [tagged]),
        ("tag_list=ec2,docker", [tagged]),
        ("tag_list=arm", []),
        ("paused=true", [paused]),
        ("paused=false", [tagged, asking]),
        ("status=paused", [paused]),
        ("status=online", [asking]),
        ("status=never_contacted", [tagged, paused]),
        ("status=offline", []),
        ("status=stale", []),
        ("type=project_type", [tagged, paused, asking]),
        ("type=instance_type", []),
    ):
        assert ids(maintainer.get(f"runners?{query}")) == [one.id for one in expected], query
    assert maintainer.call("GET", "runners?status=nonsense").status_code == 400


def test_a_project_has_its_runners_and_those_of_the_instance(
    coordinator: Coordinator, project: Project, maintainer: User, runner: Runner
) -> None:
    tag = f"only-{project.id}"
    shared = instance_runner(coordinator, tag_list=[tag])
    path = f"projects/{project.id}/runners"
    assert ids(maintainer.get(f"{path}?tag_list={tag}")) == [shared.id]
    assert ids(maintainer.get(f"{path}?type=project_type")) == [runner.id]
    assert project.add(DEVELOPER).call("GET", path).status_code == 403


def test_a_runner_is_enabled_for_another_project_and_disabled(
    coordinator: Coordinator, project: Project, maintainer: User, runner: Runner
) -> None:
    other = coordinator.project()
    path = f"projects/{other.id}/runners"
    body = {"runner_id": runner.id}
    assert maintainer.call("POST", path, body).status_code == 404
    coordinator.root.post(
        f"projects/{other.id}/members", {"user_id": maintainer.id, "access_level": MAINTAINER}
    )
    made = maintainer.call("POST", path, body)
    assert (made.status_code, ids(made.json()["projects"])) == (201, [project.id, other.id])
    again = maintainer.call("POST", path, body)
    assert (again.status_code, "already been taken" in again.text) == (400, True)
    assert maintainer.call("POST", path, {"runner_id": 10**9}).status_code == 404
    assert maintainer.call("POST", path, {"runner_id": instance_runner(coordinator).id}).status_code == 403
    # Who maintains the second only may use it, not change it.
    borrower = other.add(MAINTAINER)
    assert borrower.get(f"runners/{runner.id}")["id"] == runner.id
    assert borrower.call("PUT", f"runners/{runner.id}", {"paused": True}).status_code == 403
    assert maintainer.call("DELETE", f"runners/{runner.id}").status_code == 403
    assert maintainer.call("DELETE", f"projects/{project.id}/runners/{runner.id}").status_code == 403
    assert maintainer.call("DELETE", f"{path}/{runner.id}").status_code == 204
    assert maintainer.call("DELETE", f"{path}/{runner.id}").status_code == 404
    assert ids(maintainer.get(f"runners/{runner.id}")["projects"]) == [project.id]


def test_a_locked_runner_stays_with_its_project(coordinator: Coordinator, project: Project) -> None:
    runner = project.runner(locked=True)
    other = coordinator.project()
    answer = coordinator.root.call("POST", f"projects/{other.id}/runners", {"runner_id": runner.id})
    assert (answer.status_code, "locked" in answer.text) == (403, True)


def test_what_a_job_waits_for_is_told_alone_and_in_lists(
    own_coordinator: Coordinator, tmp_path: Path
) -> None:
    project = own_coordinator.project()
    project.work_tree(tmp_path / "work-tree").ship(
        "one: {script: echo}\ntwo: {script: echo, tags: [gpu]}\nthree: {stage: deploy, script: echo}\n"
    )

    def told() -> list[str | None]:
        jobs = project.jobs().values()
        alone = [project.root.get(f"projects/{project.id}/jobs/{job['id']}") for job in jobs]
        assert [job["waiting_reason"] for job in alone] == [job["waiting_reason"] for job in jobs]
        return [job["waiting_reason"] for job in jobs]

    assert told() == ["no runner serves this project"] * 2 + [None]
    runner = project.runner()
    assert told() == ["every runner that may take it is offline", "no runner has all of its tags: gpu", None]
    runner.take()
    assert told() == [None, "no runner has all of its tags: gpu", None]


def test_a_runner_s_jobs_are_listed(
    project: Project, work_tree: WorkTree, maintainer: User, runner: Runner
) -> None:
    work_tree.ship("one: {script: echo}\ntwo: {script: echo}\nthree: {script: echo}\n")
    first = runner.take()
    first.succeed()
    runner.system_id = "s_another"
    second = runner.take()
    path = f"runners/{runner.id}/jobs"
    assert [job["id"] for job in maintainer.get(path)] == [second.id, first.id]
    assert [job["id"] for job in maintainer.get(f"{path}?sort=asc")] == [first.id, second.id]
    assert [job["id"] for job in maintainer.get(f"{path}?status=success")] == [first.id]
    assert [job["id"] for job in maintainer.get(f"{path}?system_id=s_another")] == [second.id]
    assert maintainer.get(path)[0]["project"]["path_with_namespace"] == project.path
    assert project.add(DEVELOPER).call("GET", path).status_code == 403


def test_jobs_of_projects_that_somebody_may_not_see_are_not_listed(
    coordinator: Coordinator, project: Project, work_tree: WorkTree
) -> None:
    work_tree.ship(CI, branch="seen")
    runner = project.runner()
    runner.take().succeed()
    coordinator.root.post(f"projects/{(other := coordinator.project()).id}/runners", {"runner_id": runner.id})
    assert other.add(MAINTAINER).get(f"runners/{runner.id}/jobs") == []


def test_managers_are_seen_by_those_who_see_the_runner(maintainer: User, runner: Runner) -> None:
    assert maintainer.get(f"runners/{runner.id}/managers") == []
    assert runner.verify().status_code == 200
    assert len(maintainer.get(f"runners/{runner.id}/managers")) == 1
    assert runner.coordinator.user().call("GET", f"runners/{runner.id}/managers").status_code == 403


def test_a_token_is_reset_by_those_who_may_change_the_runner(maintainer: User, runner: Runner) -> None:
    path = f"runners/{runner.id}/reset_authentication_token"
    assert runner.coordinator.user().call("POST", path).status_code == 403
    fresh = maintainer.post(path)
    assert runner.verify().status_code == 403
    assert runner.verify(fresh["token"]).status_code == 200


@pytest.mark.parametrize("number", [0, 10**9, 2**63, 10**30])
def test_numbers_that_no_runner_has_are_not_found(
    coordinator: Coordinator, project: Project, number: int
) -> None:
    root = coordinator.root
    for method, path in (
        ("GET", f"runners/{number}"),
        ("PUT", f"runners/{number}"),
        ("DELETE", f"runners/{number}"),
        ("GET", f"runners/{number}/jobs"),
        ("GET", f"runners/{number}/managers"),
        ("POST", f"runners/{number}/reset_authentication_token"),
        ("DELETE", f"projects/{project.id}/runners/{number}"),
    ):
        body = {} if method == "PUT" else None
        assert root.call(method, path, body).status_code == 404, (method, path)
    answer = root.call("POST", f"projects/{project.id}/runners", {"runner_id": number})
    assert answer.status_code == 404


def a_group(coordinator: Coordinator, owner: User | None = None) -> Json:
    """A group of its own, and its id and path."""
    name = f"team{coordinator.project().id}"
    made: Json = coordinator.root.post("groups", {"name": name, "path": name})
    if owner is not None:
        body = {"user_id": owner.id, "access_level": OWNER}
        coordinator.root.post(f"groups/{made['id']}/members", body)
    return made


def test_a_group_s_runner_serves_all_projects_in_the_group_and_no_others(
    coordinator: Coordinator, work_tree: WorkTree, tmp_path: Path
) -> None:
    group = a_group(coordinator)
    body = {"runner_type": "group_type", "group_id": group["id"]}
    made = coordinator.root.post("user/runners", body)
    runner = Runner(coordinator, made["id"], made["token"])
    work_tree.ship(CI)
    assert runner.request().status_code == 204
    for number, path in enumerate((group["full_path"], f"{group['full_path']}/sub")):
        inside = coordinator.project(namespace_path=path)
        inside.work_tree(tmp_path / str(number)).ship(CI)
        assert runner.take().payload["job_info"]["project_id"] == inside.id
        assert runner.id in ids(inside.root.get(f"projects/{inside.id}/runners?type=group_type"))
    shown = coordinator.root.get(f"runners/{runner.id}")
    assert (shown["runner_type"], [one["id"] for one in shown["groups"]]) == ("group_type", [group["id"]])


def test_a_group_s_runners_are_its_owners_business(coordinator: Coordinator) -> None:
    owner, maintainer = coordinator.user(), coordinator.user()
    group = a_group(coordinator, owner)
    body = {"user_id": maintainer.id, "access_level": MAINTAINER}
    coordinator.root.post(f"groups/{group['id']}/members", body)
    wanted = {"runner_type": "group_type", "group_id": group["id"]}
    assert maintainer.call("POST", "user/runners", wanted).status_code == 403
    assert coordinator.user().call("POST", "user/runners", wanted).status_code == 404
    assert owner.call("POST", "user/runners", {"runner_type": "group_type"}).status_code == 404
    number = owner.post("user/runners", wanted)["id"]
    assert number in ids(owner.get("runners"))
    assert number in ids(owner.get(f"groups/{group['id']}/runners"))
    assert maintainer.call("GET", f"groups/{group['id']}/runners").status_code == 403
    assert maintainer.call("GET", f"runners/{number}").status_code == 403
    assert owner.put(f"runners/{number}", {"paused": True})["paused"] is True
    project = coordinator.project()
    answer = coordinator.root.call("POST", f"projects/{project.id}/runners", {"runner_id": number})
    assert (answer.status_code, "group runner" in answer.text) == (403, True)
    assert owner.call("DELETE", f"runners/{number}").status_code == 204


def test_who_maintains_a_project_by_a_group_s_role_manages_its_runners(coordinator: Coordinator) -> None:
    group = a_group(coordinator)
    maintainer = coordinator.user()
    body = {"user_id": maintainer.id, "access_level": MAINTAINER}
    coordinator.root.post(f"groups/{group['id']}/members", body)
    runner = coordinator.project(namespace_path=group["full_path"]).runner()
    assert ids(maintainer.get("runners")) == [runner.id]
    assert maintainer.put(f"runners/{runner.id}", {"paused": True})["paused"] is True
