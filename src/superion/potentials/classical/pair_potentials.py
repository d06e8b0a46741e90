"""The short-range part of a classical force field: an analytic energy for each pair of species.

    E = Σ_atoms e0(species) + Σ_pairs U_ab(r) f(r)

U is one of the forms of pair_forms.py, f the cosine cutoff of cutoff.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols

from superion.batch import Batch, evaluate_local
from superion.compiled import numba
from superion.errors import InputError, suggest
from superion.neighbours import NeighbourList
from superion.potentials.classical.pair_forms import FORMS, PairForm, pair_energy
from superion.potentials.cutoff import cosine_cutoff
from superion.potentials.few_body.pair import species_index
from superion.terms import Evaluation, Sums

Array = np.ndarray


class PairPotentials:
    """Sum of analytic pair energies; either atom of a pair has half of its energy.

    forms: energy of each pair of chemical symbols, in either order; pairs without an entry do not interact.
    species: chemical symbols that may occur, those of `forms` and `baseline` if not given. cutoff, width: of
    the cosine cutoff in Å. baseline: constant energy (eV) of each atom by chemical symbol, 0 if not given.
    """

    kind: ClassVar[str] = "pair-potentials"
    fitted: ClassVar[bool] = True

    def __init__(
        self,
        forms: Mapping[tuple[str, str], PairForm],
        *,
        species: Sequence[str] = (),
        cutoff: float = 8.0,
        width: float = 2.0,
        baseline: Mapping[str, float] | None = None,
    ) -> None:
        self.baseline = {symbol: float(energy) for symbol, energy in (baseline or {}).items()}
        symbols = {*(symbol for pair in forms for symbol in pair), *species, *self.baseline}
        for symbol in symbols:
            if symbol not in atomic_numbers:
                raise InputError(
                    f"{symbol!r} is not an element symbol.{suggest(str(symbol), atomic_numbers)}",
                    remedy='name pairs by their elements, as in ("Li", "S").',
                )
        if not symbols or not 0 < width <= cutoff < np.inf:
            raise InputError(
                f"pair potentials need species and 0 < width ≤ cutoff, found {sorted(symbols)}, {width} and "
                f"{cutoff} Å.",
                remedy="give at least one pair; customary are a cutoff of 8 Å and a width of 2 Å.",
            )
        self.forms: dict[tuple[str, str], PairForm] = {}
        for pair, form in forms.items():
            a, b = sorted(pair, key=atomic_numbers.__getitem__)
            if (a, b) in self.forms:
                raise InputError(f"{a} and {b} have two energies.", remedy="give each pair once.")
            self.forms[a, b] = form
        self.species = sorted(atomic_numbers[symbol] for symbol in symbols)
        self.cutoff, self.width = float(cutoff), float(width)
        order = {chemical_symbols[z]: k for k, z in enumerate(self.species)}
        self._table = np.zeros((len(order), len(order), 7))
        self._table[:, :, 1] = 1.0
        for (a, b), form in self.forms.items():
            self._table[order[a], order[b]] = self._table[order[b], order[a]] = form.row
        self._constant = np.array([self.baseline.get(symbol, 0.0) for symbol in order])

    def evaluate(self, atoms: Atoms, centres: int | None = None) -> Evaluation:
        """Energy, forces and virial; ModelError for a species it does not know.

        centres: only the energies of the first `centres` atoms.
        """
        return evaluate_local([self], [atoms], centres)[0]

    def evaluate_batch(
        self, structures: Sequence[Atoms], lists: Sequence[NeighbourList] | None = None
    ) -> list[Evaluation]:
        """The evaluation of each structure; lists: neighbour lists that remember them, one for each."""
        return evaluate_local([self], structures, lists=lists)

    def add(self, batch: Batch, sums: Sums) -> None:
        """Add the energies of the centres, forces and virials; ModelError for an unknown species."""
        pairs = batch.pairs(self.cutoff)
        index = species_index(batch, self.species)
        centres = batch.centres
        sums.energies[:centres] += self._constant[index[:centres]]
        geometry = (pairs.i, pairs.j, pairs.vector, pairs.distance, index, self._table)
        _evaluate(*geometry, self.cutoff, self.width, batch.owner, sums.energies, sums.forces, sums.virials)

    def settings(self) -> dict[str, Any]:
        """The form of each pair, species, cutoff and baseline."""
        return {
            "forms": {f"{a}-{b}": {"kind": f.kind, **asdict(f)} for (a, b), f in self.forms.items()},
            "species": [chemical_symbols[z] for z in self.species],
            "cutoff": self.cutoff,
            "width": self.width,
            "baseline": self.baseline,
        }

    def arrays(self) -> dict[str, Array]:
        """None."""
        return {}

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild from what `settings` and `arrays` returned."""
        forms: dict[tuple[str, str], PairForm] = {}
        for name, numbers in settings["forms"].items():
            a, b = name.split("-")
            forms[a, b] = FORMS[numbers["kind"]](**{k: v for k, v in numbers.items() if k != "kind"})
        return cls(
            forms,
            species=settings["species"],
            cutoff=settings["cutoff"],
            width=settings["width"],
            baseline=settings["baseline"],
        )


@numba.njit(cache=True, nogil=True)
def _evaluate(  # type: ignore[no-untyped-def]
    i, j, vector, distance, index, table, cutoff, width, owner, energies, forces, virials
):
    """Add energies (N,), forces (N, 3) and virials (B, 3, 3) of all pairs."""
    for p in range(len(i)):
        a, b, r = i[p], j[p], distance[p]
        row = table[index[a], index[b]]
        if row[0] == 0.0 and row[4] == 0.0:
            continue
        value, slope = pair_energy(r, row[0], row[1], row[2], row[3], row[4], row[5], row[6])
        fade, steep = cosine_cutoff(r, cutoff, width)
        slope = slope * fade + value * steep
        energies[a] += 0.5 * value * fade
        for x in range(3):  # every pair is listed in both directions, so each gives half to either atom
            pull = 0.5 * slope * vector[p, x] / r
            forces[a, x] += pull
            forces[b, x] -= pull
            for y in range(3):
                virials[owner[a], x, y] -= pull * vector[p, y]
