"""The runners' calls on a shorter way through Django: no session, no cookies, no pages' headers, none of which they
have. With hundreds of runners these are most of all calls, and the middleware would be half of their cost."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpResponse, HttpResponseBase
from django.urls import set_script_prefix

from shipline.coordinator.http.unreachable import unreachable

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
# Files go the long way: they do not fit into memory.
_PATHS = re.compile(r"/api/v4/(?:jobs/request|runners/verify|jobs/\d+|jobs/\d+/trace)")
_METHODS = ("POST", "PUT", "PATCH")


def with_short_way(app: App) -> App:
    short: Any = _Short()

    async def wrapped(scope: Message, receive: Receive, send: Send) -> None:
        fits = scope["type"] == "http" and scope["method"] in _METHODS and _PATHS.fullmatch(scope["path"])
        await (short if fits else app)(scope, receive, send)

    return wrapped


class _Short(ASGIHandler):
    def load_middleware(self, is_async: bool = False) -> None:
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = [unreachable]
        # What Django itself puts innermost.
        innermost: Any = getattr(self, "_get_response_async")  # noqa: B009 - the stubs do not know it
        self._middleware_chain = convert_exception_to_response(innermost)

    async def handle(self, scope: Any, receive: Receive, send: Send) -> None:  # type: ignore[override]
        body = await _whole(receive)
        if body is None:
            return
        set_script_prefix(get_script_prefix(scope))
        try:
            request = ASGIRequest(scope, io.BytesIO(body))
        except (UnicodeDecodeError, RequestDataTooBig):
            await _answer(HttpResponse(status=400), send)
            return
        working = asyncio.ensure_future(self.get_response_async(request))
        # Who has gone waits for nothing any more: a long poll ends with its connection.
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait((working, gone), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                await _answer(working.result(), send)
        finally:
            for task in (working, gone):
                task.cancel()
            await asyncio.gather(working, gone, return_exceptions=True)
            request.close()


async def _whole(receive: Receive) -> bytes | None:
    """The body, whose size `limiting_bodies` bounds; None when the caller has gone."""
    pieces = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(pieces)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _answer(response: HttpResponseBase, send: Send) -> None:
    content = b"" if response.streaming else response.content  # type: ignore[attr-defined]
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in response.items()]
    headers.append((b"x-content-type-options", b"nosniff"))
    if response.status_code != 204:
        headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": content})
