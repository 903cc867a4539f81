"""The images that shipline and its demo need: pulled, or built here under the same names.

Where the Hub is out of reach, each image has a stand-in made from Debian packages that keeps the contract of
the real one (`stand_ins/<name>/Dockerfile`). A stand-in is marked by a label with the digest of what it was
built from, and built anew when that changes. `backstreetacademy/docker-aws` is always built: the AWS CLI of
the published one knows no AWS_ENDPOINT_URL and would talk to the real AWS.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import tarfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import aiodocker

from shipline.engine.client import connect
from shipline.engine.images import find_image, pull_image
from shipline.errors import HostError, ImagePullFailed
from shipline.host import base_image
from shipline.version import __version__

LABEL = "io.shipline.stand-in"
REGISTRY = "registry:2"
LOAD_BALANCER = "haproxy:2.6"
HELPER = f"shipline/helper:{__version__}"
TOOLKIT = "backstreetacademy/docker-aws"
BASE = "debian:bookworm"
PROBE_SECONDS = 20.0
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class StandIn:
    """`folder` under stand_ins/; `on` the image it is built from; `published` False: never pulled."""

    folder: str
    on: str = BASE
    published: bool = True


STAND_INS = {
    "python:3.11-slim": StandIn("python"),
    "postgres:15": StandIn("postgres"),
    "docker:dind": StandIn("dind"),
    REGISTRY: StandIn("registry"),
    LOAD_BALANCER: StandIn("haproxy"),
    HELPER: StandIn("helper", published=False),
    TOOLKIT: StandIn("toolkit", on="python:3.11-slim", published=False),
}


def in_order(names: Iterable[str]) -> list[list[str]]:
    """`names` and what they are built on, in batches: each batch needs only the batches before it."""
    wanted = set(names)
    unknown = wanted - set(STAND_INS) - {BASE}
    if unknown:
        raise HostError(f"shipline knows no image {sorted(unknown)[0]!r}.")
    first = {name for name in wanted if name != BASE and STAND_INS[name].on == BASE}
    second = wanted - first - {BASE}
    first |= {STAND_INS[name].on for name in second}
    return [batch for batch in ([BASE], sorted(first), sorted(second)) if batch]


async def ensure_images(docker_host: str, names: Sequence[str], progress: Progress) -> None:
    """See to it that the engine has every image. Raises HostError when one can be neither pulled nor built."""
    async with connect(docker_host) as docker:
        missing = [name for name in names if not await _present(docker, name)]
        if not missing:
            return
        hub = _Hub()
        for batch in in_order(missing):
            pending = [name for name in batch if not await _present(docker, name)]
            await asyncio.gather(*(_ensure(docker, name, hub, progress) for name in pending))


@dataclass
class _Hub:
    """Whether the Hub can be reached: found out once, by the first pull."""

    reachable: bool | None = None


async def _present(docker: aiodocker.Docker, name: str) -> bool:
    image = await find_image(docker, name, {})
    if image is None:
        return False
    built_from = (image.config.get("Labels") or {}).get(LABEL)
    return built_from is None or built_from == _digest(name)


async def _ensure(docker: aiodocker.Docker, name: str, hub: _Hub, progress: Progress) -> None:
    stand_in = STAND_INS.get(name)
    if (stand_in is None or stand_in.published) and await _pulled(docker, name, hub, progress):
        return
    if stand_in is None:
        progress(f"Making {name} from Debian packages")
        await base_image.make(docker, name, {LABEL: _digest(name)}, progress)
        return
    progress(f"Building {name}" + (" from Debian packages" if stand_in.published else ""))
    files = resources.files("shipline.host") / "stand_ins" / stand_in.folder
    with resources.as_file(files) as folder:
        await build_image(docker, folder, name, labels={LABEL: _digest(name)})


async def _pulled(docker: aiodocker.Docker, name: str, hub: _Hub, progress: Progress) -> bool:
    if hub.reachable is False:
        return False
    progress(f"Pulling {name}")
    try:
        # Only the first answer is hurried: a Hub that answers may take its time over the layers.
        async with asyncio.timeout(PROBE_SECONDS if hub.reachable is None else None):
            await pull_image(docker, name, aliases={})
    except (ImagePullFailed, TimeoutError):
        hub.reachable = False
        return False
    hub.reachable = True
    return True


def _digest(name: str) -> str:
    """Of everything a stand-in is built from."""
    digest = hashlib.sha256()
    stand_in = STAND_INS.get(name)
    if stand_in is None:
        return base_image.VERSION
    digest.update(_digest(stand_in.on).encode())
    folder = resources.files("shipline.host") / "stand_ins" / stand_in.folder
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.is_file():
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


async def build_image(
    docker: aiodocker.Docker,
    folder: Path,
    name: str,
    *,
    dockerfile: str = "Dockerfile",
    labels: dict[str, str] | None = None,
) -> None:
    """Build `folder` as `name`. Raises HostError with the end of the build's output."""
    said: list[str] = []
    context = await asyncio.to_thread(_context, folder)
    try:
        async for message in docker.images.build(
            fileobj=io.BytesIO(context),
            tag=name,
            path_dockerfile=dockerfile,
            encoding="identity",
            labels=labels,
            rm=True,
            forcerm=True,
            stream=True,
        ):
            if "error" in message:
                raise HostError(f"Building {name} failed: {message['error']}\n" + "".join(said[-20:]))
            said.append(str(message.get("stream", "")))
    except aiodocker.DockerError as error:
        raise HostError(f"Building {name} failed: {error.message}\n" + "".join(said[-20:])) from error


def _context(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and ".git" not in path.parts:
                tar.add(path, str(path.relative_to(folder)))
    return buffer.getvalue()
