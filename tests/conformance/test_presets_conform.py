"""Every preset of `superion fit`, with the Coulomb sums that it has by default, is judged by the referee."""

from typing import Any

import pytest
from ase.build import bulk
from test_fit_presets import CHARGES, SMALL, UNCHARGED, charged, clusters, frames, lone_atoms

from superion.conformance import check
from superion.potentials import Potential
from superion.recipes.base import Options
from superion.recipes.electrostatics import ElectrostaticsSettings
from superion.recipes.registry import FIT_PRESETS

CHECKED = (
    "noise", "forces", "stress", "long-range stress", "translation", "rotation", "permutation",
    "choice of cell",
    "atoms outside the cell", "supercells", "total charge", "atomic energies", "memory", "batches", "restart",
)  # fmt: skip
"""All that is quick; terms and blocks, of which presets are made, are judged by the other checks as well."""


def by_default(settings: Any) -> Any:
    """The settings of a toy fit without the accuracy that makes it fast."""
    if isinstance(settings, dict):
        return {key: by_default(value) for key, value in settings.items() if key != "accuracy"}
    return [by_default(value) for value in settings] if isinstance(settings, list) else settings


@pytest.mark.parametrize("name", FIT_PRESETS)
def test_a_preset_conforms(name):
    preset = FIT_PRESETS[name]
    train = clusters(5, 1) + [charged(atoms) for atoms in frames(1, "ab")] + lone_atoms()
    for atoms in train:
        atoms.info.setdefault("total_charge", 0.0)
    settings = preset.completed(preset.settings.model_validate(by_default(SMALL[name])), train)
    options = Options(electrostatics=ElectrostaticsSettings(charges=dict(CHARGES)))
    model = Potential(preset.fit(train, settings, options))
    crystal = bulk("LiCl", "rocksalt", a=5.1)
    crystal.info["total_charge"] = 0.0
    report = check(model, crystal, level="quick", only=CHECKED)
    assert report.passed, str(report)
    idle = {one.name for one in report.checks if one.status == "not applicable"}
    assert idle == ({"total charge", "long-range stress"} if name in UNCHARGED else set())
    ring = clusters(1, 9)[0]
    vacuum = check(
        model, ring, level="quick", only=("forces", "rotation", "total charge", "batches", "restart")
    )
    assert vacuum.passed, str(vacuum)
