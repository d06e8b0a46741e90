"""The package of CONTRIBUTING.md, installed into a folder, and registries that forget it afterwards."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

from superion.active_learning.explorers import EXPLORERS
from superion.active_learning.judges import JUDGES
from superion.active_learning.measures import MEASURES
from superion.active_learning.protocols import PROTOCOLS
from superion.active_learning.select import SELECTORS
from superion.cli.app import COMMANDS
from superion.conformance import CHECKS
from superion.electrostatics.charges import CHARGE_MODELS
from superion.electrostatics.densities import DENSITIES
from superion.electrostatics.properties import PROPERTIES
from superion.recipes.registry import FIT_PRESETS
from superion.reference.settings import LABELLERS
from superion.structures.formats import FORMATS
from superion.study.properties import PROPERTIES as STUDY_PROPERTIES
from superion.terms import TERMS
from superion.verdict.topics import TOPICS

CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"
REGISTRIES = (
    TERMS, CHARGE_MODELS, DENSITIES, PROPERTIES, FIT_PRESETS, LABELLERS, STUDY_PROPERTIES,
    CHECKS, FORMATS, COMMANDS, SELECTORS, MEASURES, JUDGES, EXPLORERS, PROTOCOLS,
)  # fmt: skip
NAME = "battery-plugins"


def install(site: Path, files: dict[str, str], groups: dict[str, dict[str, str]], name: str = NAME) -> None:
    """Write a distribution as pip leaves it."""
    for path, text in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    folder = site / f"{name.replace('-', '_')}-0.1.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
    (folder / "top_level.txt").write_text("\n".join(sorted({Path(path).parts[0] for path in files})))
    (folder / "entry_points.txt").write_text(
        "\n".join(
            f"[{group}]\n" + "\n".join(f"{key} = {value}" for key, value in points.items())
            for group, points in groups.items()
        )
    )


def documented() -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Files and entry points of the package in CONTRIBUTING.md."""
    text = CONTRIBUTING.read_text()
    blocks = re.findall(r"```python\n# (\S+\.py)\n(.*?)```", text, re.DOTALL)
    (project,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    found = dict(blocks)
    assert len(found) == len(blocks) == 10
    return found | {"battery_plugins/__init__.py": ""}, tomllib.loads(project)["project"]["entry-points"]


def uninstall(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the folder from the path, and back what registries and Python have learned from it."""
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(site)])
    for registry in REGISTRIES:
        for name in [name for name, source in registry._sources.items() if source != "superion"]:
            del registry._known[name], registry._sources[name]
            TOPICS.pop(name, None)
    for module in [m for m in sys.modules if m.split(".")[0] in ("battery_plugins", "other_plugins")]:
        del sys.modules[module]
