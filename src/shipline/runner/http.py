"""Calls to a coordinator's or GitLab's /api/v4: TLS as the config says, limits, and the retries that the Runner
API asks for. Which call means what is for those who make them."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx

from shipline.errors import RemoteError, UsageError
from shipline.runner.config.sections import RunnerSection
from shipline.version import __version__

LONG_POLL_SECONDS = 75.0
TRIES = 5
WAIT_LIMIT = 60.0
RETRIED = frozenset({408, 429, 500, 502, 503, 504})
BODY_LIMIT = 8 * 1024 * 1024
JSON = {"Content-Type": "application/json"}
# What is counted when there was no answer.
NO_ANSWER = -1
Observe = Callable[[str, int], object]


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM: authorities to trust besides the system's, and a certificate of our own. Empty: none."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    def or_beside(self, config: Path, url: str) -> Tls:
        """Where nothing is named, gitlab-runner's places: certs/HOST.crt, HOST.auth.crt and HOST.auth.key
        beside the config file."""
        host = urlsplit(url).hostname or ""
        folder = config.parent / "certs"

        def found(name: str) -> str:
            path = folder / name
            return str(path) if path.is_file() else ""

        ca_file = self.ca_file or found(f"{host}.crt")
        if self.cert_file or self.key_file:
            return Tls(ca_file, self.cert_file, self.key_file)
        return Tls(ca_file, found(f"{host}.auth.crt"), found(f"{host}.auth.key"))


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


def tls_of(section: RunnerSection, config: Path) -> Tls:
    """`config` is the config file's path: certificates may lie beside it."""
    named = Tls(section.tls_ca_file, section.tls_cert_file, section.tls_key_file)
    return named.or_beside(config, section.url)


def api_address(url: str) -> str:
    return url.rstrip("/").removesuffix("/ci") + "/api/v4/"


def tls_context(url: str, tls: Tls) -> ssl.SSLContext:
    """Raises UsageError for files that cannot be read."""
    if not url.startswith("https://"):
        # Reading the authorities takes longer than most calls.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.create_default_context()
    file = tls.ca_file
    try:
        if tls.ca_file:
            context.load_verify_locations(cafile=tls.ca_file)
        if tls.cert_file:
            file = tls.cert_file
            context.load_cert_chain(tls.cert_file, tls.key_file or None)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"{file} cannot be used for TLS with {url}: {error}.") from error
    return context


class Api:
    """One coordinator. `observe` is told of each answer: the call's name, and its status. Close it with
    `async with`."""

    def __init__(
        self,
        url: str,
        now: Callable[[], float],
        tls: Tls = Tls(),
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
        problem = ""
        sent = {**headers, "X-Request-Id": secrets.token_hex(16)}
        for attempt in range(tries):
            waited: Mapping[str, str] = {}
            try:
                answer = await self._once(method, path, sent, content)
                self._observe(name, answer.status_code)
                if tries == 1 or answer.status_code not in RETRIED:
                    return answer
                problem, waited = f"answered {answer.status_code}", answer.headers
            except httpx.TransportError as error:
                self._observe(name, NO_ANSWER)
                problem = f"cannot be reached: {str(error) or type(error).__name__}"
            if attempt + 1 < tries:
                await asyncio.sleep(backoff(attempt, waited, self._now()))
        raise RemoteError(f"The coordinator {problem} ({method} {path.partition('?')[0]}).")

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
