from pathlib import Path

import pytest

from superion.errors import InputError
from superion.structures import read_frames
from superion.structures.convergence import not_converged
from superion.structures.foreign import Foreign
from superion.structures.formats import Source

VASP = " vasp.6.3.0 20Jan22\n"
GOOD = "------ aborting loop because EDIFF is reached ------\n"
BAD = "------ aborting loop EDIFF was not reached (unconverged) ------\n"


def source(text, name="out"):
    return Source(Path(name), name, text.encode(), Foreign())


@pytest.mark.parametrize(
    ("text", "frames", "bad"),
    [
        (VASP + GOOD + BAD + GOOD, 3, [1]),
        (VASP + GOOD * 3, 3, []),
        (VASP + BAD + GOOD + BAD, 2, [1]),  # of the first step no structure is printed
        (
            "Invoking FHI-aims ...\nSelf-consistency cycle not converged.\n"
            "Self-consistency cycle converged.\n",
            2,
            [0],
        ),
        (
            "     Program PWSCF v.7.2 starts\n convergence has been achieved in 9 iterations\n"
            " convergence NOT achieved after 100 iterations: stopping\n",
            2,
            [1],
        ),
        ("  ___ gpaw 24.1.0\nConverged after 12 iterations.\nDid not converge!\n", 2, [1]),
        (" * O   R   C   A *\nSCF NOT CONVERGED AFTER 125 CYCLES\n", 1, [0]),
        ("CP2K| version\n*** SCF run converged in 9 steps ***\n*** SCF run NOT converged ***\n", 2, [1]),
        ("2\nno program at all: SCF NOT CONVERGED AFTER\n", 1, []),
    ],
)
def test_cycles_are_counted_in_order(text, frames, bad):
    assert not_converged(source(text), frames) == bad


def vasprun(*calculations):
    steps = "".join(
        "<calculation>"
        + "".join(f'<scstep><energy><i name="e_fr_energy"> {e} </i></energy></scstep>' for e in energies)
        + "</calculation>"
        for energies in calculations
    )
    head = '<i type="int" name="NELM"> 3</i><i name="EDIFF"> 0.00010000</i>'
    return f"<?xml version='1.0'?>\n<modeling>{head}{steps}</modeling>"


def test_calculations_of_a_vasprun_that_took_all_steps():
    done, late, open_ = (-1.0, -1.2, -1.20001), (-1.0, -1.2), (-1.0, -1.2, -1.3)
    assert not_converged(source(vasprun(done, late, open_), "vasprun.xml"), 3) == [2]


@pytest.mark.parametrize("key", ["converged", "scf_converged", "is_converged", "electronic_converged"])
def test_frames_that_say_so_themselves_are_named_once(tmp_path, key):
    frame = '2\nLattice="4 0 0 0 5 0 0 0 6" REF_energy=-1 {}\nLi 0 0 0\nS 2 0 0\n'
    path = tmp_path / "a.extxyz"
    path.write_text("".join(frame.format(f"{key}={value}") for value in "TFFT"))
    with pytest.warns(UserWarning, match=rf"frames 1, 2: .*did not converge \({key} is false\)") as caught:
        assert len(read_frames(path)) == 4
    assert len(caught) == 1
    path.write_text(frame.format(f"{key}=F").replace("REF_energy=-1", ""))
    read_frames(path)  # a structure without labels


AIMS = """          Invoking FHI-aims ...
          Version 221103
  | Number of species                 :        1
  | Number of atoms                   :        2
  | Number of lattice vectors         :        0
  | Number of spin channels           :        1
  Occupation type: Gaussian broadening, width =   0.100000E-01 eV.
  | Number of Kohn-Sham states (occupied + empty):        4
  The structure contains        2 atoms,  and a total of          2.000 electrons.
  Input geometry:
  | No unit cell requested.
  | Atomic structure:
  |       Atom                x [A]            y [A]            z [A]
  |    1: Species H             0.00000000        0.00000000        0.00000000
  |    2: Species H             0.00000000        0.00000000        0.75000000

          Begin self-consistency loop: Initialization.
          Begin self-consistency iteration #    1
{first}
          Begin self-consistency loop: Re-initialization.
{second}
"""
STEP = """  Self-consistency cycle converged.
  | Total energy of the DFT / Hartree-Fock s.c.f. calculation      :            -30.50000000 eV
  | Total energy corrected        :         -0.305000000000000E+02 eV  <-- do not rely on this value
  | Total energy uncorrected      :         -0.305000000000000E+02 eV
  | Electronic free energy        :         -0.305000000000000E+02 eV

  Total atomic forces (unitary forces cleaned) [eV/Ang]:
  |    1          0.000000000000000E+00          0.000000000000000E+00          0.100000000000000E+00
  |    2          0.000000000000000E+00          0.000000000000000E+00         -0.100000000000000E+00
"""
MOVED = """  x_old_structure
  Atomic structure (and velocities) as used in the preceding time step:
                         x [A]             y [A]             z [A]
            atom         0.00000000        0.00000000        0.00000000  H
            atom         0.00000000        0.00000000        0.76000000  H
"""


@pytest.mark.parametrize("cut", [0, 60, 250, 480, 900])
def test_an_unfinished_run_of_fhi_aims_is_read_up_to_its_last_step(tmp_path, cut):
    """Killed anywhere in its second step: the first one is there."""
    second = (STEP.replace("30.5", "31.5") + MOVED)[:cut]
    (tmp_path / "aims.out").write_text(AIMS.format(first=STEP, second=second))
    (atoms,) = read_frames(tmp_path / "aims.out", ["energy=energy", "forces=forces"])
    assert atoms.info["REF_energy"] == pytest.approx(-30.5)
    assert atoms.arrays["REF_forces"][0, 2] == pytest.approx(0.1)
    assert atoms.positions[1, 2] == 0.75


def test_a_run_of_fhi_aims_that_ended(tmp_path):
    second = STEP.replace(".305", ".315") + MOVED + "          Have a nice day.\n"
    (tmp_path / "aims.out").write_text(AIMS.format(first=STEP, second=second))
    frames = read_frames(tmp_path / "aims.out", ["energy=energy", "forces=forces"])
    assert [atoms.info["REF_energy"] for atoms in frames] == pytest.approx([-30.5, -31.5])
    assert [atoms.positions[1, 2] for atoms in frames] == [0.75, 0.76]


@pytest.mark.parametrize("mark", ["          Begin", "          Begin self-consistency loop: Re-"])
def test_a_run_of_fhi_aims_without_a_whole_step(tmp_path, mark):
    (tmp_path / "aims.out").write_text(AIMS.format(first=STEP, second="").partition(mark)[0])
    with pytest.raises(InputError, match=r"aims.out: the run ended before its first step was whole"):
        read_frames(tmp_path / "aims.out")
