"""What all generations came to, in one file."""

from __future__ import annotations

from pathlib import Path

from superion.active_learning.results import Summary, read_training_result
from superion.results import write_result

SUMMARY = "summary.json"


def generations(folder: Path, last: int) -> dict[int, Path]:
    """Folders of the generations up to `last`: later ones are of a training that went on differently."""
    paths = sorted(folder.glob("generation-[0-9]*"))
    found = {int(path.name.removeprefix("generation-")): path for path in paths}
    return {number: path for number, path in found.items() if number <= last}


def summarise(folder: Path, last: int, reason: str | None) -> Summary:
    """Join what was judged up to generation `last` into `summary.json`.

    reason: why the training ended, None before.
    """
    found = generations(folder, last)
    judged = [
        read_training_result(path / "judge.json") for path in found.values() if (path / "judge.json").exists()
    ]
    diffusion = {
        str(number): read_training_result(path / "diffusion.json")
        for number, path in found.items()
        if (path / "diffusion.json").exists()
    }
    summary = Summary(ended=reason, generations=judged, diffusion=diffusion)
    write_result(folder / SUMMARY, summary)
    return summary
