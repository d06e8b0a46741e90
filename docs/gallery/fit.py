# %% [markdown]
# # Fit a potential and look at its errors
#
# A local potential of Li7P3S11 from 49 labelled frames, tested on a trajectory that the fit has never seen.
# Every predicted force comes with a standard deviation, and we look at what it is worth.

# %%
import matplotlib.pyplot as plt
import numpy as np

import superion
from superion.report.style import BLUE, GREY, STYLE, species_colours

plt.rcParams.update(STYLE)

train = superion.read_frames("data/lps/train.extxyz") + superion.read_frames("data/lps/isolated.extxyz")
test = superion.read_frames("data/lps/validation.extxyz")
print(len(train), "frames to train on,", len(test), "to test")

# %% [markdown]
# The preset `gap` is a sum of pair terms and SOAP kernels. Six channels and 150 sparse points for each
# species are fewer than the default and fit in seconds; [how a potential is made](../potentials.md)
# explains the settings.

# %%
potential = superion.fit(train, preset="gap", settings={"soap": {"channels": 6, "sparse_points": 150}})

results = potential.evaluate_batch(test)
predicted = np.concatenate([result.forces for result in results])  # eV/Å
labels = np.concatenate([atoms.arrays["REF_forces"] for atoms in test])
species = np.concatenate([atoms.symbols for atoms in test])
for symbol in ("Li", "P", "S"):
    own = species == symbol
    rmse = np.sqrt(np.mean((predicted[own] - labels[own]) ** 2))
    print(f"{symbol:2} force RMSE {rmse:.3f} eV/Å, label RMS {np.sqrt(np.mean(labels[own] ** 2)):.2f} eV/Å")

# %% [markdown]
# The standard deviations come from the same fit. We look at two things: do larger ones mean larger errors,
# and by which factor do the errors differ from them?

# %%
deviation = np.concatenate([potential.deviation(atoms).forces for atoms in test])
errors = predicted - labels
factor = np.sqrt(np.mean((errors / deviation) ** 2))
print(f"errors are {factor:.1f} times the predicted standard deviations")

order = np.argsort(deviation, axis=None)
groups = np.array_split(order, 12)  # of equal size, from the smallest deviation to the largest
expected = [factor * np.sqrt(np.mean(deviation.ravel()[group] ** 2)) for group in groups]
observed = [np.sqrt(np.mean(errors.ravel()[group] ** 2)) for group in groups]

# %%
fig, (left, right) = plt.subplots(
    1,
    2,
    figsize=(8.6, 3.8),
    layout="constrained",
    num="Predicted against labelled forces, and errors against their prediction",
)
for symbol, colour in species_colours(["Li", "P", "S"]).items():
    own = species == symbol
    left.plot(labels[own].ravel(), predicted[own].ravel(), ".", ms=2.5, color=colour, label=symbol)
left.axline((0, 0), slope=1, color=GREY, lw=0.8)
left.set(
    xlabel="labelled force (eV/Å)", ylabel="predicted force (eV/Å)", title="Forces that training never saw"
)
left.legend(markerscale=4)
right.plot(expected, observed, "o-", color=BLUE)
right.axline((0.1, 0.1), slope=1, color=GREY, lw=0.8)
right.set(
    xlabel=f"predicted standard deviation × {factor:.1f} (eV/Å)",
    ylabel="error, RMS (eV/Å)",
    title="Does the fit know where it errs?",
)

# %% [markdown]
# Figure: Left, forces on 24 frames of an 800 K trajectory that is not in the training set. Right, their
# errors in twelve groups of equal size, by predicted standard deviation; on the line, predictions and
# errors are proportional.
#
# From here: save the potential with `potential.save("gap.safetensors")` and run [dynamics](../dynamics.md),
# or [turn electrostatics on](electrostatics.py).
