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
    the median; with `at_least`, what we want to reach. A ratio has the unit `x`, others their own."""

    name: str
    seconds: tuple[float, ...]
    aim: float | None = None
    note: str = ""
    unit: str = "s"
    at_least: bool = False

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def met(self) -> bool | None:
        if self.aim is None or not self.seconds:
            return None
        return self.median >= self.aim if self.at_least else self.median < self.aim

    def document(self) -> dict[str, Any]:
        if not self.seconds:
            return {"name": self.name, "runs": 0, "note": self.note}
        if self.unit == "x":
            return {
                "name": self.name,
                "ratio": round(self.median, 3),
                "aim_ratio": self.aim,
                "met": self.met,
            }
        if self.unit != "s":
            return {
                "name": self.name,
                "unit": self.unit,
                "median": round(self.median, 3),
                "min": round(min(self.seconds), 3),
                "max": round(max(self.seconds), 3),
                "runs": len(self.seconds),
                "aim": self.aim,
                "aim_is": "at least" if self.at_least else "below",
                "met": self.met,
                "note": self.note,
            }
        return {
            "name": self.name,
            "median_seconds": round(self.median, 3),
            "min_seconds": round(min(self.seconds), 3),
            "max_seconds": round(max(self.seconds), 3),
            "runs": len(self.seconds),
            "aim_seconds": self.aim,
            "met": self.met,
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
        met = {None: "", True: "[green]met[/green]", False: "[red]missed[/red]"}[figure.met]
        sign = "≥" if figure.at_least else "<"
        shown.add_row(
            figure.name,
            f"{figure.median:.3f} {figure.unit}",
            f"{min(figure.seconds):.3f}",
            f"{max(figure.seconds):.3f}",
            str(len(figure.seconds)),
            "" if figure.aim is None else f"{sign} {figure.aim:g} {figure.unit}",
            " ".join(word for word in (met, figure.note) if word),
        )
    return shown
