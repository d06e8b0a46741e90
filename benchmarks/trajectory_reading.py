"""How fast are trajectories read, beside ASE and chemfiles, and in how much memory?

    OMP_NUM_THREADS=1 python benchmarks/trajectory_reading.py            # 5,000 frames, some minutes

A walk of 200 atoms in a triclinic cell, written as text by ourselves: a dump of LAMMPS (xs, shuffled ids),
an XDATCAR and extended XYZ. All readers end with positions (F, N, 3) and cells (F, 3, 3) in memory; superion
also follows the paths through the cell and checks every frame. Readings take turns, each in a process of its
own; given are medians. Prints JSON: processor time in s and peak memory in MB, beyond that of an import.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

FRAMES, ATOMS, TURNS = 5000, 200, 3
CELL = np.array([[16.0, 0, 0], [2.0, 15.0, 0], [-3.0, 1.5, 14.0]])
SYMBOLS = ["Li"] * 80 + ["P"] * 30 + ["S"] * 90


def main() -> None:
    if len(sys.argv) == 3:
        print(json.dumps(measure(*sys.argv[1:])))
        return
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, put in (("walk.lammpstrj", dump), ("XDATCAR", xdatcar), ("walk.xyz", extxyz)):
            path = Path(folder) / name
            put(path)
            readers = ["superion", "ase", "chemfiles"] if name != "XDATCAR" else ["superion", "ase"]
            found: dict[str, list[dict[str, float]]] = {reader: [] for reader in readers}
            for _ in range(TURNS):
                for reader in readers:
                    words = [sys.executable, __file__, reader, str(path)]
                    found[reader].append(
                        json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
                    )
            rows[name] = {"MB": round(path.stat().st_size / 1e6)} | {
                reader: {key: round(median(one[key] for one in many), 2) for key in many[0]}
                for reader, many in found.items()
            }
    print(json.dumps({"frames": FRAMES, "atoms": ATOMS} | rows, indent=2))


def measure(reader: str, path: str) -> dict[str, float]:
    """Read a file once; processor time and memory after all imports."""
    read = {"superion": by_superion, "ase": by_ase, "chemfiles": by_chemfiles}[reader]()
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    positions, cells = read(path)
    assert positions.shape == (FRAMES, ATOMS, 3)
    assert cells.shape == (FRAMES, 3, 3)
    seconds = time.process_time() - started
    return {"s": seconds, "MB": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024}


def by_superion():
    from superion import Trajectory

    def read(path):
        found = Trajectory.open(path, timestep=100)
        return found.positions, found.cells

    return read


def by_ase():
    import ase.io

    def read(path):
        frames = ase.io.read(path, ":")
        return np.array([one.positions for one in frames]), np.array([one.cell.array for one in frames])

    return read


def by_chemfiles():
    import chemfiles

    chemfiles.set_warnings_callback(lambda message: None)

    def read(path):
        positions, cells = np.empty((FRAMES, ATOMS, 3)), np.empty((FRAMES, 3, 3))
        with chemfiles.Trajectory(path) as file:
            for k in range(file.nsteps):
                frame = file.read()
                positions[k], cells[k] = frame.positions, frame.cell.matrix.T
        return positions, cells

    return read


def places():
    rng = np.random.default_rng(1)
    path = rng.uniform(0, 1, (ATOMS, 3))
    for _ in range(FRAMES):
        path = path + 0.01 * rng.normal(size=path.shape)
        yield path - np.floor(path)


def dump(path: Path) -> None:
    rng = np.random.default_rng(2)
    (a, _, _), (xy, b, _), (xz, yz, c) = CELL
    low, high = min(0, xy, xz, xy + xz), max(0, xy, xz, xy + xz)
    box = f"{low} {a + high} {xy}\n{min(0, yz)} {b + max(0, yz)} {xz}\n0 {c} {yz}\n"
    with path.open("w") as file:
        for k, one in enumerate(places()):
            file.write(f"ITEM: TIMESTEP\n{50 * k}\nITEM: NUMBER OF ATOMS\n{ATOMS}\n")
            file.write(f"ITEM: BOX BOUNDS xy xz yz pp pp pp\n{box}ITEM: ATOMS id type element xs ys zs\n")
            rows = one.tolist()
            for i in rng.permutation(ATOMS):
                x, y, z = rows[i]
                kind = ["Li", "P", "S"].index(SYMBOLS[i]) + 1
                file.write(f"{i + 1} {kind} {SYMBOLS[i]} {x:.6f} {y:.6f} {z:.6f}\n")


def xdatcar(path: Path) -> None:
    rows = "\n".join(" ".join(f"{x:12.6f}" for x in row) for row in CELL)
    with path.open("w") as file:
        file.write(f"walk\n 1\n{rows}\nLi P S\n80 30 90\n")
        for k, one in enumerate(places(), start=1):
            file.write(f"Direct configuration= {k:5d}\n")
            file.writelines(f"  {x:.8f}  {y:.8f}  {z:.8f}\n" for x, y, z in one.tolist())


def extxyz(path: Path) -> None:
    lattice = " ".join(str(x) for x in CELL.ravel())
    with path.open("w") as file:
        for k, one in enumerate(places()):
            said = f'Lattice="{lattice}" Properties=species:S:1:pos:R:3 time={100 * k} pbc="T T T"'
            file.write(f"{ATOMS}\n{said}\n")
            rows = (one @ CELL).tolist()
            file.writelines(
                f"{symbol} {x:.8f} {y:.8f} {z:.8f}\n" for symbol, (x, y, z) in zip(SYMBOLS, rows, strict=True)
            )


if __name__ == "__main__":
    main()
