"""What `job.json` tells the process of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from superion.results import Finite, Result, read_result
from superion.simulation import MDSettings

REMEDY = "run the same command again: it writes the file anew, and the frames that are there are kept."


class Identity(Result):
    """SHA-256 of the files that a run is made from."""

    model: str
    structure: str


class Stop(Result):
    """When an exploring run has left the data."""

    measure: str
    above: Finite = Field(description="limit; deviation and committee: eV/Å, extrapolation: no unit")
    every: Annotated[int, Field(ge=1)] = Field(description="steps between two looks, count")


class JobFile(Result):
    """Paths are relative to the folder of the run; the last three are those of an exploring run."""

    model: str
    structure: str
    supercell: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=3, max_length=3)] = Field(
        description="repetitions along the three lattice vectors, no unit"
    )
    settings: MDSettings
    identity: Identity
    stop: Stop | None = None
    training: str | None = None
    judge: str | None = None
    committee: list[str] = Field(default_factory=list)


def read_job(path: Path) -> JobFile:
    """The content of a job file; CorruptFileError naming the keys that are not as the study writes them."""
    found: JobFile = read_result(path, JobFile, "dynamics", REMEDY)
    return found
