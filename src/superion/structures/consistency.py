"""Whether energies, forces and stresses of a set of frames agree with each other and with the atoms.

A cheap model (`quick_model`) is fitted to the forces, robustly. What it says of forces left out, of energies
and of stresses, none of which it has seen, is compared with the labels: right labels agree, whatever the
material.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import permutations, product

import numpy as np
from ase import Atoms

from superion.structures.labels import get_label, is_isolated
from superion.structures.quick_model import Basis
from superion.structures.spool import Part, Spool
from superion.structures.suspects import counted

Array = np.ndarray

FOLDS = 4
RIDGE = 3e-5
"""Of the scaled normal equations."""
ROWS = 24_000
"""Force components fitted to, at most; all frames are judged."""
SIZE = 800
"""Coefficients, at most; with more species the invariants are left out."""
FITTED = 0.6
"""Correlation of forces with a fit to them from which they are forces of their atoms."""
RICH = 6
"""Force components for each coefficient from which a fit that explains nothing says something."""
TRIED = 1000
"""Atoms that other orders are tried on."""
PARTS = 6
"""Parts of the frames that are tried as a start where all together explain nothing."""
FEWEST = 4
"""Frames with forces below which nothing is said."""
EXPLAINED = 0.8
"""Correlation of forces left out with predictions, in the median frame, from which the model may judge."""
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the model says of each of n frames; nan where there is no label or no judgement.

    index: (n,) into the frames given. correlation: (n,) of forces left out of the fit with their prediction.
    fitted: (n,) the same where the frame is fitted like all others. forces: predictions (N, 3) eV/Å.
    energy: (n, 1 + FOLDS) eV, of the model without compositions, and of models with a part left out.
    stress: (n, 6, 1 + FOLDS) eV/Å³, Voigt, likewise. turn: the orthogonal
    matrix by which all forces agree best with their atoms, and `turned`, `straight` the fractions of their
    square explained with it and without. scale: (n,) eV/Å, a typical component. rich: whether there are many
    more forces than coefficients. too_few: why nothing is judged, or empty.
    """

    index: Array = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    correlation: Array = field(default_factory=lambda: np.empty(0))
    fitted: Array = field(default_factory=lambda: np.empty(0))
    forces: Sequence[Array] = ()
    energy: Array = field(default_factory=lambda: np.empty((0, 1)))
    stress: Array = field(default_factory=lambda: np.empty((0, 6, 1)))
    turn: Array = field(default_factory=lambda: np.eye(3))
    turned: float = 0.0
    straight: float = 0.0
    scale: Array = field(default_factory=lambda: np.empty(0))
    rich: bool = False
    too_few: str = ""

    @property
    def typical(self) -> float:
        """Median correlation of forces that were left out."""
        return float(np.median(self.correlation)) if len(self.correlation) else 0.0

    @property
    def judges(self) -> bool:
        """Whether the model knows enough of these forces to doubt one."""
        return not self.too_few and self.typical >= EXPLAINED


def evidence(frames: Sequence[Atoms]) -> Evidence:
    """Fit the model to the forces of `frames` and predict what was left out."""
    index = np.array(
        [
            k
            for k, atoms in enumerate(frames)
            if not is_isolated(atoms) and len(atoms) > 1 and _has_forces(atoms)
        ],
        dtype=np.int64,
    )
    used = Part(frames, index.tolist())
    if len(used) < FEWEST:
        return Evidence(too_few=f"{counted(len(used))} with forces: too few to judge labels by a fit.")
    found: list[Evidence] = []
    for angles in (True, False):
        one = _try(used, index, angles)
        if one is not None and one.judges:
            return one
        found += [] if one is None else [one]
    if not found:
        return Evidence(
            too_few=f"{counted(len(used))} have too few forces to judge labels by a fit of all their species."
        )
    return max(found, key=lambda one: one.typical)


def _has_forces(atoms: Atoms) -> bool:
    forces = get_label(atoms, "forces")
    return forces is not None and bool(np.any(forces))


def _try(frames: Sequence[Atoms], index: Array, angles: bool) -> Evidence | None:
    basis = Basis(frames, angles=angles)
    rows = 3 * sum(len(atoms) for atoms in frames)
    if rows < 2 * basis.size or (angles and basis.size > SIZE):
        return None
    return _Fit(frames, basis).evidence(index)


class _Labels(Sequence[Array]):
    """Forces (N, 3) eV/Å of frames."""

    def __init__(self, frames: Sequence[Atoms]) -> None:
        self._frames = frames

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Array:  # type: ignore[override]  # no slices are asked for
        return np.asarray(get_label(self._frames[index], "forces"))


class _Fit:
    """Normal equations by frame; designs of frames that are not fitted to are made when they are needed."""

    def __init__(self, frames: Sequence[Atoms], basis: Basis) -> None:
        self.frames, self.basis = frames, basis
        self.fitted = spread([len(atoms) for atoms in frames], ROWS // 3)
        self.kept = {k: basis.design(frames[k]) for k in self.fitted}
        self.fold = np.arange(len(frames)) * FOLDS // len(frames)
        self.relabel(_Labels(frames))

    def relabel(self, labels: Sequence[Array]) -> None:
        """Take these forces (N, 3) eV/Å for those of the frames."""
        self.labels = labels
        typical = np.array([_scale(f) for f in labels])
        self.scale = np.maximum(typical, 0.1 * np.median(typical))
        self.fitted_to = {k: labels[k] for k in self.fitted}
        self.kept_weights = {k: self._first_weights(k, f) for k, f in self.fitted_to.items()}

    def _first_weights(self, k: int, forces: Array) -> Array:
        return self._huber(np.linalg.norm(forces, axis=1) / self.scale[k])

    @staticmethod
    def _huber(ratio: Array, edge: float = 5.0) -> Array:
        return np.minimum(1.0, edge / np.maximum(ratio, 1e-12))

    def _importance(self, k: int) -> Array:
        """(N,) weights of squares; every frame counts alike, so that large cells do not outvote molecules."""
        return np.asarray(self.kept_weights[k] / (self.scale[k] ** 2 * len(self.fitted_to[k])))

    def moments(self, k: int) -> tuple[Array, Array]:
        """(F, F) and (F, 3, 3): what frame `k` adds to the equations, for any linear map of its forces."""
        design = self.kept[k].forces
        weighted = design * self._importance(k)[:, None, None]
        size = self.basis.size
        gram = weighted.reshape(-1, size).T @ design.reshape(-1, size)
        right = weighted.reshape(len(design), -1).T @ self.fitted_to[k]
        return gram, right.reshape(3, size, 3).swapaxes(0, 1)

    def solve(self, moments: dict[int, tuple[Array, Array]], which: set[int]) -> Array:
        """(F,) coefficients from some frames."""
        gram = np.sum([moments[k][0] for k in sorted(which)], axis=0)
        right = np.sum([moments[k][1] for k in sorted(which)], axis=0)
        return _ridge(gram, right.trace(axis1=1, axis2=2))

    def evidence(self, index: Array) -> Evidence:
        """Fit, leave out frames that disagree and weight atoms that do, fit again; then judge every frame."""
        n = len(self.frames)
        trusted = self._consensus()
        for _ in range(3):
            moments = {k: self.moments(k) for k in self.fitted}
            by_fold = self.by_fold(moments, trusted)
            before, trusted = trusted, self._trusted(by_fold)
            self._reweight(self.solve(moments, trusted))
            if trusted == before:
                break
        moments = {k: self.moments(k) for k in self.fitted}
        whole = self.solve(moments, set(self.fitted))
        believed = trusted | {
            k
            for k in self.fitted
            if _correlation(self.kept[k].forces @ whole, self.fitted_to[k], self.kept_weights[k]) > FITTED
        }
        by_fold = self.by_fold(moments, trusted)
        sets = np.column_stack([self.solve(moments, believed), *self.by_fold(moments, believed)])
        correlation, fitted = np.zeros(n), np.zeros(n)
        energy, stress = np.zeros((n, FOLDS + 1)), np.full((n, 6, FOLDS + 1), np.nan)
        forces, atoms_in_all = Spool[Array](), 0
        for k, atoms in enumerate(self.frames):
            design, label = self.kept.get(k) or self.basis.design(atoms), np.asarray(self.labels[k])
            predicted = design.forces @ by_fold[self.fold[k]]
            forces.append(predicted)
            atoms_in_all += len(atoms)
            weights = self.kept_weights[k] if k in self.kept else self._first_weights(k, label)
            correlation[k] = _correlation(predicted, label, weights)
            fitted[k] = _correlation(design.forces @ whole, label, weights)
            energy[k] = design.energy @ sets
            if atoms.cell.rank == 3:
                virial = design.virial @ sets
                stress[k] = [-virial[a, b] / atoms.get_volume() for a, b in VOIGT]
        turn, turned, straight = self._turn(moments)
        halves = [self._turn({k: moments[k] for k in self.fitted[start::2]})[0] for start in (0, 1)]
        if np.linalg.norm(halves[0] - halves[1]) > 0.5 * np.linalg.norm(turn - np.eye(3)):
            turn, turned = np.eye(3), straight  # it depends on which frames are looked at
        rich = 3 * atoms_in_all > RICH * self.basis.size
        return Evidence(
            index, correlation, fitted, forces, energy, stress, turn, turned, straight, self.scale, rich
        )

    def _consensus(self) -> set[int]:
        """All frames, or where they do not explain each other, those that agree with one part of them.

        Half of the frames with another sign would else cancel the other half (random sample consensus:
        Fischler, Bolles, Commun. ACM 24, 381 (1981)).
        """
        everyone = set(self.fitted)
        moments = {k: self.moments(k) for k in self.fitted}
        found = self.explained(self.by_fold(moments, everyone))
        if np.median(list(found.values())) >= EXPLAINED:
            return everyone
        best, most = everyone, sum(one > 0.5 for one in found.values())
        fitted = np.array(self.fitted)
        parts = [*np.array_split(fitted, 2), fitted[::2], fitted[1::2]]
        parts += np.array_split(fitted, PARTS) if len(fitted) >= 4 * PARTS else []
        for part in parts:
            coefficients = self.solve(moments, {int(k) for k in part})
            agree = {
                k
                for k, one in self.explained(np.tile(coefficients, (FOLDS, 1))).items()
                if one > 0.5 or k in part
            }
            others = len(agree - set(part.tolist()))
            if others and others + len(part) > most:
                best, most = agree, others + len(part)
        return best

    def explained(self, by_fold: Array) -> dict[int, float]:
        """Correlation of each frame with its prediction, by coefficients (FOLDS, F) that leave it out."""
        return {
            k: _correlation(
                self.kept[k].forces @ by_fold[self.fold[k]], self.fitted_to[k], self.kept_weights[k]
            )
            for k in self.fitted
        }

    def _trusted(self, by_fold: Array) -> set[int]:
        """Frames that the others explain."""
        found = self.explained(by_fold)
        edge = min(0.5, 0.6 * float(np.median(list(found.values()))))
        kept = {k for k, one in found.items() if one > edge}
        return kept if len({self.fold[k] for k in kept}) > 1 else set(self.fitted)

    def _reweight(self, coefficients: Array) -> None:
        """Huber weights of single atoms by what the fit leaves of their forces."""
        left = {
            k: np.linalg.norm(one.forces @ coefficients - self.fitted_to[k], axis=1) / self.scale[k]
            for k, one in self.kept.items()
        }
        typical = np.median(np.concatenate(list(left.values())))
        for k, one in left.items():
            self.kept_weights[k] = self._huber(one / max(typical, 1e-6))

    def by_fold(self, moments: dict[int, tuple[Array, Array]], trusted: set[int]) -> Array:
        """(FOLDS, F): coefficients without each fold."""
        return np.array(
            [
                self.solve(moments, {k for k in trusted if self.fold[k] != fold} or trusted)
                for fold in range(FOLDS)
            ]
        )

    def _turn(self, moments: dict[int, tuple[Array, Array]]) -> tuple[Array, float, float]:
        """The orthogonal matrix by which the forces must be turned to be explained best.

        The explained square is a quadratic form of the matrix, convex, so that going to the orthogonal matrix
        nearest to its gradient never lowers it.
        """
        gram = np.sum([one[0] for one in moments.values()], axis=0)
        right = np.sum([one[1] for one in moments.values()], axis=0)
        scale = np.sqrt(np.maximum(np.diag(gram), 1e-300))
        scaled = right.reshape(len(scale), 9) / scale[:, None]
        matrix = gram / scale[:, None] / scale + RIDGE * np.eye(len(scale))
        form = scaled.T @ np.linalg.solve(matrix, scaled)
        total = sum(float((self._importance(k)[:, None] * self.fitted_to[k] ** 2).sum()) for k in moments)
        starts = [
            np.eye(3)[list(p)] * np.array(s)[:, None]
            for p in permutations(range(3))
            for s in product((1, -1), repeat=3)
        ]
        best, value = np.eye(3), float(np.eye(3).ravel() @ form @ np.eye(3).ravel())
        straight = value
        for start in starts:
            turn = start
            for _ in range(30):
                u, _, v = np.linalg.svd((form @ turn.ravel()).reshape(3, 3))
                turn = u @ v
            now = float(turn.ravel() @ form @ turn.ravel())
            if now > value * (1 + 1e-6):
                best, value = turn, now
        return (best if np.linalg.det(best) > 0 else -best), value / total, straight / total


def related(frames: Sequence[Atoms], known: Evidence) -> tuple[str, float] | None:
    """Whose forces they are that explain nothing: how they would fit, and the fraction then explained."""
    index = known.index[: max(FEWEST, TRIED // max(1, len(frames[known.index[0]])))]
    labels = [np.asarray(get_label(frames[k], "forces")) for k in index]
    guesses: dict[str, list[Array]] = {}
    for name, key in ORDERS.items():
        orders = [np.argsort(key(frames[k]), kind="stable") for k in index]
        guesses[name] = [f[order] for f, order in zip(labels, orders, strict=True)]
        guesses[f"{name} "] = [f[np.argsort(order)] for f, order in zip(labels, orders, strict=True)]
    for name, step in (("of the frame after", 1), ("of the frame before", -1)):
        guesses[f"if each frame is given those {name}"] = [
            labels[(i + step) % len(labels)] for i in range(len(labels))
        ]
    best: tuple[str, float] | None = None
    used = [frames[k] for k in index]
    fit = _Fit(used, Basis(used))
    for name, moved in guesses.items():
        if any(len(f) != len(atoms) for f, atoms in zip(moved, used, strict=True)):
            continue
        fit.relabel(moved)
        moments = {k: fit.moments(k) for k in fit.fitted}
        found = float(np.median(list(fit.explained(fit.by_fold(moments, set(fit.fitted))).values())))
        if found >= EXPLAINED and found**2 > (best[1] if best else 0.0):
            best = name.strip(), found**2
    return best


ORDERS: dict[str, Callable[[Atoms], Array]] = {
    "in the order of atomic numbers": lambda atoms: atoms.numbers,
    "in the order of atomic numbers, backwards": lambda atoms: -atoms.numbers,
    "in the order of symbols": lambda atoms: np.unique(atoms.get_chemical_symbols(), return_inverse=True)[1],
    "in the order of symbols, backwards": lambda atoms: (
        -np.unique(atoms.get_chemical_symbols(), return_inverse=True)[1]
    ),
    "with their lines backwards": lambda atoms: -np.arange(len(atoms)),
}
"""Orders in which codes write atoms."""


def _ridge(gram: Array, right: Array) -> Array:
    scale = np.sqrt(np.diag(gram))
    scale = np.where(scale > 0, scale, 1.0)
    scaled = gram / scale[:, None] / scale + RIDGE * np.eye(len(scale))
    return np.linalg.solve(scaled, right / scale) / scale


def _scale(forces: Array) -> float:
    """A typical component in eV/Å that a few absurd ones do not change."""
    return float(np.sqrt(np.median((forces**2).sum(axis=1)) / 2.37))


def _correlation(a: Array, b: Array, weights: Array | None = None) -> float:
    w = np.ones(len(a)) if weights is None else weights
    norm = np.sqrt(w @ (a**2).sum(axis=1) * (w @ (b**2).sum(axis=1)))
    return float(w @ (a * b).sum(axis=1) / norm) if norm > 0 else 0.0


def spread(sizes: Sequence[int], atoms: int) -> list[int]:
    """Indices, evenly spread, of frames with about so many atoms in all."""
    total = sum(sizes)
    if total <= atoms:
        return list(range(len(sizes)))
    count = max(2 * FOLDS, len(sizes) * atoms // total)
    return sorted({round(k * (len(sizes) - 1) / (count - 1)) for k in range(count)})
