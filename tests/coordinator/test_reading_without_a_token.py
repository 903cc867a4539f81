"""What everybody may read of a public project, and what stays its members'."""

from __future__ import annotations

import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.server import ZIP, Coordinator, Json, Project

pytestmark = on_both_databases
CI = "job:\n  script: echo\n  artifacts: {paths: [a.txt]}\n"
READ_BY_ALL = (
    "", "/repository/tree", "/repository/commits", "/repository/commits/main", "/repository/branches",
    "/repository/branches/main", "/repository/tags", "/repository/files/.gitlab-ci.yml?ref=main", "/releases",
    "/merge_requests",
)  # fmt: skip
JOBS = (
    "/pipelines", "/pipelines/latest", "/pipelines/{pipeline}", "/pipelines/{pipeline}/jobs",
    "/pipelines/{pipeline}/test_report", "/pipelines/{pipeline}/test_report_summary",
    "/pipelines/{pipeline}/bridges", "/jobs", "/jobs/{job}", "/jobs/{job}/trace", "/jobs/{job}/artifacts",
    "/jobs/artifacts/main/download?job=job", "/repository/commits/main/statuses",
)  # fmt: skip
MEMBERS = (
    "/variables", "/members", "/environments", "/deployments", "/triggers", "/runners", "/pipeline_schedules",
    "/protected_branches", "/access_tokens", "/ci/lint", "/resource_groups",
)  # fmt: skip


@pytest.fixture(scope="module")
def public(coordinator: Coordinator, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Json]:
    project = coordinator.project(visibility="public")
    project.work_tree(tmp_path_factory.mktemp("tree")).ship(CI)
    job = project.runner().take()
    job.upload(ZIP)
    job.succeed()
    return project, {"pipeline": project.pipeline()["id"], "job": job.id}


def statuses(project: Project, paths: tuple[str, ...], known: Json, **headers: str) -> dict[str, int]:
    with project.coordinator.client(**headers) as client:
        return {
            path: client.get(f"/api/v4/projects/{project.id}{path.format(**known)}").status_code
            for path in paths
        }


def test_a_public_project_is_read_without_a_token(public: tuple[Project, Json]) -> None:
    assert set(statuses(public[0], (*READ_BY_ALL, *JOBS), public[1]).values()) == {200}


def test_what_is_for_members_takes_a_token(public: tuple[Project, Json]) -> None:
    assert set(statuses(public[0], MEMBERS, public[1]).values()) == {401}
    assert statuses(public[0], ("/pipelines/{pipeline}/variables",), public[1]).popitem()[1] == 403


def test_nothing_is_changed_without_a_token(public: tuple[Project, Json]) -> None:
    project, known = public
    with project.coordinator.client() as client:
        for method, path in (
            ("PUT", ""), ("DELETE", ""), ("POST", "/pipeline"), ("POST", f"/jobs/{known['job']}/retry"),
            ("POST", f"/pipelines/{known['pipeline']}/cancel"), ("DELETE", f"/pipelines/{known['pipeline']}"),
            ("POST", "/repository/branches"), ("DELETE", "/repository/branches/main"), ("POST", "/merge_requests"),
            ("POST", "/repository/commits"), ("PUT", "/repository/files/a"), ("POST", "/releases"),
            ("DELETE", f"/jobs/{known['job']}/artifacts"), ("POST", f"/jobs/{known['job']}/erase"),
        ):  # fmt: skip
            body = None if method == "DELETE" else {}
            answer = client.request(method, f"/api/v4/projects/{project.id}{path}", json=body)
            assert answer.status_code == 401, (method, path)
        for path in ("/api/v4/projects", "/api/v4/groups"):
            assert client.post(path, json={"name": "x", "path": "x"}).status_code == 401


def test_a_token_that_is_wrong_is_told_so_even_where_none_is_needed(public: tuple[Project, Json]) -> None:
    for header in (
        {"PRIVATE-TOKEN": "glpat-wrong"},
        {"Authorization": "Bearer wrong"},
        {"JOB-TOKEN": "wrong"},
    ):
        assert set(statuses(public[0], ("", "/jobs"), public[1], **header).values()) == {401}


def test_jobs_that_are_not_public_are_for_members(public: tuple[Project, Json]) -> None:
    project, known = public
    project.root.put(f"projects/{project.id}", {"public_jobs": False})
    try:
        assert set(statuses(project, JOBS, known).values()) == {403}
        assert set(statuses(project, READ_BY_ALL, known).values()) == {200}
        with project.coordinator.client() as client:
            commit = client.get(f"/api/v4/projects/{project.id}/repository/commits/main").json()
            assert (commit["last_pipeline"], commit["status"]) == (None, None)
            for path in ("pipelines", f"pipelines/{known['pipeline']}", f"jobs/{known['job']}"):
                assert client.get(f"/{project.path}/-/{path}").status_code == 302, path
            for path in (f"jobs/{known['job']}/raw", f"jobs/{known['job']}/artifacts", "pipeline_schedules"):
                assert client.get(f"/{project.path}/-/{path}").status_code == 302, path
            for path in (f"pipelines/{known['pipeline']}/live", f"jobs/{known['job']}/live"):
                assert client.get(f"/{project.path}/-/{path}").status_code == 404, path
            page = client.get(f"/{project.path}")
            assert page.status_code == 200
            assert f"/-/pipelines/{known['pipeline']}" not in page.text
            assert f"#{known['pipeline']}" not in client.get("/").text
    finally:
        project.root.put(f"projects/{project.id}", {"public_jobs": True})


def test_what_is_not_public_is_not_there(coordinator: Coordinator, project: Project) -> None:
    internal = coordinator.project(visibility="internal")
    for hidden in (project, internal):
        assert set(statuses(hidden, (*READ_BY_ALL, *JOBS), {"pipeline": 1, "job": 1}).values()) == {404}
    with coordinator.client() as client:
        listed = {one["id"] for one in client.get("/api/v4/projects?per_page=100").json()}
        assert not {project.id, internal.id} & listed
        assert client.get("/api/v4/projects?owned=true").status_code == 401


def test_lists_hold_what_is_public_alone(public: tuple[Project, Json], coordinator: Coordinator) -> None:
    with coordinator.client() as client:
        found = client.get("/api/v4/projects", params={"search": public[0].path, "per_page": 100}).json()
        assert [one["id"] for one in found] == [public[0].id]
        assert {one["visibility"] for one in client.get("/api/v4/projects?per_page=100").json()} == {"public"}
        groups = client.get("/api/v4/groups?per_page=100")
        assert groups.status_code == 200
        assert client.get("/api/v4/namespaces").status_code == 401
        assert client.get("/api/v4/users").status_code == 401
