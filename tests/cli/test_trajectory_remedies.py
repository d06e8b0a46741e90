"""Remedies for trajectories of other programs, followed to the letter (rows: see `user_files`)."""

import pytest
from ase.build import bulk
from ase.io import write
from foreign_walks import by_chemfiles, cp2k, dump, walk, xdatcar
from toy_salt import TRUTH
from user_files import check

from superion.potentials import Potential
from superion.potentials.classical.pair_forms import Morse
from superion.potentials.classical.pair_potentials import PairPotentials

MD = "md copper.safetensors copper.vasp --output run --temperature 300 --steps 10 --sample-every 5"
BARE = "transport --species Li --reference none"
FOLLOWED = f"{BARE} --timestep 100 --temperature 500"
ROWS = [
    (f"{BARE} XDATCAR", r"say it: (--timestep) FS .* and (--temperature) K", "... {0} 100 {1} 500"),
    (f"{FOLLOWED} half.XDATCAR", r"never moved back into the cell: (--unwrapped)", "... {0}"),
    (f"{FOLLOWED} broken.XDATCAR", r"the frames before \((--frames :\d+)\)", "... {0}"),
    (f"{FOLLOWED} cp2k.xyz", r"in Å, (--cell) 10,10,12", "... {0} 9,9,9"),
    (f"{FOLLOWED} cp2k.xyz", r"or (--cell-file) PROJECT-1\.cell", "... {0} walk-1.cell"),
    (f"{FOLLOWED} uneven.lammpstrj --frames :110", r"(--elements) Li,P,S;", "... {0} Li,S"),
    (f"{FOLLOWED} uneven.lammpstrj --elements Li,S", r"part that is even: (--frames \S+)\.", "... {0}"),
    (f"{FOLLOWED} run.xtc", r"atoms in the same order: (--topology) start", "... {0} start.extxyz"),
    (f"{FOLLOWED} XDATCAR --frames 0:-1", r"(--frames 100:) or (--frames ::10)\.", "! ... {0} && ! ... {1}"),
    (f"{FOLLOWED} XDATCAR --masses Na=23", r"masses in amu: (--masses Li=6\.015)", "... {0}"),
    (f"{FOLLOWED} XDATCAR --timestep 0", r"write fs from frame to frame", "... --timestep 100"),
    (f"{MD} && export run a.traj --timestep 2", r"leave it out", "export run a.traj"),
    ("infrared XDATCAR", r"name the model with charges \((--model) FILE\)", "! ... {0} salt.safetensors"),
    (f"dielectric {MD.split()[2]}", r"need (--temperature)", "! ... {0} 300"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("files")
    morse = PairPotentials({("Cu", "Cu"): Morse(0.34, 1.36, 2.87)}, cutoff=4.5)
    Potential([morse]).save(root / "copper.safetensors")
    TRUTH.save(root / "salt.safetensors")
    write(root / "copper.vasp", bulk("Cu", a=3.88, cubic=True), format="vasp")
    paths, cells = walk(120)
    xdatcar(root / "XDATCAR", paths, cells)
    broken = (root / "XDATCAR").read_text().split("\n")
    broken[7 + 25 * 110 + 5] = "0.1 0.2"
    (root / "broken.XDATCAR").write_text("\n".join(broken))
    cp2k(root / "cp2k.xyz", paths, cells)
    steps = [*range(0, 6000, 50), *range(6010, 6060, 10)]
    dump(root / "uneven.lammpstrj", *walk(125), steps=steps, name="type")
    by_chemfiles(root / "run.xtc", paths, cells)
    paths[60:, 0] = paths[59, 0] + [0.49, 0, 0]
    xdatcar(root / "half.XDATCAR", paths, cells)
    return root


@pytest.mark.parametrize("row", ROWS, ids=[row[1] for row in ROWS])
def test_who_follows_a_remedy_succeeds(store, tmp_path, monkeypatch, row):
    check(row, store, tmp_path / "here", monkeypatch)
