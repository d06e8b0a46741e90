from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from html_reader import Page
from synthetic_study import SIGMA, TEST, record, transport_result, write, write_study

from superion.report.content import read_content
from superion.report.html import render

FIGURES = ("verdict", "crystal", "parity", "msd", "conductivity", "stability")


@pytest.fixture(scope="session")
def page(finished: Path) -> Page:
    return Page((finished / "report.html").read_text())


def pageof(folder: Path) -> Page:
    """The report without figures."""
    return Page(render(read_content(folder), {}))


def test_is_one_file_without_external_resources_or_scripts(finished: Path, page: Page) -> None:
    text = (finished / "report.html").read_text()
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "iframe", "object", "embed", "base"}
    for tag, attributes in page.tags:
        assert "src" not in attributes or attributes["src"].startswith("data:image/png;base64,"), tag
        assert not attributes.get("href", "#").lstrip("#").strip("abcdefghijklmnopqrstuvwxyz"), tag
        assert not any(name.startswith("on") for name in attributes), tag
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert len(text) < 4e6


def test_links_of_the_navigation_lead_somewhere(page: Page) -> None:
    ids = {attributes.get("id") for _, attributes in page.tags}
    targets = [attributes["href"][1:] for tag, attributes in page.tags if tag == "a"]
    assert len(targets) == 7
    assert set(targets) <= ids


def test_embeds_the_figures_it_saves(finished: Path, page: Page) -> None:
    embedded = [a["src"].partition(",")[2] for tag, a in page.tags if tag == "img"]
    saved = {name: (finished / "figures" / f"{name}.png").read_bytes() for name in FIGURES}
    assert {base64.b64decode(text) for text in embedded} == set(saved.values())
    assert all(a["alt"] for tag, a in page.tags if tag == "img")


def test_conductivities_are_shown_side_by_side(page: Page) -> None:
    rows = {row[0]: row[1:] for row in page.table("GAP (local)", "ES-GAP / GAP")}
    assert rows["σ(Li) at 500 K (mS/cm)"] == ["95 (73–124)", "160 (123–208)", "1.7 (1.2–2.4)"]
    assert rows["σ(Li) at 700 K (mS/cm)"][2] == "1.1 (0.74–1.6)"
    assert "At 500 K σ(Li) is significantly higher with electrostatics" in page.text
    assert "At 700 K no significant difference in σ(Li) was found" in page.text


def test_tells_what_was_done(page: Page) -> None:
    for expected in (
        "Li₇P₃S₁₁",
        "42 atoms (14 Li, 6 P, 22 S), 829.3 Å³",
        "35 frames of 2 trajectories",
        "14 frames of 1 trajectory",
        "4 trajectories at 500, 700 K",
        "dynamics.timestep",
        "electrostatics.charges.Li",
    ):
        assert expected in page.text


def test_census_and_split(page: Page) -> None:
    rows = page.table("frames of", "stress (GPa)")
    assert rows[0][:5] == [
        "train.extxyz / md",
        "Li P S",
        "energy (49), forces (49), stress (49)",
        "49",
        "42",
    ]
    assert rows[0][-1] == "−5.0 … 3.0"  # −0.0312 and 0.0187 eV/Å³
    assert [TEST, "test", "14"] in page.table("trajectory", "used for")
    assert ["Li7P3S11-500K-s0", "train", "11"] in page.table("trajectory", "used for")


def test_isolated_atoms_are_counted_apart(tmp_path: Path) -> None:
    folder = write_study(tmp_path)
    census = json.loads((folder / "census.json").read_text())
    lone = census["census"]["groups"][0] | {"name": "isolated.extxyz / IsolatedAtom", "frames": 3}
    lone["trajectories"] = {"isolated.extxyz": 3}
    census["census"]["groups"].append(lone)
    census["split"]["train"]["isolated.extxyz"] = 3
    write(folder / "census.json", census)
    assert "35 frames of 2 trajectories, and 3 isolated atoms" in pageof(folder).text


def test_errors_are_those_of_the_accuracy_file_in_the_units_of_the_heading(
    finished: Path, page: Page
) -> None:
    found = json.loads((finished / "accuracy.json").read_text())["es-gap"]["test"]
    row = page.table("energy (meV/atom)", "stress (GPa)")[3]
    assert row[:3] == ["ES-GAP", "test", "14"]
    values = [float(cell.split(" (")[0]) for cell in (row[3], row[4], row[6])]
    expected = [1e3 * found["energy_rmse_per_atom"], found["force_rmse"], 160.2176634 * found["stress_rmse"]]
    assert values == pytest.approx(expected, rel=5e-3)
    species = page.table("potential", "Li", "P", "S")[3]
    assert float(species[3].split(" (")[0]) == pytest.approx(found["force_rmse_by_species"]["P"], rel=5e-3)


def test_transport_tables(page: Page) -> None:
    row = page.table("D (cm²/s)", "status")[0]
    assert row == ["GAP", "500", "200", "2.5 (1.9–3.2) × 10⁻⁶", "95 (73–124)", "173 (86–345)", "converged"]
    assert page.table("hops", "Haven ratio")[0][2:] == [
        "317",
        "253",
        "0.97",
        "0.55 (0.28–1.1)",
    ]


def test_provenance_and_times(page: Page) -> None:
    steps = {row[0]: row[1:] for row in page.table("step", "time")}
    assert steps["fit"] == ["done", "2026-03-01T10:00:00+00:00", "6 min 52 s"]
    assert steps["dynamics/gap-500K"][2] == "2 h 15 min"
    for expected in ("versions.torch", "2.13.0", "superion run study.yaml", "c" * 64, "seeds.fit", "b" * 64):
        assert expected in page.text


def test_text_from_files_is_escaped(tmp_path: Path) -> None:
    evil = '<script>alert("1")</script><img src=http://x.example/a.png>&amp;'
    folder = write_study(tmp_path, name=evil)
    census = json.loads((folder / "census.json").read_text())
    census["census"]["groups"][0]["name"] = evil
    census["census"]["warnings"] = census["census"]["notes"] = [evil]
    census["split"]["train"] = {evil: 3}
    write(folder / "census.json", census)
    state = json.loads((folder / "state.json").read_text())
    state["steps"][evil] = {**record(1.0), "error": evil, "outputs": {evil: evil}}
    write(folder / "state.json", state)
    write(folder / "provenance.json", {evil: evil})
    name = "gap-500K.json"
    found = json.loads((folder / "transport" / name).read_text())
    found["result"]["notes"] = [evil]
    write(folder / "transport" / name, found)
    page = pageof(folder)
    assert not {tag for tag, _ in page.tags} & {"script", "img"}
    assert page.text.count(evil) >= 10


def test_a_melt_is_named_and_not_compared(tmp_path: Path) -> None:
    folder = write_study(tmp_path)
    path = folder / "transport" / "gap-500K.json"
    content = json.loads(path.read_text())
    content["result"] |= {
        "status": "melt",
        "reason": "the framework diffuses: a melt, not a solid conductor.",
    }
    write(path, content)
    page = pageof(folder)
    assert page.table("D (cm²/s)", "status")[0][-1] == "melt"
    assert "the framework diffuses: a melt, not a solid conductor." in page.text
    assert "At 500 K there is a result of ES-GAP but none of GAP" in page.text


def test_upper_bounds_are_never_shown_as_values(tmp_path: Path) -> None:
    folder = write_study(tmp_path, sigma={("gap", 400): None, ("es-gap", 400): None})
    page = pageof(folder)
    row = page.table("GAP (local)")[0]
    assert row[1:] == ["< 20 (upper bound only)", "< 20 (upper bound only)", "unknown"]
    for row in page.table("D (cm²/s)", "status"):
        assert row[3].startswith("< ")
        assert row[4].startswith("< ")
        assert row[5:] == ["not known", "upper bound only"]
    assert (
        "for the conductivity, because the local potential has no value of it: upper bound only" in page.text
    )
    assert "4.2 independent hops, 10 are needed for a value." in page.text


def test_what_calls_itself_a_bound_is_not_taken_for_a_value(tmp_path: Path) -> None:
    folder = write_study(tmp_path)
    path = folder / "transport" / "gap-500K.json"
    found = json.loads(path.read_text())
    found["result"] |= {"status": "upper bound only", "conductivity_bound": 33.0, "diffusion_bound": 1e-7}
    write(path, found)
    assert pageof(folder).table("D (cm²/s)", "status")[0][4] == "< 33 (upper bound only)"


def test_one_potential_no_test_set_no_stress(tmp_path: Path) -> None:
    sigma = {key: value for key, value in SIGMA.items() if key[0] == "es-gap"}
    folder = write_study(tmp_path, potentials=["es-gap"], sigma=sigma, stress=False, test=False)
    text = pageof(folder).text
    for expected in (
        "undecided for the conductivity, because the local potential has no value of it",
        "There is no result of GAP.",
        "There is no test set (ES-GAP).",
        "The train set has no stress labels (ES-GAP).",
        "The folder holds no trajectory (md/)",
        "At 500 K there is a result of ES-GAP but none of GAP: nothing to compare.",
    ):
        assert expected in text
    assert "lies below" not in text


def test_failed_run_is_said_to_be_missing_with_its_reason(tmp_path: Path) -> None:
    folder = write_study(tmp_path)
    (folder / "transport" / "es-gap-700K.json").unlink()
    state = json.loads((folder / "state.json").read_text())
    state["steps"]["dynamics/es-gap-700K"] |= {"status": "failed", "error": "atoms 3 and 5 touch."}
    state["steps"]["transport/es-gap-700K"] |= {"status": "waiting", "error": "needs dynamics/es-gap-700K"}
    write(folder / "state.json", state)
    page = pageof(folder)
    assert "There is no result of es-gap-700K. dynamics/es-gap-700K failed: atoms 3 and 5 touch." in page.text
    assert page.table("GAP (local)")[1][2:] == ["no result", "–"]


def test_missing_files_and_curves_are_named(tmp_path: Path) -> None:
    folder = write_study(tmp_path, sigma={("gap", 500): 95.0, ("es-gap", 500): 90.0})
    for name in ("study.yaml", "state.json", "provenance.json", "parity/gap-test.safetensors"):
        (folder / name).unlink()
    write(folder / "transport" / "gap-500K.json", {"result": transport_result(500, 95.0)})
    census = json.loads((folder / "census.json").read_text())
    write(folder / "census.json", {"census": census["census"]})
    text = pageof(folder).text
    for expected in (
        "study.yaml is missing or empty",
        "state.json is missing or empty",
        "provenance.json is missing or empty",
        "There are no predictions for the test set to plot (GAP).",
        "There is no conductivity against trajectory length for GAP, 500 K.",
        "There is no mean-square displacement for GAP, 500 K.",
        "There is no record of temperature and conserved quantity for GAP, 500 K.",
        "census.json does not tell which trajectories",
    ):
        assert expected in text


def test_mean_temperature_of_a_run_without_thermostat_is_noted(tmp_path: Path) -> None:
    folder = write_study(tmp_path)
    path = folder / "transport" / "gap-500K.json"
    found = json.loads(path.read_text())
    found["result"]["temperature"] = 512.3
    write(path, found)
    page = pageof(folder)
    assert "its mean temperature of 512.3 K was used, not 500 K." in page.text
    assert page.table("GAP (local)")[0][3] == "1.7 (1.2–2.4)"
