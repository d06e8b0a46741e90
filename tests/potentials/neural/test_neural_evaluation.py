"""Evaluation against training, which has Coulomb matrices and automatic differentiation; fragments; slabs."""

import numpy as np
import pytest
import torch
from ase import Atoms
from neural_cases import CHARGED, GENERATIONS, SYMMETRY, crystal, molecule, neural_settings, untrained
from test_neural_derivatives import central, moved

from superion.errors import InputError
from superion.neighbours import neighbour_pairs
from superion.potentials.neural import LabelSigmas, NeuralTraining, SymmetryFunctions, fit_neural
from superion.potentials.neural.environment import Kept, Looped
from superion.potentials.neural.geometry import Geometry
from superion.potentials.neural.model import slopes
from superion.potentials.neural.symmetry_functions import SymmetrySettings


def as_in_training(term, structures):
    """Energies of structures, charges and forces, the way training computes them."""
    model = term.model
    geometry = Geometry.of(structures, model.functions, model.settings, model.densities, torch.device("cpu"))
    values = geometry.values.detach().requires_grad_()
    matrices = [stack.matrix.detach().requires_grad_() for stack in geometry.stacks]
    energies, charges = model.energies(geometry, values, matrices)
    forces = geometry.forces(*slopes(energies.sum(), values, matrices, graph=False))
    totals = torch.zeros(len(structures)).double().index_add(0, geometry.owner, energies)
    return totals.detach().numpy(), None if charges is None else charges.detach().numpy(), forces.numpy()


def pair_of_molecules(apart=6.0):
    """Two molecules with charges of their own, in one structure."""
    one, two = molecule(1), molecule(2)
    two.positions += [0.0, 0.0, apart]
    both = one + two
    both.info = {"fragment_charges": {0: 1.0, 1: -1.0}}
    both.arrays["fragment"] = np.repeat([0, 1], len(one))
    return both


@pytest.mark.parametrize("name", GENERATIONS)
def test_training_and_evaluation_agree(name):
    structures = [molecule(0), molecule(1, 0.0), molecule(3)[:1]]
    if name != "3g, not conserved":
        structures += [crystal(), crystal(1).repeat((2, 1, 1)), pair_of_molecules()]
        structures[-2].info["total_charge"] = 0.0
    term = untrained(name)
    energies, charges, forces = as_in_training(term, structures)
    found = term.evaluate_batch(structures)
    np.testing.assert_allclose([f.energy for f in found], energies, atol=1e-7)
    np.testing.assert_allclose(np.concatenate([f.forces for f in found]), forces, atol=1e-7)
    if charges is not None:
        np.testing.assert_allclose(np.concatenate([f.charges for f in found]), charges, atol=1e-8)


@pytest.mark.parametrize("zetas", [(1.0, 4.0), (1.0, 2.5), ()])
def test_loops_are_the_tensors(zetas):
    functions = SymmetryFunctions(SymmetrySettings(**SYMMETRY.model_dump() | {"zetas": zetas}), [1, 6, 8])
    for atoms in (molecule(), crystal(), molecule()[:1]):
        pairs, elements = neighbour_pairs(atoms, functions.cutoff), functions.elements(atoms.numbers)
        loops, tensors = (make(elements, pairs, functions, torch.device("cpu")) for make in (Looped, Kept))
        values = tensors.values()
        np.testing.assert_allclose(loops.values(), values, rtol=1e-12, atol=1e-14)
        slope = torch.rand(values.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        for mine, theirs in zip(loops.pull(slope), tensors.pull(slope), strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-11)


@pytest.mark.parametrize("name", [name for name in CHARGED if name != "3g, not conserved"])
def test_fragments_keep_their_charges(name):
    """Far apart each is as alone, but for the Coulomb energy of the charge of the other."""
    term, both = untrained(name), pair_of_molecules()
    found = term.evaluate(both)
    assert found.charges[:6].sum() == pytest.approx(1.0, abs=1e-10)
    direction = np.random.default_rng(1).normal(size=(len(both), 3))
    slope = central(lambda h: term.evaluate(moved(both, direction, h)).energy)
    assert -np.sum(found.forces * direction) == pytest.approx(slope, abs=1e-7)
    alone = [term.evaluate(part).energy for part in (molecule(1), molecule(2, -1.0))]
    left = [term.evaluate(pair_of_molecules(d)).energy - sum(alone) for d in (4e3, 8e3)]
    for energy, distance in zip(left, (4e3, 8e3), strict=True):
        assert energy == pytest.approx(-14.39964548 / distance, rel=2e-3)


def test_charges_that_keep_no_total_keep_none_of_fragments():
    with pytest.raises(InputError, match=r"fragments with charges of their own.*Remedy"):
        untrained("3g, not conserved").evaluate(pair_of_molecules())


def test_training_holds_the_charges_of_fragments(tmp_path):
    """Ions that attract as q₁q₂/r: with fragments they are found to have whole charges at once."""
    frames = []
    for r in np.linspace(4.5, 9.0, 8):
        atoms = Atoms("HO", [[0, 0, 0], [0, 0, r]])
        atoms.arrays["fragment"], atoms.info["fragment_charges"] = np.array([0, 1]), [1.0, -1.0]
        atoms.info["REF_energy"] = -14.39964548 / r
        atoms.arrays["REF_forces"] = 14.39964548 / r**2 * np.array([[0, 0, 1.0], [0, 0, -1.0]])
        frames.append(atoms)
    settings = neural_settings("latent, equilibrated", widths={"H": 0.3, "O": 0.3})
    quick = NeuralTraining(
        adam_epochs=0, lbfgs_epochs=30, validation=0.0, sigma=LabelSigmas(energy=0.01, force=0.1)
    )
    term = fit_neural(frames, settings, quick)
    far = frames[0].copy()
    far.positions[1, 2] = 40.0
    one, two = (term.evaluate(a).energy for a in (far, frames[-1]))
    assert one - two == pytest.approx(-14.39964548 / 40 + 14.39964548 / 9, abs=0.01)
    np.testing.assert_allclose(term.charges(far), [1.0, -1.0], atol=1e-8)


@pytest.mark.parametrize("name", ["3g", "4g"])
def test_slabs_do_not_see_their_images(name):
    """The height of the cell means nothing, forces are derivatives, and a charged slab is refused."""
    term, atoms = untrained(name), crystal()
    atoms.pbc = [True, True, False]
    found = term.evaluate(atoms)
    taller = atoms.copy()
    taller.cell[2] *= 7.0
    assert term.evaluate(taller).energy == pytest.approx(found.energy, abs=1e-6)
    direction = np.random.default_rng(1).normal(size=(len(atoms), 3))
    slope = central(lambda h: term.evaluate(moved(atoms, direction, h)).energy)
    assert -np.sum(found.forces * direction) == pytest.approx(slope, abs=1e-6)
    atoms.info["total_charge"] = 1.0
    with pytest.raises(InputError, match=r"total charge of \+1 e; its energy is infinite"):
        term.evaluate(atoms)
