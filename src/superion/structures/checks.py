"""Structures that no model can use are refused when they are read."""

from __future__ import annotations

import numpy as np
from ase import Atoms

from superion.errors import InputError
from superion.neighbours import neighbour_pairs

MAX_EXTENT = 1e4
"""Å; larger structures are mistakes, and neighbour search over such emptiness fails."""


def check_structure(atoms: Atoms, min_distance: float, *, file: object, frame: int) -> None:
    """InputError for no atoms, no element, impossible positions, a flat cell or overlaps.

    min_distance: Å; closer pairs of atoms, periodic images included, count as overlapping.
    """
    if len(atoms) == 0:
        raise InputError("the frame has no atoms.", file=file, frame=frame, remedy="remove the frame.")
    if (atoms.numbers < 1).any():
        atom = int(np.flatnonzero(atoms.numbers < 1)[0])
        raise InputError(
            f"atom {atom} has no element.", file=file, frame=frame, remedy="give every atom a symbol."
        )
    if not np.isfinite(atoms.positions).all():
        atom = int(np.argwhere(~np.isfinite(atoms.positions))[0][0])
        raise InputError(
            f"the position of atom {atom} ({atoms.symbols[atom]}) is not finite: "
            f"{atoms.positions[atom].tolist()}.",
            file=file,
            frame=frame,
            remedy="remove the frame; a simulation that gave it has exploded.",
        )
    check_cell(atoms, file=file, frame=frame)
    extent = max(float(np.ptp(atoms.positions, axis=0).max()), float(atoms.cell.lengths().max()))
    if extent > MAX_EXTENT:
        raise InputError(
            f"the structure extends over {extent:.3g} Å, more than {MAX_EXTENT:g} Å.",
            file=file,
            frame=frame,
            remedy="positions and cell must be in Å; a digit or a decimal point may be missing.",
        )
    try:
        pairs = neighbour_pairs(atoms, min_distance)
    except InputError as error:
        raise InputError(
            error.problem,
            file=file,
            frame=frame,
            remedy="remove one of them, or check the cell and the units of the positions.",
        ) from error
    if len(pairs.i):
        k = int(pairs.distance.argmin())
        i, j = int(pairs.i[k]), int(pairs.j[k])
        raise InputError(
            f"atoms {i} ({atoms.symbols[i]}) and {j} ({atoms.symbols[j]}) are {pairs.distance[k]:.3f} Å "
            f"apart, closer than {min_distance} Å: they overlap.",
            file=file,
            frame=frame,
            remedy="remove one of them, or check the cell and the units of the positions.",
        )


def check_cell(atoms: Atoms, *, file: object, frame: int) -> None:
    """InputError for a cell that is not finite or spans no volume along its periodic axes."""
    cell = atoms.cell.array
    if not np.isfinite(cell).all():
        raise InputError(
            f"the cell is not finite: {cell.tolist()}.", file=file, frame=frame, remedy="correct the cell."
        )
    periodic = cell[atoms.pbc]
    lengths = np.linalg.norm(periodic, axis=1)
    flat = len(periodic) and (
        lengths.min() < 1e-3 or np.linalg.svd(periodic / lengths[:, None], compute_uv=False).min() < 1e-6
    )
    if flat:
        raise InputError(
            f"the cell is periodic along {''.join(np.array(list('abc'))[atoms.pbc])} but spans no volume: "
            f"{cell.tolist()}.",
            file=file,
            frame=frame,
            remedy='give the cell vectors (Lattice="..."), or declare the frame not periodic (pbc="F F F").',
        )
