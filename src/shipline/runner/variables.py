"""The variables of a job as its containers see them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from shipline.model.expansion import expand, expand_all
from shipline.model.variable import Variable
from shipline.protocols.runner_api import JobPayload, JobVariable
from shipline.runner.config_file import RunnerSection
from shipline.version import __version__

BUILDS = "/builds"
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


def project_directory(payload: JobPayload) -> str:
    path = payload.job_info.project_full_path or f"project-{payload.job_info.project_id}"
    return f"{BUILDS}/{path}"


def job_variables(payload: JobPayload, section: RunnerSection, timeout: int) -> Variables:
    """The runner's own below, the job's above."""
    directory = project_directory(payload)
    own = [
        _own("CI_BUILDS_DIR", BUILDS),
        _own("CI_PROJECT_DIR", directory),
        _own("CI_CONCURRENT_ID", "0"),
        _own("CI_CONCURRENT_PROJECT_ID", "0"),
        _own("CI_SERVER", "yes"),
        _own("CI_JOB_STATUS", "running"),
        _own("CI_JOB_TIMEOUT", str(timeout)),
        _own("CI_JOB_IMAGE", payload.image.name if payload.image else section.docker.image),
        _own("CI_RUNNER_SHORT_TOKEN", section.short_token),
        _own("CI_RUNNER_VERSION", __version__),
        _own("CI_RUNNER_REVISION", f"shipline-{__version__}"),
        _own("CI_RUNNER_EXECUTABLE_ARCH", "linux/amd64"),
        _own("CI_DISPOSABLE_ENVIRONMENT", "true"),
        *(_own(key, value) for key, _, value in (line.partition("=") for line in section.environment)),
    ]
    merged = {one.key: one for one in [*own, *payload.variables] if _NAME.fullmatch(one.key)}
    temporary = f"{directory}.tmp"
    files = {key: (f"{temporary}/{key}", one.value) for key, one in merged.items() if one.file}
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
