"""Files of other programs, and of our own calculator, through the command line."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from ase.constraints import FixAtoms
from ase.io import read, write
from command_line import refused, succeeds
from toy_salt import FIT, TRUTH, crystal, frames, lone_atoms

from superion.calculations.relaxation import relaxed
from superion.files import sha256
from superion.potentials import Calculator
from superion.simulation import read_trajectory
from superion.structures import read_frames, read_structure

LPS = Path(__file__).parents[2] / "data" / "lps"
MOLECULES = Path(__file__).parents[2] / "data" / "molecules" / "dipoles.extxyz"
FOREIGN = Path(__file__).parents[1] / "structures" / "foreign"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """model.safetensors, and own.extxyz as ASE writes a structure with our own calculator."""
    root = tmp_path_factory.mktemp("reading")
    TRUTH.save(root / "model.safetensors")
    atoms = crystal()
    atoms.rattle(0.05, rng=np.random.default_rng(0))
    atoms.calc = Calculator(root / "model.safetensors")
    atoms.get_potential_energy()
    write(root / "own.extxyz", atoms)
    (root / "fit.yaml").write_text(yaml.safe_dump(FIT))
    return root


def fit(root, *files_and_options):
    output = ("-o", root / "fitted.safetensors")
    return ("fit", *files_and_options, "--config", root / "fit.yaml", *output, "--workers", 1)


def foreign(made, name="dft_stress"):
    """Frames with the labels of ours under the names of others."""
    for atoms in made:
        atoms.info["energy"] = atoms.info.pop("REF_energy")
        if "REF_forces" in atoms.arrays:
            atoms.arrays["forces"] = atoms.arrays.pop("REF_forces")
        if "REF_stress" in atoms.info:
            atoms.info[name] = atoms.info.pop("REF_stress")
    return made


def test_a_file_of_our_own_calculator_comes_back_with_the_same_numbers(root):
    (atoms,) = read_frames(root / "own.extxyz", {"energy": "energy", "forces": "forces", "stress": "stress"})
    expected = TRUTH.evaluate(atoms)
    assert atoms.info["REF_energy"] == pytest.approx(expected.energy, abs=1e-6)
    np.testing.assert_allclose(atoms.arrays["REF_forces"], expected.forces, atol=1e-6)
    shown = succeeds("evaluate", root / "model.safetensors", root / "own.extxyz", "--key", "energy=energy")
    assert "RMSE energy" in shown
    assert "energy: energy (" in " ".join(succeeds("census", root / "own.extxyz").split())


@pytest.mark.parametrize(
    "command",
    [
        ("md", "MODEL", "FILE", "--temperature", 100, "--steps", 10),
        ("perturb", "FILE", "--rattle", 0.01),
        ("evaluate", "MODEL", "FILE"),
        ("profile", "FILE", "--model", "MODEL", "--layers", 50),
    ],
)
def test_every_command_reads_it(root, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    names = {"MODEL": root / "model.safetensors", "FILE": root / "own.extxyz"}
    words = [names.get(word, word) for word in command]
    for k, options in enumerate(((), ("--key", "energy=energy", "--total-charge", 0))):
        output = ("-o", f"out-{k}") if command[0] in ("md", "perturb") else ()
        succeeds(*words, *output, *options)


def test_foreign_training_with_isolated_atoms_and_our_own_test_set(root):
    made = frames()
    write(root / "foreign.extxyz", foreign(made[:8]))
    write(root / "lone.extxyz", foreign(lone_atoms()))
    write(root / "test.extxyz", made[8:])
    files = (root / "foreign.extxyz", root / "lone.extxyz", "--test", root / "test.extxyz")
    keys = ("--key", "energy=energy", "--key", "forces=forces", "--key", "stress=dft_stress:voigt")
    shown = succeeds(*fit(root, *files, *keys))
    assert "train: 8 frames, RMSE energy" in shown
    assert "test: 4 frames, RMSE energy" in shown
    message = refused(*fit(root, *files, *keys[:-1], "stress=dft_stres"))
    assert "no frame has the key 'dft_stres' that is mapped to stress. Did you mean 'dft_stress'?" in message
    assert "foreign.extxyz, " in message


def test_energies_that_are_there_but_not_mapped_stop_a_fit(root):
    made = frames(trajectories="a")
    for atoms in made:
        atoms.info["e"] = atoms.info.pop("REF_energy")
        atoms.arrays["force"] = atoms.arrays.pop("REF_forces")
    write(root / "half.extxyz", made)
    message = refused(*fit(root, root / "half.extxyz"))
    assert "4 of 4 frames (first half.extxyz#0) have no REF_energy, and 4 of 4" in message
    assert "but keys that look like it: energy: e (" in message
    assert "--key energy=KEY[:UNIT] --key forces=KEY[:UNIT] (--key energy=none: do without)" in message
    keys = ("--key", "energy=e", "--key", "forces=force")
    message = refused(*fit(root, root / "half.extxyz", *keys[:2]))
    assert "have no REF_forces" in message
    assert "REF_energy" not in message
    succeeds(*fit(root, root / "half.extxyz", *keys))
    shown = succeeds(*fit(root, root / "half.extxyz", "--key", "energy=none", "--key", "forces=force"))
    assert "train: 4 frames, RMSE forces" in shown


def test_fixed_atoms_do_not_move(root, tmp_path):
    atoms = crystal()
    atoms.rattle(0.05, rng=np.random.default_rng(1))
    atoms.set_constraint(FixAtoms(indices=np.flatnonzero(atoms.symbols == "Cl")))
    write(tmp_path / "fixed.vasp", atoms)
    run = ("--temperature", 600, "--steps", 20, "--sample-every", 10, "-o", tmp_path / "run")
    succeeds("md", root / "model.safetensors", tmp_path / "fixed.vasp", *run)
    moved = np.linalg.norm(np.diff(read_trajectory(tmp_path / "run").positions[[0, -1]], axis=0)[0], axis=1)
    start = read_structure(tmp_path / "fixed.vasp")
    assert (moved[start.symbols == "Cl"] == 0).all()
    assert (moved[start.symbols == "Li"] > 1e-3).all()
    rest = relaxed(start, Calculator(root / "model.safetensors"), fmax=0.01)
    np.testing.assert_array_equal(
        rest.positions[start.symbols == "Cl"], start.positions[start.symbols == "Cl"]
    )


def test_molecules_that_state_no_total_charge(root):
    made = read(MOLECULES, "::40")
    for atoms in made:
        atoms.info.pop("total_charge", None)
    write(root / "molecules.extxyz", made)
    command = ("fit", root / "molecules.extxyz", "--preset", "kqeq", "-o", root / "kqeq.safetensors")
    assert "--total-charge 0" in refused(*command)
    succeeds(*command, "--total-charge", 0)
    succeeds("evaluate", root / "kqeq.safetensors", root / "molecules.extxyz", "--total-charge", 0)


def test_guesses_are_no_commands_to_copy():
    shown = " ".join(succeeds("census", FOREIGN / "mace_predictions_beside_labels.xyz").split())
    assert "energy: energy (-2080.86) or MACE_energy (-2080.11, of a model?)" in shown
    assert "=MACE_energy" not in shown
    shown = " ".join(succeeds("census", FOREIGN / "lammps_dump_forces.lammpstrj").split())
    assert "energy" not in shown.partition("seen but not read")[2]


def test_a_fit_to_a_folder_of_deepmd(root, tmp_path):
    made = frames(trajectories="a")
    part = tmp_path / "system" / "set.000"
    part.mkdir(parents=True)
    (tmp_path / "system" / "type_map.raw").write_text("Li Cl")
    (tmp_path / "system" / "type.raw").write_text(" ".join("01"[s == "Cl"] for s in made[0].symbols))
    np.save(part / "coord.npy", [atoms.positions.ravel() for atoms in made])
    np.save(part / "box.npy", [atoms.cell.array.ravel() for atoms in made])
    np.save(part / "energy.npy", [atoms.info["REF_energy"] for atoms in made])
    np.save(part / "force.npy", [atoms.arrays["REF_forces"].ravel() for atoms in made])
    shown = succeeds(*fit(root, tmp_path / "system", "--test", root / "own.extxyz", "--key", "energy=energy",
                          "--key", "forces=forces"))  # fmt: skip
    assert "train: 4 frames, RMSE energy" in shown
    assert "test: 1 frames, RMSE energy" in shown
    first = sha256(tmp_path / "system")
    np.save(part / "energy.npy", np.zeros(4))
    assert sha256(tmp_path / "system") != first


def test_elements_and_charges_of_lammps(root, tmp_path):
    head = "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n0 6\n0 6\n0 6\n"
    (tmp_path / "a.lammpstrj").write_text(head + "ITEM: ATOMS id type x y z\n1 1 0 0 0\n2 2 3 3 3\n")
    assert "--elements Li,P,S" in refused("evaluate", root / "model.safetensors", tmp_path / "a.lammpstrj")
    out = ("-o", tmp_path / "b.extxyz", "--elements", "Li,Cl", "--total-charge", 0)
    succeeds("evaluate", root / "model.safetensors", tmp_path / "a.lammpstrj", *out)
    atoms = read_structure(tmp_path / "b.extxyz")
    assert str(atoms.symbols) == "LiCl"
    assert atoms.info["total_charge"] == 0
