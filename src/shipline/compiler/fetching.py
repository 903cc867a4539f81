"""Getting one included file from where it comes from, with GitLab's words for why it cannot be had. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shipline.compiler.components import parse_address
from shipline.compiler.include_entries import IncludeError, Wanted, digest_of
from shipline.compiler.ruby import to_s
from shipline.compiler.sources import SourceError, Sources
from shipline.model.duration import parse_duration
from shipline.model.variable import Variable

_EXTENSION = re.compile(r".+\.ya?ml", re.IGNORECASE)
_URL = re.compile(r"https?://[^\s/]+\S*", re.IGNORECASE)
TEMPLATE_SUFFIX = ".gitlab-ci.yml"
MASK = "[MASKED]"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file comes from, which decides what its own includes mean.

    `sources` None: a file from the network, which belongs to no project. `label` stands before paths in
    messages of ours. `component` are the values of the component that the file is part of. `is_own`: the
    commit that the pipeline is for.
    """

    sources: Sources | None
    everything: Sources | None = None
    label: str = ""
    component: Mapping[str, str] = field(default_factory=dict)
    component_address: str = ""
    is_own: bool = False

    @property
    def beyond(self) -> Sources:
        """What is fetched from elsewhere, also for a file that belongs to no project."""
        found = self.sources or self.everything
        assert found is not None
        return found

    def tracked(self) -> frozenset[str]:
        return self.sources.tracked() if self.sources is not None else frozenset()


@dataclass(frozen=True, slots=True)
class Fetched:
    """`file` is how our messages name it; `place` is for what it includes itself."""

    file: str
    content: bytes
    place: Place


def fetch(wanted: Wanted, place: Place, variables: Mapping[str, Variable]) -> Fetched:
    """Raises IncludeError."""
    return _Fetch(wanted, place, variables).one()


def masked(location: Any, variables: Mapping[str, Variable]) -> str:
    """A location as it may be shown: variables may have put secrets into it."""
    text = to_s(location)
    for variable in variables.values():
        if variable.masked and variable.value and variable.value in text:
            mask = MASK + "x" * (len(variable.value) - len(MASK))
            text = text.replace(variable.value, mask)
    return text


class _Fetch:
    def __init__(self, wanted: Wanted, place: Place, variables: Mapping[str, Variable]) -> None:
        self.wanted = wanted
        self.place = place
        self.variables = variables
        self.location = wanted.location
        self.shown = masked(wanted.location, variables)

    def one(self) -> Fetched:
        if not isinstance(self.location, str):
            raise self._refused(f"Included file `{self.shown}` needs to be a string")
        if self.wanted.kind != "component" and not _EXTENSION.fullmatch(self.location.rsplit("/", 1)[-1]):
            raise self._refused(f"Included file `{self.shown}` does not have YAML extension!")
        getters = {
            "local": self._local,
            "project": self._project,
            "remote": self._remote,
            "template": self._template,
            "artifact": self._artifact,
            "component": self._component,
        }
        try:
            return getters[self.wanted.kind]()
        except SourceError as error:
            raise self._refused(masked(error.message, self.variables), hint=error.hint) from error

    def _local(self) -> Fetched:
        if self.place.sources is None:
            raise self._refused(f"Local file `{self.shown}` does not have project!")
        content = self.place.sources.local(self.location)
        self._check(content, f"Local file `{self.shown}`")
        return Fetched(f"{self.place.label}{self.location}", content or b"", self.place)

    def _project(self) -> Fetched:
        written = self.wanted.other["project"]
        name = to_s(written[0] if isinstance(written, list) and written else written).lower()
        ref = to_s(self.wanted.other.get("ref") or "") or None
        sources = self.place.beyond.project(name, ref)
        content = sources.local(self.location)
        self._check(content, f"Project `{masked(name, self.variables)}` file `{self.shown}`")
        label = masked(f"{name}@{ref}:" if ref else f"{name}:", self.variables)
        inside = Place(sources, None, label, self.place.component)
        return Fetched(f"{label}{self.location}", content or b"", inside)

    def _remote(self) -> Fetched:
        if not _URL.fullmatch(self.location):
            raise self._refused(f"Remote file `{self.shown}` does not have a valid address!")
        self._check_cache()
        content = self.place.beyond.remote(self.location)
        self._check_integrity(content)
        self._check_some(content)
        inside = Place(None, self.place.beyond, f"{self.shown}:", self.place.component)
        return Fetched(self.shown, content, inside)

    def _template(self) -> Fetched:
        if not self.location.endswith(TEMPLATE_SUFFIX):
            raise self._refused(f"Template file `{self.shown}` is not a valid location!")
        content = self.place.beyond.template(self.location)
        self._check_some(content)
        return Fetched(self.shown, content or b"", self.place)

    def _artifact(self) -> Fetched:
        job = to_s(self.wanted.other.get("job"))
        if not job.strip():
            # Outside of a child pipeline that comes first.
            self.place.beyond.artifact("", self.location)
            raise self._refused("Job must be provided when including configs from artifacts")
        content = self.place.beyond.artifact(job, self.location)
        if not (content or b"").strip():
            raise self._refused(f"File `{self.shown}` is empty!")
        return Fetched(f"{job}:{self.location}", content or b"", self.place)

    def _component(self) -> Fetched:
        if self.place.sources is None:
            raise self._refused("Unable to use components outside of a project context")
        address = parse_address(self.location)
        if address is None:
            raise self._refused(f"Component '{self.shown}' - the component path is not supported")
        found = self.place.sources.component(address.host, address.project, address.name, address.version)
        if not found.content.strip():
            raise self._refused(f"Component '{self.shown}' - content not found")
        values = {"name": found.name, "sha": found.sha, "reference": found.reference}
        label = f"{address.project}@{address.version}:"
        inside = Place(
            found.sources,
            None,
            label,
            {**values, "version": found.version} if found.version is not None else values,
            self.shown,
        )
        return Fetched(f"{label}{found.path}", found.content, inside)

    def _check(self, content: bytes | None, what: str) -> None:
        if content is None:
            raise self._refused(f"{what} does not exist!")
        if not content.strip():
            raise self._refused(f"{what} is empty!")

    def _check_some(self, content: bytes | None) -> None:
        if not (content or b"").strip():
            raise self._refused(f"Included file `{self.shown}` is empty or does not exist!")

    def _check_integrity(self, content: bytes) -> None:
        integrity = self.wanted.other.get("integrity")
        if integrity is None:
            return
        if digest_of(integrity) != hashlib.sha256(content).digest():
            found = "sha256-" + base64.b64encode(hashlib.sha256(content).digest()).decode()
            raise self._refused(
                f"Remote file `{self.shown}` failed integrity check!",
                hint=f"its content is {found}",
            )

    def _check_cache(self) -> None:
        cache = self.wanted.other.get("cache")
        if cache is None or isinstance(cache, bool):
            return
        seconds = parse_duration(cache) if isinstance(cache, str) else None
        if seconds is None:
            raise self._refused("include:include config cache should be a boolean or a duration")
        if seconds < 60:
            raise self._refused("include:include config cache must be at least 1 minute")

    def _refused(self, message: str, *, hint: str = "") -> IncludeError:
        return IncludeError(message, self.wanted.node, hint=hint)
