"""Charges and dipoles of one structure: potentials, fields, forces and virial, in units of e²/(4πε₀).

With r from atom i to atom j, charges q and dipoles μ, a pair has the energy

    q_i q_j B₀ + (q_j μ_i·r − q_i μ_j·r) D₁ + μ_i·μ_j D₁ − (μ_i·r)(μ_j·r) D₂

B₀ = 1/r, B₁ = 1/r³, B₂ = 3/r⁵, … for points, each −1/r times the slope of the one before. Periodic cells are
summed by Ewald's method for charges and dipoles with conducting surroundings (Smith, CCP5 Newsletter 4, 13
(1982); Toukmaji, Sagui, Board and Darden, J. Chem. Phys. 113, 10913 (2000); Aguado and Madden, J. Chem. Phys.
119, 7471 (2003)): B₀ = erfc(αr)/r and so on, and the structure factor Σ_j (q_j + i k·μ_j) exp(i k·r_j).

D are the B with Thole's damping (Chem. Phys. 59, 341 (1981)) in the exponential form of Ren and Ponder (J.
Phys. Chem. B 107, 5933 (2003)), that of a charge smeared out as exp(−a u³) with u = r/(α_i α_j)^(1/6). It
acts between charges and dipoles and between dipoles; charges interact as points.

Everything is linear in charges and in dipoles, is torch in double precision, and may be differentiated with
respect to charges, dipoles, polarizabilities and a. Derivatives by positions and strain are written out.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, pi, sqrt

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from superion.electrostatics.ewald import Splitting
from superion.electrostatics.lattice import Lattice
from superion.electrostatics.reciprocal import half_grid
from superion.neighbours import neighbour_pairs

BALANCE = 0.15
"""Measured: pairs are cheaper here, beside wave vectors, than `Splitting.choose` takes them to be."""
UNDAMPED = 600.0
"""Exponent of the damping that stands for infinity: exp(−600) is 10⁻²⁶¹."""


@dataclass(frozen=True, slots=True)
class Waves:
    """The reciprocal part of one cell: K wave vectors, N atoms.

    vectors: (K, 3) 1/Å. weight: (K,) 1/Å, so that Σ weight |S|² is the energy. stretch: (K,) Å², from which
    the virial follows. cosine, sine: (K, N) of the phases.
    """

    vectors: Tensor
    weight: Tensor
    stretch: Tensor
    cosine: Tensor
    sine: Tensor

    def factors(self, charges: Tensor, dipoles: Tensor) -> tuple[Tensor, Tensor]:
        """Real and imaginary part of the structure factor (K,)."""
        real = self.cosine @ charges - (self.vectors * (self.sine @ dipoles)).sum(dim=1)
        return real, self.sine @ charges + (self.vectors * (self.cosine @ dipoles)).sum(dim=1)


@dataclass(frozen=True, slots=True)
class Multipoles:
    """The geometry of N atoms as sums over charges and dipoles need it.

    i, j: (P,) pairs. vector: (P, 3) Å from i to j. distance: (P,) Å. share: (P,) 1, or ½ for an atom and its
    own image, which is listed in both directions. radial: (4, P) B₀ to B₃, times share. alpha: 1/Å, 0 without
    periodic axes, where waves is None. background: 1/Å, what the uniform background that neutralises a unit
    charge adds to the potential of every atom.
    """

    count: int
    i: Tensor
    j: Tensor
    vector: Tensor
    distance: Tensor
    share: Tensor
    radial: Tensor
    alpha: float
    waves: Waves | None
    background: float = 0.0

    @classmethod
    def of(cls, atoms: Atoms, accuracy: float = 1e-7) -> Multipoles:
        """Of a cell with three periodic axes or none; accuracy: as of `Splitting.choose`.

        Raises InputError for a flat cell and for atoms on top of each other.
        """
        if atoms.pbc.all():
            lattice = Lattice.of(atoms.positions, atoms.cell.array)
            splitting = Splitting.choose(ceil(BALANCE * len(atoms)), lattice.volume, accuracy)
            alpha, cutoff = splitting.alpha, splitting.cutoff
            waves = _waves(lattice, splitting)
            background = -pi / (alpha**2 * lattice.volume)
        else:
            background = 0.0
            spread = np.ptp(atoms.positions, axis=0)
            alpha, cutoff, waves = 0.0, float(np.sqrt(spread @ spread)) + 1.0, None
        pairs = neighbour_pairs(atoms, cutoff)
        once = pairs.i <= pairs.j
        found = pairs.i, pairs.j, pairs.vector, pairs.distance
        i, j, vector, distance = (torch.from_numpy(array[once]) for array in found)
        share = torch.where(i == j, 0.5, 1.0).to(distance)
        radial = share * _radial(distance, alpha)
        return cls(len(atoms), i, j, vector, distance, share, radial, alpha, waves, background)

    def damped(self, polarizabilities: Tensor, thole: Tensor | float) -> Tensor:
        """(3, P) D₁ to D₃ for polarizabilities (N,) Å³ and Thole's a; without polarizability, no damping."""
        product = polarizabilities[self.i] * polarizabilities[self.j]
        some = product > 0
        x = thole * self.distance**3 / torch.sqrt(torch.where(some, product, 1.0))
        x = torch.where(some, x, UNDAMPED).clamp(max=UNDAMPED)
        lost = self.share * torch.exp(-x) / self.distance**3
        square = 1 / self.distance**2
        first = self.radial[1] - lost
        second = self.radial[2] - 3 * (1 + x) * lost * square
        third = self.radial[3] - 15 * (1 + x + 0.6 * x * x) * lost * square * square
        return torch.stack([first, second, third])

    def respond(self, damped: Tensor, charges: Tensor, dipoles: Tensor) -> tuple[Tensor, Tensor]:
        """Potential (N,) e/Å and field (N, 3) e/Å² of charges (N,) e and dipoles (N, 3) e·Å at the atoms.

        The energy is ½ (charges · potential − dipoles · field); what an atom feels of itself is left out.
        """
        i, j, r = self.i, self.j, self.vector
        one, two = damped[0], damped[1]
        qi, qj, mi, mj = charges[i], charges[j], dipoles[i], dipoles[j]
        along_i, along_j = (mi * r).sum(dim=1), (mj * r).sum(dim=1)
        potential = torch.zeros_like(charges)
        potential = potential.index_add(0, i, self.radial[0] * qj - one * along_j)
        potential = potential.index_add(0, j, self.radial[0] * qi + one * along_i)
        field = torch.zeros_like(dipoles)
        field = field.index_add(0, i, (two * along_j - one * qj)[:, None] * r - one[:, None] * mj)
        field = field.index_add(0, j, (two * along_i + one * qi)[:, None] * r - one[:, None] * mi)
        if self.waves is None:
            return potential, field
        cosine, sine, k = self.waves.cosine, self.waves.sine, self.waves.vectors
        real, imaginary = self.waves.factors(charges, dipoles)
        real, imaginary = 2 * self.waves.weight * real, 2 * self.waves.weight * imaginary
        potential = potential + real @ cosine + imaginary @ sine - 2 * self.alpha / sqrt(pi) * charges
        potential = potential + self.background * charges.sum()
        field = field + sine.T @ (real[:, None] * k) - cosine.T @ (imaginary[:, None] * k)
        return potential, field + 4 * self.alpha**3 / (3 * sqrt(pi)) * dipoles

    def derivatives(self, damped: Tensor, charges: Tensor, dipoles: Tensor) -> tuple[Tensor, Tensor]:
        """Forces (N, 3) and virial (3, 3) with charges and dipoles as they are."""
        i, j, r = self.i, self.j, self.vector
        one, two, three = damped
        qi, qj, mi, mj = charges[i], charges[j], dipoles[i], dipoles[j]
        along_i, along_j = (mi * r).sum(dim=1), (mj * r).sum(dim=1)
        mixed = qj * along_i - qi * along_j
        central = three * along_i * along_j - two * (mixed + (mi * mj).sum(dim=1)) - self.radial[1] * qi * qj
        slope = (
            central[:, None] * r
            + (one * qj - two * along_j)[:, None] * mi
            - (one * qi + two * along_i)[:, None] * mj
        )
        forces = torch.zeros_like(dipoles).index_add(0, i, slope).index_add(0, j, -slope)
        virial = -r.T @ slope
        if self.waves is not None:
            cosine, sine, k = self.waves.cosine, self.waves.sine, self.waves.vectors
            real, imaginary = self.waves.factors(charges, dipoles)
            weight = self.waves.weight
            energies = weight * (real**2 + imaginary**2)
            real, imaginary = 2 * weight * real, 2 * weight * imaginary
            felt = sine.T @ (real[:, None] * k) - cosine.T @ (imaginary[:, None] * k)
            products = (k[:, :, None] * k[:, None]).reshape(-1, 9)
            gradient = cosine.T @ (real[:, None] * products) + sine.T @ (imaginary[:, None] * products)
            forces = forces + charges[:, None] * felt
            forces = forces + (gradient.reshape(-1, 3, 3) * dipoles[:, None]).sum(dim=2)
            total = energies.sum() + 0.5 * self.background * charges.sum() ** 2
            virial = virial + total * torch.eye(3, dtype=torch.float64)
            virial = virial - k.T @ ((energies * self.waves.stretch)[:, None] * k) - felt.T @ dipoles
        return forces, 0.5 * (virial + virial.T)

    def matrix(self, damped: Tensor) -> Tensor:
        """(3N, 3N) 1/Å³, whose product with the dipoles is minus the field that they make at the atoms."""
        n, r = self.count, self.vector
        identity = torch.eye(3, dtype=torch.float64)
        blocks = damped[0][:, None, None] * identity - damped[1][:, None, None] * r[:, :, None] * r[:, None]
        place = torch.cat([self.i * n + self.j, self.j * n + self.i])
        flat = blocks.reshape(-1, 9)
        dense = torch.zeros(n * n, 9, dtype=torch.float64).index_add(0, place, torch.cat([flat, flat]))
        dense = dense.reshape(n, n, 3, 3).transpose(1, 2).reshape(3 * n, 3 * n)
        return dense if self.waves is None else dense + self.long_range_matrix()

    def long_range_matrix(self) -> Tensor:
        """The part of `matrix` that depends on no parameter, (3N, 3N) 1/Å³."""
        waves = self.waves
        assert waves is not None
        scaled = torch.sqrt(2 * waves.weight)[:, None] * waves.vectors
        rows = [scaled.T[None] * phase.T[:, None] for phase in (waves.cosine, waves.sine)]
        factor = torch.cat(rows, dim=2).reshape(3 * self.count, -1)
        own = 4 * self.alpha**3 / (3 * sqrt(pi))
        return factor @ factor.T - own * torch.eye(3 * self.count, dtype=torch.float64)


def _radial(r: Tensor, alpha: float) -> Tensor:
    """(4, P) B₀ to B₃ at distances r (P,) Å."""
    x = alpha * r
    gauss = 2 * alpha / sqrt(pi) * torch.exp(-x * x)
    values = [torch.erfc(x) / r]
    for n in (1, 2, 3):
        values.append(((2 * n - 1) * values[-1] + (2 * alpha**2) ** (n - 1) * gauss) / r**2)
    return torch.stack(values)


def _waves(lattice: Lattice, splitting: Splitting) -> Waves:
    lengths = np.sqrt((lattice.axes**2).sum(axis=1))
    counts = [int(splitting.reciprocal_cutoff * length / (2 * pi)) for length in lengths]
    index, weight = half_grid(*counts)
    vectors = 2 * pi * index @ lattice.inverse.T
    square = np.einsum("ka,ka->k", vectors, vectors)
    keep = (weight > 0) & (square <= splitting.reciprocal_cutoff**2)
    vectors, square, steps = vectors[keep], square[keep], index[keep].astype(np.int64)
    spread = 1 / (4 * splitting.alpha**2)
    weight = 2 * pi / lattice.volume * weight[keep] * np.exp(-spread * square) / square
    turns = [
        np.exp(2j * pi * np.arange(-n, n + 1)[:, None] * s)
        for n, s in zip(counts, lattice.fractional.T, strict=True)
    ]
    phases = turns[0][steps[:, 0] + counts[0]]
    for axis in (1, 2):
        phases *= turns[axis][steps[:, axis] + counts[axis]]
    parts = (vectors, weight, 2 / square + 2 * spread, phases.real.copy(), phases.imag.copy())
    return Waves(*(torch.from_numpy(part) for part in parts))
