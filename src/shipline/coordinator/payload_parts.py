"""Members of the job payload, each made from what the compiler gave. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from shipline.coordinator.cache_keys import with_suffix, written_key
from shipline.model.definition import Artifacts, Cache, Image, JobDefinition, Service
from shipline.model.variable import Variable
from shipline.protocols import runner_api as api
from shipline.protocols.artifact_types import ARTIFACT_TYPES


def variable(found: Variable) -> api.JobVariable:
    return api.JobVariable(
        key=found.key,
        value=found.value,
        public=found.public,
        masked=found.masked,
        file=found.file,
        raw=found.raw,
    )


def steps(job: JobDefinition, timeout: int) -> list[api.JobStep]:
    found = [api.JobStep(name="script", script=[*job.before_script, *job.script], timeout=timeout)]
    if job.after_script:
        found.append(
            api.JobStep(
                name="after_script",
                script=list(job.after_script),
                timeout=timeout,
                when="always",
                allow_failure=True,
            )
        )
    return found


def run(job: JobDefinition) -> str:
    """The CI/CD steps as the text that runners read; empty for a job of a script."""
    return json.dumps(job.run, ensure_ascii=False) if job.run else ""


def hooks(job: JobDefinition) -> list[api.JobHook]:
    script = list(job.pre_get_sources_script)
    return [api.JobHook(name="pre_get_sources_script", script=script)] if script else []


def inputs(job: JobDefinition) -> list[api.JobInput]:
    return [
        api.JobInput(key=one.name, value=api.JobInputValue(type=one.type, content=one.default))
        for one in job.inputs
    ]


def image(found: Image) -> api.JobImage:
    return api.JobImage(
        name=found.name,
        entrypoint=_list(found.entrypoint),
        pull_policy=list(found.pull_policy),
        executor_opts=_options(found),
    )


def service(found: Service) -> api.JobImage:
    return api.JobImage(
        name=found.name,
        alias=found.alias,
        entrypoint=_list(found.entrypoint),
        command=_list(found.command),
        variables=[variable(one) for one in found.variables],
        pull_policy=list(found.pull_policy),
        executor_opts=_options(found),
    )


def _options(found: Image | Service) -> api.ExecutorOptions:
    return api.ExecutorOptions(
        docker=api.DockerOptions(platform=found.docker_platform or "", user=found.docker_user or ""),
        kubernetes=api.KubernetesOptions(user=found.kubernetes_user or ""),
    )


def _list(words: Sequence[str] | None) -> list[str] | None:
    return None if words is None else list(words)


def artifacts(found: Artifacts) -> list[api.JobArtifact]:
    """The archive as it is asked for, and each report under GitLab's name for it. Reports are sent always:
    those of a failed job are wanted most."""
    expire_in = found.expire_in or ""
    made = []
    if found.paths or found.untracked:
        made.append(
            api.JobArtifact(
                name=found.name or "",
                untracked=found.untracked,
                paths=list(found.paths),
                exclude=list(found.exclude),
                when=found.when,
                expire_in=expire_in,
            )
        )
    reports = list(found.reports)
    if found.coverage_report is not None:
        reports.append((found.coverage_report.format, (found.coverage_report.path,)))
    for kind, paths in reports:
        known = ARTIFACT_TYPES[kind]
        made.append(
            api.JobArtifact(
                name=known.filename,
                paths=list(paths),
                when="always",
                artifact_type=kind,
                artifact_format=known.format,
                expire_in=expire_in,
            )
        )
    return made


def caches(
    found: Sequence[Cache], digests: Mapping[int, str], *, separated: bool, protected: bool
) -> list[api.JobCache]:
    """`digests`: index of a cache whose key is made from files -> what these come to."""

    def suffixed(key: str, cache: Cache) -> str:
        return with_suffix(key, cache, separated=separated, protected=protected)

    return [
        api.JobCache(
            key=suffixed(written_key(cache, index, digests.get(index, "default")), cache),
            untracked=cache.untracked,
            policy=cache.policy,
            paths=list(cache.paths),
            when=cache.when,
            fallback_keys=[suffixed(key, cache) for key in cache.fallback_keys],
        )
        for index, cache in enumerate(found)
    ]
