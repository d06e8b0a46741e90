"""`superion glass` and `superion perturb`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from superion.cli.options import Reading, check_output, reads_files
from superion.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from ase import Atoms


Output = Annotated[Path, typer.Option("--output", "-o", help="Extended-XYZ file to write.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed; the same one gives the same structures.")]


def glass(
    output: Output,
    density: Annotated[float, typer.Option(help="Density in g/cm³; a glass of Li3PS4 has about 1.9.")],
    li2s: Annotated[float, typer.Option(min=0, max=100, help="Li2S in mol %; the rest is P2S5.")] = 75.0,
    atoms: Annotated[int, typer.Option(min=10, help="Approximate number of atoms.")] = 100,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Structures to write.")] = 1,
    bare: Annotated[
        bool, typer.Option("--bare", help="Pack single atoms instead of PS4, P2S7, P2S6 and S.")
    ] = False,
    seed: Seed = 0,
) -> None:
    """Pack Li2S-P2S5 glasses at random, without overlaps, ready to be melted (superion quench)."""
    import numpy as np

    from superion.active_learning.frames import write_frames
    from superion.progress import track
    from superion.sizes import check_size
    from superion.structures.glass import glass as pack
    from superion.structures.glass import glass_formula

    check_output(output)
    formula = glass_formula(li2s, atoms)
    if abs(formula.percent - li2s) > 0.005:
        typer.echo(f"note: {li2s:g} % Li2S is {formula.percent:.4g} % in a cell of {formula.atoms} atoms.")
    check_size(
        f"{count} packings", atoms=count * formula.atoms, remedy="lower --count, or make several files."
    )
    made = []
    streams = np.random.default_rng(seed)
    for k in track(range(count), "packing", count):
        packed = pack(formula, density, streams.spawn(1)[0], bare=bare)
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

    from superion.active_learning.frames import write_frames
    from superion.progress import track
    from superion.sizes import check_size
    from superion.structures import perturb as changes
    from superion.structures.duplicates import frame_name

    check_output(output)
    if rattle is None and strain is None and frenkel is None:
        raise InputError("there is nothing to do.", remedy="give --rattle, --strain or --frenkel.")
    if (frenkel is None) != (framework is None):
        raise InputError(
            "--frenkel and --framework need each other.",
            remedy="say which atoms leave, and which elements hold the sites: --frenkel Li=2 --framework S.",
        )
    (structures,) = reading.files([frames])
    check_size(
        f"{count} copies of {len(structures)} structures",
        atoms=count * sum(map(len, structures)),
        remedy="lower --count, or make several files.",
    )
    streams = np.random.default_rng(seed)
    applied = {"frenkel": frenkel, "strained": strain, "rattled": rattle}
    kind = "-".join(name for name, value in applied.items() if value is not None)
    made = []
    total = count * len(structures)
    for k in track(range(total), "structures", total):
        (rng,) = streams.spawn(1)
        source = structures[k // count]
        atoms = source
        if frenkel is not None and framework is not None:
            if k % count == 0:
                species, pairs, sites = _frenkel(atoms, frenkel, framework, site_distance)
            atoms = changes.frenkel_pairs(atoms, species, sites, pairs, rng, min_distance=site_distance)
        if strain is not None:
            atoms = changes.strain(atoms, strain, rng)
        if rattle is not None:
            atoms = changes.rattle(atoms, rattle, rng, min_distance=min_distance)
        name = frame_name(source, k // count).rpartition("/")[2]
        atoms.info |= {"frame_id": f"{name}-{kind}-s{seed}-{k % count}", "config_type": kind}
        made.append(atoms)
    typer.echo(f"{len(made)} structures of {len(structures)}")
    write_frames(output, made)


def _frenkel(atoms: Atoms, frenkel: str, framework: str, site_distance: float) -> tuple[str, int, np.ndarray]:
    """The element that leaves its place, how many of its atoms, and (M, 3) Å where they may go."""
    from superion.structures.interstitials import interstitial_sites

    species, _, number = (word.strip() for word in frenkel.partition("="))
    if not number.isdecimal() or len(number) > 9:
        raise InputError(f"cannot understand --frenkel {frenkel!r}.", remedy="write --frenkel Li=2.")
    elements = [word.strip() for word in framework.split(",")]
    others = dict.fromkeys(set(atoms.get_chemical_symbols()) - {species}, site_distance)
    return species, int(number), interstitial_sites(atoms, elements, min_distances=others).positions
