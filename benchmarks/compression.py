"""Speed against accuracy of the two compressions of SOAP: channels kept, components kept.

    OMP_NUM_THREADS=1 python benchmarks/compression.py

The local potential of the example, trained and tested on its split. Prints JSON: for each pair of settings
the length of the spectra; processor time of energy and forces in µs per atom (median; 504 atoms) of the SOAP
block with given neighbours, in float64 and float32, and of the whole potential in dynamics (float64, tables
of pairs, neighbour list with a skin); held-out force RMSE in eV/Å, and its ratio to that of the uncompressed
model.
"""

from __future__ import annotations

import json
import platform
import time
from importlib.metadata import version
from pathlib import Path

from ase import Atoms
from evaluation import median_ms, moved

from superion import Calculator
from superion.analysis.accuracy import errors
from superion.batch import Batch
from superion.potentials.gap.gaussian_process import SparseGP
from superion.potentials.potential import Potential
from superion.recipes.base import Job, fit_jobs
from superion.recipes.registry import fit_preset
from superion.structures.read import read_frames
from superion.structures.split import split_by_trajectory
from superion.study.config import read_study
from superion.terms import Sums

ROOT = Path(__file__).parents[1]
GRID = [
    *((None, components) for components in (None, 256, 128, 64)),
    *((channels, None) for channels in (12, 10, 8, 7, 6, 4)),
    *((channels, components) for channels in (12, 10, 8) for components in (128, 64)),
]


def alone(gp: SparseGP, around: Batch) -> None:
    """The SOAP block of a model, the last of its blocks."""
    block = gp.blocks[-1]
    block.evaluate(around, gp.weights[-block.size :], Sums.zero(len(around.numbers), 1))


def step(calculator: Calculator, crystal: Atoms) -> None:
    """What dynamics does at each step."""
    atoms = moved(crystal)
    atoms.calc = calculator
    atoms.get_forces()


def main() -> None:
    study = read_study(ROOT / "examples" / "li7p3s11.yaml")
    frames = [atoms for path in study.data.files for atoms in read_frames(path)]
    train, test = split_by_trajectory(frames, test=study.data.test)
    crystal = read_frames(ROOT / "data" / "lps" / "train.extxyz")[0] * (3, 2, 2)
    crystal.rattle(0.05, seed=1)
    around = Batch([crystal], study.fit.soap.cutoff)
    results: dict[str, object] = {
        "machine": platform.processor() or platform.machine(),
        "versions": {name: version(name) for name in ("numpy", "numba")},
        "atoms": len(crystal),
    }
    reference = 0.0
    for channels, components in GRID:
        soap = study.fit.soap.model_copy(update={"channels": channels, "components": components})
        settings = study.fit.model_copy(update={"soap": soap, "uncertainty": False})
        started = time.process_time()
        potential = Potential(fit_jobs(train, {"gap": Job(fit_preset("gap"), settings)})["gap"])
        spent = time.process_time() - started
        rmse = errors(test, [potential.evaluate(atoms) for atoms in test])["force_rmse"]
        reference = reference or rmse
        calculator, gp, n = Calculator(potential.tabulated(1e-3)), potential.terms[-1], len(crystal)
        name = f"channels {channels or 'all'}, components {components or 'all'}"
        results[name] = {
            "length": gp.blocks[-1].length,
            **{
                f"us per atom, SOAP, {label}": round(1e3 * median_ms(lambda g=gp: alone(g, around), n, 7), 2)
                for label, gp in (("float64", gp), ("float32", gp.with_precision("float32")))
            },
            "us per atom, dynamics": round(1e3 * median_ms(lambda c=calculator: step(c, crystal), n, 7), 2),
            "force rmse": round(rmse, 4),
            "relative to all": round(rmse / reference, 3),
            "fit seconds": round(spent, 1),
        }
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
