"""`superion lammps-plugin`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from superion.cli.options import load_model
from superion.errors import InputError, ModelError


def plugin(
    model: Annotated[
        Path | None,
        typer.Argument(metavar="[MODEL]", help="Print the lines of an input script for this model file."),
    ] = None,
    elements: Annotated[
        str | None,
        typer.Option(
            help="Elements of the atom types 1, 2, ... Default: those of the model. Example: Li,P,S."
        ),
    ] = None,
    kspace: Annotated[str, typer.Option(help="Electrostatics in k-space: pppm or ewald.")] = "pppm",
    accuracy: Annotated[float, typer.Option(help="Relative accuracy of electrostatic forces.")] = 1e-6,
) -> None:
    """Compile the LAMMPS pair style, and print its path or what an input script needs to use it."""
    from superion.settings_file import validate
    from superion.simulation.lammps import EngineSettings
    from superion.simulation.lammps_plugin import build_plugin
    from superion.simulation.lammps_styles import input_lines

    chosen = validate(
        {"kspace": kspace, "accuracy": accuracy},
        EngineSettings,
        remedy="see `superion lammps-plugin --help`.",
    )
    if model is None:
        if elements is not None:
            raise InputError("--elements needs a MODEL.", remedy="give the model file.")
        typer.echo(build_plugin())
        return
    potential = load_model(model)
    symbols = [part.strip() for part in elements.split(",")] if elements else potential.species
    unknown = sorted(set(symbols) - set(potential.species)) if potential.species else []
    if unknown or not symbols:
        raise ModelError(
            f"the model knows {potential.species}, asked for {unknown or 'none'}.",
            file=model,
            remedy="name the elements of the atom types in their order: --elements Li,P,S.",
        )
    typer.echo(f"# {model.name}: atom types {' '.join(symbols)}; units metal, atom_style charge, newton on")
    for line in input_lines(
        potential, model.resolve(), build_plugin(), symbols, chosen.kspace, chosen.accuracy
    ):
        typer.echo(line)
