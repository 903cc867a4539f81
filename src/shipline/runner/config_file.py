"""The runner's config.toml, in the way of gitlab-runner's; with some keys of our own."""

from __future__ import annotations

import tomllib
from pathlib import Path

from shipline.errors import UsageError
from shipline.runner.config.reading import Reader
from shipline.runner.config.sections import (
    CacheSection,
    ConfigFile,
    DockerSection,
    RunnerSection,
    S3Section,
    ServiceEntry,
)

__all__ = [
    "CacheSection",
    "ConfigFile",
    "DockerSection",
    "RunnerSection",
    "S3Section",
    "ServiceEntry",
    "load",
    "parse",
]


def load(path: Path) -> ConfigFile:
    """Read the file. Raises UsageError for what is wrong; keys without effect become warnings."""
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError as error:
        raise UsageError(
            f"There is no {path}.",
            hint="`shipline runner register` and `shipline up` write one; or name yours with --config.",
        ) from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}.") from error
    return parse(path, text)


def parse(path: Path, text: str) -> ConfigFile:
    """`path` is for the sentences alone."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}.") from error
    return Reader(path).whole(document)
