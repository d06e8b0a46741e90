"""Figures as files: the same figure gives the same bytes, and an old file never outlives its figure."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from superion.files import write_atomic
from superion.report.style import STYLE


def save_figure(
    paint: Callable[[], Figure | None], path: Path, suffixes: Sequence[str] = (".png", ".svg")
) -> list[Path]:
    """Write a figure in each format; where there is nothing to draw, remove what was there before."""
    paths = [path.with_suffix(suffix) for suffix in suffixes]
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": "superion"}):
        figure = paint()
        for target in paths:
            if figure is None:
                target.unlink(missing_ok=True)
                continue
            data = io.BytesIO()
            if target.suffix == ".png":
                FigureCanvasAgg(figure).print_png(data)
            else:
                FigureCanvasSVG(figure).print_svg(data, metadata={"Date": None})
            write_atomic(target, data.getvalue())
    return [] if figure is None else paths
