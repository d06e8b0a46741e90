"""Commands run wherever they are started: without a place to write, in any locale, under any limit."""

import importlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from ase import Atoms
from typer.main import get_command
from typer.testing import CliRunner

import superion
from superion.cli.app import app
from superion.compile_cache import CacheWarning, njit, private_folder
from superion.potentials import Potential
from superion.potentials.repulsion import Repulsion
from superion.simulation import read_trajectory

SOURCE = Path(superion.__file__).parent
NOWHERE = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null/cache", "PYTHONDONTWRITEBYTECODE": "1"}


def start(*arguments, source=SOURCE, folder=None, **environment):
    """The real command in a process of its own."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("NUMBA", "PYTHON", "LC"))
    }
    return subprocess.run(
        [sys.executable, "-m", "superion.cli", *map(str, arguments)],
        env={**kept, "PYTHONPATH": str(source.parent), **environment},
        cwd=folder,
        capture_output=True,
        timeout=240,
    )


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    """A copy of the package that no cache can be written into, whoever runs it."""
    copy = tmp_path_factory.mktemp("module") / "superion"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in [copy, *(path for path in copy.rglob("*") if path.is_dir())]:
        (folder / "__pycache__").write_text("a file where a folder should be")
    return copy


@pytest.fixture
def salt(tmp_path):
    """A structure file with a name and a key outside ASCII."""
    path = tmp_path / "Sälz.extxyz"
    path.write_text(
        '2\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 note="Å [red]"\nLi 0 0 0\nCl 2 2 2\n',
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize("trusted", [True, False])
def test_commands_run_where_nothing_can_be_written(sealed, salt, tmp_path, trusted):
    kept = tmp_path / f"superion-compiled-{os.geteuid()}"
    if not trusted:
        kept.write_text("")
    out = tmp_path / "chosen.extxyz"
    command = (
        ("select", salt, "-n", "1", "-o", out, "--method", "random") if trusted else ("evaluate", out, salt)
    )
    result = start(*command, source=sealed, TMPDIR=str(tmp_path), **NOWHERE)
    said = result.stderr.decode()
    assert "no such model file" in said if not trusted else out.exists(), said
    told = f"compiled loops are kept in {kept}" if trusted else "no folder can be written to"
    assert said.count("warning:") == said.count(told) == 1
    assert not trusted or stat.S_IMODE(kept.stat().st_mode) == 0o700


@pytest.mark.parametrize("arguments", [["schema"], ["census", "/a.extxyz"], ["md", "m", "s", "-o", "run"]])
def test_a_working_directory_that_is_gone_is_an_error_with_a_remedy(tmp_path, arguments):
    gone = tmp_path / "gone"
    gone.mkdir()
    script = (
        "import os, sys; os.rmdir(os.getcwd()); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, "-m", "superion.cli", *arguments],
        env=os.environ | {"PYTHONPATH": str(SOURCE.parent)},
        cwd=gone,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert not gone.exists()
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("error: the working directory is gone")
    assert "Remedy: change to a folder that is there (cd /)" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("trap", ["open", "link", "file"])
def test_a_folder_that_others_had_a_hand_in_is_not_trusted_with_code(tmp_path, monkeypatch, trap):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / f"superion-compiled-{os.geteuid()}"
    if trap == "open":
        folder.mkdir()
        folder.chmod(0o777)
    elif trap == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.write_text("")
    assert private_folder() is None


def test_a_cache_that_is_damaged_or_full_only_costs_time(tmp_path, monkeypatch):
    """The index of what was compiled holds nonsense; later the folder becomes a file."""
    source = tmp_path / "loops.py"
    source.write_text("def twice(x):\n    return 2 * x\n")
    monkeypatch.syspath_prepend(tmp_path)
    twice = importlib.import_module("loops").twice
    assert njit(twice, cache=True)(2) == 4
    (index,) = (tmp_path / "__pycache__").glob("*.nbi")
    index.write_bytes(b"nonsense")
    assert njit(twice, cache=True)(3) == 6
    assert njit(twice, cache=True)(4) == 8
    again = njit(twice, cache=True)
    shutil.rmtree(tmp_path / "__pycache__")
    (tmp_path / "__pycache__").write_text("")
    with pytest.warns(CacheWarning, match="cannot be kept there"):
        assert again(5) == 10


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"},
        {"PYTHONIOENCODING": "ascii", "NUMBA_NUM_THREADS": "0"},
    ],
)
def test_any_locale_and_number_of_threads_will_do(salt, tmp_path, environment):
    out = tmp_path / "chosen.extxyz"
    chosen = start("select", salt, "-n", "1", "-o", out, "--method", "random", **environment)
    assert chosen.returncode == 0, chosen.stderr
    assert "Å [red]" in out.read_text(encoding="utf-8")
    failed = start("evaluate", tmp_path / "ø\x1b[31m", salt, **environment)
    assert failed.returncode == 2
    assert failed.stderr.isascii()
    assert b"no such model file" in failed.stderr
    assert b"\x1b" not in failed.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_what_ctrl_c_saves(tmp_path, number):
    """A run that is stopped within its second chunk: frames up to there are on disk."""
    atoms = Atoms("LiCl", [[0, 0, 0], [2.5, 2.5, 2.5]], cell=[5, 5, 5], pbc=True)
    atoms.write(tmp_path / "s.extxyz")
    repulsion = Repulsion({(3, 3): 2.0, (3, 17): 2.0, (17, 17): 2.0})
    Potential([repulsion]).save(tmp_path / "M")
    words = [
        "md",
        "M",
        "s.extxyz",
        "-o",
        "run",
        "--ensemble",
        "nve",
        "--temperature",
        "300",
        "--steps",
        "1000000",
        "--sample-every",
        "100",
        "--chunk-frames",
        "100",
    ]
    run = subprocess.Popen(
        [sys.executable, "-m", "superion.cli", *words],
        env={**os.environ, "PYTHONPATH": str(SOURCE.parent)},
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(
            number, signal.SIG_DFL
        ),  # under nohup tests inherit that it is ignored
    )
    deadline = time.monotonic() + 200
    while not (tmp_path / "run" / "chunk-000000.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.5)
    run.send_signal(number)
    _, said = run.communicate(timeout=100)
    assert run.returncode == 128 + number, said
    assert f"stopped by {number.name}; what was done is kept".encode() in said
    assert b"Traceback" not in said
    assert len(read_trajectory(tmp_path / "run").steps) % 100 != 0


def test_every_command_in_a_folder_that_is_gone(tmp_path, monkeypatch):
    """Deleted after the command has begun: what it says is still a message, or a result."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    said = {}
    for name, one in get_command(app).commands.items():
        words = [name]
        for param in one.params:
            if param.required:
                argument = param.param_type_name == "argument"
                words += [str(tmp_path / "x.extxyz")] if argument else [param.opts[-1], "1"]
        result = CliRunner().invoke(app, words)
        said[name] = result.exit_code, result.output
    assert len(said) > 30
    bad = {name: one for name, one in said.items() if one[0] not in (0, 2) or "unexpected" in one[1]}
    assert bad == {}
