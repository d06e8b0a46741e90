"""The local term: a sparse Gaussian process on atomic energies, with its uncertainty.

    E(structure) = Σ_atoms e0(species) + Σ_blocks Σ_s w_s k(structure, s)

Weights follow from energies, forces and stresses together (fit.py). Sparse (projected-process) regression:
Quiñonero-Candela & Rasmussen, J. Mach. Learn. Res. 6, 1939 (2005); for potentials: Bartók & Csányi,
Int. J. Quantum Chem. 115, 1051 (2015).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols

from superion.batch import Batch, evaluate_local
from superion.errors import InputError, ModelError
from superion.neighbours import NeighbourList
from superion.potentials.few_body.angle import AngleBlock
from superion.potentials.few_body.angle_table import AngleTable
from superion.potentials.few_body.pair import PairBlock
from superion.potentials.few_body.pair_table import PairTable
from superion.potentials.gap.calibration import ForceCalibration
from superion.potentials.gap.tsqr import solve_upper
from superion.potentials.many_body.soap import SoapBlock
from superion.terms import Evaluation, Sums

Array = np.ndarray


class Basis(Protocol):
    """Functions of a structure whose weighted sum is an energy."""

    def design(self, atoms: Atoms, forces: bool = True) -> tuple[Array, Array, Array]:
        """Energies (N, M), forces (N, 3, M) and virial (3, 3, M) of every basis function."""
        ...


class Block(Basis, Protocol):
    """Basis functions of the local energy: kernels to sparse points of one descriptor."""

    kind: ClassVar[str]
    size: int
    cutoff: float

    def prior(self) -> Array:
        """Covariance (M, M) in eV² of the sparse points."""
        ...

    def evaluate(self, batch: Batch, weights: Array, sums: Sums) -> None:
        """Add their sum weighted by (M,) coefficients: energies of the centres, forces and virials."""
        ...

    def settings(self) -> dict[str, Any]:
        """Everything but arrays."""
        ...

    def arrays(self) -> dict[str, Array]:
        """Sparse points."""
        ...


BLOCKS: dict[str, type[SoapBlock] | type[PairBlock] | type[AngleBlock]] = {
    block.kind: block for block in (PairBlock, AngleBlock, SoapBlock)
}


TABLES: dict[str, Any] = {PairBlock.kind: PairTable, AngleBlock.kind: AngleTable}
"""Tables of the energy of a block, by its kind."""
SINGLE = 1e-7
"""Largest error (eV/Å) of a pair's slope in single precision, where SOAP errs by some 1e-5."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """Predictive standard deviations: energy eV, energies (N,) eV, forces (N, 3) eV/Å.

    calibrated: those of forces are what errors on trajectories left out are, label errors among them.
    """

    energy: float
    energies: Array
    forces: Array
    calibrated: bool = False


class SparseGP:
    """Sum of blocks with fitted weights, plus a constant energy per species.

    weights: (M,) over all blocks in order. baseline: eV by chemical symbol. factor: (M, M) upper triangular
    with (factorᵀ·factor)⁻¹ the posterior covariance of the weights, or None if no uncertainty is wanted.
    calibration: by how much the deviations of forces that follow from it are too small, if that is known.
    """

    kind: ClassVar[str] = "gp"
    fitted: ClassVar[bool] = True

    def __init__(
        self,
        blocks: Sequence[Block],
        weights: Array,
        baseline: dict[str, float],
        factor: Array | None = None,
        calibration: ForceCalibration | None = None,
    ) -> None:
        self.blocks = list(blocks)
        self.weights = np.asarray(weights, dtype=np.float64)
        self.baseline = dict(baseline)
        self.factor = factor
        self.calibration = calibration
        size = sum(block.size for block in self.blocks)
        found = self.weights.shape, (size, size) if factor is None else factor.shape
        if not self.blocks or found != ((size,), (size, size)):
            raise ModelError(
                f"{len(self.blocks)} blocks with {size} sparse points need as many weights, and as many rows "
                f"and columns of the factor, found {found[0]} and {found[1]}."
            )
        self._constant = np.full(len(chemical_symbols), np.nan)
        for symbol, energy in self.baseline.items():
            self._constant[atomic_numbers[symbol]] = energy
        self._prior_factors: dict[int, Array] = {}
        self.tables: list[PairTable | AngleTable | None] = [None] * len(self.blocks)
        self._single: list[PairTable | None] = [None] * len(self.blocks)

    @property
    def species(self) -> list[str]:
        """Chemical symbols the model knows."""
        return list(self.baseline)

    elements = species

    @property
    def uncertain(self) -> bool:
        """Whether it has standard deviations."""
        return self.factor is not None

    @property
    def soap(self) -> SoapBlock | None:
        """The first block of environments, if there is one."""
        return next((block for block in self.blocks if isinstance(block, SoapBlock)), None)

    @property
    def lammps_modes(self) -> list[str]:
        """Tables and single precision, which the plugin of LAMMPS lacks."""
        tables = ["tables" for table in self.tables if table is not None]
        modes = (getattr(block, "precision", "float64") for block in self.blocks)
        return tables + [mode for mode in modes if mode != "float64"]

    def without_deviation(self) -> SparseGP:
        """The same model without the covariance of its weights."""
        return SparseGP(self.blocks, self.weights, self.baseline)

    @property
    def cutoff(self) -> float:
        """How far an atom sees, in Å."""
        return max(block.cutoff for block in self.blocks)

    def evaluate(self, atoms: Atoms, centres: int | None = None) -> Evaluation:
        """Energy, forces and virial; ModelError for a species the model does not know.

        centres: only the energies of the first `centres` atoms, in the environment of the others.
        """
        return evaluate_local([self], [atoms], centres)[0]

    def evaluate_batch(
        self, structures: Sequence[Atoms], lists: Sequence[NeighbourList] | None = None
    ) -> list[Evaluation]:
        """The evaluation of each structure; lists: neighbour lists that remember them, one for each."""
        return evaluate_local([self], structures, lists=lists)

    def add(self, batch: Batch, sums: Sums) -> None:
        """Add the energies of the centres, forces and virials; ModelError for an unknown species."""
        centres = batch.centres
        sums.energies[:centres] += self.constants(batch)[:centres]
        parts = zip(self.blocks, self.split(self.weights), self.tables, self._single, strict=True)
        for block, weights, table, single in parts:
            known = table or single
            if known is None:
                block.evaluate(batch, weights, sums)
            else:
                known.evaluate(batch, sums)

    def tabulated(self, tolerance: float) -> SparseGP:
        """The same model with its 2- and 3-body energies read from tables, for dynamics.

        tolerance: largest error in eV/Å of the slope of a pair's or a triangle's energy with respect to a
        distance; `tables` of the result tell the error found and the memory. Such a model is saved, and its
        standard deviations are computed, without the tables. Raises InputError if the tolerance is not
        positive or takes too much memory.
        """
        if not tolerance > 0:
            raise InputError(f"the error of tables must be positive, found {tolerance} eV/Å.")
        result = copy.copy(self)
        result.tables = [
            None if (table := TABLES.get(block.kind)) is None else table(block, weights, tolerance)
            for block, weights in zip(self.blocks, self.split(self.weights), strict=True)
        ]
        return result

    def with_precision(self, precision: str) -> SparseGP:
        """The same model evaluated in `float64`; or SOAP in `float32`, 2-body energies from tables."""
        result = copy.copy(self)
        result.blocks = [
            block.with_precision(precision) if hasattr(block, "with_precision") else block
            for block in self.blocks
        ]
        single = precision == "float32"
        result._single = [
            PairTable(block, weights, SINGLE) if single and isinstance(block, PairBlock) else None
            for block, weights in zip(self.blocks, self.split(self.weights), strict=True)
        ]
        return result

    def constants(self, atoms: Atoms | Batch) -> Array:
        """Baseline energies (N,) in eV."""
        constant = self._constant[atoms.numbers]
        if np.isnan(constant).any():
            unknown = sorted({chemical_symbols[z] for z in atoms.numbers[np.isnan(constant)]})
            raise ModelError(
                f"the model knows {self.species}, the structure contains {unknown}.",
                remedy="fit a model on labels that contain these species.",
            )
        return constant

    def deviation(self, atoms: Atoms) -> Deviation:
        """Predictive standard deviations of the local energy and its derivatives.

        Energies: posterior of the weights plus the part of the SOAP prior that the sparse points cannot
        represent (deterministic training conditional). Forces: posterior of the weights alone (subset of
        regressors), a lower bound far from the sparse points, times the factor of the species if the model is
        calibrated.
        """
        if self.factor is None:
            raise ModelError(
                "this model was saved without its covariance, so it has no standard deviations.",
                remedy="fit again with `uncertainty: true`.",
            )
        factor = self.factor
        energy, force, _ = design(self.blocks, atoms)

        def posterior(rows: Array) -> Array:
            return (solve_upper(factor, rows.T, transpose=True) ** 2).sum(axis=0)

        total = posterior(energy.sum(axis=0)[None])[0]
        each = posterior(energy)
        spread = posterior(force.reshape(-1, force.shape[-1])).reshape(len(atoms), 3)
        for k, (block, part) in enumerate(zip(self.blocks, self._slices(), strict=True)):
            if isinstance(block, SoapBlock):
                missing = block.covariance(atoms) - self._represented(k, energy[:, part])
                total += max(missing.sum(), 0.0)
                each += np.maximum(np.diag(missing), 0.0)
        forces = np.sqrt(spread)
        if self.calibration is not None:
            factors = self.calibration.factors
            usual = max(factors.values())  # of a species that no trajectory left out has
            forces *= np.array([factors.get(symbol, usual) for symbol in atoms.symbols])[:, None]
        return Deviation(float(np.sqrt(total)), np.sqrt(each), forces, self.calibration is not None)

    def _represented(self, k: int, rows: Array) -> Array:
        """Q = K_NM K_MM⁻¹ K_MN, the prior covariance (N, N) that the sparse points of block k represent."""
        if k not in self._prior_factors:
            self._prior_factors[k] = prior_factor(self.blocks[k].prior())
        half = solve_upper(self._prior_factors[k], rows.T, transpose=True)
        return half.T @ half

    def _slices(self) -> list[slice]:
        ends = np.cumsum([block.size for block in self.blocks])
        return [slice(int(end) - block.size, int(end)) for block, end in zip(self.blocks, ends, strict=True)]

    def split(self, weights: Array) -> list[Array]:
        """The coefficients of each block, of all of them (M,)."""
        return [weights[part] for part in self._slices()]

    def settings(self) -> dict[str, Any]:
        """Blocks by kind, and the baseline."""
        blocks = [{"kind": block.kind, "settings": block.settings()} for block in self.blocks]
        found = {"blocks": blocks, "baseline": self.baseline}
        return found if self.calibration is None else found | {"calibration": self.calibration.to_dict()}

    def arrays(self) -> dict[str, Array]:
        """Weights, covariance factor and sparse points."""
        arrays = {"weights": self.weights}
        if self.factor is not None:
            arrays["factor"] = self.factor
        for k, block in enumerate(self.blocks):
            arrays |= {f"block_{k}.{name}": value for name, value in block.arrays().items()}
        return arrays

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild from what `settings` and `arrays` returned."""
        blocks = []
        for k, entry in enumerate(settings["blocks"]):
            prefix = f"block_{k}."
            own = {name.removeprefix(prefix): v for name, v in arrays.items() if name.startswith(prefix)}
            blocks.append(BLOCKS[entry["kind"]].restore(entry["settings"], own))
        known = {chemical_symbols[z] for block in blocks for z in block.species}
        alone = sorted(known - set(settings["baseline"]))
        if alone:
            raise ModelError(f"the baseline has no energy of {', '.join(alone)}.")
        factors = settings.get("calibration")
        calibration = None if factors is None else ForceCalibration(**factors)
        return cls(blocks, arrays["weights"], settings["baseline"], arrays.get("factor"), calibration)


def design(blocks: Sequence[Basis], atoms: Atoms, forces: bool = True) -> tuple[Array, Array, Array]:
    """Design arrays of all blocks side by side: energies (N, M), forces (N, 3, M), virial (3, 3, M)."""
    parts = [block.design(atoms, forces) for block in blocks]
    energy, force, virial = (np.concatenate(group, axis=-1) for group in zip(*parts, strict=True))
    return energy, force, virial


def prior_factor(prior: Array, jitter: float = 1e-10) -> Array:
    """Upper triangular U with UᵀU = prior + jitter·mean(diagonal)·1."""
    prior = prior.copy()
    np.fill_diagonal(prior, np.diag(prior) + jitter * np.diag(prior).mean())
    return np.linalg.cholesky(prior).T
