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
from superion.potentials.few_body.angle import AngleBlock, AngleSettings

HYPER = AngleSettings(cutoff=4.0, cutoff_width=0.8, delta=0.7, lengthscale=(1.5, 2.5, 1.2), sparse_points=5)
CLASSES = [(c, a, b) for c in SPECIES for a, b in combinations_with_replacement(SPECIES, 2)]


def random_triangles(rng: np.random.Generator, count: int) -> np.ndarray:
    one, two = rng.uniform(1.5, 3.7, (2, count))
    return np.stack(
        [one, two, np.sqrt(one**2 + two**2 - 2 * one * two * rng.uniform(-1, 0.7, count))], axis=1
    )


def random_block(seed: int = 0) -> AngleBlock:
    rng = np.random.default_rng(seed)
    return AngleBlock(HYPER, SPECIES, {c: random_triangles(rng, 5) for c in CLASSES})


def weighted(block: AngleBlock, seed: int = 1):
    weights = np.random.default_rng(seed).normal(size=block.size)
    return lambda atoms: evaluated(block, atoms, weights)


def test_energy_is_the_kernel_of_each_triangle_given_to_its_centre():
    sparse = np.array([[2.0, 3.5, 3.0]])
    block = AngleBlock(HYPER, [3, 16], {(3, 3, 16): sparse})
    # a sulphur and a lithium next to lithium 0; the sulphur has only lithium neighbours
    atoms = Atoms("LiLiS", [[0, 0, 0], [0, 0, 2.3], [0, 3.6, 0]])
    r = np.array([2.3, 3.6, np.hypot(2.3, 3.6)])
    assert r[2] > 4.0

    def descriptor(x, y, z):
        return np.array([x + y, (x - y) ** 2, z])

    exponent = (((descriptor(*r) - descriptor(*sparse[0])) / [1.5, 2.5, 1.2]) ** 2).sum() / 2
    f = cutoff_values(np.array([2.3, 3.6, 2.0, 3.5]), 4.0, 0.8)[0].prod()
    energy, _, _ = block.design(atoms)
    np.testing.assert_allclose(energy[:, 0], [0.49 * np.exp(-exponent) * f, 0, 0], rtol=1e-13)


@pytest.mark.parametrize("pbc", list(product([True, False], repeat=3)))
def test_derivatives(pbc):
    assert_derivatives(weighted(random_block()), random_structure(5, pbc=pbc))


def test_derivatives_in_a_cell_smaller_than_the_cutoff():
    atoms = random_structure(1, atoms=2, length=2.9)
    pairs = neighbour_pairs(atoms, 4.0)
    assert np.count_nonzero(pairs.i == pairs.j) > 10
    assert_derivatives(weighted(random_block()), atoms)


@pytest.mark.parametrize(("atoms", "length"), [(8, 5.0), (2, 2.9), (1, 2.5)])
def test_design_times_weights_is_evaluate(atoms, length):
    assert_design(random_block(), random_structure(3, atoms, length), seed=2)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), pbc=st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_symmetries(seed, pbc):
    assert_symmetries(weighted(random_block(seed)), random_structure(seed, atoms=5, pbc=pbc), seed)


def test_neighbours_may_be_images_of_one_atom():
    block = AngleBlock(HYPER, [3], {(3, 3, 3): np.array([[2.5, 2.5, 5.0]])})
    atoms = Atoms("Li", cell=[2.5, 20, 20], pbc=[True, False, False])
    assert evaluated(block, atoms, np.ones(1)).energy == pytest.approx(0.49, rel=1e-14)


def test_smooth_when_a_neighbour_leaves():
    evaluate = weighted(random_block())

    def trimer(r):
        return evaluate(Atoms("PSS", [[0, 0, 0], [0, 0, 2.0], [r, 0, 0]]))

    for h in (1e-2, 1e-3, 1e-4):
        inside = trimer(4.0 - h)
        assert abs(inside.energy) < 10 * h**2
        assert 0 < np.abs(inside.forces).max() < 20 * h
    assert trimer(4.0 + 1e-9).energy == 0.0
    assert evaluate(Atoms("PS", [[0, 0, 0], [0, 0, 2.0]])).energy == 0.0


def test_prior_is_the_covariance_of_the_sparse_triangles():
    block = random_block()
    prior = block.prior()
    np.testing.assert_allclose(prior, prior.T, rtol=0, atol=0)
    assert np.linalg.eigvalsh(prior).min() > -1e-12
    # the centre of a sparse triangle has that triangle's row of the prior as its basis functions
    row = 0
    for (c, a, b), points in block.points.items():
        for one, two, three in points:
            cosine = (one**2 + two**2 - three**2) / (2 * one * two)
            ends = [[0, 0, 0], [one, 0, 0], [two * cosine, two * np.sqrt(1 - cosine**2), 0]]
            energy, _, _ = block.design(Atoms([c, a, b], ends))
            np.testing.assert_allclose(energy[0], prior[row], rtol=1e-10, atol=1e-14)
            row += 1
    assert row == block.size


@pytest.mark.parametrize(("centre", "a", "b"), [(15, 3, 16), (3, 16, 16), (16, 16, 16)])
def test_agrees_with_quip(centre, a, b):
    """QUIP counts every triangle twice, so the same weights give twice the energy."""
    rng = np.random.default_rng(0)
    triangles, alphas = random_triangles(rng, 4), rng.normal(size=4)
    one, two, three = triangles.T
    factor = cutoff_values(triangles[:, :2], 4.0, 0.8)[0].prod(axis=1)
    descriptor = f"angle_3b cutoff=4.0 cutoff_transition_width=0.8 Z_center={centre} Z1={a} Z2={b}"
    points = np.stack([one + two, (one - two) ** 2, three], axis=1)
    calculator = quip_gap(descriptor, 0.7, HYPER.lengthscale, points, alphas, factor)
    block = AngleBlock(HYPER, SPECIES, {(centre, a, b): triangles})
    for atoms in (random_structure(3, 8, 5.0), random_structure(4, 3, 3.3)):
        atoms.numbers[:3] = 3, 15, 16
        result = evaluated(block, atoms, alphas)
        atoms.calc = calculator
        assert abs(result.energy) > 1e-3
        assert 2 * result.energy == pytest.approx(atoms.get_potential_energy(), rel=1e-9)
        np.testing.assert_allclose(2 * result.forces, atoms.get_forces(), rtol=0, atol=1e-9)
        stress = -2 * result.virial / atoms.get_volume()
        np.testing.assert_allclose(stress, atoms.get_stress(voigt=False), rtol=0, atol=1e-9)


def test_triangles_are_all_triangles():
    atoms = random_structure(3, 8, 5.0)
    block = random_block()
    kind, triangles = block.triangles(atoms)
    counts = np.bincount(neighbour_pairs(atoms, 4.0).i)
    assert len(kind) == (counts * (counts - 1) // 2).sum()
    assert (triangles[:, 2] <= triangles[:, 0] + triangles[:, 1] + 1e-12).all()
    energy, _, _ = block.design(atoms)
    where = np.repeat(np.arange(8), counts * (counts - 1) // 2)
    for c in np.unique(kind):
        assert {atoms.numbers[i] for i in where[kind == c]} == {block.classes[c][0]}
    assert energy.any()


def test_choose_picks_triangles_of_the_data_that_represent_the_others():
    frames = [random_structure(seed, 8, 5.0) for seed in range(6)]
    hyper = HYPER.model_copy(update={"sparse_points": 30})
    block = AngleBlock.choose(frames, hyper, SPECIES, np.random.default_rng(0))
    found = [block.triangles(f) for f in frames]
    kinds, triangles = (np.concatenate(part) for part in zip(*found, strict=True))
    all_of_them = {c: triangles[kinds == k] for k, c in enumerate(block.classes) if (kinds == k).any()}
    for c, points in block.points.items():
        assert len(points) <= 30
        assert {tuple(p) for p in points} <= {tuple(t) for t in all_of_them[c]}
    assert np.linalg.eigvalsh(block.prior()).min() > 1e-12

    # variance of a triangle given the sparse ones, against as many drawn at random
    def unexplained(points, c):
        some = AngleBlock(hyper, SPECIES, {c: np.concatenate([points, all_of_them[c]])})
        prior, m = some.prior(), len(points)
        inner = prior[:m, :m] + 1e-10 * np.eye(m)
        return (np.diag(prior) - (prior[:, :m] * np.linalg.solve(inner, prior[:, :m].T).T).sum(axis=1)).max()

    c = max(all_of_them, key=lambda key: len(all_of_them[key]))
    rng = np.random.default_rng(1)
    ours = unexplained(block.points[c], c)
    random = [unexplained(rng.choice(all_of_them[c], 30, replace=False), c) for _ in range(5)]
    assert ours < 0.5 * min(random)


def test_choose_takes_fewer_where_there_are_fewer():
    atoms = Atoms("LiSS", [[0, 0, 0], [0, 0, 2.2], [0, 2.2, 0]])
    copies = [atoms, atoms.copy()]
    block = AngleBlock.choose(copies, HYPER, SPECIES, np.random.default_rng(0))
    assert {c: len(p) for c, p in block.points.items()} == {(3, 16, 16): 1, (16, 3, 16): 1}


def test_choose_is_reproducible_when_candidates_are_drawn(monkeypatch):
    monkeypatch.setattr("superion.potentials.few_body.angle.CANDIDATES", 20)
    frames = [random_structure(seed, 8, 5.0) for seed in range(3)]
    blocks = [AngleBlock.choose(frames, HYPER, SPECIES, np.random.default_rng(7)) for _ in range(2)]
    assert blocks[0].size > 20
    for c in blocks[0].points:
        np.testing.assert_array_equal(blocks[0].points[c], blocks[1].points[c])


def test_choose_refuses_data_without_triangles():
    with pytest.raises(InputError, match=r"no atom of the 1 frames has two neighbours within 4\.0 Å"):
        AngleBlock.choose([Atoms("LiS", [[0, 0, 0], [0, 0, 2]])], HYPER, [3, 16], np.random.default_rng(0))


def test_restored_block_is_bit_for_bit_the_same():
    block, atoms = random_block(), random_structure(0, 8, 5.0)
    other = AngleBlock.restore(block.settings(), block.arrays())
    weights = np.arange(block.size, dtype=float)
    a, b = evaluated(block, atoms, weights), evaluated(other, atoms, weights)
    assert a.energy == b.energy
    np.testing.assert_array_equal(a.forces, b.forces)
    np.testing.assert_array_equal(block.prior(), other.prior())


def test_unknown_species_are_named():
    block = random_block()
    with pytest.raises(ModelError, match=r"contains \['Cl'\]"):
        evaluated(block, Atoms("LiCl", [[0, 0, 0], [0, 0, 2.0]]), np.zeros(block.size))
    with pytest.raises(ModelError, match=r"species \(3, 16, 15\).*ascending"):
        AngleBlock(HYPER, SPECIES, {(3, 16, 15): np.array([[2.0, 2.0, 2.0]])})
