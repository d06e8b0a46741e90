# %% [markdown]
# # Defects in a field
#
# A Frenkel pair has a dipole, so that an electric field lowers its formation energy, or raises it. We make
# pairs in rock salt with a classical ion model, relax them in fields along one axis, and compare slopes
# from energies with slopes from dipoles.

# %%
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
from ase.build import bulk

from superion import DefectSettings, Potential, run_defects
from superion.electrostatics import CoulombTerm, FixedCharges, Point
from superion.potentials.classical.pair_forms import Buckingham
from superion.potentials.classical.pair_potentials import PairPotentials
from superion.report.style import BLUE, STYLE, VERMILLION

plt.rcParams.update(STYLE)

ions = CoulombTerm(FixedCharges({"Na": 1.0, "Cl": -1.0}), Point())
repulsion = PairPotentials({("Na", "Cl"): Buckingham(1256.3, 0.3162)}, cutoff=6.0)  # eV, Å
salt = bulk("NaCl", "rocksalt", a=5.64, cubic=True)

# %% [markdown]
# Settings name the species that leaves its site, the cell, and the fields in V/Å. Any model with charges
# can be asked, and a model without charges with `field_charges`.

# %%
settings = DefectSettings(
    species="Na",
    supercells=((2, 2, 2),),
    separation=2.4,  # Å
    count=2,
    fields=(-0.1, -0.05, 0.05, 0.075, 0.1),  # V/Å
    axes=("z",),
    fmax=1e-3,  # eV/Å
)
with TemporaryDirectory() as folder:
    found = run_defects(Potential([ions, repulsion]), salt, settings, folder, progress=False)
for defect in found.defects:
    print(defect.name, f"{defect.energy:.3f} eV" if defect.energy else defect.why)

# %%
pair = found.defects[-1]
curve = pair.curves["z"]
fields = np.array([point.field for point in curve.points])
energies = np.array([point.energy for point in curve.points])
dipoles = np.array([point.dipole[2] for point in curve.points])
hopped = np.array([point.hopped for point in curve.points])
slope = curve.attribution
print(f"slope from energies {slope.slope:.4f} e·Å, from dipoles {slope.minus_dipole:.4f} e·Å")
bent = slope.minus_polarizability
print(f"curvature from energies {slope.curvature:.2f} e·Å²/V, from dipoles {bent:.2f} e·Å²/V")

fig, (left, right) = plt.subplots(
    1,
    2,
    figsize=(8.6, 3.6),
    layout="constrained",
    num="Formation energy and dipole of a Frenkel pair against the field",
)
x = np.linspace(fields[0], fields[-1], 100)
at_rest = energies[fields == 0][0]
left.plot(x, at_rest + slope.minus_dipole * x, "--", color=VERMILLION, label="rigid dipole")
left.plot(
    x,
    at_rest + slope.minus_dipole * x + slope.minus_polarizability * x**2 / 2,
    color=BLUE,
    label="with relaxation",
)
right.plot(x, -slope.minus_dipole - slope.minus_polarizability * x, color=BLUE)
for panel, values in ((left, energies), (right, dipoles)):
    panel.plot(fields[~hopped], values[~hopped], "o", color="black", label="relaxed in the field")
    panel.plot(fields[hopped], values[hopped], "o", color="black", mfc="white", label="another minimum")
    panel.set_xlabel("field along z (V/Å)")
left.set(ylabel="formation energy (eV)", title="Energy")
left.legend(loc="upper left")
right.set(ylabel="dipole, defect less crystal (e·Å)", title="Dipole")

# %% [markdown]
# Figure: Left, formation energy of a Frenkel pair in rock salt; the lines are what its dipole and
# polarizability at zero field say. Right, the dipole itself. In the strongest field along +z an ion has
# hopped to another site: superion reports it and keeps the branches apart.
#
# Ions that hop to another site in the field, charged defects, several cell sizes, labels: [point
# defects](../defects.md).
