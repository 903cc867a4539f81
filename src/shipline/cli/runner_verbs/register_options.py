"""The options of `register` that become keys of the entry, and those that only a coordinator can heed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import click

# Sent with a registration token; with a glrt- token the coordinator has them already.
SERVER_OPTIONS = (
    "tag_list",
    "run_untagged",
    "locked",
    "access_level",
    "maximum_timeout",
    "paused",
    "maintenance_note",
)


@dataclass(frozen=True, slots=True)
class EntryOption:
    """`key` is where it goes: "limit", or "docker.image" for [runners.docker]. `kind`: text, number, flag, texts."""

    name: str
    variable: str
    key: str
    kind: str
    help: str

    @property
    def parameter(self) -> str:
        return self.name.removeprefix("--").replace("-", "_")


ENTRY_OPTIONS = (
    EntryOption(
        "--limit",
        "RUNNER_LIMIT",
        "limit",
        "number",
        "How many jobs this entry runs at once; 0: as many as `concurrent`.",
    ),
    EntryOption(
        "--request-concurrency",
        "RUNNER_REQUEST_CONCURRENCY",
        "request_concurrency",
        "number",
        "How many questions for a job may be open at once.",
    ),
    EntryOption(
        "--output-limit",
        "RUNNER_OUTPUT_LIMIT",
        "output_limit",
        "number",
        "How long a job's log may become, in KiB.",
    ),
    EntryOption("--builds-dir", "RUNNER_BUILDS_DIR", "builds_dir", "text", "The folder where jobs work."),
    EntryOption("--cache-dir", "RUNNER_CACHE_DIR", "cache_dir", "text", "The folder where caches are kept."),
    EntryOption(
        "--clone-url",
        "CLONE_URL",
        "clone_url",
        "text",
        "The coordinator's address for git, if it is another one.",
    ),
    EntryOption("--shell", "RUNNER_SHELL", "shell", "text", "The shell of jobs: bash or sh."),
    EntryOption(
        "--env",
        "RUNNER_ENV",
        "environment",
        "texts",
        "A variable for every job, KEY=VALUE. May be given several times.",
    ),
    EntryOption(
        "--pre-get-sources-script",
        "RUNNER_PRE_GET_SOURCES_SCRIPT",
        "pre_get_sources_script",
        "text",
        "Commands before the sources are fetched.",
    ),
    EntryOption(
        "--post-get-sources-script",
        "RUNNER_POST_GET_SOURCES_SCRIPT",
        "post_get_sources_script",
        "text",
        "Commands after the sources are fetched.",
    ),
    EntryOption(
        "--pre-build-script",
        "RUNNER_PRE_BUILD_SCRIPT",
        "pre_build_script",
        "text",
        "Commands before each job's script.",
    ),
    EntryOption(
        "--post-build-script",
        "RUNNER_POST_BUILD_SCRIPT",
        "post_build_script",
        "text",
        "Commands after each job's script.",
    ),
    EntryOption(
        "--tls-ca-file",
        "CI_SERVER_TLS_CA_FILE",
        "tls-ca-file",
        "text",
        "Authorities to trust besides the system's, in PEM.",
    ),
    EntryOption(
        "--tls-cert-file",
        "CI_SERVER_TLS_CERT_FILE",
        "tls-cert-file",
        "text",
        "A certificate to show to the coordinator, in PEM.",
    ),
    EntryOption(
        "--tls-key-file",
        "CI_SERVER_TLS_KEY_FILE",
        "tls-key-file",
        "text",
        "The key of that certificate, in PEM.",
    ),
    EntryOption(
        "--docker-image", "DOCKER_IMAGE", "docker.image", "text", "The image of jobs that name none."
    ),
    EntryOption(
        "--docker-host", "", "docker.host", "text", "The Docker Engine's address, if not DOCKER_HOST."
    ),
    EntryOption(
        "--docker-privileged",
        "DOCKER_PRIVILEGED",
        "docker.privileged",
        "flag",
        "Privileged containers, which docker:dind needs.",
    ),
    EntryOption(
        "--docker-volumes",
        "DOCKER_VOLUMES",
        "docker.volumes",
        "texts",
        "A volume for every job, such as /cache or HOST:CONTAINER.",
    ),
    EntryOption(
        "--docker-pull-policy",
        "DOCKER_PULL_POLICY",
        "docker.pull_policy",
        "texts",
        "always, if-not-present or never; several are tried in turn.",
    ),
    EntryOption(
        "--docker-network-mode",
        "DOCKER_NETWORK_MODE",
        "docker.network_mode",
        "text",
        "A network for jobs, instead of one for each.",
    ),
    EntryOption(
        "--docker-extra-hosts",
        "DOCKER_EXTRA_HOSTS",
        "docker.extra_hosts",
        "texts",
        "A name that containers know, HOST:ADDRESS.",
    ),
    EntryOption(
        "--docker-helper-image",
        "DOCKER_HELPER_IMAGE",
        "docker.helper_image",
        "text",
        "The image for git, caches and artifacts.",
    ),
    EntryOption(
        "--docker-cpus", "DOCKER_CPUS", "docker.cpus", "text", 'Processors of each container, such as "1.5".'
    ),
    EntryOption(
        "--docker-memory",
        "DOCKER_MEMORY",
        "docker.memory",
        "text",
        'Memory of each container, such as "512m".',
    ),
)


class _Text(click.types.StringParamType):
    """Several in one environment variable stand with commas between, as gitlab-runner has it."""

    envvar_list_splitter = ","


_TYPES: Mapping[str, Mapping[str, Any]] = {
    "text": {"type": str},
    "number": {"type": int},
    "flag": {"is_flag": True, "default": None},
    "texts": {"type": _Text(), "multiple": True},
}


def entry_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    server = (
        click.option("--tag-list", envvar="RUNNER_TAG_LIST", help="Tags, with commas. (*)"),
        click.option(
            "--run-untagged", type=bool, envvar="REGISTER_RUN_UNTAGGED", help="Jobs without tags. (*)"
        ),
        click.option("--locked", type=bool, envvar="REGISTER_LOCKED", help="To its project. (*)"),
        click.option(
            "--access-level",
            type=click.Choice(("not_protected", "ref_protected")),
            envvar="REGISTER_ACCESS_LEVEL",
            help="Which refs. (*)",
        ),
        click.option(
            "--maximum-timeout", type=int, envvar="REGISTER_MAXIMUM_TIMEOUT", help="Of a job, in seconds. (*)"
        ),
        click.option("--paused", type=bool, envvar="REGISTER_PAUSED", help="It gets no jobs yet. (*)"),
        click.option(
            "--maintenance-note",
            envvar="REGISTER_MAINTENANCE_NOTE",
            help="For administrators. (*) Only with a registration token.",
        ),
    )
    for option in reversed(server):
        verb = option(verb)
    for one in reversed(ENTRY_OPTIONS):
        verb = click.option(
            one.name,
            one.parameter,
            envvar=one.variable or None,
            show_envvar=bool(one.variable),
            help=one.help,
            **_TYPES[one.kind],
        )(verb)
    return verb


def entry_values(options: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, as the entry's keys and tables."""
    values: dict[str, Any] = {}
    for one in ENTRY_OPTIONS:
        value = options[one.parameter]
        if value is None or value == ():
            continue
        table, _, key = one.key.rpartition(".")
        place = values.setdefault(table, {}) if table else values
        place[key] = list(value) if isinstance(value, tuple) else value
    return values
