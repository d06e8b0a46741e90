"""Studies are done again without figures, which take more time than all the rest of a small one."""

import pytest


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fixtures of whole modules come before this one, so that their reports have all figures."""
    monkeypatch.setattr("superion.report.html.draw_all", lambda content, folder: {})
