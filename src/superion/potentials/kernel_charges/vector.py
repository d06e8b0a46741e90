"""Kernels of vectors that turn with the structure: basis functions of atomic dipoles.

    k_ab(i, s) = δ² (v_i · v_s)_ab (p_i·p_s)^(ζ−1),

where p is the normalised power spectrum and v the vectors that two expansions of the density couple to: the
kernel λ = 1 of Grisafi, Wilkins, Csányi, Ceriotti, Phys. Rev. Lett. 120, 036002 (2018). Dipoles as charges
plus atomic dipoles: Veit, Wilkins, Yang, DiStasio, Ceriotti, J. Chem. Phys. 153, 024113 (2020).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms

from superion.neighbours import neighbour_pairs
from superion.potentials.many_body.harmonics import harmonics, normalisation
from superion.potentials.many_body.soap import SoapBlock, SoapSettings, check_shape
from superion.potentials.points import sparse

Array = np.ndarray


class VectorBlock:
    """Kernels to sparse environments, three basis functions each.

    species: atomic numbers of all neighbours it knows. spectra: for each central species the normalised
    power spectra (M, D) of its sparse environments, and vectors: theirs (M, 3, F). scale: factor on all v
    that makes their mean square one, so that `delta` of the settings is the prior standard deviation of a
    component of an atomic dipole, in e·Å.
    """

    kind: ClassVar[str] = "vector"

    def __init__(
        self,
        settings: SoapSettings,
        species: Sequence[int],
        spectra: Mapping[int, Array],
        vectors: Mapping[int, Array],
        scale: float = 1.0,
    ) -> None:
        self.hyper, self.scale = settings, float(scale)
        self._soap = SoapBlock(settings, species, {})
        self.species = self._soap.species
        self.spectra = {z: spectra[z] for z in self.species if z in spectra}
        self.vectors = {z: vectors[z] for z in self.spectra}
        for z, points in self.spectra.items():
            check_shape("spectra", points, (None, self._soap.length))
            check_shape("vectors", self.vectors[z], (len(points), 3, None))
        self.offsets: dict[int, slice] = {}
        self.size = 0
        for z, points in self.spectra.items():
            self.offsets[z] = slice(self.size, self.size + 3 * len(points))
            self.size += 3 * len(points)
        self.cutoff = settings.cutoff

    @classmethod
    def choose(
        cls,
        frames: Sequence[Atoms],
        settings: SoapSettings,
        species: Sequence[int],
        rng: np.random.Generator,
    ) -> Self:
        """A block with sparse environments out of those of `frames`."""
        bare = cls(settings, species, {}, {})
        found: dict[int, list[tuple[Array, Array]]] = {}
        for atoms in frames:
            for z, _, p, v in bare._environments(atoms):
                found.setdefault(z, []).append((p.copy(), v))
        spectra, vectors = {}, {}
        total = sum(float((v**2).sum()) for parts in found.values() for _, v in parts)
        scale = (3 * sum(map(len, frames)) / max(total, 1e-300)) ** 0.5
        for z, parts in found.items():
            p, v = (np.concatenate(group) for group in zip(*parts, strict=True))
            v *= scale
            if settings.sparse_method != "all":
                kept = sparse.METHODS[settings.sparse_method](p, settings.sparse_points, rng)
                p, v = p[kept], v[kept]
            spectra[z], vectors[z] = p, v
        return cls(settings, species, spectra, vectors, scale)

    def with_delta(self, delta: float) -> Self:
        """The same kernels with another amplitude (e·Å)."""
        hyper = self.hyper.model_copy(update={"delta": delta})
        return type(self)(hyper, self.species, self.spectra, self.vectors, self.scale)

    def design(self, atoms: Atoms) -> Array:
        """Basis functions (N, 3, M) of one structure."""
        self._soap._check_centres(atoms.numbers, self.spectra)
        out = np.zeros((len(atoms), 3, self.size))
        for z, rows, p, v in self._environments(atoms):
            part = self.offsets[z]
            out[rows, :, part] = self._kernel(p, v, z).reshape(len(rows), 3, -1)
        return out

    def contracted(self, weights: Array) -> dict[int, Array]:
        """Sparse vectors times weights (M,): what `values` needs of them, (m, F) for each central species."""
        return {
            z: np.einsum("maf,ma->mf", self.vectors[z], weights[part].reshape(-1, 3))
            for z, part in self.offsets.items()
        }

    def values(self, atoms: Atoms, contracted: Mapping[int, Array]) -> Array:
        """The sum (N, 3) of basis functions with the weights of `contracted`."""
        self._soap._check_centres(atoms.numbers, self.spectra)
        out = np.zeros((len(atoms), 3))
        for z, rows, p, v in self._environments(atoms):
            out[rows] = np.einsum("naf,nf->na", v, self._modulation(p, z) @ contracted[z])
        return out

    def prior(self, z: int) -> Array:
        """Covariance (m, m) of the basis functions around species z; other species are independent."""
        return self._kernel(self.spectra[z], self.vectors[z], z)

    def settings(self) -> dict[str, Any]:
        """Hyper-parameters, species and scale."""
        return {"hyper": self.hyper.model_dump(), "species": list(self.species), "scale": self.scale}

    def arrays(self) -> dict[str, Array]:
        """Sparse environments, two arrays per central species."""
        kinds = (("spectra", self.spectra), ("vectors", self.vectors))
        return {f"{kind}_{z}": array for kind, arrays in kinds for z, array in arrays.items()}

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild from what `settings` and `arrays` returned."""
        spectra, vectors = (
            {int(name.removeprefix(kind)): a for name, a in arrays.items() if name.startswith(kind)}
            for kind in ("spectra_", "vectors_")
        )
        hyper = SoapSettings(**settings["hyper"])
        return cls(hyper, settings["species"], spectra, vectors, settings["scale"])

    # -- parts of the above ------------------------------------------------------------------------

    def _kernel(self, spectra: Array, vectors: Array, z: int) -> Array:
        """(3n, 3M) of n environments with the sparse ones of species z."""
        width = vectors.shape[2]
        kernel = vectors.reshape(-1, width) @ self.vectors[z].reshape(-1, width).T
        blocks = kernel.reshape(len(spectra), 3, -1, 3) * self._modulation(spectra, z)[:, None, :, None]
        return blocks.reshape(kernel.shape)

    def _modulation(self, spectra: Array, z: int) -> Array:
        """What the scalar products of vectors are multiplied by, (n, M)."""
        if self.hyper.zeta == 1:
            return np.full((len(spectra), len(self.spectra[z])), self.hyper.delta**2)
        return self.hyper.delta**2 * (spectra @ self.spectra[z].T) ** (self.hyper.zeta - 1)

    def _environments(self, atoms: Atoms) -> Sequence[tuple[int, Array, Array, Array]]:
        """Central species, indices, power spectra (n, D) and vectors (n, 3, F), in chunks of atoms."""
        chunks = []
        coupling = vector_coupling(self.hyper.l_max)
        for z, rows, c, p, norm in self._soap.expanded(atoms, neighbour_pairs(atoms, self.cutoff)):
            parts, factor = [], self.scale / norm[:, None, None]
            for l, table in enumerate(coupling):
                low, high = c[:, l * l : (l + 1) ** 2], c[:, (l + 1) ** 2 : (l + 2) ** 2]
                turned = np.tensordot(low, table, axes=(1, 1))  # (n, C, 3, 2l + 3)
                v = np.einsum("ncum,nmd->nucd", turned, high, optimize=True)
                parts.append(v.reshape(len(rows), 3, -1))
            chunks.append((z, rows, p.copy(), np.concatenate(parts, axis=2) * factor))
        return chunks


@cache
def vector_coupling(l_max: int) -> tuple[Array, ...]:
    """For l < l_max the coefficients (3, 2l + 1, 2l + 3) that couple degrees l and l + 1 to a vector.

    Integrals of the unit vector times two real spherical harmonics over the sphere, exact by quadrature;
    other pairs of degrees give none, or an axial vector.
    """
    degree = l_max + 1
    nodes, weights = np.polynomial.legendre.leggauss(degree + 2)
    angles = np.arange(2 * degree + 3) * 2 * np.pi / (2 * degree + 3)
    theta, phi = (grid.ravel() for grid in np.meshgrid(nodes, angles, indexing="ij"))
    weight = np.repeat(weights, len(angles)) * 2 * np.pi / len(angles)
    sine = np.sqrt(1 - theta**2)
    unit = np.stack([sine * np.cos(phi), sine * np.sin(phi), theta])
    factors, lms = normalisation(l_max), (l_max + 1) ** 2
    y, dy = np.empty((len(theta), lms)), np.empty((3, lms))
    q = np.zeros((l_max + 2, l_max + 2))
    for k, (a, b, c) in enumerate(unit.T):
        harmonics(a, b, c, l_max, factors, y[k], dy, q, np.empty(l_max + 1), np.empty(l_max + 1))
    return tuple(
        np.einsum(
            "k,uk,ka,kb->uab", weight, unit, y[:, l * l : (l + 1) ** 2], y[:, (l + 1) ** 2 : (l + 2) ** 2]
        )
        for l in range(l_max)
    )
