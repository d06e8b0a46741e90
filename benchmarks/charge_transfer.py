"""Charge transfer over distances that no local model sees: neural potentials of every generation.

    python benchmarks/charge_transfer.py carbon_chain.input.data --seeds 0 1 2
    python benchmarks/charge_transfer.py Au2_MgO.input.data --models 2g 4g --seeds 0 1 2 3 4

The files are subsets of the data of Ko, Finkler, Goedecker and Behler, Nat. Commun. 12, 398 (2021), CC BY
4.0, as shipped with n2p2. Carbon chains: C10H2 and C10H3+, whose far end knows of the third hydrogen by its
charge alone; a random fifth is held out. Gold on magnesium oxide: Au2 lies flat on the surface if aluminium
is dissolved 11 Å away from it and stands upright if not. Seed k holds out the quarter k modulo 4 of the
frames of each kind; the question, asked on one slab with aluminium or magnesium in the same places, is
whether aluminium changes what gold prefers. It cannot in a local model: no atom has both within the cutoff.
Prints one JSON line for each training and, for gold, a last one for each model over all of them.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
from ase import Atoms

from superion.analysis.accuracy import errors
from superion.potentials.neural import LabelSigmas, NeuralSettings, NeuralTerm, NeuralTraining, fit_neural
from superion.structures.read import read_frames

CUTOFF = {"cutoff": 4.23}  # 8 bohr, as published
SLAB = {  # charge that moves must move on gold, so that the oxide starts hard
    "symmetry": CUTOFF | {"radial": 5, "angular": 1},
    "hidden": (5,),
    "hardness": {"O": 3000.0, "Mg": 3000.0, "Al": 3000.0, "Au": 0.5},
}
SLAB_TRAINING = {
    "validation": 0.0,
    "rate": 0.03,
    "sigma": LabelSigmas(energy=0.001, charge=0.004),
}
SLAB_DECAY = 0.3  # times the number of frames
SLAB_EPOCHS = {"adam_epochs": 50, "lbfgs_epochs": 60}
QUARTERS = 4
ROUNDING = 1e-3  # eV
EPOCHS = {"adam_epochs": 300, "lbfgs_epochs": 150}
MODELS = {
    "2g": {"generation": "2g"},
    "3g": {"generation": "3g"},
    "3g, charges as predicted": {"generation": "3g", "conserve": False},
    "cent": {"generation": "cent"},
    "4g": {"generation": "4g"},
    "latent charges": {"generation": "latent-charges"},
    "latent charges, equilibrated": {"generation": "latent-charges", "latent": "equilibrated"},
}


PLACES = [(kind, place) for kind in ("pure", "doped") for place in ("flat", "standing")]


def charge_rmse(term: NeuralTerm, frames: list[Atoms]) -> float | None:
    """e, over all atoms."""
    if not term.model.settings.charged:
        return None
    wrong = [term.charges(atoms) - atoms.arrays["REF_charges"] for atoms in frames]
    return float(np.sqrt(np.mean(np.concatenate(wrong) ** 2)))


def chains(frames: list[Atoms], term: NeuralTerm) -> dict:
    """Errors on held-out chains, of both kinds and of the end that has two hydrogens or one."""
    found = term.evaluate_batch(frames)
    wrong = errors(frames, found)
    result = {
        "force_rmse_meV_per_A": 1e3 * wrong["force_rmse"],
        "energy_rmse_meV_per_atom": 1e3 * wrong["energy_rmse_per_atom"],
        "charge_rmse_me": None if found[0].charges is None else 1e3 * charge_rmse(term, frames),
    }
    for charge, name in ((0.0, "C10H2"), (1.0, "C10H3+")):
        mine = [k for k, atoms in enumerate(frames) if atoms.info["total_charge"] == charge]
        own = [frames[k] for k in mine]
        result[f"force_rmse_{name}"] = 1e3 * errors(own, [found[k] for k in mine])["force_rmse"]
        if found[0].charges is not None:
            result[f"charge_rmse_{name}"] = 1e3 * charge_rmse(term, own)
    return result


def gold(frames: list[Atoms], held: list[Atoms], term: NeuralTerm) -> dict:
    """Energy of Au2 lying flat minus standing (eV) on one and the same slab, without and with aluminium.

    Once on the mean of all slabs, with Au2 as in the mean of the frames in which it lies or stands; once all
    of it from the held-out frames alone. Of these also the errors. `pure_reference`, `doped_reference`: the
    reference corrected by what the rule that it follows is wrong by for this model.
    """
    result: dict[str, float] = {"aluminium_to_gold_A": np.inf}
    for name, shown in (("", frames), ("_held_out", held)):
        energies = {}
        for kind, place in PLACES:
            model = common(shown, kind, place)
            energies[kind, place] = term.evaluate(model).energy
            apart = model.get_all_distances(mic=True)[model.symbols == "Al"][:, model.symbols == "Au"]
            result["aluminium_to_gold_A"] = min(result["aluminium_to_gold_A"], apart.min(initial=np.inf))
        for kind in ("pure", "doped"):
            result[f"{kind}{name}"] = energies[kind, "flat"] - energies[kind, "standing"]
        result[f"change{name}"] = result[f"doped{name}"] - result[f"pure{name}"]
    by_label, by_model = reference(frames), reference(labelled(frames, term))
    for kind in ("pure", "doped"):
        result[f"{kind}_reference"] = by_label[kind] + result[kind] - by_model[kind]
    found = term.evaluate_batch(held)
    wrong = errors(held, found)
    result["force_rmse_meV_per_A"] = 1e3 * wrong["force_rmse"]
    result["energy_rmse_meV_per_atom"] = 1e3 * wrong["energy_rmse_per_atom"]
    if found[0].charges is not None:
        result["charge_rmse_me"] = 1e3 * charge_rmse(term, held)
        wrong = [q.charges - a.arrays["REF_charges"] for q, a in zip(found, held, strict=True)]
        of_gold = np.concatenate([q[a.symbols == "Au"] for q, a in zip(wrong, held, strict=True)])
        result["gold_charge_rmse_me"] = 1e3 * float(np.sqrt(np.mean(of_gold**2)))
    return result


def reference(frames: list[Atoms]) -> dict:
    """The same on the mean slab, from labelled energies and forces, with standard errors of the mean (eV).

    By the trapezoidal rule from the frames of each kind, with their mean force as the force at the end: exact
    for a harmonic energy at the mean of these frames, too low away from it.
    """
    energies, variance = {}, {}
    for kind, place in PLACES:
        at, mine = common(frames, kind, place).positions, of_kind(frames, kind, place)
        force = np.mean([atoms.arrays["REF_forces"] for atoms in mine], axis=0)
        moved = [
            atoms.info["REF_energy"]
            - 0.5 * np.sum((atoms.arrays["REF_forces"] + force) * (at - atoms.positions))
            for atoms in mine
        ]
        energies[kind, place], variance[kind, place] = np.mean(moved), np.var(moved, ddof=1) / len(moved)
    result = {}
    for kind in ("pure", "doped"):
        result[kind] = energies[kind, "flat"] - energies[kind, "standing"]
        result[f"{kind}_error"] = np.sqrt(variance[kind, "flat"] + variance[kind, "standing"])
    result["change"] = result["doped"] - result["pure"]
    return result


def labelled(frames: list[Atoms], term: NeuralTerm) -> list[Atoms]:
    """The frames with the energies and forces of the model for labels."""
    result = []
    for atoms, found in zip(frames, term.evaluate_batch(frames), strict=True):
        result.append(atoms.copy())
        result[-1].info["REF_energy"], result[-1].arrays["REF_forces"] = found.energy, found.forces
    return result


def summary(results: list[dict]) -> dict:
    """Mean and spread over all trainings, and the part of them that has the signs right."""
    result: dict[str, float] = {"trainings": len(results)}
    for key in results[0]:
        values = [found[key] for found in results]
        result |= {key: np.mean(values), f"{key}_spread": np.std(values, ddof=1)}
    for name in ("", "_held_out"):
        right = [found[f"pure{name}"] > 0 > found[f"change{name}"] + ROUNDING for found in results]
        both = [found[f"pure{name}"] > 0 > found[f"doped{name}"] for found in results]
        result[f"pure_and_change_right{name}"], result[f"both_right{name}"] = np.mean(right), np.mean(both)
    return result


def quarters(frames: list[Atoms]) -> list[list[int]]:
    """Indices of the frames held out together: every fourth of each kind."""
    held: list[list[int]] = [[] for _ in range(QUARTERS)]
    for kind, place in PLACES:
        for k, atoms in enumerate(of_kind(frames, kind, place)):
            held[k % QUARTERS].append(next(n for n, other in enumerate(frames) if other is atoms))
    return held


def common(frames: list[Atoms], kind: str, place: str) -> Atoms:
    """Au2 as in the mean of the frames in which it is so placed, on the mean slab of all of them."""
    there = [atoms for atoms in frames if placed(atoms) == place]
    result = of_kind(frames, kind, place)[0].copy()
    gold_atoms = (result.symbols == "Au")[:, None]
    result.positions = np.where(gold_atoms, mean_positions(there), mean_positions(frames))
    return result


def of_kind(frames: list[Atoms], kind: str, place: str) -> list[Atoms]:
    """Frames with (doped) or without (pure) aluminium on which Au2 is so placed."""
    return [a for a in frames if placed(a) == place and ("Al" in a.symbols) == (kind == "doped")]


def mean_positions(frames: list[Atoms]) -> np.ndarray:
    """(N, 3) Å."""
    return np.mean([atoms.positions for atoms in frames], axis=0)


def placed(atoms: Atoms) -> str:
    """How Au2 is adsorbed."""
    heights = atoms.positions[atoms.symbols == "Au", 2]
    return "flat" if abs(heights[0] - heights[1]) < 1.0 else "standing"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", help="input.data of RuNNer or n2p2")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--adam", type=int, default=None, help="epochs of Adam")
    parser.add_argument("--lbfgs", type=int, default=None, help="epochs of L-BFGS")
    parser.add_argument("--decay", type=float, default=None, help="prior of the weights")
    parser.add_argument("--hardness", type=float, default=None, help="of every element before training")
    options = parser.parse_args()
    frames = read_frames(options.path)
    slabs = bool(frames[0].pbc.all())
    given = {"adam_epochs": options.adam, "lbfgs_epochs": options.lbfgs, "decay": options.decay}
    given = {key: value for key, value in given.items() if value is not None}
    every: dict[str, list[dict]] = {name: [] for name in options.models}
    if slabs:
        print(json.dumps({"model": "reference"} | rounded(reference(frames))), flush=True)
    for seed in options.seeds:
        order = np.random.default_rng(seed).permutation(len(frames)).tolist()
        held = quarters(frames)[seed % QUARTERS] if slabs else order[: len(frames) // 5]
        train, test = [frames[k] for k in order if k not in held], [frames[k] for k in held]
        for name in options.models:
            started = time.process_time()
            settings = (SLAB if slabs else {"symmetry": CUTOFF}) | MODELS[name]
            if options.hardness is not None:
                settings["hardness"] = options.hardness
            how = (SLAB_TRAINING | SLAB_EPOCHS if slabs else EPOCHS) | given | {"seed": seed}
            if slabs and options.decay is None:
                how["decay"] = SLAB_DECAY * len(train)
            if slabs and settings["generation"] in ("3g", "4g"):
                how["stages"] = "charges", "short-range"
            term = fit_neural(train, NeuralSettings(**settings), NeuralTraining(**how))
            seconds = round(time.process_time() - started)
            every[name].append(gold(frames, test, term) if slabs else chains(test, term))
            line = {"model": name, "seed": seed, "held_out": held if slabs else len(held)}
            print(json.dumps(line | {"seconds": seconds} | rounded(every[name][-1])), flush=True)
    for name, results in every.items():
        if slabs and len(results) > 1:
            print(json.dumps({"model": name} | rounded(summary(results))), flush=True)


def rounded(result: dict) -> dict:
    return {key: None if value is None else round(value, 3) for key, value in result.items()}


if __name__ == "__main__":
    main()
