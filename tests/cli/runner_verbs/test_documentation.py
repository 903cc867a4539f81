"""docs/runner-with-gitlab.md: its file is right, and it names every verb, key and figure that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shipline.cli.runner import VERBS
from shipline.runner.config.reading import TABLES, keys
from shipline.runner.config_file import parse
from shipline.runner.metrics import Metrics

TEXT = (Path(__file__).parents[3] / "docs" / "runner-with-gitlab.md").read_text()
(FILE,) = re.findall(r"^```toml\n(.*?)^```$", TEXT, re.M | re.S)


def test_the_file_that_is_shown_is_right_and_nothing_in_it_is_without_effect() -> None:
    config = parse(Path("config.toml"), FILE)
    assert config.warnings == ()
    assert [one.name for one in config.runners] == ["build machine"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_there(verb: str) -> None:
    assert f"shipline runner {verb}" in TEXT


@pytest.mark.parametrize("table", TABLES)
def test_every_key_that_is_read_is_there(table: str) -> None:
    head = f"`{table}`" if table else "at the top"
    (row,) = re.findall(rf"^\| {re.escape(head)} \| (.*) \|$", TEXT, re.M)
    named = set(re.findall(r"`([\w-]+)`", row))
    assert named == set(keys(table))


def test_every_figure_is_there() -> None:
    families = re.findall(r"^# TYPE (gitlab_\w+)", Metrics("r_x").text().decode(), re.M)
    assert families
    assert [name for name in families if f"`{name}`" not in TEXT] == []
