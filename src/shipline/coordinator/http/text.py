"""What no text may hold, wherever it comes from: NUL, which PostgreSQL does not store, and halves of surrogate pairs,
which are no character. GitLab refuses both before it looks at a request."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
# An even number of backslashes before it are themselves escaped.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_ADDRESS = b'{"error":"400 Bad Request - the address holds a NUL character"}'


class UnfitText(ValueError):
    """The sentence says what is wrong."""


def refusing_unfit_addresses(app: App) -> App:
    """400 for an address with a NUL in it, escaped or not."""

    async def wrapped(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _holds_nul(scope):
            await app(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(_ADDRESS)).encode())]
        await send({"type": "http.response.start", "status": 400, "headers": headers})
        await send({"type": "http.response.body", "body": _ADDRESS})

    return wrapped


def _holds_nul(scope: Message) -> bool:
    return b"%00" in scope.get("query_string", b"") or b"%00" in scope.get("raw_path", b"")


def has_nul(content: bytes) -> bool:
    """Does JSON hold a text with a NUL?"""
    return b"\\u0000" in content and _NUL.search(content) is not None


def read_json(content: bytes) -> Any:
    """Raises UnfitText, and ValueError for what is no JSON."""
    if has_nul(content):
        raise UnfitText("the body holds a NUL character (\\u0000), which cannot be stored")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise UnfitText(f"the body is not UTF-8: {error.reason} at byte {error.start}") from error
    try:
        read = json.loads(text.removeprefix("\ufeff"))
        fits = b"\\u" not in content or _is_text(read)
    except RecursionError as error:
        raise UnfitText("the body's lists and maps lie too deep in one another") from error
    if not fits:
        raise UnfitText("the body holds half of a surrogate pair (\\ud800 to \\udfff), which is no character")
    return read


def _is_text(value: Any) -> bool:
    """Pure. Is every text in it one that can be written as UTF-8?"""
    if isinstance(value, str):
        return not any("\ud800" <= sign <= "\udfff" for sign in value)
    if isinstance(value, dict):
        return all(_is_text(key) and _is_text(one) for key, one in value.items())
    return all(map(_is_text, value)) if isinstance(value, list) else True
