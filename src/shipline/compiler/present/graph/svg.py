"""The graph as an SVG picture that needs nothing else: no fonts, no scripts; light and dark. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from shipline.compiler.present.graph.layout import (
    BOX_HEIGHT,
    ICON,
    MARGIN,
    PADDING,
    Box,
    Layout,
    Panel,
    lay_out,
    room_for_characters,
    route,
)
from shipline.compiler.present.graph.shape import Edge, Graph

TITLE_HEIGHT = 34.0
STYLE = """\
text{font-family:ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
.page{fill:#ffffff}.title{font-size:17px;font-weight:600;fill:#1f2328}
.panel{fill:#f4f6f9;stroke:#e3e7ed}.stage{font-size:13px;font-weight:600;fill:#57606a;letter-spacing:.02em}
.job{fill:#ffffff;stroke:#cbd2db}.optional .job{stroke-dasharray:5 3}.name{font-size:13px;fill:#1f2328}
.line{fill:none;stroke:#8c9bb0;stroke-width:1.6}.soft{stroke-dasharray:4 4}.tip{fill:#8c9bb0}
.mark{fill:none;stroke:#8c96a3;stroke-width:1.7;stroke-linecap:round;stroke-linejoin:round}.full{fill:#8c96a3}
.manual .mark{stroke:#2f6fde}.manual .full{fill:#2f6fde}.delayed .mark{stroke:#9a6700}
.on_failure .mark{stroke:#cf3b3b}.always .mark{stroke:#1a7f4b}.next{fill:none;stroke:#b4bdc9;stroke-width:2;\
stroke-linecap:round;stroke-linejoin:round}
@media (prefers-color-scheme:dark){.page{fill:#0d1117}.title,.name{fill:#e6edf3}.panel{fill:#151b23;stroke:#262d37}
.stage{fill:#9198a1}.job{fill:#1d242e;stroke:#3a434f}.line{stroke:#6b7a90}.tip{fill:#6b7a90}.next{stroke:#4a5462}}
"""
# Drawn around (0, 0), 14 pixels wide.
MARKS = {
    "on_success": '<circle class="mark" r="5.5"/>',
    "manual": '<circle class="mark" r="7"/><path class="full" d="M-2-3.2 3.4 0-2 3.2Z"/>',
    "delayed": '<circle class="mark" r="7"/><path class="mark" d="M0-3.6V0H3"/>',
    "on_failure": '<circle class="mark" r="7"/><path class="mark" d="M-2.5-2.5 2.5 2.5M2.5-2.5-2.5 2.5"/>',
    "always": '<circle class="mark" r="7"/><path class="mark" d="M-3.2 0-.8 2.4 3.2-2.2"/>',
}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_svg(graph: Graph, title: str = "") -> str:
    layout = lay_out(graph, MARGIN + (TITLE_HEIGHT if title else 0))
    return "\n".join(_lines(graph, layout, title)) + "\n"


def _lines(graph: Graph, layout: Layout, title: str) -> Iterator[str]:
    size = f"{layout.width:.0f}", f"{layout.height:.0f}"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size[0]}" height="{size[1]}" '
        f'viewBox="0 0 {size[0]} {size[1]}" role="img" aria-label="{_text(title or "Pipeline")}">'
    )
    yield f"<style>{STYLE}</style>"
    yield f'<rect class="page" width="{size[0]}" height="{size[1]}"/>'
    if title:
        yield f'<text class="title" x="{MARGIN:g}" y="{MARGIN + 14:g}">{_text(title)}</text>'
    for number, panel in enumerate(layout.panels):
        yield from _panel(panel, layout.panels[number - 1] if number else None)
    for edge in graph.edges:
        yield _edge(edge, layout)
    needs = graph.needs_of()
    for box in layout.boxes.values():
        yield from _job(box, needs.get(box.vertex.name, []))
    yield "</svg>"


def _panel(panel: Panel, before: Panel | None) -> Iterator[str]:
    yield (
        f'<rect class="panel" x="{panel.x:.1f}" y="{panel.y:.1f}" width="{panel.width:.1f}" '
        f'height="{panel.height:.1f}" rx="10"/>'
    )
    yield f'<text class="stage" x="{panel.x + PADDING:.1f}" y="{panel.y + 27:.1f}">{_text(panel.name)}</text>'
    if panel.follows and before is not None:
        middle = (before.x + before.width + panel.x) / 2
        yield f'<path class="next" d="M{middle - 3:.1f} {panel.y + 16:.1f}l7 7-7 7"/>'


def _edge(edge: Edge, layout: Layout) -> str:
    line = route(layout, layout.boxes[edge.need], layout.boxes[edge.job])
    tip = line.x2 - 6
    path = f"M{line.x1:.1f} {line.y1:.1f}"
    if line.lane is None:
        path += _curve(line.x1, line.y1, tip, line.y2)
    else:
        path += _curve(line.x1, line.y1, line.enter, line.lane) + f"H{line.leave:.1f}"
        path += _curve(line.leave, line.lane, tip, line.y2)
    soft = "" if edge.artifacts else " soft"
    arrow = f"M{tip - 1:.1f} {line.y2 - 4:.1f}l7 4-7 4Z"
    return f'<path class="line{soft}" d="{path}"/><path class="tip" d="{arrow}"/>'


def _curve(x1: float, y1: float, x2: float, y2: float) -> str:
    """Leaves and arrives level."""
    bend = min((x2 - x1) / 2, 90.0)
    return f"C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"


def _job(box: Box, needs: list[str]) -> Iterator[str]:
    vertex = box.vertex
    optional = " optional" if vertex.allow_failure else ""
    yield f'<g class="{vertex.when if vertex.when in MARKS else "on_success"}{optional}">'
    yield f"<title>{_text(_told(box, needs))}</title>"
    yield (
        f'<rect class="job" x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{BOX_HEIGHT:g}" rx="8"/>'
    )
    mark = MARKS.get(vertex.when, MARKS["on_success"])
    yield f'<g transform="translate({box.x + ICON / 2 + 1:.1f} {box.middle:.1f})">{mark}</g>'
    most = room_for_characters(box.width)
    name = vertex.name if len(vertex.name) <= most else vertex.name[: most - 1] + "…"
    yield f'<text class="name" x="{box.x + ICON:.1f}" y="{box.middle + 4.5:.1f}">{_text(name)}</text></g>'


def _told(box: Box, needs: list[str]) -> str:
    """What a pointer that rests on the job is told."""
    vertex = box.vertex
    words = [vertex.name, f"stage {vertex.stage}", vertex.when]
    if vertex.allow_failure:
        words.append("may fail")
    if needs:
        words.append(f"needs {', '.join(needs)}")
    elif vertex.waits == "nothing":
        words.append("starts at once")
    return " · ".join(words)


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("�", text))
