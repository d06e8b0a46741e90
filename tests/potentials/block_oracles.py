"""Structures and independent checks that the 2-body and 3-body blocks and the repulsion share."""

from collections.abc import Callable

import numpy as np
from ase import Atoms

from superion.batch import Batch
from superion.terms import Evaluation, Sums

SPECIES = (3, 15, 16)


def evaluated(block, atoms: Atoms, weights: np.ndarray) -> Evaluation:
    """The weighted sum of a block's basis functions for one structure."""
    sums = Sums.zero(len(atoms), 1)
    block.evaluate(Batch([atoms], block.cutoff), weights, sums)
    return Evaluation(float(sums.energies.sum()), sums.energies, sums.forces, sums.virials[0])


def random_structure(seed: int, atoms: int = 6, length: float = 4.5, pbc=(True, True, True)) -> Atoms:
    """Li, P and S at least 1.5 Å apart in a skewed cell, periodic atoms moved far out of the cell."""
    rng = np.random.default_rng(seed)
    cell = length * (np.eye(3) + rng.uniform(-0.25, 0.25, (3, 3)))
    structure = Atoms(cell=cell, pbc=pbc)
    shift = rng.integers(-4, 5, (atoms, 3)) * np.array(pbc)
    while len(structure) < atoms:
        trial = structure + Atoms([rng.choice(SPECIES)], scaled_positions=rng.random((1, 3)), cell=cell)
        images = trial.repeat(np.where(pbc, 3, 1))
        near = np.linalg.norm(images.positions[:, None] - images.positions, axis=-1)
        if near[near > 0].min(initial=9.0) > 1.5:
            structure = trial
    structure.positions += shift @ cell
    return structure


def derivative(energy: Callable[[float], float], h: float = 3e-4) -> float:
    """Central difference of fourth order at zero."""
    return (8 * (energy(h) - energy(-h)) - (energy(2 * h) - energy(-2 * h))) / (12 * h)


def assert_derivatives(evaluate: Callable[[Atoms], Evaluation], atoms: Atoms) -> None:
    """Forces and virial against differences of the energy, to 1e-6 eV/Å and eV."""
    result = evaluate(atoms)
    forces, virial = np.empty((len(atoms), 3)), np.empty((3, 3))

    def displaced(step: float) -> float:
        moved = atoms.copy()
        moved.positions[index] += step
        return evaluate(moved).energy

    def strained(step: float) -> float:
        strain = np.eye(3)
        strain[index] += step
        moved = atoms.copy()
        moved.set_cell(atoms.cell.array @ strain)
        moved.positions = atoms.positions @ strain
        return evaluate(moved).energy

    for index in np.ndindex(forces.shape):
        forces[index] = -derivative(displaced)
    for index in np.ndindex(3, 3):
        virial[index] = -derivative(strained)
    assert np.abs(forces).max() > 0.01 or len(atoms) == 1
    np.testing.assert_allclose(result.forces, forces, rtol=0, atol=1e-6)
    np.testing.assert_allclose(result.virial, virial, rtol=0, atol=1e-6)
    np.testing.assert_allclose(result.energies.sum(), result.energy, rtol=1e-12, atol=1e-12)


def assert_symmetries(evaluate: Callable[[Atoms], Evaluation], atoms: Atoms, seed: int) -> None:
    """Nothing depends on orientation, origin, order of the atoms or choice of the (periodic) cell."""
    rng = np.random.default_rng(seed)
    result = evaluate(atoms)
    rotation = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    order = rng.permutation(len(atoms))
    moved = atoms.copy()
    moved.set_cell(atoms.cell.array @ rotation)
    moved.positions = atoms.positions @ rotation + rng.uniform(-20, 20, 3)
    moved = moved[order]
    other = evaluate(moved)
    np.testing.assert_allclose(other.energies, result.energies[order], rtol=0, atol=1e-9)
    np.testing.assert_allclose(other.forces, result.forces[order] @ rotation, rtol=0, atol=1e-9)
    np.testing.assert_allclose(other.virial, rotation.T @ result.virial @ rotation, rtol=0, atol=1e-8)
    copies = np.where(atoms.pbc, 2, 1)
    large = evaluate(atoms.repeat(copies))
    np.testing.assert_allclose(large.energies, np.tile(result.energies, copies.prod()), rtol=0, atol=1e-9)
    np.testing.assert_allclose(large.forces, np.tile(result.forces, (copies.prod(), 1)), rtol=0, atol=1e-9)
    np.testing.assert_allclose(large.virial, copies.prod() * result.virial, rtol=0, atol=1e-8)


def assert_design(block, atoms: Atoms, seed: int) -> None:
    """Design rows times weights are what `evaluate` gives."""
    weights = np.random.default_rng(seed).normal(size=block.size)
    result = evaluated(block, atoms, weights)
    energy, force, virial = block.design(atoms)
    scale = np.abs(result.virial).max()
    np.testing.assert_allclose(energy @ weights, result.energies, rtol=0, atol=1e-12 * scale)
    np.testing.assert_allclose(force @ weights, result.forces, rtol=0, atol=1e-12 * scale)
    np.testing.assert_allclose(virial @ weights, result.virial, rtol=0, atol=1e-11 * scale)
    only, no_force, no_virial = block.design(atoms, forces=False)
    np.testing.assert_array_equal(only, energy)
    assert no_force.shape == no_virial.shape == (0, 3, block.size)


def quip_gap(descriptor: str, delta: float, theta, points, alphas, cutoffs):
    """The Gaussian approximation potential with these sparse points as a QUIP calculator."""
    from quippy.potential import Potential

    sparse = "".join(
        f'<sparseX i="{k}" alpha="{a:.17e}" sparseCutoff="{f:.17e}">'
        f"{' '.join(f'{x:.17e}' for x in np.atleast_1d(p))}</sparseX>"
        for k, (p, a, f) in enumerate(zip(points, alphas, cutoffs, strict=True), 1)
    )
    dimensions = np.size(theta)
    return Potential(
        "IP GAP",
        param_str=f"""<G><Potential label="G" init_args="IP GAP label=G"/>
<GAP_params label="G" gap_version="1769700636"><GAP_data do_core="F">
{"".join(f'<e0 Z="{z}" value="0.0"/>' for z in SPECIES)}</GAP_data>
<gpSparse label="G" n_coordinate="1" fitted="T"><gpCoordinates label="G1" dimensions="{dimensions}"
signal_variance="{delta}" signal_mean="0.0" sparsified="T" n_permutations="1" covariance_type="1"
n_sparseX="{len(alphas)}"><theta>{" ".join(f"{t:.17e}" for t in np.atleast_1d(theta))}</theta>
<descriptor>{descriptor}</descriptor>
<permutation i="1">{" ".join(str(d + 1) for d in range(dimensions))}</permutation>
{sparse}</gpCoordinates></gpSparse></GAP_params></G>""",
    )
