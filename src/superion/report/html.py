"""One self-contained HTML file: text, tables and embedded figures; no script, no external resource."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import jinja2

import superion.report.tables as tables
from superion.files import write_atomic
from superion.report.comparison import comparisons
from superion.report.content import Content, read_content
from superion.report.facts import composition, facts
from superion.report.figures import draw_all
from superion.report.missing import missing
from superion.report.style import look
from superion.report.tables_arrhenius import arrhenius_table, slope_remarks
from superion.report.verdict import SYMBOLS, section

_CAPTIONS = {
    "verdict": "What changes, with intervals, each row in units of its tolerance: inside "
    "the band a change is too small to matter. Filled squares: needed; circles: not needed; triangles: not "
    "helped by these charges; diamonds: undecided. Hollow: one fit, whose spread is not known. "
    "Arrows: farther than the axis.",
    "crystal": "The structure at the start of the dynamics, all atoms moved into one cell, at one scale.",
    "parity": "Predictions against the reference; on the line they agree. Look for test points (coloured) "
    "that scatter more than training points (grey), and for a slope other than 1. All panels of a column "
    "share their axes.",
    "force_errors": "Force errors by species. Lines: how much forces change when only atoms beyond the "
    "radius move, from reference calculations. On structures displaced as much, a model that sees no further "
    "has at least this error.",
    "charges": "Charges that depend on the structure: those of all atoms of training and test set, by "
    "species, each panel on its own scale. Dashed: their mean. A second hump, or a tail, is another kind of "
    "surroundings.",
    "eos": "Energy of the crystal against its volume, minima aligned, points and fits (left), and what the "
    "potentials differ from the labels by on the same structures (right).",
    "defects": "Formation energy against the electric field, ions relaxed in every field, of the defect of "
    "lowest energy that all potentials keep. Dashed: its dipole alone; what lies below is relaxation. Open "
    "symbols: an ion has hopped to another place; arrows: beyond the axis.",
    "barriers": "Energy along the path of lowest energy of each hop, every potential on the path that it "
    "finds itself: images, and the curve that has their slopes. The highest point is the barrier.",
    "msd": "Mean-square displacement by species. Diffusion runs parallel to the dotted line (slope 1). A "
    "flat line means vibration about a site; a framework species that rises has begun to move or melt.",
    "conductivity": "Conductivity from the first part of each trajectory, up to the length on the axis, with "
    "95 % bands. Trust it where the line has become flat and the band narrow. Where the bands stay apart the "
    "potentials differ; where they overlap, the ratio above decides. An open triangle is an upper bound "
    "only, not a value.",
    "arrhenius": "Runs with 95 % intervals, or upper bounds (open triangles); the line of a model "
    "with its 95 % band, which holds below the coldest run only if the slope stays. Stars: measured.",
    "stability": "As sampled (thin) and running mean (thick). Left: temperature against its target (black). "
    "Right: the quantity that exact dynamics keeps constant; a slope is energy that the integrator or a "
    "rough potential makes or loses.",
}


def write_report(folder: Path) -> Path:
    """Write `report.html` and `figures/*.png` of a study and return the path of the report.

    Raises InputError naming the step that has not been done, and CorruptFileError naming a damaged file.
    """
    content = read_content(Path(folder))
    figures = draw_all(content, content.folder / "figures")
    path = content.folder / "report.html"
    write_atomic(path, render(content, figures))
    return path


def render(content: Content, figures: dict[str, Path]) -> str:
    """The report as HTML text; figures are PNG files by name and are embedded."""
    template = page("report.html")
    pairs = [verdict.pair for verdict in content.verdicts]
    compared = [comparisons(content.runs, pair) for pair in pairs]
    return template.render(
        name=str(
            content.settings.get("name") or content.settings.get("title") or content.folder.resolve().name
        ),
        material=composition(content),
        lead=_lead(content.potentials),
        ion=tables.ion(content),
        verdicts=[section(verdict) for verdict in content.verdicts],
        symbols=SYMBOLS,
        facts=facts(content),
        settings=list(tables.flat(content.settings)),
        census=tables.census(content),
        warnings=content.census.warnings,
        notes=content.census.notes,
        split=tables.split(content),
        errors=tables.errors(content),
        species=tables.errors_by_species(content),
        charges=tables.charges(content),
        charge_doubts=tables.charge_doubts(content),
        transport=tables.transport(content),
        trust=tables.trust(content),
        side_by_side=[
            tables.side_by_side(content, each, pair) for each, pair in zip(compared, pairs, strict=True)
        ],
        compared=[c.sentence for each in compared for c in each],
        arrhenius=arrhenius_table(content.arrhenius),
        slopes=slope_remarks(content.arrhenius),
        remarks=tables.remarks(content),
        steps=tables.steps(content),
        outputs=tables.outputs(content),
        provenance=list(tables.provenance_rows(content.provenance)),
        missing=missing(content),
        captions=_CAPTIONS | {name: _CAPTIONS["verdict"] for name in figures if name.startswith("verdict")},
        images=embedded(figures),
    )


_ALONE = {
    "gap": "A machine-learned potential: GAP, which is local.",
    "es-gap": "A machine-learned potential: ES-GAP, which is local but for its long-range electrostatics.",
}


def _lead(models: Sequence[str]) -> str:
    """What the report is about, in one sentence."""
    if len(models) == 1:
        return _ALONE.get(models[0], f"One model: {look(models[0]).label}.")
    if list(models) == ["gap", "es-gap"]:
        return (
            "Two machine-learned potentials from the same data: GAP, which is local, and ES-GAP, which adds "
            "long-range electrostatics."
        )
    return f"{len(models)} models, judged by the same data: {', '.join(look(name).label for name in models)}."


def page(name: str, package: str = "superion.report") -> jinja2.Template:
    """A template of a package, which may extend those of this one; all it shows is escaped."""

    def text(file: str) -> str | None:
        places = (files(each).joinpath(file) for each in (package, "superion.report"))
        return next((place.read_text("utf-8") for place in places if place.is_file()), None)

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_unbroken,
    )
    return environment.get_template(name)


def embedded(figures: dict[str, Path]) -> dict[str, str]:
    """PNG files by name as base64."""
    return {name: base64.b64encode(path.read_bytes()).decode() for name, path in figures.items()}


def _unbroken(value: object) -> object:
    """Keep a number and its % on one line."""
    return value.replace(" %", "\u00a0%") if isinstance(value, str) else value
