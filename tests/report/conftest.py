from __future__ import annotations

from pathlib import Path

import pytest
from synthetic_study import add_trajectory, write_study

from superion.report import write_report


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete study folder with its report."""
    folder = write_study(tmp_path_factory.mktemp("study"))
    add_trajectory(folder)
    assert write_report(folder) == folder / "report.html"
    return folder
