"""What local terms read: one or several structures side by side, with pairs that all terms share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from ase import Atoms

from superion.errors import InputError, naming
from superion.neighbours import NeighbourList, Pairs
from superion.terms import Evaluation, LocalTerm, Sums

Array = np.ndarray


class Batch:
    """B structures as one set of N atoms, and their pairs within any cutoff up to `cutoff` (Å).

    numbers: (N,) atomic numbers. owner: (N,) int64, the structure of each atom. count: B. atoms_first:
    (B + 1,) int64, atoms of structure b are `atoms_first[b]:atoms_first[b + 1]`. centres: atoms that have
    energies, the first ones; N unless fewer were asked for, which only a single structure allows.
    lists: neighbour lists with a memory, one for each structure; what `pairs` gives lies in their memory.
    """

    def __init__(
        self,
        structures: Sequence[Atoms],
        cutoff: float,
        centres: int | None = None,
        lists: Sequence[NeighbourList] | None = None,
    ) -> None:
        self.count = len(structures)
        if centres is not None and self.count != 1:
            raise InputError(f"centres can be chosen in a single structure only, found {self.count}.")
        if lists is not None and len(lists) != self.count:
            raise InputError(f"expected one neighbour list for each of {self.count}, found {len(lists)}.")
        self.atoms_first = np.array([0, *accumulate(len(atoms) for atoms in structures)], dtype=np.int64)
        if self.count == 1:
            self.owner = np.zeros(self.atoms_first[-1], dtype=np.int64)
        else:
            self.owner = np.repeat(np.arange(self.count), np.diff(self.atoms_first))
        numbers = [atoms.numbers for atoms in structures]
        self.numbers = numbers[0] if self.count == 1 else np.concatenate([np.zeros(0, np.int64), *numbers])
        self.centres = len(self.numbers) if centres is None else centres
        self._lists = [NeighbourList() for _ in structures] if lists is None else lists
        self._pairs: dict[float, Pairs] = {}
        for k, (atoms, known) in enumerate(zip(structures, self._lists, strict=True)):
            with naming(k if self.count > 1 else None):
                known.update(atoms, cutoff, centres)

    def pairs(self, cutoff: float) -> Pairs:
        """Pairs closer than `cutoff` (Å) in all structures, i and j counted through all of them."""
        if self.count == 1:
            return self._lists[0].pairs(cutoff)
        if cutoff not in self._pairs:
            self._pairs[cutoff] = self._joined([known.pairs(cutoff) for known in self._lists])
        return self._pairs[cutoff]

    def _joined(self, parts: list[Pairs]) -> Pairs:
        ends = np.cumsum([0] + [len(part.j) for part in parts])
        joined = Pairs.room(int(ends[-1]), len(self.numbers))
        for part, first, atom in zip(parts, ends, self.atoms_first, strict=False):
            mine = slice(first, first + len(part.j))
            np.add(part.i, atom, out=joined.i[mine])
            np.add(part.j, atom, out=joined.j[mine])
            joined.vector[mine], joined.distance[mine] = part.vector, part.distance
            joined.start[atom : atom + len(part.start)] = part.start + first
        return joined


def evaluate_local(
    terms: Sequence[LocalTerm],
    structures: Sequence[Atoms],
    centres: int | None = None,
    lists: Sequence[NeighbourList] | None = None,
) -> list[Evaluation]:
    """The sum of local terms for each structure, all from the same pairs.

    centres: of a single structure only the energies of so many first atoms. lists: neighbour lists that
    remember the structures, one for each.
    """
    if not terms:
        return [Evaluation.zero(len(atoms)) for atoms in structures]
    batch = Batch(structures, max(term.cutoff for term in terms), centres, lists)
    sums = Sums.zero(len(batch.numbers), batch.count)
    for term in terms:
        term.add(batch, sums)
    first = batch.atoms_first
    parts = [slice(first[b], first[b + 1]) for b in range(batch.count)]
    return [
        Evaluation(float(sums.energies[part].sum()), sums.energies[part], sums.forces[part], virial)
        for part, virial in zip(parts, sums.virials, strict=True)
    ]
