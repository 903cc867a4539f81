from __future__ import annotations

import pytest

from shipline.compiler.ruby import inspect, to_json, to_s
from shipline.compiler.scalars import Symbol


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""), (True, "true"), (False, "false"), (12, "12"), (1.5, "1.5"), (1.0, "1.0"), (1e20, "1.0e+20"),
        (1e16, "1.0e+16"), (1e15, "1000000000000000.0"), (0.0001, "0.0001"), (0.00001, "1.0e-05"),
        (1.25e-7, "1.25e-07"), (float("inf"), "Infinity"), ("a", "a"), (Symbol("a"), "a"),
        (["a", 1, None], '["a", 1, nil]'), ({"a": [True], "b c": "x"}, '{:a=>[true], :"b c"=>"x"}'),
    ],
)  # fmt: skip
def test_values_become_texts_as_ruby_writes_them(value: object, text: str) -> None:
    assert to_s(value) == text


def test_inspect_escapes_as_ruby_does() -> None:
    assert inspect('a"b\\c\n\x00#{x} #y é') == '"a\\"b\\\\c\\n\\x00\\#{x} #y é"'
    assert inspect(None) == "nil"


def test_json_has_no_blanks() -> None:
    assert (
        to_json({"yolo": ["x", 1, None], "é": "<&>"}) == '{"yolo":["x",1,null],"é":"\\u003c\\u0026\\u003e"}'
    )
