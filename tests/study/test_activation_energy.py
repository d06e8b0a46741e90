"""The activation energy as a property of a study: value, error, what it lacks, the report."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ase import units
from ase.build import bulk

from superion.analysis.transport_file import TransportFile
from superion.analysis.transport_result import TransportResult
from superion.errors import InputError
from superion.report.figure_arrhenius import arrhenius_figure
from superion.report.tables_arrhenius import arrhenius_table, slope_remarks
from superion.results import read_result, write_result
from superion.study.properties.activation_energy import ActivationEnergy, ActivationEnergySettings
from superion.study.properties.registry import settings_model
from superion.study.resample import Fit

FROZEN = json.loads((Path(__file__).parents[1] / "frozen" / "results.json").read_text(encoding="utf-8"))


def study(folder, kelvins, **keys):
    """As much of a study as the property sees."""
    own = settings_model()(activation_energy=ActivationEnergySettings(**keys))
    settings = SimpleNamespace(
        properties=own,
        temperatures=list(kelvins),
        structure=SimpleNamespace(file="a"),
    )
    start = bulk("LiCl", "rocksalt", 5.1)
    return ActivationEnergy(SimpleNamespace(settings=settings, folder=folder, start=start, periodic=True))


def write_run(folder, kelvin, energy, known=True):
    """A file of transport: a value known to 10 %, or a bound."""
    (folder / "transport").mkdir(exist_ok=True)
    value = 1e6 / kelvin * np.exp(-energy / (units.kB * kelvin))
    found = TransportResult.model_validate_json(json.dumps(FROZEN["transport-result"]))
    found = found.with_values(temperature=float(kelvin))
    if known:
        found = found.with_values(
            status="converged", diffusion=1e-5, diffusion_interval=(8e-6, 1.2e-5), diffusion_bound=None,
            conductivity=value, conductivity_interval=(0.82 * value, 1.22 * value), conductivity_bound=None,
        )  # fmt: skip
    else:
        found = found.with_values(
            status="upper bound only", conductivity=None, conductivity_interval=None, diffusion=None,
            conductivity_bound=value, diffusion_interval=None, diffusion_bound=1e-7,
        )  # fmt: skip
    write_result(folder / "transport" / f"gap-{kelvin:g}K.json", TransportFile(result=found))


def test_value_error_and_what_the_report_shows(tmp_path):
    table = tmp_path / "measured.csv"
    table.write_text("composition,conductivity (S/cm)\nLiCl,1e-6\n")
    for kelvin in (600, 800, 1000):
        write_run(tmp_path, kelvin, 0.25)
    wanted = study(tmp_path, (600, 800, 1000), experiment=str(table))
    wanted.check()
    (value,) = wanted.measure(Fit("gap")).values
    assert value.value == pytest.approx(0.25, abs=1e-3)
    beta = 1 / (units.kB * np.array([600, 800, 1000]))
    error = np.log(1.22 / 0.82) / 3.92 / np.sqrt(((beta - beta.mean()) ** 2).sum())
    assert value.error == pytest.approx(error, rel=0.02)
    found = {"gap": read_result(tmp_path / "arrhenius" / "gap.json")}
    assert found["gap"].measured[0].conductivity == 1e-3
    assert arrhenius_table(found).rows[0][1].startswith("0.25")
    assert "0.001 mS/cm" in arrhenius_table(found).caption
    assert arrhenius_figure(found) is not None
    assert set(wanted.files(Fit("gap"))) == {"600", "800", "1000", "experiment"}


def test_what_it_lacks(tmp_path):
    write_run(tmp_path, 1000, 0.25)
    wanted = study(tmp_path, (600, 1000))
    (value,) = wanted.measure(Fit("gap")).values
    assert "fewer than two temperatures" in value.why
    write_run(tmp_path, 600, 0.25, known=False)
    (value,) = wanted.measure(Fit("gap")).values
    assert value.value is None
    assert "lower bound only (above" in value.why
    found = {"gap": read_result(tmp_path / "arrhenius" / "gap.json")}
    assert arrhenius_table(found).rows[0][1].startswith("> 0.2")
    assert slope_remarks(found)
    with pytest.raises(InputError, match="two or more temperatures"):
        study(tmp_path, (600,)).check()


def test_fits_of_any_property_are_run():
    both = settings_model()(conductivity={"fits": 2}, activation_energy={"fits": 3})
    assert both.moving == (3, "properties.activation_energy.fits")
