"""Properties of a toy salt, computed with every fit: values against independent ones, resuming, failures."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms, units
from ase.io import write
from ase.optimize import BFGS
from rich.console import Console
from toy_salt import CHARGES, FIRM, RELAXED, crystal, frames, labelled, lone_atoms, write_inputs, write_study

from superion.calculations.eos import at_volumes, birch_murnaghan
from superion.electrostatics import FixedCharges, UniformField
from superion.electrostatics.polarization import EPSILON_0
from superion.errors import InputError, SuperionError
from superion.files import read_json
from superion.potentials import Calculator, Potential
from superion.report.content import read_content
from superion.report.missing import missing
from superion.study import read_study, run_study, status
from superion.study.properties.conductivity import _value
from superion.study.properties.dielectric import hessian
from superion.study.steps import Study, do_step
from superion.verdict.values import PropertyFile, read_property
from superion.work.executors import open_executor
from superion.work.process import LostError

FITS = [f"{p}{k}" for k in ("", "-resampled-1", "-resampled-2") for p in ("gap", "es-gap")]
ALL = {
    "parallel": "threads:1",
    "fits": {"count": 2},
    "data__files": ["salt.extxyz", "lone.extxyz", "curve.extxyz"],
    "properties": {
        "eos": {},
        "elastic": {"fmax": 1e-3, "strain": 0.01},
        "conductivity": {"fits": 1},
        "dielectric": {"fmax": 1e-4},
    },
}


def curve_frames() -> list[Atoms]:
    structures = at_volumes(crystal(RELAXED), np.linspace(0.94, 1.06, 7))
    return [labelled(atoms, FIRM, trajectory="salt-eos") for atoms in structures]


def write_all(folder: Path) -> None:
    write(folder / "salt.extxyz", frames(truth=FIRM, edge=RELAXED), format="extxyz")
    write(folder / "lone.extxyz", lone_atoms(), format="extxyz")
    write(folder / "start.extxyz", crystal(RELAXED), format="extxyz")
    write(folder / "curve.extxyz", curve_frames(), format="extxyz")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("properties")
    write_all(root)
    run_study(write_study(root, **ALL), root / "out", progress=False)
    return root


@pytest.fixture
def root(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def read(root: Path, name: str, fit: str) -> PropertyFile:
    return read_property(root / "out" / "properties" / name / f"{fit}.json")


def times(root: Path) -> dict[str, int]:
    folder = root / "out" / "properties"
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.glob("*/*.json")}


def changed(root: Path, before: dict[str, int]) -> set[str]:
    return {path for path, when in times(root).items() if before.get(path) != when}


def test_every_property_has_a_file_for_every_fit(finished: Path) -> None:
    out = finished / "out"
    expected = {f"{name}/{fit}.json" for name in ("forces", "eos", "elastic", "dielectric") for fit in FITS}
    expected |= {f"conductivity/{fit}.json" for fit in FITS[:4]} | {"eos/reference.json"}
    assert read_json(out / "verdict.json")["fits"] == 2
    assert set(times(finished)) == expected
    one = read(finished, "elastic", "es-gap-resampled-2")
    assert (one.property, one.potential, one.resampled) == ("elastic", "es-gap", 2)
    records = read_json(out / "state.json")["steps"]
    for path in expected:
        assert f"properties/{path}" in records[path.removesuffix(".json")]["outputs"]


def test_forces_are_those_of_accuracy_and_their_samples_those_of_frames(finished: Path) -> None:
    accuracy = read_json(finished / "out" / "accuracy.json")
    for name in ("gap", "es-gap"):
        values = read(finished, "forces", name).by_name()
        assert set(values) == {"forces of Li", "forces of Cl", "forces of all atoms"}
        assert values["forces of all atoms"].value == pytest.approx(accuracy[name]["test"]["force_rmse"])
        by_species = accuracy[name]["test"]["force_rmse_by_species"]
        assert values["forces of Li"].value == pytest.approx(by_species["Li"])
    model = Potential.load(finished / "out/models/gap-resampled-1.safetensors")
    test = frames(truth=FIRM, edge=RELAXED)[4:8]
    squares = [np.mean((model.evaluate(a).forces - a.arrays["REF_forces"]) ** 2) for a in test]
    found = read(finished, "forces", "gap-resampled-1").by_name()["forces of all atoms"]
    np.testing.assert_allclose(found.samples, squares, rtol=1e-6)
    spread = {read(finished, "forces", fit).by_name()["forces of Li"].value for fit in FITS[::2]}
    assert len(spread) == 3


def test_the_curve_is_that_of_single_points_at_the_labelled_structures(finished: Path) -> None:
    structures = curve_frames()
    volumes = [atoms.get_volume() for atoms in structures]

    def curve(model: Potential) -> tuple[np.ndarray, float, float]:
        energies = np.array([model.evaluate(atoms).energy for atoms in structures])
        fit = birch_murnaghan(volumes, energies)
        return energies - fit.energy, fit.volume, fit.modulus / units.GPa

    truth = curve(FIRM)
    labels = read(finished, "eos", "reference").by_name()
    assert set(labels) == {"equilibrium volume", "bulk modulus of the curve"}
    assert labels["equilibrium volume"].value == pytest.approx(truth[1], rel=1e-6)
    assert labels["bulk modulus of the curve"].value == pytest.approx(truth[2], rel=1e-5)
    assert "7 of its 7 labelled structures were trained on" in read(finished, "eos", "reference").notes[0]
    assert labels["equilibrium volume"].seen
    assert read(finished, "eos", "gap").by_name()["energy–volume curve"].seen
    found = curve(Potential.load(finished / "out/models/es-gap-resampled-1.safetensors"))
    values = read(finished, "eos", "es-gap-resampled-1").by_name()
    samples = (1000 * (found[0] - truth[0]) / 8) ** 2
    np.testing.assert_allclose(values["energy–volume curve"].samples, samples, rtol=1e-3, atol=1e-9)
    assert values["bulk modulus of the curve"].value == pytest.approx(found[2], rel=1e-6)
    assert values["bulk modulus of the curve"].error is not None


def test_elastic_moduli_are_near_the_truth(finished: Path) -> None:
    from superion.calculations.elastic import elastic_tensor
    from superion.calculations.relaxation import relaxed

    model = Calculator(FIRM)
    moduli = elastic_tensor(relaxed(crystal(RELAXED), model, cell=True), model, strain=0.01).moduli()
    for fit in FITS:
        values = read(finished, "elastic", fit).by_name()
        assert set(values) == {"bulk modulus", "shear modulus", "Young's modulus"}
        assert values["bulk modulus"].value == pytest.approx(moduli.bulk / units.GPa, rel=0.5)
        assert values["bulk modulus"].kind == "positive"


def test_the_dielectric_constant_is_what_a_small_field_does(finished: Path) -> None:
    found = read(finished, "dielectric", "es-gap").values[0]
    model = Potential.load(finished / "out/models/es-gap.safetensors")
    dipoles = []
    for field in (1e-3, -1e-3):
        atoms = crystal(RELAXED)
        atoms.calc = Calculator(Potential([*model.terms, UniformField([0, 0, field], FixedCharges(CHARGES))]))
        assert BFGS(atoms, logfile=None).run(fmax=1e-6, steps=500)
        charges = np.array([CHARGES[symbol] for symbol in atoms.symbols])
        dipoles.append(charges @ atoms.positions[:, 2])
    epsilon = 1 + (dipoles[0] - dipoles[1]) / (2e-3 * EPSILON_0 * crystal(RELAXED).get_volume())
    assert found.value == pytest.approx(epsilon, rel=1e-3)
    local = read(finished, "dielectric", "gap").values[0]
    assert local.value is None
    assert local.why == "a local potential has no charges for a field to act on"


def test_the_hessian_is_symmetric_and_moves_nothing_as_a_whole(finished: Path) -> None:
    atoms = crystal(RELAXED)
    atoms.calc = Calculator(FIRM)
    found = hessian(atoms, 0.01)
    np.testing.assert_allclose(found, found.T, atol=1e-4)
    np.testing.assert_allclose(found.reshape(24, 8, 3).sum(axis=1), 0.0, atol=1e-6)


def test_conductivities_of_resampled_fits_stay_out_of_the_report(finished: Path) -> None:
    out = finished / "out"
    runs = {path.name for path in (out / "md").iterdir()}
    assert runs == {f"{fit}-300K" for fit in FITS[:4]}
    assert {path.stem for path in (out / "transport").iterdir()} == runs
    why = read(finished, "conductivity", "gap-resampled-1").by_name()["conductivity at 300 K"].why
    assert why is not None
    assert "upper bound" in why
    content = read_content(out)
    assert {run.potential for run in content.runs} == {"gap", "es-gap"}
    assert "resampled" not in str(missing(content))


def test_the_error_of_a_conductivity_is_that_of_its_logarithm() -> None:
    from superion.study.properties.base import Row

    row = Row("conductivity at 300 K", "mS/cm", "positive")
    interval = [10 * np.exp(-1.96 * 0.2), 10 * np.exp(1.96 * 0.2)]
    known = {"status": "converged", "conductivity": 10.0, "notes": ()}
    found = _value(row, SimpleNamespace(**known, conductivity_interval=interval))
    assert found.value == 10.0
    assert found.error == pytest.approx(0.2, rel=1e-4)
    assert _value(row, SimpleNamespace(**known, conductivity_interval=(0.0, 20.0))).value is None


def test_only_what_changed_is_done_again(root: Path) -> None:
    before = times(root)
    changes = {"properties__elastic__strain": 0.012, "verdict__tolerances": {"elastic": 0.2}}
    run_study(write_study(root, **ALL | changes), root / "out", progress=False)
    assert changed(root, before) == {f"elastic/{fit}.json" for fit in FITS}
    assert read_json(root / "out" / "verdict.json")["tolerances"]["elastic"] == 0.2
    before = times(root)
    (root / "out" / "properties" / "eos" / "gap.json").unlink()
    study = write_study(root, **ALL | {"properties": {"eos": {}}})
    run_study(study, root / "out", progress=False)
    assert changed(root, before) == {"eos/gap.json"}
    assert {path.partition("/")[0] for path in times(root)} == {"forces", "eos"}


def test_a_property_that_fails_leaves_the_others_their_work(root: Path, capsys) -> None:
    study = write_study(root, **ALL | {"properties__elastic": {"steps": 1, "fmax": 1e-9}, "parallel": 2})
    with pytest.raises(
        SuperionError, match=r"6 of the steps failed\. elastic/.*gap.*not relaxed after 1 steps"
    ):
        run_study(study, root / "out", progress=False)
    for fit in FITS:
        for value in read(root, "elastic", fit).values:
            assert value.value is None
            assert "not relaxed after 1 steps" in (value.why or "")
    found = {row.step: row for row in status(root / "out").rows}
    assert found["elastic/gap-resampled-1"].status == "failed"
    assert found["dielectric/es-gap"].status == found["verdict"].status == found["report"].status == "done"
    Console(width=200).print(status(root / "out").table())
    shown = capsys.readouterr().out
    assert "elastic (6)" in shown
    assert "elastic/gap-resampled-1" in shown
    assert "dielectric/es-gap" not in shown
    before = times(root)
    mended = write_study(root, **ALL | {"electrostatics__screening": 3.0})
    run_study(mended, root / "out", progress=False)
    redone = changed(root, before)
    assert {path for path in redone if path.startswith("elastic/")} == {f"elastic/{fit}.json" for fit in FITS}
    assert not any("/gap" in path and not path.startswith("elastic/") for path in redone)
    assert "forces/es-gap-resampled-2.json" in redone
    assert read(root, "elastic", "gap").values[0].value is not None


def test_what_labels_do_not_have_is_said(tmp_path: Path) -> None:
    write_all(tmp_path)
    settings = read_study(write_study(tmp_path, properties={"eos": {}}, data__test=None, potentials=["gap"]))
    plan = {step.name: step for step in Study(settings, tmp_path / "out", progress=False).plan()}
    (tmp_path / "out").mkdir()
    for name in ("fit", "forces/gap"):
        plan[name].work()
    assert {value.why for value in read(tmp_path, "forces", "gap").values} == {
        "the study has no labelled forces in its test set"
    }
    with pytest.raises(InputError, match=r"properties\.eos: 0 trajectories"):
        plan["eos/gap"].work()
    plan["eos/gap"].failed("that is why.")
    assert [value.why for value in read(tmp_path, "eos", "gap").values] == 3 * ["that is why"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"properties__elastic__strian": 1}, r"properties\.elastic\.strian: unknown key.*'strain'"),
        ({"properties__conductivity__fits": 2}, r"conductivity\.fits is 2, but fits\.count is 0"),
        ({"properties__eos": {"file": "a", "trajectory": "b"}}, "file or trajectory, not both"),
        ({"properties__eos__file": "none.extxyz"}, r"properties\.eos\.file: there is no file .*none\.extxyz"),
        ({"fits__count": -1}, r"fits\.count"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, change: dict, message: str) -> None:
    write_inputs(tmp_path)
    with pytest.raises(InputError, match=message):
        run_study(write_study(tmp_path, **change), tmp_path / "out", progress=False)


def test_a_process_that_dies_is_a_step_that_failed(finished: Path, monkeypatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    log = finished / "out" / "properties.log"
    with open_executor(2, log=log) as workers:
        for name in ("elastic/gap", "elastic/es-gap"):
            with pytest.raises(LostError, match=r"properties\.log: its process ended with exit code 1"):
                workers.begin(do_step, finished / "out", name).result()


def test_a_killed_study_takes_its_processes_along_and_redoes_only_what_they_did(tmp_path: Path) -> None:
    write_all(tmp_path)
    out = tmp_path / "out"
    slow = ALL | {"fits": {"count": 4}, "properties": {"elastic": {"fmax": 1e-7}}, "potentials": ["es-gap"]}
    study = write_study(tmp_path, **slow | {"parallel": 2})
    command = [sys.executable, "-m", "superion.cli", "run", str(study), "--output", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 240

    def done() -> set[str]:
        begun = (out / "state.json").exists() and (out / "study.yaml").exists()
        rows = status(out).rows if begun else []
        return {row.step for row in rows if row.status == "done" and row.step.startswith("elastic/")}

    while not done():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    children = _children(process.pid)
    assert children
    process.send_signal(signal.SIGKILL)
    process.wait()
    while any(Path(f"/proc/{pid}").exists() for pid in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    kept = done()
    before = times(tmp_path)
    run_study(write_study(tmp_path, **slow), out, progress=False)
    assert not changed(tmp_path, before) & {f"{step}.json" for step in kept}
    assert len(done()) == 5
    assert status(out).next is None


def _children(pid: int) -> list[int]:
    parents = {int(p.name): p for p in Path("/proc").iterdir() if p.name.isdecimal()}
    found = []
    for child, path in parents.items():
        try:
            if int((path / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(child)
        except OSError:
            continue
    return found
