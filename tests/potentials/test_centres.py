import numpy as np
import pytest
from ase import Atoms

from superion.neighbours import neighbour_pairs
from superion.potentials.few_body.angle import AngleBlock, AngleSettings
from superion.potentials.few_body.pair import PairBlock, PairSettings
from superion.potentials.gap.gaussian_process import SparseGP
from superion.potentials.many_body.soap import SoapBlock, SoapSettings
from superion.potentials.repulsion import Repulsion
from superion.terms import LocalTerm


def structure(periodic: bool) -> Atoms:
    """Twelve atoms; the periodic cell is smaller than twice the cutoff, so atoms meet their own images."""
    rng = np.random.default_rng(3)
    grid = np.stack(np.meshgrid([0, 2.1], [0, 2.2], [0, 2.0, 4.0], indexing="ij"), axis=-1).reshape(-1, 3)
    atoms = Atoms("Li2SLi2SLi2SLi2S", grid + rng.normal(0, 0.1, (12, 3)), cell=[4.2, 4.4, 6.0], pbc=periodic)
    return atoms


def term(name: str) -> LocalTerm:
    rng = np.random.default_rng(0)
    frames, species = [structure(True)], [3, 16]
    if name == "repulsion":
        return Repulsion({(3, 3): 3.0, (3, 16): 2.6, (16, 16): 3.2})
    block = {
        "pair": lambda: PairBlock.choose(frames, PairSettings(cutoff=4.5, sparse_points=6), species, rng),
        "angle": lambda: AngleBlock.choose(frames, AngleSettings(cutoff=3.5, sparse_points=4), species, rng),
        "soap": lambda: SoapBlock.choose(
            frames, SoapSettings(cutoff=4.0, n_max=3, l_max=2, sparse_points=4), species, rng
        ),
    }[name]()
    return SparseGP([block], rng.normal(size=block.size), {"Li": -0.3, "S": -0.7})


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("name", ["pair", "angle", "soap", "repulsion"])
def test_parts_of_a_structure_add_up_to_the_whole(name, periodic):
    local, atoms = term(name), structure(periodic)
    assert isinstance(local, LocalTerm)
    whole = local.evaluate(atoms)
    order = np.random.default_rng(1).permutation(len(atoms))
    energy, energies = 0.0, np.zeros(len(atoms))
    forces, virial = np.zeros((len(atoms), 3)), np.zeros((3, 3))
    for first, centres in ((0, 5), (5, 4), (9, 3)):
        turned = np.roll(order, -first)
        part = local.evaluate(atoms[turned], centres)
        assert np.abs(part.energies[centres:]).max() == 0
        assert part.energy == pytest.approx(part.energies.sum(), rel=1e-12)
        energy += part.energy
        energies[turned] += part.energies
        forces[turned] += part.forces
        virial += part.virial
    assert energy == pytest.approx(whole.energy, rel=1e-11)
    np.testing.assert_allclose(energies, whole.energies, atol=1e-10)
    np.testing.assert_allclose(forces, whole.forces, atol=1e-10)
    np.testing.assert_allclose(virial, whole.virial, atol=1e-10)


@pytest.mark.parametrize("name", ["pair", "angle", "soap", "repulsion"])
def test_forces_of_a_part_are_the_slope_of_its_energy(name):
    local, atoms = term(name), structure(False)
    forces = local.evaluate(atoms, 4).forces
    step = 1e-4
    for atom, axis in ((0, 1), (5, 0), (9, 2)):
        energies = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[atom, axis] += sign * step
            energies.append(local.evaluate(moved, 4).energy)
        assert forces[atom, axis] == pytest.approx(-(energies[0] - energies[1]) / (2 * step), abs=2e-6)


def test_no_centres_and_their_pairs():
    atoms = structure(True)
    pairs, every = neighbour_pairs(atoms, 4.0, 3), neighbour_pairs(atoms, 4.0)
    assert pairs.start.tolist() == every.start[:4].tolist()
    np.testing.assert_array_equal(pairs.j, every.j[every.i < 3])
    for name in ("pair", "angle", "soap", "repulsion"):
        none = term(name).evaluate(atoms, 0)
        assert none.energy == 0
        assert np.abs(none.forces).max() == 0
