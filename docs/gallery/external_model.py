# %% [markdown]
# # Compare an external model with ours
#
# A study takes any ASE calculator beside models that it fits itself. Here a Lennard-Jones model of copper
# from the literature competes with a potential that the study fits; labels come from effective medium
# theory, so that the page takes seconds. A universal model such as MACE is opened by a settings file in the
# same way.

# %%
from pathlib import Path
from tempfile import mkdtemp
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.io import write

import superion
from superion.report.style import GREEN, STYLE, VERMILLION

plt.rcParams.update(STYLE)
folder = Path(mkdtemp())

rng = np.random.default_rng(0)


def labelled(atoms, **info):
    """A copy with energy, forces and stress of effective medium theory."""
    atoms = atoms.copy()
    atoms.calc = EMT()
    atoms.info = {"REF_energy": atoms.get_potential_energy(), "REF_stress": atoms.get_stress(), **info}
    atoms.arrays["REF_forces"] = atoms.get_forces()
    atoms.calc = None
    return atoms


copper = bulk("Cu", cubic=True)
frames = []
for run in ("a", "b", "c"):
    for _ in range(12):
        atoms = copper.copy()
        atoms.set_cell(copper.cell * (1 + rng.normal(0, 0.03)), scale_atoms=True)
        atoms.positions += rng.normal(0, 0.1, atoms.positions.shape)
        frames.append(labelled(atoms, trajectory=run))
lone = labelled(Atoms("Cu", cell=[12, 12, 12], pbc=True), config_type="IsolatedAtom")
curve = []
for scale in np.linspace(0.94, 1.06, 9):
    atoms = copper.copy()
    atoms.set_cell(copper.cell * scale, scale_atoms=True)
    curve.append(labelled(atoms, trajectory="eos"))
write(folder / "copper.extxyz", [*frames, lone])
write(folder / "eos.extxyz", curve)
write(folder / "start.extxyz", copper)

# %% [markdown]
# The external model is a settings file; the study names it beside its own. The verdict asks whether the
# fitted potential is needed instead of the external one.

# %%
external = """
ase: ase.calculators.lj:LennardJones
arguments: {epsilon: 0.409, sigma: 2.338, rc: 7.0, smooth: true}  # eV, Å; Halicioglu and Pound (1975)
"""
plan = """
name: copper
data: {files: [copper.extxyz], test: [b]}
structure: {file: start.extxyz}
models:
  lennard-jones: {open: lj.yaml}
  gap: {soap: {n_max: 5, l_max: 4, sparse_points: 40}}
verdict: {baseline: lennard-jones, candidate: gap}
fits: {count: 3}
properties: {eos: {file: eos.extxyz}}
dynamics: {temperatures: [300], steps: 200, equilibrate: 0, timestep: 2, sample_every: 2}
transport: {species: Cu, reference: none}
parallel: 1
"""
for name, text in {"lj.yaml": external, "study.yaml": plan}.items():
    (folder / name).write_text(text)

# %%
superion.run_study(folder / "study.yaml", folder / "study", progress=False)
study = superion.open_study(folder / "study")
study.accuracy

# %%
for verdict in study.verdicts:
    print(fill(verdict.answer, 100))

# %%
fig, (left, right) = plt.subplots(
    1,
    2,
    figsize=(8.6, 3.6),
    layout="constrained",
    num="Energy against volume, and force errors, of both models",
)
colours = {"lennard-jones": VERMILLION, "gap": GREEN}
for name, curve in study.curves.items():
    energies = 1000 * (np.array(curve.energies_eV) - curve.energy_eV[0]) / curve.atoms
    if name == "reference":
        left.plot(curve.volumes_A3, energies, "o", color="black", label="labels", zorder=3)
    elif name in colours:
        left.plot(curve.volumes_A3, energies, color=colours[name], label=name)
left.set(
    xlabel="volume of the cell (Å³)",
    ylabel="energy above the minimum (meV/atom)",
    title="Energy–volume curve",
)
left.legend()

test = [
    atoms for atoms in superion.read_frames(folder / "copper.extxyz") if atoms.info.get("trajectory") == "b"
]
labels = np.concatenate([atoms.arrays["REF_forces"] for atoms in test]).ravel()
for name in study.models:
    source = (
        folder / "lj.yaml" if name == "lennard-jones" else folder / "study" / "models" / f"{name}.safetensors"
    )
    forces = superion.open_model(source).evaluate_batch(test)
    right.plot(
        labels, np.concatenate([r.forces for r in forces]).ravel(), "o", ms=3, color=colours[name], label=name
    )
right.axline((0, 0), slope=1, color="0.6", lw=0.8)
right.set(xlabel="labelled force (eV/Å)", ylabel="predicted force (eV/Å)", title="Forces on test frames")
right.legend()

# %% [markdown]
# Figure: Left, energy against volume of copper, minima aligned. Right, forces on frames that the fit has
# not seen.
#
# The comparison is fair where both models have never seen the test frames; of a universal model find out
# what it was trained on. What can stand for a model: [ours and any other](../models.md). What a study asks:
# [the study folder](../study.md).
