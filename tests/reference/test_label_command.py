"""`superion label` from the command line, killed, damaged, and given bad files."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.io import read
from label_cases import argon, faulty, truth, write_argon
from typer.testing import CliRunner, Result

from superion.cli.app import app
from superion.potentials import Potential
from superion.potentials.repulsion import Repulsion
from superion.reference.attempt import atoms_to_json, label_job


def settings_file(path: Path, fault: str = "", **arguments: object) -> Path:
    path.write_text(yaml.safe_dump(faulty(fault, **arguments).model_dump(mode="json", exclude_unset=True)))
    return path


def command(folder: Path, labeller: object, *more: object) -> list[str]:
    return [
        *("label", str(folder / "in.extxyz"), "--labeller", str(labeller), "--store", str(folder / "store")),
        *("--output", str(folder / "out.extxyz"), *map(str, more)),
    ]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def folder(tmp_path) -> Path:
    write_argon(tmp_path / "in.extxyz")
    return tmp_path


def test_frames_keep_their_order_and_all_they_had(folder) -> None:
    frames = argon()
    frames[1].info["REF_dipole"] = np.ones(3)
    frames[1].info["total_charge"] = 1.0
    from ase.io import write

    write(folder / "in.extxyz", frames, format="extxyz")
    labeller = settings_file(folder / "s.yaml")
    result = call(*command(folder, labeller, "--executor", "threads:2"))
    assert result.exit_code == 0, result.output
    assert "4 labelled structures, 4 labels made now" in result.output
    assert "Census" in result.output
    made = read(folder / "out.extxyz", index=":")
    for k, (old, new) in enumerate(zip(frames, made, strict=True)):
        energy, forces, stress = truth(old)
        assert new.info["REF_energy"] == energy
        np.testing.assert_allclose(new.arrays["REF_forces"], forces, atol=1e-8)
        np.testing.assert_allclose(new.info["REF_stress"], stress, atol=1e-14)
        assert new.info["frame_id"] == f"argon-{k}"
        assert (new.info["note"], new.info["weight"]) == ("kept", 1.5)
        assert (new.arrays["residue"] == old.arrays["residue"]).all()
        assert new.info["reference_kind"] == "calculator"
        assert "fake_calculators:Faulty, ase" in new.info["reference"]
        assert "REF_dipole" not in new.info
    first = (folder / "out.extxyz").read_bytes()
    result = call(*command(folder, labeller))
    assert "0 labels made now" in result.output
    assert (folder / "out.extxyz").read_bytes() == first
    # the output is labelled too: the same structures, read again
    (folder / "in.extxyz").write_bytes(first)
    result = call(*command(folder, labeller))
    assert "0 labels made now" in result.output


def test_a_model_is_found_beside_its_settings(folder, tmp_path_factory, monkeypatch) -> None:
    Potential([Repulsion({(18, 18): 2.0}, height=1.0)]).save(folder / "model.safetensors")
    (folder / "s.yaml").write_text("labeller: {model: model.safetensors}")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    result = call(*command(folder, folder / "s.yaml", "--executor", "processes:2"))
    assert result.exit_code == 0, result.output
    assert "4 labelled structures" in result.output


def test_settings_that_fail_in_the_process_of_a_label_stop_the_labels(tmp_path) -> None:
    settings = {"labeller": {"model": str(tmp_path / "none.safetensors")}}
    reply = label_job("key", atoms_to_json(argon(1)[0]), settings, None)
    assert (reply.stop, reply.retry, reply.labels) == (True, False, None)
    assert "there is no such model" in reply.reason
    assert "Traceback" not in reply.reason


def test_what_looks_wrong_with_the_labels_is_said(folder) -> None:
    from ase.io import write

    write(folder / "in.extxyz", [*argon(2), argon(1)[0]], format="extxyz")
    result = call(*command(folder, settings_file(folder / "s.yaml"), "--executor", "threads:1"))
    assert result.exit_code == 0, result.output
    shown = call("census", folder / "out.extxyz").output
    said = [line for line in shown.splitlines() if line.startswith("warning: ")]
    assert said
    assert [line for line in result.output.splitlines() if line.startswith("warning: ")] == said


def test_failures_are_listed_and_the_others_written(folder) -> None:
    labeller = settings_file(folder / "s.yaml", "raises", beyond=2.9)
    result = call(*command(folder, labeller, "--executor", "threads:1", "--retries", 1))
    assert result.exit_code == 1
    assert "argon-3" in result.output
    assert "no idea" in result.output
    assert "1 of 4 structures have no label" in result.output
    assert [a.info["frame_id"] for a in read(folder / "out.extxyz", ":")] == ["argon-0", "argon-1", "argon-2"]
    status = call("status", folder / "store")
    assert status.exit_code == 0
    assert "done" in status.output
    assert "failed" in status.output


def test_a_command_killed_at_any_moment_goes_on_to_the_same_file(folder) -> None:
    """SIGKILL of the command while it labels, again and again; its children end with it."""
    log = folder / "log"
    labeller = settings_file(folder / "s.yaml", pause=0.4, log=log)
    line = [sys.executable, "-m", "superion.cli", *command(folder, labeller, "--executor", "processes:2")]
    rng = np.random.default_rng(5)
    for _ in range(2):
        running = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        calls = len(log.read_text().split()) if log.exists() else 0
        while running.poll() is None and (not log.exists() or len(log.read_text().split()) == calls):
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 0.6))
        running.send_signal(signal.SIGKILL)
        running.wait()
    subprocess.run(line, check=True, capture_output=True)
    deadline = time.monotonic() + 60
    for pid in map(int, log.read_text().split()):
        while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not Path(f"/proc/{pid}").exists()
    killed = (folder / "out.extxyz").read_bytes()
    calm = settings_file(folder / "calm.yaml", pause=0.4, log=log)
    assert call(
        *("label", folder / "in.extxyz", "--labeller", calm, "--executor", "threads:2"),
        *("--store", folder / "calm", "--output", folder / "calm.extxyz"),
    ).exit_code in (0,)
    assert (folder / "calm.extxyz").read_bytes() == killed


def test_a_damaged_journal_is_reported_and_mended(folder) -> None:
    labeller = settings_file(folder / "s.yaml")
    assert call(*command(folder, labeller, "--executor", "threads:1")).exit_code == 0
    whole = (folder / "out.extxyz").read_bytes()
    journal = folder / "store" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    assert b'"done"' in lines[2]
    journal.write_bytes(b"".join([*lines[:2], lines[2][:-30] + b"\n", *lines[3:-1], lines[-1][:50]]))
    assert "damaged" in call("status", folder / "store").output
    only = call(*command(folder, labeller, "--export-only"))
    assert only.exit_code == 1
    assert len(read(folder / "out.extxyz", ":")) == 2
    result = call(*command(folder, labeller, "--executor", "threads:1"))
    assert result.exit_code == 0
    assert "line 3" in result.output
    assert "2 labels made now" in result.output
    assert (folder / "out.extxyz").read_bytes() == whole


def test_a_full_disk_ends_the_command_with_advice(folder, monkeypatch) -> None:
    labeller = settings_file(folder / "s.yaml")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    result = call(*command(folder, labeller, "--executor", "threads:1"))
    assert result.exit_code == 2
    assert "No space left on device" in result.output
    assert "Remedy: make room" in result.output
    monkeypatch.undo()
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    assert call(*command(folder, labeller, "--executor", "threads:1")).exit_code == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("labeller: !!python/object/apply:os.system ['touch BAD']", "only plain values"),
        ("labeller: {ase: !!python/name:os.system , arguments: {}}", "only plain values"),
        ("labeller: {ase: 'os;system:x'}", "not the path of a calculator"),
        ("labeller: {ase: 'os'}", "not the path of a calculator"),
        ("labeller: {ase: 'ase.calculators.lj:LennardJones', arguments: {}}\ngpaw: {}", "exactly one"),
        ("gpaw: {cutof: 500}", "cutoff"),
        ("surrogate: {name: chgnett}", "chgnet"),
        ("labeller: {model: nowhere.safetensors}", "no such model"),
        ("{}", "exactly one"),
    ],
)
def test_bad_settings_files_are_explained(folder, monkeypatch, text, message) -> None:
    monkeypatch.chdir(folder)
    (folder / "s.yaml").write_text(text)
    result = call(*command(folder, "s.yaml"))
    assert result.exit_code == 2, result.output
    assert message in result.output
    assert not (folder / "BAD").exists()
    assert not (folder / "store").exists()


def test_nothing_that_data_name_is_imported(folder) -> None:
    """A structure file and a journal that name code: neither is ever taken as settings."""
    (folder / "evil.py").write_text("raise SystemExit('imported')")
    from ase.io import write

    frames = argon(2)
    for atoms in frames:
        atoms.info |= {"labeller": "evil:Calculator", "calculator": "evil", "ase": "evil:X"}
    write(folder / "in.extxyz", frames, format="extxyz")
    sys.path.insert(0, str(folder))
    try:
        labeller = settings_file(folder / "s.yaml")
        assert call(*command(folder, labeller, "--executor", "threads:1")).exit_code == 0
        refused = call(*command(folder, "evil:Calculator"))
    finally:
        sys.path.remove(str(folder))
    assert refused.exit_code == 2
    assert "there is no labeller 'evil:Calculator'" in refused.output
    assert "evil" not in sys.modules


def test_a_code_that_is_not_installed_names_the_step_that_installs_it(folder, monkeypatch) -> None:
    for name, module, step in (
        ("gpaw", "gpaw", "pip install gpaw"),
        ("chgnet", "chgnet.model", "superion[chgnet]"),
        ("sevennet", "sevenn.calculator", "superion[sevennet]"),
        ("cp2k", "", "Debian package cp2k"),
    ):
        monkeypatch.setitem(sys.modules, module, None)
        monkeypatch.setenv("PATH", "")
        result = call(*command(folder, name, "--executor", "threads:1"))
        assert result.exit_code == 2, result.output
        assert step in result.output
        assert "argon-0" in result.output


@pytest.mark.parametrize("executor", ["processes:1", "threads:1"])
@pytest.mark.parametrize("fault", ["nan", "infinite", "leaves"])
def test_a_labeller_that_answers_nonsense_or_leaves_fails_that_frame_alone(folder, fault, executor) -> None:
    labeller = settings_file(folder / "labeller.yaml", fault, beyond=2.9)
    result = call(*command(folder, labeller, "--executor", executor, "--retries", 0))
    assert result.exit_code == 1
    assert "1 of 4 structures have no label" in result.output
    reason = {"nan": "forces is not finite", "infinite": "energy is not finite"}.get(
        fault, "ended the process"
    )
    assert reason in " ".join(result.output.split())
    assert len(read(folder / "out.extxyz", ":")) == 3


def test_arguments_that_are_not_finite_are_named(folder) -> None:
    path = folder / "labeller.yaml"
    path.write_text("labeller: {ase: 'ase.calculators.lj:LennardJones', arguments: {epsilon: .nan}}")
    result = call(*command(folder, path))
    assert result.exit_code == 2
    assert "epsilon is nan: give finite numbers" in " ".join(result.output.split())
