"""Energies along paths: of the model that found them, of other models, and of labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.interpolate import CubicHermiteSpline

from superion.calculations.barriers.results import BarrierFile, BarrierRow, OnPath
from superion.report.figure_file import save_figure
from superion.report.style import BLUE, DPI, GREEN, ORANGE, PURPLE, VERMILLION, WIDTH, look

_COLOURS = (VERMILLION, GREEN, PURPLE, ORANGE)
ROW = 3
"""Panels beside each other."""


def draw_barriers(result: BarrierFile, path: Path) -> list[Path]:
    """Write the figure of a result of `superion neb` as `path` with .png and .svg; the paths."""
    return save_figure(lambda: barriers_figure(result), path)


def barriers_figure(result: BarrierFile) -> Figure:
    """A panel for each path that was found."""
    shown = [row for row in result.barriers if row.energies_eV]
    figure, panels = _panels(len(shown))
    if not shown:
        panels[0].text(0.5, 0.5, "no path was found", ha="center", transform=panels[0].transAxes)
    for panel, row in zip(panels, shown, strict=False):
        _curve(panel, row, BLUE, "model", "o")
        for k, other in enumerate(row.others):
            _points(panel, row, other, _COLOURS[k % len(_COLOURS)], "s")
        if row.labels:
            _points(panel, row, row.labels, "black", "D")
        _title(panel, row)
    if shown:
        panels[0].legend(loc="best")
    return figure


def study_barriers(results: Mapping[str, BarrierFile]) -> Figure | None:
    """The paths of every potential, a panel for each hop; None where nobody found one."""
    names = list(
        dict.fromkeys(row.name for one in results.values() for row in one.barriers if row.energies_eV)
    )
    if not names:
        return None
    figure, panels = _panels(len(names))
    for panel, name in zip(panels, names, strict=False):
        for potential, result in results.items():
            style = look(potential)
            for row in result.barriers:
                if row.name == name and row.energies_eV:
                    _curve(panel, row, style.colour, style.label, style.marker)
                    _title(panel, row)
    panels[0].legend(loc="best")
    return figure


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    columns = min(max(count, 1), ROW)
    rows = -(-max(count, 1) // columns)
    figure = Figure(figsize=(WIDTH, 3.0 * rows), dpi=DPI, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for panel in panels[max(count, 1) :]:
        panel.set_axis_off()
    return figure, panels


def _curve(panel: Axes, row: BarrierRow, colour: str, label: str, marker: str) -> None:
    """Images, and the cubic curve that has their energies and slopes."""
    length, energy = np.array(row.path_A), np.array(row.energies_eV)
    part = length / length[-1] if length[-1] > 0 else np.linspace(0, 1, len(length))
    panel.plot(part, energy, marker, color=colour, ms=4, label=label)
    if (np.diff(length) > 0).all():
        curve = CubicHermiteSpline(part, energy, np.array(row.slopes_eV_per_A) * length[-1])
        fine = np.linspace(0, 1, 200)
        panel.plot(fine, curve(fine), color=colour, lw=1)
    if row.forward_interval_eV and row.saddle is not None:
        low, high = row.forward_interval_eV
        panel.vlines(part[row.saddle], low, high, color=colour, lw=3, alpha=0.3)


def _points(panel: Axes, row: BarrierRow, other: OnPath, colour: str, marker: str) -> None:
    part = np.array(row.path_A) / row.path_A[-1]
    energy = np.array([np.nan if value is None else value for value in other.energies_eV])
    panel.plot(part, energy, f"{marker}--", color=colour, ms=4, lw=0.8, label=other.name)


def _title(panel: Axes, row: BarrierRow) -> None:
    panel.set(title=row.name, xlabel="part of the path", ylabel="energy (eV)")
