"""The bench's figures for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table

__all__ = ["tables"]


def tables(found: Mapping[str, Any]) -> Iterator[Table]:
    """One of the machine, two of each part: every side's figures, and Silta's ratios to the others."""
    facts = Table(box=None, show_header=False, pad_edge=False)
    for name, value in found["machine"].items():
        facts.add_row(name, str(value))
    yield facts
    for part in ("intake", "worker"):
        if part in found:
            yield _sides(part, found[part])
            yield _ratios(part, found[part])


def _sides(part: str, figures: Mapping[str, Any]) -> Table:
    table = Table(f"{part}", box=None, header_style="bold", pad_edge=False)
    for column in ("events", "events/s", "min", "max", "CPU s", "same end"):
        table.add_column(column, justify="right")
    for side, one in figures["sides"].items():
        rate = one["events_per_second"]
        numbers = [f"{value:,.0f}" for value in (one["events"], rate["median"], rate["min"], rate["max"])]
        table.add_row(side, *numbers, f"{one['cpu_seconds']['median']:.2f}", one["checksums"][0][:12])
    return table


def _ratios(part: str, figures: Mapping[str, Any]) -> Table:
    table = Table(f"{part}: silta against", box=None, header_style="bold", pad_edge=False)
    for column in ("ratio", "min", "max", "goal", "by CPU"):
        table.add_column(column, justify="right")
    for other, ratio in figures["silta_against"].items():
        rate = ratio["rate_ratio"]
        goal = f"[{'green' if ratio['met'] else 'red'}]≥ {ratio['goal']:g}[/]"
        table.add_row(other, *(f"{rate[name]:.2f}" for name in ("median", "min", "max")), goal, f"{ratio['cpu_ratio']['median']:.2f}")
    return table
