import gzip
import io
import tracemalloc
import weakref
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator

from superion.errors import InputError
from superion.structures.read import read_frames, read_structure
from superion.structures.xyz import parse_xyz

LPS = Path(__file__).parents[2] / "data" / "lps"

FRAME = """2
Lattice="4 0 0 0 5 0 0 0 6" Properties=species:S:1:pos:R:3:{forces}:R:3 {info} pbc="T T T"
Li 0.0 0.0 0.0 0.1 0.2 0.3
S 2.0 0.0 0.0 -0.1 -0.2 -0.3
"""


def frame(forces="REF_forces", info="REF_energy=-1.5"):
    return FRAME.format(forces=forces, info=info)


def write(folder, *frames):
    path = folder / "data.extxyz"
    path.write_text("".join(frames))
    return path


def test_canonical_labels(tmp_path):
    path = write(tmp_path, frame(info='REF_energy=-3 REF_stress="1 2 3 4 5 6" total_charge=-1 note=hi T=300'))
    (atoms,) = read_frames(path)
    assert type(atoms) is Atoms
    assert atoms.calc is None
    assert atoms.info["REF_energy"] == -3.0
    np.testing.assert_array_equal(atoms.info["REF_stress"], [1, 2, 3, 4, 5, 6])
    np.testing.assert_array_equal(atoms.arrays["REF_forces"], [[0.1, 0.2, 0.3], [-0.1, -0.2, -0.3]])
    assert atoms.info["total_charge"] == -1.0
    assert (atoms.info["note"], atoms.info["T"]) == ("hi", 300)
    assert atoms.info["source"] == f"{path}#0"
    assert "unmapped_labels" not in atoms.info


def test_bare_labels_are_never_read(tmp_path):
    path = write(tmp_path, frame("forces", 'energy=-1.5 stress="1 0 0 0 1 0 0 0 1"'))
    (atoms,) = read_frames(path)
    assert atoms.calc is None
    assert set(atoms.arrays) == {"numbers", "positions"}
    assert set(atoms.info) == {"source", "unmapped_labels"}
    assert atoms.info["unmapped_labels"] == {
        "energy": "-1.5",
        "forces": "values, rms 0.216",
        "stress": "6 numbers, rms 0.707",
    }


def test_bare_labels_are_read_when_mapped(tmp_path):
    path = write(tmp_path, frame("forces", 'energy=-1.5 stress="1 6 5 6 2 4 5 4 3"'))
    (atoms,) = read_frames(path, ["energy=energy:Ha", "forces=forces:Ha/bohr", "stress=stress:-kbar"])
    assert atoms.info["REF_energy"] == pytest.approx(-1.5 * units.Hartree)
    assert atoms.arrays["REF_forces"][1, 2] == pytest.approx(-0.3 * units.Hartree / units.Bohr)
    np.testing.assert_allclose(atoms.info["REF_stress"], -np.arange(1, 7) * 0.1 * units.GPa)
    assert "unmapped_labels" not in atoms.info


def test_virial_and_dipole(tmp_path):
    path = write(tmp_path, frame(info='virial="12 0 0 0 24 0 0 0 36" dipole_vector="1 0 0" dipole_moment=1'))
    (atoms,) = read_frames(path)
    assert atoms.info["unmapped_labels"] == {
        "dipole_vector": "3 numbers, rms 0.577",
        "virial": "values, rms 15",
        "dipole_moment": "1, of another shape",
    }
    (atoms,) = read_frames(path, ["virial=virial", "dipole=dipole_vector:e*bohr"])
    np.testing.assert_allclose(atoms.info["REF_stress"], [-0.1, -0.2, -0.3, 0, 0, 0])
    np.testing.assert_allclose(atoms.info["REF_dipole"], [units.Bohr, 0, 0])


def test_initial_charges_can_be_mapped(tmp_path):
    atoms = Atoms("LiF", [[0, 0, 0], [1.6, 0, 0]], charges=[0.9, -0.9])
    ase.io.write(tmp_path / "a.xyz", atoms)
    (read,) = read_frames(tmp_path / "a.xyz", ["charges=initial_charges"])
    np.testing.assert_array_equal(read.arrays["REF_charges"], [0.9, -0.9])
    assert "initial_charges" not in read.arrays
    assert read_frames(tmp_path / "a.xyz")[0].info["unmapped_labels"] == {
        "initial_charges": "values, rms 0.9"
    }


def test_a_mapping_wins_over_the_canonical_key(tmp_path):
    path = write(tmp_path, frame(info="REF_energy=-1 REF_energy_free=-2"))
    assert read_frames(path)[0].info["REF_energy"] == -1
    assert read_frames(path)[0].info["unmapped_labels"] == {"REF_energy_free": "-2"}
    assert read_frames(path, ["energy=REF_energy_free"])[0].info["REF_energy"] == -2


def test_a_mapped_key_may_be_absent_from_some_frames_but_not_from_all(tmp_path):
    path = write(tmp_path, frame(info="energy=-1"), frame(info="note=none"))
    assert ["REF_energy" in a.info for a in read_frames(path, ["energy=energy"])] == [True, False]
    with pytest.raises(
        InputError, match=r"no frame has the key 'enrgy'.*Did you mean 'energy'.*REF_forces, energy"
    ):
        read_frames(path, ["energy=enrgy"])


@pytest.mark.parametrize(
    ("forces", "info", "wrong", "right"),
    [
        ("REF_force", "REF_energy=-1", "REF_force", "REF_forces"),
        ("REF_forces", "ref_energy=-1", "ref_energy", "REF_energy"),
        ("REF_forces", "REF_Energy=-1", "REF_Energy", "REF_energy"),
        ("REF_forces", 'REF_stresses="1 2 3 4 5 6"', "REF_stresses", "REF_stress"),
        ("REF_forces", "total_charges=1", "total_charges", "total_charge"),
    ],
)
def test_misspelt_keys_are_warned_of_once_for_each_file(tmp_path, forces, info, wrong, right):
    path = write(tmp_path, frame(), frame(forces, info), frame(forces, info))
    with pytest.warns(UserWarning, match="is not read") as caught:
        frames = read_frames(path)
    (warning,) = caught
    label = right.removeprefix("REF_")
    assert str(warning.message).startswith(
        f"{path}, frames 1, 2: {wrong!r} is not read. Did you mean {right!r}? Rename it, or map it with "
        f"--key {label}={wrong}."
    )
    assert right not in frames[1].arrays | frames[1].info


def test_a_misspelt_key_may_be_mapped(tmp_path):
    path = write(tmp_path, frame("REF_force"))
    assert "REF_forces" in read_frames(path, ["forces=REF_force"])[0].arrays


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            frame().replace("0.3\nS", "nan\nS"),
            r"frame 1: forces \(REF_forces\) is not finite at atom 0 \(Li\)",
        ),
        (frame(info="REF_energy=inf"), r"frame 1: energy \(REF_energy\) is not finite"),
        (frame(info="REF_energy=abc"), "frame 1: .*is not a number"),
        (frame(info='REF_stress="1 2 3"'), r"frame 1: .*shape \(3,\); expected \(6,\)"),
        (frame().replace("S 2.0", "S 0.1"), r"frame 1: atoms 0 \(Li\) and 1 \(S\) are 0.100 Å apart"),
        (frame().replace("S 2.0", "S inf"), r"frame 1: the position of atom 1 \(S\) is not finite"),
        (
            frame().replace("4 0 0 0 5", "0 0 0 0 5"),
            "frame 1: the cell is periodic along abc but spans no volume",
        ),
        (frame()[:-30], "frame 1: "),
        (frame(info="config_type=IsolatedAtom"), "frame 1: config_type is IsolatedAtom, but .* has 2 atoms"),
    ],
)
def test_bad_frames_name_file_and_frame(tmp_path, text, message):
    with pytest.raises(InputError, match=r"data.extxyz, " + message):
        read_frames(write(tmp_path, frame(), text))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.xyz: there is no such file"):
        read_frames(tmp_path / "nowhere.xyz")
    with pytest.raises(InputError, match="this is a folder"):
        read_frames(tmp_path)


@pytest.mark.parametrize("name", ["a.xyz", "a.cif", "POSCAR", "a.vasp", "XDATCAR", "a.traj", "a.unknown"])
@pytest.mark.parametrize("content", [b"", bytes(range(256)) * 4, b"hello world\n"])
def test_garbage_of_every_format(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=name):
        read_frames(path)


def test_index(tmp_path):
    path = write(tmp_path, *(frame(info=f"REF_energy={k}") for k in range(5)))
    assert [a.info["REF_energy"] for a in read_frames(path, index="1::2")] == [1, 3]
    (last,) = read_frames(path, index="-1")
    assert last.info["source"].endswith("#4")
    for bad in ("7", "9:", "first"):
        with pytest.raises(InputError, match="index"):
            read_frames(path, index=bad)


def test_isolated_atom_spellings(tmp_path):
    text = '1\nLattice="9 0 0 0 9 0 0 0 9" REF_energy=-1 config_type=isolated_atom\nLi 0 0 0\n'
    assert read_frames(write(tmp_path, text))[0].info["config_type"] == "IsolatedAtom"


SALT = bulk("NaCl", "rocksalt", 5.64, cubic=True)


@pytest.mark.parametrize(
    ("name", "form"), [("salt.cif", "cif"), ("POSCAR", "vasp"), ("salt.vasp", "vasp"), ("CONTCAR_1", "vasp")]
)
@pytest.mark.parametrize("packed", [False, True])
def test_structure_formats(tmp_path, name, form, packed):
    path = tmp_path / name
    ase.io.write(path, SALT, format=form)
    if packed:
        data, path = path.read_bytes(), tmp_path / f"{name}.gz"
        path.write_bytes(gzip.compress(data))
    atoms = read_structure(path)
    assert atoms.get_chemical_formula() == "Cl4Na4"
    assert atoms.pbc.all()
    assert atoms.get_volume() == pytest.approx(5.64**3)
    assert set(atoms.arrays) == {"numbers", "positions"}
    assert atoms.info["source"] == f"{path}#0"


def test_xdatcar_and_traj(tmp_path):
    moved = SALT.copy()
    moved.rattle(0.1, rng=np.random.default_rng(0))
    ase.io.write(tmp_path / "XDATCAR", [SALT, moved], format="vasp-xdatcar")
    frames = read_frames(tmp_path / "XDATCAR")
    assert len(frames) == 2
    np.testing.assert_allclose(
        frames[1].get_scaled_positions(), ase.io.read(tmp_path / "XDATCAR").get_scaled_positions()
    )
    text = (tmp_path / "XDATCAR").read_text().splitlines()
    (tmp_path / "XDATCAR").write_text("\n".join(text[:-3]))
    with pytest.raises(InputError, match="XDATCAR: cannot be read"):
        read_frames(tmp_path / "XDATCAR")

    moved.calc = SinglePointCalculator(moved, energy=-2.0, forces=np.ones((8, 3)))
    ase.io.write(tmp_path / "a.traj", moved)
    (atoms,) = read_frames(tmp_path / "a.traj", ["energy=energy"])
    assert atoms.info["REF_energy"] == -2
    assert atoms.info["unmapped_labels"] == {"forces": "values, rms 1"}


def test_types_of_lammps_are_not_elements(tmp_path):
    head = "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 6\n0 6\n0 6\n"
    (tmp_path / "a.lammpstrj").write_text(head + "ITEM: ATOMS id type x y z\n1 1 0 0 0\n2 2 3 3 3\n")
    with pytest.raises(InputError, match=r"a.lammpstrj: the dump of LAMMPS has no column `element`"):
        read_frames(tmp_path / "a.lammpstrj")
    (tmp_path / "b.lammpstrj").write_text(head + "ITEM: ATOMS id element x y z\n2 Cl 3 3 3\n1 Li 0 0 0\n")
    (atoms,) = read_frames(tmp_path / "b.lammpstrj")
    assert atoms.get_chemical_symbols() == ["Li", "Cl"]
    assert atoms.cell.lengths() == pytest.approx([6, 6, 6])


def test_a_path_with_an_at_sign_is_a_path(tmp_path):
    ase.io.write(tmp_path / "a@1.vasp", SALT, format="vasp")
    assert len(read_structure(tmp_path / "a@1.vasp")) == 8


def test_disordered_cif(tmp_path):
    path = tmp_path / "mixed.cif"
    ase.io.write(path, SALT)
    path.write_text(path.read_text().replace("1.0000", "0.5000", 1))
    with pytest.raises(
        InputError, match=r"mixed.cif: site Na1 is partially occupied \(occupancy 0.5\).*ordered"
    ):
        read_structure(path)


def test_cif_without_a_cell(tmp_path):
    path = tmp_path / "open.cif"
    ase.io.write(path, SALT)
    path.write_text(path.read_text().replace("_cell_angle_gamma", "_cill_angle_gamma"))
    with pytest.raises(InputError, match=r"open.cif: the CIF does not give a complete cell"):
        read_structure(path)


def test_read_structure_wants_one(tmp_path):
    path = write(tmp_path, frame(), frame(info="REF_energy=7"))
    with pytest.raises(InputError, match="one structure is needed, but the file has 2 frames"):
        read_structure(path)
    assert read_structure(path, "1").info["REF_energy"] == 7


def test_reading_what_was_written_keeps_every_label(tmp_path):
    (first, *_) = read_frames(LPS / "train.extxyz", index="0")
    ase.io.write(tmp_path / "again.extxyz", first)
    (again,) = read_frames(tmp_path / "again.extxyz")
    assert again.info["REF_energy"] == first.info["REF_energy"]
    np.testing.assert_array_equal(again.info["REF_stress"], first.info["REF_stress"])
    np.testing.assert_allclose(again.arrays["REF_forces"], first.arrays["REF_forces"], atol=1e-8)
    assert again.info["trajectory"] == "Li7P3S11-1000K-s2"


@pytest.mark.parametrize(
    ("name", "frames", "atoms", "trajectories"),
    [
        ("train", 49, 42, {"Li7P3S11-500K-s3": 11, "Li7P3S11-800K-s1": 24, "Li7P3S11-1000K-s2": 14}),
        ("strained", 44, 42, {"Li7P3S11-500K-s3": 9, "Li7P3S11-800K-s1": 22, "Li7P3S11-1000K-s2": 13}),
        ("eos", 7, 42, {"Li7P3S11-eos": 7}),
        ("beta-Li3PS4", 11, 32, {"beta-Li3PS4-800K-s6": 11}),
        ("isolated", 3, 1, {"isolated-Li": 1, "isolated-P": 1, "isolated-S": 1}),
    ],
)
def test_thiophosphate_files(name, frames, atoms, trajectories):
    read = read_frames(LPS / f"{name}.extxyz")
    assert len(read) == frames
    assert {len(a) for a in read} == {atoms}
    named = [a.info["trajectory"] for a in read]
    assert {t: named.count(t) for t in named} == trajectories
    assert all("REF_energy" in a.info and "REF_forces" in a.arrays for a in read)
    assert all(("REF_stress" in a.info) == (name != "isolated") for a in read)


def test_start_structure_is_the_relaxed_crystal():
    start = read_structure(LPS / "Li7P3S11.vasp")
    relaxed = read_frames(LPS / "eos.extxyz")[3]
    assert relaxed.info["frame_id"] == "Li7P3S11-eos-1.00"
    np.testing.assert_array_equal(start.numbers, relaxed.numbers)
    np.testing.assert_allclose(start.cell.array, relaxed.cell.array, atol=1e-12)
    np.testing.assert_allclose(start.positions, relaxed.positions, atol=1e-9)
    assert start.get_volume() == pytest.approx(829.3476, abs=1e-3)


def test_frames_are_parsed_one_at_a_time(tmp_path, monkeypatch):
    """What the parser gives of a frame is gone before the next frame is parsed."""
    known, most = [], []

    def parse(*arguments):
        atoms = parse_xyz(*arguments)
        known.append(weakref.ref(atoms))
        most.append(sum(one() is not None for one in known))
        return atoms

    monkeypatch.setattr("superion.structures.xyz.parse_xyz", parse)
    found = read_frames(write(tmp_path, *[frame()] * 20), index="::2")
    assert len(found) == len(most) == 10
    assert max(most) <= 2


def test_a_large_file_takes_its_text_and_little_more(tmp_path):
    atoms = bulk("Li", "fcc", a=4.0, cubic=True).repeat(4)
    text = io.StringIO()
    ase.io.write(text, atoms, format="extxyz")
    path = write(tmp_path, *[text.getvalue()] * 60)
    read_frames(path, index="0")
    tracemalloc.start()
    try:
        for index, times in (("0", 2.6), (":", 4.0)):
            tracemalloc.reset_peak()
            read_frames(path, index=index)
            assert tracemalloc.get_traced_memory()[1] < times * path.stat().st_size
    finally:
        tracemalloc.stop()
