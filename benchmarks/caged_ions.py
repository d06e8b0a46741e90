"""Which rule tells diffusion from motion in cages? Simulated ions of known D, three rules, one table.

    python benchmarks/caged_ions.py                              # 20 repetitions
    python benchmarks/caged_ions.py 10 --rules cages --only "192 ions" --results caged_ions.jsonl

Every run of a process is a line of the file of results, which is read when the benchmark starts again: it
goes on where it was, and with a larger number of repetitions adds to them.

line: a straight line through the slow modes, believed wherever there are ten independent hops. growing:
the same with the largest number of modes, from 3 up, whose interval overlaps those of all smaller numbers
(the rule of Lepski, Theory Probab. Appl. 35, 454, 1991). cages: what superion does, relaxations of all
times beside D. Printed are the percentage of runs in which the interval, or the bound where there is no
value, holds the true D, and (in brackets) the percentage with a value. Where D is zero a value is an error.
Sums are given for each kind of process.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from zlib import crc32

import numpy as np

from superion.analysis.diffusion import FEWEST_HOPS, diffusion_coefficient, walk_coefficient
from superion.analysis.displacement import mean_squared_displacement
from superion.analysis.modes import slow_modes

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "analysis"))
from walkers import confined, rare_hops, two_sites, two_sites_and_rare_hops

Array = np.ndarray
HOP = 3.0
TIMESTEP = 100.0
Rule = Callable[[Array], tuple[bool, float, float]]
"""From paths (F, N, 3) to: is there a value, the lower and the upper end of the interval or the bound."""


def line(paths: Array, modes: int | None = None) -> tuple[bool, float, float]:
    """The intercept of a line, as it comes."""
    count = slow_modes(mean_squared_displacement(paths), HOP) if modes is None else modes
    found = walk_coefficient(paths, TIMESTEP, hop_length=HOP, modes=count)
    known = found.independent_hops >= FEWEST_HOPS
    return (known, *found.interval) if known else (False, 0.0, found.bound)


def growing(paths: Array) -> tuple[bool, float, float]:
    """The longest line whose interval agrees with those of all shorter ones."""
    most = slow_modes(mean_squared_displacement(paths), HOP)
    counts = np.unique(np.geomspace(3, most, 8).round().astype(int))
    best, low, high = line(paths, 3), 0.0, np.inf
    for count in counts:
        found = line(paths, int(count))
        if found[1] > high or found[2] < low:
            break
        best, low, high = found, max(low, found[1]), min(high, found[2])
    return best


def cages(paths: Array) -> tuple[bool, float, float]:
    """The estimate of superion."""
    found = diffusion_coefficient(paths, TIMESTEP, hop_length=HOP)
    return (True, *found.interval) if found.known else (False, 0.0, found.bound)


RULES: dict[str, Rule] = {"line": line, "growing": growing, "cages": cages}
Make = Callable[[np.random.Generator], tuple[Array, float]]


def processes() -> Iterator[tuple[str, str, Make]]:
    """Kinds and names of processes, and what makes their paths with the true D (Å²/fs)."""
    for ions in (20, 192):
        for picoseconds in (30, 100, 500):
            frames = int(1000 * picoseconds / TIMESTEP)
            name = f"{ions} ions, {picoseconds} ps"
            for hops in (2, 5, 20, 100):
                yield "walk", f"{name}, walk, {hops} hops per ion", walk(frames, ions, hops)
            for plateau in (1, 4, 12, 18):
                for part in (0.003, 0.03, 0.1, 0.2, 0.5, 1.0):
                    yield (
                        "caged",
                        f"{name}, D = 0, plateau {plateau} Å², relaxation {part:g} of the run",
                        caged(frames, ions, plateau, part),
                    )
            for plateau, part in ((4, 0.003), (12, 0.02), (12, 0.1), (18, 0.25)):
                for rate in (0.2, 1, 5, 20):
                    yield (
                        "rare hops",
                        f"{name}, {rate:g} hops per ns and ion, plateau {plateau} Å², relaxation {part:g}",
                        rare(frames, ions, plateau, part, rate * ions),
                    )
                yield (
                    "rare hops",
                    f"{name}, 20 hops per ns in all, plateau {plateau} Å², relaxation {part:g}",
                    rare(frames, ions, plateau, part, 20),
                )
            for distance in (2, 3, 4):
                for part in (0.003, 0.03, 0.1, 0.3, 1.0):
                    yield (
                        "two sites",
                        f"{name}, D = 0, two sites at {distance} Å, relaxation {part:g} of the run",
                        pairs(frames, ions, distance, part),
                    )
            for distance, part in ((2, 0.01), (3, 0.01), (3, 0.1), (4, 0.3)):
                for rate in (0.2, 1, 5, 20):
                    sites = f"two sites at {distance} Å, relaxation {part:g}"
                    yield (
                        "two sites, rare hops",
                        f"{name}, {rate:g} hops per ns and ion, {sites}",
                        rare_pairs(frames, ions, distance, part, rate * ions),
                    )


def walk(frames: int, ions: int, hops: float) -> Make:
    """A random walk without cages; hops: of 3 Å for each ion in the run."""
    diffusion = hops * HOP**2 / (6 * frames * TIMESTEP)
    step = np.sqrt(2 * diffusion * TIMESTEP)
    return lambda rng: (np.cumsum(step * rng.normal(size=(frames, ions, 3)), axis=0), diffusion)


def caged(frames: int, ions: int, plateau: float, part: float) -> Make:
    """Ions that never leave their cages, whose relaxation takes a part of the run."""
    return lambda rng: (confined(rng, frames, ions, plateau, part * frames * TIMESTEP, TIMESTEP), 0.0)


def rare(frames: int, ions: int, plateau: float, part: float, per_ns: float) -> Make:
    """Cages that all ions together leave so many times in a nanosecond."""
    expected = per_ns * frames * TIMESTEP / 1e6
    return lambda rng: rare_hops(rng, frames, ions, plateau, part * frames * TIMESTEP, expected, TIMESTEP)


def pairs(frames: int, ions: int, distance: float, part: float) -> Make:
    """Ions that hop between the two sites of their cages forever."""
    return lambda rng: (two_sites(rng, frames, ions, distance, part * frames * TIMESTEP, TIMESTEP), 0.0)


def rare_pairs(frames: int, ions: int, distance: float, part: float, per_ns: float) -> Make:
    """The same in cages that all ions together leave so many times in a nanosecond."""
    expected = per_ns * frames * TIMESTEP / 1e6
    return lambda rng: two_sites_and_rare_hops(
        rng, frames, ions, distance, part * frames * TIMESTEP, expected, TIMESTEP
    )


def read(path: Path) -> dict[tuple[str, str, int], tuple[bool, bool]]:
    """What is known of (process, rule, repetition): whether the truth is held, whether there is a value."""
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    return {
        (line["process"], line["rule"], line["repetition"]): (line["held"], line["valued"]) for line in lines
    }


def run(repetitions: int, rules: list[str], only: str, path: Path) -> None:
    """Compute what is not in the file of results, all processes once before any twice."""
    known = read(path)
    for repetition in range(repetitions):
        for _, title, make in processes():
            todo = [rule for rule in rules if (title, rule, repetition) not in known]
            if only not in title or not todo:
                continue
            paths, truth = make(np.random.default_rng([crc32(title.encode()), repetition]))
            for rule in todo:
                valued, low, high = RULES[rule](paths)
                line = {"process": title, "rule": rule, "repetition": repetition, "truth": truth}
                line |= {"held": bool(low <= truth <= high), "valued": bool(valued), "low": low, "high": high}
                with path.open("a") as file:
                    file.write(json.dumps(line) + "\n")


def table(path: Path) -> None:
    """Print what is in the file of results, each process and the sums of each kind."""
    known = read(path)
    runs: dict[tuple[str, str], list[tuple[bool, bool]]] = defaultdict(list)
    for (title, rule, _), one in known.items():
        runs[title, rule].append(one)
    rules = [rule for rule in RULES if any(key[1] == rule for key in runs)]
    print(f"{'':84s}" + "".join(f"{rule:>12s}" for rule in rules))
    sums: dict[tuple[str, str], list[tuple[bool, bool]]] = defaultdict(list)
    poor: dict[tuple[str, str], int] = defaultdict(int)
    for kind, title, _ in processes():
        cells = []
        for rule in rules:
            found = runs[title, rule]
            sums[kind, rule] += found
            poor[kind, rule] += int(bool(found) and np.mean([held for held, _ in found]) < 0.9)
            cells.append(percent(found))
        if any(runs[title, rule] for rule in rules):
            print(f"{title:84s}" + "".join(f"{cell:>12s}" for cell in cells))
    for (kind, rule), found in sums.items():
        print(
            f"{rule}, {kind}: {len(found)} runs, holds the truth and has a value (in brackets) in % "
            f"{percent(found)}; processes held in less than 90 %: {poor[kind, rule]}"
        )


def percent(found: list[tuple[bool, bool]]) -> str:
    """Percentage of runs that hold the truth, in brackets those with a value."""
    if not found:
        return "–"
    held, valued = 100 * np.mean(np.array(found), axis=0)
    return f"{held:.1f} ({valued:.0f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("repetitions", type=int, nargs="?", default=20)
    parser.add_argument("--rules", nargs="+", choices=list(RULES), default=list(RULES))
    parser.add_argument("--only", default="", help="part of the names of processes")
    parser.add_argument("--results", type=Path, default=Path("caged_ions.jsonl"))
    given = parser.parse_args()
    run(given.repetitions, given.rules, given.only, given.results)
    table(given.results)
