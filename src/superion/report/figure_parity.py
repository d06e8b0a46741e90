"""Predictions against reference labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import units
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from superion.numbers import number
from superion.report.content import QUANTITIES, SPLITS, Content
from superion.report.style import DPI, GREY, WIDTH, look

Array = np.ndarray

_POINTS = 8000
# Title, axis label, factor to the unit of the axes, unit of the error, factor from axes to error.
_PANELS = {
    "energy": ("Energy", "energy − mean (eV/atom)", 1.0, "meV/atom", 1e3),
    "force": ("Forces", "force component (eV/Å)", 1.0, "eV/Å", 1.0),
    "stress": ("Stress", "stress component (GPa)", 1 / units.GPa, "GPa", 1.0),
}


def parity(content: Content) -> Figure | None:
    """Energy, forces and stress (columns) of each potential (rows), test drawn over train.

    None if no potential has predictions.
    """
    potentials = [p for p in content.potentials if any((p, split) in content.parity for split in SPLITS)]
    if not potentials:
        return None
    figure = Figure(figsize=(WIDTH, 3.1 * len(potentials) + 0.35), dpi=DPI, layout="constrained")
    panels = figure.subplots(len(potentials), 3, squeeze=False)
    for column, quantity in enumerate(QUANTITIES):
        data = {p: _pairs(content, p, quantity) for p in potentials}
        limits = _limits([array for found in data.values() for pair in found.values() for array in pair])
        for row, potential in enumerate(potentials):
            _panel(panels[row, column], potential, quantity, data[potential], limits)
    handles = [Line2D([], [], ls="", marker="o", ms=4, color=GREY, label="train")]
    handles += [
        Line2D(
            [], [], ls="", marker=look(p).marker, ms=4, color=look(p).colour, label=f"{look(p).label}, test"
        )
        for p in potentials
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _pairs(content: Content, potential: str, quantity: str) -> dict[str, tuple[Array, Array]]:
    """Reference and prediction, flat and in the unit of the axes, for each split that has any."""
    factor = _PANELS[quantity][2]
    found: dict[str, tuple[Array, Array]] = {}
    for split in SPLITS:
        arrays = content.parity.get((potential, split), {})
        reference = arrays.get(f"{quantity}_reference")
        if reference is not None and reference.size:
            found[split] = (factor * reference.ravel(), factor * arrays[f"{quantity}_predicted"].ravel())
    if quantity == "energy" and found:
        mean = np.concatenate([pair[0] for pair in found.values()]).mean()
        found = {
            split: (reference - mean, predicted - mean) for split, (reference, predicted) in found.items()
        }
    return found


def _limits(arrays: list[Array]) -> tuple[float, float] | None:
    if not arrays:
        return None
    low = min(float(array.min()) for array in arrays)
    high = max(float(array.max()) for array in arrays)
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def _panel(
    panel: Axes,
    potential: str,
    quantity: str,
    data: dict[str, tuple[Array, Array]],
    limits: tuple[float, float] | None,
) -> None:
    title, axis, _, unit, factor = _PANELS[quantity]
    style = look(potential)
    panel.set_title(f"{style.label}: {title.lower()}")
    if not data or limits is None:
        panel.text(
            0.5, 0.5, f"no {title.lower()} labels", transform=panel.transAxes, ha="center", color="0.4"
        )
        panel.set(xticks=[], yticks=[], aspect="equal", xlim=(0, 1), ylim=(0, 1))
        panel.spines[:].set_visible(False)
        return
    panel.plot(limits, limits, color="0.25", lw=0.8, zorder=1)
    drawn: dict[str, dict[str, Any]] = {
        "train": {"marker": "o", "color": GREY, "alpha": 0.5, "zorder": 2},
        "test": {"marker": style.marker, "color": style.colour, "alpha": 0.65, "zorder": 3},
    }
    size = 4.0 if max(len(reference) for reference, _ in data.values()) < 200 else 2.4
    lines = ["RMSE"]
    for split, (reference, predicted) in data.items():
        every = max(1, -(-len(reference) // _POINTS))
        panel.plot(reference[::every], predicted[::every], ls="", mew=0, ms=size, **drawn[split])
        error = factor * float(np.sqrt(np.mean((predicted - reference) ** 2)))
        lines.append(f"{split} {number(error)} {unit}")
    panel.text(
        0.04,
        0.96,
        "\n".join(lines),
        transform=panel.transAxes,
        va="top",
        fontsize=7.5,
        linespacing=1.35,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 2},
        zorder=4,
    )
    panel.set(xlim=limits, ylim=limits, aspect="equal")
    panel.set_xlabel(f"reference {axis}")
    panel.set_ylabel(f"predicted {axis}")
    panel.locator_params(nbins=5)
