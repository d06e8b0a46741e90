"""What each labeller asks its code for, and how its labels are marked."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from ase import Atoms
from ase.calculators.lj import LennardJones
from ase.io import read
from label_cases import argon, truth

from superion.electrostatics.charges import FixedCharges
from superion.electrostatics.coulomb import CoulombTerm
from superion.electrostatics.densities import Slater
from superion.electrostatics.equilibration_term import EquilibrationTerm
from superion.electrostatics.rappe_goddard import rappe_goddard
from superion.errors import InputError, ModelError
from superion.files import sha256
from superion.potentials import Calculator, Potential
from superion.reference import LabellerSettings, Labels, UnfitError, make_labeller, named_labeller
from superion.reference.attempt import atoms_from_json, atoms_to_json
from superion.reference.gpaw import GpawLabeller, GpawSettings, kpoint_grid
from superion.reference.labeller import structure_key

LPS = Path(__file__).parents[2] / "data" / "lps"


@pytest.mark.parametrize(
    ("file", "grid"),
    [
        ("train", (2, 1, 1)),
        ("strained", (2, 1, 1)),
        ("eos", (2, 1, 1)),
        ("beta-Li3PS4", (1, 2, 2)),
        ("isolated", (1, 1, 1)),
    ],
)
def test_the_grid_of_every_frame_of_the_data_is_the_one_they_were_labelled_with(file, grid) -> None:
    density = GpawSettings().kpoint_density
    assert {kpoint_grid(a, density) for a in read(LPS / f"{file}.extxyz", index=":")} == {grid}


def test_grids_are_one_or_even_and_one_where_nothing_repeats() -> None:
    atoms = Atoms("Ar", cell=[3.0, 4.0, 40.0], pbc=[True, True, False])
    assert kpoint_grid(atoms, 1.5) == (4, 4, 1)
    assert kpoint_grid(atoms, 3.0) == (8, 6, 1)  # 6.3 and 4.7 points would do


def test_gpaw_is_asked_for_charge_spin_and_the_settings() -> None:
    atoms = Atoms("Ar2", [[0, 0, 0], [0, 0, 3.0]], cell=[8, 8, 8], pbc=True)
    ask = GpawLabeller()._parameters(atoms, (2, 1, 1), 0.0, None)
    assert ask == {
        "mode": {"name": "pw", "ecut": 350.0},
        "xc": "PBE",
        "kpts": (2, 1, 1),
        "occupations": {"name": "fermi-dirac", "width": 0.05},
        "symmetry": {"point_group": False},
        "maxiter": 333,
        "txt": None,
    }
    ask = GpawLabeller(GpawSettings(charges=True))._parameters(atoms, (1, 1, 1), -1.0, 2)
    assert (ask["charge"], ask["spinpol"], ask["legacy_gpaw"]) == (-1.0, True, True)
    assert ask["occupations"]["fixmagmom"]
    assert atoms.get_initial_magnetic_moments().sum() == 1
    assert GpawLabeller()._parameters(atoms[:1], (1, 1, 1), 0.0, None)["hund"]


def test_settings_of_a_labeller_are_all_that_identifies_it() -> None:
    gpaw = make_labeller(named_labeller("gpaw"))
    assert gpaw.settings() == GpawSettings().model_dump(mode="json")
    assert gpaw.kind == "first-principles"
    cp2k = make_labeller(LabellerSettings.model_validate({"cp2k": {"command": "elsewhere"}}))
    assert cp2k.settings() == make_labeller(named_labeller("cp2k")).settings()


def test_cp2k_refuses_what_it_would_round() -> None:
    labeller = make_labeller(LabellerSettings.model_validate({"cp2k": {"command": sys.executable}}))
    atoms = argon(1)[0]
    atoms.info["total_charge"] = 0.5
    with pytest.raises(UnfitError, match=r"0\.5 e; CP2K takes whole numbers"):
        labeller.label(atoms)


@pytest.mark.parametrize("value", [0, 1.5, "two"])
def test_an_impossible_multiplicity_is_refused(value) -> None:
    atoms = argon(1)[0]
    atoms.info["multiplicity"] = value
    with pytest.raises(InputError, match="positive whole number"):
        structure_key(atoms)


def test_a_model_labels_as_a_surrogate_named_by_its_hash(tmp_path) -> None:
    term = CoulombTerm(FixedCharges({"Na": 1.0, "Cl": -1.0}), Slater(2.0))
    path = tmp_path / "m.safetensors"
    Potential([term]).save(path)
    labeller = make_labeller(LabellerSettings.model_validate({"labeller": {"model": str(path)}}))
    atoms = Atoms("NaCl", [[0, 0, 0], [2.5, 0.1, 0]], cell=[8, 8, 8], pbc=True)
    labels = labeller.label(atoms)
    labels.check(atoms)
    assert abs(labels.forces).max() > 0.1
    atoms.calc = Calculator(path)
    assert (labels.forces == atoms.get_forces()).all()
    assert labeller.settings() == {"model": sha256(path)}
    assert labeller.kind == "surrogate"


@pytest.mark.parametrize(("name", "module"), [("sevennet", "sevenn.calculator"), ("chgnet", "chgnet.model")])
def test_pretrained_models_are_marked_as_surrogates(monkeypatch, name, module) -> None:
    """A stand-in for the package answers with Lennard-Jones."""
    stand_in = ModuleType(module)
    loaded = []

    def calculator(model, **options):
        loaded.append(model)
        return LennardJones(rc=4.0)

    stand_in.SevenNetCalculator = stand_in.CHGNetCalculator = calculator
    stand_in.CHGNet = type("CHGNet", (), {"load": staticmethod(lambda model_name, **_: model_name)})
    monkeypatch.setitem(sys.modules, module.partition(".")[0], ModuleType(module.partition(".")[0]))
    monkeypatch.setitem(sys.modules, module, stand_in)
    monkeypatch.setattr("superion.reference.surrogates.made_with", lambda package: f"{package} 1")
    labeller = make_labeller(named_labeller(name))
    atoms = argon(2)
    for frame in atoms:
        assert (labeller.label(frame).forces == truth(frame)[1]).all()
    assert loaded == [labeller.settings()["model"]]
    labels: Labels = labeller.label(atoms[0])
    labels.write_to(atoms[0], labeller.kind)
    assert atoms[0].info["reference_kind"] == "surrogate"
    assert atoms[0].info["reference"].startswith(f"surrogate {name}")


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_charged_model_labels_nothing_whose_total_charge_is_not_stated(elsewhere, tmp_path) -> None:
    """Neither here nor in a process of its own is it taken to be zero."""
    path = tmp_path / "m.safetensors"
    Potential([EquilibrationTerm(rappe_goddard(["Na", "Cl"], "gaussian"))]).save(path)
    labeller = make_labeller(LabellerSettings.model_validate({"labeller": {"model": str(path)}}))
    atoms = Atoms("NaCl", [[0, 0, 0], [2.5, 0.1, 0]])

    def asked() -> Atoms:
        return atoms_from_json(json.loads(json.dumps(atoms_to_json(atoms)))) if elsewhere else atoms

    with pytest.raises(ModelError, match="states the total charge"):
        labeller.label(asked())
    atoms.info["total_charge"] = 0.0
    assert labeller.label(asked()).charges.sum() == pytest.approx(0, abs=1e-12)
