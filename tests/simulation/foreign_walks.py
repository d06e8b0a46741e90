"""One known walk, as every program would have written it.

Lithium walks through sulphur that vibrates, in a triclinic cell, out of it many times; `write` puts it into a
file of any format, wrapped unless the format is one that does not wrap.
"""

import gzip
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.data import atomic_masses
from ase.io import write as ase_write

NUMBERS = np.array([3] * 16 + [16] * 8)
SYMBOLS = ["Li"] * 16 + ["S"] * 8
CELL = np.array([[11.0, 0, 0], [2.0, 10.0, 0], [-3.0, 1.5, 10.5]])
TIMESTEP, KELVIN = 100.0, 500.0
STEP = 0.4  # Å a frame along each axis: D = STEP² / 2 / TIMESTEP


def walk(frames=160, seed=1, pressure=False):
    """Fractional paths (F, N, 3), never wrapped, and cells (F, 3, 3); pressure: these breathe and shear."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(0, 1, (len(NUMBERS), 3))
    moves = 0.05 * rng.normal(size=(frames, len(NUMBERS), 3))
    moves[:, NUMBERS == 3] += STEP * rng.normal(size=(frames, 16, 3)).cumsum(axis=0)
    cells = np.tile(CELL, (frames, 1, 1))
    if pressure:
        time = np.arange(frames)[:, None]
        cells = cells * (1 + 0.01 * np.sin(time / [7, 11, 13]))[:, :, None]
        cells[:, 1, 0] += 0.1 * np.sin(time[:, 0] / 5)
    return start + moves @ np.linalg.inv(CELL), cells


def wrap(scaled):
    return scaled - np.floor(scaled)


def xdatcar(path, scaled, cells, *, numbered=range(1, 10**6)):
    text = []
    for k, (places, cell) in enumerate(zip(wrap(scaled), cells, strict=True)):
        if k == 0 or not np.array_equal(cell, cells[k - 1]):
            rows = "\n".join(" ".join(f"{x:.10f}" for x in row) for row in cell)
            text.append(f"walk\n 1.0\n{rows}\nLi_sv S\n16 8\n")
        text.append(f"Direct configuration= {numbered[k]:5d}\n")
        text += [f"  {x:.10f} {y:.10f} {z:.10f}\n" for x, y, z in places]
    put(path, "".join(text))


def extxyz(path, scaled, cells, *, comment="time={time}", columns="species:S:1:pos:R:3", inside=True):
    text = []
    for k, (places, cell) in enumerate(zip(wrap(scaled) if inside else scaled, cells, strict=True)):
        lattice = " ".join(f"{x:.10f}" for x in cell.ravel())
        said = comment.format(time=TIMESTEP * k, step=50 * k)
        text.append(f'{len(places)}\nLattice="{lattice}" Properties={columns} {said} pbc="T T T"\n')
        text += [
            f"{s} {x:.10f} {y:.10f} {z:.10f}\n" for s, (x, y, z) in zip(SYMBOLS, places @ cell, strict=True)
        ]
    put(path, "".join(text))


def dump(path, scaled, cells, *, kind="x", name="element", shuffle=True, every=50, steps=None, extra=""):
    """kind: x, xs, xu, xsu or ix (x with images). The origin of the box moves when the cell does."""
    rng = np.random.default_rng(3)
    text = []
    for k, (all_places, cell) in enumerate(zip(scaled, cells, strict=True)):
        low = -0.3 * np.diag(cell)
        (a, _, _), (xy, b, _), (xz, yz, c) = cell
        tilts = [0, xy, xz, xy + xz]
        bounds = [
            (low[0] + min(tilts), low[0] + a + max(tilts), xy),
            (low[1] + min(0, yz), low[1] + b + max(0, yz), xz),
            (low[2], low[2] + c, yz),
        ]
        images = np.floor(all_places).astype(int)
        places = all_places if "u" in kind else all_places - images
        values = places if kind.startswith("xs") else places @ cell + low
        suffix = kind[1:] if kind != "ix" else ""
        names = " ".join(f"{axis}{suffix}" for axis in "xyz") + (" ix iy iz" if kind == "ix" else "")
        step = every * k if steps is None else steps[k]
        text.append(f"ITEM: TIMESTEP\n{step}\n{extra}ITEM: NUMBER OF ATOMS\n{len(places)}\n")
        text.append("ITEM: BOX BOUNDS xy xz yz pp pp pp\n")
        text += ["{:.12f} {:.12f} {:.12f}\n".format(*row) for row in bounds]
        text.append(f"ITEM: ATOMS id {name} {names}\n")
        for i in rng.permutation(len(places)) if shuffle else range(len(places)):
            word = SYMBOLS[i] if name == "element" else 1 if SYMBOLS[i] == "Li" else 2
            image = "".join(f" {n}" for n in images[i]) if kind == "ix" else ""
            x, y, z = values[i]
            text.append(f"{i + 1} {word} {x:.10f} {y:.10f} {z:.10f}{image}\n")
    put(path, "".join(text))


def cp2k(path, scaled, cells):
    """PROJECT-pos-1.xyz, and beside it PROJECT-1.cell, which was written twice as often."""
    text, table = [], ["#   Step   Time [fs]   Ax Ay Az Bx By Bz Cx Cy Cz   Volume\n"]
    for k, (places, cell) in enumerate(zip(scaled, cells, strict=True)):
        text.append(f"{len(places)}\n i = {200 * k:8d}, time = {TIMESTEP * k:12.3f}, E = -1103.8\n")
        text += [
            f" {s} {x:.10f} {y:.10f} {z:.10f}\n" for s, (x, y, z) in zip(SYMBOLS, places @ cell, strict=True)
        ]
        numbers = " ".join(f"{x:.10f}" for x in cell.ravel())
        for half in (0, 0.5):
            when = f"{200 * (k + half):.0f} {TIMESTEP * (k + half):.3f}"
            table.append(f" {when} {numbers} {np.linalg.det(cell):.6f}\n")
    put(path, "".join(text))
    (path.parent / "walk-1.cell").write_text("".join(table))


def vasprun(path, scaled, cells, *, kelvin=KELVIN, **changed):
    """changed: values of tags such as NBLOCK=5. The kinetic energy is that of `kelvin`."""
    tags = {
        "IBRION": 0,
        "POTIM": TIMESTEP,
        "NBLOCK": 1,
        "TEBEG": KELVIN,
        "TEEND": KELVIN,
        "SMASS": 0,
    } | changed
    items = "".join(f'<i name="{name}">{value}</i>' for name, value in tags.items())
    atoms = "".join(f"<rc><c>{s}</c><c>{1 if s == 'Li' else 2}</c></rc>" for s in SYMBOLS)
    kinds = "<rc><c>16</c><c>Li</c><c>7.01</c></rc><rc><c>8</c><c>S</c><c>32.066</c></rc>"
    energy = 0.5 * (3 * len(SYMBOLS) - 3) * units.kB * kelvin
    text = [
        f'<?xml version="1.0"?>\n<modeling><parameters>{items}</parameters><atominfo>'
        f'<array name="atoms"><set>{atoms}</set></array><array name="atomtypes"><set>{kinds}</set></array>'
        f"</atominfo>{_structure(scaled[0], cells[0], 'initialpos')}\n"
    ]
    for places, cell in zip(scaled, cells, strict=True):
        text.append(
            f'<calculation><scstep><energy><i name="e_fr_energy">1</i></energy></scstep>\n'
            f"{_structure(places, cell)}"
            f'<energy><i name="e_fr_energy">1</i><i name="kinetic">{energy:.8f}</i></energy></calculation>\n'
        )
    put(path, "".join([*text, "</modeling>\n"]))


def _structure(places, cell, name=None):
    def rows(values):
        return "".join(f"<v>{x:.10f} {y:.10f} {z:.10f}</v>\n" for x, y, z in values)

    named = f' name="{name}"' if name else ""
    return (
        f'<structure{named}><crystal><varray name="basis">{rows(cell)}</varray></crystal>'
        f'<varray name="positions">{rows(wrap(places))}</varray></structure>\n'
    )


def ase_traj(path, scaled, cells, *, kelvin=None):
    rng = np.random.default_rng(5)
    frames = []
    for places, cell in zip(wrap(scaled), cells, strict=True):
        atoms = Atoms(NUMBERS, positions=places @ cell, cell=cell, pbc=True)
        if kelvin:
            momenta = rng.normal(size=(len(NUMBERS), 3)) * np.sqrt(atomic_masses[NUMBERS])[:, None]
            momenta -= momenta.mean(axis=0)
            energy = 0.5 * (momenta**2 / atomic_masses[NUMBERS][:, None]).sum()
            wanted = 0.5 * (3 * len(atoms) - 3) * units.kB * kelvin
            atoms.set_momenta(momenta * np.sqrt(wanted / energy))
        frames.append(atoms)
    if path.suffix == ".gz":
        ase_write(path.with_suffix(""), frames, format="traj")
        path.write_bytes(gzip.compress(path.with_suffix("").read_bytes(), 1))
    else:
        ase_write(path, frames, format="traj")


def by_chemfiles(path, scaled, cells):
    import chemfiles

    with chemfiles.Trajectory(str(path), "w") as file:
        for k, (places, cell) in enumerate(zip(wrap(scaled), cells, strict=True)):
            frame = chemfiles.Frame()
            frame.resize(len(places))
            frame.positions[:] = places @ cell
            frame.cell = chemfiles.UnitCell(cell.T)
            frame.step = 50 * k
            frame["time"] = TIMESTEP * k / 1000
            file.write(frame)
    start = Atoms(NUMBERS, scaled_positions=wrap(scaled[0]), cell=cells[0], pbc=True)
    ase_write(path.parent / "start.extxyz", start, format="extxyz")


def put(path, text):
    if Path(path).suffix == ".gz":
        with gzip.open(path, "wt", compresslevel=1) as handle:
            handle.write(text)
    else:
        Path(path).write_text(text)


ONE = {"timestep": TIMESTEP, "temperature": KELVIN}
HOT = {"temperature": KELVIN}
FORMATS = {
    # name of the case: writer, file, its options, what has to be said of it, rounding in Å
    "extended XYZ": (extxyz, "walk.extxyz", {}, HOT, 1e-8),
    "of GPUMD": (extxyz, "walk.xyz.gz", {"comment": "Time={time}"}, HOT, 1e-8),
    "unwrapped": (extxyz, "walk.extxyz", {"inside": False}, HOT, 1e-8),
    "without time": (extxyz, "walk.extxyz", {"comment": ""}, ONE, 1e-8),
    "ASE": (ase_traj, "walk.traj", {}, ONE, 1e-12),
    "ASE, compressed": (ase_traj, "walk.traj.gz", {}, ONE, 1e-12),
    "ASE with momenta": (ase_traj, "walk.traj", {"kelvin": KELVIN}, {"timestep": TIMESTEP}, 1e-12),
    "XDATCAR": (xdatcar, "XDATCAR", {}, ONE, 1e-7),
    "XDATCAR.gz": (xdatcar, "run1_XDATCAR.gz", {}, ONE, 1e-7),
    "vasprun": (vasprun, "vasprun.xml", {}, {"masses": {"Li": 6.94, "S": 32.06}}, 1e-7),
    "dump x": (dump, "walk.lammpstrj", {"kind": "x"}, ONE, 1e-8),
    "dump xs": (dump, "walk.dump.gz", {"kind": "xs"}, ONE, 1e-7),
    "dump xu": (dump, "walk.lammpstrj", {"kind": "xu"}, ONE, 1e-8),
    "dump xsu": (dump, "walk.lammpstrj", {"kind": "xsu"}, ONE, 1e-7),
    "dump ix": (dump, "walk.lammpstrj", {"kind": "ix"}, ONE, 1e-8),
    "dump of types": (dump, "walk.dump", {"name": "type"}, ONE | {"elements": ["Li", "S"]}, 1e-8),
    "CP2K": (cp2k, "walk-pos-1.xyz", {}, HOT | {"cell_file": "walk-1.cell"}, 1e-8),
    "XTC": (by_chemfiles, "walk.xtc", {}, HOT | {"topology": "start.extxyz"}, 1.2e-2),
    "TRR": (by_chemfiles, "walk.trr", {}, HOT | {"topology": "start.extxyz"}, 1e-5),
    "DCD": (by_chemfiles, "walk.dcd", {}, ONE | {"topology": "start.extxyz"}, 1e-5),
    "NetCDF": (by_chemfiles, "walk.nc", {}, ONE | {"topology": "start.extxyz"}, 1e-5),
}


def put_case(folder, case, scaled, cells):
    """Write the walk in one of FORMATS; returns the path, what has to be said, and the rounding."""
    writer, name, options, said, rounding = FORMATS[case]
    writer(folder / name, scaled, cells, **options)
    told = {key: folder / value if key in ("cell_file", "topology") else value for key, value in said.items()}
    return folder / name, told, rounding
