"""SOAP block of the local model: kernel (p·p')^ζ of normalised power spectra, one set of points per species.

Smooth overlap of atomic positions: Bartók, Kondor, Csányi, Phys. Rev. B 87, 184115 (2013). Density, radial
basis, cutoff and kernel follow QUIP's `soap` descriptor (`central_weight=1`, `normalise=T`,
`central_reference_all_species=F`), so that hyper-parameters carry over digit for digit.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from pydantic import BaseModel, ConfigDict, Field

from superion.batch import Batch
from superion.compiled import require_numba
from superion.errors import InputError, ModelError
from superion.neighbours import Pairs, neighbour_pairs
from superion.potentials.few_body.pair import species_index
from superion.potentials.many_body.channels import principal_channels
from superion.potentials.many_body.harmonics import normalisation
from superion.potentials.points import sparse
from superion.potentials.radial import radial_table
from superion.terms import Sums

if TYPE_CHECKING:
    from superion.potentials.many_body.evaluate import Evaluator

Array = np.ndarray

PRECISIONS = ("float64", "float32")
CANDIDATES = 5000  # environments per species from which sparse points are chosen, at most


class SoapSettings(BaseModel):
    """Hyper-parameters of the SOAP block."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cutoff: float = Field(5.0, gt=0, le=20, description="radius of the environment in Å")
    cutoff_width: float = Field(4.0, gt=0, description="width of the cosine cutoff in Å")
    n_max: int = Field(8, ge=1, le=20, description="radial basis functions per species")
    l_max: int = Field(4, ge=0, le=12, description="highest angular momentum")
    atom_sigma: float = Field(0.6, gt=0, description="width of the Gaussian on each neighbour in Å")
    zeta: int = Field(2, ge=1, le=20, description="power of the dot-product kernel")
    delta: float = Field(1.0, gt=0, description="prior standard deviation of an atomic energy in eV")
    sparse_points: int = Field(500, ge=1, description="sparse environments per species")
    components: int | None = Field(
        None,
        ge=1,
        description="compression: principal components of the power spectra kept per species; null: all",
    )
    channels: int | None = Field(
        None,
        ge=1,
        description="compression: radial functions kept per l, shared by all neighbour species; null: all",
    )
    sparse_method: str = Field("cur", pattern="^(cur|farthest|all)$", description="cur, farthest or all")


def check_shape(name: str, array: Array, wanted: tuple[int | None, ...]) -> None:
    """ModelError for an array of another shape; None: any length."""
    fits = [want in (None, found) for want, found in zip(wanted, array.shape, strict=False)]
    if array.ndim != len(wanted) or not all(fits):
        raise ModelError(f"{name} of the shape {array.shape}, where {wanted} is needed.")


class SoapBlock:
    """Kernels to sparse environments: basis functions of the local energy.

    species: atomic numbers of all neighbours it knows. points: for each central species the normalised
    power spectra (M_species, D) of its sparse environments. bases: with compression, for each central
    species orthonormal components (K, D); points are then coordinates (M_species, K) along them, and the
    kernel is the dot product of projected spectra. contractions: with contracted channels, for each central
    species and each l the coefficients (l_max + 1, species · n_max, Q) of the Q channels kept.
    """

    kind: ClassVar[str] = "soap"

    def __init__(
        self,
        settings: SoapSettings,
        species: Sequence[int],
        points: Mapping[int, Array],
        bases: Mapping[int, Array] | None = None,
        contractions: Mapping[int, Array] | None = None,
    ) -> None:
        self.hyper = settings
        self.species = tuple(sorted(species))
        self.bases = {z: np.ascontiguousarray(basis) for z, basis in (bases or {}).items()}
        self.contractions = {z: np.ascontiguousarray(u) for z, u in (contractions or {}).items()}
        self.points = {z: np.ascontiguousarray(points[z]) for z in self.species if z in points}
        self.offsets: dict[int, slice] = {}
        position = 0
        for z, spectra in self.points.items():
            self.offsets[z] = slice(position, position + len(spectra))
            position += len(spectra)
        self.size = position
        self.cutoff = settings.cutoff
        kept = [u.shape[2] for u in self.contractions.values()]
        self.radials = kept[0] if kept else settings.n_max
        self.channels = kept[0] if kept else len(self.species) * settings.n_max
        self.length = (settings.l_max + 1) * self.channels * (self.channels + 1) // 2
        self._check_shapes()
        self.factors = normalisation(settings.l_max)
        self._table, self.spacing = radial_table(
            settings.cutoff, settings.n_max, settings.l_max, settings.atom_sigma
        )
        self.precision = "float64"
        self.centres = tuple(z for z in self.species if not self.contractions or z in self.contractions)
        self._evaluators: dict[str, Evaluator] = {}

    def _check_shapes(self) -> None:
        """ModelError for arrays that do not belong to these settings and species."""
        radial, levels = len(self.species) * self.hyper.n_max, self.hyper.l_max + 1
        for u in self.contractions.values():
            check_shape("contraction", u, (levels, radial, self.channels))
        for basis in self.bases.values():
            check_shape("basis", basis, (None, self.length))
        for z, points in self.points.items():
            if self.contractions and z not in self.contractions:
                raise ModelError(f"sparse points, but no contraction of {chemical_symbols[z]}.")
            check_shape("sparse points", points, (None, len(self.bases.get(z, ())) or self.length))

    @classmethod
    def choose(
        cls,
        frames: Sequence[Atoms],
        settings: SoapSettings,
        species: Sequence[int],
        rng: np.random.Generator,
        contractions: Mapping[int, Array] | None = None,
    ) -> Self:
        """A block whose sparse environments are chosen from those of `frames`.

        contractions: of the channels; without them, and with `channels`, the principal ones.
        Of more than `CANDIDATES` environments of a species as many are drawn at random first, so that memory
        does not grow with the number of frames.
        """
        bare = cls(settings, species, {}, contractions=contractions)
        if contractions is None and settings.channels is not None:
            kept_channels = principal_channels(bare, frames, settings.channels)
            bare = cls(settings, species, {}, contractions=kept_channels)
        points, bases = {}, {}
        for z, rows in bare._candidates(frames, rng).items():
            if settings.sparse_method == "all":
                points[z] = rows
            else:
                points[z] = rows[sparse.METHODS[settings.sparse_method](rows, settings.sparse_points, rng)]
            if settings.components is not None:
                bases[z] = sparse.principal_components(rows, settings.components, rng)
                points[z] = points[z] @ bases[z].T
        return cls(settings, species, points, bases, bare.contractions)

    def spectra(self, atoms: Atoms) -> Array:
        """Normalised power spectra (N, D) of all atoms, without unit."""
        out = np.empty((len(atoms), self.length))
        for _, rows, _, p, _ in self.expanded(atoms, neighbour_pairs(atoms, self.cutoff)):
            out[rows] = p
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

    def evaluate(self, batch: Batch, weights: Array, sums: Sums, scale: Array | None = None) -> None:
        """Add the weighted (M,) sum of basis functions to `sums`; scale: (N,) factor on each atom's part."""
        pairs = batch.pairs(self.cutoff)
        species = species_index(batch, self.species)
        self._check_centres(batch.numbers[: batch.centres], self.points)
        self._evaluator(self.precision).add(weights, pairs, species, batch.owner, sums, scale)

    def values(self, batch: Batch, weights: Array) -> Array:
        """The weighted (M,) sum of basis functions of every centre, without derivatives."""
        species = species_index(batch, self.species)
        self._check_centres(batch.numbers[: batch.centres], self.points)
        return self._evaluator(self.precision).values(weights, batch.pairs(self.cutoff), species)

    def design(
        self, atoms: Atoms, forces: bool = True, scale: Array | None = None
    ) -> tuple[Array, Array, Array]:
        """Basis functions of one structure: energies (N, M), forces (N, 3, M), virial (3, 3, M).

        `evaluate` is their sum weighted by the M coefficients. Without `forces` the last two are empty.
        scale: (N,) factor on the part of each atom.
        """
        require_numba("the design matrix of the SOAP block")
        from superion.potentials.many_body import design as soap_design

        return soap_design.design(self, atoms, forces, scale)

    def settings(self) -> dict[str, Any]:
        """Hyper-parameters and species."""
        return {"hyper": self.hyper.model_dump(), "species": list(self.species)}

    def arrays(self) -> dict[str, Array]:
        """Sparse power spectra and, if compressed, bases and contractions, one array per central species."""
        kinds = (("points", self.points), ("basis", self.bases), ("contraction", self.contractions))
        return {f"{kind}_{z}": array for kind, arrays in kinds for z, array in arrays.items()}

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild from what `settings` and `arrays` returned."""
        points, bases, contractions = (
            {int(name.removeprefix(kind)): a for name, a in arrays.items() if name.startswith(kind)}
            for kind in ("points_", "basis_", "contraction_")
        )
        return cls(SoapSettings(**settings["hyper"]), settings["species"], points, bases, contractions)

    def with_precision(self, precision: str) -> Self:
        """A copy that evaluates energies and forces in `float64` or `float32`; all else stays float64.

        Sums over atoms are float64 in both, and model files do not know of it. Raises InputError for others.
        """
        if precision not in PRECISIONS:
            raise InputError(f"unknown precision {precision!r}.", remedy=f"choose one of {PRECISIONS}.")
        block = copy.copy(self)
        block.precision = precision
        return block

    def __getstate__(self) -> dict[str, Any]:
        """What a copy needs; work space of this process is left behind."""
        return self.__dict__ | {"_evaluators": {}}

    # -- parts of the above ------------------------------------------------------------------------

    def _candidates(self, frames: Sequence[Atoms], rng: np.random.Generator) -> dict[int, Array]:
        """Spectra (≤ CANDIDATES, D) by central species from which sparse points are chosen."""
        numbers = np.concatenate([atoms.numbers for atoms in frames])
        kept = np.zeros(len(numbers), dtype=bool)
        for z in self.species:
            mine = np.flatnonzero(numbers == z)
            few = self.hyper.sparse_method == "all" or len(mine) <= CANDIDATES
            kept[mine if few else rng.choice(mine, CANDIDATES, replace=False)] = True
        found = {
            z: np.empty((n, self.length)) for z in self.species if (n := np.count_nonzero(numbers[kept] == z))
        }
        filled = dict.fromkeys(found, 0)
        for atoms, part in zip(frames, np.split(kept, np.cumsum([len(a) for a in frames])[:-1]), strict=True):
            if not part.any():
                continue
            for z, atom, _, p, _ in self.expanded(atoms, neighbour_pairs(atoms, self.cutoff)):
                taken = p[part[atom]]
                if len(taken):
                    found[z][filled[z] : filled[z] + len(taken)] = taken
                    filled[z] += len(taken)
        return found

    def splines(self, z: int) -> tuple[Array, Array, Array]:
        """Radial splines around species z, and who uses them.

        Tables (T, intervals, 6, (l_max + 1)·radials) as of `radial_table`, and for each neighbour species the
        table and the first channel it contributes to.
        """
        count, n_max = len(self.species), self.hyper.n_max
        if not self.contractions:
            return self._table[None], np.zeros(count, np.int64), np.arange(count) * n_max
        split = self._table.reshape(*self._table.shape[:2], self.hyper.l_max + 1, n_max)
        parts = np.split(self.contractions[z], count, axis=1)
        tables = np.stack([np.einsum("kpln,lnq->kplq", split, part) for part in parts])
        return tables.reshape(count, *self._table.shape[:2], -1), np.arange(count), np.zeros(count, np.int64)

    def expanded(self, atoms: Atoms, pairs: Pairs) -> Iterator[tuple[int, Array, Array, Array, Array]]:
        """Chunks of atoms of one species.

        Yields its number, the indices of the atoms, their coefficients (n, L, C), normalised spectra (n, D)
        and the norms they were divided by, in memory that the next chunk overwrites.
        """
        species = species_index(atoms, self.species)
        self._check_centres(atoms.numbers, self.centres)
        evaluator = self._evaluator("float64")
        for z in np.unique(atoms.numbers).tolist():
            for rows, c, p, norm in evaluator.chunks(z, pairs, species):
                n = len(rows)
                yield z, rows, c[:n, :, : self.channels], p[:n, : self.length], norm[:n]

    def _evaluator(self, precision: str) -> Evaluator:
        if precision not in self._evaluators:
            require_numba("the SOAP block")
            from superion.potentials.many_body.evaluate import Evaluator

            self._evaluators[precision] = Evaluator(self, precision)
        return self._evaluators[precision]

    def _spectra_of_points(self, z: int) -> Array:
        """Sparse environments of one species as power spectra (M, D), projected if compressed."""
        return self.points[z] @ self.bases[z] if z in self.bases else self.points[z]

    def _check_centres(self, numbers: Array, known: Collection[int]) -> None:
        for z in np.unique(numbers).tolist():
            if z not in known:
                raise ModelError(
                    f"the model has no environments centred on {chemical_symbols[z]}.",
                    remedy="fit a model on labels that contain this species.",
                )
