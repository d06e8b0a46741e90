import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from equilibration_oracle import CLUSTER, CRYSTAL, GAUSSIANS, SLAB, SLATERS, model, structure

from superion.electrostatics import ChargeEquilibration, EquilibrationTerm, Gaussian, Point
from superion.electrostatics.coulomb_operator import coulomb_operator
from superion.electrostatics.densities import density_kinds
from superion.electrostatics.equilibration import Constraints, DirectResponse
from superion.electrostatics.iterative_response import IterativeResponse
from superion.electrostatics.lattice import Lattice
from superion.electrostatics.mesh_potential import MeshPotential
from superion.electrostatics.pme import Mesh, mesh_sum
from superion.electrostatics.torch_operator import TorchOperator
from superion.errors import InputError, ModelError

FIELDS = {CLUSTER: (0.1, -0.2, 0.3), CRYSTAL: (0.0, 0.0, 0.0), SLAB: (0.0, 0.0, 0.3)}


def pair(pbc, densities=GAUSSIANS, **options):
    """The same model with both solvers."""
    options = {"field": FIELDS[pbc], "tolerance": 1e-13, **options}
    return [model(densities, solver=solver, **options) for solver in ("direct", "iterative")]


def rock_salt(count, seed=1):
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True) * (count, count, count)
    atoms.rattle(0.15, seed=seed)
    return atoms


def salt_model(**options):
    return ChargeEquilibration(
        {"Na": 2.8, "Cl": 8.6},
        {"Na": 8.6, "Cl": 9.9},
        {"Na": Gaussian(1.2), "Cl": Gaussian(0.9)},
        0.0,
        **options,
    )


@pytest.mark.parametrize("pbc", [CLUSTER, CRYSTAL, SLAB])
@pytest.mark.parametrize("densities", [GAUSSIANS, SLATERS], ids=["gaussian", "slater"])
@pytest.mark.parametrize("parts", [1, 3])
def test_both_solvers_agree(pbc, densities, parts):
    atoms = structure(pbc)
    if parts > 1:
        atoms.arrays["fragment"], atoms.info["fragment_charges"] = np.arange(8) % 3, [0.5, -0.75, 0.25]
    direct, iterative = (EquilibrationTerm(own).evaluate(atoms) for own in pair(pbc, densities))
    np.testing.assert_allclose(iterative.charges, direct.charges, rtol=0, atol=1e-10)
    np.testing.assert_allclose(iterative.forces, direct.forces, rtol=0, atol=1e-9)
    assert iterative.energy == pytest.approx(direct.energy, abs=1e-10)
    slope = np.random.default_rng(0).normal(size=8)
    for one, two in zip(*(own.vjp(atoms, slope) for own in pair(pbc, densities)), strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=1e-8)


def test_both_solvers_agree_in_a_larger_cell():
    atoms = rock_salt(4)
    options = {"accuracy": 1e-13, "tolerance": 1e-13}
    direct, iterative = (salt_model(solver=s, **options).charges(atoms) for s in ("direct", "iterative"))
    np.testing.assert_allclose(iterative, direct, rtol=0, atol=1e-10)
    assert iterative.sum() == pytest.approx(0, abs=1e-12)


def test_large_structures_are_solved_by_iteration_in_about_as_many_steps():
    own, counts = salt_model(), []
    for count in (4, 6):
        found = own.equilibrium(rock_salt(count))
        assert isinstance(found.response, IterativeResponse)
        counts.append(found.response.iterations)
    assert 10 < counts[0] < 40
    assert counts[1] < counts[0] + 10
    assert isinstance(own.equilibrium(rock_salt(2)).response, DirectResponse)


def test_forces_of_an_iterative_solution_are_finite_differences():
    atoms, h = rock_salt(3), 1e-3
    term = EquilibrationTerm(salt_model(solver="iterative", accuracy=1e-11))
    force = term.evaluate(atoms).forces[17, 1]
    ends = []
    for step in (h, -h):
        moved = atoms.copy()
        moved.positions[17, 1] += step
        ends.append(term.evaluate(moved).energy)
    assert -(ends[0] - ends[1]) / (2 * h) == pytest.approx(force, abs=2e-6)


def test_a_cell_with_a_hole_needs_no_even_density():
    """The preconditioner takes atoms for evenly spread; where they are not, the answer is still right."""
    atoms = rock_salt(2)
    atoms.set_cell([11.28, 11.28, 90.0])
    direct, iterative = (
        salt_model(solver=s, accuracy=1e-12, tolerance=1e-13).charges(atoms) for s in ("direct", "iterative")
    )
    np.testing.assert_allclose(iterative, direct, rtol=0, atol=1e-10)


@pytest.mark.parametrize("background", [True, False])
def test_repeated_sums_are_those_of_the_matrix(background):
    atoms = structure(CRYSTAL)
    for densities in (GAUSSIANS, {"Li": Point(), "Cl": Gaussian(0.7), "O": Point()}):
        own = model(densities)
        operator = coulomb_operator(atoms, own.distinct, density_kinds(atoms, densities), 1e-13)
        q = np.random.default_rng(0).normal(size=8)
        q -= 0.0 if background else q.mean()
        np.testing.assert_allclose(operator.repeated(30)(q), operator.times(q), rtol=0, atol=1e-10)
        np.testing.assert_allclose(operator.sums(q).potential, operator.times(q), rtol=0, atol=1e-10)
        assert (q @ operator.preconditioner(np.full(8, 9.0))(q)) > 0


@pytest.mark.parametrize("pbc", [CLUSTER, CRYSTAL, SLAB])
def test_without_compiled_loops(pbc, monkeypatch):
    atoms = structure(pbc)
    compiled = EquilibrationTerm(model(field=FIELDS[pbc])).evaluate(atoms)
    monkeypatch.setattr("superion.electrostatics.coulomb_operator.MISSING", "no numba")
    for solver in ("direct", "iterative"):
        own = model(field=FIELDS[pbc], solver=solver)
        found = EquilibrationTerm(own).evaluate(atoms)
        operator = own.equilibrium(atoms).operator
        assert isinstance(operator if pbc != SLAB else operator.crystal, TorchOperator)
        np.testing.assert_allclose(found.charges, compiled.charges, rtol=0, atol=1e-9)
        np.testing.assert_allclose(found.forces, compiled.forces, rtol=0, atol=1e-8)
        np.testing.assert_allclose(found.virial, compiled.virial, rtol=0, atol=1e-7)


def test_mesh_potential_is_that_of_the_mesh_sum():
    atoms = rock_salt(2)
    lattice, mesh = Lattice.of(atoms.positions, atoms.cell.array), Mesh((24, 25, 27), 8)
    q = np.random.default_rng(0).normal(size=len(atoms))
    expected = mesh_sum(lattice, q, 0.4, mesh).potential
    np.testing.assert_allclose(MeshPotential(lattice, 0.4, mesh).times(q), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("pbc", [CLUSTER, CRYSTAL])
def test_charges_without_minimum_name_the_atoms(pbc):
    atoms = structure(pbc)
    atoms.positions[4] = atoms.positions[3] + [0.0, 0.4, 0.0]
    soft = ChargeEquilibration(
        {"Li": 3.0, "Cl": 8.0, "O": 9.0},
        {"Li": 13.0, "Cl": 5.0, "O": 13.0},
        Gaussian(0.9),
        0.0,
        solver="iterative",
    )
    with pytest.raises(ModelError, match=r"no minimum: .*atoms? [34] \(Cl\)"):
        soft.charges(atoms)


def test_numbers_that_mean_nothing():
    constraints = Constraints.total(3, 0.0)
    broken = IterativeResponse(lambda q: q * np.array([1, np.nan, 1]), lambda v: v, constraints, "ABC", 1e-10)
    with pytest.raises(InputError, match="not finite"):
        broken.solve(np.array([1.0, 0.0, -1.0]))
    with pytest.raises(InputError, match="unknown solver 'fast'"):
        salt_model(solver="fast")


def test_singular_hardness_does_not_settle(monkeypatch):
    """Curvatures from 1 to 1e-9 eV/e² and too few iterations for them."""
    monkeypatch.setattr("superion.electrostatics.iterative_response.MOST", 20)
    curvatures = np.geomspace(1, 1e-9, 60)
    stiff = IterativeResponse(
        lambda q: curvatures * q,
        lambda v: v,
        Constraints.total(60, 0.0),
        Atoms("H60").get_chemical_symbols(),
        1e-12,
    )
    with pytest.raises(ModelError, match="did not settle in 20 iterations"):
        stiff.solve(np.random.default_rng(0).normal(size=60))
