"""What a census found, in files."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from superion.notebook import Table
from superion.results import REDO, Count, Range, Result, ResultFile, Size

_COLUMNS = (
    *("frames of", "frames", "fewest atoms", "most atoms", "species", "labels"),
    *("force rms (eV/Å)", "force max (eV/Å)"),
)


class Group(Result):
    """Frames counted together."""

    name: str
    frames: Count = Field(description="frames, count")
    atoms: Annotated[list[Count], Field(min_length=2, max_length=2)] = Field(
        description="atoms of the smallest and the largest frame, count"
    )
    species: list[str]
    labels: dict[str, Count] = Field(description="frames that have each label, count")
    energy_per_atom: Range | None = Field(None, description="lowest and highest, eV/atom")
    force_max: Size | None = Field(None, description="largest magnitude, eV/Å")
    force_rms: Size | None = Field(None, description="root mean square over components, eV/Å")
    stress: Range | None = Field(None, description="lowest and highest component, eV/Å³")
    trajectories: dict[str, Count] = Field(
        default_factory=dict, description="frames of each trajectory, count"
    )


class SuspectLabel(Result):
    """A label of a frame that looks wrong (`structures.suspects`)."""

    frame: str
    label: str
    reason: str
    atom: Count | None = Field(None, description="number of the atom, count from 0; null: all")


class CensusResult(Result):
    """What a census found."""

    groups: list[Group] = Field(default_factory=list)
    total: Group | None = None
    duplicates: list[list[str]] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    suspects: list[SuspectLabel] = Field(default_factory=list)

    @property
    def table(self) -> Table:
        """Frames, atoms and labels, a row for each group and one for all."""
        rows = [
            (
                g.name,
                g.frames,
                g.atoms[0],
                g.atoms[1],
                " ".join(g.species),
                " ".join(g.labels),
                g.force_rms,
                g.force_max,
            )
            for g in (*self.groups, *((self.total,) if self.total else ()))
        ]
        return Table(f"census, {len(self.warnings)} warnings", _COLUMNS, tuple(rows))

    def to_frame(self) -> Any:
        """The table as a pandas DataFrame; InputError without pandas."""
        return self.table.to_frame()

    def _repr_html_(self) -> str:
        return self.table._repr_html_()


class CensusReport(CensusResult, ResultFile):
    """What `superion census` found."""

    writer: ClassVar[str] = "`superion census --json`"

    kind: Literal["census-result"] = "census-result"


Names = dict[str, Count]


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
