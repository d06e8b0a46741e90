# %% [markdown]
# # Compare an external model with ours
#
# A study takes any ASE calculator beside models that it fits itself. Here a Lennard-Jones model of copper from the literature competes
# with a potential that the study fits; labels come from effective medium theory, so that the page takes seconds. A universal model such
# as MACE is opened by a settings file in the same way.

# %%
from pathlib import Path
from tempfile import mkdtemp

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
    for _ in range(6):
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
# The external model is a settings file; the study names it beside its own. The verdict asks whether the fitted potential is needed
# instead of the external one.

# %%
(folder / "lj.yaml").write_text("""
ase: ase.calculators.lj:LennardJones
arguments: {epsilon: 0.409, sigma: 2.338, rc: 7.0, smooth: true}  # eV, Å; Halicioglu and Pound (1975)
""")
(folder / "study.yaml").write_text("""
name: copper
data: {files: [copper.extxyz], test: [b]}
structure: {file: start.extxyz}
models:
  lennard-jones: {open: lj.yaml}
  gap: {soap: {n_max: 5, l_max: 4, sparse_points: 40}}
verdict: {baseline: lennard-jones, candidate: gap}
fits: {count: 3}
properties: {eos: {file: eos.extxyz}}
dynamics: {temperatures: [300], steps: 100, timestep: 2}
transport: {species: Cu}
""")
print((folder / "study.yaml").read_text())
