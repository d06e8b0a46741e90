"""Training: recovered truths, resumed runs, and what is refused."""

import numpy as np
import pytest
import torch
from neural_cases import SYMMETRY, molecule, neural_settings, untrained

from superion.electrostatics import CoulombTerm, FixedCharges, Gaussian
from superion.electrostatics.densities import COULOMB
from superion.errors import CorruptFileError, InputError, ModelError
from superion.potentials.neural import NeuralSettings, NeuralTraining, fit_neural
from superion.potentials.neural import epochs as epochs_module
from superion.potentials.neural import train as train_module
from superion.potentials.neural.checkpoint import read_checkpoint, write_checkpoint

SHORT = NeuralTraining(adam_epochs=6, lbfgs_epochs=3, validation=0.25, checkpoint_every=2)


def labelled(count=8, name="4g", charges=True):
    """Molecules with the labels of a random potential."""
    truth, frames = untrained(name, seed=3), []
    for seed in range(count):
        atoms = molecule(seed, charge=float(seed % 2))
        found = truth.evaluate(atoms)
        atoms.info["REF_energy"] = found.energy
        atoms.arrays["REF_forces"] = found.forces
        if charges and found.charges is not None:
            atoms.arrays["REF_charges"] = found.charges
        frames.append(atoms)
    return frames


def weights(term):
    return {name: value for name, value in term.arrays().items() if name.startswith("weights")}


def same(a, b) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def rmse(term, frames):
    errors = [term.evaluate(atoms).forces - atoms.arrays["REF_forces"] for atoms in frames]
    return float(np.sqrt(np.mean(np.concatenate(errors) ** 2)))


@pytest.mark.parametrize("name", ["2g", "3g", "cent", "4g", "latent", "latent, equilibrated"])
def test_training_lowers_the_error_of_every_generation(name):
    frames, settings = labelled(), neural_settings(name, linear=False)
    before = fit_neural(frames, settings, SHORT.model_copy(update={"adam_epochs": 0, "lbfgs_epochs": 0}))
    after = fit_neural(frames, settings, SHORT.model_copy(update={"adam_epochs": 30, "lbfgs_epochs": 5}))
    assert rmse(after, frames) < 0.8 * rmse(before, frames)


@pytest.mark.parametrize(("name", "batch"), [("4g", None), ("2g", 3), ("latent", 3)])
def test_a_killed_training_goes_on_with_the_same_bits(name, batch, tmp_path, monkeypatch):
    frames, settings = labelled(), neural_settings(name)
    training = SHORT.model_copy(update={"batch": batch})
    whole = fit_neural(frames, settings, training)
    path, write, count = tmp_path / "checkpoint", epochs_module.write_checkpoint, 0

    def killed(*arguments):
        nonlocal count
        write(*arguments)
        count += 1
        raise KeyboardInterrupt

    monkeypatch.setattr(epochs_module, "write_checkpoint", killed)
    while True:
        try:
            resumed = fit_neural(frames, settings, training, checkpoint=path)
            break
        except KeyboardInterrupt:
            if count > 30:
                monkeypatch.undo()
    assert count > 3
    assert same(weights(resumed), weights(whole))


def test_checkpoints_of_other_trainings_and_damaged_ones_are_refused(tmp_path):
    frames, settings, path = labelled(), neural_settings("2g"), tmp_path / "checkpoint"
    fit_neural(frames, settings, SHORT, checkpoint=path)
    with pytest.raises(InputError, match=r"other data or settings.*delete the file"):
        fit_neural(frames, settings, SHORT.model_copy(update={"rate": 1e-4}), checkpoint=path)
    frames[0].arrays["REF_forces"] = frames[0].arrays["REF_forces"] + 1e-9
    with pytest.raises(InputError, match="other data or settings"):
        fit_neural(frames, settings, SHORT, checkpoint=path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(CorruptFileError, match="not a checkpoint"):
        fit_neural(frames, settings, SHORT, checkpoint=path)


@pytest.mark.parametrize("hardness", [300.0, {"H": 0.01, "O": 1000.0}])
def test_training_begins_with_the_hardness_asked_for(hardness):
    settings = neural_settings("4g", hardness=hardness, widths={"H": 0.5, "C": 0.7, "O": 0.9})
    term = fit_neural(labelled(2), settings, SHORT.model_copy(update={"stages": ()}))
    first = [0.01, 5.0, 1000.0] if isinstance(hardness, dict) else [hardness] * 3
    own = [COULOMB / (width * np.sqrt(np.pi)) for width in (0.5, 0.7, 0.9)]
    np.testing.assert_allclose(term.model.hardness(), np.add(first, own), rtol=1e-12)


def test_the_seed_decides():
    frames, settings = labelled(), neural_settings("2g")
    state = torch.get_rng_state()
    one, again = (weights(fit_neural(frames, settings, SHORT)) for _ in range(2))
    other = weights(fit_neural(frames, settings, SHORT.model_copy(update={"seed": 1})))
    assert same(one, again)
    assert not same(one, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_stages_change_what_they_are_named_for():
    frames, settings = labelled(), neural_settings("4g")
    none, charges, both = (
        weights(fit_neural(frames, settings, SHORT.model_copy(update={"stages": stages})))
        for stages in ((), ("charges",), ("charges", "short-range"))
    )
    for name, first in none.items():
        energy = "short_range" in name
        assert np.array_equal(first, charges[name]) == energy
        assert np.array_equal(charges[name], both[name]) == (not energy)


@pytest.mark.filterwarnings("ignore:the structure states a total charge")
def test_fixed_terms_are_subtracted():
    frames, settings = labelled(name="2g"), neural_settings("2g")
    term = CoulombTerm(FixedCharges({"H": 0.2, "C": 0.1, "O": -0.4}), Gaussian(0.5))
    plain = fit_neural(frames, settings, SHORT)
    for atoms in frames:
        found = term.evaluate(atoms)
        atoms.info["REF_energy"] += found.energy
        atoms.arrays["REF_forces"] += found.forces
    shifted = fit_neural(frames, settings, SHORT, fixed=[term])
    atoms = molecule(20)
    np.testing.assert_allclose(shifted.evaluate(atoms).forces, plain.evaluate(atoms).forces, atol=1e-6)


def test_isolated_atoms_are_the_baseline():
    frames = labelled(name="2g")
    for symbol, energy in (("H", -1.0), ("C", -5.0), ("O", -9.0)):
        lone = molecule()[[0]]
        lone.symbols[0] = symbol
        lone.info |= {"config_type": "IsolatedAtom", "REF_energy": energy}
        frames.append(lone)
    term = fit_neural(frames, neural_settings("2g"), SHORT)
    np.testing.assert_array_equal(term.model.scales.baseline, [-1.0, -5.0, -9.0])


def test_unusable_input_is_named():
    frames = labelled(2)
    settings = neural_settings("4g")
    bare = [molecule()]
    with pytest.raises(InputError, match="no frame carries REF_energy or REF_forces"):
        fit_neural(bare, settings, SHORT)
    with pytest.raises(InputError, match="stage charges needs REF_charges"):
        fit_neural(labelled(2, charges=False), settings, SHORT.model_copy(update={"stages": ("charges",)}))
    with pytest.raises(InputError, match="generation 2g is trained as a whole"):
        fit_neural(frames, neural_settings("2g"), SHORT.model_copy(update={"stages": ("short-range",)}))
    for name in ("widths", "hardness"):
        with pytest.raises(InputError, match=f"{name} of 'Xe', which is not among the elements H, C, O"):
            fit_neural(frames, neural_settings("4g", **{name: {"Xe": 1.0}}), SHORT)
    del frames[1].info["total_charge"]
    with pytest.raises(InputError, match=r"frame 1.*total charge.*not known"):
        fit_neural(frames, settings, SHORT)
    frames = labelled(2)
    frames[1].arrays["REF_forces"][2, 1] = np.nan
    with pytest.raises(InputError, match="REF_forces has"):
        fit_neural(frames, settings, SHORT)


def test_a_loss_that_explodes_is_named():
    frames = labelled(4, name="2g")
    with pytest.raises(ModelError, match=r"the loss is (nan|inf) in epoch \d+ of stage joint.*rate"):
        fit_neural(frames, neural_settings("2g"), SHORT.model_copy(update={"rate": 1e200}))


def test_settings_refuse_strange_words():
    with pytest.raises(ValueError, match="generation"):
        NeuralSettings(generation="5g")
    with pytest.raises(ValueError, match="Extra inputs"):
        NeuralSettings(symmetry={"cutof": 3.0})
    assert NeuralSettings(symmetry=SYMMETRY).charged


def test_the_mean_energy_beyond_the_baseline_is_where_training_begins():
    frames = labelled(name="2g")
    for atoms in frames:
        atoms.info["REF_energy"] -= 40.0
    for symbol in "HCO":
        lone = molecule()[[0]]
        lone.symbols[0] = symbol
        lone.info |= {"config_type": "IsolatedAtom", "REF_energy": 0.0}
        frames.append(lone)
    for name in ("2g", "cent"):
        training = SHORT.model_copy(update={"stages": (), "validation": 0.0})
        term = fit_neural(frames, neural_settings(name), training)
        errors = [term.evaluate(atoms).energy - atoms.info["REF_energy"] for atoms in frames[:8]]
        assert abs(np.mean(errors)) < 8.0


@pytest.mark.parametrize(("name", "hardness"), [("4g", 500.0), ("cent", 50.0), ("3g", 5.0)])
def test_training_begins_with_the_mean_charges_of_the_labels(name, hardness):
    """Each element its own charge, whatever the hardness: electronegativities of hundreds of volts."""
    frames, charges = labelled(), np.array([0.3, 0.3, -0.5, 0.2, 0.25, -0.55])
    for atoms in frames:
        atoms.info["total_charge"] = 0.0
        atoms.arrays["REF_charges"] = charges
    training = SHORT.model_copy(update={"stages": (), "validation": 0.0})
    term = fit_neural(frames, neural_settings(name, hardness=hardness), training)
    for key, value in term.model.weights.items():
        if key.startswith("charge.") and key.endswith(".2.weight"):
            value.zero_()
    found = np.array([term.charges(atoms) for atoms in frames])
    for own in ([0, 1], [2, 5], [3, 4]):
        assert abs(found[:, own].mean() - charges[own].mean()) < 0.03


def test_training_begins_with_electronegativities_that_give_back_the_charges():
    """Charges of equilibration with one electronegativity for each element: begun with, nothing is left."""
    truth = untrained("4g", hardness=80.0)
    for key, value in truth.model.weights.items():
        if key.startswith("charge.") and key.endswith(".weight"):
            value.zero_()
        if key.startswith("charge.") and key.endswith(".2.bias"):
            value.fill_(40.0 * len(key))
    frames = labelled()
    for atoms in frames:
        atoms.arrays["REF_charges"] = truth.charges(atoms)
    training = SHORT.model_copy(update={"stages": (), "validation": 0.0})
    term = fit_neural(frames, neural_settings("4g", hardness=80.0), training)
    for key, value in term.model.weights.items():
        if key.startswith("charge.") and key.endswith(".weight"):
            value.zero_()
    for atoms in frames:
        np.testing.assert_allclose(term.charges(atoms), atoms.arrays["REF_charges"], atol=1e-9)


def test_decay_keeps_weights_small_and_few_frames_from_being_learned_by_heart():
    frames = labelled(24, name="2g")
    long = SHORT.model_copy(update={"adam_epochs": 30, "lbfgs_epochs": 20, "validation": 0.0})
    free, held = (
        fit_neural(frames[:4], neural_settings("2g"), long.model_copy(update={"decay": decay}))
        for decay in (0.0, 0.4)
    )
    size = {
        term: sum(float((value**2).sum()) for n, value in term.model.weights.items() if "weight" in n)
        for term in (free, held)
    }
    assert size[held] < 0.5 * size[free]
    assert rmse(free, frames[:4]) < rmse(held, frames[:4])
    assert rmse(held, frames[4:]) < 0.9 * rmse(free, frames[4:])


def test_a_training_that_does_not_fit_into_memory_is_refused(monkeypatch):
    monkeypatch.setattr(train_module, "available_memory", lambda: 1000)
    with pytest.raises(InputError, match=r"training will use up to .* GB"):
        fit_neural(labelled(2), neural_settings("2g"), SHORT)


def test_a_checkpoint_with_a_flipped_bit_is_not_gone_on_with(tmp_path):
    path = tmp_path / "state.safetensors"
    write_checkpoint(path, "key", {"weights": torch.ones(50, dtype=torch.float64), "epoch": 3})
    assert read_checkpoint(path, "key", torch.device("cpu"))["epoch"] == 3
    content = bytearray(path.read_bytes())
    content[-5] ^= 4
    path.write_bytes(content)
    with pytest.raises(CorruptFileError, match=r"state\.safetensors.*SHA-256.*Remedy: delete"):
        read_checkpoint(path, "key", torch.device("cpu"))
