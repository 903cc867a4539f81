from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.compiler import globs
from shipline.compiler.limits import DEFAULT_LIMITS, MIB, Limits


def any_match(patterns: list[str], paths: list[str], limits: Limits = DEFAULT_LIMITS) -> bool:
    return globs.any_match(patterns, paths, limits)


def any_exists(patterns: list[str], paths: set[str], limits: Limits = DEFAULT_LIMITS) -> bool:
    return globs.any_exists(patterns, paths, limits)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("Dockerfile", "Dockerfile"), ("*.py", "a.py"), ("*", ".env"), (".*", ".env"), ("**/*.py", "a.py"),
        ("**/*.py", "a/b/c.py"), ("a/**/d", "a/d"), ("a/**/d", "a/b/c/d"), ("a/**", "a/b"),
        ("**/.git/*", "x/.git/y"),
        ("{a,b}.txt", "b.txt"), ("{a,b/{c,d}}/x", "b/d/x"), ("a{,b}", "a"), ("{a/,}**/x", "x"),
        ("{a/,}**/x", "a/b/x"),
        ("[0-9].txt", "7.txt"), ("[!0-9].txt", "x.txt"), ("[^a]b", "cb"), ("[\\]]", "]"), ("a?c", "abc"),
        ("\\*", "*"), ("\\{a,b}", "{a,b}"), ("{a", "{a"), ("a}", "a}"), ("caf*", "café"), ("(a|b).+",
        "(a|b).+"),
        ("**/**/x", "x"), ("a**/b", "axx/b"), ("{,a,}", "a"),
    ],
)  # fmt: skip
def test_the_pattern_matches_the_path(pattern: str, path: str) -> None:
    assert any_match([pattern], [path])


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*.py", "a/b.py"), ("a/*", "a/b/c"), ("a/**", "a/b/c"), ("dockerfile", "Dockerfile"), ("./x", "x"),
        ("/x", "x"), ("docs/", "docs/a.md"), ("docs", "docs/a.md"), ("!(x)", "y"), ("a?c", "a/c"),
        ("[!a]", "/"),
        ("[.-0]", "/"), ("a[", "a["), ("[]", "]"), ("[z-a]", "b"), ("a**/b", "a/b/b"), ("x", "xx"),
        ("*.py", "a.py\n"),
        ("a[/]b", "a/b"), ("+(a)", "aa"), ("\\*", "x"),
    ],
)  # fmt: skip
def test_the_pattern_does_not_match_the_path(pattern: str, path: str) -> None:
    assert not any_match([pattern], [path])


def test_nothing_matches_when_there_are_no_patterns_or_no_paths() -> None:
    assert not any_match([], ["a"])
    assert not any_match(["*"], [])


def test_too_many_comparisons_count_as_a_match() -> None:
    paths = [f"src/{number}.txt" for number in range(DEFAULT_LIMITS.rule_comparisons // 50)]
    patterns = [f"{number}.py" for number in range(50)]
    assert not any_match(patterns, paths)
    assert any_match([*patterns, "one more"], paths)


def test_as_many_comparisons_as_the_limit_are_made() -> None:
    assert not any_match(["a", "b"], ["x", "y"], Limits(rule_comparisons=4))
    assert any_match(["a", "b"], ["x", "y"], Limits(rule_comparisons=3))
    assert not any_exists(["a*", "b*"], {"x", "y"}, Limits(rule_comparisons=4))
    assert any_exists(["a*", "b*"], {"x", "y"}, Limits(rule_comparisons=3))


@pytest.mark.parametrize("pattern", ["{a,b,c}", "{a,{b,c}}", "{{a,b},c}", "{a,b,c,d,e}", "{a,b}{,x}"])
def test_alternatives_beyond_the_limit_are_left_out_and_those_before_it_kept(pattern: str) -> None:
    for limit in range(4):
        limits = Limits(rule_alternatives=limit)
        found = [any_match([pattern], [path], limits) for path in ("a", "ax" if "x" in pattern else "b")]
        assert found == [limit >= 1, limit >= 2]
    assert any_match([pattern], ["b"], Limits(rule_alternatives=3))


def test_a_thousand_alternatives_are_taken() -> None:
    pattern = "{" + ",".join(f"f{number}" for number in range(1_001)) + "}"
    assert any_match([pattern], ["f0"])
    assert any_match([pattern], ["f999"])
    assert not any_match([pattern], ["f1000"])


def test_alternatives_have_a_limit_of_characters_but_not_the_pattern_itself() -> None:
    assert any_match(["{ab,cd,ef}"], ["cd"], Limits(rule_alternative_characters=4))
    assert not any_match(["{ab,cd,ef}"], ["cd"], Limits(rule_alternative_characters=3))
    assert any_match(["long"], ["long"], Limits(rule_alternative_characters=0))


def test_long_patterns_with_many_braces_take_no_more_memory_than_the_limit_gives() -> None:
    limits = Limits(rule_alternative_characters=100_000)
    tracemalloc.start()
    try:
        for pattern in ("{" + "a," * 20_000 + "}" + "x" * 20_000, "{a}" * 20_000, "{a,b}" * 20_000):
            assert not any_match([pattern], ["a"], limits)
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()


def test_hostile_patterns_take_no_time() -> None:
    path = "a" * 5_000
    assert not any_match(["*a" * 2_000 + "b"], [path])
    assert not any_match(["*" * 100_000 + "b"], [path])
    assert not any_match(["{a,b}" * 500], [path])
    assert not any_match(["{a}" * 600_000], [path])
    assert not any_match(["{" * 5_000], [path])
    assert not any_match(["{a," * 2_000 + "}" * 2_000], [path])


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("docs/", True), ("docs/deep/", True), ("docs", False), ("doc/", False), ("d*/deep/", False), ("a\\b", True),
        ("docs/deep/x.md", True), ("**/*.md", True), ("*.md", False), ("*", True), ("/a", False), ("./a", False),
    ],
)  # fmt: skip
def test_rules_exists_reads_a_pattern_without_signs_as_a_path_or_a_folder(pattern: str, found: bool) -> None:
    assert any_exists([pattern], {"docs/deep/x.md", "a\\b", "top.txt"}) is found


def test_rules_exists_compares_the_top_folder_only_where_that_is_enough() -> None:
    paths = {f"deep/{number}" for number in range(DEFAULT_LIMITS.rule_comparisons + 1)}
    assert not any_exists(["*.py"], paths)
    assert any_exists(["**/*.py"], paths)


NAMES = st.text("abc.-_é ", min_size=1, max_size=6)


@given(st.lists(NAMES, min_size=1, max_size=5))
def test_a_path_without_signs_matches_itself_and_its_depth_in_stars(parts: list[str]) -> None:
    path = "/".join(parts)
    assert any_match([path], [path])
    assert any_match(["**/*"], [path])
    assert any_match(["/".join("*" * len(parts))], [path])
    assert not any_match(["/".join("*" * (len(parts) + 1))], [path])


@given(st.text("ab*?[]{},/\\!^-", max_size=20), st.text("ab/", max_size=8))
def test_every_pattern_has_an_answer(pattern: str, path: str) -> None:
    assert any_match([pattern], [path]) in (True, False)


@given(st.text(max_size=20), st.text(max_size=8))
def test_any_text_is_a_pattern(pattern: str, path: str) -> None:
    assert any_match([pattern], [path]) in (True, False)
