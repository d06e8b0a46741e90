"""One known walk comes out of every format as it went in, and gives the same diffusion coefficient."""

import gzip
import tracemalloc
import warnings

import ase.io
import numpy as np
import pytest
from ase import Atoms, units
from foreign_walks import (
    CELL,
    FORMATS,
    HOT,
    KELVIN,
    NUMBERS,
    ONE,
    STEP,
    TIMESTEP,
    ase_traj,
    cp2k,
    dump,
    extxyz,
    put_case,
    vasprun,
    walk,
    xdatcar,
)

import superion
from superion.analysis.conductivity import conductivity
from superion.analysis.displacement import mean_squared_displacement
from superion.analysis.transport_settings import TransportSettings
from superion.errors import InputError, StorageError
from superion.simulation import Trajectory, open_trajectory
from superion.structures import read_frames

SCALED, CELLS = walk()
BREATHING = walk(pressure=True)


def displacements(scaled, cell=CELL):
    return (scaled - scaled[0]) @ cell


def oracle(paths, lag):
    """Mean squared displacement of lithium at one lag, by its definition."""
    return np.mean(
        [((paths[k + lag] - paths[k])[NUMBERS == 3] ** 2).sum(axis=1) for k in range(len(paths) - lag)]
    )


@pytest.mark.parametrize("case", FORMATS)
def test_every_format_gives_the_walk(case, tmp_path):
    path, said, rounding = put_case(tmp_path, case, SCALED, CELLS)
    found = Trajectory.open(path, **said)
    assert len(found) == len(SCALED)
    np.testing.assert_array_equal(found.numbers, NUMBERS)
    np.testing.assert_allclose(found.cells, CELLS, atol=rounding)
    np.testing.assert_allclose(found.positions - found.positions[0], displacements(SCALED), atol=2 * rounding)
    assert found.timestep == pytest.approx(TIMESTEP)
    assert found.kelvin == pytest.approx(KELVIN, rel=1e-6)
    assert found.species == ("Li", "S")
    msd = mean_squared_displacement(found.positions, found.numbers == 3)
    assert msd[20] == pytest.approx(oracle(displacements(SCALED), 20), rel=max(1e-6, rounding / 10))
    own = conductivity(found, TransportSettings())
    assert own.diffusion == pytest.approx(known_diffusion(), rel=max(1e-6, rounding))
    assert pytest.approx(own.diffusion, rel=0.5) == 1e-1 * STEP**2 / 2 / TIMESTEP  # Å²/fs is 0.1 cm²/s


def known_diffusion():
    paths = SCALED @ CELL
    run = Trajectory(
        NUMBERS, Atoms(NUMBERS).get_masses(), np.array([True] * 3), np.arange(len(paths)),
        TIMESTEP * np.arange(len(paths)), paths, CELLS,
        {"format": "none", "settings": {"temperature": KELVIN}},
    )  # fmt: skip
    return conductivity(run, TransportSettings()).diffusion


@pytest.mark.parametrize(
    "case", ["extended XYZ", "XDATCAR", "vasprun", "dump x", "dump xs", "dump xu", "dump ix", "CP2K", "ASE"]
)
def test_a_cell_that_breathes_moves_no_atom(case, tmp_path):
    path, said, rounding = put_case(tmp_path, case, *BREATHING)
    found = open_trajectory(path, **said)
    np.testing.assert_allclose(found.cells, BREATHING[1], atol=rounding)
    places = found.positions @ np.linalg.inv(found.cells)
    np.testing.assert_allclose(places - places[0], BREATHING[0] - BREATHING[0][0], atol=rounding)


@pytest.mark.parametrize("case", ["extended XYZ", "XDATCAR", "dump x", "dump xs", "dump xu", "dump ix"])
def test_a_lattice_vector_that_is_exchanged_for_another_moves_no_atom(case, tmp_path):
    """As LAMMPS does where a cell leans too far; a second one follows, then the first is taken back."""
    scaled, cells = BREATHING[0].copy(), BREATHING[1].copy()
    for start, stop, turn in (
        (40, 90, [[1, 0, 0], [-1, 1, 0], [0, 0, 1]]),
        (70, 160, [[1, 0, 0], [0, 1, 0], [1, 0, 1]]),
    ):
        cells[start:stop] = np.array(turn) @ cells[start:stop]
        scaled[start:stop] = scaled[start:stop] @ np.linalg.inv(turn)
    path, said, rounding = put_case(tmp_path, case, scaled, cells)
    found = open_trajectory(path, **said)
    np.testing.assert_allclose(found.cells, BREATHING[1], atol=4 * rounding)
    places = found.positions @ np.linalg.inv(found.cells)
    np.testing.assert_allclose(places - places[0], BREATHING[0] - BREATHING[0][0], atol=4 * rounding)


def test_frames_can_be_chosen_and_left_as_they_are(tmp_path):
    xdatcar(tmp_path / "XDATCAR", SCALED, CELLS)
    whole = open_trajectory(tmp_path / "XDATCAR", **ONE)
    some = open_trajectory(tmp_path / "XDATCAR", frames="20:80:2", **ONE)
    assert some.timestep == 2 * TIMESTEP
    np.testing.assert_allclose(
        np.diff(some.positions, axis=0), np.diff(whole.positions[20:80:2], axis=0), atol=1e-9
    )
    raw = open_trajectory(tmp_path / "XDATCAR", unwrap=False, **ONE)
    inside = raw.positions @ np.linalg.inv(CELL)
    assert raw.wrapped
    assert inside.min() > -1e-9
    assert inside.max() < 1 + 1e-9
    np.testing.assert_allclose(raw.unwrapped().positions, whole.positions, atol=1e-9)
    assert whole.unwrapped() is whole
    late = whole.after(5.0)
    assert late.times[0] == 5000
    assert late.every(3).timestep == 300
    assert repr(whole).endswith("XDATCAR: 160 frames of Li16 S8, 100 fs apart, 500 K>")
    for wrong in ("1:-1", "-1", "a", "::0"):
        with pytest.raises(InputError, match="cannot understand --frames"):
            open_trajectory(tmp_path / "XDATCAR", frames=wrong, **ONE)
    for method, amount in (("after", 99), ("after", -1), ("every", 0)):
        with pytest.raises(InputError):
            getattr(whole, method)(amount)


def test_several_files_are_joined(tmp_path):
    xdatcar(tmp_path / "one", SCALED[:70], CELLS[:70])
    xdatcar(tmp_path / "two", SCALED[70:], CELLS[70:])
    found = superion.open_trajectory([tmp_path / "one", tmp_path / "two"], **ONE)
    np.testing.assert_allclose(found.positions - found.positions[0], displacements(SCALED), atol=1e-6)
    np.testing.assert_allclose(found.times, TIMESTEP * np.arange(160))


# what is not whole, or not right


@pytest.mark.parametrize(
    "case", ["extended XYZ", "of GPUMD", "XDATCAR", "XDATCAR.gz", "vasprun", "dump x", "CP2K"]
)
@pytest.mark.parametrize("missing", [9, 300])
def test_a_last_frame_that_is_cut_is_left_out(case, missing, tmp_path):
    """missing: bytes at the end; 9 of them cut within the last number, or the last tag but one."""
    path, said, _ = put_case(tmp_path, case, SCALED[:12], CELLS[:12])
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if case == "vasprun":
        missing += len("</calculation>\n</modeling>\n")
    cut = data[:-missing]
    path.write_bytes(gzip.compress(cut) if path.suffix == ".gz" else cut)
    with pytest.warns(UserWarning, match="the end of the file is not whole; frame 11 is left out"):
        assert len(open_trajectory(path, **said)) == 11


def test_a_compressed_file_that_is_cut_is_read_as_far_as_it_goes(tmp_path):
    xdatcar(tmp_path / "XDATCAR.gz", SCALED[:60], CELLS[:60])
    data = (tmp_path / "XDATCAR.gz").read_bytes()
    (tmp_path / "XDATCAR.gz").write_bytes(data[: len(data) // 2])
    with pytest.warns(UserWarning, match="is left out"):
        found = open_trajectory(tmp_path / "XDATCAR.gz", **ONE)
    assert 20 < len(found) < 40
    (tmp_path / "bad.gz").write_bytes(data[:5000] + bytes(200) + data[5200:])
    with pytest.raises(InputError, match=r"bad\.gz.*(compressed file cannot be read|damaged)"):
        open_trajectory(tmp_path / "bad.gz", **ONE)


def test_a_trajectory_of_ase_that_is_cut(tmp_path):
    ase_traj(tmp_path / "a.traj", SCALED[:12], CELLS[:12])
    data = (tmp_path / "a.traj").read_bytes()
    (tmp_path / "a.traj").write_bytes(data[:-600])
    with pytest.warns(UserWarning, match="is left out"):
        assert len(open_trajectory(tmp_path / "a.traj", **ONE)) < 12
    (tmp_path / "a.traj").write_bytes(data[:200])
    with pytest.raises(InputError, match=r"a\.traj"):
        open_trajectory(tmp_path / "a.traj", **ONE)


@pytest.mark.parametrize("word", ["x", "nan", ""])
@pytest.mark.parametrize("case", ["extended XYZ", "XDATCAR.gz", "dump x", "CP2K"])
def test_a_damaged_frame_names_file_frame_and_line(case, word, tmp_path):
    path, said, _ = put_case(tmp_path, case, SCALED[:12], CELLS[:12])
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    lines = text.split("\n")
    per_frame = {"XDATCAR.gz": 25, "dump x": 33}.get(case, 26)
    header = 7 if case == "XDATCAR.gz" else 0
    at = header + 5 * per_frame + per_frame - 3
    lines[at] = " ".join([*lines[at].split()[:-1], word])
    data = "\n".join(lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    with pytest.raises(InputError, match=rf"{path.name}, frame 5: line {at + 1}: .*--frames :5") as caught:
        open_trajectory(path, **said)
    assert caught.value.frame == 5
    assert len(open_trajectory(path, frames=":5", **said)) == 5


def test_a_damaged_vasprun_names_the_line(tmp_path):
    vasprun(tmp_path / "vasprun.xml", SCALED[:5], CELLS[:5])
    text = (
        (tmp_path / "vasprun.xml")
        .read_text()
        .replace("</calculation>", "</calc>", 3)
        .replace("</calc>", "</calculation>", 2)
    )
    (tmp_path / "vasprun.xml").write_text(text)
    with pytest.raises(InputError, match=r"frame 2: line \d+: not valid XML"):
        open_trajectory(tmp_path / "vasprun.xml")


@pytest.mark.parametrize(
    ("case", "tries"),
    [
        (case, 2 if name.endswith((".xtc", ".trr", ".dcd", ".nc")) else 12)
        for case, (_, name, *_) in FORMATS.items()
    ],
)
def test_damage_of_any_kind_ends_in_frames_or_an_error_with_the_file(case, tries, tmp_path):
    """Bytes that are changed, lost, doubled or exchanged; the process never ends by it."""
    path, said, _ = put_case(tmp_path, case, SCALED[:4], CELLS[:4])
    packed = path.suffix == ".gz"
    data = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
    rng = np.random.default_rng(len(case))
    for _ in range(tries):
        whole, at = bytearray(data), int(rng.integers(len(data)))
        other = int(rng.integers(len(data)))
        kind = rng.integers(4)
        if kind == 0:
            whole[at] = int(rng.integers(256))
        elif kind == 1:
            del whole[at : at + 30]
        elif kind == 2:
            whole[at:at] = whole[other : other + 40]
        else:
            whole[at : at + 40], whole[other : other + 40] = whole[other : other + 40], whole[at : at + 40]
        path.write_bytes(gzip.compress(whole) if packed else bytes(whole))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = open_trajectory(path, needed=(), **said)
            except InputError as error:
                assert path.name in str(error) or "must be" in str(error)  # noqa: PT017
            else:
                assert np.isfinite(found.positions).all()


def test_atoms_that_change_are_refused_with_the_frame(tmp_path):
    crystal = Atoms(NUMBERS, scaled_positions=SCALED[0], cell=CELL, pbc=True)
    fewer, order, other, open_ = crystal[1:], crystal[::-1], crystal.copy(), crystal.copy()
    other.symbols[0] = "Na"
    open_.pbc = [True, True, False]
    for changed, said in (
        (fewer, "it has 23 atoms, the first frame 24"),
        (order, "its atoms stand in another order"),
        (other, "its atoms are Li15 Na1 S8"),
        (open_, "it is periodic along a and b"),
    ):
        ase.io.write(tmp_path / "a.extxyz", [crystal, crystal, changed, crystal], format="extxyz")
        with pytest.raises(InputError, match=rf"a\.extxyz, frame 2: {said}.*--frames :2"):
            open_trajectory(tmp_path / "a.extxyz", **ONE)
        assert len(open_trajectory(tmp_path / "a.extxyz", frames=":2", **ONE)) == 2


def test_steps_of_half_the_cell_are_ambiguous(tmp_path):
    far = SCALED[:4].copy()
    far[2:, 7] = far[1, 7] + [0, 0.49, 0]
    xdatcar(tmp_path / "XDATCAR", far, CELLS[:4])
    with pytest.raises(InputError, match=r"XDATCAR, frame 2: atom 7 moves .* ambiguous.*--unwrapped"):
        open_trajectory(tmp_path / "XDATCAR", **ONE)
    with pytest.raises(InputError, match="frame 2: atom 7"):
        open_trajectory(tmp_path / "XDATCAR", unwrap=False, **ONE).unwrapped()
    extxyz(tmp_path / "a.extxyz", far, CELLS[:4], inside=False)
    found = open_trajectory(tmp_path / "a.extxyz", unwrapped=True, **HOT)
    np.testing.assert_allclose(found.positions, far @ CELL, atol=1e-9)
    turned = CELLS[:4].copy()
    turned[2:] = turned[2:, [1, 0, 2]]
    xdatcar(tmp_path / "XDATCAR", SCALED[:4], turned)
    with pytest.raises(InputError, match="frame 2: the cell changes by"):
        open_trajectory(tmp_path / "XDATCAR", **ONE)


def test_uneven_frames_are_refused_and_the_remedy_works(tmp_path):
    steps = [*range(0, 300, 50), *range(310, 900, 50)]
    dump(tmp_path / "a.dump", SCALED[: len(steps)], CELLS[: len(steps)], steps=steps)
    with pytest.raises(
        InputError, match=r"frame 6: .*steps go from 250 to 310 here, by 50 elsewhere"
    ) as caught:
        open_trajectory(tmp_path / "a.dump", **ONE)
    part = caught.value.remedy.split("--frames ")[1].rstrip(".")
    assert len(open_trajectory(tmp_path / "a.dump", frames=part, **ONE)) == 12
    backwards = [0, 50, 100, 50, 100, 150]
    dump(tmp_path / "b.dump", SCALED[:6], CELLS[:6], steps=backwards)
    with pytest.raises(InputError, match=r"frame 3: .*not evenly spaced"):
        open_trajectory(tmp_path / "b.dump", **ONE)


def test_a_frame_that_a_restart_wrote_again_counts_once(tmp_path):
    twice = [*range(6), 5, *range(6, 12)]
    dump(tmp_path / "a.dump", SCALED[twice], CELLS[twice], steps=[50 * k for k in twice])
    found = open_trajectory(tmp_path / "a.dump", **ONE)
    assert found.steps.tolist() == list(range(0, 600, 50))
    np.testing.assert_allclose(found.times, TIMESTEP * np.arange(12))


# what files say, and what has to be said


@pytest.mark.parametrize(
    ("case", "asked"),
    [
        ("XDATCAR", ["NBLOCK", "--timestep FS", "--temperature K"]),
        ("dump x", ["50 steps apart", "--timestep FS", "--temperature K"]),
        ("extended XYZ", ["--temperature K"]),
        ("without time", ["no `time`", "--timestep FS", "--temperature K"]),
        ("ASE with momenta", ["--timestep FS"]),
        ("dump of types", ["--elements Li,P,S"]),
        ("CP2K", ["--cell 10,10,12", "--cell-file"]),
        ("DCD", ["--topology"]),
    ],
)
def test_what_a_file_does_not_say_is_asked_for_by_name(case, asked, tmp_path):
    path, _, _ = put_case(tmp_path, case, SCALED[:5], CELLS[:5])
    with pytest.raises(InputError) as caught:
        open_trajectory(path, needed=("timestep", "temperature"))
    assert str(path) in str(caught.value)
    for text in asked:
        assert text in str(caught.value)
    if "--temperature K" not in asked and "--timestep FS" in asked:
        assert "--temperature K" not in str(caught.value)
    unknown = [text for text in asked if text.startswith(("--timestep", "--temperature"))]
    if unknown:
        found = open_trajectory(path, needed=())
        assert np.isnan(found.times).all() or "--timestep FS" not in asked
        with pytest.raises(InputError, match=r"is not known.*--t"):
            _ = (found.timestep, found.kelvin)


def test_a_vasprun_says_what_it_knows(tmp_path):
    path = tmp_path / "vasprun.xml"
    need = {"needed": ("timestep", "temperature")}
    vasprun(path, SCALED[:30], CELLS[:30])
    found = open_trajectory(path, **need)
    assert (found.timestep, found.kelvin) == (TIMESTEP, KELVIN)
    assert found.meta["said"] == {"timestep": "POTIM", "temperature": "TEBEG = TEEND"}
    assert set(found.masses) == {7.01, 32.066}
    vasprun(path, SCALED[:30], CELLS[:30], kelvin=600)
    assert open_trajectory(path, **need).kelvin == pytest.approx(600)  # the thermostat missed it
    vasprun(path, SCALED[:30], CELLS[:30], kelvin=550, SMASS=-3)
    assert open_trajectory(path, **need).kelvin == pytest.approx(550)  # constant energy
    for changed, asked in (
        ({"NBLOCK": 5}, "POTIM is 100 fs and NBLOCK 5"),
        ({"IBRION": 2}, "IBRION is 2, which is no molecular dynamics"),
        ({"TEEND": 900}, r"its temperature \(TEBEG is 500 K and TEEND 900 K\)"),
    ):
        vasprun(path, SCALED[:30], CELLS[:30], **changed)
        with pytest.raises(InputError, match=asked):
            open_trajectory(path, **need)


def test_contradictions_are_warnings_and_what_was_said_is_taken(tmp_path):
    extxyz(tmp_path / "a.extxyz", SCALED[:30], CELLS[:30])
    with pytest.warns(UserWarning, match=r"100 fs apart by its `time` of its frames, but 2 fs were said"):
        assert open_trajectory(tmp_path / "a.extxyz", timestep=2).timestep == 2
    vasprun(tmp_path / "vasprun.xml", SCALED[:30], CELLS[:30])
    with pytest.warns(UserWarning, match=r"temperature is 500 K by its TEBEG = TEEND, but 300 K were said"):
        assert open_trajectory(tmp_path / "vasprun.xml", temperature=300).kelvin == 300
    ase_traj(tmp_path / "a.traj", SCALED[:30], CELLS[:30], kelvin=KELVIN)
    with pytest.warns(UserWarning, match="500 K by its velocities, but 700 K were said"):
        open_trajectory(tmp_path / "a.traj", timestep=1, temperature=700)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_trajectory(tmp_path / "a.extxyz", timestep=TIMESTEP)
        open_trajectory(tmp_path / "vasprun.xml", temperature=502)
    for wrong in ({"timestep": 0}, {"temperature": -1}, {"timestep": float("nan")}):
        with pytest.raises(InputError, match="must be a positive number"):
            open_trajectory(tmp_path / "a.extxyz", **wrong)


def test_a_dump_that_says_units_and_time_needs_no_timestep(tmp_path):
    text = "ITEM: UNITS\nmetal\nITEM: TIME\n{}\n"
    dump(tmp_path / "a.dump", SCALED[:5], CELLS[:5])
    parts = (tmp_path / "a.dump").read_text().split("ITEM: TIMESTEP")
    said = [text.format(0.05 * k) + "ITEM: TIMESTEP" + part for k, part in enumerate(parts[1:])]
    (tmp_path / "a.dump").write_text("".join(said))
    assert open_trajectory(tmp_path / "a.dump").timestep == pytest.approx(50)
    (tmp_path / "lj.dump").write_text("".join(said).replace("metal", "lj"))
    with pytest.raises(InputError, match="units 'lj', which have no length in Å"):
        open_trajectory(tmp_path / "lj.dump")


def test_masses_and_cells_that_are_said(tmp_path):
    cp2k(tmp_path / "walk-pos-1.xyz", SCALED[:9], CELLS[:9])
    found = open_trajectory(tmp_path / "walk-pos-1.xyz", cell=CELL, masses={"Li": 6.015})
    np.testing.assert_array_equal(found.cells, CELLS[:9])
    assert found.masses[0] == 6.015
    for symbol, mass in (("Na", 23), ("Li", -1)):
        with pytest.raises(InputError, match=r"--masses Li=6\.015"):
            open_trajectory(tmp_path / "walk-pos-1.xyz", cell=CELL, masses={symbol: mass})
    cp2k(tmp_path / "walk-pos-1.xyz", BREATHING[0][:9], BREATHING[1][:9])
    table = (tmp_path / "walk-1.cell").read_text().splitlines()
    for text, said in (("1 2 3", "no file of cells"), ("\n".join(table[:7]), "has none of step 600")):
        (tmp_path / "bad.cell").write_text(text)
        with pytest.raises(InputError, match=said):
            open_trajectory(tmp_path / "walk-pos-1.xyz", cell_file=tmp_path / "bad.cell")


def test_what_cannot_be_opened(tmp_path):
    (tmp_path / "empty.xyz").write_text("")
    (tmp_path / "a.db").write_bytes(b"SQLite format 3\0" + bytes(100))
    (tmp_path / "XDATCAR").write_text(
        "walk\n1.0\n10 0 0\n0 10 0\n0 0 10\nLi\n2\nDirect configuration= 1\n0 0 0\n"
    )
    for name, said in (
        ("nowhere", "no such file or folder"),
        (".", "holds no run"),
        ("empty.xyz", "the file is empty"),
        ("a.db", "reading one may run code"),
        ("XDATCAR", "holds no whole frame: frame 0 is left out: it ends after 1 of 2 atoms"),
    ):
        with pytest.raises(InputError, match=said):
            open_trajectory(tmp_path / name, **ONE)


# memory


def peak(path, **said):
    tracemalloc.start()
    try:
        found = open_trajectory(path, **said)
        return tracemalloc.get_traced_memory()[1], found.positions.nbytes + found.cells.nbytes
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("case", ["extended XYZ", "XDATCAR.gz", "vasprun", "dump xs"])
def test_memory_beside_the_paths_does_not_grow_with_frames(case, tmp_path):
    """Positions and cells are kept, with room for a quarter more; nothing else of earlier frames."""
    beside = []
    for frames in (80, 320):
        there_and_back = [*range(160), *range(159, -1, -1)][:frames]
        path, said, _ = put_case(tmp_path, case, SCALED[there_and_back], CELLS[there_and_back])
        if frames == 80:
            open_trajectory(path, **said)  # what is imported and compiled once
        most, kept = peak(path, **said)
        beside.append(most - 1.3 * kept)
    few, many = beside
    assert many - few < 240 * 200  # bytes for each further frame; positions as text have 1200, Atoms more


def test_paths_can_lie_in_a_file(tmp_path):
    xdatcar(tmp_path / "XDATCAR", SCALED, CELLS)
    inside = open_trajectory(tmp_path / "XDATCAR", **ONE)
    outside = open_trajectory(tmp_path / "XDATCAR", memory=10_000, **ONE)
    assert isinstance(outside.positions.base, np.memmap)
    assert inside.positions.tobytes() == outside.positions.tobytes()
    assert (
        conductivity(outside, TransportSettings()).diffusion
        == conductivity(inside, TransportSettings()).diffusion
    )


def test_a_disk_that_is_full_is_said(tmp_path, monkeypatch):
    class Full:
        def write(self, data):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("superion.simulation.pile.tempfile.TemporaryFile", lambda **how: Full())
    xdatcar(tmp_path / "XDATCAR", SCALED, CELLS)
    with pytest.raises(StorageError, match=r"No space left.*--frames ::10, or let TMPDIR"):
        open_trajectory(tmp_path / "XDATCAR", memory=10_000, **ONE)


# beside other readers


def test_a_dump_is_read_as_ase_reads_it(tmp_path):
    dump(tmp_path / "a.dump", SCALED[:3], CELLS[:3], name="type")
    lines = (tmp_path / "a.dump").read_text().split("\n")
    extra = " 0.5 1 2 3 0.1 0.2 0.3 7.5"
    lines = [line + extra if len(line.split()) == 5 and line[0].isdigit() else line for line in lines]
    lines = [line + " q vx vy vz fx fy fz c_e" if line.startswith("ITEM: ATOMS") else line for line in lines]
    (tmp_path / "a.dump").write_text("\n".join(lines))
    raw = ase.io.read(tmp_path / "a.dump", ":", format="lammps-dump-text", specorder=["Li", "S"])
    found = superion.structures.read.read_raw(
        tmp_path / "a.dump", superion.structures.foreign.Foreign.of(elements=["Li", "S"])
    )
    for ours, theirs in zip(found, raw, strict=True):
        np.testing.assert_allclose(ours.positions, theirs.positions)
        np.testing.assert_allclose(ours.cell.array, theirs.cell.array, atol=1e-9)
        np.testing.assert_allclose(ours.get_celldisp(), theirs.get_celldisp(), atol=1e-9)
        assert set(ours.arrays) == set(theirs.arrays)
        for name, values in theirs.arrays.items():
            np.testing.assert_allclose(ours.arrays[name], values)
        np.testing.assert_allclose(ours.get_forces(), theirs.get_forces())
        assert ours.info == theirs.info


def test_structures_are_read_from_the_same_files(tmp_path):
    xdatcar(tmp_path / "XDATCAR", SCALED[:3], CELLS[:3])
    path, _, _ = put_case(tmp_path, "XTC", SCALED[:3], CELLS[:3])
    assert len(read_frames(tmp_path / "XDATCAR", min_distance=1e-3)) == 3
    with pytest.raises(InputError, match="--topology"):
        read_frames(path)
    text = (tmp_path / "XDATCAR").read_text().replace("Li_sv S\n", "")
    (tmp_path / "XDATCAR").write_text(text)
    with pytest.raises(InputError, match="--elements Li,P,S"):
        open_trajectory(tmp_path / "XDATCAR", **ONE)
    assert open_trajectory(tmp_path / "XDATCAR", elements=["Li", "S"], **ONE).species == ("Li", "S")


def test_velocities_are_kept_on_request(tmp_path):
    ase_traj(tmp_path / "a.traj", SCALED[:5], CELLS[:5], kelvin=KELVIN)
    found = open_trajectory(tmp_path / "a.traj", timestep=1, velocities=True)
    speeds = ase.io.read(tmp_path / "a.traj", ":")[3].get_velocities() * units.fs
    np.testing.assert_allclose(found.velocities[3], speeds)
    assert open_trajectory(tmp_path / "a.traj", timestep=1).velocities is None
    np.testing.assert_allclose(found.temperature, KELVIN)
