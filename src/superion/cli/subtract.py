"""`superion subtract`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from superion.cli.options import AnyModel, Reading, reads_files


@reads_files
def subtract(
    model: AnyModel,
    frames: Annotated[Path, typer.Argument(metavar="FRAMES", help="File with labelled structures.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="LABELS",
            help="Extended XYZ with what is left: REF_energy (eV), REF_forces (eV/Å), REF_stress (eV/Å³).",
        ),
    ],
    fixed: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the terms that were subtracted as a model file of their own."
        ),
    ] = None,
    *,
    reading: Reading,
) -> None:
    """Take electrostatics, repulsion and a base off labels, to train a model of another package on the rest.

    A settings file with `model: FILE` and `base:` the other model is the sum of both again (docs/models.md).
    """
    from ase.io import write

    from superion.cli.options import check_output, load_model
    from superion.errors import InputError, naming
    from superion.model import terms_of
    from superion.potentials import Potential
    from superion.progress import track
    from superion.recipes.on_base import fixed_terms, less
    from superion.structures import is_isolated, require_labels

    for path in (output, fixed):
        if path is not None:
            check_output(path)
    terms = fixed_terms(terms_of(load_model(model)))
    if not terms:
        raise InputError(
            "the model has neither electrostatics nor repulsion nor a base: nothing could be subtracted.",
            file=model,
            remedy="give a model such as `superion fit --preset es-gap` makes.",
        )
    (structures,) = reading.files([frames])
    require_labels(structures)
    rest, left = Potential(terms, {"from": str(model)}), []
    alone = [term for term in terms if term.kind == "base"]  # the others vanish for a lone atom
    for atoms in track(structures, "fixed terms", len(structures), show=True):
        part = rest if not is_isolated(atoms) else Potential(alone) if alone else None
        with naming(atoms.info.get("source")):
            left.append(atoms if part is None else less(atoms, part.evaluate(atoms)))
    write(output, left, format="extxyz")
    typer.echo(f"{len(left)} structures less {', '.join(term.kind for term in terms)}: {output}")
    if fixed is not None:
        rest.save(fixed)
        typer.echo(
            f"To use a model that was trained on {output}: a settings file (.yaml) with `model: {fixed}` and "
            "`base:` its settings file. In LAMMPS: pair_style hybrid/overlay with its style and those that "
            "`superion md` writes with LAMMPS for the electrostatics (docs/lammps.md)."
        )
