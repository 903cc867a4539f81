"""Merged YAML: looks as GitLab prints it, and loading it gives the same tree again."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from shipline.compiler.documents import load_documents
from shipline.compiler.limits import Limits
from shipline.compiler.nodes import Node, Reference
from shipline.compiler.present.merged import as_yaml


def node(value: Any) -> Node:
    if isinstance(value, dict):
        return Node({key: node(item) for key, item in value.items()}, "", 0, 0)
    if isinstance(value, list):
        return Node([node(item) for item in value], "", 0, 0)
    return Node(value, "", 0, 0)


def again(value: Any) -> Any:
    return load_documents("merged.yml", as_yaml(node(value)), ROOMY).body.plain()


ROOMY = Limits()
# No text may hold a NUL: it is refused.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
TEXT |= st.text(alphabet=" \n\t:#-'\"\\|>ab?,[]{}~.0", max_size=12)
TEXT |= st.text(alphabet="0123456789.,_:eExXob+-TZinfNATrue~ y", max_size=9)
SCALARS = (
    TEXT | st.integers(-(10**12), 10**12) | st.booleans() | st.none() | st.floats(allow_nan=False, width=32)
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, TREES, max_size=4))
@example({"a": "x\n"})
@example({"a": "  x\ny\n\n"})
@example({"a": ["\tx\n y", ["b\nc", {"d": "e\n"}]]})
@example({"on": "yes", "n": "1:30", "0123": "08", "x": "2020-01-01", "e": "1e3", "p": 1e30, "s": 1.5})
@example(
    {"a": "---", "b": "...", "c": "- x", "d": "a: b", "e": "a #b", "f": "@x", "g": "%x", "h": "=", "i": "<<"}
)
@example({"a": "a\r\nb", "b": "\x85", "c": "\u2028x\ny", "d": "\ufeff", "e": "\x1b[0m"})
@example({"a": "00,", "b": "1,000"})
@example({"oN": "tRUE", "a": "nULL", "b": ".iNF", "c": "00,", "d": "1,0"})
@example({"a": {}, "b": [], "c": [{}, [], [[]], None], "d": None, "": ""})
def test_loading_what_was_written_gives_the_same_tree(tree: dict[str, Any]) -> None:
    assert again(tree) == tree


def test_it_looks_as_gitlab_prints_it() -> None:
    tree = node(
        {
            "stages": ["build", "test"],
            "default": {"image": "python:3.12", "retry": 2},
            ".hidden": {"variables": {"A": "true", "B": None, "C": ""}},
            "build": {
                "script": ["make", "echo: no", "one\ntwo\n"],
                "rules": [{"if": "$X == 'a'", "when": "manual"}, {"when": "never"}],
                "interruptible": True,
                "needs": [],
            },
        }
    )
    assert as_yaml(tree) == (
        "---\n"
        "stages:\n"
        "- build\n"
        "- test\n"
        "default:\n"
        "  image: python:3.12\n"
        "  retry: 2\n"
        ".hidden:\n"
        "  variables:\n"
        "    A: 'true'\n"
        "    B:\n"
        "    C: ''\n"
        "build:\n"
        "  script:\n"
        "  - make\n"
        "  - 'echo: no'\n"
        "  - |\n"
        "    one\n"
        "    two\n"
        "  rules:\n"
        "  - if: $X == 'a'\n"
        "    when: manual\n"
        "  - when: never\n"
        "  interruptible: true\n"
        "  needs: []\n"
    )


def test_a_reference_that_was_not_resolved_stays_one() -> None:
    written = '!reference [".x", "script"]'
    tree = Node({"a": Node(Reference((".x", "script"), written), "", 0, 0)}, "", 0, 0)
    text = as_yaml(tree)
    assert text == '---\na: !reference [".x", "script"]\n'
    assert load_documents("merged.yml", text, ROOMY).body.value["a"].value == Reference(
        (".x", "script"), written
    )
