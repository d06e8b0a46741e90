from itertools import combinations_with_replacement, product
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.data import covalent_radii
from ase.io import read
from block_oracles import SPECIES, assert_derivatives, assert_symmetries, random_structure
from hypothesis import given, settings
from hypothesis import strategies as st

from superion.errors import InputError, ModelError
from superion.potentials.repulsion import Repulsion, repulsion, zbl
from superion.terms import Term

TRAIN = Path(__file__).parents[2] / "data" / "lps" / "train.extxyz"
PAIRS = list(combinations_with_replacement(SPECIES, 2))


@pytest.fixture(scope="module")
def frames() -> list[Atoms]:
    return read(TRAIN, ":")


def dimer(a: int, b: int, r: float) -> Atoms:
    return Atoms([a, b], [[0, 0, 0], [0, 0, r]])


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_zbl_agrees_with_quip(a, b):
    from quippy.potential import Potential

    calculator = Potential("IP ZBL cutoff=10.0", param_str="<ZBL/>")
    for r in (0.1, 0.6, 1.3, 2.5):
        atoms = Atoms([a, b], [[0, 0, 0], [0, 0, r]], cell=[30] * 3, pbc=True, calculator=calculator)
        value, slope = zbl(r, a, b)
        assert value == pytest.approx(atoms.get_potential_energy(), rel=2e-7)
        assert slope == pytest.approx(atoms.get_forces()[0, 2], rel=2e-7)


def test_zbl_is_bare_nuclear_repulsion_at_contact():
    r = 1e-5
    assert zbl(r, 3, 16)[0] == pytest.approx(14.399645 * 48 / r, rel=2e-4)


def test_inside_it_is_zbl_and_wall():
    value, slope = repulsion(1.2, 3.0, 16.0, 2.0, 80.0)
    assert value == pytest.approx(zbl(1.2, 3.0, 16.0)[0] + 80 * 0.4**3, rel=1e-13)
    assert slope == pytest.approx(zbl(1.2, 3.0, 16.0)[1] - 3 * 40 * 0.4**2, rel=1e-13)


@pytest.mark.parametrize("at", [0.7 * 1.9, 1.9])
def test_two_continuous_derivatives(at):
    def energy(r):
        return repulsion(r, 15.0, 16.0, 1.9, 160.0)[0] if r < 1.9 else 0.0

    h = 1e-3
    sides = []
    for sign in (1, -1):
        e = [energy(at + sign * k * h) for k in range(5)]
        slope = sign * (-25 * e[0] + 48 * e[1] - 36 * e[2] + 16 * e[3] - 3 * e[4]) / (12 * h)
        curvature = (35 * e[0] - 104 * e[1] + 114 * e[2] - 56 * e[3] + 11 * e[4]) / (12 * h**2)
        sides.append((e[0], slope, curvature))
    (e1, d1, c1), (e2, d2, c2) = sides
    assert e1 == e2
    assert d1 == pytest.approx(d2, abs=1e-3)
    assert c1 == pytest.approx(c2, abs=1.0)  # the third derivative, which jumps, is some 10³ eV/Å³


@pytest.mark.parametrize("pbc", list(product([True, False], repeat=3)))
def test_derivatives(pbc):
    atoms = random_structure(5, pbc=pbc)
    term = Repulsion({pair: 2.4 + 0.1 * k for k, pair in enumerate(PAIRS)})
    assert term.evaluate(atoms).energy > 0.1
    assert_derivatives(term.evaluate, atoms)


def test_derivatives_among_images_of_one_atom():
    atoms = Atoms("Li", cell=[[2.0, 0, 0], [0.3, 2.1, 0], [0, 0.5, 2.2]], pbc=True)
    assert_derivatives(Repulsion({(3, 3): 3.0}).evaluate, atoms)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), pbc=st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_symmetries(seed, pbc):
    term = Repulsion(dict.fromkeys(PAIRS, 2.8))
    assert_symmetries(term.evaluate, random_structure(seed, atoms=5, pbc=pbc), seed)


def test_training_frames_feel_nothing(frames):
    term = Repulsion.below(frames)
    for atoms in frames:
        result = term.evaluate(atoms)
        assert result.energy == 0.0
        assert not result.forces.any()
    assert list(term.outer) == PAIRS


def test_radii_are_a_margin_below_the_shortest_distances(frames):
    outer = Repulsion.below(frames, margin=0.8).outer
    for a, b in PAIRS:
        shortest = np.inf
        for atoms in frames:
            first, second = np.flatnonzero(atoms.numbers == a), np.flatnonzero(atoms.numbers == b)
            distances = np.array([atoms.get_distances(i, second, mic=True) for i in first])
            shortest = min(shortest, distances[distances > 0].min())
        limit = 1.5 * (covalent_radii[a] + covalent_radii[b])
        assert outer[a, b] == pytest.approx(0.8 * min(shortest, limit), rel=1e-12)


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_the_wall_holds(frames, a, b):
    """Rises all the way inwards; above 5 eV at half the shortest distance, above 1 eV at 0.8 of it."""
    term = Repulsion.below(frames)
    outer = term.outer[a, b]
    x = np.linspace(0.05, 0.999, 400)
    energy = np.array([term.evaluate(dimer(a, b, r)).energy for r in x * outer])
    assert (np.diff(energy) < 0).all()
    assert term.evaluate(dimer(a, b, 0.5 * outer)).energy > 5.0
    assert term.evaluate(dimer(a, b, 0.8 * outer)).energy > 1.0
    assert term.evaluate(dimer(a, b, outer)).energy == 0.0


def test_pairs_never_seen_get_a_radius():
    term = Repulsion.below([Atoms("LiS", [[0, 0, 0], [0, 0, 2.2]])], species=[17, 3, 16])
    assert term.outer[3, 16] == pytest.approx(0.9 * 2.2)
    assert term.outer[16, 17] == pytest.approx(0.9 * 1.5 * (1.05 + 1.02))
    assert term.species == [3, 16, 17]


def test_restored_term_is_bit_for_bit_the_same(frames):
    term = Repulsion.below(frames, height=33.3)
    other = Repulsion.restore(term.settings(), term.arrays())
    assert isinstance(other, Term)
    assert (other.outer, other.height) == (term.outer, 33.3)
    atoms = random_structure(0)
    a, b = term.evaluate(atoms), other.evaluate(atoms)
    assert a.energy == b.energy > 0
    np.testing.assert_array_equal(a.forces, b.forces)


def test_what_cannot_be_used_is_refused():
    with pytest.raises(InputError, match=r"positive radii"):
        Repulsion({(3, 3): -1.0})
    with pytest.raises(InputError, match=r"positive radii"):
        Repulsion({(3, 3): 2.0}, height=-1.0)
    with pytest.raises(InputError, match=r"no frames and no species"):
        Repulsion.below([])
    with pytest.raises(ModelError, match=r"species \(16, 3\)"):
        Repulsion({(16, 3): 2.0})
    with pytest.raises(ModelError, match=r"contains \['P'\]"):
        Repulsion({(3, 16): 2.0}).evaluate(dimer(3, 15, 1.0))
