"""The figure of a locality test, and its lines in the report of a study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from html_reader import Page
from synthetic_study import write_study

from superion.analysis.accuracy_result import Errors, Splits
from superion.calculations.locality.results import LocalityFile
from superion.errors import SuperionError
from superion.report.content import read_content
from superion.report.figure_locality import draw_locality, force_errors, locality
from superion.report.figures import draw_all
from superion.report.html import render
from superion.results import write_result


def rows(*spreads: float) -> list[dict[str, Any]]:
    return [
        {"radius": 3.0 + k, "spread": s, "low": 0.8 * s, "high": 1.3 * s, "error": None, "mean_force": 1.0}
        | {"freedom": 12, "atoms": {"0": s}}
        for k, s in enumerate(spreads)
    ]


@pytest.fixture
def result() -> LocalityFile:
    forces = {"Li": rows(0.05, 0.02), "P": rows(0.2, 0.08), "S": rows(0.1, 0.04)}
    less = {symbol: rows(*(row["spread"] / 4 for row in table)) for symbol, table in forces.items()}
    return LocalityFile.model_validate({"forces": forces, "without": {"charges": less}})


def test_spreads_and_intervals_are_drawn_for_every_species(result) -> None:
    figure = locality(result)
    assert [panel.get_title() or panel.get_title(loc="left") for panel in figure.axes] == ["Li", "P", "S"]
    for panel, symbol in zip(figure.axes, result.forces, strict=True):
        whole, without, guide = (
            line for line in panel.lines if len(line.get_xdata()) == 2 and line.get_ls() != "None"
        )
        np.testing.assert_allclose(whole.get_ydata(), [1000 * r.spread for r in result.forces[symbol]])
        np.testing.assert_allclose(without.get_ydata(), np.array(whole.get_ydata()) / 4)
        assert guide.get_ydata()[1] / guide.get_ydata()[0] == pytest.approx((4 / 3) ** -1.5)


def test_the_same_result_gives_the_same_bytes(result, tmp_path) -> None:
    png, svg = draw_locality(result, tmp_path / "one")
    again = draw_locality(result, tmp_path / "two")
    assert [path.name for path in (png, svg)] == ["one.png", "one.svg"]
    assert [png.read_bytes(), svg.read_bytes()] == [path.read_bytes() for path in again]
    assert png.stat().st_size > 20_000


def test_lines_stand_at_the_spread_of_the_largest_radius(result) -> None:
    errors = {"gap": Splits(test=Errors(force_rmse_by_species={"Li": 0.03, "P": 0.2, "S": 0.1}))}
    figure = force_errors(errors, result)
    assert figure is not None
    (panel,) = figure.axes
    heights = [segment[0, 1] for lines in panel.collections for segment in lines.get_segments()]
    np.testing.assert_allclose(heights, [20, 80, 40, 5, 20, 10])
    assert [bar.get_height() for bar in panel.patches] == pytest.approx([30, 200, 100])
    assert "beyond 4 Å" in figure.legends[0].get_texts()[1].get_text()


def test_nothing_is_drawn_without_a_result_or_errors(result) -> None:
    assert force_errors({"gap": Splits(test=Errors(force_rmse_by_species={"Li": 0.03}))}, None) is None
    assert force_errors({"gap": Splits()}, result) is None


def test_a_study_that_names_a_result_shows_it(result, tmp_path: Path) -> None:
    study = write_study(tmp_path / "study")
    write_result(tmp_path / "far.json", result)
    settings = yaml.safe_load((study / "study.yaml").read_text())
    assert read_content(study).locality is None
    (study / "study.yaml").write_text(yaml.safe_dump(settings | {"locality": "../far.json"}))
    content = read_content(study)
    assert content.locality == result
    figures = draw_all(content, study / "figures")
    page = Page(render(content, {"force_errors": figures["force_errors"]}))
    assert any("no local model" in (a.get("alt") or "") for tag, a in page.tags if tag == "img")


@pytest.mark.parametrize("wrong", ["[]", "{", '{"kind": "charge-fit"}'])
def test_a_file_that_is_no_result_is_named(wrong: str, tmp_path: Path) -> None:
    study = write_study(tmp_path / "study")
    (tmp_path / "far.json").write_text(wrong)
    settings = yaml.safe_load((study / "study.yaml").read_text())
    (study / "study.yaml").write_text(yaml.safe_dump(settings | {"locality": "../far.json"}))
    with pytest.raises(SuperionError, match=r"far\.json"):
        read_content(study)
