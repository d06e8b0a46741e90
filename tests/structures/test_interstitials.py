import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from superion.errors import InputError
from superion.structures.distribute import distribute, mobile_sites
from superion.structures.interstitials import interstitial_sites


def fractions(atoms, positions):
    return {tuple(np.round(f % 1, 4) % 1) for f in atoms.cell.scaled_positions(positions)}


@pytest.mark.parametrize("cubic", [True, False])
def test_holes_of_fcc(cubic):
    crystal = bulk("S", "fcc", a=5.6, cubic=cubic)
    found = interstitial_sites(crystal, ["S"])
    cells = len(crystal)
    octahedral, tetrahedral = found.coordination == 6, found.coordination == 4
    assert (octahedral.sum(), tetrahedral.sum(), len(found.radius)) == (cells, 2 * cells, 3 * cells)
    np.testing.assert_allclose(found.radius[octahedral], 2.8, atol=1e-9)
    np.testing.assert_allclose(found.radius[tetrahedral], 5.6 * np.sqrt(3) / 4, atol=1e-9)
    if cubic:
        assert fractions(crystal, found.positions[octahedral]) == {
            (0.5, 0.5, 0.5),
            (0.5, 0, 0),
            (0, 0.5, 0),
            (0, 0, 0.5),
        }
        quarters = {(a, b, c) for a in (0.25, 0.75) for b in (0.25, 0.75) for c in (0.25, 0.75)}
        assert fractions(crystal, found.positions[tetrahedral]) == quarters


def test_holes_of_bcc():
    """Voronoi vertices of bcc are the tetrahedral holes, six to an atom; octahedral ones lie between them."""
    crystal = bulk("S", "bcc", a=4.0, cubic=True)
    found = interstitial_sites(crystal, ["S"])
    assert (found.coordination == 4).all()
    np.testing.assert_allclose(found.radius, 4.0 * np.sqrt(5) / 4, atol=1e-9)
    half = {(0.5, 0.25, 0), (0.5, 0.75, 0)}
    expected = {tuple(np.roll(f, k)) for f in half | {(0.25, 0.5, 0), (0.75, 0.5, 0)} for k in range(3)}
    assert fractions(crystal, found.positions) == expected
    assert len(found.radius) == 12


def test_holes_of_hcp():
    found = interstitial_sites(bulk("S", "hcp", a=4.0, c=4.0 * np.sqrt(8 / 3)), ["S"])
    assert sorted(found.coordination.tolist()) == [4, 4, 4, 4, 6, 6]


def test_supercell_and_shift():
    crystal = bulk("S", "fcc", a=5.6, cubic=True) * (2, 1, 1)
    crystal.positions += [0.3, 1.7, -9.0]
    assert len(interstitial_sites(crystal, ["S"]).radius) == 24


def antifluorite():
    sulphur = bulk("S", "fcc", a=5.7, cubic=True)
    eighths = [(a, b, c) for a in (0.25, 0.75) for b in (0.25, 0.75) for c in (0.25, 0.75)]
    return sulphur + Atoms("Li8", scaled_positions=eighths, cell=sulphur.cell)


def test_occupied_holes_are_left_out():
    """Antifluorite: sulphur fcc, lithium on all tetrahedral holes, so that the octahedral ones remain."""
    crystal = antifluorite()
    found = interstitial_sites(crystal, ["S"], min_distances={"Li": 1.0})
    assert len(found.radius) == 4
    assert (found.coordination == 6).all()
    assert len(interstitial_sites(crystal, ["S"], min_distances={"Li": 2.6}).radius) == 0


def test_merging():
    crystal = bulk("S", "fcc", a=5.6, cubic=True)
    crystal.rattle(0.05, seed=1)
    assert len(interstitial_sites(crystal, ["S"], tolerance=0.8).radius) == 12
    assert len(interstitial_sites(crystal, ["S"], tolerance=0.0).radius) > 12


def test_refused_frameworks():
    crystal = bulk("S", "fcc", a=5.6)
    with pytest.raises(InputError, match="has no O"):
        interstitial_sites(crystal, ["O"])
    with pytest.raises(InputError, match="no framework element"):
        interstitial_sites(crystal, [])
    crystal.pbc = [True, True, False]
    with pytest.raises(InputError, match="three axes"):
        interstitial_sites(crystal, ["S"])


def chain():
    """Four Li, 4 Å apart along x, and an interstitial site 2 Å beside each along y."""
    atoms = Atoms("Li4", positions=[[4.0 * k, 0, 0] for k in range(4)], cell=[16, 9, 9], pbc=True)
    return atoms, atoms.positions + np.array([0, 2.0, 0])


def test_distribution_with_a_number_of_interstitials():
    atoms, sites = chain()
    rng = np.random.default_rng(0)
    for number in range(3):
        made = distribute(atoms, "Li", sites, rng, interstitials=number, min_distance=2.1)
        assert len(made) == 4
        assert (made.positions[:, 1] > 1).sum() == number
        assert np.allclose(np.sort(made.positions[:, 0]), [0, 4, 8, 12])
    with pytest.raises(InputError, match="cannot put 5 of 4"):
        distribute(atoms, "Li", sites, rng, interstitials=5)
    with pytest.raises(InputError, match="needs a number of interstitials"):
        distribute(atoms, "Li", sites, rng)


def test_distribution_at_a_temperature():
    """Independent sites at an energy of kT ln 3 each: the weights follow from counting."""
    from math import comb

    atoms, sites = chain()
    gap, rng = 8.617330337217213e-5 * 400 * np.log(3), np.random.default_rng(4)

    def energy(structure):
        return gap * (structure.positions[:, 1] > 1).sum()

    options = {"energy": energy, "temperature": 400, "sweeps": 6, "min_distance": 0}
    made = [distribute(atoms, "Li", sites, rng, **options) for _ in range(400)]
    numbers = [(m.positions[:, 1] > 1).sum() for m in made]
    weight = np.array([comb(4, n) ** 2 / 3**n for n in range(5)])
    mean = weight @ np.arange(5) / weight.sum()
    spread = np.sqrt(weight @ (np.arange(5) - mean) ** 2 / weight.sum() / 400)
    assert abs(np.mean(numbers) - mean) < 4 * spread


def test_mobile_sites_keep_the_framework():
    crystal = antifluorite()
    sites = interstitial_sites(crystal, ["S"], min_distances={"Li": 1.0}).positions
    made = distribute(crystal, "Li", sites, np.random.default_rng(1), interstitials=1, min_distance=2.0)
    assert made.get_chemical_formula() == "Li8S4"
    np.testing.assert_array_equal(made.positions[made.symbols == "S"], crystal.positions[:4])
    assert len(mobile_sites(crystal, "Li", sites).free) == 12
