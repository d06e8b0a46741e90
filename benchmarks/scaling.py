"""Time and peak memory of energy and forces from 500 to 100,000 atoms, one core.

    OMP_NUM_THREADS=1 python benchmarks/scaling.py

Models are fitted to energies alone, for neither depends on the weights. Each size is a process of its own:
after a small structure to warm up, the shortest of at least two evaluations of a supercell of Li7P3S11, and
by how much memory rose at its highest (Linux). Prints JSON: processor time in µs per atom, of all terms and
of the local ones with their neighbour list (a neural potential is one term, so that both are the same),
memory in kB per atom, and the exponents of the growth of both with the number of atoms from a straight line
through their logarithms; that of memory from 3360 atoms on.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

from superion import FitSettings, Potential, read_frames
from superion.potentials.few_body.pair import PairSettings
from superion.potentials.many_body.soap import SoapSettings
from superion.potentials.neural import NeuralSettings, NeuralTraining, fit_neural
from superion.recipes.base import Job, fit_jobs
from superion.recipes.registry import fit_preset
from superion.terms import LocalTerm

DATA = Path(__file__).parents[1] / "data" / "lps"
SMALL = SoapSettings(
    cutoff=6.0, cutoff_width=1.0, atom_sigma=0.5, zeta=4, delta=0.2, l_max=4, sparse_points=333
)
REPEATS = [(3, 2, 2), (3, 3, 3), (5, 4, 4), (6, 6, 7), (9, 9, 10), (13, 13, 14)]


def save_models(folder: Path) -> dict[str, Path]:
    """Model files of GAPs, customary and with all channels and electrostatics, and of neural potentials."""
    frames = [a for name in ("train", "strained") for a in read_frames(DATA / f"{name}.extxyz")]
    for atoms in frames:
        atoms.info.pop("REF_stress", None)
        atoms.arrays.pop("REF_forces", None)
    choices = {
        "gap, customary": ("gap", FitSettings(pair=PairSettings(delta=2.0), soap=SMALL, uncertainty=False)),
        "es-gap, all channels": ("es-gap", FitSettings(soap=SoapSettings(), uncertainty=False)),
    }
    files = {}
    for name, (preset, settings) in choices.items():
        files[name] = folder / f"{preset}.safetensors"
        Potential(fit_jobs(frames, {name: Job(fit_preset(preset), settings)})[name]).save(files[name])
    once = NeuralTraining(adam_epochs=1, lbfgs_epochs=0, validation=0.0)
    for generation in ("2g", "latent-charges", "4g"):
        files[generation] = folder / f"{generation}.safetensors"
        neural = NeuralSettings(generation=generation, linear=False, total_charge=0.0)
        Potential([fit_neural(frames[:2], neural, once)]).save(files[generation])
    return files


def resident(name: str) -> int:
    """Resident memory of this process in kB, now (VmRSS) or at its highest since `forget_peak` (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def forget_peak() -> None:
    """Let VmHWM begin anew, see proc(5)."""
    Path("/proc/self/clear_refs").write_text("5")


def measure(model: Path, repeat: tuple[int, ...]) -> dict[str, float]:
    """Times in µs and memory in kB per atom of one size, in this process."""
    potential = Potential.load(model)
    parts = [term for term in potential.terms if isinstance(term, LocalTerm)]
    local = Potential(parts) if parts else potential
    cell = read_frames(DATA / "train.extxyz")[0]
    potential.evaluate(cell * 2)
    crystal = cell * repeat
    crystal.rattle(0.05, seed=1)
    row: dict[str, float] = {"atoms": len(crystal)}
    for name, terms in (("all", potential), ("local", local)):
        spent, before = [], resident("VmRSS")
        forget_peak()
        for _ in range(max(2, 10_000 // len(crystal))):
            started = time.process_time()
            terms.evaluate(crystal)
            spent.append(time.process_time() - started)
        row[name] = 1e6 * min(spent) / len(crystal)
        row.setdefault("memory", (resident("VmHWM") - before) / len(crystal))
    return row


def growth(rows: list[dict[str, float]], name: str) -> float:
    """Exponent with which a quantity of the whole structure grows with its number of atoms."""
    atoms = np.array([row["atoms"] for row in rows])
    total = np.array([row[name] for row in rows]) * atoms
    return float(np.polyfit(np.log(atoms), np.log(total), 1)[0])


def main() -> None:
    results: dict[str, object] = {
        "machine": platform.processor() or platform.machine(),
        "versions": {name: version(name) for name in ("numpy", "numba")},
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, model in save_models(Path(folder)).items():
            rows = []
            for repeat in REPEATS:
                command = [sys.executable, __file__, str(model), *map(str, repeat)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                rows.append(json.loads(done.stdout))
            times = [row["local"] for row in rows]
            results[name] = {
                "sizes": [
                    {
                        "atoms": row["atoms"],
                        "µs per atom": round(row["all"], 1),
                        "local, µs per atom": round(row["local"], 1),
                        "kB per atom": round(row["memory"], 2),
                    }
                    for row in rows
                ],
                "exponent of time": round(growth(rows, "all"), 3),
                "exponent of time, local": round(growth(rows, "local"), 3),
                "exponent of memory": round(growth(rows[2:], "memory"), 3),
                "longest / shortest local time per atom": round(max(times) / min(times), 3),
            }
    print(json.dumps(results, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(Path(sys.argv[1]), tuple(map(int, sys.argv[2:])))))
    else:
        main()
