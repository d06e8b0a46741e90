"""Fitting a classical force field, polarizable or not, to forces, energies and stresses.

The polarizable force field of Buckingham energies, charges and induced dipoles is what Marcolongo, Binninger,
Zipoli and Laino (ChemSystemsChem 2, e1900031 (2020)) make the first training set for a neural network with.
Here rigid ions are fitted first, and the search for polarizable ions starts from their parameters: from plain
guesses it ends in worse minima.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from superion.compiled import require_numba
from superion.errors import InputError
from superion.potentials.classical.levenberg_marquardt import Minimum, minimise
from superion.potentials.classical.parameters import Parameters
from superion.potentials.classical.problem import ClassicalProblem
from superion.potentials.classical.settings import ClassicalSettings
from superion.potentials.repulsion import Repulsion
from superion.progress import Forecast
from superion.structures.labels import get_label, is_isolated
from superion.terms import Term

Array = np.ndarray
SPREAD = 0.7
"""Standard deviation of random starting points, in the free numbers of `Parameters`."""

STEP = 2.0
"""Longest step of a free number."""


def fit_classical(
    frames: Sequence[Atoms], settings: ClassicalSettings | None = None, *, progress: bool = False
) -> list[Term]:
    """Pair potentials and charges (with induced dipoles), fitted to the labels of `frames`.

    Forces, energies and stresses count as far as frames have them; a constant energy of each element is
    fitted beside. Of several searches the best counts. Returns the terms of a `Potential`: pair potentials,
    electrostatics, and, if asked for, a repulsion that no frame feels.
    Raises InputError if nothing is labelled, for elements without formal charge, for charged compositions,
    and if all guesses lead to a polarization catastrophe.
    """
    settings = settings or ClassicalSettings()
    require_numba("fitting")
    names = ("forces", "energy", "stress")
    bulk = [atoms for atoms in frames if not is_isolated(atoms)]
    bulk = [atoms for atoms in bulk if any(get_label(atoms, name) is not None for name in names)]
    if not bulk:
        raise InputError(
            "no frame carries REF_energy, REF_forces or REF_stress.",
            remedy="map foreign labels, e.g. --key energy=energy --key forces=forces.",
        )
    rng = np.random.default_rng(settings.seed)
    parameters = Parameters(bulk, settings.model_copy(update={"polarizabilities": {}}))
    problem = ClassicalProblem(bulk, parameters)
    first = "rigid ions (search 1 of 2, the quicker one)" if settings.polarizabilities else "rigid ions"
    best = _search(problem, parameters.start, rng, first, progress)
    if settings.polarizabilities:
        rigid, parameters = parameters, Parameters(bulk, settings)
        problem = ClassicalProblem(bulk, parameters)
        start = parameters.continued(rigid, best.parameters)
        best = _search(problem, start, rng, "polarizable ions (search 2 of 2)", progress)
    terms = parameters.terms(best.parameters, problem.baseline(best.parameters))
    return [*terms, Repulsion.below(bulk)] if settings.repulsion else terms


def _search(
    problem: ClassicalProblem, start: Array, rng: np.random.Generator, name: str, progress: bool
) -> Minimum:
    """The best minimum from `start` (T,) and from random points around it."""
    settings = problem.parameters.settings
    noise = SPREAD * rng.normal(size=(settings.starts, len(start)))
    noise[0] = 0.0
    best: Minimum | None = None
    forecast = Forecast(name, bounded=True, show=progress)
    for number, shift in enumerate(noise, start=1):
        others = (settings.starts - number) * settings.iterations

        def watch(step: int, loss: float, number: int = number, others: int = others) -> None:
            said = f"start {number} of {settings.starts}, step {step} of at most {settings.iterations}"
            forecast.step(others + settings.iterations - step, f"{said}, loss {loss:.4g}")

        found = minimise(problem.at, start + shift, iterations=settings.iterations, longest=STEP, watch=watch)
        if found is not None and (best is None or found.loss < best.loss):
            best = found
    if best is None:
        raise InputError(
            "all guesses are too close to a polarization catastrophe in some frame.",
            remedy="start from smaller polarizabilities or a smaller a of Thole's damping.",
        )
    return best
