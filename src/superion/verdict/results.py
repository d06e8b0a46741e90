"""What the files of a study hold, for those who write and who read them (`superion.results`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from superion.analysis.accuracy_result import Errors, errors_table
from superion.calculations.eos_result import Atoms, Curve
from superion.notebook import Table
from superion.results import REDO, Count, Finite, Result, ResultFile, Size
from superion.structures.census_result import CensusResult

Names = dict[str, Count]


class Splits(Result):
    """Errors of one potential."""

    train: Errors | None = None
    test: Errors | None = None
    born_charges: dict[str, Finite] | None = Field(
        None, description="a third of the trace of Born charges by element in the first training frame, e"
    )


class Accuracy(ResultFile):
    """`accuracy.json`: errors by model."""

    writer: ClassVar[str] = "the step 'accuracy' of a study"
    remedy: ClassVar[str] = REDO

    __pydantic_extra__: dict[str, Splits]
    kind: Literal["accuracy"] = "accuracy"

    @property
    def models(self) -> dict[str, Splits]:
        """Errors by the name of the model."""
        return self.__pydantic_extra__ or {}

    @property
    def table(self) -> Table:
        """Errors of energies, forces and stresses, a row for each model and set."""
        return accuracy_table(self.models)


def accuracy_table(found: Mapping[str, Splits]) -> Table:
    """Errors, a row for each model and set."""
    sets: dict[tuple[Any, ...], Errors | None] = {
        (model, name): getattr(both, name) for model, both in found.items() for name in ("train", "test")
    }
    return errors_table(("model", "set"), sets)


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

    writer: ClassVar[str] = "the step 'census' of a study"
    remedy: ClassVar[str] = REDO

    kind: Literal["census"] = "census"
    census: CensusResult | None = None
    split: Split | None = None
    resampling: Resampling | None = None

    @property
    def table(self) -> Table:
        """Frames, atoms and labels, a row for each group and one for all."""
        return (self.census or CensusResult()).table


class CurveFile(Curve, ResultFile):
    """`eos/<potential>.json`: a curve of one model, or of the labels."""

    writer: ClassVar[str] = "the step 'eos' of a study"
    remedy: ClassVar[str] = REDO

    kind: Literal["eos"] = "eos"
    atoms: Atoms
