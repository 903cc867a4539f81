"""Pages as somebody sees them who has signed in, without a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from tests.coordinator.server import Coordinator, User


@contextmanager
def signed_in(coordinator: Coordinator, user: User) -> Iterator[httpx.Client]:
    """A client with the cookies of `user`."""
    with coordinator.client() as client:
        form = client.get("/users/sign_in").text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
        assert token is not None
        fields = {"username": user.name, "password": user.token, "csrfmiddlewaretoken": token[1], "next": "/"}
        answer = client.post("/users/sign_in", data=fields, headers={"Referer": coordinator.url})
        assert answer.status_code == 302, answer.text
        yield client


def sign_out(client: httpx.Client) -> None:
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get("/").text)
    assert token is not None
    answer = client.post("/users/sign_out", data={"csrfmiddlewaretoken": token[1]})
    assert answer.status_code == 302


def events(stream: httpx.Response) -> Iterator[str]:
    """The names of a stream's events, as they come."""
    for line in stream.iter_lines():
        if line.startswith("event: "):
            yield line.removeprefix("event: ")
