from __future__ import annotations

from shipline.compiler.values import Seen, nested
from shipline.model.variable import Variable


def seen(*variables: Variable, **predefined: str) -> Seen:
    return Seen({variable.key: variable.value for variable in variables}, predefined, layers=(variables,))


def test_a_value_is_expanded_with_what_it_refers_to() -> None:
    values = seen(Variable("A", "$B/x"), Variable("B", "${C}"), Variable("C", "deep"))
    assert (values["A"], values.expanded("A")) == ("$B/x", "deep/x")


def test_unknown_names_and_circles_stay() -> None:
    values = seen(Variable("A", "$NONE"), Variable("B", "$C"), Variable("C", "$B"))
    assert (values.expanded("A"), values.expanded("NONE")) == ("$NONE", None)
    assert values.expanded("B") == "$C"


def test_raw_and_predefined_values_are_not_expanded() -> None:
    values = seen(Variable("A", "$B", raw=True), Variable("B", "x"), MESSAGE="costs $B")
    assert (values.expanded("A"), values.expanded("MESSAGE")) == ("$B", "costs $B")


def test_other_mappings_are_taken_as_they_are() -> None:
    assert nested({"A": "$B", "B": "x"})("A") == "$B"
