"""`superion arrange`, `superion glass` and `superion perturb`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from superion.cli.options import Reading, parse_charges, parse_supercell, reads_files
from superion.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from ase import Atoms

    from superion.structures.arrange import Arrangement
    from superion.structures.montecarlo import ArrangementEnergy
    from superion.structures.sites import SiteModel

ELECTROSTATIC = "electrostatic"
METHODS = ("enumerate", "monte-carlo")
Output = Annotated[Path, typer.Option("--output", "-o", help="Extended-XYZ file to write.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed; the same one gives the same structures.")]


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
            metavar="electrostatic|MODEL", help="Ewald energy of the --charges as points, or a model file."
        ),
    ] = ELECTROSTATIC,
    charges: Annotated[
        str | None,
        typer.Option(help="Charges in e, e.g. Li=1,P=5,S=-2. Default: usual oxidation states."),
    ] = None,
    adjust: Annotated[
        str | None,
        typer.Option(
            metavar="ELEMENTS", help="Elements, e.g. Li, whose number may follow from neutrality alone."
        ),
    ] = None,
    min_distance: Annotated[
        float,
        typer.Option(help="Partially occupied sites closer than this (Å) are never both filled."),
    ] = 2.0,
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
        int, typer.Option(min=1, help="enumerate: inequivalent arrangements to give up at.")
    ] = 100_000,
    seed: Seed = 0,
) -> None:
    """Make ordered structures of a disordered crystal: neutral, distinct, lowest energy first."""
    import numpy as np

    from superion.structures.arrange import Annealing, anneal, enumerate_lowest
    from superion.structures.composition import oxidation_states, round_composition
    from superion.structures.disorder import read_disordered
    from superion.structures.sites import site_model
    from superion.training.frames import write_frames

    if method not in METHODS:
        raise InputError(f"unknown method {method!r}.", remedy=f"methods are {' and '.join(METHODS)}.")
    crystal = read_disordered(cif).repeat(parse_supercell(supercell))
    formula = crystal.formula()
    states = oxidation_states(list(formula), parse_charges(charges) if charges else None)
    wanted = [word.strip() for word in adjust.split(",")] if adjust else []
    counts = round_composition(crystal, states, adjust=wanted)
    model = site_model(crystal, counts, min_distance=min_distance, between_orbits=between_orbits)
    chosen: dict[str, int] = {}
    for orbit, numbers in zip(crystal.orbits, counts, strict=True):
        for symbol, n in numbers.items():
            chosen[symbol] = chosen.get(symbol, 0) + n
        if not orbit.ordered:
            parts = (
                f"{n} {s} (mean {x * len(orbit.sites):.4g})" for (s, x), n in _with(orbit.occupancy, numbers)
            )
            typer.echo(f"{orbit.label}: {', '.join(parts)} on {len(orbit.sites)} sites")
    before = " ".join(f"{s}{n:.5g}" for s, n in formula.items())
    typer.echo(f"composition: {before} -> {' '.join(f'{s}{chosen[s]}' for s in formula)}")
    energies = _energy(energy, model, states)
    if method == "enumerate":
        found = enumerate_lowest(model, energies, count, limit=limit, progress=True)
    else:
        settings = Annealing(replicas=replicas, sweeps=sweeps or (2000 if energy == ELECTROSTATIC else 20))
        found = anneal(model, energies, count, settings, np.random.default_rng(seed), progress=True)
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


def glass(
    output: Output,
    density: Annotated[float, typer.Option(help="Density in g/cm³; a glass of Li3PS4 has about 1.9.")],
    li2s: Annotated[float, typer.Option(min=0, max=100, help="Li2S in mol %; the rest is P2S5.")] = 75.0,
    atoms: Annotated[int, typer.Option(min=10, help="Number of atoms, about.")] = 100,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Structures to write.")] = 1,
    bare: Annotated[
        bool, typer.Option("--bare", help="Pack single atoms instead of PS4, P2S7, P2S6 and S.")
    ] = False,
    seed: Seed = 0,
) -> None:
    """Pack Li2S-P2S5 glasses at random, without overlaps, ready to be melted (superion quench)."""
    import numpy as np

    from superion.progress import track
    from superion.structures.glass import glass as pack
    from superion.structures.glass import glass_formula
    from superion.training.frames import write_frames

    formula = glass_formula(li2s, atoms)
    if abs(formula.percent - li2s) > 0.005:
        typer.echo(f"note: {li2s:g} % Li2S is {formula.percent:.4g} % in a cell of {formula.atoms} atoms.")
    made = []
    streams = np.random.default_rng(seed).spawn(count)
    for k, rng in enumerate(track(streams, "packing", count)):
        packed = pack(formula, density, rng, bare=bare)
        packed.info = {"frame_id": f"glass-{k}", "config_type": "glass"}
        made.append(packed)
    units = " ".join(f"{n} {name}" for name, n in ({} if bare else formula.anions()).items())
    cell = f"{made[0].cell.lengths()[0]:.3f} Å"
    typer.echo(
        f"{made[0].get_chemical_formula()}, {formula.percent:.4g} % Li2S, {units or 'atoms'}, cell {cell}"
    )
    write_frames(output, made)


@reads_files
def perturb(
    frames: Annotated[Path, typer.Argument(metavar="FRAMES", help="File with structures.")],
    output: Output,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Copies of each structure.")] = 1,
    rattle: Annotated[
        float | None, typer.Option(help="Standard deviation of each coordinate's displacement in Å.")
    ] = None,
    strain: Annotated[
        float | None, typer.Option(help="Largest strain component, without unit: 0.02 is 2 %.")
    ] = None,
    frenkel: Annotated[
        str | None,
        typer.Option(metavar="ELEMENT=COUNT", help="Ions moved to interstitial sites, e.g. Li=2."),
    ] = None,
    framework: Annotated[
        str | None,
        typer.Option(metavar="ELEMENTS", help="frenkel: elements that the sites lie between, e.g. S."),
    ] = None,
    min_distance: Annotated[
        float, typer.Option(help="Rattled atoms stay at least this far apart, in Å.")
    ] = 1.0,
    site_distance: Annotated[
        float, typer.Option(help="frenkel: from a site to all atoms but the moved ones, in Å.")
    ] = 1.7,
    seed: Seed = 0,
    *,
    reading: Reading,
) -> None:
    """Rattle and strain structures and make Frenkel pairs, for training; labels are left out."""
    import numpy as np

    from superion.progress import track
    from superion.structures import perturb as changes
    from superion.structures.duplicates import frame_name
    from superion.training.frames import write_frames

    if rattle is None and strain is None and frenkel is None:
        raise InputError("there is nothing to do.", remedy="give --rattle, --strain or --frenkel.")
    if (frenkel is None) != (framework is None):
        raise InputError("--frenkel and --framework need each other.", remedy="--frenkel Li=2 --framework S.")
    (structures,) = reading.files([frames])
    streams = np.random.default_rng(seed).spawn(count * len(structures))
    applied = {"frenkel": frenkel, "strained": strain, "rattled": rattle}
    kind = "-".join(name for name, value in applied.items() if value is not None)
    made = []
    for k, rng in enumerate(track(streams, "structures", len(streams))):
        source = structures[k // count]
        atoms = source
        if frenkel is not None and framework is not None:
            atoms = _frenkel(atoms, frenkel, framework, site_distance, rng)
        if strain is not None:
            atoms = changes.strain(atoms, strain, rng)
        if rattle is not None:
            atoms = changes.rattle(atoms, rattle, rng, min_distance=min_distance)
        name = frame_name(source, k // count).rpartition("/")[2]
        atoms.info |= {"frame_id": f"{name}-{kind}-s{seed}-{k % count}", "config_type": kind}
        made.append(atoms)
    typer.echo(f"{len(made)} structures of {len(structures)}")
    write_frames(output, made)


def _frenkel(
    atoms: Atoms, frenkel: str, framework: str, site_distance: float, rng: np.random.Generator
) -> Atoms:
    from superion.structures.interstitials import interstitial_sites
    from superion.structures.perturb import frenkel_pairs

    species, _, number = (word.strip() for word in frenkel.partition("="))
    if not number.isdecimal():
        raise InputError(f"cannot understand --frenkel {frenkel!r}.", remedy="write --frenkel Li=2.")
    elements = [word.strip() for word in framework.split(",")]
    others = dict.fromkeys(set(atoms.get_chemical_symbols()) - {species}, site_distance)
    sites = interstitial_sites(atoms, elements, min_distances=others).positions
    return frenkel_pairs(atoms, species, sites, int(number), rng, min_distance=site_distance)


def _with(occupancy: dict[str, float], numbers: dict[str, int]) -> list[tuple[tuple[str, float], int]]:
    return [((symbol, share), numbers[symbol]) for symbol, share in occupancy.items()]


def _energy(energy: str, model: SiteModel, charges: dict[str, float]) -> ArrangementEnergy:
    """Electrostatic energy of charges by element, or that of a model file."""
    from superion.structures.montecarlo import PairEnergy, StructureEnergy

    if energy == ELECTROSTATIC:
        from superion.electrostatics import interaction_matrix

        return PairEnergy.of(model, interaction_matrix(model.positions, model.cell), charges)
    from superion.potentials import Potential

    potential = Potential.load(energy)
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
