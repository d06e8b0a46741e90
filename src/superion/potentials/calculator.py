"""The ASE calculator of a potential."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator as AseCalculator
from ase.calculators.calculator import all_changes

from superion.neighbours import NeighbourList
from superion.potentials.backend import evaluator
from superion.potentials.potential import Potential
from superion.structures.bare import stated

SKIN = 1.0
"""How much further than the cutoff a search for pairs looks, in Å."""
MOVES = frozenset({"positions", "cell"})
UNCERTAINTIES = ("energy_std", "energies_std", "forces_std")


class Calculator(AseCalculator):
    """`superion.Calculator("model.safetensors")` for any ASE workflow.

    Properties: energy (eV), forces (N, 3) eV/Å, stress (6,) eV/Å³ for periodic cells, energies (N,) eV;
    charges (N,) e and dipole (3,) e·Å where the potential has charges; and, computed only when asked for with
    `get_property`, the standard deviations energy_std (eV), energies_std (N,) eV and forces_std (N, 3) eV/Å.

    precision: `float32` evaluates the SOAP block faster (`Potential.with_precision`). skin: of the neighbour
    list in Å, which serves until atoms have moved by half of it; results do not depend on it.
    charged_cells: what is done with periodic cells that are not neutral: `warn`, `background`, `refuse`, or
    `makov-payne:EPS` with the dielectric constant (docs/charges.md); None: as the model has it.
    """

    always_stress = True
    """Whether the stress of a crystal is known without asking for it."""
    implemented_properties = [  # noqa: RUF012 - as declared by ASE
        "energy",
        "free_energy",
        "forces",
        "stress",
        "energies",
        "charges",
        "dipole",
        *UNCERTAINTIES,
    ]

    def __init__(
        self,
        model: str | Path | Potential,
        *,
        backend: str = "auto",
        device: str = "cpu",
        precision: str = "float64",
        skin: float = SKIN,
        charged_cells: str | None = None,
        **options: Any,
    ) -> None:
        """Set up the calculator; backend and device: see backend.py; precision: float64, float32."""
        super().__init__(**options)
        potential = model if isinstance(model, Potential) else Potential.load(model)
        if charged_cells is not None:
            potential = potential.with_charged_cells(charged_cells)
        self.potential = potential if precision == "float64" else potential.with_precision(precision)
        self.device = device
        self.evaluator = evaluator(self.potential, backend, device)
        self._backend, self._pairs = backend, NeighbourList(skin)

    def with_potential(self, potential: Potential) -> Calculator:
        """A calculator of another potential, as it is, with the backend, device and skin of this one."""
        return Calculator(potential, backend=self._backend, device=self.device, skin=self._pairs.skin)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Evaluate the potential; called by ASE."""
        structure = self._remember(atoms, system_changes)
        if any(name in UNCERTAINTIES for name in properties or ()):
            deviation = self.potential.deviation(structure)
            self.results.update(
                energy_std=deviation.energy, energies_std=deviation.energies, forces_std=deviation.forces
            )
        if not system_changes and "energy" in self.results:
            return
        if "numbers" in system_changes or "pbc" in system_changes:
            self._pairs.forget()
        result = self.evaluator.evaluate_batch([structure], [self._pairs])[0]
        self.results.update(
            energy=result.energy, free_energy=result.energy, energies=result.energies, forces=result.forces
        )
        (a, b, c), (d, e, f), (g, h, i) = structure.cell.array.tolist()
        volume = abs(a * (e * i - f * h) + b * (f * g - d * i) + c * (d * h - e * g))
        if volume > 0:
            stress = -result.virial / volume
            self.results["stress"] = stress.flat[[0, 4, 8, 5, 2, 1]]
        if result.charges is not None:
            self.results.update(charges=result.charges, dipole=result.dipole)

    def check_state(self, atoms: Atoms, tol: float = 1e-15) -> list[str]:
        """What has changed since the last evaluation; charges that a structure states change all."""
        if self.atoms is not None and stated(self.atoms) != stated(atoms):
            return list(all_changes)
        changes: list[str] = super().check_state(atoms, tol)
        return changes

    def _remember(self, atoms: Atoms | None, changes: Sequence[str]) -> Atoms:
        """Keep what ASE compares the next structure with: a copy, or no more than new positions and cell."""
        known = self.atoms
        if (
            atoms is None
            or known is None
            or not MOVES.issuperset(changes)
            or len(known) != len(atoms)
            or not (known.numbers == atoms.numbers).all()
        ):
            super().calculate(atoms, None, changes)
            known = self.atoms
            assert known is not None
            return known
        known.positions[:] = atoms.positions
        known.cell.array[:] = atoms.cell.array
        return atoms


Potential.make_calculator = Calculator
