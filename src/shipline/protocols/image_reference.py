"""Image names as Docker and the OCI distribution spec read them: `[registry/]repository[:tag][@digest]`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from shipline.errors import ProtocolError

HUB = "docker.io"
_LENGTH_LIMIT = 512
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}")
_REGISTRY = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?|\[[0-9a-fA-F:]+\](?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class ImageReference:
    """`registry` is a host with optional port, `docker.io` when the name has none. `repository` is the
    path within it, with Docker Hub's implied `library/`."""

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        path = self.repository
        if self.registry == HUB:
            path = path.removeprefix("library/")
        name = path if self.registry == HUB else f"{self.registry}/{path}"
        if self.tag:
            name += f":{self.tag}"
        if self.digest:
            name += f"@{self.digest}"
        return name

    def at(self, registry: str) -> ImageReference:
        """The same image, asked of another registry."""
        return replace(self, registry=registry)


def parse_image_reference(name: str) -> ImageReference:
    """Read an image name. Raises ProtocolError when Docker would call it an invalid reference format."""
    if not name or len(name) > _LENGTH_LIMIT:
        raise ProtocolError(f"invalid image name {name[:60]!r}: it is empty or too long.")
    rest, _, digest = name.partition("@")
    registry, repository = _split_registry(rest)
    tag = None
    head, colon, last = repository.rpartition(":")
    if colon:
        repository, tag = head, last
    if (
        not _REPOSITORY.fullmatch(repository)
        or (tag is not None and not _TAG.fullmatch(tag))
        or ("@" in name and not _DIGEST.fullmatch(digest))
        or not _REGISTRY.fullmatch(registry)
    ):
        raise ProtocolError(
            f"invalid image name {name!r}.", hint="It must look like registry.example/group/image:tag."
        )
    if registry == HUB and "/" not in repository:
        repository = f"library/{repository}"
    return ImageReference(registry, repository, tag, digest or None)


def _split_registry(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        return (HUB if first == "index.docker.io" else first), rest
    return HUB, name
