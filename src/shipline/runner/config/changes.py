"""What became of the [[runners]] entries between two readings of config.toml. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shipline.runner.config.sections import RunnerSection


@dataclass(frozen=True, slots=True)
class Changes:
    """`stays` has the entries of old that are still there, with what they are now (the same or not)."""

    stays: Mapping[int, RunnerSection]
    leaves: tuple[int, ...]
    new: tuple[RunnerSection, ...]


def changes(old: Mapping[int, RunnerSection], new: Sequence[RunnerSection]) -> Changes:
    """An entry is known again by its address and token; if the token is another one, by address and name."""
    left = dict(old)
    unknown = list(new)
    stays: dict[int, RunnerSection] = {}
    keys: tuple[Callable[[RunnerSection], Any], ...] = (
        lambda one: (one.url, one.token, one.name),
        lambda one: (one.url, one.token),
        lambda one: (one.url, one.name),
    )
    for key in keys:
        for section in list(unknown):
            number = next((number for number, one in left.items() if key(one) == key(section)), None)
            if number is not None:
                stays[number] = section
                del left[number]
                unknown.remove(section)
    return Changes(stays, tuple(left), tuple(unknown))
