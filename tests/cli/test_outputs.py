"""Outputs are looked at before any work: they destroy no input, follow no surprise, and can be written."""

import os
import socket
import stat

import pytest
import typer
from command_line import refused, succeeds

from superion.cli.app import app
from superion.cli.outputs import Checked
from superion.electrostatics import CoulombTerm, FixedCharges, Slater
from superion.potentials import Potential


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A model and frames, in the working folder."""
    Potential([CoulombTerm(FixedCharges({"Li": 0.5, "Cl": -0.5}), Slater(2.0))]).save(tmp_path / "M")
    lines = (
        '2\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 REF_energy=-1\nLi 0 0 0\nCl 2 2 2\n'
    )
    (tmp_path / "f.xyz").write_text(lines)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        "fit f.xyz -o f.xyz",
        "fit f.xyz -o ./sub/../f.xyz",
        "fit f.xyz -o m.safetensors --json f.xyz",
        "evaluate M f.xyz -o M",
        "evaluate M f.xyz -o f.xyz",
        "evaluate M f.xyz -o link.xyz",
        "evaluate M f.xyz -o hard.xyz",
        "evaluate M link.xyz -o f.xyz",
        "evaluate M f.xyz --json M",
        "select f.xyz -n 1 -o f.xyz",
        "select f.xyz -n 1 -o new.xyz --model M --json M",
        "perturb f.xyz -o f.xyz --rattle 0.1",
        "census f.xyz --json f.xyz",
        "eos M f.xyz --json M",
        "arrange f.xyz -o f.xyz",
    ],
)
def test_no_output_is_an_input(files, words):
    (files / "sub").mkdir()
    (files / "link.xyz").symlink_to("f.xyz")
    os.link(files / "f.xyz", files / "hard.xyz")
    before = {name: (files / name).read_bytes() for name in ("M", "f.xyz")}
    assert "the output is one of the inputs" in refused(*words.split())
    assert {name: (files / name).read_bytes() for name in before} == before
    assert (files / "link.xyz").is_symlink()


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("sub", "this is a folder"),
        ("nowhere/new.xyz", "there is no such folder"),
        ("f.xyz/new.xyz", "there is no such folder"),
        ("socket", "no file that can be written"),
        ("x" * 300, "File name too long"),
    ],
)
def test_an_output_that_cannot_be_written_is_told_before_the_work(files, output, said):
    (files / "sub").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        assert said in refused("evaluate", "no-model", "f.xyz", "-o", output)


def test_two_outputs_and_folders_that_are_files(files):
    assert "two outputs" in refused("evaluate", "M", "f.xyz", "-o", "new", "--json", "./new")
    assert "takes a folder" in refused(
        "md", "M", "f.xyz", "-o", "f.xyz", "--temperature", "300", "--steps", "1"
    )


def test_links_pipes_and_devices_stay_what_they_are(files):
    (files / "far").mkdir()
    (files / "far" / "target").write_text("old")
    (files / "far" / "target").chmod(0o640)
    (files / "out").symlink_to("far/target")
    succeeds("evaluate", "M", "f.xyz", "-o", "out")
    assert (files / "out").is_symlink()
    assert "superion_energy" in (files / "far" / "target").read_text()
    assert stat.S_IMODE((files / "far" / "target").stat().st_mode) == 0o640
    succeeds("evaluate", "M", "f.xyz", "-o", "/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    os.mkfifo(files / "pipe")
    reader = os.open(files / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    succeeds("evaluate", "M", "f.xyz", "-o", "pipe")
    assert b"superion_energy" in os.read(reader, 10_000)
    os.close(reader)


def test_every_command_looks_at_its_outputs():
    commands = typer.main.get_command(app).commands
    assert [name for name, command in commands.items() if not isinstance(command, Checked)] == []
