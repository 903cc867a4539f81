"""A hook whose coordinator dies while it is asked."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import shipline.coordinator

ASK = Path(shipline.coordinator.__file__).parent / "git_hooks" / "ask.py"


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.0", b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.0 500 No\r\n\r\n{}"]
)
def test_a_hook_that_gets_no_whole_answer_refuses_the_push_in_one_line(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def die() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        dying = threading.Thread(target=die)
        dying.start()
        host, port = server.getsockname()
        ended = subprocess.run(
            [sys.executable, str(ASK), "pre-receive"],
            input=f"{'0' * 40} {'1' * 40} refs/heads/main\n",
            env=os.environ | {"SHIPLINE_HOOK_ADDRESS": f"{host}:{port}", "SHIPLINE_HOOK_TOKEN": "x"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        dying.join()
    assert ended.returncode == 1
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("shipline: pre-receive: the coordinator")
