"""Labels of structures against a classical force field: residuals and their derivatives by its parameters.

Residuals are differentiated by all parameters at once in forward mode. The induced dipoles solve A m = b; one
Newton step m₀ + A₀⁻¹ (b − A m₀) from the solution m₀ at the present parameters has the value and the
derivative of the solution (implicit differentiation), at the cost of one back substitution.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import torch
from ase import Atoms
from ase.data import atomic_numbers
from ase.stress import voigt_6_to_full_3x3_stress
from torch import Tensor

from superion.electrostatics.densities import COULOMB
from superion.electrostatics.induced_dipoles import roots, system
from superion.electrostatics.multipoles import Multipoles
from superion.neighbours import neighbour_pairs
from superion.potentials.classical.parameters import Parameters, Values
from superion.potentials.cutoff import cutoff_values
from superion.potentials.gap.settings import Sigmas
from superion.structures.labels import get_label

Array = np.ndarray
PRIOR = 0.03
"""Weight of a free number as a residual: keeps in the middle of its range what the data say nothing about."""
UPPER = [0, 4, 8, 5, 2, 1]
"""Voigt order in a flattened 3×3 matrix."""


@dataclass(frozen=True, slots=True)
class Solution:
    """Scaled dipoles m₀ (3N,) at some parameters, and the Cholesky factor of their matrix."""

    scaled: Tensor
    factor: Tensor


@dataclass(frozen=True, slots=True)
class Frame:
    """One structure: its geometry, its pairs within the cutoff of the pair energies, its labels.

    species: (N,) which of the S elements. i, j: (P,), each pair once, weighted with share (P,). kind: (P,)
    which of the Q pairs of elements. fade, steep: (P,) cutoff function and its slope. Labels are None where
    absent: forces (N, 3) eV/Å, virial (6,) eV, energy eV; weights are 1/σ.
    """

    geometry: Multipoles
    species: Tensor
    counts: Array
    i: Tensor
    j: Tensor
    vector: Tensor
    distance: Tensor
    share: Tensor
    kind: Tensor
    fade: Tensor
    steep: Tensor
    forces: Tensor | None
    virial: Tensor | None
    energy: float | None
    sigma: Sigmas

    @classmethod
    def of(cls, atoms: Atoms, parameters: Parameters) -> Self:
        """Compile a labelled structure."""
        settings = parameters.settings
        numbers = np.array([atomic_numbers[s] for s in parameters.species])
        species = np.searchsorted(numbers, atoms.numbers)
        near = neighbour_pairs(atoms, settings.cutoff)
        keep = near.i <= near.j
        i, j, r = near.i[keep], near.j[keep], near.distance[keep]
        table = np.zeros((len(numbers), len(numbers)), dtype=np.int64)
        for k, (a, b) in enumerate(parameters.pairs):
            one, two = parameters.species.index(a), parameters.species.index(b)
            table[one, two] = table[two, one] = k
        arrays = (
            species, i, j, near.vector[keep], r, np.where(i == j, 0.5, 1.0), table[species[i], species[j]],
            *cutoff_values(r, settings.cutoff, settings.width),
        )  # fmt: skip
        where, i_of, j_of, vector, distance, share, kind, fade, steep = (
            torch.from_numpy(np.ascontiguousarray(array)) for array in arrays
        )
        forces, stress, energy = (get_label(atoms, name) for name in ("forces", "stress", "energy"))
        virial = None
        if stress is not None:
            virial = torch.from_numpy(-voigt_6_to_full_3x3_stress(stress).ravel()[UPPER] * atoms.get_volume())
        return cls(
            Multipoles.of(atoms, settings.accuracy),
            where,
            np.bincount(species, minlength=len(numbers)).astype(np.float64),
            i_of,
            j_of,
            vector,
            distance,
            share,
            kind,
            fade,
            steep,
            None if forces is None else torch.tensor(forces, dtype=torch.float64),
            virial,
            None if energy is None else float(energy),
            settings.sigma,
        )

    def solve(self, values: Values, margin: float) -> Solution | None:
        """The induced dipoles, or None closer to a catastrophe than `margin`."""
        alpha, root, charges = self._atoms(values)
        damped = self.geometry.damped(alpha, values.thole)
        matrix = system(self.geometry, root, damped)
        eye = torch.eye(len(matrix), dtype=torch.float64)
        if torch.linalg.cholesky_ex(matrix - margin * eye)[1]:
            return None
        factor = torch.linalg.cholesky(matrix)
        nothing = torch.zeros(len(charges), 3, dtype=torch.float64)
        right = root[:, None] * self.geometry.respond(damped, charges, nothing)[1]
        return Solution(torch.cholesky_solve(right.reshape(-1, 1), factor).reshape(-1), factor)

    def electric(self, values: Values, solution: Solution | None) -> Tensor:
        """(1 + 3N + 6,) energy (eV), forces (eV/Å) and virial (eV) of charges and induced dipoles."""
        alpha, root, charges = self._atoms(values)
        damped = self.geometry.damped(alpha, values.thole)
        dipoles = torch.zeros(len(charges), 3, dtype=torch.float64)
        if solution is not None:
            guess = solution.scaled.reshape(-1, 3)
            felt = self.geometry.respond(damped, charges, root[:, None] * guess)[1]
            wrong = (root[:, None] * felt - guess).reshape(-1, 1)
            step = torch.cholesky_solve(wrong, solution.factor).reshape(-1, 3)
            dipoles = root[:, None] * (guess + step)
        potential, _ = self.geometry.respond(damped, charges, dipoles)
        forces, virial = self.geometry.derivatives(damped, charges, dipoles)
        energy = 0.5 * (charges * potential).sum()
        return COULOMB * torch.cat([energy.reshape(1), forces.reshape(-1), virial.reshape(-1)[UPPER]])

    def short(self, values: Values, inner: Tensor) -> Tensor:
        """The same of the pair energies.

        inner: (Q,) Å, where walls become straight lines; the energy's derivative by it vanishes.
        """
        energy, forces, virial = self._pairs(values.rows, inner)
        return torch.cat([energy.reshape(1), forces.reshape(-1), virial.reshape(-1)[UPPER]])

    def labels(self) -> tuple[Array, Array]:
        """What `electric` and `short` add up to, and weights: 0 where there is no label, 1 for energies."""
        count = len(self.species)
        parts = [
            (1, 1.0, self.energy),
            (3 * count, 1 / self.sigma.force, self.forces),
            (6, 1 / (self.sigma.virial * count**0.5), self.virial),
        ]
        known = [np.zeros(size) if own is None else np.ravel(own) for size, _, own in parts]
        weights = [np.full(size, 0.0 if own is None else weight) for size, weight, own in parts]
        return np.concatenate(known), np.concatenate(weights)

    def _atoms(self, values: Values) -> tuple[Tensor, Tensor, Tensor]:
        """Polarizabilities, their roots, charges, all (N,)."""
        alpha = values.polarizabilities[self.species]
        return alpha, roots(alpha), values.charges[self.species]

    def _pairs(self, rows: Tensor, inner: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Energy, forces (N, 3) and virial (3, 3) of the pair energies, as `pair_energy` has them."""
        a, rho, c, _, depth, stiffness, length = rows[self.kind].T
        r = self.distance
        at = torch.maximum(r, inner[self.kind])
        wall = a * torch.exp(-at / rho)
        slope = 6 * c / at**7 - wall / rho
        value = wall - c / at**6 + slope * (r - at)
        decay = torch.exp(-stiffness * (r - length))
        value = value + depth * decay * (decay - 2)
        slope = slope + 2 * depth * stiffness * decay * (1 - decay)
        slope = self.share * (slope * self.fade + value * self.steep)
        pull = (slope / r)[:, None] * self.vector
        forces = torch.zeros(len(self.species), 3, dtype=torch.float64)
        forces = forces.index_add(0, self.i, pull).index_add(0, self.j, -pull)
        return (self.share * value * self.fade).sum(), forces, -self.vector.T @ pull


class ClassicalProblem:
    """Weighted residuals of all frames; the constant energy of each element is eliminated."""

    def __init__(self, frames: Sequence[Atoms], parameters: Parameters) -> None:
        self.parameters = parameters
        self.frames = [Frame.of(atoms, parameters) for atoms in frames]
        self._labels = [frame.labels() for frame in self.frames]
        self._own = [frame.energy is not None for frame in self.frames]
        counts = np.array([f.counts for f in self.frames if f.energy is not None])
        counts = counts.reshape(-1, len(parameters.species))
        weight = 1 / (parameters.settings.sigma.energy * np.sqrt(counts.sum(axis=1)))
        # energies are compared up to a constant of each element: what counts @ constants can give is removed
        left, sizes, _ = np.linalg.svd(weight[:, None] * counts, full_matrices=False)
        used = left[:, sizes > 1e-9 * sizes.max(initial=0.0)]
        self._project = (np.eye(len(counts)) - used @ used.T) * weight
        self._counts, self._weight = counts, weight

    def at(self, free: Array) -> ClassicalPoint | None:
        """The residuals at the numbers (T,), or None if a frame is too close to a catastrophe."""
        values = self.parameters.values(torch.from_numpy(free))
        inner = self.parameters.inflections(values)
        solutions: list[Solution | None] = []
        for frame in self.frames:
            solutions.append(None)
            if self.parameters.polarizable:
                solutions[-1] = frame.solve(values, self.parameters.settings.margin)
                if solutions[-1] is None:
                    return None
        return ClassicalPoint(self, free, inner, solutions)

    def baseline(self, free: Array) -> dict[str, float]:
        """The constant energy (eV) of each element at the numbers (T,): least squares of least norm."""
        point = self.at(free)
        if point is None or not len(self._counts):
            return dict.fromkeys(self.parameters.species, 0.0)
        right = -self._weight * point.energies
        solution = np.linalg.lstsq(self._weight[:, None] * self._counts, right, rcond=1e-9)[0]
        return dict(zip(self.parameters.species, solution.tolist(), strict=True))

    def weighted(self, k: int, found: Array, *, slope: bool = False) -> Array:
        """What frame k gives to `join`: of what was `found` (1 + 3N + 6, …) the errors, or slopes of them."""
        known, weight = self._labels[k]
        used = weight > 0
        errors = found[used] if slope else found[used] - known[used]
        return weight[used].reshape(-1, *(1,) * (found.ndim - 1)) * errors

    def join(self, parts: Sequence[Array]) -> Array:
        """Residuals (R,), or derivatives (R, T), of all frames: energies projected, then the rest."""
        energies = [part[:1] for part, own in zip(parts, self._own, strict=True) if own]
        rest = [part[1:] if own else part for part, own in zip(parts, self._own, strict=True)]
        if energies:
            rest.append(self._project @ np.concatenate(energies))
        return np.concatenate(rest)


class ClassicalPoint:
    """The residuals at some parameters, with what their derivatives need."""

    def __init__(
        self, problem: ClassicalProblem, free: Array, inner: Tensor, solutions: Sequence[Solution | None]
    ) -> None:
        self._problem, self._free, self._inner, self._solutions = problem, free, inner, solutions
        values = problem.parameters.values(torch.from_numpy(free))
        self._parts = [
            problem.weighted(k, (frame.electric(values, solution) + frame.short(values, inner)).numpy())
            for k, (frame, solution) in enumerate(zip(problem.frames, solutions, strict=True))
        ]
        self.residuals = np.concatenate([problem.join(self._parts), PRIOR * free])

    @property
    def energies(self) -> Array:
        """Energy errors (eV) of the frames with energies, constants of the elements left out."""
        return np.array([p[0] for p, own in zip(self._parts, self._problem._own, strict=True) if own])

    def jacobian(self) -> Array:
        """(R, T) derivatives of the residuals."""
        free, values = torch.from_numpy(self._free), self._problem.parameters.values
        parts = []
        with warnings.catch_warnings():  # torch warns of its own parts when forward mode is first used
            warnings.simplefilter("ignore", DeprecationWarning)
            at, slopes = values(free), Values(*torch.func.jacfwd(lambda t: _tensors(values(t)))(free))
            for k, (frame, solution) in enumerate(zip(self._problem.frames, self._solutions, strict=True)):

                def electric(
                    q: Tensor, a: Tensor, t: Tensor, frame: Frame = frame, solved: Solution | None = solution
                ) -> Tensor:
                    return frame.electric(Values(q, a, t, at.rows), solved)

                def short(rows: Tensor, frame: Frame = frame) -> Tensor:
                    return frame.short(replace(at, rows=rows), self._inner)

                found = _slope(electric, _tensors(at)[:3], _tensors(slopes)[:3])
                found += _slope(short, (at.rows,), (slopes.rows,))
                parts.append(self._problem.weighted(k, found, slope=True))
        return np.concatenate([self._problem.join(parts), PRIOR * np.eye(len(free))])


def _slope(function: Callable[..., Tensor], at: Sequence[Tensor], slopes: Sequence[Tensor]) -> Array:
    """(R, T) derivatives of a function (R,) of tensors that have slopes (…, T); most columns are zero."""
    count = slopes[0].shape[-1]
    moving = torch.stack([slope.reshape(-1, count).ne(0).any(dim=0) for slope in slopes]).any(dim=0)
    if not moving.any():
        return np.zeros((len(function(*at)), count))
    tangents = tuple(slope[..., moving].movedim(-1, 0) for slope in slopes)
    columns = torch.func.vmap(lambda *along: torch.func.jvp(function, tuple(at), along)[1])(*tangents)
    found = np.zeros((columns.shape[-1], count))
    found[:, moving.numpy()] = columns.numpy().T
    return found


def _tensors(values: Values) -> tuple[Tensor, ...]:
    return tuple(getattr(values, field.name) for field in fields(values))
