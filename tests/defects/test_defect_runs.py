"""Runs of defects: recombination, doubts, resumption, labels."""

import json

import numpy as np
import pytest
from ase.io import read, write
from ionic_salt import REPULSION, RIGID, SALT, crystal, settings

from superion.calculations.defects import (
    BACK,
    FRAMES,
    JOURNAL,
    RESULT,
    frenkel_pairs_of,
    labelled_energies,
    run_defects,
)
from superion.calculations.defects.assemble import Cell, defect_energy
from superion.calculations.defects.relaxer import Relaxed, Relaxer
from superion.electrostatics import (
    ChargeEquilibration,
    CoulombTerm,
    EquilibrationTerm,
    FixedCharges,
    Gaussian,
    Point,
)
from superion.errors import InputError, ModelError
from superion.potentials import Potential
from superion.terms import Evaluation

FIELDS = {"fields": [-0.05, 0.05], "axes": ["z"]}


def run(folder, potential=SALT, start=None, **values):
    return run_defects(potential, crystal(), settings(**values), folder, start=start, progress=False)


def test_close_pair_recombines_and_a_far_one_stays(tmp_path):
    close, far = run(tmp_path, separation=2.4, count=2).defects
    assert close.energy is None
    assert close.why == BACK
    assert close.arrangement.perfect
    assert far.why is None
    assert far.arrangement.vacancies == (far.defect.vacancy,)
    assert 2.5 < far.energy < 3.5
    assert far.flags == ()


def test_energy_is_that_of_relaxed_structures(tmp_path):
    (pair,) = run(tmp_path).defects
    frames = {atoms.info["frame_id"]: atoms for atoms in read(tmp_path / FRAMES, ":")}
    assert set(frames) == {"2x2x2/crystal/0", f"2x2x2/{pair.name}/0"}
    found = {name: SALT.evaluate(atoms) for name, atoms in frames.items()}
    assert all(np.linalg.norm(one.forces, axis=1).max() < 1.001e-3 for one in found.values())
    crystal_energy, energy = (found[name].energy for name in sorted(found, reverse=True))
    assert pair.energy == pytest.approx(energy - crystal_energy, abs=1e-5)


def test_relaxed_structures_state_the_charge_of_their_crystal(tmp_path):
    neutral = crystal()
    neutral.info["total_charge"] = 0.0
    run_defects(SALT, neutral, settings(), tmp_path, progress=False)
    assert [atoms.info.get("total_charge") for atoms in read(tmp_path / FRAMES, ":")] == [0.0, 0.0]


def test_doubts_are_told(tmp_path):
    (pair,) = run(tmp_path, steps=3, overlap=20.0).defects
    assert any("not relaxed after 3 steps" in flag for flag in pair.flags)
    assert any("images of the defect are 11.3 Å away" in flag for flag in pair.flags)


def test_a_crystal_that_is_not_the_ground_state_is_told():
    perfect, wanted = crystal().repeat((2, 2, 2)), settings()
    (pair,) = frenkel_pairs_of(crystal(), wanted)
    made = pair.atoms(crystal(), (2, 2, 2))

    def told(positions, energy):
        found = [Relaxed(p, e, converged=True) for p, e in ((perfect.positions, 0.0), (positions, energy))]
        cell = Cell((2, 2, 2), perfect, found[0], found[1:], [None])
        return defect_energy(pair, 0, cell, crystal(), wanted)

    lower = told(made.positions, -0.3)
    assert lower.energy == -0.3
    assert "not the ground state: 0.3 eV below" in lower.flags[0]
    assert told(made.positions, 0.3).flags == ()
    back = told(perfect.positions, -0.3)
    assert (back.energy, back.why) == (None, BACK)
    assert "not the ground state" in back.flags[0]
    assert "a distortion that costs 0.3 eV" in told(perfect.positions, 0.3).why


class Broken:
    """A term whose energy is not a number as soon as an atom leaves its site."""

    kind = "broken"

    def evaluate(self, atoms):
        gone = np.abs(atoms.positions - crystal().repeat((2, 2, 2)).positions).max() > 1
        return Evaluation(np.nan if gone else 0.0, np.zeros(64), np.zeros((64, 3)), np.zeros((3, 3)))

    def settings(self):
        return {}

    def arrays(self):
        return {}


@pytest.mark.parametrize(("more", "kept"), [(2, True), (3, False)])
def test_a_crystal_that_rearranges_around_a_pair_has_no_energy(more, kept):
    perfect, wanted = crystal().repeat((2, 2, 2)), settings()
    (pair,) = frenkel_pairs_of(crystal(), wanted)
    made = pair.atoms(crystal(), (2, 2, 2))
    others = [8, 16, 32][:more]  # sodium, in other cubic cells
    made.positions[others] += 5.64 / 4  # to the centre of an eighth of the cubic cell
    found = [Relaxed(p, e, converged=True) for p, e in ((perfect.positions, 0.0), (made.positions, -20.0))]
    found = defect_energy(pair, 0, Cell((2, 2, 2), perfect, found[0], found[1:], [None]), crystal(), wanted)
    assert len(found.arrangement.vacancies) == 1 + more
    assert (found.energy is not None) == kept
    assert kept or "4 sites are empty" in found.why


def test_energies_that_are_no_numbers_are_never_given(tmp_path):
    (pair,) = run(tmp_path, Potential([*SALT.terms, Broken()])).defects
    assert pair.energy is None
    assert "not finite" in pair.why
    json.loads((tmp_path / RESULT).read_text(), parse_constant=pytest.fail)


def test_unknown_species_stop_the_run(tmp_path):
    other = crystal()
    other.symbols[0] = "K"
    with pytest.raises(ModelError, match=r"contains \['K'\]"):
        run_defects(SALT, other, settings(), tmp_path, progress=False)


def test_what_the_charges_of_a_crystal_lack_is_told_with_its_remedy(tmp_path):
    model = ChargeEquilibration({"Na": 2.8, "Cl": 8.6}, {"Na": 12.0, "Cl": 14.0}, Gaussian(0.9))
    potential, wanted = Potential([EquilibrationTerm(model)]), settings(fmax=RIGID)
    charged = crystal()
    charged.info = {}
    with pytest.raises(ModelError, match=r"states the total charge.*Remedy: give --total-charge 0"):
        run_defects(potential, charged, wanted, tmp_path, progress=False)
    charged.info = {"total_charge": 0.0}
    assert run_defects(potential, charged, wanted, tmp_path / "neutral", progress=False).notes == ()
    charged.info = {"total_charge": 1.0}
    found = run_defects(potential, charged, wanted, tmp_path, progress=False)
    assert any("the crystal without defects states +1 e" in note for note in found.notes)


class Killed(Exception):
    pass


def test_a_killed_run_goes_on_without_doing_work_again(tmp_path, monkeypatch):
    whole = run(tmp_path / "whole", **FIELDS)
    relax, done = Relaxer.__call__, []

    def counted(self, place):
        if len(done) == 3:
            raise Killed
        done.append(place)
        return relax(self, place)

    monkeypatch.setattr(Relaxer, "__call__", counted)
    with pytest.raises(Killed):
        run(tmp_path / "killed", **FIELDS)
    monkeypatch.undo()
    rest_of_it = run(tmp_path / "killed", **FIELDS)
    assert (whole.computed, rest_of_it.computed) == (6, 3)
    assert rest_of_it.record(settings()) == whole.record(settings())
    assert run(tmp_path / "killed", **FIELDS).computed == 0


def test_damage_is_named_and_only_what_is_lost_is_done_again(tmp_path):
    run(tmp_path)
    journal = tmp_path / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0] + lines[1][:200] + b"X" + lines[1][201:])
    again = run(tmp_path)
    assert again.computed == 1
    assert any("journal.jsonl, line 2: " in note and "set aside" in note for note in again.notes)


def test_other_settings_and_other_models_share_nothing(tmp_path):
    first = run(tmp_path)
    other = run(tmp_path, fmax=5e-3)
    assert other.computed == 2
    assert "2 relaxations" in " ".join(other.notes)
    weaker = Potential([CoulombTerm(FixedCharges({"Na": 0.9, "Cl": -0.9}), Point(), 1e-8), REPULSION])
    assert run(tmp_path, weaker).computed == 2
    back = run(tmp_path)
    assert back.computed == 0
    assert back.defects[0].energy == first.defects[0].energy


def test_another_model_starts_where_the_first_came_to_rest(tmp_path):
    (first,) = run(tmp_path / "first").defects
    (again,) = run(tmp_path / "again", start=tmp_path / "first").defects
    assert again.steps == 0
    assert again.energy == pytest.approx(first.energy, abs=1e-6)
    assert again.arrangement.vacancies == first.arrangement.vacancies
    assert again.arrangement.moved == pytest.approx(first.arrangement.moved)
    with pytest.raises(InputError, match="holds no defects"):
        run(tmp_path / "again", start=tmp_path)
    other = crystal()
    other.set_cell(other.cell * 1.01, scale_atoms=True)
    with pytest.raises(InputError, match="of another crystal"):
        run_defects(SALT, other, settings(), tmp_path / "other", start=tmp_path / "first", progress=False)


@pytest.mark.physics
def test_processes_give_the_same(tmp_path):
    wanted = settings(count=2, separation=2.4, **FIELDS)
    here, there = (
        run_defects(SALT, crystal(), wanted, tmp_path / str(n), parallel=n, progress=False) for n in (1, 2)
    )
    assert here.record(wanted) == there.record(wanted)


def test_labels_of_the_relaxed_structures(tmp_path):
    result = run(tmp_path)
    frames = read(tmp_path / FRAMES, ":")
    for k, atoms in enumerate(frames):
        atoms.calc = None
        atoms.info["REF_energy"] = [-3.0, 4.0][k]
    write(tmp_path / "labelled.extxyz", frames, format="extxyz")
    (found,) = labelled_energies(result, tmp_path / "labelled.extxyz")
    assert found.label == pytest.approx(7.0)
    assert found.to_json()["difference_eV"] == pytest.approx(result.defects[0].energy - 7.0)
    frames[1].info["model_energy"] += 0.1
    write(tmp_path / "other.extxyz", frames, format="extxyz")
    with pytest.raises(InputError, match="are of another run"):
        labelled_energies(result, tmp_path / "other.extxyz")
    write(tmp_path / "half.extxyz", frames[1:], format="extxyz")
    with pytest.raises(InputError, match="no defect and its crystal both"):
        labelled_energies(result, tmp_path / "half.extxyz")
