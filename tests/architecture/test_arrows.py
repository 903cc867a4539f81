"""ARCHITECTURE.md's table "may import" is the law; this reads it and holds the code against it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "shipline"
IMPURE = {
    "asyncio", "datetime.now", "http", "httpx", "os", "pathlib", "random", "secrets", "socket", "sqlite3",
    "subprocess", "time", "urllib.request", "uuid", "aiodocker", "aiohttp", "django",
}  # fmt: skip
PURE_ROOMS = ("model", "compiler", "pipeline", "protocols")


def allowed_arrows() -> dict[str, set[str]]:
    rows = re.findall(r"^\| `(\w+)/?` \|[^|]*\| ([^|]*) \|$", (ROOT / "ARCHITECTURE.md").read_text(), re.M)
    return {room: set(re.findall(r"`(\w+)`", targets)) for room, targets in rows}


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


FILES = sorted(PACKAGE.rglob("*.py"))


def test_every_room_stands_in_the_table() -> None:
    rooms = {room_of(path) for path in FILES} - {"__init__", "__main__", "version"}
    assert rooms == set(allowed_arrows())


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_what_its_room_may(path: Path) -> None:
    room = room_of(path)
    if room in {"__init__", "__main__", "version"}:
        return
    allowed = allowed_arrows()[room] | {room, "version"}
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("shipline.")}
    assert ours <= allowed, f"{room} may not import {sorted(ours - allowed)}"


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_a_pure_room_has_no_clock_no_chance_and_no_io(room: str) -> None:
    for path in (PACKAGE / room).rglob("*.py"):
        for name in imports(path):
            assert name.split(".")[0] not in IMPURE, f"{path} imports {name}"
            assert name not in IMPURE, f"{path} imports {name}"
