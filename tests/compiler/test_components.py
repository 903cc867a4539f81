from __future__ import annotations

import pytest

from shipline.compiler.components import Address, is_release_range, newest_release, parse_address

TAGS = ["0.9.0", "1.0.0", "1.2.0", "1.10.0", "2.0.0-rc.1", "v1.10.1", "latest", "1.2"]


def test_an_address_has_a_host_a_project_a_name_and_a_version() -> None:
    found = parse_address("gitlab.example/group/sub/project/lint@1.0")
    assert found == Address("gitlab.example", "group/sub/project", "lint", "1.0")


@pytest.mark.parametrize(
    "text",
    ["", "lint", "gitlab.example/lint@1", "gitlab.example/group/lint", "gitlab.example//p/lint@1", "@1"],
)
def test_what_lacks_a_part_is_no_address(text: str) -> None:
    assert parse_address(text) is None


@pytest.mark.parametrize(
    ("version", "tag"),
    [
        ("~latest", "v1.10.1"),
        ("1", "v1.10.1"),
        ("1.2", "1.2.0"),
        ("1.0", "1.0.0"),
        ("0", "0.9.0"),
        ("2", None),
    ],
)
def test_a_partial_version_is_the_newest_release_that_it_covers(version: str, tag: str | None) -> None:
    assert newest_release(version, TAGS) == tag


def test_branches_and_whole_versions_are_no_ranges() -> None:
    assert [is_release_range(text) for text in ("main", "1.0.0", "1", "1.0", "~latest", "1.x")] == [
        False, False, True, True, True, False,
    ]  # fmt: skip
