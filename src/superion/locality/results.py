"""What results of `superion locality` and `superion charge-fit` hold, for those who read them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from superion.results import Finite, Result, ResultFile, Size, read_checked

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
    """The result of a charge fit: charges in e, screening in 1/Å."""

    kind: Literal["charge-fit"]
    charges: Annotated[dict[str, Finite], Field(min_length=1)] = Field(description="by element, e")
    screening: Positive = Field(description="of the 1s Slater densities, 1/Å")


def read_locality(path: Path) -> dict[str, Any]:
    """The result of a locality test; CorruptFileError naming the keys that are not as it writes them."""
    remedy = "name the locality.json of `superion locality`, or nothing; write it again with that command."
    found: dict[str, Any] = read_checked(path, LocalityFile, "locality", remedy, "`superion locality`")
    return found


def read_charge_fit(path: Path) -> dict[str, Any]:
    """The result of a charge fit; CorruptFileError naming the keys that are not as it writes them."""
    remedy = "give the file that `superion charge-fit --json` wrote, or fit the charges again."
    found: dict[str, Any] = read_checked(path, ChargeFitFile, "charges", remedy, "`superion charge-fit`")
    return found
