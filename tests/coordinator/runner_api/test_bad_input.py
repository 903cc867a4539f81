"""What nobody should send: each is refused with a reason, and harms nobody else."""

from __future__ import annotations

import gzip
import io
import json
import socket
import stat
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.coordinator.databases import on_both_databases
from tests.coordinator.server import ANSWER_SECONDS, ZIP, Coordinator, Job, Project, zipped

pytestmark = on_both_databases


def behind_a_link() -> bytes:
    """A link that leads out, and a file that would be written through it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        info = zipfile.ZipInfo("a/link")
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        made.writestr(info, "/etc")
        made.writestr("a/link/passwd", "x")
    return content.getvalue()


def bomb() -> bytes:
    """Four entries that say they hold 4 GiB each, in a few hundred bytes."""
    content = bytearray(zipped(a="x", b="x", c="x", d="x", e="x"))
    at = content.find(b"PK\x01\x02")
    while at >= 0:
        content[at + 24 : at + 28] = (0xFFFFFFF0).to_bytes(4, "little")
        at = content.find(b"PK\x01\x02", at + 1)
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (zipped(**{"../evil": "x"}), "leads out of the project's folder"),
        (zipped(**{"/etc/passwd": "x"}), "is an absolute path"),
        (behind_a_link(), "lies behind the link 'a/link'"),
        (bomb(), "would unpack to"),
        (ZIP[:-5], "is no zip archive, or it is cut off"),
        (b"no archive", "is no zip archive"),
        (b"", "is no zip archive"),
    ],
    ids=["dots", "absolute", "link", "bomb", "cut", "text", "empty"],
)
def test_an_archive_that_could_do_harm_is_refused_and_says_why(job: Job, content: bytes, why: str) -> None:
    answer = job.upload(content)
    assert answer.status_code == 400
    assert why in answer.json()["message"]
    # The job may try again with a better one.
    assert job.upload(ZIP).status_code == 201


def test_a_body_that_stops_halfway_changes_nothing(project: Project, job: Job) -> None:
    for method, path, kind in (
        ("PATCH", "/trace", "text/plain"),
        ("PUT", "", "application/json"),
        ("POST", "/artifacts", "multipart/form-data; boundary=x"),
    ):
        head = (
            f"{method} /api/v4/jobs/{job.id}{path} HTTP/1.1\r\nHost: localhost\r\nJOB-TOKEN: {job.token}\r\n"
            f"Content-Type: {kind}\r\nContent-Range: 0-99\r\nContent-Length: 100\r\n\r\nhello"
        )
        with socket.create_connection(("127.0.0.1", job.coordinator.port), ANSWER_SECONDS) as connection:
            connection.sendall(head.encode())
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
    assert job.update("running").headers["Job-Status"] == "running"
    assert project.trace(job.id) == ""
    assert job.trace(b"hello").status_code == 202


def test_bodies_that_are_too_large_are_refused(job: Job) -> None:
    large = {"token": job.token, "state": "success", "failure_reason": "x" * 2_000_000}
    assert job.call("PUT", json=large).status_code == 413
    assert job.trace(b"x" * (4 * 1024 * 1024 + 1)).status_code == 413
    with job.coordinator.client() as client:
        body = json.dumps({"token": "x" * 2_000_000})
        assert client.post("/api/v4/runners/verify", content=body).status_code == 413
    assert job.update("running").status_code == 200


@pytest.mark.parametrize(
    "text", ["null", "[]", "7", '{"token": 5}', '{"token": "x", "info": 1}', '{"token"', "\ud800"]
)
def test_what_is_no_message_is_refused_without_being_shown(coordinator: Coordinator, text: str) -> None:
    with coordinator.client() as client:
        answer = client.post("/api/v4/jobs/request", content=text.encode(errors="surrogatepass"))
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("400 Bad request")


def test_a_message_of_a_thousand_brackets_is_refused(coordinator: Coordinator) -> None:
    with coordinator.client() as client:
        text = '{"token": "x", "info": {"features": ' + "[" * 9000 + "]" * 9000 + "}}"
        assert client.post("/api/v4/jobs/request", content=text).status_code == 400


def test_a_secret_that_is_sent_in_a_wrong_place_is_not_shown(coordinator: Coordinator) -> None:
    with coordinator.client() as client:
        body = {"token": {"glrt-very-secret": 1}, "system_id": ["glrt-very-secret"]}
        answer = client.post("/api/v4/runners/verify", json=body)
    assert answer.status_code == 400
    assert "very-secret" not in answer.text
    assert "very-secret" not in coordinator.log


def test_another_job_s_token_and_a_finished_one_s_open_nothing(project: Project, job: Job) -> None:
    job.trace(b"hello")
    job.succeed()
    other = Job(job.coordinator, job.payload | {"id": job.id + 1})
    for answer in (other.trace(b"x"), other.update("success"), other.upload(ZIP)):
        assert answer.status_code == 403
        assert "Job-Status" not in answer.headers
    for answer in (job.trace(b"x", 5), job.update("running"), job.upload(ZIP)):
        assert (answer.status_code, answer.headers["Job-Status"]) == (403, "success")
    assert project.trace(job.id) == "hello"


def test_a_job_that_is_deleted_while_it_tells_something_is_told_that_it_is_nobody_s(
    project: Project, job: Job
) -> None:
    """Whenever that happens: the log of the coordinator has no exception (server.py looks)."""

    def tell_on() -> int:
        while (answer := job.update("running")).status_code == 200:
            pass
        return answer.status_code

    with ThreadPoolExecutor(4) as pool:
        told = [pool.submit(tell_on) for _ in range(4)]
        assert project.root.call(
            "DELETE", f"projects/{project.id}/pipelines/{project.pipeline()['id']}"
        ).is_success
        assert [one.result(ANSWER_SECONDS) for one in told] == [403] * 4


def test_a_line_of_ten_megabytes_is_stored_and_shown(project: Project, job: Job) -> None:
    piece = b"x" * (2 * 1024 * 1024)
    for number in range(5):
        assert job.trace(piece, number * len(piece)).status_code == 202
    job.succeed()
    assert project.trace(job.id) == (piece * 5).decode()


def test_a_log_that_is_no_utf_8_is_stored_as_it_is_and_shown(project: Project, job: Job) -> None:
    content = b"\xff\xfe caf\xe9 \xf0\x28\x8c\x28\n"
    assert job.trace(content).status_code == 202
    job.succeed()
    root = project.root
    assert root.call("GET", f"projects/{project.id}/jobs/{job.id}/trace").content == content


@pytest.mark.parametrize(
    "headers",
    [
        {"JOB-TOKEN": "glcbt-\xff"},
        {"JOB-TOKEN": "x" * 3000},
        {"Content-Range": "0-" + "9" * 30},
        {"Content-Range": "٠-٤"},
    ],
    ids=["bytes", "long", "digits", "arabic"],
)
def test_headers_of_any_bytes_are_refused(job: Job, headers: dict[str, str]) -> None:
    raw = {name: value.encode("utf-8") for name, value in headers.items()}
    with job.coordinator.client() as client:
        given = {"JOB-TOKEN": job.token.encode(), "Content-Range": b"0-4"} | raw
        answer = client.patch(f"/api/v4/jobs/{job.id}/trace", content=b"hello", headers=given)
    assert answer.status_code in (400, 403)


def test_a_request_id_comes_back_and_nothing_else_does(coordinator: Coordinator) -> None:
    with coordinator.client() as client:
        for given, same in (("a" * 32, True), ("x y", False), ("x" * 200, False), ("<script>", False)):
            answer = client.get("/api/v4/job", headers={"X-Request-Id": given})
            assert (answer.headers["X-Request-Id"] == given) is same


def test_a_report_of_a_wrong_format_is_refused(job: Job) -> None:
    packed = gzip.compress(b"<testsuites/>")
    assert job.upload(packed, artifact_type="junit", artifact_format="zip").status_code == 400
    assert job.upload(packed, artifact_type="trace", artifact_format="raw").status_code == 400
    assert job.upload(packed, artifact_type="metadata", artifact_format="gzip").status_code == 400
    assert job.upload(packed, artifact_type="junit", artifact_format="gzip").status_code == 201


@pytest.mark.parametrize("number", [0, 2**63, 10**30])
def test_numbers_that_no_job_has_are_nobody_s(job: Job, number: int) -> None:
    other = Job(job.coordinator, job.payload | {"id": number})
    for answer in (other.trace(b"x"), other.update("success"), other.upload(ZIP)):
        assert answer.status_code == 403
    assert job.download(number).status_code == 404
