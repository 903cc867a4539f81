"""The runner's config.toml, in the way of gitlab-runner's; with some keys of our own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from shipline.errors import UsageError
from shipline.version import __version__


@dataclass(frozen=True, slots=True)
class DockerSection:
    """[runners.docker]. `registry_aliases` is ours: registry name in image names -> its address for the engine."""

    image: str = "debian:bookworm"
    privileged: bool = False
    pull_policy: tuple[str, ...] = ("always",)
    helper_image: str = f"shipline/helper:{__version__}"
    extra_hosts: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    wait_for_services_timeout: int = 30
    registry_aliases: Mapping[str, str] = field(default_factory=dict)
    host: str = ""


@dataclass(frozen=True, slots=True)
class RunnerSection:
    """[[runners]]. `clone_url` is the coordinator's address for git and artifacts, from inside containers.
    `owner` is ours: the label of everything that is started."""

    name: str
    url: str
    token: str = field(repr=False)
    executor: str = "docker"
    clone_url: str = ""
    owner: str = "shipline-runner"
    limit: int = 0
    output_limit: int = 4096
    environment: tuple[str, ...] = ()
    docker: DockerSection = field(default_factory=DockerSection)

    @property
    def short_token(self) -> str:
        token = self.token
        for prefix in ("glrt-", "glrtr-"):
            token = token.removeprefix(prefix)
        return token[:9]


@dataclass(frozen=True, slots=True)
class ConfigFile:
    concurrent: int = 1
    check_interval: int = 3
    runners: tuple[RunnerSection, ...] = ()
    warnings: tuple[str, ...] = ()


def load(path: Path) -> ConfigFile:
    """Read the file. Raises UsageError for what is wrong; keys that we do not know become warnings."""
    try:
        document = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise UsageError(
            f"There is no {path}.", hint="`shipline up` writes one; or name yours with --config."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}.") from error
    warnings: list[str] = []
    sections = document.pop("runners", [])
    top = _read(path, "", document, ConfigFile, warnings)
    if not isinstance(sections, list):
        raise UsageError(f"{path}: write [[runners]], with two brackets.")
    runners = tuple(_runner(path, _table(path, "[[runners]]", section), warnings) for section in sections)
    return ConfigFile(**top, runners=runners, warnings=tuple(warnings))


def _runner(path: Path, section: dict[str, Any], warnings: list[str]) -> RunnerSection:
    docker = _table(path, "[runners.docker]", section.pop("docker", {}))
    values = _read(path, "[[runners]] ", section, RunnerSection, warnings)
    for key in ("name", "url", "token"):
        if not values.get(key):
            raise UsageError(f"{path}: a [[runners]] entry has no {key}.")
    if values.get("executor", "docker") != "docker":
        raise UsageError(f'{path}: executor {values["executor"]!r} is not there; use "docker".')
    return RunnerSection(
        **values, docker=DockerSection(**_read(path, "[runners.docker] ", docker, DockerSection, warnings))
    )


def _table(path: Path, where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{path}: {where} must be a table, not {value!r}.")
    return value


def _read(
    path: Path, where: str, values: dict[str, Any], section: type, warnings: list[str]
) -> dict[str, Any]:
    known = {one.name: one for one in fields(section)}
    kept: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known or key in ("runners", "warnings"):
            warnings.append(f"{path}: {where}{key} is not known and has no effect.")
            continue
        expected = known[key].type
        several = [value] if key == "pull_policy" and isinstance(value, str) else value
        read = tuple(several) if isinstance(several, list) else several
        wanted = {"str": str, "int": int, "bool": bool, "tuple[str, ...]": tuple}.get(str(expected), Mapping)
        inner = read if wanted is tuple else read.values() if isinstance(read, Mapping) else ()
        if (
            not isinstance(read, wanted)
            or (wanted is int and isinstance(read, bool))
            or not all(isinstance(one, str) for one in inner)
        ):
            raise UsageError(f"{path}: {where}{key} has the wrong type: {value!r}.")
        kept[key] = read
    return kept
