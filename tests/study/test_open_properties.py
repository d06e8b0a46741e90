"""A property of somebody else's: a class, and a line that makes it known."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, Field
from toy_salt import crystal, write_inputs, write_study

from superion import Calculator
from superion.errors import InputError
from superion.files import read_json
from superion.study import read_study, run_study, schema, status
from superion.study.properties import PROPERTIES, Measured, Property
from superion.study.properties.base import Row
from superion.study.properties.settings import STRICT
from superion.verdict.topics import TOPICS, Limit, Topic


class SqueezeSettings(BaseModel):
    """The pressure of a crystal that is squeezed."""

    model_config = STRICT

    strain: float = Field(0.02, gt=0, lt=0.1, description="by which every edge is shortened")


class Squeeze(Property):
    """The pressure of the start of the study after every edge was shortened."""

    name = "squeeze"
    about = "pressure of a squeezed crystal"
    Settings = SqueezeSettings
    topic = Topic("squeeze", "the squeezed crystal", limits=(Limit("squeeze", 0.5, unit="GPa"),))

    def rows(self) -> list[Row]:
        return [Row("pressure when squeezed", "GPa", "plain")]

    def measure(self, fit) -> Measured:
        atoms = self.study.start
        atoms.set_cell(atoms.cell * (1 - self.settings.strain), scale_atoms=True)
        atoms.calc = self.calculator(fit)
        pressure = -160.2176634 * atoms.get_stress()[:3].mean()
        return Measured([self.rows()[0].of(pressure)])


@pytest.fixture
def squeeze():
    PROPERTIES.add(Squeeze)
    yield
    del PROPERTIES._known["squeeze"]
    TOPICS.pop("squeeze", None)


def test_a_new_property_is_computed_compared_and_asked_about(squeeze, tmp_path: Path) -> None:
    write_inputs(tmp_path)
    study = write_study(
        tmp_path,
        properties={"squeeze": {"strain": 0.03}},
        verdict={"tolerances": {"squeeze": 0.7}},
        fits={"count": 3},
        parallel=1,
    )
    run_study(study, tmp_path / "out", progress=False)
    assert status(tmp_path / "out").next is None
    verdict = read_json(tmp_path / "out" / "verdict.json")
    (row,) = [row for row in verdict["rows"] if row["property"] == "squeeze"]
    assert (row["fits"], row["tolerance"]) == (3, "0.7 GPa")
    atoms = crystal()
    atoms.set_cell(atoms.cell * 0.97, scale_atoms=True)
    atoms.calc = Calculator(tmp_path / "out" / "models" / "gap.safetensors")
    assert row["baseline"] == pytest.approx(-160.2176634 * atoms.get_stress()[:3].mean(), rel=1e-6)
    assert "the squeezed crystal" in (tmp_path / "out" / "report.html").read_text()


def test_its_settings_are_checked_and_shown_like_all_others(squeeze, tmp_path: Path) -> None:
    assert "strain" in schema()["$defs"]["SqueezeSettings"]["properties"]
    with pytest.raises(InputError, match=r"properties\.squeeze\.strain: expected less than 0\.1"):
        read_study(write_study(tmp_path, properties={"squeeze": {"strain": 0.5}}))
    with pytest.raises(InputError, match=r"properties\.squeeze\.stran: unknown key\. Did you mean 'strain'"):
        read_study(write_study(tmp_path, properties={"squeeze": {"stran": 0.05}}))


def test_a_property_that_nobody_brings_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"properties\.squeeze: unknown key"):
        read_study(write_study(tmp_path, properties={"squeeze": {}}))
