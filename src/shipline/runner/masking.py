"""Keeps secrets out of a log, also where a write cuts them in two. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

MASK = b"[MASKED]"
_TOKEN = rb"[A-Za-z0-9._=-]"
_PARAMETERS = (
    b"private_token", b"authenticity_token", b"rss_token", b"x-amz-signature", b"x-amz-credential",
    b"x-amz-security-token",
)  # fmt: skip
# With the sign before it: what is held back must still be known as a parameter when more comes.
_PARAMETER = rb"(?i:[?&](?:" + b"|".join(_PARAMETERS) + rb")=)[^\s&\"']*"
_BEGUN = {name[:length] for name in _PARAMETERS for length in range(len(name) + 1)}
_PARAMETER_BEGUN = rb"(?i:[?&](?:" + b"|".join(map(re.escape, sorted(_BEGUN))) + rb"))"
_TAIL = 4096


@dataclass
class Masker:
    """`secrets` are whole values; after each of `prefixes` a token follows that is masked with it."""

    secrets: Iterable[str]
    prefixes: Iterable[str] = ()
    _held: bytes = b""
    _pattern: re.Pattern[bytes] = field(init=False, repr=False)
    _open: re.Pattern[bytes] = field(init=False, repr=False)
    _known: tuple[bytes, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        known = {secret.encode() for secret in self.secrets if secret}
        # A value of several lines is masked line by line too: echo and tools break it up.
        known |= {line for secret in known for line in secret.splitlines() if len(line) > 7}
        self._known = tuple(sorted(known, key=len, reverse=True))
        starts = [re.escape(prefix.encode()) for prefix in self.prefixes]
        parts = [re.escape(secret) for secret in self._known]
        parts += [
            rb"(?P<t%d>" % number + start + rb")" + _TOKEN + rb"+" for number, start in enumerate(starts)
        ]
        parts.append(rb"(?P<parameter>" + _PARAMETER + rb")")
        self._pattern = re.compile(b"|".join(parts))
        unfinished = [start + _TOKEN + rb"*" for start in starts] + [_PARAMETER, _PARAMETER_BEGUN]
        self._open = re.compile(rb"(?:" + b"|".join(unfinished) + rb")\Z")
        self._starts = tuple(self._known) + tuple(prefix.encode() for prefix in self.prefixes)

    def feed(self, content: bytes) -> bytes:
        """What may be shown now. What could be the beginning of a secret is held back."""
        text = self._held + content
        cut = self._safe_length(text)
        shown, self._held = self._mask(text[:cut]), text[cut:]
        return shown

    def end(self) -> bytes:
        """What is still held back, masked."""
        shown, self._held = self._mask(self._held), b""
        return shown

    def _mask(self, text: bytes) -> bytes:
        return self._pattern.sub(self._replacement, text)

    @staticmethod
    def _replacement(match: re.Match[bytes]) -> bytes:
        if match.lastgroup == "parameter":
            return match[0].partition(b"=")[0] + b"=" + MASK
        if match.lastgroup:
            return match[match.lastgroup] + MASK
        return MASK

    def _safe_length(self, text: bytes) -> int:
        """Up to where no secret can still be going on."""
        cut = len(text)
        window = max(0, len(text) - _TAIL)
        if (unfinished := self._open.search(text, window)) is not None:
            cut = unfinished.start()
        for secret in self._starts:
            for length in range(min(len(secret) - 1, len(text)), 0, -1):
                if text.endswith(secret[:length]):
                    cut = min(cut, len(text) - length)
                    break
        # A match that reaches over the cut must not be torn apart either.
        for match in self._pattern.finditer(text, max(0, cut - _TAIL)):
            if match.start() < cut < match.end():
                cut = match.start()
        return cut
