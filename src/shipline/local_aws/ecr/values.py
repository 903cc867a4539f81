"""What ECR keeps. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Repository:
    """`created_at` in seconds since the epoch."""

    arn: str
    name: str
    registry_id: str
    created_at: float
    mutability: str = "MUTABLE"
    tags: tuple[dict[str, str], ...] = field(default=())
