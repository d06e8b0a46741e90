from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread
from synthetic_study import write_study

from superion.report.content import Content, read_content
from superion.report.figure_crystal import crystal
from superion.report.figure_parity import parity
from superion.report.figures import draw_all
from superion.report.figures_dynamics import conductivity, msd, stability
from superion.report.style import BLUE, GREEN, ORANGE, PURPLE, VERMILLION, look, species_colours

PER_EV = 160.2176634  # GPa


@pytest.fixture
def content(finished: Path) -> Content:
    return read_content(finished)


def test_figures_are_large_and_not_empty(finished: Path) -> None:
    for name in ("crystal", "parity", "msd", "conductivity", "stability"):
        picture = imread(finished / "figures" / f"{name}.png")[..., :3]
        assert picture.shape[1] == 1720, name
        assert picture.std() > 0.05, name
        assert 0.3 < (picture > 0.99).all(axis=2).mean() < 0.97, name


@pytest.mark.parametrize(
    ("name", "colours"),
    [("conductivity", (BLUE, VERMILLION)), ("parity", (BLUE, VERMILLION)), ("msd", (GREEN, PURPLE, ORANGE))],
)
def test_colours_mean_the_same_everywhere(finished: Path, name: str, colours: tuple[str, ...]) -> None:
    picture = imread(finished / "figures" / f"{name}.png")[..., :3]
    for colour in colours:
        assert (np.abs(picture - to_rgb(colour)).max(axis=2) < 0.02).sum() > 200, colour


def test_global_state_is_untouched(finished: Path, tmp_path: Path, content: Content) -> None:
    before = dict(matplotlib.rcParams)
    draw_all(content, tmp_path)
    assert dict(matplotlib.rcParams) == before


def test_pyplot_is_never_imported(tmp_path: Path) -> None:
    folder = write_study(tmp_path, potentials=["gap"], sigma={("gap", 500): 95.0})
    code = (
        "import sys; from pathlib import Path; from superion.report import write_report; "
        "write_report(Path(sys.argv[1])); sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(folder)], check=False).returncode == 0
    assert (folder / "report.html").exists()


def test_figures_are_reproducible_and_stale_ones_removed(tmp_path: Path) -> None:
    sigma = {("gap", 500): 95.0}
    folder = write_study(tmp_path, potentials=["gap"], sigma=sigma, stress=False, test=False)
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "crystal.png").write_bytes(b"of an earlier report")
    first = {k: p.read_bytes() for k, p in draw_all(read_content(folder), tmp_path / "figures").items()}
    again = {k: p.read_bytes() for k, p in draw_all(read_content(folder), tmp_path / "figures").items()}
    assert first == again
    assert set(first) == {"parity", "msd", "conductivity", "stability"}
    assert not (tmp_path / "figures" / "crystal.png").exists()


def test_parity_draws_test_over_train_in_the_units_of_the_axes(content: Content) -> None:
    figure = parity(content)
    assert figure is not None
    panel = figure.axes[5]
    assert panel.get_title() == "ES-GAP: stress"
    assert panel.get_xlabel() == "reference stress component (GPa)"
    arrays = content.parity["es-gap", "test"]
    train, test = panel.lines[1], panel.lines[2]
    assert test.get_zorder() > train.get_zorder()
    np.testing.assert_allclose(test.get_xdata(), PER_EV * arrays["stress_reference"].ravel(), rtol=1e-6)
    np.testing.assert_allclose(test.get_ydata(), PER_EV * arrays["stress_predicted"].ravel(), rtol=1e-6)
    rmse = PER_EV * np.sqrt(np.mean((arrays["stress_predicted"] - arrays["stress_reference"]) ** 2))
    assert f"test {rmse:.3f} GPa" in panel.texts[0].get_text()
    for left, right in ((0, 3), (1, 4), (2, 5)):
        assert figure.axes[left].get_xlim() == figure.axes[right].get_xlim()


def test_parity_says_that_labels_are_missing(tmp_path: Path) -> None:
    figure = parity(read_content(write_study(tmp_path, potentials=["gap"], stress=False)))
    assert figure is not None
    assert len(figure.axes) == 3
    assert figure.axes[2].texts[0].get_text() == "no stress labels"


def test_conductivity_draws_bounds_as_marks_without_a_line(content: Content) -> None:
    figure = conductivity(content.runs)
    assert figure is not None
    panel = figure.axes[0]
    assert panel.get_yscale() == "log"
    assert panel.get_ylabel() == "σ(Li) (mS/cm)"
    run = content.runs[0]
    value, bounds = panel.lines[0], panel.lines[1]
    known = [(t, e.value) for t, e in run.growth if not e.is_bound]
    np.testing.assert_array_equal(np.column_stack(value.get_data()), known)
    assert (bounds.get_linestyle(), bounds.get_marker()) == ("None", "v")
    np.testing.assert_array_equal(
        np.column_stack(bounds.get_data()), [(t, e.high) for t, e in run.growth if e.is_bound]
    )
    band = panel.collections[0].get_paths()[0].vertices
    for t, e in run.growth:
        if not e.is_bound:
            assert {e.low, e.high} <= set(band[band[:, 0] == t, 1])


def test_conductivity_of_bounds_only_has_no_line_at_all(tmp_path: Path) -> None:
    folder = write_study(tmp_path, sigma={("gap", 400): None, ("es-gap", 400): None})
    figure = conductivity(read_content(folder).runs)
    assert figure is not None
    assert [line.get_linestyle() for line in figure.axes[0].lines] == ["None", "None"]
    assert figure.axes[0].collections[:] == []


def test_msd_draws_every_species_and_a_guide_of_slope_one(content: Content) -> None:
    figure = msd(content.runs)
    assert figure is not None
    assert len(figure.axes) == 4
    panel = figure.axes[0]
    assert (panel.get_xscale(), panel.get_yscale()) == ("log", "log")
    assert [line.get_color() for line in panel.lines[:3]] == [GREEN, PURPLE, ORANGE]
    np.testing.assert_array_equal(panel.lines[0].get_ydata(), content.runs[0].msd["Li"])
    x, y = panel.lines[3].get_data()
    assert np.log(y[1] / y[0]) / np.log(x[1] / x[0]) == pytest.approx(1)


def test_stability_shows_conserved_quantity_in_mev_per_atom(content: Content) -> None:
    figure = stability(content.runs)
    assert figure is not None
    left, right = figure.axes[:2]
    assert left.lines[0].get_ydata()[0] == 500
    run = content.runs[0]
    np.testing.assert_allclose(right.lines[0].get_ydata(), 1e3 * (run.conserved - run.conserved[0]))
    assert right.get_ylabel() == "change since start (meV/atom)"
    np.testing.assert_allclose(left.lines[2].get_ydata().mean(), run.temperature.mean(), rtol=1e-3)


def test_nothing_to_draw() -> None:
    assert crystal(None) is None
    assert (msd([]), conductivity([]), stability([])) == (None, None, None)


def test_species_have_different_colours() -> None:
    colours = species_colours(["Li", "P", "S", "Cl", "Ge", "O", "H"])
    assert len(set(colours.values())) == 7
    assert colours["Li"] == species_colours(["Li"])["Li"] == GREEN
    assert look("gap").colour != look("es-gap").colour != look("other").colour
