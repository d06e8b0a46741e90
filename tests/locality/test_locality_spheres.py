import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from synthetic_crystal import crystal

from superion.calculations.locality import LocalitySettings
from superion.calculations.locality.spheres import (
    Series,
    check_cell,
    displaced,
    make_series,
    reference_atoms,
    shortest_translation,
)
from superion.errors import InputError


def settings(**given: object) -> LocalitySettings:
    return LocalitySettings.model_validate({"radii": [4, 6], "reference": {"Li": 2, "Cl": 1}} | given)


def image_distances(atoms: Atoms, centre: int) -> np.ndarray:
    """(N,) Å, by going through all images, without any idea of minimum images."""
    shifts = np.stack(np.meshgrid(*[[-2, -1, 0, 1, 2]] * 3), axis=-1).reshape(-1, 3) @ atoms.cell.array
    vectors = atoms.positions[:, None] + shifts - atoms.positions[centre]
    return np.linalg.norm(vectors, axis=2).min(axis=1)


def test_what_is_inside_stays_and_everything_else_moves() -> None:
    atoms = crystal()
    given = settings(perturbations=2)
    series = make_series(atoms, [3, 40], given)
    frames = list(displaced(atoms, series, given))
    assert len(frames) == 1 + 2 * 4
    start = frames[0]
    assert np.abs(start.positions - atoms.positions).max() < 1e-8
    for frame in frames[1:]:
        moved = np.abs(frame.positions - start.positions).max(axis=1) > 0
        far = image_distances(start, int(frame.info["locality_centres"][0])) > frame.info["locality_radius"]
        assert (moved == far).all()
        assert 0 < moved.sum() < len(atoms)


def test_displacements_have_the_deviation_asked_for_and_differ() -> None:
    atoms = crystal()
    given = settings(perturbations=20, displacement=0.05)
    frames = list(displaced(atoms, make_series(atoms, [3], given), given))
    shifts = np.array([f.positions - frames[0].positions for f in frames[1:]])
    moved = shifts[np.abs(shifts).max(axis=2) > 0]
    assert moved.std() == pytest.approx(0.05, rel=0.03)
    assert len({shift.tobytes() for shift in shifts}) == len(shifts)


def test_more_perturbations_and_other_radii_keep_the_structures_made_before() -> None:
    atoms = crystal()
    few, many = settings(perturbations=1, radii=[6]), settings(perturbations=2)
    one = {f.info["frame_id"]: f for f in displaced(atoms, make_series(atoms, [3], few), few)}
    two = {f.info["frame_id"]: f for f in displaced(atoms, make_series(atoms, [3], many), many)}
    assert set(one) < set(two)
    for name, frame in one.items():
        assert (frame.positions == two[name].positions).all()


def test_shared_spheres_are_apart() -> None:
    atoms = crystal()
    given = settings(radii=[3], shared=True)
    series = make_series(atoms, list(range(8)), given)
    assert len(series) < 8
    for one in series:
        for k in one.centres:
            others = [j for j in one.centres if j != k]
            assert (image_distances(atoms, k)[others] >= 6).all()
            assert set(np.flatnonzero(image_distances(atoms, k) <= 3)).isdisjoint(one.moving)


def test_a_cell_too_small_is_refused_with_the_supercell_that_would_do() -> None:
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    with pytest.raises(
        InputError, match=r"5\.60 Å away.* of 64 atoms \(--supercell 2x2x2\), or radii up to 2\.80"
    ):
        check_cell(atoms, 5.0)
    check_cell(atoms.repeat(2), 5.0)
    check_cell(atoms, 2.8)


def test_the_supercell_named_is_the_smallest() -> None:
    cell = Atoms("H", cell=[[3, 0, 0], [-2, 8, 0], [0, 0, 20]], pbc=True)
    with pytest.raises(InputError, match="4x2x1"):
        check_cell(cell, 5.5)
    check_cell(cell.repeat((4, 2, 1)), 5.5)


def test_translations_of_a_skewed_cell_are_not_its_edges() -> None:
    skewed = Atoms("H", cell=[[4, 0, 0], [7.5, 3, 0], [0, 0, 20]], pbc=True)
    assert shortest_translation(skewed) == pytest.approx(np.hypot(0.5, 3))
    assert shortest_translation(Atoms("H", cell=skewed.cell, pbc=False)) == np.inf


def test_a_cluster_needs_no_cell() -> None:
    atoms = crystal()
    atoms.pbc = False
    (one,) = make_series(atoms, [3], settings(radii=[6]))
    assert isinstance(one, Series)
    distances = np.linalg.norm(atoms.positions - atoms.positions[3], axis=1)
    assert (one.moving == np.flatnonzero(distances > 6)).all()


def test_nothing_beyond_the_radius_is_refused() -> None:
    atoms = Atoms("LiCl", positions=[[0, 0, 0], [2, 0, 0]])
    with pytest.raises(InputError, match="no atom is more than 3 Å from atom 0"):
        make_series(atoms, [0], settings(radii=[3]))


def test_equivalent_atoms_are_not_taken_twice() -> None:
    rocksalt = bulk("NaCl", "rocksalt", a=5.6, cubic=True).repeat(2)
    with pytest.raises(InputError, match="2 inequivalent atoms of Na are wanted, and there are 1"):
        reference_atoms(rocksalt, {"Na": 2}, np.random.default_rng(0))
    rocksalt.positions[0, 0] += 0.3
    found = reference_atoms(rocksalt, {"Na": 4, "Cl": 3}, np.random.default_rng(0))
    assert len(set(found)) == 7
    assert [rocksalt[k].symbol for k in found] == ["Cl"] * 3 + ["Na"] * 4


def test_reference_atoms_follow_the_seed() -> None:
    atoms = crystal()
    drawn = [reference_atoms(atoms, {"Li": 3}, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_an_unknown_element_is_named() -> None:
    with pytest.raises(InputError, match=r"has no Mo.*Mg"):
        reference_atoms(crystal(), {"Mo": 1}, np.random.default_rng(0))


@pytest.mark.parametrize(
    "wrong", [{"radii": [4, 4.0]}, {"radii": []}, {"radii": [-1]}, {"reference": {"Li": 0}}]
)
def test_settings_without_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"radii|reference"):
        settings(**wrong)
