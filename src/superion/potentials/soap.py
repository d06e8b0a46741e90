"""SOAP block of the local model: kernel (p·p')^ζ of normalised power spectra, one set of points per species.

Smooth overlap of atomic positions: Bartók, Kondor, Csányi, Phys. Rev. B 87, 184115 (2013). Density, radial
basis, cutoff and kernel follow QUIP's `soap` descriptor (`central_weight=1`, `normalise=T`,
`central_reference_all_species=F`), so that hyper-parameters carry over digit for digit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from pydantic import BaseModel, ConfigDict, Field

from superion.errors import ModelError
from superion.neighbours import Pairs, neighbour_pairs
from superion.potentials import soap_design, sparse
from superion.potentials.harmonics import normalisation
from superion.potentials.pair import species_index
from superion.potentials.radial import radial_table
from superion.potentials.soap_kernels import (
    expand,
    expand_adjoint,
    power_spectrum,
    spectrum_adjoint,
)
from superion.surroundings import Surroundings
from superion.terms import Sums

Array = np.ndarray

CHUNK = 256  # atoms whose spectra are held at once
CANDIDATES = 5000  # environments per species from which sparse points are chosen, at most


class SoapSettings(BaseModel):
    """Hyper-parameters of the SOAP block."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cutoff: float = Field(5.0, gt=0, description="radius of the environment in Å")
    cutoff_width: float = Field(4.0, gt=0, description="width of the cosine cutoff in Å")
    n_max: int = Field(8, ge=1, le=20, description="radial basis functions per species")
    l_max: int = Field(4, ge=0, le=12, description="highest angular momentum")
    atom_sigma: float = Field(0.6, gt=0, description="width of the Gaussian on each neighbour in Å")
    zeta: int = Field(2, ge=1, description="power of the dot-product kernel")
    delta: float = Field(1.0, gt=0, description="prior standard deviation of an atomic energy in eV")
    sparse_points: int = Field(500, ge=1, description="sparse environments per species")
    components: int | None = Field(
        None,
        ge=1,
        description="compression: principal components of the power spectra kept per species; null: all",
    )
    sparse_method: str = Field("cur", pattern="^(cur|farthest|all)$", description="cur, farthest or all")


class SoapBlock:
    """Kernels to sparse environments: basis functions of the local energy.

    species: atomic numbers of all neighbours it knows. points: for each central species the normalised
    power spectra (M_species, D) of its sparse environments. bases: with compression, for each central
    species orthonormal components (K, D); points are then coordinates (M_species, K) along them, and the
    kernel is the dot product of projected spectra.
    """

    kind: ClassVar[str] = "soap"

    def __init__(
        self,
        settings: SoapSettings,
        species: Sequence[int],
        points: Mapping[int, Array],
        bases: Mapping[int, Array] | None = None,
    ) -> None:
        self.hyper = settings
        self.species = tuple(sorted(species))
        self.bases = {z: np.ascontiguousarray(basis) for z, basis in (bases or {}).items()}
        self.points = {z: np.ascontiguousarray(points[z]) for z in self.species if z in points}
        self.offsets: dict[int, slice] = {}
        position = 0
        for z, spectra in self.points.items():
            self.offsets[z] = slice(position, position + len(spectra))
            position += len(spectra)
        self.size = position
        self.cutoff = settings.cutoff
        self._channels = len(self.species) * settings.n_max
        self._length = (settings.l_max + 1) * self._channels * (self._channels + 1) // 2
        self._factors = normalisation(settings.l_max)
        self._table, self._spacing = radial_table(
            settings.cutoff, settings.n_max, settings.l_max, settings.atom_sigma
        )

    @classmethod
    def choose(
        cls,
        frames: Sequence[Atoms],
        settings: SoapSettings,
        species: Sequence[int],
        rng: np.random.Generator,
    ) -> Self:
        """A block whose sparse environments are chosen from those of `frames`.

        Of more than `CANDIDATES` environments of a species as many are drawn at random first, so that memory
        does not grow with the number of frames.
        """
        bare = cls(settings, species, {})
        numbers = np.concatenate([atoms.numbers for atoms in frames])
        limit = len(numbers) if settings.sparse_method == "all" else CANDIDATES
        kept = np.zeros(len(numbers), dtype=bool)
        for z in bare.species:
            mine = np.flatnonzero(numbers == z)
            kept[mine if len(mine) <= limit else rng.choice(mine, limit, replace=False)] = True
        numbers, parts = numbers[kept], np.split(kept, np.cumsum([len(atoms) for atoms in frames])[:-1])
        everything = np.concatenate(
            [bare.spectra(atoms)[part] for atoms, part in zip(frames, parts, strict=True)]
        )
        points, bases = {}, {}
        for z in bare.species:
            rows = everything[numbers == z]
            if len(rows) == 0:
                continue
            if settings.sparse_method == "all":
                points[z] = rows
            else:
                points[z] = rows[sparse.METHODS[settings.sparse_method](rows, settings.sparse_points, rng)]
        if settings.components is not None:
            for z in points:
                bases[z] = sparse.principal_components(everything[numbers == z], settings.components, rng)
                points[z] = points[z] @ bases[z].T
        return cls(settings, species, points, bases)

    def spectra(self, atoms: Atoms) -> Array:
        """Normalised power spectra (N, D) of all atoms, without unit."""
        out = np.empty((len(atoms), self._length))
        pairs = neighbour_pairs(atoms, self.cutoff)
        for chunk, _, p, _ in self._expanded(species_index(atoms, self.species), pairs):
            out[chunk] = p
        return out

    def prior(self) -> Array:
        """Covariance (M, M) in eV² of the sparse environments' energies."""
        matrix = np.zeros((self.size, self.size))
        for z, spectra in self.points.items():
            block = self.offsets[z]
            matrix[block, block] = self.hyper.delta**2 * (spectra @ spectra.T) ** self.hyper.zeta
        return matrix

    def covariance(self, atoms: Atoms) -> Array:
        """Prior covariance (N, N) in eV² of the atomic energies of one structure."""
        spectra = self.spectra(atoms)
        for z, basis in self.bases.items():
            rows = atoms.numbers == z
            spectra[rows] = spectra[rows] @ basis.T @ basis
        same = atoms.numbers[:, None] == atoms.numbers
        return np.where(same, self.hyper.delta**2 * (spectra @ spectra.T) ** self.hyper.zeta, 0.0)

    def evaluate(self, surroundings: Surroundings, weights: Array, sums: Sums) -> None:
        """Add the weighted (M,) sum of basis functions to `sums`."""
        pairs = surroundings.pairs(self.cutoff)
        index = species_index(surroundings, self.species)
        zeta, scale = self.hyper.zeta, self.hyper.delta**2
        for chunk, c, p, norm in self._expanded(index, pairs):
            gradient = np.empty_like(p)
            for z, rows in self._by_species(surroundings.numbers[chunk]):
                points, basis = self.points[z], self.bases.get(z)
                spectra = p[rows] if basis is None else p[rows] @ basis.T
                dot = spectra @ points.T
                power = (scale * weights[self.offsets[z]]) * dot ** (zeta - 1)
                sums.energies[chunk.start + rows] += (power * dot).sum(axis=1)
                slope = (zeta * power) @ points
                gradient[rows] = slope if basis is None else slope @ basis
            gc = np.empty_like(c)
            spectrum_adjoint(c, self.hyper.l_max, p, norm, gradient, gc)
            geometry = self._geometry(chunk, pairs, index)
            expand_adjoint(*geometry, surroundings.owner, gc, sums.forces, sums.virials)

    def design(self, atoms: Atoms, forces: bool = True) -> tuple[Array, Array, Array]:
        """Basis functions of one structure: energies (N, M), forces (N, 3, M), virial (3, 3, M).

        `evaluate` is their sum weighted by the M coefficients. Without `forces` the last two are empty.
        """
        return soap_design.design(self, atoms, forces)

    def settings(self) -> dict[str, Any]:
        """Hyper-parameters and species."""
        return {"hyper": self.hyper.model_dump(), "species": list(self.species)}

    def arrays(self) -> dict[str, Array]:
        """Sparse power spectra, and bases if compressed, one array per central species."""
        points = {f"points_{z}": spectra for z, spectra in self.points.items()}
        return points | {f"basis_{z}": basis for z, basis in self.bases.items()}

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild from what `settings` and `arrays` returned."""
        points, bases = (
            {int(name.removeprefix(kind)): a for name, a in arrays.items() if name.startswith(kind)}
            for kind in ("points_", "basis_")
        )
        return cls(SoapSettings(**settings["hyper"]), settings["species"], points, bases)

    # -- parts of the above ------------------------------------------------------------------------

    def _geometry(self, chunk: slice, pairs: Pairs, index: Array) -> tuple[Any, ...]:
        return (
            chunk.start,
            pairs.start,
            pairs.j,
            pairs.vector,
            pairs.distance,
            index,
            self._table,
            self._spacing,
            self.hyper.cutoff,
            self.hyper.cutoff_width,
            self.hyper.l_max,
            self._factors,
        )

    def _expanded(self, index: Array, pairs: Pairs) -> Iterator[tuple[slice, Array, Array, Array]]:
        """Chunks of atoms with their coefficients, normalised spectra and norms; index: `species_index`."""
        centres = len(pairs.start) - 1
        for first in range(0, centres, CHUNK):
            chunk = slice(first, min(first + CHUNK, centres))
            count = chunk.stop - first
            c = np.empty((count, (self.hyper.l_max + 1) ** 2, self._channels))
            p, norm = np.empty((count, self._length)), np.empty(count)
            expand(*self._geometry(chunk, pairs, index), c)
            power_spectrum(c, self.hyper.l_max, p, norm)
            yield chunk, c, p, norm

    def _by_species(self, numbers: Array) -> Iterator[tuple[int, Array]]:
        for z in np.unique(numbers):
            if int(z) not in self.points:
                raise ModelError(
                    f"the model has no environments centred on {chemical_symbols[z]}.",
                    remedy="fit a model on labels that contain this species.",
                )
            yield int(z), np.flatnonzero(numbers == z)

    def _spectra_of_points(self, z: int) -> Array:
        """Sparse environments of one species as power spectra (M, D), projected if compressed."""
        return self.points[z] @ self.bases[z] if z in self.bases else self.points[z]
