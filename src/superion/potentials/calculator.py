"""The ASE calculator of a potential."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator as AseCalculator
from ase.calculators.calculator import all_changes

from superion.potentials.backend import evaluator
from superion.potentials.potential import Potential

UNCERTAINTIES = ("energy_std", "energies_std", "forces_std")


class Calculator(AseCalculator):
    """`superion.Calculator("model.safetensors")` for any ASE workflow.

    Properties: energy (eV), forces (N, 3) eV/Å, stress (6,) eV/Å³ for periodic cells, energies (N,) eV;
    charges (N,) e and dipole (3,) e·Å where the potential has charges; and, computed only when asked for with
    `get_property`, the standard deviations energy_std (eV), energies_std (N,) eV and forces_std (N, 3) eV/Å.

    precision: `float32` evaluates the SOAP block faster (`Potential.with_precision`).
    """

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
        **options: Any,
    ) -> None:
        """Set up the calculator; backend and device: see backend.py; precision: float64, float32."""
        super().__init__(**options)
        potential = model if isinstance(model, Potential) else Potential.load(model)
        self.potential = potential if precision == "float64" else potential.with_precision(precision)
        self._evaluator = evaluator(self.potential, backend, device)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Evaluate the potential; called by ASE."""
        super().calculate(atoms, properties, system_changes)
        structure = self.atoms
        assert structure is not None
        if any(name in UNCERTAINTIES for name in properties or ()):
            deviation = self.potential.deviation(structure)
            self.results.update(
                energy_std=deviation.energy, energies_std=deviation.energies, forces_std=deviation.forces
            )
        if not system_changes and "energy" in self.results:
            return
        result = self._evaluator.evaluate(structure)
        self.results.update(
            energy=result.energy, free_energy=result.energy, energies=result.energies, forces=result.forces
        )
        if structure.cell.rank == 3:
            stress = -result.virial / structure.get_volume()
            self.results["stress"] = stress.flat[[0, 4, 8, 5, 2, 1]]
        if result.charges is not None:
            self.results.update(charges=result.charges, dipole=result.dipole)
