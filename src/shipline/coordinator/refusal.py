"""What a call is refused with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal(Exception):
    """An HTTP status with GitLab's message."""

    status: int
    message: str
