"""What the files of a study hold, for those who write and who read them (`superion.results`)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from superion.results import Count, Finite, Range, Result, ResultFile, Size, same_length

Names = dict[str, Count]
BySpecies = dict[str, Size | None] | None


class ChargeNumbers(Result):
    """Predicted charges of one species."""

    mean: Finite = Field(description="mean, e")
    std: Finite = Field(description="standard deviation over the atoms, e")
    min: Finite = Field(description="least, e")
    max: Finite = Field(description="largest, e")
    atoms: Count = Field(description="atoms, count")


class Charges(Result):
    """Predicted charges of one set of frames (`superion.analysis.charges.charge_summary`)."""

    by_species: dict[str, ChargeNumbers] = Field(default_factory=dict)
    total_error: Size | None = Field(None, description="largest |Σq − Q| of a frame, e")
    doubts: list[str] = Field(default_factory=list)


class Errors(Result):
    """Errors of one potential on one set of frames (`superion.analysis.accuracy.errors`)."""

    frames: Count | None = Field(None, description="frames compared, count")
    atoms: Count | None = Field(None, description="atoms compared, count")
    energy_rmse_per_atom: Size | None = Field(None, description="root mean square, eV/atom")
    energy_mae_per_atom: Size | None = Field(None, description="mean absolute, eV/atom")
    force_rmse: Size | None = Field(None, description="root mean square over components, eV/Å")
    force_mae: Size | None = Field(None, description="mean absolute over components, eV/Å")
    stress_rmse: Size | None = Field(None, description="root mean square over components, eV/Å³")
    stress_mae: Size | None = Field(None, description="mean absolute over components, eV/Å³")
    charge_rmse: Size | None = Field(None, description="root mean square over atoms, e")
    dipole_mae: Size | None = Field(None, description="mean absolute of the magnitude, e·Å")
    dipole_vector_error: Size | None = Field(None, description="mean length of the difference, e·Å")
    force_rmse_by_species: BySpecies = Field(None, description="root mean square by element, eV/Å")
    force_mae_by_species: BySpecies = Field(None, description="mean absolute by element, eV/Å")
    charge_rmse_by_species: BySpecies = Field(None, description="root mean square by element, e")
    charges: Charges | None = None


class Splits(Result):
    """Errors of one potential."""

    train: Errors | None = None
    test: Errors | None = None
    born_charges: dict[str, Finite] | None = Field(
        None, description="a third of the trace of Born charges by element in the first training frame, e"
    )


class Accuracy(ResultFile):
    """`accuracy.json`: errors by model."""

    __pydantic_extra__: dict[str, Splits]
    kind: Literal["accuracy"] = "accuracy"

    @property
    def models(self) -> dict[str, Splits]:
        """Errors by the name of the model."""
        return self.__pydantic_extra__ or {}


class Group(Result):
    """Frames counted together."""

    name: str
    frames: Count = Field(description="frames, count")
    atoms: Annotated[list[Count], Field(min_length=2, max_length=2)] = Field(
        description="atoms of the smallest and the largest frame, count"
    )
    species: list[str]
    labels: Names = Field(description="frames that have each label, count")
    energy_per_atom: Range | None = Field(None, description="lowest and highest, eV/atom")
    force_max: Size | None = Field(None, description="largest magnitude, eV/Å")
    force_rms: Size | None = Field(None, description="root mean square over components, eV/Å")
    stress: Range | None = Field(None, description="lowest and highest component, eV/Å³")
    trajectories: Names = Field(default_factory=dict, description="frames of each trajectory, count")


class CensusResult(Result):
    """What a census found."""

    groups: list[Group] = Field(default_factory=list)
    total: Group | None = None
    duplicates: list[list[str]] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)


class Split(Result):
    """Trajectories trained on and tested."""

    train: Names | None = Field(None, description="frames of each trajectory, count")
    test: Names | None = Field(None, description="frames of each trajectory, count")


class DrawnUnits(Result):
    """What takes each other's place in resampled fits."""

    of: str = Field(
        description="trajectory, block (of the only trajectory of its kind), point (of a scan), frame"
    )
    name: str
    count: Count = Field(description="units, count")


class Resampling(Result):
    """What resampled fits draw (`superion.structures.clusters.strata`)."""

    by: str
    freedom: Size = Field(description="degrees of freedom of the spread of fits from what is drawn, no unit")
    units: list[DrawnUnits] = Field(default_factory=list)


class CensusFile(ResultFile):
    """`census.json`."""

    kind: Literal["census"] = "census"
    census: CensusResult | None = None
    split: Split | None = None
    resampling: Resampling | None = None


class Mismatch(Result):
    """Differences from the curve of the labels."""

    differences_eV: list[Finite] = Field(description="energies over their minima, less the labels, eV")


class CurveFile(ResultFile):
    """`eos/<potential>.json` (`superion.calculations.eos.curve_record`); numbers with standard errors."""

    kind: Literal["eos"] = "eos"
    name: str
    atoms: Annotated[int, Field(ge=1)] = Field(description="atoms of the cell, count")
    volumes_A3: Annotated[list[Finite], Field(min_length=1)] = Field(description="volumes of the cell, Å³")
    energies_eV: list[Finite] = Field(description="energies of the cell, eV")
    energy_eV: Range = Field(description="energy at zero pressure and its standard error, eV")
    volume_A3: Range = Field(description="volume at zero pressure and its standard error, Å³")
    modulus_GPa: Range = Field(description="bulk modulus and its standard error, GPa")
    derivative: Range = Field(description="dB/dp and its standard error, no unit")
    residual_eV: Size | None = Field(None, description="root mean square of what the fit leaves, eV")
    difference: Mismatch | None = None
    notes: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        same_length(volumes_A3=self.volumes_A3, energies_eV=self.energies_eV)
        if self.difference is not None:
            same_length(volumes_A3=self.volumes_A3, differences_eV=self.difference.differences_eV)
        return self
