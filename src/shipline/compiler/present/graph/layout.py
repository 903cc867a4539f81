"""Where everything of the picture stands, in pixels. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shipline.compiler.present.graph.shape import Graph, Vertex

MARGIN, PADDING = 24.0, 14.0
HEAD = 44.0
BOX_HEIGHT, ROW_GAP = 36.0, 12.0
PITCH = BOX_HEIGHT + ROW_GAP
STAGE_GAP, COLUMN_GAP = 56.0, 44.0
CHARACTER = 7.3
ICON = 34.0
NARROWEST, WIDEST = 116.0, 300.0


@dataclass(frozen=True, slots=True)
class Box:
    vertex: Vertex
    x: float
    y: float
    width: float

    @property
    def middle(self) -> float:
        return self.y + BOX_HEIGHT / 2


@dataclass(frozen=True, slots=True)
class Panel:
    """A stage: its name over its jobs."""

    name: str
    x: float
    y: float
    width: float
    height: float
    follows: bool


@dataclass(frozen=True, slots=True)
class Column:
    left: float
    right: float
    rows: int


@dataclass(frozen=True, slots=True)
class Layout:
    width: float
    height: float
    panels: tuple[Panel, ...]
    boxes: Mapping[str, Box]
    # From left to right, each with how many boxes it holds.
    columns: tuple[Column, ...]
    first_row: float


def lay_out(graph: Graph, top: float = MARGIN) -> Layout:
    """Stages side by side. Jobs that need others of their own stage stand to the right of those."""
    needs = graph.needs_of()
    boxes: dict[str, Box] = {}
    panels: list[Panel] = []
    all_columns: list[Column] = []
    x = MARGIN
    for position, (stage, jobs) in enumerate(graph.stages):
        columns = _columns(jobs, needs)
        inner = x + PADDING
        tallest = max((len(column) for column in columns), default=0)
        for column in columns:
            width = _width(column)
            for row, vertex in enumerate(_sorted(column, needs, boxes)):
                boxes[vertex.name] = Box(vertex, inner, top + HEAD + row * PITCH, width)
            all_columns.append(Column(inner, inner + width, len(column)))
            inner += width + COLUMN_GAP
        width = max(inner - COLUMN_GAP + PADDING - x, len(stage) * 8.2 + 2 * PADDING)
        height = HEAD + tallest * PITCH - ROW_GAP + PADDING
        follows = position > 0 and any(job.waits == "stages" for job in jobs)
        panels.append(Panel(stage, x, top, width, height, follows))
        x += width + STAGE_GAP
    height = max((panel.height for panel in panels), default=0.0)
    # All panels reach as deep as the deepest one: they are columns, not boxes.
    level = tuple(Panel(p.name, p.x, p.y, p.width, height, p.follows) for p in panels)
    size = max(x - STAGE_GAP + MARGIN, 2 * MARGIN), top + height + MARGIN
    return Layout(*size, level, boxes, tuple(all_columns), top + HEAD)


def _columns(jobs: Sequence[Vertex], needs: Mapping[str, list[str]]) -> list[list[Vertex]]:
    """Jobs of one stage by how many others of it come one after the other before them."""
    here = {job.name for job in jobs}
    depth: dict[str, int] = {}
    for job in jobs:
        # By hand instead of by recursion: a chain may be as long as a stage.
        stack = [job.name]
        while stack:
            name = stack[-1]
            inside = [need for need in needs.get(name, ()) if need in here]
            open_ = [need for need in inside if need not in depth]
            if open_:
                stack += open_
                continue
            depth[name] = 1 + max((depth[need] for need in inside), default=-1)
            stack.pop()
    columns: list[list[Vertex]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for job in jobs:
        columns[depth[job.name]].append(job)
    return columns


def _sorted(
    column: Sequence[Vertex], needs: Mapping[str, list[str]], boxes: Mapping[str, Box]
) -> list[Vertex]:
    """Near what they need, so that lines cross less; otherwise as written."""

    def wish(numbered: tuple[int, Vertex]) -> float:
        number, vertex = numbered
        heights = [boxes[need].y for need in needs.get(vertex.name, ()) if need in boxes]
        return sum(heights) / len(heights) / PITCH if heights else float(number)

    return [vertex for _, vertex in sorted(enumerate(column), key=wish)]


def _width(column: Sequence[Vertex]) -> float:
    longest = max(len(vertex.name) for vertex in column)
    return min(max(longest * CHARACTER + ICON + 12, NARROWEST), WIDEST)


def room_for_characters(width: float) -> int:
    return int((width - ICON - 12) / CHARACTER)


@dataclass(frozen=True, slots=True)
class Route:
    """A line from (x1, y1) to (x2, y2); where boxes stand between, it goes along `lane` from `enter` to `leave`."""

    x1: float
    y1: float
    x2: float
    y2: float
    lane: float | None = None
    enter: float = 0.0
    leave: float = 0.0


def route(layout: Layout, start: Box, end: Box) -> Route:
    """Lines never run behind a box that they have nothing to do with: they pass between two rows."""
    x1, y1, x2, y2 = start.x + start.width, start.middle, end.x, end.middle
    lefts = [column.left for column in layout.columns]
    between = layout.columns[bisect_left(lefts, x1) : bisect_left(lefts, x2)]
    highest = (min(y1, y2) - layout.first_row) / PITCH - 0.5
    blocked = [number for number, column in enumerate(between) if column.rows > highest]
    if not blocked:
        return Route(x1, y1, x2, y2)
    # The gap below the higher of two rows lies on the way; in one row the gap above it is as near as any.
    rows = [round((y - BOX_HEIGHT / 2 - layout.first_row) / PITCH) for y in (y1, y2)]
    gap = min(rows) + (rows[0] != rows[1])
    lane = layout.first_row + gap * PITCH - ROW_GAP / 2
    return Route(x1, y1, x2, y2, lane, between[blocked[0]].left, between[blocked[-1]].right)
