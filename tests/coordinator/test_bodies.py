"""Bodies as clients send them: with a length, or in chunks."""

from __future__ import annotations

from collections.abc import Iterator

from tests.coordinator.server import Runner, WorkTree, zipped

CI = "job:\n  script: echo\n"
BOUNDARY = "a-boundary"


def parts(content: bytes) -> Iterator[bytes]:
    """One file as a form, piece by piece: nobody knows its length before its end."""
    yield f"--{BOUNDARY}\r\nContent-Disposition: form-data; ".encode()
    yield b'name="file"; filename="artifacts.zip"\r\nContent-Type: application/octet-stream\r\n\r\n'
    for start in range(0, len(content), 100_000):
        yield content[start : start + 100_000]
    yield f"\r\n--{BOUNDARY}--\r\n".encode()


def test_an_archive_may_come_in_chunks_without_a_length(work_tree: WorkTree, runner: Runner) -> None:
    work_tree.ship(CI)
    job = runner.take()
    content = zipped(a=bytes(range(256)) * 20_000)
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    answer = job.call("POST", "/artifacts", content=parts(content), headers=kind)
    assert answer.status_code == 201, answer.text
    assert job.download(job.id).content == content
