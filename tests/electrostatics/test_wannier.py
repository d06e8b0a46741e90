"""Dipoles from Wannier centres: rigid ions, cells that are crossed, and CP2K's own Berry phases."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms, units
from ase.io import write

from superion.electrostatics import FixedCharges, dipole_path
from superion.electrostatics.wannier import slope, wannier_path
from superion.errors import InputError
from superion.structures.centres import read_centres
from superion.structures.read import read_raw

CELL = np.array([[8.0, 0.3, -0.5], [1.0, 9.0, 0.4], [-0.6, 1.1, 10.0]])
LONE_PAIRS = 0.45 / np.sqrt(3) * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
FORMAL = FixedCharges({"Li": 1.0, "Cl": -1.0})


def rotation(rng):
    matrix, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return matrix


def walk(steps=40, seed=0, drift=0.0):
    """Frames of Li₃Cl₃ that were never wrapped; drift: Å a step of the first lithium along the first axis."""
    rng = np.random.default_rng(seed)
    atoms = Atoms("Li3Cl3", scaled_positions=rng.uniform(0, 1, (6, 3)), cell=CELL, pbc=True)
    frames = []
    for _ in range(steps):
        frames.append(atoms.copy())
        atoms.positions += rng.normal(0, 0.15, (6, 3))
        atoms.positions[0] += drift * CELL[0] / 8.0
    return frames


def centres(atoms, rng, shift=(0.0, 0.0, 0.0)):
    """One centre on each lithium, four about each chlorine turned anyhow, moved by `shift`; then shuffled."""
    points = [atoms.positions[:3]]
    points += [place + LONE_PAIRS @ rotation(rng) + shift for place in atoms.positions[3:]]
    return rng.permutation(np.concatenate(points))


def wrapped(atoms):
    copy = atoms.copy()
    copy.wrap()
    return copy


def test_rigid_ions_have_the_dipole_of_formal_charges():
    rng = np.random.default_rng(1)
    frames = walk()
    found = wannier_path(frames, [centres(atoms, rng) for atoms in frames])
    expected = dipole_path(frames, FORMAL)
    np.testing.assert_allclose(found.dipoles - found.dipoles[0], expected, atol=1e-10)
    np.testing.assert_allclose(
        found.dipoles[-1], np.array([1, 1, 1, -1, -1, -1]) @ found.frames[-1].positions
        - 2 * np.round((np.array([1, 1, 1, -1, -1, -1]) @ frames[0].positions) @ np.linalg.inv(CELL) / 2)
        @ CELL, atol=1e-10,
    )  # fmt: skip
    assert found.largest < 0.1


def test_wrapping_and_order_change_nothing():
    """Every atom and every centre in a random cell, in a new order in every frame."""
    frames, rng = walk(), np.random.default_rng(2)
    points = [centres(atoms, rng) for atoms in frames]
    plain = wannier_path(frames, points)
    moved = [p + rng.integers(-2, 3, p.shape) @ CELL for p in points]
    moved = [rng.permutation(p) for p in moved]
    found = wannier_path([wrapped(atoms) for atoms in frames], moved)
    np.testing.assert_allclose(found.dipoles - found.dipoles[0], plain.dipoles - plain.dipoles[0], atol=1e-9)
    drift = found.frames[-1].positions - found.frames[0].positions
    np.testing.assert_allclose(drift, frames[-1].positions - frames[0].positions, atol=1e-9)
    assert np.abs((found.dipoles @ np.linalg.inv(CELL))[0]).max() <= 1


def test_ion_that_goes_around_the_cell_carries_its_charge():
    rng = np.random.default_rng(3)
    frames = walk(60, drift=0.4)
    points = [centres(atoms, rng) @ np.linalg.inv(CELL) % 1.0 @ CELL for atoms in frames]
    found = wannier_path([wrapped(atoms) for atoms in frames], points)
    assert (frames[-1].positions[0] - frames[0].positions[0])[0] > 2 * 8.0
    np.testing.assert_allclose(
        found.dipoles[-1] - found.dipoles[0], dipole_path(frames, FORMAL)[-1], atol=1e-9
    )


def test_polarized_anions_and_separate_spins():
    rng = np.random.default_rng(4)
    frames = walk(20)
    shift = np.linspace(0, 0.1, 20)[:, None] * [0.3, -1.0, 0.5]
    points = [centres(atoms, rng, s) for atoms, s in zip(frames, shift, strict=True)]
    expected = dipole_path(frames, FORMAL) - 3 * 8 * (shift - shift[0])
    found = wannier_path(frames, points)
    np.testing.assert_allclose(found.dipoles - found.dipoles[0], expected, atol=1e-10)
    spins = wannier_path(frames, [np.concatenate([p, p]) for p in points], electrons=1)
    np.testing.assert_allclose(spins.dipoles - spins.dipoles[0], expected, atol=1e-10)
    assert spins.largest == pytest.approx(2 * found.largest)
    half = dipole_path(frames, FixedCharges({"Li": 0.5, "Cl": -0.5}))
    assert slope(half, dipole_path(frames, FORMAL))[0] == pytest.approx(2)
    assert slope(half, half) == (pytest.approx(1), 0)
    assert slope(0 * half, half)[0] == 0


def test_molecule_in_a_slab_cell():
    """Along an axis that is not periodic nothing is taken off, however far the charge is apart."""
    frames = [
        Atoms("LiCl", [[0, 0, 1], [0, 0, 28.0 + 2 * k]], cell=[3, 3, 40], pbc=(1, 1, 0)) for k in (0, 7)
    ]
    points = [atoms.positions[[0, 1, 1, 1, 1]] for atoms in frames]
    found = wannier_path(frames, points)
    np.testing.assert_allclose(found.dipoles, [[0, 0, -27], [0, 0, -41]], atol=1e-12)


def test_refused():
    frames, rng = walk(3), np.random.default_rng(5)
    points = [centres(atoms, rng) for atoms in frames]
    far = [frames[0], *walk(3, seed=8)[1:]]
    leap = frames[1].copy()
    leap.positions[3] += 0.3 * CELL[2]
    jump = points[1].copy()
    jump += 0.04 * CELL[1]
    other = frames[1].copy()
    other.set_cell(1.01 * CELL)
    charged = [atoms.copy() for atoms in frames]
    for atoms in charged:
        atoms.info["total_charge"] = 1.0
    exotic = [atoms.copy() for atoms in frames]
    for atoms in exotic:
        atoms.symbols[0] = "Og"
    lone = [Atoms("LiCl", [[0, 0, 0], [1, 1, 1]], pbc=True)]
    for structures, sets, options, message in (
        ([frames[0], leap], points[:2], {}, r"frame 1: atom 3 \(Cl\) moves by 0.3\d of a lattice vector"),
        (far, points, {}, "can be followed"),
        (frames[:2], [points[0], jump], {}, r"frame 1: the dipole moves by 0.\d\d of 2 e times a lattice"),
        (frames[:2], [points[0], points[1][1:]], {}, "frame 1: found 14 centres of 2 electrons.* need 15"),
        (frames, points, {"electrons": 1}, "found 15 centres of 1 electrons.* need 30"),
        (frames, points, {"electrons": 3}, "1 or 2 electrons, found 3"),
        (frames, points, {"valence": {"Li": 1}}, "cores of 24 e with a total charge of 0 e need 12"),
        (charged, points, {}, "total charge of 1 e need 14.5"),
        (exotic, points, {}, "valence charge of Og is not known"),
        (frames, points[:2], {}, "3 structures and 2 sets"),
        ([frames[0], frames[1][::-1]], points[:2], {}, "not those of the first frame"),
        ([frames[0], other], points[:2], {}, "its cell is another one"),
        ([frames[0]], [points[0] * np.nan], {}, "not finite"),
        (lone, [np.zeros((5, 3))], {}, "the structure has no cell"),
    ):
        with pytest.raises(InputError, match=message):
            wannier_path(structures, sets, **options)


def test_files_of_cp2k(tmp_path):
    """One plain XYZ file a step, centres as X; 9 before 10; labels are kept."""
    rng = np.random.default_rng(6)
    frames = walk(12)
    points = [centres(atoms, rng) for atoms in frames]
    for k, (atoms, p) in enumerate(zip(frames, points, strict=True)):
        write(tmp_path / f"s1-1_{k}.xyz", Atoms(atoms.numbers, atoms.positions) + Atoms("X15", p), "xyz",
              comment=f"Particles+Wannier centers. Iteration:1_{k}")  # fmt: skip
        write(tmp_path / f"only-1_{k}.xyz", Atoms("X15", p), "xyz")
    files = list(tmp_path.glob("s1-*"))
    structures, found = read_centres(files, cell=CELL)
    for atoms, given, there, p in zip(frames, structures, found, points, strict=True):
        np.testing.assert_allclose(given.positions, atoms.positions, atol=1e-7)
        np.testing.assert_allclose(there, p, atol=1e-7)
        assert given.pbc.all()
        assert list(given.info) == ["source"]
    whole = [atoms.copy() for atoms in frames]
    for k, atoms in enumerate(whole):
        atoms.info |= {"REF_energy": -1.0 * k, "noise": 3}
        atoms.arrays["REF_forces"] = np.ones((6, 3))
    write(tmp_path / "atoms.extxyz", whole, format="extxyz")
    structures, again = read_centres([tmp_path / "atoms.extxyz"], list(tmp_path.glob("only-*")))
    np.testing.assert_allclose(again, found)
    assert structures[4].info == {"REF_energy": -4.0, "source": f"{tmp_path / 'atoms.extxyz'}#4"}
    assert structures[4].arrays["REF_forces"].shape == (6, 3)
    for given, more, cell, message in (
        (files, (), None, "names no cell"),
        (tmp_path.glob("only-*"), (), CELL, "centres and no atoms"),
        (files[:3], files[:2], CELL, "3 structures, but 2 sets"),
    ):
        with pytest.raises(InputError, match=message):
            read_centres(list(given), more, cell=cell)


def test_berry_phases_of_cp2k():
    """LiCl and two water molecules at 900 K, 10 frames in 13.5 fs.

    CP2K 2023.1, PBE, DZVP-MOLOPT-SR-GTH, 240 Ry, Γ, LOCALIZE by Jacobi rotations to 1e-8, IONS+CENTERS; and
    its periodic dipoles (MOMENTS, Berry phase of the determinant), which differ from the sum of centres by
    what goes to zero as the cell grows.
    """
    whole = read_raw(Path(__file__).with_name("cp2k_wannier.extxyz"))
    frames, points = read_centres([Path(__file__).with_name("cp2k_wannier.extxyz")])
    assert all(p.shape == (13, 3) for p in points)
    cell = frames[0].cell.lengths()
    found = wannier_path(frames, points)
    berry = units.Debye * np.array([atoms.info["berry_debye"] for atoms in whole])
    steps = np.diff(berry, axis=0)
    expected = np.cumsum(steps - cell * np.round(steps / cell), axis=0)
    assert np.abs(expected).max() > 0.4
    np.testing.assert_allclose(found.dipoles[1:] - found.dipoles[0], expected, atol=0.02)
    place = frames[0].positions[0].copy()
    for atoms, p in zip(frames, points, strict=True):  # lithium vibrates through the corner of the cell
        atoms.positions = (atoms.positions - place) % cell
        p[:] = (p - place) % cell
    corner = wannier_path(frames, points)
    np.testing.assert_allclose(
        corner.dipoles - corner.dipoles[0], found.dipoles - found.dipoles[0], atol=1e-9
    )
