"""What models are worth on labelled frames: errors, predicted charges, the worst frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from superion.analysis.long_range_result import LongRange
from superion.notebook import Table
from superion.results import REDO, Count, Finite, Result, ResultFile, Size

BySpecies = dict[str, Size | None] | None
_ERRORS = {
    "energy RMSE (eV/atom)": "energy_rmse_per_atom",
    "energy MAE (eV/atom)": "energy_mae_per_atom",
    "force RMSE (eV/Å)": "force_rmse",
    "force MAE (eV/Å)": "force_mae",
    "stress RMSE (eV/Å³)": "stress_rmse",
    "stress MAE (eV/Å³)": "stress_mae",
}


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


class BornErrors(Result):
    """Born charges against their labels (`electrostatics.born_errors`)."""

    born_rmse: Size = Field(description="root mean square over components, e")
    born_mae: Size = Field(description="mean absolute over components, e")
    born_slope: Finite = Field(description="label over prediction, no unit")
    sum_rule: Size = Field(description="largest violation of the sum rule, e")
    frames: Count = Field(description="frames with labels, count")


class HeldOutErrors(Errors):
    """Errors on frames, and what `superion evaluate` adds: beside shifts of energy; of Born charges."""

    energy_rmse_per_atom_shifted: Size | None = Field(
        None, description="root mean square beside one shift for each element, eV/atom"
    )
    born_charges: BornErrors | None = None


class WorstFrame(Result):
    """A frame with a large error; atom: the one whose force is worst."""

    frame: str
    energy_error_per_atom: Finite | None = Field(None, description="prediction less label, eV/atom")
    force_rmse: Size | None = Field(None, description="root mean square over components, eV/Å")
    atom: Count | None = Field(None, description="number of the atom, count from 0")
    force_error: Size | None = Field(None, description="magnitude on that atom, eV/Å")


class WorstFrames(Result):
    """Worst first."""

    train: list[WorstFrame] | None = None
    test: list[WorstFrame] | None = None


class Metrics(ResultFile):
    """Errors of one model; null for a set that was not given, or a quantity that is not known."""

    writer: ClassVar[str] = "`superion fit --json` or `superion evaluate --json`"

    kind: Literal["errors"] = "errors"
    train: Errors | None = None
    test: HeldOutErrors | None = None
    worst_frames: WorstFrames | None = None
    long_range: LongRange | None = Field(None, description="the check of charges that were fitted")

    @property
    def table(self) -> Table:
        """Errors, a row for each set."""
        return errors_table(("set",), {("train",): self.train, ("test",): self.test})


def errors_table(head: tuple[str, ...], found: Mapping[tuple[Any, ...], Errors | None]) -> Table:
    """Errors of energies, forces and stresses, a row for each that is known, under its names."""
    rows = tuple(
        (*names, errors.frames, *(getattr(errors, key) for key in _ERRORS.values()))
        for names, errors in found.items()
        if errors is not None
    )
    return Table("Errors against the labels", (*head, "frames", *_ERRORS), rows)


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
