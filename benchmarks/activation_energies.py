"""How often the 95 % intervals of activation energies hold the truth: walkers at four temperatures.

python benchmarks/activation_energies.py --series 150 --frames 400

The ions walk with D = D0 exp(−Ea/kT), Ea = 0.2 eV, at 600, 700, 800 and 1000 K, and `superion transport`
finds each D from their paths. Counted are intervals of Ea, of D0, and of D at 300 K.
"""

from __future__ import annotations

import argparse

import numpy as np
from ase import units

from superion.analysis import transport
from superion.analysis.arrhenius import ArrheniusSettings, arrhenius

ENERGY, PREFACTOR, STEP = 0.2, 0.02, 100.0  # eV, Å²/fs, fs
KELVINS = (600, 700, 800, 1000)


def diffusivity(kelvin):
    """Å²/fs."""
    return PREFACTOR * np.exp(-ENERGY / (units.kB * kelvin))


def walk(rng, kelvin, frames, ions):
    """The transport of ions that walk beside an atom that stands still."""
    steps = rng.normal(scale=np.sqrt(2 * diffusivity(kelvin) * STEP), size=(frames, ions, 3))
    positions = np.concatenate([np.cumsum(steps, axis=0), np.zeros((frames, 1, 3))], axis=1)
    cells = np.broadcast_to(20.0 * np.eye(3), (frames, 3, 3))
    numbers = np.array([3] * ions + [79])
    masses = np.where(numbers == 3, 6.94, 1e9)
    times = STEP * np.arange(frames)
    return transport(
        positions, cells, times, numbers, masses, temperature=kelvin, unwrapped=True, reference="none"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=150)
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--ions", type=int, default=12)
    parser.add_argument("--seed", type=int, default=11)
    given = parser.parse_args()
    rng, settings = np.random.default_rng(given.seed), ArrheniusSettings(quantity="diffusion")
    truth = (ENERGY, 0.1 * PREFACTOR, 0.1 * diffusivity(300.0))
    inside, lines, widths = np.zeros(3), 0, []
    for _ in range(given.series):
        found = arrhenius([walk(rng, kelvin, given.frames, given.ions) for kelvin in KELVINS], settings)
        if found.status != "line":
            continue
        lines += 1
        ends = (found.activation_interval, found.prefactor_interval, found.extrapolated[0].interval)
        inside += [low <= value <= high for value, (low, high) in zip(truth, ends, strict=True)]
        widths.append(np.ptp(found.activation_interval))
    print(f"{given.frames} frames, {given.ions} ions: {lines} of {given.series} series are lines")
    shares = ", ".join(
        f"{name} {100 * share:.1f} %"
        for name, share in zip(("Ea", "D0", "D(300 K)"), inside / max(lines, 1), strict=True)
    )
    print(f"held: {shares}; interval of Ea {np.mean(widths):.3f} eV wide on average")


if __name__ == "__main__":
    main()
