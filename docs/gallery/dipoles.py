# %% [markdown]
# # Charges from dipoles
#
# Charges of atoms cannot be measured or computed without a convention; dipoles can. Kernel charge
# equilibration learns electronegativities from the dipoles of 31 small molecules and predicts charges that
# reproduce dipoles.

# %%
import matplotlib.pyplot as plt
import numpy as np

from superion import KernelQEqSettings, Potential, fit_kqeq, read_frames
from superion.report.style import BLUE, GREY, STYLE

plt.rcParams.update(STYLE)

frames = read_frames("data/molecules/dipoles.extxyz")
train, test = frames[:31], frames[31:]  # the same 31 molecules, distorted in another way
settings = KernelQEqSettings.for_molecules(symbol for atoms in train for symbol in atoms.symbols)
model = Potential(fit_kqeq(train, settings))

# %% [markdown]
# The test molecules are the same, with other bond lengths and angles.

# %%
labels = np.array([atoms.info["REF_dipole"] for atoms in test])  # e·Å
results = model.evaluate_batch(test)
dipoles = np.array([result.dipole for result in results])
errors = np.linalg.norm(dipoles - labels, axis=1)
print(f"mean error {errors.mean():.3f} of {np.linalg.norm(labels, axis=1).mean():.3f} e·Å")

# %%
fig, panels = plt.subplots(
    1,
    4,
    figsize=(8.6, 2.9),
    layout="constrained",
    width_ratios=[1.5, 1, 1, 1],
    num="Dipoles, and charges of three molecules",
)
panels[0].plot(labels.ravel(), dipoles.ravel(), "o", ms=3, color=BLUE)
panels[0].axline((0, 0), slope=1, color=GREY, lw=0.8)
panels[0].set(xlabel="labelled dipole (e·Å)", ylabel="predicted dipole (e·Å)", title="Components")
names = [atoms.info["trajectory"] for atoms in test]
for panel, name in zip(panels[1:], ("H2O", "H2CO", "HCOOH"), strict=True):
    atoms, charges = test[names.index(name)], results[names.index(name)].charges
    flat = atoms.positions - atoms.positions.mean(axis=0)
    flat = flat @ np.linalg.svd(flat)[2][:2].T  # seen along the direction in which it is thinnest
    for i in range(len(atoms)):
        for j in range(i):
            if atoms.get_distance(i, j) < (1.25 if "H" in (atoms.symbols[i], atoms.symbols[j]) else 1.7):
                panel.plot(*flat[[i, j]].T, color=GREY, lw=2, zorder=1)
    drawn = panel.scatter(
        *flat.T, s=430, c=charges, cmap="RdBu_r", vmin=-0.7, vmax=0.7, edgecolors="black", zorder=2
    )
    for place, symbol, charge in zip(flat, atoms.symbols, charges, strict=True):
        panel.text(*place, f"{symbol}\n{charge:+.2f}", ha="center", va="center", fontsize=6, zorder=3)
    panel.set(aspect="equal", title=name)
    half = np.abs(flat).max() + 0.5
    panel.set(xlim=(-half, half), ylim=(-half, half))
    panel.axis("off")
fig.colorbar(drawn, ax=panels[1:], label="charge (e)", shrink=0.7)

# %% [markdown]
# Figure: Left, components of the dipoles of 31 distorted molecules that training did not see. Right,
# predicted charges of three of them.
#
# `model.save("kqeq.safetensors")` makes a file that `superion fit --preset es-gap --charges
# kqeq.safetensors` takes as electrostatics under a local potential. More labels to learn from, and the
# limits: [charges from dipoles in ten lines](../kqeq.md).
