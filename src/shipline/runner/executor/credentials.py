"""Which credentials a registry gets: from documents in the way of ~/.docker/config.json. Pure but for `ask`.

The longest path that an image's name begins with counts. Sources are asked in their order: DOCKER_AUTH_CONFIG
of the job, the config.json of the user who runs the runner, the job's own.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shipline.engine.images import Credentials
from shipline.protocols.image_reference import HUB, ImageReference
from shipline.protocols.runner_api import JobCredentials

HUB_KEY = "https://index.docker.io/v1/"
HELPER_SECONDS = 30.0
_PROGRAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
Ask = Callable[[str, str], Awaitable[Credentials | None]]


@dataclass(frozen=True, slots=True)
class Source:
    """`entries`: registry or longer path -> credentials. `helpers`: registry -> name of its program;
    `store` is the program for all others."""

    name: str
    entries: Mapping[str, Credentials] = field(default_factory=dict)
    helpers: Mapping[str, str] = field(default_factory=dict)
    store: str = ""


def read_source(name: str, text: str) -> Source:
    """What is not understood of it counts for nothing: a runner's user may have a file of any kind."""
    try:
        document = json.loads(text)
    except ValueError:
        return Source(name)
    if not isinstance(document, dict):
        return Source(name)
    entries: dict[str, Credentials] = {}
    for key, value in _table(document.get("auths")).items():
        found = _entry(normal(key), _table(value))
        if found is not None:
            entries[normal(key)] = found
    helpers = {
        normal(key): value for key, value in _table(document.get("credHelpers")).items() if _is_program(value)
    }
    store = document.get("credsStore")
    return Source(name, entries, helpers, str(store) if _is_program(store) else "")


def payload_source(credentials: Iterable[JobCredentials]) -> Source:
    found = {
        normal(one.url): Credentials(normal(one.url), one.username, one.password)
        for one in credentials
        if one.type == "registry"
    }
    return Source("job payload (GitLab Registry)", found)


def normal(key: str) -> str:
    """`https://index.docker.io/v1/` and the like as image names write it."""
    key = re.sub(r"^https?://", "", key.strip()).rstrip("/")
    key = re.sub(r"/v[12]$", "", key)
    return HUB if key in ("index.docker.io", "registry-1.docker.io") else key


async def find(
    reference: ImageReference, sources: Iterable[Source], ask: Ask
) -> tuple[Credentials, str] | None:
    """The credentials and the name of their source. `ask(program, server)` asks a docker-credential program."""
    for source in sources:
        if found := await _in(source, reference, ask):
            return found, source.name
    return None


async def _in(source: Source, reference: ImageReference, ask: Ask) -> Credentials | None:
    path = f"{reference.registry}/{reference.repository}"
    fitting = [key for key in source.entries if f"{path}/".startswith(f"{key}/")]
    helper = source.helpers.get(reference.registry) or source.store
    best = max(fitting, key=len, default="")
    # A program that is named for the registry knows better than an entry for all of it.
    if helper and (not best or (best == reference.registry and reference.registry in source.helpers)):
        server = HUB_KEY if reference.registry == HUB else reference.registry
        return await ask(helper, server)
    return source.entries[best] if best else None


def _entry(registry: str, value: Mapping[str, Any]) -> Credentials | None:
    username, password = value.get("username"), value.get("password")
    identity = value.get("identitytoken") or ""
    if isinstance(value.get("auth"), str) and value["auth"]:
        try:
            text = base64.b64decode(value["auth"], validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        username, _, password = text.rstrip("\0").partition(":")
    if not isinstance(username, str) or not isinstance(identity, str) or not (username or identity):
        return None
    if not identity and not isinstance(password, str):
        return None
    return Credentials(registry, username, str(password or ""), identity)


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_program(value: Any) -> bool:
    return isinstance(value, str) and _PROGRAM.fullmatch(value) is not None


async def ask_program(program: str, server: str) -> Credentials | None:
    """`docker-credential-<program> get`: the server by stdin, JSON back. None when it does not know."""
    try:
        process = await asyncio.create_subprocess_exec(
            f"docker-credential-{program}",
            "get",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(HELPER_SECONDS):
            said, _ = await process.communicate(server.encode())
    except TimeoutError:
        return None
    finally:
        # Too slow, or nobody wants to know any more.
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    try:
        answer = _table(json.loads(said)) if process.returncode == 0 else {}
    except ValueError:
        return None
    username, secret = answer.get("Username"), answer.get("Secret")
    if not isinstance(username, str) or not isinstance(secret, str) or not secret:
        return None
    if username == "<token>":
        return Credentials(normal(server), "", "", secret)
    return Credentials(normal(server), username, secret)
