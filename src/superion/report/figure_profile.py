"""Charge, electric field and potential across a slab, one above the other."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from superion.analysis.profile_result import ProfileResult
from superion.report.figure_file import save_figure
from superion.report.style import BLUE, DPI, GREEN, GREY, VERMILLION, WIDTH

_ROWS = (
    ("charge_e_per_A3", "charge density\n(e/Å³)", GREEN),
    ("field_V_per_A", "electric field\n(V/Å)", BLUE),
    ("potential_V", "potential (V)", VERMILLION),
)


def draw_profile(result: ProfileResult, path: Path) -> list[Path]:
    """Write the figure of a result of `superion profile` as `path` with .png and .svg; the paths."""
    return save_figure(lambda: profile(result), path)


def profile(result: ProfileResult) -> Figure:
    """Three curves over the height; the region of the mean field is shaded, with the mean as a line."""
    figure = Figure(figsize=(WIDTH, 6.0), dpi=DPI, layout="constrained")
    panels = figure.subplots(len(_ROWS), 1, sharex=True)
    region = result.region
    for panel, (key, label, colour) in zip(panels, _ROWS, strict=True):
        panel.plot(result.height_A, getattr(result, key), color=colour)
        panel.axhline(0, color=GREY, lw=0.6)
        panel.set_ylabel(label)
        if region:
            panel.axvspan(region.low_A, region.high_A, color=GREY, alpha=0.15, lw=0)
    if region:
        mean, error = region.field_V_per_A, region.error_V_per_A
        text = f"{mean:.4g} ± {error:.2g} V/Å" if error is not None else f"{mean:.4g} V/Å"
        panels[1].hlines(mean, region.low_A, region.high_A, color="0.1", lw=1.2, ls="--", label=text)
        panels[1].legend(loc="best")
    panels[0].set_title(f"Mean of planes and {result.frames} frames, {result.surroundings} surroundings")
    panels[-1].set(xlabel=f"height along {result.axis} (Å)", xlim=(0, result.thickness_A))
    figure.align_ylabels(panels)
    return figure
