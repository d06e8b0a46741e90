import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from rich.console import Console

from superion.errors import InputError
from superion.structures import census, read_frames, require_labels
from superion.structures.duplicates import without_duplicates

LPS = Path(__file__).parents[2] / "data" / "lps"


@pytest.fixture(scope="module")
def lps():
    files = ("train", "strained", "eos", "beta-Li3PS4", "isolated")
    return [atoms for name in files for atoms in read_frames(LPS / f"{name}.extxyz")]


def test_numbers_of_the_thiophosphates(lps):
    found = census(lps)
    assert [g.frames for g in found.groups] == [49, 44, 7, 11, 3]
    train = found.groups[0]
    assert train.name.endswith("train.extxyz / md")
    assert train.atoms == (42, 42)
    assert train.species == ["Li", "P", "S"]
    assert train.labels == {"energy": 49, "forces": 49, "stress": 49}
    assert train.trajectories == {"Li7P3S11-1000K-s2": 14, "Li7P3S11-500K-s3": 11, "Li7P3S11-800K-s1": 24}
    assert train.energy_per_atom == pytest.approx((-4.2803646, -4.1539487))
    assert train.force_max == pytest.approx(5.3079778)
    assert train.force_rms == pytest.approx(0.8440232)
    assert train.stress == pytest.approx((-0.0353308, 0.0108994), abs=1e-6)
    total = found.total
    assert (total.frames, total.atoms) == (114, (1, 42))
    assert total.labels == {"energy": 114, "forces": 114, "stress": 111}
    assert total.energy_per_atom == pytest.approx((-4.3722061, -4.0782492))
    assert total.trajectories["Li7P3S11-800K-s1"] == 46
    assert found.duplicates == []
    assert found.warnings == []
    (note,) = found.notes
    assert note.endswith("and 3 more groups: seen but not read: REF_energy_free.")


def test_json_and_table(lps):
    found = census(lps)
    stored = json.loads(json.dumps(found.to_dict()))
    assert stored == found.to_dict()
    assert stored["groups"][3]["trajectories"] == {"beta-Li3PS4-800K-s6": 11}
    assert stored["total"]["atoms"] == [1, 42]
    table = found.table()
    console = Console(width=240)
    with console.capture() as captured:
        console.print(table)
    assert "0.844" in captured.get()
    assert "5.308" in captured.get()
    assert table.row_count == 6
    assert list(table.columns[1].cells) == ["49", "44", "7", "11", "3", "114"]
    assert "stress (111)" in list(table.columns[4].cells)[-1]


def test_frames_without_labels():
    atoms = Atoms("LiS", [[0, 0, 0], [2, 0, 0]])
    found = census([atoms])
    assert found.total.labels == {}
    assert found.total.energy_per_atom is None
    assert found.total.force_rms is None
    assert found.groups[0].name == "in memory"
    assert list(found.table().columns[4].cells) == ["none", "none"]
    assert found.warnings == []


def test_duplicates_are_named(lps):
    twin = lps[3].copy()
    twin.info["frame_id"] = "twin"
    found = census([*lps, twin])
    assert found.duplicates == [["Li7P3S11-1000K-s2-00400", "twin"]]
    assert found.warnings[0].startswith("1 structures occur more than once: Li7P3S11-1000K-s2-00400, twin. ")
    assert "--drop-duplicates FILE writes frames without the 1 copies" in found.warnings[0]
    twin.info["REF_energy"] += 1
    assert any("energies of one structure differ by 1 eV: " in text for text in census([*lps, twin]).warnings)


def test_many_duplicates_are_summarised():
    frames = [Atoms("LiS", [[0, 0, 0], [2 + k, 0, 0]]) for k in range(5)]
    found = census([*frames, *frames, *frames])
    assert len(found.duplicates) == 5
    assert found.duplicates[1] == ["#1", "#6", "#11"]
    (text,) = found.warnings
    assert "5 structures occur more than once: #0, #5, #10; #1, #6, #11; #2, #7, #12; and 2 more." in text
    assert "without the 10 copies" in text
    assert [len(atoms) for atoms in without_duplicates([*frames, *frames])] == [2] * 5
    labelled = frames[1].copy()
    labelled.info["REF_energy"] = -1.0
    kept = without_duplicates([frames[0], frames[1], labelled])
    assert [atoms.info.get("REF_energy") for atoms in kept] == [None, -1.0]


def test_unit_slips_are_warned_of(lps):
    frames = [a.copy() for a in lps]
    for atoms in frames[:49]:
        atoms.info["REF_energy"] /= 27.2114
    assert any("is one group in Ha?" in text for text in census(frames).warnings)


BARE = """2
Lattice="4 0 0 0 5 0 0 0 6" Properties=species:S:1:pos:R:3:forces:R:3 energy=-1.5 virial="1 0 0 0 1 0 0 0 1"
Li 0.0 0.0 0.0 0.1 0.2 0.3
S 2.0 0.0 0.0 -0.1 -0.2 -0.3
"""


def test_bare_labels_are_noted_as_candidates(tmp_path):
    path = tmp_path / "bare.xyz"
    path.write_text(BARE)
    found = census(read_frames(path))
    assert found.total.labels == {}
    advice = "--key energy=KEY[:UNIT] --key forces=KEY[:UNIT] --key virial=KEY[:UNIT]"
    assert found.notes == [
        f"{path}: seen but not read: energy: energy (-1.5); forces: forces (values, rms 0.216); "
        "virial: virial (values, rms 0.577). To read labels, name their keys, and units other than eV and Å: "
        f"{advice} (--key energy=none: do without)."
    ]
    with pytest.raises(InputError, match=r"1 of 1 frames .*no REF_energy.*energy \(-1.5\).*--key energy=KEY"):
        require_labels(read_frames(path))
    half = read_frames(path, ["forces=forces"])
    with pytest.raises(InputError, match="no REF_energy"):
        require_labels(half)
    assert "--key forces" not in census(half).notes[0]
    without = read_frames(path, ["forces=forces", "energy=none"])
    require_labels(without)
    assert "energy" not in census(without).notes[0]
    assert census(read_frames(path, ["energy=energy", "forces=forces", "virial=virial"])).notes == []


def test_require_labels(lps):
    require_labels(lps)
    with pytest.raises(InputError, match="none of 0 frames has"):
        require_labels(lps[-3:])
    with pytest.raises(InputError, match="label the frames"):
        require_labels([Atoms("Li")])
    charged = Atoms("Li")
    charged.arrays["REF_charges"] = np.ones(1)
    with pytest.raises(InputError, match="nothing to fit"):
        require_labels([charged])


def test_no_frames():
    with pytest.raises(InputError, match="no frames"):
        census([])


def test_charges_that_do_not_add_up_to_the_total_charge_are_named():
    def ion(total=None):
        atoms = Atoms("NaCl", [[0, 0, 0], [0, 0, 2.4]], info={"REF_energy": -1.0})
        atoms.arrays["REF_charges"] = np.array([0.9, 0.1])
        if total is not None:
            atoms.info["total_charge"] = total
        return atoms

    (found,) = (w for w in census([ion(), ion(1.0), ion(-1.0)]).warnings if "add up" in w)
    assert "charges of 2 frames do not add up to the total charge" in found
    assert "(+1.00 e, none is stated)" in found
    assert "(+1.00 e, total_charge is -1 e)" in found
    assert not any("add up" in w for w in census([ion(1.0)]).warnings)
