"""What a token opens: scopes over REST, git and the registry; ends, rotation, bots, jobs' tokens."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from tests.coordinator.conftest import REGISTRY
from tests.coordinator.databases import on_both_databases
from tests.coordinator.server import (
    DEVELOPER,
    GUEST,
    MAINTAINER,
    ZIP,
    Coordinator,
    Json,
    Project,
    Runner,
    User,
    WorkTree,
)

from shipline.coordinator.tokens import closed_because

pytestmark = on_both_databases

CI = "job: {script: echo}\n"
READ_GIT = "/info/refs?service=git-upload-pack"
WRITE_GIT = "/info/refs?service=git-receive-pack"


def with_scopes(user: User, *scopes: str) -> User:
    """The same user with a token of these."""
    body = {"name": "for tests", "scopes": list(scopes)}
    made = user.coordinator.root.post(f"users/{user.id}/personal_access_tokens", body)
    return User(user.coordinator, user.id, user.name, made["token"])


def granted(user: User, project: Project) -> list[str]:
    """What the registry's token service gives of pull and push."""
    scope = f"repository:{project.path}:pull,push"
    with user.coordinator.client() as client:
        answer = client.get(
            "/jwt/auth",
            params={"service": REGISTRY.service, "scope": scope},
            auth=(user.name, user.token),
        )
    assert answer.status_code == 200, answer.text
    claims = jwt.decode(answer.json()["token"], options={"verify_signature": False})
    return [action for one in claims["access"] for action in one["actions"]]


@pytest.mark.parametrize(
    ("scope", "statuses", "git", "registry"),
    [
        # GET user, GET project, POST variable, POST user/runners, GET raw file; git read and write; registry.
        ("api", [200, 200, 201, 201, 200], [200, 200], ["pull", "push"]),
        ("read_api", [200, 200, 403, 403, 200], [200, 403], ["pull"]),
        ("read_user", [200, 403, 403, 403, 403], [403, 403], []),
        ("read_repository", [403, 403, 403, 403, 200], [200, 403], []),
        ("write_repository", [403, 403, 403, 403, 403], [200, 200], []),
        ("read_registry", [403, 403, 403, 403, 403], [403, 403], ["pull"]),
        ("write_registry", [403, 403, 403, 403, 403], [403, 403], ["push"]),
        ("create_runner", [403, 403, 403, 201, 403], [403, 403], []),
        ("manage_runner", [403, 403, 403, 403, 403], [403, 403], []),
    ],
)
def test_a_scope_opens_what_gitlab_s_opens(
    project: Project,
    work_tree: WorkTree,
    scope: str,
    statuses: list[int],
    git: list[int],
    registry: list[str],
) -> None:
    work_tree.ship(CI)
    user = with_scopes(project.add(MAINTAINER), scope)
    runner = {"runner_type": "project_type", "project_id": project.id}
    found = [
        user.call("GET", "user").status_code,
        user.call("GET", f"projects/{project.id}").status_code,
        user.call("POST", f"projects/{project.id}/variables", {"key": "A", "value": "x"}).status_code,
        user.call("POST", "user/runners", runner).status_code,
        user.call("GET", f"projects/{project.id}/repository/files/.gitlab-ci.yml/raw").status_code,
    ]
    assert found == statuses
    with project.coordinator.client() as client:
        auth = (user.name, user.token)
        answers = [client.get(f"/{project.path}.git{rest}", auth=auth) for rest in (READ_GIT, WRITE_GIT)]
    assert [answer.status_code for answer in answers] == git
    assert granted(user, project) == registry


def test_a_call_that_a_scope_does_not_open_says_which_would(project: Project) -> None:
    user = with_scopes(project.root, "read_user")
    answer = user.call("GET", f"projects/{project.id}")
    assert answer.status_code == 403
    assert answer.json()["error"] == "insufficient_scope"
    assert answer.json()["scope"] == "api read_api"


def test_a_runner_is_managed_with_a_scope_of_its_own(project: Project, runner: Runner) -> None:
    user = with_scopes(project.add(MAINTAINER), "manage_runner")
    assert user.put(f"runners/{runner.id}", {"description": "Mine"})["description"] == "Mine"
    assert user.call("DELETE", f"runners/{runner.id}").status_code == 204


def test_who_signs_in_to_the_pages_needs_a_token_that_can_all(coordinator: Coordinator) -> None:
    from tests.coordinator.test_access import sign_in

    user = coordinator.user()
    with coordinator.client() as client:
        assert sign_in(client, with_scopes(user, "read_api")).status_code == 401
        assert sign_in(client, user).status_code == 302


def test_a_token_tells_of_itself_rotates_and_ends(coordinator: Coordinator) -> None:
    user = coordinator.user()
    fresh = with_scopes(user, "api", "self_rotate")
    told = fresh.get("personal_access_tokens/self")
    assert (told["scopes"], told["active"], told["user_id"]) == (["api", "self_rotate"], True, user.id)
    assert told["last_used_at"] is not None
    rotated = fresh.post("personal_access_tokens/self/rotate", {"expires_at": "2999-01-01"})
    assert (rotated["expires_at"], rotated["scopes"]) == ("2999-01-01", ["api", "self_rotate"])
    assert fresh.call("GET", "user").status_code == 401
    newer = User(coordinator, user.id, user.name, rotated["token"])
    assert newer.call("DELETE", "personal_access_tokens/self").status_code == 204
    ended = newer.call("GET", "user")
    assert (ended.status_code, ended.json()["error"]) == (401, "invalid_token")
    assert "revoked" in ended.json()["error_description"]
    never = User(coordinator, user.id, user.name, "glpat-never-was-one")
    assert never.call("GET", "user").json() == {"message": "401 Unauthorized"}
    states = {one["id"]: one["revoked"] for one in user.get("personal_access_tokens?per_page=100")}
    assert (states[told["id"]], states[rotated["id"]]) == (True, True)


@pytest.mark.parametrize(
    ("revoked", "days", "why"),
    [
        (False, None, ""),
        (False, 1, ""),
        (False, 0, "Token is expired since 2026-05-04. Make another."),
        (True, 1, "Token was revoked. Use the one that has taken its place, or make another."),
        (True, -9, "Token was revoked. Use the one that has taken its place, or make another."),
    ],
)
def test_what_became_of_a_token_is_told(revoked: bool, days: int | None, why: str) -> None:
    now = datetime(2026, 5, 4, tzinfo=UTC)
    assert closed_because(revoked, None if days is None else now + timedelta(days), now) == why


def test_tokens_are_their_users_alone_and_administrators(coordinator: Coordinator) -> None:
    one, other = coordinator.user(), coordinator.user()
    number = one.get("personal_access_tokens/self")["id"]
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/rotate")):
        assert other.call(method, f"personal_access_tokens/{number}{path}").status_code == 404
    assert number not in [found["id"] for found in other.get("personal_access_tokens?per_page=100")]
    assert coordinator.root.get(f"personal_access_tokens/{number}")["user_id"] == one.id
    mine = coordinator.root.get(f"personal_access_tokens?user_id={one.id}")
    assert [found["id"] for found in mine] == [number]
    assert coordinator.root.call("DELETE", f"personal_access_tokens/{number}").status_code == 204
    assert one.call("GET", "user").status_code == 401


def test_a_project_s_token_works_for_its_project_alone_and_as_a_bot(project: Project, tmp_path: Path) -> None:
    path = f"projects/{project.id}/access_tokens"
    body = {"name": "deployer", "scopes": ["api", "write_repository"], "access_level": DEVELOPER}
    made = project.root.post(path, body)
    bot = User(project.coordinator, made["user_id"], "deployer", made["token"])
    who = bot.get("user")
    assert (who["bot"], who["username"].startswith(f"project_{project.id}_bot_")) == (True, True)
    assert bot.get(f"projects/{project.id}")["permissions"]["project_access"]["access_level"] == DEVELOPER
    assert bot.call("GET", f"projects/{project.coordinator.project().id}").status_code == 404
    assert project.work_tree(tmp_path / "tree", bot).ship(CI).ok
    assert project.pipeline()["user"]["username"] == who["username"]
    shown = project.root.get(f"{path}/{made['id']}")
    assert (shown["access_level"], "token" in shown) == (DEVELOPER, False)
    rotated = project.root.post(f"{path}/{made['id']}/rotate")
    newer = User(project.coordinator, bot.id, bot.name, rotated["token"])
    assert bot.call("GET", "user").status_code == 401
    assert newer.get(f"projects/{project.id}")["id"] == project.id
    assert project.root.call("DELETE", f"{path}/{rotated['id']}").status_code == 204
    assert newer.call("GET", "user").status_code == 401
    assert bot.id not in [one["id"] for one in project.root.get(f"projects/{project.id}/members")]
    assert project.root.get(f"{path}?state=active") == []
    assert len(project.root.get(f"{path}?state=inactive")) == 2


def test_nobody_makes_a_token_that_can_more_than_they_can(project: Project) -> None:
    path = f"projects/{project.id}/access_tokens"
    body = {"name": "x", "scopes": ["api"], "access_level": 50}
    assert project.add(MAINTAINER).call("POST", path, body).status_code == 400
    assert project.add(DEVELOPER).call("POST", path, body | {"access_level": GUEST}).status_code == 403
    for scopes in (["read_user"], ["admin_mode"], []):
        answer = project.root.call("POST", path, body | {"scopes": scopes})
        assert answer.status_code == 400, scopes
    owner_s = project.root.post(path, body)
    rotating = project.add(MAINTAINER).call("POST", f"{path}/{owner_s['id']}/rotate")
    assert rotating.status_code == 403


def test_a_bot_makes_nothing_outside_of_its_project_and_no_tokens(project: Project) -> None:
    path = f"projects/{project.id}/access_tokens"
    body = {"name": "bot", "scopes": ["api"], "access_level": 50}
    made = project.root.post(path, body)
    bot = User(project.coordinator, made["user_id"], "", made["token"])
    for where, what in (
        (path, body),
        ("groups", {"name": "g", "path": "of-a-bot"}),
        ("projects", {"name": "of-a-bot"}),
        ("projects", {"name": "x", "namespace_path": "acme"}),
    ):
        assert bot.call("POST", where, what).status_code == 403, where


def test_a_group_s_token_works_for_all_projects_in_it(coordinator: Coordinator) -> None:
    root = coordinator.root
    group = root.post("groups", {"name": "tokens", "path": "group-of-tokens"})
    inside = coordinator.project(namespace_path="group-of-tokens/deeper")
    body = {"name": "g", "scopes": ["read_api"], "access_level": MAINTAINER}
    made = root.post(f"groups/{group['id']}/access_tokens", body)
    bot = User(coordinator, made["user_id"], "", made["token"])
    assert bot.get(f"projects/{inside.id}/variables") == []
    assert bot.call("GET", f"projects/{coordinator.project().id}").status_code == 404
    assert [one["id"] for one in root.get(f"groups/{group['id']}/access_tokens")] == [made["id"]]
    assert root.call("DELETE", f"groups/{group['id']}").status_code == 202
    assert bot.call("GET", "user").status_code == 401
    assert root.call("GET", f"projects/{inside.id}").status_code == 404


def test_a_user_who_is_blocked_opens_nothing(project: Project) -> None:
    user = project.add(DEVELOPER)
    assert project.root.post(f"users/{user.id}/block") is True
    assert user.call("GET", "user").status_code == 401
    with project.coordinator.client() as client:
        auth = (user.name, user.token)
        assert client.get(f"/{project.path}.git{READ_GIT}", auth=auth).status_code == 401
    assert project.root.post(f"users/{user.id}/unblock") is True
    assert user.get("user")["id"] == user.id


def job_call(project: Project, token: str, method: str, path: str) -> int:
    with project.coordinator.client(**{"JOB-TOKEN": token}) as client:
        return client.request(method, f"/api/v4/{path}").status_code


def test_a_job_s_token_opens_what_gitlab_lets_it_and_its_own_project_alone(
    project: Project, work_tree: WorkTree, runner: Runner, tmp_path: Path
) -> None:
    work_tree.ship(CI)
    first = runner.take()
    first.upload(ZIP)
    first.succeed()
    work_tree.ship(CI)
    token = runner.take().token
    own, artifacts = f"projects/{project.id}", f"jobs/{first.id}/artifacts"
    assert job_call(project, token, "GET", f"{own}/{artifacts}") == 200
    assert job_call(project, token, "GET", f"{own}/jobs/artifacts/main/download?job=job") == 200
    for method, path in (
        ("GET", own),
        ("GET", f"{own}/variables"),
        ("GET", f"{own}/jobs"),
        ("POST", f"{own}/pipeline?ref=main"),
        ("GET", "user"),
        ("DELETE", f"{own}/{artifacts}"),
    ):
        assert job_call(project, token, method, path) == 401, path
    other = project.coordinator.project(visibility="public")
    assert job_call(project, token, "GET", f"projects/{other.id}/{artifacts}") == 404


@pytest.mark.parametrize("header", ["PRIVATE-TOKEN", "Authorization"])
def test_a_token_in_an_address_opens_nothing(coordinator: Coordinator, header: str) -> None:
    token = coordinator.root.token
    with coordinator.client() as client:
        for name in ("private_token", "access_token"):
            assert client.get("/api/v4/user", params={name: token}).status_code == 401
        basic = base64.b64encode(f"root:{token}".encode()).decode()
        assert client.get("/api/v4/user", headers={"Authorization": f"Basic {basic}"}).status_code == 401
        sent = token if header == "PRIVATE-TOKEN" else f"Bearer {token}"
        answer: Json = client.get("/api/v4/user", headers={header: sent}).json()
    assert answer["username"] == "root"
