"""Several structures as one set of atoms and pairs, on the device where the sums are done.

Geometry is made on the host in float64 (neighbour lists, sorting, counts), so that arithmetic on the device
seldom waits for a number to come back. Energies of pairs or environments are functions of the pair vectors:
they give their gradient with respect to them, and forces and virials of all structures follow at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from superion.errors import InputError
from superion.neighbours import Pairs

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Batch:
    """N atoms of B structures with their P directed pairs i → j, sorted by i.

    numbers: (N,) atomic numbers. first: (B + 1,) int64, the first atom of each structure. i, j: (P,) int64
    and reach: (P,) Å distances, on the host. vector: (P, 3) Å and distance: (P,) Å, float64 on the device.
    """

    numbers: Array
    first: Array
    i: Array
    j: Array
    reach: Array
    vector: Tensor
    distance: Tensor

    @classmethod
    def join(cls, numbers: Sequence[Array], pairs: Sequence[Pairs], device: torch.device) -> Batch:
        """One batch from the atomic numbers and the pairs of each structure."""
        first = np.cumsum([0, *(len(z) for z in numbers)])
        vector = np.concatenate([p.vector for p in pairs])
        reach = np.concatenate([p.distance for p in pairs])
        return cls(
            np.concatenate([np.asarray(z, dtype=np.int64) for z in numbers]),
            first,
            np.concatenate([p.i + start for p, start in zip(pairs, first, strict=False)]),
            np.concatenate([p.j + start for p, start in zip(pairs, first, strict=False)]),
            reach,
            to_device(vector, device),
            to_device(reach, device),
        )

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.vector.device

    def structure(self) -> Array:
        """(N,) int64, which structure each atom belongs to."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))

    def within(self, cutoff: float) -> Array:
        """Indices of the pairs closer than `cutoff` (Å), on the host."""
        return np.flatnonzero(self.reach < cutoff)

    def zeros(self) -> tuple[Tensor, Tensor]:
        """Energies (N,) eV and gradient (P, 3) eV/Å to add to, float64 on the device."""
        return self.vector.new_zeros(len(self.numbers)), torch.zeros_like(self.vector)

    def derivatives(self, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """Forces (N, 3) eV/Å and virials (B, 3, 3) eV of an energy with this gradient (P, 3) by vectors."""
        i, j = to_device(self.i, self.device), to_device(self.j, self.device)
        forces = gradient.new_zeros(len(self.numbers), 3)
        forces.index_add_(0, i, gradient).index_add_(0, j, gradient, alpha=-1)
        ends = np.searchsorted(self.i, self.first)
        virials = [
            -self.vector[a:b].T @ gradient[a:b]
            for a, b in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)
        ]
        return forces, torch.stack(virials)


def to_device(array: Array, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """A copy of a NumPy array on the device, of its own type unless another is given."""
    return torch.tensor(np.ascontiguousarray(array), dtype=dtype, device=device)


def slices(count: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` that make up `count`."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def cutoff_function(r: Tensor, cutoff: float, width: float) -> tuple[Tensor, Tensor]:
    """Value and derivative (1/Å) of the cosine cutoff at distances r (Å), as `cosine_cutoff` gives them."""
    phase = torch.pi / width * (r - (cutoff - width)).clamp(0.0, width)
    return 0.5 * (torch.cos(phase) + 1.0), -0.5 * torch.pi / width * torch.sin(phase)


def chunk(device: torch.device, host: int, accelerator: int) -> int:
    """How many items to hold at once: few for the cache of a CPU, many to keep an accelerator busy."""
    return host if device.type == "cpu" else accelerator


def padded(groups: Sequence[Array]) -> Array:
    """Rows of different lengths as one array (len(groups), longest), filled up with zeros."""
    out = np.zeros((len(groups), max(len(values) for values in groups)))
    for row, values in zip(out, groups, strict=True):
        row[: len(values)] = values
    return out


def usable(device: str | torch.device) -> torch.device:
    """The device of this name; InputError if there is none here."""
    try:
        chosen = torch.device(device)
    except RuntimeError:
        chosen = None
    if chosen is None or chosen.type not in ("cpu", "cuda"):
        raise InputError(f"unknown device {device!r}.", remedy="use cpu, cuda or, of several, cuda:1.")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if chosen.type == "cuda" and (chosen.index or 0) >= count:
        built = "with" if torch.version.cuda or torch.version.hip else "without"
        raise InputError(
            f"device {str(chosen)!r} is not available: PyTorch {torch.__version__}, built {built} CUDA, sees "
            f"{count} CUDA devices.",
            remedy="use device cpu, or install a CUDA build of PyTorch on a machine with such a device.",
        )
    return chosen
