from math import pi, sqrt

import numpy as np
import pytest
import torch
from scipy import integrate
from torchpme import CoulombPotential, EwaldCalculator

from superion.electrostatics import COULOMB, Gaussian, Point, Slater, Splitting, ewald_energy
from superion.electrostatics.ewald import _reduced_axes
from superion.electrostatics.images import image_pairs
from superion.errors import InputError

FCC = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
CUBE = np.eye(3)
HEXAGONAL = np.array([[1, 0, 0], [-0.5, sqrt(3) / 2, 0], [0, 0, sqrt(8 / 3)]])
CORNER, CENTRE = [0.0, 0, 0], [0.5, 0.5, 0.5]

# Cell, fractional coordinates, charges, distance to which the constant refers, formula units, and the
# Madelung constant: OEIS A085469 and A181152 (NaCl, CsCl); Sakamoto, J. Chem. Phys. 28, 164, 1958 (others).
CRYSTALS = {
    "rocksalt": (FCC, [CORNER, CENTRE], [1, -1], 0.5, 1, 1.747564594633182),
    "caesium chloride": (CUBE, [CORNER, CENTRE], [1, -1], sqrt(3) / 2, 1, 1.762674773070988),
    "zincblende": (FCC, [CORNER, [0.25] * 3], [1, -1], sqrt(3) / 4, 1, 1.638055053388790),
    "wurtzite": (
        HEXAGONAL,
        [[1 / 3, 2 / 3, 0], [2 / 3, 1 / 3, 0.5], [1 / 3, 2 / 3, 0.375], [2 / 3, 1 / 3, 0.875]],
        [1, 1, -1, -1],
        sqrt(3 / 8),
        2,
        1.641321627370,
    ),
    "fluorite": (FCC, [CORNER, [0.25] * 3, [0.75] * 3], [2, -1, -1], sqrt(3) / 4, 1, 5.038784879848),
    "cuprite": (
        CUBE,
        [CORNER, CENTRE, [0.25] * 3, [0.25, 0.75, 0.75], [0.75, 0.25, 0.75], [0.75, 0.75, 0.25]],
        [-2, -2, 1, 1, 1, 1],
        1.0,
        2,
        10.2594570330750,
    ),
}
PEROVSKITE = (CUBE, [CORNER, CENTRE, [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]], [2, 4, -2, -2, -2])


def crystal(cell, fractional, charges, scale=3.7):
    cell = scale * torch.tensor(np.array(cell), dtype=torch.float64)
    return (
        torch.tensor(fractional, dtype=torch.float64) @ cell,
        cell,
        torch.tensor(charges, dtype=torch.float64),
    )


def random_cell(seed, atoms=7, side=5.0, neutral=True):
    """A skewed cell with atoms no closer than about 1 Å."""
    rng = np.random.default_rng(seed)
    cell = side * (np.eye(3) + rng.uniform(-0.35, 0.35, (3, 3)))
    sites = np.argwhere(np.ones((2, 2, 2)))[rng.permutation(8)[:atoms]] / 2
    positions = (sites + rng.uniform(-0.08, 0.08, (atoms, 3))) @ cell
    charges = rng.normal(size=atoms)
    charges -= charges.mean() if neutral else 0.3
    return torch.tensor(positions), torch.tensor(cell), torch.tensor(charges)


@pytest.mark.parametrize("name", CRYSTALS)
@pytest.mark.parametrize("scale", [1.0, 5.6])
def test_madelung_constants(name, scale):
    cell, fractional, charges, distance, units, constant = CRYSTALS[name]
    energy = ewald_energy(*crystal(cell, fractional, charges, scale), accuracy=1e-13)
    found = -energy.item() * scale * distance / COULOMB / units
    assert found == pytest.approx(constant, rel=2e-12)


@pytest.mark.parametrize("name", CRYSTALS)
def test_madelung_constants_at_default_accuracy(name):
    cell, fractional, charges, distance, units, constant = CRYSTALS[name]
    energy = ewald_energy(*crystal(cell, fractional, charges))
    assert -energy.item() * 3.7 * distance / COULOMB / units == pytest.approx(constant, rel=1e-8)


def test_perovskite_by_theta_functions():
    """1/r = π^(−1/2) ∫ t^(−1/2) exp(−tr²) dt makes the potential of a cubic lattice an integral over
    products of one-dimensional theta sums, which converges without any splitting for neutral charges."""
    _, fractional, charges = PEROVSKITE
    n = np.arange(-12, 13)

    def theta(t, x):
        if t > pi:
            return np.exp(-t * (x + n) ** 2).sum()
        return sqrt(pi / t) * (np.exp(-(pi**2) * n**2 / t) * np.cos(2 * pi * n * x)).sum()

    def integrand(log_t, i):
        t = np.exp(log_t)
        total = sum(
            q * (np.prod([theta(t, a - b) for a, b in zip(x, fractional[i], strict=True)]) - (j == i))
            for j, (x, q) in enumerate(zip(fractional, charges, strict=True))
        )
        return total * sqrt(t / pi)

    # Below t = 0.2 only the self term −q_i is left of the integrand, and it is integrated by hand.
    potentials = [
        integrate.quad(integrand, np.log(0.2), np.log(400), args=(i,), epsabs=1e-12, limit=400)[0]
        - charges[i] * 2 * sqrt(0.2 / pi)
        for i in range(5)
    ]
    expected = 0.5 * float(np.dot(charges, potentials))
    energy = ewald_energy(*crystal(*PEROVSKITE, scale=1.0), accuracy=1e-13).item() / COULOMB
    assert energy == pytest.approx(expected, rel=1e-10)


# Energy of unit charges in a uniform background in e²/a, a = (3V/4πN)^(1/3): Baiko, Potekhin and Yakovlev,
# Phys. Rev. E 64, 057402, 2001 (bcc, fcc); simple cubic: −2.837297479480620/2 e²/L.
@pytest.mark.parametrize(
    ("cell", "sites", "energy"),
    [
        (CUBE, [CORNER], -2.837297479480620 / 2 * (3 / (4 * pi)) ** (1 / 3)),
        (CUBE, [CORNER, CENTRE], -0.895929255682),
        (FCC, [CORNER], -0.895873615195),
    ],
)
def test_one_component_plasma(cell, sites, energy):
    positions, cell, charges = crystal(cell, sites, [1.0] * len(sites))
    radius = (3 * torch.det(cell).abs().item() / (4 * pi * len(sites))) ** (1 / 3)
    found = ewald_energy(positions, cell, charges, accuracy=1e-13).item() / len(sites)
    assert found * radius / COULOMB == pytest.approx(energy, rel=3e-12)


def test_pressure_of_the_background():
    """A lattice of charges in a background scales as 1/L, so that its virial is its energy."""
    _, cell, charges = crystal(CUBE, [CORNER, CENTRE], [1.0, 1.0])
    cell.requires_grad_()
    fractional = torch.tensor([CORNER, CENTRE], dtype=torch.float64)
    energy = ewald_energy(fractional @ cell, cell, charges, accuracy=1e-13)
    (slope,) = torch.autograd.grad(energy, cell)
    virial = -(cell.detach().T @ slope)
    torch.testing.assert_close(virial.trace(), energy.detach(), rtol=1e-11, atol=0)


def test_background_of_spread_charges():
    """Charged Gaussians have a plain reciprocal sum without k = 0, less the self terms."""
    positions, cell, charges = random_cell(5, neutral=False)
    sigma = torch.tensor([0.9, 1.2], dtype=torch.float64)
    kinds = torch.tensor([0, 1, 0, 1, 1, 0, 0])
    n = torch.arange(-9, 10, dtype=torch.float64)
    k = 2 * pi * torch.cartesian_prod(n, n, n) @ torch.linalg.inv(cell).T
    k = k[k.square().sum(1) > 1e-9]
    k2 = k.square().sum(1)
    factors = charges * torch.exp(-k2[:, None] * sigma[kinds] ** 2 / 2)
    phase = k @ positions.T
    intensity = (factors * phase.cos()).sum(1) ** 2 + (factors * phase.sin()).sum(1) ** 2
    energy = 2 * pi / torch.det(cell).abs() * (intensity / k2).sum()
    energy = energy - (charges**2 / (2 * sqrt(pi) * sigma[kinds])).sum()
    densities = (Gaussian(0.9), Gaussian(1.2))
    found = ewald_energy(positions, cell, charges, densities=densities, kinds=kinds, accuracy=1e-13)
    torch.testing.assert_close(found, COULOMB * energy, rtol=1e-10, atol=0)


@pytest.mark.parametrize("seed", range(3))
def test_torch_pme(seed):
    """Energy, forces, and a charged cell too, against the Ewald sum of torch-pme."""
    positions, cell, charges = random_cell(seed, neutral=seed > 0)
    smearing = 0.8
    pairs = image_pairs(positions, cell, 9 * smearing)
    calculator = EwaldCalculator(CoulombPotential(smearing), lr_wavelength=pi * smearing / 8).double()
    theirs_at = positions.clone().requires_grad_()
    potential = calculator(
        charges[:, None],
        cell,
        theirs_at,
        torch.stack([pairs.i, pairs.j], dim=1),
        pairs.distances(theirs_at, cell),
    )
    theirs = COULOMB * (charges[:, None] * potential).sum()
    ours_at = positions.clone().requires_grad_()
    ours = ewald_energy(ours_at, cell, charges, accuracy=1e-13)
    torch.testing.assert_close(ours.detach(), theirs.detach(), rtol=1e-10, atol=1e-10)
    slopes = [torch.autograd.grad(e, x)[0] for e, x in ((ours, ours_at), (theirs, theirs_at))]
    torch.testing.assert_close(*slopes, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("densities", [(Point(),), (Gaussian(0.7),), (Slater(1.3),), (Slater(2.0, 3),)])
def test_splitting_does_not_matter(densities):
    positions, cell, charges = random_cell(3, neutral=False)
    energies = []
    for cutoff in (16.0, 20.0, 26.0):
        decay = 6.0
        splitting = Splitting(decay / cutoff, cutoff, 2 * decay**2 / cutoff)
        energies.append(
            ewald_energy(positions, cell, charges, densities=densities, splitting=splitting).item()
        )
    assert max(energies) - min(energies) < 1e-9
    automatic = ewald_energy(positions, cell, charges, densities=densities).item()
    assert automatic == pytest.approx(energies[0], rel=1e-7)


@pytest.mark.parametrize("atoms", [1, 42, 1000])
def test_accuracy_is_kept(atoms):
    splitting = Splitting.choose(atoms, 20.0 * atoms, 1e-8)
    assert np.exp(-((splitting.alpha * splitting.cutoff) ** 2)) < 1e-8
    assert np.exp(-((splitting.reciprocal_cutoff / (2 * splitting.alpha)) ** 2)) < 1e-8
    assert Splitting.choose(atoms, 20.0 * atoms, 1e-8, reach=99.0).cutoff == 99.0


def test_accuracy_out_of_range_is_refused():
    with pytest.raises(InputError, match="between 1e-15 and 1e-2"):
        Splitting.choose(10, 100.0, 0.0)


@pytest.mark.parametrize("density", [Point(), Slater(1.0)])
def test_skewed_cells_and_supercells(density):
    """The same crystal in another cell has the same energy, forces and strain derivative."""
    positions, cell, charges = random_cell(11)
    transform = torch.tensor([[1.0, 3, -2], [0, 1, 4], [0, 0, 1]], dtype=torch.float64)
    results = []
    for axes in (cell, transform @ cell):
        x, h = positions.clone().requires_grad_(), axes.clone().requires_grad_()
        energy = ewald_energy(x, h, charges, densities=(density,), accuracy=1e-12)
        dx, dh = torch.autograd.grad(energy, (x, h))
        results.append((energy.detach(), dx, positions.T @ dx + axes.T @ dh))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-8)
    twice = torch.cat([positions, positions + cell[0], positions + cell[2], positions + cell[0] + cell[2]])
    big = torch.tensor([2.0, 1, 2], dtype=torch.float64)[:, None] * cell
    energy = ewald_energy(twice, big, charges.repeat(4), densities=(density,), accuracy=1e-12)
    torch.testing.assert_close(energy, 4 * results[0][0], rtol=0, atol=1e-8)


def test_skewed_cell_needs_no_more_reciprocal_vectors():
    _, cell, _ = random_cell(11)
    _, compact = _reduced_axes(cell.numpy(), 6.0)
    skewed = np.array([[1.0, 7, -9], [0, 1, 8], [0, 0, 1]]) @ cell.numpy()
    transform, counts = _reduced_axes(skewed, 6.0)
    assert abs(np.linalg.det(transform)) == pytest.approx(1.0)
    assert np.prod(counts) < 1.5 * np.prod(compact)


def test_left_handed_cell():
    positions, cell, charges = random_cell(12)
    torch.testing.assert_close(
        ewald_energy(positions, cell[[1, 0, 2]], charges, accuracy=1e-12),
        ewald_energy(positions, cell, charges, accuracy=1e-12),
    )


def test_atoms_far_outside_the_cell():
    positions, cell, charges = random_cell(13)
    shifts = torch.tensor(np.random.default_rng(0).integers(-40, 40, (7, 3)), dtype=torch.float64)
    at_home = ewald_energy(positions, cell, charges, densities=(Slater(1.0),))
    abroad = ewald_energy(positions + shifts @ cell, cell, charges, densities=(Slater(1.0),))
    torch.testing.assert_close(abroad, at_home, rtol=0, atol=1e-9)


def test_needle_shaped_cell():
    positions, cell, charges = crystal(CUBE, [CORNER, CENTRE], [1, -1])
    steps = torch.arange(12, dtype=torch.float64)[:, None, None] * cell[1]
    many = (positions + steps).reshape(-1, 3)
    long = torch.tensor([1.0, 12, 1], dtype=torch.float64)[:, None] * cell
    torch.testing.assert_close(
        ewald_energy(many, long, charges.repeat(12), accuracy=1e-12),
        12 * ewald_energy(positions, cell, charges, accuracy=1e-12),
        rtol=1e-11,
        atol=0,
    )


def test_twice_differentiable():
    positions, cell, charges = random_cell(14, atoms=4)
    splitting = Splitting(0.6, 7.0, 5.0)
    kinds = torch.tensor([0, 1, 1, 0])
    leaves = [x.clone().requires_grad_() for x in (positions, cell, charges)]

    def energy(x, h, q):
        densities = (Slater(1.8), Slater(2.2, 2))
        return ewald_energy(x, h, q, densities=densities, kinds=kinds, splitting=splitting)

    torch.autograd.gradcheck(energy, leaves, eps=1e-5, atol=1e-6)
    torch.autograd.gradgradcheck(energy, leaves, eps=1e-5, atol=1e-5)


def test_flat_cell_is_refused():
    flat = torch.tensor([[4.0, 0, 0], [0, 4, 0], [4, 4, 0]], dtype=torch.float64)
    with pytest.raises(InputError, match="three independent lattice vectors"):
        ewald_energy(torch.zeros((1, 3), dtype=torch.float64), flat, torch.ones(1, dtype=torch.float64))


def test_overlapping_atoms_are_refused():
    positions = torch.tensor([[0.0, 0, 0], [4.0, 0, 1e-5]], dtype=torch.float64)
    with pytest.raises(InputError, match="they overlap"):
        ewald_energy(positions, 4 * torch.eye(3, dtype=torch.float64), torch.ones(2, dtype=torch.float64))
