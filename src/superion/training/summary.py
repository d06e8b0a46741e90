"""What all generations came to, in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from superion.files import read_json, write_json

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
