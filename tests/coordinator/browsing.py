"""Pages as somebody sees them who has signed in, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from tests.coordinator.server import User


def sign_in(client: httpx.Client, user: User, target: str = "/") -> httpx.Response:
    """Fill in the form, as a browser does."""
    form = client.get("/users/sign_in", params={"next": target}).text
    hidden = form.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    fields = {"username": user.name, "password": user.token, "csrfmiddlewaretoken": hidden, "next": target}
    return client.post("/users/sign_in", data=fields)


@contextmanager
def signed_in(user: User) -> Iterator[httpx.Client]:
    """A browser's session."""
    with user.coordinator.client() as client:
        assert sign_in(client, user).status_code == 302
        yield client
