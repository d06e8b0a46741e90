"""Remedies of long runs, of what is read from them and of labels are followed to the letter."""

import pytest
from command_line import succeeds
from user_files import check, write_files

DEFECT = (
    "defect salt.safetensors salt.extxyz --species Li --supercell 2x2x2 --separation 2.4 "
    "--count 1 --fmax 1 -o d"
)

ROWS = [
    # defects
    (f"{DEFECT} --kind vacancy --charged-cells refuse", r": (--charged-cells background)", "... {0}"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("files")
    write_files(root)
    return root


@pytest.mark.filterwarnings("ignore::superion.electrostatics.charged_cells.ChargedCellWarning")
@pytest.mark.parametrize("row", ROWS, ids=[row[1] for row in ROWS])
def test_who_follows_a_remedy_succeeds(store, tmp_path, monkeypatch, row):
    check(row, store, tmp_path / "here", monkeypatch)


def test_evaluations_name_the_option_for_labels_under_foreign_keys(store):
    model, data = store / "salt.safetensors", store / "foreign.extxyz"
    said = " ".join(succeeds("evaluate", model, data).split())
    assert "RMSE unknown" in said
    assert "note: 8 of 8 frames (first foreign.extxyz#0) have no REF_energy" in said
    assert "units other than eV and Å: --key energy=KEY[:UNIT]" in said
    keys = ("--key", "energy=energy_dft", "--key", "forces=f_dft")
    told = succeeds("evaluate", model, data, *keys)
    assert "RMSE energy" in told
    assert "note:" not in told
