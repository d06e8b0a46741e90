"""What `superion phonons` finds: frequencies at Γ and along a path, imaginary modes."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from superion.notebook import Table
from superion.results import Axis, Count, Finite, Result, ResultFile, Size

Wave = Annotated[list[Finite], Field(min_length=3, max_length=3)]
Counts = Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=3, max_length=3)]


class Path(Result):
    """Bands along a path through the Brillouin zone."""

    wave_vectors: list[Wave] = Field(description="in reciprocal lattice vectors, no unit")
    place: list[Finite] = Field(description="along the path, 1/Å")
    ticks: list[Finite] = Field(description="places of the points with names, 1/Å")
    names: list[str]
    frequencies_THz: list[list[Finite]] = Field(description="by wave vector; imaginary ones below 0, THz")


class ImaginaryMode(Result):
    """A wave vector with imaginary modes; exact: it is a wave of the supercell."""

    wave_vector: Wave = Field(description="in reciprocal lattice vectors, no unit")
    frequencies_THz: list[Finite] = Field(description="the imaginary ones, below 0, THz")
    exact: bool


class PhononResult(ResultFile):
    """Vibrations of a crystal."""

    writer: ClassVar[str] = "`superion phonons --json`"

    kind: Literal["phonons"] = "phonons"
    supercell: Counts = Field(description="repetitions, no unit")
    sufficient_supercell: Counts = Field(description="fewest that see no image, no unit")
    reach_A: Size | None = Field(description="range of the model, Å")
    atoms: Count = Field(description="atoms of the supercell, count")
    displacements: Count = Field(description="structures computed, count")
    residual_eV_per_A: Size = Field(description="largest force before a displacement, eV/Å")
    uneven: Finite | None = Field(None, description="relative violation of Newton's third law, no unit")
    notes: list[str] = Field(default_factory=list)
    epsilon_inf: float | list[list[Finite]] | None = Field(
        None, description="electronic dielectric constant beside the charges, no unit"
    )
    gamma_THz: list[Finite] = Field(description="at Γ, rising, THz")
    path: Path
    mesh: Counts = Field(description="wave vectors that imaginary modes are sought at, count")
    imaginary: list[ImaginaryMode]
    gamma_longitudinal_THz: dict[Axis, list[Finite]] | None = Field(
        None, description="at Γ, come from each axis, with the field of long waves, THz"
    )

    @property
    def table(self) -> Table:
        """Frequencies at Γ in THz, also as one comes from each axis where there are charges."""
        axes = self.gamma_longitudinal_THz or {}
        columns = ("mode", "Γ (THz)", *(f"Γ from {axis} (THz)" for axis in axes))
        return Table(
            f"phonons, {len(self.imaginary)} wave vectors with imaginary modes",
            columns,
            tuple(enumerate_modes(self.gamma_THz, *axes.values())),
        )


def enumerate_modes(*columns: list[float]) -> list[tuple[float | int, ...]]:
    """Rows of a table: number of the mode from 1, then its frequencies."""
    return [(k, *row) for k, row in enumerate(zip(*columns, strict=True), start=1)]
