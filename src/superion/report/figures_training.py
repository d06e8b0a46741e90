"""Figures of a training: errors against generation, learning curves of selectors, calibration."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from superion.files import write_atomic
from superion.report.style import DPI, STYLE, WIDTH, look, species_colours

_SETS = {"train": (":", "training set"), "test": ("-", "test set"), "new": ("--", "new structures")}
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#9A9A9A", "#B8A900")


def draw_convergence(summary: dict[str, Any], folder: Path) -> list[Path]:
    """Write `convergence.png` and `.svg` of a training (content of its `summary.json`); the paths."""
    return _save(lambda: convergence(summary["generations"]), folder / "convergence")


def draw_comparison(result: dict[str, Any], folder: Path) -> list[Path]:
    """Write `comparison.png` and `.svg` of `training.compare` (content of `comparison.json`); the paths."""
    return _save(lambda: comparison(result), folder / "comparison")


def convergence(generations: Sequence[dict[str, Any]]) -> Figure:
    """Energy and force errors against generation, then force errors on unseen frames by species."""
    names = list(generations[0]["models"]) if generations else []
    figure = Figure(figsize=(WIDTH, 3.1 * (1 + (len(names) > 0))), dpi=DPI, layout="constrained")
    rows = figure.subplots(2, 2) if names else np.array([figure.subplots(1, 2)])
    for panel, key, title, unit in (
        (rows[0, 0], "energy_rmse_per_atom", "Energy", "meV/atom"),
        (rows[0, 1], "force_rmse", "Forces", "meV/Å"),
    ):
        for name in names:
            for part, (line, label) in _SETS.items():
                values = [_value(g["models"][name][part], key) for g in generations]
                if np.isfinite(values).any():
                    style = look(name)
                    panel.plot(
                        range(len(values)),
                        1000 * np.array(values),
                        ls=line,
                        marker=style.marker,
                        ms=3.5,
                        color=style.colour,
                        label=f"{style.label}, {label}",
                    )
        panel.set(title=title, xlabel="generation", ylabel=f"RMSE ({unit})", yscale="log")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    if names:
        rows[0, 0].legend(fontsize=6.5)
    for panel, name in zip(rows[-1], names, strict=False):
        _by_species(panel, name, generations)
    for panel in rows[-1][len(names) :] if names else ():
        panel.set_visible(False)
    return figure


def _by_species(panel: Axes, name: str, generations: Sequence[dict[str, Any]]) -> None:
    part = "test" if any(g["models"][name]["test"] for g in generations) else "new"
    found = [(g["models"][name][part] or {}).get("force_rmse_by_species") or {} for g in generations]
    for symbol, colour in species_colours({s for values in found for s in values}).items():
        values = [values.get(symbol, np.nan) for values in found]
        panel.plot(range(len(values)), 1000 * np.array(values), "o-", ms=3.5, color=colour, label=symbol)
    panel.set(
        title=f"{look(name).label}: forces by species, {_SETS[part][1]}",
        xlabel="generation",
        ylabel="RMSE (meV/Å)",
        yscale="log",
    )
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.legend()


def _value(errors: dict[str, Any] | None, key: str) -> float:
    value = errors[key] if errors else None
    return np.nan if value is None else float(value)


def comparison(result: dict[str, Any]) -> Figure:
    """Learning curves (mean over repeats, band: standard error) and the final calibration of each method."""
    figure = Figure(figsize=(WIDTH, 3.6), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    labels = result["labels"]
    for (method, found), colour in zip(result["methods"].items(), _COLOURS, strict=False):
        curves = 1000 * np.array(found["force_rmse"])
        mean = curves.mean(axis=0)
        left.plot(labels, mean, "o-", ms=3, color=colour, label=method)
        if len(curves) > 1:
            spread = curves.std(axis=0, ddof=1) / np.sqrt(len(curves))
            left.fill_between(labels, mean - spread, mean + spread, color=colour, alpha=0.15, lw=0)
        calibration = found["calibration"]
        if calibration:
            right.plot(calibration["levels"], calibration["observed"], "-", color=colour, label=method)
    left.set(title="Learning curves", xlabel="labels", ylabel="test force RMSE (meV/Å)")
    left.legend()
    right.plot([0, 1], [0, 1], color="0.25", lw=0.8)
    right.set(
        title="Calibration of forces",
        xlabel="predicted probability",
        ylabel="observed fraction",
        xlim=(0, 1),
        ylim=(0, 1),
        aspect="equal",
    )
    return figure


def _save(paint: Callable[[], Figure], path: Path) -> list[Path]:
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": "superion"}):
        figure = paint()
        png, svg = io.BytesIO(), io.StringIO()
        FigureCanvasAgg(figure).print_png(png)
        FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None})
    write_atomic(path.with_suffix(".png"), png.getvalue())
    write_atomic(path.with_suffix(".svg"), svg.getvalue())
    return [path.with_suffix(".png"), path.with_suffix(".svg")]
