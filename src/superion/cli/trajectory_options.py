"""Options of the commands that analyse trajectories, and how they open them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from superion.cli.options import parse_cell, parse_charges, with_options

if TYPE_CHECKING:
    from superion.simulation import Trajectory

TRAJECTORY = (
    "Folder of a run; or a file: extended XYZ, .traj, XDATCAR, vasprun.xml, dump of LAMMPS, XYZ of CP2K, "
    ".xtc, .dcd …, also .gz"
)
_FOLLOWING = {
    "timestep": Annotated[
        float | None,
        typer.Option(
            metavar="FS",
            help="Of a file: fs from frame to frame, the time step of the dynamics times the steps between "
            "frames.",
        ),
    ],
    "temperature": Annotated[float | None, typer.Option(metavar="K", help="Of a file: temperature in K.")],
    "frames": Annotated[
        str,
        typer.Option(
            "--frames", metavar="START:STOP:STEP", help="Only these frames, counted from 0: 100: or ::10."
        ),
    ],
    "elements": Annotated[
        str | None,
        typer.Option(
            "--elements",
            metavar="Li,P,S",
            help="Dumps of LAMMPS, old XDATCAR: elements in the order of the types.",
        ),
    ],
    "cell": Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C", help="XYZ without a cell: lengths of a rectangular one, or nine numbers, in Å."
        ),
    ],
    "cell_file": Annotated[
        Path | None, typer.Option("--cell-file", metavar="FILE", help="XYZ of CP2K: its file PROJECT-1.cell.")
    ],
    "topology": Annotated[
        Path | None,
        typer.Option(metavar="FILE", help=".xtc, .dcd …: a file of the structure, which names the elements."),
    ],
    "masses": Annotated[
        str | None,
        typer.Option(
            metavar="EL=M,...", help="Masses in amu, such as Li=6.015. Default: the file's, or natural."
        ),
    ],
    "unwrapped": Annotated[
        bool, typer.Option("--unwrapped", help="Atoms of the file were never moved back into the cell.")
    ],
}
"""Options of every command that analyses trajectories."""
_DEFAULTS: dict[str, Any] = {"frames": ":", "unwrapped": False}


@dataclass(frozen=True, slots=True)
class Following:
    """What the command line says of trajectories; the same for all of a command."""

    timestep: float | None = None
    temperature: float | None = None
    frames: str = ":"
    elements: str | None = None
    cell: str | None = None
    cell_file: Path | None = None
    topology: Path | None = None
    masses: str | None = None
    unwrapped: bool = False

    @property
    def said_anything(self) -> bool:
        """Whether there is a word on trajectories that files of structures do not need."""
        structures = Following(elements=self.elements)
        return self != structures

    def said(self) -> dict[str, Any]:
        """The same as arguments of `open_trajectory`."""
        return {
            "timestep": self.timestep,
            "temperature": self.temperature,
            "frames": self.frames,
            "elements": [word.strip() for word in self.elements.split(",")] if self.elements else (),
            "cell": None if self.cell is None else parse_cell(self.cell),
            "cell_file": self.cell_file,
            "topology": self.topology,
            "masses": None if self.masses is None else parse_charges(self.masses, "--masses"),
            "unwrapped": self.unwrapped,
        }

    def open(
        self, paths: Path | Sequence[Path], *, needed: Sequence[str] = ("timestep", "temperature"), **how: Any
    ) -> Trajectory:
        """One trajectory, with a bar while it is read, and a line on what it is if it is foreign."""
        from superion.simulation import open_trajectory

        found = open_trajectory(paths, needed=needed, progress=True, **self.said(), **how)
        show(found)
        return found


def show(trajectory: Trajectory) -> None:
    """Say of a foreign trajectory what it is, and where its times and its temperature come from."""
    if not trajectory.foreign:
        return
    said = trajectory.meta["said"]
    what = repr(trajectory).removeprefix("<Trajectory ").removesuffix(">")
    typer.echo(f"{what} (time {said['timestep']}, temperature {said['temperature']})", err=True)


def reads_trajectories(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say what trajectories do not; it takes them as `following`."""
    return with_options(command, "following", _FOLLOWING, Following, _DEFAULTS)
