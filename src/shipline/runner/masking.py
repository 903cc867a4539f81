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
_PARAMETER_BEGUN = re.compile(rb"(?i:[?&](?:" + b"|".join(map(re.escape, sorted(_BEGUN))) + rb"))\Z")
_BEGUN_LIMIT = max(map(len, _PARAMETERS)) + 1
# No token and no parameter goes on over one of these.
_ENDS = (b" ", b"\n", b"\r", b"\t", b'"', b"'")
# Whatever a coordinator says, these are GitLab's own tokens.
DEFAULT_PREFIXES = (
    "glpat-", "gldt-", "glrt-", "glrtr-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-", "glsoat-",
)  # fmt: skip
# More of a token than this is not waited for: it is masked, and what follows of it dropped.
HELD_LIMIT = 4096


@dataclass
class Masker:
    """`secrets` are whole values; after each of `prefixes` a token follows that is masked with it. What is held
    back is never more than HELD_LIMIT or the longest secret."""

    secrets: Iterable[str] = field(repr=False)
    prefixes: Iterable[str] = ()
    _held: bytes = field(default=b"", repr=False)
    _pattern: re.Pattern[bytes] = field(init=False, repr=False)
    _open: re.Pattern[bytes] = field(init=False, repr=False)
    _known: tuple[bytes, ...] = field(init=False, repr=False)
    # What still belongs to a long token that is masked already.
    _dropped: re.Pattern[bytes] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.learn(())

    def learn(self, secrets: Iterable[str]) -> None:
        """More of them, from now on: what was shown already stays so."""
        self.secrets = (*self.secrets, *secrets)
        known = {secret.encode(errors="replace") for secret in self.secrets if secret}
        # A value of several lines is masked line by line too: echo and tools break it up.
        known |= {line for secret in known for line in secret.splitlines() if len(line) > 7}
        self._known = tuple(sorted(known, key=len, reverse=True))
        prefixes = [prefix.encode() for prefix in tuple(self.prefixes) or DEFAULT_PREFIXES if prefix]
        starts = [re.escape(prefix) for prefix in prefixes]
        parts = [re.escape(secret) for secret in self._known]
        parts += [
            rb"(?P<t%d>" % number + start + rb")" + _TOKEN + rb"+" for number, start in enumerate(starts)
        ]
        parts.append(rb"(?P<parameter>" + _PARAMETER + rb")")
        self._pattern = re.compile(b"|".join(parts))
        unfinished = [start + _TOKEN + rb"*" for start in starts]
        self._open = re.compile(rb"(?P<token>" + b"|".join(unfinished) + rb")|" + _PARAMETER)
        self._starts = (*self._known, *prefixes)
        self._window = max(HELD_LIMIT, *map(len, self._starts))

    def another(self) -> Masker:
        """For what comes between the pieces of this one's text, and is not to part them."""
        return Masker(self.secrets, self.prefixes)

    def feed(self, content: bytes) -> bytes:
        """What may be shown now. What could be the beginning of a secret is held back."""
        if self._dropped is not None:
            rest = self._dropped.match(content)
            content = content[rest.end() if rest else 0 :]
            if not content:
                return b""
            self._dropped = None
        text = self._held + content
        cut = self._safe_length(text)
        if len(text) - cut > self._window and (found := self._open.match(text, cut)) is not None:
            self._dropped = re.compile(_TOKEN + rb"*" if found["token"] else rb"[^\s&\"']*")
            cut = len(text)
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
        run = max(text.rfind(end) for end in _ENDS) + 1
        for match in self._open.finditer(text, run):
            if match.end() == len(text):
                cut = match.start()
        if begun := _PARAMETER_BEGUN.search(text, max(0, len(text) - _BEGUN_LIMIT)):
            cut = min(cut, begun.start())
        for secret in self._starts:
            cut = min(cut, _begins(secret, text))
        # A match that reaches over the cut must not be torn apart either.
        for match in self._pattern.finditer(text, max(0, cut - self._window)):
            if match.start() < cut < match.end():
                cut = match.start()
        return cut


def _begins(secret: bytes, text: bytes) -> int:
    """Where the end of `text` is the beginning of `secret`, but not all of it; else the text's length."""
    tail = text[-(len(secret) - 1) :] if len(secret) > 1 else b""
    at = tail.find(secret[:1])
    while at >= 0:
        if secret.startswith(tail[at:]):
            return len(text) - len(tail) + at
        at = tail.find(secret[:1], at + 1)
    return len(text)
