import numpy as np
import pytest
import torch
from ase import Atoms
from block_oracles import random_structure
from torch_cases import BLOCKS, DEVICES, TERMS, gaussian_process, potential

from superion import Potential
from superion.electrostatics import CoulombTerm, FixedCharges, Slater
from superion.errors import InputError, ModelError
from superion.neighbours import NeighbourList
from superion.potentials import TorchPotential
from superion.potentials.many_body.harmonics import harmonics, normalisation
from superion.potentials.torch_path.soap import harmonic_gradients, solid_harmonics
from superion.terms import Evaluation


def assert_equal(found: Evaluation, expected: Evaluation, tolerance: float = 1e-10) -> None:
    assert found.energy == pytest.approx(expected.energy, abs=tolerance)
    for name in ("energies", "forces", "virial", "charges", "dipole"):
        one, two = getattr(found, name), getattr(expected, name)
        assert (one is None) == (two is None), name
        if one is not None:
            assert one.dtype == np.float64
            np.testing.assert_allclose(one, two, rtol=0, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("pbc", [True, False, (True, True, False), (False, False, True)])
@pytest.mark.parametrize("name", [*BLOCKS, *TERMS, "all"])
def test_batches_agree_with_the_compiled_path(name, pbc, device):
    if np.ndim(pbc) and (name == "all" or name.startswith("coulomb")):
        pbc = True  # Coulomb sums need three periodic axes or none
    ours = potential(name)
    structures = [
        random_structure(seed, atoms, pbc=np.broadcast_to(pbc, 3))
        for seed, atoms in ((10, 7), (11, 1), (12, 9))
    ]
    torch_potential = TorchPotential(ours, device)
    for found, atoms in zip(torch_potential.evaluate_batch(structures), structures, strict=True):
        expected = ours.evaluate(atoms)
        assert_equal(found, expected)
        assert_equal(torch_potential.evaluate(atoms), expected)


@pytest.mark.parametrize("device", DEVICES)
def test_periodic_and_open_structures_in_one_batch(device):
    ours = potential("all")
    structures = [random_structure(3, 6), random_structure(4, 5, pbc=(False,) * 3), random_structure(5, 4)]
    for found, atoms in zip(TorchPotential(ours, device).evaluate_batch(structures), structures, strict=True):
        assert_equal(found, ours.evaluate(atoms))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", ["soap", "soap with components", "soap with channels"])
def test_float32_is_right_to_a_few_of_its_digits(name, device):
    ours, atoms = potential(name), random_structure(7, 8)
    found, expected = (
        TorchPotential(ours.with_precision("float32"), device).evaluate(atoms),
        ours.evaluate(atoms),
    )
    scale = np.abs(expected.forces).max()
    assert 0 < np.abs(found.forces - expected.forces).max() < 2e-5 * scale
    np.testing.assert_allclose(found.energies, expected.energies, rtol=0, atol=1e-5)
    assert found.forces.dtype == np.float64


@pytest.mark.parametrize("device", DEVICES)
def test_chunks_make_no_difference(device, monkeypatch):
    ours, atoms = potential("all"), random_structure(8, 9)
    whole = TorchPotential(ours, device).evaluate(atoms)
    for name, size in (("soap.ATOMS", 2), ("blocks.PAIRS", 7), ("blocks.TRIANGLES", 5)):
        monkeypatch.setattr(f"superion.potentials.torch_path.{name}", (size, size))
    for name, size in (("PAIRS", 1001), ("PHASES", 3)):
        monkeypatch.setattr(f"superion.electrostatics.torch_coulomb.{name}", (size, size))
    assert_equal(TorchPotential(ours, device).evaluate(atoms), whole)
    monkeypatch.setattr("superion.potentials.torch_path.soap.SLOTS", (1, 1))
    assert_equal(TorchPotential(ours, device).evaluate(atoms), whole)


def test_where_the_term_would_take_a_mesh_the_ewald_sum_has_its_accuracy():
    charges = FixedCharges({"Li": 0.445, "P": 2.225, "S": -0.890})
    rng = np.random.default_rng(0)
    grid = np.argwhere(np.ones((2, 2, 2))) / 2 + rng.uniform(-0.05, 0.05, (8, 3))
    atoms = Atoms("Li3PS4", scaled_positions=grid, cell=5.6 * np.eye(3), pbc=True) * (3, 3, 2)
    mesh = CoulombTerm(charges, Slater.from_screening(2.0), accuracy=1e-8, method="pme")
    found, expected = TorchPotential(Potential([mesh])).evaluate(atoms), mesh.evaluate(atoms)
    assert np.abs(found.forces - expected.forces).max() < 1e-6
    assert found.energy == pytest.approx(expected.energy, abs=1e-6 * len(atoms))


def test_neighbour_lists_are_remembered():
    ours, atoms = TorchPotential(potential("all")), random_structure(9, 6)
    known = NeighbourList(skin=0.5)
    for _ in range(3):
        atoms.positions += np.random.default_rng(1).normal(0, 0.02, atoms.positions.shape)
        assert_equal(ours.evaluate_batch([atoms], [known])[0], ours.evaluate(atoms), 0.0)
    assert known.searches == 1


@pytest.mark.parametrize("name", ["all", "soap", "coulomb, points"])
def test_nothing_has_no_energy(name):
    ours = TorchPotential(potential(name))
    assert ours.evaluate_batch([]) == []
    empty, single = ours.evaluate_batch([Atoms(), Atoms("S")])
    assert empty.energy == 0
    assert empty.forces.shape == (0, 3)
    assert_equal(single, ours.potential.evaluate(Atoms("S")))


def test_gradients_of_solid_harmonics_are_those_of_the_compiled_path():
    l_max = 5
    unit = np.random.default_rng(0).normal(size=(6, 3))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    values = solid_harmonics(torch.tensor(unit), l_max)
    slopes = (values[:, : l_max**2] @ torch.tensor(harmonic_gradients(l_max)).view(36, 3, 25).mT).permute(
        1, 2, 0
    )
    for row, (x, y, z) in enumerate(unit):
        value, gradient = np.empty(36), np.empty((3, 36))
        scratch = np.zeros((l_max + 2, l_max + 2)), np.empty(l_max + 1), np.empty(l_max + 1)
        harmonics(x, y, z, l_max, normalisation(l_max), value, gradient, *scratch)
        np.testing.assert_allclose(values[row], value, rtol=0, atol=1e-13)
        np.testing.assert_allclose(slopes[row], gradient, rtol=0, atol=1e-12)


class Springs:
    kind, size = "springs", 0

    def evaluate(self, atoms: Atoms) -> Evaluation:
        return Evaluation.zero(len(atoms))


def test_what_is_not_known_is_refused():
    with pytest.raises(ModelError, match="term Springs cannot be evaluated with PyTorch"):
        TorchPotential(Potential([Springs()]))
    gp = gaussian_process("pair")
    gp.blocks[0] = Springs()
    with pytest.raises(ModelError, match="block Springs cannot be evaluated"):
        TorchPotential(Potential([gp]))
    for name in ("soap", "coulomb, slater"):
        with pytest.raises(ModelError, match=r"frame 1: .*Na"):
            TorchPotential(potential(name)).evaluate_batch([Atoms("Li"), Atoms("Na")])
    with pytest.raises(InputError, match="overlap"):
        TorchPotential(potential("coulomb, points")).evaluate(Atoms("Li2"))
    soap = gaussian_process("soap").blocks[0]
    del soap.points[15]
    with pytest.raises(ModelError, match="no environments centred on P"):
        TorchPotential(Potential([_with(soap)])).evaluate(Atoms("P"))


def _with(block):
    gp = gaussian_process("pair")
    return type(gp)([block], np.zeros(block.size), gp.baseline)


def test_devices_that_are_not_there(monkeypatch):
    with pytest.raises(InputError, match="unknown device 'gpu'"):
        TorchPotential(potential("pair"), "gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"'cuda' is not available.*0 CUDA devices.*Remedy: use device cpu"):
        TorchPotential(potential("pair"), "cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match=r"'cuda:1' is not available.*sees 1 CUDA device"):
        TorchPotential(potential("pair"), "cuda:1")
