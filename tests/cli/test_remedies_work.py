"""Remedies are followed to the letter, and what failed then works (`user_files` tells what a row means)."""

import pytest
from user_files import check, write_files

MD = "md copper.safetensors copper.vasp --output run --temperature 300 --steps 10 --sample-every 5"
SALT = "md salt.safetensors salt.extxyz --output run --temperature 300 --steps 10 --sample-every 5"
FITTED = "fit train.extxyz --config gap.yaml --output m.safetensors"
KQEQ = "fit molecules.extxyz --preset kqeq --config kqeq.yaml -o m.safetensors"
ES = f"{FITTED} --preset es-gap"
DEFECT = (
    "defect salt.safetensors salt.extxyz --species Li --supercell 2x2x2 --separation 2.4 "
    "--count 1 --fmax 1 -o d"
)
BOXED = """edit cluster.extxyz 'pbc="F F F"' 'Lattice="3.88 0 0 0 3.88 0 0 0 3.88" {0}' && ..."""
ROWS = [
    # reading
    ("census dump.lammpstrj", r"(--elements) Li,P,S;", "... {0} Li,Cl"),
    ("census two.data", r"(--elements) Li,P,S\.", "... {0} Li,Cl"),
    ("census two.data --elements Li", r"one element for each type, .* with (--elements)", "... {0} Li,Cl"),
    (
        "census train.extxyz --key foo=bar",
        r"labels are (energy), (forces)",
        "census train.extxyz --key {0}=REF_energy",
    ),
    (
        "census foreign.extxyz --key energy",
        r"for example (energy=)E:Ha",
        "census foreign.extxyz --key {0}energy_dft",
    ),
    (
        "census half.cif",
        r"make some with `superion (arrange)`",
        "{0} half.cif -o made.extxyz && census made.extxyz",
    ),
    ("census nowhere.extxyz", r"check the path", "census train.extxyz"),
    # fits
    (
        "fit foreign.extxyz --config gap.yaml -o m.safetensors",
        r"(--key energy=)KEY\[:UNIT\] --key forces=KEY\[:UNIT\] \(--key energy=none",
        "... {0}energy_dft --key forces=f_dft",
    ),
    (
        "fit foreign.extxyz --config gap.yaml -o m.safetensors --key forces=f_dft",
        r"\((--key energy=none): do",
        "... {0}",
    ),
    (
        "fit twice.extxyz --config gap.yaml -o m.safetensors --test-fraction 0.3",
        r"superion (census) FRAMES (--drop-duplicates) FILE",
        "{0} twice.extxyz {1} once.extxyz && "
        "fit once.extxyz --config gap.yaml -o m.safetensors --test-fraction 0.3",
    ),
    (f"{FITTED} --test-fraction 1.5", r"for example (0\.2)", "... --test-fraction {0}"),
    (f"{FITTED} --preset gapp", r"Did you mean '(gap)'", "... --preset {0}"),
    (ES, r"add the charge .*\((--charges) of", "... {0} Li=0.7,Cl=-0.7"),
    (f"{ES} --charges Li=0.7", r"add the charge .*\((--charges) of", "... {0} Li=0.7,Cl=-0.7"),
    (f"{ES} --charges Li", r"write (--charges) Li=0.445", "... {0} Li=0.7,Cl=-0.7"),
    (f"{ES} --charges Li", r"or (--charges qeq), or", "... {0}"),
    (f"{ES} --charges Li=0.7,Cl=-0.6", r"all frames are charged .*: (--charged-cells background)", "... {0}"),
    (
        KQEQ,
        r"give (--total-charge 0) \(e\)",
        "... {0}",
    ),
    (
        f"{KQEQ} --total-charge 0 --key dipole=none",
        r"map foreign labels, e.g. --key (dipole=)",
        f"{KQEQ} --total-charge 0 --key {{0}}REF_dipole",
    ),
    (f"{FITTED} --output nowhere/m.safetensors", r"name another file", "... --output m.safetensors"),
    (f"{FITTED} --config nowhere.yaml", r"check the path", "... --config gap.yaml"),
    # evaluations
    (
        "evaluate salt.safetensors vacancy.extxyz --charged-cells refuse",
        r": (--charged-cells background)",
        "... {0}",
    ),
    (
        "evaluate salt.safetensors vacancy.extxyz --charged-cells makov-payne",
        r"e\.g\. (makov-payne:4\.2)",
        "... --charged-cells {0}",
    ),
    (
        "evaluate copper.safetensors salt.extxyz",
        r"fit a model on labels that contain",
        f"{FITTED} && evaluate m.safetensors salt.extxyz",
    ),
    (
        "evaluate salt.safetensors slab.extxyz",
        r'write (pbc="T T T") into the file',
        "edit slab.extxyz 'pbc=\"T T F\"' '{0}' && ...",
    ),
    # molecular dynamics
    (f"{MD} --supercell 2x2", r"numbers: (\S+)\.", "... --supercell {0}"),
    (f"{MD} --engine foo", r"engines are (superion)", "... --engine {0}"),
    (f"{SALT} --field 0.1", r"three numbers: (--field \S+)\.", "... {0}"),
    (f"{MD} --field 0,0,0.1", r"use a model with electrostatics", f"{SALT} --field 0,0,0.1"),
    (
        f"{MD} --record charges",
        r"leave them out of record \(--record\), or use a model that has them",
        f"{SALT} --record charges",
    ),
    (f"{MD} --keep-velocities", r"leave out keep_velocities", MD),
    (
        f"{MD} --keep-velocities",
        r"\((--record velocities), then `superion (export) DIR FILE (--last)`\)",
        f"{MD} --output first {{0}} && {{1}} first moving.extxyz {{2}} && "
        "md copper.safetensors moving.extxyz --output run --temperature 300 --steps 10 --keep-velocities",
    ),
    (
        f"{MD} --ensemble npt --pressure 0 --timestep 60 --steps 100",
        r"shorten the time step",
        f"{MD} --output other",
    ),
    (f"{MD} --pressure 1", r"it belongs to (npt)", "... --ensemble {0}"),
    (f"{MD} --ensemble nve --ramp-to 400", r"it belongs to (nvt) and", "... --ensemble {0}"),
    (
        "md copper.safetensors cluster.extxyz --output run --temperature 300 --steps 10 --ensemble npt",
        r"\((--ensemble nvt)\)",
        "... {0}",
    ),
    (f"{MD} && {MD}", r"resume it \((--resume),", "... --steps 20 {0}"),
    (f"{MD} && {MD}", r"use another folder", "... --output other"),
    (f"{MD} --steps 12", r"try (steps): (\d+)\.", "... --{0} {1}"),
    # resting structures
    ("eos copper.safetensors squeezed.extxyz", r"shift the range .* \((--range)\)", "... {0} 1.1,1.4"),
    ("relax copper.safetensors copper.vasp -o x.vasp --pressure 5", r"write (--cell volume)", "... {0}"),
    ("relax copper.safetensors copper.vasp -o x.vasp --pressure 5", r"or (--cell full)", "... {0}"),
    ("relax copper.safetensors copper.vasp -o x.vasp --cell all", r"one of \w+, (volume),", "... --cell {0}"),
    (
        "relax copper.safetensors copper.vasp -o x.foo",
        r"such as (crystal\.extxyz), (crystal\.cif)",
        "... -o {0} && ... -o {1}",
    ),
    ("relax copper.safetensors copper.vasp -o copper.vasp", r"name another file", "... -o x.vasp"),
    (
        "relax copper.safetensors cluster.extxyz -o x.extxyz --cell full",
        r"keep the cell: (--cell none)",
        "... {0}",
    ),
    ("relax copper.safetensors cluster.extxyz -o x.extxyz --cell full", r'(pbc="T T T")', BOXED),
    ("eos copper.safetensors cluster.extxyz", r'(pbc="T T T")', BOXED),
    ("eos copper.safetensors copper.vasp --points 3", r"at least (5) \((--points)\)", "... {1} {0}"),
    ("eos copper.safetensors copper.vasp --range 0.9", r"write (--range \S+ --points \d+);", "... {0}"),
    ("elastic copper.safetensors cluster.extxyz --relax", r'(pbc="T T T")', BOXED),
    ("phonons copper.safetensors cluster.extxyz --supercell 1,1,1 --mesh 2,2,2", r'(pbc="T T T")', BOXED),
    (
        "phonons copper.safetensors copper.vasp --supercell 1,1,1 --mesh 2,2,2 --displacement 3",
        r"and (0\.01) Å",
        "... --displacement {0}",
    ),
    # structures
    (
        "perturb salt.extxyz -o p.extxyz --count 2",
        r"give (--rattle), (--strain) or",
        "... {0} 0.05 && ... {1} 0.02",
    ),
    ("perturb salt.extxyz -o p.extxyz --count 2 --strain 2", r"write 2 % as (0\.02)", "... --strain {0}"),
    (
        "perturb salt.extxyz -o p.extxyz --count 2 --rattle 0.05 --min-distance 5",
        r"(--min-distance \S+) or less",
        "... {0}",
    ),
    (
        "perturb salt.extxyz -o p.extxyz --count 2 --frenkel Li=1",
        r"Li=2 (--framework) S",
        "... {0} Cl --site-distance 1.5",
    ),
    (
        "perturb salt.extxyz -o p.extxyz --count 2 --frenkel Li=1 --framework P",
        r"it is made of (Cl), Li\.",
        "... --framework {0}",
    ),
    ("arrange half.cif -o a.extxyz --supercell 2x1x1", r"(--adjust Li)", "... {0}"),
    ("arrange half.cif -o a.extxyz --supercell 2x1x1", r"keep the charge with (--charged)", "... {0}"),
    (
        "arrange half.cif -o a.extxyz --supercell 2x1x1",
        r"give other charges \((--charges)\)",
        "... {0} Li=1,Cl=-0.5",
    ),
    (
        "arrange half.cif -o a.extxyz --charged --method foo",
        r"methods are (enumerate) and",
        "... --method {0}",
    ),
    (
        "arrange half.cif -o a.extxyz --charged --supercell 2x2x1 --method enumerate --limit 1",
        r"(--method monte-carlo)",
        "... {0} --sweeps 5",
    ),
    (
        "arrange half.cif -o a.extxyz --charged --supercell 2x2x1 --method enumerate --limit 1",
        r"raise (--limit)",
        "... {0} 99",
    ),
    ("glass -o g.extxyz --density 9 --atoms 40 --li2s 75", r"has about (1\.9) g", "... --density {0}"),
    # labels
    (
        "label copper.extxyz --labeller foo -o l.extxyz --store labels",
        r"a settings file \((\.yaml)\)",
        "... --labeller emt{0}",
    ),
    (
        "label salt.extxyz --labeller foo -o l.extxyz --store labels",
        r"or a model file",
        "... --labeller salt.safetensors",
    ),
    (
        "select train.extxyz -o s.extxyz --count 500 --method random",
        r"a count from 1 to (\d+)",
        "... --count {0}",
    ),
    (
        "select train.extxyz -o s.extxyz --count 2 --method foo",
        r"methods are .*(farthest)",
        "... --method {0}",
    ),
    # what runs tell
    (
        f"{MD} && transport run",
        r"found (Cu)\. Remedy: .*(--species)",
        "! transport run {1} {0} --reference none --charge 1",
    ),
    (
        f"{SALT} && dielectric run",
        r"run it with (--field 0,0,0) ",
        f"{SALT} --output fielded {{0}} && ! dielectric fielded",
    ),
    (f"{SALT} && infrared run", r"(--model) FILE", "! infrared run {0} salt.safetensors"),
    (
        f"{MD} && export run copper.safetensors",
        r"such as (frames\.extxyz) or (frames\.traj);",
        "export run {0} && export run {1} && evaluate copper.safetensors frames.extxyz",
    ),
    # defects
    (
        "defect salt.safetensors salt.extxyz --species Na -o d",
        r"it has Cl, (Li)\. Remedy: .* (--species)",
        f"{DEFECT} {{1}} {{0}}",
    ),
    (f"{DEFECT} --kind vacancy --fields=-0.01:0.01:0.01", r"add (--kind frenkel)", "... {0}"),
    (f"{DEFECT} --figure d/field.png", r"add (--fields)=", "... {0}=-0.01:0.01:0.01 --field-axis z"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("files")
    write_files(root)
    return root


@pytest.mark.filterwarnings("ignore::superion.electrostatics.charged_cells.ChargedCellWarning")
@pytest.mark.parametrize("row", ROWS, ids=[row[1] for row in ROWS])
def test_who_follows_a_remedy_succeeds(store, tmp_path, monkeypatch, row):
    check(row, store, tmp_path / "here", monkeypatch)
