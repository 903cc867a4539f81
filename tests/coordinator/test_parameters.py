"""Parameters of forms and addresses as GitLab reads them, and ranges of files. Pure."""

from __future__ import annotations

import pytest

from shipline.coordinator.http.parameters import nested


@pytest.mark.parametrize(
    ("pairs", "found"),
    [
        ([("a", "1"), ("b", "")], {"a": "1", "b": ""}),
        ([("a", "1"), ("a", "2")], {"a": "2"}),
        ([("a[]", "1"), ("a[]", "2")], {"a": ["1", "2"]}),
        ([("a[b]", "1"), ("a[c]", "2")], {"a": {"b": "1", "c": "2"}}),
        ([("a[b][c]", "1")], {"a": {"b": {"c": "1"}}}),
        (
            [("v[][key]", "A"), ("v[][value]", "1"), ("v[][key]", "B"), ("v[][value]", "2")],
            {"v": [{"key": "A", "value": "1"}, {"key": "B", "value": "2"}]},
        ),
        ([("a[][b][c]", "1")], {"a": [{"b": {"c": "1"}}]}),
        # What cannot be both is what it was first.
        ([("a", "1"), ("a[]", "2"), ("a[b]", "3")], {"a": "1"}),
        ([("a[]", "1"), ("a[b]", "2")], {"a": ["1"]}),
        ([("[a]", "1"), ("a[", "2"), ("", "3"), ("a]b", "4")], {}),
        ([("a" + "[b]" * 50, "1")], {}),
    ],
)
def test_brackets_make_lists_and_maps(pairs: list[tuple[str, str]], found: dict[str, object]) -> None:
    assert nested(pairs) == found
