"""Results that are valid JSON with other contents are named by file, key and remedy, whoever reads them."""

import copy
import json

import pytest

from superion.active_learning.results import read_training_result
from superion.analysis.transport_result import TransportResult
from superion.errors import CorruptFileError
from superion.report.content import read_provenance
from superion.report.runs import read_run
from superion.verdict.values import read_property

VALUES = (
    *("Li", 1.0, 500.0, "system", 200.0, 10.0, 0.02, 10000, 14, 829.4),
    *("converged", "40 hops", ("a note",)),
    *(2e-6, (1e-6, 3e-6), None, ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))),
    *(95.0, (80.0, 120.0), None, 150.0, (70.0, 300.0), 0.6, (0.3, 1.2), "one path"),
    *(3.0, 90.0, 70.0, 0.97, (1.0, 40.0), 40, 1.0, 0.4, 0.9, 0.5),
    *({"S": 1e-8}, 1, (2e-6,), (0.1, 1.0), (0.5, 2.0)),
)
FIELDS = [name for name in TransportResult.model_fields if name not in ("kind", "format")]
RESULT = TransportResult(**dict(zip(FIELDS, VALUES, strict=True))).to_dict()
del RESULT["kind"], RESULT["format"]
CURVES = {"msd": {"lag_ps": [0.1], "Li": [1.0]}, "against_length": [RESULT]}
THERMO = {"thermo": {"time_ps": [0.0], "temperature_K": [500.0], "conserved_eV_per_atom": [0.0]}}
ERRORS = {"frames": 14, "force_rmse": 0.1, "force_rmse_by_species": {"Li": 0.1}}
CALIBRATION = {"levels": [0.5], "observed": [0.4], "nll": 1.0, "factor": 1.1, "factor_error": 0.1}
CALIBRATION |= {"nll_recalibrated": 0.9, "errors": 30, "frames": 2}
MODELS = {"gap": {"train": ERRORS, "test": ERRORS, "new": ERRORS, "calibration": CALIBRATION}}
JUDGE = {"generation": 0, "labels": 3, "training_frames": 8, "models": MODELS}
DIFFUSION = {
    "diffusion": 1e-6,
    "reason": "40 hops",
    "status": "converged",
    "diffusion_interval": [0, 1],
}
EXPLORED = {"run": "00-300K", "temperature": 300.0, "frames": 11, "snapshots": 3, "stopped": "too hot"}
EXPLORED |= {"mean_temperature": 310.0, "warnings": ["hot"]}
REJECTED = [{"index": 2, "frame": "a", "reason": "ions touch"}]
VALUE = {"name": "bulk modulus", "unit": "GPa", "kind": "positive", "value": 23.1, "error": 0.1, "why": "x"}
PROVENANCE = {"versions": {"numpy": "2.4.0"}, "python": "3.11", "platform": "Linux", "processor": "CPU"}
PROVENANCE |= {"cpu_cores": 8, "threads": {"torch": 1}, "command": "superion run", "time": "2026-03-01"}
PROVENANCE |= {"data": {"train.extxyz": "c" * 64}, "seeds": {"fit": 0}}

NULL = (
    "result.diffusion_tensor result.diffusion_bound result.conductivity_bound result.collective_conductivity "
    "result.collective_interval result.haven_ratio result.haven_interval result.collective_reason "
    "result.slope result.diffusive_from result.cage_relaxation"
)
SHOWN = "versions.numpy threads.torch data.train.extxyz seeds.fit"
SETS = [f"models.gap.{name}" for name in ("train", "test", "new")]
NO_ERRORS = " ".join(
    [*SETS, *(f"{one}.{key}" for one in SETS for key in ("frames", "force_rmse_by_species"))]
    + [f"{one}.force_rmse_by_species.Li" for one in SETS]
)
JUDGED_NULL = " ".join([NO_ERRORS, *(f"{one}.force_rmse" for one in SETS), "models.gap.calibration"])
JUDGED_NULL += " models.gap.calibration.factor_error"

CASES = {
    # file: how it is read, what it holds, keys that may be null, keys that may be missing
    "transport/gap-500K.json": (
        read_run,
        {"result": RESULT, **THERMO, **CURVES},
        f"{NULL} {NULL.replace('result.', 'against_length.0.')} msd thermo against_length",
        "msd thermo against_length msd.Li result.framework.S against_length.0.framework.S",
    ),
    "provenance.json": (
        lambda path: read_provenance(path.parent),
        PROVENANCE,
        SHOWN,
        f"{' '.join(PROVENANCE)} {SHOWN}",
    ),
    "properties/eos/gap.json": (
        read_property,
        {"property": "eos", "potential": "gap", "resampled": 1, "values": [VALUE], "notes": ["n"]},
        "resampled values.0.error values.0.why",
        "resampled notes values.0.error values.0.why",
    ),
    "explored.json": (
        read_training_result,
        [EXPLORED],
        "0.stopped 0.mean_temperature 0.temperature",
        "0.mean_temperature 0.temperature 0.warnings",
    ),
    "selected.json": (
        read_training_result,
        {"method": "farthest", "candidates": 9, "chosen": [{"frame": "a", "score": 1.0}]},
        "chosen.0.score",
        "",
    ),
    "failed.json": (read_training_result, ["a"], "", ""),
    "first-failed.json": (read_training_result, ["a"], "", ""),
    "rejected.json": (read_training_result, REJECTED, "", ""),
    "first-rejected.json": (read_training_result, REJECTED, "", ""),
    "judge.json": (read_training_result, JUDGE, JUDGED_NULL, f"models.gap {NO_ERRORS}"),
    "diffusion.json": (
        read_training_result,
        DIFFUSION,
        "status",
        "status",
    ),
    "summary.json": (
        read_training_result,
        {"ended": "done", "generations": [JUDGE], "diffusion": {"0": DIFFUSION}},
        "ended diffusion.0.status " + " ".join(f"generations.0.{key}" for key in JUDGED_NULL.split()),
        "diffusion.0 diffusion.0.status "
        + " ".join(f"generations.0.{key}" for key in f"models.gap {NO_ERRORS}".split()),
    ),
    "stopped.json": (read_training_result, {"reason": "too hot"}, "", ""),
}


def places(value, path=()):
    """Every key of nested mappings, and the items of lists, as paths."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def changed(content, place, change):
    found = copy.deepcopy(content)
    owner = found
    for key in place[:-1]:
        owner = owner[key]
    if change == "missing":
        del owner[place[-1]]
    else:
        owner[place[-1]] = {"null": None, "wrong": [[["x"]]], "infinite": float("inf")}[change]
    return found


@pytest.mark.parametrize("name", CASES)
def test_every_key_is_checked(tmp_path, name):
    read, content, null, optional = CASES[name]
    content = json.loads(json.dumps(content))
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    read(path)
    missed = []
    for place in places(content):
        key = ".".join(map(str, place))
        for change in ("wrong", "null", "missing", "infinite"):
            if change == "missing" and (key in optional.split() or isinstance(place[-1], int)):
                continue
            path.write_text(json.dumps(changed(content, place, change)))
            if change == "null" and key in null.split():
                read(path)
                continue
            try:
                read(path)
            except CorruptFileError as error:
                said = str(error)
                assert str(path) in said
                assert key in said or "status" in said or f"{key.rpartition('.')[0]}: " in said, (key, said)
                assert "Remedy: delete the file" in said
            else:
                missed.append(f"{change} {key}")
    assert missed == []
    for other in ([], {}, None, "text", 1):
        path.write_text(json.dumps(other))
        if type(other) is not type(content) and not (other == {} and name == "provenance.json"):
            with pytest.raises(CorruptFileError, match=path.name):
                read(path)
