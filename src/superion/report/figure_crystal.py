"""The simulated structure, seen along the three axes of its cell."""

from __future__ import annotations

from itertools import product

import numpy as np
from ase.data import chemical_symbols, covalent_radii
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from superion.report.content import Crystal
from superion.report.style import DPI, WIDTH, species_colours

Array = np.ndarray

_SIDES = np.array([-1, 1])


def crystal(shown: Crystal | None) -> Figure | None:
    """Three views of one cell; None if there is no structure."""
    if shown is None:
        return None
    symbols = [chemical_symbols[z] for z in shown.numbers]
    colours = species_colours(symbols)
    figure = Figure(figsize=(WIDTH, 3.3), dpi=DPI, layout="constrained")
    panels = figure.subplots(1, 3)
    sides = [_view(panel, shown, axis, [colours[s] for s in symbols]) for axis, panel in enumerate(panels)]
    for axis, panel in enumerate(panels):
        middle, span = sides[axis][0], np.max([side[1] for side in sides], axis=0) / 2
        panel.set(xlim=middle[0] + span[0] * _SIDES, ylim=middle[1] + span[1] * _SIDES, aspect="equal")
        panel.set_axis_off()
        panel.set_title(f"along {'abc'[axis]}", loc="center")
    handles = [
        Line2D([], [], ls="", marker="o", ms=7, mfc=c, mec="0.2", mew=0.5, label=s)
        for s, c in colours.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _view(panel: Axes, shown: Crystal, axis: int, colours: list[str]) -> tuple[Array, Array]:
    """Draw one view; the middle of what it shows and its width and height, each (2,) Å."""
    frame = _screen(shown.cell, axis)
    wrapped = np.linalg.solve(shown.cell.T, shown.positions.T).T % 1.0 @ shown.cell
    xyz = wrapped @ frame.T
    order = np.argsort(xyz[:, 2])
    size = 1.1 * np.array([covalent_radii[z] for z in shown.numbers])
    panel.add_collection(
        EllipseCollection(
            size[order],
            size[order],
            np.zeros(len(order)),
            units="xy",
            offsets=xyz[order, :2],
            offset_transform=panel.transData,
            facecolors=[colours[k] for k in order],
            edgecolors="0.2",
            linewidths=0.4,
            zorder=2,
        )
    )
    corners = np.array(list(product((0, 1), repeat=3)))
    flat = corners @ shown.cell @ frame.T
    for i, start in enumerate(corners):
        for j in range(i):
            if np.abs(start - corners[j]).sum() == 1:
                panel.plot(*flat[[i, j], :2].T, color="0.55", lw=0.7, zorder=1)
    low = np.minimum(flat.min(axis=0), xyz.min(axis=0)) - 1
    high = np.maximum(flat.max(axis=0), xyz.max(axis=0)) + 1
    return (low + high)[:2] / 2, (high - low)[:2]


def _screen(cell: Array, axis: int) -> Array:
    """Rotation (3, 3) of the cell vector `axis` towards the viewer, with the next one upright."""
    towards = cell[axis] / np.linalg.norm(cell[axis])
    up = cell[(axis + 2) % 3]
    up = up - (up @ towards) * towards
    up = up / np.linalg.norm(up)
    return np.array([np.cross(up, towards), up, towards])
