"""`superion md` and `superion transport`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from superion.cli.options import (
    AnyModel,
    ChargedCells,
    Device,
    Json,
    Precision,
    Reading,
    check_output,
    load_model,
    parse_supercell,
    parse_vector,
    reads_files,
)
from superion.cli.ranks import rank, relaunch
from superion.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

    from superion.simulation import MDResult, MDSettings


CENTRE = 0.1
"""Å within which atoms of the start have counterparts beyond a centre of inversion: it may be warm."""
SOUGHT = 300
"""Atoms up to which such a centre is sought."""


@reads_files
def md(
    model: AnyModel,
    structure: Annotated[
        Path, typer.Argument(metavar="STRUCTURE", help="Structure file; of several frames the last.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Trajectory folder.")],
    temperature: Annotated[
        float,
        typer.Option(
            help="Temperature in K; for nve that of the equilibration or, without one, of the velocities at "
            "the start, half of which a relaxed crystal loses."
        ),
    ],
    steps: Annotated[int, typer.Option(help="Production steps; may be raised with --resume.")],
    ensemble: Annotated[
        str, typer.Option(help="nve, nvt (constant volume and temperature) or npt (see --barostat).")
    ] = "nvt",
    timestep: Annotated[float, typer.Option(help="Time step in fs.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of velocities and noise.")] = 0,
    supercell: Annotated[str, typer.Option(help="Repetitions of the cell, e.g. 2x2x1.")] = "1x1x1",
    thermostat: Annotated[str | None, typer.Option(help="nvt: nose-hoover (default) or langevin.")] = None,
    pressure: Annotated[float | None, typer.Option(help="npt: pressure in GPa. Default: 0.")] = None,
    barostat: Annotated[
        str | None,
        typer.Option(
            help="npt: isotropic (default; the cell keeps its shape), anisotropic (three edges at right "
            "angles) or flexible (lengths and angles)."
        ),
    ] = None,
    ramp_to: Annotated[
        float | None,
        typer.Option(help="nvt, npt: temperature in K at the end, changed evenly from --temperature."),
    ] = None,
    equilibrate: Annotated[
        int | None,
        typer.Option(help="Steps before production, for nve with a Langevin thermostat. Default: 0."),
    ] = None,
    sample_every: Annotated[int | None, typer.Option(help="Steps between frames. Default: 10.")] = None,
    chunk_frames: Annotated[int | None, typer.Option(help="Frames per file. Default: 100.")] = None,
    record: Annotated[
        list[str] | None,
        typer.Option(help="Also write velocities, stress, charges or dipole. May be repeated."),
    ] = None,
    friction: Annotated[
        float | None,
        typer.Option(help="langevin, and --equilibrate of nve: friction in 1/fs. Default: 0.01."),
    ] = None,
    thermostat_time: Annotated[
        float | None, typer.Option(help="nose-hoover: time scale in fs. Default: 100.")
    ] = None,
    barostat_time: Annotated[float | None, typer.Option(help="npt: time scale in fs. Default: 1000.")] = None,
    keep_velocities: Annotated[
        bool, typer.Option("--keep-velocities", help="Start from the velocities of STRUCTURE.")
    ] = False,
    min_distance: Annotated[
        float | None, typer.Option(help="Stop if two atoms come closer than this, in Å. Default: 0.8.")
    ] = None,
    max_temperature: Annotated[
        float | None, typer.Option(help="Stop above this temperature, in K. Default: 10 x temperature.")
    ] = None,
    max_deviation: Annotated[
        float | None,
        typer.Option(
            help="Stop where the predicted standard deviation of a force exceeds this, in eV/Å. Default: "
            "none; it is reported."
        ),
    ] = None,
    field: Annotated[
        str | None,
        typer.Option(help="Constant electric field Ex,Ey,Ez in V/Å. The dipole is tracked, also for 0,0,0."),
    ] = None,
    displacement: Annotated[
        str | None,
        typer.Option(
            help="Constant electric displacement over the vacuum permittivity, Dx,Dy,Dz in V/Å, or none for "
            "a constant field along this axis, e.g. none,none,0.05."
        ),
    ] = None,
    start_dipole: Annotated[
        str | None, typer.Option(help="Dipole at the start in eÅ, from where it is tracked. Default: 0,0,0.")
    ] = None,
    charge_scale: Annotated[
        float | None, typer.Option(help="Factor from charges of MODEL to those a field acts on. Default: 1.")
    ] = None,
    epsilon_inf: Annotated[
        float | None, typer.Option(help="With --displacement: electronic dielectric constant. Default: 1.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in DIR.")] = False,
    frames: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also write the frames, except the start, as extended XYZ without labels: for `superion "
            "select`, `superion label` or a training.",
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="superion, or lammps: LAMMPS moves the atoms, on --ranks MPI ranks.")
    ] = "superion",
    ranks: Annotated[int, typer.Option(min=1, help="lammps: MPI ranks.")] = 1,
    device: Device = "cpu",
    tables: Annotated[
        float | None,
        typer.Option(
            help="Read 2- and 3-body energies from tables whose slopes are right to so many eV/Å, e.g. 1e-4."
        ),
    ] = None,
    precision: Precision = "float64",
    route: Annotated[
        str | None,
        typer.Option(
            help="lammps: local terms by a compiled pair style (plugin) or from Python (callback). "
            "Default: plugin where there is a C++ compiler."
        ),
    ] = None,
    charged_cells: ChargedCells = None,
    json: Json = None,
    *,
    reading: Reading,
) -> None:
    """Run molecular dynamics; a killed run goes on with --resume, bit for bit."""
    if engine not in ("superion", "lammps"):
        raise InputError(f"unknown engine {engine!r}.", remedy="engines are superion and lammps.")
    if engine == "superion" and ranks > 1:
        raise InputError("--ranks needs --engine lammps.", remedy="add --engine lammps.")
    if engine == "superion" and route is not None:
        raise InputError("--route needs --engine lammps.", remedy="add --engine lammps.")
    if engine == "lammps" and resume:
        raise InputError(
            "a run in LAMMPS cannot be resumed.",
            remedy="start another where it ended: `superion export` of a run with --record velocities gives "
            "a structure file for --keep-velocities; or use --engine superion, whose runs can be resumed.",
        )
    if engine == "lammps" and device != "cpu":
        raise InputError("LAMMPS runs on the CPU.", remedy="leave out --device, or --engine lammps.")
    if ranks > 1 and rank() is None:
        raise typer.Exit(relaunch(ranks))
    from superion.results import write_result
    from superion.settings_file import validate
    from superion.simulation import MDSettings, run_md
    from superion.structures.bare import repeated

    electric = {
        "field": field and parse_vector(field, "--field"),
        "displacement": displacement and parse_vector(displacement, "--displacement"),
        "start_dipole": start_dipole and parse_vector(start_dipole, "--start-dipole"),
        "charge_scale": charge_scale,
        "epsilon_inf": epsilon_inf,
    }
    chosen: dict[str, Any] = {
        "ensemble": ensemble,
        "thermostat": thermostat,
        "temperature": temperature,
        "pressure": pressure,
        "barostat": barostat,
        "ramp_to": ramp_to,
        "timestep": timestep,
        "steps": steps,
        "equilibrate": equilibrate,
        "sample_every": sample_every,
        "chunk_frames": chunk_frames,
        "record": record or None,
        "friction": friction,
        "thermostat_time": thermostat_time,
        "barostat_time": barostat_time,
        "seed": seed,
        "keep_velocities": keep_velocities,
        "min_distance": min_distance,
        "max_temperature": max_temperature,
        "max_deviation": max_deviation,
        "electric": {k: v for k, v in electric.items() if v is not None} or None,
    }
    settings = validate(
        {k: v for k, v in chosen.items() if v is not None}, MDSettings, remedy="see `superion md --help`."
    )
    for file in (frames, json):
        if file is not None:
            check_output(file)
    atoms = repeated(reading.structure(structure), parse_supercell(supercell))
    if displacement and start_dipole is None and not rank() and not resume:
        _say_of_inversion(atoms)
    potential = load_model(model, charged_cells).with_precision(precision)
    if tables is not None:
        potential = potential.tabulated(tables)
    provenance = potential.identity
    if engine == "lammps":
        from superion.simulation.lammps import EngineSettings
        from superion.simulation.lammps_md import run_lammps

        how = validate({"route": route or "auto"}, EngineSettings, remedy="see `superion md --help`.")
        done = run_lammps(atoms, potential, settings, output, engine=how, provenance=provenance)
    else:
        calculator = potential.calculator(device=device)
        provenance |= {"device": device} if device != "cpu" else {}
        done = run_md(atoms, calculator, settings, output, resume=resume, provenance=provenance)
    if rank():
        return
    if frames is not None:
        from superion.active_learning.frames import write_sample
        from superion.model import summary
        from superion.simulation import read_trajectory

        name = output.absolute().name
        written = write_sample(frames, read_trajectory(output), atoms, name, summary(provenance))
        typer.echo(f"{len(written)} frames without labels: {frames}")
    _say(done, settings)
    if json:
        write_result(json, done.report())


def _say_of_inversion(atoms: Atoms) -> None:
    """A warning where the dipole of the start, which a constant displacement counts from, is not zero."""
    import numpy as np

    from superion.analysis.point_group import point_group

    crystal = atoms.pbc.all() and atoms.cell.rank == 3 and len(atoms) <= SOUGHT
    if crystal and not (np.abs(point_group(atoms, CENTRE) + np.eye(3)).max(axis=(1, 2)) < 1e-6).any():
        typer.echo(
            "warning: the structure has no centre of inversion: its dipole is not zero, and the field at a "
            "constant displacement is off by what it is. Give it with --start-dipole, or take differences "
            "and fluctuations alone.",
            err=True,
        )


def _say(done: MDResult, settings: MDSettings) -> None:
    """Print what a run came to, and what speaks against it."""
    heat = f"{done.mean_temperature:.0f} ± {done.std_temperature:.0f} K"
    parts = [f"{done.steps} steps, {done.frames} frames, {heat}"]
    if settings.ramp_to is not None:
        parts.append(f"from {settings.temperature:g} to {settings.ramp_to:g} K")
    if done.pressure is not None and done.pressure_std is not None:
        parts.append(f"{done.pressure:.3g} ± {done.pressure_std:.2g} GPa")
    if settings.ensemble == "npt" and done.volume is not None and done.cell is not None:
        shape = (
            "" if settings.barostat == "isotropic" else " (" + " ".join(f"{x:.5g}" for x in done.cell) + ")"
        )
        parts.append(f"{done.volume:.5g} ± {done.volume_std:.2g} Å³{shape}")
    if done.drift is not None:
        parts.append(f"drift {1000 * done.drift:.3g} meV/atom/ps")
    if done.force_deviation is not None:
        parts.append(f"predicted force deviation up to {done.force_deviation:.3g} eV/Å")
    typer.echo(f"{', '.join(parts)}, {done.ns_per_day:.3g} ns/day; trajectory in {done.folder}")
    for warning in done.warnings:
        typer.echo(f"warning: {warning}.", err=True)
