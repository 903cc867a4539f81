from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.compiler import expression
from shipline.compiler.expression import Expression, ExpressionError
from shipline.compiler.limits import DEFAULT_LIMITS

VALUES = {
    "A": "a", "B": "b", "EMPTY": "", "BLANK": "  ", "BRANCH": "feature/login", "PATTERN": "/^FEATURE/i",
    "BROKEN": "/(/", "DIGITS": "1234", "TRUE": "true", "1ST": "first", "REF": "$A",
}  # fmt: skip


def parse(text: str, token_limit: int = DEFAULT_LIMITS.expression_tokens) -> Expression:
    return expression.parse(text, token_limit)


def holds(text: str) -> bool:
    return parse(text).evaluate(VALUES.get)


@pytest.mark.parametrize(
    "text",
    [
        "$A", "$1ST == 'first'", '$A == "a"', "$A != $B", "$NONE == null", "null == $NONE",
        "$EMPTY != null",
        "$TRUE == true", "true == 'true'", "true", "!false", "!$NONE", "!$EMPTY", "$REF == '$A'",
        "$BRANCH =~ /^feature/", "$BRANCH =~ /^FEATURE/i", "$BRANCH !~ /^main/",
        "$BRANCH =~ /feature\\/login/",
        "$BRANCH =~ $PATTERN", '$BRANCH =~ "/login$/"', "$NONE !~ /xx/", "$A !~ null", "$A !~ $NONE",
        "'23' =~ $DIGITS", "'(' =~ $BROKEN", "$A && $B", "$NONE || $A", "$A\n&&\n$B", "  $A  ",
        "$A == 'a' || $A == 'b' && $NONE", "($A || $NONE) && $B", "!($NONE) && !(!$A)", "$EMPTY && 'x'",
        "$NONE == null && $A", "$BRANCH =~ /a.b/ == false", "('a' == $A) == true",
        "$A =~ /ab/ || $A =~ /a|b/",
    ],
)  # fmt: skip
def test_the_expression_holds(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "$NONE", "$EMPTY", "$BLANK", "null", "false", "''", "$EMPTY == null", "$A == 'A'", "$A == '$A'",
        "$NONE =~ /xx/", "$NONE =~ /.*/", "$A =~ null", "$A =~ $NONE", "$A == 'a' == 'a'", "!$A == 'a'",
        "$EMPTY || $A", "$NONE && $A", "false || null", "$BRANCH =~ /Feature/", "!$A", "!true",
        "'124' =~ $DIGITS", "$NONE || $EMPTY", "$B == 'b' && $NONE || $NONE",
    ],
)  # fmt: skip
def test_the_expression_does_not_hold(text: str) -> None:
    assert not holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "$", "A", "$A = 'a'", "$A === 'a'", "$A == ", "== 'a'", "$A 'a'", "$A $B", "($A",
        "$A)", "()",
        "${A}", "$A < 2", "$A == 1", "1", "$A && ", "|| $A", "$A & $B", "# $A", "$A == 'a", "True",
        "nil", "TRUE",
        "$A =~ /a/", "$A =~ //", "$A =~ /(/", "$A =~ /(?=ab)/", "$A =~ /ab/x", "/ab/", "/ab/ =~ $A",
        "$A == /ab/",
        "!/ab/", "$A && /ab/", "(/ab/)", "$A =~ true", "$A ! $B", "$A !", '"a\' == $A', "\u00a0$A",
        "$A\u00a0",
    ],
)  # fmt: skip
def test_the_expression_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


def test_a_slash_in_a_pattern_is_escaped() -> None:
    assert parse(r"$U =~ /^a\/b$/").evaluate({"U": "a/b"}.get)


@pytest.mark.parametrize(("flags", "text"), [("i", "ABC"), ("m", "x\nabc\ny"), ("s", "a\nc"), ("U", "abc")])
def test_a_pattern_has_the_flags_of_re2(flags: str, text: str) -> None:
    pattern = {"s": "a.c"}.get(flags, "^abc$")
    assert parse(f"$X =~ /{pattern}/{flags}").evaluate({"X": text}.get)
    assert flags == "U" or not parse(f"$X =~ /{pattern}/").evaluate({"X": text}.get)


def test_and_and_or_give_the_operand_itself() -> None:
    assert parse("($NONE || $B) == 'b'").evaluate(VALUES.get)
    assert parse("($A && $B) == 'b'").evaluate(VALUES.get)
    assert parse("($EMPTY && 'x') == 'x'").evaluate(VALUES.get)
    assert parse("($EMPTY || 'x') == ''").evaluate(VALUES.get)


def test_99_tokens_are_taken_and_100_refused() -> None:
    assert parse(" || ".join(["$NONE"] * 49 + ["$A"])).evaluate(VALUES.get)
    assert parse("!" * 98 + "$NONE").evaluate(VALUES.get) is False
    with pytest.raises(ExpressionError):
        parse("!" * 99 + "$NONE")


def test_an_expression_that_was_taken_is_refused_under_a_smaller_limit() -> None:
    text = "$A == 'a' && $B == 'b'"
    assert parse(text, 8).evaluate(VALUES.get)
    with pytest.raises(ExpressionError):
        parse(text, 7)
    assert parse(text, 8).evaluate(VALUES.get)


def test_a_pattern_that_backtracks_elsewhere_takes_no_time() -> None:
    assert not parse("$X =~ /^(a+)+$/").evaluate({"X": "a" * 50_000 + "b"}.get)


TOKENS = ["$A", "$NONE", "$EMPTY", "'x'", '""', "null", "true", "false", "/ab/", "/a(/", "==", "!=", "=~", "!~",
          "&&", "||", "!", "(", ")", " "]  # fmt: skip


@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(TOKENS), max_size=12).map(" ".join)))
def test_parsing_gives_an_expression_or_says_that_it_is_none(text: str) -> None:
    try:
        found = parse(text)
    except ExpressionError:
        return
    assert isinstance(found, Expression)


OPERANDS = st.sampled_from(["$A", "$B", "$NONE", "$EMPTY", "'x'", "null", "true", "false"])
TREES = st.recursive(
    OPERANDS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["==", "!=", "&&", "||"]), inner).map(
            lambda t: f"({t[0]} {t[1]} {t[2]})"
        ),
        st.tuples(inner, st.sampled_from(["=~ /a.*/", "!~ /b+/i", "=~ $B", "!~ null"])).map(
            lambda t: f"({t[0]} {t[1]})"
        ),
        inner.map(lambda text: f"!{text}"),
    ),
    max_leaves=8,
)
VARIABLES = st.dictionaries(st.sampled_from(["A", "B", "EMPTY"]), st.text(string.printable, max_size=8))


@given(TREES, VARIABLES)
def test_every_expression_has_an_answer_for_all_variables(text: str, variables: dict[str, str]) -> None:
    assert parse(text).evaluate(variables.get) in (True, False)


@given(TREES, TREES, VARIABLES)
def test_and_binds_tighter_than_or(left: str, right: str, variables: dict[str, str]) -> None:
    bare = parse(f"{left} || {right} && $A").evaluate(variables.get)
    assert bare == parse(f"{left} || ({right} && $A)").evaluate(variables.get)
