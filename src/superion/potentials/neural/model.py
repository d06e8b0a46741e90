"""Energies and charges of the neural generations, as functions of weights and geometry.

| generation | charges q | energy |
| --- | --- | --- |
| 2g | none | Σ ε(G_i) |
| 3g | q(G_i), shifted alike to the total charge if asked for | ½ qᵀMq + Σ ε(G_i) |
| cent | equilibrated with χ(G_i) | Σ (χ_i q_i + ½ J_i q_i²) + ½ qᵀMq |
| 4g | equilibrated with χ(G_i) | ½ qᵀMq + Σ ε(G_i, q_i) |
| latent-charges | as 3g or 4g, known from energies and forces alone | ½ qᵀMq + Σ ε(G_i) |

2g: Behler and Parrinello, Phys. Rev. Lett. 98, 146401 (2007). 3g: Artrith, Morawietz and Behler, Phys. Rev. B
83, 153101 (2011). cent: Ghasemi, Hofstetter, Saha and Goedecker, Phys. Rev. B 92, 045131 (2015). 4g: Ko,
Finkler, Goedecker and Behler, Nat. Commun. 12, 398 (2021). Latent charges: Cheng, npj Comput. Mater. 11, 80
(2025). Equilibrated charges minimise the cent energy at the total charge Q; the multiplier of the constraint
joins the linear equations. M is the Coulomb matrix of Gaussian charges without self-interaction, and
J_i = J'_i + 1/(σ_i √π) e²/4πε₀ with a learned J' > 0 for each element, so that the energy has a minimum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi, sqrt

import torch
from ase.data import atomic_numbers, chemical_symbols, covalent_radii
from torch import Tensor

from superion.electrostatics.densities import COULOMB, Gaussian
from superion.errors import ModelError
from superion.potentials.neural.geometry import Geometry
from superion.potentials.neural.networks import Weights, apply_networks, initial_networks
from superion.potentials.neural.settings import NeuralSettings
from superion.potentials.neural.symmetry_functions import SymmetryFunctions

CHARGE, ENERGY = "charge", "short_range"
"""Names of the two networks; CHARGE gives χ in V or q in e, ENERGY eV."""


@dataclass(frozen=True, slots=True)
class Scales:
    """Numbers from the training data that are not trained.

    mean, scale: (S, F) of the symmetry functions of each element. charge_mean, charge_scale: (S,) e, of the
    charge as an input. baseline: (S,) eV, energy of each element. output: (S,) V or e, the unit in
    which the charge network gives its numbers.
    """

    mean: Tensor
    scale: Tensor
    charge_mean: Tensor
    charge_scale: Tensor
    baseline: Tensor
    output: Tensor


def initial_weights(
    settings: NeuralSettings, symbols: Sequence[str], size: int, generator: torch.Generator
) -> Weights:
    """Random networks and the hardness to begin with."""
    weights: Weights = {}
    linear = bool(settings.linear)
    if settings.charged:
        weights |= initial_networks(CHARGE, symbols, size, settings.hidden, generator, linear)
    if settings.equilibrated:
        first = torch.tensor([settings.first_hardness(symbol) for symbol in symbols], dtype=torch.float64)
        weights["hardness"] = first + torch.log(-torch.expm1(-first))
    if settings.generation == "cent":
        weights["offset"] = torch.zeros(len(symbols), dtype=torch.float64)
    if settings.generation != "cent":
        inputs = size + settings.sees_charges
        weights |= initial_networks(ENERGY, symbols, inputs, settings.hidden, generator, linear)
    return weights


def check_shapes(model: Model) -> None:
    """ModelError for scales or weights that do not belong to the settings and elements."""
    count, size, settings = len(model.symbols), model.functions.size, model.settings
    with torch.device("meta"):  # shapes alone
        fresh = initial_weights(settings, model.symbols, size, torch.Generator("cpu"))
    wanted = {name: value.shape for name, value in fresh.items()}
    found = {name: value.shape for name, value in model.weights.items()}
    for name in ("mean", "scale", "charge_mean", "charge_scale", "baseline", "output"):
        wanted[name] = torch.Size((count, size) if name in ("mean", "scale") else (count,))
        found[name] = getattr(model.scales, name).shape
    for name in sorted({name for name, _ in wanted.items() ^ found.items()}):
        raise ModelError(f"{name} has the shape {found.get(name)}, where {wanted.get(name)} is needed.")


@dataclass(frozen=True, slots=True)
class Model:
    """Settings, numbers and weights; all tensors on one device."""

    settings: NeuralSettings
    functions: SymmetryFunctions
    scales: Scales
    weights: Weights

    @property
    def symbols(self) -> list[str]:
        """Chemical symbols of the elements, in the order of their indices."""
        return [chemical_symbols[z] for z in self.functions.species]

    @property
    def densities(self) -> list[Gaussian]:
        """The charge density of each element; none for a generation without charges."""
        if not self.settings.charged:
            return []
        widths = self.settings.widths
        return [Gaussian(widths.get(s, float(covalent_radii[atomic_numbers[s]]))) for s in self.symbols]

    def hardness(self) -> Tensor:
        """(S,) eV/e², J of each element: the learned part and the self-interaction of its Gaussian."""
        raw = self.weights["hardness"]
        own = [COULOMB / (density.sigma * sqrt(pi)) for density in self.densities]
        return torch.nn.functional.softplus(raw) + raw.new_tensor(own)

    def charges(
        self, geometry: Geometry, values: Tensor, matrices: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Charges (N,) e, and (N,) eV: what each atom pays for its own, 0 for charges predicted directly.

        values, matrices: those of the geometry, or copies of them by which to differentiate.
        """
        elements = geometry.elements
        output = self.output(elements, values)
        charges = torch.zeros_like(output)
        own = self.hardness()[elements] if self.settings.equilibrated else charges
        for stack, matrix in zip(geometry.stacks, matrices, strict=True):
            here = output[stack.atoms]
            if self.settings.equilibrated:
                here = equilibrated(here, own[stack.atoms], matrix, stack.members, stack.charge)
            elif self.settings.conserve:
                lacking = (stack.charge - torch.einsum("bng,bn->bg", stack.members, here)) / stack.sizes
                here = here + torch.einsum("bng,bg->bn", stack.members, lacking)
            charges = charges.index_add(0, stack.atoms.flatten(), here.flatten())
        paid = output * charges + 0.5 * own * charges**2 if self.settings.equilibrated else own
        return charges, paid

    def energies(
        self, geometry: Geometry, values: Tensor, matrices: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor | None]:
        """Atomic energies (N,) eV and charges (N,) e; arguments as of `charges`."""
        elements = geometry.elements
        if not self.settings.charged:
            return self.short_range(elements, values), None
        charges, paid = self.charges(geometry, values, matrices)
        energies = self.short_range(elements, values, charges)
        if self.settings.generation == "cent":
            energies = energies + paid
        for stack, matrix in zip(geometry.stacks, matrices, strict=True):
            here = charges[stack.atoms]
            felt = 0.5 * here * torch.einsum("bij,bj->bi", matrix, here)
            energies = energies.index_add(0, stack.atoms.flatten(), felt.flatten())
        return energies, charges

    def output(self, elements: Tensor, values: Tensor) -> Tensor:
        """(N,) V or e, what the charge network makes of symmetry functions (N, F)."""
        inputs = self._scaled(values, elements)
        return self.scales.output[elements] * apply_networks(
            self.weights, CHARGE, self.symbols, elements, inputs
        )

    def short_range(self, elements: Tensor, values: Tensor, charges: Tensor | None = None) -> Tensor:
        """(N,) eV of each atom by itself; charges: (N,) e, which only `4g` looks at."""
        energies = self.scales.baseline[elements]
        if self.settings.generation == "cent":
            return energies + self.weights["offset"][elements]
        inputs = self._scaled(values, elements)
        if self.settings.sees_charges:
            assert charges is not None
            seen = (charges - self.scales.charge_mean[elements]) / self.scales.charge_scale[elements]
            inputs = torch.cat([inputs, seen[:, None]], dim=1)
        return energies + apply_networks(self.weights, ENERGY, self.symbols, elements, inputs)

    def _scaled(self, values: Tensor, elements: Tensor) -> Tensor:
        return (values - self.scales.mean[elements]) / self.scales.scale[elements]


def slopes(
    total: Tensor, values: Tensor, matrices: Sequence[Tensor], graph: bool
) -> tuple[Tensor, list[Tensor]]:
    """Derivatives of a scalar by the symmetry functions and by the Coulomb matrices."""
    by_values, *by_matrices = torch.autograd.grad(
        total, [values, *matrices], create_graph=graph, materialize_grads=True
    )
    return by_values, by_matrices


def equilibrated(
    electronegativity: Tensor, hardness: Tensor, matrix: Tensor, members: Tensor, totals: Tensor
) -> Tensor:
    """Charges (b, n) e that minimise Σ(χq + ½Jq²) + ½qᵀMq, where each fragment keeps its total.

    electronegativity χ: (b, n) V. hardness J: (b, n) eV/e². matrix M: (b, n, n) eV/e². members: (b, n, g), 1
    where an atom belongs to a fragment. totals: (b, g) e.
    """
    system = matrix + torch.diag_embed(hardness)
    corner = members.new_zeros(len(members), members.shape[2], members.shape[2])
    bordered = torch.cat([system, members], dim=2)
    last = torch.cat([members.transpose(1, 2), corner], dim=2)
    right = torch.cat([-electronegativity, totals], dim=1)
    return torch.linalg.solve(torch.cat([bordered, last], dim=1), right)[:, : matrix.shape[1]]
