"""Energies, forces and charges of a neural potential, without an array of all pairs of charges.

Charges interact through a `CoulombOperator`: potential, forces and virial of given charges, on a mesh in
large periodic structures. Let q be the charges, φ = Mq their potential and g = φ + ∂ε/∂q what the energy
changes by with them. Predicted charges hand g, less its mean over the atoms that share a total, back to
their network. Equilibrated charges answer changes of electronegativity χ and interaction M by
dq = −S(dχ + dM q): with a = S g the network gets −a, and pairs get the energy
½qᵀMq − aᵀMq = ½(q − a)ᵀM(q − a) − ½aᵀMa. The energy of `cent` does not change with its charges: a = 0 there,
and the network gets q.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from superion.electrostatics.charge_equilibration import ChargeEquilibration, Equilibrium
from superion.electrostatics.coulomb_operator import CoulombOperator, coulomb_operator, difference
from superion.electrostatics.densities import density_kinds
from superion.electrostatics.equilibration import Constraints
from superion.electrostatics.lattice import Sums
from superion.electrostatics.properties import Vjp
from superion.errors import naming
from superion.potentials.neural.environment import Environment, environment
from superion.potentials.neural.geometry import constraints_of_frame
from superion.potentials.neural.model import Model
from superion.terms import Evaluation

Array = np.ndarray


def evaluate(model: Model, structures: Sequence[Atoms], device: torch.device) -> list[Evaluation]:
    """Energy, forces, virial, charges and dipole of each structure; the networks see all of them at once."""
    scene = Scene.of(model, structures, device)
    if not model.settings.charged:
        energies = model.short_range(scene.elements, scene.values)
        by_values = torch.autograd.grad(energies.sum(), scene.values)[0]
        return scene.evaluations(energies, by_values, [None] * len(structures))
    output = model.output(scene.elements, scene.values)
    charged = scene.charged(output.detach())
    q = torch.tensor(np.concatenate([c.charges for c in charged]), device=device).requires_grad_()
    near = model.short_range(scene.elements, scene.values, q)
    by_local, by_q = torch.zeros_like(scene.values), torch.zeros_like(q)
    if near.requires_grad:  # all but cent
        by_local, by_q = torch.autograd.grad(near.sum(), [scene.values, q], materialize_grads=True)
    sums = [c.operator.sums(c.charges) for c in charged]
    potential = np.concatenate([s.potential for s in sums])
    felt = torch.tensor(potential, device=device)
    energies = near.detach() + 0.5 * q.detach() * felt
    if model.settings.generation == "cent":
        own = model.hardness()[scene.elements]
        energies = energies + output.detach() * q.detach() + 0.5 * own * q.detach() ** 2
        by_output = [c.charges for c in charged]
    else:
        slopes = scene.split(by_q.cpu().numpy() + potential)
        answers = [c.answer(slope) for c, slope in zip(charged, slopes, strict=True)]
        by_output = [by for by, _ in answers]
        sums = [s if a is None else c.mixed(a) for s, c, (_, a) in zip(sums, charged, answers, strict=True)]
    by_charges = torch.autograd.grad(
        output @ torch.tensor(np.concatenate(by_output), device=device), scene.values, materialize_grads=True
    )[0]
    return scene.evaluations(energies, by_local + by_charges, [*zip(charged, sums, strict=True)])


def charges(model: Model, atoms: Atoms, device: torch.device) -> Array:
    """(N,) e."""
    scene = Scene.of(model, [atoms], device)
    return scene.charged(model.output(scene.elements, scene.values).detach())[0].charges.copy()


def charges_vjp(model: Model, atoms: Atoms, slope: Array, device: torch.device) -> Vjp:
    """Forces (N, 3) eV/Å and virial (3, 3) eV of Σ_i slope_i q_i at constant slope (N,) eV/e."""
    scene = Scene.of(model, [atoms], device)
    output = model.output(scene.elements, scene.values)
    charged = scene.charged(output.detach())[0]
    by_output, answer = charged.answer(np.asarray(slope, dtype=np.float64))
    by_values = torch.autograd.grad(
        output @ torch.tensor(by_output, device=device), scene.values, materialize_grads=True
    )[0]
    forces, virial = scene.environments[0].pull(by_values)
    if answer is not None:
        mixed = difference(charged.mixed(answer), charged.operator.sums(charged.charges))
        forces, virial = forces + mixed.forces, virial + mixed.virial
    return forces, virial


@dataclass(frozen=True, slots=True)
class Charged:
    """The charges (N,) e of one structure, how they interact, and how they came about."""

    charges: Array
    operator: CoulombOperator
    constraints: Constraints | None
    equilibrium: Equilibrium | None = None

    def answer(self, slope: Array) -> tuple[Array, Array | None]:
        """What output of the network changes by (N,) eV where charges change by slope (N,) eV/e, and a."""
        if self.equilibrium is None:
            return slope if self.constraints is None else self.constraints.project(slope), None
        answer = self.equilibrium.response.solve(slope)
        return -answer, answer

    def mixed(self, answer: Array) -> Sums:
        """Sums of the energy ½qᵀMq − aᵀMq."""
        return difference(self.operator.sums(self.charges - answer), self.operator.sums(answer))


@dataclass(frozen=True, slots=True)
class Scene:
    """B structures side by side. elements: (N,). values: (N, F), by which energies are differentiated."""

    model: Model
    structures: Sequence[Atoms]
    environments: list[Environment]
    elements: Tensor
    values: Tensor
    first: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, model: Model, structures: Sequence[Atoms], device: torch.device) -> Self:
        """Describe structures; errors name theirs if there are several."""
        around = []
        for k, atoms in enumerate(structures):
            with naming(atoms.info.get("source", k if len(structures) > 1 else None)):
                around.append(environment(atoms, model.functions, device))
        elements = torch.tensor(np.concatenate([e.elements for e in around]), device=device)
        values = torch.cat([e.values() for e in around]).requires_grad_()
        first = np.cumsum([0, *(len(atoms) for atoms in structures)]).tolist()
        return cls(model, structures, around, elements, values, first)

    def split(self, values: Array) -> list[Array]:
        """The part (n, ...) of each structure of values (N, ...)."""
        return [values[a:b] for a, b in pairwise(self.first)]

    def charged(self, output: Tensor) -> list[Charged]:
        """The charges of every structure; output: (N,) V or e, what the charge network gives."""
        outputs, found = self.split(output.cpu().numpy()), []
        for k, (atoms, own) in enumerate(zip(self.structures, outputs, strict=True)):
            with naming(atoms.info.get("source", k if len(self.structures) > 1 else None)):
                found.append(self._charged(atoms, own))
        return found

    def _charged(self, atoms: Atoms, output: Array) -> Charged:
        model = self.model
        settings = model.settings
        constraints = constraints_of_frame(atoms, settings)
        densities = dict(zip(model.symbols, model.densities, strict=True))
        if settings.equilibrated:
            hardness = dict(zip(model.symbols, model.hardness().tolist(), strict=True))
            found = ChargeEquilibration(
                dict.fromkeys(model.symbols, 0.0),
                hardness,
                densities,
                settings.total_charge,
                background=settings.background,
                accuracy=settings.accuracy,
                warn=False,
            ).equilibrium(atoms, electronegativity=output)
            return Charged(found.charges, found.operator, found.constraints, found)
        kinds = density_kinds(atoms, densities)
        operator = coulomb_operator(atoms, tuple(dict.fromkeys(densities.values())), kinds, settings.accuracy)
        if not settings.conserve:
            return Charged(output, operator, None)
        return Charged(constraints.obeyed(output), operator, constraints)

    def evaluations(
        self, energies: Tensor, by_values: Tensor, charged: Sequence[tuple[Charged, Sums] | None]
    ) -> list[Evaluation]:
        """Put together what atoms (N,) eV, symmetry functions (N, F) and charges contribute."""
        parts = zip(
            self.structures,
            self.environments,
            self.split(energies.detach().cpu().numpy()),
            pairwise(self.first),
            charged,
            strict=True,
        )
        found = []
        for atoms, around, own, (a, b), electric in parts:
            forces, virial = around.pull(by_values[a:b])
            q = None
            if electric is not None:
                q = electric[0].charges
                forces, virial = forces + electric[1].forces, virial + electric[1].virial
            dipole = None if q is None else q @ atoms.positions
            found.append(Evaluation(float(own.sum()), own, forces, virial, q, dipole))
        return found
