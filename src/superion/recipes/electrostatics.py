"""The electrostatic term under a local one: fixed or fitted charges, equilibrated ones, or a model file's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from ase import Atoms
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PositiveFloat,
    SerializerFunctionWrapHandler,
    Tag,
    field_validator,
    model_serializer,
    model_validator,
)

from superion.calculations.locality.results import read_charge_fit
from superion.electrostatics import (
    CoulombTerm,
    FixedCharges,
    Slater,
)
from superion.electrostatics.charged_cells import NEUTRAL, ChargedCells
from superion.electrostatics.tabulated_equilibration import QEqSettings, equilibration_term
from superion.errors import InputError, ModelError, SuperionError
from superion.files import sha256
from superion.potentials import Potential
from superion.structures import is_isolated
from superion.structures.bare import total_of
from superion.terms import Term

CHARGES = {"Li": 0.445, "P": 2.225, "S": -0.890}
"""e; scaled formal charges of lithium thiophosphates, see `CoulombTerm.li7p3s11`."""
SCREENING = 2.0
"""1/Å; decay of the penetration of two 1s Slater densities, see `CoulombTerm.li7p3s11`."""
ACCURACY = 1e-6
"""Of the Ewald sum, relative to a bare pair interaction."""


def _kind(charges: Any) -> str:
    """Which branch of the union a value is checked against, so that errors speak of that alone."""
    return "name" if isinstance(charges, str) else "values"


Charges = Annotated[
    Annotated[dict[str, float], Field(min_length=1), Tag("values")] | Annotated[Literal["qeq"], Tag("name")],
    Discriminator(_kind),
]


class ElectrostaticsSettings(BaseModel):
    """The electrostatic term of es-gap: fixed charges, charge equilibration, or that of a file."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    charges: Charges = Field(
        CHARGES,
        description="charge of each element in e (cells must be neutral), on 1s Slater densities; or qeq: "
        "charge equilibration",
    )
    qeq: QEqSettings = Field(QEqSettings(), description="parameters of charges: qeq")
    model: str | None = Field(
        None,
        description="instead of charges: model file (any potential with charges) whose electrostatics is "
        "taken, relative to the YAML file",
    )
    fitted: str | None = Field(
        None,
        description="instead of charges: result of `superion charge-fit` (JSON), whose charges and screening "
        "are taken, relative to the YAML file",
    )
    screening: PositiveFloat = Field(
        SCREENING, description="fixed charges: decay of the overlap of two densities in 1/Å"
    )
    accuracy: float = Field(
        ACCURACY,
        ge=1e-15,
        le=1e-2,
        description="fixed charges: of the Ewald sum, relative to a bare pair interaction",
    )

    charged_cells: str = Field(
        "warn",
        description="periodic cells that are not neutral: background (a uniform one neutralises them), warn "
        "(the same, with a warning), refuse, or makov-payne:EPS (background, corrected for images in a "
        "medium with this dielectric constant; subtracted from labels like all of this term)",
    )

    @field_validator("charged_cells")
    @classmethod
    def _understood(cls, text: str) -> str:
        try:
            return str(ChargedCells.parse(text))
        except InputError as error:
            raise ValueError(str(error).rstrip(".")) from error

    @property
    def _source(self) -> str:
        if self.model is not None:
            return "a model file"
        if self.fitted is not None:
            return "fitted charges"
        return "charges: qeq" if self.charges == "qeq" else "fixed charges"

    @property
    def _counts(self) -> tuple[str, ...]:
        """The settings that the term depends on; a choice that nobody made is none."""
        chosen = ("charged_cells",) if self._differs("charged_cells") else ()
        if self.model is not None:
            return ("model", *chosen)
        if self.fitted is not None:
            return ("fitted", "accuracy", *chosen)
        if self.charges == "qeq":
            return ("charges", "qeq", *chosen)
        return ("charges", "screening", "accuracy", *chosen)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        fields = type(self).model_fields
        idle = [name for name in fields if name not in self._counts and self._differs(name)]
        if idle:
            verb = "has" if len(idle) == 1 else "have"
            raise ValueError(f"{' and '.join(idle)} {verb} no effect with {self._source}; leave one out")
        return self

    def _differs(self, name: str) -> bool:
        return bool(getattr(self, name) != type(self).model_fields[name].default)

    @model_serializer(mode="wrap")
    def _what_counts(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Only what the term depends on, so that a key of no effect changes no fingerprint."""
        values: dict[str, Any] = handler(self)
        return {name: value for name, value in values.items() if name in self._counts}

    def with_path(self, change: Callable[[str], str]) -> Self:
        """The settings with `change` applied to the path of the file, if there is one."""
        paths = {"model": self.model, "fitted": self.fitted}
        return self.model_copy(update={key: change(path) for key, path in paths.items() if path is not None})

    def files(self) -> dict[str, Path]:
        """The file that the term is read from, if any, by the name under which it is recorded."""
        path = self.model or self.fitted
        return {} if path is None else {f"electrostatics {Path(path).name}": Path(path)}

    def identity(self) -> dict[str, Any]:
        """What the term depends on, files aside, wherever these are."""
        return self.with_path(lambda path: Path(path).name).model_dump(mode="json")

    def hashes(self) -> dict[str, str]:
        """SHA-256 of the files, by name."""
        return {name: sha256(path) for name, path in self.files().items()}


def _electrostatics_of(potential: Potential) -> list[Term]:
    """The electrostatic terms; of a neural potential with charges, their Coulomb energy."""
    terms = [term for term in potential.terms if getattr(term, "electrostatic", False)]
    held = [part() for term in potential.terms if (part := getattr(term, "electrostatics", None)) is not None]
    return terms + [term for term in held if term is not None]


def fixed_charges(settings: ElectrostaticsSettings) -> tuple[dict[str, float], float]:
    """Charges (e) by element and screening (1/Å), of the settings or of the fit that they name.

    InputError for a file that is no result of `superion charge-fit`, and where charges are not fixed.
    """
    if settings.model is not None or isinstance(settings.charges, str):
        raise InputError(
            "the charges of the electrostatic term are not fixed by element.",
            remedy="give charges by element.",
        )
    if settings.fitted is None:
        return dict(settings.charges), settings.screening
    path = Path(settings.fitted)
    found = read_charge_fit(path)
    return found.charges, found.screening


def _charged_as_asked(terms: list[Term], settings: ElectrostaticsSettings) -> list[Term]:
    """The terms, with what the settings say of charged cells; by default those of a model file stay."""
    if settings.charged_cells == "warn":
        return terms
    return list(Potential(terms).with_charged_cells(settings.charged_cells).terms)


def _check_some_neutral(charges: Mapping[str, float], frames: Sequence[Atoms]) -> None:
    """InputError for charges that leave no periodic frame neutral, although none states a charge.

    One vacancy leaves some frames charged, a slip of the charges all of them.
    """
    known = set(charges)
    cells = [a for a in frames if a.pbc.all() and not is_isolated(a) and known.issuperset(a.symbols)]
    totals = [sum(charges[symbol] for symbol in atoms.symbols) for atoms in cells]
    if not cells or min(map(abs, totals)) <= NEUTRAL or any(total_of(atoms) for atoms in cells):
        return
    raise InputError(
        f"the charges {', '.join(f'{s}={q:g}' for s, q in charges.items())} give every periodic frame a "
        f"total charge, {cells[0].get_chemical_formula()} {totals[0]:+.6g} e.",
        frame=cells[0].info.get("source"),
        remedy="give charges that add up to zero in a crystal without defects; if all frames are charged as "
        "they should be: --charged-cells background (in YAML charged_cells: background).",
    )


def electrostatic_terms(settings: ElectrostaticsSettings, frames: Sequence[Atoms]) -> list[Term]:
    """The electrostatic terms that the settings ask for, tried on `frames`.

    Raises ModelError or InputError, naming the model file, if it cannot be read, has no electrostatics, or
    does not know an element of the frames; InputError for fixed charges that leave no frame neutral.
    """
    if settings.charges == "qeq" and settings.model is None:
        symbols = {symbol for atoms in frames for symbol in atoms.symbols}
        return _charged_as_asked([equilibration_term(settings.qeq, symbols)], settings)
    if settings.model is None:
        charges, screening = fixed_charges(settings)
        coulomb = CoulombTerm(FixedCharges(charges), Slater.from_screening(screening), settings.accuracy)
        if settings.charged_cells == "warn":
            _check_some_neutral(charges, frames)
        return _charged_as_asked([coulomb], settings)
    path = Path(settings.model)
    terms = _electrostatics_of(Potential.load(path))
    if not terms:
        raise ModelError(
            "the model has no electrostatic term.",
            file=path,
            remedy="give a model with charges, such as `superion fit` makes with --preset es-gap or 4g.",
        )
    terms = _charged_as_asked(terms, settings)
    seen: set[int] = set()
    for atoms in frames:
        if is_isolated(atoms) or seen.issuperset(atoms.numbers.tolist()):
            continue
        seen.update(atoms.numbers.tolist())
        try:
            for term in terms:
                term.evaluate(atoms)
        except SuperionError as error:
            raise type(error)(
                f"the electrostatics of this model cannot be used for {atoms.get_chemical_formula()}: "
                f"{error.problem}",
                file=path,
                frame=atoms.info.get("source"),
                remedy=error.remedy,
            ) from error
    return terms
