"""Studies that nobody can finish are refused before anything is computed, all their faults at once."""

import pytest
from pydantic import ValidationError
from toy_salt import settings, write_inputs, write_study

from superion.errors import InputError
from superion.study.config import StudySettings
from superion.study.run import run_study


def test_sizes(tmp_path):
    write_inputs(tmp_path)
    own = settings()
    source = write_study(
        tmp_path,
        fits={"count": 10**9},
        structure=own["structure"] | {"supercell": [10**6, 10**3, 1]},
    )
    with pytest.raises(InputError, match=r"fits.count: .*of memory.* 1000000x1000x1 supercell"):
        run_study(source, tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()
    source = write_study(tmp_path, dynamics=own["dynamics"] | {"steps": 10**13})
    with pytest.raises(InputError, match=r"a run of 1e\+13 steps"):
        run_study(source, tmp_path / "out", progress=False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ramp_to": 600}, "conductivities are of constant temperatures"),
        ({"max_deviation": 0.2}, "resampled fits lack"),
    ],
)
def test_dynamics_that_a_study_cannot_use(change, message):
    chosen = settings(dynamics=settings()["dynamics"] | change, fits={"count": 3})
    chosen["properties"] = {"conductivity": {"fits": 3}}
    with pytest.raises(ValidationError, match=message):
        StudySettings.model_validate(chosen)
