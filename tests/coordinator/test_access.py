"""Who sees and does what: tokens of people and of jobs, over REST, git and pages."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from tests.coordinator.browsing import sign_in, signed_in
from tests.coordinator.databases import on_both_databases
from tests.coordinator.server import (
    DEVELOPER,
    GUEST,
    MAINTAINER,
    REPORTER,
    ZIP,
    Coordinator,
    Project,
    Runner,
    User,
    WorkTree,
)

pytestmark = on_both_databases

CI = "job:\n  script: echo\n"
REFS = "/info/refs?service=git-upload-pack"
WRITE = "/info/refs?service=git-receive-pack"


def told(answer: httpx.Response) -> tuple[object, ...]:
    """All that a stranger can tell two answers apart by."""
    ignored = {"date", "server", "x-request-id"}
    headers = sorted(pair for pair in answer.headers.items() if pair[0] not in ignored)
    return answer.status_code, headers, answer.content


def test_a_wrong_token_is_401_alike_for_projects_that_are_there_and_not(project: Project) -> None:
    stranger = User(project.coordinator, 0, "root", "glpat-wrong")
    known = stranger.call("GET", f"projects/{project.id}")
    assert known.status_code == 401
    assert known.json() == {"message": "401 Unauthorized"}
    assert told(known) == told(stranger.call("GET", "projects/999999"))
    assert told(known) == told(stranger.call("GET", "projects/acme%2Fnowhere"))


@pytest.mark.parametrize("rest", [REFS, WRITE])
@pytest.mark.parametrize(
    "auth", [None, ("root", "glpat-wrong"), ("gitlab-ci-token", "glcbt-wrong"), ("", "")]
)
def test_git_answers_strangers_401_for_projects_that_are_there_and_not(
    project: Project, rest: str, auth: tuple[str, str] | None
) -> None:
    with project.coordinator.client() as client:
        known = client.get(f"/{project.path}.git{rest}", auth=auth)
        unknown = client.get(f"/acme/nowhere.git{rest}", auth=auth)
    assert known.status_code == 401
    assert known.headers["WWW-Authenticate"] == 'Basic realm="shipline"'
    assert told(known) == told(unknown)


def test_git_tells_a_wrong_token_also_for_a_public_project(coordinator: Coordinator) -> None:
    project = coordinator.project(visibility="public")
    with coordinator.client() as client:
        assert client.get(f"/{project.path}.git{REFS}").status_code == 200
        assert client.get(f"/{project.path}.git{REFS}", auth=("root", "wrong")).status_code == 401
        assert client.get(f"/{project.path}.git{WRITE}").status_code == 401


@pytest.mark.parametrize(
    "header", ["", "Basic", "Basic !", "Basic /w==", "Bearer x", "Digest x", "Basic YWJj"]
)
def test_credentials_that_cannot_be_read_are_401(project: Project, header: str) -> None:
    with project.coordinator.client(Authorization=header) as client:
        assert client.get(f"/{project.path}.git{REFS}").status_code == 401


def test_who_is_no_member_finds_nothing(project: Project) -> None:
    user = project.coordinator.user()
    for path in (
        f"projects/{project.id}",
        f"projects/{project.path.replace('/', '%2F')}",
        f"projects/{project.id}/pipelines",
        f"projects/{project.id}/variables",
        f"projects/{project.id}/members",
        f"projects/{project.id}/repository/branches",
    ):
        assert user.call("GET", path).status_code == 404, path
    assert project.id not in [one["id"] for one in user.get("projects?per_page=100")]
    with project.coordinator.client() as client:
        auth = (user.name, user.token)
        for rest in (REFS, WRITE):
            known = client.get(f"/{project.path}.git{rest}", auth=auth)
            assert known.status_code == 404
            assert told(known) == told(client.get(f"/acme/nowhere.git{rest}", auth=auth))


def test_levels_give_what_gitlab_s_give(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    work_tree.ship(CI)
    job = runner.take()
    job.trace(b"hello")
    users = {level: project.add(level) for level in (GUEST, REPORTER, DEVELOPER, MAINTAINER)}

    def statuses(method: str, path: str, body: object = None) -> list[int]:
        return [
            user.call(method, f"projects/{project.id}{path}", body).status_code for user in users.values()
        ]

    assert statuses("GET", "") == [200, 200, 200, 200]
    assert statuses("GET", f"/jobs/{job.id}/trace") == [200, 200, 200, 200]
    assert statuses("GET", "/repository/branches/main") == [403, 200, 200, 200]
    assert statuses("POST", "/pipeline", {"ref": "main"}) == [403, 403, 201, 201]
    assert statuses("GET", "/variables") == [403, 403, 403, 200]
    assert statuses("POST", "/protected_branches", {"name": "x"}) == [403, 403, 403, 201]
    project.root.put(f"projects/{project.id}", {"public_jobs": False})
    assert statuses("GET", f"/jobs/{job.id}/trace") == [403, 200, 200, 200]
    with project.coordinator.client() as client:
        auths = [(user.name, user.token) for user in users.values()]
        git = f"/{project.path}.git"
        found = [[client.get(git + rest, auth=auth).status_code for rest in (REFS, WRITE)] for auth in auths]
    assert found == [[404, 404], [200, 403], [200, 200], [200, 200]]


def test_nobody_gives_more_than_they_have(project: Project) -> None:
    maintainer, other = project.add(MAINTAINER), project.coordinator.user()
    path = f"projects/{project.id}/members"
    assert maintainer.call("POST", path, {"user_id": other.id, "access_level": 50}).status_code == 403
    maintainer.post(path, {"user_id": other.id, "access_level": MAINTAINER})
    assert maintainer.call("PUT", f"{path}/{other.id}", {"access_level": 50}).status_code == 403
    project.root.put(f"{path}/{other.id}", {"access_level": 50})
    assert maintainer.call("DELETE", f"{path}/{other.id}").status_code == 403
    assert maintainer.call("PUT", f"{path}/{other.id}", {"access_level": GUEST}).status_code == 403
    assert project.root.call("DELETE", f"{path}/{other.id}").status_code == 204
    assert other.call("GET", f"projects/{project.id}").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "projects", {"name": "theirs", "namespace_path": "acme"}),
        ("POST", "projects", {"name": "theirs", "namespace_path": "nowhere"}),
        ("POST", "users", {"username": "another"}),
        ("GET", "admin/ci/variables", None),
        ("POST", "users/1/personal_access_tokens", {"name": "mine", "scopes": ["api"]}),
        ("POST", "user/runners", {"runner_type": "instance_type"}),
        ("GET", "runners/all", None),
    ],
)
def test_only_administrators_do_what_is_the_whole_instance_s(
    coordinator: Coordinator, method: str, path: str, body: object
) -> None:
    assert coordinator.user().call(method, path, body).status_code == 403


def test_a_runner_is_changed_by_those_who_maintain_its_project(project: Project, runner: Runner) -> None:
    path = f"runners/{runner.id}"
    assert project.add(DEVELOPER).call("PUT", path, {"paused": True}).status_code == 403
    assert project.add(MAINTAINER).put(path, {"paused": True})["paused"] is True


def test_a_token_that_has_expired_opens_nothing(coordinator: Coordinator) -> None:
    user = coordinator.user()
    body = {"name": "old", "scopes": ["api"], "expires_at": "2001-01-01"}
    answer = coordinator.root.call("POST", f"users/{user.id}/personal_access_tokens", body)
    assert answer.status_code == 400
    assert answer.json()["message"] == {"expires_at": ["must be in the future"]}


@pytest.mark.parametrize("scopes", [[], ["everything"], ["api", "everything"], ["admin_mode"]], ids=str)
def test_a_token_has_only_scopes_that_there_are(coordinator: Coordinator, scopes: list[str]) -> None:
    body = {"name": "odd", "scopes": scopes}
    answer = coordinator.root.call("POST", f"users/{coordinator.user().id}/personal_access_tokens", body)
    assert (answer.status_code, "scopes" in answer.text) == (400, True)


def test_a_job_s_token_clones_its_own_project_while_it_runs(
    project: Project, work_tree: WorkTree, runner: Runner, tmp_path: Path
) -> None:
    work_tree.ship(CI)
    job = runner.take()
    token = User(project.coordinator, 0, "gitlab-ci-token", job.token)
    tree = project.work_tree(tmp_path / "clone", token)
    tree.git("fetch", "--quiet", "origin", "main")
    assert "You are not allowed to push code" in tree.push("FETCH_HEAD:refs/heads/topic").said
    job.succeed()
    refused = tree.git("fetch", "origin", "main", check=False)
    assert refused.returncode != 0
    assert "Authentication failed" in refused.stdout or "could not read Username" in refused.stdout


def test_a_job_s_token_opens_no_other_project(
    coordinator: Coordinator, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(CI)
    auth = ("gitlab-ci-token", runner.take().token)
    for other in (coordinator.project(), coordinator.project(visibility="public")):
        with coordinator.client() as client:
            assert client.get(f"/{other.path}.git{REFS}", auth=auth).status_code == 404


def test_a_job_s_token_is_no_user_s(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    work_tree.ship(CI)
    token = runner.take().token
    assert User(project.coordinator, 0, "", token).call("GET", f"projects/{project.id}").status_code == 401
    with project.coordinator.client() as client:
        assert client.get(f"/{project.path}.git{REFS}", auth=("root", token)).status_code == 401
        mixed = ("gitlab-ci-token", project.root.token)
        assert client.get(f"/{project.path}.git{REFS}", auth=mixed).status_code == 401


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd.git", "/../../x.git", "/acme/../acme.git", "/acme/app1/.git", "/%2e%2e/x.git", "/acme.git"],
)
def test_git_serves_projects_only(coordinator: Coordinator, path: str) -> None:
    root = coordinator.root
    with coordinator.client() as client:
        assert client.get(f"{path}{REFS}", auth=(root.name, root.token)).status_code == 404
        assert client.get(f"{path}/info/refs?service=git-nothing").status_code == 404
        assert client.get(f"{path}/config", auth=(root.name, root.token)).status_code in (302, 404)


def test_pages_of_a_project_are_its_readers_only(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(CI)
    job = runner.take()
    job.upload(ZIP)
    number = project.pipeline()["id"]
    pages = [
        f"/{project.path}",
        f"/{project.path}/-/pipelines",
        f"/{project.path}/-/pipelines/{number}",
        f"/{project.path}/-/jobs/{job.id}",
        f"/{project.path}/-/jobs/{job.id}/raw",
        f"/{project.path}/-/jobs/{job.id}/artifacts",
    ]
    with project.coordinator.client() as client:
        for page in pages:
            answer = client.get(page)
            assert (answer.status_code, answer.headers["Location"][:15]) == (302, "/users/sign_in?")
        for live in (f"/{project.path}/-/jobs/{job.id}/live", f"/{project.path}/-/pipelines/{number}/live"):
            assert client.get(live).status_code == 404
    with signed_in(project.coordinator.user()) as client:
        assert [client.get(page).status_code for page in pages] == [404] * len(pages)
    with signed_in(project.add(REPORTER)) as client:
        assert [client.get(page).status_code for page in pages] == [200] * len(pages)


def test_signing_in_needs_the_right_name_and_token(coordinator: Coordinator) -> None:
    user = coordinator.user()
    for wrong in (User(coordinator, 0, user.name, "glpat-wrong"), User(coordinator, 0, "root", user.token)):
        with coordinator.client() as client:
            answer = sign_in(client, wrong)
            assert answer.status_code == 401
            assert wrong.token not in answer.text
            assert "Sign out" not in client.get("/").text


def test_signing_in_leads_to_no_other_site(coordinator: Coordinator) -> None:
    user = coordinator.user()
    for target in ("https://example.com/", "//example.com/", "/\\example.com"):
        with coordinator.client() as client:
            assert sign_in(client, user, target).headers["Location"] == "/"


def test_no_secret_is_in_any_page_answer_or_log(
    project: Project, work_tree: WorkTree, runner: Runner, tmp_path: Path
) -> None:
    coordinator = project.coordinator
    secret = "a-variable-that-is-secret"
    project.set_variable("SECRET", secret, masked=True)
    user = project.add(DEVELOPER)
    project.work_tree(tmp_path / "theirs", user).ship(CI)
    job = runner.take()
    job.trace(b"working\n")
    job.update("nonsense")
    User(coordinator, 0, "", job.token).call("GET", "projects")
    secrets = {
        "the variable": secret,
        "the job's token": job.token,
        "the runner's token": runner.token,
        "the administrator's token": coordinator.root.token,
        "the user's token": user.token,
        "Django's key": (coordinator.data.coordinator / "secret-key").read_text().strip(),
    }
    number = project.pipeline()["id"]
    texts = {"the log": coordinator.log}
    with signed_in(coordinator.root) as client:
        for page in (
            "/",
            f"/{project.path}",
            f"/{project.path}/-/pipelines",
            f"/{project.path}/-/pipelines/{number}",
            f"/{project.path}/-/jobs/{job.id}",
            f"/{project.path}/-/jobs/{job.id}/raw",
        ):
            answer = client.get(page)
            assert answer.status_code == 200, page
            texts[page] = answer.text
    for path in (
        f"projects/{project.id}",
        f"projects/{project.id}/pipelines",
        f"projects/{project.id}/pipelines/{number}/jobs",
        f"projects/{project.id}/jobs/{job.id}",
        "runners/all",
        f"runners/{runner.id}",
        "users",
        "user",
    ):
        texts[path] = coordinator.root.call("GET", path).text
    found = [
        (where, name) for where, text in texts.items() for name, value in secrets.items() if value in text
    ]
    assert found == []


def test_tokens_are_kept_as_hashes(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    work_tree.ship(CI)
    job = runner.take()
    folder = project.coordinator.data.coordinator
    kept = project.coordinator.stored()
    assert project.path.encode() in kept
    for token in (project.root.token, runner.token, job.token):
        assert token.encode() not in kept
    assert folder.stat().st_mode & 0o077 == 0
    for name in ("admin-token", "secret-key", "registry-token.key"):
        assert (folder / name).stat().st_mode & 0o077 == 0, name


@pytest.mark.parametrize(
    "path",
    [
        "projects/²",
        "projects/99999999999999999999",
        "projects/" + "9" * 5000,
        "projects?page=99999999999999999999&per_page=100",
        "projects?per_page=0",
        "projects?page=-1",
        "projects/1/jobs/99999999999999999999999",
        "projects/1/pipelines/99999999999999999999999",
        "runners/99999999999999999999999",
        "projects?page=x",
        "projects/%00",
        "nothing",
    ],
)
def test_strange_numbers_are_answered_as_what_is_not_there(coordinator: Coordinator, path: str) -> None:
    assert coordinator.root.call("GET", path).status_code in (200, 400, 404)


@pytest.mark.parametrize(
    "body",
    [
        {"name": "a b"},
        {"name": "x.git"},
        {"name": "../x"},
        {"name": "x", "namespace_path": "api"},
        {"name": "x" * 250, "namespace_path": "y" * 10},
        {"name": "x", "visibility": "secret"},
        {"name": "x", "default_branch": "a b"},
        {"name": "x", "default_branch": ""},
        {"name": "x", "default_branch": "--upload-pack=x"},
        {"name": "x", "default_branch": "a..b"},
        {},
        [],
        {"name": ["x"]},
    ],
    ids=str,
)
def test_a_project_that_cannot_be_is_400(coordinator: Coordinator, body: object) -> None:
    answer = coordinator.root.call("POST", "projects", body)
    assert answer.status_code == 400, answer.text


def test_a_path_is_taken_once_however_it_is_spelled(project: Project) -> None:
    body = {"name": project.path.rpartition("/")[2].upper(), "namespace_path": "ACME"}
    answer = project.root.call("POST", "projects", body)
    assert (answer.status_code, "already been taken" in answer.text) == (400, True)


@pytest.mark.parametrize(
    "body",
    [
        {"key": "A B", "value": "x"},
        {"key": "A", "value": "short", "masked": True},
        {"key": "A", "value": "two\nlines of it", "masked": True},
        {"key": "A", "value": "x", "variable_type": "secret"},
        {"key": "A", "value": "x" * 100_001},
        {"value": "x"},
    ],
)
def test_a_variable_that_cannot_be_is_400(project: Project, body: object) -> None:
    assert project.root.call("POST", f"projects/{project.id}/variables", body).status_code == 400


def test_a_method_that_an_address_has_not_is_refused_with_those_that_it_has(project: Project) -> None:
    answer = project.root.call("PATCH", f"projects/{project.id}")
    assert (answer.status_code, answer.json()) == (405, {"error": "405 Not Allowed"})
    assert set(answer.headers["Allow"].split(", ")) >= {"GET", "PUT", "DELETE"}


def test_an_api_body_is_no_larger_than_4_mib(coordinator: Coordinator) -> None:
    body = {"name": "x", "description": "x" * (4 * 1024 * 1024)}
    answer = coordinator.root.call("POST", "projects", body)
    assert (answer.status_code, answer.json()) == (413, {"message": "413 Request Entity Too Large"})


def test_a_wrong_member_of_a_list_is_refused_by_the_list_s_name(project: Project) -> None:
    path = f"projects/{project.id}/jobs?scope[]=failed&scope[]=nonsense"
    answer = project.root.call("GET", path)
    assert (answer.status_code, answer.json()["error"].split()[0]) == (400, "scope")
