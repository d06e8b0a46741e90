import numpy as np
import pytest
import torch
from neural_cases import SYMMETRY, crystal, molecule

from superion.errors import ModelError
from superion.neighbours import neighbour_pairs
from superion.potentials.neural import SymmetryFunctions
from superion.potentials.neural.symmetry_functions import Neighbours

FUNCTIONS = SymmetryFunctions(SYMMETRY, [8, 1, 6])


def described(structures):
    pairs = [neighbour_pairs(atoms, FUNCTIONS.cutoff) for atoms in structures]
    elements = [FUNCTIONS.elements(atoms.numbers) for atoms in structures]
    neighbours = Neighbours.join(elements, pairs, torch.device("cpu"))
    return torch.tensor(np.concatenate([part.vector for part in pairs])), neighbours


def cut(r):
    return np.tanh(max(1 - r / SYMMETRY.cutoff, 0.0)) ** 3


def by_hand(atoms, i):
    """The symmetry functions of one atom in a double loop over its neighbours, images included."""
    pairs = neighbour_pairs(atoms, SYMMETRY.cutoff)
    mine = range(pairs.start[i], pairs.start[i + 1])
    species = [1, 6, 8]
    centres = np.linspace(SYMMETRY.start, SYMMETRY.cutoff, SYMMETRY.radial + 1)[:-1]
    spacing = centres[1] - centres[0]
    values = []
    for z in species:
        for centre in centres:
            r = [pairs.distance[p] for p in mine if atoms.numbers[pairs.j[p]] == z]
            values.append(sum(np.exp(-((d - centre) ** 2) / (2 * spacing**2)) * cut(d) for d in r))
    for a, y in enumerate(species):
        for z in species[a:]:
            for width in (SYMMETRY.cutoff / 2, SYMMETRY.cutoff):
                for zeta in SYMMETRY.zetas:
                    for sign in (1, -1):
                        total = 0.0
                        for p in mine:
                            for q in mine:
                                if q <= p or sorted(atoms.numbers[pairs.j[[p, q]]]) != [y, z]:
                                    continue
                                r1, r2 = pairs.distance[p], pairs.distance[q]
                                angle = pairs.vector[p] @ pairs.vector[q] / (r1 * r2)
                                decay = np.exp(-(r1**2 + r2**2) / (2 * width**2))
                                shape = 2 ** (1 - zeta) * (1 + sign * angle) ** zeta
                                total += shape * decay * cut(r1) * cut(r2)
                        values.append(total)
    return np.array(values)


@pytest.mark.parametrize("make", [molecule, crystal])
def test_values_are_the_published_sums(make):
    atoms = make()
    values = FUNCTIONS.values(*described([atoms])).numpy()
    assert values.shape == (len(atoms), FUNCTIONS.size)
    for i in range(len(atoms)):
        np.testing.assert_allclose(values[i], by_hand(atoms, i), rtol=1e-11, atol=1e-14)


def test_derivatives_are_those_of_autograd_and_may_be_taken_twice():
    vectors, neighbours = described([molecule(), crystal()])
    vectors.requires_grad_()
    values, slopes = FUNCTIONS.with_derivatives(vectors, neighbours)
    np.testing.assert_array_equal(values.detach(), FUNCTIONS.values(vectors, neighbours).detach())
    weights = torch.rand(values.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    (expected,) = torch.autograd.grad((values * weights).sum(), vectors, create_graph=True)
    found = FUNCTIONS.gradient(weights, slopes, neighbours)
    np.testing.assert_allclose(found.detach(), expected.detach(), atol=1e-12)
    along = torch.rand(vectors.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    (curvature,) = torch.autograd.grad((expected * along).sum(), vectors)
    gradients = []
    for step in (1e-5, -1e-5):
        moved = (vectors.detach() + step * along).requires_grad_()
        total = (FUNCTIONS.values(moved, neighbours) * weights).sum()
        gradients.append(torch.autograd.grad(total, moved)[0])
    np.testing.assert_allclose(curvature, (gradients[0] - gradients[1]) / 2e-5, atol=1e-7)


def test_structures_side_by_side_are_described_as_alone():
    parts = [molecule(0), crystal(1), molecule(2)[:1]]
    together = FUNCTIONS.values(*described(parts))
    alone = torch.cat([FUNCTIONS.values(*described([atoms])) for atoms in parts])
    np.testing.assert_allclose(together, alone, rtol=1e-13)


def test_a_straight_line_of_atoms_has_finite_derivatives():
    atoms = molecule()[:3]
    atoms.positions = [[0, 0, 0], [1.2, 0, 0], [2.5, 0, 0]]
    values, slopes = FUNCTIONS.with_derivatives(*described([atoms]))
    assert torch.isfinite(values).all()
    assert torch.isfinite(slopes).all()


def test_a_strange_element_is_named():
    atoms = molecule()
    atoms.symbols[2] = "N"
    with pytest.raises(ModelError, match=r"no network for N \(atom 2\); the model knows H, C, O"):
        FUNCTIONS.elements(atoms.numbers)
