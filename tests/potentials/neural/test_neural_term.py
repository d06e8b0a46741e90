import math

import numpy as np
import pytest
import torch
from ase import Atoms
from neural_cases import CHARGED, GENERATIONS, crystal, molecule, untrained

from superion.electrostatics import COULOMB, ChargedCellWarning, ChargeModel, CoulombTerm, Gaussian
from superion.errors import InputError, ModelError
from superion.potentials import Calculator, Potential
from superion.potentials.neural.model import CHARGE
from superion.potentials.neural.term import NeuralTerm
from superion.terms import LocalTerm, Term


@pytest.mark.parametrize("name", GENERATIONS)
def test_the_file_keeps_every_bit(name, tmp_path):
    term, atoms = untrained(name), molecule()
    Potential([term]).save(tmp_path / "model")
    loaded = Potential.load(tmp_path / "model")
    a, b = term.evaluate(atoms), loaded.evaluate(atoms)
    for field in ("energy", "energies", "forces", "virial", "charges", "dipole"):
        np.testing.assert_array_equal(getattr(a, field), getattr(b, field))
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()
    assert isinstance(term, Term)
    assert not isinstance(term, LocalTerm)
    assert loaded.species == ["H", "C", "O"]


def test_serves_the_calculator():
    term, atoms = untrained("4g"), crystal()
    atoms.calc = Calculator(Potential([term]))
    found = term.evaluate(atoms)
    np.testing.assert_array_equal(atoms.get_forces(), found.forces)
    np.testing.assert_array_equal(atoms.get_charges(), found.charges)
    np.testing.assert_allclose(atoms.get_stress(voigt=False), -found.virial / atoms.get_volume(), atol=1e-15)


def test_two_atoms_equilibrate_as_by_hand():
    """CENT of a pair: q = −q' = (χ' − χ) / (J + J' − 2M), energy −½ (χ' − χ)² / (J + J' − 2M)."""
    widths = {"H": 0.6, "C": 0.5, "O": 0.9}
    term, r = untrained("cent", widths=widths), 1.4
    atoms = Atoms("HO", [[0, 0, 0], [0, 0, r]], info={"total_charge": 0.0})
    weights = term.model.weights
    for symbol, chi, unit in zip("HO", (3.0, 5.5), term.model.scales.output[[0, 2]], strict=True):
        for key in (k for k in weights if k.startswith(f"{CHARGE}.{symbol}.")):
            weights[key].zero_()
        weights[f"{CHARGE}.{symbol}.2.bias"] += chi / unit
    hardness = {s: 5.0 + COULOMB / (w * math.sqrt(math.pi)) for s, w in widths.items()}
    width = math.sqrt(2 * (widths["H"] ** 2 + widths["O"] ** 2))
    matrix = COULOMB * math.erf(r / width) / r
    stiff = hardness["H"] + hardness["O"] - 2 * matrix
    found = term.evaluate(atoms)
    np.testing.assert_allclose(found.charges, [2.5 / stiff, -2.5 / stiff], rtol=1e-13)
    baseline = float(term.model.scales.baseline[[0, 2]].sum())
    assert found.energy - baseline == pytest.approx(-0.5 * 2.5**2 / stiff, abs=1e-12)
    slope = COULOMB * (
        2 / math.sqrt(math.pi) / width * math.exp(-((r / width) ** 2)) / r - math.erf(r / width) / r**2
    )
    assert found.forces[1, 2] == pytest.approx(0.5 * 2.5**2 / stiff**2 * 2 * slope, abs=1e-12)


@pytest.mark.parametrize("atoms", [molecule(), crystal()], ids=["cluster", "periodic"])
def test_as_charges_of_a_coulomb_term(atoms, tmp_path):
    """The third generation is the Coulomb term of its charges, and the second on top of it."""
    term = untrained("3g", widths={"H": 0.7, "C": 0.7, "O": 0.7})
    assert isinstance(term, ChargeModel)
    Potential([CoulombTerm(term, Gaussian(0.7), background=True)]).save(tmp_path / "model")
    coulomb = Potential.load(tmp_path / "model")
    for key, value in term.model.weights.items():
        if not key.startswith(CHARGE):
            value.zero_()
    found, expected = term.evaluate(atoms), coulomb.evaluate(atoms)
    baseline = float(term.model.scales.baseline[term.model.functions.elements(atoms.numbers)].sum())
    assert found.energy - baseline == pytest.approx(expected.energy, abs=1e-7)
    np.testing.assert_allclose(found.forces, expected.forces, atol=1e-7)
    np.testing.assert_allclose(found.virial, expected.virial, atol=1e-6)
    np.testing.assert_array_equal(found.charges, expected.charges)


@pytest.mark.parametrize("name", CHARGED)
def test_the_total_charge_is_never_guessed(name):
    atoms = molecule()
    del atoms.info["total_charge"]
    with pytest.raises(InputError, match=r"total charge.*not known.*Remedy"):
        untrained(name).evaluate(atoms)
    stated = untrained(name, total_charge=-1.0).evaluate(atoms)
    if name != "3g, not conserved":
        assert stated.charges.sum() == pytest.approx(-1.0, abs=1e-12)
    atoms.info["total_charge"] = 1.0
    np.testing.assert_array_equal(
        untrained(name, total_charge=-1.0).evaluate(atoms).forces, untrained(name).evaluate(atoms).forces
    )


def test_charged_cells():
    atoms = crystal()
    atoms.info["total_charge"] = 1.0
    with pytest.raises(InputError, match=r"total charge of \+1 e; .*refused"):
        untrained("4g", background=False).evaluate(atoms)
    term = untrained("4g")
    with pytest.warns(ChargedCellWarning, match=r"total charge of \+1 e"):
        known = term.evaluate(atoms).energy
    found = untrained("4g", background=True).evaluate(atoms)
    assert found.energy == term.with_background(True).evaluate(atoms).energy == known
    older = term.settings() | {"neural": term.settings()["neural"] | {"background": False}}
    del older["charged_cells"]
    assert NeuralTerm.restore(older, term.arrays()).model.settings.background is None
    refusing = term.with_background(False)
    assert NeuralTerm.restore(refusing.settings(), refusing.arrays()).model.settings.background is False
    assert found.charges.sum() == pytest.approx(1.0, abs=1e-12)


def test_charges_that_do_not_add_up_are_refused_in_cells():
    with pytest.raises(InputError, match=r"conserve"):
        untrained("3g, not conserved").evaluate(crystal())


def test_wires_are_refused_by_charges_only():
    atoms = crystal()
    atoms.pbc = [True, False, False]
    with pytest.raises(InputError, match="three periodic axes, two or none"):
        untrained("4g").evaluate(atoms)
    assert np.isfinite(untrained("2g").evaluate(atoms).energy)


def test_the_local_generation_has_no_charges():
    term = untrained("2g")
    assert term.evaluate(molecule()).charges is None
    with pytest.raises(ModelError, match=r"no charges.*train generation 3g"):
        term.charges(molecule())


def test_nothing_and_a_lone_atom():
    term = untrained("4g")
    assert term.evaluate(Atoms()).energy == 0.0
    lone = term.evaluate(Atoms("C", info={"total_charge": 1.0}))
    assert lone.charges == pytest.approx([1.0])
    np.testing.assert_allclose(lone.forces, 0.0)


def test_evaluations_leave_no_graph():
    term = untrained("4g")
    term.evaluate(molecule())
    assert not any(isinstance(w, torch.Tensor) and w.requires_grad for w in term.model.weights.values())
