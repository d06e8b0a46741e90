"""The names of `import superion`: all there, all documented, and examples that run."""

import doctest
import inspect
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.emt import EMT

import superion
from superion.errors import InputError

LPS = Path(__file__).parents[1] / "data" / "lps"


def test_every_name_is_listed_found_and_documented() -> None:
    assert set(dir(superion)) == set(superion.__all__)
    for name in superion.__all__:
        thing = getattr(superion, name)
        assert name == "__version__" or len(inspect.getdoc(thing)) > 20, name
    with pytest.raises(AttributeError, match="no attribute 'ffit'"):
        superion.ffit  # noqa: B018


@pytest.mark.parametrize("name", ["check", "fit", "transport"])
def test_examples_run(name: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    ase.io.write("train.extxyz", ase.io.read(LPS / "train.extxyz", ":3"))
    rng = np.random.default_rng(1)
    rest = bulk("LiCl", "rocksalt", a=5.1, cubic=True)
    frames = []
    for _ in range(200):
        atoms = rest.copy()
        atoms.positions += rng.normal(0, 0.1, (8, 3))
        frames.append(atoms)
    ase.io.write("XDATCAR", frames, format="vasp-xdatcar")
    thing = getattr(superion, name)
    test = doctest.DocTestFinder().find(thing, name, globs={"superion": superion})[0]
    assert test.examples
    said: list[str] = []
    found = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=said.append)
    assert found.failed == 0, "".join(said)


def test_a_fit_takes_labels_of_calculators_and_says_what_is_missing() -> None:
    frames = []
    for seed in range(4):
        atoms = bulk("Cu", cubic=True)
        atoms.rattle(0.1, seed=seed)
        atoms.calc = EMT()
        atoms.get_forces()
        atoms.get_stress()
        frames.append(atoms)
    small = {"soap": {"n_max": 3, "l_max": 2, "sparse_points": 10}, "angle": None}
    potential = superion.fit(frames, settings=small, seed=3)
    assert potential.provenance["settings"]["fit"]["seed"] == 3
    found = potential.evaluate(frames[0])
    assert found.energy == pytest.approx(frames[0].get_potential_energy(), abs=0.02)
    np.testing.assert_allclose(found.forces, frames[0].get_forces(), atol=0.3)
    fresh = frames[0].copy()
    fresh.calc = EMT()
    with pytest.raises(InputError, match="has a calculator that has computed nothing"):
        superion.fit([fresh])
    with pytest.raises(InputError, match=r"unknown preset 'gpa'. Did you mean 'gap'"):
        superion.fit(frames, "gpa")
    with pytest.raises(InputError, match=r"soap.sparse_point: unknown key. Did you mean 'sparse_points'"):
        superion.fit(frames, settings={"soap": {"sparse_point": 1}})


def test_transport_names_a_key_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"hop_lenght: unknown key. Did you mean 'hop_length'"):
        superion.transport(tmp_path / "run", hop_lenght=3.0)
