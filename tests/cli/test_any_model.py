"""Every command that takes a model takes any ASE calculator, from a settings file."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.io import read, write
from command_line import refused, succeeds

import superion
from superion.errors import InputError, LabelError, ModelError
from superion.files import read_json, sha256
from superion.model import model_of
from superion.potentials import Potential
from superion.potentials.repulsion import Repulsion
from superion.reference import LabellerSettings, SetupError


class Stressless(LennardJones):
    """Lennard-Jones without a stress, as many calculators are."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def __init__(self, file: str = "", **settings) -> None:
        super().__init__(**settings)


@pytest.fixture
def salt(tmp_path: Path, monkeypatch) -> Path:
    """A working folder: a rattled crystal, labelled frames, settings of EMT and of a model without stress."""
    monkeypatch.chdir(tmp_path)
    crystal = bulk("Cu", cubic=True)
    write("copper.extxyz", crystal, format="extxyz")
    frames = []
    for seed in range(4):
        atoms = bulk("Cu", cubic=True) * (2, 1, 1)
        atoms.rattle(0.05, seed=seed)
        atoms.info["REF_energy"] = float(EMT().get_potential_energy(atoms)) + 3.0 * len(atoms)
        atoms.arrays["REF_forces"] = EMT().get_forces(atoms)
        atoms.info["REF_stress"] = EMT().get_stress(atoms)
        frames.append(atoms)
    write("frames.extxyz", frames, format="extxyz")
    Path("emt.yaml").write_text("ase: ase.calculators.emt:EMT\n")
    Path("plain.yaml").write_text(
        f"ase: '{__name__}:Stressless'\narguments: {{file: weights.model, epsilon: 0.4, sigma: 2.3}}\n"
    )
    Path("weights.model").write_bytes(b"first")
    return tmp_path


def test_a_calculator_is_evaluated_like_a_potential(salt):
    shown = succeeds("evaluate", "emt.yaml", "frames.extxyz", "--output", "out.extxyz", "--json", "m.json")
    assert "shift of each element" in shown
    found = read_json("m.json")["test"]
    assert found["force_rmse"] == pytest.approx(0.0, abs=1e-7)
    assert found["energy_rmse_per_atom"] == pytest.approx(3.0)
    assert found["energy_rmse_per_atom_shifted"] == pytest.approx(0.0, abs=1e-9)
    assert found["stress_rmse"] == pytest.approx(0.0, abs=1e-9)
    for atoms in read("out.extxyz", ":"):
        np.testing.assert_allclose(atoms.arrays["superion_forces"], EMT().get_forces(atoms), atol=1e-7)
        np.testing.assert_allclose(atoms.info["superion_stress"], EMT().get_stress(atoms), atol=1e-9)


def test_what_is_not_given_is_left_out(salt):
    succeeds("evaluate", "plain.yaml", "frames.extxyz", "--output", "out.extxyz", "--json", "m.json")
    assert read_json("m.json")["test"]["stress_rmse"] is None
    assert "superion_stress" not in read("out.extxyz").info


def test_defects_of_a_calculator_are_those_of_ase(salt):
    words = ["defect", "emt.yaml", "copper.extxyz", "--species", "Cu", "--kind", "vacancy", "--count", 1,
             "--supercell", "2x2x2", "--fmax", 0.02, "--json", "d.json"]  # fmt: skip
    succeeds(*words, "--output", "one")
    (found,) = read_json("d.json")["defects"]
    perfect = bulk("Cu", cubic=True) * (2, 2, 2)
    empty = perfect[1:]
    empty.calc = EMT()
    from ase.optimize import LBFGS

    LBFGS(empty, logfile=None).run(fmax=0.02)
    energy = empty.get_potential_energy() - EMT().get_potential_energy(perfect)
    assert found["energy_eV"] == pytest.approx(energy, abs=2e-3)
    succeeds(*words, "--output", "two", "--parallel", 2)
    assert read_json("d.json")["defects"][0]["energy_eV"] == pytest.approx(found["energy_eV"], abs=1e-9)
    assert "has no charges for a field" in refused(
        *words, "--output", "three", "--fields", "0.1", "--kind", "frenkel"
    )


def test_a_cell_relaxes_by_a_calculator(salt):
    succeeds("relax", "emt.yaml", "copper.extxyz", "-o", "o.extxyz", "--cell", "full", "--fmax", 1e-4)
    assert read("o.extxyz").get_volume() / 4 == pytest.approx(11.565, abs=0.01)  # EMT: a = 3.59 Å
    succeeds("eos", "emt.yaml", "copper.extxyz", "--json", "eos.json")
    assert read_json("eos.json")["curves"][0]["volume_A3"][0] / 4 == pytest.approx(11.565, abs=0.01)


def test_arrangements_by_a_calculator(salt):
    Path("alloy.cif").write_text(
        "data_a\n_symmetry_space_group_name_H-M 'P 1'\n_cell_length_a 3.7\n_cell_length_b 3.7\n"
        "_cell_length_c 3.7\n_cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\nloop_\n"
        "_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n"
        "_atom_site_fract_z\n_atom_site_occupancy\nA Cu 0 0 0 1\nB Cu .5 .5 0 .5\nC Au .5 .5 0 .5\n"
        "D Cu .5 0 .5 1\nE Au 0 .5 .5 1\n"
    )
    succeeds("arrange", "alloy.cif", "--output", "a.extxyz", "--supercell", "2x1x1", "--energy", "emt.yaml",
         "--charges", "Cu=0,Au=0", "--charged", "--method", "enumerate")  # fmt: skip
    for atoms in read("a.extxyz", ":"):
        assert atoms.info["arrangement_eV"] == pytest.approx(EMT().get_potential_energy(atoms), abs=1e-6)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("elastic", "plain.yaml", "copper.extxyz"), "plain.yaml gives no stress, which superion elastic"),
        (("relax", "plain.yaml", "copper.extxyz", "-o", "o.vasp", "--cell", "full"), "stress, which --cell"),
        (("lammps-plugin", "emt.yaml", "--elements", "Cu"), "LAMMPS cannot compute emt.yaml"),
        (("profile", "copper.extxyz", "--model", "emt.yaml"), "emt.yaml has no charges with a density"),
        (("evaluate", "emt.yaml", "lithium.extxyz"), "No EMT-potential for Li"),
        (("select", "frames.extxyz", "-o", "s.xyz", "-n", 1, "--method", "variance", "--model", "emt.yaml"),
         "no predicted standard deviations"),
        (("evaluate", "nowhere.yaml", "frames.extxyz"), "nowhere.yaml"),
        (("evaluate", "emd", "frames.extxyz"), "there is no labeller 'emd'"),
    ],
)  # fmt: skip
def test_what_a_calculator_cannot_do_is_said_at_the_start(salt, words, message):
    frames = read("frames.extxyz", ":")
    lithium = Atoms("Li2", [[0, 0, 0], [0, 0, 2.7]], cell=[9, 9, 9], pbc=True)
    write("lithium.extxyz", [*frames, lithium], format="extxyz")
    shown = refused(*words)
    assert message in shown


def test_a_model_is_known_by_its_settings_its_files_and_what_is_behind_it(salt):
    model = superion.open_model("plain.yaml")
    assert model.identity["settings"]["arguments"]["file"] == f"sha256:{sha256('weights.model')}"
    assert model.identity["versions"].keys() == {"ase", "superion"}
    assert model.identity["sources"] == {__name__: sha256(__file__)}
    assert "sources" not in superion.open_model("emt.yaml").identity
    Path("weights.model").write_bytes(b"second")
    changed = superion.open_model("plain.yaml")
    assert changed.digest != model.digest
    assert changed.digest == superion.open_model(salt / "plain.yaml").digest
    copy = salt / "sub" / "again.yaml"
    copy.parent.mkdir()
    changed.save(copy)
    assert superion.open_model(copy).digest == changed.digest


def test_python_opens_everything(salt):
    atoms = read("frames.extxyz")
    emt = superion.open_model("emt.yaml")
    own = superion.open_model(EMT())
    assert superion.open_model(own) is own
    expected = EMT().get_forces(atoms)
    np.testing.assert_array_equal(emt.evaluate(atoms).forces, expected)
    np.testing.assert_array_equal(own.evaluate(atoms).forces, expected)
    again = -emt.evaluate(atoms).virial.flat[[0, 4, 8, 5, 2, 1]] / atoms.get_volume()
    np.testing.assert_allclose(again, EMT().get_stress(atoms), atol=1e-12)
    calculator = emt.calculator()
    assert model_of(calculator) is emt
    assert model_of(EMT()) is None
    assert "stress" in emt.gives
    assert "charges" not in emt.gives
    with pytest.raises(ModelError, match="predicts no standard deviations"):
        emt.deviation(atoms)
    with pytest.raises(ModelError, match="cannot be saved"):
        own.save("own.yaml")
    with pytest.raises(InputError, match="cannot open a dict as a model"):
        superion.open_model({})
    with pytest.raises(LabelError, match="No EMT-potential"):
        emt.evaluate(Atoms("Li", cell=[5, 5, 5], pbc=True))


def test_a_calculator_is_made_once_for_a_run(salt, monkeypatch):
    made = []
    monkeypatch.setattr(EMT, "__init__", lambda self, **k: made.append(k) or super(EMT, self).__init__(**k))
    model = superion.open_model("emt.yaml")
    atoms = read("frames.extxyz")
    atoms.calc = model.calculator()
    atoms.get_forces()
    assert len(made) == 1
    model.evaluate(atoms)
    model.evaluate(atoms)
    assert len(made) == 2


def test_a_sum_with_terms(salt):
    atoms = read("frames.extxyz")
    repulsion = Repulsion({(29, 29): 3.0}, height=4.0)
    both = superion.open_model("emt.yaml").with_terms(repulsion)
    expected = EMT().get_forces(atoms) + repulsion.evaluate(atoms).forces
    np.testing.assert_allclose(both.evaluate(atoms).forces, expected, atol=1e-12)
    atoms.calc = both.calculator()
    np.testing.assert_allclose(atoms.get_forces(), expected, atol=1e-12)
    stress = (
        EMT().get_stress(atoms)
        - repulsion.evaluate(atoms).virial.flat[[0, 4, 8, 5, 2, 1]] / atoms.get_volume()
    )
    np.testing.assert_allclose(atoms.get_stress(), stress, atol=1e-12)
    assert both.digest != superion.open_model("emt.yaml").digest


def test_a_file_of_metatomic(salt, monkeypatch):
    given = []

    def calculator(model, **options):
        given.append((model, options))
        return EMT()

    Path("m.yaml").write_text("metatomic: weights.model\ndevice: cpu\nvariant: pbe\n")
    for name in ("metatomic_ase", "metatomic", "metatomic.torch", "metatomic.torch.ase_calculator"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SetupError, match=r"pip install metatomic-torch"):
        superion.open_model("m.yaml")
    monkeypatch.setitem(sys.modules, "metatomic_ase", SimpleNamespace(MetatomicCalculator=calculator))
    model = superion.open_model("m.yaml")
    expected = {"metatomic": sha256("weights.model"), "variant": "pbe"}
    assert model.identity["settings"] == expected
    assert model.gives == {"energy", "forces", "stress"}
    atoms = read("frames.extxyz")
    np.testing.assert_array_equal(model.evaluate(atoms).forces, EMT().get_forces(atoms))
    assert given[0] == (
        str(salt / "weights.model"),
        {"device": "cpu", "variants": {"energy": "pbe"}},
    )


def test_a_potential_says_what_it_gives_and_how_it_is_known(salt):
    potential = Potential([Repulsion({(29, 29): 3.0}, height=4.0)])
    assert potential.identity == {"terms": potential.digest}
    potential.save("p.safetensors")
    opened = superion.open_model("p.safetensors")
    assert opened.identity == {"model": sha256("p.safetensors")}
    assert opened.digest == potential.digest
    assert opened.gives == {"energy", "forces", "stress", "energies"}
    assert opened.with_precision("float32").identity["precision"] == "float32"
    assert opened.with_precision("float32").with_precision("float64").identity == opened.identity


def test_the_page_on_models_runs_as_it_stands(salt):
    page = (Path(__file__).parents[2] / "docs/models.md").read_text()
    settings, mace, *_ = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert LabellerSettings.model_validate(yaml.safe_load(mace)).labeller.arguments["device"] == "cpu"
    (python,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    Path("emt.yaml").write_text(settings)
    commands = [
        line.split("#")[0].split()[1:] for line in page.splitlines() if line.startswith("    superion ")
    ]
    assert [words[0] for words in commands][:3] == ["evaluate", "md", "defect"]
    for words in commands[:3]:
        succeeds(*words)
    scope = {"atoms": read("copper.extxyz")}
    exec(python, scope)
    assert "stress" in scope["model"].gives
