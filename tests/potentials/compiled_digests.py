"""Prints a digest of what every family of compiled loops gives, as JSON. Run as a program."""

import hashlib
import json

import numpy as np
from ase.build import bulk

from superion.electrostatics import CoulombTerm, FixedCharges, Slater, rappe_goddard
from superion.potentials.classical.pair_forms import Buckingham
from superion.potentials.classical.pair_potentials import PairPotentials
from superion.potentials.few_body.angle import AngleSettings
from superion.potentials.few_body.pair import PairSettings
from superion.potentials.gap.fit import fit
from superion.potentials.gap.settings import FitSettings
from superion.potentials.many_body.soap import SoapSettings
from superion.potentials.repulsion import Repulsion

CUTOFF = {"cutoff": 4.0, "cutoff_width": 1.5}


def digest(*arrays: object) -> str:
    whole = hashlib.sha256()
    for array in arrays:
        whole.update(np.ascontiguousarray(array).tobytes())
    return whole.hexdigest()[:12]


def of(found: object) -> str:
    return digest(found.energy, found.forces, found.virial)  # type: ignore[attr-defined]


def digests() -> dict[str, str]:
    rng = np.random.default_rng(0)
    frames = []
    for _ in range(4):
        atoms = bulk("LiCl", "rocksalt", a=5.1, cubic=True)
        atoms.positions += rng.normal(0, 0.15, (8, 3))
        atoms.info["REF_energy"] = rng.normal()
        atoms.arrays["REF_forces"] = rng.normal(size=(8, 3))
        frames.append(atoms)
    settings = FitSettings(
        pair=PairSettings(**CUTOFF, sparse_points=4),
        angle=AngleSettings(**CUTOFF, sparse_points=6),
        soap=SoapSettings(**CUTOFF, n_max=3, l_max=3, sparse_points=8),
        baseline="least-squares",
    )
    (local,) = fit(frames, settings, {"local": []})["local"]
    whole, cluster = frames[0].repeat((2, 2, 1)), frames[0].copy()
    cluster.pbc = False
    charges = FixedCharges({"Li": 0.7, "Cl": -0.7})
    found = {"weights": digest(local.weights)}
    found["local"] = of(local.evaluate(whole))
    found["tabulated"] = of(local.tabulated(1e-3).evaluate(whole))
    for method in ("ewald", "pme"):
        found[method] = of(
            CoulombTerm(charges, Slater.from_screening(2.0), 1e-6, method=method).evaluate(whole)
        )
    found["cluster"] = of(CoulombTerm(charges, Slater.from_screening(2.0), 1e-6).evaluate(cluster))
    found["repulsion"] = of(Repulsion({(3, 17): 3.0, (17, 17): 4.0}).evaluate(whole))
    pairs = PairPotentials(
        {("Li", "Cl"): Buckingham(700.0, 0.3), ("Cl", "Cl"): Buckingham(3000.0, 0.3, 60.0)}, cutoff=5.0
    )
    found["pairs"] = of(pairs.evaluate(whole))
    equilibration = rappe_goddard(["Li", "Cl"], "gaussian", total_charge=0.0)
    equilibration.solver = "iterative"
    found["equilibrated"] = digest(equilibration.charges(whole))
    return found


if __name__ == "__main__":
    print(json.dumps(digests()))
