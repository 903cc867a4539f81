"""Figures: repeated measurements with their median, as a table and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """`seconds` holds every measurement. `aim` is what we want to stay under, for the median."""

    name: str
    seconds: tuple[float, ...]
    aim: float | None = None
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def document(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "median_seconds": round(self.median, 3),
            "min_seconds": round(min(self.seconds), 3),
            "max_seconds": round(max(self.seconds), 3),
            "runs": len(self.seconds),
            "aim_seconds": self.aim,
            "met": None if self.aim is None else self.median < self.aim,
            "note": self.note,
        }


def beyond(name: str, measured: Figure, floor: Figure, aim: float, note: str = "") -> Figure:
    """What `measured` takes beyond the median of `floor`."""
    return Figure(name, tuple(value - floor.median for value in measured.seconds), aim, note)


def table(figures: Sequence[Figure]) -> Table:
    shown = Table("figure", "median", "min", "max", "runs", "aim", "", header_style="bold")
    for column in shown.columns[1:6]:
        column.justify = "right"
    for figure in figures:
        met = (
            ""
            if figure.aim is None
            else ("[green]met[/green]" if figure.median < figure.aim else "[red]missed[/red]")
        )
        shown.add_row(
            figure.name,
            f"{figure.median:.3f} s",
            f"{min(figure.seconds):.3f}",
            f"{max(figure.seconds):.3f}",
            str(len(figure.seconds)),
            "" if figure.aim is None else f"< {figure.aim:g} s",
            met,
        )
    return shown
