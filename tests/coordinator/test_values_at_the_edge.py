"""What one database stores and the other refuses: NUL and lone surrogates in text, numbers that are too large, names
that are too long. Whoever sends them is told; nobody gets a 500, and nothing stands still because of them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from typing import Any

import pytest
from tests.coordinator.browsing import sign_in
from tests.coordinator.databases import on_both_databases
from tests.coordinator.server import ZIP, Coordinator, Project, Runner, User, WorkTree

pytestmark = on_both_databases
CI = "job:\n  script: echo\n"
NUL, SURROGATE = "a\0b", "\ud800"
LARGE = ((1 << 31), (1 << 63) - 1, 1 << 63, 1 << 64, 10**30)


def sent(user: User, method: str, path: str, body: Any = None) -> int:
    """The status. The body is sent as JSON escapes it, surrogates and all."""
    content = None if body is None else json.dumps(body).encode()
    with user.coordinator.client(
        **{"PRIVATE-TOKEN": user.token, "Content-Type": "application/json"}
    ) as client:
        return client.request(method, f"/api/v4/{path}", content=content).status_code


BY_NUMBER = (
    "projects/{}", "groups/{}", "users/{}", "runners/{}", "namespaces/{}",
    "projects/P/pipelines/{}", "projects/P/pipelines/{}/jobs", "projects/P/pipelines/{}/bridges",
    "projects/P/pipelines/{}/variables", "projects/P/jobs/{}", "projects/P/jobs/{}/trace",
    "projects/P/jobs/{}/artifacts", "projects/P/environments/{}", "projects/P/deployments/{}",
    "projects/P/pipeline_schedules/{}", "projects/P/triggers/{}", "projects/P/merge_requests/{}",
    "projects/P/members/{}", "projects/P/access_tokens/{}", "personal_access_tokens/{}",
    "groups/acme/members/{}", "groups/acme/access_tokens/{}",
)  # fmt: skip
BY_NUMBER_IN_QUERY = (
    "projects?id_after={}", "projects?id_before={}", "projects?page={}", "projects?per_page={}",
    "projects?min_access_level={}", "groups?min_access_level={}", "users?page={}", "runners?page={}",
    "projects/P/repository/commits/main/statuses?pipeline_id={}",
)  # fmt: skip
BY_TEXT = (
    "projects?search={}", "projects?visibility={}", "groups?search={}", "users?username={}", "users?search={}",
    "namespaces?search={}", "namespaces/{}", "namespaces/{}/exists", "projects/{}", "groups/{}",
    "projects/P/pipelines?ref={}", "projects/P/pipelines?sha={}", "projects/P/pipelines?source={}",
    "projects/P/pipelines?status={}", "projects/P/pipelines/latest?ref={}", "projects/P/jobs?scope={}",
    "projects/P/variables/{}", "projects/P/variables/A?filter[environment_scope]={}",
    "groups/acme/variables/{}", "admin/ci/variables/{}", "projects/P/environments?name={}",
    "projects/P/environments?search={}", "projects/P/environments?states={}",
    "projects/P/deployments?environment={}", "projects/P/deployments?status={}",
    "projects/P/resource_groups/{}", "projects/P/merge_requests?state={}",
    "projects/P/merge_requests?source_branch={}", "projects/P/pipeline_schedules?scope={}",
    "projects/P/releases/{}", "projects/P/protected_branches/{}", "projects/P/protected_tags/{}",
    "projects/P/repository/branches/{}", "projects/P/repository/tags/{}", "projects/P/repository/tree?ref={}",
    "projects/P/repository/tree?path={}", "projects/P/repository/files/{}?ref=main",
    "projects/P/repository/commits/{}", "projects/P/repository/commits?ref_name={}",
    "projects/P/repository/commits/main/statuses?ref={}", "projects/P/repository/commits/main/statuses?stage={}",
    "projects/P/repository/commits/main/statuses?name={}", "projects/P/jobs/artifacts/{}/download?job=job",
    "projects/P/jobs/artifacts/main/download?job={}", "runners?tag_list={}", "runners?type={}",
)  # fmt: skip
SENT: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("POST", "projects", {"name": "T", "path": "new-one"}),
    ("PUT", "projects/P", {"description": "T"}),
    ("PUT", "projects/P", {"ci_config_path": "T"}),
    ("POST", "groups", {"name": "T", "path": "new-group"}),
    ("POST", "groups", {"name": "n", "path": "T"}),
    ("PUT", "groups/acme", {"description": "T"}),
    ("POST", "projects/P/variables", {"key": "A", "value": "a T"}),
    ("POST", "projects/P/variables", {"key": "A", "value": "a", "environment_scope": "T"}),
    ("POST", "projects/P/variables", {"key": "A", "value": "a", "description": "T"}),
    ("POST", "projects/P/pipeline", {"ref": "T"}),
    ("POST", "projects/P/pipeline", {"ref": "main", "variables": [{"key": "A", "value": "T"}]}),
    ("POST", "projects/P/pipeline", {"ref": "main", "inputs": {"a": "T"}}),
    ("POST", "projects/P/pipeline_schedules", {"description": "T", "ref": "main", "cron": "0 1 * * *"}),
    ("POST", "projects/P/triggers", {"description": "T"}),
    ("POST", "projects/P/environments", {"name": "T"}),
    ("POST", "projects/P/environments", {"name": "n", "external_url": "https://T"}),
    ("POST", "projects/P/releases", {"tag_name": "T", "ref": "main"}),
    ("POST", "projects/P/releases", {"tag_name": "v1", "ref": "main", "description": "T", "name": "T"}),
    ("POST", "projects/P/protected_branches", {"name": "T"}),
    ("POST", "projects/P/protected_tags", {"name": "T"}),
    ("POST", "projects/P/repository/branches", {"branch": "T", "ref": "main"}),
    ("POST", "projects/P/repository/branches", {"branch": "b", "ref": "T"}),
    ("POST", "projects/P/repository/tags", {"tag_name": "T", "ref": "main"}),
    ("POST", "projects/P/repository/tags", {"tag_name": "t", "ref": "main", "message": "T"}),
    ("POST", "projects/P/merge_requests", {"title": "T", "source_branch": "main", "target_branch": "x"}),
    ("POST", "projects/P/statuses/main", {"state": "success", "name": "T"}),
    ("POST", "projects/P/statuses/main", {"state": "success", "description": "T"}),
    ("POST", "projects/P/ci/lint", {"content": "T: {script: e}"}),
    ("POST", "projects/P/access_tokens", {"name": "T", "scopes": ["api"]}),
    ("POST", "users", {"username": "T", "name": "T"}),
    ("POST", "users", {"username": "somebody", "name": "T"}),
    ("POST", "user/runners", {"runner_type": "instance_type", "description": "T", "tag_list": ["T"]}),
)


@pytest.fixture(scope="module")
def made(coordinator: Coordinator, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """With a branch main, for tests that only look or are refused."""
    project = coordinator.project()
    project.work_tree(tmp_path_factory.mktemp("tree")).ship(CI)
    return project


def answers(project: Project, paths: Iterable[str]) -> dict[str, int]:
    with project.coordinator.client(**{"PRIVATE-TOKEN": project.root.token}) as client:
        return {
            path: client.get(f"/api/v4/{path.replace('P/', f'{project.id}/')}").status_code for path in paths
        }


def test_a_number_that_is_nobody_s_is_not_found_however_large_it_is(made: Project) -> None:
    paths = [path.format(number) for path in BY_NUMBER for number in LARGE]
    assert {path: status for path, status in answers(made, paths).items() if status != 404} == {}


def test_a_page_that_is_nobody_s_is_not_found_however_large_its_number_is(made: Project) -> None:
    with made.coordinator.client() as client:
        for number in LARGE:
            for rest in ("pipelines", "jobs", "environments", "merge_requests"):
                answer = client.get(f"/{made.path}/-/{rest}/{number}")
                assert answer.status_code in (302, 404), (rest, number, answer.text)
            assert client.put(f"/api/v4/jobs/{number}", json={"token": "x"}).status_code == 403
            assert client.get(f"/api/v4/jobs/{number}/artifacts").status_code in (401, 403)


def test_a_number_in_a_query_may_be_as_large_as_it_likes(made: Project) -> None:
    paths = [path.format(number) for path in BY_NUMBER_IN_QUERY for number in LARGE]
    assert {path: status for path, status in answers(made, paths).items() if status not in (200, 400)} == {}


@pytest.mark.parametrize("text", ["%ED%A0%80", "%FF", "a" * 3000])
def test_text_that_is_nobody_s_is_no_error_of_the_server_s(made: Project, text: str) -> None:
    found = answers(made, [path.format(text) for path in BY_TEXT])
    assert {path: status for path, status in found.items() if status not in (200, 400, 403, 404, 414)} == {}


def test_a_nul_in_an_address_is_refused(made: Project) -> None:
    found = answers(made, [path.format("a%00b") for path in BY_TEXT])
    assert set(found.values()) == {400}
    with made.coordinator.client() as client:
        assert client.get(f"/{made.path}%00/-/pipelines").status_code == 400
        assert client.get(f"/{made.path}.git/info/refs?service=git-upload-pack%00").status_code == 400


@pytest.mark.parametrize("text", [NUL, SURROGATE])
def test_text_that_is_none_is_refused_wherever_it_is_sent(made: Project, text: str) -> None:
    found = {}
    for method, path, body in SENT:
        found[path, str(body)] = sent(
            made.root, method, path.replace("P", str(made.id)), with_text(body, text)
        )
    assert {what: status for what, status in found.items() if status != 400} == {}


def test_text_that_is_long_is_stored_or_refused(made: Project) -> None:
    found = {}
    for method, path, body in SENT:
        filled = with_text(body, "x" * 70_000)
        found[path, str(body)] = sent(made.root, method, path.replace("P", str(made.id)), filled)
    assert {what: status for what, status in found.items() if status >= 500} == {}


def with_text(body: Any, text: str) -> Any:
    if isinstance(body, str):
        return text.join(body.split("T"))
    if isinstance(body, list):
        return [with_text(one, text) for one in body]
    return {key: with_text(one, text) for key, one in body.items()} if isinstance(body, dict) else body


@pytest.mark.parametrize(
    "ci",
    [
        'job:\n  script: ["echo a\\0b"]\n',
        'job:\n  script: echo\n  variables: {A: "a\\0b"}\n',
        '"jo\\0b":\n  script: echo\n',
        'stages: ["a\\0b"]\njob:\n  stage: "a\\0b"\n  script: echo\n',
        'job:\n  script: echo\n  environment: "a\\0b"\n',
        'job:\n  script: echo\n  resource_group: "a\\0b"\n',
        'job:\n  script: echo\n  tags: ["a\\0b"]\n',
        'workflow:\n  name: "a\\0b"\njob:\n  script: echo\n',
        'job:\n  script: ["\\uD800"]\n',
        '"\\0": 1\njob: {script: echo}\n',
    ],
)
def test_a_configuration_with_a_nul_is_a_pipeline_or_its_error_never_a_push_that_fails(
    project: Project, work_tree: WorkTree, runner: Runner, ci: str
) -> None:
    pushed = work_tree.ship(ci)
    assert f"Pipeline #{project.pipeline()['id']}" in pushed.said
    if project.pipeline()["status"] != "failed":
        runner.take().succeed()


@pytest.mark.parametrize("length", [200, 255, 256, 400, 1000])
def test_a_branch_may_be_called_as_long_as_git_lets_it(
    project: Project, work_tree: WorkTree, length: int
) -> None:
    """A name that no row can hold is refused with words, not with a push that breaks off."""
    sha = work_tree.commit({".gitlab-ci.yml": CI})
    name = "/".join(["b" * 97] * 20)[:length]
    pushed = work_tree.push(f"HEAD:refs/heads/{name}")
    if length <= 255:
        assert pushed.ok, pushed.said
        assert (project.pipeline()["ref"], project.pipeline()["sha"]) == (name, sha)
    else:
        assert not pushed.ok
        assert "255" in pushed.said


def test_a_runner_s_words_may_hold_anything(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    work_tree.ship(CI)
    info = {
        "name": NUL,
        "version": NUL,
        "executor": "docker",
        "features": {"a\0b": True},
        "platform": "x" * 10_000,
    }
    body = json.dumps({"token": runner.token, "system_id": "s_0123456789ab", "info": info})
    with project.coordinator.client(**{"Content-Type": "application/json"}) as client:
        assert client.post("/api/v4/jobs/request", content=body).status_code in (201, 400)
        told = json.dumps({"token": runner.token, "system_id": "a\0b" * 40})
        assert client.post("/api/v4/runners/verify", content=told).status_code in (200, 400, 403)


def test_nobody_signs_in_with_a_nul(coordinator: Coordinator) -> None:
    for name, secret in ((NUL, "secret"), (coordinator.root.name, NUL), ("x" * 3000, "secret")):
        with coordinator.client() as client:
            assert sign_in(client, User(coordinator, 0, name, secret)).status_code == 401


def test_a_report_with_a_nul_is_refused_and_its_job_goes_on(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship("job:\n  script: echo\n  environment: {name: x, url: $URL}\n")
    job = runner.take()
    answer = job.upload(gzip.compress(b"URL=https://a\0b"), artifact_type="dotenv", artifact_format="gzip")
    assert (answer.status_code, "NUL" in answer.text) == (400, True)
    job.succeed()
    assert project.statuses() == {"job": "success"}


def test_a_log_may_hold_anything(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    work_tree.ship("job:\n  script: echo\n  coverage: '/(\\d+)%/'\n")
    job = runner.take()
    job.trace(b"a\0b \xff\xfe 42% \xed\xa0\x80\n")
    job.succeed()
    assert project.jobs()["job"]["coverage"] == 42


NINES = "9" * 400
TIMES = (
    "timeout: 1000 years",
    f"timeout: {NINES} years",
    "{when: delayed, start_in: 100000 years}",
    f"{{when: delayed, start_in: {NINES} weeks}}",
    "environment: {name: x, auto_stop_in: 100000 years}",
    f"environment: {{name: x, auto_stop_in: {NINES} weeks}}",
    "{artifacts: {paths: [a], expire_in: 100000 years}}",
    f"{{artifacts: {{paths: [a], expire_in: {NINES} weeks}}}}",
    "allow_failure: {exit_codes: 99999999999999999999}",
)


def test_times_and_numbers_that_no_row_holds_are_told_or_as_good_as_for_ever(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    for time in TIMES:
        inner = time.removeprefix("{").removesuffix("}") if time.startswith("{") else time
        pushed = work_tree.ship(f"job: {{script: echo, {inner}}}\n")
        assert f"Pipeline #{project.pipeline()['id']}" in pushed.said, (time, pushed.said)
        if project.jobs().get("job", {}).get("status") == "pending":
            job = runner.take()
            assert job.upload(ZIP, expire_in="9" * 400 + " weeks").status_code == 201
            job.succeed()
            assert project.statuses() == {"job": "success"}
