"""How errors fall as the training set of Li7P3S11 grows: figure and table of docs/active-learning.md.

    python benchmarks/training.py          # from benchmarks/training.json
    python benchmarks/training.py grown    # from a folder of active learning; keeps its summary

Writes docs/figures/training.png and prints the table as Markdown. The summary is `summary.json` of the
training, numbers to five digits.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from superion.active_learning.report.figures import draw_convergence
from superion.active_learning.results import Summary
from superion.files import read_json, write_atomic
from superion.report.content import sort_models
from superion.report.estimates import number
from superion.report.style import look
from superion.results import read_result

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "benchmarks" / "training.json"
FIGURE = ROOT / "docs" / "figures" / "training"


def rounded(value: Any) -> Any:
    """The same with all floats to five significant digits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def keep(summary: dict[str, Any], path: Path) -> None:
    """Write a summary, one line for each generation."""
    rest = {key: value for key, value in rounded(summary).items() if key != "generations"}
    lines = ",\n".join(json.dumps(generation) for generation in rounded(summary)["generations"])
    write_atomic(path, json.dumps(rest)[:-1] + f', "generations": [\n{lines}\n]}}\n')


def table(summary: dict[str, Any]) -> str:
    """Force errors in meV/Å and calibration of every generation, as Markdown."""
    generations = summary["generations"]
    names = sort_models({name for g in generations for name in g["models"]})
    head = ["generation", "new labels", "training frames"]
    head += [f"{look(name).label}, {part}" for name in names for part in ("training", "test", "new")]
    head += [f"{look(name).label}, error / deviation" for name in names]
    rows = [head, ["---"] * len(head)]
    for g in generations:
        found = [g["models"][name] for name in names]
        cells = [str(g[key]) for key in ("generation", "labels", "training_frames")]
        cells += [force(model[part]) for model in found for part in ("train", "test", "new")]
        cells += [number((model["calibration"] or {}).get("factor")) for model in found]
        rows.append(cells)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def force(errors: dict[str, Any] | None) -> str:
    value = (errors or {}).get("force_rmse")
    return number(None if value is None else 1000 * value)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "folder", nargs="?", type=Path, help="training folder; none: the summary that is kept"
    )
    parser.add_argument("--kept", type=Path, default=KEPT, help="summary that is kept")
    parser.add_argument("--figure", type=Path, default=FIGURE, help="figure, without suffix")
    options = parser.parse_args(arguments)
    if options.folder:
        keep(read_json(options.folder / "summary.json"), options.kept)
    summary = read_json(options.kept)
    draw_convergence(read_result(options.kept, Summary).generations, options.figure, (".png",))
    print(table(summary))
    print("in progress" if summary["ended"] is None else f"ended: {summary['ended']}")


if __name__ == "__main__":
    main()
