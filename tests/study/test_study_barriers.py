"""Barriers of a toy salt with every fit of a study, at labelled images, and in the report."""

from __future__ import annotations

from pathlib import Path

import pytest
from ase.io import read, write
from toy_salt import FIRM, RELAXED, crystal, frames, labelled, lone_atoms, write_study

from superion.report.figure_barriers import study_barriers
from superion.results import read_result
from superion.study import read_study
from superion.study.config import write_study as write_settings
from superion.study.steps import Study
from superion.verdict.values import read_property

QUIET = FIRM.in_background()
HOPS = {"species": "Li", "supercell": [2, 1, 1], "reach": 4.0, "count": 1, "images": 3, "fmax": 0.2}


def study(root: Path, **changes) -> Study:
    settings = read_study(write_study(root, **changes))
    (root / "out").mkdir(exist_ok=True)
    write_settings(settings, root / "out")
    return Study(settings, root / "out", progress=False)


def test_every_fit_finds_its_path_and_labels_judge(tmp_path):
    write(tmp_path / "salt.extxyz", frames(truth=FIRM, edge=RELAXED), format="extxyz")
    write(tmp_path / "lone.extxyz", lone_atoms(), format="extxyz")
    write(tmp_path / "start.extxyz", crystal(RELAXED), format="extxyz")
    plan = {step.name: step for step in study(tmp_path, properties={"barrier": HOPS}).plan()}
    for name in ("fit", "barrier/start"):
        plan[name].work()
    images = read(tmp_path / "out" / "barrier" / "start" / "barriers.extxyz", ":")
    write(tmp_path / "labelled.extxyz", [labelled(a, QUIET, **dict(a.info)) for a in images], format="extxyz")
    made = study(tmp_path, properties={"barrier": HOPS | {"labels": ["labelled.extxyz"]}})
    plan = {step.name: step for step in made.plan()}
    local, charged, known = (
        read_property(plan[f"barrier/{name}"].work()[0]) for name in ("gap", "es-gap", "reference")
    )
    names = [value.name for value in local.values]
    assert [name.partition(" (")[0] for name in names] == [
        "barrier", "barrier back", "barrier at labelled images"
    ]  # fmt: skip
    results = {
        name: read_result(tmp_path / "out" / "barrier" / name / "barriers.json") for name in ("gap", "es-gap")
    }
    assert local.values[0].value == results["gap"].barriers[0].forward_eV
    truth = [QUIET.evaluate(image).energy for image in images]
    assert known.values[0].name == names[2]
    assert known.values[0].value == pytest.approx(max(truth) - truth[0], abs=1e-6)
    assert charged.values[2].value is not None
    assert study_barriers(results).axes[0].get_title() == results["gap"].barriers[0].name
    assert study_barriers({}) is None
