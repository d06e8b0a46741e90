import numpy as np
import pytest
from ase import Atoms
from block_oracles import SPECIES, assert_derivatives, random_structure

from superion.electrostatics import CoulombTerm, Gaussian, PredictedCharges
from superion.electrostatics.charges import restore_charges
from superion.electrostatics.properties import AtomicProperty, restore_property
from superion.errors import ModelError
from superion.potentials import model_file
from superion.potentials.kernel_charges.property import KernelProperty
from superion.potentials.many_body.soap import SoapBlock, SoapSettings
from superion.terms import Evaluation

SHORT = SoapSettings(cutoff=2.8, cutoff_width=1.0, n_max=3, l_max=2, zeta=3, delta=0.4, sparse_points=4)
LONG = SoapSettings(cutoff=4.0, cutoff_width=2.0, n_max=4, l_max=2, zeta=2, delta=0.6, sparse_points=5)
OFFSETS = {"Li": 0.5, "P": -0.2, "S": 0.1}


def kernel_property(seed: int = 0, soaps: tuple[SoapSettings, ...] = (SHORT, LONG)) -> KernelProperty:
    rng = np.random.default_rng(seed)
    frames = [random_structure(s, atoms=7) for s in range(4)]
    blocks = [SoapBlock.choose(frames, soap, SPECIES, rng) for soap in soaps]
    return KernelProperty(blocks, rng.standard_normal(sum(b.size for b in blocks)), OFFSETS, "charge")


@pytest.mark.parametrize("pbc", [True, False])
def test_values_are_the_offset_and_the_weighted_kernels(pbc):
    atoms, model = random_structure(9, pbc=(pbc,) * 3), kernel_property()
    expected = np.array([OFFSETS[symbol] for symbol in atoms.symbols])
    for block, weights in zip(model.blocks, np.split(model.weights, [model.blocks[0].size]), strict=True):
        for i, (z, spectrum) in enumerate(zip(atoms.numbers, block.spectra(atoms), strict=True)):
            kernels = block.hyper.delta**2 * (block.points[z] @ spectrum) ** block.hyper.zeta
            expected[i] += weights[block.offsets[z]] @ kernels
    np.testing.assert_allclose(model.values(atoms), expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("pbc", [True, False])
def test_vjp_is_the_derivative_at_constant_slope(pbc):
    atoms, model = random_structure(3, pbc=(pbc,) * 3), kernel_property()
    slope = np.random.default_rng(4).standard_normal(len(atoms))

    def evaluate(moved: Atoms) -> Evaluation:
        energies = slope * model.values(moved)
        return Evaluation(energies.sum(), energies, *model.vjp(moved, slope))

    assert_derivatives(evaluate, atoms)


def test_scaled_design_is_the_scaled_evaluation():
    atoms, model = random_structure(5), kernel_property(soaps=(LONG,))
    slope = np.random.default_rng(6).standard_normal(len(atoms))
    (block,) = model.blocks
    energy, force, virial = block.design(atoms, True, slope)
    forces, strain = model.vjp(atoms, slope)
    offsets = model.offsets.values(atoms)
    np.testing.assert_allclose(energy @ model.weights, slope * (model.values(atoms) - offsets), atol=1e-11)
    np.testing.assert_allclose(force @ model.weights, forces, atol=1e-10)
    np.testing.assert_allclose(virial @ model.weights, strain, atol=1e-10)


def test_round_trip_keeps_every_bit():
    atoms, model = random_structure(7), kernel_property()
    restored = restore_property(model.settings(), model.arrays())
    assert isinstance(restored, AtomicProperty)
    np.testing.assert_array_equal(restored.values(atoms), model.values(atoms))


def test_unknown_element_and_wrong_weights_are_refused():
    model = kernel_property()
    with pytest.raises(ModelError, match="no charge for Cl"):
        model.values(Atoms("LiCl", positions=[[0, 0, 0], [2, 0, 0]]))
    with pytest.raises(ModelError, match="need as many weights"):
        KernelProperty(model.blocks, model.weights[1:], OFFSETS)


@pytest.mark.parametrize("total", [0.0, 1.0])
def test_predicted_charges_sum_to_the_total_charge(total):
    atoms = random_structure(2)
    atoms.info["total_charge"] = total
    free = PredictedCharges(kernel_property(), conserve=False)
    kept = PredictedCharges(kernel_property())
    assert abs(kept.charges(atoms).sum() - total) < 1e-12
    change = kept.charges(atoms) - free.charges(atoms)
    np.testing.assert_allclose(change, change.mean(), atol=1e-14)
    assert abs(change.mean()) > 1e-3


def test_predicted_charges_need_a_total_charge():
    atoms = random_structure(2)
    with pytest.raises(ModelError, match="total charge"):
        PredictedCharges(kernel_property()).charges(atoms)
    assert abs(PredictedCharges(kernel_property(), total_charge=0.0).charges(atoms).sum()) < 1e-12
    np.testing.assert_array_equal(
        PredictedCharges(kernel_property(), conserve=False).charges(atoms), kernel_property().values(atoms)
    )


@pytest.mark.parametrize("pbc", [True, False])
@pytest.mark.parametrize("conserve", [True, False])
def test_coulomb_term_of_predicted_charges_has_exact_derivatives(pbc, conserve):
    atoms = random_structure(12, pbc=(pbc,) * 3)
    charges = PredictedCharges(kernel_property(), conserve, total_charge=0.0)
    term = CoulombTerm(charges, Gaussian(0.7), accuracy=1e-11, background=True, method="ewald")
    assert_derivatives(term.evaluate, atoms)


def test_model_file_holds_predicted_charges(tmp_path):
    atoms = random_structure(13)
    term = CoulombTerm(PredictedCharges(kernel_property(), total_charge=0.0), Gaussian(0.7))
    model_file.save(tmp_path / "m.safetensors", [term], {})
    (restored,), _ = model_file.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(restored.evaluate(atoms).forces, term.evaluate(atoms).forces)
    charges = restore_charges(term.charges.settings(), term.charges.arrays())
    np.testing.assert_array_equal(charges.charges(atoms), term.charges.charges(atoms))
