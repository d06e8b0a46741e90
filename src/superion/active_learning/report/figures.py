"""Figures of a training: errors against generation, learning curves of selectors, calibration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from superion.active_learning.report.content import Generation, TrainingContent
from superion.active_learning.results import Chosen, Comparison, Judge, errors_of
from superion.analysis.accuracy_result import Errors
from superion.report.content import sort_models
from superion.report.figure_file import save_figure
from superion.report.style import DPI, GREEN, GREY, ORANGE, VERMILLION, WIDTH, look, species_colours

_SETS = {"train": (":", "training set"), "test": ("-", "test set"), "new": ("--", "new structures")}
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#9A9A9A", "#B8A900")


def draw_convergence(
    generations: Sequence[Judge], path: Path, suffixes: Sequence[str] = (".png", ".svg")
) -> list[Path]:
    """Write the convergence of a training ; the paths.

    path: without suffix.
    """
    return save_figure(lambda: convergence(generations), path, suffixes)


def draw_training(content: TrainingContent, folder: Path) -> dict[str, Path]:
    """Write every figure that a training has data for into `folder`; the PNG files by name."""
    folder.mkdir(parents=True, exist_ok=True)
    painters: dict[str, Callable[[], Figure | None]] = {
        "convergence": lambda: convergence(content.judged),
        "calibration": lambda: reliability(content.judged),
        "selection": lambda: selection(content.generations),
    }
    return {
        name: paths[0] for name, paint in painters.items() if (paths := save_figure(paint, folder / name))
    }


def draw_comparison(result: Comparison, folder: Path) -> list[Path]:
    """Write `comparison.png` and `.svg` of `training.compare` ; the paths."""
    return save_figure(lambda: comparison(result), folder / "comparison")


def convergence(generations: Sequence[Judge]) -> Figure:
    """Energy and force errors against generation, then force errors by species, a panel per potential."""
    names = sort_models({name for g in generations for name in g.models})
    rows = 1 + -(-len(names) // 2)
    figure = Figure(figsize=(WIDTH, 3.1 * rows), dpi=DPI, layout="constrained")
    panels = figure.subplots(rows, 2, squeeze=False)
    for panel, key, title, unit in (
        (panels[0, 0], "energy_rmse_per_atom", "Energy", "meV/atom"),
        (panels[0, 1], "force_rmse", "Forces", "meV/Å"),
    ):
        for name in names:
            for part, (line, label) in _SETS.items():
                style = look(name)
                values = [_value(errors_of(g, name, part), key) for g in generations]
                _curve(
                    panel, generations, values, line, style.marker, style.colour, f"{style.label}, {label}"
                )
        _against_generation(panel, generations, title, f"RMSE ({unit})")
    colours: dict[str, str] = {}
    for panel, name in zip(panels[1:].flat, names, strict=False):
        colours |= _by_species(panel, name, generations)
    for panel in panels[1:].flat[len(names) :]:
        panel.set_visible(False)
    handles = [
        Line2D([], [], color=look(n).colour, marker=look(n).marker, label=look(n).label) for n in names
    ]
    handles += [Line2D([], [], color="0.4", ls=line, label=label) for line, label in _SETS.values()]
    handles += [Line2D([], [], color=colour, lw=2.5, label=symbol) for symbol, colour in colours.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _by_species(panel: Axes, name: str, generations: Sequence[Judge]) -> dict[str, str]:
    """Draw the force errors of a potential by species; the colours used."""
    found = {
        part: [(e and e.force_rmse_by_species) or {} for e in (errors_of(g, name, part) for g in generations)]
        for part in _SETS
    }
    symbols = {s for values in found.values() for by_species in values for s in by_species}
    colours = species_colours(symbols)
    for symbol, colour in colours.items():
        for part, (line, label) in _SETS.items():
            values = [np.nan if (e := errors.get(symbol)) is None else e for errors in found[part]]
            _curve(panel, generations, values, line, "o", colour, f"{symbol}, {label}")
    _against_generation(panel, generations, f"{look(name).label}: forces by species", "RMSE (meV/Å)")
    return colours


def _curve(
    panel: Axes,
    generations: Sequence[Judge],
    values: Sequence[float],
    line: str,
    marker: str,
    colour: str,
    label: str,
) -> None:
    """Errors in eV drawn in meV, if there are any."""
    if np.isfinite(values).any():
        numbers = [g.generation for g in generations]
        panel.plot(
            numbers, 1000 * np.array(values), ls=line, marker=marker, ms=3.5, color=colour, label=label
        )


def _against_generation(panel: Axes, generations: Sequence[Judge], title: str, quantity: str) -> None:
    panel.set(title=title, xlabel="generation (labels made before it)", ylabel=quantity, yscale="log")
    every = -(-len(generations) // 8)
    shown = generations[::every]
    panel.set_xticks(
        [g.generation for g in shown], [f"{g.generation} ({g.labels})" for g in shown], fontsize=7.5
    )
    panel.yaxis.set_major_formatter(ScalarFormatter())
    panel.yaxis.set_minor_formatter(ScalarFormatter())
    panel.tick_params(axis="y", which="both", labelsize=7.5)


def _value(errors: Errors | None, key: str) -> float:
    value = getattr(errors, key) if errors else None
    return np.nan if value is None else float(value)


def reliability(generations: Sequence[Judge]) -> Figure | None:
    """Reliability diagram of the forces, a panel per potential, and the factor by generation."""
    found = {
        name: [
            (g.generation, m.calibration) for g in generations if (m := g.models.get(name)) and m.calibration
        ]
        for name in sort_models({name for g in generations for name in g.models})
    }
    found = {name: values for name, values in found.items() if values}
    if not found:
        return None
    columns = len(found) + 1
    figure = Figure(figsize=(WIDTH, WIDTH / columns + 0.5), dpi=DPI, layout="constrained")
    *panels, last = figure.subplots(1, columns)
    for panel, (name, values) in zip(panels, found.items(), strict=True):
        panel.plot([0, 1], [0, 1], color="0.25", lw=0.8)
        for k, (generation, c) in enumerate(values):
            colour = colormaps["viridis"](0.9 * (1 - (k + 1) / len(values)))
            shown = f"generation {generation}" if k in (0, len(values) - 1) else "_"
            panel.plot(c.levels, c.observed, color=colour, label=shown)
        panel.set(
            title=look(name).label,
            xlabel="predicted probability",
            ylabel="observed fraction",
            xlim=(0, 1),
            ylim=(0, 1),
            aspect="equal",
        )
        panel.legend(fontsize=6.5)
        style = look(name)
        last.errorbar(
            [generation for generation, _ in values],
            [c.factor for _, c in values],
            [c.factor_error or 0.0 for _, c in values],
            marker=style.marker,
            ms=3.5,
            capsize=2,
            color=style.colour,
            label=style.label,
        )
    last.axhline(1, color="0.25", lw=0.8)
    last.set(
        title="Error over deviation",
        xlabel="generation",
        ylabel="root mean square",
        ylim=(0, None),
        box_aspect=1,
    )
    last.xaxis.set_major_locator(MaxNLocator(integer=True))
    last.legend(fontsize=6.5)
    return figure


def _chosen(generation: Generation) -> list[Chosen]:
    return generation.selected.chosen if generation.selected else []


def selection(generations: Sequence[Generation]) -> Figure | None:
    """What became of the chosen frames, and the scores they were chosen by; None if none were chosen."""
    chosen = [g for g in generations if g.selected and g.selected.chosen]
    if not chosen:
        return None
    figure = Figure(figsize=(WIDTH, 2.9), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    numbers = [g.number for g in chosen]
    bottom = np.zeros(len(chosen))
    done = [g.added is not None for g in chosen]
    for label, colour, counts in (
        ("added", GREEN, [g.added or 0 for g in chosen]),
        ("left out", ORANGE, [len(g.rejected or ()) for g in chosen]),
        ("no label", VERMILLION, [len(g.failed or ()) for g in chosen]),
        (
            "being labelled",
            GREY,
            [0 if d else len(_chosen(g)) for g, d in zip(chosen, done, strict=True)],
        ),
    ):
        if any(counts):
            left.bar(numbers, counts, bottom=bottom, color=colour, label=label, width=0.7)
            bottom += counts
    left.set(title="Frames chosen to be labelled", xlabel="generation", ylabel="frames")
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.legend(ncols=2, fontsize=6.5)
    left.set_ylim(0, 1.25 * bottom.max())
    for k, g in enumerate(chosen):
        scores = [entry.score for entry in _chosen(g)]
        values = np.array([np.nan if score is None else score for score in scores], dtype=np.float64)
        shade = colormaps["viridis"](0.9 * (1 - (k + 1) / len(chosen)))
        shown = f"generation {g.number}" if k in (0, len(chosen) - 1) else "_"
        if np.isfinite(values).any() and (values > 0).any():
            right.plot(range(1, len(values) + 1), values, "o-", ms=2.5, color=shade, label=shown)
    method = chosen[-1].selected.method if chosen[-1].selected else ""
    if right.lines:
        right.set(yscale="log")
        right.legend(fontsize=6.5)
    else:
        right.text(0.5, 0.5, "this method has no scores", transform=right.transAxes, ha="center", color="0.4")
    right.set(title=f"Scores: {method}", xlabel="rank in the selection", ylabel="score")
    return figure


def comparison(result: Comparison) -> Figure:
    """Learning curves (mean over repeats, band: standard error) and the final calibration of each method."""
    figure = Figure(figsize=(WIDTH, 3.6), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    labels = result.labels
    for (method, found), colour in zip(result.methods.items(), _COLOURS, strict=False):
        curves = 1000 * np.array(found.force_rmse, dtype=np.float64)
        mean = curves.mean(axis=0)
        left.plot(labels, mean, "o-", ms=3, color=colour, label=method)
        if len(curves) > 1:
            spread = curves.std(axis=0, ddof=1) / np.sqrt(len(curves))
            left.fill_between(labels, mean - spread, mean + spread, color=colour, alpha=0.15, lw=0)
        calibration = found.calibration
        if calibration:
            right.plot(calibration.levels, calibration.observed, "-", color=colour, label=method)
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
