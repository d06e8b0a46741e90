"""2-body block of the local model: Gaussian kernels on the distance of two atoms.

    E = Σ_{pairs} Σ_s w_s k(r, s),    k(r, s) = δ² exp(−(r − s)² / 2θ²) f(r) f(s)

with f the cosine cutoff and s the sparse distances of the pair's two species. Kernel as in Gaussian
approximation potentials (Bartók & Csányi, Int. J. Quantum Chem. 115, 1051 (2015)), `distance_2b` with
`covariance_type=ard_se` in QUIP. Each pair counts once here and twice there: δ is the prior standard
deviation of a pair's energy, and `delta=0.5` in QUIP is 1.0 here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement, pairwise
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from pydantic import BaseModel, ConfigDict, Field

from superion.batch import Batch
from superion.compiled import numba
from superion.errors import InputError, ModelError
from superion.neighbours import neighbour_pairs
from superion.potentials.cutoff import cosine_cutoff, cutoff_values
from superion.terms import Sums

Array = np.ndarray


class PairSettings(BaseModel):
    """Hyper-parameters of the 2-body block."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cutoff: float = Field(6.0, gt=0, le=20, description="longest distance in Å")
    cutoff_width: float = Field(1.0, gt=0, description="width of the cosine cutoff in Å")
    delta: float = Field(1.0, gt=0, description="prior standard deviation of a pair's energy in eV")
    lengthscale: float = Field(0.8, gt=0, description="θ of the Gaussian kernel in Å")
    sparse_points: int = Field(20, ge=1, description="sparse distances per pair of species")


class PairBlock:
    """Kernels to sparse distances: basis functions of a pair's energy, half of it given to each atom.

    species: atomic numbers it knows. points: for pairs of atomic numbers (a ≤ b) the sparse distances (M_ab,)
    in Å; pairs of species without an entry do not interact.
    """

    kind: ClassVar[str] = "pair"

    def __init__(
        self, settings: PairSettings, species: Sequence[int], points: Mapping[tuple[int, int], Array]
    ) -> None:
        self.hyper = settings
        self.species = tuple(sorted(species))
        self.cutoff = settings.cutoff
        pairs = list(combinations_with_replacement(self.species, 2))
        check_classes(points, pairs)
        self.points = {p: np.asarray(points[p], dtype=np.float64) for p in pairs if p in points}
        self._first = np.cumsum([0] + [len(self.points.get(p, ())) for p in pairs])
        self.size = int(self._first[-1])
        self.slices = [slice(a, b) for a, b in pairwise(self._first.tolist())]
        self.flat = np.concatenate([*self.points.values(), np.zeros(0)])
        self.scale = settings.delta**2 * cutoff_values(self.flat, settings.cutoff, settings.cutoff_width)[0]
        order = {z: k for k, z in enumerate(self.species)}
        self._table = np.empty((len(order), len(order)), dtype=np.int64)
        for k, (a, b) in enumerate(pairs):
            self._table[order[a], order[b]] = self._table[order[b], order[a]] = k

    @classmethod
    def choose(
        cls,
        frames: Sequence[Atoms],
        settings: PairSettings,
        species: Sequence[int],
        rng: np.random.Generator,
    ) -> Self:
        """A block whose sparse distances are the centres of equal bins between shortest and longest distance.

        The bins are those of QUIP's `sparse_method=uniform`, which draws one distance of the data from each.
        The choice is not random: `rng` is not used. Raises InputError if no two atoms are within the cutoff.
        """
        bare = cls(settings, species, {})
        shortest, longest = np.full(bare._table.max() + 1, np.inf), np.zeros(bare._table.max() + 1)
        for atoms in frames:
            pairs = neighbour_pairs(atoms, settings.cutoff)
            index = species_index(atoms, bare.species)
            kind = bare._table[index[pairs.i], index[pairs.j]]
            np.minimum.at(shortest, kind, pairs.distance)
            np.maximum.at(longest, kind, pairs.distance)
        points = {}
        for k, key in enumerate(combinations_with_replacement(bare.species, 2)):
            if longest[k] > shortest[k]:
                edges = np.linspace(shortest[k], longest[k], settings.sparse_points + 1)
                points[key] = 0.5 * (edges[1:] + edges[:-1])
            elif longest[k] == shortest[k]:
                points[key] = longest[k : k + 1]
        if not points:
            raise InputError(
                f"no two atoms of the {len(frames)} frames are closer than the cutoff, {settings.cutoff} Å.",
                remedy="enlarge the cutoff of the 2-body block, or switch the block off.",
            )
        return cls(settings, species, points)

    def prior(self) -> Array:
        """Covariance (M, M) in eV² of the sparse distances' energies."""
        distance = self.flat[:, None] - self.flat
        values = np.exp(-0.5 * (distance / self.hyper.lengthscale) ** 2)
        kind = np.repeat(np.arange(len(self._first) - 1), np.diff(self._first))
        factor = self.scale / self.hyper.delta
        return np.where(kind[:, None] == kind, values * np.outer(factor, factor), 0.0)

    def evaluate(self, batch: Batch, weights: Array, sums: Sums) -> None:
        """Add the weighted (M,) sum of basis functions; either atom of a pair has half of its energy."""
        _evaluate(
            self.geometry(batch),
            self.scale * weights,
            batch.centres,
            batch.owner,
            sums.energies,
            sums.forces,
            sums.virials,
        )

    def design(self, atoms: Atoms, forces: bool = True) -> tuple[Array, Array, Array]:
        """Basis functions of one structure: energies (N, M), forces (N, 3, M), virial (3, 3, M).

        `evaluate` is their sum weighted by the M coefficients. Without `forces` the last two are empty.
        """
        n, m = len(atoms), self.size
        energy = np.zeros((n, m))
        force = np.zeros((n, 3, m) if forces else (0, 3, m))
        virial = np.zeros((3, 3, m) if forces else (0, 3, m))
        _design(self.geometry(Batch([atoms], self.cutoff)), self.scale, energy, force, virial)
        return energy, force, virial

    def settings(self) -> dict[str, Any]:
        """Hyper-parameters and species."""
        return {"hyper": self.hyper.model_dump(), "species": list(self.species)}

    def arrays(self) -> dict[str, Array]:
        """Sparse distances, one array per pair of species."""
        return {f"points_{a}_{b}": points for (a, b), points in self.points.items()}

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild from what `settings` and `arrays` returned."""
        points = {(int(a), int(b)): v for name, v in arrays.items() for _, a, b in [name.split("_")]}
        return cls(PairSettings(**settings["hyper"]), settings["species"], points)

    def geometry(self, batch: Batch) -> tuple[Any, ...]:
        """What the compiled loops read: neighbours, species, sparse points and hyper-parameters."""
        pairs = batch.pairs(self.cutoff)
        index = species_index(batch, self.species)
        hyper = (0.5 / self.hyper.lengthscale**2, self.hyper.cutoff, self.hyper.cutoff_width)
        geometry = (pairs.i, pairs.j, pairs.vector, pairs.distance, index)
        return (*geometry, self._table, self._first, self.flat, *hyper)


def species_index(atoms: Atoms | Batch, species: Sequence[int]) -> Array:
    """Position (N,) of each atom's atomic number in the sorted `species`; ModelError for any other."""
    known = np.asarray(species)
    index = np.searchsorted(known, atoms.numbers).clip(max=len(known) - 1)
    wrong = known[index] != atoms.numbers
    if wrong.any():
        raise ModelError(
            f"the model knows {[chemical_symbols[z] for z in species]}, the structure contains "
            f"{sorted({chemical_symbols[z] for z in atoms.numbers[wrong]})} "
            f"(atoms {np.flatnonzero(wrong)[:5].tolist()}).",
            remedy="fit a model on labels that contain these species.",
        )
    return index


def check_classes(points: Mapping[Any, Any], known: Sequence[tuple[int, ...]]) -> None:
    """Raise ModelError if `points` has a combination of species as a key that is not in `known`."""
    unknown = sorted(set(points) - set(known))
    if unknown:
        raise ModelError(
            f"entries for the species {unknown[0]}, but the known combinations are {list(known)}.",
            remedy="name known atomic numbers, those of neighbours in ascending order.",
        )


@numba.njit(cache=True, nogil=True)
def _evaluate(geometry, coefficients, centres, owner, energies, forces, virials):  # type: ignore[no-untyped-def]
    """Add energies (N,), forces (N, 3) and virials (B, 3, 3) of all pairs; owner (N,): their structures.

    Pairs of two of the first `centres` atoms are listed in both directions and taken once; those that lead
    out of them are listed once and half of them is theirs.

    The energy of one is f(r) Σ_s coefficients[s]·exp(−inverse·(r − points[s])²).
    """
    i, j, vector, distance, species, table, first, points, inverse, cutoff, width = geometry
    for p in range(len(i)):
        a, b = i[p], j[p]
        if b < a:
            continue
        kind = table[species[a], species[b]]
        r = distance[p]
        value = slope = 0.0
        for s in range(first[kind], first[kind + 1]):
            d = r - points[s]
            k = coefficients[s] * math.exp(-inverse * d * d)
            value += k
            slope -= d * k
        f, df = cosine_cutoff(r, cutoff, width)
        half = a == b or b >= centres  # an atom and its own image meet twice in the list
        share = 0.5 if half else 1.0
        slope = share * (2.0 * inverse * slope * f + value * df)
        value *= 0.5 * f
        energies[a] += value
        if not half:
            energies[b] += value
        for x in range(3):
            pull = slope * vector[p, x] / r
            forces[a, x] += pull
            forces[b, x] -= pull
            for y in range(3):
                virials[owner[a], x, y] -= pull * vector[p, y]


@numba.njit(cache=True, nogil=True)
def _design(geometry, scale, energy, force, virial):  # type: ignore[no-untyped-def]
    """Add the rows of every basis function; force and virial only if they have rows."""
    i, j, vector, distance, species, table, first, points, inverse, cutoff, width = geometry
    derivatives = len(force) > 0
    for p in range(len(i)):
        a, b = i[p], j[p]
        if b < a:
            continue
        kind = table[species[a], species[b]]
        r = distance[p]
        f, df = cosine_cutoff(r, cutoff, width)
        share = 0.5 if a == b else 1.0
        for s in range(first[kind], first[kind + 1]):
            d = r - points[s]
            k = share * scale[s] * math.exp(-inverse * d * d)
            energy[a, s] += 0.5 * k * f
            energy[b, s] += 0.5 * k * f
            if not derivatives:
                continue
            slope = k * (df - 2.0 * inverse * d * f) / r
            for x in range(3):
                pull = slope * vector[p, x]
                force[a, x, s] += pull
                force[b, x, s] -= pull
                for y in range(3):
                    virial[x, y, s] -= pull * vector[p, y]
