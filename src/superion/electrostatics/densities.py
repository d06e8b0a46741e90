"""Charge densities of atoms and how two of them interact.

Two unit charges with densities a and b, a distance r apart, have the energy COULOMB · φ_ab(r). Far apart φ is
1/r; where the densities overlap it is smaller. The dimensionless difference 1 − r·φ_ab(r), here called the
penetration, decays fast and is what an Ewald sum of point charges needs as its short-range correction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
import torch
from ase import Atoms, units
from torch import Tensor

from superion.electrostatics.density_pairs import DensityPair, GaussianPair, PointPair
from superion.electrostatics.slater import slater_pair
from superion.errors import InputError, ModelError
from superion.registry import NEWER, Registry, UnknownKindError

Array = np.ndarray
COULOMB: float = units.Hartree * units.Bohr
"""e²/(4πε₀) in eV·Å, of the CODATA set of `ase.units`."""


@runtime_checkable
class Density(Protocol):
    """The shape of a charge of 1; equal densities compare equal and have one hash.

    `kind` names it in model files, whose `settings` hold all that `restore` needs.
    """

    kind: ClassVar[str]

    @property
    def second_moment(self) -> float:
        """⟨r²⟩ in Å²."""
        ...

    def against(self, other: Density) -> DensityPair | None:
        """How it interacts with another density; None where only the other may know."""
        ...

    def settings(self) -> dict[str, Any]:
        """JSON-ready values."""
        ...

    @classmethod
    def restore(cls, settings: dict[str, Any]) -> Self:
        """The density that `settings` described."""
        ...


@dataclass(frozen=True, slots=True)
class Point:
    """A point charge."""

    kind: ClassVar[str] = "point"

    @property
    def second_moment(self) -> float:
        """⟨r²⟩ in Å²."""
        return 0.0

    def against(self, other: Density) -> DensityPair | None:
        """Points interact as 1/r."""
        return PointPair() if isinstance(other, Point) else None

    def settings(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    @classmethod
    def restore(cls, settings: dict[str, Any]) -> Self:
        """A point."""
        return cls()


@dataclass(frozen=True, slots=True)
class Gaussian:
    """ρ(r) = (2πσ²)^(−3/2) exp(−r²/2σ²) with the width sigma in Å."""

    sigma: float
    kind: ClassVar[str] = "gaussian"

    def __post_init__(self) -> None:
        _positive("width sigma of a Gaussian density (Å)", self.sigma)

    @property
    def second_moment(self) -> float:
        """⟨r²⟩ in Å²."""
        return 3 * self.sigma**2

    def against(self, other: Density) -> DensityPair | None:
        """Gaussians and points interact as erf(r/√(2(σ_a² + σ_b²)))/r."""
        if not isinstance(other, Gaussian | Point):
            return None
        return GaussianPair(float((2 * (self.second_moment + other.second_moment) / 3) ** 0.5))

    def settings(self) -> dict[str, Any]:
        """The width."""
        return {"sigma": self.sigma}

    @classmethod
    def restore(cls, settings: dict[str, Any]) -> Self:
        """The Gaussian of this width."""
        return cls(settings["sigma"])


@dataclass(frozen=True, slots=True)
class Slater:
    """ρ(r) ∝ r^(2n−2) exp(−2ζr), an ns Slater orbital squared; zeta in 1/Å, n from 1 to 7."""

    zeta: float
    n: int = 1
    kind: ClassVar[str] = "slater"

    def __post_init__(self) -> None:
        _positive("exponent zeta of a Slater density (1/Å)", self.zeta)
        if not (isinstance(self.n, int) and 1 <= self.n <= 7):
            raise InputError(
                f"principal quantum number n of a Slater density must be 1 to 7, found {self.n!r}.",
                remedy="use the period of the element.",
            )

    @classmethod
    def from_screening(cls, screening: float, n: int = 1) -> Slater:
        """The density whose penetration decays as exp(−screening · r): zeta = screening / 2 (1/Å)."""
        return cls(screening / 2, n)

    @property
    def second_moment(self) -> float:
        """⟨r²⟩ in Å²."""
        return (2 * self.n + 2) * (2 * self.n + 1) / (2 * self.zeta) ** 2

    def against(self, other: Density) -> DensityPair | None:
        """Two-centre integrals of Slater densities and points, see `slater.py`."""
        if isinstance(other, Slater):
            return slater_pair(self.n, self.zeta, other.n, other.zeta)
        return slater_pair(self.n, self.zeta) if isinstance(other, Point) else None

    def settings(self) -> dict[str, Any]:
        """Exponent and principal quantum number."""
        return {"zeta": self.zeta, "n": self.n}

    @classmethod
    def restore(cls, settings: dict[str, Any]) -> Self:
        """The density of this exponent and number."""
        return cls(settings["zeta"], settings["n"])


DENSITIES: Registry[type[Density]] = Registry("charge density", "superion.densities", UnknownKindError, NEWER)
"""Charge densities that model files may hold, by kind; other packages add theirs."""
for _kind in (Point, Gaussian, Slater):
    DENSITIES.add(_kind)


def density_settings(density: Density) -> dict[str, Any]:
    """A density as JSON-ready values."""
    return {"kind": density.kind, **density.settings()}


def restore_density(settings: dict[str, Any]) -> Density:
    """The density that `density_settings` described; ModelError if it is of no known kind, or incomplete."""
    kind = DENSITIES.find(str(settings.get("kind")))
    try:
        return kind.restore(settings)
    except KeyError as missing:
        raise ModelError(
            f"the charge density {settings!r} has no {missing}.",
            remedy="the model was edited by hand: fit it again.",
        ) from missing


def penetration(a: Density, b: Density, r: Tensor) -> Tensor:
    """1 − r·φ_ab(r), without unit, for r: (P,) Å; differentiable in r."""
    return density_pair(a, b).penetration(r)


def interaction(a: Density, b: Density, r: Tensor) -> Tensor:
    """φ_ab(r) in 1/Å for r: (P,) Å; differentiable in r and finite at r = 0 unless both are points."""
    return density_pair(a, b).interaction(r)


def density_pair(a: Density, b: Density) -> DensityPair:
    """How two densities interact, by whichever knows the other; InputError if neither does."""
    found = a.against(b) or b.against(a)
    if found is None:
        raise InputError(
            f"the interaction of {a} with {b} is not available.",
            remedy="use Gaussian or Slater densities for all elements, with points where needed.",
        )
    return found


MOST_ACCURATE, LEAST_ACCURATE = 1e-15, 1e-2


def checked_accuracy(accuracy: float) -> float:
    """The accuracy of a periodic sum, relative to a bare pair; InputError if it is out of range."""
    number = isinstance(accuracy, (int, float)) and not isinstance(accuracy, bool)
    if not (number and MOST_ACCURATE <= accuracy <= LEAST_ACCURATE):
        raise InputError(
            f"accuracy of the Coulomb sum must lie between 1e-15 and 1e-2, found {accuracy!r}.",
            remedy="use 1e-8, or 1e-6 for speed.",
        )
    return float(accuracy)


def reach(densities: Sequence[Density], accuracy: float) -> float:
    """The distance (Å) beyond which all penetrations of these densities may be left out.

    There they are a tenth of `accuracy`, because many pairs lie just beyond. InputError for an accuracy out
    of range, which no distance would satisfy.
    """
    checked_accuracy(accuracy)
    return max(_reach(a, b, 0.1 * accuracy) for k, a in enumerate(densities) for b in densities[k:])


def _reach(a: Density, b: Density, accuracy: float) -> float:
    if a == b == Point():
        return 0.0

    def beyond(r: float) -> bool:
        return bool(penetration(a, b, torch.tensor([r], dtype=torch.float64)).abs() < accuracy)

    low, high = 0.0, 1.0
    while not beyond(high):
        low, high = high, 2 * high
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return high


def pair_penetration(
    densities: Sequence[Density], kinds: Tensor, i: Tensor, j: Tensor, r: Tensor, cutoff: float | None = None
) -> Tensor:
    """1 − r·φ of P pairs of atoms i and j, each (P,), a distance r (P,) Å apart.

    kinds: (N,) int64, which of the densities each atom has. With a cutoff (Å) the value there is
    subtracted, so that a sum over the pairs within it is continuous.
    """
    if len(densities) == 1:
        return _shifted(densities[0], densities[0], r, cutoff)
    kind_i, kind_j = kinds.index_select(0, i), kinds.index_select(0, j)
    code = torch.minimum(kind_i, kind_j) * len(densities) + torch.maximum(kind_i, kind_j)
    total = torch.zeros_like(r)
    for value in torch.unique(code).tolist():
        a, b = densities[value // len(densities)], densities[value % len(densities)]
        chosen = torch.nonzero(code == value).flatten()
        total = total.index_add(0, chosen, _shifted(a, b, r.index_select(0, chosen), cutoff))
    return total


def _shifted(a: Density, b: Density, r: Tensor, cutoff: float | None) -> Tensor:
    value = penetration(a, b, r)
    return value if cutoff is None else value - penetration(a, b, r.new_tensor([cutoff]))


ALL = "*"
"""Stands for every element where one density serves all."""


def by_element(densities: Mapping[str, Density] | Density) -> dict[str, Density]:
    """Densities by element symbol, or one of them under ALL."""
    return dict(densities) if isinstance(densities, Mapping) else {ALL: densities}


def density_kinds(atoms: Atoms, densities: Mapping[str, Density]) -> Array:
    """(N,) int64, which of the distinct densities, in their order, each atom has; ModelError without one."""
    if ALL in densities:
        return np.zeros(len(atoms), dtype=np.int64)
    symbols = atoms.get_chemical_symbols()
    missing = sorted(set(symbols) - set(densities))
    if missing:
        raise ModelError(
            f"no charge density for {', '.join(missing)} (atom {symbols.index(missing[0])}); "
            f"the model knows {', '.join(sorted(densities)) or 'no element'}.",
            remedy="add the density, or check the structure.",
        )
    distinct = tuple(dict.fromkeys(densities.values()))
    number = {symbol: distinct.index(density) for symbol, density in densities.items()}
    return np.array([number[symbol] for symbol in symbols], dtype=np.int64)


def self_interaction(density: Density) -> float:
    """eV/e²: the energy of charge q with this density is ½ · self_interaction · q²; infinite for points.

    COULOMB/(√π σ) for a Gaussian. What a hardness holds besides that of the atom's own electrons.
    """
    if density == Point():
        return float("inf")
    return COULOMB * interaction(density, density, torch.zeros(1, dtype=torch.float64)).item()


def _positive(name: str, value: float) -> None:
    if not (isinstance(value, (int, float)) and 0 < value < float("inf")):
        raise InputError(f"{name} must be a positive number, found {value!r}.", remedy="check its unit.")
