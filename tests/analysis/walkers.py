"""Ions whose diffusion coefficient is known exactly: confined ones, and ones that hop between cages."""

import numpy as np
from scipy.signal import lfilter


def confined(rng, frames, ions, plateau, relaxation, timestep):
    """Ornstein-Uhlenbeck walkers (F, N, 3): D is 0, the mean squared displacement levels off at `plateau`."""
    memory = np.exp(-timestep / relaxation)
    noise = rng.normal(size=(frames, ions, 3))
    noise[1:] *= np.sqrt(1 - memory**2)
    return np.sqrt(plateau / 6) * lfilter([1.0], [1.0, -memory], noise, axis=0)


def hops(rng, frames, ions, expected, length):
    """Hops of all ions (F, N, 3) in random directions at random times; `expected` is their mean number."""
    count = rng.poisson(expected)
    steps = np.zeros((frames, ions, 3))
    vectors = rng.normal(size=(count, 3))
    vectors *= length / np.linalg.norm(vectors, axis=1)[:, None]
    np.add.at(steps, (rng.integers(0, frames, count), rng.integers(0, ions, count)), vectors)
    return np.cumsum(steps, axis=0)


def between_cages(plateau):
    """Shortest hop from one cage to the next: spheres of radius r, plateau 2 r², do not overlap."""
    return max(3.0, np.sqrt(2 * plateau))


def rare_hops(rng, frames, ions, plateau, relaxation, expected, timestep):
    """Ions in cages that sometimes hop to the next, and their diffusion coefficient in Å²/fs."""
    length = between_cages(plateau)
    paths = confined(rng, frames, ions, plateau, relaxation, timestep)
    truth = expected * length**2 / (6 * frames * timestep * ions)
    return paths + hops(rng, frames, ions, expected, length), truth


def two_sites(rng, frames, ions, distance, relaxation, timestep, vibration=0.3):
    """Ions (F, N, 3) that hop to and fro between two sites of their own, each pair in a direction of its own.

    The side is a random telegraph, correlated over `relaxation`: D is 0, the mean squared displacement levels
    off at distance²/2 and what the vibration (Å along each axis) adds.
    """
    switches = rng.random((frames, ions)) < -np.expm1(-timestep / relaxation) / 2
    switches[0] = rng.random(ions) < 0.5
    side = 1 - 2 * (np.cumsum(switches, axis=0) % 2)
    axis = rng.normal(size=(ions, 3))
    axis *= distance / 2 / np.linalg.norm(axis, axis=1)[:, None]
    return side[:, :, None] * axis + vibration * rng.normal(size=(frames, ions, 3))


def two_sites_and_rare_hops(rng, frames, ions, distance, relaxation, expected, timestep):
    """Ions in cages of two sites that sometimes hop to the next cage, and their D in Å²/fs.

    Cages do not overlap: the next is at least twice the distance of the sites away.
    """
    length = max(3.0, 2.0 * distance)
    paths = two_sites(rng, frames, ions, distance, relaxation, timestep)
    truth = expected * length**2 / (6 * frames * timestep * ions)
    return paths + hops(rng, frames, ions, expected, length), truth
