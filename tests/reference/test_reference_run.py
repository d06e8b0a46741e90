"""Labels that fail in every way, and the ones beside them that do not."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from label_cases import argon, faulty, truth

from superion.errors import BusyError, InputError, StorageError
from superion.reference import (
    LabellerSettings,
    Labels,
    Outcome,
    SetupError,
    label_frames,
    label_key,
    make_labeller,
    open_store,
    read_store,
    stored_labels,
    structure_key,
)
from superion.reference.attempt import atoms_to_json, label_job
from superion.work.executors import open_executor
from superion.work.journal import Journal


def label(
    folder: Path, settings: LabellerSettings, executor: str = "threads:2", frames=None, **options
) -> Outcome:
    with open_executor(executor) as workers:
        given = frames if frames is not None else argon()
        return label_frames(given, settings, folder, workers, progress=False, **options)


def check(outcome: Outcome, frames=None) -> None:
    for atoms, entry in zip(frames or argon(), outcome.entries, strict=True):
        energy, forces, stress = truth(atoms)
        assert entry.labels.energy == energy
        assert (entry.labels.forces == forces).all()
        assert (entry.labels.stress == stress).all()
        assert entry.kind == "calculator"


@pytest.mark.parametrize("executor", ["processes:2", "threads:2"])
def test_labels_are_those_of_the_calculator_to_the_last_digit(tmp_path, executor) -> None:
    outcome = label(tmp_path / "s", faulty(), executor)
    assert (outcome.made, outcome.failures) == (4, {})
    check(outcome)


CRASHES = {
    "exit": "no complete result",
    "status": "exit code 3",
    "killed": "SIGKILL",
    "segfault": "SIGSEGV",
}
ANSWERS = {
    "nan": "forces is not finite",
    "infinite": "energy is not finite",
    "short": "shape (1, 3), expected (2, 3)",
    "leaves": "the labeller ended the process (exit code 0)",
    "raises": "RuntimeError: no idea",
    "memory": "MemoryError",
    "reorders": "changed the structure",
}


@pytest.mark.parametrize(("fault", "reason"), [*CRASHES.items(), *ANSWERS.items()])
def test_a_fault_harms_no_other_label_and_the_next_attempt_mends_it(tmp_path, fault, reason) -> None:
    """Frame 3 (a dimer) fails once."""
    executor = "processes:2" if fault in CRASHES else "threads:2"
    settings = faulty(fault, once=tmp_path / "once", beyond=2.9)
    first = label(tmp_path / "s", settings, executor, argon()[2:], retries=0)
    assert list(first.failures) == ["argon-3"]
    failed = first.failures["argon-3"]
    assert (failed.status, failed.attempts, first.made) == ("failed", 1, 1)
    assert reason in failed.reason
    second = label(tmp_path / "s", settings, executor, argon()[2:], retries=1)
    assert (second.made, second.failures) == (1, {})
    check(second, argon()[2:])


def test_a_process_and_its_calculator_are_kept_until_a_label_fails(tmp_path) -> None:
    log = tmp_path / "log"
    settings = faulty("killed", once=tmp_path / "once", beyond=2.9, log=log)
    frames = argon(7)
    outcome = label(tmp_path / "s", settings, "processes:1", frames)
    assert outcome.failures == {}
    check(outcome, frames)
    first, last = {*log.read_text().split()[:4]}, {*log.read_text().split()[4:]}
    assert (len(first), len(last), len(first & last)) == (1, 1, 0)
    assert list(Path("/proc").glob(f"{next(iter(last))}/cmdline")) == []


def test_a_calculator_that_is_kept_keeps_no_results(tmp_path) -> None:
    labeller = make_labeller(faulty())
    one, two = argon()[:2]
    first = labeller.label(one)
    labeller.label(two)
    again = labeller.label(one)
    assert (again.energy, again.forces.tolist()) == (first.energy, first.forces.tolist())


def test_a_label_that_hangs_is_killed_after_the_timeout(tmp_path) -> None:
    log = tmp_path / "log"
    settings = faulty("hang", log=log)
    outcome = label(tmp_path / "s", settings, "processes:1", argon(1), retries=1, timeout=3.0)
    failed = outcome.failures["argon-0"]
    assert "not done after 3 s, killed" in failed.reason
    assert failed.attempts == 2
    for pid in map(int, log.read_text().split() if log.exists() else ()):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_the_last_output_of_a_code_is_kept_with_its_failure(tmp_path) -> None:
    outcome = label(tmp_path, faulty("exit"), "processes:1", argon(1), retries=0)
    assert "about to leave" in outcome.failures["argon-0"].reason


def test_attempts_are_bounded_over_the_life_of_the_store(tmp_path) -> None:
    log = tmp_path / "log"
    settings = faulty("raises", log=log)
    for retries, calls in ((2, 3), (2, 3), (3, 4)):
        outcome = label(tmp_path / "s", settings, frames=argon(1), retries=retries)
        assert len(log.read_text().split()) == calls
        assert outcome.failures["argon-0"].attempts == calls
    label(tmp_path / "s", settings, frames=argon(1), retries=0, again=True)
    assert len(log.read_text().split()) == 5


def test_what_does_not_converge_is_not_tried_again(tmp_path) -> None:
    log = tmp_path / "log"
    settings = faulty("unconverged", log=log)
    for _ in range(2):
        outcome = label(tmp_path / "s", settings, frames=argon(1), retries=5)
        assert "did not converge (12 iterations)" in outcome.failures["argon-0"].reason
    assert len(log.read_text().split()) == 1


def test_nothing_is_made_twice(tmp_path) -> None:
    log = tmp_path / "log"
    settings = faulty(log=log)
    twins = [*argon(3), *argon(3)]
    outcome = label(tmp_path / "s", settings, frames=twins)
    assert outcome.made == 3
    check(outcome, twins)
    journal = (tmp_path / "s" / "journal.jsonl").read_bytes()
    assert label(tmp_path / "s", settings, frames=twins[::-1]).made == 0
    assert len(log.read_text().split()) == 3
    assert (tmp_path / "s" / "journal.jsonl").read_bytes() == journal
    assert label(tmp_path / "s", settings, frames=argon(4)).made == 1
    check(stored_labels(twins, settings, tmp_path / "s"), twins)


def test_a_label_that_is_delivered_twice_is_kept_once(tmp_path) -> None:
    atoms = argon(1)[0]
    labels = Labels(1.0, np.zeros((2, 3)))
    with open_store(tmp_path) as store:
        assert store.done("k", "f", labels, "calculator", 1.0, "s")
        assert not store.done("k", "f", Labels(2.0, np.ones((2, 3))), "calculator", 1.0, "s")
        store.failed("k", "f", "too late", True, 1.0)
    assert read_store(tmp_path).entry("k").labels.energy == 1.0
    labels.check(atoms)


def test_a_second_process_is_told_that_the_store_is_in_use(tmp_path) -> None:
    with open_store(tmp_path), pytest.raises(BusyError, match=str(os.getpid())):
        label(tmp_path, faulty())


def test_other_settings_charge_spin_or_structure_make_another_label(tmp_path) -> None:
    atoms = argon(1)[0]
    plain = make_labeller(faulty())
    keys = {label_key(atoms, plain), label_key(atoms, make_labeller(faulty("nan")))}
    variants = [atoms.copy() for _ in range(6)]
    variants[0].info["total_charge"] = 1
    variants[1].info["multiplicity"] = 3
    variants[2].positions[0, 0] += 1e-7
    variants[3].cell[0, 0] += 1e-7
    variants[4].pbc = False
    variants[5].numbers[0] = 10
    keys |= {label_key(v, plain) for v in variants}
    assert len(keys) == 8
    same = atoms.copy()
    same.info = {"total_charge": 0.0, "frame_id": "other"}
    same.positions += 1e-12
    same.positions[0, 0] = -0.0
    assert structure_key(same) == structure_key(atoms)


def test_a_labeller_that_cannot_work_stops_at_once_and_counts_as_no_failure(tmp_path) -> None:
    settings = LabellerSettings.model_validate({"labeller": {"ase": "no_such_code:Calculator"}})
    with pytest.raises(SetupError, match=r"argon-\d.*no_such_code"):
        label(tmp_path, settings, retries=0)
    assert all(entry.attempts == 0 for entry in read_store(tmp_path).entries.values())


def test_threads_refuse_a_timeout(tmp_path) -> None:
    with pytest.raises(InputError, match="cannot be stopped"):
        label(tmp_path, faulty(), timeout=1.0)


def test_running_labels_are_killed_when_the_workers_are_let_go(tmp_path) -> None:
    log = tmp_path / "log"
    workers = open_executor("processes:2")
    settings = faulty("hang", log=log).model_dump(mode="json", exclude_unset=True)
    for k, atoms in enumerate(argon(3)):
        workers.begin(label_job, f"{k}", atoms_to_json(atoms), settings, "-", scratch=True)
    while not log.exists() or len(log.read_text().split()) < 2:
        time.sleep(0.05)
    workers.stop()
    for pid in map(int, log.read_text().split()):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.parametrize("deleted", [False, True])
def test_a_store_that_is_moved_or_deleted_stops_the_work(tmp_path, monkeypatch, deleted) -> None:
    """What was labelled up to there is in the folder, wherever it is, and the work goes on there."""
    folder, moved = tmp_path / "s", tmp_path / "moved"
    append, records = Journal.append, []

    def meddling(self, record):
        records.append(record)
        if len(records) == 4:
            shutil.rmtree(folder) if deleted else folder.rename(moved)
        append(self, record)

    monkeypatch.setattr(Journal, "append", meddling)
    with pytest.raises(StorageError, match="was deleted while" if deleted else f"is in {moved}"):
        label(folder, faulty(), "threads:1")
    assert len(records) == 4
    monkeypatch.undo()
    if not deleted:
        outcome = label(moved, faulty())
        assert 0 < outcome.made < 4
        check(outcome)
