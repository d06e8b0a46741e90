import numpy as np
import pytest
from kernel_cases import SETTINGS, charges_of, molecules, problem, random_unknowns

from superion.electrostatics import neutral_fragments
from superion.electrostatics.charge_equilibration import ChargeEquilibration
from superion.errors import InputError, ModelError
from superion.potentials import KernelQEqSettings, Potential, fit_kqeq
from superion.potentials.kernel_charges.qeq import charge_terms
from superion.potentials.many_body.soap import SoapBlock

CHARGES_ALONE = SETTINGS.model_copy(update={"atomic_dipoles": ()})


def test_model_has_the_charges_and_the_dipole_of_the_problem():
    own = problem(molecules(8))
    unknowns = random_unknowns(own)
    equilibration, dipoles = charge_terms(own, unknowns)
    assert isinstance(equilibration.charges, ChargeEquilibration)
    for atoms in own.frames:
        q = charges_of(atoms, own.kernel_rows(atoms) @ unknowns[: own.charged])
        np.testing.assert_allclose(equilibration.charges.charges(atoms), q, atol=1e-8)
        atoms.info["REF_dipole"] = q @ atoms.positions + dipoles.dipoles(atoms).sum(axis=0)
        rows, right = own.rows(atoms)
        np.testing.assert_allclose(rows @ unknowns, right, atol=1e-6)
        potential = Potential([equilibration, dipoles]).evaluate(atoms)
        np.testing.assert_allclose(potential.dipole, atoms.info["REF_dipole"], atol=1e-8)


@pytest.mark.parametrize("total", [0.0, 1.0, -1.0])
def test_fitted_charges_are_conserved_and_dipoles_turn(total, tmp_path):
    frames = molecules(16)
    rng = np.random.default_rng(0)
    for atoms in frames:
        atoms.info |= {"REF_dipole": rng.normal(size=3), "total_charge": 0.0}
    Potential(fit_kqeq(frames, SETTINGS)).save(tmp_path / "m.safetensors")
    model = Potential.load(tmp_path / "m.safetensors")
    (atoms,) = molecules(5, seed=3)[4:]
    atoms.info["total_charge"] = total
    result = model.evaluate(atoms)
    assert abs(result.charges.sum() - total) < 1e-12
    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    shift = np.array([1.0, -2.0, 0.5])
    moved = atoms.copy()
    moved.info = dict(atoms.info)
    moved.positions = atoms.positions @ rotation.T + shift
    turned = model.evaluate(moved)
    np.testing.assert_allclose(turned.dipole, rotation @ result.dipole + total * shift, atol=1e-9)
    np.testing.assert_allclose(turned.charges, result.charges, atol=1e-10)
    assert turned.energy == pytest.approx(result.energy, abs=1e-9)


@pytest.mark.filterwarnings("ignore::superion.electrostatics.ChargeTransferWarning")
def test_molecules_that_do_not_touch_have_the_dipoles_they_have_alone():
    """As neutral fragments; where they are free, charge flows between them and gives a dipole that is not."""
    frames = molecules(16)
    rng = np.random.default_rng(1)
    for atoms in frames:
        atoms.info["REF_dipole"] = rng.normal(size=3)
    model = Potential(fit_kqeq(frames, SETTINGS))
    one, other = frames[0].copy(), frames[1].copy()
    other.positions += [60.0, 0, 0]
    together = one + other
    together.info = {"total_charge": 0.0}
    alone = model.evaluate(one).dipole + model.evaluate(other).dipole
    np.testing.assert_allclose(model.evaluate(neutral_fragments(together)).dipole, alone, atol=2e-3)
    assert np.abs(model.evaluate(together).dipole - alone).max() > 1


def test_forces_of_a_fitted_model_are_derivatives():
    frames = molecules(8)
    for k, atoms in enumerate(frames):
        atoms.info["REF_dipole"] = np.array([0.2, -0.1, 0.05 * k])
    model = Potential(fit_kqeq(frames, CHARGES_ALONE))
    (atoms,) = molecules(2, seed=5)[1:]
    forces, h = model.evaluate(atoms).forces, 1e-4
    for i, u in ((0, 0), (1, 2), (len(atoms) - 1, 1)):
        ends = []
        for step in (h, -h):
            moved = atoms.copy()
            moved.positions[i, u] += step
            ends.append(model.evaluate(moved).energy)
        assert forces[i, u] == pytest.approx((ends[1] - ends[0]) / (2 * h), abs=1e-6)
    assert np.abs(forces).max() > 1e-3


def test_learning_improves_molecules_that_were_left_out():
    """A truth with other hardnesses and widths: learned parameters predict new dipoles better."""
    own = problem(molecules(48), CHARGES_ALONE)
    unknowns = random_unknowns(own)
    (truth,) = charge_terms(own, unknowns)
    frames, new = molecules(32, seed=1), molecules(16, seed=2)
    for atoms in (*frames, *new):
        atoms.info["REF_dipole"] = truth.evaluate(atoms).dipole
    start = {"hardness": {"H": 4.0, "C": 30.0, "O": 5.0}, "width": {"H": 0.9, "C": 0.4, "O": 1.0}}
    errors = []
    for learn in ((), ("hardness", "width", "delta", "sigma")):
        settings = CHARGES_ALONE.model_copy(update=start | {"learn": learn, "steps": 25})
        model = Potential(fit_kqeq(frames, settings))
        errors.append(np.mean([np.abs(model.evaluate(a).dipole - a.info["REF_dipole"]) for a in new]))
    assert errors[1] < 0.9 * errors[0]


def test_frames_without_labels_are_refused():
    with pytest.raises(InputError, match="no frame carries a label among REF_dipole"):
        fit_kqeq(molecules(2), KernelQEqSettings())


def test_unknown_total_charges_are_refused_before_sparse_points_are_chosen(monkeypatch):
    frames = molecules(3)
    for atoms in frames:
        atoms.info |= {"REF_dipole": np.zeros(3), "total_charge": 0.0}
    del frames[2].info["total_charge"]
    frames[2].info["source"] = "dipoles.extxyz#2"
    monkeypatch.setattr(SoapBlock, "choose", None)
    with pytest.raises(ModelError, match=r"dipoles.extxyz#2: neither the structure nor the charge model"):
        fit_kqeq(frames, SETTINGS.model_copy(update={"total_charge": None}))
