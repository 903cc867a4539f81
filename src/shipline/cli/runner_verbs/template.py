"""A file with one [[runners]] entry, which gives `register` what no flag does, as gitlab-runner has it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shipline.errors import UsageError
from shipline.runner.config_file import parse

# What belongs to one runner, and is no template's to give.
_ITS_OWN = ("token", "id", "token_obtained_at", "token_expires_at")
# So that a template may leave out what every entry must have.
_MADE_UP = {"name": "template", "url": "http://template.invalid", "token": "template"}


def read_template(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The entry as the file has it, and sentences about what in the file has no effect. Raises UsageError."""
    import tomlkit

    try:
        document = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}.") from error
    runners = document.pop("runners", None)
    if not isinstance(runners, list) or len(runners) != 1 or not isinstance(runners[0], dict):
        raise UsageError(
            f"{path} is no template: it must have one [[runners]] entry.",
            hint="Everything in that is taken, but what a flag says otherwise.",
        )
    entry = {key: value for key, value in runners[0].items() if key not in _ITS_OWN}
    # What is wrong in it is told with its own name.
    found = parse(path, tomlkit.dumps({"runners": [_MADE_UP | entry]}))
    idle = [*document, *(key for key in runners[0] if key in _ITS_OWN)]
    told = [f"{path}: of a template only its entry's settings are taken; without effect: {', '.join(idle)}."]
    return entry, (*(told if idle else ()), *found.warnings)


def below(given: Mapping[str, Any], template: Mapping[str, Any]) -> dict[str, Any]:
    """`given`, and of the template what is not given, table by table."""
    names = {key.casefold(): key for key in given}
    merged = {key: value for key, value in template.items() if key.casefold() not in names}
    for key, value in template.items():
        own = names.get(key.casefold(), "")
        if isinstance(value, Mapping) and isinstance(given.get(own), Mapping):
            merged[own] = below(given[own], value)
    return merged | {key: value for key, value in given.items() if key not in merged}
