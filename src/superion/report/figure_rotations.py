"""Correlation functions of orientations, and hops beside turns against shuffled times."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from superion.analysis.rotations.result import RotationsResult
from superion.report.figure_file import save_figure
from superion.report.style import BLUE, DPI, GREY, VERMILLION, WIDTH


def draw_rotations(result: RotationsResult, path: Path) -> list[Path]:
    """Write the figure of a result of `superion rotations` as `path` with .png and .svg; the paths."""
    return save_figure(lambda: rotations_figure(result), path)


def rotations_figure(result: RotationsResult) -> Figure:
    """Left, C1 and C2 against the lag; right, hops after a turn over those by chance."""
    figure = Figure(figsize=(WIDTH, 3.4), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    left.semilogx(result.lags_ps[1:], result.first[1:], color=BLUE, label="C1")
    left.semilogx(result.lags_ps[1:], result.second[1:], color=VERMILLION, label="C2")
    left.axhline(0, color=GREY, lw=0.6)
    left.set(xlabel="time (ps)", ylabel="correlation of orientation", ylim=(-0.1, 1.05))
    left.legend(loc="best")
    right.step(result.coupling_lags_ps, result.coupling, where="mid", color=BLUE)
    right.axhline(1, color=GREY, lw=0.8, ls="--")
    right.set(xlabel="from a turn to a hop beside it (ps)", ylabel="hops over those by chance")
    right.set_title("none" if result.p is None else f"p = {result.p:.2g}")
    return figure
