"""Damaged crystallographic files: each is read or refused, none ends in a traceback or does not end."""

import random
import warnings

import numpy as np
import pytest
from disordered_crystals import GARNET

from superion.errors import InputError
from superion.structures import read_frames
from superion.structures.disorder import read_disordered

CASES = 200
SALT = """data_salt
_cell_length_a 5.64
_cell_length_b 5.64
_cell_length_c 5.64(2)
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_space_group_symop_operation_xyz
'x, y, z'
'x, y+1/2, z+1/2'
'x+1/2, y, z+1/2'
'x+1/2, y+1/2, z'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Na1 0 0 0
Cl1 0.5 0.5 0.5
"""
NONSENSE = [
    "nan", "inf", "-1", "0", "1e308", "1e-308", "9" * 400, "?", ".", "abc", "''", "'", '"', ";", "#", "loop_",
    "data_", "_cell_length_a", "x,y,z", "1/0", "½", "\0", "\ud7ff", "-" * 50, "0.5Li+0.5Na", "Va", "[1 2]",
    "$x", "save_", "global_", "1e5000", "0.5(", "(3)", "\t", "Li" * 1000,
]  # fmt: skip


def mutated(text: str, rng: random.Random) -> bytes:
    """One to four damages: characters, words and lines changed, lost, repeated or exchanged."""
    for _ in range(rng.choice([1, 1, 2, 3])):
        lines = text.split("\n")
        k = rng.randrange(len(lines))
        words = lines[k].split(" ")
        match rng.randrange(7):
            case 0:
                words[rng.randrange(len(words))] = rng.choice(NONSENSE)
                lines[k] = " ".join(words)
            case 1:
                del lines[k]
            case 2:
                lines.insert(rng.randrange(len(lines)), lines[k])
            case 3:
                lines[k] = " ".join(rng.sample(words, len(words)))
            case 4:
                lines = lines[: k + 1]
                lines[k] = lines[k][: rng.randrange(len(lines[k]) + 1)]
            case 5:
                n = rng.randrange(len(lines[k]) + 1)
                lines[k] = lines[k][:n] + chr(rng.randrange(1, 256)) + lines[k][n + 1 :]
            case 6:
                other = rng.randrange(len(lines))
                lines[k], lines[other] = lines[other], lines[k]
        text = "\n".join(lines)
    return text.encode("utf-8" if rng.random() < 0.5 else "latin-1", "replace")


@pytest.mark.parametrize("whole", [GARNET, SALT])
def test_damaged_files(tmp_path, whole):
    rng = random.Random(1)
    path = tmp_path / "damaged.cif"
    read = refused = 0
    for _ in range(CASES // 2):
        path.write_bytes(mutated(whole, rng))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            for reader in (read_disordered, read_frames):
                try:
                    found = reader(path)
                except InputError as error:
                    refused += str(path) in str(error)
                else:
                    every = (
                        [found.fractional, found.cell] if reader is read_disordered else found[0].positions
                    )
                    assert all(np.isfinite(values).all() for values in every)
                    read += 1
    assert read > 5
    assert read + refused == CASES
