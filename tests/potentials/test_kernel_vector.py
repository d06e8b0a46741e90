import numpy as np
import pytest
from ase import Atoms
from kernel_cases import DIPOLES, SPECIES, molecules

from superion.errors import ModelError
from superion.potentials import model_file
from superion.potentials.kernel_charges.dipoles import AtomicDipoles
from superion.potentials.kernel_charges.vector import VectorBlock, vector_coupling


def dipoles() -> AtomicDipoles:
    rng = np.random.default_rng(0)
    block = VectorBlock.choose(molecules(8), DIPOLES, SPECIES, rng)
    return AtomicDipoles([block], rng.standard_normal(block.size))


@pytest.mark.parametrize("mirror", [1.0, -1.0])
def test_dipoles_turn_with_the_molecule(mirror):
    model, (atoms,) = dipoles(), molecules(2, seed=7)[1:]
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0]
    rotation *= mirror * np.sign(np.linalg.det(rotation))
    moved = Atoms(atoms.numbers, atoms.positions @ rotation.T + [3.0, -1.0, 2.0])
    assert np.abs(model.dipoles(atoms)).max() > 1e-3
    np.testing.assert_allclose(model.dipoles(moved), model.dipoles(atoms) @ rotation.T, atol=1e-10)


@pytest.mark.parametrize("zeta", [1, 3])
def test_dipoles_are_the_weighted_basis_functions(zeta):
    settings = DIPOLES.model_copy(update={"zeta": zeta})
    rng = np.random.default_rng(0)
    block = VectorBlock.choose(molecules(8), settings, SPECIES, rng)
    weights = rng.standard_normal(block.size)
    (atoms,) = molecules(2, seed=7)[1:]
    expected = block.design(atoms) @ weights
    np.testing.assert_allclose(AtomicDipoles([block], weights).dipoles(atoms), expected, atol=1e-11)


def test_centre_of_symmetry_has_no_dipole():
    atoms = Atoms("OCO", positions=[[0, 0, -1.17], [0, 0, 0], [0, 0, 1.17]])
    p = dipoles().dipoles(atoms)
    np.testing.assert_allclose(p[1], 0, atol=1e-12)
    np.testing.assert_allclose(p[0], -p[2], atol=1e-12)
    np.testing.assert_allclose(p[0, :2], 0, atol=1e-12)


def test_prior_is_positive_and_that_of_the_design():
    frames = molecules(8)
    settings = DIPOLES.model_copy(update={"sparse_method": "all"})
    block = VectorBlock.choose(frames, settings, SPECIES, np.random.default_rng(0))
    design = [block.design(atoms) for atoms in frames]
    for z, part in block.offsets.items():
        prior = block.prior(z)
        rows = np.concatenate([d[a.numbers == z] for a, d in zip(frames, design, strict=True)])
        np.testing.assert_allclose(rows[:, :, part].reshape(prior.shape), prior, atol=1e-12)
        assert np.linalg.eigvalsh(prior)[0] > -1e-12 * np.trace(prior)


def test_delta_is_the_prior_spread_of_an_atomic_dipole():
    frames = molecules(8)
    settings = DIPOLES.model_copy(update={"sparse_method": "all", "delta": 0.3, "zeta": 1})
    block = VectorBlock.choose(frames, settings, SPECIES, np.random.default_rng(0))
    variances = np.concatenate([np.diag(block.prior(z)) for z in block.offsets])
    assert np.mean(variances) == pytest.approx(0.3**2)
    assert np.diag(block.with_delta(0.6).prior(1))[0] == pytest.approx(4 * np.diag(block.prior(1))[0])


def test_coupling_is_orthonormal_and_a_vector():
    """For l = 0 the coupled vector is the degree 1 itself; rows of every coupling have equal norms."""
    for l, table in enumerate(vector_coupling(4)):
        assert table.shape == (3, 2 * l + 1, 2 * l + 3)
        gram = np.einsum("uab,vab->uv", table, table)
        np.testing.assert_allclose(gram, gram[0, 0] * np.eye(3), atol=1e-12)
        assert gram[0, 0] > 0.1


def test_term_has_a_dipole_and_nothing_else(tmp_path):
    model, (atoms,) = dipoles(), molecules(1)
    result = model.evaluate(atoms)
    assert result.energy == 0
    assert not result.forces.any()
    assert not result.virial.any()
    np.testing.assert_allclose(result.dipole, model.dipoles(atoms).sum(axis=0))
    model_file.save(tmp_path / "m.safetensors", [model], {})
    (restored,), _ = model_file.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(restored.evaluate(atoms).dipole, result.dipole)
    with pytest.raises(ModelError, match="no environments centred on N"):
        model.dipoles(Atoms("N"))
    with pytest.raises(ModelError, match="need as many weights"):
        AtomicDipoles(model.blocks, model.weights[1:])
