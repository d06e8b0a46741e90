import numpy as np
import pytest
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from safetensors.numpy import save_file

from superion.electrostatics.charges import FixedCharges
from superion.electrostatics.coulomb import CoulombTerm
from superion.electrostatics.densities import Slater
from superion.errors import CorruptFileError, InputError, ModelError
from superion.potentials import model_file
from superion.potentials.calculator import Calculator
from superion.potentials.few_body.pair import PairSettings
from superion.potentials.gap.fit import fit
from superion.potentials.gap.settings import FitSettings
from superion.potentials.many_body.soap import SoapSettings
from superion.potentials.potential import Potential
from superion.potentials.repulsion import Repulsion


def crystal(seed: int) -> Atoms:
    rng = np.random.default_rng(seed)
    atoms = Atoms(
        "Li4S2",
        [[0, 0, 0], [2, 0, 0], [0, 2, 0], [0, 0, 2], [2, 2, 0], [2, 0, 2]],
        cell=[4.2, 4.3, 4.4],
        pbc=True,
    )
    atoms.positions += rng.normal(0, 0.1, (6, 3))
    atoms.info["REF_energy"] = rng.normal()
    atoms.arrays["REF_forces"] = rng.normal(size=(6, 3))
    return atoms


@pytest.fixture(scope="module")
def potential() -> Potential:
    frames = [crystal(s) for s in range(4)]
    settings = FitSettings(
        pair=PairSettings(cutoff=4.0, sparse_points=5),
        soap=SoapSettings(cutoff=4.0, n_max=3, l_max=2, sparse_points=4),
    )
    fixed = [
        Repulsion.below(frames),
        CoulombTerm(FixedCharges({"Li": 0.4, "S": -0.8}), Slater.from_screening(2.0)),
    ]
    return Potential(fit(frames, settings, {"es": fixed})["es"], {"seed": 0, "note": "Li₂S"})


def test_precision_is_chosen_by_the_user_and_not_by_the_file(potential, tmp_path):
    single = potential.with_precision("float32")
    for name, model in (("double", potential), ("single", single)):
        model.save(tmp_path / name)
    assert (tmp_path / "single").read_bytes() == (tmp_path / "double").read_bytes()
    atoms = crystal(9)
    for precision, expected in (("float32", single), ("float64", potential)):
        atoms.calc = Calculator(tmp_path / "single", precision=precision)
        np.testing.assert_array_equal(atoms.get_forces(), expected.evaluate(atoms).forces)
    np.testing.assert_allclose(single.evaluate(atoms).forces, potential.evaluate(atoms).forces, atol=1e-4)
    assert np.abs(single.evaluate(atoms).forces - potential.evaluate(atoms).forces).max() > 0


def test_compressed_models_survive_their_file(tmp_path):
    soap = SoapSettings(cutoff=4.0, n_max=3, l_max=2, sparse_points=4, channels=4, components=6)
    settings = FitSettings(pair=None, soap=soap)
    fitted = Potential(fit([crystal(s) for s in range(4)], settings, {"gap": []})["gap"])
    fitted.save(tmp_path / "model.safetensors")
    loaded, atoms = Potential.load(tmp_path / "model.safetensors"), crystal(9)
    np.testing.assert_array_equal(loaded.evaluate(atoms).forces, fitted.evaluate(atoms).forces)


def test_round_trip_is_exact(potential, tmp_path):
    path = tmp_path / "model.safetensors"
    potential.save(path)
    loaded, atoms = Potential.load(path), crystal(9)
    a, b = potential.evaluate(atoms), loaded.evaluate(atoms)
    for name in ("energy", "energies", "forces", "virial", "charges", "dipole"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    np.testing.assert_array_equal(potential.deviation(atoms).forces, loaded.deviation(atoms).forces)
    assert loaded.provenance == {"seed": 0, "note": "Li₂S"}
    assert loaded.species == ["Li", "S"]
    again = tmp_path / "again.safetensors"
    loaded.save(again)
    assert again.read_bytes() == path.read_bytes()


def test_any_damage_is_noticed(potential, tmp_path):
    path = tmp_path / "model.safetensors"
    potential.save(path)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for position in [*rng.integers(8, len(content), 30), 8, len(content) - 1]:
        damaged = bytearray(content)
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        with pytest.raises((CorruptFileError, ModelError), match=r"model\.safetensors"):
            Potential.load(path)
    for length in (0, 7, 500, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(CorruptFileError, match=r"not a complete safetensors file.*Remedy"):
            Potential.load(path)


def test_files_that_are_not_models(tmp_path, potential, monkeypatch):
    with pytest.raises(InputError, match="no such model file"):
        Potential.load(tmp_path / "absent")
    other = tmp_path / "other.safetensors"
    save_file({"a": np.zeros(2)}, other)
    with pytest.raises(ModelError, match="not a superion model"):
        Potential.load(other)
    monkeypatch.setattr(model_file, "FORMAT", 99)
    potential.save(other)
    monkeypatch.undo()
    with pytest.raises(ModelError, match=r"format 99.*upgrade"):
        Potential.load(other)


def test_calculator_agrees_with_the_potential(potential, tmp_path):
    path = tmp_path / "model.safetensors"
    potential.save(path)
    atoms = crystal(3)
    atoms.calc = Calculator(path)
    exact = potential.evaluate(atoms)
    assert atoms.get_potential_energy() == exact.energy
    np.testing.assert_array_equal(atoms.get_forces(), exact.forces)
    np.testing.assert_allclose(atoms.get_stress(voigt=False), -exact.virial / atoms.get_volume(), atol=1e-15)
    assert atoms.get_potential_energies().sum() == pytest.approx(exact.energy)
    np.testing.assert_array_equal(atoms.get_charges(), exact.charges)
    np.testing.assert_array_equal(atoms.get_dipole_moment(), exact.dipole)
    deviation = potential.deviation(atoms)
    assert atoms.calc.get_property("energy_std", atoms) == deviation.energy
    np.testing.assert_array_equal(atoms.calc.get_property("forces_std", atoms), deviation.forces)
    before = atoms.get_forces()
    atoms.positions[0] += 0.1
    assert np.abs(atoms.get_forces() - before).max() > 1e-3


def test_calculator_says_what_it_cannot_give(potential):
    local = Potential(potential.terms[-1:])
    atoms = crystal(1)
    atoms.calc = Calculator(local)
    atoms.get_potential_energy()
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_charges()
    with pytest.raises(ModelError, match="at least one term"):
        Potential([])
    with pytest.raises(ModelError, match="no Gaussian process"):
        Potential(potential.terms[:1]).deviation(atoms)
