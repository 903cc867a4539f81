"""Merged YAML is a configuration of its own: compiled again, it gives the same pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.compiler.golden import CONFIG, compile_case, compile_files, files_of

from shipline.compiler.present.merged import as_yaml

CASES = Path(__file__).with_name("cases")


@pytest.mark.parametrize("name", sorted(folder.name for folder in CASES.iterdir()))
def test_the_merged_case_gives_the_same_pipeline(name: str) -> None:
    compiled = compile_case(CASES / name)
    if compiled.merged is None or compiled.errors:
        assert compiled.pipeline is None
        return
    facts: dict[str, Any] = {}
    if (written := CASES / name / "facts.yml").exists():
        facts = yaml.safe_load(written.read_text()) or {}
        facts.pop("inputs", None)
    files = files_of(CASES / name) | {CONFIG: as_yaml(compiled.merged).encode()}
    again = compile_files(files, facts)
    assert (again.pipeline, again.errors) == (compiled.pipeline, ())
