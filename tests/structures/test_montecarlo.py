import numpy as np
import pytest
from ase import units
from disordered_crystals import write_cif

from superion.electrostatics import COULOMB, interaction_matrix
from superion.errors import InputError
from superion.structures.arrange import Annealing, anneal, enumerate_lowest
from superion.structures.disorder import read_disordered
from superion.structures.montecarlo import PairEnergy, StructureEnergy, allowed_start, metropolis
from superion.structures.sites import site_model
from superion.structures.symmetry import Canonical


def salt(path, supercell, min_distance=0.0):
    """Na and Cl by chance on the sites of rock salt: primitive cubic, 2.8 Å."""
    crystal = read_disordered(write_cif(path, [("Na", "0 0 0 .5"), ("Cl", "0 0 0 .5")], a=2.8))
    half = int(np.prod(supercell)) // 2
    return site_model(crystal.repeat(supercell), [{"Na": half, "Cl": half}], min_distance=min_distance)


def lattice_gas(path, filled, supercell, min_distance=0.0):
    crystal = read_disordered(write_cif(path, [("Li", "0 0 0 .5")], a=3.0)).repeat(supercell)
    return site_model(crystal, [{"Li": filled}], min_distance=min_distance)


def random_matrix(count, rng, scale=0.1):
    matrix = rng.normal(scale=scale, size=(count, count))
    return matrix + matrix.T


def test_changes_of_the_pair_energy(tmp_path):
    rng = np.random.default_rng(1)
    model = salt(tmp_path / "a.cif", (2, 2, 2))
    energy = PairEnergy(random_matrix(8, rng), np.array([0.0, -1.2, 0.7]))
    arrangement = model.random(rng)
    steps = 0
    for value, _ in metropolis(model, arrangement, energy, np.full(300, 3000.0), rng):
        fresh = PairEnergy(energy._matrix, energy._kinds)
        assert value == pytest.approx(fresh.start(arrangement), abs=1e-12)
        steps += 1
    assert steps == 300


@pytest.mark.parametrize("exclude", [False, True])
def test_boltzmann_populations(tmp_path, exclude):
    """Every arrangement of two or three atoms on a small lattice occurs as often as its energy says."""
    rng = np.random.default_rng(5)
    model = lattice_gas(tmp_path / "a.cif", 2, (3, 2, 1), 3.1 if exclude else 0.0)
    energy = PairEnergy(random_matrix(6, rng, 0.03), np.array([0.0, 1.0]))
    arrangement = allowed_start(model, rng)
    seen: dict[bytes, int] = {}
    trials = 60_000
    for _ in metropolis(model, arrangement, energy, np.full(trials, 500.0), rng):
        key = arrangement.tobytes()
        seen[key] = seen.get(key, 0) + 1
    energies = {key: energy.start(np.frombuffer(key, np.uint8)) for key in seen}
    weight = {key: np.exp(-e / (units.kB * 500)) for key, e in energies.items()}
    assert len(seen) == (6 if exclude else 15)
    for key, count in seen.items():
        assert count / trials == pytest.approx(weight[key] / sum(weight.values()), abs=0.012)
    assert max(seen.values()) > 2 * min(seen.values())


def test_two_levels(tmp_path):
    """One atom on two sites, kT ln 3 apart: three times out of four on the lower one."""
    model = lattice_gas(tmp_path / "a.cif", 1, (2, 1, 1))
    gap = units.kB * 300 * np.log(3)
    energy = PairEnergy(np.diag([0.0, 2 * gap]), np.array([0.0, 1.0]))
    arrangement, rng = np.array([1, 0], dtype=np.uint8), np.random.default_rng(0)
    low = [v < gap / 2 for v, _ in metropolis(model, arrangement, energy, np.full(40_000, 300.0), rng)]
    assert np.mean(low) == pytest.approx(0.75, abs=0.01)


def test_rock_salt_orders(tmp_path):
    model = salt(tmp_path / "a.cif", (4, 2, 2))
    energy = PairEnergy.of(model, interaction_matrix(model.positions, model.cell), {"Na": 1, "Cl": -1})
    found = anneal(model, energy, 3, Annealing(replicas=2, sweeps=300), np.random.default_rng(0))
    assert found[0].energy / 8 == pytest.approx(-1.747564594633 * COULOMB / 2.8, rel=1e-7)
    assert found[0].degeneracy == 2
    every = enumerate_lowest(model, energy, 3)
    np.testing.assert_allclose([a.energy for a in found], [a.energy for a in every])


def test_annealing_finds_the_lowest_of_all(tmp_path):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        model = lattice_gas(tmp_path / "a.cif", 3 + 2 * (seed % 2), (3, 2, 2), 0.0 if seed % 2 else 3.1)
        raw = random_matrix(12, rng)  # averaged, so that it has the symmetry of the lattice
        matrix = np.mean([raw[np.ix_(p, p)] for p in Canonical(model).images], axis=0)
        energy = PairEnergy(matrix, np.array([0.0, 1.0]))
        every = enumerate_lowest(model, energy, 4)
        hot = Annealing(replicas=4, sweeps=100, start=5000, end=100)
        found = anneal(model, energy, 4, hot, rng)
        np.testing.assert_allclose([a.energy for a in found], [a.energy for a in every], atol=1e-10)
        assert sorted(a.degeneracy for a in found) == sorted(a.degeneracy for a in every)


def test_any_energy_and_the_same_seed(tmp_path):
    model = salt(tmp_path / "a.cif", (2, 2, 2))
    matrix = interaction_matrix(model.positions, model.cell)
    matrix = np.round(matrix * 2**20) / 2**20  # sums are exact, equal energies are equal in any order

    def function(atoms):
        q = np.where(atoms.symbols == "Na", 1.0, -1.0)
        return 0.5 * q @ matrix @ q

    settings = Annealing(replicas=2, sweeps=100)
    pair = anneal(
        model, PairEnergy.of(model, matrix, {"Na": 1, "Cl": -1}), 2, settings, np.random.default_rng(3)
    )
    slow = anneal(model, StructureEnergy(model, function), 2, settings, np.random.default_rng(3))
    again = anneal(model, StructureEnergy(model, function), 2, settings, np.random.default_rng(3))
    assert [a.energy for a in pair] == pytest.approx([a.energy for a in slow])
    assert [a.atoms for a in slow] == [a.atoms for a in again]


def test_refusals(tmp_path):
    crowded = lattice_gas(tmp_path / "a.cif", 5, (2, 2, 2), 3.1)
    with pytest.raises(InputError, match="no arrangement keeps"):
        allowed_start(crowded, np.random.default_rng(0), sweeps=50)
    model = lattice_gas(tmp_path / "a.cif", 3, (2, 2, 2))
    with pytest.raises(InputError, match="energy of an arrangement is nan"):
        StructureEnergy(model, lambda atoms: float("nan")).start(model.random(np.random.default_rng(0)))
    with pytest.raises(InputError, match="from high to low"):
        Annealing(start=100, end=200)
    with pytest.raises(InputError, match="must be positive"):
        Annealing(sweeps=0)
    with pytest.raises(InputError, match="square and finite"):
        PairEnergy(np.zeros((2, 3)), np.zeros(2))


def test_exclusions_are_kept_while_moving(tmp_path):
    rng = np.random.default_rng(2)
    model = lattice_gas(tmp_path / "a.cif", 6, (4, 2, 2), 3.1)
    energy = PairEnergy(random_matrix(16, rng), np.array([0.0, 1.0]))
    arrangement = allowed_start(model, rng)
    moved = 0
    for _, accepted in metropolis(model, arrangement, energy, np.full(500, 1e5), rng):
        filled = set(np.flatnonzero(arrangement).tolist())
        assert not any(model.exclusions[s] & filled for s in filled)
        moved += accepted
    assert moved > 0


def test_nothing_to_arrange(tmp_path):
    model = lattice_gas(tmp_path / "a.cif", 8, (2, 2, 2))
    energy = PairEnergy(np.zeros((8, 8)), np.array([0.0, 1.0]))
    found = anneal(model, energy, 3, Annealing(), np.random.default_rng(0))
    assert len(found) == 1
    assert found[0].degeneracy == 1
    with pytest.raises(InputError, match="nothing can be rearranged"):
        next(metropolis(model, model.fixed.copy(), energy, [1.0], np.random.default_rng(0)))
