"""`shipline graph`: the same pipeline in four forms."""

from __future__ import annotations

from xml.etree import ElementTree

from tests.cli.conftest import Place

CONFIG = """\
stages: [build, test]
build: {stage: build, script: x}
lint: {stage: test, script: x, needs: []}
unit: {stage: test, script: x, needs: [build]}
"""


def test_text_shows_stages_jobs_and_what_each_waits_for(place: Place) -> None:
    place.config(CONFIG)
    ended = place.run("graph")
    assert ended.code == 0
    assert ended.out == ("build\n└─ build\n\ntest\n├─ lint  ← starts at once\n└─ unit  ← build\n")


def test_svg_is_xml_with_every_job(place: Place) -> None:
    place.config(CONFIG)
    ended = place.run("graph", "--format", "svg")
    root = ElementTree.fromstring(ended.out)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"build", "lint", "unit", "test"} <= texts


def test_mermaid_and_json_say_the_same(place: Place) -> None:
    place.config(CONFIG)
    assert "j0 --> j2" in place.run("graph", "--format", "mermaid").out
    found = place.run("graph", "--format", "json").json()
    assert found["edges"] == [{"need": "build", "job": "unit", "artifacts": True}]
    assert [stage["name"] for stage in found["stages"]] == ["build", "test"]


def test_without_a_pipeline_there_is_nothing_to_draw_and_it_says_why(place: Place) -> None:
    place.config("a: {script: x, rules: [{if: $CI_COMMIT_TAG}]}\n")
    ended = place.run("graph", "--format", "json")
    assert (ended.code, ended.json()) == (0, {"stages": [], "edges": []})
    assert "Pipeline will not run for the selected trigger" in ended.err
