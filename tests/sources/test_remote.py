"""Files over https: from public addresses only, checked at every step, in bounded time and size."""

from __future__ import annotations

import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler

import pytest
from tests.sources.conftest import HOST, Server

from shipline.sources.budget import Budget
from shipline.sources.remote import Fetcher, FetchError


def fetcher(server: Server, *, allow_private: bool = True, seconds: float = 20, size: int = 1000) -> Fetcher:
    """Finds the test's server under its public name."""
    return Fetcher(
        allow_private,
        seconds=seconds,
        size_limit=size,
        resolve=lambda host, port: ["127.0.0.1" if host == HOST else host],
        context=server.context,
    )


def refusal(found: Fetcher, url: str) -> str:
    with pytest.raises(FetchError) as caught:
        found.fetch(url)
    return str(caught.value)


def test_a_file_is_fetched_from_the_address_that_was_looked_up(server: Server) -> None:
    server.gives("/a.yml?ref=1", 200, b"a: {script: x}\n")
    assert fetcher(server).fetch(server.url("/a.yml?ref=1")) == b"a: {script: x}\n"


def test_redirects_are_followed(server: Server) -> None:
    server.gives("/a.yml", 302, Location="/b.yml")
    server.gives("/b.yml", 307, Location=server.url("/c.yml"))
    server.gives("/c.yml", 200, b"c")
    assert fetcher(server).fetch(server.url("/a.yml")) == b"c"


def test_redirects_have_an_end(server: Server) -> None:
    server.gives("/a.yml", 301, Location="/a.yml")
    assert "too many redirects" in refusal(fetcher(server), server.url("/a.yml"))
    assert len(server.asked) == 6


@pytest.mark.parametrize("location", ["http://files.example.com/b.yml", "file:///etc/passwd", "ftp://a/b"])
def test_a_redirect_to_anything_but_https_is_refused(server: Server, location: str) -> None:
    server.gives("/a.yml", 302, Location=location)
    said = refusal(fetcher(server), server.url("/a.yml"))
    assert (
        said == "Remote file could not be fetched because URL is blocked: Only allowed schemes are https!"
        or ("does not have a valid address" in said and location.startswith("file"))
    )


def test_a_redirect_to_a_private_address_is_refused(server: Server) -> None:
    server.gives("/a.yml", 302, Location="https://10.0.0.1/b.yml")
    lookups: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        lookups.append(host)
        return [host]

    # The first step goes to the loopback, which only this check lets pass.
    class OnlyTheServer(Fetcher):
        def _address(self, url: str, host: str, port: int) -> str:
            return "127.0.0.1" if host == HOST else super()._address(url, host, port)

    found = OnlyTheServer(resolve=resolve, context=server.context)
    assert "Requests to the local network are not allowed" in refusal(found, server.url("/a.yml"))
    assert lookups == ["10.0.0.1"]


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "::1",
     "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "224.0.0.1", "255.255.255.255"],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused_before_anything_is_sent(
    server: Server, address: str
) -> None:
    found = Fetcher(resolve=lambda host, port: ["93.184.216.34", address], context=server.context)
    assert refusal(found, server.url("/a.yml")) == (
        "Remote file could not be fetched because URL is blocked: Requests to the local network are not allowed!"
    )
    assert server.asked == []


@pytest.mark.parametrize("url", ["https://", "https:///x.yml", "https://[::1", "https://a:b/x.yml"])
def test_an_address_that_is_none_is_refused(server: Server, url: str) -> None:
    assert refusal(fetcher(server), url) == f"Remote file `{url}` does not have a valid address!"


def test_plain_http_is_refused(server: Server) -> None:
    assert "Only allowed schemes are https" in refusal(fetcher(server), "http://files.example.com/a.yml")


def test_a_status_other_than_200_is_told_as_gitlab_does(server: Server) -> None:
    server.gives("/a.yml", 404)
    url = server.url("/a.yml")
    assert refusal(fetcher(server), url) == (
        f"Remote file `{url}` could not be fetched after 1 attempt because of HTTP code `404` error!"
    )


def test_a_file_that_is_too_large_is_refused(server: Server) -> None:
    server.gives("/exact.yml", 200, b"x" * 1000)
    server.gives("/large.yml", 200, b"x" * 1001)
    assert len(fetcher(server).fetch(server.url("/exact.yml"))) == 1000
    assert "larger than 1000 bytes" in refusal(fetcher(server), server.url("/large.yml"))


def test_an_answer_that_ends_too_early_is_no_file(server: Server) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"a: {script")
        handler.close_connection = True

    server.answers["/a.yml"] = answer
    assert "HTTP error" in refusal(fetcher(server), server.url("/a.yml"))


def test_a_server_that_dawdles_is_given_up(server: Server) -> None:
    gone = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        try:
            # One byte now and then: no single read is slow.
            for _ in range(1000):
                handler.wfile.write(b"x")
                if gone.wait(0.02):
                    return
        except OSError:
            return

    server.answers["/a.yml"] = answer
    said = refusal(fetcher(server, seconds=0.3), server.url("/a.yml"))
    gone.set()
    assert "because of a timeout error" in said


def test_a_certificate_of_another_name_is_refused(server: Server) -> None:
    found = Fetcher(True, resolve=lambda host, port: ["127.0.0.1"], context=server.context)
    said = refusal(found, f"https://other.example.com:{server.port}/a.yml")
    assert "HTTP error" in said
    assert "certificate" in said
    assert server.asked == []


def test_a_password_in_the_address_is_not_told(server: Server) -> None:
    server.gives("/a.yml", 500)
    url = server.url("/a.yml").replace("https://", "https://user:secret@")
    assert "secret" not in refusal(fetcher(server), url)


def test_a_name_that_nobody_knows_is_told(server: Server) -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    found = Fetcher(resolve=resolve, context=server.context)
    assert refusal(found, "https://nowhere.example.com/a.yml") == (
        "Remote file could not be fetched because URL is blocked: Host cannot be resolved or invalid!"
    )


def test_all_files_together_have_their_time(server: Server) -> None:
    server.gives("/a.yml", 200, b"a")
    found = replace(fetcher(server), budget=Budget(10.0))
    assert found.fetch(server.url("/a.yml")) == b"a"
    assert 0 < found.budget.spent < 10
    found.budget.spent = 10.0
    assert refusal(found, server.url("/a.yml")) == "Resolving config took longer than expected"
    assert len(server.asked) == 1
