from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.compiler.fuzz_loader import load_anything

from shipline.compiler.documents import load, load_documents
from shipline.compiler.limits import DEFAULT_LIMITS, Limits
from shipline.compiler.nodes import Reference, YamlError


def plain(text: str) -> Any:
    return load("ci.yml", text).plain()


def refused(text: str | bytes, limits: Limits = DEFAULT_LIMITS) -> YamlError:
    with pytest.raises(YamlError) as caught:
        load_documents("ci.yml", text, limits)
    return caught.value


def test_every_value_and_key_knows_its_place() -> None:
    root = load("ci.yml", "a: 1\nb:\n  - x\n  - {c: 'y'}\n")
    second = root.value["b"].value[1]
    assert (root.key("b").line, root.key("b").column) == (2, 1)
    assert (second.line, second.column) == (4, 5)
    assert (second.value["c"].line, second.value["c"].column, second.file) == (4, 9, "ci.yml")


def test_quoted_scalars_and_blocks_are_texts() -> None:
    assert plain("a: '1'\nb: \"yes\"\nc: |\n  1\nd: >-\n  ~\ne: !!str 1\n") == {
        "a": "1", "b": "yes", "c": "1\n", "d": "~", "e": "1",
    }  # fmt: skip


def test_of_a_repeated_key_the_last_wins() -> None:
    assert list(plain("a: 1\nb: 2\na: 3\n").items()) == [("a", 3), ("b", 2)]


def test_unknown_tags_are_ignored() -> None:
    assert plain("a: !foo 1\nb: !vault [x]\nc: !bar {d: e}\n") == {"a": 1, "b": ["x"], "c": {"d": "e"}}


def test_a_fault_of_syntax_is_told_before_any_other() -> None:
    """As Psych reads a whole document before it looks at what it says."""
    assert refused("a: *b\nc: 2024-01-01\nd: e: f\n").message.startswith("(<unknown>): mapping values")
    assert refused("a: *b\nc: \x01\n").message.startswith("(<unknown>): control characters")


def test_a_tag_for_a_ruby_object_is_refused() -> None:
    assert (
        refused("a: !ruby/object:Gem::Version {}").message == "Tried to load unspecified class: Gem::Version"
    )
    assert refused("a: !ruby/regexp /x/").message == "Tried to load unspecified class: Regexp"


def test_a_merge_goes_where_it_stands() -> None:
    text = "x: &x {a: 1, b: 1, c: 1}\ny: {a: 2, <<: *x, c: 2}\n"
    assert plain(text)["y"] == {"a": 1, "b": 1, "c": 2}


def test_of_several_merged_mappings_the_first_wins() -> None:
    text = "x: &x {a: 1}\ny: &y {a: 2, b: 2}\nz: {<<: [*x, *y, {c: 3}]}\n"
    assert plain(text)["z"] == {"a": 1, "b": 2, "c": 3}


def test_a_merge_of_no_mapping_is_a_key() -> None:
    assert plain("x: &x [a]\ny: {<<: *x}\nz: {<<: ~}\n") == {
        "x": ["a"],
        "y": {"<<": ["a"]},
        "z": {"<<": None},
    }


def test_merged_keys_keep_their_own_place() -> None:
    merged = load("ci.yml", "x: &x\n  a: 1\ny:\n  <<: *x\n").value["y"]
    assert (merged.key("a").line, merged.value["a"].line) == (2, 2)


def test_keys_that_are_no_texts_can_be_told() -> None:
    root = load("ci.yml", "1: a\ntrue: b\n~: c\n1.5: d\nyes it is: e\n'2': f\n:g: h\n")
    assert list(root.value) == ["1", "true", "", "1.5", "yes it is", "2", "g"]
    assert root.odd_keys == {"1": 1, "true": True, "": None, "1.5": 1.5}


def test_keys_that_are_no_texts_can_be_told_after_a_merge() -> None:
    root = load("ci.yml", "a: &a {1: x}\nb: {<<: *a}\n")
    assert root.value["b"].odd_keys == {"1": 1}


def test_a_reference_is_a_value_of_its_own() -> None:
    assert plain("a: !reference [.b, script]") == {
        "a": Reference((".b", "script"), '!reference [".b", "script"]')
    }


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("!reference []", "!reference []"),
        ("!reference [a, 1]", '!reference ["a", 1]'),
        ("!reference a", '!reference "a"'),
        ("!reference {a: b}", '!reference {:a=>"b"}'),
    ],
)
def test_a_reference_that_is_not_valid_keeps_what_was_written(text: str, written: str) -> None:
    assert plain(f"a: {text}") == {"a": Reference((), written)}


# Documents


def header_and_body(text: str) -> tuple[Any, Any]:
    found = load_documents("ci.yml", text, DEFAULT_LIMITS)
    return found.header and found.header.plain(), found.body.plain()


def test_a_first_document_with_spec_is_a_header() -> None:
    assert header_and_body("spec: {inputs: {a: }}\n---\nb: 1\n") == (
        {"spec": {"inputs": {"a": None}}},
        {"b": 1},
    )


def test_a_header_may_begin_with_its_own_separator() -> None:
    assert header_and_body("---\nspec: {}\n---\nb: 1\n") == ({"spec": {}}, {"b": 1})


def test_without_a_header_the_first_document_counts() -> None:
    assert header_and_body("a: 1\n---\nb: 1\n") == (None, {"a": 1})


def test_with_a_header_the_last_document_counts() -> None:
    assert header_and_body("spec: {}\n---\na: 1\n---\nb: 1\n") == ({"spec": {}}, {"b": 1})


def test_a_lone_document_with_spec_is_a_configuration() -> None:
    assert header_and_body("spec: {script: x}\n") == (None, {"spec": {"script": "x"}})


@pytest.mark.parametrize("text", ["# nothing\n", "{}", "--- \n", "---\n# x\n---\n", "~", "''", "[]", "false"])
def test_documents_that_say_nothing_are_an_empty_configuration(text: str) -> None:
    assert header_and_body(text) == (None, {})


@pytest.mark.parametrize("text", ["a", "[a]", "5", "0", "a: b\n---\n- c\n"])
def test_a_document_that_is_no_hash_is_refused(text: str) -> None:
    assert refused(text).message == "Invalid configuration format"


def test_places_in_a_later_document_count_from_the_top_of_the_file() -> None:
    body = load_documents("ci.yml", "spec:\n---\n\na: 1\nb: 2\n", DEFAULT_LIMITS).body
    assert [body.key(name).line for name in "ab"] == [4, 5]
    body = load_documents("ci.yml", "spec:\n--- {a: 1}\n", DEFAULT_LIMITS).body
    assert (body.key("a").line, body.key("a").column) == (2, 6)


# Errors


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        (
            "a: b: c\n",
            "(<unknown>): mapping values are not allowed in this context at line 1 column 5",
            (1, 5),
        ),
        (
            "a:\n  - b\n c: d\n",
            "(<unknown>): did not find expected key while parsing a block mapping at line 1 column 1",
            (3, 2),
        ),
        (
            "a: [b\n",
            "(<unknown>): did not find expected ',' or ']' while parsing a flow sequence at line 1 column 4",
            (2, 1),
        ),
        (
            "a: 'b\n",
            "(<unknown>): found unexpected end of stream while scanning a quoted scalar at line 1 column 4",
            (2, 1),
        ),
        ("a: *b\n", "An alias referenced an unknown anchor: b", (1, 4)),
        ("a: 1\nb: 2024-01-01\n", "Tried to load unspecified class: Date", (2, 4)),
        ("a: 1\nb: \x01\n", "(<unknown>): control characters are not allowed at line 1 column 1", (2, 4)),
    ],
)
def test_faults_are_told_in_the_words_of_psych(text: str, message: str, place: tuple[int, int]) -> None:
    error = refused(text)
    assert (error.message, (error.line, error.column)) == (message, place)


def test_a_fault_after_a_header_counts_its_line_as_gitlab_does_and_its_place_from_the_top() -> None:
    error = refused("spec: {}\n---\na: 1\nb: c: d\n")
    assert error.message.endswith("at line 2 column 5")
    assert (error.line, error.column) == (4, 5)


@pytest.mark.parametrize("text", [b"a: \xff\n", "a: \ud800\n"])
def test_what_is_not_utf_8_is_refused(text: str | bytes) -> None:
    assert refused(text).message.startswith("The file is not UTF-8 text")


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert load("ci.yml", b"\xef\xbb\xbfa: 1").plain() == load("ci.yml", "\ufeffa: 1").plain() == {"a": 1}


# Hostile texts


def test_a_text_longer_than_its_limit_is_refused() -> None:
    assert refused("a: " + "x" * 2 * 1024 * 1024).message == "The provided YAML is too big"
    assert refused("a: " + "é" * 1024 * 1024).message == "The provided YAML is too big"


def test_nesting_passes_at_its_limit_and_no_deeper() -> None:
    load_documents("ci.yml", "a: " + "[" * 99 + "]" * 99, DEFAULT_LIMITS)
    assert refused("a: " + "[" * 100 + "]" * 100).message == "The parsed YAML is too big"
    assert "exceeded maximum nesting depth" in refused("a: " + "[" * 1_000_000).message
    assert refused("- " * 500).message == "The parsed YAML is too big"


def test_nesting_counts_through_aliases() -> None:
    deep = "a: &a " + "[" * 60 + "]" * 60 + "\n"
    load_documents("ci.yml", deep + "b: " + "[" * 39 + "*a" + "]" * 39, DEFAULT_LIMITS)
    assert refused(deep + "b: " + "[" * 40 + "*a" + "]" * 40).message == "The parsed YAML is too big"


@pytest.mark.parametrize(
    "use", ["[{0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}, {0}]", "{{x: {0}, y: {0}, z: {0}}}"]
)
def test_a_bomb_of_aliases_is_refused(use: str) -> None:
    lines = ["a0: &a0 [lol]"] + [f"a{i}: &a{i} {use.format(f'*a{i - 1}')}" for i in range(1, 60)]
    assert refused("\n".join(lines)).message == "The parsed YAML is too big"


def test_a_bomb_of_merges_is_refused() -> None:
    lines = ["a0: &a0 {k: [lol]}"]
    lines += [f"a{i}: &a{i} {{x: {{<<: *a{i - 1}}}, y: {{<<: *a{i - 1}}}}}" for i in range(1, 60)]
    assert refused("\n".join(lines)).message == "The parsed YAML is too big"


def test_a_tree_that_holds_itself_is_refused() -> None:
    assert refused("a: &a [*a]").message == "The parsed YAML is too big"
    assert refused("a: &a {b: {c: *a}}").message == "The parsed YAML is too big"


def test_a_mapping_merged_into_itself_is_itself() -> None:
    assert plain("a: &a {b: 1, <<: *a}") == {"a": {"b": 1}}
    assert plain("a: &a {b: 1, c: {<<: *a}}") == {"a": {"b": 1, "c": {"b": 1}}}


@pytest.mark.parametrize(
    "text",
    [
        "[" * 500_000, "{" * 500_000, "- " * 500_000, "? " * 500_000, "&a " * 500_000, "!a " * 500_000,
        "a: " * 500_000, "*a " * 500_000, "%" * 500_000, "'" * 500_000, '"\\' * 500_000, "|\n" * 500_000,
        "- [\n" * 300_000, "---\n" * 300_000, "a" * 1_500_000 + ": 1", "9" * 1_500_000, "<<: " * 300_000,
    ],
)  # fmt: skip
def test_a_long_hostile_text_is_a_tree_or_refused(text: str) -> None:
    """And at once: in quadratic time these would take hours."""
    load_anything(text)


# Anything at all


@given(st.text())
def test_any_text_is_a_tree_or_refused(text: str) -> None:
    load_anything(text)


@given(st.binary())
def test_any_bytes_are_a_tree_or_refused(text: bytes) -> None:
    load_anything(text)


PIECES = [
    "a", "b: ", ": ", "- ", "\n", "\n  ", "\n    ", "[", "]", "{", "}", ", ", "&x ", "*x", "<<: ", "!reference ",
    "!!str ", "'", '"', "|\n", ">-\n", "# ", "---\n", "...\n", "? ", "~", "1", "yes", "2024-01-01", "%YAML 1.1\n",
    "\t", "\\", "!", "spec", "\x00", "é",
]  # fmt: skip


@settings(max_examples=500)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join))
def test_any_pieces_of_yaml_are_a_tree_or_refused(text: str) -> None:
    load_anything(text)


TEXTS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]))
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
)


@given(st.dictionaries(TEXTS, TREES, max_size=4))
def test_json_is_read_as_it_was_written(tree: dict[str, Any]) -> None:
    assert plain(json.dumps({"top": tree}, ensure_ascii=False)) == {"top": tree}
