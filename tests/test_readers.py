"""Every reader of JSON tells of a damaged file by its name, the key and a remedy, and reads a whole one."""

import copy
import json
import socket

import pytest

from superion.calculations.defects.branches import run_branches
from superion.calculations.defects.results import DefectFile
from superion.calculations.locality.results import read_charge_fit, read_locality
from superion.calculations.locality.subtract import charges_of
from superion.errors import CorruptFileError
from superion.reference.store import open_store, read_store
from superion.results import read_result
from superion.simulation import MDSettings
from superion.simulation.summary import RunSummary
from superion.study.job_file import read_job
from superion.work.journal import Journal, encode
from superion.work.state import State

ROW = {
    "radius": 4.0,
    "spread": 0.1,
    "low": 0.08,
    "high": 0.13,
    "error": None,
    "mean_force": 1.0,
    "freedom": 12,
}
ROW |= {"atoms": {"0": 0.1}}
POINT = {"field_V_per_A": 0.1, "energy_eV": None, "hopped": False}
DEFECT = {"name": "Frenkel 1", "supercell": [1, 1, 2], "atoms": 12, "energy_eV": 1.0, "flags": ["far"]}
DEFECT |= {"dipole_change_eA": [0.0, 1.0, 0.0], "fields": {"z": {"points": [POINT], "back": [POINT]}}}
JOB = {
    "model": "../M",
    "structure": "../s",
    "supercell": [1, 1, 1],
    "identity": {"model": "a", "structure": "b"},
}
JOB |= {"settings": json.loads(MDSettings(steps=10, temperature=300).model_dump_json())}
JOB |= {"stop": {"measure": "committee", "above": 1.0, "every": 10}, "training": None, "committee": ["a"]}
RECORD = {"status": "done", "inputs": "a", "outputs": {"a/b.json": "c"}, "seconds": 1.0, "started": "then"}
RECORD |= {"fraction": 0.0, "version": "1", "error": None}

READERS = {
    "locality.json": (
        read_locality,
        {"kind": "locality", "forces": {"Li": [ROW]}, "without": {"q": {"Li": [ROW]}}},
    ),
    "charge-fit.json": (read_charge_fit, {"kind": "charge-fit", "charges": {"Li": 0.8}, "screening": 2.0}),
    "subtracted.json": (charges_of, {"kind": "charge-fit", "charges": {"Li": 0.8}, "screening": 2.0}),
    "defects.json": (
        lambda path: read_result(path, DefectFile, "defects"),
        {"kind": "defects", "defects": [DEFECT]},
    ),
    "summary.json": (lambda path: read_result(path, RunSummary, "dynamics/gap-300K"), {"warnings": ["hot"]}),
    "job.json": (read_job, JOB),
    "state.json": (
        lambda path: State.read(path.parent),
        {"format": 1, "pid": 7, "host": "node", "steps": {"fit": RECORD}},
    ),
}
FREE = {
    # keys that may be missing, null or another value of their type
    "locality.json": "kind forces.Li without.q without.q.Li forces.Li.0.atoms.0 without.q.Li.0.atoms.0 "
    "forces.Li.0.error without.q.Li.0.error",
    "charge-fit.json": "kind charges.Li",
    "subtracted.json": "kind charges.Li",
    "defects.json": "kind defects.0.fields.z defects.0.fields.z.back defects.0.energy_eV "
    "defects.0.dipole_change_eA defects.0.fields.z.points.0.energy_eV defects.0.fields.z.back.0.energy_eV",
    "summary.json": "",
    "job.json": "stop training committee " + " ".join(f"settings.{key}" for key in JOB["settings"]),
    "state.json": "host pid steps.fit steps.fit.outputs.a/b.json "
    + " ".join(f"steps.fit.{key}" for key in RECORD if key != "status"),
}
CHANGES = {
    "wrong": [[["x"]]],
    "null": None,
    "infinite": float("nan"),
}


def places(value, path=()):
    """Paths to every value of nested mappings and lists."""
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
        owner[place[-1]] = CHANGES[change]
    return found


def refused(read, path, change=""):
    """What is said of a file that is not read."""
    try:
        read(path)
    except CorruptFileError as error:
        said = str(error)
    else:
        pytest.fail(f"read, in spite of {change or path.read_text()[:80]}")
    assert str(path) in said, said
    assert "Remedy: " in said, said
    return said


@pytest.mark.parametrize("name", READERS)
def test_every_key_of_a_reader(tmp_path, name):
    read, content = READERS[name]
    path = tmp_path / name
    path.write_text(json.dumps(content))
    read(path)
    path.write_text(json.dumps({**content, "key_of_a_later_version": 1}))
    read(path)
    for place in places(content):
        key = ".".join(map(str, place))
        for change in ("wrong", "null", "missing", "infinite"):
            free = key in FREE[name].split() or isinstance(place[-1], int)
            if change in ("null", "missing") and free:
                continue
            path.write_text(json.dumps(changed(content, place, change)))
            assert key.rpartition(".")[0] in refused(read, path, f"{change} {key}")


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '"text"',
        "1",
        "{",
        "{}",
        "[" * 100_000,
        '{"a":' * 100_000,
        "9" * 5000,
        '{"kind": 1e999}',
    ],
    ids=["empty", "list", "null", "text", "number", "cut", "nothing", "deep", "deeper", "digits", "huge"],
)
def test_no_text_is_too_strange_for_a_reader(tmp_path, name, text):
    read, _ = READERS[name]
    (tmp_path / name).write_text(text)
    refused(read, tmp_path / name)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("digits", ["9" * 5000, "1e999"])
def test_no_number_is_too_long_for_a_reader(tmp_path, name, digits):
    read, content = READERS[name]
    for place in places(content):
        owner = copy.deepcopy(content)
        inner = owner
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = "HERE"
        (tmp_path / name).write_text(json.dumps(owner).replace('"HERE"', digits))
        refused(read, tmp_path / name)


@pytest.mark.parametrize(
    "record",
    [
        {"event": "done", "key": "a"},
        {"event": "start", "key": "a", "frame": "b"},
        {"event": "failed", "key": "a", "frame": "b", "reason": "c", "retry": True, "seconds": [1]},
        {"event": "done", "key": "a", "frame": "b", "labels": {"other": 1}, "kind": "c", "seconds": 1},
    ],
)
def test_a_record_of_a_label_store_with_other_contents_is_named(tmp_path, record):
    """Its checksum is right; the remedy is to delete its line."""
    whole = {"event": "start", "key": "z", "frame": "f", "owner": "1@elsewhere"}
    path = tmp_path / "journal.jsonl"
    path.write_bytes(encode(whole) + encode(record))
    for look in (lambda: read_store(tmp_path), lambda: open_store(tmp_path).__enter__()):
        with pytest.raises(CorruptFileError, match=r"journal.jsonl: record 2 .*Remedy: delete this line"):
            look()
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert set(read_store(tmp_path).entries) == {"z"}


@pytest.mark.parametrize("owner", ["x@HERE", "", f"{'9' * 30}@HERE"])
def test_an_owner_that_is_no_process_is_not_alive(tmp_path, owner):
    record = {
        "event": "start",
        "key": "z",
        "frame": "f",
        "owner": owner.replace("HERE", socket.gethostname()),
    }
    (tmp_path / "journal.jsonl").write_bytes(encode(record))
    assert read_store(tmp_path).entries["z"].status in ("interrupted", "running")


def test_a_state_of_a_process_with_an_impossible_number(tmp_path):
    (tmp_path / "state.json").write_text(json.dumps({"format": 1, "pid": 10**30, "steps": {}}))
    assert not State.read(tmp_path).alive


@pytest.mark.parametrize(
    "record", [{"key": "a"}, {"rest": {}}, {"key": "a", "rest": 1}, {"key": "a", "rest": {}}]
)
def test_a_record_of_relaxations_with_other_contents_is_named(tmp_path, record):
    (tmp_path / "journal.jsonl").write_bytes(encode(record))
    said = r"record 1 is not the result of a relaxation .*delete this line"
    with Journal(tmp_path / "journal.jsonl") as journal, pytest.raises(CorruptFileError, match=said):
        run_branches([], journal, lambda place: None, 1, "", show=False)
