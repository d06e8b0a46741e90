"""Energy against volume, and what potentials differ from the labels by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import units
from matplotlib.figure import Figure

from superion.calculations.eos import EquationOfState
from superion.calculations.eos_result import Curve, CurveFile, EosResult
from superion.report.figure_file import save_figure
from superion.report.style import BLACK, BLUE, DPI, GREEN, GREY, ORANGE, PURPLE, VERMILLION, WIDTH, look
from superion.verdict import REFERENCE

_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE)


def draw_eos(result: EosResult, path: Path) -> list[Path]:
    """Write the figure of a result of `superion eos` as `path` with .png and .svg; the paths."""
    return save_figure(lambda: eos_figure(result.atoms, result.curves), path)


def study_curves(curves: Sequence[CurveFile]) -> Figure | None:
    """The figure of the curves of a study, labels first; None without any."""
    if not curves:
        return None
    named = [
        curve.with_values(name="labels" if curve.name == REFERENCE else look(curve.name).label)
        for curve in curves
    ]
    return eos_figure(curves[0].atoms, named)


def eos_figure(atoms: int, curves: Sequence[Curve]) -> Figure:
    """Energies over the minimum and their fits; with labels, a panel of differences."""
    compared = any(curve.difference for curve in curves)
    figure = Figure(figsize=(WIDTH, 3.4), dpi=DPI, layout="constrained")
    panels = figure.subplots(1, 1 + compared, squeeze=False)[0]
    colours = iter(_COLOURS * len(curves))
    for curve in curves:
        colour = BLACK if curve.name == "labels" else next(colours)
        name = Path(curve.name).stem
        volumes = np.array(curve.volumes_A3)
        modulus = curve.modulus_GPa[0] * units.GPa
        fit = EquationOfState(0.0, curve.volume_A3[0], modulus, curve.derivative[0], (0, 0, 0, 0), 0)
        scale = 1000 / atoms
        fine = np.linspace(volumes.min(), volumes.max(), 200)
        panels[0].plot(fine / atoms, scale * fit(fine), color=colour, lw=1)
        above = scale * (np.array(curve.energies_eV) - curve.energy_eV[0])
        panels[0].plot(volumes / atoms, above, "o", ms=4, color=colour, label=name)
        if curve.difference:
            apart = scale * np.array(curve.difference.differences_eV)
            panels[1].plot(volumes / atoms, apart, "o-", ms=4, color=colour, label=name)
    panels[0].set(
        xlabel="volume (Å³/atom)", ylabel="energy over the minimum (meV/atom)", title="Equation of state"
    )
    panels[0].legend()
    if compared:
        panels[1].axhline(0, color=GREY, lw=0.8)
        panels[1].set(
            xlabel="volume (Å³/atom)", ylabel="difference (meV/atom)", title="Less the labels, minima aligned"
        )
    return figure
