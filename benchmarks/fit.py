"""Processor time and peak memory of the whole fit: superion beside gap_fit, same data and hyper-parameters.

    OMP_NUM_THREADS=1 python benchmarks/fit.py [--sets small large] [--no-peer] [--no-growth]

60 frames of 42 and 84 atoms of Li7P3S11 (every other one as a 2 x 1 x 1 supercell) with energies and forces;
one trajectory is held out as the test set. Each fit is a process of its own, from its start to the written
model; its processor time and peak memory are what the operating system says. Both choose sparse points by
CUR, at random: what that does to test errors is seen from three more fits of ours. Prints JSON for each set.
gap_fit takes minutes and 6 GB for the small set, more for the large one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import write
from gap_fit import arguments, target

from superion import FitSettings, Potential, read_frames
from superion.analysis.accuracy import errors
from superion.potentials import Sigmas, estimate_memory
from superion.potentials.few_body.pair import PairSettings
from superion.potentials.gap.fit import baseline_energies, fit
from superion.potentials.many_body.soap import SoapSettings
from superion.terms import Evaluation

DATA = Path(__file__).parents[1] / "data" / "lps"
HELD_OUT = "1000K"
FRAMES = 60
CUSTOMARY = {"cutoff": 6.0, "cutoff_width": 1.0, "n_max": 8, "atom_sigma": 0.5, "zeta": 4, "delta": 0.2}
SETS = {"small": {"l_max": 4, "sparse_points": 333}, "large": {"l_max": 6, "sparse_points": 667}}


def settings(name: str) -> FitSettings:
    return FitSettings(
        pair=PairSettings(cutoff=6.0, cutoff_width=1.0, lengthscale=1.0, delta=2.0, sparse_points=20),
        soap=SoapSettings(**CUSTOMARY, **SETS[name]),
        sigma=Sigmas(energy=0.002, force=0.1),
        baseline="least-squares",
        uncertainty=False,
    )


def supercell(atoms: Atoms) -> Atoms:
    """Two cells side by side, with the labels that follow."""
    double = atoms * (2, 1, 1)
    double.info["REF_energy"] = 2 * atoms.info["REF_energy"]
    return double


def workload() -> tuple[list[Atoms], list[Atoms]]:
    """Training and test frames with energies and forces."""
    train, test = [], []
    for name in ("train", "strained"):
        for atoms in read_frames(DATA / f"{name}.extxyz"):
            atoms.info.pop("REF_stress")
            (test if HELD_OUT in atoms.info["trajectory"] else train).append(atoms)
    train = train[:FRAMES]
    return [supercell(a) if k % 2 else a for k, a in enumerate(train)], test


def child(name: str, count: int, path: Path) -> None:
    """What is measured: read, fit, write. Takes evenly spaced frames."""
    train = workload()[0]
    some = [train[k] for k in np.linspace(0, len(train) - 1, count).round().astype(int)]
    Potential(fit(some, settings(name), {"gap": []})["gap"]).save(path)


def measured(words: list[str], folder: Path) -> dict[str, float]:
    """Run a program; its processor seconds (with those of its children) and peak memory in GB."""
    with open(folder / "log", "w") as log:
        program = subprocess.Popen(words, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(program.pid, 0)
        program.returncode = os.waitstatus_to_exitcode(status)
    if status:
        sys.exit((folder / "log").read_text()[-3000:])
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "processor seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "peak memory GB": round(usage.ru_maxrss * unit / 1e9, 3),
    }


def ours(name: str, count: int, folder: Path) -> dict[str, float]:
    words = [sys.executable, str(Path(__file__).resolve()), "--child", name, str(count), "model.safetensors"]
    return measured(words, folder)


def rounded(found: dict[str, object]) -> dict[str, object]:
    kept = ("energy_rmse_per_atom", "force_rmse")
    return {key: float(f"{found[key]:.4g}") for key in kept}


def compare(name: str, peer: bool, folder: Path) -> dict[str, object]:
    train, test = workload()
    result: dict[str, object] = {"superion": ours(name, len(train), folder)}
    potential = Potential.load(folder / "model.safetensors")
    result["superion"] |= rounded(errors(test, [potential.evaluate(a) for a in test]))
    result["superion"]["stated memory GB"] = round(estimate_memory(settings(name), train) / 1e9, 3)
    others = []
    for seed in (1, 2, 3):
        again = settings(name).model_copy(update={"seed": seed})
        potential = Potential(fit(train, again, {"gap": []})["gap"])
        others.append(rounded(errors(test, [potential.evaluate(a) for a in test])))
    result["superion, other sparse points"] = others
    if not peer:
        return result
    from quippy.potential import Potential as Quip

    species = sorted({int(z) for a in train for z in a.numbers})
    nothing = [Evaluation.zero(len(a)) for a in train]
    baseline = baseline_energies(train, train, nothing, "least-squares", species)
    frames = [target(a, none) for a, none in zip(train, nothing, strict=True)]
    write(folder / "train.extxyz", frames)
    words = arguments(settings(name), potential.terms[-1].species, baseline)
    program = str(Path(sys.executable).parent / "gap_fit")
    result["gap_fit"] = measured([program, "at_file=train.extxyz", "gp_file=gap.xml", *words], folder)
    quip = Quip("IP GAP", param_filename=str(folder / "gap.xml"))
    found = []
    for atoms in test:
        copy = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True, calculator=quip)
        energy, forces = copy.get_potential_energy(), copy.get_forces()
        found.append(Evaluation(energy, np.zeros(len(copy)), forces, np.zeros((3, 3))))
    result["gap_fit"] |= rounded(errors(test, found))
    result["gap_fit / superion"] = {
        key: round(value / result["superion"][key], 3) for key, value in result["gap_fit"].items()
    }
    return result


def growth(name: str, folder: Path) -> dict[str, object]:
    """Time and memory with the number of frames, and the exponents between the last two."""
    counts = [15, 30, 60]
    found = [ours(name, count, folder) for count in counts]
    exponents = {
        key: round(float(np.log2(found[-1][key] / found[-2][key])), 2)
        for key in ("processor seconds", "peak memory GB")
    }
    return {"frames": dict(zip(counts, found, strict=True)), "exponents, 30 to 60 frames": exponents}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["small"])
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--no-growth", action="store_true")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        name, count, path = options.child
        return child(name, int(count), Path(path))
    machine = {
        "machine": platform.processor() or platform.machine(),
        "versions": {name: version(name) for name in ("numpy", "numba", "quippy-ase")},
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        ours("small", 2, folder)  # compiles
        for name in options.sets:
            result = machine | compare(name, not options.no_peer, folder)
            if not options.no_growth:
                result["growth"] = growth(name, folder)
            print(json.dumps({name: result}, indent=2), flush=True)


if __name__ == "__main__":
    main()
