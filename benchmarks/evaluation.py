"""Time of energy and forces per atom: superion beside QUIP, same hyper-parameters, one core.

    OMP_NUM_THREADS=1 python benchmarks/evaluation.py

Prints JSON: medians of processor time in ms per atom for crystals of Li7P3S11 of four sizes, ratios, and what
float32 changes: root mean square and largest change of a force in eV/Å, largest change of the energy per atom
in eV, over held-out frames. The peer is fitted to energies alone, its time does not depend on the weights.
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

from superion import Calculator, FitSettings, Potential, read_frames
from superion.potentials.few_body.pair import PairSettings
from superion.potentials.gap.fit import fit
from superion.potentials.many_body.soap import SoapSettings
from superion.terms import Evaluation

DATA = Path(__file__).parents[1] / "data" / "lps"
CUSTOMARY = {"cutoff": 6.0, "cutoff_width": 1.0, "atom_sigma": 0.5, "zeta": 4, "delta": 0.2}
SETS = {
    "small: l_max 4, 333 points": SoapSettings(l_max=4, sparse_points=333, **CUSTOMARY),
    "large: l_max 6, 667 points": SoapSettings(l_max=6, sparse_points=667, **CUSTOMARY),
    "default: wide cutoff, l_max 4, 500 points": SoapSettings(),
}
SIZES = [(1, 1, 1), (2, 2, 1), (3, 2, 2), (6, 5, 4)]
CHANNELS = 8


def median_ms(call: Callable[[], object], atoms: int, repeats: int) -> float:
    """Median processor time of a call in ms per atom, after one call to warm up unless it is the only one."""
    if repeats > 1:
        call()
    times = []
    for _ in range(repeats):
        started = time.process_time()
        call()
        times.append(time.process_time() - started)
    return 1000 * statistics.median(times) / atoms


def moved(atoms: Atoms) -> Atoms:
    """A copy with slightly moved atoms, so that no calculator can answer from memory."""
    copy = atoms.copy()
    copy.positions += np.random.default_rng().normal(0, 0.05, copy.positions.shape)
    return copy


def forces(atoms: Atoms, calculator: object) -> np.ndarray:
    copy = moved(atoms)
    copy.calc = calculator
    return copy.get_forces()


def change(potential: Potential, other: Potential, frames: list[Atoms]) -> dict[str, float]:
    """What the other potential changes in forces (eV/Å) and energies (eV per atom)."""
    pairs = [(potential.evaluate(atoms), other.evaluate(atoms)) for atoms in frames]
    differences = np.concatenate([(a.forces - b.forces).ravel() for a, b in pairs])
    return {
        "force rms": float(f"{np.sqrt(np.mean(differences**2)):.2g}"),
        "force largest": float(f"{np.abs(differences).max():.2g}"),
        "energy per atom largest": float(
            f"{max(abs(a.energy - b.energy) / len(a.forces) for a, b in pairs):.2g}"
        ),
    }


def main() -> None:
    frames = [
        a for name in ("train", "strained", "beta-Li3PS4") for a in read_frames(DATA / f"{name}.extxyz")
    ]
    held_out, frames = frames[4::8], [a for k, a in enumerate(frames) if k % 8 != 4]
    energies = [atoms.copy() for atoms in frames]
    for atoms in energies:
        atoms.info.pop("REF_stress")
        atoms.arrays.pop("REF_forces")
    results: dict[str, object] = {
        "machine": platform.processor() or platform.machine(),
        "versions": {name: version(name) for name in ("numpy", "numba", "quippy-ase")},
    }
    for name, soap in SETS.items():
        settings = FitSettings(pair=PairSettings(delta=2.0), soap=soap, uncertainty=False)
        contracted = settings.model_copy(update={"soap": soap.model_copy(update={"channels": CHANNELS})})
        full, small = (
            Potential(fit(frames, s, {"gap": []}, workers=1)["gap"]) for s in (settings, contracted)
        )
        models = {
            "float64": full,
            "float32": full.with_precision("float32"),
            f"{CHANNELS} channels": small,
            f"{CHANNELS} channels, float32": small.with_precision("float32"),
        }
        results[f"{name}: float32 changes"] = change(full, models["float32"], held_out)
        gp = full.terms[-1]
        with tempfile.TemporaryDirectory() as folder:
            words = arguments(settings, gp.species, gp.baseline)
            bare = [target(a, Evaluation.zero(len(a))) for a in energies]
            quip = gap_fit(bare, words, Path(folder))
            for repetitions in SIZES:
                crystal = frames[0] * repetitions
                n = len(crystal)
                row = {
                    label: median_ms(lambda p=p, a=crystal: forces(a, Calculator(p)), n, 5 if n < 2000 else 3)
                    for label, p in models.items()
                }
                row["quippy"] = median_ms(
                    lambda q=quip, a=crystal: forces(a, q), n, 3 if n < 200 else 2 if n < 2000 else 1
                )
                results[f"{name}, {n} atoms"] = {
                    **{label: round(value, 4) for label, value in row.items()},
                    **{f"quippy / {label}": round(row["quippy"] / row[label], 1) for label in models},
                }
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
