"""Settings of the properties of a study."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    NonNegativeInt,
    PositiveFloat,
    Tag,
    model_validator,
)

from superion.defects.settings import DefectSettings

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
PATHS = ("structure", "file", "labels")
"""Keys whose values are paths, relative to the YAML file."""


class EosSettings(BaseModel):
    """The energy–volume curve at labelled structures, their ions as they are."""

    model_config = _STRICT

    file: str | None = Field(
        None, description="labelled frames of one crystal at 5 or more volumes, relative to the YAML file"
    )
    trajectory: str | None = Field(
        None,
        description="trajectory of the data that holds them; null: the one whose name has the word eos in it",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.file is not None and self.trajectory is not None:
            raise ValueError("give file or trajectory, not both")
        return self


class ElasticSettings(BaseModel):
    """Bulk, shear and Young's modulus of a powder, ions at rest in every strained cell."""

    model_config = _STRICT

    structure: str | None = Field(
        None, description="crystal, relative to the YAML file; null: the file under structure, not repeated"
    )
    relax: bool = Field(True, description="bring cell and ions to rest first, with each fit")
    strain: float = Field(0.005, gt=0, le=0.1, description="strain of each finite difference")
    fmax: PositiveFloat = Field(1e-3, description="force that is taken for rest, in eV/Å")
    steps: int = Field(1000, gt=0, description="steps of one relaxation at most")


class ConductivitySettings(BaseModel):
    """Conductivities from the dynamics of the study, at every temperature."""

    model_config = _STRICT

    fits: NonNegativeInt = Field(
        0, description="of how many resampled fits dynamics is run as well, besides the main ones"
    )


class DielectricSettings(BaseModel):
    """Static dielectric constant of the lattice: what ions at rest add when a small field moves them."""

    model_config = _STRICT

    structure: str | None = Field(
        None, description="crystal, relative to the YAML file; null: the file under structure, not repeated"
    )
    relax_cell: bool = Field(False, description="bring the cell to rest too, with each fit")
    displacement: float = Field(0.01, gt=0, le=0.1, description="of each finite difference of forces, in Å")
    fmax: PositiveFloat = Field(1e-3, description="force that is taken for rest, in eV/Å")
    steps: int = Field(1000, gt=0, description="steps of the relaxation at most")
    epsilon_inf: PositiveFloat = Field(
        1.0, description="electronic part, without unit; that of polarizable atoms if it is not given"
    )


FieldCharges = Annotated[
    Annotated[dict[str, float], Tag("values")] | Annotated[Literal["electrostatics"], Tag("name")],
    Discriminator(lambda value: "name" if isinstance(value, str) else "values"),
]


class DefectsSettings(DefectSettings):
    """Defects at rest with each fit, without field and in fields; and single points at labelled ones."""

    structure: str | None = Field(
        None, description="crystal, relative to the YAML file; null: the file under structure, not repeated"
    )
    labels: list[str] = Field(
        [],
        description="labelled structures of defects and their crystals, as `superion defect` writes them, "
        "relative to the YAML file",
    )
    field_charges: FieldCharges | None = Field(  # type: ignore[assignment]
        None,
        description="charges in e by element that a field acts on; electrostatics: those of the "
        "electrostatic term, for every potential; null: those of each potential, and none for a local one",
    )


class PropertiesSettings(BaseModel):
    """What is computed with every fit; errors of forces always are."""

    model_config = _STRICT

    eos: EosSettings | None = Field(None, description="energy–volume curve; null: none")
    elastic: ElasticSettings | None = Field(None, description="elastic moduli; null: none")
    defects: DefectsSettings | None = Field(
        None, description="energies of defects, also in electric fields; null: none"
    )
    conductivity: ConductivitySettings | None = Field(
        None, description="conductivities as values of the verdict; null: none"
    )
    dielectric: DielectricSettings | None = Field(None, description="static dielectric constant; null: none")

    @property
    def chosen(self) -> dict[str, BaseModel]:
        """Settings of the properties that are asked for, by name."""
        each = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in each.items() if value is not None}

    def with_paths(self, change: Callable[[str], str]) -> Self:
        """The settings with `change` applied to every path."""
        return self.model_copy(update={name: _changed(own, change) for name, own in self.chosen.items()})

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
