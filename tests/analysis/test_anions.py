"""Anions of crystals that are known, of other network formers, and along a path on which one decomposes."""

import json
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io import read, write
from ase.spacegroup import crystal
from typer.testing import CliRunner

from superion.analysis.anions import AnionSettings, anions, anions_of
from superion.cli.app import app
from superion.errors import InputError
from superion.simulation import Trajectory

DATA = Path(__file__).parents[2] / "data" / "lps"


def gamma():
    """γ-Li3PS4, Pmn2₁: Mercier et al., J. Solid State Chem. 43, 151 (1982); positions rounded."""
    places = [(0.244, 0.328, 0), (0, 0.153, 0.494), (0, 0.82, 0), (0.221, 0.668, 0.893)]
    places += [(0, 0.106, 0.895), (0, 0.811, 0.335)]
    cell = (7.708, 6.535, 6.136, 90, 90, 90)
    return crystal(["Li", "Li", "P", "S", "S", "S"], places, spacegroup=31, cellpar=cell)


def hypothiodiphosphate():
    """An ordered Li4P2S6, P-31m, with P–P bonds of 2.25 Å along c and P–S of 2.03 Å."""
    places = [(1 / 3, 2 / 3, 0), (1 / 3, 2 / 3, 0.5), (0, 0, 0.171), (0.324, 0, 0.25)]
    cell = (6.07, 6.07, 6.577, 90, 90, 120)
    return crystal(["Li", "Li", "P", "S"], places, spacegroup=162, cellpar=cell)


def edge_sharing():
    """P2S6 2−: two tetrahedra that share an edge, P–S 2.13 Å there and 2.0 Å elsewhere, and two lithium."""
    half, bridge = 1.453, 1.558  # of P–P and of the two bridging S
    places = [(-half, 0, 0), (half, 0, 0), (0, 0, bridge), (0, 0, -bridge)]
    places += [(side * (half + 1.15), y, 0) for side in (-1, 1) for y in (-1.63, 1.63)]
    return Atoms("P2S6Li2", [*places, (5, 5, 5), (6, 6, 2)], cell=3 * [14.0], pbc=True)


def octahedron(symbols, distance, others=""):
    """A former and six ligands, and lithium far away."""
    places = [(0, 0, 0), *(distance * np.vstack([np.eye(3), -np.eye(3)]))]
    places += [(7, 7, 7 + k) for k in range(3)]
    return Atoms(symbols + "Li3", places, cell=3 * [16.0], pbc=True)


@pytest.mark.parametrize(
    ("atoms", "expected"),
    [
        (read(DATA / "beta-Li3PS4.extxyz", "0"), {"PS4 3-"}),
        (gamma(), {"PS4 3-"}),
        (hypothiodiphosphate(), {"P2S6 4-"}),
        (edge_sharing(), {"P2S6 2-"}),
        (octahedron("YCl6", 2.62), {"YCl6 3-"}),
        (octahedron("ZrO6", 2.1), {"ZrO6 8-"}),
        (Atoms("S2", [(0, 0, 0), (2.1, 0, 0)], cell=3 * [9.0], pbc=True), {"S2 2-"}),
    ],
)
def test_known_anions(atoms, expected):
    found = anions_of(atoms)
    assert set(found.kinds) == expected
    formers = sum(symbol in ("P", "Y", "Zr") for symbol in atoms.symbols)
    each = 2 if any(name.startswith("P2") for name in expected) else 1
    assert sum(found.kinds.values()) == max(formers // each, 1)


def test_li7p3s11_has_both_and_one_bridge_in_each_pair():
    found = anions_of(read(DATA / "Li7P3S11.vasp"))
    assert found.kinds == {"PS4 3-": 2, "P2S7 4-": 2}
    assert found.ligands == {"S": {"bridging": 2, "terminal": 20}}


def test_free_sulfide_and_a_network():
    assert anions_of(Atoms("Li2S", [(0, 0, 0), (4, 0, 0), (2, 2, 0)], cell=3 * [9.0], pbc=True)).ligands == {
        "S": {"free": 1}
    }
    chain = Atoms("SiO", [(0, 0, 0), (1.6, 0, 0)], cell=[3.2, 9, 9], pbc=True)
    assert anions_of(chain).kinds == {"network": 1}
    apart = chain.repeat((2, 1, 1))
    assert anions_of(apart).kinds == {"network": 1}
    with pytest.raises(InputError, match="usually an anion"):
        anions_of(Atoms("Li2", [(0, 0, 0), (3, 0, 0)]))
    with pytest.raises(InputError, match="no Ge"):
        anions_of(chain, AnionSettings(formers=("Ge",)))


def test_an_anion_that_decomposes_is_named(tmp_path):
    """A sulfur leaves PS4 from the third frame on: PS3 and free S."""
    start, frames = gamma(), []
    far = start.copy()
    phosphorus = next(k for k, s in enumerate(start.symbols) if s == "P")
    bonded = [
        k for k in np.argsort(start.get_distances(phosphorus, range(len(start)), mic=True)) if k != phosphorus
    ]
    way = start.get_distance(phosphorus, bonded[0], mic=True, vector=True)
    far.positions[bonded[0]] += 0.5 * way
    for k in range(6):
        frames.append(start if k < 2 else far)
    write(tmp_path / "path.xyz", frames, format="extxyz")
    found = anions(Trajectory.open(tmp_path / "path.xyz", needed=()))
    means = {one.name: one.mean for one in found.kinds}
    assert means == pytest.approx({"PS4 3-": 4 / 3, "PS3 1-": 2 / 3, "S 2-": 2 / 3})
    assert found.first_change == 2
    assert found.changed == 5
    said = CliRunner().invoke(app, ["anions", str(tmp_path / "path.xyz"), "--json", str(tmp_path / "a.json")])
    assert said.exit_code == 0, said.output
    assert "frame 2" in said.output
    assert json.loads((tmp_path / "a.json").read_text())["frames"] == 6
