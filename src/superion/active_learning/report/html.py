"""The report of a training: one self-contained HTML file, as for a study; also while it goes on."""

from __future__ import annotations

from pathlib import Path

import superion.active_learning.report.tables as tables
from superion.active_learning.report.content import TrainingContent, read_training_content
from superion.active_learning.report.figures import draw_convergence, draw_training
from superion.files import write_atomic
from superion.report.html import embedded, page
from superion.report.tables import flat, provenance_rows

_CAPTIONS = {
    "convergence": "Errors against generation. Dotted: training set; solid: test set, never trained on; "
    "dashed: the new structures of the generation, before they were trained on. New structures differ from "
    "one generation to the next: their error says what the next labels are worth. Look for a test error "
    "that no longer falls.",
    "calibration": "Reliability of the predicted deviations of forces, dark: last generation. On the line "
    "the stated probability is the observed one; below it the model is too sure. Right: the factor by which "
    "deviations should be multiplied, with its standard error.",
    "selection": "Left: what became of the chosen frames. Right: their scores in the order of choice, dark: "
    "last generation; scores that fall from one generation to the next mean that exploration finds less "
    "that is new.",
}


def write_training_report(folder: str | Path) -> Path:
    """Write `report.html`, `figures/` and `convergence.png`, `.svg` of a training; the path of the report.

    Raises InputError if it has judged no generation yet, and CorruptFileError naming a damaged file.
    """
    content = read_training_content(Path(folder))
    figures = draw_training(content, content.folder / "figures")
    draw_convergence(content.judged, content.folder / "convergence")
    path = content.folder / "report.html"
    write_atomic(path, render(content, figures))
    return path


def render(content: TrainingContent, figures: dict[str, Path]) -> str:
    """The report as HTML text; figures are PNG files by name and are embedded."""
    return page("training.html", "superion.active_learning.report").render(
        name=str(content.settings.get("name") or content.folder.resolve().name),
        answer=tables.answer(content),
        sentences=tables.sentences(content),
        warnings=tables.warnings(content),
        facts=tables.facts(content),
        generations=tables.generations(content),
        errors=tables.errors(content),
        calibration=tables.calibration(content),
        failures=tables.failures(content),
        runs=tables.runs(content),
        chosen=tables.chosen(content),
        judged=tables.judged(content),
        diffusion=tables.diffusion(content),
        steps=tables.steps(content),
        settings=list(flat(content.settings)),
        labeller=list(flat({str(r["labeller"]): r.get("settings") for r in content.labeller})),
        provenance=list(provenance_rows(content.provenance)),
        missing={},
        captions=_CAPTIONS,
        images=embedded(figures),
    )
