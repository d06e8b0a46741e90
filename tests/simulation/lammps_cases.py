"""What the LAMMPS tests compute, in this process and, run as a program, on several MPI ranks."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read

from superion.electrostatics import CoulombTerm, Point, Slater
from superion.electrostatics.charges import FixedCharges
from superion.errors import SuperionError
from superion.potentials import FitSettings, Potential, fit
from superion.potentials.few_body.angle import AngleSettings
from superion.potentials.few_body.pair import PairSettings
from superion.potentials.many_body.soap import SoapSettings
from superion.potentials.repulsion import Repulsion
from superion.simulation import MDSettings
from superion.simulation.lammps import Engine, EngineSettings
from superion.simulation.lammps_md import run_lammps
from superion.simulation.state import initial_state

LPS = Path(__file__).parents[2] / "data" / "lps"
CHARGES = FixedCharges({"Li": 0.445, "P": 2.225, "S": -0.890})
FINE = EngineSettings(kspace="ewald", accuracy=1e-8, skin=0.1)  # atoms change ranks all the time


def labelled() -> list[Atoms]:
    return read(LPS / "train.extxyz", "::12")


def fitted() -> dict[str, Potential]:
    """Two models of the Li7P3S11 labels, with and without electrostatics."""
    frames = labelled()
    settings = FitSettings(
        pair=PairSettings(delta=5.0, sparse_points=10),
        angle=AngleSettings(cutoff=3.0, sparse_points=6),
        soap=SoapSettings(n_max=4, l_max=3, sparse_points=50),
        uncertainty=False,
    )
    repulsion = Repulsion.below(frames[:1])
    terms = fit(frames, settings, {"local": [repulsion], "full": [repulsion, CoulombTerm.li7p3s11()]})
    return {name: Potential(parts) for name, parts in terms.items()}


def charged(kind: str) -> Potential:
    """Electrostatics alone: points, or Slater densities of three widths."""
    if kind == "points":
        return Potential([CoulombTerm(CHARGES, Point())])
    return Potential([CoulombTerm(CHARGES, {"Li": Slater(1.4), "P": Slater(1.0), "S": Slater(0.8)})])


def structures() -> dict[str, Atoms]:
    crystal = labelled()[2]
    scattered = crystal * (2, 1, 1)  # atoms lie outside the cell
    scattered.positions[0] = [0.0, -1e-16, 0.0]
    scattered.positions += np.random.default_rng(0).integers(-2, 3, (84, 3)) @ scattered.cell.array
    mirrored = crystal.copy()  # the cell is left-handed
    mirrored.cell = crystal.cell.array[[1, 0, 2]]
    corner = crystal[:14]  # most of the cell is empty, so that one of two ranks has no atom
    corner.set_cell([60.0, 25.0, 25.0])
    corner.positions += 1.0 - corner.positions.min(axis=0)
    return {"crystal": crystal, "scattered": scattered, "mirrored": mirrored, "corner": corner}


def hot() -> MDSettings:
    """Dynamics that the guard must stop."""
    return MDSettings(ensemble="nve", temperature=400, steps=20, sample_every=5, max_temperature=401)


def dynamics(ensemble: str) -> MDSettings:
    before = 0 if ensemble == "nve" else 20  # noise is not the same in both engines
    return MDSettings(
        ensemble=ensemble,
        temperature=400,
        equilibrate=before,
        steps=100 - before,
        sample_every=20,
        chunk_frames=3,
        record=("velocities", "stress", "charges", "dipole"),
    )


def evaluated(atoms: Atoms, potential: Potential, settings: EngineSettings) -> dict[str, np.ndarray]:
    with Engine(atoms, potential, settings) as engine:
        state = initial_state(atoms, temperature=300, seed=1, step=0, keep=False)
        engine.set_momenta(state.momenta)
        engine.run(0)
        engine.read(state)
    names = ("energy", "forces", "stress", "positions", "momenta", "cell")
    return {name: np.array(getattr(state, name)) for name in names}


def compute(folder: Path, models: Path, route: str) -> None:
    """Do everything on all ranks, the local terms on one route, and write the results into `folder`."""
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    found: dict[str, np.ndarray] = {}
    local, full = (Potential.load(models / f"{name}.safetensors") for name in ("local", "full"))
    cases = structures()
    fine, quick = (engine.model_copy(update={"route": route}) for engine in (FINE, EngineSettings()))
    for name, atoms in cases.items():
        for key, value in evaluated(atoms, local, fine).items():
            found[f"local.{name}.{key}"] = value
    for name, potential in {"full": full, "points": charged("points"), "widths": charged("widths")}.items():
        for key, value in evaluated(cases["scattered"], potential, fine).items():
            found[f"{name}.{key}"] = value
    for key, value in evaluated(cases["scattered"], full, quick).items():
        found[f"pppm.{key}"] = value
    for ensemble in ("nve", "nvt", "npt"):
        settings = dynamics(ensemble)
        result = run_lammps(
            cases["crystal"], full, settings, folder / ensemble, engine=fine, progress=False,
            provenance={"model": "full"},
        )  # fmt: skip
        found[f"{ensemble}.frames"] = np.array(comm.allgather(result.frames))
    found |= errors(comm, cases["crystal"], local, full, folder, fine)
    if comm.rank == 0:
        np.savez(folder / "found.npz", **found)


def errors(
    comm, crystal: Atoms, local: Potential, full: Potential, folder: Path, engine: EngineSettings
) -> dict[str, np.ndarray]:
    """What all ranks are told when the potential, the guard or the folder stops a run."""
    close = crystal.copy()
    close.positions[1] = close.positions[0] + [2e-4, 0, 0]
    told = {}
    for name, task in {
        "overlap": lambda: evaluated(close, local, engine),
        "hot": lambda: run_lammps(crystal, local, hot(), folder / "hot", engine=engine, progress=False),
        "again": lambda: run_lammps(
            crystal, full, dynamics("nve"), folder / "nve", engine=engine, progress=False
        ),
    }.items():
        message = "no error"
        try:
            task()
        except SuperionError as error:
            message = str(error)
        told[f"error.{name}"] = np.array(comm.allgather(message))
    return told


if __name__ == "__main__":
    compute(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
