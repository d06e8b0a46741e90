# %% [markdown]
# # How far forces reach
#
# Keep all atoms within a radius of one atom, displace all others, and look at how much the force on it
# changes. No model that sees no further can know this part. The forces are first-principles labels that
# come with superion.

# %%
from pathlib import Path

import matplotlib.pyplot as plt

from superion.calculations.locality import Samples, fit_charges, locality
from superion.electrostatics import CoulombTerm
from superion.report.style import GREY, STYLE, species_colours

plt.rcParams.update(STYLE)

samples = Samples.read(Path("data/lps/locality"))
print(
    samples.summary()["formula"],
    "in",
    len(samples.frames),
    "perturbed structures:",
    samples.summary()["method"],
)

# %% [markdown]
# The charges that explain best what atoms beyond 4.5 Å do, with 1s Slater densities of 2 Å⁻¹:

# %%
fitted = fit_charges(samples, 4.5, screening=2.0)
for symbol, charge in fitted.charges.items():
    print(f"{symbol:2} {charge:+.2f} ± {fitted.bootstrap[symbol]:.2f} e")
print(f"changes of forces: {1000 * fitted.before:.0f} meV/Å, without these charges", end=" ")
print(f"{1000 * fitted.after:.0f} meV/Å")

# %%
found = locality(samples, {"fitted": [fitted.term()], "published": [CoulombTerm.li7p3s11()]})

fig, panels = plt.subplots(
    1,
    3,
    figsize=(8.6, 3.4),
    layout="constrained",
    sharey=True,
    num="Spread of forces against radius for Li, P and S",
)
for panel, (symbol, colour) in zip(panels, species_colours(["Li", "P", "S"]).items(), strict=True):
    rows = found.forces[symbol]
    radii = [row.radius for row in rows]
    values = [1000 * row.spread for row in rows]
    ends = [
        [value - 1000 * row.low for value, row in zip(values, rows, strict=True)],
        [1000 * row.high - value for value, row in zip(values, rows, strict=True)],
    ]
    panel.errorbar(radii, values, ends, fmt="o-", color=colour, capsize=3, label="all of it")
    for name, line in (("fitted", "--"), ("published", ":")):
        left = [1000 * row.spread for row in found.without[name][symbol]]
        panel.plot(
            radii,
            left,
            line,
            marker="s",
            ms=4,
            color=GREY if name == "published" else "black",
            label=f"without {name} charges",
        )
    panel.set(title=symbol, xlabel="radius (Å)", yscale="log")
panels[0].set_ylabel("change of the force (meV/Å)")
panels[0].set_yticks([20, 50, 100, 200, 500], ["20", "50", "100", "200", "500"])
panels[0].minorticks_off()
panels[1].legend(loc="upper right", reverse=True)

# %% [markdown]
# Figure: Root mean square change of a force component when all atoms beyond the radius move by 0.1 Å, with
# 95 % intervals, and what is left when Coulomb forces are subtracted. A local model with a cutoff of 3 Å
# sees 6 Å far.
#
# What these numbers carry, and how to run the test with your own labels: [how far forces
# reach](../locality.md).
