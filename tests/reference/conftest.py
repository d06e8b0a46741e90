import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def fakes_can_be_imported(monkeypatch) -> None:
    """Processes that tests start find `fake_calculators` too."""
    here = str(Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]))
