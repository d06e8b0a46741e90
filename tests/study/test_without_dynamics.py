"""A study of errors and statics needs no structure and no dynamics."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from toy_salt import settings

from superion.study.config import StudySettings


def without(*names, **changes):
    return {key: value for key, value in settings(**changes).items() if key not in names}


def test_errors_of_labels_need_no_dynamics():
    found = StudySettings.model_validate(without("dynamics", "structure", properties={"energies": {}}))
    assert found.temperatures == []
    assert list(found.properties.chosen) == ["energies"]


def test_dynamics_needs_a_structure_and_conductivities_need_dynamics():
    with pytest.raises(ValidationError, match="name its file"):
        StudySettings.model_validate(without("structure"))
    with pytest.raises(ValidationError, match=r"properties.conductivity need it"):
        StudySettings.model_validate(without("dynamics", properties={"conductivity": {}}))
