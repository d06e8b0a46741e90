from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units

from superion.structures.read import read_frames
from superion.structures.slips import unit_slips, work_slope

LPS = Path(__file__).parents[2] / "data" / "lps"
FILES = ("train", "strained", "eos", "beta-Li3PS4", "isolated")


@pytest.fixture
def lps():
    return {name: read_frames(LPS / f"{name}.extxyz") for name in FILES}


def scale(frames, energy=1.0, forces=1.0, stress=1.0):
    for atoms in frames:
        atoms.info["REF_energy"] *= energy
        atoms.arrays["REF_forces"] *= forces
        if "REF_stress" in atoms.info:
            atoms.info["REF_stress"] *= stress


def springs(energy=1.0, forces=1.0, count=6):
    """Atoms on springs of 5 eV/Å² that move a little from frame to frame."""
    rng = np.random.default_rng(3)
    home = rng.uniform(0, 8, (10, 3))
    moves = np.cumsum(rng.normal(0, 0.04, (count, 10, 3)), axis=0)
    frames = []
    for move in moves:
        atoms = Atoms("Ar10", (home + move) % 8, cell=[8, 8, 8], pbc=True)
        atoms.info |= {"REF_energy": energy * (2.5 * (move**2).sum() - 7), "trajectory": "springs"}
        atoms.arrays["REF_forces"] = -5 * move * forces
        frames.append(atoms)
    return frames


def test_sound_data_give_no_warning(lps):
    assert unit_slips(lps) == []


def test_energies_of_one_file_in_hartree(lps):
    scale(lps["train"], energy=1 / units.Hartree)
    found = "\n".join(unit_slips(lps))
    assert "train and strained: energies per atom differ by a factor of 26.9; is one group in Ha?" in found
    assert "train: the energy relative to the isolated atoms" in found
    assert "\nstrained:" not in found


def test_forces_of_one_group_differ_by_51(lps):
    frames = lps["train"]
    scale(frames[::2], forces=units.Bohr / units.Hartree)
    found = unit_slips({"a": [f.copy() for f in frames[::2]], "b": [f.copy() for f in frames[1::2]]})
    assert any(text.startswith("a and b: rms forces differ by a factor of 5") for text in found)


def test_relaxed_frames_are_not_suspected(lps):
    scale(lps["eos"], forces=0.5)
    assert unit_slips({"eos": lps["eos"], "train": lps["train"]}) == []


def test_isolated_atoms_in_another_unit(lps):
    scale(lps["isolated"], energy=units.Hartree)
    assert any("relative to the isolated atoms" in text for text in unit_slips(lps))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"forces": 1000}, "eV/Å, more than condensed matter has"),
        ({"forces": 1e-4}, "eV/Å, close to nothing"),
        ({"forces": 0}, "rms force component is 0 eV/Å, close to nothing"),
        ({"stress": 1 / units.GPa}, "is stress in GPa or kbar"),
    ],
)
def test_absolute_scales(lps, change, message):
    scale(lps["train"], **change)
    assert any(message in text for text in unit_slips({"train": lps["train"]}))


def test_work_of_harmonic_forces_is_exact():
    assert work_slope(springs()) == pytest.approx(1, abs=1e-12)
    assert unit_slips({"springs": springs()}) == []


@pytest.mark.parametrize(
    ("energy", "forces", "slope", "message"),
    [
        (1, units.Bohr / units.Hartree, 51.422, "forces in Ha/bohr beside energies in eV"),
        (1 / units.Hartree, 1, 1 / 27.2114, "energies in Ha beside forces in eV/Å"),
        (1 / units.Hartree, units.Bohr / units.Hartree, 1.8897, "forces per bohr instead of per Å"),
        (1, 1000, 0.001, "forces in meV/Å"),
        (1, -1, -1, "are the forces gradients"),
        (1, 1 / 3, 3, "3 times the work of the forces, expected 1."),
    ],
)
def test_work_finds_every_slip(energy, forces, slope, message):
    frames = springs(energy, forces)
    assert work_slope(frames) == pytest.approx(slope, rel=1e-4)
    assert any(message in text for text in unit_slips({"springs": frames}))


def test_work_needs_close_frames_in_one_cell(lps):
    assert work_slope(lps["train"]) is None
    assert work_slope(lps["eos"]) is None
    assert work_slope(springs(count=3)) is None


def test_interaction_energies_that_go_to_zero_are_not_in_another_unit():
    """Far points of a dissociation curve have 1/27 of the energy of near ones in any unit."""
    found: dict[str, list[Atoms]] = {"near": [], "far": []}
    for part, distances in (("near", (5.0, 7.0, 10.0)), ("far", (136.0, 190.0, 272.0))):
        for distance in distances:
            atoms = Atoms("NaCl", [[0, 0, 0], [distance, 0, 0]])
            atoms.info |= {"REF_energy": -14.4 / distance, "trajectory": part}
            found[part].append(atoms)
    assert not [text for text in unit_slips(found) if "in Ha?" in text]
    for atoms in found["far"]:
        atoms.info["REF_energy"] = -7.2 / 27.2114 - 1e-4 * atoms.positions[1, 0]
    for atoms in found["near"]:
        atoms.info["REF_energy"] = -7.2 - 1e-2 * atoms.positions[1, 0]
    assert [text for text in unit_slips(found) if "in Ha?" in text]
