from __future__ import annotations

from pathlib import Path

import pytest

from shipline import config
from shipline.config import Config, DataFolder, Registry
from shipline.errors import UsageError


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "new")
    wanted = Config(registry=Registry(address="r:1", engine_address="127.0.0.1:1", aliases=("a.example",)))
    config.save(data, wanted)
    assert config.load(data) == wanted


def test_without_a_file_there_are_defaults(tmp_path: Path) -> None:
    assert config.load(DataFolder(tmp_path)) == Config()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[coordinator", "not valid TOML"),
        ("[nonsense]\n", r"unknown section \[nonsense\]"),
        ("[coordinator]\nprot = 1\n", "has no setting 'prot'"),
        ('[coordinator]\nport = "80"\n', "must be like 8080"),
        ("coordinator = 1\n", "must be a section"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    data = DataFolder(tmp_path)
    data.config.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        config.load(data)
    assert str(data.config) in str(caught.value)


def test_the_owner_of_a_data_folder_never_changes(tmp_path: Path) -> None:
    data = DataFolder(tmp_path)
    assert data.owner() == data.owner()
    assert len(data.owner()) == 12


def test_a_registry_without_address_has_no_aliases() -> None:
    assert Registry(aliases=("x",)).for_engine() == {}


def test_data_and_cache_folders_follow_the_environment() -> None:
    assert config.default_data_folder({"SHIPLINE_DATA": "/d"}) == Path("/d")
    assert config.default_data_folder({"XDG_DATA_HOME": "/x"}) == Path("/x/shipline")
    assert config.default_cache_folder({"SHIPLINE_CACHE": "/c"}) == Path("/c")


def test_limits_of_configurations_are_kept_as_they_are_written(tmp_path: Path) -> None:
    data = DataFolder(tmp_path)
    data.config.write_text("[limits]\nincludes = 300\n")
    assert config.load(data).limits == {"includes": 300}
    config.save(data, config.load(data))
    assert config.load(data).limits == {"includes": 300}


def test_limits_that_are_no_section_are_refused(tmp_path: Path) -> None:
    data = DataFolder(tmp_path)
    data.config.write_text("limits = 3\n")
    with pytest.raises(UsageError, match="must be a section"):
        config.load(data)
