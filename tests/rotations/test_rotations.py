"""Rotations of rigid rotors whose law is known, coupled to hops and not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from rotors import beside, diffusing, jumping, trajectory

from superion.analysis.rotations import RotationSettings, rotations
from superion.analysis.rotations.coupling import coupled
from superion.errors import InputError
from superion.structures.polyhedra import polyhedra

STEP = 0.1


def test_jumping_rotors():
    """120° about a random ligand at the rate k: C1 and C2 fall as exp(−k t) but for librations."""
    rng = np.random.default_rng(0)
    turned, events = jumping(rng, 3000, 8, 0.02, STEP)
    hops = np.column_stack([rng.integers(1, 3000, 20), rng.integers(0, 8, 20)])
    result = rotations(trajectory(turned, beside(hops, 3000, 8), STEP))
    (kind,) = result.anions
    assert kind.name == "PS4"
    assert kind.anions == 8
    assert kind.turns == pytest.approx(len(events), abs=3)  # two at once are one
    low, high = kind.rate_interval_per_ps
    assert low < 0.02 < high
    assert kind.mean_turn_degrees == pytest.approx(120, abs=4)
    assert kind.libration_degrees == pytest.approx(5, abs=0.5)
    near = np.array(result.lags_ps) < 30
    decay = np.exp(-0.02 * np.array(result.lags_ps)[near])
    np.testing.assert_allclose(np.array(result.first)[near][1:], decay[1:], atol=0.06)
    assert result.hops == pytest.approx(20, abs=4)


def test_free_rotors_relax_as_debye_says():
    """C1 = exp(−2 D t), C2 = exp(−6 D t)."""
    rng, diffusion = np.random.default_rng(1), 0.06
    turned = diffusing(rng, 3000, 12, diffusion, STEP)
    result = rotations(trajectory(turned, beside([], 3000, 12), STEP))
    assert result.first_relaxation_ps == pytest.approx(1 / (2 * diffusion), rel=0.2)
    assert result.second_relaxation_ps == pytest.approx(1 / (6 * diffusion), rel=0.2)
    assert result.p is None
    assert "no Li hops: nothing can be coupled" in result.notes


def test_librations_are_no_turns():
    rng = np.random.default_rng(2)
    turned, _ = jumping(rng, 500, 4, 0.0, STEP, libration=12.0)
    result = rotations(trajectory(turned, beside([], 500, 4), STEP))
    assert result.anions[0].turns == 0
    assert result.anions[0].rate_per_ps is None
    assert result.anions[0].rate_bound_per_ps == pytest.approx(-np.log(0.05) / (4 * 50))
    assert result.anions[0].libration_degrees == pytest.approx(12, rel=0.1)
    assert result.first_relaxation_ps is None
    assert any("no anion turns by more than 45°" in note for note in result.notes)


def test_hops_that_come_with_turns_are_told_from_others():
    rng = np.random.default_rng(3)
    turned, events = jumping(rng, 3000, 6, 0.015, STEP)
    together = rotations(trajectory(turned, beside([*events, (3, 0)], 3000, 6), STEP))
    assert together.pairs > 3 * together.pairs_by_chance
    assert together.p < 0.01
    peak = np.array(together.coupling_lags_ps)[int(np.argmax(together.coupling))]
    assert 0 <= peak <= 1
    others = np.column_stack([rng.integers(1, 3000, 60), rng.integers(0, 6, 60)])
    apart = rotations(trajectory(turned, beside(others, 3000, 6), STEP))
    assert apart.p > 0.05


def test_p_is_uniform_without_coupling():
    """Also where turns come in bursts, and some places are busier than others."""
    rng = np.random.default_rng(4)
    found = []
    for _ in range(120):
        unit = rng.integers(0, 4, 30) * rng.integers(0, 2, 30)
        time = np.sort(np.repeat(rng.uniform(0, 1000, 10), 3) + rng.uniform(0, 10, 30)) % 1000
        near = np.zeros((4, 40), dtype=bool)
        near[rng.integers(0, 2, 40), np.arange(40)] = True
        found.append(
            coupled(unit, time, rng.uniform(0, 1000, 40), near, 10.0, 1000, 59, int(rng.integers(99))).p
        )
    assert np.mean(np.array(found) <= 0.05) < 0.12
    assert 0.4 < np.mean(found) < 0.65


def test_an_anion_that_comes_apart_is_left_out():
    rng = np.random.default_rng(5)
    turned, _ = jumping(rng, 100, 3, 0.0, STEP)
    run = trajectory(turned, beside([], 100, 3), STEP)
    positions = np.array(run.positions)
    positions[60:, 3, 0] += 3.0  # a sulfur of the first leaves
    result = rotations(replace(run, positions=positions))
    assert result.anions[0].anions == 2
    assert "PS4 around atom 0 comes apart at 6 ps and is left out" in result.notes
    positions[60:, 3:15, 0] += 4.0
    with pytest.raises(InputError, match="every anion comes apart"):
        rotations(replace(run, positions=positions))
    with pytest.raises(InputError, match="there are no anions"):
        rotations(run, RotationSettings(species="P", sites="density"))


def test_polyhedra_are_those_of_bonds():
    """P2S7: two tetrahedra that share a sulfur, which is no centre; ZrO6."""
    p = np.array([[0, 0, 0], [3.4, 0, 0]])
    s = [[1.7, 1.0, 0], *([[-0.7, -0.9, 1.7 * k] for k in (-1, 1)]), [-1.2, 1.6, 0]]
    s += [[4.1, -0.9, 1.7 * k] for k in (-1, 1)] + [[4.6, 1.6, 0]]
    found = polyhedra(Atoms("P2S7Li", [*p, *s, [1.7, -2.2, 0]]), ["Li"])
    assert [(one.name, one.centre, len(one.ligands)) for one in found] == [("PS4", 0, 4), ("PS4", 1, 4)]
    assert len(set(found[0].ligands) & set(found[1].ligands)) == 1
    octahedron = Atoms("ZrO6", [[0, 0, 0], *np.eye(3) * 2.1, *-np.eye(3) * 2.1])
    assert [one.name for one in polyhedra(octahedron)] == ["ZrO6"]
