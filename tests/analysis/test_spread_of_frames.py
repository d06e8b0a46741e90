"""Disorder of frames against displacements that are known, and against those of a locality test."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from ase.build import bulk

from superion.analysis.disorder import disorder, unlike
from superion.electrostatics import CoulombTerm, FixedCharges, Slater
from superion.potentials import Potential
from superion.potentials.opening import open_model
from superion.study.properties.forces import Forces
from superion.study.resample import Fit


def crystals(sigma, count=40, trajectory="a", seed=0):
    """Frames of a salt whose ions lie around their sites, wrapped, as a whole anywhere."""
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        atoms = bulk("LiCl", "rocksalt", a=5.1, cubic=True).repeat((2, 2, 1))
        atoms.positions += rng.normal(0, sigma, (len(atoms), 3)) + rng.normal(0, 0.3, 3)
        atoms.info["trajectory"] = trajectory
        atoms.wrap()
        frames.append(atoms)
    return frames


@pytest.mark.parametrize("sigma", [0.03, 0.1, 0.25])
def test_known_displacements_are_found(sigma):
    assert disorder(crystals(sigma)) == pytest.approx(sigma, rel=0.06)
    few = [a for k in range(10) for a in crystals(sigma, 4, trajectory=str(k), seed=k)]
    assert disorder(few) == pytest.approx(sigma, rel=0.1)


def test_an_ion_that_wanders_and_cells_that_breathe_are_not_disorder():
    frames = crystals(0.1)
    for k, atoms in enumerate(frames):
        atoms.positions[3] += [0.05 * k, 0, 0]
        atoms.set_cell(atoms.cell * (1 + 0.03 * np.sin(k)), scale_atoms=True)
    assert disorder(frames) == pytest.approx(0.1, rel=0.1)


def test_without_a_mean_nothing_is_said():
    assert disorder(crystals(0.1, 3)) is None
    assert disorder([a for k in range(5) for a in crystals(0.1, 2, trajectory=str(k))]) is None


def test_amplitudes_are_compared():
    frames = crystals(0.1)
    assert unlike(0.1, frames) is None
    assert unlike(0.15, frames) is None
    why = unlike(0.02, frames)
    assert "lie 0.097 Å from their mean places" in why
    assert why.endswith("repeat it with --displacement 0.097")
    assert "cannot be determined" in unlike(0.1, frames[:3])
    assert "does not say" in unlike(None, frames)


def test_the_main_fit_of_a_study_says_so_and_no_other_does(tmp_path):
    model = Potential([CoulombTerm(FixedCharges({"Li": 0.5, "Cl": -0.5}), Slater.from_screening(2.0), 1e-4)])
    model.save(tmp_path / "gap.safetensors")
    frames = crystals(0.1, 4)
    for atoms in frames:
        atoms.arrays["REF_forces"] = np.zeros((len(atoms), 3))
    named = tmp_path / "locality.json"
    found = {"kind": "locality", "settings": {"displacement": 0.01}, "forces": {}, "without": {}}
    named.write_text(json.dumps(found))
    study = SimpleNamespace(
        data=SimpleNamespace(part=lambda _: frames),
        data_files={},
        open=lambda fit: open_model(tmp_path / "gap.safetensors"),
        settings=SimpleNamespace(
            properties=SimpleNamespace(chosen={}), models={"gap": None, "es-gap": None}, locality=str(named)
        ),
    )
    found = Forces(study)
    (note,) = found.measure(Fit("gap")).notes
    assert "the locality test displaced them by 0.01 Å" in note
    assert found.files(Fit("gap")) == {"locality": named}
    for other in (Fit("es-gap"), Fit("gap", 1)):
        assert not found.measure(other).notes
        assert found.files(other) == {}
