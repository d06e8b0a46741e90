"""Faults put into right labels, one at a time; and right labels of many kinds, which must pass."""

import re
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.calculators.morse import MorsePotential
from scipy.spatial.transform import Rotation

from superion.structures import census, is_isolated, read_frames, suspect_forces
from superion.structures.balance import broken_symmetries, net_torques
from superion.structures.consistency import Evidence
from superion.structures.labels import canonical_value, get_label, parse_mapping
from superion.structures.quick_model import Basis
from superion.structures.suspicions import suspicions

DATA = Path(__file__).parents[2] / "data"
LPS = DATA / "lps"


def thermal(count=8):
    """Frames of Li7P3S11 at 1000 K, first-principles labels."""
    return read_frames(LPS / "train.extxyz")[:count]


def said(frames):
    return "\n".join(suspicions(frames).warnings)


def labelled(atoms, calculator, **info):
    atoms.calc = calculator
    atoms.info |= {"REF_energy": atoms.get_potential_energy(), **info}
    atoms.arrays["REF_forces"] = atoms.get_forces()
    atoms.calc = None
    return atoms


def angle(text):
    return float(re.search(r"turned by (\d+)°", text).group(1))


def dissociation():
    """A curve from 0.85 to 5 bond lengths: steep at one end, flat at the other."""
    calculator = MorsePotential(epsilon=9.8, r0=1.1, rho0=2.9, rcut1=8.0, rcut2=9.0)
    return [
        labelled(Atoms("N2", [[0, 0, 0], [0, 0, d]]), calculator, frame_id=f"d{d:.2f}")
        for d in 1.1 * np.geomspace(0.85, 5, 24)
    ]


RIGHT = {
    **{name: [LPS / f"{name}.extxyz"] for name in ("train", "validation", "strained", "eos", "beta-Li3PS4")},
    "grown": [LPS / "grown.extxyz"],
    "several phases and strains": [
        LPS / f"{name}.extxyz" for name in ("train", "strained", "eos", "beta-Li3PS4", "isolated")
    ],
    "supercells": [LPS / "locality" / "samples.extxyz"],
    "defects": [LPS / "frenkel" / "gap.extxyz"],
    "molecules": [DATA / "molecules" / "dipoles.extxyz"],
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_labels_are_not_suspected(name):
    frames = [atoms for path in RIGHT[name] for atoms in read_frames(path)]
    found = suspicions(frames)
    assert (found.warnings, found.suspects) == ([], [])


@pytest.mark.parametrize("count", [1, 3, 4, 5, 6])
def test_few_right_frames_are_not_suspected(count):
    found = suspicions(thermal(count))
    assert found.warnings == []
    assert bool(found.notes) == (1 < count < 4)


def test_a_dissociation_curve_is_not_taken_for_other_units():
    found = census(dissociation())
    assert found.warnings == []


def test_metals_and_one_far_compressed_frame_are_not_suspected():
    rng = np.random.default_rng(1)
    frames = []
    for k in range(12):
        atoms = bulk("Cu", cubic=True) * (2, 2, 2)
        atoms.set_cell(atoms.cell * (0.9 if k == 5 else 1.0), scale_atoms=True)
        atoms.positions += rng.normal(0, 0.1, atoms.positions.shape)
        frames.append(labelled(atoms, EMT()))
    assert suspicions(frames).warnings == []


def test_one_energy_is_off():
    frames = thermal()
    frames[3].info["REF_energy"] += 25
    found = suspicions(frames)
    assert [s.frame for s in found.suspects] == ["Li7P3S11-1000K-s2-00400"]
    assert found.suspects[0].label == "energy"
    assert float(found.suspects[0].reason.split()[0]) == pytest.approx(25, abs=0.5)
    assert "Li7P3S11-1000K-s2-00400" in found.warnings[0]


def test_one_energy_is_zero_and_no_unit_is_blamed():
    frames = thermal()
    frames[2].info["REF_energy"] = 0.0
    (text,) = census(frames).warnings
    assert text.startswith("the energy of 1 frame is 0")
    assert "Li7P3S11-1000K-s2-00320" in text


@pytest.mark.parametrize("shift", [40.0, -6.0])
def test_energies_of_two_settings(shift):
    frames = thermal()
    for atoms in frames[1::2]:
        atoms.info["REF_energy"] += shift
    found = suspicions(frames)
    (text,) = found.warnings
    assert "lie on 2 levels" in text
    values = [float(s.reason.split()[0]) for s in found.suspects]
    assert len(values) == 4
    assert np.abs(values) == pytest.approx(abs(shift) / 42, abs=0.02)


@pytest.mark.parametrize("count", [8, 49])
def test_gradients_instead_of_forces(count):
    frames = thermal(count)
    for atoms in frames:
        atoms.arrays["REF_forces"] *= -1
    assert "the forces are gradients; map them with --key 'forces=KEY:-eV/A'" in said(frames)


def test_gradients_in_some_frames():
    frames = thermal(49)
    for atoms in frames[:24]:
        atoms.arrays["REF_forces"] *= -1
    found = suspicions(frames)
    assert [s.frame for s in found.suspects] == [a.info["frame_id"] for a in frames[:24]]
    assert "point against those of the others" in found.warnings[0]


def test_one_huge_force_names_frame_and_atom_and_no_unit():
    frames = thermal()
    frames[3].arrays["REF_forces"][5, 1] = 250
    found = census(frames)
    (suspect,) = found.suspects
    assert (suspect.frame, suspect.label, suspect.atom) == ("Li7P3S11-1000K-s2-00400", "forces", 5)
    (text,) = found.warnings
    assert "atom 5: a force of 250 eV/Å on Li" in text
    assert found.to_dict()["suspects"][0]["atom"] == 5


def test_forces_in_another_order_of_atoms():
    frames = thermal(49)
    rng = np.random.default_rng(0)
    frames[7].arrays["REF_forces"] = frames[7].arrays["REF_forces"][rng.permutation(42)]
    found = suspicions(frames)
    assert [s.frame for s in found.suspects] == [frames[7].info["frame_id"]]
    assert "are in another order of atoms" in found.warnings[0]


def test_all_forces_in_another_order_of_atoms():
    frames = thermal(20)
    for atoms in frames:
        atoms.arrays["REF_forces"] = atoms.arrays["REF_forces"][::-1].copy()
    assert "of forces taken with their lines backwards" in said(frames)


def test_forces_of_the_frame_after():
    frames = thermal(20)
    forces = [atoms.arrays["REF_forces"] for atoms in frames]
    for k, atoms in enumerate(frames):
        atoms.arrays["REF_forces"] = forces[(k + 1) % 20]
    assert "if each frame is given those of the frame before" in said(frames)


def test_forces_of_another_frame():
    frames = thermal(49)
    frames[3].arrays["REF_forces"] = frames[30].arrays["REF_forces"].copy()
    found = suspicions(frames)
    assert [s.frame for s in found.suspects] == [frames[3].info["frame_id"]]


def test_many_forces_of_other_frames_are_found_by_reading_labels_once(monkeypatch):
    """Half of the frames have forces of the frame after; reads grow with frames, not with their square."""
    frames = thermal(48)
    forces = [atoms.arrays["REF_forces"] for atoms in frames]
    known = Evidence(index=np.arange(48), forces=forces)
    reads = []
    for k in range(24):
        frames[k].arrays["REF_forces"] = forces[k + 1]
    monkeypatch.setattr(suspect_forces, "get_label", lambda a, n: reads.append(n) or get_label(a, n))
    others = suspect_forces._others(range(24), frames, known)
    assert others == {k: k - 1 for k in range(1, 24)}
    assert len(reads) == 48


@pytest.mark.parametrize("degrees", [15, 90, 170])
def test_forces_in_another_frame_of_rotation(degrees):
    turn = Rotation.from_rotvec(np.radians(degrees) * np.array([1, 2, 3]) / np.sqrt(14)).as_matrix()
    frames = thermal(20)
    for atoms in frames:
        atoms.arrays["REF_forces"] = atoms.arrays["REF_forces"] @ turn.T
    assert angle(said(frames)) == pytest.approx(degrees, abs=2)


def test_forces_of_some_frames_in_another_frame_of_rotation():
    turn = Rotation.from_rotvec([0, 0, np.radians(40)]).as_matrix()
    frames = thermal(20)
    for atoms in frames[4:6]:
        atoms.arrays["REF_forces"] = atoms.arrays["REF_forces"] @ turn.T
    found = suspicions(frames)
    assert [s.frame for s in found.suspects] == [a.info["frame_id"] for a in frames[4:6]]
    assert angle(found.suspects[0].reason) == pytest.approx(40, abs=4)


VASP, LAMMPS, UPPER = [0, 1, 2, 5, 3, 4], [0, 1, 2, 5, 4, 3], [0, 5, 4, 1, 3, 2]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda s: -s, "--key 'stress=KEY:-eV/A^3'"),
        (lambda s: s[VASP], "--key 'stress=KEY:xx,yy,zz,xy,yz,xz'"),
        (lambda s: s[LAMMPS], "--key 'stress=KEY:xx,yy,zz,xy,xz,yz'"),
        (lambda s: s[UPPER], "--key 'stress=KEY:xx,xy,xz,yy,yz,zz'"),
        (lambda s: s / units.GPa, "--key 'stress=KEY:GPa'"),
        (lambda s: -s[VASP] / (0.1 * units.GPa), "--key 'stress=KEY:-kbar:xx,yy,zz,xy,yz,xz'"),
        (lambda s: -s * 829.35, "--key 'virial=KEY'"),
        (lambda s: s * 829.35, "--key 'virial=KEY:-eV'"),
    ],
)
def test_stresses_of_other_forms(change, text):
    frames = thermal()
    right = [np.array(atoms.info["REF_stress"]) for atoms in frames]
    for atoms in frames:
        atoms.info["REF_stress"] = change(np.array(atoms.info["REF_stress"]))
    assert text in said(frames)
    mapping = parse_mapping(text.partition("'")[2].strip("'").replace("KEY", "REF_stress"))
    for atoms, stress in zip(frames, right, strict=True):
        mended = canonical_value(mapping, atoms.info["REF_stress"], atoms, file=None, frame=0)
        assert mended == pytest.approx(stress, rel=2e-3)


@pytest.mark.parametrize(
    ("energy", "forces", "text"),
    [
        (1 / units.Hartree, 1, "energies in Ha beside forces in eV/Å"),
        (1, units.Bohr / units.Hartree, "forces in Ha/bohr beside energies in eV"),
        (1 / units.Hartree, units.Bohr / units.Hartree, "are the forces in Ha/bohr?"),
    ],
)
def test_energies_and_forces_in_different_units(energy, forces, text):
    frames = thermal(20)
    for atoms in frames:
        atoms.info["REF_energy"] *= energy
        atoms.arrays["REF_forces"] *= forces
    assert text in said(frames)


def test_a_torque_on_a_molecule():
    atoms = molecule("CH3CH2OH")
    atoms.positions += np.random.default_rng(0).normal(0, 0.1, atoms.positions.shape)
    labelled(atoms, EMT(), REF_energy=-1.0)
    assert net_torques([atoms]) == []
    atoms.arrays["REF_forces"] = atoms.arrays["REF_forces"] @ Rotation.from_rotvec([1, 1, 0.5]).as_matrix()
    assert [one.index for one in net_torques([atoms])] == [0]
    assert "turn them" in said([atoms])


def test_forces_that_break_the_symmetry_of_a_crystal():
    atoms = bulk("Cu", cubic=True) * (2, 2, 2)
    atoms.positions[0] += [0.2, 0, 0]  # fourfold about x
    labelled(atoms, EMT())
    assert broken_symmetries([atoms]) == []
    atoms.arrays["REF_forces"] = atoms.arrays["REF_forces"][:, [1, 2, 0]]
    (found,) = broken_symmetries([atoms])
    assert found.atom == 0
    assert "do not have the symmetry of their atoms" in said([atoms])


def test_forces_of_an_atom_that_is_missing():
    frames = thermal(5)
    frames[4].arrays["REF_forces"][0] = 0
    frames[4].arrays["REF_forces"][:, 2] += 1.0
    assert "do not add up to zero" in said(frames)


def test_forces_and_virial_of_the_quick_model_are_derivatives_of_its_energy():
    frames = [atoms for atoms in thermal(4) if not is_isolated(atoms)]
    basis = Basis(frames)
    coefficients = np.random.default_rng(2).normal(size=basis.size)
    atoms, h = frames[0], 1e-4
    design = basis.design(atoms)
    for atom, axis in ((0, 0), (20, 1), (41, 2)):
        energy = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[atom, axis] += sign * h
            energy.append(basis.design(moved).energy @ coefficients)
        expected = (energy[1] - energy[0]) / (2 * h)
        assert (design.forces @ coefficients)[atom, axis] == pytest.approx(expected, rel=1e-5, abs=1e-5)
    for a, b in ((0, 0), (0, 2)):
        energy = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[a, b] += sign * h
            moved = atoms.copy()
            moved.set_cell(atoms.cell.array @ strain.T, scale_atoms=True)
            energy.append(basis.design(moved).energy @ coefficients)
        expected = (energy[1] - energy[0]) / (2 * h)
        assert (design.virial @ coefficients)[a, b] == pytest.approx(expected, rel=1e-5)
