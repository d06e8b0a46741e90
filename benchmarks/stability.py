"""Does molecular dynamics of the grown Li7P3S11 data stay physical?

    python benchmarks/stability.py FOLDER --temperatures 800 1000 --ps 100

Fits three potentials to all shipped Li7P3S11 frames but the validation trajectory (settings in
`grown.yaml`): gap, es-gap, and es-gap with the charges that `superion charge-fit` found
(data/lps/locality/charges.json). Prints their force errors on that trajectory, and runs the 42-atom crystal
with each (Langevin, 2 fs, seed 1). Trajectories are kept in FOLDER; a second call goes on. Prints JSON for
every run: whether it ended as planned, the mean temperature, the closest approach of each pair of elements
beside that of the training data, the fraction of P atoms with other than four neighbours among S and P
within 2.8 Å (all P of the crystal have four), that of S atoms without a P neighbour, and the distance Li
has moved.
"""

from __future__ import annotations

import argparse
import json
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from ase import Atoms

from superion import Calculator, FitSettings, Potential, read_frames, read_structure
from superion.analysis.accuracy import errors
from superion.calculations.evaluation import predict
from superion.errors import SimulationError
from superion.neighbours import neighbour_pairs
from superion.recipes.base import Job, Options, fit_jobs
from superion.recipes.electrostatics import ElectrostaticsSettings
from superion.recipes.registry import fit_preset
from superion.simulation import MDSettings, run_md
from superion.simulation.trajectory import read_trajectory, to_ase

HERE = Path(__file__).parent
DATA = HERE.parent / "data" / "lps"
FITTED = "es-gap, fitted charges"
NAMES = ("gap", "es-gap", FITTED)
FILES = ("train", "strained", "eos", "isolated", "grown")
BOND = 2.8  # Å, between the first and second shell of P-S and P-P
TIMESTEP, EVERY = 2.0, 50  # fs, steps


def slug(name: str) -> str:
    """The name as part of a file name."""
    return name.replace(",", "").replace(" ", "-")


def potentials(folder: Path) -> dict[str, Potential]:
    """The potentials, from their files if they are there."""
    paths = {name: folder / f"{slug(name)}.safetensors" for name in NAMES}
    if not all(path.exists() for path in paths.values()):
        frames = [atoms for name in FILES for atoms in read_frames(DATA / f"{name}.extxyz")]
        settings = FitSettings(**yaml.safe_load((HERE / "grown.yaml").read_text()), uncertainty=False)
        charges = json.loads((DATA / "locality" / "charges.json").read_text())["charges"]
        usual, other = Options(progress=True), ElectrostaticsSettings(charges=charges)
        jobs = {name: Job(fit_preset(name), settings, usual) for name in ("gap", "es-gap")}
        jobs[FITTED] = Job(fit_preset("es-gap"), settings, Options(electrostatics=other, progress=True))
        for name, fitted in fit_jobs(frames, jobs).items():
            Potential(fitted, {"frames": len(frames)}).save(paths[name])
    return {name: Potential.load(path) for name, path in paths.items()}


def closest(frames: list[Atoms]) -> dict[str, float]:
    """Shortest distance (Å) of each pair of elements, up to 5 Å."""
    found: dict[str, float] = {}
    for atoms in frames:
        symbols, pairs = np.array(atoms.get_chemical_symbols()), neighbour_pairs(atoms, 5.0)
        for a, b in combinations_with_replacement(("Li", "P", "S"), 2):
            of = (symbols[pairs.i] == a) & (symbols[pairs.j] == b)
            if of.any():
                name = f"{a}-{b}"
                found[name] = round(min(found.get(name, np.inf), float(pairs.distance[of].min())), 2)
    return found


def bonds(frames: list[Atoms]) -> dict[str, float]:
    """Fractions of P atoms that do not have four neighbours, and of S atoms that have no P neighbour."""
    odd, loose = [], []
    for atoms in frames:
        symbols, pairs = np.array(atoms.get_chemical_symbols()), neighbour_pairs(atoms, BOND)
        first, second = symbols[pairs.i], symbols[pairs.j]
        count = np.bincount(pairs.i[second != "Li"], minlength=len(atoms))
        odd.append(count[symbols == "P"] != 4)
        to_p = np.bincount(pairs.i[(first == "S") & (second == "P")], minlength=len(atoms))
        loose.append(to_p[symbols == "S"] == 0)
    return {"P not fourfold": round(float(np.mean(odd)), 4), "S without P": round(float(np.mean(loose)), 4)}


def run(potential: Potential, atoms: Atoms, temperature: float, ps: float, folder: Path) -> dict[str, Any]:
    """What became of one run."""
    steps = round(ps * 1000 / TIMESTEP / EVERY) * EVERY
    settings = MDSettings(
        temperature=temperature,
        thermostat="langevin",
        timestep=TIMESTEP,
        steps=steps,
        sample_every=EVERY,
        seed=1,
        record=("velocities",),
    )
    try:
        run_md(atoms, Calculator(potential), settings, folder, resume=True)
        ended = "as planned"
    except SimulationError as error:
        ended = str(error)
    trajectory = read_trajectory(folder)
    frames = to_ase(trajectory)
    mobile = atoms.numbers == 3
    moved = trajectory.positions[-1] - trajectory.positions[0]
    framework = moved[~mobile].mean(axis=0)
    return {
        "ended": ended,
        "ps": round(len(frames[1:]) * EVERY * TIMESTEP / 1000, 1),
        "mean temperature (K)": round(float(np.mean([f.get_temperature() for f in frames])), 0),
        "closest (Å)": closest(frames),
        **bonds(frames),
        "Li moved (Å, rms)": round(float(np.sqrt(((moved[mobile] - framework) ** 2).sum(axis=1).mean())), 1),
    }


def main() -> None:
    """Print the result as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where models and trajectories are kept")
    parser.add_argument("--temperatures", type=float, nargs="+", default=[800.0, 1000.0], help="K")
    parser.add_argument("--ps", type=float, default=100.0, help="length of each run")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    crystal = read_structure(DATA / "Li7P3S11.vasp")
    validation = read_frames(DATA / "validation.extxyz")
    training = [a for name in FILES if name != "isolated" for a in read_frames(DATA / f"{name}.extxyz")]
    result: dict[str, Any] = {
        "training frames": len(training),
        "closest in training data (Å)": closest(training),
    }
    for name, potential in potentials(given.folder).items():
        found = errors(validation, predict(potential, validation))
        result[name] = {"force_rmse": found["force_rmse"], "by species": found["force_rmse_by_species"]}
        for t in given.temperatures:
            result[name][f"{t:g} K"] = run(
                potential, crystal, t, given.ps, given.folder / f"{slug(name)}-{t:g}K"
            )
    print(json.dumps(result, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
