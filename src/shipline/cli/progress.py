"""Progress for people: one line per step, with the seconds it took, on stderr."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console


def reporter(console: Console) -> Callable[[str], None]:
    """A callback that prints each step as it begins, with the seconds since the first one."""
    begun = time.monotonic()

    def report(step: str) -> None:
        console.print(
            f"[dim]{time.monotonic() - begun:6.1f} s[/dim]  {step}", highlight=False, soft_wrap=True
        )

    return report
