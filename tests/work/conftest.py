"""The calculators of the tests of labels serve here too, also in processes that tests start."""

import os
import sys
from pathlib import Path

import pytest

CALCULATORS = str(Path(__file__).parents[1] / "reference")
sys.path.insert(0, CALCULATORS)


@pytest.fixture(autouse=True)
def fakes_can_be_imported(monkeypatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([CALCULATORS, os.environ.get("PYTHONPATH", "")]))
