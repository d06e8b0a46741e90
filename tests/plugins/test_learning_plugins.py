"""Active learning with the explorer, the measure, the selector and the judge of CONTRIBUTING.md."""

import numpy as np
import pytest
import yaml
from ase.io import read, write
from plugin_package import documented, install, uninstall
from typer.testing import CliRunner

from superion.active_learning.config import read_training
from superion.active_learning.run import run_training
from superion.cli.app import app
from superion.errors import InputError
from superion.files import read_json
from superion.model import Model
from superion.potentials import Potential
from superion.terms import TERMS

SMALL = {"pair": None, "soap": {"cutoff": 4.0, "n_max": 3, "l_max": 2, "sparse_points": 10}}
RUNS = {"temperatures": [300], "timestep": 2.0, "steps": 12, "sample_every": 4}


def salt(seed: int):
    from test_plugins import salt

    return salt(seed)


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    install(folder, *documented())
    monkeypatch.syspath_prepend(str(folder))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    truth = TERMS["morse"]()
    frames = []
    for seed in range(5):
        atoms = salt(seed)
        found = truth.evaluate(atoms)
        atoms.info |= {"REF_energy": found.energy, "trajectory": "ab"[seed % 2]}
        atoms.arrays["REF_forces"] = found.forces
        frames.append(atoms)
    write("train.extxyz", frames, format="extxyz")
    Potential([truth]).save("truth.safetensors")
    yield folder
    uninstall(folder, monkeypatch)


def settings(**changes):
    value = {
        "name": "salt",
        "data": {"files": ["train.extxyz"], "test": ["b"]},
        "models": {"morse": {}, "local": {"preset": "gap", **SMALL}},
        "labels": {"labeller": {"model": "truth.safetensors"}, "executor": "threads:1"},
        "explore": {"explorer": "rattle", "walkers": 2, "copies": 2, "amplitude": 0.2},
        "select": {"method": "largest-force", "count": 2},
        "judges": ["worst-force"],
        "protocol": {"model": "local", "generations": 1, "judge": "worst-force"},
        "clean": {"consistent": False},
        "budget": 9,
        "parallel": "serial",
    } | changes
    with open("learn.yaml", "w") as handle:
        yaml.safe_dump(value, handle)
    return "learn.yaml"


def test_an_explorer_a_selector_and_a_judge_of_a_package(site):
    out = run_training(settings(), "out", progress=False, figure=True)
    here = out / "generation-000"
    candidates, chosen = read(here / "candidates.extxyz", ":"), read_json(here / "selected.json")["chosen"]
    assert len(candidates) == 4
    assert not any("REF_energy" in atoms.info for atoms in candidates)
    model: Model = Potential.load(here / "models" / "local.safetensors")
    largest = sorted(
        (np.linalg.norm(model.evaluate(atoms).forces, axis=1).max() for atoms in candidates), reverse=True
    )
    assert [one["score"] for one in chosen] == pytest.approx(largest[:2], rel=1e-6)
    for g, part in ((0, "new"), (1, "test")):
        folder = out / f"generation-{g:03d}"
        frames = read(folder / "new.extxyz" if part == "new" else out / "test.extxyz", ":")
        judge = Potential.load(folder / "models" / "local.safetensors")
        wrong = [judge.evaluate(a).forces - a.arrays["REF_forces"] for a in frames]
        found = read_json(folder / "judge.json")["models"]["local"][part]["judged"]
        worst = max(np.linalg.norm(one, axis=1).max() for one in wrong)
        assert found == {"worst-force": pytest.approx(worst, rel=1e-4)}
    assert "rattle" in (out / "training.yaml").read_text()
    assert "worst-force" in (out / "report.html").read_text()
    states = {p: p.stat().st_mtime_ns for p in out.rglob("*.safetensors")}
    run_training(out, progress=False, figure=False)
    assert states == {p: p.stat().st_mtime_ns for p in out.rglob("*.safetensors")}


def test_a_measure_of_a_package_ends_runs(site):
    explore = {
        "walkers": 1,
        "snapshots": 2,
        "dynamics": RUNS,
        "stop": {"measure": "closest", "above": 0.01, "every": 4},
    }
    changes = {
        "models": {"morse": {}},
        "protocol": {"generations": 1},
        "select": {"method": "random", "count": 1},
    }
    out = run_training(settings(explore=explore, **changes), "out", progress=False, figure=False)
    (run,) = read_json(out / "generation-000" / "explored.json")
    assert run["stopped"].startswith("stopped at step 0: the inverse of the shortest distance (1/Å) 0.")
    ended = read_json(out / "summary.json")["ended"]
    assert ended == "exploration found no structure that is not known"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"select": {"method": "largest-fource"}},
            "unknown method 'largest-fource'. Did you mean 'largest-force'",
        ),
        ({"judges": ["worst"]}, "unknown judge 'worst'"),
        ({"explore": {"explorer": "rattel"}}, "unknown explorer 'rattel'. Did you mean 'rattle'"),
        (
            {"explore": {"explorer": "rattle", "amplitud": 1}},
            "amplitud: unknown key. Did you mean 'amplitude'",
        ),
        ({"protocol": {"kind": "generation"}}, "unknown protocol 'generation'"),
        (
            {"models": {"morse": {}}, "protocol": {}, "select": {"method": "variance"}},
            r"variance needs .* morse \(preset morse\) has none. Presets that have them are gap, es-gap",
        ),
    ],
)
def test_wrong_names(site, changes, message):
    with pytest.raises(InputError, match=message):
        read_training(settings(**changes))


def test_the_schema_lists_what_packages_bring(site):
    shown = CliRunner().invoke(app, ["schema", "active-learning"]).output
    assert "standard deviation of a displacement" in shown
    assert "range of the potential" in shown
