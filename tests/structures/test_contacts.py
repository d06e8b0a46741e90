"""No structure that is made here has atoms closer than any bond."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.io import read

from superion.errors import InputError
from superion.structures.contacts import SHORTEST, check_contacts, contacts, limit_from, without_contacts
from superion.structures.distribute import distribute, mobile_sites
from superion.structures.interstitials import interstitial_sites
from superion.structures.perturb import frenkel_pairs, rattle, strain

CRYSTAL = Path(__file__).parents[2] / "data/lps/Li7P3S11.vasp"


def test_worst_contact_first():
    atoms = Atoms("LiPS", positions=[[0, 0, 0], [0.007, 0, 0], [0, 1.2, 0]])
    found = contacts(atoms)
    assert [(c.i, c.j) for c in found] == [(0, 1), (0, 2), (1, 2)]
    assert str(found[0]) == "atoms 0 (Li) and 1 (P) are 0.007 Å apart, closer than any bond (1.41 Å)"
    with pytest.raises(InputError, match=r"the test: atoms 0 \(Li\) and 1 \(P\) are 0\.007.*Remedy: none\."):
        check_contacts(atoms, "the test", "none.")
    with pytest.raises(InputError, match="the test: "):
        check_contacts(Atoms("Li2", positions=np.zeros((2, 3))), "the test", "none.")


@pytest.mark.parametrize(
    "atoms",
    [
        molecule("H2"), molecule("H2O"), molecule("N2"), molecule("CO"), molecule("C2H2"), molecule("LiF"),
        bulk("NaCl", "rocksalt", 5.64), bulk("Li", "bcc", 3.5), bulk("C", "diamond", 3.57), read(CRYSTAL),
        bulk("C", "diamond", 3.57 * 0.8),
    ],
)  # fmt: skip
def test_bonds_are_no_contacts(atoms):
    assert contacts(atoms) == []
    assert limit_from(atoms) == SHORTEST


def test_ions_are_not_distributed_onto_other_atoms():
    """Voronoi sites of S alone are the centres of tetrahedra, where P is."""
    atoms = read(CRYSTAL)
    sites = interstitial_sites(atoms, ["S"]).positions
    with pytest.warns(
        UserWarning, match=r"sites are too close to atoms for Li: site \d+ is 0\.\d+ Å from atom"
    ):
        made = [distribute(atoms, "Li", sites, np.random.default_rng(k), interstitials=3) for k in range(10)]
    assert all(contacts(one) == [] for one in made)
    with pytest.warns(UserWarning, match="they are left out"):
        model = mobile_sites(atoms, "Li", sites)
    assert len(model.positions) < len(atoms) + len(sites)
    with pytest.warns(UserWarning, match="they are left out"):
        moved = frenkel_pairs(atoms, "Li", sites, 2, np.random.default_rng(0), min_distance=1.5)
    assert contacts(moved) == []
    on_top = atoms.positions[atoms.symbols == "P"] + 0.01
    with pytest.raises(InputError, match=r"6 of 6 sites are too close.*min_distances=\{'P': 2\.0\}"):
        without_contacts(atoms, "Li", on_top)
    apart = interstitial_sites(atoms, ["S"], min_distances={"P": 2.0}).positions
    assert without_contacts(atoms, "Li", apart) is apart


def test_rattled_and_strained_structures_have_none():
    atoms = read(CRYSTAL)
    moved = rattle(atoms, 0.25, np.random.default_rng(0), min_distance=0.0)
    assert contacts(moved) == []
    with pytest.raises(InputError, match="the strained structure: atoms"):
        strain(bulk("C", "diamond", 2.3), 0.4, np.random.default_rng(5))
    close = Atoms("Li2", positions=[[0, 0, 0], [1.2, 0, 0]])  # as given, so it may stay
    rattle(close, 0.01, np.random.default_rng(0))
