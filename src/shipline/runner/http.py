"""Calls to a coordinator's or GitLab's /api/v4: limits, and the retries that the Runner
API asks for. Which call means what is for those who make them."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import httpx

from shipline.errors import RemoteError
from shipline.runner.tls import NO_TLS, Tls, tls_context
from shipline.version import __version__

LONG_POLL_SECONDS = 75.0
TRIES = 5
WAIT_LIMIT = 60.0
RETRIED = frozenset({408, 429, 500, 502, 503, 504})
BODY_LIMIT = 8 * 1024 * 1024
JSON = {"Content-Type": "application/json"}
# What is counted when there was no answer.
NO_ANSWER = -1
_NOT_TRUSTED = (
    "If its certificate is from an authority of your own, name that with tls-ca-file in the config."
)
Observe = Callable[[str, int], object]


def backoff(attempt: int, headers: Mapping[str, str], now: float) -> float:
    """Seconds before try number `attempt` + 1: what the server says, else doubling from 0.1 s to 60 s."""
    said = told_wait(headers, now)
    return min(WAIT_LIMIT, 0.1 * 2.0 ** min(attempt, 20)) if said is None else said


def told_wait(headers: Mapping[str, str], now: float) -> float | None:
    """What RateLimit-ResetTime (a date) or Retry-After (seconds) says, up to a minute; None: nothing."""
    reset = headers.get("RateLimit-ResetTime")
    if reset:
        try:
            return max(0.0, min(WAIT_LIMIT, parsedate_to_datetime(reset).timestamp() - now))
        except (ValueError, TypeError):
            pass
    after = headers.get("Retry-After", "")
    if after.isdecimal() and after.isascii():
        return min(WAIT_LIMIT, float(after))
    return None


def api_address(url: str) -> str:
    return url.rstrip("/").removesuffix("/ci") + "/api/v4/"


class Api:
    """One coordinator. `observe` is told of each answer: the call's name, and its status. Close it with
    `async with`."""

    def __init__(
        self,
        url: str,
        now: Callable[[], float],
        tls: Tls = NO_TLS,
        observe: Observe = lambda _call, _status: None,
    ) -> None:
        self._now, self._observe = now, observe
        self._client = httpx.AsyncClient(
            base_url=api_address(url), timeout=httpx.Timeout(30, read=LONG_POLL_SECONDS), trust_env=False,
            headers={"User-Agent": f"shipline-runner {__version__}", "Accept": "application/json"},
            limits=httpx.Limits(max_connections=None), verify=tls_context(url, tls),
        )  # fmt: skip

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def call(
        self,
        name: str,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] = JSON,
        content: str | bytes = b"",
        tries: int = TRIES,
    ) -> httpx.Response:
        """The answer, whatever its status; those that may pass are tried again up to `tries` times.

        Raises RemoteError when none came, or only ones that ask to try again.
        """
        problem = hint = ""
        sent = {**headers, "X-Request-Id": secrets.token_hex(16)}
        for attempt in range(tries):
            waited: Mapping[str, str] = {}
            try:
                answer = await self._once(method, path, sent, content)
                self._observe(name, answer.status_code)
                if answer.is_redirect:
                    # Followed, a token would go wherever the answer says.
                    raise RemoteError(
                        f"The coordinator sends us to {answer.headers['Location'].partition('?')[0][:200]}.",
                        hint="If that is its address, write it as url in the config.",
                    )
                if tries == 1 or answer.status_code not in RETRIED:
                    return answer
                problem, waited = f"answered {answer.status_code}", answer.headers
            except (httpx.HTTPError, ssl.SSLError) as error:
                # httpx lets what TLS says after the handshake through as it is.
                self._observe(name, NO_ANSWER)
                problem = f"cannot be reached: {str(error) or type(error).__name__}"
                hint = _NOT_TRUSTED if "CERTIFICATE_VERIFY_FAILED" in problem else ""
            if attempt + 1 < tries:
                await asyncio.sleep(backoff(attempt, waited, self._now()))
        raise RemoteError(f"The coordinator {problem} ({method} {path.partition('?')[0]}).", hint=hint)

    async def _once(
        self, method: str, path: str, headers: Mapping[str, str], content: str | bytes
    ) -> httpx.Response:
        async with self._client.stream(method, path, headers=dict(headers), content=content) as answer:
            body = bytearray()
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > BODY_LIMIT:
                    raise RemoteError(f"The coordinator's answer is too long ({method} {path}).")
        kept = httpx.Headers(answer.headers)
        # The body is as it was before its transfer now.
        kept.pop("Content-Encoding", None)
        kept.pop("Transfer-Encoding", None)
        return httpx.Response(answer.status_code, headers=kept, content=bytes(body), request=answer.request)
