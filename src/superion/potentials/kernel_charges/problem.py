"""The least-squares problem of kernel charge equilibration: frames, kernels and elements in, weights out.

The unknowns are the weights of all kernels of the electronegativity (M), the constants of all elements (E),
both in V, and the weights of the kernels of atomic dipoles (D).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from ase import Atoms

from superion.electrostatics.charge_constraints import constraints_of
from superion.electrostatics.equilibration import Constraints
from superion.errors import naming
from superion.potentials.gap.gaussian_process import prior_factor
from superion.potentials.gap.tsqr import BATCH, StreamingLeastSquares, solve_upper
from superion.potentials.kernel_charges.observables import Observables, observables
from superion.potentials.kernel_charges.response import Elements, Response
from superion.potentials.kernel_charges.settings import KernelQEqSettings
from superion.potentials.kernel_charges.tuning import Case, tune
from superion.potentials.kernel_charges.vector import VectorBlock
from superion.potentials.many_body.soap import SoapBlock
from superion.progress import track

Array = np.ndarray


class ChargeProblem:
    """Labelled frames and all that determines the weights but the labels' linear algebra.

    sigma: factor on the expected errors of all labels.
    """

    def __init__(
        self,
        frames: Sequence[Atoms],
        blocks: Sequence[SoapBlock],
        vectors: Sequence[VectorBlock],
        elements: Elements,
        settings: KernelQEqSettings,
        sigma: float = 1.0,
    ) -> None:
        self.frames, self.settings, self.sigma = list(frames), settings, sigma
        self.blocks, self.vectors, self.elements = list(blocks), list(vectors), elements
        self.kernels = sum(block.size for block in blocks)
        self.charged = self.kernels + len(elements.species)
        self.size = self.charged + sum(block.size for block in vectors)

    def tuned(self, rng: np.random.Generator, *, progress: bool = False) -> ChargeProblem:
        """The same problem with what `settings.learn` names learned from labels left out."""
        settings, learn = self.settings, set(self.settings.learn)
        if any(atoms.pbc.any() for atoms in self.frames):
            learn.discard("width")
        cases, dipoles = self._cases(rng)
        found = tune(cases, dipoles, self.elements, sorted(learn), settings.steps, progress=progress)
        pairs = zip(self.blocks, found.delta.tolist(), strict=True)
        blocks = [with_delta(block, block.hyper.delta * factor) for block, factor in pairs]
        turning = zip(self.vectors, found.dipole_delta.tolist(), strict=True)
        vectors = [block.with_delta(block.hyper.delta * factor) for block, factor in turning]
        return ChargeProblem(self.frames, blocks, vectors, found.elements, settings, found.sigma)

    def solve(self, *, progress: bool = False) -> Array:
        """The unknowns (M + E + D,) by regularised least squares.

        With fewer labels than unknowns the same solution is found in the space of the labels.
        """
        equations = [
            self.rows(atoms) for atoms in track(self.frames, "least squares", len(self.frames), show=progress)
        ]
        if sum(len(right) for _, right in equations) < self.size:
            rows, right = (np.concatenate(parts) for parts in zip(*equations, strict=True))
            return self.solve_by_labels(rows, right)
        return self.solve_by_unknowns(equations)

    def solve_by_labels(self, rows: Array, right: Array) -> Array:
        """W = P Aᵀ (A P Aᵀ + 1)⁻¹ b of equations A (R, unknowns), b (R,), with P the prior covariance."""
        for part, factor in self.prior():
            rows[:, part] = solve_upper(factor, rows[:, part].T, transpose=True).T
        covariance = rows @ rows.T
        covariance[np.diag_indices_from(covariance)] += 1.0
        unknowns = rows.T @ np.linalg.solve(covariance, right)
        for part, factor in self.prior():
            unknowns[part] = solve_upper(factor, unknowns[part, None])[:, 0]
        return unknowns

    def solve_by_unknowns(self, equations: Sequence[tuple[Array, Array]]) -> Array:
        """The same by orthogonal reduction of the equations A (R, unknowns), b (R,) and of the prior."""
        system = StreamingLeastSquares(self.size, 1)
        for rows, right in equations:
            system.add(rows, right[:, None])
        for part, factor in self.prior():
            for first in range(0, len(factor), BATCH):
                some = factor[first : first + BATCH]
                rows = np.zeros((len(some), self.size))
                rows[:, part] = some
                system.add(rows, np.zeros((len(some), 1)))
        return system.solve()[0][:, 0]

    def rows(self, atoms: Atoms) -> tuple[Array, Array]:
        """Equations (R, M + E + D) of the labels of one frame, and labels (R,), over their sigmas."""
        response, observed = self.linear(atoms)
        matrix = observed.charges(self.elements.width[response.kinds])
        slope, fixed = response.solve(self.elements, matrix)
        parts = [-slope.numpy() @ self.kernel_rows(atoms)]
        for block in self.vectors:
            design = block.design(atoms).reshape(3 * len(atoms), -1)
            parts.append(observed.dipoles.reshape(len(fixed), -1) @ design)
        sigma = (self.sigma * observed.sigma).numpy()
        return np.concatenate(parts, axis=1) / sigma[:, None], (observed.labels - fixed).numpy() / sigma

    def kernel_rows(self, atoms: Atoms) -> Array:
        """(N, M + E): weights and constants to electronegativities."""
        parts = [block.design(atoms, forces=False)[0] for block in self.blocks]
        return np.concatenate([*parts, one_hot(atoms, self.elements.species)], axis=1)

    def prior(self) -> Iterator[tuple[slice, Array]]:
        """Upper factors U of the parts of the prior, UᵀU the inverse covariance of these unknowns."""
        start = 0
        for block in self.blocks:
            matrix = block.prior()
            for part in block.offsets.values():
                own = slice(start + part.start, start + part.stop)
                yield own, prior_factor(matrix[part, part], self.settings.jitter)
            start += block.size
        constants = len(self.elements.species)
        yield slice(start, start + constants), np.eye(constants) / self.settings.offset_sigma
        start += constants
        for vector in self.vectors:
            for z, part in vector.offsets.items():
                own = slice(start + part.start, start + part.stop)
                yield own, prior_factor(vector.prior(z), self.settings.jitter)
            start += vector.size

    def linear(self, atoms: Atoms) -> tuple[Response, Observables]:
        """How the charges of a frame respond, and what is known of them."""
        found = constraints(atoms, self.settings)
        members = found.groups == np.arange(len(found.totals))[:, None]
        each = torch.from_numpy(members.astype(np.float64))
        totals = torch.from_numpy(found.totals)
        response = Response(atoms, self.elements, each, totals, self.settings.accuracy)
        width = self.elements.width[response.kinds].numpy()
        return response, observables(atoms, self.settings, width)

    def _cases(self, rng: np.random.Generator) -> tuple[list[Case], list[torch.Tensor]]:
        """Frames drawn at random until they have `settings.rows` labels, ordered by group."""
        chosen: list[tuple[str, int, Response, Observables]] = []
        count = 0
        for k in rng.permutation(len(self.frames)).tolist():
            response, observed = self.linear(self.frames[k])
            count += len(observed.labels)
            if chosen and count > self.settings.rows:
                break
            group = str(self.frames[k].info.get("trajectory", f"frame {k}"))
            chosen.append((group, k, response, observed))
        chosen.sort(key=lambda one: one[:2])
        cases: list[Case] = []
        rows: list[list[Array]] = [[] for _ in self.vectors]
        priors = list(self.prior())
        for group, k, response, observed in chosen:
            atoms, start = self.frames[k], 0
            features = []
            for block in self.blocks:
                own = block.design(atoms, forces=False)[0]
                features.append(torch.from_numpy(_whitened(own, priors, start)))
                start += block.size
            start += len(self.elements.species)
            for some, vector in zip(rows, self.vectors, strict=True):
                design = vector.design(atoms).reshape(3 * len(atoms), -1)
                own = observed.dipoles.reshape(len(observed.labels), -1) @ design
                some.append(_whitened(own, priors, start))
                start += vector.size
            constants = one_hot(atoms, self.elements.species) * self.settings.offset_sigma
            cases.append(Case(response, observed, features, torch.from_numpy(constants), group))
        stacked = [torch.from_numpy(np.concatenate(some)) for some in rows]
        return cases, [some @ some.T for some in stacked]


def _whitened(rows: Array, priors: Sequence[tuple[slice, Array]], start: int) -> Array:
    """Rows (R, m) of the unknowns from `start` on in terms of unknowns with unit prior covariance."""
    out = np.empty_like(rows)
    for part, factor in priors:
        if start <= part.start < start + rows.shape[1]:
            own = slice(part.start - start, part.stop - start)
            out[:, own] = solve_upper(factor, rows[:, own].T, transpose=True).T
    return out


def one_hot(atoms: Atoms, species: Sequence[int]) -> Array:
    """(N, E): which element each atom is."""
    return (atoms.numbers[:, None] == np.array(species)).astype(np.float64)


def constraints(atoms: Atoms, settings: KernelQEqSettings) -> Constraints:
    """Which charges add up to what; errors name the frame."""
    with naming(atoms.info.get("source")):
        return constraints_of(atoms, settings.total_charge, settings.background, settings.neutral_parts)


def with_delta(block: SoapBlock, delta: float) -> SoapBlock:
    """The same kernels with another amplitude."""
    hyper = block.hyper.model_copy(update={"delta": delta})
    return SoapBlock(hyper, block.species, block.points, block.bases, block.contractions)
