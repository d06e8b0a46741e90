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
from typing import ClassVar, Literal

import torch
from pydantic import Field

from superion.machine import THREADS, cpu_count
from superion.results import REDO, Count, ResultFile

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


class Provenance(ResultFile):
    """`provenance.json` of a study or a training; what is missing is not shown."""

    writer: ClassVar[str] = "a study or a training as it starts"
    remedy: ClassVar[str] = REDO

    kind: Literal["provenance"] = "provenance"
    versions: dict[str, str | None] = Field(default_factory=dict)
    python: str = ""
    platform: str = ""
    processor: str = ""
    cpu_cores: Count = Field(0, description="processor cores, count")
    threads: dict[str, int | str | None] = Field(
        default_factory=dict, description="threads by library, count, or what the environment says"
    )
    command: str = ""
    time: str = ""
    data: dict[str, str | None] = Field(default_factory=dict)
    seeds: dict[str, int | None] = Field(default_factory=dict, description="seeds by purpose, no unit")


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
