"""Data of which it is known whether they need long-range electrostatics, and what studies of them say.

    python benchmarks/zoo                               # all that are made here
    python benchmarks/zoo "charged pair" noise          # some of them
    python benchmarks/zoo --n2p2 FOLDER                 # and carbon chains and gold, from the files of n2p2

Every case becomes a study with the defaults of all models: `superion run STUDY.yaml`. Folders are kept
under --folder and go on where they stopped. Prints a table and one line of JSON for each case.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from cases import CASES
from given import given_cases
from studies import Found, run_case, write_case

HEAD = ("case", "expected", "answer", "by model", "baseline / best force error, meV/Å", "s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="cases; default: all")
    parser.add_argument("--folder", type=Path, default=Path("zoo"), help="where studies are kept")
    parser.add_argument("--n2p2", type=Path, default=None, help="folder with the files of n2p2")
    parser.add_argument("--seed", type=int, default=0, help="of the data")
    parser.add_argument("--fits", type=int, default=None, help="resampled fits, if others than of the case")
    parser.add_argument("--quick", action="store_true", help="linear models, without training of networks")
    options = parser.parse_args()
    cases = CASES | ({} if options.n2p2 is None else given_cases(options.n2p2))
    unknown = sorted(set(options.names) - set(cases))
    if unknown:
        parser.error(f"there is no case {', '.join(unknown)}; cases are {', '.join(cases)}")
    found: list[Found] = []
    for name in options.names or cases:
        study = write_case(cases[name], options.folder, options.seed, options.fits, quick=options.quick)
        found.append(run_case(cases[name], study))
        print(json.dumps(found[-1].as_json()), flush=True)
    print(table(found))
    if wrong := [one.name for one in found if one.wrong]:
        raise SystemExit(f"false answers: {', '.join(wrong)}")


def table(found: list[Found]) -> str:
    """Markdown."""
    lines = [HEAD, ("---",) * len(HEAD), *(one.cells() for one in found)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    main()
