"""What dipoles say: dielectric constants, infrared spectra, dipoles from Wannier centres."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from superion.notebook import Table
from superion.results import Count, Finite, Result, ResultFile, Size, same_length

Three = Annotated[list[Finite], Field(min_length=3, max_length=3)]
Tensor = Annotated[list[Three], Field(min_length=3, max_length=3)]


class DielectricRun(Result):
    """The dielectric constant from the fluctuations of one run."""

    run: str
    status: str
    start_frame: Count = Field(description="frames left out at the start, count")
    start_ps: Size | None = Field(None, description="the same as time, ps")
    independent_samples: Finite = Field(description="independent dipoles, count")
    epsilon: Finite = Field(description="mean of the diagonal, no unit")
    error: Size = Field(description="its standard error, no unit")
    tensor: Tensor = Field(description="Cartesian, no unit")
    tensor_error: Tensor = Field(description="standard errors, no unit")
    notes: list[str] = Field(default_factory=list)


class DielectricResponse(Result):
    """The dielectric constant from runs at different fields, or at different displacements."""

    epsilon: Finite = Field(description="along the fields, no unit")
    error: Size = Field(description="its standard error, no unit")
    constant: str
    notes: list[str] = Field(default_factory=list)


class DielectricResult(ResultFile):
    """Static dielectric constants of runs; response: of all of them together, null for a single one."""

    writer: ClassVar[str] = "`superion dielectric --json`"

    kind: Literal["dielectric"] = "dielectric"
    runs: list[DielectricRun]
    response: DielectricResponse | None = None

    @property
    def table(self) -> Table:
        """Constants with standard errors, a row for each run, and one for the response."""
        rows: list[tuple[Any, ...]] = [(r.run, "fluctuations", r.epsilon, r.error) for r in self.runs]
        if self.response is not None:
            rows.append(("all", self.response.constant, self.response.epsilon, self.response.error))
        return Table("static dielectric constant", ("run", "from", "ε", "±"), tuple(rows))


class InfraredResult(ResultFile):
    """An absorption spectrum; the conductivity is null where the volume is not known."""

    writer: ClassVar[str] = "`superion infrared --json`"

    kind: Literal["infrared"] = "infrared"
    wavenumber_per_cm: list[Size] = Field(description="wavenumbers, 1/cm")
    absorption_A2: list[Finite] = Field(description="absorption, Å²")
    error_A2: list[Size] = Field(description="its standard error, Å²")
    resolution_per_cm: Size = Field(description="width of a sharp line, 1/cm")
    temperature_K: Size = Field(description="of the run, K")
    notes: list[str] = Field(default_factory=list)
    conductivity_S_per_cm: list[Finite] | None = Field(None, description="optical, S/cm")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        series = {name: getattr(self, name) for name in ("wavenumber_per_cm", "absorption_A2", "error_A2")}
        same_length(**series)
        return self

    @property
    def table(self) -> Table:
        """The spectrum, a row for each wavenumber."""
        columns = (self.wavenumber_per_cm, self.absorption_A2, self.error_A2)
        rows = tuple(zip(*columns, strict=True))
        head = ("wavenumber (1/cm)", "absorption (Å²)", "± (Å²)")
        return Table(f"infrared absorption at {self.temperature_K:.0f} K", head, rows)


class WannierResult(ResultFile):
    """Dipoles along a path from Wannier centres; the last two only where a model was compared."""

    writer: ClassVar[str] = "`superion wannier --json`"

    kind: Literal["dipoles"] = "dipoles"
    frames: Count = Field(description="frames, count")
    centres: Count = Field(description="centres of a frame, count")
    dipole_e_A: list[Three] = Field(description="by frame, followed through the cell, e·Å")
    largest_step: Size = Field(description="in parts of what a dipole is known up to, no unit")
    model_slope: Finite | None = Field(None, description="dipole over prediction, no unit")
    model_rmse_e_A: Size | None = Field(None, description="root mean square difference, e·Å")

    @property
    def table(self) -> Table:
        """Dipoles in e·Å, a row for each frame."""
        rows = tuple((k, *dipole) for k, dipole in enumerate(self.dipole_e_A))
        return Table("dipoles", ("frame", "x (e·Å)", "y (e·Å)", "z (e·Å)"), rows)
