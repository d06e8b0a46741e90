import numpy as np
import pytest
from periodic_oracle import DENSITIES, SHAPES, disordered, found, oracle, relative

from superion.electrostatics import Point
from superion.electrostatics.lattice import Lattice
from superion.electrostatics.periodic import Plan
from superion.electrostatics.pme import Mesh
from superion.errors import InputError

METHODS = ("ewald", "pme")


def check(case, densities, accuracy, method, tolerance):
    ours = found(*case, densities, accuracy, method)
    exact = oracle(*case, densities)
    for value, reference in zip(ours, exact, strict=True):
        assert relative(value, reference) < tolerance


@pytest.mark.parametrize("accuracy", [1e-4, 1e-6, 1e-8, 1e-11])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", SHAPES)
def test_accuracy_is_reached(shape, method, accuracy):
    """Potentials, forces and virial, relative to their root mean square."""
    check(disordered(shape), DENSITIES["points"], accuracy, method, 3 * accuracy)


@pytest.mark.parametrize("accuracy", [1e-4, 1e-8])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", DENSITIES)
def test_densities_and_a_charged_cell(name, method, accuracy):
    check(disordered(seed=3, neutral=False), DENSITIES[name], accuracy, method, 3 * accuracy)


@pytest.mark.parametrize("method", METHODS)
def test_rocksalt(method):
    """Madelung constant (OEIS A085469), no forces, and an isotropic virial equal to the energy."""
    sites = np.argwhere(np.ones((6, 6, 6)))
    charges = (-1.0) ** sites.sum(axis=1)
    kinds = np.zeros(len(sites), dtype=int)
    case = sites * 1.0 + 0.123, 6 * np.eye(3), charges, kinds
    potential, forces, virial = found(*case, (Point(),), 1e-9, method)
    np.testing.assert_allclose(potential * charges, -1.747564594633182, rtol=0, atol=3e-9)
    np.testing.assert_allclose(forces, 0, atol=3e-9)
    np.testing.assert_allclose(virial, np.eye(3) * (charges @ potential) / 6, rtol=0, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_atoms_far_outside_the_cell(method):
    positions, cell, charges, kinds = disordered()
    shifts = np.random.default_rng(0).integers(-40, 40, positions.shape)
    at_home = found(positions, cell, charges, kinds, DENSITIES["slater 1s"], 1e-6, method)
    abroad = found(positions + shifts @ cell, cell, charges, kinds, DENSITIES["slater 1s"], 1e-6, method)
    for a, b in zip(at_home, abroad, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_same_input_gives_same_bits(method):
    """Also with other memory in between, as in a simulation that is resumed."""
    case = disordered(seed=5)
    first = found(*case, DENSITIES["slater 1s"], 1e-8, method)
    for size in (3, 1001, 77777):
        clutter = np.ones(size)
        again = found(*(array.copy() for array in case), DENSITIES["slater 1s"], 1e-8, method)
        assert clutter.sum() == size
        for a, b in zip(first, again, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("reach", [0.0, 12.0])
def test_work_of_the_mesh_grows_as_n_log_n(reach):
    """Pairs per atom and mesh points per atom stay the same, so that only the transform grows faster."""
    rng = np.random.default_rng(0)
    plans = []
    for side, atoms in ((30.0, 1350), (60.0, 10800), (120.0, 86400)):
        lattice = Lattice.of(rng.random((atoms, 3)) * side, side * np.eye(3))
        plan = Plan.choose(lattice, 1e-6, reach)
        assert isinstance(plan.long_range, Mesh)
        plans.append((plan.cutoff, plan.long_range.order, np.prod(plan.long_range.points) / atoms))
    for cutoff, order, points in plans[1:]:
        assert cutoff == pytest.approx(plans[0][0])
        assert order == plans[0][1]
        assert points < 1.3 * plans[0][2]


def test_automatic_choice():
    """Few atoms go without a mesh; many with one; the choice can be overruled."""
    rng = np.random.default_rng(0)
    for atoms, mesh in ((8, False), (40, False), (1000, True)):
        side = (20.0 * atoms) ** (1 / 3)
        lattice = Lattice.of(rng.random((atoms, 3)) * side, side * np.eye(3))
        for method, expected in (("auto", mesh), ("pme", True), ("ewald", False)):
            plan = Plan.choose(lattice, 1e-8, 10.0, method)
            assert isinstance(plan.long_range, Mesh) == expected
            assert plan.cutoff >= 10.0


def test_accuracy_out_of_range_is_refused():
    lattice = Lattice.of(np.zeros((1, 3)), 5 * np.eye(3))
    for method in ("auto", *METHODS):
        with pytest.raises(InputError, match="between 1e-15 and 1e-2"):
            Plan.choose(lattice, 0.5, 0.0, method)
