"""An interrupt may come between any two lines: frames that were sampled are kept, and the run goes on."""

from pathlib import Path

import pytest
from toy_crystals import Springs, crystal

from interrupter import Interrupter, some
from superion.simulation import MDSettings, md, progress, read_trajectory, recorder, run_md

INTERRUPTER = Interrupter(md, recorder, progress)
SETTINGS = MDSettings(
    ensemble="nvt", temperature=500, timestep=2, steps=24, equilibrate=4, sample_every=2, chunk_frames=5
)


def run(folder: Path, at: int = 0) -> int:
    """Run or resume, interrupted at a line; how many lines were run from the first frame on."""

    def work() -> None:
        run_md(crystal(), Springs(crystal()), SETTINGS, folder, resume=True, progress=False)

    return INTERRUPTER.stop(work, at)


def contents(folder: Path) -> list[bytes]:
    found = read_trajectory(folder, equilibration=True)
    return [array.tobytes() for array in (found.steps, found.positions, found.cells, found.conserved)]


def test_an_interrupt_before_any_line_loses_nothing(tmp_path: Path, monkeypatch) -> None:
    add, sampled = recorder.Recorder.add, []

    def counted(*given):
        full = add(*given)
        sampled.append(given)
        return full

    monkeypatch.setattr(recorder.Recorder, "add", counted)
    lines = run(tmp_path / "whole")
    whole = contents(tmp_path / "whole")
    for k, at in enumerate(some(lines, 80)):
        folder = tmp_path / f"broken-{k}"
        sampled.clear()
        with pytest.raises(KeyboardInterrupt):
            run(folder, at)
        steps = []
        if list(folder.glob("chunk-*")):
            steps = read_trajectory(folder, equilibration=True).steps.tolist()
        assert steps == list(range(-4, -4 + 2 * len(steps), 2)), at  # each once
        assert len(steps) - len(sampled) in (0, 1) or len(sampled) == 1, at  # the start may be sampled anew
        run(folder)
        assert contents(folder) == whole, at
