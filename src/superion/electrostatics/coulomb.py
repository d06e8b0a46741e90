"""The electrostatic term of a potential: charges and densities in, energy and its derivatives out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from ase import Atoms

from superion.electrostatics.charged_cells import (
    NEUTRAL,
    neutralise,
    restored,
    stored,
    warn_of_stated,
    with_background,
)
from superion.electrostatics.charges import ChargeModel, FixedCharges, are_constant, restore_charges
from superion.electrostatics.densities import (
    COULOMB,
    Density,
    Slater,
    by_element,
    checked_accuracy,
    density_kinds,
    density_settings,
    reach,
    restore_density,
)
from superion.electrostatics.direct import direct_energy
from superion.electrostatics.periodic import METHODS, periodic_sum
from superion.electrostatics.sources import Sources
from superion.errors import InputError, ModelError, suggest
from superion.structures.bare import total_of
from superion.terms import Evaluation

Array = np.ndarray


class CoulombTerm:
    """Coulomb energy of atoms with given charges and charge densities.

    Three periodic axes: Ewald sum, in plain or in mesh form, conducting surroundings. None: sum over all
    pairs. One or two are refused. The interaction of an atom with itself is left out, so a lone atom in
    vacuum has no energy.
    Per-atom energies are half the charge times the potential it feels.
    """

    kind: ClassVar[str] = "coulomb"

    def __init__(
        self,
        charges: ChargeModel,
        densities: Mapping[str, Density] | Density,
        accuracy: float = 1e-8,
        background: bool | None = None,
        method: str = "auto",
    ) -> None:
        """Set up the term.

        charges: the charge model. densities: one for all elements, or one for each element symbol.
        accuracy: of the periodic sum, relative to a bare pair interaction. background: a uniform one that
        neutralises charged periodic cells (its energy and pressure are included): True; None to warn of it
        as well; False to refuse such cells. method: of the periodic sum, "ewald" (N^1.5), "pme" (a mesh,
        N log N; forces add up to zero only within the accuracy), or "auto", the faster of both. Raises
        InputError for densities that cannot be combined, for an accuracy out of range and an unknown method.
        """
        if method not in METHODS:
            raise InputError(
                f"unknown method {method!r} of the periodic Coulomb sum.{suggest(str(method), METHODS)}",
                remedy=f"choose one of {', '.join(METHODS)}.",
            )
        self.charges = charges
        self.densities = by_element(densities)
        self.accuracy = checked_accuracy(accuracy)
        self.background = None if background is None else bool(background)
        self.method = method
        self.distinct: tuple[Density, ...] = tuple(dict.fromkeys(self.densities.values()))
        self.reach = reach(self.distinct, self.accuracy)

    @classmethod
    def li7p3s11(cls) -> Self:
        """The baseline for lithium thiophosphates: scaled formal charges, 1s Slater densities.

        0.445 times Li +1, P +5, S −2, and a screening of 2.0 1/Å: the baseline of Staacke et al., ACS
        Appl. Energy Mater. 4, 12562, 2021, as recovered from the labels published with it.
        """
        return cls(FixedCharges({"Li": 0.445, "P": 2.225, "S": -0.890}), Slater.from_screening(2.0))

    electrostatic: ClassVar[bool] = True

    @property
    def in_lammps(self) -> bool:
        """Whether LAMMPS can compute it: charges that never change."""
        return are_constant(self.charges)

    def field_sources(self) -> Sources:
        """Charges and densities."""
        return Sources(self.charges, self.densities)

    def with_charges(self, charges: ChargeModel) -> Self:
        """The same term with another charge model."""
        return type(self)(charges, self.densities, self.accuracy, self.background, self.method)

    def with_background(self, background: bool | None) -> Self:
        """The same term, which does something else with charged cells; so do its charges."""
        charges = with_background(self.charges, background)
        return type(self)(charges, self.densities, self.accuracy, background, self.method)

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Energy, forces, virial, charges and dipole of one structure.

        Raises ModelError for elements without charge or density, and InputError for one or two periodic
        axes, a charged periodic cell if those are refused, a flat cell, overlapping atoms and numbers
        that are not finite.
        """
        q, kinds = self.sources(atoms)
        if len(atoms) == 0:
            return replace(Evaluation.zero(0), charges=q, dipole=np.zeros(3))
        if atoms.pbc.all():
            sums = periodic_sum(
                atoms.positions,
                atoms.cell.array,
                q,
                densities=self.distinct,
                kinds=kinds,
                accuracy=self.accuracy,
                reach=self.reach,
                method=self.method,
            )
            potential, forces, virial = sums.potential, sums.forces, sums.virial
        else:
            potential, forces, virial = self._cluster(atoms, q, kinds)
        potential *= COULOMB
        energies = 0.5 * q * potential  # the energy is quadratic in the charges (Euler)
        flow, strain = self.charges.vjp(atoms, potential)
        return Evaluation(
            energy=float(energies.sum()),
            energies=energies,
            forces=COULOMB * forces + flow,
            virial=COULOMB * virial + strain,
            charges=q,
            dipole=q @ atoms.positions,
        )

    def sources(self, atoms: Atoms) -> tuple[Array, Array]:
        """Charges (N,) e and which of the `distinct` densities each atom has (N,); errors of `evaluate`."""
        self._check_geometry(atoms)
        q = self._charges(atoms)
        self._check_total(atoms, q)
        return q, density_kinds(atoms, self.densities)

    def _cluster(self, atoms: Atoms, q: Array, kinds: Array) -> tuple[Array, Array, Array]:
        """Potential (N,), forces (N, 3) and virial (3, 3) without periodic axes, in e²/(4πε₀)."""
        positions = torch.tensor(atoms.positions, dtype=torch.float64, requires_grad=True)
        charges = torch.tensor(q, dtype=torch.float64, requires_grad=True)
        which = torch.from_numpy(kinds)
        energy = direct_energy(positions, charges, densities=self.distinct, kinds=which) / COULOMB
        slope, potential = (g.numpy() for g in torch.autograd.grad(energy, (positions, charges)))
        virial = -(atoms.positions.T @ slope)
        return potential, -slope, 0.5 * (virial + virial.T)

    def settings(self) -> dict[str, Any]:
        """Everything that `restore` needs, as JSON-ready values."""
        return {
            "charges": self.charges.settings(),
            "densities": {symbol: density_settings(d) for symbol, d in self.densities.items()},
            "accuracy": self.accuracy,
            "charged_cells": stored(self.background),
            "method": self.method,
        }

    def arrays(self) -> dict[str, Array]:
        """The arrays of the charge model."""
        return self.charges.arrays()

    @classmethod
    def restore(cls, settings: dict[str, Any], arrays: dict[str, Array]) -> Self:
        """Rebuild the term from `settings` and `arrays`; without a method, the faster one is taken."""
        return cls(
            restore_charges(settings["charges"], arrays),
            {symbol: restore_density(d) for symbol, d in settings["densities"].items()},
            settings["accuracy"],
            restored(settings),
            settings.get("method", "auto"),
        )

    def _charges(self, atoms: Atoms) -> Array:
        q = np.asarray(self.charges.charges(atoms), dtype=np.float64)
        if q.shape != (len(atoms),) or not np.isfinite(q).all():
            raise ModelError(
                f"the charge model gave shape {q.shape} for {len(atoms)} atoms, or numbers not finite.",
                remedy="a charge model returns one finite charge for each atom.",
            )
        return q

    def _check_geometry(self, atoms: Atoms) -> None:
        if atoms.pbc.any() and not atoms.pbc.all():
            raise InputError(
                f"periodic axes {atoms.pbc.tolist()}: Coulomb sums need three periodic axes or none.",
                remedy='write pbc="T T T" into the file, with vacuum around a slab or wire (its images then '
                'interact across the vacuum), or pbc="F F F" for a cluster (in Python atoms.pbc = False).',
            )
        finite = np.isfinite(atoms.positions).all(axis=1)
        if not (finite.all() and np.isfinite(atoms.cell.array).all()):
            raise InputError(
                f"positions or cell are not finite (atoms {np.flatnonzero(~finite)[:5].tolist()}).",
                remedy="check the structure; a simulation that gave it has exploded.",
            )

    def _check_total(self, atoms: Atoms, q: Array) -> None:
        total, stated = float(q.sum()), total_of(atoms)
        if atoms.pbc.all():
            neutralise(total, self.background, stated)
        elif stated is not None and len(atoms) > 1 and abs(stated - total) > NEUTRAL:
            warn_of_stated(total, stated)
