"""Build sdist and wheel, install the wheel into an environment of its own, and fit there: `make dist`.

The environment sees the packages of this one, but not superion: an editable install is not followed.
"""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
CACHES = shutil.ignore_patterns("__pycache__", "*.egg-info")
FIT = {
    "pair": {"cutoff": 4.0, "sparse_points": 4},
    "soap": {"cutoff": 4.0, "n_max": 2, "l_max": 1, "sparse_points": 6},
}


def run(*words: object, cwd: Path) -> str:
    """Output of a command; what it said goes into the error if it fails."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run([*map(str, words)], cwd=cwd, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{words} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def build(folder: Path) -> tuple[set[str], set[str]]:
    """Build both in `folder`, the wheel from the sdist, and return their files."""
    with tempfile.TemporaryDirectory() as made:
        copy = Path(made) / "superion"
        shutil.copytree(ROOT / "src", copy / "src", ignore=CACHES)
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, copy)
        run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder.resolve(), copy, cwd=copy)
    with tarfile.open(next(folder.glob("superion-*.tar.gz"))) as archive:
        source = {name.partition("/")[2] for name in archive.getnames()}
    with zipfile.ZipFile(next(folder.glob("superion-*.whl"))) as archive:
        return source, set(archive.namelist())


def package() -> set[str]:
    """All files of the package here, caches aside."""
    files = (path for path in (ROOT / "src" / "superion").rglob("*") if path.is_file())
    return {str(p.relative_to(ROOT / "src")) for p in files if "__pycache__" not in p.parts}


def install(folder: Path, place: Path) -> Path:
    """Install the wheel of `folder` at `place`; the folder of its commands."""
    venv.create(place)
    (packages,) = place.glob("lib/python*/site-packages")
    (packages / "present.pth").write_text("\n".join(site.getsitepackages()))
    wheel = next(folder.glob("superion-*.whl")).resolve()
    python = place / "bin" / "python"
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-deps",
        "--no-index",
        wheel,
        cwd=place,
    )
    return place / "bin"


def try_out(commands: Path, empty: Path) -> None:
    """Ask for help and fit, from a folder that has nothing but the labels."""
    found = run(commands / "python", "-c", "import superion; print(superion.__file__)", cwd=empty)
    assert Path(found).is_relative_to(commands.parent), found
    assert "electrostatics" in run(commands / "superion", "--help", cwd=empty)
    (empty / "small.yaml").write_text(json.dumps(FIT))
    labels = (ROOT / "data/lps/train.extxyz").read_text().splitlines()[: 4 * 44]
    (empty / "train.extxyz").write_text("\n".join(labels) + "\n")
    fit = "fit train.extxyz --preset es-gap --config small.yaml -o model.safetensors --json fit.json"
    run(commands / "superion", *fit.split(), cwd=empty)
    evaluate = "evaluate model.safetensors train.extxyz --json again.json"
    run(commands / "superion", *evaluate.split(), cwd=empty)
    errors = json.loads((empty / "fit.json").read_text())["train"]
    assert 0 < errors["force_rmse"] < 2, errors


if __name__ == "__main__":
    target = Path(sys.argv[1])
    source, wheel = build(target)
    missing = package() - wheel
    assert not missing, missing
    with tempfile.TemporaryDirectory() as made:
        (empty := Path(made) / "empty").mkdir()
        try_out(install(target, Path(made) / "env"), empty)
    print(f"{', '.join(path.name for path in sorted(target.iterdir()))}: built, installed and tried.")
