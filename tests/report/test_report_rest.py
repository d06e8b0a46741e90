"""Energy against volume, and defects in fields, in the report of a study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from synthetic_study import write, write_study

from superion.calculations.barriers import BarrierFile
from superion.calculations.defects.results import DefectFile
from superion.calculations.eos import birch_murnaghan, curve_record, mismatch
from superion.errors import CorruptFileError
from superion.files import read_json
from superion.report.content import read_content
from superion.report.figure_defects import study_defects
from superion.report.figure_eos import study_curves
from superion.report.figures import draw_all
from superion.report.html import render
from superion.results import write_result
from superion.verdict import REFERENCE

BARRIER = {
    "name": "Li1-to-0-3.20", "atoms": 8, "mover": 1, "hop_length_A": 3.2, "forward_eV": 0.3,
    "backward_eV": 0.2, "saddle": 1, "path_A": [0.0, 1.6, 3.2], "energies_eV": [0.0, 0.3, 0.1],
    "slopes_eV_per_A": [0.0, 0.0, 0.0], "converged": True, "steps": 9, "force_left_eV_per_A": 0.04,
}  # fmt: skip
VOLUMES = np.linspace(780, 880, 9)
FIELDS = (-0.2, -0.1, 0.0, 0.1, 0.2)
DIPOLE, RESPONSE = 1.5, 2.0  # e·Å, e·Å²/V


def curve(name: str, modulus: float) -> dict[str, Any]:
    energies = -180 + 0.5 * modulus / 830 * (VOLUMES - 830) ** 2
    fit = birch_murnaghan(VOLUMES, energies)
    return curve_record(name, VOLUMES, energies, fit) | {"atoms": 42}


def one_defect(name: str, energy: float | None, *, fields: bool) -> dict[str, Any]:
    def points() -> list[dict[str, Any]]:
        assert energy is not None
        return [
            {
                "field_V_per_A": e,
                "energy_eV": energy - DIPOLE * e - 0.5 * RESPONSE * e * e,
                "hopped": e == 0.2,
            }
            for e in FIELDS
        ]

    return {
        "name": name,
        "supercell": [2, 1, 1],
        "atoms": 84,
        "energy_eV": energy,
        "flags": [],
        "dipole_change_eA": None if energy is None else [0.0, 0.0, DIPOLE],
        "fields": {"z": {"points": points()}} if fields else {},
    }


def defects(low: float | None, high: float, *, fields: bool = True) -> DefectFile:
    made = [
        one_defect("low", low, fields=fields and low is not None),
        one_defect("high", high, fields=fields),
    ]
    return DefectFile.model_validate({"defects": made})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study with curves and defects of both potentials."""
    study = write_study(tmp_path / "study")
    settings = yaml.safe_load((study / "study.yaml").read_text())
    settings["properties"] = {
        "eos": {"file": None},
        "defects": {"species": "Li"},
        "barrier": {"species": "Li"},
    }
    (study / "study.yaml").write_text(yaml.safe_dump(settings))
    for part in ("eos", "defects/gap", "defects/es-gap", "barrier/gap", "barrier/es-gap"):
        (study / part).mkdir(parents=True)
    labels = curve(REFERENCE, 0.12)
    truth = birch_murnaghan(labels["volumes_A3"], labels["energies_eV"])
    for name, modulus in (("gap", 0.10), ("es-gap", 0.13)):
        own = curve(name, modulus)
        fit = birch_murnaghan(own["volumes_A3"], own["energies_eV"])
        own["difference"] = mismatch(own["energies_eV"], fit, labels["energies_eV"], truth)
        write(study / "eos" / f"{name}.json", own)
    write(study / "eos" / f"{REFERENCE}.json", labels)
    write_result(study / "defects" / "gap" / "defects.json", defects(0.3, 0.5, fields=False))
    write_result(study / "defects" / "es-gap" / "defects.json", defects(0.4, 0.6))
    for name in ("gap", "es-gap"):
        found = BarrierFile.model_validate({"barriers": [BARRIER]})
        write_result(study / "barrier" / name / "barriers.json", found)
    return study


def test_both_figures_are_in_the_report(folder) -> None:
    content = read_content(folder)
    assert [one.name for one in content.curves] == [REFERENCE, "gap", "es-gap"]
    assert list(content.defects) == ["gap", "es-gap"]
    figures = draw_all(content, folder / "figures")
    page = render(content, figures)
    assert all(f'id="{name}"' in page for name in ("figure-eos", "figure-defects", "figure-barriers", "rest"))


@pytest.mark.parametrize("wrong", [None, "x", [[]], {}])
def test_a_curve_with_other_contents_is_named(folder, wrong) -> None:
    path = folder / "eos" / "gap.json"
    known = read_json(path)
    keys = (
        "name",
        "atoms",
        "volumes_A3",
        "energies_eV",
        "energy_eV",
        "volume_A3",
        "modulus_GPa",
        "derivative",
    )
    for key in keys:
        without = {name: value for name, value in known.items() if name != key}
        for content in (without, known | {key: wrong if key != "name" else 3}):
            write(path, content)
            with pytest.raises(CorruptFileError, match=rf"gap\.json: not what .*{key}.*Remedy: delete"):
                read_content(folder)
    write(path, known | {"energies_eV": known["energies_eV"][1:]})
    with pytest.raises(CorruptFileError, match="energies_eV has 8 numbers, volumes_A3 has 9"):
        read_content(folder)


def test_what_the_settings_do_not_ask_for_is_not_shown(folder) -> None:
    settings = yaml.safe_load((folder / "study.yaml").read_text())
    (folder / "study.yaml").write_text(yaml.safe_dump(settings | {"properties": {"eos": None}}))
    content = read_content(folder)
    assert content.curves == []
    assert content.defects == {}
    figures = draw_all(content, folder / "figures")
    assert not {"eos", "defects"} & set(figures)
    assert 'id="rest"' not in render(content, figures)


def test_curves_are_named_and_compared_with_the_labels(folder) -> None:
    figure = study_curves(read_content(folder).curves)
    assert figure is not None
    left, right = figure.axes
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["labels", "GAP", "ES-GAP"]
    apart = [line.get_ydata() for line in right.lines if len(line.get_xdata()) == len(VOLUMES)]
    scale = 1000 / 42 * 0.5 * (VOLUMES - 830) ** 2 / 830
    np.testing.assert_allclose(apart, [-0.02 * scale, 0.01 * scale], atol=0.05)


def test_the_lowest_defect_that_all_keep_is_drawn_over_the_line_of_its_dipole() -> None:
    results = {"gap": defects(None, 0.5), "es-gap": defects(0.4, 0.6)}
    figure = study_defects(results)
    assert figure is not None
    (panel,) = figure.axes
    assert "high" in panel.get_ylabel()  # GAP does not keep the lower one
    lines = {line.get_ls(): line for line in panel.lines if len(line.get_xdata()) == len(FIELDS)}
    np.testing.assert_allclose(lines["--"].get_ydata(), 0.6 - DIPOLE * np.array(FIELDS))
    hopped = [line for line in panel.lines if line.get_markerfacecolor() == "white" and len(line.get_xdata())]
    assert [list(line.get_xdata()) for line in hopped] == [[0.2], [0.2]]


def test_energies_after_a_hop_do_not_flatten_the_others() -> None:
    results = {"gap": defects(0.3, 0.5), "es-gap": defects(0.4, 0.6)}
    point = results["gap"].defects[0].fields["z"].points[-1]
    assert point.hopped
    point.energy_eV = -20.0
    figure = study_defects(results)
    assert figure is not None
    (panel,) = figure.axes
    low, high = panel.get_ylim()
    assert -1 < low < 0.3 < high < 2
    (arrow,) = [line for line in panel.lines if line.get_marker() == "v" and len(line.get_xdata())]
    assert list(arrow.get_ydata()) == [low]


def test_a_defect_without_remarks_is_preferred() -> None:
    results = {"gap": defects(0.3, 0.5), "es-gap": defects(0.4, 0.6)}
    results["gap"].defects[0].flags = ["the crystal is not the ground state"]
    figure = study_defects(results)
    assert figure is not None
    assert "high" in figure.axes[0].get_ylabel()


def test_a_potential_without_charges_is_a_flat_line_and_says_so() -> None:
    figure = study_defects({"gap": defects(0.3, 0.5, fields=False), "es-gap": defects(0.4, 0.6)})
    assert figure is not None
    (panel,) = figure.axes
    flat = [line for line in panel.lines if set(line.get_ydata()) == {0.3}]
    assert len(flat) == 1
    (legend,) = figure.legends
    assert "GAP (no charges: no response)" in [text.get_text() for text in legend.get_texts()]
    assert study_defects({"gap": defects(0.3, 0.5, fields=False)}) is None
    assert study_defects({}) is None
