from __future__ import annotations

import pytest

from shipline.errors import ProtocolError
from shipline.protocols import haproxy
from shipline.protocols.haproxy import Backend, Frontend, Server


def test_the_configuration_names_every_address_and_every_server() -> None:
    text = haproxy.configuration(
        [Frontend("listener-8000", ("127.0.0.1", "172.17.0.1"), 8000, "group-1")],
        [Backend("group-1", (Server("task-1", "10.0.0.2", 8000),))],
        "/run/x.sock",
    )
    assert "    bind 127.0.0.1:8000\n    bind 172.17.0.1:8000\n" in text
    assert "backend group-1\n    server task-1 10.0.0.2:8000\n" in text
    assert "    default_backend group-1\n" in text
    assert "stats socket /run/x.sock mode 600 level admin" in text


def test_open_sessions_are_read_from_the_statistics() -> None:
    answer = "# pxname,svname,qcur,qmax,scur,smax\nb,task-1,1,1,2,9\nb,task-2,0,0,0,9\n\n"
    assert haproxy.sessions(answer) == {("b", "task-1"): 3, ("b", "task-2"): 0}


@pytest.mark.parametrize("answer", ["", "\n", "New server registered.\n", "Server deleted.\n"])
def test_silence_and_success_are_fine(answer: str) -> None:
    haproxy.check("del server b/s", answer)


def test_anything_else_is_an_error_that_names_the_command() -> None:
    with pytest.raises(ProtocolError, match=r"del server b/s.*No such backend"):
        haproxy.check("del server b/s", "No such backend.\n")
