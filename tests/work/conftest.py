"""Toys of the tests of labels and defects serve here too, calculators also in processes that tests start."""

import os
import sys
from pathlib import Path

import pytest

CALCULATORS = str(Path(__file__).parents[1] / "reference")
sys.path[:0] = [CALCULATORS, str(Path(__file__).parents[1] / "defects")]


@pytest.fixture(autouse=True)
def fakes_can_be_imported(monkeypatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([CALCULATORS, os.environ.get("PYTHONPATH", "")]))
