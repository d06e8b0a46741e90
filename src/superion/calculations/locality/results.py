"""What results of `superion locality` and `superion charge-fit` hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from superion.notebook import Table
from superion.results import Count, Finite, Result, ResultFile, Size, read_result

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
    """What is known of the samples; displacement: Å."""

    formula: str | None = None
    atoms: Count | None = Field(None, description="atoms of the structure, count")
    cell: list[list[Finite]] | None = Field(None, description="lattice vectors, Å")
    displacement: Size | None = Field(None, description="of the atoms that move, Å")
    method: str | None = None


class Asked(Result):
    """What was asked for (`LocalitySettings`)."""

    radii: list[Size] | None = Field(None, description="atoms beyond them move, Å")
    reference: dict[str, Count] | None = Field(None, description="atoms whose forces are watched, count")
    perturbations: Count | None = Field(None, description="structures for each radius, count")
    displacement: Size | None = Field(None, description="of the atoms that move, Å")
    shared: bool | None = None
    seed: Count | None = Field(None, description="seed of displacements, no unit")


class LocalityFile(ResultFile):
    """`locality.json`: how far forces reach, as they are, and without the terms that were subtracted."""

    writer: ClassVar[str] = "`superion locality`"
    remedy: ClassVar[str] = (
        "name the locality.json of `superion locality`, or nothing; write it again with that command."
    )

    kind: Literal["locality"] = "locality"
    about: str | None = None
    forces: dict[str, list[SpreadRow]]
    without: dict[str, dict[str, list[SpreadRow]]]
    structure: Displaced | None = None
    settings: Asked | None = None

    @property
    def displaced(self) -> float | None:
        """Å, by how much atoms were moved along each axis, if it is known."""
        parts = (self.settings, self.structure)
        return next((part.displacement for part in parts if part is not None and part.displacement), None)

    @property
    def table(self) -> Table:
        """Spreads of forces in eV/Å, a row for each species and radius."""
        names = [f"without {name} (eV/Å)" for name in self.without]
        rows = []
        for species, found in self.forces.items():
            for k, row in enumerate(found):
                left = [part[species][k].spread for part in self.without.values()]
                rows.append((species, row.radius, row.spread, row.low, row.high, *left))
        head = ("species", "radius (Å)", "spread (eV/Å)", "low (eV/Å)", "high (eV/Å)", *names)
        return Table("spread of forces when atoms beyond a radius move", head, tuple(rows))


class ChargeFitFile(ResultFile):
    """The result of a charge fit; only charges and screening are needed to use it (see `ChargeFit`)."""

    writer: ClassVar[str] = "`superion charge-fit`"
    remedy: ClassVar[str] = "give the file that `superion charge-fit --json` wrote, or fit the charges again."

    kind: Literal["charge-fit"] = "charge-fit"
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

    @property
    def table(self) -> Table:
        """Charges in e with standard errors, of the fit and over the atoms."""
        rows = [
            (symbol, charge, (self.errors or {}).get(symbol), (self.bootstrap or {}).get(symbol))
            for symbol, charge in self.charges.items()
        ]
        caption = f"charges, screening {self.screening:.4g} 1/Å"
        return Table(caption, ("element", "charge (e)", "± fit (e)", "± atoms (e)"), tuple(rows))


def read_locality(path: Path) -> LocalityFile:
    """The result of a locality test; CorruptFileError naming the keys that are not as it writes them."""
    found: LocalityFile = read_result(path, LocalityFile)
    return found


def read_charge_fit(path: Path) -> ChargeFitFile:
    """The result of a charge fit; CorruptFileError naming the keys that are not as it writes them."""
    found: ChargeFitFile = read_result(path, ChargeFitFile)
    return found
