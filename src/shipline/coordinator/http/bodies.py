"""How large a request may be. Django writes a body to disk before any view sees the request, so this stands
before Django: what is large is taken from those only who could be sending it."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from shipline.coordinator import artifacts, tokens
from shipline.coordinator.http.git import basic_credentials
from shipline.coordinator.services import in_database

SMALL = 4 * 1024 * 1024
# A multipart body is a little larger than its file.
ARTIFACT = artifacts.ARTIFACT_LIMIT + 64 * 1024
# Files in base64 are a third larger; all of it is held in memory.
COMMIT = 32 * 1024 * 1024
PACK = 4 * 1024 * 1024 * 1024
DRAIN = 64 * 1024 * 1024
_COMMITS = re.compile(r"/api/v4/projects/.+/repository/(commits|files/.+)")
_ARTIFACTS = re.compile(r"/api/v4/jobs/\d+/artifacts")
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


def limiting_bodies(app: App) -> App:
    """413 for what is too large: at once when the request says so itself, else as soon as it is."""

    async def wrapped(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        length = headers.get(b"content-length", "")
        said = int(length) if length.isdigit() and len(length) < 19 else None
        limit = SMALL if said is not None and said <= SMALL else await _limit(scope["path"], headers)
        if said is not None and said > limit:
            await _drain(receive, headers)
            await _too_large(send)
            return
        received, answered = 0, False

        async def counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if said is None and message["type"] == "http.request" and not message.get("more_body"):
                # Sent in chunks, as gitlab-runner does: Django takes a form without a length for an empty one.
                scope["headers"].append((b"content-length", str(received).encode()))
            # To Django this caller has gone; nobody answers but we.
            return message if received <= limit else {"type": "http.disconnect"}

        async def noting(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        await app(scope, counting, noting)
        if received > limit and not answered:
            await _drain(receive, headers)
            await _too_large(send)

    return wrapped


async def _limit(path: str, headers: dict[bytes, str]) -> int:
    if _ARTIFACTS.fullmatch(path):
        known = await in_database(tokens.job_of, headers.get(b"job-token", ""))
        return ARTIFACT if known else SMALL
    if _COMMITS.fullmatch(path):
        kind, _, value = headers.get(b"authorization", "").partition(" ")
        token = headers.get(b"private-token", "") or (value.strip() if kind.lower() == "bearer" else "")
        return COMMIT if await in_database(tokens.user_of, token) else SMALL
    if path.endswith(".git/git-receive-pack"):
        _, password = basic_credentials(headers.get(b"authorization", ""))
        known_user = await in_database(tokens.user_of, password, tokens.GIT_WRITE)
        return PACK if known_user else SMALL
    return SMALL


async def _drain(receive: Receive, headers: dict[bytes, str]) -> None:
    """A client that is still sending does not hear an answer: the end of the connection comes first. Who asks
    before it sends hears it at once; of the others a little more is listened to, and thrown away."""
    if headers.get(b"expect", "").lower() == "100-continue":
        return
    left = DRAIN
    while left > 0:
        message = await receive()
        left -= len(message.get("body", b""))
        if not message.get("more_body"):
            return


async def _too_large(send: Send) -> None:
    body = json.dumps({"message": "413 Request Entity Too Large"}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send(
        {"type": "http.response.start", "status": 413, "headers": [*headers, (b"connection", b"close")]}
    )
    await send({"type": "http.response.body", "body": body})
