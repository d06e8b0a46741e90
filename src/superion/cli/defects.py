"""`superion defect`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from superion.cli.options import (
    AnyModel,
    ChargedCells,
    Json,
    Reading,
    check_output,
    drawing,
    load_model,
    parse_charges,
    parse_supercell,
    reads_files,
)
from superion.errors import InputError

if TYPE_CHECKING:
    from superion.calculations.defects import DefectEnergy, DefectResult, LabelledEnergy


@reads_files
def defect(
    model: AnyModel,
    structure: Annotated[
        Path, typer.Argument(metavar="STRUCTURE", help="The crystal; of several frames the last.")
    ],
    species: Annotated[str, typer.Option(help="Element of the defects, e.g. Li.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Folder of the run; a killed run continues there."
        ),
    ],
    kind: Annotated[
        str, typer.Option(help="frenkel, vacancy, interstitial, or several: vacancy,interstitial.")
    ] = "frenkel",
    supercell: Annotated[
        list[str] | None,
        typer.Option(help="Repetitions of the cell, e.g. 2x2x1. Several times: extrapolated in size."),
    ] = None,
    count: Annotated[int, typer.Option(help="Defects of each kind, closest pairs first.")] = 4,
    separation: Annotated[
        float, typer.Option(help="Smallest distance of vacancy and interstitial in Å.")
    ] = 3.0,
    framework: Annotated[
        str | None,
        typer.Option(metavar="S[,…]", help="Interstitial sites lie between these. Default: the anions."),
    ] = None,
    clearance: Annotated[
        float, typer.Option(help="Smallest distance of an interstitial site from an atom in Å.")
    ] = 1.6,
    fmax: Annotated[
        float, typer.Option(help="Force on an atom below which a structure is relaxed, in eV/Å.")
    ] = 0.01,
    steps: Annotated[int, typer.Option(help="Largest number of steps of one relaxation.")] = 500,
    fields: Annotated[
        str | None,
        typer.Option(
            metavar="START:STOP:STEP", help="Electric fields in V/Å, e.g. --fields=-0.2:0.2:0.05, or a list."
        ),
    ] = None,
    field_axis: Annotated[str, typer.Option(metavar="x|y|z|all", help="Where the fields point.")] = "all",
    back: Annotated[bool, typer.Option("--back", help="Follow each field back to zero: hysteresis.")] = False,
    charge_scale: Annotated[
        float, typer.Option(help="Factor from charges of MODEL to those a field acts on.")
    ] = 1.0,
    field_charges: Annotated[
        str | None,
        typer.Option(
            metavar="Li=0.445,…|FILE",
            help="Charges a field acts on, or the file of `superion charge-fit`. Default: those of MODEL.",
        ),
    ] = None,
    grade_limit: Annotated[float, typer.Option(help="Flag results above this extrapolation grade.")] = 5.0,
    deviation_limit: Annotated[
        float | None, typer.Option(help="Flag results above this predicted force deviation, eV/Å.")
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Start from the structures of another run, so that another model looks at the same places.",
        ),
    ] = None,
    parallel: Annotated[
        str,
        typer.Option(
            metavar="WHERE",
            help="Where relaxations are done, and how many at once: serial, processes:4 (or 4), threads:4, "
            "dask://HOST:PORT, or a settings file (.yaml; `superion schema executor`).",
        ),
    ] = "serial",
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Compare with labels of DIR/defects.extxyz, from `superion label`."
        ),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw energies against the field as FILE.png and FILE.svg."),
    ] = None,
    charged_cells: ChargedCells = None,
    json: Json = None,
    *,
    reading: Reading,
) -> None:
    """Formation energies of Frenkel pairs, vacancies, interstitials; in electric fields, and why they change.

    DIR/defects.json is the result, DIR/defects.extxyz the relaxed structures, ready to be labelled.
    """
    from superion.calculations.defects import DefectSettings, labelled_energies, run_defects
    from superion.results import write_result
    from superion.settings_file import validate
    from superion.work.executors import check_executor

    check_executor(parallel)
    for file in (json, figure):
        if file and file.parent != output:  # the run makes that one
            check_output(file)
    if figure and not fields:
        raise InputError("the figure shows energies against the field.", remedy="add --fields=-0.2:0.2:0.05.")
    chosen = {
        "species": species,
        "kinds": [word.strip() for word in kind.split(",")],
        "supercells": [parse_supercell(text) for text in supercell or ("1x1x1",)],
        "count": count,
        "separation": separation,
        "framework": framework and [word.strip() for word in framework.split(",")],
        "clearance": clearance,
        "fmax": fmax,
        "steps": steps,
        "fields": parse_fields(fields) if fields else (),
        "axes": list("xyz") if field_axis == "all" else [word.strip() for word in field_axis.split(",")],
        "back": back,
        "charge_scale": charge_scale,
        "field_charges": _charges(field_charges) if field_charges else None,
        "grade_limit": grade_limit,
        "deviation_limit": deviation_limit,
    }
    settings = validate(chosen, DefectSettings, remedy="see `superion defect --help`.")
    crystal = reading.structure(structure)
    potential = load_model(model, charged_cells)
    result = run_defects(potential, crystal, settings, output, start=start, parallel=parallel)
    known = labelled_energies(result, labels) if labels else []
    show(result, known)
    content = result.record(settings, known)
    if json:
        write_result(json, content)
    if figure:
        with drawing():
            from superion.report.figure_defects import draw_defects
        draw_defects(content, figure.with_suffix(""))


def _charges(text: str) -> dict[str, float]:
    """Charges by element, written out or as fitted by `superion charge-fit`."""
    from superion.recipes.electrostatics import ElectrostaticsSettings, fixed_charges

    if Path(text).is_file():
        return fixed_charges(ElectrostaticsSettings(fitted=text))[0]
    if "=" not in text:
        raise InputError(
            f"--field-charges {text!r} is neither charges by element nor a file that exists.",
            remedy="write --field-charges Li=0.445,P=2.225,S=-0.890, or a file of superion charge-fit.",
        )
    return parse_charges(text, "--field-charges")


def parse_fields(text: str) -> list[float]:
    """`-0.2:0.2:0.1` (ends included) or `-0.1,0.1` as fields in V/Å; InputError if it is neither."""
    try:
        if ":" not in text:
            return [float(part) for part in text.split(",")]
        start, stop, step = (float(part) for part in text.split(":"))
        count = round((stop - start) / step)
        if not (step > 0 and count >= 0 and abs(start + count * step - stop) < 1e-6 * step):
            raise ValueError
        return [round(start + k * step, 10) for k in range(count + 1)]
    except (ValueError, ZeroDivisionError, OverflowError):
        raise InputError(
            f"cannot understand the fields {text!r}.",
            remedy="write --fields=-0.2:0.2:0.05, with a positive step that leads from one end to the other, "
            "or a list: --fields=-0.1,0.1.",
        ) from None


def show(result: DefectResult, labels: list[LabelledEnergy]) -> None:
    """Print energies, what slopes are made of, and notes."""
    from rich.table import Table

    from superion.terminal import PlainConsole

    console, known = PlainConsole(), {(one.supercell, one.name): one.label for one in labels}
    table = Table("cell", "atoms")
    table.add_column("defect", no_wrap=True)
    for heading in ("energy (eV)", *(["label (eV)"] if labels else []), "remarks"):
        table.add_column(heading)
    for one in result.defects:
        energy = "–" if one.energy is None else f"{one.energy:.4f}"
        label = known.get((one.supercell, one.name))
        other = [] if not labels else ["–" if label is None else f"{label:.4f}"]
        remarks = "; ".join(filter(None, (one.why, _place(one), *one.flags)))
        table.add_row(_text(one.supercell), str(one.atoms), one.name, energy, *other, remarks)
    console.print(table)
    for pair in result.separated:
        typer.echo(
            f"{_text(pair.supercell)}: {pair.vacancy} and {pair.interstitial} far from each other, "
            f"{pair.energy:.4f} eV"
        )
    if any(one.curves for one in result.defects):
        console.print(_slopes(result))
        for line in _marks(result):
            typer.echo(line)
    for size in result.extrapolated:
        value = "–" if size.energy is None else f"{size.energy:.4f} ± {size.error:.2g} eV"
        typer.echo(f"infinite cell, {size.name}: {value}; {size.note}")
    kinds = {one.defect.kind for one in result.defects}
    if kinds - {"frenkel"}:
        typer.echo(
            "note: energies of a vacancy or an interstitial alone are E(defect) − E(crystal), without what "
            "its atom has elsewhere; only their sum is a formation energy."
        )
    for note in result.notes:
        typer.echo(f"note: {note}")


def _place(one: DefectEnergy) -> str:
    now = one.arrangement
    if now is None or now.separation is None or one.energy is None:
        return ""
    return f"vacancy {', '.join(map(str, now.vacancies))}, interstitial {now.separation:.2f} Å away"


def _slopes(result: DefectResult) -> Any:
    from rich.table import Table

    table = Table("cell")
    for heading in ("defect", "axis", "slope\neÅ", "−Δp\neÅ", "curvature\neÅ²/V", "−dΔp/dE\neÅ²/V", "agree"):
        table.add_column(heading, no_wrap=True)
    for one in result.defects:
        for axis, curve in one.curves.items():
            found = curve.attribution
            if found is None:
                table.add_row(_text(one.supercell), one.name, axis, *5 * "–")
                continue
            agree = {(True, True): "both", (True, False): "slope", (False, True): "curvature"}
            table.add_row(
                _text(one.supercell),
                one.name,
                axis,
                f"{found.slope:+.3f}",
                f"{found.minus_dipole:+.3f}",
                f"{found.curvature:+.2f}",
                f"{found.minus_polarizability:+.2f}",
                agree.get((found.slopes_agree, found.curvatures_agree), "neither"),
            )
    return table


def _marks(result: DefectResult) -> list[str]:
    """Points without energy, and the first hop of each branch, in words."""
    lines = []
    for one in result.defects:
        for axis, curve in one.curves.items():
            said: set[str] = set()
            if curve.why is not None:
                lines.append(f"{_text(one.supercell)}, {one.name}, {axis}: no slope, {curve.why}")
            for point in curve.points:
                where = f"{_text(one.supercell)}, {one.name}, {point.field:+g} V/Å along {axis}"
                if point.why is not None:
                    lines.append(f"{where}: {point.why}")
                news = [flag for flag in point.flags if flag not in said]
                said.update(news)
                lines += [f"{_text(one.supercell)}, {one.name}: {flag}" for flag in news]
            if curve.hysteresis is not None and curve.hysteresis > 0.01:
                lines.append(
                    f"{_text(one.supercell)}, {one.name}, {axis}: hysteresis, the way back differs by up to "
                    f"{curve.hysteresis:.3g} eV"
                )
    return lines


def _text(supercell: tuple[int, int, int]) -> str:
    return "x".join(map(str, supercell))
