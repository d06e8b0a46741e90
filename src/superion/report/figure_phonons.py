"""Bands of a crystal's vibrations."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from superion.calculations.phonon_result import PhononResult
from superion.report.figure_file import save_figure
from superion.report.style import BLUE, DPI, GREY, VERMILLION, WIDTH


def draw_phonons(result: PhononResult, path: Path) -> list[Path]:
    """Write the figure of a result of `superion phonons` as `path` with .png and .svg; the paths."""
    return save_figure(lambda: bands(result), path)


def bands(result: PhononResult) -> Figure:
    """Frequency along the path, imaginary ones below zero and in another colour."""
    figure = Figure(figsize=(WIDTH, 3.8), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    path = result.path
    for band in zip(*path.frequencies_THz, strict=True):
        axes.plot(path.place, band, color=BLUE if min(band) >= -0.05 else VERMILLION, lw=1)
    for tick in path.ticks:
        axes.axvline(tick, color=GREY, lw=0.6)
    axes.axhline(0, color=GREY, lw=0.6)
    axes.set_xticks(path.ticks, ["Γ" if name == "G" else name for name in path.names])
    axes.set(xlim=(path.place[0], path.place[-1]), ylabel="frequency (THz)", title="Phonons")
    return figure
