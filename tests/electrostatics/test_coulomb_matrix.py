import numpy as np
import pytest
import torch
from ase import Atoms
from periodic_oracle import DENSITIES, SHAPES, disordered

from superion.electrostatics import (
    COULOMB,
    CoulombTerm,
    FixedCharges,
    Gaussian,
    Point,
    Slater,
    coulomb_matrix,
    direct_energy,
    ewald_energy,
)
from superion.errors import InputError

MIXED = (Slater(1.5, 1), Slater(2.2, 3), Point())


def case(shape="triclinic", seed=0, neutral=True):
    positions, cell, charges, kinds = disordered(shape, seed, neutral)
    return torch.tensor(positions), torch.tensor(cell), torch.tensor(charges), torch.tensor(kinds)


@pytest.mark.parametrize("neutral", [True, False])
@pytest.mark.parametrize("name", DENSITIES)
def test_half_the_quadratic_form_is_the_ewald_energy(name, neutral):
    positions, cell, q, kinds = case(neutral=neutral)
    matrix = coulomb_matrix(positions, cell, DENSITIES[name], kinds, 1e-12)
    exact = ewald_energy(positions, cell, q, densities=DENSITIES[name], kinds=kinds, accuracy=1e-14)
    assert (0.5 * q @ matrix @ q).item() == pytest.approx(exact.item(), abs=1e-9)
    torch.testing.assert_close(matrix, matrix.T, rtol=0, atol=0)


@pytest.mark.parametrize("shape", SHAPES)
def test_cells_of_all_shapes(shape):
    positions, cell, q, kinds = case(shape)
    densities = DENSITIES["gaussians"]
    matrix = coulomb_matrix(positions, cell, densities, kinds, 1e-12)
    exact = ewald_energy(positions, cell, q, densities=densities, kinds=kinds, accuracy=1e-14)
    assert (0.5 * q @ matrix @ q).item() == pytest.approx(exact.item(), abs=1e-9)


@pytest.mark.parametrize("name", DENSITIES)
def test_half_the_quadratic_form_is_the_direct_sum(name):
    positions, _, q, kinds = case(neutral=False)
    matrix = coulomb_matrix(positions, None, DENSITIES[name], kinds)
    exact = direct_energy(positions, q, densities=DENSITIES[name], kinds=kinds)
    assert (0.5 * q @ matrix @ q).item() == pytest.approx(exact.item(), rel=1e-13)
    assert not matrix.diagonal().any()


@pytest.mark.parametrize("pbc", [True, False])
def test_the_coulomb_term_has_the_same_energy(pbc):

    positions, cell, _, kinds = case()
    symbols = ["Na" if kind == 0 else "Cl" for kind in kinds]
    atoms = Atoms(symbols, positions.numpy(), cell=cell.numpy(), pbc=pbc)
    charges = FixedCharges({"Na": 1, "Cl": -kinds.eq(0).sum().item() / kinds.sum().item()})
    term = CoulombTerm(charges, {"Na": Gaussian(0.5), "Cl": Gaussian(1.1)}, accuracy=1e-12)
    matrix = coulomb_matrix(positions, cell if pbc else None, term.distinct, kinds, 1e-12).numpy()
    found = term.evaluate(atoms)
    assert 0.5 * found.charges @ matrix @ found.charges == pytest.approx(found.energy, abs=1e-9)


def test_an_atom_meets_its_own_images():
    """A lattice of unit point charges with background: the Madelung constant of a simple cube."""
    cube = 4.0 * torch.eye(3, dtype=torch.float64)
    origin, kind = torch.zeros(1, 3, dtype=torch.float64), torch.zeros(1, dtype=torch.int64)
    matrix = coulomb_matrix(origin, cube, (Point(),), kind, 1e-13)
    assert matrix.item() == pytest.approx(-2.837297479480620 * COULOMB / 4.0, rel=1e-12)


def small(seed=0):
    generator = torch.Generator().manual_seed(seed)
    corner = torch.tensor([[0.0, 0, 0], [2.1, 0.3, 0.2], [0.4, 2.3, 1.9]], dtype=torch.float64)
    cell = torch.tensor([[4.2, 0.1, 0], [-0.4, 4.6, 0.3], [0.2, 0.5, 4.9]], dtype=torch.float64)
    jitter = 0.2 * torch.rand(3, 3, generator=generator, dtype=torch.float64)
    return (corner + jitter).requires_grad_(), cell.requires_grad_()


@pytest.mark.parametrize(
    "densities",
    [(Point(),) * 3, (Gaussian(0.4), Gaussian(0.7), Point()), MIXED],
    ids=["point", "gaussian", "slater"],
)
def test_twice_differentiable_in_positions_and_cell(densities):
    """Of a random contraction. The splitting depends on the volume: what it leaves out must be small."""
    positions, cell = small()
    kinds = torch.arange(3)
    weights = torch.tensor(np.random.default_rng(1).normal(size=(3, 3)))

    def periodic(x, h):
        return (weights * coulomb_matrix(x, h, densities, kinds, 1e-9)).sum()

    def vacuum(x):
        return (weights * coulomb_matrix(x, None, densities, kinds)).sum()

    for function, inputs in ((periodic, (positions, cell)), (vacuum, (positions,))):
        assert torch.autograd.gradcheck(function, inputs)
        assert torch.autograd.gradgradcheck(function, inputs)


@pytest.mark.parametrize("periodic", [True, False])
def test_overlap_is_refused(periodic):
    positions, cell, _, kinds = case()
    positions[3] = positions[2]
    with pytest.raises(InputError, match=r"atoms 2 and 3 are .* overlap"):
        coulomb_matrix(positions, cell if periodic else None, DENSITIES["points"], kinds)


def test_flat_cell_is_refused():
    positions, cell, _, kinds = case()
    cell[2] = cell[1]
    with pytest.raises(InputError, match="volume"):
        coulomb_matrix(positions, cell, DENSITIES["points"], kinds)


@pytest.mark.parametrize("count", [0, 1])
def test_no_pairs_in_vacuum(count):
    nowhere, kinds = torch.zeros(count, 3, dtype=torch.float64), torch.zeros(count, dtype=torch.int64)
    assert coulomb_matrix(nowhere, None, (Point(),), kinds).shape == (count, count)
