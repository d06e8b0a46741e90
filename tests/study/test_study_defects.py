"""Defects of a toy salt with every fit of a study: without field, in fields, and at labelled structures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ase.io import read, write
from toy_salt import CHARGES, FIRM, RELAXED, crystal, frames, labelled, lone_atoms, write_study

from superion.calculations.defects import DefectSettings, run_defects
from superion.electrostatics import Slater
from superion.errors import CorruptFileError, InputError
from superion.potentials import Potential
from superion.study import read_study
from superion.study.config import write_study as write_settings
from superion.study.properties.defects import NO_CHARGES
from superion.study.steps import Study
from superion.verdict.values import PropertyFile, read_property

DEFECTS = {
    "species": "Li",
    "supercells": [[2, 1, 1]],
    "separation": 4.0,
    "count": 1,
    "fields": [-0.002, 0.004, 0.002],  # small enough for the pair to stay
    "axes": ["z"],
}
PAIR = "Frenkel energy (Li0-pair-4.64)"
ROWS = [PAIR, *(f"{PAIR} in {field} V/Å along z" for field in ("0.002", "0.004", "-0.002"))]


@pytest.fixture(scope="module")
def salt(tmp_path_factory) -> Path:
    """Inputs, labelled defects and the models of a study."""
    root = tmp_path_factory.mktemp("defects")
    write(root / "salt.extxyz", frames(truth=FIRM, edge=RELAXED), format="extxyz")
    write(root / "lone.extxyz", lone_atoms(), format="extxyz")
    write(root / "start.extxyz", crystal(RELAXED), format="extxyz")
    own = DefectSettings.model_validate(DEFECTS | {"fields": [0.1]})
    run_defects(FIRM, crystal(RELAXED), own, root / "truth", progress=False)
    made = []
    for atoms in read(root / "truth" / "defects.extxyz", ":"):
        info = dict(atoms.info)
        made.append(labelled(atoms, FIRM, **info))
    write(root / "labelled.extxyz", made, format="extxyz")
    chosen = study(root, root / "out", fits={"count": 1}, properties={"defects": DEFECTS})
    plan = {step.name: step for step in chosen.plan()}
    for name in ("fit", "fit/resampled-1", "defects/start"):
        plan[name].work()
    return root


def study(root: Path, out: Path, **changes) -> Study:
    """A study in the folder `out` with the models that are there."""
    settings = read_study(write_study(root, **changes))
    out.mkdir(exist_ok=True)
    write_settings(settings, out)
    return Study(settings, out, progress=False)


def do(made: Study, *names: str) -> list[PropertyFile]:
    plan = {step.name: step for step in made.plan()}
    return [read_property(plan[name].work()[0]) for name in names]


def test_energies_are_those_of_a_run_with_the_charges_of_the_term(salt: Path) -> None:
    changes = DEFECTS | {"field_charges": "electrostatics"}
    made = study(salt, salt / "out", properties={"defects": changes}, fits={"count": 1})
    local, charged = do(made, "defects/gap", "defects/es-gap")
    for file, name in ((local, "gap"), (charged, "es-gap")):
        assert [value.name for value in file.values] == ROWS
        model = Potential.load(salt / "out" / "models" / f"{name}.safetensors")
        own = DefectSettings.model_validate(DEFECTS | {"field_charges": CHARGES})
        begin, out = salt / "out" / "defects" / "start", salt / f"run-{name}"
        run = run_defects(model, crystal(RELAXED), own, out, start=begin, progress=False).defects[0]
        found = [
            run.energy,
            *(p.energy for f in (0.002, 0.004, -0.002) for p in run.curves["z"].points if p.field == f),
        ]
        assert [value.value for value in file.values] == found
        assert all(any("small cell" in flag for flag in value.flags) for value in file.values)
        assert f"Li0-pair-4.64 along z {run.curves['z'].attribution.slope:.3g}" in file.notes[0]
    journal = salt / "out" / "defects" / "gap" / "journal.jsonl"
    before = journal.read_bytes()
    assert do(made, "defects/gap") == [local]
    assert journal.read_bytes() == before


def test_a_local_potential_has_no_energies_in_fields(salt: Path) -> None:
    made = study(salt, salt / "out", properties={"defects": DEFECTS | {"supercells": [[2, 1, 1], [3, 1, 1]]}})
    (local,) = do(made, "defects/gap")
    values = local.by_name()
    assert len(values) == 8
    assert values["Frenkel energy (Li0-pair-4.64, 2x1x1)"].value is not None
    assert {v.why for v in local.values if "V/Å" in v.name and "2x1x1" in v.name} == {NO_CHARGES}


def test_labelled_structures_are_compared_as_they_are(salt: Path) -> None:
    changes = DEFECTS | {"fields": [], "labels": ["labelled.extxyz"]}
    made = study(salt, salt / "out", properties={"defects": changes}, fits={"count": 1})
    truth, fitted = do(made, "defects/reference", "defects/es-gap-resampled-1")
    at = "at labelled structures: Li0-pair-4.64"
    assert [value.name for value in truth.values] == [at, f"{at}, at rest in z+0.1 V/Å"]
    known = {atoms.info["frame_id"]: atoms for atoms in read(salt / "labelled.extxyz", ":")}
    model = Potential.load(salt / "out" / "models" / "es-gap-resampled-1.safetensors")
    for value, where in zip(truth.values, ("0", "z+0.1"), strict=True):
        pair = [known[f"2x1x1/{name}/{where}"] for name in ("Li0-pair-4.64", "crystal")]
        energies = [FIRM.evaluate(atoms).energy for atoms in pair]
        assert value.value == pytest.approx(energies[0] - energies[1], abs=1e-5)
        energies = [model.evaluate(atoms).energy for atoms in pair]
        assert fitted.by_name()[value.name].value == pytest.approx(energies[0] - energies[1], abs=1e-9)
    np.testing.assert_equal([value.kind for value in fitted.values], 3 * ["plain"])


def test_files_without_pairs_are_refused(salt: Path) -> None:
    changes = DEFECTS | {"fields": [], "labels": ["salt.extxyz"]}
    made = study(salt, salt / "out", properties={"defects": changes})
    with pytest.raises(InputError, match="no labelled defect and its labelled crystal"):
        do(made, "defects/reference")
    step = next(step for step in made.plan() if step.name == "defects/gap")
    file = read_property(step.failed("too bad")[0])
    assert (file.values, file.notes) == ((), ("too bad",))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"field_charges": {"Li": "one"}},
            r"properties\.defects\.field_charges\.Li: expected a valid number",
        ),
        ({"field_charges": "mine"}, r"properties\.defects\.field_charges: expected 'electrostatics'"),
        ({"seperation": 4}, r"properties\.defects\.seperation: unknown key.*'separation'"),
    ],
)
def test_mistakes_are_named_with_their_keys(salt: Path, tmp_path, change: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_study(write_study(tmp_path, properties={"defects": DEFECTS | change}))


def test_charges_of_a_charge_fit_are_taken(salt: Path, tmp_path: Path) -> None:
    fit = {"kind": "charge-fit", "charges": {"Li": 0.6, "Cl": -0.6}, "screening": 2.5}
    (salt / "charges.json").write_text(json.dumps(fit))
    own = {"electrostatics": {"fitted": "charges.json"}, "potentials": ["es-gap"]}
    settings = DEFECTS | {"field_charges": "electrostatics", "fields": [0.1]}
    made = study(salt, tmp_path / "out", properties={"defects": settings}, **own)
    path = tmp_path / "out" / "models" / "es-gap.safetensors"
    step = made.plan()[1]
    first = step.inputs()
    step.work()
    model = Potential.load(path)
    assert model.terms[0].settings()["charges"]["values"] == {"Li": 0.6, "Cl": -0.6}
    assert set(model.terms[0].densities.values()) == {Slater.from_screening(2.5)}
    assert "electrostatics charges.json" in model.provenance["data"]
    (salt / "charges.json").write_text(json.dumps(fit | {"charges": {"Li": 0.5, "Cl": -0.5}}))
    assert step.inputs() != first
    (salt / "charges.json").write_text(json.dumps(fit | {"kind": "locality"}))
    with pytest.raises(CorruptFileError, match=r"charges\.json: not what `superion charge-fit` writes: kind"):
        step.work()
