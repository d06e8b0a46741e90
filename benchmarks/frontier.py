"""Error against number of training frames and against time per atom, for local models of the package.

    OMP_NUM_THREADS=1 python benchmarks/frontier.py [--labels FILE] [--test PREFIX ...] [--figure FILE.png]

By default the labels of Li7P3S11 in data/lps, tested on the trajectory at 800 K; `--labels` takes any other
labelled file, whose frames are told apart by `trajectory`, or by `config_type` where they have none; those
that begin with one of `--test` are left out. Prints JSON: force RMSE (eV/Å; test and training) and energy
RMSE (meV/atom) for growing parts of the training frames, processor time of the fit in s, and of energy and
forces in µs per atom (median; about 500 atoms).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from ase import Atoms

from superion import Calculator, FitSettings, Potential, read_frames
from superion.analysis.accuracy import errors
from superion.potentials.baseline import ISOLATED
from superion.potentials.gap.fit import fit
from superion.potentials.gap.quality import FAR, NEAR
from superion.potentials.many_body.soap import SoapSettings
from superion.potentials.repulsion import Repulsion

DATA = Path(__file__).parents[1] / "data" / "lps"
FILES = [DATA / f"{name}.extxyz" for name in ("train", "strained", "eos", "beta-Li3PS4", "isolated")]
MODELS = {
    "all channels": FitSettings(soap=SoapSettings()),
    "12 channels, the default": FitSettings(),
    "12 channels, 2000 points": FitSettings(soap=NEAR.model_copy(update={"sparse_points": 2000})),
    "two blocks": FitSettings(soap=NEAR, more_soap=(FAR,)),
    "learned channels": FitSettings(quality="learned"),
    "two blocks, learned channels: fine": FitSettings(quality="fine"),
}


def group(atoms: Atoms) -> str:
    """What a frame belongs to."""
    return str(atoms.info.get("trajectory", atoms.info.get("config_type", "")))


def microseconds(potential: Potential, crystal: Atoms) -> float:
    """Processor time of energy and forces per atom."""
    calculator, spent = Calculator(potential.tabulated(1e-3)), []
    for seed in range(12):
        atoms = crystal.copy()
        atoms.rattle(0.001, seed=seed)
        atoms.calc = calculator
        started = time.process_time()
        atoms.get_forces()
        spent.append(time.process_time() - started)
    return 1e6 * float(np.median(spent[2:])) / len(crystal)


def measured(settings: FitSettings, train: list[Atoms], test: list[Atoms]) -> dict[str, float]:
    """Errors and times of one fit."""
    started = time.process_time()
    changed = settings.model_copy(update={"uncertainty": False})
    potential = Potential(fit(train, changed, {"gap": [Repulsion.below(train)]})["gap"])
    spent = time.process_time() - started
    bulk = [atoms for atoms in train if len(atoms) > 1]
    own, left_out = (errors(frames, [potential.evaluate(a) for a in frames]) for frames in (bulk, test))
    first = test[0]
    times = max(1, round((500 / len(first)) ** (1 / 3)))
    return {
        "force_rmse": round(left_out["force_rmse"], 4),
        "force_rmse_training": round(own["force_rmse"], 4),
        "energy_rmse_meV_per_atom": round(1e3 * left_out["energy_rmse_per_atom"], 2),
        "fit_s": round(spent, 1),
        "us_per_atom": round(microseconds(potential, first * (times, times, times)), 1),
    }


def draw(results: dict[str, dict[str, dict[str, float]]], path: str) -> None:
    """Both curves, one line and one point per model."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
    for name, found in results.items():
        left.plot([int(n) for n in found], [row["force_rmse"] for row in found.values()], "o-", label=name)
        last = list(found.values())[-1]
        right.plot(last["us_per_atom"], last["force_rmse"], "o")
    left.set(xlabel="training frames", ylabel="force RMSE (eV/Å)")
    right.set(xlabel="µs/atom", xlim=(0, None))
    left.legend(fontsize=7)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--labels", type=Path, nargs="+", default=FILES)
    parser.add_argument("--test", nargs="+", default=["Li7P3S11-800K-s1"])
    parser.add_argument("--parts", type=float, nargs="+", default=[0.25, 0.5, 1.0])
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--points", type=int, help="sparse points of every block, for a quick look")
    parser.add_argument("--figure")
    options = parser.parse_args()
    frames = [atoms for path in options.labels for atoms in read_frames(path)]
    test = [a for a in frames if any(group(a).startswith(prefix) for prefix in options.test)]
    rest = [a for a in frames if not any(a is b for b in test)]
    lone = [a for a in rest if a.info.get("config_type") == ISOLATED]
    train = [a for a in rest if not any(a is b for b in lone)]
    order = np.random.default_rng(0).permutation(len(train))
    results: dict[str, dict[str, dict[str, float]]] = {name: {} for name in options.models}
    for part in options.parts:
        some = [train[k] for k in sorted(order[: max(1, round(part * len(train)))])]
        for name in options.models:
            settings = MODELS[name]
            if options.points is not None:
                fewer = [s.model_copy(update={"sparse_points": options.points}) for s in settings.soaps]
                settings = settings.model_copy(update={"soap": fewer[0], "more_soap": tuple(fewer[1:])})
            results[name][str(len(some))] = measured(settings, [*some, *lone], test)
    print(json.dumps(results, indent=2))
    if options.figure:
        draw(results, options.figure)


if __name__ == "__main__":
    main()
