"""`superion locality` and `superion charge-fit`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from superion.cli.options import Executor, Json, Reading, drawing, parse_charges, parse_supercell, reads_files
from superion.errors import InputError

if TYPE_CHECKING:
    from superion.calculations.locality import Samples
    from superion.calculations.locality.results import LocalityFile
    from superion.terms import Term


class About(StrEnum):
    """What changes of a force are counted from."""

    UNPERTURBED = "unperturbed"
    MEAN = "mean"


@reads_files
def locality(
    structure: Annotated[
        Path,
        typer.Argument(
            metavar="STRUCTURE|SAMPLES",
            help="Structure to test, with --labeller and --output; or a folder or samples.extxyz of a test "
            "that is done, to look at it again.",
        ),
    ],
    labeller: Annotated[
        str | None,
        typer.Option(metavar="NAME|SETTINGS|MODEL", help="Source of forces, as of `superion label`."),
    ] = None,
    radii: Annotated[str, typer.Option(help="Radii of the spheres that stay, Å.")] = "4,5,6",
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="Li:4,P:2", help="Reference atoms by element. Default: one of each, drawn at random."
        ),
    ] = None,
    perturbations: Annotated[int, typer.Option(help="Random displacements for each atom and radius.")] = 10,
    displacement: Annotated[
        float, typer.Option(help="Standard deviation of a displacement along each axis, Å.")
    ] = 0.1,
    shared: Annotated[
        bool,
        typer.Option(
            "--shared",
            help="Put spheres that do not overlap into one structure: fewer labels, more atoms stay.",
        ),
    ] = False,
    supercell: Annotated[str, typer.Option(help="Repeat the structure, such as 2x1x1.")] = "1x1x1",
    seed: Annotated[int, typer.Option(min=0, help="Seed of atoms and displacements.")] = 0,
    executor: Executor = "processes:1",
    timeout: Annotated[
        float | None, typer.Option(min=0.001, help="Kill a label that takes more than this many seconds.")
    ] = None,
    retries: Annotated[int, typer.Option(min=0, help="Further attempts at a label that failed.")] = 1,
    again: Annotated[bool, typer.Option("--again", help="Try labels that failed earlier again.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Folder for labels and samples.")
    ] = None,
    subtract: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT",
            help="Also without these forces: the long-range terms of a model file (.safetensors), the result "
            "of `superion charge-fit` (.json), charges such as Li=0.445,P=2.225,S=-0.890, or li7p3s11 for "
            "the baseline. May be repeated.",
        ),
    ] = None,
    screening: Annotated[
        float, typer.Option(help="Screening of charges given with --subtract, 1/Å (1s Slater densities).")
    ] = 2.0,
    about: Annotated[
        About,
        typer.Option(
            help="What changes are counted from: unperturbed (the force without displacements) or mean."
        ),
    ] = About.UNPERTURBED,
    figure: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw spreads against radius as FILE.png and FILE.svg."),
    ] = None,
    json: Json = None,
    *,
    reading: Reading,
) -> None:
    """How far forces reach: their spread on reference atoms when only atoms beyond a radius move.

    The spread is a lower bound on the force error of a model that sees no further than the radius.
    Labels that OUTPUT has are not made again.
    """
    from superion.calculations.locality import LocalitySettings, Samples
    from superion.calculations.locality import locality as spreads
    from superion.calculations.locality.results import Asked
    from superion.results import write_result
    from superion.settings_file import validate
    from superion.structures.bare import repeated

    terms = {Path(what).name: _terms(what, screening) for what in subtract or ()}
    given: dict[str, Any] = {}
    if labeller is None:
        if output is not None:
            raise InputError(
                "--output without --labeller.",
                remedy="name a labeller with --labeller, as of `superion label`.",
            )
        samples = Samples.read(structure)
    else:
        if output is None:
            raise InputError("there is no folder for the labels.", remedy="name one with --output.")
        atoms = repeated(reading.structure(structure, None), parse_supercell(supercell))
        given = {
            "radii": _numbers(radii),
            "reference": _counts(reference) if reference else dict.fromkeys(sorted(set(atoms.symbols)), 1),
            "perturbations": perturbations,
            "displacement": displacement,
            "shared": shared,
            "seed": seed,
        }
        settings = validate(given, LocalitySettings, remedy="see `superion locality --help`.")
        samples = _make(atoms, settings, labeller, output, executor, timeout, retries, again)
    result = spreads(samples, terms, about.value).with_values(settings=Asked(**given) if given else None)
    _print(result)
    if output is not None:
        write_result(output / "locality.json", result)
    if json:
        write_result(json, result)
    if figure:
        with drawing():
            from superion.report.figure_locality import draw_locality
        draw_locality(result, figure.with_suffix(""))


def charge_fit(
    samples: Annotated[
        Path,
        typer.Argument(metavar="FOLDER|SAMPLES", help="Folder or samples.extxyz of `superion locality`."),
    ],
    radius: Annotated[
        float, typer.Option(help="Fit forces on atoms that have nothing displaced within this radius, Å.")
    ] = 6.0,
    screening: Annotated[
        float | None, typer.Option(help="Screening of 1s Slater densities, 1/Å. Default: fitted as well.")
    ] = None,
    formal: Annotated[
        str | None, typer.Option(metavar="Li=1,P=5,S=-2", help="Fit one factor for these charges only.")
    ] = None,
    positive: Annotated[
        str | None,
        typer.Option(help="Element with positive charge. Default: the one that is earliest in its period."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of starts and of the bootstrap.")] = 0,
    json: Json = None,
) -> None:
    """Fit charges to the forces that distant atoms cause, with uncertainties."""
    from rich.table import Table

    from superion.calculations.locality import Samples, fit_charges
    from superion.results import write_result
    from superion.terminal import PlainConsole

    found = fit_charges(
        Samples.read(samples),
        radius,
        screening=screening,
        formal=parse_charges(formal) if formal else None,
        positive=positive,
        seed=seed,
    )
    table = Table("element", "charge (e)", "± fit", "± atoms")
    for symbol, charge in found.charges.items():
        drawn = f"{found.bootstrap[symbol]:.4f}" if found.bootstrap else "–"
        table.add_row(symbol, f"{charge:+.4f}", f"{found.errors[symbol]:.4f}", drawn)
    PlainConsole().print(table)
    if found.screening_error is None:
        typer.echo(f"screening {found.screening:g} 1/Å, as given")
    elif found.determined:
        typer.echo(f"screening {found.screening:.3f} ± {found.screening_error:.3f} 1/Å")
    else:
        typer.echo(
            f"the data do not determine the screening (best: {found.screening:.3g} 1/Å); "
            "--screening 2 fits charges with a given one"
        )
    typer.echo(
        f"{found.rows} changes of the force on {found.atoms} atoms: {1000 * found.before:.3g} meV/Å before, "
        f"{1000 * found.after:.3g} meV/Å after"
    )
    for doubt in found.doubts:
        typer.echo(f"warning: {doubt}", err=True)
    if json:
        write_result(json, found.record())


def _make(
    atoms: Any,
    settings: Any,
    labeller: str,
    output: Path,
    executor: str,
    timeout: float | None,
    retries: int,
    again: bool,
) -> Samples:
    from superion.calculations.locality import make_samples
    from superion.potentials.opening import labeller_settings
    from superion.work.executors import open_executor

    chosen = labeller_settings(labeller)
    with open_executor(executor) as workers:
        return make_samples(
            atoms, settings, chosen, output, workers, timeout=timeout, retries=retries, again=again
        )


def _terms(what: str, screening: float) -> list[Term]:
    from superion.calculations.locality.subtract import BASELINE, terms_of
    from superion.electrostatics import CoulombTerm, FixedCharges, Slater

    if what == BASELINE:
        return [CoulombTerm.li7p3s11()]
    if "=" in what:
        return [CoulombTerm(FixedCharges(parse_charges(what)), Slater.from_screening(screening))]
    return terms_of(Path(what))


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"cannot understand --radii {text!r}.", remedy="write such as 4,5,6.") from None


def _counts(text: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for part in text.split(","):
        symbol, _, number = (word.strip() for word in part.partition(":"))
        if not symbol or not number.isdecimal() or symbol in counts:
            raise InputError(
                f"cannot understand {part.strip()!r} in --reference {text!r}.",
                remedy="write each element once, with a number of atoms: Li:4,P:2,S:4.",
            )
        counts[symbol] = int(number)
    return counts


def _print(result: LocalityFile) -> None:
    from rich.table import Table

    from superion.terminal import PlainConsole

    table = Table(
        "species",
        "radius (Å)",
        "atoms",
        "spread (meV/Å)",
        "95 %",
        *(f"without {n}" for n in result.without),
    )
    for species, rows in result.forces.items():
        for k, row in enumerate(rows):
            rest = [f"{1000 * left[species][k].spread:.3g}" for left in result.without.values()]
            low, high = 1000 * row.low, 1000 * row.high
            table.add_row(
                species,
                f"{row.radius:g}",
                str(len(row.atoms)),
                f"{1000 * row.spread:.3g}",
                f"{low:.3g} to {high:.3g}",
                *rest,
            )
    PlainConsole().print(table)
