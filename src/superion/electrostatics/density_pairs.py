"""How two charge densities interact, and the pairs that need no integrals: points and Gaussians."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class DensityPair(Protocol):
    """How two densities interact."""

    def penetration(self, r: Tensor) -> Tensor:
        """1 − r·φ(r), without unit, for r: (P,) Å; differentiable in r."""
        ...

    def interaction(self, r: Tensor) -> Tensor:
        """φ(r) in 1/Å for r: (P,) Å; differentiable in r and finite at r = 0 unless both are points."""
        ...


@dataclass(frozen=True, slots=True)
class PointPair:
    """Two points."""

    def penetration(self, r: Tensor) -> Tensor:
        """Nothing."""
        return torch.zeros_like(r)

    def interaction(self, r: Tensor) -> Tensor:
        """1/r."""
        return 1 / r


@dataclass(frozen=True, slots=True)
class GaussianPair:
    """Two Gaussians, or one and a point; width: √(2(σ_a² + σ_b²)) in Å."""

    width: float

    def penetration(self, r: Tensor) -> Tensor:
        """erfc(r/width)."""
        return torch.erfc(r / self.width)

    def interaction(self, r: Tensor) -> Tensor:
        """erf(r/width)/r, as a series near r = 0."""
        x = r / self.width
        near = x < 1e-2
        safe = torch.where(near, 1.0, x)
        square = torch.where(near, x, 0.0) ** 2
        series = 1 - square * (1 / 3 - square * (1 / 10 - square * (1 / 42 - square / 216)))
        return torch.where(near, 2 / torch.pi**0.5 * series, torch.erf(safe) / safe) / self.width
