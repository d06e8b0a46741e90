"""Settings refuse what they do not know and what would have no effect."""

import pytest
from pydantic import ValidationError

from superion.errors import InputError
from superion.simulation.settings import MDSettings, check_same


def test_every_field_is_described():
    assert all(field.description for field in MDSettings.model_fields.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temprature": 300}, "temprature"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"steps": 105}, "try steps: 110"),
        ({"equilibrate": 7}, "try equilibrate: 10"),
        ({"pressure": 1.0}, "pressure = 1.0 has no effect here: it belongs to npt"),
        ({"friction": 0.1}, "friction = 0.1 has no effect"),
        ({"ensemble": "nve", "thermostat": "langevin"}, "the run is nve"),
        ({"thermostat": "langevin", "thermostat_time": 50.0}, "thermostat_time = 50.0 has no effect"),
        ({"max_temperature": 200}, "must be above temperature"),
        ({"record": ["spin"]}, "record"),
    ],
)
def test_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        MDSettings(**{"temperature": 300, "steps": 100, **changes})


def test_json_round_trip_and_order_of_recorded_quantities():
    settings = MDSettings(temperature=300, steps=100, record=["velocities", "charges", "velocities"])
    assert settings.record == ("charges", "velocities")
    assert MDSettings.model_validate_json(settings.model_dump_json()) == settings


def test_temperature_limit():
    assert MDSettings(temperature=300, steps=10).temperature_limit == 3000
    assert MDSettings(temperature=300, steps=10, max_temperature=800).temperature_limit == 800


def test_only_steps_may_differ():
    old = MDSettings(temperature=300, steps=100)
    check_same(old, MDSettings(temperature=300, steps=900), "folder")
    with pytest.raises(InputError, match=r"temperature was 300.0, now 310.0; timestep was 1.0, now 2.0"):
        check_same(old, MDSettings(temperature=310, steps=100, timestep=2), "folder")
