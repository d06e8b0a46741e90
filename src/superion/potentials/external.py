"""Models of other packages: any ASE calculator and any labeller, used like a potential of superion.

The settings that name one stand in a file of the user or in Python, never in a model file: model files hold
numbers and name no code.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import yaml
from ase import Atoms
from ase.calculators.calculator import Calculator as AseCalculator
from ase.calculators.calculator import all_changes
from ase.stress import full_3x3_to_voigt_6_stress, voigt_6_to_full_3x3_stress

from superion.electrostatics.charges import ChargeModel
from superion.errors import InputError, ModelError
from superion.files import write_atomic
from superion.neighbours import NeighbourList
from superion.potentials.gap.gaussian_process import Deviation
from superion.reference.driver import Driver, explained
from superion.reference.labeller import Labeller, versions_of
from superion.reference.labels import Labels
from superion.reference.settings import LabellerSettings, make_labeller
from superion.terms import Evaluation, Term, facts_of
from superion.work.fingerprint import fingerprint

REMEDY = "use a model that was fitted with superion."


class ExternalModel:
    """A labeller, or an ASE calculator behind one, as a `superion.model.Model`.

    What it does not give is NaN: atomic energies always, the virial where there is no stress (clusters, slabs
    and calculators without). The energy is the one that the forces derive from: the free energy, where there
    is one. Whatever the code behind it raises comes as LabelError.
    """

    suffix = ".yaml"

    def __init__(
        self,
        labeller: Labeller,
        settings: LabellerSettings | None = None,
        name: str | None = None,
        terms: Sequence[Term] = (),
    ) -> None:
        """settings: of a file that would make the labeller. name: for messages. terms: added to it.

        Raises SetupError if the labeller can label nothing.
        """
        self.labeller, self.settings = labeller, settings
        self.name = name or labeller.name
        self._terms = tuple(terms)
        self._properties = labeller.properties()
        self._identity: dict[str, Any] = {
            "labeller": labeller.name,
            "kind": labeller.kind,
            "settings": labeller.settings(),
            "versions": versions_of(*labeller.packages),
        }
        for name in ("sources", "weights"):
            hashes: dict[str, str] = getattr(labeller, name, dict)()
            if hashes:
                self._identity[name] = hashes
        self._identity |= {"terms": facts_of(self._terms)} if self._terms else {}
        self.provenance: dict[str, Any] = {"external": self._identity}

    def __repr__(self) -> str:
        return f"ExternalModel({self.name})"

    @classmethod
    def of(cls, settings: LabellerSettings, name: str | None = None) -> ExternalModel:
        """The model that settings describe."""
        return cls(make_labeller(settings), settings, name)

    @property
    def species(self) -> list[str]:
        """Nothing: a calculator does not say which elements it knows before it is asked."""
        return []

    @property
    def reach(self) -> float | None:
        """None: a calculator does not say."""
        return None

    @property
    def gives(self) -> frozenset[str]:
        """What labels hold, by the names of ASE."""
        return self._properties & {"energy", "forces", "stress", "charges", "dipole"}

    @property
    def response(self) -> ChargeModel | None:
        """None: nothing tells how its charges change when atoms move."""
        return None

    charge_model = response

    @property
    def identity(self) -> dict[str, Any]:
        """Labeller, its settings with hashes of the files among them, and versions of what is behind it."""
        return dict(self._identity)

    @property
    def digest(self) -> str:
        """SHA-256 of the identity."""
        return fingerprint(self.identity)

    def evaluate(self, atoms: Atoms) -> Evaluation:
        """Energy, forces, and what else there is; LabelError if the code behind it fails."""
        with explained(self.labeller.name):
            found = self.labeller.label(atoms)
            found.check(atoms)
        result = _evaluation(atoms, found)
        for term in self._terms:
            result = result + term.evaluate(atoms)
        return result

    def of_labels(self, atoms: Atoms, found: Labels) -> Evaluation:
        """The evaluation that labels of its labeller are."""
        return _evaluation(atoms, found)

    def evaluate_batch(
        self, structures: Sequence[Atoms], lists: Sequence[NeighbourList] | None = None
    ) -> list[Evaluation]:
        """The evaluation of each structure, one after the other."""
        return [self.evaluate(atoms) for atoms in structures]

    def deviation(self, atoms: Atoms) -> Deviation:
        """ModelError: it predicts none."""
        self._refuse("predicts no standard deviations")

    def calculator(self, *, device: str = "cpu") -> AseCalculator:
        """A new calculator. device: of a calculator, where its settings say; InputError for another."""
        if device != "cpu":
            raise InputError(
                f"{self.name} is not a model of superion, and computes where its own settings say.",
                remedy="leave out --device, and give the device among the arguments in the settings file.",
            )
        return ExternalCalculator(self, self._terms)

    def with_precision(self, precision: str) -> ExternalModel:
        """Itself, for float64; ModelError for another precision."""
        if precision != "float64":
            self._refuse("chooses its precision itself", "leave out --precision.")
        return self

    def tabulated(self, tolerance: float) -> ExternalModel:
        """ModelError: there is nothing to tabulate."""
        self._refuse("has no pair and triplet energies to tabulate", "leave out --tables.")

    def with_charged_cells(self, chosen: str) -> ExternalModel:
        """ModelError: what it does with charged cells is its own affair."""
        self._refuse(
            "deals with charged cells in its own way",
            "leave out --charged-cells; a settings file with model: FILE takes the key charged_cells.",
        )

    @property
    def refuses_charged_cells(self) -> bool:
        """Never: a labeller does what it does."""
        return False

    def in_background(self) -> ExternalModel:
        """Itself."""
        return self

    def with_terms(self, *terms: Term) -> ExternalModel:
        """The sum of the model and further terms."""
        return ExternalModel(self.labeller, self.settings, self.name, (*self._terms, *terms))

    def save(self, path: str | Path) -> None:
        """Write the settings file; ModelError for a calculator that was made in Python, or with terms."""
        if self.settings is None or self._terms:
            self._refuse("cannot be saved", "name its class in a settings file; `superion schema label`.")
        content = self.settings.model_dump(mode="json", exclude_unset=True)
        write_atomic(path, yaml.safe_dump(content, sort_keys=False))

    def _refuse(self, what: str, remedy: str = REMEDY) -> NoReturn:
        raise ModelError(f"{self.name} is not a model of superion: it {what}.", remedy=remedy)


class ExternalCalculator(Driver):
    """The ASE calculator of an external model, and of terms added to it."""

    def __init__(self, model: ExternalModel, terms: Sequence[Term] = ()) -> None:
        super().__init__(model.labeller, model.gives)
        self.potential, self._terms = model, tuple(terms)

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Label the structure, and add the terms."""
        super().calculate(atoms, properties, system_changes)
        for term in self._terms:
            assert self.atoms is not None
            found = term.evaluate(self.atoms)
            self.results["energy"] += found.energy
            self.results["free_energy"] += found.energy
            self.results["forces"] = self.results["forces"] + found.forces
            if "stress" in self.results:
                added = full_3x3_to_voigt_6_stress(-found.virial / self.atoms.get_volume())
                self.results["stress"] = self.results["stress"] + added


def _evaluation(atoms: Atoms, found: Labels) -> Evaluation:
    energy = found.energy if found.free_energy is None else found.free_energy
    virial = np.full((3, 3), np.nan)
    if found.stress is not None:
        virial = -atoms.get_volume() * voigt_6_to_full_3x3_stress(np.asarray(found.stress))
    return Evaluation(
        float(energy),
        np.full(len(atoms), np.nan),
        np.asarray(found.forces, dtype=np.float64),
        virial,
        None if found.charges is None else np.asarray(found.charges, dtype=np.float64),
        None if found.dipole is None else np.asarray(found.dipole, dtype=np.float64),
    )
