"""Tetrahedra that turn by known laws, and ions that hop beside them."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from superion.simulation.trajectory import Trajectory

TETRAHEDRON = 2.05 * np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
CELL = 9.0
"""Å between anions along each axis."""


def jumping(rng, frames, units, rate, step, libration=5.0):
    """(F, U, 3, 3) rotations that jump by 120° about a random ligand `rate` times in a ps, and when."""
    made = np.empty((frames, units, 3, 3))
    events = []
    for unit in range(units):
        times = np.sort(rng.integers(1, frames, rng.poisson(rate * frames * step)))
        events += [(int(at), unit) for at in times]
        now, begin = Rotation.identity(), 0
        for end in [*times.tolist(), frames]:
            made[begin:end, unit] = now.as_matrix()
            axis = TETRAHEDRON[rng.integers(4)] / 2.05
            now = Rotation.from_rotvec(rng.choice([-1, 1]) * 2 * np.pi / 3 * axis) * now
            begin = end
    shake = Rotation.from_rotvec(np.radians(libration) / np.sqrt(3) * rng.normal(size=(frames * units, 3)))
    return shake.as_matrix().reshape(made.shape) @ made, np.array(events).reshape(-1, 2)


def diffusing(rng, frames, units, diffusion, step):
    """(F, U, 3, 3) rotations of free rotors: C1 = exp(−2 D t)."""
    small = rng.normal(0, np.sqrt(2 * diffusion * step), (frames, units, 3))
    made = np.empty((frames, units, 3, 3))
    now = np.broadcast_to(np.eye(3), (units, 3, 3))
    for k in range(frames):
        made[k] = now
        now = Rotation.from_rotvec(small[k]).as_matrix() @ now
    return made


def trajectory(rotations, ions, step) -> Trajectory:
    """PS4 in a row along x, with ions (F, N, 3) Å beside them; step: ps."""
    frames, units = rotations.shape[:2]
    centres = np.zeros((units, 3))
    centres[:, 0] = CELL * np.arange(units)
    ligands = centres[:, None] + np.einsum("fuab,nb->funa", rotations, TETRAHEDRON)
    still = np.broadcast_to(centres, (frames, units, 3))
    positions = np.concatenate([still, ligands.reshape(frames, -1, 3), ions], axis=1)
    return Trajectory(
        numbers=np.array([15] * units + [16] * 4 * units + [3] * ions.shape[1]),
        masses=np.ones(positions.shape[1]),
        pbc=np.ones(3, dtype=bool),
        steps=np.arange(frames),
        times=np.arange(frames) * step * 1000,
        positions=positions,
        cells=np.broadcast_to(np.diag([CELL * units, CELL, CELL]), (frames, 3, 3)),
        meta={"settings": {"temperature": 600.0}},
    )


def beside(hops, frames, units):
    """(F, U, 3) Å of one ion beside each anion, which hops to and fro by 2.5 Å at (time, unit) of `hops`."""
    path = np.zeros((frames, units, 3))
    path[:, :, 0] = CELL * np.arange(units)
    path[:, :, 1] = 3.5
    side = np.zeros((frames, units), dtype=int)
    for at, unit in hops:
        side[at:, unit] += 1
    path[:, :, 2] = 2.5 * (side % 2)
    return path
