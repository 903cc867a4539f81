"""One table of config.toml to one dataclass; what is wrong, and what has no effect, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shipline.errors import UsageError
from shipline.runner.config.addresses import listen_on
from shipline.runner.config.elsewhere import HARMLESS, NOT_YET, OLD_NAMES
from shipline.runner.config.kinds import kind_of, shown
from shipline.runner.config.sections import (
    CACHE_TYPES,
    EXECUTORS,
    CacheSection,
    ConfigFile,
    DockerSection,
    RunnerSection,
    S3Section,
    ServiceEntry,
)

# Fields that are tables of their own, or no key at all.
_NESTED = frozenset(("runners", "docker", "cache", "s3", "services", "warnings"))
TABLES: Mapping[str, type] = {
    "": ConfigFile,
    "[[runners]]": RunnerSection,
    "[runners.docker]": DockerSection,
    "[[runners.docker.services]]": ServiceEntry,
    "[runners.cache]": CacheSection,
    "[runners.cache.s3]": S3Section,
}


def keys(table: str) -> dict[str, Field[Any]]:
    """The keys of a table that are read, by their names in the file."""
    found = (one for one in fields(TABLES[table]) if one.name not in _NESTED)
    return {one.metadata.get("name") or one.name: one for one in found}


@dataclass
class Reader:
    """Reads one file. `warnings` and `not_yet` grow as it does."""

    path: Path
    warnings: list[str] = field(default_factory=list)
    not_yet: list[str] = field(default_factory=list)

    def whole(self, document: dict[str, Any]) -> ConfigFile:
        sections = document.pop("runners", [])
        top = self._values("", "", document)
        try:
            listen_on(top.get("listen_address") or ":9252")
        except ValueError:
            raise self._wrong(
                f"listen_address must be HOST:PORT or :PORT, not {shown(top['listen_address'])}."
            ) from None
        if not isinstance(sections, list):
            raise self._wrong("write [[runners]], with two brackets: there can be several.")
        runners = tuple(self._runner(number, one) for number, one in enumerate(sections, 1))
        if self.not_yet:
            self.warnings.append(
                f"{self.path}: gitlab-runner knows these keys, shipline does not yet; they have no effect: "
                f"{', '.join(self.not_yet)}."
            )
        return ConfigFile(**top, runners=runners, warnings=tuple(self.warnings))

    def _runner(self, number: int, section: Any) -> RunnerSection:
        where = f"[[runners]] number {number}"
        table = self._table(where, section)
        if isinstance(table.get("name"), str) and table["name"]:
            where = f'[[runners]] "{table["name"]}"'
        docker = self._docker(where, table.pop("docker", {}))
        cache = self._cache(where, table.pop("cache", {}))
        values = self._values("[[runners]]", where, table)
        for key in ("name", "url", "token"):
            if not values.get(key):
                raise self._wrong(f"{where} has no {key}.", _NEEDED[key])
        if not _is_address(values["url"]):
            raise self._wrong(
                f"{where}: url must be an address that begins with http:// or https://, "
                f"not {shown(values['url'])}."
            )
        executor = values.get("executor", "docker")
        if executor not in EXECUTORS:
            raise self._wrong(
                f"{where}: there is no executor {shown(executor)}.",
                f"Those that are there: {', '.join(EXECUTORS)}.",
            )
        return RunnerSection(**values, docker=docker, cache=cache)

    def _docker(self, runner: str, section: Any) -> DockerSection:
        where = f"[runners.docker] of {runner}"
        table = self._table(where, section)
        services = table.pop("services", [])
        if not isinstance(services, list):
            raise self._wrong(f"{where}: write [[runners.docker.services]], with two brackets.")
        read = []
        for service in services:
            place = f"[[runners.docker.services]] of {runner}"
            values = self._values("[[runners.docker.services]]", place, self._table(place, service))
            if not values.get("name"):
                raise self._wrong(f"{place} has no name.", "It is the service's image.")
            read.append(ServiceEntry(**values))
        kept = self._values("[runners.docker]", where, table)
        # An empty text or list is gitlab-runner's way to write that nothing is set.
        for key in ("image", "helper_image", "pull_policy"):
            if key in kept and not kept[key]:
                del kept[key]
        return DockerSection(**kept, services=tuple(read))

    def _cache(self, runner: str, section: Any) -> CacheSection:
        where = f"[runners.cache] of {runner}"
        table = self._table(where, section)
        place = f"[runners.cache.s3] of {runner}"
        s3 = S3Section(**self._values("[runners.cache.s3]", place, self._table(place, table.pop("s3", {}))))
        values = self._values("[runners.cache]", where, table)
        kind = values.get("type", "")
        if kind and kind not in CACHE_TYPES:
            self.warnings.append(
                f"{self.path}: {where}: there is no cache of Type {shown(kind)} yet; caches stay on this machine."
            )
            values["type"] = ""
        return CacheSection(**values, s3=s3)

    def _table(self, where: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._wrong(f"{where} must be a table, not {shown(value)}.")
        return dict(value)

    def _values(self, table: str, where: str, values: dict[str, Any]) -> dict[str, Any]:
        """The values by the names of the dataclass's fields."""
        known = keys(table)
        # gitlab-runner's reader does not mind capitals.
        folded = {name.casefold(): name for name in known}
        kept: dict[str, Any] = {}
        for written, value in values.items():
            key = OLD_NAMES.get(written, written) if table == "[[runners]]" else written
            name = key if key in known else folded.get(key.casefold(), "")
            if not name:
                self._unknown(table, where, written, value)
                continue
            if key != written and key in values:
                # The new name counts where both are there.
                continue
            kept[known[name].name] = self._value(where, written, known[name], value)
        return kept

    def _value(self, where: str, key: str, field_: Field[Any], value: Any) -> Any:
        kind = kind_of(field_)
        try:
            return kind.read(value)
        except ValueError:
            found = shown(value) if field_.repr else "what is there"
            at = f"{where}: " if where else ""
            raise self._wrong(f"{at}{key} must be {kind.expected}, not {found}.") from None

    def _unknown(self, table: str, where: str, key: str, value: Any) -> None:
        at = f"{where}: " if where else ""
        if key in HARMLESS:
            return
        if key in NOT_YET[table] or key.casefold() in {one.casefold() for one in NOT_YET[table]}:
            # Switched off or empty it would do nothing there either.
            if value:
                self.not_yet.append(f"{table} {key}".strip())
            return
        self.warnings.append(f"{self.path}: {at}{key} is not known and has no effect.{_guess(table, key)}")

    def _wrong(self, message: str, hint: str = "") -> UsageError:
        return UsageError(f"{self.path}: {message}", hint=hint)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # A port that is none is found when it is asked for.
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _guess(table: str, key: str) -> str:
    """What may have been meant: a key that is spelt nearly so, or one of another table."""
    close = get_close_matches(key, [*keys(table), *NOT_YET[table]], n=1, cutoff=0.75)
    if close:
        return f" Did you mean {close[0]}?"
    for other in TABLES:
        if other != table and key in keys(other):
            return f" It belongs {f'under {other}' if other else 'at the top, before [[runners]]'}."
    return ""


_NEEDED = {
    "name": "Any name will do; the coordinator shows it.",
    "url": "It is the address of the coordinator or GitLab.",
    "token": "`shipline runner register` asks for one and writes the entry.",
}
