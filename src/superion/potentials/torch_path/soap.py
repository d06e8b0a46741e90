"""The SOAP block in PyTorch, with its gradient written by hand: matrix products over chunks of environments.

Energies and forces are those of `SoapBlock.evaluate`. Pairs are sorted by environment and species of the
neighbour and laid out in slots, so that expansion, power spectrum, kernel and their vjps are batched
matrix products. Gradients of solid harmonics of degree l combine those of degree l − 1: one more product.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase.data import chemical_symbols
from torch import Tensor

from superion.errors import ModelError
from superion.potentials.many_body.harmonics import normalisation
from superion.potentials.many_body.soap import SoapBlock
from superion.torch_batch import Batch, chunk, cutoff_function, to_device

Array = np.ndarray

DTYPES = {"float64": torch.float64, "float32": torch.float32}
ATOMS = 128, 4096  # environments held at once, on a CPU and elsewhere
SLOTS = 1 << 14, 1 << 19  # places for neighbours held at once


@dataclass(frozen=True, slots=True)
class Layout:
    """A chunk of environments of one central species z.

    atoms: (A,) which atoms. pairs: (Q,) which pairs. slot: (Q,) where they are among the A·groups·depth
    places. table: (Q,) the first row of the radial spline of each.
    """

    z: int
    atoms: Tensor
    pairs: Tensor
    slot: Tensor
    table: Tensor
    depth: int


class TorchSoap:
    """The weighted (M,) sum of the basis functions of a SOAP block, on a device.

    The block's precision is that of everything between pair vectors and sums over atoms and pairs, which are
    float64.
    """

    def __init__(self, block: SoapBlock, weights: Array, device: torch.device) -> None:
        self.hyper, self.cutoff = block.hyper, block.cutoff
        self.species: Sequence[int] = block.species
        self.device, self.dtype = device, DTYPES[block.precision]

        def own(array: Array) -> Tensor:
            return to_device(array, device, self.dtype)

        hyper = block.hyper
        self._spacing, self._radials = block.spacing, block.radials
        self._groups = 1 if block.contractions else len(block.species)  # of neighbours that share channels
        self._splines = {}
        self._centre = {}
        for z in block.points:
            tables, self._which, first = block.splines(z)
            mine = block.species.index(z)
            part = slice(int(first[mine]), int(first[mine]) + block.radials)
            centre = np.sqrt(1.0 / (4.0 * np.pi)) * tables[self._which[mine], 0, 0, : block.radials]
            self._centre[z] = part, own(centre)
            self._intervals = tables.shape[1]
            self._splines[z] = own(tables.reshape(-1, *tables.shape[2:]))
        scale = hyper.delta**2
        self._points = {z: own(points) for z, points in block.points.items()}
        self._weights = {z: own(scale * weights[block.offsets[z]]) for z in block.points}
        self._bases = {z: own(basis) for z, basis in block.bases.items()}
        channels = block.channels
        self._gradients = own(harmonic_gradients(hyper.l_max))
        upper, lower = np.triu_indices(channels)
        position = np.empty((channels, channels), dtype=np.int64)
        position[upper, lower] = position[lower, upper] = np.arange(len(upper))
        self._triangle = to_device(upper * channels + lower, device)
        self._square = to_device(position.ravel(), device)
        self._factor = own(np.where(upper == lower, 1.0, np.sqrt(2.0)))
        self._vjp_factor = own(np.where(upper == lower, 2.0, np.sqrt(2.0)))

    def add(self, batch: Batch, energies: Tensor, gradient: Tensor) -> None:
        """Add energies (N,) eV and the gradient (P, 3) eV/Å by pair vectors.

        Raises ModelError for an atom that is the centre of no sparse environment.
        """
        for part in self._layouts(batch):
            vector, r = batch.vector[part.pairs], batch.distance[part.pairs]
            unit = vector / r[:, None]
            value, slope = self._radial(part, r)
            y = solid_harmonics(unit, self.hyper.l_max).to(self.dtype)
            energy, by_value, by_y = self._environments(part, value, y)
            energies.index_add_(0, part.atoms, energy)
            # the solid harmonic of degree l has the radial derivative l·Y at r = 1
            degree = self._degrees().repeat_interleave(self._radials)
            inverse = (1.0 / r).to(self.dtype)[:, None]
            along = (by_value * (slope - degree * inverse * value)).sum(dim=1).double()
            lower = y.shape[1] - (2 * self.hyper.l_max + 1)
            turned = (by_y @ self._gradients).view(len(y), 3, lower) @ y[:, :lower, None]
            pull = turned[:, :, 0].double() / r[:, None] + along[:, None] * unit
            gradient.index_add_(0, part.pairs, pull)

    # -- parts of the above ------------------------------------------------------------------------

    def _layouts(self, batch: Batch) -> Iterator[Layout]:
        """Chunks of environments with one central species each."""
        near, kinds = batch.within(self.cutoff), self._groups
        index = np.searchsorted(self.species, batch.numbers)
        order = np.argsort(index, kind="stable")
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        group = rank[batch.i[near]] * kinds + (index[batch.j[near]] if kinds > 1 else 0)
        sort = np.argsort(group, kind="stable")
        group, near = group[sort], near[sort]
        counts = np.bincount(group, minlength=len(order) * kinds)
        begin = np.concatenate([[0], np.cumsum(counts)])
        place = np.arange(len(group)) - begin[group]
        atoms, pairs = to_device(order, self.device), to_device(near, self.device)
        group, place = to_device(group, self.device), to_device(place, self.device)
        table = to_device(self._which[index[batch.j[near]]] * self._intervals, self.device)
        most = chunk(self.device, *ATOMS)
        ends = np.searchsorted(index[order], np.arange(len(self.species) + 1))
        for z, start, end in zip(self.species, ends[:-1].tolist(), ends[1:].tolist(), strict=True):
            if start == end:
                continue
            if z not in self._points:
                raise ModelError(
                    f"the model has no environments centred on {chemical_symbols[z]}.",
                    remedy="fit a model on labels that contain this species.",
                )
            deepest = int(counts[start * kinds : end * kinds].max())
            size = min(most, max(chunk(self.device, *SLOTS) // (kinds * max(deepest, 1)), 1))
            for a in range(start, end, size):
                b = min(a + size, end)
                depth = int(counts[a * kinds : b * kinds].max())
                mine = slice(int(begin[a * kinds]), int(begin[b * kinds]))
                slot = (group[mine] - a * kinds) * depth + place[mine]
                yield Layout(z, atoms[a:b], pairs[mine], slot, table[mine], depth)

    def _radial(self, part: Layout, r: Tensor) -> tuple[Tensor, Tensor]:
        """Radial functions times the cutoff, and their derivatives, (Q, (l_max + 1)·radials) each."""
        scaled = r / self._spacing
        row = scaled.long().clamp(max=self._intervals - 1)
        t = scaled - row
        powers, slopes = [torch.ones_like(t)], [torch.zeros_like(t)]
        for p in range(1, 6):
            slopes.append(p / self._spacing * powers[-1])
            powers.append(powers[-1] * t)
        power, slope = torch.stack(powers, dim=1), torch.stack(slopes, dim=1)
        f, df = (x[:, None] for x in cutoff_function(r, self.cutoff, self.hyper.cutoff_width))
        mixing = torch.stack([f * power, df * power + f * slope], dim=1).to(self.dtype)
        both = torch.bmm(mixing, self._splines[part.z].index_select(0, part.table + row))
        return both[:, 0], both[:, 1]

    def _environments(self, part: Layout, value: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Energies (A,), and their gradients by radial functions (Q, R) and by harmonics (Q, L)."""
        n_max, kinds, count = self._radials, self._groups, len(part.atoms)
        places = count * kinds * part.depth
        shape = (count * kinds, part.depth)
        values, ys = (
            x.new_zeros(places, x.shape[1]).index_copy_(0, part.slot, x).view(*shape, x.shape[1])
            for x in (value, y)
        )
        own, centre = self._centre[part.z]
        coefficients, spectra = [], []
        for l in range(self.hyper.l_max + 1):
            c = ys[:, :, l * l : (l + 1) ** 2].mT @ values[:, :, l * n_max : (l + 1) * n_max]
            c = c.view(count, kinds, 2 * l + 1, n_max).transpose(1, 2).reshape(count, 2 * l + 1, -1)
            if l == 0:
                c[:, 0, own] += centre
            coefficients.append(c)
            spectra.append((c.mT @ c).flatten(1).index_select(1, self._triangle) * self._factor)
        p = torch.cat(spectra, dim=1)
        norm = torch.linalg.vector_norm(p, dim=1, keepdim=True)
        p /= norm
        energy, gp = self._kernel(part.z, p)
        gp -= (gp * p).sum(dim=1, keepdim=True) * p
        gp /= norm
        by_values, by_ys = [], []
        for l, (c, g) in enumerate(zip(coefficients, gp.split(len(self._triangle), dim=1), strict=True)):
            square = (g * self._vjp_factor).index_select(1, self._square)
            gc = c @ square.view(count, c.shape[2], c.shape[2])
            gc = gc.view(count, 2 * l + 1, kinds, n_max).transpose(1, 2).reshape(-1, 2 * l + 1, n_max)
            by_values.append(ys[:, :, l * l : (l + 1) ** 2] @ gc)
            by_ys.append(values[:, :, l * n_max : (l + 1) * n_max] @ gc.mT)
        by_value, by_y = (torch.cat(g, dim=2).flatten(0, 1)[part.slot] for g in (by_values, by_ys))
        return energy, by_value, by_y

    def _kernel(self, z: int, p: Tensor) -> tuple[Tensor, Tensor]:
        """Energies (A,) in float64 of normalised spectra (A, D), and their gradient (A, D)."""
        points, basis, zeta = self._points[z], self._bases.get(z), self.hyper.zeta
        dot = (p if basis is None else p @ basis.T) @ points.T
        power = self._weights[z] * dot ** (zeta - 1)
        energy = (power * dot).sum(dim=1, dtype=torch.float64)
        slope = (zeta * power) @ points
        return energy, slope if basis is None else slope @ basis

    def _degrees(self) -> Tensor:
        return torch.arange(self.hyper.l_max + 1, dtype=self.dtype, device=self.device)


def solid_harmonics(vector: Tensor, l_max: int) -> Tensor:
    """Real solid harmonics r^l Y_lm (P, (l_max + 1)²) of vectors (P, 3), in the order of `harmonics`.

    Recurrences: Bigi, Fraux, Browning, Ceriotti, J. Chem. Phys. 159, 064802 (2023). Differentiable.
    """
    x, y, z = vector.unbind(dim=1)
    square = x * x + y * y + z * z
    one = torch.ones_like(x)
    c, s = [one], [torch.zeros_like(x)]
    for m in range(l_max):
        c.append(x * c[m] - y * s[m])
        s.append(x * s[m] + y * c[m])
    factors = normalisation(l_max).tolist()
    rows: list[Tensor] = [one] * (l_max + 1) ** 2
    diagonal = 1.0
    for m in range(l_max + 1):
        diagonal *= max(2 * m - 1, 1)
        before, q = torch.zeros_like(x), diagonal * one
        for l in range(m, l_max + 1):
            if l > m:
                before, q = q, ((2 * l - 1) * z * q - (l + m - 1) * square * before) / (l - m)
            scaled = factors[l * l + l + m] * q
            rows[l * l + l + m] = scaled * c[m]
            if m > 0:
                rows[l * l + l - m] = scaled * s[m]
    return torch.stack(rows, dim=1)


def harmonic_gradients(l_max: int) -> Array:
    """G (L, 3·l_max²), L = (l_max + 1)², with ∂(r^l Y_lm)/∂x_a = Σ_k G[lm, a·l_max² + k] Y_k at r = 1.

    The integrals ∫ Y_k ∂_a(r^l Y_lm) dΩ of polynomials of degree 2 l_max, exact by Gauss–Legendre quadrature.
    """
    height, weight = np.polynomial.legendre.leggauss(l_max + 1)
    phi = 2 * np.pi * np.arange(2 * l_max + 2) / (2 * l_max + 2)
    ring = np.sqrt(1 - height**2)[:, None]
    axes = (ring * np.cos(phi), ring * np.sin(phi), np.broadcast_to(height[:, None], (l_max + 1, len(phi))))
    points = torch.tensor(np.stack(axes, axis=-1).reshape(-1, 3), dtype=torch.float64)
    measure = torch.tensor(np.repeat(weight * 2 * np.pi / len(phi), len(phi)), dtype=torch.float64)
    with torch.inference_mode(False), torch.enable_grad():
        at = points.clone().requires_grad_()
        values = solid_harmonics(at, l_max) + 0.0 * at[:, :1]  # constants have a gradient, too
        slopes = [torch.autograd.grad(column.sum(), at, retain_graph=True)[0] for column in values.unbind(1)]
    slope = torch.stack(slopes)  # (L, points, 3)
    low = values.detach()[:, : l_max**2] * measure[:, None]
    return torch.einsum("gpa,pk->gak", slope, low).reshape((l_max + 1) ** 2, -1).numpy()
