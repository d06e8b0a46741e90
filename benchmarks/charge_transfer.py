"""Charge transfer over distances that no local model sees: neural potentials of every generation.

    python benchmarks/charge_transfer.py carbon_chain.input.data --seeds 0 1 2
    python benchmarks/charge_transfer.py Au2_MgO.input.data

The files are subsets of the data of Ko, Finkler, Goedecker and Behler, Nat. Commun. 12, 398 (2021), CC BY
4.0, as shipped with n2p2. Carbon chains: C10H2 and C10H3+, whose far end knows of the third hydrogen by its
charge alone; a random fifth is held out. Gold on magnesium oxide: Au2 lies flat on the surface if aluminium
is dissolved 11 Å away from it and stands upright if not; all frames are trained on, and the question is
whether a model can hold both; the slabs differ a little too, which a local model can use. Prints one JSON
line for each training.
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
MODELS = {
    "2g": {"generation": "2g"},
    "3g": {"generation": "3g"},
    "3g, charges as predicted": {"generation": "3g", "conserve": False},
    "cent": {"generation": "cent"},
    "4g": {"generation": "4g"},
    "latent charges": {"generation": "latent-charges"},
    "latent charges, equilibrated": {"generation": "latent-charges", "latent": "equilibrated"},
}


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


def gold(frames: list[Atoms], term: NeuralTerm) -> dict:
    """Energy of Au2 lying flat minus standing (eV), lowest frame of each, on both slabs."""
    result = {}
    energies = {k: e.energy for k, e in enumerate(term.evaluate_batch(frames))}
    lowest = {}
    for k, atoms in enumerate(frames):
        heights = atoms.positions[atoms.symbols == "Au", 2]
        place = "flat" if abs(heights[0] - heights[1]) < 1.0 else "standing"
        kind = "doped" if "Al" in atoms.symbols else "pure", place
        if kind not in lowest or atoms.info["REF_energy"] < frames[lowest[kind]].info["REF_energy"]:
            lowest[kind] = k
    for slab in ("pure", "doped"):
        flat, standing = lowest[slab, "flat"], lowest[slab, "standing"]
        result[f"{slab}_reference"] = frames[flat].info["REF_energy"] - frames[standing].info["REF_energy"]
        result[f"{slab}_model"] = energies[flat] - energies[standing]
    found = term.evaluate_batch(frames)
    result["force_rmse_meV_per_A"] = 1e3 * errors(frames, found)["force_rmse"]
    if found[0].charges is not None:
        result["charge_rmse_me"] = 1e3 * charge_rmse(term, frames)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", help="input.data of RuNNer or n2p2")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--adam", type=int, default=None, help="epochs of Adam")
    parser.add_argument("--lbfgs", type=int, default=None, help="epochs of L-BFGS")
    options = parser.parse_args()
    frames = read_frames(options.path)
    slabs = bool(frames[0].pbc.all())
    adam, lbfgs = (100, 10) if slabs else (300, 150)
    for seed in options.seeds:
        order = np.random.default_rng(seed).permutation(len(frames))
        held = 0 if slabs else len(frames) // 5
        train, test = [frames[k] for k in order[held:]], [frames[k] for k in order[:held]]
        for name in options.models:
            started = time.process_time()
            training = NeuralTraining(
                adam_epochs=options.adam if options.adam is not None else adam,
                lbfgs_epochs=options.lbfgs if options.lbfgs is not None else lbfgs,
                validation=0.0 if slabs else 0.1,
                sigma=LabelSigmas(energy=0.0005) if slabs else LabelSigmas(),
                seed=seed,
            )
            term = fit_neural(train, NeuralSettings(symmetry=CUTOFF, **MODELS[name]), training)
            seconds = time.process_time() - started
            result = gold(frames, term) if slabs else chains(test, term)
            result = {key: None if value is None else round(value, 3) for key, value in result.items()}
            print(json.dumps({"model": name, "seed": seed, "seconds": round(seconds)} | result), flush=True)


if __name__ == "__main__":
    main()
