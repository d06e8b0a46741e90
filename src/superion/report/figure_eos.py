"""Energy against volume, and what potentials differ from the labels by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import units
from matplotlib.figure import Figure

from superion.calculations.eos import EquationOfState
from superion.report.figure_file import save_figure
from superion.report.style import BLACK, BLUE, DPI, GREEN, GREY, ORANGE, PURPLE, VERMILLION, WIDTH, look
from superion.verdict import REFERENCE

_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE)


def draw_eos(result: Mapping[str, Any], path: Path) -> list[Path]:
    """Write the figure of a result of `superion eos` as `path` with .png and .svg; the paths."""
    return save_figure(lambda: eos_figure(result), path)


def study_curves(curves: Sequence[Mapping[str, Any]]) -> Figure | None:
    """The figure of the curves of a study, labels first; None without any."""
    if not curves:
        return None
    named = [
        {**curve, "name": "labels" if curve["name"] == REFERENCE else look(curve["name"]).label}
        for curve in curves
    ]
    return eos_figure({"atoms": curves[0]["atoms"], "curves": named})


def eos_figure(result: Mapping[str, Any]) -> Figure:
    """Energies over the minimum and their fits; with labels, a panel of differences."""
    compared = any(curve.get("difference") for curve in result["curves"])
    figure = Figure(figsize=(WIDTH, 3.4), dpi=DPI, layout="constrained")
    panels = figure.subplots(1, 1 + compared, squeeze=False)[0]
    colours = iter(_COLOURS * len(result["curves"]))
    for curve in result["curves"]:
        colour = BLACK if curve["name"] == "labels" else next(colours)
        name = Path(curve["name"]).stem
        volumes = np.array(curve["volumes_A3"])
        energy, volume, modulus, derivative = (
            curve[key][0] for key in ("energy_eV", "volume_A3", "modulus_GPa", "derivative")
        )
        fit = EquationOfState(0.0, volume, modulus * units.GPa, derivative, (0, 0, 0, 0), 0)
        scale = 1000 / result["atoms"]
        fine = np.linspace(volumes.min(), volumes.max(), 200)
        panels[0].plot(fine / result["atoms"], scale * fit(fine), color=colour, lw=1)
        above = scale * (np.array(curve["energies_eV"]) - energy)
        panels[0].plot(volumes / result["atoms"], above, "o", ms=4, color=colour, label=name)
        if curve.get("difference"):
            apart = scale * np.array(curve["difference"]["differences_eV"])
            panels[1].plot(volumes / result["atoms"], apart, "o-", ms=4, color=colour, label=name)
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
