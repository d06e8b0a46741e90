"""Formation energies of defects against the electric field, over the line of their dipole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from superion.calculations.defects.results import DefectFile, DefectRow
from superion.report.figure_file import save_figure
from superion.report.style import BLUE, DPI, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, WIDTH, look
from superion.results import Axis

_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)


def draw_defects(result: DefectFile, path: Path) -> list[Path]:
    """Write the figure of a result with fields as `path` with .png and .svg; the paths."""
    return save_figure(lambda: defects_figure(result), path)


def defects_figure(result: DefectFile) -> Figure:
    """One panel for each axis; full symbols: the same ions in place, open ones: after a hop."""
    shown = [one for one in result.defects if one.fields]
    axes = sorted({axis for one in shown for axis in one.fields})
    figure = Figure(figsize=(WIDTH, 3.6), dpi=DPI, layout="constrained")
    panels = figure.subplots(1, max(len(axes), 1), sharey=True, squeeze=False)[0]
    several = len({tuple(one.supercell) for one in shown}) > 1
    handles = []
    limits = _range(shown) if shown else (0.0, 1.0)
    for k, one in enumerate(shown):
        colour = _COLOURS[k % len(_COLOURS)]
        name = one.name + (f" in {'x'.join(map(str, one.supercell))}" if several else "")
        for panel, axis in zip(panels, axes, strict=True):
            if axis in one.fields:
                _curve(panel, one, axis, colour, limits)
        handles.append(Line2D([], [], color=colour, marker="o", ms=4, lw=1, label=name))
    for panel, axis in zip(panels, axes, strict=True):
        panel.set(title=axis, xlabel="electric field (V/Å)")
        panel.axvline(0, color=GREY, lw=0.6)
    if shown:
        panels[0].set(ylabel="formation energy (eV)", ylim=limits)
        handles.append(Line2D([], [], color=GREY, ls="--", lw=1, label=r"$E_f(0) - \Delta p \cdot E$"))
        if any(p.hopped for one in shown for curve in one.fields.values() for p in curve.points):
            handles.append(
                Line2D([], [], color=GREY, marker="o", mfc="white", ms=4, lw=0, label="an ion has hopped")
            )
        figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 4))
    else:
        panels[0].text(
            0.5, 0.5, "no defect has energies in fields", ha="center", transform=panels[0].transAxes
        )
    return figure


def study_defects(results: Mapping[str, DefectFile]) -> Figure | None:
    """Of every potential the defect of lowest energy that is followed through fields; None without one.

    One panel for each axis. The same defect for all: the first potential with charges of its own chooses.
    """
    name = _lowest(results)
    found = {p: one for p, result in results.items() if (one := _of(result, name)) is not None}
    axes = sorted({axis for one in found.values() for axis in one.fields})
    if not axes:
        return None
    figure = Figure(figsize=(WIDTH, 3.4), dpi=DPI, layout="constrained")
    panels = figure.subplots(1, len(axes), sharey=True, squeeze=False)[0]
    handles = []
    limits = _range(found.values())
    for potential, one in found.items():
        style = look(potential)
        for panel, axis in zip(panels, axes, strict=True):
            if axis in one.fields:
                _curve(panel, one, axis, style.colour, limits, style.marker)
            else:
                panel.axhline(one.energy_eV or 0.0, color=style.colour, lw=1, ls=":")
        label = style.label + ("" if one.fields else " (no charges: no response)")
        handles.append(Line2D([], [], color=style.colour, marker=style.marker, ms=4, lw=1, label=label))
    for panel, axis in zip(panels, axes, strict=True):
        panel.set(title=f"field along {axis}", xlabel="electric field (V/Å)")
        panel.axvline(0, color=GREY, lw=0.6)
    panels[0].set(ylabel=f"energy of {name} (eV)", ylim=limits)
    handles.append(Line2D([], [], color=GREY, ls="--", lw=1, label=r"$E_f(0) - \Delta p \cdot E$"))
    handles.append(Line2D([], [], color=GREY, marker="o", mfc="white", ms=4, lw=0, label="an ion has hopped"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _lowest(results: Mapping[str, DefectFile]) -> str | None:
    """Of the defects that all potentials keep, with fewest remarks, that of lowest energy.

    The energy is that of the last potential, which has charges.
    """
    kept: list[set[str]] = []
    remarks: Counter[str] = Counter()
    energy: dict[str, float] = {}
    for result in results.values():
        energy = {one.name: one.energy_eV for one in result.defects if one.energy_eV is not None}
        remarks.update({one.name: len(one.flags) for one in result.defects})
        kept.append(set(energy))
    shared = set.intersection(*kept) if kept else set()
    return min(shared, key=lambda name: (remarks[name], energy[name]), default=None)


def _of(result: DefectFile, name: str | None) -> DefectRow | None:
    """The defect of that name in the largest supercell."""
    mine = [one for one in result.defects if one.name == name and one.energy_eV is not None]
    return max(mine, key=lambda one: one.atoms, default=None)


def _range(shown: Collection[DefectRow]) -> tuple[float, float]:
    """The energies (eV) to show: of ions in place, and a quarter more on both sides.

    After a hop an energy may be anything, and would flatten all others.
    """
    energies = [one.energy_eV for one in shown if one.energy_eV is not None] + [
        p.energy_eV
        for one in shown
        for curve in one.fields.values()
        for p in curve.points
        if p.energy_eV is not None and not p.hopped
    ]
    low, high = min(energies), max(energies)
    more = 0.25 * (high - low) + 0.02
    return low - more, high + more


def _curve(
    panel: Axes,
    one: DefectRow,
    axis: Axis,
    colour: str,
    limits: tuple[float, float],
    marker: str = "o",
) -> None:
    points = [p for p in one.fields[axis].points if p.energy_eV is not None]
    field = np.array([p.field_V_per_A for p in points])
    energy = np.array([p.energy_eV for p in points])
    hopped = np.array([p.hopped for p in points], dtype=bool)
    if one.energy_eV is not None and one.dipole_change_eA is not None:
        line = one.energy_eV - one.dipole_change_eA["xyz".index(axis)] * field
        panel.plot(field, line, "--", color=colour, lw=0.8, alpha=0.7)
    panel.plot(field[~hopped], energy[~hopped], f"{marker}-", color=colour, ms=4, lw=1)
    for below, symbol, edge in ((True, "v", limits[0]), (False, "^", limits[1])):
        outside = hopped & (energy < edge if below else energy > edge)
        panel.plot(field[outside], np.full(outside.sum(), edge), symbol, color=colour, mfc="white", ms=5)
    inside = hopped & (energy >= limits[0]) & (energy <= limits[1])
    panel.plot(field[inside], energy[inside], marker, color=colour, mfc="white", ms=4)
