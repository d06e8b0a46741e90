"""Who computes a potential: compiled loops on the CPU, or PyTorch on the CPU or a CUDA device."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Protocol

from ase import Atoms

from superion.compiled import SlowPathWarning, missing, require_numba
from superion.errors import InputError, suggest
from superion.model import Model, terms_of
from superion.neighbours import NeighbourList
from superion.potentials.torch_path.potential import TorchPotential
from superion.terms import Evaluation
from superion.torch_batch import usable

BACKENDS = ("auto", "compiled", "torch")


class Evaluator(Protocol):
    """What has the energies and forces of structures."""

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Energy (eV), atomic energies, forces (eV/Å), virial (eV), charges (e) and dipole (e·Å)."""
        ...

    def evaluate_batch(
        self, structures: Sequence[Atoms], lists: Sequence[NeighbourList] | None = None
    ) -> list[Evaluation]:
        """The evaluation of each structure; lists: neighbour lists that remember them, one for each."""
        ...


def evaluator(model: Model, backend: str = "auto", device: str = "cpu") -> Evaluator:
    """The model as the backend computes it, in its own precision (`Potential.with_precision`).

    A model that is not a sum of terms is computed by what is behind it, and takes no other backend.

    backend: "compiled", "torch", or "auto": compiled on the CPU if numba is there, else torch. device: "cpu",
    "cuda" or "cuda:1". Warns (SlowPathWarning) when auto takes the slow path for want of numba. Raises
    InputError for what does not go together or is not there.
    """
    if backend not in BACKENDS:
        raise InputError(
            f"unknown backend {backend!r}.{suggest(str(backend), BACKENDS)}",
            remedy=f"choose one of {', '.join(BACKENDS)}.",
        )
    if not terms_of(model):
        if backend != "auto" or device != "cpu":
            raise InputError(
                f"{model.name} is not a model of superion, and computes where its own settings say.",
                remedy="leave out --device (in Python backend and device), and give the device among the "
                "arguments in the settings file.",
            )
        return model
    host = usable(device).type == "cpu"
    if backend == "compiled":
        require_numba("the compiled backend")
        if not host:
            raise InputError(
                f"the compiled backend computes on the CPU, asked for device {device}.",
                remedy="use backend torch, or leave the choice to auto.",
            )
        return model
    if backend == "auto" and host:
        if missing() is None:
            return model
        warnings.warn(
            f"numba cannot be imported ({missing()}): energies and forces are computed with PyTorch, "
            "which is slower. Install numba for the compiled loops, or choose backend='torch' to be silent.",
            SlowPathWarning,
            stacklevel=2,
        )
    return TorchPotential(model, device)
