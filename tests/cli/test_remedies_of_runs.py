"""Remedies of long runs, of what is read from them and of labels are followed to the letter."""

import pytest
import toy_training
from command_line import succeeds
from toy_salt import write_inputs, write_study
from user_files import check, write_files

DEFECT = (
    "defect salt.safetensors salt.extxyz --species Li --supercell 2x2x2 --separation 2.4 "
    "--count 1 --fmax 1 -o d"
)
LOCALITY = (
    "locality salt.extxyz --labeller salt.safetensors --executor threads:1 --radii 2.5 --perturbations 2 -o l"
)
QUENCH = (
    "quench salt.safetensors salt.extxyz -o q --melt-time 0.004 --hold-time 0.004 --rate 200000 "
    "--temperature-step 900 --sample-every 2"
)
LABEL = "label copper.extxyz --labeller emt.yaml --executor threads:1 --store labels -o l.extxyz"
LAMMPS = (
    "md copper.safetensors copper.vasp -o run --temperature 300 --steps 10 --sample-every 5 --engine lammps"
)
STUDY = "run study/study.yaml -o out"
TRAINING = "train training/training.yaml -o grown"
SELECTORS = (
    "compare-selectors train.extxyz --test b -o compared --config gap.yaml --initial 2 --step 2 --budget 3 "
    "--repeats 1 --method random --method farthest"
)

ROWS = [
    # studies
    ("run nowhere.yaml -o out", r"check the path", STUDY),
    (
        f"edit study/study.yaml salt.extxyz lost.extxyz && {STUDY}",
        r"correct the paths, which are relative to the YAML file",
        f"edit study/study.yaml lost.extxyz salt.extxyz && {STUDY}",
    ),
    (
        f"edit study/study.yaml 'species: Li' 'species: Na' && {STUDY}",
        r"has Cl, (Li)\. Remedy: correct what is named",
        "edit study/study.yaml 'species: Na' 'species: {0}' && ...",
    ),
    (
        f"edit study/study.yaml structure: structur: && {STUDY}",
        r"unknown key\. Did you mean '(\w+)'\? Remedy: `superion (schema)` \(study\)",
        "{1} && edit study/study.yaml structur: {0}: && ...",
    ),
    ("run study/study.yaml -o training", r"give another --output", STUDY),
    (
        f"edit study/study.yaml 'name: salt' 'name: other' && {STUDY}",
        r"the study '(salt)', not 'other'\. .* or the same name",
        "edit study/study.yaml 'name: other' 'name: {0}' && ...",
    ),
    ("status nowhere", r"`superion run`", "status out"),
    ("status nowhere", r"`superion active-learning`", "status grown"),
    ("status nowhere", r"or `superion label` wrote to", f"{LABEL} && status labels"),
    ("report nowhere", r"a folder made by `superion run`", "report out"),
    ("verdict nowhere", r"a folder made by `superion run`", "verdict out"),
    ("verdict out --tolerance foo=2", r"use (forces),", "verdict out --tolerance {0}=0.2"),
    ("verdict out --tolerance foo", r"write (--tolerance \S+=\S+)\.", "verdict out {0}"),
    ("verdict out --tolerance forces=5", r"give (\S+) for 5 %", "verdict out --tolerance forces={0}"),
    ("verdict out --level 3", r"give (\S+) for 5 % \((--level)\)", "verdict out {1} {0}"),
    # trainings
    (
        f"edit training/training.yaml farthest farthes && {TRAINING}",
        r"unknown method 'farthes'\. Did you mean '(farthest)'\? Remedy",
        "edit training/training.yaml farthes {0} && ...",
    ),
    (
        f"edit training/training.yaml truth.safetensors lost.safetensors && {TRAINING}",
        r"there is no such model\. Remedy: check the path",
        "edit training/training.yaml lost.safetensors truth.safetensors && ...",
    ),
    (f"{SELECTORS} --budget 500", r"lower (--budget) or", "... {0} 3"),
    # locality and charges
    (f"{LOCALITY} --radii 2.6", r"\((--supercell \S+)\)", "... {0}"),
    (f"{LOCALITY} --radii 2.6", r"radii up to (\S+) Å \((--radii)\)", "... {1} {0}"),
    (f"{LOCALITY} --radii a", r"write such as 4,5,6", LOCALITY),
    (f"{LOCALITY} --reference Na:1", r"reference atoms among Cl, (Li)\.", "... --reference {0}:1"),
    (f"{LOCALITY} --reference Li", r"with a number of atoms: (Li:)4", "... --reference {0}1"),
    (f"{LOCALITY} --reference Li:2", r"ask for (Li:1)", "... --reference {0}"),
    (
        "locality salt.extxyz -o l",
        r"with (--labeller)",
        "... {0} salt.safetensors --radii 2.5 --executor threads:1",
    ),
    (
        f"{LOCALITY} && locality l --subtract copper.safetensors",
        r"a model with electrostatics",
        "locality l --subtract salt.safetensors",
    ),
    (
        f"{LOCALITY} --perturbations 9 && charge-fit l",
        r"choose (--radius) up to (\S+) Å",
        "charge-fit l {0} {1}",
    ),
    (
        "charge-fit salt.extxyz",
        r"give the samples that `superion locality` wrote",
        f"{LOCALITY} --perturbations 9 && charge-fit l/samples.extxyz --radius 2.5",
    ),
    # glasses
    (f"{QUENCH} --rate -1", r"see `superion (quench --help)`", f"{{0}} && {QUENCH}"),
    (f"{QUENCH} && {QUENCH}", r"with its own settings \((--resume),", "... {0}"),
    (f"{QUENCH} && {QUENCH}", r"use another folder", "... -o other"),
    # labels
    (f"{LABEL} --executor foo", r"processes:N, (threads:)N", "... --executor {0}1"),
    (f"{LABEL} --timeout 5", r"or give no time-out", LABEL),
    (f"{LABEL} --timeout 90", r"use (processes:)N", "... --executor {0}1"),
    (f"{LABEL} --store copper.extxyz", r"name another", LABEL),
    (
        f"edit emt.yaml emt:EMT emt.EMT && {LABEL}",
        r"e\.g\. (\S+:EMT)\.",
        "edit emt.yaml ase.calculators.emt.EMT {0} && ...",
    ),
    (f"edit emt.yaml EMT EM && {LABEL}", r"check its path", "edit emt.yaml EM EMT && ..."),
    # LAMMPS
    (f"{LAMMPS} --device cuda", r"leave out --device, or (--engine) lammps", f"{LAMMPS} {{0}} superion"),
    (f"{LAMMPS} --thermostat langevin", r"\((--engine superion)\)", "... {0}"),
    (
        f"{LAMMPS} --field 0,0,0.1",
        r"\((--engine superion), or leave it out|\((--engine superion)\)",
        f"{LAMMPS} --engine superion",
    ),
    (f"{LAMMPS} --resume", r"use (--engine superion), whose runs can be resumed", f"{LAMMPS} {{0}}"),
    # defects
    (f"{DEFECT} --kind vacancy --charged-cells refuse", r": (--charged-cells background)", "... {0}"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Files of a user, with a study and a training that are done."""
    root = tmp_path_factory.mktemp("files")
    write_files(root)
    write_inputs(root / "study")
    write_study(root / "study")
    toy_training.write_training(root / "training", protocol__generations=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        succeeds(*STUDY.split())
        succeeds(*TRAINING.split())
    return root


@pytest.mark.filterwarnings("ignore::superion.electrostatics.charged_cells.ChargedCellWarning")
@pytest.mark.parametrize("row", ROWS, ids=[row[1] for row in ROWS])
def test_who_follows_a_remedy_succeeds(store, tmp_path, monkeypatch, row):
    check(row, store, tmp_path / "here", monkeypatch)


def test_evaluations_name_the_option_for_labels_under_foreign_keys(store):
    model, data = store / "salt.safetensors", store / "foreign.extxyz"
    said = " ".join(succeeds("evaluate", model, data).split())
    assert "RMSE unknown" in said
    assert "note: 8 of 8 frames (first foreign.extxyz#0) have no REF_energy" in said
    assert "units other than eV and Å: --key energy=KEY[:UNIT]" in said
    keys = ("--key", "energy=energy_dft", "--key", "forces=f_dft")
    told = succeeds("evaluate", model, data, *keys)
    assert "RMSE energy" in told
    assert "note:" not in told
