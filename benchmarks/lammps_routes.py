"""Time of molecular dynamics in LAMMPS, local terms by plugin or callback, beside superion's own evaluation.

    OMP_NUM_THREADS=1 python benchmarks/lammps_routes.py

Models are fitted to energies alone, for the time does not depend on the weights. Prints JSON: processor time
of the busiest rank in µs per atom and step, for supercells of Li7P3S11 at constant energy, 600 K, 1 fs.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from superion import FitSettings, Potential, read_frames
from superion.electrostatics import CoulombTerm
from superion.potentials.gap.fit import fit
from superion.potentials.many_body.soap import SoapSettings
from superion.potentials.repulsion import Repulsion

DATA = Path(__file__).parents[1] / "data" / "lps"
SETS = {"gap": SoapSettings(), "gap, 128 components": SoapSettings(components=128)}
CELLS = {504: (2, 3, 2), 4032: (4, 6, 4)}
ROUTES = ("plugin", "callback")
STEPS = 2000  # atoms times steps of one measurement, in units of the number of atoms of one cell
REPEATS = 3


def structure(atoms: int):
    return read_frames(DATA / "train.extxyz")[0].repeat(CELLS[atoms])


def fitted(folder: Path) -> None:
    """Write the models to time."""
    frames = [
        a for name in ("train", "strained", "beta-Li3PS4") for a in read_frames(DATA / f"{name}.extxyz")
    ]
    repulsion = Repulsion.below(frames)
    bare = [frame.copy() for frame in frames]
    for old, new in zip(frames, bare, strict=True):
        new.info = {k: v for k, v in old.info.items() if k != "REF_stress"}
        del new.arrays["REF_forces"]
    for name, soap in SETS.items():
        terms = fit(bare, FitSettings(soap=soap, uncertainty=False), {name: [repulsion]}, workers=1)
        Potential(terms[name]).save(folder / f"{name}.safetensors")
    Potential([CoulombTerm.li7p3s11()]).save(folder / "electrostatics.safetensors")


def ours(model: Path, atoms: int) -> float:
    """Median time of energy, forces and virial by superion."""
    potential, crystal = Potential.load(model), structure(atoms)
    potential.evaluate(crystal)
    times = []
    for _ in range(REPEATS):
        started = time.process_time()
        potential.evaluate(crystal)
        times.append(time.process_time() - started)
    return 1e6 * statistics.median(times) / atoms


def on_ranks(model: Path, atoms: int, route: str, ranks: int) -> float:
    """The same for a step of LAMMPS."""
    mpiexec = Path(sysconfig.get_path("scripts"), "mpiexec")
    command = [mpiexec, "-n", str(ranks), sys.executable, __file__, str(model), str(atoms), route]
    done = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def dynamics(model: Path, atoms: int, route: str) -> None:
    """Time steps of LAMMPS on all ranks, and print the median from the first."""
    from mpi4py import MPI

    from superion.simulation.lammps import Engine, EngineSettings
    from superion.simulation.state import initial_state

    crystal = structure(atoms)
    steps = max(4, 42 * STEPS // atoms // 4)
    with Engine(crystal, Potential.load(model), EngineSettings(route=route)) as engine:
        state = initial_state(crystal, temperature=600, seed=1, step=0, keep=False)
        engine.set_momenta(state.momenta)
        engine.command("timestep 0.001", "fix move all nve")
        engine.run(0)
        engine.run(2)
        times = []
        for _ in range(REPEATS):
            started = time.process_time()
            engine.run(steps)
            times.append(MPI.COMM_WORLD.allreduce(time.process_time() - started, MPI.MAX))
        if engine.rank == 0:
            print(1e6 * statistics.median(times) / atoms / steps)


def main() -> None:
    results = []
    with tempfile.TemporaryDirectory() as folder:
        fitted(Path(folder))
        for name in (*SETS, "electrostatics"):
            model = Path(folder, f"{name}.safetensors")
            for atoms in CELLS:
                row = {"model": name, "atoms": atoms, "superion": round(ours(model, atoms), 1)}
                for ranks in (1, 2):
                    for route in ROUTES if name in SETS else ("callback",):
                        label = route if name in SETS else "PPPM"
                        row[f"{label}, {ranks} rank{'s' * (ranks > 1)}"] = round(
                            on_ranks(model, atoms, route, ranks), 1
                        )
                results.append(row)
                print(json.dumps(row), file=sys.stderr, flush=True)
    packages = {name: version(name) for name in ("superion", "numpy", "numba", "lammps", "mpich")}
    facts = {"unit": "µs per atom and step", "machine": platform.processor() or platform.machine()}
    print(json.dumps({**facts, "versions": packages, "results": results}, indent=2))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        dynamics(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    else:
        main()
