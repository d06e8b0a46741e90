# %% [markdown]
# # An active-learning loop
#
# Fit, explore with the fit, label the frames that it knows least, fit again. The labels here come from a
# classical model of rock salt that plays the part of first principles, so that this page takes seconds.
# `superion active-learning` does the same with GPAW, CP2K or any ASE calculator.

# %%
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
import yaml
from ase import Atoms
from ase.build import bulk
from ase.io import write

from superion import Potential
from superion.active_learning.run import run_training
from superion.electrostatics import CoulombTerm, FixedCharges, Point
from superion.files import read_json
from superion.potentials.classical.pair_forms import Buckingham
from superion.potentials.classical.pair_potentials import PairPotentials
from superion.report.style import BLUE, ORANGE, STYLE

plt.rcParams.update(STYLE)
folder = Path(mkdtemp())

repulsion = PairPotentials({("Na", "Cl"): Buckingham(1256.3, 0.3162)}, cutoff=6.0)  # eV, Å
truth = Potential([CoulombTerm(FixedCharges({"Na": 1.0, "Cl": -1.0}), Point(), accuracy=1e-5), repulsion])
truth.save(folder / "truth.safetensors")

# %% [markdown]
# Known at the start: four frames, slightly rattled. The test frames are hot, and unlike them.

# %%
rng = np.random.default_rng(1)


def labelled(rattle, trajectory):
    """Rock salt, every atom displaced by so many Å, with exact labels."""
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    atoms.positions += rng.normal(0, rattle, (8, 3))
    found = truth.evaluate(atoms)
    atoms.info = {"REF_energy": found.energy, "trajectory": trajectory}
    atoms.arrays["REF_forces"] = found.forces
    return atoms


known = [labelled(0.03, "cold") for _ in range(4)]
test = [labelled(0.25, "hot") for _ in range(20)]
lone = [Atoms(s, info={"REF_energy": 0.0, "config_type": "IsolatedAtom"}) for s in ("Na", "Cl")]
write(folder / "salt.extxyz", known + test + lone)

# %% [markdown]
# One generation explores with runs at 300 and 900 K, chooses eight frames, labels them and fits again. We
# let two trainings choose differently: by predicted uncertainty, and at random.

# %%
settings = {
    "name": "salt",
    "data": {"files": ["salt.extxyz"], "test": ["hot"]},
    "models": ["gap"],
    "fit": {"soap": {"cutoff": 4.5, "n_max": 4, "l_max": 3, "sparse_points": 60}},
    "labels": {"labeller": {"model": "truth.safetensors"}, "executor": "threads:1"},
    "explore": {
        "walkers": 2,
        "dynamics": {"temperatures": [300, 900], "timestep": 2.0, "steps": 150, "sample_every": 5},
        "snapshots": 12,
    },
    "protocol": {"kind": "generations", "model": "gap", "generations": 4, "patience": 4},
    "budget": 40,
    "seed": 1,
    "parallel": 1,
}
summaries = {}
for method in ("variance", "random"):
    path = folder / f"{method}.yaml"
    path.write_text(yaml.safe_dump(settings | {"name": method, "select": {"method": method, "count": 8}}))
    made = run_training(path, folder / method, figure=False, progress=False)
    summaries[method] = read_json(made / "summary.json")
print(summaries["variance"]["ended"])

# %%
fig, (left, right) = plt.subplots(
    1,
    2,
    figsize=(8.6, 3.6),
    layout="constrained",
    num="Errors against labels spent, and uncertainty of chosen frames",
)
for (method, summary), colour, line in zip(summaries.items(), (BLUE, ORANGE), ("o-", "s--"), strict=True):
    judged = summary["generations"]
    labels = [generation["labels"] for generation in judged]
    errors = [generation["models"]["gap"]["test"]["force_rmse"] for generation in judged]
    left.plot(labels, errors, line, color=colour, label=method)
left.set(
    ylim=(0, None),
    xlabel="labels made by the loop",
    ylabel="force RMSE of hot frames (eV/Å)",
    title="What a label buys",
)
left.legend(title="chosen by")

for path in sorted((folder / "variance").glob("generation-*/selected.json")):
    scores = [frame["score"] for frame in read_json(path)["chosen"]]
    number = int(path.parent.name.removeprefix("generation-"))
    right.semilogy(number + np.linspace(-0.2, 0.2, len(scores)), scores, "o", ms=4, color=BLUE)
right.set(
    xlabel="generation", ylabel="largest deviation of a force (eV/Å)", title="Uncertainty of what was chosen"
)
right.set_xticks(range(len(summaries["variance"]["generations"]) - 1))

# %% [markdown]
# Figure: Left, errors on hot frames that are never trained on, against the labels that the loop has asked
# for. Right, the predicted standard deviation of the least known force in each chosen frame, at the moment
# of choice.
#
# One pair of trainings proves nothing about methods of choice; `superion compare-selectors` compares them
# on your own labels. Protocols, stop rules, cleaning, Slurm: [active
# learning](../active-learning.md).
