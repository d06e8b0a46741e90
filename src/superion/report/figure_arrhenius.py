"""Arrhenius plots: runs with intervals or bounds, the line with its band, measurements."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from superion.analysis.arrhenius_result import ArrheniusResult
from superion.report.figure_file import save_figure
from superion.report.style import DPI, WIDTH, look


def draw_arrhenius(found: Mapping[str, ArrheniusResult], path: Path) -> list[Path]:
    """Write the figure as .png and .svg; found: results by name of what they are of."""
    return save_figure(lambda: arrhenius_figure(found), path)


def arrhenius_figure(found: Mapping[str, ArrheniusResult]) -> Figure | None:
    """Logarithm of y against 1000/T; nothing without a run that says something."""
    shown = {name: one for name, one in found.items() if any(point.used for point in one.points)}
    if not shown:
        return None
    first = next(iter(shown.values()))
    figure = Figure(figsize=(0.72 * WIDTH, 4.2), dpi=DPI, layout="constrained")
    panel = figure.subplots()
    for name, one in shown.items():
        style = look(name)
        if one.band:
            x = 1000 / np.array(one.band["temperature"])
            panel.fill_between(x, one.band["low"], one.band["high"], color=style.colour, alpha=0.18, lw=0)
            panel.plot(x, one.band["value"], color=style.colour, ls=style.line)
        for point in one.points:
            at = 1000 / point.temperature
            if point.value is not None and point.interval is not None:
                ends = np.abs(np.array(point.interval)[:, None] - point.value)
                panel.errorbar(at, point.value, ends, color=style.colour, marker=style.marker, capsize=3)
            elif point.bound is not None:
                panel.plot(at, point.bound, ls="", marker="v", ms=6, mfc="none", mec=style.colour)
        panel.plot([], [], color=style.colour, ls=style.line, marker=style.marker, label=style.label)
    if first.quantity != "diffusion":
        places = {(m.temperature, m.conductivity) for one in shown.values() for m in one.measured}
        for kelvin, value in sorted(places):
            panel.plot(1000 / kelvin, 1e-3 * value * kelvin, ls="", marker="*", ms=9, color="0.2")
        if places:
            panel.plot([], [], ls="", marker="*", ms=9, color="0.2", label="measured")
    panel.set_yscale("log")
    panel.set_xlabel("1000/T (1/K)")
    panel.set_ylabel("D (cm²/s)" if first.quantity == "diffusion" else "σT (S K/cm)")
    figure.legend(loc="outside lower center", ncols=len(shown) + 1)
    return figure
