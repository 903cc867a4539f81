"""The time that all files of one configuration may take together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Budget:
    """Shared by everybody who fetches for one configuration."""

    seconds: float
    spent: float = 0.0

    @property
    def left(self) -> float:
        return max(0.0, self.seconds - self.spent)
