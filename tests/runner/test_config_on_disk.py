"""Changes to a config.toml: what is written, and what stays as somebody wrote it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from shipline.errors import UsageError
from shipline.runner.config.changing import ConfigOnDisk
from shipline.runner.config_file import load

WRITTEN = """\
# Ours since 2019.
concurrent = 4   # as many as there are processors

[[runners]]
  name = "one"
  url = "http://c"
  token = "token-1"  # from Ada
  executor = "docker"
  [runners.docker]
    image = "alpine:3.20"
  [runners.machine]
    IdleCount = 2

[[runners]]
  name = "two"
  url = "http://c"
  token = "token-2"
"""
ENTRY = {
    "name": "new",
    "url": "http://d",
    "token": "token-3",
    "executor": "docker",
    "docker": {"image": "debian", "volumes": ["/cache"]},
}


@pytest.fixture
def disk(tmp_path: Path) -> ConfigOnDisk:
    path = tmp_path / "config.toml"
    path.write_text(WRITTEN)
    return ConfigOnDisk(path)


def test_an_entry_more_leaves_every_line_as_it_was(disk: ConfigOnDisk) -> None:
    disk.add(ENTRY)
    assert disk.path.read_text().startswith(WRITTEN)
    added = load(disk.path).runners[2]
    assert (added.name, added.token, added.docker.image, added.docker.volumes) == (
        "new",
        "token-3",
        "debian",
        ("/cache",),
    )


def test_an_entry_fewer_takes_its_tables_along_and_nothing_else(disk: ConfigOnDisk) -> None:
    assert disk.remove(frozenset(("token-1", "token-9"))) == 1
    text = disk.path.read_text()
    assert [one.name for one in load(disk.path).runners] == ["two"]
    assert "# Ours since 2019." in text
    assert "IdleCount" not in text


def test_the_last_entry_can_go_and_another_come(disk: ConfigOnDisk) -> None:
    assert disk.remove(frozenset(("token-1", "token-2"))) == 2
    assert load(disk.path).runners == ()
    disk.add(ENTRY)
    assert [one.name for one in load(disk.path).runners] == ["new"]
    assert load(disk.path).concurrent == 4


def test_a_file_that_is_not_there_is_made(tmp_path: Path) -> None:
    disk = ConfigOnDisk(tmp_path / "folder" / "config.toml")
    disk.check_writable()
    disk.add(ENTRY)
    config = load(disk.path)
    assert ([one.name for one in config.runners], config.concurrent, config.warnings) == (["new"], 1, ())


def test_a_new_token_takes_the_old_one_s_place(disk: ConfigOnDisk) -> None:
    at = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)
    disk.set_token("token-1", "token-new", at, at.replace(year=2027))
    one, two = load(disk.path).runners
    assert (one.token, one.token_obtained_at, one.token_expires_at) == (
        "token-new",
        at.replace(microsecond=0),
        at.replace(year=2027, microsecond=0),
    )
    assert two.token == "token-2"
    assert "token-1" not in disk.path.read_text()
    disk.set_token("token-new", "token-newer", at, None)
    assert load(disk.path).runners[0].token_expires_at is None


def test_only_its_owner_may_read_what_was_written(disk: ConfigOnDisk) -> None:
    disk.path.chmod(0o644)
    disk.add(ENTRY)
    assert disk.path.stat().st_mode & 0o777 == 0o600
    assert not [one for one in disk.path.parent.iterdir() if one.name.endswith(".new")]


def test_a_link_stays_a_link(disk: ConfigOnDisk, tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(disk.path)
    ConfigOnDisk(link).add(ENTRY)
    assert link.is_symlink()
    assert len(load(disk.path).runners) == 3


@pytest.mark.parametrize("text", ["concurrent = ", "[runners]\nname = 'x'", "\xff"])
def test_what_cannot_be_read_is_not_written_over(disk: ConfigOnDisk, text: str) -> None:
    disk.path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=r"config\.toml"):
        disk.add(ENTRY)
    assert disk.path.read_bytes() == text.encode("latin-1")


def test_a_place_that_cannot_be_written_is_told_before_a_token_is_spent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        ConfigOnDisk(tmp_path / "file" / "config.toml").check_writable()
