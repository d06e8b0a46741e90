"""What results of `superion locality` and `superion charge-fit` hold, for those who read them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from superion.results import Count, Finite, Result, ResultFile, Size, read_checked, read_result

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SpreadRow(Result):
    """Spread of forces (eV/Å) on one species when atoms beyond a radius (Å) move."""

    radius: Size = Field(description="atoms beyond it move, Å")
    spread: Size = Field(description="standard deviation of a force component, eV/Å")
    low: Size = Field(description="lower end of the 95 % interval, eV/Å")
    high: Size = Field(description="upper end of the 95 % interval, eV/Å")
    error: Size | None = Field(description="standard error over the atoms, eV/Å")
    mean_force: Size = Field(description="root mean square of the mean forces, eV/Å")
    freedom: Annotated[int, Field(ge=1)] = Field(description="degrees of freedom of the spread, count")
    atoms: dict[str, Size] = Field(description="spread of each atom, eV/Å")


class Displaced(Result):
    """What is known of the samples or asked for them; displacement: Å."""

    displacement: Size | None = Field(None, description="of the atoms that move, Å")


class LocalityFile(ResultFile):
    """`locality.json`."""

    kind: Literal["locality"]
    forces: dict[str, list[SpreadRow]]
    without: dict[str, dict[str, list[SpreadRow]]]
    structure: Displaced | None = None
    settings: Displaced | None = None


class ChargeFitFile(ResultFile):
    """The result of a charge fit; only charges and screening are needed to use it (see `ChargeFit`)."""

    kind: Literal["charge-fit"]
    radius: Size | None = Field(None, description="atoms beyond it were moved, Å")
    charges: Annotated[dict[str, Finite], Field(min_length=1)] = Field(description="by element, e")
    errors: dict[str, Size] | None = Field(None, description="standard errors of the fit by element, e")
    bootstrap: dict[str, Size] | None = Field(None, description="standard errors over atoms by element, e")
    screening: Positive = Field(description="of the 1s Slater densities, 1/Å")
    screening_error: Size | None = Field(None, description="its standard error, 1/Å")
    determined: bool | None = None
    before: Size | None = Field(None, description="root mean square of changes of forces, eV/Å")
    after: Size | None = Field(None, description="root mean square of what is left of them, eV/Å")
    rows: Count | None = Field(None, description="changes that were fitted, count")
    atoms: Count | None = Field(None, description="atoms whose forces changed, count")
    doubts: list[str] = Field(default_factory=list)


def read_locality(path: Path) -> dict[str, Any]:
    """The result of a locality test; CorruptFileError naming the keys that are not as it writes them."""
    remedy = "name the locality.json of `superion locality`, or nothing; write it again with that command."
    found: dict[str, Any] = read_checked(path, LocalityFile, "locality", remedy, "`superion locality`")
    return found


def read_charge_fit(path: Path) -> ChargeFitFile:
    """The result of a charge fit; CorruptFileError naming the keys that are not as it writes them."""
    remedy = "give the file that `superion charge-fit --json` wrote, or fit the charges again."
    found: ChargeFitFile = read_result(path, ChargeFitFile, "charges", remedy, "`superion charge-fit`")
    return found
