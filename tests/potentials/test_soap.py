import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from ase import Atoms
from ase.build import make_supercell
from block_oracles import evaluated
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from quippy.descriptors import Descriptor

from superion.errors import InputError, ModelError
from superion.potentials.many_body.soap import SoapBlock, SoapSettings

SPECIES = (3, 15, 16)
SMALL = SoapSettings(cutoff=4.0, cutoff_width=1.5, n_max=4, l_max=3, zeta=2, delta=0.7, sparse_points=6)


def skewed(seed: int = 0, pbc: object = True) -> Atoms:
    """Ten atoms in a skewed cell smaller than the cutoff, some of them far outside it."""
    rng = np.random.default_rng(seed)
    cell = np.array([[5.1, 0.3, 0.0], [-1.9, 5.6, 0.4], [0.8, -1.2, 6.0]])
    grid = np.array([(i, j, k) for i in range(2) for j in range(2) for k in range(3)][:10])
    scaled = (grid + 0.25) / (2, 2, 3) + rng.uniform(-0.06, 0.06, (10, 3))
    scaled[:3] += rng.integers(-4, 5, (3, 3)) * np.asarray(pbc)
    return Atoms(rng.permutation([3] * 4 + [15] * 2 + [16] * 4), scaled @ cell, cell=cell, pbc=pbc)


def block(hyper: SoapSettings = SMALL) -> SoapBlock:
    return SoapBlock.choose([skewed(s) for s in range(5)], hyper, SPECIES, np.random.default_rng(1))


@pytest.mark.parametrize(
    ("n_max", "l_max", "atom_sigma", "width"), [(8, 6, 0.5, 1.0), (5, 3, 0.4, 2.5), (3, 0, 0.6, 0.5)]
)
def test_power_spectrum_is_that_of_quip(n_max, l_max, atom_sigma, width):
    hyper = SoapSettings(cutoff=5.0, cutoff_width=width, n_max=n_max, l_max=l_max, atom_sigma=atom_sigma)
    atoms = skewed(3)
    ours = SoapBlock(hyper, SPECIES, {}).spectra(atoms)
    for z in SPECIES:
        theirs = Descriptor(
            f"soap cutoff=5.0 cutoff_transition_width={width} n_max={n_max} l_max={l_max} "
            f"atom_sigma={atom_sigma} normalise=T n_Z=1 Z={{{z}}} n_species=3 species_Z={{3 15 16}}"
        ).calc(atoms)["data"]
        mine = ours[atoms.numbers == z]
        np.testing.assert_allclose(mine @ mine.T, theirs @ theirs.T, atol=1e-10)
        np.testing.assert_allclose(
            np.sort(np.abs(mine)), np.sort(np.abs(theirs[:, : mine.shape[1]])), atol=1e-9
        )


VARIANTS = pytest.mark.parametrize(
    "hyper",
    [
        SMALL,
        SMALL.model_copy(update={"components": 9}),
        SMALL.model_copy(update={"channels": 5}),
        SMALL.model_copy(update={"channels": 9, "components": 7, "zeta": 3}),
    ],
    ids=["full", "components", "channels", "both"],
)


@VARIANTS
@pytest.mark.parametrize("pbc", [True, False, (True, True, False), (False, False, True)])
def test_forces_and_virial_are_derivatives_of_the_energy(pbc, hyper):
    b, atoms = block(hyper), skewed(7, pbc)
    weights = np.random.default_rng(2).normal(size=b.size)
    result, h = evaluated(b, atoms, weights), 1e-4

    def energy(moved: Atoms) -> float:
        return evaluated(b, moved, weights).energy

    def slope(change) -> float:
        values = []
        for step in (-2, -1, 1, 2):
            moved = atoms.copy()
            change(moved, step * h)
            values.append(energy(moved))
        return (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)

    def move(i, k):
        def change(moved, step):
            moved.positions[i, k] += step

        return change

    def strain(u, v):
        def change(moved, step):
            deformation = np.eye(3)
            deformation[u, v] += step
            moved.set_cell(moved.cell.array @ deformation.T, scale_atoms=False)
            moved.positions = moved.positions @ deformation.T

        return change

    numeric = -np.array([[slope(move(i, k)) for k in range(3)] for i in range(len(atoms))])
    np.testing.assert_allclose(result.forces, numeric, atol=1e-6)
    numeric = -np.array([[slope(strain(u, v)) for v in range(3)] for u in range(3)])
    np.testing.assert_allclose(result.virial, numeric, atol=2e-6)
    np.testing.assert_allclose(result.virial, result.virial.T, atol=1e-10)


@VARIANTS
def test_design_times_weights_is_the_evaluation(hyper):
    b, atoms = block(hyper), skewed(4)
    weights = np.random.default_rng(0).normal(size=b.size)
    energy, force, virial = b.design(atoms)
    result = evaluated(b, atoms, weights)
    np.testing.assert_allclose(energy @ weights, result.energies, atol=1e-13)
    np.testing.assert_allclose(force @ weights, result.forces, atol=1e-13)
    np.testing.assert_allclose(virial @ weights, result.virial, atol=1e-12)
    np.testing.assert_array_equal(b.design(atoms, forces=False)[0], energy)


@VARIANTS
def test_single_precision_is_close_and_sums_are_double(hyper):
    b, atoms = block(hyper), skewed(4)
    weights = np.random.default_rng(0).normal(size=b.size)
    single, double = (evaluated(b.with_precision(p), atoms, weights) for p in ("float32", "float64"))
    scale = np.abs(weights).sum() * hyper.delta**2
    assert single.energies.dtype == single.forces.dtype == np.float64
    np.testing.assert_allclose(single.energies, double.energies, atol=3e-6 * scale)
    np.testing.assert_allclose(single.forces, double.forces, atol=1e-5 * scale)
    assert np.abs(single.forces - double.forces).max() > 0
    np.testing.assert_allclose(single.forces.sum(axis=0), 0, atol=1e-13)
    np.testing.assert_array_equal(double.forces, evaluated(b, atoms, weights).forces)


def test_unknown_precision_is_refused():
    with pytest.raises(InputError, match=r"'half'.*float64.*float32"):
        block().with_precision("half")


def test_chunks_of_atoms_make_no_difference(monkeypatch):
    b, atoms = block(), skewed(4)
    weights = np.random.default_rng(0).normal(size=b.size)
    whole = evaluated(b, atoms, weights)
    monkeypatch.setattr("superion.potentials.many_body.evaluate.CHUNK", 3)
    parts = evaluated(b, atoms, weights)
    np.testing.assert_allclose(parts.forces, whole.forces, atol=1e-13)
    np.testing.assert_allclose(b.design(atoms)[1] @ weights, whole.forces, atol=1e-13)


@settings(max_examples=15, deadline=None)
@given(
    angles=arrays(float, 3, elements=st.floats(-3, 3)),
    shift=arrays(float, 3, elements=st.floats(-20, 20)),
    seed=st.integers(0, 100),
)
def test_invariance(angles, shift, seed):
    b, atoms = block(), skewed(seed % 4)
    weights = np.random.default_rng(seed).normal(size=b.size)
    reference = evaluated(b, atoms, weights)
    order = np.random.default_rng(seed).permutation(len(atoms))
    rotation = np.eye(3)
    for axis, angle in enumerate(angles):
        turn = np.eye(3)
        a, c = (axis + 1) % 3, (axis + 2) % 3
        turn[[a, a, c, c], [a, c, a, c]] = np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)
        rotation = rotation @ turn
    moved = atoms[order]
    moved.positions = (moved.positions + shift) @ rotation.T
    moved.set_cell(moved.cell.array @ rotation.T)
    result = evaluated(b, moved, weights)
    assert result.energy == pytest.approx(reference.energy, abs=1e-10)
    np.testing.assert_allclose(result.forces, reference.forces[order] @ rotation.T, atol=1e-9)
    supercell = make_supercell(atoms, [[1, 1, 0], [0, 1, 0], [-1, 0, 2]])
    assert evaluated(b, supercell, weights).energy == pytest.approx(2 * reference.energy, abs=1e-9)


def test_smooth_where_a_neighbour_leaves():
    b = block()
    weights = np.random.default_rng(2).normal(size=b.size)
    distances = SMALL.cutoff + np.array([-2e-3, -1e-3, -1e-4, 1e-6, 1e-3])
    pairs = [evaluated(b, Atoms([3, 16], [[0, 0, 0], [0, 0, d]]), weights) for d in distances]
    force = np.array([pair.forces[1, 2] for pair in pairs])
    assert abs(force[-1]) == 0
    np.testing.assert_allclose(force[:3] / (distances[:3] - SMALL.cutoff), force[0] / -2e-3, rtol=0.01)


def test_lone_atom_has_a_kernel_of_one_with_itself():
    b = SoapBlock.choose([Atoms("Li", [[0, 0, 0]])], SMALL, SPECIES, np.random.default_rng(0))
    result = evaluated(b, Atoms("Li", [[1, 2, 3]]), np.ones(1))
    assert result.energy == pytest.approx(SMALL.delta**2)
    np.testing.assert_array_equal(result.forces, 0)


@VARIANTS
def test_prior_is_the_kernel_of_the_sparse_points(hyper):
    b, atoms = block(hyper.model_copy(update={"sparse_method": "all"})), skewed(0)
    same = b.covariance(atoms)
    assert np.linalg.eigvalsh(b.prior()).min() > -1e-10
    assert np.diag(same) == pytest.approx(SMALL.delta**2, rel=0.1 if hyper.components else 1e-10)
    energy = b.design(atoms, forces=False)[0]
    lithium = atoms.numbers == 3
    np.testing.assert_allclose(energy[lithium][:, :4], same[np.ix_(lithium, lithium)], atol=1e-12)


@pytest.mark.parametrize("more", [{"components": 200}, {"channels": 12}, {"channels": 12, "components": 200}])
def test_keeping_everything_loses_nothing(more):
    hyper = SMALL.model_copy(update={"sparse_method": "all"})
    weights = np.random.default_rng(2).normal(size=block(hyper).size)
    full = evaluated(block(hyper), skewed(2), weights)
    wide = evaluated(block(hyper.model_copy(update=more)), skewed(2), weights)
    np.testing.assert_allclose(wide.forces, full.forces, atol=1e-9)


def test_sparse_points_come_from_a_bounded_number_of_environments(monkeypatch):
    frames = [skewed(s) for s in range(5)]
    everything = {
        z: {tuple(row) for a in frames for row in block().spectra(a)[a.numbers == z]} for z in SPECIES
    }
    monkeypatch.setattr("superion.potentials.many_body.soap.CANDIDATES", 3)
    few = SoapBlock.choose(frames, SMALL, SPECIES, np.random.default_rng(1))
    for z in SPECIES:
        assert len(few.points[z]) == 3
        assert {tuple(row) for row in few.points[z]} <= everything[z]


def test_a_used_block_can_be_copied_and_passed_to_threads():
    b, structures = block(), [skewed(s) for s in range(6)]
    weights = np.random.default_rng(0).normal(size=b.size)
    alone = [evaluated(b, atoms, weights).forces for atoms in structures]
    np.testing.assert_array_equal(evaluated(copy.deepcopy(b), structures[0], weights).forces, alone[0])
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda atoms: evaluated(b, atoms, weights).forces, structures * 5))
    for one, other in zip(together, alone * 5, strict=True):
        np.testing.assert_array_equal(one, other)


def test_unknown_species_are_named():
    with pytest.raises(ModelError, match=r"\['Li', 'P', 'S'\].*\['Na'\].*fit a model"):
        block().spectra(Atoms("Na", [[0, 0, 0]]))


def test_atoms_on_top_of_each_other_are_named():
    with pytest.raises(InputError, match=r"atoms 0 and 1 are .* they overlap"):
        block().spectra(Atoms("Li2", [[0, 0, 0], [0, 0, 1e-5]]))
