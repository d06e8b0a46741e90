"""The figures of the report, drawn with matplotlib's objects only: no pyplot, no global state."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from superion.files import write_atomic
from superion.report.content import Content
from superion.report.figure_arrhenius import arrhenius_figure
from superion.report.figure_barriers import study_barriers
from superion.report.figure_charges import charges
from superion.report.figure_crystal import crystal
from superion.report.figure_defects import study_defects
from superion.report.figure_eos import study_curves
from superion.report.figure_locality import force_errors
from superion.report.figure_parity import parity
from superion.report.figure_verdict import forest
from superion.report.figures_dynamics import conductivity, msd, stability
from superion.report.style import STYLE
from superion.verdict import StudyVerdict


def _forest(verdict: StudyVerdict) -> Figure | None:
    return forest(verdict.findings)


def draw_all(content: Content, folder: Path) -> dict[str, Path]:
    """Write every figure that the study has data for into `folder` as PNG; the paths by name.

    A figure of an earlier report that can no longer be drawn is deleted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    painters: dict[str, Callable[[], Figure | None]] = {
        **{
            f"verdict{'' if k == 0 else f'-{k + 1}'}": partial(_forest, verdict)
            for k, verdict in enumerate(content.verdicts)
        },
        "crystal": lambda: crystal(content.crystal),
        "parity": lambda: parity(content),
        "force_errors": lambda: force_errors(content.accuracy, content.locality),
        "charges": lambda: charges(content),
        "eos": lambda: study_curves(content.curves),
        "defects": lambda: study_defects(content.defects),
        "barriers": lambda: study_barriers(content.barriers),
        "arrhenius": lambda: arrhenius_figure(content.arrhenius),
        "msd": lambda: msd(content.runs),
        "conductivity": lambda: conductivity(content.runs),
        "stability": lambda: stability(content.runs),
    }
    paths = {}
    for name, paint in painters.items():
        path = folder / f"{name}.png"
        with matplotlib.rc_context(STYLE):
            figure = paint()
            if figure is None:
                path.unlink(missing_ok=True)
                continue
            buffer = io.BytesIO()
            FigureCanvasAgg(figure).print_png(buffer)
        write_atomic(path, buffer.getvalue())
        paths[name] = path
    return paths
