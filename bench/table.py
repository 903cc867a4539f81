"""Figures: repeated measurements with their median, as a table and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """`seconds` holds every measurement, none where `note` says why. `aim` is what we want to stay under, for
    the median. A ratio has the unit `x`, a count none."""

    name: str
    seconds: tuple[float, ...]
    aim: float | None = None
    note: str = ""
    unit: str = "s"

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def document(self) -> dict[str, Any]:
        if not self.seconds:
            return {"name": self.name, "runs": 0, "note": self.note}
        if not self.unit:
            return {
                "name": self.name,
                "count": int(self.median),
                "aim_below": self.aim,
                "met": None if self.aim is None else self.median < self.aim,
                "note": self.note,
            }
        if self.unit != "s":
            return {
                "name": self.name,
                "ratio": round(self.median, 3),
                "aim_ratio": self.aim,
                "met": None if self.aim is None else self.median < self.aim,
            }
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
        if not figure.seconds:
            shown.add_row(figure.name, "-", "", "", "0", "", figure.note)
            continue
        met = (
            ""
            if figure.aim is None
            else ("[green]met[/green]" if figure.median < figure.aim else "[red]missed[/red]")
        )
        note = " ".join(word for word in (met, figure.note) if word)
        if not figure.unit:
            aim = "" if figure.aim is None else f"< {figure.aim:g}"
            shown.add_row(figure.name, f"{figure.median:.0f}", "", "", "", aim, note)
            continue
        shown.add_row(
            figure.name,
            f"{figure.median:.3f} {figure.unit}",
            f"{min(figure.seconds):.3f}",
            f"{max(figure.seconds):.3f}",
            str(len(figure.seconds)),
            "" if figure.aim is None else f"< {figure.aim:g} {figure.unit}",
            note,
        )
    return shown
