from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.compiler.keywords.environment import environment_slug


@pytest.mark.parametrize("name", ["production", "staging-2", "a" * 24])
def test_a_short_plain_name_is_its_own_slug(name: str) -> None:
    assert environment_slug(name) == name


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("Staging", "staging-"), ("review/my-branch", "review-my-branch-"), ("1-first", "env-1-first-"),
        ("a--b", "a-b-"), ("staging-with-a-very-long-name", "staging-with-a-ve-"),
    ],
)  # fmt: skip
def test_other_names_get_a_suffix_of_their_own(name: str, start: str) -> None:
    assert re.fullmatch(re.escape(start) + "[a-z0-9]{6}", environment_slug(name))


@given(st.text(min_size=1, max_size=40))
def test_a_slug_can_be_part_of_a_host_name(name: str) -> None:
    assert re.fullmatch("[a-z](?:[a-z0-9-]{0,22}[a-z0-9])?", environment_slug(name))


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_two_names_have_two_slugs(one: str, other: str) -> None:
    assert one == other or environment_slug(one) != environment_slug(other)
