import numpy as np
import pytest
from ase import Atoms

from superion.errors import InputError
from superion.structures.candidates import (
    UNMAPPED,
    candidates,
    described,
    fits,
    guess_label,
    is_prediction,
    ranked,
    remedy,
    require_mapped,
    stated_unit,
    unused_weights,
)
from superion.structures.labels import parse_mapping


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("DFT_Forces", "forces"),
        ("free_energy", "energy"),
        ("e", "energy"),
        ("f_dft", "forces"),
        ("REF_e", "energy"),
        ("dft", None),
        ("E0", "energy"),
        ("TOTEN", "energy"),
        ("gradient", "forces"),
        ("mulliken", "charges"),
        ("initial_charges", "charges"),
        ("charge", "total_charge"),
        ("net_charge", "total_charge"),
        ("virial", "virial"),
        ("temperature_K", None),
        ("energy_weight", None),
        ("force_sigma", None),
        ("energy_per_atom", None),
        ("kinetic_energy", None),
        ("core_energy", None),
        ("energy_unit", None),
        ("energies", None),
    ],
)
def test_guesses_by_name(name, label):
    assert guess_label(name) == label


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("MACE_energy", True),
        ("NEP_forces", True),
        ("energy_dp", True),
        ("pred_charges", True),
        ("PredictedForces", True),
        ("energy_ml", True),
        ("superion_energy", True),
        ("energy", False),
        ("dft_energy", False),
        ("REF_forces", False),
        ("interface_energy", False),  # holds the letters of ace
        ("mapped_forces", False),
    ],
)
def test_predictions_by_name(name, model):
    assert is_prediction(name) == model


def test_likeliest_first_and_predictions_last():
    values = {
        "MACE_energy": -1.5,
        "corrected_total_energy": -3.0,
        "free_energy": -2.5,
        "energy": -2.0,
        "dipole_moment": 1.0,
        "forces": np.full((2, 3), 0.5),
    }
    assert ranked(values, 2) == {
        "energy": "-2",
        "forces": "values, rms 0.5",
        "corrected_total_energy": "-3",
        "free_energy": "-2.5",
        "dipole_moment": "1, of another shape",
        "MACE_energy": "-1.5",
    }


@pytest.mark.parametrize(
    ("name", "beside", "unit"),
    [
        ("stress_kbar", {}, "kbar"),
        ("energy_Ha", {}, "Ha"),
        ("stress", {"stress_unit": "kB"}, None),
        ("stress", {"stress_unit": "kbar"}, "kbar"),
        ("dft_stress", {"dft_stress_units": "GPa"}, "GPa"),
        ("E", {"energy_unit": "hartree"}, "hartree"),
        ("energy", {}, None),
    ],
)
def test_stated_units(name, beside, unit):
    assert stated_unit(name, beside) == unit


def test_shapes():
    assert fits("dipole_vector", np.zeros(3), 3)
    assert not fits("dipole_moment", 1.0, 3)
    assert fits("virial", np.zeros(9), 3)
    assert fits("forces", np.zeros((3, 3)), 3)
    assert not fits("energies", np.zeros(3), 3)
    assert not fits("note", 1.0, 3)


def framed(**info):
    atoms = Atoms("LiF", [[0, 0, 0], [1.6, 0, 0]])
    unmapped = {key: value for key, value in info.items() if not key.startswith("REF_")}
    atoms.info = {key: value for key, value in info.items() if key.startswith("REF_")}
    atoms.info |= {UNMAPPED: ranked(unmapped, 2), "source": "a.xyz#4"}
    return atoms


def test_candidates_are_shown_and_no_command_to_copy():
    values = {"energy": -2.0, "MACE_energy": -1.5, "gradient": np.ones((2, 3)), "stress_kbar": np.ones(6)}
    found = candidates([framed(**values)])
    assert described(found) == (
        "energy: energy (-2) or MACE_energy (-1.5, of a model?); "
        "forces: gradient (values, rms 1, gradients have the opposite sign, :-UNIT); "
        "stress: stress_kbar (6 numbers, rms 1 kbar)"
    )
    text = remedy(found)
    assert "--key energy=KEY[:UNIT] --key forces=KEY[:UNIT] --key stress=KEY[:UNIT]" in text
    assert "--key energy=energy" not in text


@pytest.mark.parametrize(
    ("frame", "found"),
    [
        (framed(e=-2.0, force=np.ones((2, 3)), REF_stress=np.zeros(6)), r"energy: e \(-2\)"),
        (framed(force=np.ones((2, 3)), REF_energy=-2.0), r"no REF_forces.*forces: force \(values, rms 1\)"),
        (framed(energy=-2.0, MACE_energy=-1.0), r"energy \(-2\) or MACE_energy"),
    ],
)
def test_what_is_there_but_not_mapped_stops(frame, found):
    with pytest.raises(InputError, match=rf"1 of 2 frames \(first a.xyz#4\).*{found}.*--key \w+=KEY"):
        require_mapped([framed(REF_energy=-1.0), frame])


def test_all_that_is_missing_is_named_at_once():
    frame = framed(e=-2.0, force=np.ones((2, 3)), REF_stress=np.zeros(6))
    with pytest.raises(
        InputError, match=r"no REF_energy, and 1 of 1 .* no REF_forces.*energy=KEY.* forces=KEY"
    ):
        require_mapped([frame])


def test_weights_of_single_frames_are_named():
    frames = [framed(REF_energy=-1.0) for _ in range(4)]
    assert unused_weights(frames) == []
    for k, atoms in enumerate(frames):
        atoms.info |= {"config_weight": float(k), "energy_sigma": 0.1, "weight": 1.0, "weightless": 3}
    (text,) = unused_weights(frames)
    assert text.endswith("all frames count alike: config_weight (3 frames), energy_sigma (4 frames).")


@pytest.mark.parametrize(
    "frame",
    [
        framed(MACE_energy=-2.0, REF_stress=np.zeros(6)),
        framed(max_force=2.0, REF_energy=-1.0),
        framed(energy=-2.0, REF_energy=-1.0),
        framed(energy_weight=2.0),
    ],
)
def test_what_is_no_label_stops_nothing(frame):
    require_mapped([frame])


def test_the_remedy_that_does_without_is_understood():
    assert parse_mapping("energy=none").key == ""
