"""Which rule tells diffusion from motion in cages? Simulated ions of known D, three rules, one table.

    python benchmarks/caged_ions.py            # 20 repetitions, some ten minutes on one core

line: a straight line through the slow modes, believed wherever there are ten independent hops. growing:
the same with the largest number of modes, from 3 up, whose interval overlaps those of all smaller numbers
(the rule of Lepski, Theory Probab. Appl. 35, 454, 1991). cages: what superion does, relaxations of all
times beside D. Printed are the percentage of runs in which the interval, or the bound where there is no
value, holds the true D, and (in brackets) the percentage with a value. Where D is zero a value is an error.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from superion.analysis.diffusion import FEWEST_HOPS, diffusion_coefficient, walk_coefficient
from superion.analysis.displacement import mean_squared_displacement
from superion.analysis.modes import slow_modes

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "analysis"))
from walkers import confined, rare_hops

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


def processes() -> Iterator[tuple[str, Make]]:
    """Names of processes, and what makes their paths with the true D (Å²/fs)."""
    for ions in (20, 192):
        for picoseconds in (30, 100, 500):
            frames = int(1000 * picoseconds / TIMESTEP)
            name = f"{ions} ions, {picoseconds} ps"
            for hops in (2, 5, 20, 100):
                yield f"{name}, walk, {hops} hops per ion", walk(frames, ions, hops)
            for plateau in (1, 4, 12, 18):
                for part in (0.003, 0.03, 0.1, 0.2, 0.5, 1.0):
                    yield (
                        f"{name}, D = 0, plateau {plateau} Å², relaxation {part:g} of the run",
                        caged(frames, ions, plateau, part),
                    )
            for plateau, part in ((4, 0.003), (12, 0.02), (12, 0.1), (18, 0.25)):
                for rate in (0.2, 1, 5, 20):
                    yield (
                        f"{name}, {rate:g} hops per ns and ion, plateau {plateau} Å², relaxation {part:g}",
                        rare(frames, ions, plateau, part, rate * ions),
                    )
                yield (
                    f"{name}, 20 hops per ns in all, plateau {plateau} Å², relaxation {part:g}",
                    rare(frames, ions, plateau, part, 20),
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


def main(repetitions: int) -> None:
    """Print the table."""
    print(f"{'':76s}" + "".join(f"{name:>12s}" for name in RULES))
    sums = {name: np.zeros(4) for name in RULES}
    for number, (title, make) in enumerate(processes()):
        cells = []
        for name, rule in RULES.items():
            held = known = 0
            for repetition in range(repetitions):
                paths, truth = make(np.random.default_rng([number, repetition]))
                valued, low, high = rule(paths)
                held, known = held + (low <= truth <= high), known + valued
            cells.append(f"{100 * held / repetitions:4.0f} ({100 * known / repetitions:3.0f})")
            sums[name] += [held, known, held < 0.9 * repetitions, 1]
        print(f"{title:76s}" + "".join(f"{cell:>12s}" for cell in cells), flush=True)
    for name, (held, known, poor, total) in sums.items():
        share = 100 / (total * repetitions)
        print(
            f"{name}: holds the truth in {held * share:.0f} %, gives a value in {known * share:.0f} %; "
            f"below 90 % in {poor:.0f} of {total:.0f} cases"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
