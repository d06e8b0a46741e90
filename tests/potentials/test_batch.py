import numpy as np
import pytest
from ase import Atoms
from block_oracles import random_structure

from superion.batch import Batch, evaluate_local
from superion.electrostatics import CoulombTerm, FixedCharges, Slater
from superion.errors import InputError, ModelError
from superion.neighbours import NeighbourList
from superion.potentials import Potential
from superion.potentials.few_body.angle import AngleBlock, AngleSettings
from superion.potentials.few_body.pair import PairBlock, PairSettings
from superion.potentials.gap.gaussian_process import SparseGP
from superion.potentials.many_body.soap import SoapBlock, SoapSettings
from superion.potentials.repulsion import Repulsion
from superion.terms import Evaluation, LocalTerm

SPECIES = [3, 15, 16]


def structures() -> list[Atoms]:
    """Crystals, clusters, a slab, one atom, none, and two atoms that do not see each other."""
    return [
        random_structure(0),
        random_structure(1, 5, pbc=(False,) * 3),
        Atoms(),
        Atoms("Li", [[1, 2, 3]]),
        random_structure(2, 9, 6.0, pbc=(True, False, True)),
        Atoms("PS", [[0, 0, 0], [0, 0, 30]]),
        random_structure(3, 1, 3.5),
    ]


def terms() -> list[LocalTerm]:
    rng = np.random.default_rng(0)
    frames = [random_structure(seed, 8) for seed in range(4)]
    blocks = [
        PairBlock.choose(frames, PairSettings(cutoff=4.5, sparse_points=6), SPECIES, rng),
        AngleBlock.choose(frames, AngleSettings(cutoff=3.5, sparse_points=4), SPECIES, rng),
        SoapBlock.choose(frames, SoapSettings(cutoff=4.0, n_max=3, l_max=2, sparse_points=4), SPECIES, rng),
    ]
    weights = rng.normal(size=sum(block.size for block in blocks))
    repulsion = Repulsion({(3, 3): 3.0, (3, 16): 2.6, (16, 16): 3.2, (15, 16): 2.0})
    return [SparseGP(blocks, weights, {"Li": -0.3, "P": 0.2, "S": -0.7}), repulsion]


def assert_equal(found: Evaluation, expected: Evaluation) -> None:
    for name in ("energy", "energies", "forces", "virial"):
        ours, theirs = np.asarray(getattr(found, name)), np.asarray(getattr(expected, name))
        scale = max(np.abs(theirs).max(initial=0.0), 1.0)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12 * scale)
        assert ours.shape == theirs.shape


@pytest.mark.parametrize("index", [0, 1])
def test_a_batch_is_its_structures_one_by_one(index):
    term = terms()[index]
    assert isinstance(term, LocalTerm)
    alone = [term.evaluate(atoms) for atoms in structures()]
    assert max(np.abs(result.forces).max(initial=0.0) for result in alone) > 0.1
    for order in (slice(None), slice(None, None, -1), slice(1, 2), slice(0, 0)):
        for found, expected in zip(term.evaluate_batch(structures()[order]), alone[order], strict=True):
            assert_equal(found, expected)


def test_terms_of_one_batch_add_up_and_remember():
    local, batch = terms(), structures()
    lists = [NeighbourList(0.7) for _ in batch]
    rng = np.random.default_rng(1)
    for _ in range(3):
        for atoms in batch:
            atoms.positions += rng.normal(0, 0.02, atoms.positions.shape)
        found = evaluate_local(local, batch, lists=lists)
        for result, atoms in zip(found, batch, strict=True):
            assert_equal(result, local[0].evaluate(atoms) + local[1].evaluate(atoms))
    assert all(known.searches == 1 for known in lists)


def test_a_potential_takes_terms_without_a_batch():
    coulomb = CoulombTerm(FixedCharges({"Li": 1.0, "S": -1.0, "P": 0.0}), Slater.from_screening(2.0))
    cluster = Atoms("LiSP", [[0, 0, 0], [0, 0, 2.4], [0, 2.2, 0]])
    for chosen in ([coulomb], [*terms(), coulomb]):
        potential = Potential(chosen)
        both = potential.evaluate_batch([cluster, cluster[:2]])
        for found, atoms in zip(both, (cluster, cluster[:2]), strict=True):
            expected = Evaluation.zero(len(atoms))
            for term in chosen:
                expected = expected + term.evaluate(atoms)
            assert_equal(found, expected)
            np.testing.assert_array_equal(found.charges, expected.charges)


def test_surroundings_name_their_structures():
    batch = structures()
    joined = Batch(batch, 4.5)
    assert joined.count == len(batch)
    for b, atoms in enumerate(batch):
        mine = slice(joined.atoms_first[b], joined.atoms_first[b + 1])
        np.testing.assert_array_equal(joined.numbers[mine], atoms.numbers)
        assert (joined.owner[mine] == b).all()
    for cutoff in (4.5, 3.0):
        pairs = joined.pairs(cutoff)
        assert pairs is joined.pairs(cutoff)
        np.testing.assert_array_equal(joined.owner[pairs.i], joined.owner[pairs.j])
        np.testing.assert_array_equal(
            pairs.start, np.searchsorted(pairs.i, np.arange(len(joined.numbers) + 1))
        )


def test_errors_name_the_structure():
    broken = structures()
    broken[4].positions[2] = np.nan
    with pytest.raises(InputError, match=r"frame 4: positions or cell are not finite \(atoms \[2\]\)"):
        terms()[0].evaluate_batch(broken)
    with pytest.raises(ModelError, match="Cl"):
        terms()[0].evaluate_batch([structures()[0], Atoms("Cl")])
    with pytest.raises(InputError, match="one neighbour list for each of 2, found 1"):
        terms()[0].evaluate_batch(structures()[:2], [NeighbourList()])
    with pytest.raises(InputError, match="single structure"):
        Batch(structures(), 4.0, 1)
