"""Where results come from: versions, machine, threads, command."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from superion.study.config import cpu_count
from superion.study.dynamics import THREADS
from superion.verdict.results import Provenance

PACKAGES = (
    "superion",
    "ase",
    "jinja2",
    "matplotlib",
    "numba",
    "numpy",
    "pydantic",
    "pyyaml",
    "rich",
    "safetensors",
    "torch",
    "typer",
    "vesin",
)

NUMERICAL = ("superion", "numba", "numpy", "torch", "vesin")
"""Packages that a fitted model depends on."""


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str | None]:
    """Version by package, None for what is not installed."""
    return {name: _version(name) for name in packages}


def environment() -> Provenance:
    """Facts on this process and the machine it runs on."""
    return Provenance(
        versions=dict(versions()),
        python=platform.python_version(),
        platform=platform.platform(),
        processor=_processor(),
        cpu_cores=cpu_count(),
        threads={"torch": torch.get_num_threads(), **{name: os.environ.get(name) for name in THREADS}},
        command=shlex.join(sys.argv),
        time=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    """The model name of the CPU where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
