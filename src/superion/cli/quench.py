"""`superion quench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from superion.cli.options import (
    AnyModel,
    ChargedCells,
    Reading,
    load_model,
    parse_supercell,
    reads_files,
)


@reads_files
def quench(
    model: AnyModel,
    structure: Annotated[
        Path, typer.Argument(metavar="STRUCTURE", help="Structure file; of several frames the last.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder of the runs.")],
    supercell: Annotated[str, typer.Option(help="Repetitions of the cell, e.g. 2x2x1.")] = "1x1x1",
    melt_temperature: Annotated[float, typer.Option(help="Temperature of the melt in K.")] = 1200.0,
    melt_time: Annotated[float, typer.Option(help="Time in the melt in ps.")] = 20.0,
    final_temperature: Annotated[float, typer.Option(help="Temperature of the glass in K.")] = 300.0,
    rate: Annotated[float, typer.Option(help="Cooling rate in K/ps.")] = 10.0,
    hold_time: Annotated[float, typer.Option(help="Time at the final temperature in ps.")] = 10.0,
    temperature_step: Annotated[float, typer.Option(help="Largest step of the ramp in K.")] = 50.0,
    timestep: Annotated[float, typer.Option(help="Time step in fs.")] = 1.0,
    sample_every: Annotated[int, typer.Option(help="Steps between frames.")] = 10,
    seed: Annotated[int, typer.Option(help="Seed of velocities and noise.")] = 0,
    charged_cells: ChargedCells = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the quench in DIR.")] = False,
    *,
    reading: Reading,
) -> None:
    """Melt a structure and cool it at constant volume; the last frame is DIR/quenched.extxyz."""
    from superion.active_learning.frames import write_frames
    from superion.settings_file import validate
    from superion.simulation.quench import QuenchSettings, melt_quench
    from superion.structures.bare import repeated, state, stated

    chosen = {
        "melt_temperature": melt_temperature,
        "melt_time": melt_time,
        "final_temperature": final_temperature,
        "rate": rate,
        "hold_time": hold_time,
        "temperature_step": temperature_step,
        "timestep": timestep,
        "sample_every": sample_every,
        "seed": seed,
    }
    settings = validate(chosen, QuenchSettings, remedy="see `superion quench --help`.")
    atoms = repeated(reading.structure(structure), parse_supercell(supercell))
    potential = load_model(model, charged_cells)
    final = melt_quench(
        atoms,
        potential.calculator(),
        settings,
        output,
        resume=resume,
        provenance=potential.identity,
        warned=lambda text: typer.echo(f"warning: {text}.", err=True),
    )
    final.info = {"frame_id": f"{structure.name.split('.')[0]}-quenched", "config_type": "quenched"}
    state(final, stated(atoms))
    write_frames(output / "quenched.extxyz", [final])
    typer.echo(f"{len(final)} atoms at {final.get_temperature():.0f} K; {output / 'quenched.extxyz'}")
