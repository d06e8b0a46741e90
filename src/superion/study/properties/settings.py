"""What the settings of all properties have in common: paths, and what a property depends on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
PATHS = ("structure", "file", "labels", "experiment")
"""Keys whose values are paths, relative to the YAML file."""


class OfRelaxedCrystal(BaseModel):
    """Settings of a property of one crystal, relaxed with each fit."""

    model_config = STRICT

    structure: str | None = Field(
        None, description="crystal, relative to the YAML file; null: the file under structure, not repeated"
    )
    fmax: PositiveFloat = Field(1e-3, description="largest force of a relaxed structure, in eV/Å")
    steps: int = Field(1000, gt=0, description="steps of one relaxation at most")


class ChosenProperties(BaseModel):
    """What is computed with every fit; errors of forces always are. Subclasses have a field for each."""

    model_config = STRICT

    @property
    def chosen(self) -> dict[str, BaseModel]:
        """Settings of the properties that are asked for, by name."""
        each = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in each.items() if value is not None}

    def with_paths(self, change: Callable[[str], str]) -> Self:
        """The settings with `change` applied to every path."""
        return self.model_copy(update={name: _changed(own, change) for name, own in self.chosen.items()})

    @property
    def moving(self) -> tuple[int, str]:
        """Of how many resampled fits dynamics is run as well, and the key that asks for most."""
        each = {f"properties.{name}.fits": getattr(own, "fits", 0) for name, own in self.chosen.items()}
        return max(((count, key) for key, count in each.items()), default=(0, "properties.conductivity.fits"))

    def files(self) -> dict[str, list[str]]:
        """Paths by dotted key."""
        found = {
            f"properties.{name}.{key}": getattr(own, key, None)
            for name, own in self.chosen.items()
            for key in PATHS
        }
        return {
            key: [value] if isinstance(value, str) else list(value) for key, value in found.items() if value
        }


def identity(settings: BaseModel) -> dict[str, object]:
    """What a property depends on, files aside, wherever these are."""
    return settings.model_dump(mode="json", exclude=set(PATHS))


def _changed(own: BaseModel, change: Callable[[str], str]) -> BaseModel:
    paths = {key: value for key in PATHS if (value := getattr(own, key, None))}
    return own.model_copy(
        update={
            key: change(value) if isinstance(value, str) else [change(one) for one in value]
            for key, value in paths.items()
        }
    )
