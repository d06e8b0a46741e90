"""Rates of hops with their intervals, and free energies along the hops."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from superion.analysis.hops.result import HopsResult
from superion.report.figure_file import save_figure
from superion.report.style import BLUE, DPI, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, WIDTH

_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
MOST = 6
"""Types of hops that are drawn, the most frequent ones."""


def draw_hops(result: HopsResult, path: Path) -> list[Path]:
    """Write the figure of a result of `superion hops` as `path` with .png and .svg; the paths."""
    return save_figure(lambda: hops_figure(result), path)


def hops_figure(result: HopsResult) -> Figure:
    """Left, rates and bounds (triangles); right, −kT ln ρ from site to site."""
    figure = Figure(figsize=(WIDTH, 3.6), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    shown = result.jumps[:MOST]
    names = [f"{one.origin} → {one.target}\n{one.length_A:.2f} Å" for one in shown]
    for k, one in enumerate(shown):
        colour = _COLOURS[k % len(_COLOURS)]
        if one.rate_per_ps is None or one.rate_interval_per_ps is None:
            left.plot(one.rate_bound_per_ps, k, "<", color=colour, mfc="white")
        else:
            left.plot(one.rate_interval_per_ps, [k, k], color=colour)
            left.plot(one.rate_per_ps, k, "o", color=colour)
        style = "--" if one.bottleneck_is_bound else "-"
        right.plot(one.profile_A, one.profile_eV, style, color=colour, label=names[k].replace("\n", ", "))
    left.set(xlabel="hops of an ion (1/ps)", yticks=range(len(shown)), yticklabels=names)
    left.invert_yaxis()
    if shown:
        left.set_xscale("log")
        right.legend(loc="best", fontsize=7)
    else:
        left.text(0.5, 0.5, "no hops", ha="center", transform=left.transAxes)
    right.axhline(0, color=GREY, lw=0.6)
    right.set(xlabel="place along the hop (Å)", ylabel="free energy (eV)")
    left.set_title(f"{result.species}, {result.temperature_K:.0f} K")
    return figure
