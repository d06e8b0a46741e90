"""How far forces reach, by species, and the bound that this sets on errors of forces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from superion.analysis.accuracy_result import Splits
from superion.calculations.locality.results import LocalityFile, SpreadRow
from superion.report.figure_file import save_figure
from superion.report.style import BLUE, DPI, GREEN, GREY, ORANGE, PURPLE, VERMILLION, WIDTH, look

_WITHOUT = (VERMILLION, GREEN, PURPLE, ORANGE)


def draw_locality(result: LocalityFile, path: Path) -> list[Path]:
    """Write the figure of a result of `superion locality` as `path` with .png and .svg; the paths."""
    return save_figure(lambda: locality(result), path)


def locality(result: LocalityFile) -> Figure:
    """Spread against radius, one panel for each species: as it is, and without what was subtracted."""
    species = list(result.forces)
    figure = Figure(figsize=(WIDTH, 3.4), dpi=DPI, layout="constrained")
    panels = figure.subplots(1, len(species), sharey=True, squeeze=False)[0]
    for panel, symbol in zip(panels, species, strict=True):
        rows = result.forces[symbol]
        _curve(panel, rows, BLUE, "o", "forces", 0.0)
        for k, (name, left) in enumerate(result.without.items()):
            _curve(panel, left[symbol], _WITHOUT[k % len(_WITHOUT)], "s", f"without {name}", 0.06 * (k + 1))
        radius = np.array([row.radius for row in rows])
        if len(radius) > 1:
            guide = 1000 * rows[-1].spread * (radius / radius[-1]) ** -1.5
            panel.plot(radius, guide, ":", color=GREY, lw=1, label="∝ $R^{-3/2}$, fixed charges")
        panel.set(title=symbol, xlabel="radius R (Å)", yscale="log")
    panels[0].set_ylabel("spread of the force\nwhen atoms beyond R move (meV/Å)")
    handles, labels = panels[0].get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda k: labels[k].startswith("∝"))
    figure.legend(
        [handles[k] for k in order], [labels[k] for k in order], loc="outside lower center", ncols=len(labels)
    )
    return figure


def force_errors(errors: Mapping[str, Splits], result: LocalityFile | None) -> Figure | None:
    """Force errors on test frames by species and potential, over the lines that no local model gets below.

    errors: by potential. result: of a locality test; None without either.
    """
    found = {p: (both.test and both.test.force_rmse_by_species) or {} for p, both in errors.items()}
    found = {potential: values for potential, values in found.items() if values}
    if result is None or not found:
        return None
    species = sorted({symbol for values in found.values() for symbol in values})
    figure = Figure(figsize=(WIDTH, 3.2), dpi=DPI, layout="constrained")
    panel = figure.subplots()
    width = 0.8 / len(found)
    handles: list[Any] = []
    for k, (potential, values) in enumerate(found.items()):
        where = np.arange(len(species)) - 0.4 + (k + 0.5) * width
        style = look(potential)
        heights = 1000 * np.array([values.get(symbol) for symbol in species], dtype=float)
        handles.append(panel.bar(where, heights, 0.9 * width, color=style.colour, label=style.label))
    handles += [_line(panel, species, result.forces, "-", "far atoms")]
    for (name, left), dashes in zip(result.without.items(), ("--", ":", "-."), strict=False):
        handles.append(_line(panel, species, left, dashes, f"far atoms, without {name}"))
    panel.set_xticks(range(len(species)), species)
    panel.set_ylabel("RMSE of forces, test (meV/Å)")
    panel.grid(axis="x", visible=False)
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4))
    return figure


def _curve(
    panel: Axes, rows: Sequence[SpreadRow], colour: str, marker: str, label: str, aside: float
) -> None:
    """Spreads with intervals; aside: Å by which points are moved, so that bars do not hide each other."""
    value, low, high = (
        1000 * np.array([getattr(row, key) for row in rows]) for key in ("spread", "low", "high")
    )
    radius = [row.radius + aside for row in rows]
    panel.errorbar(
        radius,
        value,
        yerr=np.array([value - low, high - value]),
        color=colour,
        marker=marker,
        ms=4,
        lw=1.2,
        capsize=2,
        label=label,
    )


def _line(
    panel: Axes,
    species: Sequence[str],
    table: Mapping[str, Sequence[SpreadRow]],
    dashes: str,
    what: str,
) -> Line2D:
    """The spread at the largest radius, across the bars of each species."""
    radius = max((rows[-1].radius for rows in table.values()), default=0.0)
    for k, symbol in enumerate(species):
        if rows := table.get(symbol):
            panel.hlines(1000 * rows[-1].spread, k - 0.45, k + 0.45, color="0.1", lw=1.2, ls=dashes)
    return Line2D([], [], color="0.1", lw=1.2, ls=dashes, label=f"{what} beyond {radius:g} Å")
