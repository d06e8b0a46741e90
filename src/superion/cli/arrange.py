"""`superion arrange`: ordered structures of a disordered crystal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from superion.cli.options import check_output, parse_charges, parse_supercell
from superion.cli.structures import Output, Seed
from superion.errors import InputError

if TYPE_CHECKING:
    from superion.structures.arrange import Arrangement
    from superion.structures.crystal import DisorderedCrystal
    from superion.structures.montecarlo import ArrangementEnergy
    from superion.structures.plan import Plan
    from superion.structures.sites import SiteModel

ELECTROSTATIC = "electrostatic"
METHODS = ("enumerate", "monte-carlo")
TRIAL = 1e-5
"""Seconds that a trial of electrostatic energies takes, about."""


def arrange(
    cif: Annotated[Path, typer.Argument(metavar="CIF", help="Crystal with partially occupied sites.")],
    output: Output,
    supercell: Annotated[str, typer.Option(help="Repetitions of the cell, e.g. 2x2x1.")] = "1x1x1",
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Structures to write.")] = 10,
    method: Annotated[
        str,
        typer.Option(help="monte-carlo (simulated annealing), or enumerate: all inequivalent arrangements."),
    ] = "monte-carlo",
    energy: Annotated[
        str,
        typer.Option(
            metavar="electrostatic|MODEL",
            help="Ewald energy of the --charges as points, or that of a model: a model file, a settings file "
            "(.yaml; `superion schema label`), or the name of a labeller.",
        ),
    ] = ELECTROSTATIC,
    charges: Annotated[
        str | None,
        typer.Option(
            help="Charges in e, e.g. Li=1,P=5,S=-2. Default: usual oxidation states that make it neutral."
        ),
    ] = None,
    adjust: Annotated[
        str | None,
        typer.Option(
            metavar="ELEMENTS", help="Elements, e.g. Li, whose number may follow from neutrality alone."
        ),
    ] = None,
    charged: Annotated[
        bool, typer.Option("--charged", help="Keep the numbers of the file, whatever the charge of the cell.")
    ] = False,
    min_distance: Annotated[
        float | None,
        typer.Option(
            help="Partially occupied sites closer than this (Å) are never both filled. "
            "Default: 2, or less where the occupancies ask for it.",
        ),
    ] = None,
    between_orbits: Annotated[
        bool,
        typer.Option(
            "--between-orbits", help="Let sites of different kind exchange atoms; only their sum is kept."
        ),
    ] = False,
    replicas: Annotated[int, typer.Option(min=1, help="monte-carlo: independent runs.")] = 4,
    sweeps: Annotated[
        int | None,
        typer.Option(min=1, help="monte-carlo: trials for each site. Default: 2000; with a model 20."),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, help="enumerate: give up above this number of inequivalent arrangements.")
    ] = 100_000,
    seed: Seed = 0,
) -> None:
    """Make ordered structures of a disordered crystal: neutral, distinct, lowest energy first."""
    from superion.structures.disorder import read_disordered
    from superion.structures.plan import plan

    check_output(output)
    if method not in METHODS:
        raise InputError(f"unknown method {method!r}.", remedy=f"methods are {' and '.join(METHODS)}.")
    crystal = read_disordered(cif)
    times = parse_supercell(supercell)
    _check_cell(crystal, times)
    crystal = crystal.repeat(times)
    settled = plan(
        crystal,
        charges=parse_charges(charges) if charges else None,
        adjust=[word.strip() for word in adjust.split(",")] if adjust else [],
        charged=charged,
        min_distance=min_distance,
        between_orbits=between_orbits,
    )
    for note in settled.notes:
        typer.echo(f"warning: {note}.", err=True)
    _show_numbers(crystal, settled)
    model = settled.model
    trials = sweeps or (2000 if energy == ELECTROSTATIC else 20)
    _check_search(model, count, method, replicas, trials, limit)

    import numpy as np  # what takes long to import is not needed for errors

    from superion.active_learning.frames import write_frames
    from superion.structures.arrange import Annealing, anneal, enumerate_lowest

    energies = _energy(energy, model, settled.charges)
    if method == "enumerate":
        found = enumerate_lowest(model, energies, count, limit=limit, progress=True)
    else:
        settings = Annealing(replicas=replicas, sweeps=trials)
        found = anneal(model, energies, count, settings, np.random.default_rng(seed), progress=True)
    found = _without_contacts(found)
    if not len(found[0].atoms):
        raise InputError(
            "no atom is left: so few sites are occupied so little that all stay empty.",
            file=cif,
            remedy="give a larger --supercell.",
        )
    _show(found, len(model.permutations))
    for k, arrangement in enumerate(found):
        arrangement.atoms.info = {
            "frame_id": f"{cif.name.split('.')[0]}-{k}",
            "config_type": "arrangement",
            "arrangement_eV": arrangement.energy,
            "degeneracy": arrangement.degeneracy,
        }
    if len(found) < count:
        typer.echo(f"note: {len(found)} of {count}: no further distinct arrangement was found.")
    write_frames(output, [arrangement.atoms for arrangement in found])


def _check_cell(crystal: DisorderedCrystal, times: tuple[int, int, int]) -> None:
    """InputError for a supercell whose interactions or symmetry do not fit into memory."""
    from superion.sizes import check_size

    copies = times[0] * times[1] * times[2]
    sites = len(crystal.fractional) * copies
    check_size(
        f"the supercell {'x'.join(map(str, times))}",
        atoms=sites,
        size=4 * 8 * sites**2 + 16 * len(crystal.rotations) * copies * sites,
        remedy="take a smaller --supercell.",
    )


def _check_search(model: SiteModel, count: int, method: str, replicas: int, sweeps: int, limit: int) -> None:
    """InputError for a search that does not fit into memory or a year."""
    from math import exp

    from superion.sizes import check_size
    from superion.structures.enumeration import ways

    free = len(model.free)
    if method == "enumerate":
        size = min(limit, exp(min(ways(model), 600.0))) * (2 * free + 200)
        check_size("the enumeration", size=size, remedy="lower --limit, or use --method monte-carlo.")
    else:
        steps = replicas * sweeps * free
        size = 16 * sweeps * free + min(count, steps) * (free + len(model.positions) + 500)
        check_size(
            f"a search of {steps:.3g} trials",
            size=size,
            seconds=steps * TRIAL,
            remedy="lower --sweeps, --replicas or --count.",
        )


def _show_numbers(crystal: DisorderedCrystal, settled: Plan) -> None:
    """Atoms on each set of sites that exchange them, beside the mean numbers, and the composition."""
    from superion.structures.composition import amounts

    formula = crystal.formula()
    group = {site: k for k, one in enumerate(settled.model.groups) for site in one.sites.tolist()}
    sets: dict[object, list[int]] = {}
    for number, orbit in enumerate(crystal.orbits):
        if not orbit.ordered:
            sets.setdefault(group.get(int(orbit.sites[0]), orbit.label), []).append(number)
    for members in sets.values():
        orbits = [crystal.orbits[k] for k in members]
        chosen = amounts(settled.counts[k] for k in members)
        mean = amounts({s: x * len(o.sites) for s, x in o.occupancy.items()} for o in orbits)
        parts = ", ".join(f"{chosen[s]:g} {s} (mean {x:.4g})" for s, x in mean.items())
        sites = sum(len(o.sites) for o in orbits)
        typer.echo(f"{', '.join(o.label for o in orbits)}: {parts} on {sites} sites")
    before = " ".join(f"{s}{n:.5g}" for s, n in formula.items())
    after = amounts(settled.counts)
    typer.echo(f"composition: {before} -> {' '.join(f'{s}{after[s]:g}' for s in formula)}")


def _without_contacts(found: list[Arrangement]) -> list[Arrangement]:
    """The arrangements in which no atoms touch; InputError, which names the atoms, if there is none."""
    from superion.structures.contacts import contacts

    touching = [contacts(arrangement.atoms) for arrangement in found]
    kept = [arrangement for arrangement, close in zip(found, touching, strict=True) if not close]
    if not kept:
        raise InputError(
            f"in every arrangement atoms overlap: {touching[0][0]}.",
            remedy="raise --min-distance, if both are on partially occupied sites; else correct the file.",
        )
    if len(kept) < len(found):
        worst = next(close[0] for close in touching if close)
        typer.echo(
            f"note: {len(found) - len(kept)} arrangements are left out, in which atoms overlap: {worst}."
        )
    return kept


def _energy(energy: str, model: SiteModel, charges: dict[str, float]) -> ArrangementEnergy:
    """Electrostatic energy of charges by element, or that of a model file."""
    from superion.structures.montecarlo import PairEnergy, StructureEnergy

    if energy == ELECTROSTATIC:
        from superion.electrostatics import interaction_matrix

        return PairEnergy.of(model, interaction_matrix(model.positions, model.cell), charges)
    from superion.cli.options import load_model

    potential = load_model(energy)
    return StructureEnergy(model, lambda atoms: potential.evaluate(atoms).energy)


def _show(found: list[Arrangement], operations: int) -> None:
    from rich.table import Table

    from superion.terminal import PlainConsole

    table = Table("rank", "energy (eV)", "above lowest\n(meV/atom)")
    table.add_column("composition", overflow="fold")
    table.add_column("equivalent\nones")
    table.add_column("symmetry\noperations")
    for rank, made in enumerate(found, start=1):
        above = 1000 * (made.energy - found[0].energy) / len(made.atoms)
        kept = operations // made.degeneracy
        formula = made.atoms.get_chemical_formula()
        table.add_row(
            str(rank), f"{made.energy:.4f}", f"{above:.3f}", formula, str(made.degeneracy), str(kept)
        )
    PlainConsole().print(table)
