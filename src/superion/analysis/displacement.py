"""Displacements of atoms along a trajectory: unwrapping, drift, mean squared displacement."""

from __future__ import annotations

import numpy as np

from superion.errors import InputError

Array = np.ndarray
LARGEST_CELL_STEP = 0.1  # relative change of the cell between two frames


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


def remove_drift(positions: Array, masses: Array, reference: Array | None = None) -> Array:
    """Positions relative to a moving centre of mass, which stays where it was in the first frame.

    positions: (F, N, 3) Å, unwrapped. masses: (N,) amu. reference: (N,) bool, the atoms whose centre
    of mass is held (default: all). Returns (F, N, 3) Å.
    """
    positions = check_positions(positions)
    masses = np.asarray(masses, dtype=float)
    if masses.shape != (positions.shape[1],) or not (np.isfinite(masses).all() and (masses > 0).all()):
        raise InputError(
            f"masses must be {positions.shape[1]} positive numbers, one per atom, in amu.",
            remedy="pass `atoms.get_masses()`.",
        )
    weights = masses if reference is None else np.where(reference, masses, 0.0)
    if weights.sum() == 0:
        raise InputError(
            "no atom is left to measure the drift of.", remedy="choose another reference for the drift."
        )
    centre = np.einsum("fna,n->fa", positions, weights / weights.sum())
    return positions - (centre - centre[0])[:, None, :]


def collective(positions: Array, charges: Array | None = None) -> Array:
    """The path of one collective coordinate, Σ qᵢ rᵢ / √(Σ qᵢ²).

    positions: (F, N, 3) Å. charges: (N,) e (default: all equal). Returns (F, 1, 3) Å. If the N atoms
    move independently, its mean squared displacement equals that of one atom; the ratio of the two
    is the Haven ratio.
    """
    positions = check_positions(positions)
    charges = np.ones(positions.shape[1]) if charges is None else np.asarray(charges, dtype=float)
    if charges.shape != (positions.shape[1],) or not (np.isfinite(charges).all() and charges.any()):
        raise InputError(f"charges must be {positions.shape[1]} finite numbers in e, not all zero.")
    return np.einsum("fna,n->fa", positions, charges / np.sqrt(charges @ charges))[:, None, :]


def mean_squared_displacement(
    positions: Array, atoms: Array | None = None, *, per_axis: bool = False
) -> Array:
    """Mean squared displacement at every lag, averaged over all time origins and the chosen atoms.

    positions: (F, N, 3) Å, unwrapped. atoms: (N,) bool mask or indices (default: all).
    Returns (F,) Å², or (F, 3) Å² along x, y and z with `per_axis`; entry m is the lag of m frames.
    For the collective displacement pass what :func:`collective` returns.

    The sum over origins is an autocorrelation, evaluated by fast Fourier transform (Kneller et al.,
    Comput. Phys. Commun. 91, 191, 1995): F log F instead of F².
    """
    positions = check_positions(positions)
    if atoms is not None:
        positions = check_positions(positions[:, atoms])
    frames, count, _ = positions.shape
    size = 1 << (2 * frames - 1).bit_length()
    power = np.zeros((size // 2 + 1, 3))
    squares = np.zeros((frames, 3))
    for atom in range(count):
        path = positions[:, atom] - positions[:, atom].mean(axis=0)
        squares += path * path
        spectrum = np.fft.rfft(path, size, axis=0)
        power += spectrum.real**2 + spectrum.imag**2
    products = np.fft.irfft(power, size, axis=0)[:frames]
    before = np.vstack([np.zeros(3), np.cumsum(squares, axis=0)])
    # Σ over origins t of r(t)² + r(t + m)²: all squares, less the last m and less the first m
    ends = before[frames:0:-1] + before[-1] - before[:frames]
    msd = (ends - 2 * products) / (np.arange(frames, 0, -1)[:, None] * count)
    msd[0] = 0.0
    np.maximum(msd, 0.0, out=msd)
    return msd if per_axis else msd.sum(axis=1)


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
