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
from disordered_crystals import GARNET, half_filled, write_cif


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


def test_a_crowded_garnet_is_arranged_and_what_was_settled_is_told(tmp_path):
    (tmp_path / "g.cif").write_text(GARNET)
    text = run("arrange", tmp_path / "g.cif", "--output", tmp_path / "g.extxyz", "--sweeps", 1, "--count", 2)
    assert "warning: sites Li1 (0.96 filled) and Li2 (0.34 filled), 1.64 Å apart" in text
    assert "Li1, Li2: 56 Li (mean 56.06) on 120 sites" in text
    for atoms in read_frames(tmp_path / "g.extxyz"):
        assert atoms.get_chemical_formula() == "La24Li56O96Zr16"
        assert len(neighbour_pairs(atoms[atoms.symbols == "Li"], 1.99).i) == 0
    options = ("arrange", tmp_path / "g.cif", "--output", tmp_path / "g.extxyz", "--sweeps", 1)
    message = run(*options, "--min-distance", 2, code=2)
    assert "Li1 (0.96 filled) and Li2 (0.34 filled), 1.64 Å apart" in message
    assert "give --between-orbits, so that these orbits exchange atoms or --min-distance 1.64." in message
    run(*options, "--min-distance", 2, "--between-orbits")
    run(*options, "--min-distance", 1.64)


def test_arrangements_with_overlaps_are_left_out(tmp_path):
    """One of two places of Li is 0.9 Å from Br."""
    sites = [("Li", "0.15 0 0 0.5"), ("Li", "0.5 0.3 0 0.5"), ("Br", "0 0 0 1")]
    cif = write_cif(tmp_path / "a.cif", sites, group="P 1", number=1, a=6.0)
    options = ("--method", "enumerate", "--between-orbits", "--output", tmp_path / "o.extxyz")
    found = run("arrange", cif, *options)
    assert "1 arrangements are left out, in which atoms overlap: atoms 0 (Li) and 1 (Br) are 0.900" in found
    (atoms,) = read_frames(tmp_path / "o.extxyz")
    assert atoms.get_distance(0, 1, mic=True) > 3
    cif.write_text(cif.read_text().replace("0.5 0.3 0 0.5", "0 0.15 0 0.5"))
    assert "in every arrangement atoms overlap: atoms" in run("arrange", cif, *options, code=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("arrange", "{salt}", "--supercell", "1000000x1x1"), "the supercell 1000000x1x1 has 1e+06 atoms"),
        (("arrange", "{salt}", "--supercell", "9" * 5000), "cannot understand the supercell"),
        (("arrange", "{salt}", "--supercell", "2x2x2", "--sweeps", 10**12), "lower --sweeps"),
        (("arrange", "{salt}", "--supercell", "2x2x2", "--replicas", 10**12), "would take about"),
        (
            ("arrange", "{salt}", "--supercell", "8x4x4", "--method", "enumerate", "--limit", 10**12),
            "lower --limit",
        ),
        (("glass", "--density", "1.9", "--atoms", 10**8), "take fewer --atoms"),
        (("glass", "--density", "1000", "--atoms", 100), "cannot be packed without overlaps"),
        (("glass", "--density", "1e-12", "--atoms", 100), "need a cell of"),
        (("glass", "--density", "1.9", "--count", 10**9), "1000000000 packings has 9.6e+10 atoms"),
        (("perturb", "{frames}", "--rattle", "0.1", "--count", 10**9), "lower --count"),
        (("perturb", "{frames}", "--rattle", "0.1", "--min-distance", 100), "do not bring them 100 Å apart"),
        (("perturb", "{frames}", "--rattle", "0.1", "--min-distance", "nan"), "must be 0 Å or more"),
        (("perturb", "{frames}", "--rattle", "0.1", "--min-distance", "inf"), "apart"),
        (("perturb", "{frames}", "--frenkel", "Li=" + "9" * 5000, "--framework", "Cl"), "cannot understand"),
        (("perturb", "{frames}", "--frenkel", "Li=999", "--framework", "Cl"), "no Li can move to one of"),
    ],
)  # fmt: skip
def test_sizes_that_nobody_can_run_are_refused_at_once(tmp_path, arguments, message):
    write(tmp_path / "a.extxyz", [crystal(), crystal()], format="extxyz")
    names = {"{salt}": salt(tmp_path), "{frames}": tmp_path / "a.extxyz"}
    text = run(*(names.get(a, a) for a in arguments), "--output", tmp_path / "o.extxyz", code=2)
    assert message in text
    assert not (tmp_path / "o.extxyz").exists()


@pytest.mark.parametrize(
    "arguments",
    [("arrange", "{salt}"), ("glass", "--density", "1.9"), ("perturb", "{salt}", "--rattle", "0.1")],
)
def test_a_folder_that_is_not_there_is_told_first(tmp_path, arguments):
    given = [a.format(salt=salt(tmp_path)) for a in arguments]
    assert "there is no such folder" in run(*given, "--output", tmp_path / "none" / "o.extxyz", code=2)


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
