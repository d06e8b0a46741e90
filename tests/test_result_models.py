"""All classes of results: units in their descriptions, one round trip, older files, later formats."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re

import pytest
from pydantic import ValidationError

import superion
from superion.analysis.transport_file import TransportFile
from superion.calculations.defects.results import DefectFile
from superion.calculations.locality.results import ChargeFitFile, LocalityFile
from superion.errors import CorruptFileError, InputError
from superion.provenance import Provenance
from superion.results import Result, ResultFile, read_result, write_result
from superion.simulation.summary import RunSummary
from superion.verdict.results import Accuracy, CensusFile, CurveFile
from superion.verdict.values import PropertyFile, Value, read_property, write_property
from superion.verdict.verdict_file import VerdictFile
from test_readers import DEFECT, ROW
from test_results import PROVENANCE, RESULT, VALUE

UNIT = re.compile(
    r"no unit|count|(?<!\w)(eV|e|e·Å|Å[²³]?|1/Å|K|ps|GPa|cm²/s|mS/cm)(?!\w)|`unit`|units of the rows"
)
ERRORS = {"frames": 2, "atoms": 16, "force_rmse": 0.1, "force_rmse_by_species": {"Li": 0.1}}
CHARGES = {"Li": {"mean": 0.7, "std": 0.0, "min": 0.7, "max": 0.7, "atoms": 8}}
ERRORS |= {"charges": {"by_species": CHARGES, "total_error": 0.0, "doubts": ["x"]}}
GROUP = {"name": "a / md", "frames": 2, "atoms": [8, 8], "species": ["Li"], "labels": {"energy": 2}}
TEMPERATURE = {"mean": 301.0, "std": 9.0, "error": 2.0, "target": 300.0, "allowed": 8.0, "status": "as asked"}
SUMMARY = {"steps": 240, "frames": 121, "temperature": TEMPERATURE, "cell": [5.0, 90.0], "warnings": ["hot"]}
THERMO = {"time_ps": [0.0], "temperature_K": [500.0], "conserved_eV_per_atom": [0.0]}
CURVE = {"name": "gap", "atoms": 8, "volumes_A3": [1.0, 2.0], "energies_eV": [0.1, 1e-17]}
CURVE |= {
    "energy_eV": [0.0, 0.1],
    "volume_A3": [1.5, 0.1],
    "modulus_GPa": [30.0, 1.0],
    "derivative": [4.0, 0.1],
}
CLAIM = {"claim": "matters", "p": 1e-3, "adjusted": 2e-3, "shown": True}
CHANGE = {"value": 1.0, "low": 0.5, "high": 2.0}
VERDICT = {
    "property": "elastic",
    "name": "bulk modulus",
    "unit": "GPa",
    "kind": "positive",
    "outcome": "needed",
}
VERDICT |= {"because": "it is.", "baseline": 23.0, "fits": 4, "change": CHANGE | {"unit": "%"}}
VERDICT |= {"in_tolerances": CHANGE, "standard_errors": {"fit": 0.1}, "claims": [CLAIM]}
WHOLE = {
    # class: what a file without kind and format has held
    Accuracy: {"gap": {"train": ERRORS, "test": None, "born_charges": {"Li": 0.8}}, "4g": {"test": ERRORS}},
    CensusFile: {"census": {"groups": [GROUP], "total": GROUP}, "split": {"train": {"a": 2}, "test": {}}},
    TransportFile: {
        "result": RESULT,
        "against_length": [RESULT],
        "msd": {"lag_ps": [0.1], "Li": [1.0]},
        "thermo": THERMO,
        "dynamics": SUMMARY,
    },
    CurveFile: CURVE | {"difference": {"differences_eV": [0.0, 1.0], "rms_eV": 0.1}, "residual_eV": 0.1},
    Provenance: PROVENANCE,
    RunSummary: SUMMARY,
    LocalityFile: {"kind": "locality", "forces": {"Li": [ROW]}, "without": {}},
    ChargeFitFile: {"kind": "charge-fit", "charges": {"Li": 0.8}, "screening": 2.0, "radius": 6.0},
    DefectFile: {"kind": "defects", "defects": [DEFECT]},
    VerdictFile: {
        "answer": "Yes.",
        "properties": {"elastic": "needed"},
        "rows": [VERDICT],
        "tolerances": {"elastic": 0.1},
        "level": 0.05,
        "fits": 4,
    },
}


def classes() -> list[type[Result]]:
    """Every class of results in the package."""
    for module in pkgutil.walk_packages(superion.__path__, "superion."):
        if "result" in module.name or module.name.endswith(("summary", "job_file", "verdict_file")):
            importlib.import_module(module.name)
    found: list[type[Result]] = []
    waiting = [Result]
    while waiting:
        found += (below := waiting.pop().__subclasses__())
        waiting += below
    return sorted(
        {one for one in found if one.__module__.startswith("superion")}, key=lambda one: one.__name__
    )


def numeric(schema: dict, parts: dict) -> bool:
    """Whether a schema has numbers that no other class describes."""
    if "$ref" in schema:
        return False
    inner = [*schema.get("anyOf", ()), *schema.get("prefixItems", ())]
    inner += [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)]
    return schema.get("type") in ("number", "integer") or any(numeric(one, parts) for one in inner)


def test_every_number_says_its_unit() -> None:
    found = classes()
    assert {*WHOLE, ResultFile} <= set(found)
    lacking, seen = [], 0
    for model in (*found, PropertyFile, Value):
        schema = model.model_json_schema()
        for name, field in schema.get("properties", {}).items():
            if numeric(field, schema.get("$defs", {})):
                seen += 1
                if not UNIT.search(field.get("description", "")):
                    lacking.append(f"{model.__name__}.{name}")
    assert seen > 80
    assert lacking == []


def test_every_file_has_a_case_here() -> None:
    """And a kind of its own."""
    files = {one for one in classes() if issubclass(one, ResultFile)} - {ResultFile}
    assert files == set(WHOLE)
    kinds = [one.model_fields["kind"].annotation.__args__[0] for one in files]
    assert len(set(kinds)) == len(kinds)


@pytest.mark.parametrize("model", WHOLE, ids=lambda one: one.__name__)
def test_older_files_are_read_and_a_round_trip_changes_nothing(tmp_path, model) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps(WHOLE[model]))
    old = read_result(path, model, "step")
    write_result(path, old)
    text = path.read_text()
    assert read_result(path, model, "step") == old
    write_result(path, read_result(path, model, "step"))
    assert path.read_text() == text
    written = json.loads(text)
    assert written["kind"] == old.kind
    assert written["format"] == 1
    assert covers(written, json.loads(json.dumps(WHOLE[model])))


def covers(written, before) -> bool:
    """Whether all that was in the older file is in the new one, digit by digit."""
    if isinstance(before, dict):
        return all(key in written and covers(written[key], value) for key, value in before.items())
    if isinstance(before, list):
        return len(written) == len(before) and all(map(covers, written, before))
    return written == before


@pytest.mark.parametrize("model", WHOLE, ids=lambda one: one.__name__)
def test_a_later_format_is_not_read_as_this_one(tmp_path, model) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps(WHOLE[model] | {"format": 2}))
    with pytest.raises(CorruptFileError, match=r"format 2; this version reads up to 1.*upgrade superion"):
        read_result(path, model, "step")
    path.write_text(json.dumps(WHOLE[model] | {"kind": "other"}))
    with pytest.raises(CorruptFileError, match=r"kind: Input should be"):
        read_result(path, model, "step")


def test_values_of_properties(tmp_path) -> None:
    path = tmp_path / "gap.json"
    old = {"property": "elastic", "potential": "gap", "values": [{**VALUE, "why": None}]}
    path.write_text(json.dumps(old))
    found = read_property(path)
    write_property(path, found)
    assert read_property(path) == found
    assert json.loads(path.read_text())["kind"] == "property"
    path.write_text(json.dumps(old | {"format": 2}))
    with pytest.raises(CorruptFileError, match="upgrade superion"):
        read_property(path)


def test_what_is_no_number_is_not_written(tmp_path) -> None:
    with pytest.raises(ValidationError):
        RunSummary(drift=float("nan"), warnings=())
    with pytest.raises(InputError, match="no finite number"):
        write_result(tmp_path / "a.json", RunSummary(warnings=(), other=float("nan")))
    assert not (tmp_path / "a.json").exists()
