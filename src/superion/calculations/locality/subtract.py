"""What can be subtracted in a locality test: terms of a model file, a charge fit, charges, the baseline."""

from __future__ import annotations

from pathlib import Path

from superion.calculations.locality.results import read_charge_fit
from superion.electrostatics import CoulombTerm, FixedCharges, Slater
from superion.errors import InputError
from superion.files import is_model
from superion.potentials.model_file import load
from superion.terms import Term, is_local

BASELINE = "li7p3s11"


def terms_of(path: Path) -> list[Term]:
    """Terms of a model file that reach beyond a cutoff, or the term of a charge fit.

    Raises InputError if there is none.
    """
    if path.is_file() and not is_model(path):
        return [charges_of(path)]
    terms = [term for term in load(path)[0] if not is_local(term)]
    if not terms:
        raise InputError(
            "the model has no term that reaches beyond a cutoff: it leaves the locality as it is.",
            file=path,
            remedy="give a model with electrostatics, such as one fitted with --preset es-gap.",
        )
    return terms


def charges_of(path: Path) -> CoulombTerm:
    """The term of a result that `superion charge-fit` wrote."""
    value = read_charge_fit(path)
    charges = {symbol: float(charge) for symbol, charge in value.charges.items()}
    return CoulombTerm(FixedCharges(charges), Slater.from_screening(value.screening))
