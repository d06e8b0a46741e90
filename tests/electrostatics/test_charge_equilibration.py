import pickle

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule
from equilibration_oracle import (
    CLUSTER,
    CRYSTAL,
    GAUSSIANS,
    SLAB,
    SLATERS,
    model,
    saddle_point,
    strained,
    structure,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from superion.electrostatics import (
    COULOMB,
    ChargeEquilibration,
    ChargeModel,
    CoulombTerm,
    Gaussian,
    interaction,
    self_interaction,
)
from superion.electrostatics.charges import restore_charges
from superion.errors import InputError, ModelError

FIELDS = {CLUSTER: (0.1, -0.2, 0.3), CRYSTAL: (0.0, 0.0, 0.0), SLAB: (0.0, 0.0, 0.3)}


@pytest.mark.parametrize("distance", [0.9, 2.0, 7.0])
@pytest.mark.parametrize("total", [0.0, 0.7])
def test_two_atoms_in_closed_form(distance, total):
    one, two = Gaussian(0.7), Gaussian(1.1)
    own = ChargeEquilibration({"Na": 3.0, "Cl": 8.5}, {"Na": 9.0, "Cl": 12.0}, {"Na": one, "Cl": two}, total)
    v = COULOMB * interaction(one, two, torch.tensor([distance], dtype=torch.float64)).item()
    q = (8.5 - 3.0 + (12.0 - v) * total) / (9.0 + 12.0 - 2 * v)
    atoms = Atoms("NaCl", [[0, 0, 0], [0, 0, distance]])
    found = ChargeEquilibration.restore(own.settings() | {"warn": False}, own.arrays()).charges(atoms)
    np.testing.assert_allclose(found, [q, total - q], rtol=0, atol=1e-12)


@pytest.mark.parametrize("pbc", [CLUSTER, CRYSTAL])
@pytest.mark.parametrize("densities", [GAUSSIANS, SLATERS], ids=["gaussian", "slater"])
def test_charges_obey_all_conditions_at_once(pbc, densities):
    atoms, own = structure(pbc), model(densities, field=FIELDS[pbc])
    exact = saddle_point(atoms, own, np.zeros(8), [0.0])
    np.testing.assert_allclose(own.charges(atoms), exact, rtol=0, atol=1e-10)
    atoms.arrays["fragment"] = np.array([4, 4, 2, 2, 4, 2, 7, 7])
    atoms.info["fragment_charges"] = {"4": 0.5, 2: -0.5, 7: 0.0}  # names are strings in files
    exact = saddle_point(atoms, own, atoms.arrays["fragment"], [-0.5, 0.5, 0.0])
    np.testing.assert_allclose(own.charges(atoms), exact, rtol=0, atol=1e-10)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    total=st.floats(-5, 5),
    pbc=st.sampled_from([CLUSTER, CRYSTAL, SLAB]),
    parts=st.integers(1, 4),
)
def test_charges_always_add_up(seed, total, pbc, parts):
    atoms = structure(pbc, seed)
    own = model(total_charge=0.0 if pbc == SLAB else total, background=True)
    if parts > 1:
        rng = np.random.default_rng(seed)
        atoms.arrays["fragment"] = rng.permutation(np.arange(8) % parts)
        charges = rng.normal(size=parts)
        if pbc == SLAB:
            charges -= charges.mean()
        atoms.info["fragment_charges"] = charges
        for part, charge in enumerate(charges):
            assert own.charges(atoms)[atoms.arrays["fragment"] == part].sum() == pytest.approx(
                charge, abs=1e-12
            )
    else:
        assert own.charges(atoms).sum() == pytest.approx(own.total_charge, abs=1e-12)


@pytest.mark.parametrize("pbc", [CLUSTER, CRYSTAL, SLAB])
@pytest.mark.parametrize("parts", [1, 2])
def test_vjp_is_a_finite_difference(pbc, parts):
    atoms, own, h = structure(pbc), model(field=FIELDS[pbc]), 1e-4
    if parts == 2:
        atoms.arrays["fragment"], atoms.info["fragment_charges"] = np.arange(8) % 2, [0.4, -0.4]
    slope = np.random.default_rng(1).normal(size=8)
    forces, virial = own.vjp(atoms, slope)
    for atom, axis in ((0, 2), (5, 0)):
        ends = []
        for step in (h, -h):
            moved = atoms.copy()
            moved.positions[atom, axis] += step
            ends.append(slope @ own.charges(moved))
        assert -(ends[0] - ends[1]) / (2 * h) == pytest.approx(forces[atom, axis], abs=2e-7)
    np.testing.assert_array_equal(virial, virial.T)
    for a, b in ((0, 0), (0, 1), (2, 2)):
        strain = np.zeros((3, 3))
        strain[a, b] += h / 2
        strain[b, a] += h / 2
        change = slope @ (own.charges(strained(atoms, strain)) - own.charges(strained(atoms, -strain)))
        assert -change / (2 * h) == pytest.approx(virial[a, b], abs=2e-6)


@pytest.mark.parametrize("pbc", [CLUSTER, CRYSTAL])
def test_a_coulomb_term_of_these_charges_conserves_energy(pbc):
    """The fourth generation: energy of charges that are at the minimum of another energy."""
    atoms, h = structure(pbc), 1e-4
    term = CoulombTerm(
        model(), {"Li": Gaussian(0.5), "Cl": Gaussian(0.8), "O": Gaussian(0.6)}, accuracy=1e-12
    )
    forces = term.evaluate(atoms).forces
    ends = []
    for step in (h, -h):
        moved = atoms.copy()
        moved.positions[3, 1] += step
        ends.append(term.evaluate(moved).energy)
    assert -(ends[0] - ends[1]) / (2 * h) == pytest.approx(forces[3, 1], abs=1e-6)


def test_polarizability_is_the_answer_to_a_field():
    atoms, own, h = molecule("CH3Cl"), None, 1e-3
    own = ChargeEquilibration(
        {"C": 5.3, "H": 4.5, "Cl": 8.6}, {"C": 11.0, "H": 14.0, "Cl": 10.0}, Gaussian(0.9), total_charge=0.0
    )
    found = own.polarizability(atoms)
    np.testing.assert_array_equal(found, found.T)
    assert np.linalg.eigvalsh(found).min() > 0
    for axis in range(3):
        field = h * np.eye(3)[axis]
        ends = [own.with_field(sign * field).charges(atoms) @ atoms.positions for sign in (1, -1)]
        np.testing.assert_allclose((ends[0] - ends[1]) / (2 * h), found[axis], atol=1e-9)


def test_charged_clusters_have_a_dipole_but_the_same_charges_anywhere():
    atoms, own = structure(), model(total_charge=1.0, field=(0.2, 0.1, -0.1))
    moved = atoms.copy()
    moved.positions += [7.0, -30.0, 11.0]
    np.testing.assert_allclose(own.charges(moved), own.charges(atoms), atol=1e-11)


def test_rock_salt_is_the_limit_of_growing_clusters():
    """Cubes with parts of the charges at the surface (Evjen, Phys. Rev. 39, 675, 1932)."""
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    own = ChargeEquilibration(
        {"Na": 2.8, "Cl": 8.6}, {"Na": 9.0, "Cl": 12.0}, {"Na": Gaussian(1.2), "Cl": Gaussian(0.9)}, 0.0,
        accuracy=1e-12,
    )  # fmt: skip
    found = own.charges(atoms)
    np.testing.assert_allclose(np.abs(found), np.abs(found[0]), atol=1e-10)
    widths = 1.2, 0.9
    for count in (3, 5):
        grid = np.argwhere(np.ones([2 * count + 1] * 3)) - count
        weight = (0.5 ** (np.abs(grid) == count)).prod(axis=1)
        grid, weight = grid[grid.any(axis=1)], weight[grid.any(axis=1)]
        r = torch.tensor(2.82 * np.linalg.norm(grid, axis=1))
        sign = 1 - 2 * (np.abs(grid).sum(axis=1) % 2)
        potentials = []  # at each kind of atom, of unit charges everywhere
        for kind in (0, 1):
            other = [Gaussian(widths[kind if s > 0 else 1 - kind]) for s in sign]
            phi = np.empty(len(grid))
            for density in set(other):
                chosen = np.array([d == density for d in other])
                phi[chosen] = interaction(Gaussian(widths[kind]), density, r[chosen]).numpy()
            potentials.append(COULOMB * (weight * sign * phi).sum())
        charge = (8.6 - 2.8) / (9.0 + 12.0 + sum(potentials))
    assert found[0] == pytest.approx(charge, abs=2e-4)


def test_a_slab_is_the_limit_of_cells_with_much_vacuum_and_no_dipole():
    """Without a dipole across it, a slab is the same as a periodic cell with wide vacuum."""
    grid = np.argwhere(np.ones((2, 2, 3)))
    symbols = ["Li" if parity % 2 else "Cl" for parity in grid.sum(axis=1)]
    atoms = Atoms(symbols, 2.6 * grid, cell=[5.2, 5.2, 20.0], pbc=SLAB)
    own = model(accuracy=1e-12)
    periodic = atoms.copy()
    periodic.set_cell([5.2, 5.2, 40.0])
    periodic.pbc = True
    np.testing.assert_allclose(own.charges(atoms), own.charges(periodic), atol=1e-6)


@pytest.mark.parametrize("height", [0.0, 9.0, 60.0])
def test_the_height_of_the_cell_of_a_slab_does_not_matter(height):
    atoms, own = structure(SLAB), model(field=(0, 0, 0.2))
    tall = atoms.copy()
    cell = atoms.cell.array.copy()
    cell[2] = [0.7, 0.1, height]
    tall.set_cell(cell)
    np.testing.assert_allclose(own.charges(tall), own.charges(atoms), atol=1e-10)


def test_a_slab_screens_a_field_across_it_like_two_plates():
    """Layers of charge a distance d apart attract by 4πd/area, the potential of charged plates."""
    flat = Atoms("Li2", [[0, 0, 0], [0, 0, 7.0]], cell=[2.0, 2.0, 0], pbc=SLAB)
    own = ChargeEquilibration({"Li": 3.0}, {"Li": 9.0}, Gaussian(1.3), 0.0, field=(0, 0, 0.5), accuracy=1e-12)
    q = own.charges(flat)[1]
    neutral = np.array([-1.0, 1.0])
    farther = flat.copy()
    farther.positions[1, 2] = 8.0
    near, far = (neutral @ own.equilibrium(atoms).operator.matrix() @ neutral for atoms in (flat, farther))
    assert q == pytest.approx(0.5 * 7.0 / (2 * 9.0 + near), rel=1e-9)
    assert far - near == pytest.approx(4 * np.pi * COULOMB / 4.0, rel=1e-3)  # per Å, over an area of 4 Å²


def test_settings_round_trip():
    own = model(SLATERS, total_charge=None, field=(0.1, 0, 0), background=True, warn=False)
    restored = restore_charges(own.settings(), own.arrays())
    assert isinstance(restored, ChargeEquilibration)
    assert isinstance(restored, ChargeModel)
    assert restored.settings() == own.settings()
    atoms = structure()
    atoms.info["total_charge"] = 1.0
    np.testing.assert_array_equal(restored.charges(atoms), own.charges(atoms))


def test_answers_are_not_shared_and_not_stale():
    atoms, own = structure(), model()
    first = own.charges(atoms)
    first[:] = 9.0
    second = own.charges(atoms)
    assert np.abs(second).max() < 2
    atoms.positions[0, 0] += 0.01
    assert not np.array_equal(own.charges(atoms), second)
    own.electronegativity.of["Li"] = 4.0
    atoms.positions[0, 0] -= 0.01
    assert not np.array_equal(own.charges(atoms), second)


def test_can_be_sent_to_another_process():
    atoms, own = structure(), model(solver="iterative")
    found = own.charges(atoms)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(own)).charges(atoms), found)


def test_no_atoms_and_one_atom():
    own = model(total_charge=None)
    empty, single = Atoms(), Atoms("Li")
    empty.info["total_charge"], single.info["total_charge"] = 0, 1
    assert own.charges(empty).shape == (0,)
    assert own.vjp(empty, np.zeros(0))[0].shape == (0, 3)
    assert own.charges(single).tolist() == [1.0]
    assert own.chemical_potentials(single) == pytest.approx(3.0 + 9.0)


def test_who_states_the_total_charge():
    atoms = structure()
    with pytest.raises(ModelError, match="total charge"):
        model(total_charge=None).charges(atoms)
    atoms.info["total_charge"] = -1
    assert model(total_charge=2.0).charges(atoms).sum() == pytest.approx(-1)
    atoms.info["total_charge"] = float("nan")
    with pytest.raises(InputError, match="total charge is nan"):
        model().charges(atoms)


def bad(change, pbc=CLUSTER):
    atoms = structure(pbc)
    change(atoms)
    return atoms


def fragments(charges, labels=(0, 0, 0, 0, 1, 1, 1, 1), **info):
    def change(atoms):
        atoms.arrays["fragment"] = np.array(labels)
        if charges is not None:
            atoms.info["fragment_charges"] = charges
        atoms.info.update(info)

    return change


def overlapping(atoms):
    atoms.positions[6] = atoms.positions[1]


def lost(atoms):
    atoms.positions[3, 0] = np.nan


@pytest.mark.parametrize("pbc", [CLUSTER, CRYSTAL, SLAB])
@pytest.mark.parametrize(
    ("change", "message"), [(overlapping, r"atoms 1 and 6 .* overlap"), (lost, r"not finite \(atoms \[3\]")]
)
def test_structures_that_mean_nothing(pbc, change, message):
    with pytest.raises(InputError, match=message):
        model().charges(bad(change, pbc))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (fragments(None), "no info"),
        (fragments({0: 1.0}), r"no charge for fragment 1 \(atom 4\)"),
        (fragments([1.0, -1.0, 0.0]), "no atom belongs to fragment 2"),
        (fragments({0: 1.0, 1: float("inf")}), "finite charge"),
        (fragments("both"), "finite charge"),
        (fragments([1.0, 0.0], total_charge=0), r"add up to \+1 e, but the total charge is \+0 e"),
        (fragments([1.0, 0.0], [0.5] * 8), "one whole number"),
    ],
)
def test_fragments_that_mean_nothing(change, message):
    with pytest.raises(InputError, match=message):
        model().charges(bad(change))


def test_elements_without_parameters():
    atoms = structure(symbols="Li3Cl2O2Na")
    with pytest.raises(ModelError, match=r"no electronegativity for Na \(atom 7\)"):
        model().charges(atoms)


@pytest.mark.parametrize("pbc", [CRYSTAL, SLAB])
def test_charged_periodic_structures(pbc):
    with pytest.raises(InputError, match=r"total charge of \+1 e"):
        model(total_charge=1.0, background=False).charges(structure(pbc))
    if pbc == SLAB:
        with pytest.raises(InputError, match="infinite"):
            model(total_charge=1.0, background=True).charges(structure(pbc))


@pytest.mark.parametrize("pbc", [CRYSTAL, SLAB])
def test_fields_along_periodic_axes(pbc):
    with pytest.raises(InputError, match="along periodic axes"):
        model(field=(0.1, 0, 0.1)).charges(structure(pbc))


def test_one_periodic_axis_flat_cells_and_fields():
    atoms = structure()
    atoms.set_cell([6, 6, 6])
    atoms.pbc = (True, False, False)
    with pytest.raises(InputError, match="three periodic axes, two or none"):
        model().charges(atoms)
    flat = structure(SLAB)
    flat.set_cell([[1, 0, 0], [2, 0, 0], [0, 0, 5]])
    with pytest.raises(InputError, match="span no area"):
        model().charges(flat)
    with pytest.raises(InputError, match="three finite components"):
        model(field=(1.0, np.nan, 0.0))
    with pytest.raises(InputError, match="without periodic axes"):
        model().polarizability(structure(CRYSTAL))


@pytest.mark.parametrize("pbc", [CLUSTER, CRYSTAL])
def test_charges_without_minimum_name_the_atoms(pbc):
    """Hardness below the self-interaction of the density: two chlorine atoms close to each other."""
    atoms = structure(pbc)
    atoms.positions[4] = atoms.positions[3] + [0.0, 0.4, 0.0]
    soft = ChargeEquilibration(
        {"Li": 3.0, "Cl": 8.0, "O": 9.0}, {"Li": 13.0, "Cl": 5.0, "O": 13.0}, Gaussian(0.9), 0.0
    )
    assert self_interaction(Gaussian(0.9)) > 5.0
    with pytest.raises(
        ModelError, match=r"no minimum: charge that moves between atoms [34] \(Cl\), [34] \(Cl\)"
    ):
        soft.charges(atoms)


def test_singular_hardness_is_refused():
    """Point charges as far apart as their hardness says: moving charge costs nothing at all."""
    atoms = Atoms("Na2", [[0, 0, 0], [0, 0, 2.0]])
    own = ChargeEquilibration({"Na": 3.0}, {"Na": COULOMB / 2.0}, Gaussian(1e-3), 0.0)
    with pytest.raises(ModelError, match=r"atoms 0 \(Na\), 1 \(Na\)|atoms 1 \(Na\), 0 \(Na\)"):
        own.charges(atoms)
