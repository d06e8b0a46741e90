"""A labeller as an ASE calculator: dynamics driven by what makes the labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ase import Atoms
from ase.calculators.calculator import Calculator as AseCalculator
from ase.calculators.calculator import all_changes

from superion.errors import LabelError, SuperionError
from superion.reference.ase_calculator import labels_from
from superion.reference.labeller import Labeller
from superion.reference.labels import Labels


class Driver(AseCalculator):
    """Energy and forces from a labeller, for `run_md`.

    energy (eV) is the one that the forces derive from: the free energy, where there is one. A calculator
    that the user named lives until `calculate` is told that everything has changed, so that a run which is
    resumed there depends on nothing before. Whatever the code behind it raises comes as LabelError.
    """

    implemented_properties = [  # noqa: RUF012 - as in ASE
        "energy",
        "free_energy",
        "forces",
        "stress",
        "charges",
        "dipole",
    ]

    def __init__(self, labeller: Labeller, properties: frozenset[str] | None = None) -> None:
        """properties: what the labeller gives, if that is known."""
        super().__init__()
        if properties is not None:
            known = properties | {"free_energy"}
            self.implemented_properties = [name for name in self.implemented_properties if name in known]
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
        with explained(self._labeller.name):
            if self._label is None or "numbers" in system_changes:
                self._label = _source(self._labeller)
            found = self._label(structure)
            found.check(structure)
        energy = found.energy if found.free_energy is None else found.free_energy
        others = [name for name in self.implemented_properties if not name.endswith("energy")]
        values = {"energy": energy, "free_energy": energy} | {name: getattr(found, name) for name in others}
        self.results = {name: value for name, value in values.items() if value is not None}


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Whatever the code behind a labeller raises, as LabelError with its name."""
    try:
        yield
    except SuperionError:
        raise
    except SystemExit as error:
        raise LabelError(f"{name}: it ended the process (exit code {error.code or 0}).") from error
    except Exception as error:  # codes raise many kinds
        raise LabelError(f"{name}: {type(error).__name__}: {error}.") from error


def _source(labeller: Labeller) -> Callable[[Atoms], Labels]:
    fresh = getattr(labeller, "new", None)
    if fresh is None:
        return labeller.label
    calculator = fresh()
    return lambda atoms: labels_from(atoms, calculator, labeller.name)
