"""One model of every term, block and backend, and structures to judge them with."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.lj import LennardJones
from kernel_cases import DIPOLES, molecules
from kernel_cases import SPECIES as ORGANIC
from neural_cases import GENERATIONS, crystal, molecule, untrained
from torch_cases import BLOCKS, SPECIES, TERMS
from toy_models import salt

from superion import open_model
from superion.electrostatics import (
    ChargeEquilibration,
    CoulombTerm,
    EquilibrationTerm,
    FixedCharges,
    Gaussian,
    Point,
    PolarizableTerm,
    Slater,
)
from superion.electrostatics.makov_payne import MakovPayne
from superion.electrostatics.uniform_field import UniformField
from superion.potentials import Potential
from superion.potentials.base_model import BaseTerm
from superion.potentials.classical.pair_forms import Buckingham
from superion.potentials.classical.pair_potentials import PairPotentials
from superion.potentials.gap.gaussian_process import SparseGP
from superion.potentials.kernel_charges.dipoles import AtomicDipoles
from superion.potentials.kernel_charges.vector import VectorBlock

CHARGES = FixedCharges({"Li": 0.445, "P": 2.225, "S": -0.890})
IONS = FixedCharges({"Na": 0.8, "Cl": -0.8})
EQUILIBRATED = ChargeEquilibration(
    {"Na": -4.0, "Cl": 6.0}, {"Na": 18.0, "Cl": 18.0}, Gaussian(0.6), total_charge=0.0, accuracy=1e-11
)
WIDTHS = {"Li": Slater(1.1), "P": Point(), "S": Slater(0.9, 2)}


def thiophosphate(seed: int = 3) -> Atoms:
    """A neutral, strongly disordered Li3PS4 in a skewed cell."""
    rng = np.random.default_rng(seed)
    cell = 5.6 * (np.eye(3) + rng.uniform(-0.15, 0.15, (3, 3)))
    sites = np.argwhere(np.ones((2, 2, 2)))[rng.permutation(8)] / 2 + rng.uniform(-0.05, 0.05, (8, 3))
    return Atoms("Li3PS4", scaled_positions=sites, cell=cell, pbc=True)


def blocks(*names: str) -> SparseGP:
    """Sparse points from random structures, and random weights."""
    rng = np.random.default_rng(0)
    frames = [thiophosphate(seed) for seed in range(4)]
    found = [BLOCKS[name][0].choose(frames, BLOCKS[name][1], SPECIES, rng) for name in names]
    weights = rng.normal(size=sum(block.size for block in found))
    return SparseGP(found, weights, {"Li": -1.0, "P": 2.0, "S": 0.5})


def vacancy() -> Atoms:
    """A cell with a charge."""
    atoms = salt()[1:]
    atoms.info["total_charge"] = -0.8
    return atoms


def coulomb(densities: object, **options: object) -> CoulombTerm:
    return CoulombTerm(CHARGES, densities, **{"accuracy": 1e-11, "method": "ewald", **options})


def dipoles() -> AtomicDipoles:
    rng = np.random.default_rng(0)
    block = VectorBlock.choose(molecules(8), DIPOLES, ORGANIC, rng)
    return AtomicDipoles([block], rng.standard_normal(block.size))


def base() -> BaseTerm:
    """The Lennard-Jones potential of ASE."""
    return BaseTerm.of(open_model(LennardJones(sigma=2.3, rc=6.0, smooth=True)), copper())


def copper() -> Atoms:
    """A disordered crystal."""
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.1, seed=1)
    return atoms


def stated(atoms: Atoms, total: float = 0.0) -> Atoms:
    atoms.info["total_charge"] = total
    return atoms


LOCAL = {
    **{f"gp: {name}": (lambda name=name: blocks(name), thiophosphate) for name in BLOCKS},
    "repulsion": (lambda: TERMS["repulsion"], thiophosphate),
    "pair-potentials": (
        lambda: PairPotentials({("Na", "Cl"): Buckingham(1256.3, 0.3162)}, species=("Na", "Cl"), cutoff=5.0),
        salt,
    ),
}
CHARGED = {
    "coulomb: points": (lambda: coulomb(Point()), thiophosphate),
    "coulomb: slater": (lambda: coulomb(WIDTHS), thiophosphate),
    "coulomb: gaussian": (lambda: coulomb(Gaussian(0.8)), thiophosphate),
    "coulomb: mesh": (lambda: coulomb(Gaussian(0.8), accuracy=1e-8, method="pme"), thiophosphate),
    "equilibration": (lambda: EquilibrationTerm(EQUILIBRATED), lambda: stated(salt())),
    "coulomb: equilibrated": (
        lambda: CoulombTerm(EQUILIBRATED, Gaussian(0.7), 1e-11),
        lambda: stated(salt()),
    ),
    "makov-payne": (
        lambda: [CoulombTerm(IONS, Gaussian(0.7), 1e-11, background=True), MakovPayne(IONS, 2.0)],
        vacancy,
    ),
    "polarizable": (
        lambda: PolarizableTerm(IONS, {"Na": 0.2, "Cl": 1.0}, accuracy=1e-10),
        salt,
    ),
    "uniform_field": (
        lambda: [CoulombTerm(IONS, Gaussian(0.7), 1e-11), UniformField([0.02, -0.01, 0.05], IONS)],
        salt,
    ),
    "atomic-dipoles": (dipoles, lambda: molecules(1)[0]),
}
NEURAL = {
    f"neural: {name}, {place}": (
        lambda name=name: untrained(name, accuracy=1e-11),
        {"cluster": molecule, "periodic": crystal}[place],
    )
    for name in GENERATIONS
    for place in (("cluster",) if name == "3g, not conserved" else ("periodic",))
}
NEURAL["neural: 4g, cluster"] = lambda: untrained("4g"), molecule
MODELS = LOCAL | CHARGED | NEURAL | {"base: Lennard-Jones": (base, copper)}


def potential(name: str) -> tuple[Potential, Atoms]:
    """A model and its structure."""
    make, structure = MODELS[name]
    terms = make()
    return Potential(terms if isinstance(terms, list) else [terms]), structure()
