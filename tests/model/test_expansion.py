from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.model.expansion import (
    GROWTH_LIMIT,
    LENGTH_LIMIT,
    circle,
    expand,
    expand_all,
    expand_for_runner,
    references,
)
from shipline.model.variable import Variable

VALUES = {"A": "one", "B": "two", "1ST": "first", "REF": "$A"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$A", "one"), ("${A}", "one"), ("%A%", "one"), ("$A$B", "onetwo"), ("x${A}y", "xoney"),
        ("$1ST", "first"),
        ("$A.$B-$A", "one.two-one"), ("$$A", "$A"), ("%%A", "%A"), ("$", "$"), ("${A", "${A"), ("$-", "$-"),
        ("100%", "100%"), ("$NONE", ""), ("a${NONE}b", "ab"), ("$REF", "$A"), ("", ""), ("$AB", ""),
    ],
)  # fmt: skip
def test_references_are_replaced_once(text: str, expanded: str) -> None:
    assert expand(text, VALUES.get) == expanded


@pytest.mark.parametrize("text", ["$NONE", "${NONE}", "%NONE%", "a$NONE/b"])
def test_unknown_names_can_stay_as_they_are_written(text: str) -> None:
    assert expand(text, VALUES.get, keep_unknown=True) == text


def test_references_tells_every_name_once() -> None:
    assert references("$C ${B} %A% $C $$D") == ["C", "B", "A"]


def variables(**values: str) -> tuple[Variable, ...]:
    return tuple(Variable(key, value) for key, value in values.items())


def expanded(*listed: Variable) -> dict[str, str]:
    return {variable.key: variable.value for variable in expand_all(listed)}


def test_variables_are_expanded_in_order_of_need() -> None:
    assert expanded(*variables(URL="$HOST/x", HOST="$NAME.local", NAME="db")) == {
        "URL": "db.local/x", "HOST": "db.local", "NAME": "db",
    }  # fmt: skip


def test_raw_variables_stay_as_they_are() -> None:
    assert expanded(Variable("A", "$B", raw=True), Variable("B", "x"), Variable("C", "$A")) == {
        "A": "$B", "B": "x", "C": "$B",
    }  # fmt: skip


def test_a_circle_ends() -> None:
    assert set(expanded(*variables(A="$B", B="$A"))) == {"A", "B"}


def test_a_circle_is_told_by_its_names() -> None:
    assert circle({"X": "1", "A": "$B", "B": "$C", "C": "$A"}) == ["A", "B", "C"]


def test_a_reference_to_itself_or_to_nothing_is_no_circle() -> None:
    assert circle({"A": "$A:x", "B": "$NONE", "C": "$B"}) is None


def test_a_long_chain_is_no_circle() -> None:
    chain = {f"V{number}": f"$V{number + 1}" for number in range(5_000)}
    assert circle(chain) is None


def test_a_value_has_a_limit() -> None:
    assert len(expand("$A" * 3, {"A": "x" * LENGTH_LIMIT}.get)) == LENGTH_LIMIT


@given(st.text(max_size=30))
def test_a_text_without_signs_stays(text: str) -> None:
    plain = text.replace("$", "").replace("%", "")
    assert expand(plain, VALUES.get) == plain


@given(st.text("$%{}AB_ ", max_size=30), st.dictionaries(st.sampled_from("AB"), st.text(max_size=5)))
def test_expansion_is_total(text: str, values: dict[str, str]) -> None:
    assert isinstance(expand(text, values.get), str)
    assert isinstance(expand(text, values.get, keep_unknown=True), str)


@given(st.dictionaries(st.sampled_from("ABCDE"), st.text("$ABCDE x", max_size=8)))
def test_every_set_of_variables_is_expanded(values: dict[str, str]) -> None:
    assert set(expanded(*variables(**values))) == set(values)


def handed_out(*listed: Variable) -> dict[str, str]:
    return {variable.key: variable.value for variable in expand_for_runner(listed)}


def test_a_runner_that_goes_one_step_gets_values_in_depth() -> None:
    listed = (Variable("A", "a-$B"), Variable("B", "b-${C}"), Variable("C", "c"))
    assert handed_out(*listed) == {"A": "a-b-c", "B": "b-c", "C": "c"}


def test_what_the_runner_shall_still_see_is_left_to_it() -> None:
    listed = (
        Variable("A", "$$B $B $NONE $FILE $RAW"),
        Variable("B", "1"),
        Variable("FILE", "content of $B", file=True),
        Variable("RAW", "$B", raw=True),
    )
    assert handed_out(*listed) == {
        "A": "$$B 1 $NONE $FILE $RAW",
        "B": "1",
        "FILE": "content of 1",
        "RAW": "$B",
    }


def test_a_circle_of_a_runner_s_variables_ends() -> None:
    assert handed_out(Variable("A", "$B"), Variable("B", "x$A"))["A"] == "x$A"


def test_what_a_runner_gets_has_a_limit_and_is_not_cut() -> None:
    listed = [Variable("V0", "x" * 1000), *(Variable(f"V{n}", f"$V{n - 1}" * 100) for n in range(1, 9))]
    found = handed_out(*listed)
    assert found["V1"] == "x" * 100_000
    assert sum(map(len, found.values())) < 2 * GROWTH_LIMIT
    assert "$V" in found["V8"]
