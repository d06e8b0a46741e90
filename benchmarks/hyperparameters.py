"""What single choices do to the held-out force error, each trajectory left out in turn.

    OMP_NUM_THREADS=1 python benchmarks/hyperparameters.py

One thing is changed at a time from the defaults of the local potential. Prints JSON: force RMSE
(eV/Å) on the MD and strained frames of the trajectory that was left out.
"""

from __future__ import annotations

import json
from pathlib import Path

from superion import FitSettings, Potential, read_frames
from superion.analysis.accuracy import errors
from superion.potentials.gap.fit import fit
from superion.potentials.many_body.soap import SoapSettings
from superion.potentials.repulsion import Repulsion
from superion.structures.split import split_by_trajectory

DATA = Path(__file__).parents[1] / "data" / "lps"
TRAJECTORIES = ("Li7P3S11-500K-s3", "Li7P3S11-800K-s1", "Li7P3S11-1000K-s2")
CUSTOMARY = {"cutoff": 6.0, "cutoff_width": 1.0, "atom_sigma": 0.5, "zeta": 4}
CHOICES = {
    "default": ({}, 0.9),
    "customary cutoff, width, sigma, zeta": (CUSTOMARY, 0.9),
    "narrow cutoff function (width 1)": ({"cutoff_width": 1.0}, 0.9),
    "atom_sigma 0.5": ({"atom_sigma": 0.5}, 0.9),
    "zeta 4": ({"zeta": 4}, 0.9),
    "128 components": ({"components": 128}, 0.9),
    "repulsion from the shortest distance": ({}, 1.0),
}


def main() -> None:
    labelled = [a for name in ("train", "strained") for a in read_frames(DATA / f"{name}.extxyz")]
    md_only = read_frames(DATA / "train.extxyz")
    results: dict[str, dict[str, float]] = {}
    for held_out in TRAJECTORIES:
        test = split_by_trajectory(labelled, test=[held_out])[1]
        for data, frames in (
            ("trained on MD and strained frames", labelled),
            ("trained on MD frames", md_only),
        ):
            train = split_by_trajectory(frames, test=[held_out])[0]
            for name, (changes, margin) in CHOICES.items():
                settings = FitSettings(soap=SoapSettings(**changes), uncertainty=False)
                terms = fit(train, settings, {"gap": [Repulsion.below(train, margin=margin)]}, workers=2)[
                    "gap"
                ]
                error = errors(test, [Potential(terms).evaluate(atoms) for atoms in test])["force_rmse"]
                results.setdefault(f"{data}: {name}", {})[held_out] = round(error, 4)
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
