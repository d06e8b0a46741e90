"""A labeller as an ASE calculator: dynamics driven by what makes the labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator as AseCalculator
from ase.calculators.calculator import all_changes

from superion.errors import LabelError, SuperionError
from superion.reference.ase_calculator import AseLabeller, labels_from
from superion.reference.labeller import Labeller
from superion.reference.labels import Labels
from superion.reference.settings import LabellerSettings, ModelSettings, make_labeller


class Driver(AseCalculator):
    """Energy and forces from a labeller, for `run_md`.

    energy (eV) is the one that the forces derive from: the free energy, where there is one. A calculator
    that the user named lives until `calculate` is told that everything has changed, so that a run which is
    resumed there depends on nothing before. Whatever the code behind it raises comes as LabelError.
    """

    implemented_properties = ["energy", "forces", "stress", "charges", "dipole"]  # noqa: RUF012 - as in ASE

    def __init__(self, labeller: Labeller) -> None:
        super().__init__()
        self._labeller = labeller
        self._label: Callable[[Atoms], Labels] | None = None

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Label the structure; results it has no value for are left out."""
        super().calculate(atoms, properties, system_changes)
        structure = self.atoms
        assert structure is not None
        try:
            if self._label is None or "numbers" in system_changes:
                self._label = _source(self._labeller)
            found = self._label(structure)
            found.check(structure)
        except SuperionError:
            raise
        except SystemExit as error:
            raise LabelError(
                f"{self._labeller.name}: it ended the process (exit code {error.code or 0})."
            ) from error
        except Exception as error:  # codes raise many kinds
            raise LabelError(f"{self._labeller.name}: {type(error).__name__}: {error}.") from error
        energy = found.energy if found.free_energy is None else found.free_energy
        values = {"energy": energy} | {
            name: getattr(found, name) for name in self.implemented_properties if name != "energy"
        }
        self.results = {name: value for name, value in values.items() if value is not None}


def make_driver(settings: LabellerSettings) -> tuple[AseCalculator, dict[str, Any]]:
    """The calculator of these settings, and JSON-ready facts on it: labeller, kind, settings."""
    labeller = make_labeller(settings)
    facts = {"labeller": labeller.name, "kind": labeller.kind, "settings": labeller.settings()}
    if isinstance(settings.labeller, ModelSettings):
        from superion.potentials import Calculator

        own = settings.labeller
        return Calculator(own.model, charged_cells=own.charged_cells), facts
    return Driver(labeller), facts


def _source(labeller: Labeller) -> Callable[[Atoms], Labels]:
    if not isinstance(labeller, AseLabeller):
        return labeller.label
    calculator = labeller.calculator()
    return lambda atoms: labels_from(atoms, calculator, labeller.name)
