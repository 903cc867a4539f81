"""What a call is refused with."""

from __future__ import annotations

from dataclasses import dataclass


# Not frozen: whoever passes an exception on gives it another traceback.
@dataclass(eq=False)
class Refusal(Exception):
    """An HTTP status with GitLab's message."""

    status: int
    message: str


class NotKnown(Refusal):
    """The caller's token is nobody's."""
