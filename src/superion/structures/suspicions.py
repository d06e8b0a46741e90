"""Labels that look wrong, frame by frame, and what to do about them.

Each check compares labels with what physics (`balance`) or a quick fit (`consistency`) says, and warns; none
refuses.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from superion.structures.balance import broken_symmetries, net_forces, net_torques
from superion.structures.consistency import Evidence, evidence, spread
from superion.structures.duplicates import frame_name
from superion.structures.labels import get_label
from superion.structures.spool import Part
from superion.structures.stress_forms import stress_form
from superion.structures.suspect_energies import suspect_energies, work_of_forces, zero_energies
from superion.structures.suspect_forces import suspect_forces, turned_forces, unknown_forces
from superion.structures.suspects import Suspect, Suspicions, counted, say

FEWEST_STRESSES = 5


def suspicions(frames: Sequence[Atoms], most: int | None = None) -> Suspicions:
    """Look at all frames together. most: atoms that are looked at; frames evenly spread if there are more."""
    found = Suspicions()
    if most is not None and sum(map(len, frames)) > most:
        kept = spread([len(atoms) for atoms in frames], most)
        found.notes.append(
            f"labels of {len(kept)} of {len(frames)} frames were judged; `superion census` judges all."
        )
        frames = Part(frames, kept)
    names = [frame_name(atoms, k) for k, atoms in enumerate(frames)]
    absurd = _unbalanced(frames, names, found)
    zero_energies(frames, names, found)
    known = evidence(frames)
    if known.too_few:
        if sum(len(a) > 1 and get_label(a, "forces") is not None for a in frames) > 1:
            found.notes.append(known.too_few)
    elif turned_forces(known, found):
        pass  # energies and stresses of a model of other neighbourhoods say nothing
    elif not known.judges:
        unknown_forces(known, frames, found)
    else:
        suspect_forces(known, frames, names, absurd, found)
        sign, scaled = work_of_forces(known, frames, names, found)
        if not scaled:
            _stresses(known, frames, names, sign, found)
            suspect_energies(known, frames, names, sign, found)
    return found


def _unbalanced(frames: Sequence[Atoms], names: Sequence[str], found: Suspicions) -> set[int]:
    """Net forces, torques and broken symmetry; the frames of which a single force is absurd."""
    net = net_forces(frames)
    lone = {one.index: one.atom for one in net if one.atom is not None}
    absurd = []
    for index, atom in lone.items():
        size = float(np.linalg.norm(get_label(frames[index], "forces")[atom]))
        reason = f"a force of {size:.3g} eV/Å on {frames[index].symbols[atom]} that no other force balances"
        absurd.append(Suspect(names[index], "forces", reason, atom))
    say(
        found,
        absurd,
        "an atom of {n} has a force that no other force balances: {who}; label again, or leave out.",
    )
    say(
        found,
        [
            Suspect(names[one.index], "forces", f"a net force of {one.size:.3g} eV/Å")
            for one in net
            if one.atom is None
        ],
        "forces of {n} do not add up to zero: {who}; they are forces of other atoms, of some atoms only, or "
        "of a cell with fixed atoms or a field, which no potential reproduces.",
    )
    say(
        found,
        [
            Suspect(names[one.index], "forces", f"a net torque of {one.size:.3g} eV")
            for one in net_torques(frames)
        ],
        "forces on the atoms of molecules or clusters turn them, in {n}: {who}; forces and positions are of "
        "different orientations or orders of atoms.",
    )
    say(
        found,
        [
            Suspect(names[one.index], "forces", f"a force {one.size:.3g} eV/Å against symmetry", one.atom)
            for one in broken_symmetries(frames)
        ],
        "forces of {n} do not have the symmetry of their atoms: {who}; forces and positions are of different "
        "orientations or orders of atoms (or magnetism breaks the symmetry).",
    )
    return set(lone)


def _stresses(
    known: Evidence, frames: Sequence[Atoms], names: Sequence[str], sign: float, found: Suspicions
) -> None:
    """Sign, order and unit of stresses, by those of the model."""
    rows = [
        (i, int(k))
        for i, k in enumerate(known.index)
        if get_label(frames[k], "stress") is not None
        and np.isfinite(known.stress[i]).all()
        and known.correlation[i] > 0.5
    ]
    if len(rows) < FEWEST_STRESSES:
        return
    labels = np.array([get_label(frames[k], "stress") for _, k in rows])
    volumes = np.array([frames[k].get_volume() for _, k in rows])
    model = sign * known.stress[[i for i, _ in rows]]
    text, *others = [stress_form(labels, model[:, :, j], volumes) for j in range(model.shape[2])]
    if text and all(others):  # whichever frames are fitted
        found.warnings.append(f"stresses of {counted(len(rows))} {text}.")
        found.suspects.extend(Suspect(names[k], "stress", text) for _, k in rows)
