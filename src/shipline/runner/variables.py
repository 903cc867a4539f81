"""The variables of a job as its containers see them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from shipline.model.expansion import expand, expand_all
from shipline.model.variable import Variable
from shipline.protocols.runner_api import JobPayload, JobVariable
from shipline.runner.config_file import RunnerSection
from shipline.runner.folders import Folders, job_folders
from shipline.runner.slots import Slot
from shipline.version import __version__

# The feature flags that mean something here, and what holds without them.
FLAGS = MappingProxyType(
    {
        "FF_NETWORK_PER_BUILD": True,
        "FF_SCRIPT_SECTIONS": False,
        "FF_ENABLE_BASH_EXIT_CODE_CHECK": False,
        "FF_HASH_CACHE_KEYS": False,
        "FF_USE_INIT_WITH_DOCKER_EXECUTOR": False,
    }
)
TLS_AUTHORITY, TLS_CERTIFICATE, TLS_KEY = TLS_VARIABLES = (
    "CI_SERVER_TLS_CA_FILE",
    "CI_SERVER_TLS_CERT_FILE",
    "CI_SERVER_TLS_KEY_FILE",
)
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Variables:
    """`values` are expanded; `files` maps a file variable's name to its path and content; `secrets` are to
    be masked; `public` may be seen by services."""

    values: dict[str, str]
    files: dict[str, tuple[str, str]]
    secrets: tuple[str, ...]
    public: dict[str, str]

    def expand(self, text: str) -> str:
        return expand(text, self.values.get)

    def get(self, key: str, default: str = "") -> str:
        """Its value; an empty one counts as not set."""
        return self.values.get(key) or default

    def truth(self, key: str, default: bool = False) -> bool:
        """As Go reads a truth value; anything else is `default`."""
        value = self.values.get(key, "").strip().lower()
        if value in ("1", "t", "true"):
            return True
        return False if value in ("0", "f", "false") else default

    def exports(self) -> dict[str, str]:
        """What a shell is given that has no environment of its own; files are given by themselves."""
        return {key: value for key, value in self.values.items() if key not in self.files}


def job_variables(
    payload: JobPayload,
    section: RunnerSection,
    timeout: int,
    folders: Folders | None = None,
    slot: Slot | None = None,
    *,
    network: str = "",
    tls: Mapping[str, str] | None = None,
) -> Variables:
    """The runner's own below, the job's above.

    `network` is the name of the job's own network, if it has one; `tls` maps TLS_VARIABLES to the PEM of
    what the config names for the coordinator.
    """
    slot = slot or Slot()
    folders = folders or job_folders(payload, section, slot)
    flags = {**FLAGS, **section.feature_flags}
    own = [
        _own("CI_BUILDS_DIR", folders.builds),
        _own("CI_PROJECT_DIR", folders.project),
        _own("RUNNER_TEMP_PROJECT_DIR", folders.temporary),
        _own("GITLAB_ENV", f"{folders.temporary}/gitlab_runner_env"),
        _own("CI_CONCURRENT_ID", str(slot.runner)),
        _own("CI_CONCURRENT_PROJECT_ID", str(slot.project)),
        _own("CI_SERVER", "yes"),
        _own("CI_JOB_STATUS", "running"),
        _own("CI_JOB_TIMEOUT", str(timeout)),
        _own("CI_JOB_IMAGE", payload.image.name if payload.image else section.docker.image),
        _own("CI_RUNNER_SHORT_TOKEN", section.short_token),
        _own("CI_RUNNER_VERSION", __version__),
        _own("CI_RUNNER_REVISION", f"shipline-{__version__}"),
        _own("CI_RUNNER_EXECUTABLE_ARCH", "linux/amd64"),
        _own("CI_SHARED_ENVIRONMENT" if section.executor == "shell" else "CI_DISPOSABLE_ENVIRONMENT", "true"),
        *(_own(key, str(value).lower()) for key, value in flags.items()),
        *([_own("CI_BUILD_NETWORK_NAME", network)] if network else []),
        *(
            JobVariable(key=key, value=text, file=True, masked=key == TLS_KEY)
            for key, text in (tls or {}).items()
            if text
        ),
        *(_own(key, value) for key, _, value in (line.partition("=") for line in section.environment)),
    ]
    merged = {one.key: one for one in [*own, *payload.variables] if _NAME.fullmatch(one.key)}
    files = {key: (f"{folders.temporary}/{key}", one.value) for key, one in merged.items() if one.file}
    resolved = expand_all(
        Variable(key, files[key][0] if key in files else one.value, raw=one.raw or one.file)
        for key, one in merged.items()
    )
    values = {variable.key: variable.value for variable in resolved}
    secrets = [one.value for one in merged.values() if one.masked]
    secrets += [values[key] for key, one in merged.items() if one.masked and not one.file]
    return Variables(
        values=values,
        files=files,
        secrets=tuple(dict.fromkeys(secrets)),
        public={key: values[key] for key, one in merged.items() if one.public and not one.file},
    )


def service_variables(variables: Variables, own: Sequence[JobVariable]) -> dict[str, str]:
    """What a service sees: the public ones, and its own above."""
    seen = dict(variables.public)
    seen.update({one.key: one.value if one.raw else variables.expand(one.value) for one in own})
    return seen


def _own(key: str, value: str) -> JobVariable:
    return JobVariable(key=key, value=value, public=True, raw=False)
