"""docs/compiler.md: its files compile, its commands print what it shows, and it names every option."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from tests.cli.conftest import Place

from shipline.cli.lint import lint

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "compiler.md").read_text()
FILES = re.findall(r"^```yaml\n(# (\S+)\n.*?)^```$", TEXT, re.M | re.S)
SHOWN = re.findall(r"^```console\n\$ shipline (.*?)\n(.*?)\n```$", TEXT, re.M | re.S)


@pytest.fixture
def documented(place: Place) -> Place:
    for text, name in FILES:
        place.write(name, text)
    return place


@pytest.mark.parametrize(("words", "output"), SHOWN, ids=[words for words, _ in SHOWN])
def test_a_command_prints_what_the_documentation_shows(documented: Place, words: str, output: str) -> None:
    ended = documented.run(*shlex.split(words))
    assert (ended.out + ended.err).rstrip() == output


def test_the_picture_is_of_the_documented_file(documented: Place) -> None:
    drawn = documented.run("graph", "--format", "svg").out
    assert drawn == (ROOT / "docs" / "images" / "graph.svg").read_text()


def test_every_option_is_documented() -> None:
    options = {name for option in lint.params for name in option.opts if name.startswith("--")}
    missing = sorted(name for name in options if f"`{name}" not in TEXT and f"{name} " not in TEXT)
    assert missing == []
