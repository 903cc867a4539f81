"""`listen_address`: where the metrics are served. Pure."""

from __future__ import annotations

import re

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 9252
_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\[\]\s]*))(?::(?P<port>\d{1,5}))?")


def listen_on(text: str) -> tuple[str, int]:
    """Host and port of ":9252", "9252", "HOST:PORT", "[::1]:9252" or "HOST" (gitlab-runner's port). A port alone
    is for this machine only; gitlab-runner opens it to everybody. Raises ValueError."""
    if text.isdecimal() and text.isascii():
        text = f":{text}"
    found = _ADDRESS.fullmatch(text)
    port = int(found["port"] or DEFAULT_PORT) if found else 0
    if not found or not text or not 0 < port < 65536:
        raise ValueError(text)
    return found["six"] or found["host"] or LOOPBACK, port
