"""Changes by electrostatics with their intervals, all in units of their tolerances."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from superion.report.style import DPI, GREEN, GREY, VERMILLION
from superion.verdict.rows import between
from superion.verdict.rules import Finding
from superion.verdict.scale import change

_COLOURS = {"needed": VERMILLION, "not needed": GREEN, "not helped": "#0072B2", "undecided": "#5b6670"}
_MARKERS = {"needed": "s", "not needed": "o", "not helped": "v", "undecided": "D"}
_WIDTH = 4.8  # inch: narrower than other figures, to be read on a phone
_NAME = 28  # characters in a line
_LINE = 0.165  # inch
_PAPER: Any = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
_FARTHEST = 6.0  # tolerances; what lies beyond is an arrow


def forest(findings: Sequence[Finding]) -> Figure | None:
    """One row for each finding; None if no row has a change."""
    ends = [_ends(finding) for finding in findings]
    known = [end for end in ends if end is not None]
    if not known:
        return None
    lines = max(fill(finding.row.name, _NAME).count("\n") + 1 for finding in findings)
    height = 0.9 + max(0.36, _LINE * lines) * len(findings)
    figure = Figure(figsize=(_WIDTH, height), dpi=DPI, layout="constrained")
    panel = figure.subplots()
    reach = max(2.0, min(_FARTHEST, 1.15 * max(abs(x) for end in known for x in end)))
    panel.axvspan(-1, 1, color="#E8F3EE", lw=0, zorder=0)
    panel.axvline(0, color="0.4", lw=0.8, zorder=1)
    for k, (finding, end) in enumerate(zip(findings, ends, strict=True)):
        if end is None:
            panel.text(0, k, "nothing to compare", ha="center", va="center", fontsize=7, bbox=_PAPER)
        else:
            _bar(panel, k, finding, end, reach)
        where: Any = ("axes fraction", "data")
        colour = _COLOURS[finding.outcome]
        panel.annotate(finding.outcome, (1.01, k), xycoords=where, va="center", fontsize=7.5, color=colour)
    _axes(panel, findings, reach)
    return figure


def _ends(finding: Finding) -> tuple[float, float, float] | None:
    """Value, low and high end in tolerances; without an interval three times the value."""
    if finding.tolerance is None:
        return None
    measured = finding.measured
    found = between(finding.row, finding.tolerance) if measured is None else measured.difference
    if found is None:
        return None
    moved = change(finding.row, found)
    low, high = (moved.value, moved.value) if measured is None else moved.interval(finding.level)
    return tuple(x / finding.tolerance.value for x in (moved.value, low, high))  # type: ignore[return-value]


def _bar(panel: Axes, k: int, finding: Finding, end: tuple[float, float, float], reach: float) -> None:
    value, low, high = end
    colour, marker = _COLOURS[finding.outcome], _MARKERS[finding.outcome]
    panel.hlines(k, max(low, -reach), min(high, reach), color=colour, lw=2.2)
    for beyond, where, arrow in ((low < -reach, -reach, "<"), (high > reach, reach, ">")):
        if beyond:
            panel.plot(where, k, arrow, color=colour, ms=5, clip_on=False)
    if abs(value) <= reach:
        face = colour if finding.measured is not None else "white"
        panel.plot(value, k, marker, color=colour, mfc=face, ms=5.5, zorder=3, clip_on=False)


def _axes(panel: Axes, findings: Sequence[Finding], reach: float) -> None:
    panel.set_xlim(-reach, reach)
    panel.set_ylim(len(findings) - 0.4, -0.6)
    panel.set_yticks(range(len(findings)), [fill(f.row.name, _NAME) for f in findings])
    panel.tick_params(axis="y", length=0)
    panel.xaxis.set_major_locator(MultipleLocator(1 if reach < 4 else 2))
    panel.grid(axis="y", visible=False)
    panel.spines["left"].set_visible(False)
    panel.set_xlabel("change, in tolerances (errors: left is better)")
    names = [finding.row.property_name for finding in findings]
    for k in range(1, len(names)):
        if names[k] != names[k - 1]:
            panel.axhline(k - 0.5, color=GREY, lw=0.5)
