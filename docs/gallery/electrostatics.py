# %% [markdown]
# # Turn electrostatics on
#
# The same labels, the same settings, one difference: the second potential stands on the Coulomb energy of
# fixed charges. Errors on test frames hardly change. What an ion feels far away does.

# %%
import matplotlib.pyplot as plt
import numpy as np
from ase import Atoms

import superion
from superion.electrostatics import COULOMB
from superion.report.style import STYLE, look

plt.rcParams.update(STYLE)

train = superion.read_frames("data/lps/train.extxyz") + superion.read_frames("data/lps/isolated.extxyz")
test = superion.read_frames("data/lps/validation.extxyz")
small = {"soap": {"channels": 6, "sparse_points": 100}}
potentials = {preset: superion.fit(train, preset=preset, settings=small) for preset in ("gap", "es-gap")}

for name, potential in potentials.items():
    errors = [
        r.forces - a.arrays["REF_forces"] for r, a in zip(potential.evaluate_batch(test), test, strict=True)
    ]
    print(f"{look(name).label:6} force RMSE {np.sqrt(np.mean(np.square(errors))):.3f} eV/Å")

# %% [markdown]
# Now the long range. A lithium ion leaves a PS₄ tetrahedron through one of its faces.

# %%
bond = 2.05  # Å, P–S
corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
away = -corners[0]  # through a face of the tetrahedron
distances = np.arange(5.0, 16.01, 0.2)  # Å, Li–P


def pulled(distance):
    """LiPS4 with its lithium so far from phosphorus."""
    return Atoms("LiPS4", [distance * away, [0, 0, 0], *(bond * corners)])


energies = {
    name: np.array([r.energy for r in potential.evaluate_batch([pulled(d) for d in distances])])
    for name, potential in potentials.items()
}

# %%
fig, (left, right) = plt.subplots(
    1,
    2,
    figsize=(8.6, 3.8),
    layout="constrained",
    num="Energy of a lithium ion that leaves a PS4 tetrahedron",
)
for name, energy in energies.items():
    style = look(name)
    slope = -np.gradient(energy, distances)
    left.plot(distances, energy - energy[-1], style.line, color=style.colour, label=style.label)
    right.plot(distances, -slope, style.line, color=style.colour, label=style.label)
lithium, rest = 0.445, 2.225 - 4 * 0.89  # e
coulomb = COULOMB * lithium * rest / distances  # eV
left.plot(distances, coulomb - coulomb[-1], ":", color="black", label="two point charges")
right.plot(distances, -coulomb / distances, ":", color="black", label="two point charges")
left.set(xlabel="distance Li–P (Å)", ylabel="energy, zero at 16 Å (eV)", title="Energy")
right.set(xlabel="distance Li–P (Å)", ylabel="pull on Li (eV/Å)", title="Force")
for panel in (left, right):
    panel.axvspan(6.6, distances[-1], color="0.95", zorder=0)
left.legend()

# %% [markdown]
# Figure: Energy of LiPS4 and the force on its lithium as the ion leaves. Grey: it is more than 6 Å, the
# cutoff, away from every other atom. There the local potential knows nothing, and the electrostatic one
# follows two point charges.
#
# Whether this matters for a property is another question: in a dense crystal other ions screen it. That is
# what [the verdict](../verdict.md) is for. Charges need not be fixed: see [charges](../charges.md) and
# [charges from dipoles](dipoles.py).
