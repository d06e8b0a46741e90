"""Damaged files, settings and options end in a message or a result: no traceback, no hang."""

import io
import json
import shutil
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.io import write
from damaged_models import opened, written
from mutations import Hang, damaged, values, within
from synthetic_study import add_trajectory, write_study
from toy_salt import TRUTH, crystal, frames, settings, write_inputs
from typer.main import get_command
from typer.testing import CliRunner

from superion.active_learning.config import read_training
from superion.cli.app import app
from superion.errors import SuperionError
from superion.potentials import Calculator, Potential
from superion.reference import LabellerSettings
from superion.report import write_report
from superion.settings_file import read_settings
from superion.simulation import MDSettings, run_md
from superion.simulation.chunks import _sha256_of
from superion.structures import read_frames
from superion.study.config import read_study
from test_readers import READERS

ROOT = Path(__file__).parents[2]
LIMIT = 20.0
"""Seconds for one case; most take milliseconds."""


def faults(cases):
    """The cases that ended in something else than a result or an error of superion, by name."""
    found = {}
    for name, work in cases:
        try:
            with within(LIMIT), warnings.catch_warnings(action="ignore"):
                work()
        except (SuperionError, OSError):
            pass
        except (Exception, Hang) as error:
            found[name] = f"{type(error).__name__}: {error}"[:300]
    return found


def command(*words):
    """A command in this process, whose errors are not caught at its boundary; ends with a known code."""
    result = CliRunner().invoke(app, ["--debug", *map(str, words)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in (0, 1, 2), result.exit_code


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder with a model, frames, a trajectory and the files of a study."""
    folder = tmp_path_factory.mktemp("inputs")
    write_inputs(folder)
    TRUTH.save(folder / "M")
    write(folder / "f.xyz", frames(2, seed=1)[:2], format="extxyz")
    write(folder / "one.xyz", crystal(), format="extxyz")
    run_md(
        crystal(),
        Calculator(TRUTH),
        MDSettings(steps=20, temperature=300.0, sample_every=2, chunk_frames=5),
        folder / "run",
        progress=False,
    )
    return folder


def test_settings(tmp_path):
    rng = np.random.default_rng(1)
    study, training = (
        yaml.safe_load((ROOT / "examples" / f"li7p3s11{part}.yaml").read_text())
        for part in ("", "-active-learning")
    )
    toy = settings()
    cases = []
    for reader, content, count in (
        (read_study, study, 60),
        (read_study, toy, 60),
        (read_training, training, 60),
        (lambda path: read_settings(path, LabellerSettings), {"model": {"file": "M", "device": "cpu"}}, 20),
    ):
        for k, (name, changed) in enumerate(values(rng, content, count)):
            path = tmp_path / f"{len(cases)}.yaml"
            path.write_text(yaml.safe_dump(changed))
            cases.append((f"{k} {name} {path.name}", lambda reader=reader, path=path: reader(path)))
        for k, (name, raw) in enumerate(damaged(rng, yaml.safe_dump(content), count // 3)):
            path = tmp_path / f"{len(cases)}.yaml"
            path.write_bytes(raw)
            cases.append((f"{k} {name} {path.name}", lambda reader=reader, path=path: reader(path)))
    assert faults(cases) == {}


def structure_texts():
    """One small structure in several formats."""
    atoms = frames(1, seed=3)[0]
    texts = {"x.cif": CIF}
    for name, form in (("x.extxyz", "extxyz"), ("x.vasp", "vasp"), ("x.xsf", "xsf"), ("x.json", "json")):
        text = io.StringIO()
        write(text, atoms, format=form)
        texts[name] = text.getvalue()
    return texts


CIF = """data_x
_cell_length_a 5.1
_cell_length_b 5.1
_cell_length_c 5.1
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Li1 Li 0 0 0 0.5
Li2 Li 0.5 0.5 0 0.5
Cl1 Cl 0.5 0 0 1.0
"""


@pytest.mark.parametrize("name", ["x.extxyz", "x.cif", "x.vasp", "x.xsf", "x.json"])
def test_structures(tmp_path, name):
    rng = np.random.default_rng(2)
    cases = []
    for k, (way, raw) in enumerate(damaged(rng, structure_texts()[name], 40)):
        path = tmp_path / f"{k}-{name}"
        path.write_bytes(raw)
        cases.append((f"{path.name}, {way}", lambda path=path: read_frames(path)))
    for k, (way, raw) in enumerate(damaged(rng, structure_texts()[name], 6)):
        path = tmp_path / f"census-{k}-{name}"
        path.write_bytes(raw)
        cases.append((f"{path.name}, {way}", lambda path=path: command("census", path)))
        if name == "x.cif":
            out = tmp_path / "out.xyz"
            cases.append(
                (f"arrange {path.name}, {way}", lambda p=path, o=out: command("arrange", p, "-o", o))
            )
    assert faults(cases) == {}


def test_models(inputs, tmp_path):
    rng = np.random.default_rng(3)
    content, arrays = opened(inputs / "M")
    raw, cases = (inputs / "M").read_bytes(), []
    for k, (name, changed) in enumerate(values(rng, content, 60)):
        path = tmp_path / f"{k}.safetensors"
        written(path, changed, arrays)
        cases.append((f"{k} {name}", lambda path=path: Potential.load(path).evaluate(crystal())))
    for k in range(30):
        path, other = tmp_path / f"raw-{k}", bytearray(raw)
        for position in rng.integers(len(raw), size=3):
            other[position] = rng.integers(256)
        path.write_bytes(other[: rng.integers(len(other))] if k % 3 else other)
        cases.append((f"raw {k}", lambda path=path: command("evaluate", path, inputs / "f.xyz")))
    assert faults(cases) == {}


@pytest.mark.parametrize(
    "name", ["accuracy.json", "census.json", "provenance.json", "state.json", "transport", "study.yaml"]
)
def test_results(tmp_path, name, monkeypatch):
    monkeypatch.setattr("superion.report.html.draw_all", lambda content, folder: {})
    folder = write_study(tmp_path / "study")
    add_trajectory(folder)
    path = next((folder / name).glob("*.json")) if name == "transport" else folder / name
    text = path.read_text()
    content, rng = yaml.safe_load(text), np.random.default_rng(4)
    cases = []

    def look(raw):
        path.write_bytes(raw)
        command("verdict", folder)
        write_report(folder)

    dump = yaml.safe_dump if name.endswith("yaml") else json.dumps
    for k, (place, changed) in enumerate(values(rng, content, 30)):
        cases.append((f"{k} {place}", partial(look, dump(changed).encode())))
    for k, (way, raw) in enumerate(damaged(rng, text, 6)):
        cases.append((f"{k} {way}", partial(look, raw)))
    assert faults(cases) == {}


def test_trajectories(inputs, tmp_path):
    rng = np.random.default_rng(5)
    run = tmp_path / "run"
    shutil.copytree(inputs / "run", run)
    meta = json.loads((run / "meta.json").read_text())
    meta.pop("sha256")
    cases = []

    def look(content):
        text = (
            json.dumps({**content, "sha256": _sha256_of(content)}) if isinstance(content, dict) else content
        )
        (run / "meta.json").write_text(text)
        command("transport", run, "--species", "Li", "--discard", "0")

    for k, (place, changed) in enumerate(values(rng, meta, 40)):
        cases.append((f"{k} {place}", partial(look, changed)))
    for k in range(10):
        chunk = bytearray((inputs / "run" / "chunk-000000.safetensors").read_bytes())
        chunk[rng.integers(len(chunk))] ^= 1 + rng.integers(255)

        def cut(chunk=chunk, k=k):
            shutil.copyfile(inputs / "run" / "meta.json", run / "meta.json")
            (run / "chunk-000000.safetensors").write_bytes(chunk[: len(chunk) - 100 * (k % 2)])
            command("transport", run, "--species", "Li")

        cases.append((f"chunk {k}", cut))
    assert faults(cases) == {}


@pytest.mark.parametrize("name", READERS)
def test_files_that_are_read_back(tmp_path, name):
    read, content = READERS[name]
    rng, path, cases = np.random.default_rng(7), tmp_path / name, []

    def look(raw):
        path.write_bytes(raw)
        read(path)

    for k, (place, changed) in enumerate(values(rng, content, 60)):
        cases.append((f"{k} {place}", partial(look, json.dumps(changed).encode())))
    for k, (way, raw) in enumerate(damaged(rng, json.dumps(content), 20)):
        cases.append((f"{k} {way}", partial(look, raw)))
    assert faults(cases) == {}


ABSURD = ("-1", "0", "nan", "inf", "-inf", "1e300", "1e-300", "abc", "", "9" * 20, "[red]", "\x1b[31m", "é")
COMMANDS = [
    "md M one.xyz -o {new} --temperature 300 --steps 2 --sample-every 1",
    "evaluate M f.xyz",
    "transport run",
    "select f.xyz -o {new} -n 1 --method random",
    "perturb f.xyz -o {new} --count 1 --rattle 0.1",
    "eos M one.xyz",
    "elastic M one.xyz",
    "glass -o {new} --density 1.8 --atoms 20",
    "census f.xyz",
    "fit f.xyz -o {new}",
    "dielectric run",
    "profile one.xyz --model M",
]
LONG = {"--steps", "--output"}
"""Options whose absurd values are what somebody may want: a run without end, a folder of any name."""


def options_of(name):
    """The options of a command that take a value."""
    parameters = get_command(app).commands[name].params
    options = [one for one in parameters if one.param_type_name == "option" and not one.is_flag]
    return [longest for one in options if (longest := max(one.opts, key=len)) not in LONG]


@pytest.mark.parametrize("words", COMMANDS)
def test_options(inputs, tmp_path, monkeypatch, words):
    monkeypatch.chdir(inputs)
    rng = np.random.default_rng(6)
    cases = []
    for option in options_of(words.split()[0]):
        for value in rng.choice(ABSURD, size=4, replace=False):
            line = words.format(new=tmp_path / f"{len(cases)}").split()
            cases.append((f"{option} {value!r}", partial(command, *line, option, str(value))))
    assert len(cases) > 8
    assert faults(cases) == {}


def test_a_crystal_of_which_no_atom_is_left(tmp_path):
    """Found by the cases above."""
    half = "\n".join(line for line in CIF.splitlines() if not line.startswith(("Li2", "Cl1"))) + "\n"
    (tmp_path / "x.cif").write_text(half)
    result = CliRunner().invoke(app, ["arrange", str(tmp_path / "x.cif"), "-o", str(tmp_path / "o.xyz")])
    assert result.exit_code in (0, 2), result.output
    assert result.exit_code == 0 or "Remedy" in result.output
