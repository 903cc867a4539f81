"""A file over https, from a public address, in bounded time and size."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urljoin, urlsplit

from shipline.sources.addresses import is_public
from shipline.sources.budget import Budget
from shipline.version import __version__

SECONDS = 15.0
TOTAL_SECONDS = 30.0
SIZE_LIMIT = 2 * 1024 * 1024
REDIRECT_LIMIT = 5
_REDIRECTS = (301, 302, 303, 307, 308)
TOOK_TOO_LONG = "Resolving config took longer than expected"
BLOCKED = "Remote file could not be fetched because URL is blocked: "
LOCAL = "Requests to the local network are not allowed"

Resolve = Callable[[str, int], list[str]]


class FetchError(Exception):
    """Its text is what GitLab says of such a file, as far as GitLab says anything; `hint` is a way out."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


@dataclass(frozen=True)
class Fetcher:
    """`allow_private` lets it go to addresses that are not public, such as a server of one's own. `seconds` are
    for one answer, `budget` for all."""

    allow_private: bool = False
    seconds: float = SECONDS
    size_limit: int = SIZE_LIMIT
    redirect_limit: int = REDIRECT_LIMIT
    resolve: Resolve = resolve
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    budget: Budget = field(default_factory=lambda: Budget(TOTAL_SECONDS))

    def fetch(self, url: str) -> bytes:
        """The content. Raises FetchError. Each redirect is checked like the first address."""
        at = url
        for _ in range(self.redirect_limit + 1):
            began = time.monotonic()
            try:
                answer = self._once(url, at)
            finally:
                self.budget.spent += time.monotonic() - began
            if isinstance(answer, bytes):
                return answer
            at = urljoin(at, answer)
        raise FetchError(f"Remote file `{_shown(url)}` could not be fetched because of too many redirects!")

    def _once(self, url: str, at: str) -> bytes | str:
        """The content, or where it went."""
        parts = self._checked(url, at)
        host, port = parts.hostname or "", parts.port or 443
        seconds = min(self.seconds, self.budget.left)
        if seconds <= 0:
            raise FetchError(TOOK_TOO_LONG)
        connection = _Pinned(host, port, self._address(url, host, port), seconds, self.context)
        # Each read has a timeout; this ends a server that sends one byte at a time.
        watch = threading.Timer(seconds, connection.cut)
        watch.daemon = True
        watch.start()
        try:
            return self._answer(url, connection, parts)
        except (TimeoutError, socket.gaierror) as error:
            raise FetchError(_late(url) if isinstance(error, TimeoutError) else _broken(url)) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise FetchError(_late(url) if connection.was_cut else _broken(url, error)) from error
        finally:
            watch.cancel()
            connection.end()

    def _checked(self, url: str, at: str) -> SplitResult:
        try:
            parts = urlsplit(at)
            host, _ = parts.hostname, parts.port
        except ValueError:
            host, parts = None, urlsplit("")
        if not host:
            raise FetchError(f"Remote file `{_shown(url)}` does not have a valid address!")
        if parts.scheme != "https":
            raise FetchError(f"{BLOCKED}Only allowed schemes are https!")
        return parts

    def _address(self, url: str, host: str, port: int) -> str:
        """The address to connect to: looked up once, so that a second answer cannot lead elsewhere."""
        try:
            addresses = self.resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise FetchError(f"{BLOCKED}Host cannot be resolved or invalid!") from error
        if not self.allow_private and not all(is_public(address) for address in addresses):
            raise FetchError(f"{BLOCKED}{LOCAL}!", hint="--allow-private permits it")
        return addresses[0]

    def _answer(self, url: str, connection: _Pinned, parts: SplitResult) -> bytes | str:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target, headers={"User-Agent": f"shipline/{__version__}", "Accept": "*/*"})
        with connection.getresponse() as answer:
            return self._content(url, connection, answer)

    def _content(self, url: str, connection: _Pinned, answer: http.client.HTTPResponse) -> bytes | str:
        if answer.status in _REDIRECTS and (location := answer.getheader("Location")):
            return location
        if answer.status != 200:
            raise FetchError(
                f"Remote file `{_shown(url)}` could not be fetched after 1 attempt because of HTTP code "
                f"`{answer.status}` error!"
            )
        content = answer.read(self.size_limit + 1)
        if len(content) > self.size_limit:
            raise FetchError(
                f"Remote file `{_shown(url)}` could not be fetched because it is larger than {self.size_limit} bytes!"
            )
        if answer.length or connection.was_cut:
            raise http.client.IncompleteRead(content, answer.length or None)
        return content


def _late(url: str) -> str:
    return f"Remote file `{_shown(url)}` could not be fetched because of a timeout error!"


def _broken(url: str, error: Exception | None = None) -> str:
    because = f" ({error})" if error else ""
    return f"Remote file `{_shown(url)}` could not be fetched because of HTTP error!{because}"


def _shown(url: str) -> str:
    """Without a password that may stand in it."""
    head, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{head}{separator}{host.rpartition('@')[2]}{slash}{path}"


class _Pinned(http.client.HTTPSConnection):
    """To an address that was checked; the certificate is still the name's."""

    def __init__(self, host: str, port: int, address: str, seconds: float, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=seconds, context=context)
        self._pinned = address
        self._trust = context
        # The response takes `sock` over when the server will close; this one stays.
        self._open: socket.socket | None = None
        self.was_cut = False

    def connect(self) -> None:
        self._open = socket.create_connection((self._pinned, self.port), self.timeout)
        self.sock = self._open = self._trust.wrap_socket(self._open, server_hostname=self.host)

    def cut(self) -> None:
        """From another thread: whatever waits for this connection ends."""
        self.was_cut = True
        if self._open is not None:
            with suppress(OSError):
                self._open.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        self.close()
        if self._open is not None:
            self._open.close()
