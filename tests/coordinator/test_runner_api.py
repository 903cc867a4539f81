"""The coordinator's half of the Runner API, call by call, as a runner sends them."""

from __future__ import annotations

import gzip
import socket
import zlib
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from tests.coordinator.server import ANSWER_SECONDS, Coordinator, Job, Project, Runner, WorkTree

CI = "job:\n  script: echo\n"
FULL = """\
stages: [build, test]
variables:
  GREETING: hello
build:
  stage: build
  script: make
  artifacts:
    name: built
    paths: [dist/]
    exclude: ["*.tmp"]
    expire_in: 1 week
    reports:
      dotenv: build.env
      junit: report.xml
test:
  stage: test
  image:
    name: python:3.12
    entrypoint: [""]
    pull_policy: if-not-present
  services:
    - name: postgres:16
      alias: db
      command: [postgres, -N, "20"]
      variables:
        POSTGRES_PASSWORD: postgres
  variables:
    LEVEL: $GREETING-job
  timeout: 10 minutes
  before_script: [pip install .]
  script: [pytest]
  after_script: [echo bye]
"""


@pytest.fixture
def job(work_tree: WorkTree, runner: Runner) -> Job:
    """The one job of a pipeline, taken."""
    work_tree.ship(CI)
    return runner.take()


def dotenv(text: str) -> bytes:
    return gzip.compress(text.encode())


def test_verify_answers_a_good_token_with_the_runner(runner: Runner) -> None:
    answer = runner.verify()
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json() == {"id": runner.id, "token": runner.token, "token_expires_at": None}


@pytest.mark.parametrize("token", ["", "glrt-wrong", "glrt-\0", "glpat-", "x" * 2000], ids=repr)
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
            for body in (b"", b"[]", b"{", b'"token"', b"\xff"):
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


def test_there_is_no_job_router(coordinator: Coordinator) -> None:
    with coordinator.client() as client:
        assert client.get("/api/v4/runners/router/discovery").status_code == 501


def test_without_a_job_the_answer_is_204_with_the_queue_s_value(runner: Runner) -> None:
    answer = runner.request()
    assert answer.status_code == 204
    assert answer.headers["X-GitLab-Last-Update"]
    assert answer.content == b""


def test_an_unknown_runner_s_request_is_403(runner: Runner) -> None:
    stranger = Runner(runner.coordinator, 0, "glrt-wrong")
    assert stranger.request().status_code == 403


def test_a_request_is_no_larger_than_32_kib(runner: Runner) -> None:
    runner.features = {"x" * 33_000: True}
    assert runner.request().status_code == 413


def test_a_long_poll_is_answered_when_a_job_becomes_pending(work_tree: WorkTree, runner: Runner) -> None:
    work_tree.commit({".gitlab-ci.yml": CI})
    runner.request()
    with ThreadPoolExecutor(1) as pool:

        def poll() -> httpx.Response:
            # Another's job may wake it: then it asks again, as runners do.
            answer = runner.request(runner.last_update)
            while answer.status_code == 204:
                answer = runner.request(runner.last_update)
            return answer

        polling = pool.submit(poll)
        assert work_tree.push().ok
        assert polling.result().status_code == 201


def test_the_payload_has_every_member(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    pushed = work_tree.ship(FULL)
    build = runner.take()
    assert build.upload(b"zip", artifact_type="archive", artifact_format="zip").status_code == 201
    build.succeed()
    test = runner.take()
    pipeline = project.pipeline()
    coordinator = project.coordinator
    host = coordinator.url.removeprefix("http://")
    repository = f"http://gitlab-ci-token:{test.token}@{host}/{project.path}.git"
    payload = dict(test.payload)
    payload.pop("variables")
    assert payload.pop("features")["trace_sections"] is True
    assert payload == {
        "id": test.id,
        "token": test.token,
        "allow_git_fetch": True,
        "job_info": {
            "id": test.id,
            "name": "test",
            "stage": "test",
            "pipeline_id": pipeline["id"],
            "project_id": project.id,
            "project_name": project.path.rpartition("/")[2],
            "project_full_path": project.path,
            "user_id": 1,
        },
        "git_info": {
            "repo_url": repository,
            "repo_object_format": "sha1",
            "ref": "main",
            "sha": pushed.sha,
            "before_sha": "0" * 40,
            "ref_type": "branch",
            "refspecs": [
                f"+refs/pipelines/{pipeline['id']}:refs/pipelines/{pipeline['id']}",
                "+refs/heads/main:refs/remotes/origin/main",
            ],
            "depth": 20,
            "protected": False,
        },
        "runner_info": {"timeout": 600},
        "steps": [
            {
                "name": "script",
                "script": ["pip install .", "pytest"],
                "timeout": 600,
                "when": "on_success",
                "allow_failure": False,
            },
            {
                "name": "after_script",
                "script": ["echo bye"],
                "timeout": 600,
                "when": "always",
                "allow_failure": True,
            },
        ],
        "image": {
            "name": "python:3.12",
            "alias": None,
            "entrypoint": [""],
            "command": None,
            "variables": [],
            "pull_policy": ["if-not-present"],
        },
        "services": [
            {
                "name": "postgres:16",
                "alias": "db",
                "entrypoint": None,
                "command": ["postgres", "-N", "20"],
                "variables": [
                    {
                        "key": "POSTGRES_PASSWORD",
                        "value": "postgres",
                        "public": True,
                        "masked": False,
                        "file": False,
                        "raw": False,
                    }
                ],
                "pull_policy": [],
            }
        ],
        "artifacts": [],
        "credentials": [
            {"type": "registry", "url": url, "username": "gitlab-ci-token", "password": test.token}
            for url in ("registry.shipline.internal:5000", "gitlab.example.com")
        ],
        "inputs": [],
        "dependencies": [
            {
                "id": build.id,
                "name": "build",
                "token": test.token,
                "artifacts_file": {"filename": "artifacts.zip", "size": 3},
            }
        ],
    }
    assert build.payload["artifacts"] == [
        {
            "name": "built",
            "untracked": False,
            "paths": ["dist/"],
            "exclude": ["*.tmp"],
            "when": "on_success",
            "artifact_type": "archive",
            "artifact_format": "zip",
            "expire_in": "1 week",
        },
        {
            "name": ".env",
            "untracked": False,
            "paths": ["build.env"],
            "exclude": [],
            "when": "always",
            "artifact_type": "dotenv",
            "artifact_format": "gzip",
            "expire_in": "1 week",
        },
        {
            "name": "junit.xml",
            "untracked": False,
            "paths": ["report.xml"],
            "exclude": [],
            "when": "always",
            "artifact_type": "junit",
            "artifact_format": "gzip",
            "expire_in": "1 week",
        },
    ]


def test_the_predefined_variables_are_those_of_the_job(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    sha = work_tree.ship(CI, message="The title\n\nMore of it.").sha
    job = runner.take()
    pipeline = project.pipeline()
    registry = "registry.shipline.internal:5000"
    wanted = {
        "CI": "true",
        "GITLAB_CI": "true",
        "CI_SERVER_URL": project.coordinator.url,
        "CI_API_V4_URL": f"{project.coordinator.url}/api/v4",
        "CI_PROJECT_ID": str(project.id),
        "CI_PROJECT_PATH": project.path,
        "CI_PROJECT_NAMESPACE": "acme",
        "CI_PROJECT_URL": f"{project.coordinator.url}/{project.path}",
        "CI_DEFAULT_BRANCH": "main",
        "CI_COMMIT_SHA": sha,
        "CI_COMMIT_SHORT_SHA": sha[:8],
        "CI_COMMIT_BEFORE_SHA": "0" * 40,
        "CI_COMMIT_REF_NAME": "main",
        "CI_COMMIT_REF_SLUG": "main",
        "CI_COMMIT_BRANCH": "main",
        "CI_COMMIT_REF_PROTECTED": "false",
        "CI_COMMIT_TITLE": "The title",
        "CI_COMMIT_DESCRIPTION": "More of it.",
        "CI_COMMIT_AUTHOR": "Sam Example <sam@example.com>",
        "CI_PIPELINE_ID": str(pipeline["id"]),
        "CI_PIPELINE_IID": str(pipeline["iid"]),
        "CI_PIPELINE_SOURCE": "push",
        "CI_PIPELINE_URL": pipeline["web_url"],
        "CI_JOB_ID": str(job.id),
        "CI_JOB_NAME": "job",
        "CI_JOB_STAGE": "test",
        "CI_JOB_TOKEN": job.token,
        "CI_JOB_URL": f"{project.coordinator.url}/{project.path}/-/jobs/{job.id}",
        "CI_RUNNER_ID": str(runner.id),
        "CI_RUNNER_DESCRIPTION": "for tests",
        "CI_REGISTRY": registry,
        "CI_REGISTRY_IMAGE": f"{registry}/{project.path}",
        "CI_REGISTRY_USER": "gitlab-ci-token",
        "CI_REGISTRY_PASSWORD": job.token,
        "CI_REPOSITORY_URL": job.payload["git_info"]["repo_url"],
        "GITLAB_USER_LOGIN": "root",
    }
    assert {name: job.variables.get(name) for name in wanted} == wanted
    assert "CI_COMMIT_TAG" not in job.variables
    # Whatever holds the token is told as a secret.
    for variable in job.payload["variables"]:
        if job.token in variable["value"]:
            assert (variable["masked"], variable["public"]) == (True, False), variable["key"]


def test_a_runner_s_tags_are_told_to_its_jobs(project: Project, work_tree: WorkTree) -> None:
    work_tree.ship(CI)
    assert (
        project.runner(tag_list=["docker", "ec2"]).take().variables["CI_RUNNER_TAGS"] == '["docker", "ec2"]'
    )


def test_many_requests_at_once_never_give_one_job_to_two(project: Project, work_tree: WorkTree) -> None:
    names = [f"job{number}" for number in range(24)]
    work_tree.ship("".join(f"{name}:\n  script: echo\n" for name in names))
    runners = [project.runner() for _ in range(8)]

    def take_until_none(runner: Runner) -> list[tuple[str, str]]:
        return [(name, job.token) for name, job in runner.take_all().items()]

    with ThreadPoolExecutor(len(runners)) as pool:
        taken = [pair for found in pool.map(take_until_none, runners) for pair in found]
    assert sorted(name for name, _ in taken) == sorted(names)
    assert len({token for _, token in taken}) == len(names)


def test_jobs_go_to_runners_with_their_tags(project: Project, work_tree: WorkTree) -> None:
    work_tree.ship(
        "plain:\n  script: echo\n"
        "docker:\n  script: echo\n  tags: [docker]\n"
        "both:\n  script: echo\n  tags: [docker, arm]\n"
    )
    tagged_only = project.runner(tag_list="docker", run_untagged=False)
    assert set(tagged_only.take_all()) == {"docker"}
    assert set(project.runner().take_all()) == {"plain"}
    assert set(project.runner(tag_list=["arm", "docker", "more"]).take_all()) == {"both"}


def test_a_paused_runner_gets_nothing_until_it_goes_on(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    project.root.put(f"runners/{runner.id}", {"paused": True})
    work_tree.ship(CI)
    assert runner.request().status_code == 204
    with ThreadPoolExecutor(1) as pool:
        polling = pool.submit(runner.request, runner.last_update)
        project.root.put(f"runners/{runner.id}", {"paused": False})
        assert polling.result().status_code == 201


def test_a_protected_runner_takes_jobs_of_protected_branches_only(
    project: Project, work_tree: WorkTree
) -> None:
    runner = project.runner(access_level="ref_protected")
    project.protect("main")
    work_tree.ship(CI, branch="topic")
    assert runner.request().status_code == 204
    work_tree.ship(CI)
    assert runner.take().payload["git_info"]["protected"] is True


def test_a_project_s_runner_takes_no_other_project_s_jobs(
    coordinator: Coordinator, work_tree: WorkTree
) -> None:
    work_tree.ship(CI)
    assert coordinator.project().runner().request().status_code == 204


def test_jobs_that_no_runner_takes_do_not_hold_up_those_behind_them(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    nobodys = "".join(f"a{number}:\n  script: echo\n  tags: [nowhere]\n" for number in range(250))
    work_tree.ship(nobodys + CI)
    assert runner.take().name == "job"


def test_a_runner_s_timeout_bounds_the_job_s(project: Project, work_tree: WorkTree) -> None:
    work_tree.ship("job:\n  script: echo\n  timeout: 2h\n")
    job = project.runner(maximum_timeout=1200).take()
    assert job.payload["runner_info"]["timeout"] == 1200
    assert job.variables["CI_JOB_TIMEOUT"] == "1200"


def test_the_log_grows_piece_by_piece(project: Project, job: Job) -> None:
    first = job.trace(b"hello ")
    assert (first.status_code, first.headers["Range"], first.headers["Job-Status"]) == (202, "0-6", "running")
    assert int(first.headers["X-GitLab-Trace-Update-Interval"]) > 0
    second = job.trace(b"world\n", 6)
    assert (second.status_code, second.headers["Range"]) == (202, "0-12")
    assert project.trace(job.id) == "hello world\n"


@pytest.mark.parametrize("start", [0, 3, 7, 1000])
def test_a_piece_that_does_not_follow_is_416_with_the_size_that_is_there(
    project: Project, job: Job, start: int
) -> None:
    job.trace(b"hello ")
    answer = job.trace(b"world", start)
    assert (answer.status_code, answer.headers["Range"]) == (416, "0-6")
    assert answer.headers["Job-Status"] == "running"
    assert project.trace(job.id) == "hello "


def test_a_piece_that_is_sent_again_is_told_to_be_there(project: Project, job: Job) -> None:
    job.trace(b"hello ")
    again = job.trace(b"hello ")
    assert (again.status_code, again.headers["Range"]) == (416, "0-6")
    assert project.trace(job.id) == "hello "


@pytest.mark.parametrize("content_range", ["", "5", "0-", "bytes 0-4/5", "-1-3", "a-b", "0-99", "4-0"])
def test_a_piece_without_a_right_range_is_400(project: Project, job: Job, content_range: str) -> None:
    assert job.trace(b"hello", content_range=content_range).status_code == 400
    assert project.trace(job.id) == ""


def test_two_pieces_for_one_place_leave_one(project: Project, job: Job) -> None:
    pieces = [bytes([65 + number]) * 1000 for number in range(8)]
    with ThreadPoolExecutor(len(pieces)) as pool:
        statuses = list(pool.map(lambda piece: job.trace(piece).status_code, pieces))
    assert sorted(statuses) == [202, *[416] * 7]
    assert project.trace(job.id).encode() == pieces[statuses.index(202)]


def test_a_piece_is_no_larger_than_4_mib(job: Job) -> None:
    assert job.trace(b"x" * (4 * 1024 * 1024 + 1)).status_code == 413


def test_a_log_may_hold_any_bytes(project: Project, job: Job) -> None:
    content = bytes(range(256))
    assert job.trace(content).status_code == 202
    answer = project.root.call("GET", f"projects/{project.id}/jobs/{job.id}/trace")
    assert answer.content == content


def test_only_the_job_s_own_token_opens_it(project: Project, work_tree: WorkTree, runner: Runner) -> None:
    work_tree.ship("one:\n  script: echo\ntwo:\n  script: echo\n")
    one, two = runner.take_all().values()
    for token in (two.token, runner.token, project.root.token, "", "wrong"):
        stranger = Job(one.coordinator, one.payload | {"token": token})
        assert stranger.trace(b"hello").status_code == 403
        assert stranger.update("success").status_code == 403
        assert stranger.upload(b"zip").status_code == 403
        assert "Job-Status" not in stranger.update("success").headers
    assert project.trace(one.id) == ""
    assert project.statuses()["one"] == "running"


@pytest.mark.parametrize(
    ("state", "members", "status", "reason", "code"),
    [
        ("success", {}, "success", None, None),
        ("failed", {"failure_reason": "script_failure", "exit_code": 7}, "failed", "script_failure", 7),
        ("failed", {"failure_reason": "image_pull_failure"}, "failed", "image_pull_failure", None),
        ("failed", {"failure_reason": "of my own making"}, "failed", "unknown_failure", None),
        ("failed", {}, "failed", "unknown_failure", None),
    ],
)
def test_a_runner_tells_how_the_job_ended(
    project: Project,
    job: Job,
    state: str,
    members: dict[str, object],
    status: str,
    reason: str | None,
    code: int | None,
) -> None:
    answer = job.update(state, checksum="crc32:00000000", output={"bytesize": 0}, **members)
    assert (answer.status_code, answer.json()) == (200, 200)
    assert answer.headers["Job-Status"] == status
    found = project.jobs()["job"]
    assert (found["status"], found["failure_reason"], found["exit_code"]) == (status, reason, code)
    assert found["finished_at"] is not None
    assert project.pipeline()["status"] == status


def test_running_is_a_sign_of_life(project: Project, job: Job) -> None:
    answer = job.update("running")
    assert (answer.status_code, answer.headers["Job-Status"]) == (200, "running")
    assert project.statuses() == {"job": "running"}


@pytest.mark.parametrize("state", ["pending", "canceled", "nonsense"])
def test_any_other_state_is_400(project: Project, job: Job, state: str) -> None:
    answer = job.update(state)
    assert (answer.status_code, answer.headers["Job-Status"]) == (400, "running")
    assert project.statuses() == {"job": "running"}


def test_an_exit_code_that_no_program_has_is_400(project: Project, job: Job) -> None:
    assert job.update("failed", exit_code=10**30).status_code == 400
    assert project.statuses() == {"job": "running"}


def test_a_finished_job_answers_403_with_its_status(project: Project, job: Job) -> None:
    job.trace(b"all")
    job.succeed()
    for answer in (job.update("failed"), job.update("running"), job.trace(b"more", 3), job.upload(b"zip")):
        assert (answer.status_code, answer.headers.get("Job-Status")) == (403, "success")
    assert job.download(job.id).status_code == 401
    assert project.trace(job.id) == "all"
    assert project.statuses() == {"job": "success"}


def test_a_job_ends_once_however_many_say_so(project: Project, job: Job) -> None:
    states = ["success", "failed"] * 4
    with ThreadPoolExecutor(len(states)) as pool:
        answers = list(pool.map(job.update, states))
    accepted = [answer.headers["Job-Status"] for answer in answers if answer.status_code == 200]
    assert accepted == [project.statuses()["job"]]


def test_artifacts_go_up_and_come_down_to_a_dependent_job(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(FULL)
    build = runner.take()
    content = bytes(range(256)) * 1000
    answer = build.upload(content, artifact_type="archive", artifact_format="zip", expire_in="1 week")
    assert (answer.status_code, answer.json()) == (201, 201)
    build.succeed()
    test = runner.take()
    dependency = test.payload["dependencies"][0]
    assert dependency["artifacts_file"] == {"filename": "artifacts.zip", "size": len(content)}
    down = test.download(dependency["id"])
    assert (down.status_code, down.content) == (200, content)
    path = f"projects/{project.id}/jobs/{build.id}/artifacts"
    assert project.root.call("GET", path).content == content


def test_artifacts_come_down_to_jobs_of_the_same_project_only(
    coordinator: Coordinator, job: Job, work_tree: WorkTree, tmp_path_factory: pytest.TempPathFactory
) -> None:
    job.upload(b"zip")
    other = coordinator.project()
    other.work_tree(tmp_path_factory.mktemp("other")).ship(CI)
    stranger = other.runner().take()
    assert stranger.download(job.id).status_code == 404
    assert stranger.download(stranger.id).status_code == 404
    assert stranger.download(10**12).status_code == 404
    with coordinator.client() as client:
        assert client.get(f"/api/v4/jobs/{job.id}/artifacts").status_code == 401


def test_the_same_archive_again_is_accepted_and_another_is_not(job: Job) -> None:
    assert job.upload(b"first").status_code == 201
    assert job.upload(b"first").status_code == 201
    refused = job.upload(b"second")
    assert refused.status_code == 400
    assert "already exists" in refused.json()["message"]
    assert job.download(job.id).content == b"first"


def test_of_many_archives_at_once_one_is_kept_whole(project: Project, job: Job) -> None:
    contents = [bytes([65 + number]) * 50_000 for number in range(8)]
    with ThreadPoolExecutor(len(contents)) as pool:
        statuses = list(pool.map(lambda content: job.upload(content).status_code, contents))
    assert sorted(statuses) == [201, *[400] * 7]
    assert job.download(job.id).content == contents[statuses.index(201)]


@pytest.mark.parametrize(
    "query",
    [
        {"artifact_type": "../../etc"},
        {"artifact_type": "Archive"},
        {"artifact_type": "x" * 41},
        {"artifact_format": "tar"},
        {"artifact_format": "../zip"},
    ],
)
def test_an_artifact_of_an_unknown_kind_is_400(job: Job, query: dict[str, str]) -> None:
    assert job.upload(b"zip", **query).status_code == 400


def test_an_upload_without_a_file_is_400(job: Job) -> None:
    assert job.call("POST", "/artifacts", data={"file": "just text"}).status_code == 400
    assert job.call("POST", "/artifacts", files={"other": ("a.zip", b"zip")}).status_code == 400
    kind = {"Content-Type": "multipart/form-data"}
    assert job.call("POST", "/artifacts", content=b"no parts", headers=kind).status_code == 400


@pytest.mark.parametrize("expire_in", ["never", "1 week", "nonsense", "999999999 years", "9" * 400, "0"])
def test_whatever_the_expiry_is_the_archive_is_kept(job: Job, expire_in: str) -> None:
    assert job.upload(b"zip", expire_in=expire_in).status_code == 201
    assert job.download(job.id).content == b"zip"


def test_a_file_name_cannot_leave_its_header(project: Project, job: Job) -> None:
    assert job.upload(b"zip", name='a"; filename="b.exe').status_code == 201
    answer = project.root.call("GET", f"projects/{project.id}/jobs/{job.id}/artifacts")
    assert answer.content == b"zip"
    assert 'filename="b.exe' not in answer.headers["Content-Disposition"].replace('\\"', "")


def test_dotenv_variables_reach_dependent_jobs(work_tree: WorkTree, runner: Runner) -> None:
    work_tree.ship(FULL)
    build = runner.take()
    text = 'VERSION=1.2\nURL="http://a/?b=c"\nNOT A VARIABLE\n\n'
    assert build.upload(dotenv(text), artifact_type="dotenv", artifact_format="gzip").status_code == 201
    build.succeed()
    variables = runner.take().variables
    assert (variables["VERSION"], variables["URL"]) == ("1.2", "http://a/?b=c")
    assert "NOT A VARIABLE" not in variables


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"VERSION=1", "gzip"),
        (dotenv("VERSION=1")[:-9], "gzip"),
        (dotenv("VERSION=1")[:10] + b"\xff" * 30, "gzip"),
        (b"VERSION=1", "raw"),
        (dotenv("A=" + "x" * 5119), "gzip"),
        (zlib.compress(b"A=1"), "gzip"),
        (dotenv("".join(f"A{number}=1\n" for number in range(151))), "gzip"),
        (gzip.compress(b"\0" * 100_000_000), "gzip"),
    ],
    ids=["plain", "cut", "garbage", "raw", "too-large", "zlib", "too-many", "bomb"],
)
def test_a_dotenv_report_that_is_wrong_is_told_to_the_job_that_made_it(
    work_tree: WorkTree, runner: Runner, content: bytes, kind: str
) -> None:
    work_tree.ship(FULL)
    build = runner.take()
    assert build.upload(content, artifact_type="dotenv", artifact_format=kind).status_code == 400
    build.succeed()
    assert runner.take().name == "test"


def test_a_job_that_cannot_be_made_ready_fails_and_those_behind_it_go_on(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(FULL)
    build = runner.take()
    assert build.upload(dotenv("A=1"), artifact_type="dotenv", artifact_format="gzip").status_code == 201
    build.succeed()
    folder = project.coordinator.data.coordinator / "artifacts" / str(project.id) / str(build.id)
    (folder / "dotenv.gzip").unlink()
    work_tree.ship(CI, branch="other")
    assert runner.take().name == "job"
    first = project.jobs(project.pipelines()[1]["id"])
    assert (first["test"]["status"], first["test"]["failure_reason"]) == ("failed", "scheduler_failure")
    assert project.pipelines()[1]["status"] == "failed"


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(job: Job) -> None:
    head = (
        f"POST /api/v4/jobs/{job.id}/artifacts HTTP/1.1\r\nHost: localhost\r\nJOB-TOKEN: {job.token}\r\n"
        f"Expect: 100-continue\r\nContent-Length: {2 * 1024**3}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", job.coordinator.port), ANSWER_SECONDS) as connection:
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_a_large_body_is_taken_from_those_only_who_may_send_one(job: Job) -> None:
    large = b"x" * (5 * 1024 * 1024)
    stranger = Job(job.coordinator, job.payload | {"token": "glcbt-wrong"})
    for way in (large, [large]):
        answer = stranger.call("POST", "/artifacts", content=iter(way) if isinstance(way, list) else way)
        assert answer.status_code == 413
    assert job.upload(large).status_code == 201


def test_current_job_is_told_by_its_token(project: Project, job: Job) -> None:
    with job.coordinator.client(**{"JOB-TOKEN": job.token}) as client:
        assert client.get("/api/v4/job").json()["id"] == job.id
    with job.coordinator.client(**{"JOB-TOKEN": "wrong"}) as client:
        assert client.get("/api/v4/job").status_code == 401
