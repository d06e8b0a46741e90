"""Commands that make structures."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from ase.io import write
from toy_salt import crystal
from typer.testing import CliRunner

from superion.cli.app import app
from superion.electrostatics import COULOMB, CoulombTerm, FixedCharges, Point
from superion.neighbours import neighbour_pairs
from superion.potentials import Potential
from superion.structures import read_frames

sys.path.insert(0, str(Path(__file__).parents[1] / "structures"))
from disordered_crystals import half_filled, write_cif


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.output


def salt(folder: Path) -> Path:
    return write_cif(folder / "salt.cif", [("Na", "0 0 0 .5"), ("Cl", "0 0 0 .5")], a=2.8)


@pytest.mark.parametrize("method", ["enumerate", "monte-carlo"])
def test_arranged_salt_is_rock_salt(tmp_path, method):
    output = tmp_path / "a.extxyz"
    options = ("--supercell", "2x2x2", "--method", method, "--output", output, "--count", 3, "--sweeps", 50)
    text = run("arrange", salt(tmp_path), *options)
    assert "Na0/Cl1: 4 Na (mean 4), 4 Cl (mean 4) on 8 sites" in text
    assert "composition: Na4 Cl4 -> Na4 Cl4" in text
    made = read_frames(output)
    assert len(made) == 3
    assert made[0].info["arrangement_eV"] / 4 == pytest.approx(-1.747564594633 * COULOMB / 2.8)
    assert made[0].info["degeneracy"] == 2
    assert "unmapped_labels" not in made[0].info
    nearest = neighbour_pairs(made[0], 2.9)
    assert all(made[0].symbols[i] != made[0].symbols[j] for i, j in zip(nearest.i, nearest.j, strict=True))


def test_a_model_gives_the_energies(tmp_path):
    charges = FixedCharges({"Na": 1.0, "Cl": -1.0})
    Potential([CoulombTerm(charges, Point())]).save(tmp_path / "m.safetensors")
    options = ("--supercell", "2x2x1", "--method", "enumerate")
    run("arrange", salt(tmp_path), *options, "--output", tmp_path / "a.extxyz")
    run(
        "arrange",
        salt(tmp_path),
        *options,
        "--output",
        tmp_path / "b.extxyz",
        "--energy",
        tmp_path / "m.safetensors",
    )
    a, b = read_frames(tmp_path / "a.extxyz"), read_frames(tmp_path / "b.extxyz")
    assert len(a) == 2
    for one, two in zip(a, b, strict=True):
        assert one.info["arrangement_eV"] == pytest.approx(two.info["arrangement_eV"], abs=1e-5)


def test_neutrality_and_exclusion(tmp_path):
    cif = half_filled(tmp_path / "h.cif")
    output = tmp_path / "a.extxyz"
    message = run("arrange", cif, "--supercell", "2x2x2", "--output", output, code=2)
    assert "Li0: 4 Li on 8 sites" in message
    options = ("arrange", cif, "--supercell", "2x2x2", "--output", output, "--charges", "Li=1,Cl=-0.5")
    run(*options, "--min-distance", 3.1, "--sweeps", 20)
    for atoms in read_frames(output):
        lithium = atoms[atoms.symbols == "Li"]
        assert len(lithium) == 4
        assert len(neighbour_pairs(lithium, 3.1).i) == 0
    assert "no arrangement keeps" in run(*options, "--min-distance", 4.5, code=2)
    assert "Li8" in run("arrange", cif, "--supercell", "2", "--output", output, "--adjust", "Li")


def test_same_seed_same_structures(tmp_path):
    options = ("arrange", salt(tmp_path), "--supercell", "2x2x2", "--sweeps", 20, "--seed", 7)
    run(*options, "--output", tmp_path / "a.extxyz")
    run(*options, "--output", tmp_path / "b.extxyz")
    assert (tmp_path / "a.extxyz").read_bytes() == (tmp_path / "b.extxyz").read_bytes()


def test_glass(tmp_path):
    output = tmp_path / "g.extxyz"
    text = run("glass", "--li2s", 75, "--atoms", 32, "--density", 1.7, "--count", 2, "--output", output)
    assert "75 % Li2S, 4 PS4" in text
    first, second = read_frames(output)
    assert first.get_chemical_formula() == "Li12P4S16"
    assert not np.allclose(first.positions, second.positions)
    assert "68 % Li2S is" in run("glass", "--li2s", 68, "--atoms", 30, "--density", 1.5, "--output", output)


def test_perturbed_structures(tmp_path):
    write(tmp_path / "a.extxyz", [crystal(), crystal()], format="extxyz")
    output = tmp_path / "p.extxyz"
    run(
        "perturb", tmp_path / "a.extxyz", "--count", 3, "--rattle", 0.02, "--strain", 0.03, "--output", output
    )
    made = read_frames(output)
    assert len(made) == 6
    assert len({atoms.info["frame_id"] for atoms in made}) == 6
    assert all(not np.allclose(atoms.cell, crystal().cell, atol=1e-4) for atoms in made)
    frenkel = ("--frenkel", "Li=1", "--framework", "Cl")
    run("perturb", tmp_path / "a.extxyz", *frenkel, "--site-distance", 1.5, "--output", output)
    for atoms in read_frames(output):
        moved = ~np.isclose(atoms.positions, crystal().positions, atol=1e-6).all(axis=1)
        assert moved.sum() == 1
        assert set(atoms.symbols[moved]) == {"Li"}


def test_quench(tmp_path):
    start = crystal()
    symbols = set(start.get_chemical_symbols())
    term = CoulombTerm(FixedCharges({s: (0.1 if s == "Li" else -0.1) for s in symbols}), Point())
    Potential([term]).save(tmp_path / "m.safetensors")
    write(tmp_path / "a.extxyz", start, format="extxyz")
    times = ("--melt-time", 0.02, "--hold-time", 0.01, "--rate", 10000, "--melt-temperature", 400)
    options = (
        "quench",
        tmp_path / "m.safetensors",
        tmp_path / "a.extxyz",
        *times,
        "--output",
        tmp_path / "q",
    )
    run(*options)
    first = (tmp_path / "q" / "quenched.extxyz").read_bytes()
    assert "holds a quench" in run(*options, code=2)
    run(*options, "--resume")
    assert (tmp_path / "q" / "quenched.extxyz").read_bytes() == first
    final = read_frames(tmp_path / "q" / "quenched.extxyz")[0]
    assert final.get_chemical_formula() == start.get_chemical_formula()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("arrange", "{salt}", "--method", "guess"), "unknown method 'guess'"),
        (("arrange", "{salt}", "--adjust", "Xe"), "cannot adjust Xe"),
        (("arrange", "{salt}", "--speed", "3"), "No such option"),
        (
            ("arrange", "{salt}", "--supercell", "2x2x2", "--method", "enumerate", "--limit", "1"),
            "more than 1",
        ),
        (("glass", "--density", "9", "--atoms", "20"), "cannot be packed"),
        (("glass", "--density", "1.9", "--li2s", "20"), "below 50 %"),
        (("perturb", "{salt}"), "nothing to do"),
        (("perturb", "{salt}", "--frenkel", "Na=1"), "need each other"),
    ],
)
def test_refusals(tmp_path, arguments, message):
    given = [a.format(salt=salt(tmp_path)) for a in arguments]
    assert message in run(*given, "--output", tmp_path / "o.extxyz", code=2)
    assert not (tmp_path / "o.extxyz").exists()
