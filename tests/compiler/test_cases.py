"""The catalogue of the language: every folder under `cases` says in its name what GitLab does.

`SHIPLINE_WRITE_CASES=1` writes `expected.json` where a case has none yet; a person compares it with GitLab's
documentation before it is committed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.compiler.golden import compile_case, outcome, write

CASES = Path(__file__).with_name("cases")


@pytest.mark.parametrize("name", sorted(folder.name for folder in CASES.iterdir()))
def test_the_case_compiles_as_expected(name: str) -> None:
    found = outcome(compile_case(CASES / name))
    expected_file = CASES / name / "expected.json"
    if os.environ.get("SHIPLINE_WRITE_CASES") == "1" and not expected_file.exists():
        write(CASES / name, found)
    expected = json.loads(expected_file.read_text(encoding="utf-8"))
    if "stages" not in expected:
        found.pop("stages", None)
    assert found == expected
