"""`superion relax`."""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from superion.cli.options import (
    AnyModel,
    ChargedCells,
    Json,
    Reading,
    check_output,
    load_model,
    reads_files,
)
from superion.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

    from superion.calculations.relaxation_result import RelaxationResult

SECONDS = 10.0
"""Between two lines on how far it is, and two copies of the structure on disk."""
SAME = 0.01
"""Å within which atoms are symmetric."""


@reads_files
def show_relax(
    model: AnyModel,
    structure: Annotated[
        Path, typer.Argument(metavar="STRUCTURE", help="Structure file; of several frames the last.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Structure to write; .extxyz, .vasp or .cif sets the format.",
        ),
    ],
    cell: Annotated[
        str,
        typer.Option(
            metavar="WHAT",
            help="What relaxes beside the positions: none, volume (its shape kept), shape (its "
            "volume kept) or full.",
        ),
    ] = "none",
    pressure: Annotated[
        float, typer.Option(help="Hydrostatic pressure in GPa, with --cell volume or full.")
    ] = 0.0,
    fmax: Annotated[
        float,
        typer.Option(
            help="Largest force on an atom of a relaxed structure, in eV/Å; of the cell, strain derivative "
            "of the energy per atom, in eV."
        ),
    ] = 1e-3,
    steps: Annotated[int, typer.Option(min=0, help="Largest number of steps.")] = 1000,
    longest: Annotated[
        float, typer.Option(help="Largest move of an atom in one step, in Å; less follows a shallow minimum.")
    ] = 0.2,
    optimizer: Annotated[
        str | None,
        typer.Option(help="bfgs, lbfgs or fire. Default: bfgs, and lbfgs above 300 atoms."),
    ] = None,
    symmetry: Annotated[
        bool, typer.Option("--symmetry/--no-symmetry", help="Keep the space group of STRUCTURE.")
    ] = False,
    charged_cells: ChargedCells = None,
    json: Json = None,
    *,
    reading: Reading,
) -> None:
    """Relax a structure: its positions, and on request volume, shape or all of its cell.

    Constraints of STRUCTURE (selective dynamics, move_mask) are kept. A structure that is not relaxed
    is written too, and the exit code is then 3.
    """
    from ase import units

    from superion.calculations.doubt import doubts
    from superion.calculations.relaxation import FREEDOMS, OPTIMISERS, relax
    from superion.calculations.relaxation_result import RelaxationResult
    from superion.model import require
    from superion.results import write_result
    from superion.structures.write import format_of, write_structure

    for path in (json, output):
        if path:
            check_output(path)
    format_of(output)
    _one_of(cell, FREEDOMS, "--cell")
    if optimizer is not None:
        _one_of(optimizer, OPTIMISERS, "--optimizer")
    if pressure and cell in ("none", "shape"):
        raise InputError(
            f"--pressure has no effect with --cell {cell}.", remedy="write --cell volume or --cell full."
        )
    atoms = _read(structure, reading)
    potential = load_model(model, charged_cells)
    if cell != "none":
        require(potential, "stress", f"--cell {cell}")
    calculator = potential.calculator()
    if symmetry:
        _hold_symmetry(atoms)
    reported = written = time.monotonic()

    def watch(step: int, now: Atoms, force: float) -> None:
        nonlocal reported, written
        if time.monotonic() - reported > SECONDS:
            reported = time.monotonic()
            typer.echo(f"step {step}: largest force {force:.3g} eV/Å", err=True)
        if time.monotonic() - written > SECONDS:
            written = time.monotonic()
            write_structure(output, _released(now, atoms))

    found = relax(
        atoms,
        calculator,
        cell=cell,  # type: ignore[arg-type]
        pressure=pressure * units.GPa,
        fmax=fmax,
        steps=steps,
        longest=longest,
        optimiser=optimizer,
        watch=watch,
    )
    write_structure(output, _released(found.atoms, atoms))
    result = RelaxationResult(
        **_facts(atoms, found),
        **doubts(calculator, [found.atoms]),
        pressure_GPa=pressure,
        structure=str(structure),
        output=str(output),
        cell=cell,
        model=potential.identity,
    )
    _print(result)
    if json:
        write_result(json, result)
    if not found.converged:
        further = output.with_stem(f"{output.stem}-further")
        typer.echo(
            f"NOT RELAXED: {found.reason}; what there is stands in {output}. To go on: superion relax "
            f"{model} {output} --output {further} with the same options and more --steps.",
            err=True,
        )
        raise typer.Exit(3)


def _one_of(value: str, known: Any, option: str) -> None:
    if value not in known:
        raise InputError(f"unknown {option} {value!r}.", remedy=f"write one of {', '.join(known)}.")


def _read(path: Path, reading: Reading) -> Atoms:
    """The structure, with the constraints that its file has."""
    from superion.structures.bare import bare

    return bare(reading.structure(path), constraints=True)


def _hold_symmetry(atoms: Atoms) -> None:
    from ase.constraints import FixSymmetry

    if not atoms.pbc.all():
        raise InputError("--symmetry needs a crystal periodic along three axes.", remedy="leave it out.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        held = FixSymmetry(atoms, symprec=SAME)
    atoms.set_constraint([*atoms.constraints, held])


def _released(now: Atoms, given: Atoms) -> Atoms:
    """A copy without the symmetry, which is no constraint of the file."""
    from ase.constraints import FixSymmetry

    copy = now.copy()
    copy.set_constraint([one for one in given.constraints if not isinstance(one, FixSymmetry)])
    return copy


def space_group(atoms: Atoms) -> str:
    """Space group of a crystal, as `Pnma (62)`, or that it is none."""
    import spglib

    if not atoms.pbc.all() or atoms.cell.rank < 3:
        return "none: not a crystal"
    cell = (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # on how spglib will report errors
        return str(spglib.get_spacegroup(cell, symprec=SAME))


def _facts(before: Atoms, found: Any) -> dict[str, Any]:
    """What changed."""
    import numpy as np
    from ase import units

    after = found.atoms
    moved = after.get_scaled_positions(wrap=False) - before.get_scaled_positions(wrap=False)
    moved = moved @ after.cell.array if after.cell.rank == 3 else after.positions - before.positions
    far = np.linalg.norm(moved, axis=1)
    worst = int(far.argmax())
    result: dict[str, Any] = {
        "at_rest": found.converged,
        "reason": found.reason,
        "steps": found.steps,
        "largest_force_eV_per_A": found.force,
        "atoms": len(after),
        "energy_before_eV": found.energies[0],
        "energy_after_eV": found.energies[-1],
        "farthest_A": float(far[worst]),
        "farthest_atom": f"{after.symbols[worst]}{worst}",
        "constraints": [type(one).__name__ for one in before.constraints],
    }
    if after.cell.rank == 3:
        result |= {
            "volume_before_A3": float(before.get_volume()),
            "volume_after_A3": float(after.get_volume()),
            "cell_before": before.cell.cellpar().tolist(),
            "cell_after": after.cell.cellpar().tolist(),
            "space_group_before": space_group(before),
            "space_group_after": space_group(after),
        }
        if "stress" in after.calc.results:
            result["stress_GPa"] = (after.get_stress() / units.GPa).tolist()
    return result


def _print(result: RelaxationResult) -> None:
    from superion.calculations.doubt import doubt_lines

    count = result.atoms
    change = 1000 * (result.energy_after_eV - result.energy_before_eV) / count
    name = "enthalpy" if result.pressure_GPa else "energy"
    typer.echo(
        f"{result.reason}: largest force {result.largest_force_eV_per_A:.2g} eV/Å; {name} "
        f"{result.energy_before_eV:.6g} to {result.energy_after_eV:.6g} eV ({change:+.4g} meV/atom)"
    )
    typer.echo(f"{result.farthest_atom} moved farthest, {result.farthest_A:.3g} Å beyond what the cell did")
    before, after, now = result.volume_before_A3, result.volume_after_A3, result.cell_after
    if before is not None and after is not None and now is not None:
        lengths = " ".join(f"{value:.4f}" for value in now[:3])
        angles = " ".join(f"{value:.2f}" for value in now[3:])
        typer.echo(
            f"volume {before:.5g} to {after:.5g} Å³ ({100 * (after / before - 1):+.2f} %); cell {lengths} Å, "
            f"{angles}°"
        )
        one, other = result.space_group_before, result.space_group_after
        if one is not None:
            typer.echo(f"space group {one}" if one == other else f"space group {one} to {other}")
    if result.stress_GPa is not None:
        typer.echo("stress " + " ".join(f"{value:.3f}" for value in result.stress_GPa) + " GPa")
    if result.constraints:
        typer.echo(f"kept: {', '.join(result.constraints)}")
    for line in doubt_lines(result, ["the relaxed structure"]):
        typer.echo(line)
    typer.echo(f"structure in {result.output}")
