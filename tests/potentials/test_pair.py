from itertools import combinations_with_replacement, product

import numpy as np
import pytest
from ase import Atoms
from block_oracles import (
    SPECIES,
    assert_derivatives,
    assert_design,
    assert_symmetries,
    evaluated,
    quip_gap,
    random_structure,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from superion.errors import InputError, ModelError
from superion.neighbours import neighbour_pairs
from superion.potentials.cutoff import cutoff_values
from superion.potentials.few_body.pair import PairBlock, PairSettings

HYPER = PairSettings(cutoff=5.0, cutoff_width=1.0, delta=0.7, lengthscale=0.9, sparse_points=6)


def random_block(seed: int = 0) -> PairBlock:
    rng = np.random.default_rng(seed)
    pairs = list(combinations_with_replacement(SPECIES, 2))
    return PairBlock(HYPER, SPECIES, {p: np.sort(rng.uniform(1.5, 4.9, 6)) for p in pairs})


def weighted(block: PairBlock, seed: int = 1):
    weights = np.random.default_rng(seed).normal(size=block.size)
    return lambda atoms: evaluated(block, atoms, weights)


def test_energy_is_the_kernel_sum_over_pairs():
    block = PairBlock(HYPER, [3, 16], {(3, 16): np.array([2.0, 4.5])})
    atoms = Atoms("LiSLi", [[0, 0, 0], [0, 0, 2.4], [0, 4.3, 2.4]])

    def kernel(r, s):
        f = cutoff_values(np.array([r, s]), 5.0, 1.0)[0].prod()
        return 0.49 * np.exp(-((r - s) ** 2) / (2 * 0.81)) * f

    expected = [sum(kernel(r, s) for r in (2.4, 4.3)) for s in (2.0, 4.5)]
    energy, _, _ = block.design(atoms)
    np.testing.assert_allclose(energy.sum(axis=0), expected, rtol=1e-13)
    np.testing.assert_allclose(energy[1], np.array(expected) / 2, rtol=1e-13)


@pytest.mark.parametrize("pbc", list(product([True, False], repeat=3)))
def test_derivatives(pbc):
    assert_derivatives(weighted(random_block()), random_structure(5, pbc=pbc))


def test_derivatives_in_a_cell_smaller_than_the_cutoff():
    atoms = random_structure(1, atoms=2, length=2.9)
    pairs = neighbour_pairs(atoms, 5.0)
    assert np.count_nonzero(pairs.i == pairs.j) > 20
    assert_derivatives(weighted(random_block()), atoms)


@pytest.mark.parametrize(("atoms", "length"), [(8, 5.0), (2, 2.9), (1, 2.5)])
def test_design_times_weights_is_evaluate(atoms, length):
    assert_design(random_block(), random_structure(3, atoms, length), seed=2)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), pbc=st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_symmetries(seed, pbc):
    assert_symmetries(weighted(random_block(seed)), random_structure(seed, atoms=5, pbc=pbc), seed)


def test_an_atom_feels_its_own_images_once():
    block = PairBlock(HYPER, [3], {(3, 3): np.array([3.0])})
    atoms = Atoms("Li", cell=[3.0, 20, 20], pbc=[True, False, False])
    # a chain with one bond per atom; the second neighbours are beyond the cutoff
    assert evaluated(block, atoms, np.ones(1)).energy == pytest.approx(0.49, rel=1e-14)


def test_smooth_at_the_cutoff_and_nothing_beyond():
    evaluate = weighted(random_block())

    def dimer(r):
        return evaluate(Atoms("PS", [[0, 0, 0], [r, 0, 0]]))

    for h in (1e-2, 1e-3, 1e-4):
        inside = dimer(5.0 - h)
        assert abs(inside.energy) < 10 * h**2
        assert np.abs(inside.forces).max() < 20 * h
        assert np.abs(inside.forces).max() > 0
    assert dimer(5.0 + 1e-9).energy == 0.0
    assert evaluate(Atoms("S")).energy == 0.0


def test_prior_is_the_covariance_of_the_sparse_distances():
    block = random_block()
    prior = block.prior()
    np.testing.assert_allclose(prior, prior.T, rtol=0, atol=0)
    assert np.linalg.eigvalsh(prior).min() > -1e-12
    # a dimer at a sparse distance has that distance's row of the prior as its basis functions
    for (a, b), points in block.points.items():
        for s in points:
            energy, _, _ = block.design(Atoms([a, b], [[0, 0, 0], [s, 0, 0]]))
            row = int(np.flatnonzero(block.flat == s)[0])
            np.testing.assert_allclose(energy.sum(axis=0), prior[row], rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize(("a", "b"), [(3, 16), (16, 16)])
def test_agrees_with_quip(a, b):
    """QUIP counts every pair twice, so the same weights give twice the energy."""
    rng = np.random.default_rng(0)
    points, alphas = np.array([1.8, 2.7, 3.5, 4.6]), rng.normal(size=4)
    descriptor = f"distance_2b cutoff=5.0 cutoff_transition_width=1.0 Z1={a} Z2={b}"
    calculator = quip_gap(descriptor, 0.7, 0.9, points, alphas, cutoff_values(points, 5.0, 1.0)[0])
    block = PairBlock(HYPER, SPECIES, {(a, b): points})
    for atoms in (random_structure(3, 8, 5.0), random_structure(1, 3, 3.1)):
        atoms.numbers[:2] = a, b
        result = evaluated(block, atoms, alphas)
        atoms.calc = calculator
        assert abs(result.energy) > 1e-3
        assert 2 * result.energy == pytest.approx(atoms.get_potential_energy(), rel=1e-9)
        np.testing.assert_allclose(2 * result.forces, atoms.get_forces(), rtol=0, atol=1e-9)
        stress = -2 * result.virial / atoms.get_volume()
        np.testing.assert_allclose(stress, atoms.get_stress(voigt=False), rtol=0, atol=1e-9)


def test_choose_takes_bin_centres_of_the_range_of_the_data():
    frames = [random_structure(seed, 8, 5.0) for seed in range(3)]
    block = PairBlock.choose(frames, HYPER, SPECIES, np.random.default_rng(0))
    for (a, b), points in block.points.items():
        distances = np.concatenate(
            [
                p.distance[(f.numbers[p.i] == a) & (f.numbers[p.j] == b)]
                for f in frames
                for p in [neighbour_pairs(f, 5.0)]
            ]
        )
        width = (distances.max() - distances.min()) / 6
        np.testing.assert_allclose(points, distances.min() + width * (np.arange(6) + 0.5), rtol=1e-12)
    assert set(block.points) == set(combinations_with_replacement(SPECIES, 2))
    assert block.size == 36


def test_choose_with_one_distance_and_with_pairs_never_seen():
    frames = [Atoms("LiS", [[0, 0, 0], [0, 0, 2.5]])]
    block = PairBlock.choose(frames, HYPER, SPECIES, np.random.default_rng(0))
    assert list(block.points) == [(3, 16)]
    np.testing.assert_array_equal(block.points[3, 16], [2.5])
    assert evaluated(block, Atoms("PS", [[0, 0, 0], [0, 0, 2.0]]), np.ones(1)).energy == 0.0


def test_choose_refuses_data_without_pairs():
    with pytest.raises(InputError, match=r"no two atoms of the 1 frames .* 5\.0 Å.*enlarge the cutoff"):
        PairBlock.choose([Atoms("Li")], HYPER, [3], np.random.default_rng(0))


def test_restored_block_is_bit_for_bit_the_same():
    block, atoms = random_block(), random_structure(0, 8, 5.0)
    other = PairBlock.restore(block.settings(), block.arrays())
    weights = np.arange(block.size, dtype=float)
    a, b = evaluated(block, atoms, weights), evaluated(other, atoms, weights)
    assert a.energy == b.energy
    np.testing.assert_array_equal(a.forces, b.forces)
    np.testing.assert_array_equal(block.prior(), other.prior())


def test_unknown_species_are_named():
    block = random_block()
    with pytest.raises(ModelError, match=r"knows \['Li', 'P', 'S'\].*contains \['Cl'\] \(atoms \[1\]\)"):
        evaluated(block, Atoms("LiCl", [[0, 0, 0], [0, 0, 2.0]]), np.zeros(block.size))
    with pytest.raises(ModelError, match=r"species \(16, 3\).*ascending"):
        PairBlock(HYPER, SPECIES, {(16, 3): np.array([2.0])})
