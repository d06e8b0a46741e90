"""Time of energy and forces per atom: superion beside QUIP, same hyper-parameters, one core.

    OMP_NUM_THREADS=1 python benchmarks/evaluation.py

Models are fitted to energies alone, for the time does not depend on the weights. Prints JSON: medians
of processor time in ms per atom for a supercell of Li7P3S11, and the ratio.
"""

from __future__ import annotations

import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ase import Atoms
from gap_fit import arguments, gap_fit, target

from superion import Calculator, FitSettings, Potential, fit, read_frames
from superion.potentials.pair import PairSettings
from superion.potentials.soap import SoapSettings
from superion.terms import Evaluation

DATA = Path(__file__).parents[1] / "data" / "lps"
CUSTOMARY = {"cutoff": 6.0, "cutoff_width": 1.0, "atom_sigma": 0.5, "zeta": 4, "delta": 0.2}
SETS = {
    "small: l_max 4, 333 points": SoapSettings(l_max=4, sparse_points=333, **CUSTOMARY),
    "large: l_max 6, 667 points": SoapSettings(l_max=6, sparse_points=667, **CUSTOMARY),
    "default: wide cutoff, l_max 4, 500 points": SoapSettings(),
}


def median_ms(call: Callable[[], object], atoms: int, repeats: int) -> float:
    """Median processor time of a call in ms per atom, after one call to warm up."""
    call()
    times = []
    for _ in range(repeats):
        started = time.process_time()
        call()
        times.append(time.process_time() - started)
    return 1000 * statistics.median(times) / atoms


def forces(atoms: Atoms, calculator: object) -> np.ndarray:
    """Forces of slightly moved atoms, so that no calculator can answer from memory."""
    moved = atoms.copy()
    moved.positions += np.random.default_rng().normal(0, 1e-3, moved.positions.shape)
    moved.calc = calculator
    return moved.get_forces()


def main() -> None:
    frames = [
        a for name in ("train", "strained", "beta-Li3PS4") for a in read_frames(DATA / f"{name}.extxyz")
    ]
    for atoms in frames:
        atoms.info.pop("REF_stress")
        atoms.arrays.pop("REF_forces")
    crystal = frames[0] * (3, 2, 2)
    crystal.rattle(0.05, seed=1)
    results: dict[str, object] = {
        "machine": platform.processor() or platform.machine(),
        "versions": {name: version(name) for name in ("numpy", "numba", "quippy-ase")},
        "atoms": len(crystal),
    }
    for name, soap in SETS.items():
        settings = FitSettings(pair=PairSettings(delta=2.0), soap=soap, uncertainty=False)
        potential = Potential(fit(frames, settings, {"gap": []}, workers=1)["gap"])
        gp = potential.terms[-1]
        row = {"superion": median_ms(lambda p=potential: forces(crystal, Calculator(p)), len(crystal), 5)}
        compressed = settings.model_copy(update={"soap": soap.model_copy(update={"components": 128})})
        small = Potential(fit(frames, compressed, {"gap": []}, workers=1)["gap"])
        row["superion, 128 components"] = median_ms(
            lambda p=small: forces(crystal, Calculator(p)), len(crystal), 5
        )
        with tempfile.TemporaryDirectory() as folder:
            words = arguments(settings, gp.species, gp.baseline)
            quip = gap_fit([target(a, Evaluation.zero(len(a))) for a in frames], words, Path(folder))
            row["quippy"] = median_ms(lambda q=quip: forces(crystal, q), len(crystal), 3)
        results[name] = {key: round(value, 4) for key, value in row.items()} | {
            "quippy / superion": round(row["quippy"] / row["superion"], 1),
            "quippy / superion, 128 components": round(row["quippy"] / row["superion, 128 components"], 1),
        }
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
