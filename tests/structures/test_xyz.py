import gzip

import pytest

from superion.errors import InputError
from superion.structures import read_frames
from superion.structures.xyz import parse_xyz, read_bytes, xyz_frames

FRAME = """3
Lattice="4 0 0 0 5 0 0 0 6" Properties=species:S:1:pos:R:3:REF_forces:R:3 REF_energy=-1.5
O 0.00 0.00 0.00 0.10 0.20 0.30
H 0.96 0.00 0.00 0.10 0.20 0.30
H -0.24 0.93 0.00 0.10 0.20 0.30
"""


def write(folder, text):
    path = folder / "frames.xyz"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_frames_are_cut_and_parsed(tmp_path):
    path = write(tmp_path, FRAME + "\n" + FRAME.replace("\n", "\r\n") + "\n\n")
    frames = xyz_frames(path)
    assert frames == [FRAME, FRAME]
    atoms = parse_xyz(frames[1], path, 1)
    assert atoms.get_chemical_formula() == "H2O"
    assert atoms.arrays["REF_forces"][2, 2] == 0.3


def test_gz(tmp_path):
    path = tmp_path / "frames.xyz.gz"
    path.write_bytes(gzip.compress(FRAME.encode()))
    assert xyz_frames(path) == [FRAME]
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(InputError, match=r"frames.xyz.gz: the compressed file cannot be read"):
        read_bytes(path)
    path.write_bytes(b"plain text")
    with pytest.raises(InputError, match="not gzip"):
        read_bytes(path)


@pytest.mark.parametrize("text", ["", "\n  \n"])
def test_empty(tmp_path, text):
    with pytest.raises(InputError, match="the file is empty"):
        xyz_frames(write(tmp_path, text))


def test_truncated_between_lines(tmp_path):
    text = FRAME + "".join(FRAME.splitlines(keepends=True)[:4])
    with pytest.raises(
        InputError, match=r"frame 1: the frame should have 3 atoms, .* ends after 2\..*truncated"
    ):
        xyz_frames(write(tmp_path, text))


@pytest.mark.parametrize("lines", [1, 2])
def test_truncated_after_the_header(tmp_path, lines):
    text = FRAME + "".join(FRAME.splitlines(keepends=True)[:lines])
    with pytest.raises(InputError, match="should have 3 atoms, but the file ends after 0"):
        xyz_frames(write(tmp_path, text))


def test_truncated_within_a_line(tmp_path):
    with pytest.raises(InputError, match="frame 0: atom 2 has 5 columns, expected 7"):
        xyz_frames(write(tmp_path, FRAME[:-11]))


def test_truncated_within_the_last_number_warns(tmp_path):
    with pytest.warns(UserWarning, match=r"frame 0: .*may have been cut: 'H -0.24 0.93 0.00 0.10 0.20 0\.'"):
        xyz_frames(write(tmp_path, FRAME[:-3]))


def test_a_complete_last_line_without_newline_is_fine(tmp_path):
    assert len(xyz_frames(write(tmp_path, FRAME[:-1]))) == 1


def test_garbage(tmp_path):
    with pytest.raises(InputError, match="the file is not text"):
        xyz_frames(write(tmp_path, bytes(range(128, 256))))
    with pytest.raises(InputError, match=r"line 1 should hold the number of atoms, but reads 'hello'"):
        xyz_frames(write(tmp_path, "hello\nworld\n"))
    with pytest.raises(InputError, match="frame 1: line 6 should hold the number of atoms"):
        xyz_frames(write(tmp_path, FRAME + "H 0 0 0 0 0 0\n"))
    with pytest.raises(InputError, match="number of atoms, but reads '0'"):
        xyz_frames(write(tmp_path, "0\n\n"))


def test_columns_beyond_those_declared_are_refused(tmp_path):
    with pytest.raises(InputError, match="atom 0 has 8 columns, expected 7"):
        xyz_frames(write(tmp_path, FRAME.replace("O 0.00", "O 0.00 0.00")))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("O 0.00", "Qq 0.00"),
        ("O 0.00", "O zero"),
        ('"4 0 0 0 5 0 0 0 6"', '"4 0 0"'),
        ("species:S:1", "species:S:one"),
    ],
)
def test_unparsable_frames_are_named(tmp_path, old, new):
    path = write(tmp_path, FRAME + FRAME.replace(old, new))
    with pytest.raises(InputError, match=r"frames.xyz, frame 1: cannot understand the frame"):
        parse_xyz(xyz_frames(path)[1], path, 1)


LOWER = FRAME.replace("Lattice", "lattice").replace("Properties", "properties").replace("species", "Species")


def test_keys_mean_the_same_in_any_case(tmp_path):
    path = write(tmp_path, LOWER)
    assert xyz_frames(path) == [FRAME]
    inside = FRAME.replace("REF_energy", 'note="lattice=4 pbc=maybe" REF_energy')
    assert xyz_frames(write(tmp_path, inside)) == [inside]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ('pbc="T F 1"', (True, False, True)),
        ('pbc="T T 0"', (True, True, False)),
        ("pbc=[true, false, 0]", (True, False, False)),
        ("PBC=F", (False, False, False)),
    ],
)
def test_truth_values_of_periodicity(tmp_path, given, meant):
    path = write(tmp_path, FRAME.replace("REF_energy=-1.5", given))
    assert tuple(parse_xyz(xyz_frames(path)[0], path, 0).pbc) == meant


@pytest.mark.parametrize("given", ['pbc="T T maybe"', 'pbc="T T"', "pbc=2"])
def test_what_is_no_periodicity(tmp_path, given):
    path = write(tmp_path, FRAME + FRAME.replace("REF_energy=-1.5", given))
    with pytest.raises(InputError, match=r"frame 1: pbc=.* is not three truth values"):
        xyz_frames(path)


def test_columns_that_nothing_declares_are_warned_of_once(tmp_path):
    plain = FRAME.replace(
        'Lattice="4 0 0 0 5 0 0 0 6" Properties=species:S:1:pos:R:3:REF_forces:R:3', "water"
    )
    path = write(tmp_path, plain * 3)
    with pytest.warns(UserWarning, match=r"the atoms of 3 frames \(first 0\) have more columns") as caught:
        xyz_frames(path)
    assert len(caught) == 1


def test_text_in_another_encoding_names_the_byte(tmp_path):
    path = write(tmp_path, FRAME.replace("REF_energy=-1.5", "unit=Å").encode("latin-1"))
    with pytest.raises(InputError, match=r"not text in UTF-8 \(invalid .* 0xc5 at byte \d+, line 2\).*iconv"):
        xyz_frames(path)
    path = write(tmp_path, ("\ufeff" + FRAME.replace("REF_energy=-1.5", "unit=Å")).encode())
    assert parse_xyz(xyz_frames(path)[0], path, 0).info["unit"] == "Å"


def test_a_file_that_unpacks_without_end_is_refused(tmp_path):
    bomb = tmp_path / "bomb.xyz.gz"
    with gzip.open(bomb, "wb") as handle:
        for _ in range(40):
            handle.write(bytes(1 << 20))
    with pytest.raises(
        InputError, match=r"bomb\.xyz\.gz: the compressed file unpacks to more than 200 times"
    ):
        read_frames(bomb)
    with pytest.raises(InputError, match="this is a device"):
        read_frames("/dev/zero")
