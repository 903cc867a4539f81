"""A CI/CD variable as a job gets it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Variable:
    """`public` False keeps it out of services; `file` makes the job see a path to a file that holds the
    value; `raw` keeps `$` in the value as text; `masked` replaces the value by [MASKED] in logs."""

    key: str
    value: str
    public: bool = True
    masked: bool = False
    file: bool = False
    raw: bool = False


# The level of what a pipeline or a job was started with: groups cannot lie so deep.
ABOVE_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class SettingsVariable:
    """A variable that somebody set for a project, before it is known which job asks for it.

    `protected`: only for protected refs. `environment_scope`: `*` or an environment name with wildcards.
    `level` says who set it: 0 the instance, then the groups from the outermost, then the project;
    ABOVE_ALL whoever started the pipeline or the job.
    """

    variable: Variable
    protected: bool = False
    environment_scope: str = "*"
    level: int = 0


def last_wins(variables: Iterable[Variable]) -> tuple[Variable, ...]:
    """Of several variables with one key the last stays, at the place of the first."""
    kept: dict[str, Variable] = {}
    for variable in variables:
        kept[variable.key] = variable
    return tuple(kept.values())
