"""The parameters of a classical force field: bounded numbers, and what they stand for.

Every number p between its bounds is a free number t: p = low (high/low)^s(t) or low + (high − low) s(t) with
the logistic function s, so that no step of a search can leave the range in which the force field can be used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import torch
from ase import Atoms
from ase.data import atomic_numbers
from torch import Tensor

from superion.electrostatics import CoulombTerm, FixedCharges, Point
from superion.electrostatics.polarizable_term import PolarizableTerm
from superion.errors import InputError
from superion.neighbours import neighbour_pairs
from superion.potentials.classical.pair_forms import (
    Buckingham,
    Morse,
    PairForm,
    largest_dispersion,
    wall_inflection,
)
from superion.potentials.classical.pair_potentials import PairPotentials
from superion.potentials.classical.settings import ClassicalSettings
from superion.structures.bare import total_of
from superion.terms import Term

Array = np.ndarray
CHARGE_SCALE = 0.1, 1.25
THOLE = 0.05, 2.0
POLARIZABILITY = 0.02, 4.0  # of the guess
WALL = 1e-4, 30.0  # eV, repulsion at the shortest distance of the data
RANGE = 0.08, 1.2  # Å
DISPERSION = 1e-3, 0.8  # of the largest that leaves a wall
DEPTH = 0.1, 15.0  # eV
STIFFNESS = 0.6, 5.0  # 1/Å
LENGTH = 0.9, 1.4  # of the shortest distance
EDGE = 0.02
"""Starting points keep this far from both bounds, as a fraction of the range."""


@dataclass(frozen=True, slots=True)
class Values:
    """Tensors: charges (S,) e, polarizabilities (S,) Å³, thole, rows (Q, 7) of `pair_energy`."""

    charges: Tensor
    polarizabilities: Tensor
    thole: Tensor
    rows: Tensor


class Parameters:
    """Which numbers a fit has, and how they make a force field.

    species: (S) chemical symbols. pairs: (Q) pairs of symbols. start: (T,) the guesses.
    Raises InputError for elements without charge, bonds that are no pairs, and charges that are not neutral.
    """

    def __init__(self, frames: Sequence[Atoms], settings: ClassicalSettings) -> None:
        self.settings = settings
        numbers = sorted({int(z) for atoms in frames for z in atoms.numbers})
        self.species = [symbol for symbol in atomic_numbers if atomic_numbers[symbol] in numbers]
        self.species.sort(key=atomic_numbers.__getitem__)
        self.pairs = list(combinations_with_replacement(self.species, 2))
        missing = sorted(set(self.species) - set(settings.charges))
        if missing:
            raise InputError(
                f"no formal charge for {', '.join(missing)}.", remedy="add it to `charges` of the settings."
            )
        self._formal = np.array([settings.charges[symbol] for symbol in self.species])
        self._bonds = self._bonded(settings.bonds)
        self._shortest = _shortest(frames, self.species, self.pairs, settings.cutoff)
        self._basis = self._neutral_charges(frames)
        self._names: dict[object, int] = {}
        self._bounds: list[tuple[float, float, float, bool]] = []
        self._declare()
        low, high, guess, scale = (np.array(column) for column in zip(*self._bounds, strict=True))
        self._log = torch.from_numpy(scale)
        self._low, self._high = torch.from_numpy(low), torch.from_numpy(high)
        ratio, whole = (np.log(np.where(scale, top / low, math.e)) for top in (guess, high))
        span = np.where(scale, ratio / whole, (guess - low) / (high - low))
        span = span.clip(EDGE, 1 - EDGE)
        self.start = np.log(span / (1 - span))

    def continued(self, other: Parameters, free: Array) -> Array:
        """The guesses (T,), but for what `other` has found with its own numbers t."""
        start = self.start.copy()
        limit = np.log(1 / EDGE - 1)
        for name, k in self._names.items():
            if name in other._names:
                start[k] = free[other._names[name]].clip(-limit, limit)
        return start

    def values(self, free: Tensor) -> Values:
        """What the numbers t (T,) stand for; differentiable but for the inflections in `rows`."""
        share = torch.sigmoid(free)
        ratio = torch.log(torch.where(self._log, self._high / self._low, 1.0))
        grown = torch.where(self._log, self._low, 1.0) * torch.exp(share * ratio)
        p = torch.where(self._log, grown, self._low + (self._high - self._low) * share)
        zero = torch.zeros((), dtype=torch.float64)
        if self.settings.charge_fit == "fixed":
            charges = self.settings.charge_scale * torch.from_numpy(self._formal)
        else:
            charges = torch.from_numpy(self._basis) @ p[: self._basis.shape[1]]
        alpha = [p[self._names[s]] if s in self._names else zero for s in self.species]
        thole = p[self._names["thole"]] if "thole" in self._names else zero
        return Values(charges, torch.stack(alpha), thole, torch.stack([self._row(p, q) for q in self.pairs]))

    def inflections(self, values: Values) -> Tensor:
        """(Q,) Å, the fourth column of `rows`: where walls become straight lines."""
        rows = values.rows.detach().numpy()
        return torch.tensor(
            [wall_inflection(a, rho, c) for a, rho, c in rows[:, :3].tolist()], dtype=torch.float64
        )

    def terms(self, free: Array, baseline: dict[str, float]) -> list[Term]:
        """Pair potentials and electrostatics with the numbers t (T,)."""
        values = self.values(torch.from_numpy(free))
        forms: dict[tuple[str, str], PairForm] = {}
        for pair, row in zip(self.pairs, values.rows.tolist(), strict=True):
            forms[pair] = Morse(*row[4:]) if pair in self._bonds else Buckingham(*row[:3])
        settings = self.settings
        short = PairPotentials(forms, cutoff=settings.cutoff, width=settings.width, baseline=baseline)
        charges = FixedCharges(dict(zip(self.species, values.charges.tolist(), strict=True)))
        if not self.polarizable:
            return [short, CoulombTerm(charges, Point(), settings.accuracy)]
        alpha = dict(zip(self.species, values.polarizabilities.tolist(), strict=True))
        return [short, PolarizableTerm(charges, alpha, float(values.thole), settings.accuracy)]

    @property
    def polarizable(self) -> bool:
        """Whether any atom is."""
        return "thole" in self._names

    # -- parts of the above ------------------------------------------------------------------------

    def _declare(self) -> None:
        """Bounds and guess of every number, and whether its scale is logarithmic."""
        settings = self.settings
        if settings.charge_fit == "scaled":
            self._add("scale", *CHARGE_SCALE, settings.charge_scale, log=False)
        elif settings.charge_fit == "free":
            for k, guess in enumerate(settings.charge_scale * self._basis.T @ self._formal):
                reach = float(np.abs(self._formal).sum())
                self._add(f"charge {k}", guess - reach, guess + reach, guess, log=False)
        some = [s for s in self.species if s in settings.polarizabilities]
        for symbol in some:
            guess = settings.polarizabilities[symbol]
            self._add(symbol, POLARIZABILITY[0] * guess, POLARIZABILITY[1] * guess, guess)
        if some:
            self._add("thole", *THOLE, settings.thole)
        for pair, near in zip(self.pairs, self._shortest, strict=True):
            if pair in self._bonds:
                self._add((pair, "depth"), *DEPTH, 3.0)
                self._add((pair, "stiffness"), *STIFFNESS, 1.5)
                self._add((pair, "length"), LENGTH[0] * near, LENGTH[1] * near, 1.08 * near)
                continue
            self._add((pair, "wall"), *WALL, 0.3)
            self._add((pair, "rho"), *RANGE, 0.3)
            negative = all(settings.charges[symbol] < 0 for symbol in pair)
            if settings.dispersion == "all" or (settings.dispersion == "anions" and negative):
                self._add((pair, "c"), *DISPERSION, 0.1)

    def _add(self, name: object, low: float, high: float, guess: float, log: bool = True) -> None:
        self._names[name] = len(self._bounds)
        self._bounds.append((low, high, guess, log))

    def _row(self, p: Tensor, pair: tuple[str, str]) -> Tensor:
        zero, one = p.new_zeros(()), p.new_ones(())
        if pair in self._bonds:
            bond = [p[self._names[pair, name]] for name in ("depth", "stiffness", "length")]
            return torch.stack([zero, one, zero, zero, *bond])
        near = self._shortest[self.pairs.index(pair)]
        rho = p[self._names[pair, "rho"]]
        a = p[self._names[pair, "wall"]] * torch.exp(near / rho)
        c = zero
        if (pair, "c") in self._names:
            c = p[self._names[pair, "c"]] * largest_dispersion(1.0, 1.0) * a * rho**6
        return torch.stack([a, rho, c, zero, zero, one, one])

    def _bonded(self, names: Sequence[str]) -> set[tuple[str, str]]:
        found = set()
        for name in names:
            a, _, b = name.partition("-")
            pair = (a, b) if (a, b) in self.pairs else (b, a)
            if pair not in self.pairs:
                raise InputError(
                    f"the bond {name!r} joins no two elements of the data ({', '.join(self.species)}).",
                    remedy="write bonds as P-S.",
                )
            found.add(pair)
        return found

    def _neutral_charges(self, frames: Sequence[Atoms]) -> Array:
        """(S, B) charges that give all compositions what they state: the formal ones, or a basis of all.

        A basis is of neutral compositions alone.
        """
        symbols = [atomic_numbers[s] for s in self.species]
        if self.settings.charge_fit != "free":
            for atoms in frames:
                mine = np.array([np.count_nonzero(atoms.numbers == z) for z in symbols])
                total, stated = float(mine @ self._formal), total_of(atoms) or 0.0
                if abs(total - stated) > 1e-9:
                    raise InputError(
                        f"the formal charges of {atoms.get_chemical_formula()} add up to {total:+g} e, and "
                        f"the structure states {stated:+g} e.",
                        frame=atoms.info.get("source"),
                        remedy="correct `charges` or the total_charge of the structure, use charge_fit: "
                        "free, or leave out structures with a charge.",
                    )
            return self._formal[:, None]
        rows = {tuple(np.count_nonzero(atoms.numbers == z) for z in symbols) for atoms in frames}
        counts = np.array(sorted(rows), dtype=np.float64)
        _, sizes, rows_of = np.linalg.svd(counts, full_matrices=True)
        rank = int((sizes > 1e-9 * sizes.max()).sum())
        if rank == len(self.species):
            raise InputError(
                "no charges but zero leave all compositions of the data neutral.",
                remedy="fit to data of fewer compositions.",
            )
        return rows_of[rank:].T.copy()


def _shortest(
    frames: Sequence[Atoms], species: Sequence[str], pairs: Sequence[tuple[str, str]], cutoff: float
) -> Array:
    """(Q,) Å, the shortest distance of each pair of species; the cutoff where there is none."""
    found = dict.fromkeys(pairs, cutoff)
    for atoms in frames:
        near = neighbour_pairs(atoms, cutoff)
        first, second = atoms.numbers[near.i], atoms.numbers[near.j]
        for a, b in pairs:
            mine = near.distance[(first == atomic_numbers[a]) & (second == atomic_numbers[b])]
            found[a, b] = min(found[a, b], mine.min(initial=cutoff))
    return np.array([found[pair] for pair in pairs])
