"""What the trajectories show: displacements, conductivity against length, stability."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogFormatterSciNotation

from superion.report.runs import Run
from superion.report.style import DPI, WIDTH, look, species_colours

Array = np.ndarray


def msd(runs: Sequence[Run]) -> Figure | None:
    """Mean-square displacement by species, log-log: potentials in columns, temperatures in rows."""
    runs = [run for run in runs if run.msd]
    if not runs:
        return None
    potentials = list(dict.fromkeys(run.potential for run in runs))
    kelvins = sorted({run.kelvin for run in runs})
    colours = species_colours(symbol for run in runs for symbol in run.msd)
    columns = max(2, len(potentials))
    figure = Figure(figsize=(WIDTH, 2.75 * len(kelvins) + 0.45), dpi=DPI, layout="constrained")
    panels = figure.subplots(len(kelvins), columns, squeeze=False, sharex=True, sharey=True)
    for panel in panels.flat:
        panel.set_visible(False)
    for row, kelvin in enumerate(kelvins):
        for column, potential in enumerate(potentials):
            found = next((r for r in runs if (r.potential, r.kelvin) == (potential, kelvin)), None)
            panel = panels[row, column]
            panel.set_visible(True)
            panel.set_title(f"{look(potential).label}, {kelvin:g} K")
            if found is None:
                panel.text(0.5, 0.5, "no result", transform=panel.transAxes, ha="center", color="0.4")
                continue
            _displacements(panel, found, colours)
            panel.set_xlabel("lag time (ps)")
            panel.set_ylabel("mean-square displacement (Å²)")
            panel.tick_params(labelbottom=True, labelleft=True)
    handles = [Line2D([], [], color=c, lw=2, label=s) for s, c in colours.items()]
    handles.append(Line2D([], [], color="0.45", lw=1, ls=":", label="slope 1 (diffusion)"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _displacements(panel: Axes, run: Run, colours: dict[str, str]) -> None:
    panel.set(xscale="log", yscale="log")
    for symbol, values in run.msd.items():
        good = (run.lag_ps > 0) & (values > 0)
        panel.plot(run.lag_ps[good], values[good], color=colours[symbol], lw=2 if symbol == run.ion else 1.4)
    mobile = run.msd.get(run.ion)
    good = (run.lag_ps > 0) & (mobile > 0) if mobile is not None else np.zeros(0, dtype=bool)
    if mobile is not None and good.sum() > 1:
        lag, last = run.lag_ps[good], mobile[good][-1]
        guide = np.array([max(lag[0], lag[-1] / 20), lag[-1]])
        panel.plot(guide, 2 * last * guide / lag[-1], color="0.45", lw=1, ls=":")


def conductivity(runs: Sequence[Run]) -> Figure | None:
    """Conductivity of growing parts of each trajectory with 95 % bands; one panel per temperature.

    Upper bounds are drawn as open triangles that point down, never as a line.
    After figure 3 of Staacke et al., ACS Appl. Energy Mater. 2021, 4, 12562.
    """
    runs = [run for run in runs if run.growth]
    if not runs:
        return None
    kelvins = sorted({run.kelvin for run in runs})
    columns = min(3, len(kelvins))
    rows = -(-len(kelvins) // columns)
    width = WIDTH if columns > 1 else 0.72 * WIDTH
    figure = Figure(figsize=(width, 3.1 * rows + 0.45), dpi=DPI, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for panel in panels.flat[len(kelvins) :]:
        panel.set_visible(False)
    bounds = False
    for panel, kelvin in zip(panels.flat, kelvins, strict=False):
        for run in (r for r in runs if r.kelvin == kelvin):
            bounds |= _growth(panel, run)
        panel.set_title(f"{kelvin:g} K")
        panel.set_yscale("log")
        panel.set_xlim(left=0)
        panel.set_xlabel("trajectory length (ps)")
        panel.set_ylabel(f"σ({runs[0].ion}) (mS/cm)")
        panel.tick_params(labelleft=True)
    _log_range(panels[0, 0], runs)
    handles = [_handle(p) for p in dict.fromkeys(run.potential for run in runs)]
    if bounds:
        handles.append(
            Line2D([], [], ls="", marker="v", ms=6, mfc="none", mec="0.3", label="upper bound only")
        )
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _growth(panel: Axes, run: Run) -> bool:
    """Draw one run; True if it has upper bounds."""
    style = look(run.potential)
    known = [(t, e.value, e.low, e.high) for t, e in run.growth if e.value is not None and e.low is not None]
    bounds = [(t, e.high) for t, e in run.growth if e.is_bound and math.isfinite(e.high)]
    if known:
        time, value, low, high = np.array(known, dtype=float).T
        panel.fill_between(time, np.maximum(low, 1e-12), high, color=style.colour, alpha=0.18, lw=0)
        panel.plot(time, value, color=style.colour, ls=style.line, marker=style.marker, ms=3.5)
    if bounds:
        panel.plot(*np.array(bounds).T, ls="", marker="v", ms=6, mfc="none", mec=style.colour)
    return bool(bounds)


def _log_range(panel: Axes, runs: Sequence[Run]) -> None:
    """Limits of a log axis around all finite positive ends, at most two decades beyond the values."""
    known = [e for run in runs for _, e in run.growth]
    inner = [
        v
        for e in known
        for v in ([e.value] if e.value is not None else [e.high])
        if v > 0 and math.isfinite(v)
    ]
    if not inner:
        return
    outer = [v for e in known for v in (e.low, e.high) if v is not None and v > 0 and math.isfinite(v)]
    low, high = max(min(outer), min(inner) / 100), min(max(outer), max(inner) * 100)
    panel.set_ylim(low / 1.4, high * 1.4)
    if high / low < 30:
        panel.yaxis.set_minor_formatter(LogFormatterSciNotation(minor_thresholds=(2, 0.6)))


def stability(runs: Sequence[Run]) -> Figure | None:
    """Temperature and conserved quantity against time, one row per temperature."""
    runs = [run for run in runs if len(run.time_ps)]
    if not runs:
        return None
    kelvins = sorted({run.kelvin for run in runs})
    figure = Figure(figsize=(WIDTH, 2.6 * len(kelvins) + 0.4), dpi=DPI, layout="constrained")
    panels = figure.subplots(len(kelvins), 2, squeeze=False, sharex="row")
    for row, kelvin in enumerate(kelvins):
        left, right = panels[row]
        left.axhline(kelvin, color="0.25", lw=0.8)
        for run in (r for r in runs if r.kelvin == kelvin):
            style = look(run.potential)
            change = 1e3 * (run.conserved - run.conserved[0])
            for panel, values in ((left, run.temperature), (right, change)):
                panel.plot(run.time_ps, values, color=style.colour, lw=0.5, alpha=0.35)
                panel.plot(*_smooth(run.time_ps, values), color=style.colour, ls=style.line, lw=1.8, zorder=3)
        left.set_title(f"Temperature, {kelvin:g} K")
        right.set_title(f"Conserved quantity, {kelvin:g} K")
        left.set(xlabel="time (ps)", ylabel="temperature (K)")
        right.set(xlabel="time (ps)", ylabel="change since start (meV/atom)")
        low, high = right.get_ylim()
        if high - low < 0.1:
            middle = (low + high) / 2
            right.set_ylim(middle - 0.05, middle + 0.05)
    handles = [_handle(p, marker=False) for p in dict.fromkeys(run.potential for run in runs)]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _smooth(time: Array, values: Array) -> tuple[Array, Array]:
    """Mean over consecutive parts of a series, at most 40 of them."""
    parts = min(40, len(values))
    blocks = [
        (t.mean(), v.mean())
        for t, v in zip(np.array_split(time, parts), np.array_split(values, parts), strict=True)
    ]
    return np.array(blocks)[:, 0], np.array(blocks)[:, 1]


def _handle(potential: str, marker: bool = True) -> Line2D:
    style = look(potential)
    return Line2D(
        [],
        [],
        color=style.colour,
        ls=style.line,
        lw=1.8,
        marker=style.marker if marker else None,
        ms=4,
        label=style.label,
    )
