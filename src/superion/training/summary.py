"""What all generations came to, in one file and one figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from superion.errors import InputError
from superion.files import read_json, write_json
from superion.study.display import say

SUMMARY = "summary.json"


def summarise(folder: Path, reason: str | None) -> dict[str, Any]:
    """Join what was judged so far into `summary.json`; reason: why the training ended, None before."""
    judged = [read_json(path) for path in sorted(folder.glob("generation-*/judge.json"))]
    diffusion = {
        path.parent.name.removeprefix("generation-").lstrip("0") or "0": read_json(path)
        for path in sorted(folder.glob("generation-*/diffusion.json"))
    }
    summary = {"ended": reason, "generations": judged, "diffusion": diffusion}
    write_json(folder / SUMMARY, summary)
    return summary


def draw(folder: Path, *, progress: bool = True) -> list[Path]:
    """Draw `convergence.png` and `.svg` from `summary.json`; their paths, or a note without matplotlib."""
    if not (folder / SUMMARY).exists():
        raise InputError("no generation has been judged yet.", file=folder, remedy="wait for the first.")
    try:
        from superion.report.figures_training import draw_convergence
    except ImportError as error:
        say(f"note: no figure ({error}); install it: pip install 'superion[report]'.", progress)
        return []
    return draw_convergence(read_json(folder / SUMMARY), folder)
