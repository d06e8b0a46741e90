"""Options that several commands share, and what their text means."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from superion.cli.outputs import check_file_output
from superion.errors import InputError
from superion.files import is_model

if TYPE_CHECKING:
    from ase import Atoms

    from superion.electrostatics import ChargeModel
    from superion.model import Model
    from superion.structures.foreign import Foreign

ANY_MODEL = (
    "Model file (.safetensors); or any ASE calculator or labeller: a settings file (.yaml; `superion schema "
    "label`), or gpaw, cp2k, sevennet, chgnet. A settings file may name code to run: use your own only."
)
AnyModel = Annotated[Path, typer.Argument(metavar="MODEL", help=ANY_MODEL)]
Precision = Annotated[
    str,
    typer.Option(
        "--precision", help="float64, or float32: SOAP block faster, forces good to about 1e-4 eV/Å."
    ),
]
Device = Annotated[
    str,
    typer.Option(
        help="cpu, cuda or, of several, cuda:1. On cuda, and where numba is missing, PyTorch computes."
    ),
]
ChargedCells = Annotated[
    str | None,
    typer.Option(
        "--charged-cells",
        metavar="WHAT",
        help="Periodic cells that are not neutral, such as one with a vacancy: background (a uniform "
        "one neutralises them), makov-payne:EPS (the same, corrected for the images of the charge in a "
        "medium with this dielectric constant), warn (background, with a warning) or refuse. Default: as the "
        "model has it, warn.",
    ),
]
Executor = Annotated[
    str,
    typer.Option(
        metavar="WHERE",
        help="Where labels are made, and how many at once: processes:4 (or 4), each in a process of its own; "
        "threads:4 or serial, for quick labellers; dask://HOST:PORT, the scheduler of a Dask cluster; or a "
        "settings file (.yaml; `superion schema executor`).",
    ),
]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write the result as JSON.")]


_READING = {
    "key": Annotated[
        list[str] | None,
        typer.Option(
            "--key",
            metavar="LABEL=KEY[:UNIT][:ORDER]",
            help="Read a label from a foreign key, e.g. --key forces=forces --key "
            "'dipole=dipole_vector:e*bohr' --key stress=stress:-kbar:vasp. May be repeated. Labels: energy, "
            "forces, stress, virial, charges, dipole, quadrupole, bec, total_charge, config_type, "
            "trajectory, frame_id. A '-' before the unit reverses the sign. Order of six components: voigt "
            "(xx yy zz yz xz xy, the default), vasp, lammps, rows, or xx,xy,…. LABEL=none leaves it out.",
        ),
    ],
    "total_charge": Annotated[
        float | None,
        typer.Option("--total-charge", metavar="E", help="Total charge in e of frames that state none."),
    ],
    "elements": Annotated[
        str | None,
        typer.Option(
            "--elements", metavar="Li,P,S", help="Files of LAMMPS: elements in the order of the types."
        ),
    ],
    "atom_style": Annotated[
        str | None,
        typer.Option("--atom-style", metavar="STYLE", help="Data files of LAMMPS: atomic, charge, full …"),
    ],
}
"""Options of every command that reads structures."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the command line says of foreign files; the same for all files of a command."""

    key: list[str] | None = None
    total_charge: float | None = None
    elements: str | None = None
    atom_style: str | None = None

    def foreign(self) -> Foreign:
        """The same for `read_frames`; whoever reads with it calls `check` after the last file."""
        from superion.structures.foreign import Foreign

        if self.total_charge is not None and not math.isfinite(self.total_charge):
            raise InputError(
                f"--total-charge is {self.total_charge}.", remedy="write a number of e: --total-charge 0."
            )
        return Foreign.of(
            self.key or (),
            total_charge=self.total_charge,
            elements=[word.strip() for word in self.elements.split(",")] if self.elements else (),
            atom_style=self.atom_style,
        )

    def structure(self, path: Path, index: str | None = "-1") -> Atoms:
        """One structure of a file."""
        from superion.structures import read_structure

        foreign = self.foreign()
        found = read_structure(path, index, foreign)
        foreign.check()
        return found

    def files(self, *groups: Sequence[Path]) -> list[list[Atoms]]:
        """Frames of several groups of files; a mapped key must occur in one file of one group."""
        from superion.structures.dataset import read_files

        foreign = self.foreign()
        found = [read_files(group, foreign) for group in groups]
        foreign.check()
        return found

    def spool(self, paths: Sequence[Path]) -> Sequence[Atoms]:
        """Frames of files that memory need not hold; a mapped key must occur in one of them."""
        from superion.structures.dataset import each_of_files
        from superion.structures.spool import Spool

        foreign = self.foreign()
        found = Spool(each_of_files(paths, foreign))
        foreign.check()
        return found


def reads_files(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say how to read files; it takes them as its argument `reading`."""
    return with_options(command, "reading", _READING, Reading)


def with_options(
    command: Callable[..., None],
    argument: str,
    options: Mapping[str, Any],
    make: Callable[..., Any],
    defaults: Mapping[str, Any] | None = None,
) -> Callable[..., None]:
    """Give a command options, which it takes together, as what `make` makes of them, as one argument.

    Options that the command has already are shared with it.
    """
    signature = inspect.signature(command, eval_str=True)
    own = [parameter for parameter in signature.parameters.values() if parameter.name != argument]
    shared = {parameter.name for parameter in own} & set(options)
    added = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=(defaults or {}).get(name), annotation=kind
        )
        for name, kind in options.items()
        if name not in shared
    ]

    @wraps(command)
    def run(*args: Any, **given: Any) -> None:
        values = {name: given.get(name) if name in shared else given.pop(name, None) for name in options}
        command(*args, **{argument: make(**values)}, **given)

    del run.__wrapped__  # its signature is not the one to show
    run.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *added]}
    return run


def parse_charges(text: str, option: str = "--charges") -> dict[str, float]:
    """`Li=0.445,S=-0.890` as charges in e by element; InputError if it cannot be understood."""
    charges: dict[str, float] = {}
    for part in text.split(","):
        symbol, _, number = (word.strip() for word in part.partition("="))
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not symbol or not math.isfinite(value) or symbol in charges:
            raise InputError(
                f"cannot understand the charge {part.strip()!r} in {option} {text!r}.",
                remedy=f"write each element once, with its charge in e: {option} Li=0.445,P=2.225,S=-0.890.",
            )
        charges[symbol] = value
    return charges


def parse_electrostatics(text: str) -> dict[str, Any]:
    """`--charges`: charges by element, qeq, a model or fitted charges, as settings of the electrostatic term.

    Raises InputError for what is none of these.
    """
    if text == "qeq":
        return {"charges": text}
    if Path(text).is_file():
        return {"model" if is_model(text) else "fitted": text}
    if "=" not in text:
        raise InputError(
            f"--charges {text!r} is neither charges by element, nor qeq, nor a file that exists.",
            remedy="write --charges Li=0.445,P=2.225,S=-0.890, or --charges qeq, or the path of a model or "
            "of what superion charge-fit wrote.",
        )
    return {"charges": parse_charges(text)}


def parse_seconds(text: str, option: str) -> float:
    """`90s`, `10m` or `2h` in seconds; InputError for what is no such time."""
    number, unit = text[:-1].strip(), {"s": 1.0, "m": 60.0, "h": 3600.0}.get(text[-1:].lower())
    try:
        value = float(number) * (unit or math.nan)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise InputError(f"{option} {text!r} is no time.", remedy=f"write {option} 90s, 10m or 2h.")
    return value


def parse_supercell(text: str) -> tuple[int, int, int]:
    """`2x2x1` (or `2`, for all three axes) as repetitions; InputError if it cannot be understood."""
    parts = text.lower().replace(",", "x").replace(" ", "x").split("x")
    numbers = [int(part) for part in parts if part.isdecimal() and len(part) < 10 and int(part) > 0]
    if len(numbers) != len(parts) or len(parts) not in (1, 3):
        raise InputError(
            f"cannot understand the supercell {text!r}.", remedy="write three positive numbers: 2x2x1."
        )
    a, b, c = numbers * 3 if len(numbers) == 1 else numbers
    return a, b, c


def parse_vector(text: str, option: str) -> list[float | None]:
    """`0,0,0.05` as three numbers, or None where `none` is written; InputError if it cannot be understood."""
    parts = [part.strip().lower() for part in text.split(",")]
    try:
        if len(parts) != 3:
            raise ValueError
        return [None if part == "none" else float(part) for part in parts]
    except ValueError:
        raise InputError(
            f"cannot understand {option} {text!r}.", remedy=f"write three numbers: {option} 0,0,0.05."
        ) from None


def parse_cell(text: str) -> list[list[float]]:
    """`10,10,12` or nine numbers, row by row, as a cell in Å; InputError if it cannot be understood."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 3 and min(numbers) > 0:
        a, b, c = numbers
        return [[a, 0.0, 0.0], [0.0, b, 0.0], [0.0, 0.0, c]]
    if len(numbers) != 9 or not all(math.isfinite(number) for number in numbers):
        raise InputError(
            f"cannot understand --cell {text!r}.",
            remedy="write three lengths, --cell 10,10,12, or nine numbers, in Å.",
        )
    return [numbers[:3], numbers[3:6], numbers[6:]]


def check_output(path: Path) -> None:
    """InputError if a file cannot be written, or would destroy what is there (`superion.cli.outputs`)."""
    check_file_output(path)


def load_model(what: str | Path, charged_cells: str | None = None) -> Model:
    """The model that an argument names (`open_model`), with what `--charged-cells` says."""
    from superion.potentials.opening import open_model

    model = open_model(what)
    if charged_cells is None:
        return model
    changed = model.with_charged_cells(charged_cells)
    if model.charge_model is None:
        typer.echo(f"note: --charged-cells has no effect, for {what} has no charges.", err=True)
    return changed


def load_charges(what: Path) -> ChargeModel:
    """The charges of a model that an electric field acts on; InputError with the reason if it has none."""
    charges = load_model(what).response
    if charges is None:
        raise InputError(
            "the model has no charges that are known to change as atoms move.",
            file=what,
            remedy="use a model of superion with electrostatics.",
        )
    return charges


@contextmanager
def drawing() -> Iterator[None]:
    """Import what draws figures; InputError that names the extra where it is not installed."""
    try:
        yield
    except ImportError as error:
        raise InputError(
            f"no figure can be drawn ({error}).", remedy="pip install 'superion[report]'"
        ) from error
