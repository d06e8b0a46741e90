"""Every term and block is judged by the referee."""

import pytest
from models import LOCAL, MODELS, NEURAL, potential

from superion.conformance import CHECKS, check
from superion.potentials.model_file import TERMS

EXACT = (
    "translation", "rotation", "inversion", "permutation", "choice of cell", "atoms outside the cell",
    "supercells", "atomic energies", "memory", "structure left alone", "batches", "restart",
)  # fmt: skip
"""Checks of answers that are equal to rounding, not only to what matters."""
LONG = ("smooth pairs", "smooth moves", "energy drift")
THOROUGH = {*LOCAL, "neural: 2g, periodic", "coulomb: slater", "coulomb: mesh", "polarizable"}
"""Models that run them all; the others are made of these."""
MESH = {"coulomb: mesh"}
FEW = {"neural: 2g, periodic", "neural: 4g, periodic", "neural: 3g, not conserved, cluster"}
"""Neural potentials share symmetry functions and sums; the presets of all generations are judged as well."""
NOT_CONSERVED = {"neural: 3g, not conserved, cluster"}
"""Charges that nobody made add up: their model is told so by its name."""


def test_every_kind_of_term_is_judged():
    assert {name.partition(":")[0] for name in MODELS} >= set(TERMS)


@pytest.mark.parametrize("name", MODELS)
def test_symmetries_are_exact(name):
    model, atoms = potential(name)
    report = check(model, atoms, only=EXACT, accuracy=1e-5 if name in MESH else 1e-9)
    assert report.passed, str(report)


@pytest.mark.parametrize("name", [name for name in MODELS if name not in NEURAL or name in FEW])
def test_derivatives_and_smoothness(name):
    model, atoms = potential(name)
    skipped = EXACT if name in THOROUGH else EXACT + LONG
    report = check(model, atoms, level="quick", skip=skipped)
    assert report.failed == (["total charge"] if name in NOT_CONSERVED else []), str(report)
    assert {one.name for one in report.checks} == set(CHECKS) - set(skipped)
