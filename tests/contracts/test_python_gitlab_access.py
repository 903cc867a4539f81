"""The real python-gitlab against a coordinator: groups, members, tokens, variables, protections, artifacts."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gitlab
import httpx
import pytest
from gitlab.exceptions import GitlabAuthenticationError, GitlabCreateError, GitlabError, GitlabGetError
from tests.coordinator.databases import database_url, on_both_databases
from tests.coordinator.server import Coordinator, Project, running

pytestmark = on_both_databases

CI = "job: {script: echo}\n"


@pytest.fixture(scope="module")
def coordinator(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Coordinator]:
    folder = tmp_path_factory.mktemp("coordinator")
    with running(folder, database_url=database_url(request)) as started:
        yield started


@pytest.fixture(scope="module")
def client(coordinator: Coordinator) -> Iterator[gitlab.Gitlab]:
    with gitlab.Gitlab(coordinator.url, private_token=coordinator.root.token) as opened:
        opened.auth()
        yield opened


@pytest.fixture
def made(coordinator: Coordinator) -> Project:
    return coordinator.project()


@pytest.fixture
def project(client: gitlab.Gitlab, made: Project) -> Any:
    return client.projects.get(made.id)


def test_groups_hold_groups_projects_and_members(client: gitlab.Gitlab) -> None:
    company = client.groups.create({"name": "Company", "path": "company"})
    team = client.groups.create({"name": "Team", "path": "team", "parent_id": company.id})
    assert (team.full_path, team.parent_id) == ("company/team", company.id)
    one = client.projects.create({"name": "one", "namespace_id": company.id})
    two = client.projects.create({"name": "two", "namespace_id": team.id})
    assert client.groups.get("company/team").id == team.id
    assert [found.id for found in company.subgroups.list()] == [team.id]
    assert [found.id for found in company.projects.list()] == [one.id]
    assert {found.id for found in company.projects.list(include_subgroups=True)} == {one.id, two.id}
    user = client.users.create({"username": "ann", "name": "Ann", "email": "ann@example.com"})
    member = company.members.create({"user_id": user.id, "access_level": gitlab.const.DEVELOPER_ACCESS})
    assert [found.username for found in team.members_all.list() if found.id == user.id] == ["ann"]
    member.access_level = gitlab.const.OWNER_ACCESS
    member.save()
    assert company.members.get(user.id).access_level == 50
    assert two.members_all.get(user.id).access_level == 50
    team.description = "The team"
    team.save()
    assert client.groups.get(team.id).description == "The team"
    assert {found.full_path for found in client.namespaces.list(search="company")} == {
        "company",
        "company/team",
    }
    with pytest.raises(GitlabCreateError, match="has already been taken"):
        client.groups.create({"name": "x", "path": "COMPANY"})
    with pytest.raises(GitlabCreateError, match="reserved name"):
        client.groups.create({"name": "x", "path": "api"})
    company.delete()
    for path in (team.id, one.id):
        with pytest.raises(GitlabGetError, match="404"):
            client.groups.get(path) if path == team.id else client.projects.get(path)


def test_variables_live_on_three_levels(client: gitlab.Gitlab, project: Any) -> None:
    group = client.groups.create({"name": "v", "path": "variables"})
    for variables in (group.variables, client.variables):
        variables.create({"key": "KEY", "value": "one", "description": "What for"})
        variables.update("KEY", {"value": "two", "masked": False})
        assert variables.get("KEY").value == "two"
        assert [one.key for one in variables.list()] == ["KEY"]
        variables.delete("KEY")
        with pytest.raises(GitlabGetError, match="404 Variable Not Found"):
            variables.get("KEY")
    for scope in ("*", "production"):
        project.variables.create({"key": "KEY", "value": scope, "environment_scope": scope})
    wanted = {"environment_scope": "production"}
    assert project.variables.get("KEY", filter=wanted).value == "production"
    project.variables.update("KEY", {"value": "new"}, filter=wanted)
    assert project.variables.get("KEY", filter={"environment_scope": "*"}).value == "*"
    project.variables.delete("KEY", filter=wanted)
    assert project.variables.get("KEY").value == "*"


def test_access_tokens_are_made_rotated_and_revoked(client: gitlab.Gitlab, project: Any) -> None:
    body = {"name": "ci", "scopes": ["api"], "access_level": 30, "expires_at": "2999-01-01"}
    made = project.access_tokens.create(body)
    with gitlab.Gitlab(client.url, private_token=made.token) as bot:
        bot.auth()
        assert bot.projects.get(project.id).id == project.id
        with pytest.raises(GitlabError, match="403"):
            bot.projects.get(project.id).variables.list()
    assert [one.id for one in project.access_tokens.list()] == [made.id]
    rotated = project.access_tokens.get(made.id).rotate()
    assert rotated["token"] != made.token
    project.access_tokens.delete(rotated["id"])
    with (
        gitlab.Gitlab(client.url, private_token=rotated["token"]) as bot,
        pytest.raises(GitlabAuthenticationError),
    ):
        bot.auth()
    personal = client.personal_access_tokens.get("self")
    assert personal.active is True
    assert personal.id in [one.id for one in client.personal_access_tokens.list(get_all=True)]


def test_protected_branches_and_tags_have_levels(project: Any) -> None:
    body = {"name": "release/*", "push_access_level": 0, "merge_access_level": 30, "allow_force_push": True}
    project.protectedbranches.create(body)
    found = project.protectedbranches.get("release/*")
    assert (found.push_access_levels[0]["access_level"], found.merge_access_levels[0]["access_level"]) == (
        0,
        30,
    )
    assert found.push_access_levels[0]["access_level_description"] == "No one"
    found.allow_force_push = False
    found.save()
    assert project.protectedbranches.get("release/*").allow_force_push is False
    project.protectedtags.create({"name": "v*", "create_access_level": 30})
    assert project.protectedtags.get("v*").create_access_levels[0]["access_level"] == 30
    with pytest.raises(GitlabCreateError, match="already exists"):
        project.protectedtags.create({"name": "v*"})
    project.protectedtags.delete("v*")
    assert project.protectedtags.list() == []


def test_a_project_s_settings_change_and_take_effect(
    client: gitlab.Gitlab, project: Any, made: Project, tmp_path: Path
) -> None:
    project.ci_config_path = "ci/pipeline.yml"
    project.build_timeout = 1200
    project.ci_default_git_depth = 0
    project.build_git_strategy = "clone"
    project.description = "New"
    project.save()
    tree = made.work_tree(tmp_path / "tree")
    tree.ship("wrong: {script: echo}\n", **{"ci/pipeline.yml": "right: {script: echo}\n"})
    job = made.runner().take()
    assert job.name == "right"
    assert job.payload["runner_info"]["timeout"] == 1200
    assert job.payload["git_info"]["depth"] == 0
    assert job.payload["allow_git_fetch"] is False
    project.path = "renamed"
    project.save()
    assert client.projects.get("acme/renamed").id == project.id
    project.default_branch = "nowhere"
    with pytest.raises(gitlab.exceptions.GitlabUpdateError, match="does not exist"):
        project.save()


def test_a_configuration_may_lie_in_another_project(
    client: gitlab.Gitlab, coordinator: Coordinator, project: Any, made: Project, tmp_path: Path
) -> None:
    other = coordinator.project()
    other.work_tree(tmp_path / "other").ship("", branch="main", **{"all.yml": "shared: {script: echo}\n"})
    project.ci_config_path = f"all.yml@{other.path}:main"
    project.save()
    made.work_tree(tmp_path / "tree").ship("own: {script: echo}\n")
    assert list(made.jobs()) == ["shared"]


def archive(**files: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as made_zip:
        for name, data in files.items():
            made_zip.writestr(name, data)
    return content.getvalue()


def test_artifacts_are_found_by_job_by_path_and_by_ref(project: Any, made: Project, tmp_path: Path) -> None:
    tree, runner = made.work_tree(tmp_path / "tree"), made.runner()
    tree.ship(CI, branch="feature/x")
    job = runner.take()
    large = b"0123456789" * 100_000
    whole = archive(**{"out/report.txt": b"fine", "out/page.html": b"<script>", "large": large})
    job.upload(whole, expire_in="1 hour")
    # Not before the pipeline has succeeded.
    with pytest.raises(GitlabGetError, match="404"):
        project.artifacts.download(ref_name="feature/x", job="job")
    job.succeed()
    assert project.artifacts.download(ref_name="feature/x", job="job") == whole
    assert project.artifacts.raw("feature/x", "out/report.txt", "job") == b"fine"
    found = project.jobs.get(job.id)
    assert found.artifact("out/report.txt") == b"fine"
    assert found.artifact("large") == large
    with made.coordinator.client(**{"PRIVATE-TOKEN": made.root.token}) as client:
        page = client.get(f"/api/v4/projects/{made.id}/jobs/{job.id}/artifacts/out/page.html")
    assert (page.headers["content-type"], page.text) == ("text/plain", "<script>")
    for path in ("nowhere", "out", "../out/report.txt"):
        with pytest.raises(GitlabGetError, match="404"):
            found.artifact(path)
    found.keep_artifacts()
    found.delete_artifacts()
    with pytest.raises(GitlabGetError, match="404"):
        found.artifacts()


def test_a_log_is_sent_in_ranges(project: Any, made: Project, tmp_path: Path) -> None:
    made.set_variable("KEY", "x", protected=True)
    made.work_tree(tmp_path / "tree").ship(CI, branch="topic")
    job = made.runner().take()
    path = f"/api/v4/projects/{made.id}/jobs/{job.id}/trace"
    job.trace(b"0123456789" * 30_000)
    whole = project.jobs.get(job.id).trace()
    assert whole.endswith(b"0123456789" * 30_000)
    assert whole.startswith(b"\x1b[33;1mProtected variables")

    def part(wanted: str) -> httpx.Response:
        with made.coordinator.client(**{"PRIVATE-TOKEN": made.root.token, "Range": wanted}) as client:
            return client.get(path)

    for wanted, expected in (
        ("bytes=0-9", whole[:10]),
        ("bytes=100-", whole[100:]),
        ("bytes=-7", whole[-7:]),
        (f"bytes=20-{len(whole) + 500}", whole[20:]),
        (f"bytes={len(whole) - 1}-", whole[-1:]),
    ):
        answer = part(wanted)
        assert (answer.status_code, answer.content == expected) == (206, True), wanted
        assert answer.headers["content-range"].endswith(f"/{len(whole)}")
    beyond = part(f"bytes={len(whole)}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(whole)}")
    assert part("lines=1-2").content == whole


def test_projects_are_followed_page_by_page_by_their_ids(
    client: gitlab.Gitlab, coordinator: Coordinator
) -> None:
    made = [coordinator.project(namespace_path="paged").id for _ in range(5)]
    asked = {"iterator": True, "per_page": 2, "order_by": "id", "pagination": "keyset", "search": "paged/"}
    assert [one.id for one in client.projects.list(**asked)] == made[::-1]
    assert [one.id for one in client.projects.list(**asked, sort="asc")] == made
    assert client.projects.list(search="paged/", iterator=True, per_page=2).total == 5


def test_only_projects_of_one_s_own_are_listed_when_asked_for(
    client: gitlab.Gitlab, coordinator: Coordinator
) -> None:
    user = coordinator.user()
    mine = user.post("projects", {"name": "mine"})["id"]
    public = coordinator.project(visibility="public").id
    with gitlab.Gitlab(client.url, private_token=user.token) as theirs:
        assert {mine, public} <= {one.id for one in theirs.projects.list(get_all=True)}
        for asked in ({"membership": True}, {"owned": True}, {"min_access_level": 30}):
            assert [one.id for one in theirs.projects.list(get_all=True, **asked)] == [mine]
        theirs.projects.get(mine).delete()
        with pytest.raises(GitlabGetError, match="404"):
            theirs.projects.get(mine)


def test_parameters_are_taken_from_addresses_and_forms_as_curl_sends_them(made: Project) -> None:
    path = f"/api/v4/projects/{made.id}"
    with made.coordinator.client(**{"PRIVATE-TOKEN": made.root.token}) as client:
        by_form = client.post(f"{path}/variables", data={"key": "FORM", "value": "a+b&c=d"})
        by_parts = client.post(
            f"{path}/variables",
            files={"key": (None, "PARTS"), "value": (None, "two\nlines"), "raw": (None, "true")},
        )
        by_query = client.post(f"{path}/variables", params={"key": "QUERY", "value": "x", "masked": "false"})
        tokens = client.post(
            f"{path}/access_tokens", data={"name": "curl", "scopes[]": ["read_api", "read_repository"]}
        )
        changed = client.put(f"{path}/variables/FORM", data={"value": "new", "protected": "true"})
    assert [by_form.json()["value"], by_parts.json()["value"], by_query.json()["value"]] == [
        "a+b&c=d",
        "two\nlines",
        "x",
    ]
    assert (by_parts.json()["raw"], changed.json()["protected"]) == (True, True)
    assert tokens.json()["scopes"] == ["read_api", "read_repository"]


def test_a_description_of_the_api_is_served(coordinator: Coordinator) -> None:
    with coordinator.client() as client:
        found = client.get("/api/v4/openapi.json").json()
    assert found["openapi"].startswith("3.")
    assert "/api/v4/projects/{project_id}/variables/{key}" in found["paths"]
