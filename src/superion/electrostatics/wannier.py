"""Dipoles of first-principles dynamics from cores and the centres of Wannier functions.

    μ = Σ_i Z_i r_i − n Σ_k w_k,

with valence charges Z of the cores and n electrons for each centre: 2, or 1 where both spins have their own
(King-Smith, Vanderbilt, Phys. Rev. B 47, 1651, 1993; Silvestrelli, Parrinello, Phys. Rev. Lett. 82, 3308,
1999). In a periodic cell a centre is known up to lattice vectors, hence μ up to n times those; only its
change along a path has a meaning. Cores are followed from frame to frame to their nearest images, and of the
sum of the centres that image is taken which changes μ least. Centres are not paired between frames: their
order changes, and orbitals of one ion may turn into each other, which leaves their sum as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from superion.errors import InputError
from superion.structures.bare import total_of

Array = np.ndarray
GTH_VALENCE: dict[str, int] = {
    "H": 1, "Li": 3, "B": 3, "C": 4, "N": 5, "O": 6, "F": 7, "Na": 9, "Mg": 10, "Al": 3, "Si": 4, "P": 5,
    "S": 6, "Cl": 7, "K": 9, "Ca": 10, "Ti": 12, "Zn": 12, "Ge": 4, "As": 5, "Se": 6, "Br": 7, "Sr": 10,
    "Y": 11, "Zr": 12, "Nb": 13, "Sn": 4, "Sb": 5, "Te": 6, "I": 7, "Ba": 10, "La": 11, "Ta": 13,
}  # fmt: skip
"""Valence charges (e) of the default GTH-PBE pseudopotentials of CP2K (Goedecker, Teter, Hutter, Phys. Rev. B
54, 1703, 1996; Krack, Theor. Chem. Acc. 114, 145, 2005)."""
FARTHEST = 0.25
"""Of a lattice vector, up to which a step from frame to frame is taken to be known."""
CHARGE = 1e-6


@dataclass(frozen=True, slots=True)
class WannierPath:
    """Structures of a path (F of them) that never jump, and their dipoles (F, 3) in e·Å.

    The first dipole is the smallest of those that differ by n times lattice vectors. largest: largest
    step of the dipole, as a part of n times a lattice vector.
    """

    frames: list[Atoms]
    dipoles: Array
    largest: float


def wannier_path(
    frames: Sequence[Atoms],
    centres: Sequence[Array],
    valence: Mapping[str, float] | None = None,
    *,
    electrons: int = 2,
) -> WannierPath:
    """Dipoles along F structures of one constant cell, from the centres (K, 3) Å of each.

    valence: charge (e) of the core of each element, over `GTH_VALENCE`. electrons: for each centre. Axes that
    are not periodic are taken as they are. Raises InputError for a number of centres that does not make the
    total charge (`total_charge`, else zero), atoms or cells that change, and steps of an atom or of the
    dipole longer than a quarter of a lattice vector.
    """
    if electrons not in (1, 2):
        raise InputError(f"a centre holds 1 or 2 electrons, found {electrons!r}.")
    if not frames or len(frames) != len(centres):
        raise InputError(f"there are {len(frames)} structures and {len(centres)} sets of centres.")
    first = frames[0]
    cores = _cores(first, valence or {})
    periodic = np.asarray(first.pbc, dtype=bool)
    cell = first.cell.complete().array
    if (periodic & ~first.cell.array.any(axis=1)).any() or abs(np.linalg.det(cell)) < 1e-9:
        raise InputError("the structure has no cell.", remedy="name the cell in which it was computed.")
    inverse = np.linalg.inv(cell)
    place = first.positions.copy()
    made: list[Atoms] = []
    path: list[Array] = []
    dipole, largest = np.zeros(3), 0.0
    for k, (atoms, points) in enumerate(zip(frames, centres, strict=True)):
        points = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        name = atoms.info.get("source", k)
        _check(atoms, points, first, cores, electrons, name)
        move = (atoms.positions - place) @ inverse
        move -= np.where(periodic, np.round(move), 0.0)
        far = np.abs(np.where(periodic, move, 0.0)).max(axis=1, initial=0.0)
        if k and far.max(initial=0.0) > FARTHEST:
            worst = int(far.argmax())
            raise InputError(
                f"atom {worst} ({atoms.symbols[worst]}) moves by {far[worst]:.2f} of a lattice vector from "
                f"the frame before, at most {FARTHEST} can be followed.",
                frame=name,
                remedy="give frames that are closer together, in their order.",
            )
        place = place + move @ cell if k else place
        step = (cores @ place - electrons * points.sum(axis=0) - dipole) @ inverse / electrons
        step -= np.where(periodic, np.round(step), 0.0)
        jump = float(np.abs(np.where(periodic, step, 0.0)).max())
        if k and jump > FARTHEST:
            raise InputError(
                f"the dipole moves by {jump:.2f} of {electrons} e times a lattice vector from the frame "
                f"before, at most {FARTHEST} can be followed.",
                frame=name,
                remedy="give frames that are closer together; check the valence charges and that all centres "
                "are converged.",
            )
        largest = max(largest, jump if k else 0.0)
        dipole = dipole + electrons * step @ cell
        path.append(dipole)
        copy = atoms.copy()
        copy.positions = place
        made.append(copy)
    return WannierPath(made, np.array(path), largest)


def slope(predicted: Array, path: Array) -> tuple[float, float]:
    """How a predicted path (F, 3) of dipoles, counted from its start, compares with another one.

    The slope of the straight line through the origin from prediction to path, 0 for a prediction that does
    not move, and the root mean square difference in e·Å of a component.
    """
    ours, theirs = predicted - predicted[0], path - path[0]
    size = float((ours * ours).sum())
    return (
        float((ours * theirs).sum() / size) if size else 0.0,
        float(np.sqrt(((ours - theirs) ** 2).mean())),
    )


def _cores(atoms: Atoms, valence: Mapping[str, float]) -> Array:
    """(N,) e."""
    known = GTH_VALENCE | dict(valence)
    unknown = sorted(set(atoms.get_chemical_symbols()) - set(known))
    if unknown:
        raise InputError(
            f"the valence charge of {', '.join(unknown)} is not known.",
            remedy=f"give it, as the pseudopotential has it: {unknown[0]}=...",
        )
    return np.array([known[symbol] for symbol in atoms.symbols], dtype=np.float64)


def _check(atoms: Atoms, points: Array, first: Atoms, cores: Array, electrons: int, frame: int | str) -> None:
    if not np.array_equal(atoms.numbers, first.numbers):
        raise InputError("its atoms are not those of the first frame, in their order.", frame=frame)
    if not np.allclose(atoms.cell.array, first.cell.array, atol=1e-6):
        raise InputError(
            "its cell is another one than that of the first frame.",
            frame=frame,
            remedy="take a run at constant volume.",
        )
    if not (np.isfinite(points).all() and np.isfinite(atoms.positions).all()):
        raise InputError("positions or centres are not finite.", frame=frame)
    total = total_of(atoms) or 0.0
    if abs(cores.sum() - electrons * len(points) - total) > CHARGE:
        raise InputError(
            f"found {len(points)} centres of {electrons} electrons; cores of {cores.sum():g} e with a total "
            f"charge of {total:g} e need {(cores.sum() - total) / electrons:g}.",
            frame=frame,
            remedy="give the valence charges of your pseudopotentials, 1 electron for each centre where both "
            "spins have their own, and the total charge.",
        )
