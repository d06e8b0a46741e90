"""3-body block of the local model: Gaussian kernels on the triangle of an atom and two neighbours.

    E = Σ_i Σ_{j<k} Σ_s w_s k(d_ijk, d_s),    d = (r_ij + r_ik, (r_ij − r_ik)², r_jk)
    k(d, d_s) = δ² exp(−½ Σ_c ((d_c − d_sc) / θ_c)²) · f(r_ij) f(r_ik) · f(r_s1) f(r_s2)

with f the cosine cutoff. The descriptor does not change when the neighbours are exchanged. Kernel as in
Gaussian approximation potentials (Bartók & Csányi, Int. J. Quantum Chem. 115, 1051 (2015)), `angle_3b` with
`covariance_type=ard_se` in QUIP. Each triangle counts once per centre here and twice there: δ is the prior
standard deviation of a triangle's energy, and `delta=0.5` in QUIP is 1.0 here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement, pairwise
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

from superion.batch import Batch
from superion.compiled import numba
from superion.errors import InputError
from superion.neighbours import neighbour_pairs
from superion.potentials.cutoff import cosine_cutoff, cutoff_values
from superion.potentials.few_body.pair import check_classes, species_index
from superion.terms import Sums

Array = np.ndarray
Class = tuple[int, int, int]

CANDIDATES = 10_000  # triangles per class among which the sparse ones are chosen
NOVELTY = 1e-8  # a triangle is new if its prior variance, given the chosen ones, is above this times δ²


class AngleSettings(BaseModel):
    """Hyper-parameters of the 3-body block."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cutoff: float = Field(
        4.0, gt=0, le=20, description="longest distance of a neighbour from the centre in Å"
    )
    cutoff_width: float = Field(1.0, gt=0, description="width of the cosine cutoff in Å")
    delta: float = Field(0.5, gt=0, description="prior standard deviation of a triangle's energy in eV")
    lengthscale: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = Field(
        (1.5, 2.0, 1.5), description="θ of r_ij + r_ik in Å, (r_ij − r_ik)² in Å², r_jk in Å"
    )
    sparse_points: int = Field(50, ge=1, description="sparse triangles per centre and pair of neighbours")


class AngleBlock:
    """Kernels to sparse triangles: basis functions of an atom's energy.

    species: atomic numbers it knows. points: for (centre, a ≤ b), atomic numbers of an atom and its two
    neighbours, the sparse triangles (M_class, 3) as r_ij, r_ik, r_jk in Å; other triangles have no energy.
    """

    kind: ClassVar[str] = "angle"

    def __init__(
        self, settings: AngleSettings, species: Sequence[int], points: Mapping[Class, Array]
    ) -> None:
        self.hyper = settings
        self.species = tuple(sorted(species))
        self.cutoff = settings.cutoff
        self.classes = [
            (c, a, b) for c in self.species for a, b in combinations_with_replacement(self.species, 2)
        ]
        check_classes(points, self.classes)
        self.points = {c: np.asarray(points[c], dtype=np.float64) for c in self.classes if c in points}
        self._first = np.cumsum([0] + [len(self.points.get(c, ())) for c in self.classes])
        self.size = int(self._first[-1])
        self.slices = [slice(a, b) for a, b in pairwise(self._first.tolist())]
        self.inverse = 1.0 / (math.sqrt(2.0) * np.array(settings.lengthscale))
        triangles = np.concatenate([*self.points.values(), np.zeros((0, 3))])
        self.flat = self._scaled(triangles)
        factor = cutoff_values(triangles[:, :2], settings.cutoff, settings.cutoff_width)[0]
        self.scale = settings.delta**2 * factor.prod(axis=1)
        order = {z: k for k, z in enumerate(self.species)}
        self._table = np.empty((len(order),) * 3, dtype=np.int64)
        for k, (c, a, b) in enumerate(self.classes):
            self._table[order[c], order[a], order[b]] = self._table[order[c], order[b], order[a]] = k

    @classmethod
    def choose(
        cls,
        frames: Sequence[Atoms],
        settings: AngleSettings,
        species: Sequence[int],
        rng: np.random.Generator,
    ) -> Self:
        """A block whose sparse triangles are chosen from those of `frames`, class by class.

        Each is the triangle whose energy the ones before leave most uncertain: pivoted Cholesky
        decomposition of the kernel, Foster et al., J. Mach. Learn. Res. 10, 857 (2009). A class gets fewer
        when the chosen ones determine all others. `rng` draws the candidates where there are too many; memory
        does not grow with the number of frames.
        Raises InputError if no atom has two neighbours within the cutoff.
        """
        bare = cls(settings, species, {})
        found = {k: (np.zeros(0), np.zeros((0, 3))) for k in range(len(bare.classes))}
        for atoms in frames:
            kinds, triangles = bare.triangles(atoms)
            keys = rng.random(len(kinds))
            for k in np.unique(kinds).tolist():
                rows = np.flatnonzero(kinds == k)
                before = found[k]
                found[k] = _lowest(
                    np.concatenate([before[0], keys[rows]]), np.concatenate([before[1], triangles[rows]])
                )
        points = {}
        for key, (_, triangles) in zip(bare.classes, found.values(), strict=True):
            if len(triangles):
                points[key] = triangles[bare._most_novel(triangles)]
        points = {key: chosen for key, chosen in points.items() if len(chosen)}
        if not points:
            raise InputError(
                f"no atom of the {len(frames)} frames has two neighbours within {settings.cutoff} Å.",
                remedy="enlarge the cutoff of the 3-body block, or switch the block off.",
            )
        return cls(settings, species, points)

    def triangles(self, atoms: Atoms) -> tuple[Array, Array]:
        """Class (T,), an index into `classes`, and r_ij, r_ik, r_jk (T, 3) in Å of all triangles."""
        pairs = neighbour_pairs(atoms, self.cutoff)
        count = np.diff(pairs.start)
        total = int((count * (count - 1) // 2).sum())
        kind, triangle = np.empty(total, dtype=np.int64), np.empty((total, 3))
        index = species_index(atoms, self.species)
        _triangles(pairs.start, pairs.j, pairs.vector, pairs.distance, index, self._table, kind, triangle)
        return kind, triangle

    def prior(self) -> Array:
        """Covariance (M, M) in eV² of the sparse triangles' energies."""
        factor = self.scale / self.hyper.delta
        matrix = np.zeros((self.size, self.size))
        for k in range(len(self.classes)):
            own = slice(self._first[k], self._first[k + 1])
            square = ((self.flat[own, None] - self.flat[own]) ** 2).sum(axis=-1)
            matrix[own, own] = np.exp(-square) * np.outer(factor[own], factor[own])
        return matrix

    def evaluate(self, batch: Batch, weights: Array, sums: Sums) -> None:
        """Add the weighted (M,) sum of basis functions to `sums`."""
        _evaluate(
            self.geometry(batch),
            self.scale * weights,
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
        return {"hyper": self.hyper.model_dump(mode="json"), "species": list(self.species)}

    def arrays(self) -> dict[str, Array]:
        """Sparse triangles, one array per centre and pair of neighbours."""
        return {f"points_{c}_{a}_{b}": points for (c, a, b), points in self.points.items()}

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild from what `settings` and `arrays` returned."""
        points: dict[Class, Array] = {}
        for name, triangles in arrays.items():
            _, c, a, b = name.split("_")
            points[int(c), int(a), int(b)] = triangles
        return cls(AngleSettings(**settings["hyper"]), settings["species"], points)

    # -- parts of the above ------------------------------------------------------------------------

    def _scaled(self, triangles: Array) -> Array:
        """Descriptors (T, 3) divided by √2·θ, so that the kernel is exp(−|difference|²)."""
        one, two, three = triangles.T
        descriptors = np.stack([one + two, (one - two) ** 2, three], axis=1)
        return descriptors * self.inverse

    def _most_novel(self, triangles: Array) -> Array:
        """Indices (≤ sparse_points,) of the triangles chosen by pivoted Cholesky decomposition."""
        scaled = self._scaled(triangles)
        factor = cutoff_values(triangles[:, :2], self.hyper.cutoff, self.hyper.cutoff_width)[0].prod(axis=1)
        variance = factor**2
        columns = np.empty((min(self.hyper.sparse_points, len(triangles)), len(triangles)))
        chosen: list[int] = []
        for column in columns:
            pivot = int(variance.argmax())
            if variance[pivot] < NOVELTY:
                break
            kernel = np.exp(-((scaled - scaled[pivot]) ** 2).sum(axis=1)) * factor * factor[pivot]
            before = columns[: len(chosen)]
            column[:] = (kernel - before[:, pivot] @ before) / math.sqrt(variance[pivot])
            variance -= column**2
            chosen.append(pivot)
        return np.array(chosen, dtype=np.int64)

    def geometry(self, batch: Batch) -> tuple[Any, ...]:
        """What the compiled loops read: neighbours, species, sparse points and hyper-parameters."""
        pairs = batch.pairs(self.cutoff)
        index = species_index(batch, self.species)
        geometry = (pairs.start, pairs.j, pairs.vector, pairs.distance, index, self._table, self._first)
        return (*geometry, self.flat, self.inverse, self.hyper.cutoff, self.hyper.cutoff_width)


def _lowest(keys: Array, triangles: Array) -> tuple[Array, Array]:
    """The (at most CANDIDATES) triangles with the lowest keys, in their order: a uniform random sample."""
    if len(keys) > CANDIDATES:
        kept = np.sort(np.argpartition(keys, CANDIDATES)[:CANDIDATES])
        return keys[kept], triangles[kept]
    return keys, triangles


@numba.njit(cache=True, nogil=True, forceinline=True)
def opposite(vector, p, q):  # type: ignore[no-untyped-def]
    """Distance r_jk between the ends of two vectors from the same atom."""
    x, y, z = vector[q, 0] - vector[p, 0], vector[q, 1] - vector[p, 1], vector[q, 2] - vector[p, 2]
    return math.sqrt(x * x + y * y + z * z)


@numba.njit(cache=True, nogil=True)
def _triangles(start, j, vector, distance, species, table, kind, triangle):  # type: ignore[no-untyped-def]
    """Fill class and distances of all triangles, in the order of the centres."""
    t = 0
    for a in range(len(start) - 1):
        for p in range(start[a], start[a + 1]):
            for q in range(p + 1, start[a + 1]):
                kind[t] = table[species[a], species[j[p]], species[j[q]]]
                triangle[t] = distance[p], distance[q], opposite(vector, p, q)
                t += 1


@numba.njit(cache=True, nogil=True, forceinline=True)
def add_bond(a, b, vector, slope, forces, virial):  # type: ignore[no-untyped-def]
    """Forces and virial of a bond b − a = vector whose energy has the slope dE/dr = slope·r."""
    for x in range(3):
        pull = slope * vector[x]
        forces[a, x] += pull
        forces[b, x] -= pull
        for y in range(3):
            virial[x, y] -= pull * vector[y]


@numba.njit(cache=True, nogil=True)
def _evaluate(geometry, coefficients, owner, energies, forces, virials):  # type: ignore[no-untyped-def]
    """Add energies (N,), forces (N, 3) and virials (B, 3, 3) of all triangles; owner (N,): their structures.

    The energy of one is e = f(r1) f(r2) Σ_s coefficients[s]·exp(−|d − points[s]|²), d scaled by `inverse`.
    """
    start, j, vector, distance, species, table, first, points, inverse, cutoff, width = geometry
    for a in range(len(start) - 1):
        virial = virials[owner[a]]
        for p in range(start[a], start[a + 1]):
            r1 = distance[p]
            f1, df1 = cosine_cutoff(r1, cutoff, width)
            for q in range(p + 1, start[a + 1]):
                kind = table[species[a], species[j[p]], species[j[q]]]
                if first[kind] == first[kind + 1]:
                    continue
                r2, r3 = distance[q], opposite(vector, p, q)
                f2, df2 = cosine_cutoff(r2, cutoff, width)
                d0, d1, d2 = (r1 + r2) * inverse[0], (r1 - r2) ** 2 * inverse[1], r3 * inverse[2]
                value = g0 = g1 = g2 = 0.0
                for s in range(first[kind], first[kind + 1]):
                    u0, u1, u2 = d0 - points[s, 0], d1 - points[s, 1], d2 - points[s, 2]
                    k = coefficients[s] * math.exp(-(u0 * u0 + u1 * u1 + u2 * u2))
                    value += k
                    g0 -= u0 * k
                    g1 -= u1 * k
                    g2 -= u2 * k
                g0, g1, g2 = 2.0 * inverse[0] * g0, 4.0 * inverse[1] * (r1 - r2) * g1, 2.0 * inverse[2] * g2
                slope1 = (df1 * f2 * value + f1 * f2 * (g0 + g1)) / r1
                slope2 = (f1 * df2 * value + f1 * f2 * (g0 - g1)) / r2
                energies[a] += f1 * f2 * value
                add_bond(a, j[p], vector[p], slope1, forces, virial)
                add_bond(a, j[q], vector[q], slope2, forces, virial)
                add_bond(j[p], j[q], vector[q] - vector[p], f1 * f2 * g2 / r3, forces, virial)


@numba.njit(cache=True, nogil=True)
def _design(geometry, scale, energy, force, virial):  # type: ignore[no-untyped-def]
    """Add the rows of every basis function; force and virial only if they have rows."""
    start, j, vector, distance, species, table, first, points, inverse, cutoff, width = geometry
    derivatives = len(force) > 0
    for a in range(len(start) - 1):
        for p in range(start[a], start[a + 1]):
            r1 = distance[p]
            f1, df1 = cosine_cutoff(r1, cutoff, width)
            for q in range(p + 1, start[a + 1]):
                b, c = j[p], j[q]
                kind = table[species[a], species[b], species[c]]
                r2, r3 = distance[q], opposite(vector, p, q)
                f2, df2 = cosine_cutoff(r2, cutoff, width)
                d0, d1, d2 = (r1 + r2) * inverse[0], (r1 - r2) ** 2 * inverse[1], r3 * inverse[2]
                for s in range(first[kind], first[kind + 1]):
                    u0, u1, u2 = d0 - points[s, 0], d1 - points[s, 1], d2 - points[s, 2]
                    k = scale[s] * math.exp(-(u0 * u0 + u1 * u1 + u2 * u2))
                    energy[a, s] += k * f1 * f2
                    if not derivatives:
                        continue
                    g0 = -2.0 * inverse[0] * u0 * f1 * f2
                    g1 = -4.0 * inverse[1] * (r1 - r2) * u1 * f1 * f2
                    slope1 = k * (df1 * f2 + g0 + g1) / r1
                    slope2 = k * (f1 * df2 + g0 - g1) / r2
                    slope3 = -2.0 * k * inverse[2] * u2 * f1 * f2 / r3
                    for x in range(3):
                        pull1, pull2 = slope1 * vector[p, x], slope2 * vector[q, x]
                        pull3 = slope3 * (vector[q, x] - vector[p, x])
                        force[a, x, s] += pull1 + pull2
                        force[b, x, s] += pull3 - pull1
                        force[c, x, s] -= pull3 + pull2
                        for y in range(3):
                            across = vector[q, y] - vector[p, y]
                            virial[x, y, s] -= pull1 * vector[p, y] + pull2 * vector[q, y] + pull3 * across
