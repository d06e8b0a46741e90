# %% [markdown]
# # Transport of your own XDATCAR
#
# A trajectory of VASP in, diffusion and conductivity with honest intervals out. On the command line this is
# `superion transport docs/gallery/data/XDATCAR.gz --timestep 60 --temperature 800 --species Li`.

# %%
import matplotlib.pyplot as plt
import numpy as np

import superion
from superion.report.style import BLUE, GREY, STYLE, species_colours

plt.rcParams.update(STYLE)

run = superion.Trajectory.open("docs/gallery/data/XDATCAR.gz", timestep=60, temperature=800)  # fs, K
run

# %% [markdown]
# An XDATCAR says neither the time between its frames nor the temperature: both are given here, and tested
# against how far atoms can fly. The paths are continuous; atoms that VASP moved back into the cell are
# followed through it.

# %%
found = superion.transport(run, species="Li")
found

# %% [markdown]
# How long must a run be? We analyse growing parts of it. What is too short gives no value but a 95 % upper
# bound.

# %%
lengths = [6, 12, 25, 50, 100]  # ps
parts = [superion.transport(run.part(slice(0, round(ps / 0.06) + 1)), species="Li") for ps in lengths]
for ps, part in zip(lengths, parts, strict=True):
    print(f"{ps:4} ps: {part.status}")

# %%
fig, (left, right) = plt.subplots(
    1,
    2,
    figsize=(8.6, 3.8),
    layout="constrained",
    num="Mean squared displacement, and conductivity against length",
)
for symbol, colour in species_colours(run.species).items():
    curve = superion.transport(run, species=symbol, charge=1)
    left.loglog(curve.msd_lags, curve.msd, color=colour, label=symbol)
lags = np.array([found.diffusive_from, found.msd_lags[-1]])
low, high = (6 * 1e4 * d * lags for d in found.diffusion_interval)  # 1 cm²/s = 10⁴ Å²/ps
left.fill_between(lags, low, high, color=GREY, alpha=0.3, lw=0, label="6 D t, 95 %")
left.set(xlabel="time (ps)", ylabel="mean squared displacement (Å²)", title="Lithium diffuses")
left.legend()

for ps, part in zip(lengths, parts, strict=True):
    if part.conductivity is None:
        right.plot(ps, part.conductivity_bound, "v", color=BLUE, mfc="white")
    else:
        ends = np.abs(np.array(part.conductivity_interval)[:, None] - part.conductivity)
        right.errorbar(ps, part.conductivity, ends, fmt="o", color=BLUE, capsize=3)
right.set(xscale="log", yscale="log", xlabel="length of the run (ps)", ylabel="conductivity (mS/cm)")
right.set_ylim(300, 10000)
right.set_xticks(lengths, [str(ps) for ps in lengths])
right.minorticks_off()
right.set_yticks([300, 1000, 3000, 10000], ["300", "1000", "3000", "10000"])
right.set_title("What a longer run buys")

# %% [markdown]
# Figure: Left, displacements of each element; the band is what the diffusion coefficient of lithium and its
# 95 % interval say. Right, the conductivity (Nernst–Einstein) from the first picoseconds alone; open
# triangles are upper bounds.
#
# Other programs' files are read the same way: [trajectories of other programs](../trajectories.md) lists
# what each must be given. What the statuses mean: [diffusion and conductivity](../transport.md). The data:
# [docs/gallery/data](data/README.md).
