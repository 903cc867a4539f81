"""The runner's config.toml, in the way of gitlab-runner's."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

from shipline.config import CONTAINER_DOMAIN, Config, DataFolder

CONCURRENT = 4


def render(config: Config, token: str, owner: str, gateway: str, data: DataFolder) -> str:
    """The file's text. `docker:dind` gets the registry as mirror and its CA by the mounted folder."""
    docker = data.runner / "docker"
    lines = [
        "# Written by `shipline up`. Its token and your changes to other keys are not kept: use a runner",
        "# of your own (`shipline runner run --config FILE`) for other settings.",
        f"concurrent = {CONCURRENT}",
        "check_interval = 3",
        "",
        "[[runners]]",
        f"name = {_text('this machine')}",
        f"url = {_text(config.coordinator.external_url)}",
        f"clone_url = {_text(config.coordinator.container_url)}",
        f"token = {_text(token)}",
        f"owner = {_text(owner)}",
        'executor = "docker"',
        f"environment = {_list(['DOCKER_HOST=tcp://docker:2375', 'DOCKER_TLS_CERTDIR='])}",
        "",
        "[runners.docker]",
        'image = "debian:bookworm"',
        "privileged = true",
        'pull_policy = ["if-not-present"]',
        # Whoever uses this machine's own system may ask for any.
        'allowed_pull_policies = ["always", "if-not-present", "never"]',
        f"extra_hosts = {_list([f'{name}:{gateway}' for name in _names(config)])}",
        f"volumes = {_list(_volumes(docker))}",
        "",
        "[runners.docker.registry_aliases]",
        *(f"{_text(name)} = {_text(address)}" for name, address in config.registry.for_engine().items()),
        "",
    ]
    return "\n".join(lines)


def token_in(path: Path) -> str | None:
    """The token of an earlier start, so that the runner stays the same one."""
    try:
        document: dict[str, Any] = tomllib.loads(path.read_text())
        return str(document["runners"][0]["token"])
    except (FileNotFoundError, tomllib.TOMLDecodeError, LookupError, TypeError):
        return None


def write(path: Path, text: str) -> None:
    """Readable by the owner alone: it holds the runner's token."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    temporary.replace(path)


def _names(config: Config) -> list[str]:
    registry = [address.partition(":")[0] for address in (config.registry.address, *config.registry.aliases)]
    return [f"coordinator.{CONTAINER_DOMAIN}", f"aws.{CONTAINER_DOMAIN}", *registry]


def _volumes(docker: Path) -> list[str]:
    return [
        f"{docker / 'daemon.json'}:/etc/docker/daemon.json:ro",
        f"{docker / 'certs.d'}:/etc/docker/certs.d:ro",
    ]


def _text(value: str) -> str:
    return json.dumps(value)


def _list(values: list[str]) -> str:
    return json.dumps(values)
