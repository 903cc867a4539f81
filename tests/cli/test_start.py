"""What a command loads before it answers: only what it needs."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from tests.cli.conftest import Place

HEAVY = {
    "aiodocker", "aiohttp", "asyncio", "boto3", "botocore", "cryptography", "django", "httpx", "ninja", "pydantic",
    "rich", "ssl", "starlette", "subprocess", "uvicorn",
}  # fmt: skip


def loaded(place: Place, *words: str) -> set[str]:
    """The top-level modules that a command imports."""
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "shipline", *words],
        cwd=place.root,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    names = re.findall(r"^import time:.*\| +(\S+)$", ended.stderr, re.M)
    return {name.partition(".")[0] for name in names} | {
        name for name in names if name.startswith("shipline.")
    }


@pytest.mark.parametrize(
    "words",
    [
        ("lint",),
        ("lint", "--format", "json"),
        ("list",),
        ("graph",),
        ("graph", "--format", "svg"),
        ("explain", "a"),
    ],
    ids=" ".join,
)
def test_the_compilers_verbs_load_no_server_no_engine_no_network(
    place: Place, words: tuple[str, ...]
) -> None:
    place.config("a: {script: x}\n")
    assert not loaded(place, *words) & HEAVY


def test_the_version_is_told_without_a_compiler(place: Place) -> None:
    found = loaded(place, "--version")
    assert not found & (HEAVY | {"yaml", "re2"})
    assert not [name for name in found if name.startswith(("shipline.compiler", "shipline.model"))]
