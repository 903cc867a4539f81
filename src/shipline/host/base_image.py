"""`debian:bookworm` from Debian's packages, for where the Hub is out of reach."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import aiodocker

from shipline.errors import HostError
from shipline.host import packages

SUITE = "bookworm"
# What this file makes; to be raised when it makes something else.
VERSION = "bookworm-1"
HOST_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
CHUNK = 1 << 20
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


async def make(
    docker: aiodocker.Docker, name: str, labels: Mapping[str, str], progress: Callable[[str], None]
) -> None:
    """A minimal Debian as image `name`. The host's certificate authorities come along: a host behind a
    proxy with its own CA could install nothing in containers without it."""
    debootstrap = await asyncio.to_thread(_debootstrap, progress)
    with tempfile.TemporaryDirectory(prefix="shipline-debian-") as folder:
        root = Path(folder) / "root"
        await _run(debootstrap, "--variant=minbase", SUITE, str(root))
        await asyncio.to_thread(_finish, root)
        await _import(docker, root, name, labels)


def _debootstrap(progress: Callable[[str], None]) -> str:
    if found := shutil.which("debootstrap", path=PATH):
        return found
    lacking = "There is no debootstrap on this machine, and shipline cannot install it:"
    packages.install(("debootstrap",), lacking, progress)
    found = shutil.which("debootstrap", path=PATH)
    if found is None:
        raise HostError("The package debootstrap brought no debootstrap.")
    return found


def _finish(root: Path) -> None:
    shutil.rmtree(root / "var/cache/apt/archives", ignore_errors=True)
    (root / "var/cache/apt/archives/partial").mkdir(parents=True)
    for cached in (root / "var/lib/apt/lists").glob("*_*"):
        cached.unlink()
    if HOST_CERTIFICATES.exists():
        target = root / HOST_CERTIFICATES.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(HOST_CERTIFICATES, target)
        for number, certificate in enumerate(_own_authorities()):
            # update-ca-certificates, run by the package, makes the bundle anew: these have to survive it.
            local = root / f"usr/local/share/ca-certificates/host-{number}.crt"
            local.parent.mkdir(parents=True, exist_ok=True)
            local.write_text(certificate)


def _own_authorities() -> list[str]:
    """The certificates of the host's bundle that no package brought: those of this host alone."""
    end = "-----END CERTIFICATE-----\n"
    known = set()
    for file in Path("/usr/share/ca-certificates").rglob("*.crt"):
        known.add("".join(file.read_text().split()))
    found = [part + end for part in HOST_CERTIFICATES.read_text().split(end) if "BEGIN CERTIFICATE" in part]
    cut = [part[part.index("-----BEGIN") :] for part in found]
    return [part for part in cut if "".join(part.split()) not in known]


async def _run(*words: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode:
        lines = output.decode(errors="replace").splitlines()[-5:]
        raise HostError(f"{Path(words[0]).name} failed:\n" + "\n".join(lines))


async def _import(docker: aiodocker.Docker, root: Path, name: str, labels: Mapping[str, str]) -> None:
    tar = await asyncio.create_subprocess_exec(
        "tar", "-C", str(root), "-c", ".", stdout=asyncio.subprocess.PIPE
    )
    assert tar.stdout is not None
    stdout = tar.stdout

    async def chunks() -> AsyncIterator[bytes]:
        while chunk := await stdout.read(CHUNK):
            yield chunk

    repository, _, tag = name.partition(":")
    changes = ['CMD ["bash"]', *(f"LABEL {key}={value}" for key, value in labels.items())]
    parameters = {"fromSrc": "-", "repo": repository, "tag": tag, "changes": "\n".join(changes)}
    async with docker._query("images/create", "POST", params=parameters, data=chunks()) as answer:
        await answer.text()
    if await tar.wait():
        raise HostError(f"packing {name} failed.")
