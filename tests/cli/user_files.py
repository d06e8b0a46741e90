"""Files of a user, and what somebody does who follows a remedy to the letter.

A row is a command that fails, what its message says, with the parts to copy in groups, and the commands of
somebody who follows it: `...` is the command that failed, {0} the first group, `edit` changes a file. Of an
option that is given twice the later one counts. After `!` another error may follow: toys are short.
"""

import re
import shlex
import shutil
from pathlib import Path

import yaml
from ase import Atoms
from ase.build import bulk
from ase.io import write
from command_line import call, succeeds
from toy_salt import FIT, TRUTH, crystal, frames, lone_atoms

from superion.potentials import Potential
from superion.potentials.classical.pair_forms import Morse
from superion.potentials.classical.pair_potentials import PairPotentials

CIF = """data_x
_cell_length_a 4.0
_cell_length_b 4.0
_cell_length_c 4.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Li1 Li 0 0 0 0.5
Cl1 Cl 0.5 0.5 0.5 1
"""
DUMP = """ITEM: TIMESTEP
0
ITEM: NUMBER OF ATOMS
2
ITEM: BOX BOUNDS pp pp pp
0 4
0 4
0 4
ITEM: ATOMS id type x y z
1 1 0 0 0
2 2 2 2 2
"""
DATA = """two ions

2 atoms
2 atom types

0 4 xlo xhi
0 4 ylo yhi
0 4 zlo zhi

Atoms

1 1 0 0 0
2 2 2 2 2
"""


def write_files(root):
    """Models, structures and labels, settings."""
    Potential([PairPotentials({("Cu", "Cu"): Morse(0.34, 1.36, 2.87)}, cutoff=4.5)]).save(
        root / "copper.safetensors"
    )
    TRUTH.save(root / "salt.safetensors")
    copper, salt = bulk("Cu", a=3.88, cubic=True), crystal()
    write(root / "copper.vasp", copper, format="vasp")
    write(root / "copper.extxyz", copper, format="extxyz")
    write(root / "squeezed.extxyz", bulk("Cu", a=3.6, cubic=True), format="extxyz")
    write(root / "cluster.extxyz", Atoms("Cu4", copper.positions), format="extxyz")
    write(root / "salt.extxyz", salt, format="extxyz")
    write(root / "vacancy.extxyz", salt[1:], format="extxyz")
    salt.pbc = (True, True, False)
    write(root / "slab.extxyz", salt, format="extxyz")
    known = frames(4, "ab")
    write(root / "train.extxyz", known + lone_atoms(), format="extxyz")
    write(root / "twice.extxyz", [*known, known[0]], format="extxyz")
    foreign = [atoms.copy() for atoms in known]
    for atoms in foreign:
        atoms.info = {"energy_dft": atoms.info["REF_energy"]}
        atoms.arrays["f_dft"] = atoms.arrays.pop("REF_forces")
    write(root / "foreign.extxyz", foreign, format="extxyz")
    molecules = [Atoms("LiCl", [[0, 0, 0], [x, 0, 0]]) for x in (2.0, 2.1, 2.2)]
    for atoms in molecules:
        atoms.info["REF_dipole"] = [-0.8 * atoms.positions[1, 0], 0, 0]
    write(root / "molecules.extxyz", molecules, format="extxyz")
    (root / "gap.yaml").write_text(yaml.safe_dump(FIT))
    (root / "kqeq.yaml").write_text("{steps: 2, electronegativity: [{cutoff: 4.0, n_max: 2, l_max: 1}]}")
    (root / "emt.yaml").write_text("labeller: {ase: 'ase.calculators.emt:EMT'}\n")
    (root / "half.cif").write_text(CIF)
    (root / "dump.lammpstrj").write_text(DUMP)
    (root / "two.data").write_text(DATA)


def flat(result):
    return " ".join(result.output.replace("│", " ").split())


def follow(command, message):
    """Run one command of somebody who follows a remedy."""
    words = shlex.split(command)
    if words[0] == "edit":
        name, old, new = words[1:]
        text = Path(name).read_text()
        assert old in text
        Path(name).write_text(text.replace(old, new))
    elif words[0] == "!":
        result = call(*words[1:])
        assert result.exit_code in (0, 2, 3), (result.output, result.exception)
        assert message not in flat(result)
    else:
        succeeds(*words)


def check(row, store, folder, monkeypatch):
    """Copy the files of `store`, run the command of a row, and follow what it says."""
    failing, said, then = row
    shutil.copytree(store, folder)
    monkeypatch.chdir(folder)
    *before, last = failing.split(" && ")
    for command in before:
        follow(command, "")
    result = call(*shlex.split(last))
    assert result.exit_code == 2, (result.output, result.exception)
    message = flat(result)
    found = re.search(said, message)
    assert found, message
    for command in then.format(*found.groups()).split(" && "):
        follow(command.replace("...", last), message)
