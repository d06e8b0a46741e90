"""The conserved energy of dynamics: its error falls with the square of the time step, to nothing.

Velocity Verlet conserves an energy that differs from the true one by terms of even powers of the time step.
Runs with Δt, Δt/2 and Δt/4 from one start are therefore extrapolated to Δt = 0 (Richardson). What is left of
the change of the energy there is no error of the integrator: forces are not its derivative, or it jumps. It
is known to no better than what the last extrapolation changed, because second derivatives of the energy may
have kinks, at cutoffs above all, and errors are then no smooth function of Δt.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from ase import units

from superion.conformance.limits import Measured
from superion.conformance.registry import Case, check
from superion.conformance.subject import Subject

Array = np.ndarray
STEP = 0.5
"""fs for an atom of mass 1 u; times the root of the smallest mass."""
HALVINGS = 3


@check("energy drift", "the energy of dynamics is conserved as the time step goes to zero")
def drift(case: Case) -> Measured:
    """Three short runs at constant energy."""
    atoms, rng = case.atoms, case.rng("dynamics")
    masses = atoms.get_masses()[:, None]
    momenta = rng.normal(size=(len(atoms), 3)) * np.sqrt(masses * units.kB * case.settings.temperature)
    if len(atoms) > 1:
        momenta -= masses / masses.sum() * momenta.sum(axis=0)
    longest, steps = STEP * np.sqrt(masses.min()) * units.fs, case.effort.steps
    runs = [_run(case, momenta, longest / 2**k, steps * 2**k, 2**k) for k in range(HALVINGS)]
    once = [(4 * fine - coarse) / 3 for coarse, fine in pairwise(runs)]
    final = (16 * once[1] - once[0]) / 15
    n = len(atoms)
    error = float(np.abs(once[1] - runs[2]).max())
    size = [float(np.sqrt(np.mean(run**2))) for run in runs]
    order = np.log2(size[0] / size[1]) if size[0] > 0 and size[1] > 0 else 2.0
    number, limit = float(np.abs(final).max()), 2 * max(case.limits.energy(n), error)
    return Measured(
        1000 * number / n,
        1000 * limit / n,
        "meV/atom",
        f"{steps * longest / units.fs:.3g} fs from {case.settings.temperature:g} K; with steps of "
        f"{longest / units.fs:.2g} fs it changes by {1000 * size[0] / n:.2g} meV/atom, which falls "
        f"with the time step to the power {order:.2g}",
    )


def _run(case: Case, start: Array, timestep: float, steps: int, every: int) -> Array:
    """Change (eV) of the total energy every so many steps of velocity Verlet."""
    subject: Subject = case.subject
    atoms, momenta = case.atoms.copy(), start.copy()
    masses = atoms.get_masses()[:, None]
    answer, changes = case.answer, []
    first = answer.energy + float((momenta**2 / masses).sum()) / 2
    for step in range(1, steps + 1):
        momenta += 0.5 * timestep * answer.forces
        atoms.positions += timestep * momenta / masses
        answer = subject.evaluate(atoms)
        momenta += 0.5 * timestep * answer.forces
        if step % every == 0:
            changes.append(answer.energy + float((momenta**2 / masses).sum()) / 2 - first)
    return np.array(changes)
