"""Which credentials a registry gets."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from shipline.engine.images import Credentials
from shipline.protocols.image_reference import parse_image_reference
from shipline.protocols.runner_api import JobCredentials
from shipline.runner.executor.credentials import Source, find, payload_source, read_source


def basic(text: str) -> dict[str, str]:
    return {"auth": base64.b64encode(text.encode()).decode()}


def source(document: object, name: str = "file") -> Source:
    return read_source(name, json.dumps(document))


def found(
    image: str, *sources: Source, programs: Mapping[tuple[str, str], Credentials] | None = None
) -> tuple[str, str, str] | None:
    """User name, password and source."""

    async def ask(program: str, server: str) -> Credentials | None:
        return (programs or {}).get((program, server))

    got = asyncio.run(find(parse_image_reference(image), sources, ask))
    return None if got is None else (got[0].username, got[0].password, got[1])


REGISTRY = "registry.example:5000"


def test_a_registry_gets_those_that_are_written_for_it() -> None:
    file = source({"auths": {REGISTRY: basic("me:pa:ss"), "other": {"username": "you", "password": "x"}}})
    assert found(f"{REGISTRY}/a/b:1", file) == ("me", "pa:ss", "file")
    assert found("other/a", file) is None
    assert found("other.example/a", file) is None


@pytest.mark.parametrize(
    "key", ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "http://docker.io/"]
)
def test_the_hub_has_many_names(key: str) -> None:
    assert found("postgres:15", source({"auths": {key: basic("me:x")}})) == ("me", "x", "file")


def test_the_longest_path_that_fits_counts() -> None:
    file = source(
        {
            "auths": {
                REGISTRY: basic("all:x"),
                f"{REGISTRY}/acme": basic("group:x"),
                f"{REGISTRY}/acme/app": basic("project:x"),
            }
        }
    )
    assert found(f"{REGISTRY}/acme/app:1", file) == ("project", "x", "file")
    assert found(f"{REGISTRY}/acme/app/sub", file) == ("project", "x", "file")
    assert found(f"{REGISTRY}/acme/application", file) == ("group", "x", "file")
    assert found(f"{REGISTRY}/else", file) == ("all", "x", "file")


def test_sources_are_asked_in_their_order() -> None:
    job = payload_source(
        [
            JobCredentials(type="registry", url=REGISTRY, username="job", password="p"),
            JobCredentials(type="other", url="x.example", username="no", password="p"),
        ]
    )
    first = source({"auths": {REGISTRY: basic("file:x")}})
    assert found(f"{REGISTRY}/a", first, job) == ("file", "x", "file")
    assert found(f"{REGISTRY}/a", source({}), job) == ("job", "p", "job payload (GitLab Registry)")
    assert found("x.example/a", job) is None


def test_programs_are_asked_for_their_registry_and_the_store_for_all_others() -> None:
    file = source(
        {"credHelpers": {REGISTRY: "ecr-login"}, "credsStore": "pass", "auths": {REGISTRY: basic("a:b")}}
    )
    programs = {
        ("ecr-login", REGISTRY): Credentials(REGISTRY, "AWS", "token"),
        ("pass", "https://index.docker.io/v1/"): Credentials("docker.io", "hub", "x"),
    }
    assert found(f"{REGISTRY}/a", file, programs=programs) == ("AWS", "token", "file")
    assert found("postgres", file, programs=programs) == ("hub", "x", "file")
    assert found("else.example/a", file, programs=programs) is None


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "[]", '{"auths": []}', '{"auths": {"r.example": 1}}', '{"auths": {"r.example": {"auth": "!"}}}',
     '{"auths": {"r.example": {"auth": "/w=="}}}', '{"auths": {"r.example": {}}}',
     '{"credHelpers": {"r.example": "../../bin/sh"}}', '{"credsStore": 5}'],
)  # fmt: skip
def test_what_is_not_understood_counts_for_nothing(text: str) -> None:
    assert found("r.example/a", read_source("file", text)) is None


def test_an_identity_token_stands_for_name_and_password() -> None:
    made = source({"auths": {"r.example": {"auth": basic("x:")["auth"], "identitytoken": "secret"}}})
    assert made.entries["r.example"].identity_token == "secret"


PROGRAM = """#!{python}
import json, sys
assert sys.argv[1:] == ["get"]
server = sys.stdin.read()
known = {{"r.example": ("me", "s3cret"), "t.example": ("<token>", "identity")}}
if server not in known:
    print("credentials not found in native keychain")
    sys.exit(1)
print(json.dumps({{"ServerURL": server, "Username": known[server][0], "Secret": known[server][1]}}))
"""
ASK = """
import asyncio
from shipline.runner.executor.credentials import ask_program
async def main():
    for server in ("r.example", "t.example", "unknown.example"):
        found = await ask_program("mine", server)
        print(found and (found.username, found.password, found.identity_token))
    print(await ask_program("none-of-that-name", "r.example"))
asyncio.run(main())
"""


def test_a_real_program_is_asked_as_docker_asks_it(tmp_path: Path) -> None:
    program = tmp_path / "docker-credential-mine"
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["('me', 's3cret', '')", "('', '', 'identity')", "None", "None"]


GIVEN_UP = """
import asyncio
from pathlib import Path
from shipline.runner.executor.credentials import ask_program

async def main():
    asking, pid = asyncio.create_task(ask_program("slow", "r.example")), Path("pid")
    while not (pid.exists() and pid.read_text().strip()):
        await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.wait([asking])
    print(asking.cancelled(), Path(f"/proc/{pid.read_text().strip()}").exists())

asyncio.run(main())
"""


def test_a_program_that_nobody_waits_for_any_more_is_ended(tmp_path: Path) -> None:
    program = tmp_path / "docker-credential-slow"
    program.write_text("#!/bin/sh\necho $$ > pid\nexec sleep 600\n")
    program.chmod(0o755)
    ended = subprocess.run(
        [sys.executable, "-c", GIVEN_UP],
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.stdout == "True False\n", ended.stderr
