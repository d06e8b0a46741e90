"""Tables of the 2- and 3-body energies: as close to the kernels as they say, and differentiable."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from block_oracles import SPECIES, assert_derivatives, evaluated, random_structure

from superion.batch import Batch
from superion.errors import InputError
from superion.potentials import Potential
from superion.potentials.few_body.angle import AngleBlock, AngleSettings
from superion.potentials.few_body.angle_table import AngleTable
from superion.potentials.few_body.pair import PairBlock, PairSettings
from superion.potentials.few_body.pair_table import PairTable
from superion.potentials.gap.gaussian_process import SparseGP
from superion.potentials.many_body.soap import SoapBlock, SoapSettings
from superion.terms import Evaluation, Sums

RNG = np.random.default_rng(0)
FRAMES = [random_structure(seed, 8) for seed in range(4)]
PAIR = PairBlock.choose(FRAMES, PairSettings(cutoff=4.5, sparse_points=8), SPECIES, RNG)
ANGLE = AngleBlock.choose(FRAMES, AngleSettings(cutoff=3.5, sparse_points=6), SPECIES, RNG)
WEIGHTS = {block.kind: np.random.default_rng(1).normal(size=block.size) for block in (PAIR, ANGLE)}


def read(table: PairTable | AngleTable, atoms) -> Evaluation:
    sums = Sums.zero(len(atoms), 1)
    table.evaluate(Batch([atoms], 4.5), sums)
    return Evaluation(float(sums.energies.sum()), sums.energies, sums.forces, sums.virials[0])


@pytest.mark.parametrize(("kind", "block", "tolerance"), [(PairTable, PAIR, 1e-9), (AngleTable, ANGLE, 1e-3)])
@pytest.mark.parametrize("pbc", [(True, True, True), (False, True, False), (False, False, False)])
def test_a_table_reads_what_the_kernels_give(kind, block, tolerance, pbc):
    table = kind(block, WEIGHTS[block.kind], tolerance)
    assert 0 < table.error <= tolerance
    assert table.bytes > 0
    for seed in range(3):
        atoms = random_structure(seed, 8, pbc=pbc)
        exact, found = evaluated(block, atoms, WEIGHTS[block.kind]), read(table, atoms)
        assert np.abs(exact.forces).max() > 0.1
        terms = max(len(Batch([atoms], block.cutoff).pairs(block.cutoff).i), 1)
        terms = terms if kind is PairTable else terms**2 / len(atoms)
        # errors of single pairs and triangles add up at random, at worst in step
        assert np.abs(found.forces - exact.forces).max() < 2 * np.sqrt(terms) * tolerance
        np.testing.assert_allclose(found.energies, exact.energies, rtol=0, atol=terms * tolerance)
        np.testing.assert_allclose(found.virial, exact.virial, rtol=0, atol=4 * terms * tolerance)


def test_the_stated_error_bounds_the_slope_of_every_single_pair():
    table = PairTable(PAIR, WEIGHTS["pair"], 1e-5)
    worst = 0.0
    for a, b in combinations_with_replacement(SPECIES, 2):
        for r in np.random.default_rng(2).uniform(0.3, 3.4, 200):
            atoms = FRAMES[0][:2].copy()
            atoms.pbc, atoms.numbers[:], atoms.positions[:] = False, (a, b), [[0, 0, 0], [0, 0, r]]
            difference = read(table, atoms).forces - evaluated(PAIR, atoms, WEIGHTS["pair"]).forces
            worst = max(worst, np.abs(difference).max())
    assert 0.3 * table.error < worst <= 1.001 * table.error


def test_the_stated_error_bounds_the_slopes_of_every_single_triangle():
    table = AngleTable(ANGLE, WEIGHTS["angle"], 1e-2)
    rng, worst = np.random.default_rng(3), 0.0
    atoms = FRAMES[0][:3].copy()
    atoms.pbc = False
    for _ in range(4000):
        atoms.numbers[:] = rng.choice(SPECIES, 3)
        atoms.positions[1:] = rng.uniform(-2.4, 2.4, (2, 3))
        atoms.positions[0] = 0.0
        if np.linalg.norm(atoms.positions[1] - atoms.positions[2]) < 3.6:
            continue  # only the first atom is a centre
        difference = read(table, atoms).forces - evaluated(ANGLE, atoms, WEIGHTS["angle"]).forces
        worst = max(worst, np.abs(difference[1:]).max())
    # the forces of both neighbours are made of the slopes with respect to their own distance and the third
    assert 0.02 * table.error < worst <= 2 * table.error


@pytest.mark.parametrize(("kind", "block"), [(PairTable, PAIR), (AngleTable, ANGLE)])
def test_forces_and_virial_are_derivatives_of_the_tabulated_energy(kind, block):
    table = kind(block, WEIGHTS[block.kind], 1e-3)
    assert_derivatives(lambda atoms: read(table, atoms), random_structure(2))


def test_a_smaller_error_takes_more_memory_and_an_impossible_one_is_refused():
    coarse, fine = (AngleTable(ANGLE, WEIGHTS["angle"], error) for error in (1e-1, 1e-3))
    assert fine.error < coarse.error
    assert fine.bytes > coarse.bytes
    with pytest.raises(InputError, match="allow a larger error"):
        PairTable(PAIR, WEIGHTS["pair"], 1e-18)
    with pytest.raises(InputError, match="allow a larger error"):
        AngleTable(ANGLE, WEIGHTS["angle"], 1e-9)


def potential() -> Potential:
    soap = SoapBlock.choose(FRAMES, SoapSettings(cutoff=4.0, n_max=3, l_max=2, sparse_points=4), SPECIES, RNG)
    weights = np.concatenate([WEIGHTS["pair"], WEIGHTS["angle"], np.ones(soap.size)])
    return Potential([SparseGP([PAIR, ANGLE, soap], weights, {"Li": -0.3, "P": 0.2, "S": -0.7})])


def test_a_tabulated_potential_differs_by_the_tables_alone_and_is_saved_without_them(tmp_path):
    exact = potential()
    fast = exact.tabulated(1e-4)
    atoms = random_structure(6, 9)
    a, b = exact.evaluate(atoms), fast.evaluate(atoms)
    assert 0 < np.abs(a.forces - b.forces).max() < 1e-2
    fast.save(tmp_path / "model.safetensors")
    again = Potential.load(tmp_path / "model.safetensors").evaluate(atoms)
    np.testing.assert_array_equal(again.forces, a.forces)
    np.testing.assert_array_equal(exact.evaluate(atoms).forces, a.forces)
    with pytest.raises(InputError, match="positive"):
        exact.tabulated(0.0)


def test_single_precision_reads_pairs_from_a_table_and_double_precision_does_not():
    gp, atoms = SparseGP([PAIR], WEIGHTS["pair"], {"Li": -0.3, "P": 0.2, "S": -0.7}), random_structure(6)
    exact, single = gp.evaluate(atoms), gp.with_precision("float32")
    assert 0 < np.abs(single.evaluate(atoms).forces - exact.forces).max() < 1e-5
    np.testing.assert_array_equal(single.with_precision("float64").evaluate(atoms).forces, exact.forces)
    tabulated = gp.tabulated(1e-3)
    again = tabulated.with_precision("float32").with_precision("float64").evaluate(atoms)
    np.testing.assert_array_equal(again.forces, tabulated.evaluate(atoms).forces)
