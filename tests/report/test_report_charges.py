"""Charges in the report of a study: their table, their figure, and their absence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from html_reader import Page
from safetensors.numpy import load_file, save_file
from synthetic_study import NUMBERS, SPECIES, write_study

from superion.report.content import read_content
from superion.report.figure_charges import charges, charges_of
from superion.report.figures import draw_all
from superion.report.html import render
from superion.report.tables import charge_doubts
from superion.report.tables import charges as table

MEAN = {"Li": 0.6, "P": 1.4, "S": -0.8}
DOUBT = "charges of Li go up to +1.70 e, beyond its oxidation state +1"


def add_charges(folder: Path, spread: float) -> Path:
    """Give es-gap charges around MEAN with this spread (e)."""
    rng = np.random.default_rng(0)
    accuracy = json.loads((folder / "accuracy.json").read_text())
    for split in ("train", "test"):
        path = folder / "parity" / f"es-gap-{split}.safetensors"
        symbols = np.array(SPECIES * 5)
        q = np.array([MEAN[s] for s in symbols]) + spread * rng.normal(size=len(symbols))
        numbers = np.array([NUMBERS[s] for s in symbols])
        save_file(load_file(path) | {"charges": q, "charge_numbers": numbers}, path)
        summary = {
            s: {
                "mean": float(q[symbols == s].mean()),
                "std": float(q[symbols == s].std()),
                "min": float(q[symbols == s].min()),
                "max": float(q[symbols == s].max()),
                "atoms": int((symbols == s).sum()),
            }
            for s in MEAN
        }
        accuracy["es-gap"][split] |= {
            "charges": {"by_species": summary, "total_error": 3e-15, "doubts": [DOUBT]},
            "charge_rmse_by_species": {"Li": 0.0123} if split == "test" else None,
        }
    accuracy["es-gap"]["born_charges"] = {"Li": 0.93, "P": 2.8, "S": -1.4}
    (folder / "accuracy.json").write_text(json.dumps(accuracy))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return add_charges(write_study(tmp_path_factory.mktemp("charged")), 0.05)


def test_the_table_has_every_species_of_every_set(folder: Path) -> None:
    found = table(read_content(folder))
    assert [row[:4] for row in found.rows] == [
        ["ES-GAP", split, s, str(5 * SPECIES.count(s))] for split in ("train", "test") for s in MEAN
    ]
    train, test = found.rows[0], found.rows[3]
    assert float(train[4]) == pytest.approx(0.6, abs=0.02)
    assert float(train[5]) == pytest.approx(0.05, abs=0.01)
    assert train[7:] == ["–", "+0.93", "3.0e-15"]
    assert test[7:] == ["0.0123", "–", "3.0e-15"]
    assert found.rows[1][-1] == ""


def test_charges_that_no_chemist_believes_are_named_once(folder: Path) -> None:
    content = read_content(folder)
    assert charge_doubts(content) == [f"ES-GAP: {DOUBT}."]
    assert DOUBT in render(content, {})


def test_the_figure_counts_every_atom_of_both_sets(folder: Path, tmp_path: Path) -> None:
    content = read_content(folder)
    figure = charges(content)
    assert [panel.get_title("left") or panel.get_title() for panel in figure.axes] == [
        f"ES-GAP: {s}" for s in MEAN
    ]
    for panel, symbol in zip(figure.axes, MEAN, strict=True):
        assert sum(bar.get_height() for bar in panel.patches) == 2 * 5 * SPECIES.count(symbol)
        low, high = panel.get_xlim()
        assert low < charges_of(content, "es-gap")[symbol].mean() < high
    page = Page(render(content, draw_all(content, tmp_path)))
    assert "Charges: what the atoms carry" in page.text
    assert (tmp_path / "charges.png").exists()


def test_fixed_charges_have_a_table_and_no_figure(tmp_path: Path) -> None:
    content = read_content(add_charges(write_study(tmp_path), 0.0))
    assert charges(content) is None
    assert table(content).rows[0][5] == "0.000"


def test_studies_without_charges_say_nothing_of_them(tmp_path: Path) -> None:
    content = read_content(write_study(tmp_path))
    assert charges(content) is None
    assert table(content) is None
    assert "what the atoms carry" not in render(content, {})
