"""A potential in PyTorch: the same model on a CPU or a CUDA device, several structures at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from superion.electrostatics.coulomb import CoulombTerm
from superion.electrostatics.torch_coulomb import TorchCoulomb
from superion.errors import ModelError, naming
from superion.model import Model, terms_of
from superion.neighbours import NeighbourList
from superion.potentials.few_body.angle import AngleBlock
from superion.potentials.few_body.pair import PairBlock, species_index
from superion.potentials.gap.gaussian_process import SparseGP
from superion.potentials.many_body.soap import SoapBlock
from superion.potentials.repulsion import Repulsion
from superion.potentials.torch_path.blocks import TorchAngle, TorchPair, TorchRepulsion
from superion.potentials.torch_path.soap import TorchSoap
from superion.terms import Evaluation, Term, is_local, is_term
from superion.torch_batch import Batch, usable

Array = np.ndarray


class Part(Protocol):
    """A sum of atomic energies, each a function of the pair vectors within `cutoff` (Å)."""

    cutoff: float
    species: Sequence[int]

    def add(self, batch: Batch, energies: Tensor, gradient: Tensor) -> None:
        """Add energies (N,) eV and the gradient (P, 3) eV/Å by pair vectors."""
        ...


BLOCKS: dict[type, Any] = {PairBlock: TorchPair, AngleBlock: TorchAngle, SoapBlock: TorchSoap}
PARTS: dict[type, Any] = {Repulsion: TorchRepulsion}
WHOLE: dict[type, Any] = {CoulombTerm: TorchCoulomb}
"""What computes blocks and terms on a device."""


class TorchPotential:
    """Energy, forces and virial of a potential, computed with PyTorch on a device.

    device: "cpu", "cuda" or "cuda:1". All is float64 but SOAP blocks, which have the precision that the
    potential gives them (`with_precision`). Results are those of `Potential` to rounding, but a periodic
    Coulomb sum is always an Ewald sum, of the accuracy of its term, and tables of 2- and 3-body energies are
    not used. Terms that are neither local nor a `CoulombTerm`, such as charges in equilibrium, are evaluated
    as they are, on the CPU. On CUDA the last digits may change from call to call, for the order of the sums
    does. Raises InputError for a device that is not there, ModelError for a term that is not known here.
    """

    def __init__(self, potential: Model, device: str | torch.device = "cpu") -> None:
        self.potential = potential
        self.device = usable(device)
        self._gps: list[SparseGP] = []
        self._parts: list[Part] = []
        self._coulomb: list[TorchCoulomb] = []
        self._others: list[Term] = []
        for term in terms_of(potential):
            self._place(term)

    def _place(self, term: Any) -> None:
        """Put a term where it is computed: on the device in parts or as a whole, or as it is."""
        if isinstance(term, SparseGP):
            self._gps.append(term)
            for block, weights in zip(term.blocks, term.split(term.weights), strict=True):
                if type(block) not in BLOCKS:
                    raise _unknown(f"the block {type(block).__name__}")
                self._parts.append(BLOCKS[type(block)](block, weights, self.device))
        elif type(term) in PARTS:
            self._parts.append(PARTS[type(term)](term, self.device))
        elif type(term) in WHOLE:
            self._coulomb.append(WHOLE[type(term)](term, self.device))
        elif not is_term(term) or is_local(term):
            raise _unknown(f"the term {type(term).__name__}")
        else:
            self._others.append(term.to(self.device) if hasattr(term, "to") else term)

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Energy (eV), atomic energies, forces (eV/Å), virial (eV), charges (e) and dipole (e·Å)."""
        return self.evaluate_batch([atoms])[0]

    def evaluate_batch(
        self, structures: Sequence[Atoms], lists: Sequence[NeighbourList] | None = None
    ) -> list[Evaluation]:
        """The evaluation of each structure, all computed together.

        lists: neighbour lists that remember the structures, one for each.
        """
        if not structures:
            return []
        lists = [NeighbourList() for _ in structures] if lists is None else lists
        with torch.inference_mode():
            constants = self._constants(structures)
            cutoff = max((part.cutoff for part in self._parts), default=0.0)
            total = None
            if self._parts:
                pairs = []
                for k, (atoms, known) in enumerate(zip(structures, lists, strict=True)):
                    with naming(k if len(structures) > 1 else None):
                        pairs.append(known.update(atoms, cutoff))
                batch = Batch.join([atoms.numbers for atoms in structures], pairs, self.device)
                energies, gradient = batch.zeros()
                for part in self._parts:
                    part.add(batch, energies, gradient)
                total = energies, *batch.derivatives(gradient)
            results = _split(structures, constants, total)
        for coulomb in self._coulomb:
            results = [a + b for a, b in zip(results, coulomb.evaluate(structures), strict=True)]
        for term in self._others:
            for k, atoms in enumerate(structures):
                with naming(k if len(structures) > 1 else None):
                    results[k] = results[k] + term.evaluate(atoms)
        return results

    @property
    def species(self) -> list[str]:
        """Chemical symbols of the local model, or an empty list if it has none."""
        return self.potential.species

    def _constants(self, structures: Sequence[Atoms]) -> Array:
        """Baseline energies (N,) in eV; ModelError for a species that a part does not know."""
        found = []
        for k, atoms in enumerate(structures):
            with naming(k if len(structures) > 1 else None):
                found.append(sum((gp.constants(atoms) for gp in self._gps), np.zeros(len(atoms))))
                for part in self._parts:
                    species_index(atoms, part.species)
        return np.concatenate(found)


def _unknown(what: str) -> ModelError:
    return ModelError(
        f"{what} cannot be evaluated with PyTorch.",
        remedy="use the compiled backend, or leave it out of the potential.",
    )


def _split(
    structures: Sequence[Atoms], constants: Array, total: tuple[Tensor, Tensor, Tensor] | None
) -> list[Evaluation]:
    """One evaluation per structure from the sums (energies, forces, virials) of the batch."""
    ends = np.cumsum([len(atoms) for atoms in structures])[:-1]
    if total is None:
        energies, forces = constants, np.zeros((len(constants), 3))
        virials = np.zeros((len(structures), 3, 3))
    else:
        energies, forces, virials = (part.cpu().numpy() for part in total)
        energies = energies + constants
    parts = zip(np.split(energies, ends), np.split(forces, ends), virials, strict=True)
    return [Evaluation(float(e.sum()), e, f, v) for e, f, v in parts]
