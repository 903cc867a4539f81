"""Pulling images, with registry aliases and credentials.

A registry has one name in image references (inside containers, in .gitlab-ci.yml, in task definitions) and
may have another address for the engine on this host: a registry on loopback is `127.0.0.1:PORT` for the
engine and `registry.shipline.internal:PORT` for everybody in a container. An alias maps the first to the
second; the image is then used by its id, so no name ever has to be faked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiodocker
import aiohttp
from aiodocker.types import JSONValue

from shipline.errors import (
    EngineError,
    EngineUnavailable,
    ImageAccessDenied,
    ImageNotFound,
    ImagePullFailed,
)
from shipline.protocols.image_reference import HUB, ImageReference, parse_image_reference


@dataclass(frozen=True, slots=True)
class Credentials:
    """For one registry, by the name it has in image references. `identity_token` stands for the other two."""

    registry: str
    username: str
    password: str
    identity_token: str = ""

    def __repr__(self) -> str:
        return f"Credentials({self.registry!r}, {self.username!r}, password=...)"


@dataclass(frozen=True, slots=True)
class PulledImage:
    """`id` is the engine's (`sha256:...`), to start containers from. `digest` is the registry's, if known.
    `platform` as `linux/amd64`."""

    id: str
    digest: str | None
    pulled: bool
    config: Mapping[str, Any]
    platform: str = ""


def address_for_engine(name: str, aliases: Mapping[str, str]) -> ImageReference:
    """Where the engine asks for the image `name`. `aliases`: registry name -> address for the engine."""
    reference = parse_image_reference(name)
    return reference.at(aliases.get(reference.registry, reference.registry))


async def find_image(docker: aiodocker.Docker, name: str, aliases: Mapping[str, str]) -> PulledImage | None:
    """The image, if the engine already has it."""
    reference = address_for_engine(name, aliases)
    try:
        details = await docker.images.inspect(str(reference))
    except aiodocker.DockerError as error:
        if error.status == 404:
            return None
        raise EngineError(f"looking for image {name}: {error.message}") from error
    return _pulled(reference, details, pulled=False)


async def pull_image(
    docker: aiodocker.Docker,
    name: str,
    *,
    aliases: Mapping[str, str],
    credentials: Credentials | None = None,
    progress: Callable[[str], None] = lambda line: None,
    platform: str = "",
) -> PulledImage:
    """Pull `name` from its registry; `platform` as `linux/arm64`, empty for the engine's own.

    Raises ImageNotFound, ImageAccessDenied or ImagePullFailed with the engine's own reason; EngineUnavailable
    when the engine goes away meanwhile.
    """
    reference = address_for_engine(name, aliases)
    auth = _auth(credentials) if credentials else None
    # Without an explicit host aiodocker refuses to send credentials.
    asked = f"{HUB}/{reference.repository}" if reference.registry == HUB else _without_tag(reference)
    try:
        async for message in docker.images.pull(
            asked if not reference.digest else f"{asked}@{reference.digest}",
            tag=None if reference.digest else (reference.tag or "latest"),
            auth=auth,
            platform=platform or None,
            stream=True,
        ):
            if "error" in message:
                raise _pull_error(name, str(message["error"]))
            progress(str(message.get("status", "")))
        details = await docker.images.inspect(str(reference))
    except aiodocker.DockerError as error:
        raise _pull_error(name, str(error.message)) from error
    except (aiohttp.ClientError, ConnectionError) as error:
        raise EngineUnavailable(f"pulling {name}: the Docker Engine went away ({error}).") from error
    return _pulled(reference, details, pulled=True)


def _auth(credentials: Credentials) -> dict[str, JSONValue]:
    if credentials.identity_token:
        return {"identitytoken": credentials.identity_token}
    return {"username": credentials.username, "password": credentials.password}


def _without_tag(reference: ImageReference) -> str:
    return f"{reference.registry}/{reference.repository}"


def _pulled(reference: ImageReference, details: Mapping[str, Any], *, pulled: bool) -> PulledImage:
    prefix = f"{_without_tag(reference)}@"
    digests = [d.removeprefix(prefix) for d in details.get("RepoDigests") or [] if d.startswith(prefix)]
    digest = digests[0] if digests else None
    platform = f"{details.get('Os', '')}/{details.get('Architecture', '')}"
    return PulledImage(details["Id"], digest, pulled, details.get("Config") or {}, platform)


_DENIED = ("denied", "unauthorized", "authentication required", "no basic auth", "forbidden")
_MISSING = ("not found", "manifest unknown", "does not exist", "name unknown")


def _pull_error(name: str, reason: str) -> EngineError:
    lowered = reason.lower()
    # "pull access denied ..., repository does not exist or may require 'docker login'" is both.
    if any(word in lowered for word in _DENIED):
        return ImageAccessDenied(f"cannot pull {name}: {reason}")
    if any(word in lowered for word in _MISSING):
        return ImageNotFound(f"cannot pull {name}: {reason}")
    return ImagePullFailed(f"cannot pull {name}: {reason}")
