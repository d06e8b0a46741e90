"""Kernel charge equilibration from labels that are linear in the charges, in closed form.

The electronegativity of an atom is a sum of kernels of its environment, the charges minimise the energy of
charge equilibration, and the weights follow from dipoles, charges, quadrupoles or electrostatic potentials by
regularised least squares: Staacke, Wengert, Kunkel, Csányi, Reuter, Margraf, Mach. Learn.: Sci. Technol. 3,
015032 (2022). Hardnesses, widths and the kernels' amplitudes are learned around that solution.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols, covalent_radii

from superion.compiled import require_numba
from superion.electrostatics.charge_equilibration import ChargeEquilibration
from superion.electrostatics.densities import COULOMB, Gaussian
from superion.electrostatics.equilibration_term import EquilibrationTerm
from superion.electrostatics.properties import ElementValues
from superion.errors import InputError
from superion.potentials.kernel_charges.dipoles import AtomicDipoles
from superion.potentials.kernel_charges.problem import ChargeProblem, constraints
from superion.potentials.kernel_charges.property import KernelProperty
from superion.potentials.kernel_charges.response import Elements
from superion.potentials.kernel_charges.settings import KernelQEqSettings
from superion.potentials.kernel_charges.vector import VectorBlock
from superion.potentials.many_body.soap import SoapBlock
from superion.terms import Term

Array = np.ndarray

HARDNESS = 10.0  # eV/e², without self-interaction: the size it has for most elements
KEYS = {"dipole": "REF_dipole", "quadrupole": "REF_quadrupole", "charge": "REF_charges", "esp": "REF_esp"}


def fit_kqeq(frames: Sequence[Atoms], settings: KernelQEqSettings, *, progress: bool = False) -> list[Term]:
    """Charge equilibration whose charges follow the labels of `frames`, and atomic dipoles if wanted.

    frames: structures with `REF_dipole` (e·Å, about the origin of the positions), `REF_charges` (e),
    `REF_quadrupole` (e·Å², see `quadrupole_matrix`), or `REF_esp` (V) at `REF_esp_points` (Å); any of them,
    without periodic axes except for charges. Each states its total charge, or `settings` does, and may
    state the charges of fragments. Frames of
    one `trajectory` are left out together while learning. Returns an EquilibrationTerm, whose `charges` is
    the ChargeEquilibration, followed by AtomicDipoles if `settings.atomic_dipoles` names kernels. Raises
    InputError if no frame has such a label.
    """
    problem = charge_problem(frames, settings, progress=progress)
    return charge_terms(problem, problem.solve(progress=progress))


def is_labelled(atoms: Atoms, settings: KernelQEqSettings) -> bool:
    """Whether a frame has a label of charges that `settings` uses."""
    return any(KEYS[name] in atoms.info or KEYS[name] in atoms.arrays for name in settings.use)


def charge_problem(
    frames: Sequence[Atoms], settings: KernelQEqSettings, *, progress: bool = False
) -> ChargeProblem:
    """Choose sparse points from frames with labels of charges, and learn what `settings.learn` names."""
    labelled = [atoms for atoms in frames if is_labelled(atoms, settings)]
    if not labelled:
        raise InputError(
            f"no frame carries a label among {', '.join(KEYS[name] for name in settings.use)}.",
            remedy="map foreign labels, e.g. --key dipole=dipole_vector:e*bohr.",
        )
    seen = any(KEYS[name] in a.info for a in labelled for name in settings.use)
    kinds = settings.atomic_dipoles if seen else ()
    problem = unlearned_problem(frames, settings.model_copy(update={"atomic_dipoles": kinds}), labelled)
    rng = np.random.default_rng(settings.seed)
    return problem.tuned(rng, progress=progress) if settings.learn and settings.steps else problem


def unlearned_problem(
    frames: Sequence[Atoms], settings: KernelQEqSettings, labelled: Sequence[Atoms] = ()
) -> ChargeProblem:
    """Sparse points from `frames`; atomic dipoles from the `labelled` ones, none without."""
    require_numba("fitting")
    for atoms in labelled or frames:
        constraints(atoms, settings)  # before anything takes long
    rng = np.random.default_rng(settings.seed)
    elements = start_elements(frames, settings)
    known = elements.species
    blocks = [SoapBlock.choose(frames, soap, known, rng) for soap in settings.electronegativity]
    kinds = settings.atomic_dipoles if labelled else ()
    vectors = [VectorBlock.choose(labelled, soap, known, rng) for soap in kinds]
    return ChargeProblem(labelled, blocks, vectors, elements, settings)


def charge_terms(problem: ChargeProblem, unknowns: Array) -> list[Term]:
    """The terms with these unknowns (M + E + D,)."""
    elements = problem.elements
    symbols = [chemical_symbols[z] for z in elements.species]
    offsets = unknowns[problem.kernels : problem.charged].tolist()
    width = elements.width.tolist()
    own = [h + COULOMB / (w * np.pi**0.5) for h, w in zip(elements.hardness.tolist(), width, strict=True)]
    model = ChargeEquilibration(
        KernelProperty(
            problem.blocks,
            unknowns[: problem.kernels],
            dict(zip(symbols, offsets, strict=True)),
            "electronegativity",
        ),
        ElementValues(dict(zip(symbols, own, strict=True)), "hardness"),
        {symbol: Gaussian(sigma) for symbol, sigma in zip(symbols, width, strict=True)},
        total_charge=problem.settings.total_charge,
        background=problem.settings.background,
        neutral_parts=problem.settings.neutral_parts,
    )
    terms: list[Term] = [EquilibrationTerm(model)]
    if problem.vectors:
        terms.append(AtomicDipoles(problem.vectors, unknowns[problem.charged :]))
    return terms


def start_elements(frames: Sequence[Atoms], settings: KernelQEqSettings) -> Elements:
    """Hardness and width of all elements of `frames` before anything is learned."""
    species = sorted({int(z) for atoms in frames for z in atoms.numbers})
    symbols = [chemical_symbols[z] for z in species]
    return Elements.of(
        {s: settings.hardness.get(s, HARDNESS) for s in symbols},
        {s: settings.width.get(s, float(covalent_radii[z])) for s, z in zip(symbols, species, strict=True)},
    )
