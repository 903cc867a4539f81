"""GitLab takes a call's parameters wherever they stand: in the address, in a form, in JSON. REST v4 here reads
JSON; this makes JSON of the others, before anybody looks at the request."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
ROOT = "/api/v4/"
# Runners send their jobs' files here, in pieces too large to be held.
RUNNERS = "/api/v4/jobs/"
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
FIELDS_LIMIT = 1000
DEPTH_LIMIT = 5
_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")


def taking_parameters_anywhere(app: App) -> App:
    async def wrapped(scope: Message, receive: Receive, send: Send) -> None:
        if not (
            scope["type"] == "http"
            and scope["method"] in ("POST", "PUT", "PATCH", "DELETE")
            and scope["path"].startswith(ROOT)
            and not scope["path"].startswith(RUNNERS)
        ):
            await app(scope, receive, send)
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        kind = headers.get(b"content-type", "")
        form = kind.partition(";")[0].strip().lower() in (URLENCODED, MULTIPART)
        empty = headers.get(b"content-length", "0") == "0" and b"transfer-encoding" not in headers
        # A DELETE's parameters stand in its address as a rule, and are read there.
        in_address = empty and scope.get("query_string") and scope["method"] != "DELETE"
        if not form and not in_address:
            await app(scope, receive, send)
            return
        body = await _whole(receive)
        if body is None:
            await app(scope, _answering({"type": "http.disconnect"}), send)
            return
        pairs = _pairs(scope.get("query_string", b"").decode("latin-1"))
        pairs += _form(kind, body) if form else []
        content = json.dumps(nested(pairs)).encode()
        kept = [pair for pair in scope["headers"] if pair[0].lower() not in _REPLACED]
        sent = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        message = {"type": "http.request", "body": content, "more_body": False}
        await app({**scope, "headers": [*kept, *sent]}, _answering(message, receive), send)

    return wrapped


_REPLACED = (b"content-type", b"content-length", b"transfer-encoding")


def _answering(first: Message, then: Receive | None = None) -> Receive:
    said = False

    async def receive() -> Message:
        nonlocal said
        if said and then is not None:
            return await then()
        said = True
        return first

    return receive


async def _whole(receive: Receive) -> bytes | None:
    """The body, whose size is limited already; None when the caller has gone."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_LIMIT)
    except ValueError:
        return []


def _form(kind: str, body: bytes) -> list[tuple[str, str]]:
    if kind.lower().startswith(URLENCODED):
        return _pairs(body.decode("utf-8", "replace"))
    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\n" + body
    )
    found: list[tuple[str, str]] = []
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes) and len(found) < FIELDS_LIMIT:
            found.append((name, content.decode("utf-8", "replace")))
    return found


def nested(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """As Rack reads them: `a[]` is a list, `a[b]` a map, `a[][b]` a list of maps. Pure."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        match = _KEY.fullmatch(key)
        if match is None or match[2].count("[") > DEPTH_LIMIT:
            continue
        _put(found, [match[1], *_PART.findall(match[2])], value)
    return found


def _put(into: dict[str, Any], path: list[str], value: str) -> None:
    name, *rest = path
    if not rest:
        into[name] = value
    elif rest[0] == "":
        items = into.setdefault(name, [])
        if not isinstance(items, list):
            return
        if len(rest) == 1:
            items.append(value)
            return
        # The next map begins when a key comes again.
        if not items or not isinstance(items[-1], dict) or rest[1] in items[-1]:
            items.append({})
        _put(items[-1], rest[1:], value)
    else:
        inner = into.setdefault(name, {})
        if isinstance(inner, dict):
            _put(inner, rest, value)
