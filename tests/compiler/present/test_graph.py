"""Graphs as pictures: lines pass between boxes, names cannot become markup."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipline.compiler.present.graph import as_mermaid, as_svg, as_text, graph_of
from shipline.compiler.present.graph.layout import BOX_HEIGHT, lay_out, route
from shipline.model.definition import JobDefinition, Need, PipelineDefinition, When

SVG = "{http://www.w3.org/2000/svg}"


def job(name: str, stage: str, *needs: str, when: When = When.ON_SUCCESS) -> JobDefinition:
    return JobDefinition(
        name, stage, ("x",), needs=tuple(Need(need) for need in needs) if needs else None, when=when
    )


def pipeline(*jobs: JobDefinition) -> PipelineDefinition:
    stages = tuple(dict.fromkeys(found.stage for found in jobs))
    return PipelineDefinition(stages, jobs)


WIDE = pipeline(
    job("a1", "a"), job("a2", "a"), job("b1", "b", "a1"), job("b2", "b", "b1"), job("c1", "c", "a1"),
    job("c2", "c", "a2", "b2"),
)  # fmt: skip


def test_boxes_do_not_overlap_and_stand_in_the_panel_of_their_stage() -> None:
    layout = lay_out(graph_of(WIDE))
    boxes = list(layout.boxes.values())
    for one in boxes:
        panel = next(panel for panel in layout.panels if panel.name == one.vertex.stage)
        assert panel.x <= one.x
        assert one.x + one.width <= panel.x + panel.width
        assert panel.y <= one.y
        assert one.y + BOX_HEIGHT <= panel.y + panel.height
        for other in boxes:
            if other is not one:
                apart_x = one.x + one.width <= other.x or other.x + other.width <= one.x
                assert apart_x or abs(one.y - other.y) >= BOX_HEIGHT


def test_a_job_that_needs_another_of_its_stage_stands_to_its_right() -> None:
    boxes = lay_out(graph_of(WIDE)).boxes
    assert boxes["b2"].x > boxes["b1"].x + boxes["b1"].width


def test_a_line_over_a_stage_passes_between_its_rows() -> None:
    layout = lay_out(graph_of(WIDE))
    line = route(layout, layout.boxes["a1"], layout.boxes["c1"])
    assert line.lane is not None
    for name in ("b1", "b2"):
        box = layout.boxes[name]
        assert not box.y <= line.lane <= box.y + BOX_HEIGHT
        assert line.enter <= box.x
        assert box.x + box.width <= line.leave
    neighbour = route(layout, layout.boxes["a1"], layout.boxes["b1"])
    assert neighbour.lane is None


def test_stages_follow_one_another_where_jobs_wait_for_stages() -> None:
    layout = lay_out(graph_of(pipeline(job("a", "a"), job("b", "b"), job("c", "c", "a"))))
    assert [panel.follows for panel in layout.panels] == [False, True, False]
    lefts = [panel.x for panel in layout.panels]
    assert all(left < right for left, right in pairwise(lefts))


@given(st.text(min_size=1, max_size=30))
def test_any_name_gives_xml_and_never_markup(name: str) -> None:
    root = ElementTree.fromstring(as_svg(graph_of(pipeline(job(name, name))), title=name))
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "style", "rect", "text", "g", "title", "circle", "path"}


@pytest.mark.parametrize("name", ['a"]; click x', "a\nb", "<b>", "end", "#35;", "`x`"])
def test_a_name_cannot_leave_its_quotes_in_mermaid(name: str) -> None:
    line = next(line for line in as_mermaid(graph_of(pipeline(job(name, "s")))).splitlines() if "j0" in line)
    assert line.startswith('    j0["')
    assert line.endswith('"]')
    assert '"' not in line[len('    j0["') : -2]


@pytest.mark.parametrize("when", list(When))
def test_each_kind_of_job_can_be_drawn(when: When) -> None:
    graph = graph_of(pipeline(job("a", "s", when=when)))
    assert ElementTree.fromstring(as_svg(graph)).find(f".//{SVG}title") is not None
    assert ("[" in as_text(graph)[1]) == (when is not When.ON_SUCCESS)


def test_a_need_of_another_pipeline_is_not_drawn() -> None:
    assert graph_of(pipeline(job("a", "s", "elsewhere"))).edges == ()


def test_nothing_is_drawn_as_nothing() -> None:
    empty = graph_of(PipelineDefinition((), ()))
    assert as_text(empty) == []
    assert ElementTree.fromstring(as_svg(empty)).tag == f"{SVG}svg"
    assert as_mermaid(empty) == "flowchart LR\n"


def test_a_long_chain_in_one_stage_is_drawn_without_recursion() -> None:
    chain = [job("j0", "s"), *(job(f"j{n}", "s", f"j{n - 1}") for n in range(1, 3000))]
    boxes = lay_out(graph_of(pipeline(*reversed(chain)))).boxes
    assert boxes["j2999"].x > boxes["j0"].x
