"""Every command on the toy salt, and every way it may refuse."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.io import read, write
from toy_salt import FIT, crystal, frames, lone_atoms, write_inputs, write_study
from typer.testing import CliRunner, Result

from superion.cli.app import app
from superion.potentials import Potential
from superion.simulation import read_trajectory

CHARGES = ("--charges", "Li=0.7,Cl=-0.7")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


def succeeds(*arguments: object) -> Result:
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result


def refused(*arguments: object) -> str:
    """The message of a command that must fail with code 2 and without a traceback."""
    result = call(*arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return result.output


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    """train.extxyz, test.extxyz, foreign.extxyz, fit.yaml, start.extxyz, model.safetensors and run/."""
    root = tmp_path_factory.mktemp("cli")
    made = frames()
    write(root / "train.extxyz", made[:8] + lone_atoms(), format="extxyz")
    write(root / "test.extxyz", made[8:], format="extxyz")
    write(root / "start.extxyz", crystal(), format="extxyz")
    foreign = [atoms.copy() for atoms in made[8:]]
    for atoms in foreign:
        atoms.info["mm_energy"] = atoms.info.pop("REF_energy") / 27.211386
        atoms.arrays["grad"] = -atoms.arrays.pop("REF_forces")
        del atoms.info["REF_stress"]
    write(root / "foreign.extxyz", foreign, format="extxyz")
    (root / "fit.yaml").write_text(yaml.safe_dump(FIT))
    model = root / "model.safetensors"
    succeeds(
        "fit", root / "train.extxyz", "--preset", "es-gap", *CHARGES, "--screening", 2.0, "--config",
        root / "fit.yaml", "--test", root / "test.extxyz", "--output", model, "--json", root / "metrics.json",
        "--workers", 1, "--seed", 3,
    )  # fmt: skip
    succeeds(*md(root), "--output", root / "run", "--steps", 240)
    return root


def md(root: Path) -> list[object]:
    return [
        "md", root / "model.safetensors", root / "start.extxyz", "--temperature", 300, "--timestep", 2,
        "--ensemble", "nvt", "--seed", 1, "--sample-every", 2, "--chunk-frames", 40,
    ]  # fmt: skip


def test_version_and_help_answer_at_once() -> None:
    heavy = "('torch', 'numpy', 'ase', 'numba')"
    code = f"import sys, superion.cli.app; print([m for m in {heavy} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
    for command in (["superion.cli", "--version"], ["superion.cli", "--help"]):
        shown = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=True)
        assert "superion" in shown.stdout
    for name in (
        "run",
        "status",
        "train",
        "compare-selectors",
        "report",
        "schema",
        "census",
        "fit",
        "evaluate",
        "md",
        "transport",
        "select",
    ):
        assert name in shown.stdout
        assert "Usage" in succeeds(name, "--help").output


def test_fit_writes_a_model_and_its_errors(inputs: Path) -> None:
    metrics = json.loads((inputs / "metrics.json").read_text())
    for part in ("train", "test"):
        for name in ("energy_rmse_per_atom", "force_rmse", "stress_rmse"):
            assert 0 <= metrics[part][name.replace("rmse", "mae")] <= metrics[part][name] < 1
        assert set(metrics[part]["force_rmse_by_species"]) == {"Li", "Cl"}
    assert metrics["train"]["frames"] == 8
    model = Potential.load(inputs / "model.safetensors")
    assert [term.kind for term in model.terms] == ["coulomb", "repulsion", "gp"]
    assert model.provenance["settings"]["fit"]["seed"] == 3
    assert model.provenance["settings"]["electrostatics"]["charges"] == {"Li": 0.7, "Cl": -0.7}
    assert model.provenance["versions"]["superion"] == version("superion")
    # the baseline of a lone atom is its label, whatever the fixed terms say of the crystal
    assert model.terms[-1].baseline == {"Li": -0.2, "Cl": -0.3}


def test_fit_without_test_set_and_repulsion(inputs: Path, tmp_path: Path) -> None:
    output, found = tmp_path / "gap.safetensors", tmp_path / "m.json"
    shown = succeeds(
        "fit", inputs / "train.extxyz", "--config", inputs / "fit.yaml", "--output", output, "--no-repulsion",
        "--json", found,
    )  # fmt: skip
    assert "train: 8 frames, RMSE energy" in shown.output
    assert re.search(r"The fit will use up to 0\.[5-9] GB of memory", shown.output)
    assert json.loads(found.read_text())["test"] is None
    assert [term.kind for term in Potential.load(output).terms] == ["gp"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--preset", "esgap"], ["'esgap'", "'es-gap'", "presets are gap, es-gap"]),
        (["--preset", "es-gap", "--charges", "Li=one"], ["'Li=one'"]),
        (["--preset", "es-gap", "--charges", "Li=1,Li=2"], ["'Li=2'"]),
        (["--preset", "es-gap", "--charges", "qe.safetensors"], ["'qe.safetensors' is neither", "nor qeq"]),
        (
            ["--preset", "es-gap", "--charges", "Li=0.7,Cl=-0.6"],
            ["every periodic frame a total charge", "--charged-cells background"],
        ),
        (["--preset", "es-gap"], ["no charge for Cl"]),
        (["--preset", "es-gap", "--screening", "-1"], ["screening: expected greater than 0"]),
        (["--config", "{}/absent.yaml"], ["absent.yaml: cannot be read"]),
        (["--config", "{}/wrong.yaml"], ["wrong.yaml: soap.n_mx: unknown key", "'n_max'"]),
        (["--test", "{}/nothing.extxyz"], ["nothing.extxyz: there is no such file"]),
        (["--key", "enery=E"], ["'enery'", "'energy'"]),
        (["--wrokers", "2"], ["--wrokers"]),
    ],
)
def test_fit_refuses_what_it_cannot_use(
    inputs: Path, tmp_path, options: list[str], expected: list[str]
) -> None:
    (inputs / "wrong.yaml").write_text("soap: {n_mx: 3}\n")
    options = [option.replace("{}", str(inputs)) for option in options]
    message = refused("fit", inputs / "train.extxyz", "--output", tmp_path / "m.safetensors", *options)
    for text in expected:
        assert text in message
    assert not (tmp_path / "m.safetensors").exists()


def test_fit_elsewhere(inputs: Path, tmp_path: Path) -> None:
    found, atoms = [], read(inputs / "train.extxyz", index=-1)
    for number, words in enumerate(([], ["--executor", "threads:2"])):
        output = tmp_path / f"{number}.safetensors"
        succeeds("fit", inputs / "train.extxyz", "--config", inputs / "fit.yaml", "--output", output, *words)
        found.append(Potential.load(output).evaluate(atoms).forces)
    np.testing.assert_allclose(found[1], found[0], rtol=0, atol=1e-9)
    message = refused(
        "fit", inputs / "train.extxyz", "--output", tmp_path / "m.safetensors", "--executor", "dusk:1"
    )
    assert "cannot understand the executor 'dusk:1'" in message
    assert "serial, processes:N, threads:N, dask://HOST:PORT" in message


def test_fit_warns_of_what_looks_wrong(inputs: Path, tmp_path: Path) -> None:
    shown = succeeds(
        "fit", inputs / "train.extxyz", "--config", inputs / "fit.yaml", *CHARGES,
        "--test", inputs / "train.extxyz", "--output", tmp_path / "m.safetensors",
    )  # fmt: skip
    assert "warning: --charges have no effect on the preset gap" in shown.output
    assert "share 8 structures" in shown.output
    assert "a-0 = a-0" in shown.output
    slipped = read(inputs / "train.extxyz", ":")
    for atoms in slipped[:8]:
        atoms.arrays["REF_forces"] *= 51.42
    write(tmp_path / "slipped.extxyz", slipped, format="extxyz")
    shown = succeeds(
        "fit",
        tmp_path / "slipped.extxyz",
        "--config",
        inputs / "fit.yaml",
        "--output",
        tmp_path / "s.safetensors",
    )
    assert "warning: " in shown.output
    assert "forces" in shown.output.split("warning: ")[1]


def test_fit_refuses_frames_without_labels_and_names_the_candidates(inputs: Path, tmp_path) -> None:
    message = refused("fit", inputs / "foreign.extxyz", "--output", tmp_path / "m.safetensors")
    assert "have no REF_energy, and 4 of 4 frames" in message
    assert "but keys that look like it: energy: mm_energy (" in message
    assert "--key energy=KEY[:UNIT]" in message


def test_evaluate_writes_predictions_and_errors(inputs: Path, tmp_path: Path) -> None:
    predictions, found = tmp_path / "p.extxyz", tmp_path / "m.json"
    succeeds(
        "evaluate", inputs / "model.safetensors", inputs / "train.extxyz", "--output", predictions,
        "--json", found,
    )  # fmt: skip
    written, model = read(predictions, ":"), Potential.load(inputs / "model.safetensors")
    assert len(written) == 10
    expected = model.evaluate(frames()[0])
    assert written[0].info["superion_energy"] == pytest.approx(expected.energy, abs=1e-5)
    np.testing.assert_allclose(written[0].arrays["superion_forces"], expected.forces, atol=1e-6)
    stress = -expected.virial / written[0].get_volume()
    np.testing.assert_allclose(written[0].info["superion_stress"], stress.flat[[0, 4, 8, 5, 2, 1]], atol=1e-8)
    np.testing.assert_allclose(written[0].arrays["superion_charges"], expected.charges)
    alone = Potential(model.terms[-1:]).evaluate(
        lone_atoms()[0]
    )  # a lone ion in a periodic box: no Coulomb sum
    assert written[8].info["superion_energy"] == pytest.approx(alone.energy, abs=1e-7)
    assert "superion_charges" not in written[8].arrays
    trained = json.loads((inputs / "metrics.json").read_text())["train"]
    metrics = json.loads(found.read_text())
    assert metrics["train"] is None
    assert metrics["test"]["force_rmse"] == pytest.approx(trained["force_rmse"], rel=1e-4)


def test_evaluate_compares_charges_and_dipoles(inputs: Path, tmp_path: Path) -> None:
    pair = Atoms("LiCl", [[1, 0, 0], [1, 0, 2.2]], info={"REF_dipole": [0, 0, -1.0]})
    pair.arrays["REF_charges"] = np.array([0.6, -0.6])
    write(tmp_path / "pair.extxyz", pair, format="extxyz")
    found = tmp_path / "m.json"
    shown = succeeds(
        "evaluate", inputs / "model.safetensors", tmp_path / "pair.extxyz", "--json", found
    ).output
    assert "test: 1 frames, RMSE charges 0.1 e; dipole 0.54 e·Å" in shown
    assert "test: charges (e): Cl -0.700 ± 0.000, Li +0.700 ± 0.000; largest |Σq − Q| 0.0e+00" in shown
    test = json.loads(found.read_text())["test"]
    assert test["charge_rmse_by_species"] == pytest.approx({"Li": 0.1, "Cl": 0.1})
    assert test["dipole_mae"] == pytest.approx(0.54)
    assert test["dipole_vector_error"] == pytest.approx(0.54)
    assert test["charges"]["by_species"]["Li"]["mean"] == pytest.approx(0.7)


def test_foreign_keys_and_units_are_read(inputs: Path, tmp_path: Path) -> None:
    found = tmp_path / "m.json"
    arguments = ["evaluate", inputs / "model.safetensors", inputs / "foreign.extxyz", "--json", found]
    keys = ["--key", "energy=mm_energy:Ha", "--key", "forces=grad:-eV/A"]
    succeeds(*arguments, *keys)
    ours, reference = (
        json.loads(found.read_text())["test"],
        json.loads((inputs / "metrics.json").read_text())["test"],
    )
    assert ours["energy_rmse_per_atom"] == pytest.approx(reference["energy_rmse_per_atom"], rel=1e-3)
    assert ours["force_rmse"] == pytest.approx(reference["force_rmse"], rel=1e-4)
    assert ours["stress_rmse"] is None
    assert "no labels" in succeeds(*arguments).output
    assert "'grda'" in refused(*arguments, "--key", "forces=grda")
    assert "ergs" in refused(*arguments, "--key", "energy=mm_energy:ergs")


def test_evaluate_refuses_damaged_models(inputs: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "model.safetensors"
    damaged.write_bytes((inputs / "model.safetensors").read_bytes()[:-100])
    assert "not a complete safetensors file" in refused("evaluate", damaged, inputs / "test.extxyz")
    assert "no such model file" in refused("evaluate", tmp_path / "none", inputs / "test.extxyz")


def test_errors_of_the_system_are_explained(inputs: Path, tmp_path: Path) -> None:
    message = refused(
        "evaluate", inputs / "model.safetensors", inputs / "test.extxyz", "--json", tmp_path / "no" / "m.json"
    )
    assert "there is no such folder" in message
    assert str(tmp_path / "no") in message


def test_debug_shows_the_traceback_wherever_it_stands(tmp_path: Path) -> None:
    for arguments in (["--debug", "status", tmp_path], ["status", tmp_path, "--debug"]):
        result = call(*arguments)
        assert type(result.exception).__name__ == "InputError"


def test_census_counts_and_warns(inputs: Path, tmp_path: Path) -> None:
    found = tmp_path / "census.json"
    shown = succeeds("census", inputs / "train.extxyz", inputs / "foreign.extxyz", "--json", found)
    assert "Census" in shown.output
    assert "note: foreign.extxyz: seen but not read: " in shown.output
    assert "energy: mm_energy (" in shown.output
    assert "gradients have the opposite sign" in shown.output
    assert "--key energy=mm_energy" not in shown.output
    assert json.loads(found.read_text())["total"]["frames"] == 14
    assert "note:" not in succeeds("census", inputs / "test.extxyz").output


def test_md_is_resumed_and_never_overwritten(inputs: Path, tmp_path: Path) -> None:
    half = [*md(inputs), "--output", tmp_path / "run"]
    shown = succeeds(*half, "--steps", 120)
    assert "120 steps, 61 frames" in shown.output
    assert "already holds a run" in refused(*half, "--steps", 240)
    succeeds(*half, "--steps", 240, "--resume")
    ours, whole = read_trajectory(tmp_path / "run"), read_trajectory(inputs / "run")
    assert np.array_equal(ours.positions, whole.positions)
    assert ours.meta["provenance"]["model"]


def test_md_repeats_the_cell_and_takes_every_setting(inputs: Path, tmp_path: Path) -> None:
    succeeds(
        "md", inputs / "model.safetensors", inputs / "start.extxyz", "--temperature", 300, "--steps", 4,
        "--sample-every", 2, "--ensemble", "npt", "--pressure", 0.1, "--barostat-time", 500,
        "--thermostat-time", 50, "--supercell", "2x1x1", "--record", "stress", "--record", "charges",
        "--equilibrate", 2, "--max-temperature", 9000, "--min-distance", 0.5, "--output", tmp_path / "run",
    )  # fmt: skip
    trajectory = read_trajectory(tmp_path / "run")
    assert trajectory.positions.shape == (3, 16, 3)
    assert trajectory.charges is not None
    settings = trajectory.meta["settings"]
    assert (settings["pressure"], settings["barostat_time"], settings["thermostat_time"]) == (
        0.1,
        500.0,
        50.0,
    )
    assert (settings["max_temperature"], settings["min_distance"], settings["equilibrate"]) == (
        9000.0,
        0.5,
        2,
    )


def test_md_reads_tables_when_asked_to(inputs: Path, tmp_path: Path) -> None:
    run = [*md(inputs), "--steps", 4]
    succeeds(*run, "--output", tmp_path / "tables", "--tables", 1e-2)
    succeeds(*run, "--output", tmp_path / "exact")
    ours, exact = read_trajectory(tmp_path / "tables"), read_trajectory(tmp_path / "exact")
    assert 0 < np.abs(ours.positions - exact.positions).max() < 1e-4
    assert ours.meta["provenance"]["tables"] == 1e-2
    assert "other forces" in refused(*run[:-1], 8, "--output", tmp_path / "tables", "--resume")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--steps", 5], ["steps must be a multiple of sample_every"]),
        (["--steps", 10, "--ensemble", "nvp"], ["ensemble: expected 'nve', 'nvt' or 'npt', found 'nvp'"]),
        (["--steps", 10, "--friction", 0.1], ["friction = 0.1 has no effect"]),
        (["--steps", 10, "--supercell", "2x2"], ["'2x2'", "2x2x1"]),
        (["--steps", 10, "--supercell", "0"], ["'0'"]),
    ],
)
def test_md_refuses_what_it_cannot_use(
    inputs: Path, tmp_path: Path, options: list, expected: list[str]
) -> None:
    message = refused(*md(inputs), "--output", tmp_path / "run", *options)
    for text in expected:
        assert text in message
    assert not (tmp_path / "run").exists()


def test_md_in_lammps_on_two_ranks_is_the_same_path(inputs: Path, tmp_path: Path) -> None:
    options = [*md(inputs), "--steps", 60, "--supercell", "2x2x2"]
    succeeds(*options, "--output", tmp_path / "ours")
    command = [sys.executable, "-m", "superion.cli", *map(str, options), "--engine", "lammps", "--ranks", "2"]
    command += ["--output", str(tmp_path / "theirs")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("60 steps, 31 frames") == 1
    ours, theirs = read_trajectory(tmp_path / "ours"), read_trajectory(tmp_path / "theirs")
    assert theirs.meta["provenance"]["engine"]["ranks"] == 2
    np.testing.assert_allclose(theirs.positions, ours.positions, atol=1e-3)
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 2
    assert again.stderr.count("already holds a run") == 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--engine", "gromacs"], "unknown engine 'gromacs'"),
        (["--ranks", 2], "--ranks needs --engine lammps"),
        (["--engine", "lammps", "--resume"], "cannot be resumed"),
    ],
)
def test_md_engines_are_checked(inputs: Path, tmp_path: Path, options: list, expected: str) -> None:
    assert expected in refused(*md(inputs), "--steps", 4, "--output", tmp_path / "run", *options)


def test_transport_of_a_trajectory(inputs: Path, tmp_path: Path) -> None:
    found = tmp_path / "t.json"
    shown = succeeds("transport", inputs / "run", "--species", "Li", "--discard", 0.02, "--json", found)
    assert "Li: upper bound only" in shown.output
    assert "mS/cm (95 % upper bound)" in shown.output
    result = json.loads(found.read_text())
    assert result["conductivity"] is None
    assert result["conductivity_bound"] > 0
    assert result["discarded"] == pytest.approx(0.02)
    assert "no atom of species 'Na'" in refused("transport", inputs / "run", "--species", "Na")
    assert "holds no run" in refused("transport", tmp_path, "--species", "Li")
    assert "reference: expected 'system'" in refused("transport", inputs / "run", "--reference", "box")


def test_schemas_are_json() -> None:
    assert "dynamics" in json.loads(succeeds("schema").stdout)["properties"]
    assert "soap" in json.loads(succeeds("schema", "fit").stdout)["properties"]
    assert "'study'" in refused("schema", "stduy")


def test_run_status_and_report(tmp_path: Path) -> None:
    write_inputs(tmp_path)
    study, out = write_study(tmp_path, potentials=["gap"]), tmp_path / "out"
    assert f"report: {out.resolve()}/report.html" in succeeds("run", study, "--output", out).output
    shown = succeeds("status", out).output
    assert "dynamics/gap-300K" in shown
    assert "all steps are done" in shown
    (out / "report.html").unlink()
    assert "report.html" in succeeds("report", out).output
    assert (out / "report.html").exists()
    (out / "accuracy.json").unlink()
    (out / "state.json").write_text((out / "state.json").read_text().replace('"done"', '"failed"', 2))
    assert "next: census" in succeeds("status", out).output


def test_studies_that_are_none_are_refused(tmp_path: Path) -> None:
    assert "holds no study" in refused("status", tmp_path)
    assert "no such study folder" in refused("report", tmp_path / "none")
    assert "cannot be read" in refused("run", tmp_path / "none.yaml")
    assert not (tmp_path / "none").exists()
    write_inputs(tmp_path)
    study = write_study(tmp_path, dynamics__timestpe=1)
    assert "dynamics.timestpe: unknown key. Did you mean 'timestep'?" in refused("run", study)
    assert refused("rum", study).count("No such command 'rum'") == 1


def test_select_writes_the_chosen_frames_and_their_scores(inputs, tmp_path):
    pool = read(inputs / "test.extxyz", ":")
    output, scores = tmp_path / "chosen.extxyz", tmp_path / "scores.json"
    shown = succeeds(
        "select", inputs / "test.extxyz", "--method", "variance", "--count", 2, "--output", output, "--json",
        scores, "--train", inputs / "train.extxyz", "--model", inputs / "model.safetensors",
    ).output  # fmt: skip
    chosen = json.loads(scores.read_text())["chosen"]
    for entry, atoms in zip(chosen, read(output, ":"), strict=True):
        assert entry["frame"] == atoms.info["frame_id"] == pool[entry["index"]].info["frame_id"]
        assert entry["frame"] in shown
        np.testing.assert_array_equal(atoms.arrays["REF_forces"], pool[entry["index"]].arrays["REF_forces"])
    assert chosen[0]["score"] >= chosen[1]["score"] > 0


def test_select_refuses(inputs, tmp_path):
    given = ("select", inputs / "test.extxyz", "--output", tmp_path / "o.extxyz", "--count")
    assert "Did you mean 'farthest'" in refused(*given, 2, "--method", "fartest")
    assert "cannot choose 50 of 4 frames" in refused(*given, 50)
    assert "between 0 and 1" in refused(*given, 2, "--threshold", 2)


def test_warnings_for_users_are_plain():
    code = (
        "import sys, warnings\nfrom superion import cli\nfrom superion.cli import app\n"
        "app.app = lambda prog_name: [warnings.warn('mind the gap'), warnings.warn('old', FutureWarning)]\n"
        "cli.main()\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stderr.startswith("warning: mind the gap\n<string>:4: FutureWarning: old")
