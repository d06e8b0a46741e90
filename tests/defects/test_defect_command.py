"""`superion defect`: the table, the files, the figure, and what it refuses."""

import json
import shutil

import numpy as np
import pytest
from ase.io import read, write
from ionic_salt import REPULSION, SALT, crystal
from typer.testing import CliRunner

from superion.cli.app import app
from superion.cli.defects import parse_fields
from superion.errors import InputError
from superion.potentials import Potential

FIXED = ("--species", "Na", "--supercell", "2x2x2", "--count", 1, "--fmax", 1e6)


@pytest.fixture
def folder(tmp_path):
    SALT.save(tmp_path / "salt.safetensors")
    Potential([REPULSION]).save(tmp_path / "local.safetensors")
    write(tmp_path / "crystal.extxyz", crystal())
    return tmp_path


def call(folder, *words, model="salt", crystal="crystal"):
    files = [folder / f"{model}.safetensors", folder / f"{crystal}.extxyz", "-o", folder / "out"]
    words = [str(word) for word in ("defect", *files, *words)]
    return CliRunner().invoke(app, words, env={"COLUMNS": "200"})


def succeeds(folder, *words):
    result = call(folder, *words)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def refused(folder, *words, **files):
    result = call(folder, *words, **files)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return " ".join(result.output.split())


def test_table_files_and_figure(folder):
    figure, report = folder / "figure", folder / "report.json"
    shown = succeeds(folder, *FIXED, "--fields=-0.1:0.1:0.05", "--figure", figure, "--json", report)
    assert "Na0-pair-4.68" in shown
    assert shown.count("both") == 3
    found = json.loads(report.read_text())
    assert found == json.loads((folder / "out/defects.json").read_text())
    (one,) = found["defects"]
    assert one["displacement_A"] == pytest.approx([-4.23, -1.41, -1.41])
    assert f"{one['energy_eV']:.4f}" in shown
    assert "need smaller forces than 1e+06 eV/Å: --fmax 0.001" in " ".join(shown.split())
    rows = one["fields"]["x"]["points"]
    assert [row["field_V_per_A"] for row in rows] == [-0.1, -0.05, 0.0, 0.05, 0.1]
    assert rows[-1]["rigid_dipole_eV"] == pytest.approx(0.423)
    assert figure.with_suffix(".png").stat().st_size > 10_000
    assert "formation energy" in figure.with_suffix(".svg").read_text()
    names = {atoms.info["frame_id"] for atoms in read(folder / "out/defects.extxyz", ":")}
    assert len(names) == 2 * (1 + 3 * 4)
    assert "2x2x2/Na0-pair-4.68/x-0.05" in names


def test_fields_act_on_fitted_charges_of_a_file(folder):
    """As on the same charges written out; the file is that of `superion charge-fit`."""
    fitted = {"kind": "charge-fit", "charges": {"Na": 0.5, "Cl": -0.5}, "screening": 2.0}
    (folder / "charges.json").write_text(json.dumps(fitted))
    energies = []
    shutil.copy(folder / "charges.json", folder / "charges")  # whatever its name
    for charges in ("Na=0.5,Cl=-0.5", folder / "charges"):
        words = ("--fields", "-0.1,0.1", "--field-axis", "x", "--field-charges", charges)
        succeeds(folder, *FIXED, *words, "--json", folder / "found.json")
        (one,) = json.loads((folder / "found.json").read_text())["defects"]
        energies.append([point["energy_eV"] for point in one["fields"]["x"]["points"]])
    assert energies[0] == energies[1]
    assert energies[0][2] - energies[0][1] == pytest.approx(0.1 * 0.5 * 4.23)
    (folder / "charges").write_text("{}")
    assert "not what `superion charge-fit` writes" in refused(folder, *FIXED, *words)


def test_sizes_and_single_defects(folder):
    shown = succeeds(folder, *FIXED, "--kind", "vacancy,interstitial", "--supercell", "1x1x1")
    assert "infinite cell, Na0-vacancy + Na-interstitial-0" in shown
    assert "only their sum is a formation energy" in shown


def test_labels_stand_beside_the_model(folder):
    """Labelled with the local part alone, as `superion label` does it."""
    succeeds(folder, *FIXED)
    (folder / "labeller.yaml").write_text(f"labeller: {{model: {folder / 'local.safetensors'}}}")
    words = ["label", folder / "out/defects.extxyz", "--labeller", folder / "labeller.yaml"]
    words += ["--store", folder / "labels", "--output", folder / "labelled.extxyz", "--executor", "threads:1"]
    labelled = CliRunner().invoke(app, [str(word) for word in words])
    assert labelled.exit_code == 0, labelled.output
    shown = succeeds(folder, *FIXED, "--labels", folder / "labelled.extxyz", "--json", folder / "out.json")
    (label,) = json.loads((folder / "out.json").read_text())["labels"]
    perfect, defect = (REPULSION.evaluate(atoms).energy for atoms in read(folder / "out/defects.extxyz", ":"))
    assert label["label_energy_eV"] == pytest.approx(defect - perfect, abs=1e-5)
    assert f"{defect - perfect:.4f}" in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--species", "K"), "no K; it has Cl, Na"),
        (("--species", "Na", "--kind", "schottky"), "kinds"),
        (("--species", "Na", "--fields", "1:0:0.1"), "cannot understand the fields '1:0:0.1'"),
        (("--species", "Na", "--fields", "0.1", "--field-axis", "w"), "axes"),
        (("--species", "Na", "--figure", "f"), "shows energies against the field"),
        (
            ("--species", "Na", "--kind", "vacancy", "--fields", "0.1"),
            "has no minimum in a field",
        ),
        (("--species", "Na", "--fields", "0.1", "--field-charges", "Na=x"), "cannot understand the charge"),
        (("--species", "Na", "--fields", "0.1", "--field-charges", "q.json"), "nor a file that exists"),
        (("--species", "Na", "--separation", "6"), "fits into 1x1x1"),
    ],
)
def test_refused(folder, words, message):
    assert message in refused(folder, *words)


def test_local_models_have_no_charges(folder):
    assert "a local potential has no charges" in refused(folder, *FIXED, "--fields", "0.1", model="local")


def test_slabs_are_refused(folder):
    slab = crystal()
    slab.pbc = (True, True, False)
    write(folder / "slab.extxyz", slab)
    assert "periodic along all three axes" in refused(folder, *FIXED, "--fields", "0.1", crystal="slab")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("-0.4:0.4:0.1", np.linspace(-0.4, 0.4, 9)),
        ("0.1", [0.1]),
        ("-0.1,0.3", [-0.1, 0.3]),
        ("0:0.3:0.3", [0, 0.3]),
    ],
)
def test_fields(text, values):
    assert parse_fields(text) == pytest.approx(list(values))


@pytest.mark.parametrize("text", ["0:1", "a", "0:1:0", "0:1:0.3", "1:0:0.1", "0:inf:1", "0:1:nan"])
def test_fields_that_are_none(text):
    with pytest.raises(InputError, match="cannot understand the fields"):
        parse_fields(text)
