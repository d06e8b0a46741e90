"""Kernel charge equilibration and a local Gaussian process learned together from energies and forces.

The energy of charge equilibration is stationary in its charges, so that at given charges q

    E = Σ_i q_i χ_i + [½ Σ_i J_i q_i² + E_Coulomb(q)] + E_local

is linear in the weights of the electronegativities χ and of the local model, and its derivatives are those
at fixed q (Hellmann and Feynman). One least-squares problem gives both sets of weights, these give new
charges, and so on until charges stay: for energies these are Gauss-Newton steps. Energies in kernel charge
equilibration: Vondrák, Reuter, Margraf, J. Chem. Phys. 159, 054109 (2023).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols

from superion.electrostatics.charge_equilibration import ChargeEquilibration
from superion.electrostatics.coulomb_operator import coulomb_operator
from superion.electrostatics.densities import density_kinds
from superion.errors import InputError
from superion.potentials.baseline import ISOLATED, baseline_energies
from superion.potentials.gap.equations import labels, weighted
from superion.potentials.gap.fit import choose_blocks
from superion.potentials.gap.gaussian_process import Basis, SparseGP, prior_factor
from superion.potentials.gap.settings import FitSettings
from superion.potentials.gap.tsqr import StreamingLeastSquares
from superion.potentials.kernel_charges.problem import ChargeProblem, one_hot
from superion.potentials.kernel_charges.qeq import (
    charge_problem,
    charge_terms,
    is_labelled,
    unlearned_problem,
)
from superion.potentials.kernel_charges.response import Response
from superion.potentials.kernel_charges.settings import KernelQEqSettings
from superion.progress import Forecast, track
from superion.terms import Evaluation, Term

Array = np.ndarray

SPREAD = 10.0
"""Prior standard deviation (eV) of the constant energies of elements about those of least squares."""


def fit_kqeq_gap(
    frames: Sequence[Atoms],
    settings: KernelQEqSettings,
    local: FitSettings,
    *,
    progress: bool = False,
) -> list[Term]:
    """Charge equilibration and a local model that together follow all labels of `frames`.

    frames: structures with `REF_energy`, `REF_forces` or `REF_stress` and, as far as there are any, the
    labels of `fit_kqeq`. local: blocks of the local model, sigmas of energies, forces and virials. Returns
    an EquilibrationTerm, AtomicDipoles where labels tell of them, and a SparseGP without uncertainty.
    Raises InputError if no frame has an energy, force or stress, or if nothing tells of charges:
    neither labels nor `settings.start_charges`.
    """
    bulk = [atoms for atoms in frames if atoms.info.get("config_type") != ISOLATED]
    energetic = [a for a in bulk if {"REF_energy", "REF_stress"} & set(a.info) or "REF_forces" in a.arrays]
    if not energetic:
        raise InputError(
            "no frame carries REF_energy, REF_forces or REF_stress.",
            remedy="map foreign labels, e.g. --key energy=energy --key forces=forces, or fit charges alone.",
        )
    return JointFit(frames, bulk, energetic, settings, local, progress).run()


class JointFit:
    """What stays the same from one cycle to the next."""

    def __init__(
        self,
        frames: Sequence[Atoms],
        bulk: Sequence[Atoms],
        energetic: Sequence[Atoms],
        settings: KernelQEqSettings,
        local: FitSettings,
        progress: bool,
    ) -> None:
        self.frames, self.energetic, self.settings, self.local = frames, energetic, settings, local
        self.informed = any(is_labelled(atoms, settings) for atoms in bulk)
        self.progress = progress
        self.problem: ChargeProblem = (
            charge_problem(bulk, settings, progress=progress)
            if self.informed
            else unlearned_problem(bulk, settings)
        )
        self.species = self.problem.elements.species
        self.blocks = choose_blocks(energetic, local, self.species)
        self._kernel_rows = [self.problem.kernel_rows(atoms) for atoms in energetic]
        (term, *_) = charge_terms(self.problem, np.zeros(self.problem.size))
        self._coulomb: ChargeEquilibration = getattr(term, "charges")  # noqa: B009 - it is that of the problem
        self.constants = ElementConstants([] if self._isolated() else self.species)
        self.size = self.problem.size + sum(block.size for block in self.blocks) + self.constants.size
        zero = [Evaluation.zero(len(atoms)) for atoms in energetic]
        self.baseline = baseline_energies(frames, energetic, zero, local.baseline, self.species)

    def run(self) -> list[Term]:
        """Cycle until the charges stay."""
        problem = self.problem
        unknowns = problem.solve(progress=self.progress) if self.informed else None
        count = range(len(self.energetic))
        charges = [self._charges(k, unknowns) for k in count]
        known = self._known()
        forecast = Forecast("charges and local term", bounded=True, show=self.progress)
        for cycle in range(1, self.settings.cycles + 1):
            unknowns = self._solve(known.copy(), charges, cycle, forecast)
            new = [self._charges(k, unknowns) for k in count]
            change = max(np.abs(a - b).max() for a, b in zip(new, charges, strict=True))
            charges = new
            if change < self.settings.tolerance:
                break
        assert unknowns is not None
        terms = charge_terms(problem, unknowns[: problem.size])
        local, constants = np.split(
            unknowns[problem.size :], [self.size - self.constants.size - problem.size]
        )
        change = dict(zip(self.constants.symbols, constants.tolist(), strict=True))
        baseline = {symbol: energy + change.get(symbol, 0.0) for symbol, energy in self.baseline.items()}
        return [*terms, SparseGP(self.blocks, local, baseline)]

    def _charges(self, k: int, unknowns: Array | None) -> Array:
        """(N,) e of energetic frame k with these unknowns, or those that training starts from."""
        atoms, problem = self.energetic[k], self.problem
        response, _ = problem.linear(atoms)
        if unknowns is None:
            return self._start_charges(atoms, response)
        slope, fixed = response.solve(problem.elements, torch.eye(len(atoms), dtype=torch.float64))
        return (fixed - slope @ torch.from_numpy(self._chi(k, unknowns))).numpy()

    def _chi(self, k: int, unknowns: Array) -> Array:
        return self._kernel_rows[k] @ unknowns[: self.problem.charged]

    def _start_charges(self, atoms: Atoms, response: Response) -> Array:
        known = self.settings.start_charges
        missing = sorted(set(atoms.symbols) - set(known))
        if missing:
            raise InputError(
                f"no label tells of charges, and there is no start charge of {', '.join(missing)}.",
                remedy="give `start_charges` of all elements, or labels such as REF_charges or REF_dipole.",
            )
        q = np.array([known[symbol] for symbol in atoms.symbols])
        for members, total in zip(response.constraints.numpy() > 0, response.totals.tolist(), strict=True):
            q[members] += (total - q[members].sum()) / members.sum()
        return q

    def _fixed(self, k: int, q: Array) -> Evaluation:
        """½ Σ J q² and the Coulomb energy of fixed charges, with derivatives."""
        atoms, model = self.energetic[k], self._coulomb
        operator = coulomb_operator(
            atoms, model.distinct, density_kinds(atoms, model.densities), self.settings.accuracy
        )
        sums = operator.sums(q)
        energies = 0.5 * q * (sums.potential + model.hardness.values(atoms) * q)
        return Evaluation(float(energies.sum()), energies, sums.forces, sums.virial)

    def _known(self) -> StreamingLeastSquares:
        """The prior and the labels of charges, which are the same in every cycle."""
        problem, system = self.problem, StreamingLeastSquares(self.size, 1)
        for part, factor in [*problem.prior(), *self._local_prior()]:
            system.begin(part, factor)
        frames = problem.frames if self.informed else []
        for atoms in track(frames, "labels of charges", len(frames), show=self.progress):
            rows, right = problem.rows(atoms)
            system.add(np.pad(rows, ((0, 0), (0, self.size - problem.size))), right[:, None])
        return system

    def _solve(
        self, system: StreamingLeastSquares, charges: Sequence[Array], cycle: int, forecast: Forecast
    ) -> Array:
        """All unknowns at fixed charges."""
        problem = self.problem
        count, cycles = len(self.energetic), self.settings.cycles
        for k, (atoms, q) in enumerate(zip(self.energetic, charges, strict=True)):
            values = labels(atoms, self._fixed(k, q), self.baseline)[:, None]
            blocks: list[Basis] = [ChargedKernels(problem, q), *self.blocks, self.constants]
            system.add(*weighted(blocks, self.local, atoms, values))
            left = (cycles - cycle + 1) * count - k - 1
            forecast.step(left, f"cycle {cycle} of at most {cycles}, frame {k + 1} of {count}")
        return system.solve()[0][:, 0]

    def _isolated(self) -> bool:
        """Whether lone atoms tell the constant energies of all elements."""
        if self.local.baseline == "least-squares":
            return False
        known = {int(a.numbers[0]) for a in self.frames if a.info.get("config_type") == ISOLATED}
        return self.local.baseline == "isolated" or known >= set(self.species)

    def _local_prior(self) -> Iterator[tuple[slice, Array]]:
        start = self.problem.size
        for block in self.blocks:
            yield slice(start, start + block.size), prior_factor(block.prior(), self.local.jitter)
            start += block.size
        yield slice(start, self.size), np.eye(self.constants.size) / SPREAD


class ElementConstants:
    """A constant energy for each of some elements."""

    def __init__(self, species: Sequence[int]) -> None:
        self.species, self.size = tuple(species), len(species)
        self.symbols = [chemical_symbols[z] for z in species]

    def design(self, atoms: Atoms, forces: bool = True) -> tuple[Array, Array, Array]:
        """Energies (N, E), and derivatives that vanish."""
        force, virial = (len(atoms), 3) if forces else (0, 0)
        zero = np.zeros((force, 3, self.size)), np.zeros((virial, 3, self.size))
        return one_hot(atoms, self.species), *zero


class ChargedKernels:
    """The unknowns of charges as basis functions of the energy Σ_i q_i χ_i at fixed charges q (N,) e."""

    def __init__(self, problem: ChargeProblem, charges: Array) -> None:
        self.problem, self.charges = problem, charges
        self.size = problem.size

    def design(self, atoms: Atoms, forces: bool = True) -> tuple[Array, Array, Array]:
        """Energies (N, M), forces (N, 3, M) and virial (3, 3, M); those of atomic dipoles vanish."""
        kernels, count = self.problem.kernels, len(atoms) if forces else 0
        energy = np.zeros((len(atoms), self.size))
        force, virial = np.zeros((count, 3, self.size)), np.zeros((3 if forces else 0, 3, self.size))
        start = 0
        for block in self.problem.blocks:
            part = slice(start, start + block.size)
            energy[:, part], force[..., part], virial[..., part] = block.design(atoms, forces, self.charges)
            start += block.size
        constants = one_hot(atoms, self.problem.elements.species)
        energy[:, kernels : self.problem.charged] = self.charges[:, None] * constants
        return energy, force, virial
