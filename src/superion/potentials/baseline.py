"""E0s: the energy of each element that a fit starts from, of isolated atoms, or by least squares."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from superion.errors import InputError
from superion.structures.bare import total_of
from superion.terms import Evaluation

ISOLATED = "IsolatedAtom"
SAME = 1e-3
"""eV; energies of one isolated atom no further apart are the same."""


class BaselineWarning(UserWarning):
    """Some isolated atoms are not used, because others are missing."""


def baseline_energies(
    frames: Sequence[Atoms],
    bulk: Sequence[Atoms],
    fixed: Sequence[Evaluation],
    method: str,
    species: Sequence[int],
) -> dict[str, float]:
    """Energy per species in eV by chemical symbol, from isolated atoms or by least squares.

    Fixed terms vanish for an isolated atom. With `auto`, isolated atoms count if all are there, with a
    BaselineWarning if only some are. Least squares is the minimum-norm solution where the compositions do not
    determine it.
    """
    isolated = {int(a.numbers[0]): float(a.info["REF_energy"]) for a in lone_atoms(frames) if _has_energy(a)}
    missing = [chemical_symbols[z] for z in species if z not in isolated]
    if method == "isolated" and missing:
        raise InputError(
            f"baseline 'isolated' needs a frame with config_type={ISOLATED} for {missing}.",
            remedy="add them to the training file, or use baseline: least-squares.",
        )
    if method != "least-squares" and not missing:
        return {chemical_symbols[z]: isolated[z] for z in species}
    if method == "auto" and isolated:
        warnings.warn(
            "isolated atoms with REF_energy are there of "
            f"{', '.join(chemical_symbols[z] for z in isolated)}, but "
            f"not of {', '.join(missing)}: the baseline of all elements is fitted by least squares, and "
            "energies of atoms far apart are extrapolated. Add the missing atoms, or choose baseline: "
            "least-squares to be silent.",
            BaselineWarning,
            stacklevel=3,
        )
    labelled = [k for k, atoms in enumerate(bulk) if "REF_energy" in atoms.info]
    if not labelled:
        return {chemical_symbols[z]: 0.0 for z in species}
    counts = np.array([[np.count_nonzero(bulk[k].numbers == z) for z in species] for k in labelled])
    energies = np.array([bulk[k].info["REF_energy"] - fixed[k].energy for k in labelled])
    solution = np.linalg.lstsq(counts.astype(np.float64), energies, rcond=1e-8)[0]
    return {chemical_symbols[z]: float(e) for z, e in zip(species, solution, strict=True)}


def lone_atoms(frames: Sequence[Atoms]) -> list[Atoms]:
    """Isolated atoms of each species: of several charges those of the smallest, for the others are ions.

    Raises InputError for two that have the same charge and different energies.
    """
    lone = [atoms for atoms in frames if atoms.info.get("config_type") == ISOLATED]
    chosen: dict[str, tuple[float, float]] = {}
    for atoms in filter(_has_energy, lone):
        name, charge, energy = str(atoms.symbols), total_of(atoms) or 0.0, float(atoms.info["REF_energy"])
        before, known = chosen.get(name, (charge, energy))
        if charge == before and abs(energy - known) > SAME:
            raise InputError(
                f"isolated atoms of {name} have the energies {known:.6g} and {energy:.6g} eV.",
                frame=atoms.info.get("source"),
                remedy="keep one of them, or state the total_charge of those that are ions.",
            )
        chosen[name] = (charge, energy) if abs(charge) < abs(before) else (before, known)
    return [
        atoms
        for atoms in lone
        if not _has_energy(atoms) or (total_of(atoms) or 0.0) == chosen[str(atoms.symbols)][0]
    ]


def _has_energy(atoms: Atoms) -> bool:
    return len(atoms) == 1 and "REF_energy" in atoms.info


def undetermined(frames: Sequence[Atoms], method: str) -> str | None:
    """A sentence and a remedy if the energies of `frames` do not determine those of the elements, else None.

    method: as for `baseline_energies`.
    """
    energetic = [atoms for atoms in frames if "REF_energy" in atoms.info]
    bulk = [atoms for atoms in energetic if atoms.info.get("config_type") != ISOLATED]
    species = sorted({int(z) for atoms in bulk for z in atoms.numbers})
    lone = {int(atoms.numbers[0]) for atoms in lone_atoms(energetic)}
    if not bulk or (method != "least-squares" and lone.issuperset(species)):
        return None
    shares = np.unique([[np.mean(a.numbers == z) for z in species] for a in bulk], axis=0)
    rank = np.linalg.matrix_rank(shares, tol=1e-6)
    if rank == len(species):
        return None
    kinds = f"mixtures of {rank} compositions, fewer than the {len(species)} elements"
    symbols = ", ".join(chemical_symbols[z] for z in species)
    alone = f"isolated atoms of {symbols} (config_type={ISOLATED}), or "
    return (
        f"the frames with energies are {'of one composition' if rank == 1 else kinds}, from which energies "
        "of the elements cannot be determined: those that the model gives for other compositions (defects, "
        "surfaces, reactions) mean nothing. "
        f"Remedy: add {'' if method == 'least-squares' else alone}frames of other compositions, "
        "with energies."
    )
