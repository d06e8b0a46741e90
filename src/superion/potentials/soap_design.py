"""Rows of the SOAP block's design matrix: every basis function's energies, forces and virial."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np
from ase import Atoms

from superion.neighbours import Pairs, neighbour_pairs
from superion.potentials.harmonics import harmonics
from superion.potentials.pair import species_index
from superion.potentials.soap_kernels import FAST, ROOT2, _radial

if TYPE_CHECKING:
    from superion.potentials.soap import SoapBlock

Array = np.ndarray


def design(block: SoapBlock, atoms: Atoms, forces: bool) -> tuple[Array, Array, Array]:
    """Energies (N, M), forces (N, 3, M) and virial (3, 3, M) of the basis functions of `block`."""
    n, m = len(atoms), block.size
    energy = np.zeros((n, m))
    force = np.zeros((n, 3, m) if forces else (0, 3, m))
    virial = np.zeros((3, 3, m) if forces else (0, 3, m))
    pairs = neighbour_pairs(atoms, block.cutoff)
    zeta, scale, l_max = block.hyper.zeta, block.hyper.delta**2, block.hyper.l_max
    for chunk, c, p, norm in block._expanded(species_index(atoms, block.species), pairs):
        for z, rows in block._by_species(atoms.numbers[chunk]):
            part, points = block.offsets[z], block._spectra_of_points(z)
            dot = p[rows] @ points.T
            energy[chunk.start + rows, part] = scale * dot**zeta
            if not forces:
                continue
            slope = scale * zeta * dot ** (zeta - 1) / norm[rows, None]
            matrices = [_unpack(points, l, block._channels) for l in range(l_max + 1)]
            for k, row in enumerate(rows):
                i = chunk.start + int(row)
                gradient = _coefficient_gradient(c[row], p[row], matrices, dot[k])
                gradient *= slope[k, :, None, None]
                _add_rows(block, i, atoms, pairs, gradient, force[:, :, part], virial[:, :, part])
    return energy, force, virial


def _coefficient_gradient(c: Array, p: Array, matrices: list[Array], dot: Array) -> Array:
    """The product norm · d(p̂·p̂_s)/dc of one environment for all sparse points s: (M, L, C)."""
    channels = c.shape[1]
    own = p[None]
    out = np.empty((len(dot), len(c), channels))
    for l, matrix in enumerate(matrices):
        lms = slice(l * l, (l + 1) ** 2)
        projected = (matrix @ c[lms].T).reshape(len(dot), channels, 2 * l + 1)
        along = _unpack(own, l, channels) @ c[lms].T
        out[:, lms] = (projected - dot[:, None, None] * along).transpose(0, 2, 1)
    return out


def _add_rows(
    block: SoapBlock, i: int, atoms: Atoms, pairs: Pairs, gradient: Array, force: Array, virial: Array
) -> None:
    """Add the force and virial rows that the energy of atom i gives, from its (M, L, C) gradient."""
    n_max, lms = block.hyper.n_max, gradient.shape[1]
    mine = np.arange(pairs.start[i], pairs.start[i + 1])
    neighbour_species = species_index(atoms, block.species)[pairs.j[mine]]
    for index in range(len(block.species)):
        selected = mine[neighbour_species == index]
        if len(selected) == 0:
            continue
        jacobian = np.empty((len(selected), 3, lms, n_max))
        coefficient_jacobian(
            selected,
            pairs.vector,
            pairs.distance,
            block._table,
            block._spacing,
            block.hyper.cutoff,
            block.hyper.cutoff_width,
            block.hyper.l_max,
            block._factors,
            jacobian,
        )
        part = np.ascontiguousarray(gradient[:, :, index * n_max : (index + 1) * n_max])
        rows = jacobian.reshape(len(selected) * 3, -1) @ part.reshape(len(part), -1).T
        slopes = rows.reshape(len(selected), 3, -1)
        force[i] += slopes.sum(axis=0)
        for neighbour, slope in zip(pairs.j[selected], slopes, strict=True):
            force[neighbour] -= slope
        virial -= np.tensordot(pairs.vector[selected], slopes, axes=(0, 0))


def _unpack(spectra: Array, l: int, channels: int) -> Array:
    """Spectra (M, D) at one l as matrices of d(p·p_s)/dc = matrix @ c, shape (M·C, C)."""
    triangle = channels * (channels + 1) // 2
    a, b = np.triu_indices(channels)
    values = spectra[:, l * triangle : (l + 1) * triangle] * np.where(a == b, 2.0, ROOT2)
    matrices = np.empty((len(spectra), channels, channels))
    matrices[:, a, b] = values
    matrices[:, b, a] = values
    return matrices.reshape(-1, channels)


@numba.njit(cache=True, nogil=True, fastmath=FAST)
def coefficient_jacobian(  # type: ignore[no-untyped-def]
    pairs, vector, distance, table, h, cutoff, width, l_max, factors, out
):
    """d(coefficients of one neighbour species)/d(neighbour position), out (len(pairs), 3, L, n_max)."""
    radials = table.shape[2]
    n_max = radials // (l_max + 1)
    lms = (l_max + 1) ** 2
    value, slope = np.empty(radials), np.empty(radials)
    y, dy = np.empty(lms), np.empty((3, lms))
    q, cs, sn = np.zeros((l_max + 2, l_max + 2)), np.empty(l_max + 1), np.empty(l_max + 1)
    unit = np.empty(3)
    for k in range(len(pairs)):
        p = pairs[k]
        r = distance[p]
        for u in range(3):
            unit[u] = vector[p, u] / r
        _radial(r, table, h, cutoff, width, value, slope)
        harmonics(unit[0], unit[1], unit[2], l_max, factors, y, dy, q, cs, sn)
        for l in range(l_max + 1):
            for lm in range(l * l, (l + 1) * (l + 1)):
                for u in range(3):
                    turn = (dy[u, lm] - l * y[lm] * unit[u]) / r
                    stretch = y[lm] * unit[u]
                    for n in range(n_max):
                        out[k, u, lm, n] = turn * value[l * n_max + n] + stretch * slope[l * n_max + n]
