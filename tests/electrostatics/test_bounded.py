"""Charges of least energy within bounds, against a general solver of such problems."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, minimize

from superion.electrostatics import ChargeEquilibration, EquilibrationTerm, Gaussian, rappe_goddard
from superion.electrostatics.bounded import Bounds, held_at, within
from superion.electrostatics.equilibration import Constraints, DirectResponse, equilibrate
from superion.electrostatics.rappe_goddard import valence_range
from superion.errors import InputError

BOUNDS = {"Li": (-0.3, 0.3), "Cl": (-0.37, 0.6)}


def model(**options):
    options = {"total_charge": 0.0, "accuracy": 1e-11, "bounds": BOUNDS} | options
    return ChargeEquilibration(
        {"Li": -4.0, "Cl": 6.0, "O": 3.0}, {"Li": 18.0, "Cl": 19.0, "O": 20.0}, Gaussian(0.6), **options
    )


def salt(pbc=True):
    sites = np.argwhere(np.ones((2, 2, 2))) / 2
    atoms = Atoms("Li4Cl3O", scaled_positions=sites, cell=[4.6, 5.0, 5.2], pbc=pbc)
    atoms.rattle(0.15, seed=2)
    return atoms


def test_charges_and_energy_are_those_of_a_general_solver():
    own, atoms = model(), salt()
    found = own.equilibrium(atoms)
    times = np.stack([found.times(row) for row in np.eye(8)], axis=1)
    bounds = Bounds.of(atoms, BOUNDS)
    best = minimize(
        lambda q: found.electronegativity @ q + 0.5 * q @ times @ q,
        np.zeros(8),
        jac=lambda q: found.electronegativity + times @ q,
        hess=lambda q: times,
        method="trust-constr",
        constraints=LinearConstraint(np.ones((1, 8)), 0, 0),
        bounds=list(zip(bounds.lower, bounds.upper, strict=True)),
        options={"gtol": 1e-10, "xtol": 1e-12, "maxiter": 2000},
    )
    np.testing.assert_allclose(found.charges, best.x, atol=1e-4)
    assert 3 <= found.held.sum() < 8
    energy = EquilibrationTerm(own).evaluate(atoms).energy
    assert energy == pytest.approx(best.fun, abs=1e-5)
    assert energy > EquilibrationTerm(model(bounds=None)).evaluate(atoms).energy
    assert found.charges.sum() == pytest.approx(0.0, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_conditions_of_a_minimum_within_bounds(seed):
    """Held atoms would go on outward, the others have one potential in each group."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 12))
    root = rng.normal(size=(count, count))
    matrix, slope = root @ root.T + 0.1 * np.eye(count), 3 * rng.normal(size=count)
    groups = np.sort(rng.integers(0, 2, count))
    groups -= groups[0]
    bounds = Bounds(-rng.uniform(0.1, 1, count), rng.uniform(0.1, 1, count))
    share = rng.uniform(0, 1, count)
    inside = bounds.lower + share * (bounds.upper - bounds.lower)
    constraints = Constraints(groups, np.bincount(groups, weights=inside))

    def solve(under):
        response = DirectResponse(matrix, under, ["X"] * count)
        return equilibrate(response, matrix.dot, slope, under)

    q, held = within(solve, lambda q: slope + matrix @ q, constraints, bounds)
    assert (q >= bounds.lower - 1e-8).all()
    assert (q <= bounds.upper + 1e-8).all()
    np.testing.assert_allclose(constraints.sums(q), constraints.totals, atol=1e-8)
    gradient = slope + matrix @ q
    for group in range(len(constraints.totals)):
        mine = groups == group
        free = gradient[mine & ~held]
        assert np.ptp(free) < 1e-7
        assert (gradient[mine & held & (q > bounds.upper - 1e-9)] <= free.mean() + 1e-7).all()
        assert (gradient[mine & held & (q < bounds.lower + 1e-9)] >= free.mean() - 1e-7).all()


@pytest.mark.parametrize("pbc", [True, False])
def test_derivatives(pbc):
    atoms, own, h = salt(pbc), model(warn=False), 1e-4
    term, slope = EquilibrationTerm(own), np.linspace(-1, 1, 8)
    found, pull = term.evaluate(atoms), own.vjp(atoms, slope)
    assert 0 < own.equilibrium(atoms).held.sum() < 8
    for atom, axis in ((0, 0), (5, 1), (7, 2)):
        ends = []
        for step in (h, -h):
            moved = atoms.copy()
            moved.positions[atom, axis] += step
            ends.append((term.evaluate(moved).energy, slope @ own.charges(moved)))
        (up, more), (down, less) = ends
        assert found.forces[atom, axis] == pytest.approx(-(up - down) / (2 * h), abs=1e-5)
        assert pull[0][atom, axis] == pytest.approx(-(more - less) / (2 * h), abs=1e-5)


def test_the_iterative_solver_finds_the_same():
    atoms = salt().repeat((2, 2, 1))
    atoms.rattle(0.05, seed=1)
    direct, iterative = (model(solver=solver).charges(atoms) for solver in ("direct", "iterative"))
    np.testing.assert_allclose(iterative, direct, atol=1e-8)


def test_bounds_are_kept_in_files_and_chemical_potentials_are_those_of_free_atoms():
    own, atoms, h = model(), salt(), 1e-4
    again = ChargeEquilibration.restore(json.loads(json.dumps(own.settings())), own.arrays())
    np.testing.assert_array_equal(again.charges(atoms), own.charges(atoms))
    older = {key: value for key, value in own.settings().items() if key != "bounds"}
    assert not ChargeEquilibration.restore(older, own.arrays()).bounds
    ends = []
    for total in (h, -h):
        atoms.info["total_charge"] = total
        ends.append(EquilibrationTerm(model(background=True)).evaluate(atoms).energy)
    atoms.info["total_charge"] = 0.0
    assert own.chemical_potentials(atoms)[0] == pytest.approx((ends[0] - ends[1]) / (2 * h), abs=1e-5)


def test_totals_that_bounds_exclude():
    only = {"Li": (-0.3, 0.4), "Cl": (-0.5, 0.6), "O": (-0.1, 0.1)}
    with pytest.raises(InputError, match=r"total charge is \+5 e, but the bounds .* allow -2\.8 to \+3\.5 e"):
        model(bounds=only, total_charge=5.0, background=True).charges(salt())
    at_the_end = model(bounds=only, total_charge=3.5, background=True).charges(salt())
    np.testing.assert_allclose(at_the_end, [0.4] * 4 + [0.6] * 3 + [0.1], atol=1e-9)
    with pytest.raises(InputError, match="bounds of the charge of Li"):
        model(bounds={"Li": (1.0, 0.0)})


def test_held_atoms_are_groups_of_their_own():
    base = Constraints(np.array([0, 0, 1, 1]), np.array([1.0, -1.0]))
    held = held_at(base, np.array([False, True, False, False]), np.array([0.0, 0.3, 0.0, 0.0]))
    assert held.groups.tolist() == [0, 2, 1, 1]
    np.testing.assert_allclose(held.totals, [0.7, -1.0, 0.3])


@pytest.mark.parametrize(
    ("symbol", "expected"), [("Li", (-7, 1)), ("C", (-4, 4)), ("O", (-2, 6)), ("H", (-1, 1)), ("Cl", (-1, 7))]
)
def test_valence_shells_of_rappe_and_goddard(symbol, expected):
    assert valence_range(symbol) == expected


def test_lithium_of_a_thiophosphate_gives_one_electron_at_most():
    """A Li3PS4 unit whose unbounded lithium has more than +1 e."""
    sulfur = 2.05 / np.sqrt(3) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    lithium = 2.5 * np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])
    atoms = Atoms("PS4Li3", np.vstack([[[0, 0, 0]], sulfur, lithium]), cell=[5.6] * 3, pbc=True)
    free = rappe_goddard(["Li", "P", "S"], total_charge=0.0, bounded=False).charges(atoms)
    assert free[5:].min() > 1.2
    bound = rappe_goddard(["Li", "P", "S"], total_charge=0.0).charges(atoms)
    np.testing.assert_allclose(bound[5:], 1.0, atol=1e-12)
    assert bound.sum() == pytest.approx(0.0, abs=1e-12)
