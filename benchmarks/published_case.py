"""Our own run of the published case, Li7P3S11 local against electrostatic, in one table and one figure.

    superion run examples/li7p3s11-verdict.yaml --output verdict
    superion defect verdict/models/es-gap.safetensors data/lps/Li7P3S11.vasp --species Li --supercell 2x3x2 \
        --count 3 --separation 6 --fields=-0.3:0.3:0.1 --output large-es-gap
    superion defect verdict/models/gap.safetensors data/lps/Li7P3S11.vasp --species Li --supercell 2x3x2 \
        --count 3 --separation 6 --fields=-0.3:0.3:0.1 --field-charges data/lps/locality/charges.json \
        --start large-es-gap --output large-gap
    python benchmarks/published_case.py verdict large-gap large-es-gap --figure docs/figures/defects

Prints the rows of the verdict in Markdown, then the energies of defects in the large cell without field and
what they change by per field.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from superion.files import read_json
from superion.report.figure_defects import study_defects
from superion.report.figure_file import save_figure


def rows_of_verdict(verdict: dict[str, Any]) -> list[str]:
    """The table of the verdict."""
    lines = ["| row | GAP | ES-GAP | labels | outcome |", "| --- | --- | --- | --- | --- |"]
    for row in verdict["rows"]:
        cells = [row["name"], *(number(row[key]) for key in ("local", "electrostatic", "reference"))]
        lines.append(f"| {' | '.join([*cells, row['outcome']])} |")
    return lines


def rows_of_defects(results: dict[str, dict[str, Any]]) -> list[str]:
    """Energy and slope of every defect by potential."""
    lines = ["| defect | potential | energy (eV) | slope x, y, z (e·Å) | −Δp x, y, z (e·Å) |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for potential, result in results.items():
        for one in result["defects"]:
            slopes, dipoles = [], []
            for axis in "xyz":
                found = (one["fields"].get(axis) or {}).get("attribution")
                slopes.append("–" if found is None else f"{found['slope_eA']:.2f}")
                dipoles.append("–" if found is None else f"{found['minus_dipole_eA']:.2f}")
            energy = number(one["energy_eV"])
            cells = [one["name"], potential, energy, ", ".join(slopes), ", ".join(dipoles)]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def number(value: Any) -> str:
    """Three digits, or a dash."""
    value = value.get("value") if isinstance(value, dict) else value
    return "–" if value is None else f"{value:.3g}"


def main() -> None:
    """Read, draw, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("study", type=Path, help="folder of the study")
    parser.add_argument("gap", type=Path, help="folder of `superion defect` with GAP")
    parser.add_argument("es_gap", type=Path, help="folder of `superion defect` with ES-GAP")
    parser.add_argument("--figure", type=Path, help="write the figure as FIGURE.png and FIGURE.svg")
    chosen = parser.parse_args()
    results = {
        "gap": read_json(chosen.gap / "defects.json"),
        "es-gap": read_json(chosen.es_gap / "defects.json"),
    }
    print("\n".join([*rows_of_verdict(read_json(chosen.study / "verdict.json")), ""]))
    print("\n".join(rows_of_defects(results)))
    if chosen.figure:
        save_figure(lambda: study_defects(results) or no_fields(), chosen.figure)


def no_fields() -> Any:
    """Say what is missing."""
    raise SystemExit("no defect was followed through fields.")


if __name__ == "__main__":
    main()
