"""`superion phonons`."""

from __future__ import annotations

from math import prod
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
    parse_supercell,
    reads_files,
)
from superion.errors import InputError

if TYPE_CHECKING:
    from superion.calculations.phonon_result import PhononResult
    from superion.results import Axis


AXES: tuple[Axis, ...] = ("x", "y", "z")


@reads_files
def show_phonons(
    model: AnyModel,
    structure: Annotated[
        Path, typer.Argument(metavar="STRUCTURE", help="Structure file; of several frames the last.")
    ],
    supercell: Annotated[
        str,
        typer.Option(
            help="Repetitions of the cell, e.g. 2,2,2; auto: the fewest that are thicker than twice the "
            "range of the model, or than 12 Å."
        ),
    ] = "auto",
    displacement: Annotated[float, typer.Option(help="Of each atom, in Å.")] = 0.01,
    relax: Annotated[
        bool, typer.Option("--relax/--no-relax", help="Relax the ions first, the cell kept.")
    ] = True,
    fmax: Annotated[
        float, typer.Option(help="Force on an atom below which a structure is relaxed, in eV/Å.")
    ] = 1e-4,
    mesh: Annotated[
        str, typer.Option(help="Mesh of wave vectors that is searched for imaginary modes.")
    ] = "8,8,8",
    epsilon_inf: Annotated[
        float | None,
        typer.Option(
            help="Electronic dielectric constant beside the charges of the model. Default: that of its "
            "polarizable atoms, or 1."
        ),
    ] = None,
    polar: Annotated[
        bool, typer.Option("--polar/--no-polar", help="With the field of long waves, if there are charges.")
    ] = True,
    points: Annotated[int, typer.Option(help="Wave vectors along the path.")] = 150,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the bands as FILE.png and FILE.svg.")
    ] = None,
    charged_cells: ChargedCells = None,
    json: Json = None,
    *,
    reading: Reading,
) -> None:
    """Vibrations by finite displacements (phonopy): frequencies at Γ and along a path, imaginary modes."""
    import numpy as np

    from superion.calculations.phonon_result import ImaginaryMode, PhononResult
    from superion.calculations.phonon_result import Path as Bands
    from superion.calculations.phonons import (
        REACH,
        check_mesh,
        check_supercell,
        phonons,
        small_supercell,
        smallest_supercell,
    )
    from superion.calculations.relaxation import relaxed
    from superion.electrostatics import born_charges
    from superion.electrostatics.polarization import permittivity_of, sum_rule_notes
    from superion.errors import MAKE_CRYSTAL
    from superion.results import write_result

    for output in (json, figure):
        if output:
            check_output(output)
    potential = load_model(model, charged_cells)
    calculator = potential.calculator()
    atoms = reading.structure(structure)
    if not atoms.pbc.all() or atoms.cell.rank < 3:
        raise InputError(
            "phonons need a crystal periodic along three axes.", file=structure, remedy=MAKE_CRYSTAL
        )
    counts = parse_supercell(mesh)
    check_mesh(f"the mesh {mesh}", prod(counts), len(atoms))
    check_mesh(f"a path of {points} points", points, len(atoms))
    reach = potential.reach
    needed = smallest_supercell(atoms.cell.array, reach or REACH)
    repeated = needed if supercell == "auto" else parse_supercell(supercell)
    if any(n < least for n, least in zip(repeated, needed, strict=True)):
        typer.echo(f"warning: {small_supercell(repeated, needed, reach)}", err=True)
    check_supercell(len(atoms), repeated)
    if relax:
        atoms = relaxed(atoms, calculator, fmax=fmax)
    charges = potential.response if polar else None
    found = born_charges(atoms, charges) if charges is not None else None
    born = found.conserving().values if found is not None else None
    missing = float(np.abs(found.violation).max()) if found is not None else 0.0
    inner: Any = 1.0 if epsilon_inf is None else epsilon_inf
    if epsilon_inf is None and (own := permittivity_of(charges, atoms)) is not None:
        inner = own
    made = phonons(
        atoms,
        calculator,
        supercell=repeated,
        displacement=displacement,
        born=born,
        epsilon_inf=inner,
        progress=True,
    )
    path = atoms.cell.bandpath(npoints=points, pbc=atoms.pbc)
    place, ticks, names = path.get_linear_kpoint_axis()
    result = PhononResult(
        supercell=list(repeated),
        sufficient_supercell=list(needed),
        reach_A=reach,
        atoms=made.atoms,
        displacements=made.displacements,
        residual_eV_per_A=made.residual,
        uneven=made.uneven,
        notes=made.notes() + sum_rule_notes(missing),
        epsilon_inf=np.asarray(inner).tolist() if born is not None else None,
        gamma_THz=made.frequencies([[0, 0, 0]])[0].tolist(),
        path=Bands(
            wave_vectors=path.kpts.tolist(),
            place=place.tolist(),
            ticks=ticks.tolist(),
            names=list(names),
            frequencies_THz=made.frequencies(path.kpts).tolist(),
        ),
        mesh=list(counts),
        imaginary=[ImaginaryMode(**mode) for mode in made.imaginary(counts)],
        gamma_longitudinal_THz={
            axis: made.frequencies([[0, 0, 0]], toward=_toward(atoms, k))[0].tolist()
            for k, axis in enumerate(AXES)
        }
        if born is not None
        else None,
    )
    _print(result)
    if json:
        write_result(json, result)
    if figure:
        with drawing():
            from superion.report.figure_phonons import draw_phonons
        draw_phonons(result, figure.with_suffix(""))


def _toward(atoms: Any, axis: int) -> Any:
    """The Cartesian direction x, y or z in units of the reciprocal lattice."""
    return atoms.cell.array[:, axis]


def _print(result: PhononResult) -> None:
    typer.echo(
        f"{result.displacements} displacements in {result.atoms} atoms; before them forces of up to "
        f"{result.residual_eV_per_A:.2g} eV/Å"
    )
    typer.echo("Γ: " + " ".join(f"{value:.3f}" for value in result.gamma_THz) + " THz")
    for axis, values in (result.gamma_longitudinal_THz or {}).items():
        typer.echo(f"Γ from {axis}: " + " ".join(f"{value:.3f}" for value in values) + " THz")
    for note in result.notes:
        typer.echo(f"note: {note}")
    modes = result.imaginary
    where = "x".join(str(count) for count in result.mesh)
    if not modes:
        typer.echo(f"no imaginary modes on the mesh {where}")
        return
    exact = [mode for mode in modes if mode.exact]
    small = any(n < least for n, least in zip(result.supercell, result.sufficient_supercell, strict=True))
    if small and not exact:
        typer.echo(
            f"no imaginary modes among the waves of the supercell; at {len(modes)} other points of the mesh "
            f"{where} they are interpolated from a supercell that is too small, and say nothing"
        )
        return
    low = (exact if small else modes)[0]
    at = ", ".join(f"{value:.3g}" for value in low.wave_vector)
    typer.echo(
        f"IMAGINARY modes at {len(modes)} points of the mesh {where}, the lowest "
        f"{-low.frequencies_THz[0]:.3g}i THz at ({at}): not a minimum of the energy"
    )
