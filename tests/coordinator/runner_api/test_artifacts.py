"""What a job leaves behind, and who gets it."""

from __future__ import annotations

import gzip
import socket
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.runner_api.configurations import CI, FULL, dotenv
from tests.coordinator.server import (
    ANSWER_SECONDS,
    DEVELOPER,
    GUEST,
    MAINTAINER,
    REPORTER,
    ZIP,
    Coordinator,
    Job,
    Project,
    Runner,
    WorkTree,
    until,
    zipped,
)

from shipline.protocols.artifact_types import ARTIFACT_TYPES, OWN_TYPES

pytestmark = on_both_databases


def test_artifacts_go_up_and_come_down_to_a_dependent_job(
    project: Project, work_tree: WorkTree, runner: Runner
) -> None:
    work_tree.ship(FULL)
    build = runner.take()
    content = zipped(dist__app=bytes(range(256)) * 1000)
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
    job.upload(ZIP)
    other = coordinator.project()
    other.work_tree(tmp_path_factory.mktemp("other")).ship(CI)
    stranger = other.runner().take()
    assert stranger.download(job.id).status_code == 404
    assert stranger.download(stranger.id).status_code == 404
    assert stranger.download(10**12).status_code == 404
    with coordinator.client() as client:
        assert client.get(f"/api/v4/jobs/{job.id}/artifacts").status_code == 401


def test_the_same_archive_again_is_accepted_and_another_is_not(job: Job) -> None:
    first = zipped(a="first")
    assert job.upload(first).status_code == 201
    assert job.upload(first).status_code == 201
    refused = job.upload(zipped(a="second"))
    assert refused.status_code == 400
    assert "already exists" in refused.json()["message"]
    assert job.download(job.id).content == first


def test_of_many_archives_at_once_one_is_kept_whole(project: Project, job: Job) -> None:
    contents = [zipped(a=bytes([65 + number]) * 50_000) for number in range(8)]
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
    assert job.upload(ZIP, **query).status_code == 400


def test_an_upload_without_a_file_is_400(job: Job) -> None:
    assert job.call("POST", "/artifacts", data={"file": "just text"}).status_code == 400
    assert job.call("POST", "/artifacts", files={"other": ("a.zip", ZIP)}).status_code == 400
    kind = {"Content-Type": "multipart/form-data"}
    assert job.call("POST", "/artifacts", content=b"no parts", headers=kind).status_code == 400


@pytest.mark.parametrize("expire_in", ["never", "1 week", "nonsense", "999999999 years", "9" * 400, "0"])
def test_whatever_the_expiry_is_the_archive_is_kept(job: Job, expire_in: str) -> None:
    assert job.upload(ZIP, expire_in=expire_in).status_code == 201
    assert job.download(job.id).content == ZIP


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
    large = zipped(a=b"x" * (5 * 1024 * 1024))
    stranger = Job(job.coordinator, job.payload | {"token": "glcbt-wrong"})
    for way in (large, [large]):
        answer = stranger.call("POST", "/artifacts", content=iter(way) if isinstance(way, list) else way)
        assert answer.status_code == 413
    assert job.upload(large).status_code == 201


def test_a_file_name_cannot_leave_its_header(project: Project, job: Job) -> None:
    assert job.upload(ZIP, name='a"; filename="b.exe').status_code == 201
    answer = project.root.call("GET", f"projects/{project.id}/jobs/{job.id}/artifacts")
    assert answer.content == ZIP
    assert 'filename="b.exe' not in answer.headers["Content-Disposition"].replace('\\"', "")


@pytest.mark.parametrize(
    ("written", "may"),
    [
        ("", {GUEST: True, REPORTER: True, DEVELOPER: True, MAINTAINER: True}),
        ("access: all", {REPORTER: True, DEVELOPER: True}),
        ("public: false", {GUEST: False, REPORTER: False, DEVELOPER: True}),
        ("access: developer", {REPORTER: False, DEVELOPER: True}),
        ("access: maintainer", {DEVELOPER: False, MAINTAINER: True}),
        ("access: none", {MAINTAINER: False}),
    ],
    ids=["default", "all", "not-public", "developer", "maintainer", "none"],
)
def test_people_get_artifacts_by_their_access_level(
    project: Project, work_tree: WorkTree, runner: Runner, written: str, may: dict[int, bool]
) -> None:
    options = f", {written}" if written else ""
    work_tree.ship(f"job: {{script: make, artifacts: {{paths: [a]{options}}}}}\n")
    job = runner.take()
    assert job.upload(ZIP).status_code == 201
    path = f"projects/{project.id}/jobs/{job.id}/artifacts"
    for level, allowed in may.items():
        user = project.add(level)
        answer = user.call("GET", path)
        assert (answer.status_code == 200) is allowed, (level, answer.status_code)
    # Jobs get what the jobs before them left.
    assert job.download(job.id).status_code == 200


def test_an_erased_job_has_neither_log_nor_artifacts(project: Project, job: Job) -> None:
    job.trace(b"hello")
    assert job.upload(ZIP).status_code == 201
    path = f"projects/{project.id}/jobs/{job.id}"
    developer = project.add(DEVELOPER)
    assert project.root.call("POST", f"{path}/erase").status_code == 403
    job.succeed()
    assert developer.call("POST", f"{path}/erase").status_code == 403
    erased = project.root.post(f"{path}/erase")
    assert erased["erased_at"] is not None
    assert erased["artifacts"] == []
    assert project.trace(job.id) == ""
    assert project.root.call("GET", f"{path}/artifacts").status_code == 404
    folder = project.coordinator.data.coordinator
    until(lambda: not (folder / "traces" / f"{job.id}.log").exists(), "the log is gone")
    assert list((folder / "artifacts" / str(project.id) / str(job.id)).iterdir()) == []
    assert project.root.call("POST", f"{path}/erase").status_code == 403


def test_a_dotenv_report_with_a_comment_is_refused_as_with_gitlab(job: Job) -> None:
    answer = job.upload(dotenv("# made here\nA=1\n"), artifact_type="dotenv", artifact_format="gzip")
    assert answer.status_code == 400
    assert "Invalid Format: line 1" in answer.json()["message"]


def test_every_kind_of_report_is_taken_in_its_format(project: Project, job: Job) -> None:
    contents = {"zip": ZIP, "gzip": gzip.compress(b"A=1\n"), "raw": b"{}"}
    for kind, known in ARTIFACT_TYPES.items():
        if kind not in OWN_TYPES:
            content = contents[known.format]
            answer = job.upload(content, artifact_type=kind, artifact_format=known.format)
            assert answer.status_code == 201, (kind, answer.text)
    stored = project.root.get(f"projects/{project.id}/jobs/{job.id}")["artifacts"]
    assert {one["file_type"] for one in stored} == set(ARTIFACT_TYPES) - OWN_TYPES
