"""Continuous paths of atoms that a program moved back into the cell."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase.geometry import complete_cell

from superion.errors import InputError

Array = np.ndarray
LARGEST_CELL_STEP = 0.1  # relative change of the cell between two frames
AMBIGUOUS = 0.45
"""Part of a lattice vector by which a step may be half a cell or more in the other direction."""


def unwrap(positions: Array, cells: Array) -> Array:
    """Continuous paths from positions that may have been wrapped into the cell, at any pressure.

    positions: (F, N, 3) Å. cells: (F, 3, 3) Å, rows are lattice vectors (or one (3, 3) cell).
    Returns (F, N, 3) Å in the mean cell; the first frame keeps the given periodic images.

    Each step is the minimum image in fractional coordinates, and the steps add up in the *mean* cell.
    Like the toroidal-view-preserving scheme (von Bülow, Bullerjahn, Hummer, J. Chem. Phys. 153,
    021101, 2020) a step is never multiplied by the number of cells an atom has crossed, which is what
    gives spurious diffusion at constant pressure (Kulke, Vermaas, J. Chem. Theory Comput. 18, 6161,
    2022; Bullerjahn et al., J. Chem. Theory Comput. 19, 3406, 2023). Unlike it, the affine breathing
    of the cell is taken out as well: a static crystal in a moving cell does not move at all. At
    constant cell all these schemes agree; in a fluctuating one lengths are those of the mean cell,
    which changes a diffusion coefficient by the relative variance of the cell lengths (about 10⁻⁴).

    Raises InputError where a step is longer than half the smallest cell height, since its image is
    then ambiguous, and where the cell jumps (flipped or exchanged lattice vectors).
    """
    positions = check_positions(positions)
    cells = check_cells(cells, len(positions))
    if np.ptp(cells, axis=0).any():
        inverse = np.linalg.inv(cells)
        change = np.abs(inverse[:-1] @ cells[1:] - np.eye(3)).max(axis=(1, 2))
        if change.size and change.max() > LARGEST_CELL_STEP:
            raise InputError(
                f"the cell changes by {100 * change.max():.0f} % in one step, at most "
                f"{100 * LARGEST_CELL_STEP:.0f} % can be followed.",
                frame=int(change.argmax()) + 1,
                remedy="write frames more often, and do not exchange lattice vectors during a run.",
            )
    else:
        inverse = np.linalg.inv(cells[:1])
    mean_cell = cells.mean(axis=0)
    fractional = positions @ inverse
    step = np.diff(fractional, axis=0)
    step -= np.round(step)
    path = np.empty_like(positions)
    path[0] = fractional[0] @ mean_cell
    np.matmul(step, mean_cell, out=path[1:])
    _refuse_long_steps(path[1:], mean_cell)
    return np.cumsum(path, axis=0, out=path)


def check_positions(positions: Array) -> Array:
    """Positions as (F, N, 3) float64; InputError for another shape, no atom, or a value not finite."""
    positions = np.asarray(positions, dtype=np.float64)
    if positions.ndim != 3 or positions.shape[2] != 3 or 0 in positions.shape:
        raise InputError(
            f"positions must have the shape (frames, atoms, 3), found {positions.shape}.",
            remedy="pass at least one frame and one atom.",
        )
    bad = ~np.isfinite(positions).all(axis=(1, 2))
    if bad.any():
        frame = int(bad.argmax())
        atom = int((~np.isfinite(positions[frame]).all(axis=1)).argmax())
        raise InputError(
            f"the position of atom {atom} is not finite.",
            frame=frame,
            remedy="use the part of the trajectory before this frame; the dynamics exploded here.",
        )
    return positions


def check_cells(cells: Array, frames: int) -> Array:
    """Cells as (F, 3, 3) float64; InputError for another shape, a value not finite, or no volume."""
    cells = np.asarray(cells, dtype=np.float64)
    if cells.shape == (3, 3):
        cells = np.broadcast_to(cells, (frames, 3, 3))
    if cells.shape != (frames, 3, 3):
        raise InputError(f"cells must have the shape ({frames}, 3, 3), found {cells.shape}.")
    bad = ~(np.isfinite(cells).all(axis=(1, 2)) & (np.abs(np.linalg.det(cells)) > 1e-6))
    if bad.any():
        raise InputError(
            "the cell has no volume or is not finite.",
            frame=int(bad.argmax()),
            remedy="transport needs a crystal that is periodic in three dimensions.",
        )
    return cells


def smallest_height(cell: Array) -> float:
    """Smallest distance between opposite faces of a cell (3, 3), Å."""
    return float(1 / np.linalg.norm(np.linalg.inv(cell), axis=0).max())


def _refuse_long_steps(steps: Array, cell: Array) -> None:
    """InputError where a step (F − 1, N, 3) Å reaches half the smallest height of the cell.

    A shorter displacement has fractional components below one half, so that rounding returns it
    exactly, in any triclinic cell.
    """
    limit = 0.5 * smallest_height(cell)
    length = np.einsum("fna,fna->fn", steps, steps)
    if length.size and length.max() >= limit**2:
        frame, atom = np.unravel_index(length.argmax(), length.shape)
        raise InputError(
            f"atom {atom} moves {np.sqrt(length.max()):.2f} Å since the frame before, more than half the "
            f"smallest height of the cell ({limit:.2f} Å): its periodic image is ambiguous.",
            frame=int(frame) + 1,
            remedy="write frames more often, or use a larger cell.",
        )


def continued(cell: Array, before: Array) -> Array:
    """The lattice of `cell` in the vectors that go on from those of the cell `before`, (3, 3) Å each.

    Programs that let a cell shear exchange a vector for another one of the same lattice where it leans too
    far (LAMMPS: flips). Where nothing was exchanged, and where the lattices differ, it is the cell itself.
    """
    if np.array_equal(cell, before) or abs(np.linalg.det(before)) < 1e-6:
        return cell
    change = np.round(cell @ np.linalg.inv(before))
    if np.array_equal(change, np.eye(3)) or round(float(np.linalg.det(change))) != 1:
        return cell
    return np.round(np.linalg.inv(change)) @ cell


class Unwrapper:
    """Continues the path of each atom frame by frame, as `unwrap` does, in the cell of each frame.

    Fractional coordinates are continued by the nearest image along periodic axes, so that atoms that were
    never moved back keep their places to the last bit, and a cell that breathes moves no atom.
    """

    def __init__(self) -> None:
        self._before: Array | None = None
        self._images: Array | None = None
        self._cell: Array | None = None
        self._inverse: Any = None
        self._limit = 0.0

    def __call__(self, positions: Array, cell: Array, pbc: Array) -> Array:
        """Positions (N, 3) Å of the next frame, moved by lattice vectors to where the paths go on.

        Raises InputError where an atom moves so far that its image is ambiguous (half the smallest height of
        the cell, or `AMBIGUOUS` of a lattice vector), and where the cell jumps.
        """
        if not pbc.any():
            return positions
        if self._cell is None or not np.array_equal(cell, self._cell):
            self._turn(cell, pbc)
        scaled = positions @ self._inverse
        if self._before is None or self._images is None:
            self._before, self._images = scaled, np.zeros_like(scaled)
            return positions
        step = scaled - self._before
        crossed = np.round(step)
        crossed[:, ~pbc] = 0
        step -= crossed
        self._images -= crossed
        self._before = scaled
        self._check(step, cell, pbc)
        return positions + self._images @ cell if self._images.any() else positions

    def _turn(self, cell: Array, pbc: Array) -> None:
        whole = cell if np.abs(np.linalg.det(cell)) > 1e-6 else complete_cell(cell)
        inverse = np.linalg.inv(whole)
        if self._cell is not None:
            change = float(np.abs(self._inverse @ whole - np.eye(3)).max())
            if change > LARGEST_CELL_STEP:
                raise InputError(
                    f"the cell changes by {100 * change:.0f} % since the frame before, at most "
                    f"{100 * LARGEST_CELL_STEP:.0f} % can be followed.",
                    remedy="write frames more often, and do not exchange lattice vectors during a run.",
                )
        self._cell, self._inverse = cell.copy(), inverse
        self._limit = 0.5 / np.linalg.norm(inverse, axis=0)[pbc].max()

    def _check(self, step: Array, cell: Array, pbc: Array) -> None:
        periodic = step if pbc.all() else step[:, pbc]
        way = periodic @ (cell if pbc.all() else cell[pbc])
        length = np.einsum("na,na->n", way, way)
        part = np.abs(periodic)
        if length.max() < self._limit**2 and part.max() < AMBIGUOUS:
            return
        part = part.max(axis=1)
        atom = int(length.argmax() if length.max() >= self._limit**2 else part.argmax())
        raise InputError(
            f"atom {atom} moves {np.sqrt(length[atom]):.2f} Å since the frame before, about half the cell, "
            f"whose smallest height is {2 * self._limit:.2f} Å: its periodic image is ambiguous.",
            remedy="write frames more often, or use a larger cell; or say that the atoms of the file were "
            "never moved back into the cell: --unwrapped (in Python unwrapped=True).",
        )
