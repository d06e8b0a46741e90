# %% [markdown]
# # Read a study in a notebook
#
# Somebody sends you the folder of a study. `open_study` reads it and writes nothing: errors, conductivities
# and verdicts are objects and tables. This folder is that of [the demonstration](../demonstration.md),
# without its trajectories and models.

# %%
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np

import superion
from superion.report.style import STYLE, look

plt.rcParams.update(STYLE)

study = superion.open_study("docs/gallery/data/demonstration")
print(study)
print(len(study.missing), "things are missing, among them:")
for sentence in study.missing[:2]:
    print("-", sentence)

# %% [markdown]
# What was not sent is named, and the rest can be read. In a notebook every part shows itself as a table,
# and `.to_frame()` makes a pandas DataFrame of it.

# %%
study.accuracy

# %%
study.transport

# %% [markdown]
# The study asks which properties need long-range electrostatics. Every row has its outcome, with the
# reason.

# %%
(verdict,) = study.verdicts
print(fill(verdict.answer, 100))
for name, outcome, because in verdict.to_frame()[["name", "outcome", "because"]].head(6).to_numpy():
    print(fill(f"{name}: {outcome}. {because}", 100, subsequent_indent="    "))

# %%
fig, (left, right) = plt.subplots(
    1,
    2,
    figsize=(8.6, 3.8),
    layout="constrained",
    num="Conductivity against length, and energy against volume",
)
for k, name in enumerate(study.models):
    style = look(name)
    parts = study.transport[name, 800].against_length
    known = [part for part in parts if part.conductivity is not None]
    lengths = np.array([part.length for part in known]) + 3 * k - 1.5  # ps, side by side
    values = np.array([part.conductivity for part in known])
    ends = np.array([part.conductivity_interval for part in known]).T
    left.errorbar(
        lengths,
        values,
        np.abs(ends - values),
        fmt=style.marker,
        color=style.colour,
        capsize=2,
        label=style.label,
    )
left.set(
    xlabel="length of the run (ps)", ylabel="conductivity (mS/cm)", title="Lithium at 800 K", ylim=(0, None)
)
left.legend()

for name, curve in study.curves.items():
    style = look(name)
    volumes, energies = np.array(curve.volumes_A3), np.array(curve.energies_eV)
    per_atom = 1000 * (energies - curve.energy_eV[0]) / curve.atoms
    if name == "reference":
        right.plot(volumes, per_atom, "o", color="black", label="labels (PBE)", zorder=3)
    elif name in study.models:
        right.plot(volumes, per_atom, style.line, color=style.colour, label=style.label)
right.set(
    xlabel="volume of the cell (Å³)",
    ylabel="energy above the minimum (meV/atom)",
    title="Energy–volume curve",
)
right.legend()

# %% [markdown]
# Figure: Left, conductivity of lithium in Li7P3S11 (Nernst–Einstein) from growing parts of a run with each
# potential, with 95 % intervals. Right, energy against volume with each potential and as labelled.
#
# How a folder comes about, and all that `open_study` gives: [the study folder](../study.md). What *needed*,
# *not needed* and *undecided* mean: [the verdict](../verdict.md).
