"""What a misspelt word may have meant. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def closest(key: str, known: Sequence[str]) -> str:
    """A suggestion for a misspelt key; empty when there is none."""
    # Seldom needed, and slow to import.
    import difflib

    close = difflib.get_close_matches(key, known, n=1, cutoff=0.7)
    return f"did you mean {close[0]!r}?" if close else ""
