import numpy as np
import pytest
from ase import Atoms

from superion.neighbours import neighbour_pairs
from superion.potentials.many_body.channels import principal_channels
from superion.potentials.many_body.soap import SoapBlock, SoapSettings

SPECIES = (3, 16)
HYPER = SoapSettings(cutoff=4.5, cutoff_width=2.0, n_max=6, l_max=3)


def frames() -> list[Atoms]:
    rng = np.random.default_rng(3)
    return [
        Atoms([3] * 6 + [16] * 4, rng.uniform(0, 5, (10, 3)), cell=[5, 5.5, 6], pbc=True) for _ in range(3)
    ]


def coefficients(block: SoapBlock) -> dict[int, np.ndarray]:
    """Expansion coefficients of all atoms of each species."""
    found: dict[int, list[np.ndarray]] = {}
    for atoms in frames():
        for z, _, c, _, _ in block.expanded(atoms, neighbour_pairs(atoms, block.cutoff)):
            found.setdefault(z, []).append(c.copy())
    return {z: np.concatenate(parts) for z, parts in found.items()}


@pytest.mark.parametrize("count", [1, 5, 12])
def test_contracted_splines_give_the_contracted_coefficients(count):
    bare = SoapBlock(HYPER, SPECIES, {})
    contractions = principal_channels(bare, frames(), count)
    full = coefficients(bare)
    kept = coefficients(SoapBlock(HYPER, SPECIES, {}, contractions=contractions))
    for z in SPECIES:
        for l in range(HYPER.l_max + 1):
            lms = slice(l * l, (l + 1) ** 2)
            np.testing.assert_allclose(kept[z][:, lms], full[z][:, lms] @ contractions[z][l], atol=1e-13)


def test_channels_hold_more_of_the_density_than_any_others():
    bare = SoapBlock(HYPER, SPECIES, {})
    best = principal_channels(bare, frames(), 4)
    rng = np.random.default_rng(0)
    for z, c in coefficients(bare).items():
        for l in range(HYPER.l_max + 1):
            rows = c[:, l * l : (l + 1) ** 2].reshape(-1, c.shape[2])
            np.testing.assert_allclose(best[z][l].T @ best[z][l], np.eye(4), atol=1e-12)
            held = ((rows @ best[z][l]) ** 2).sum()
            singular = np.linalg.svd(rows, compute_uv=False)
            assert held == pytest.approx((singular[:4] ** 2).sum(), rel=1e-9)
            other = np.linalg.qr(rng.normal(size=(c.shape[2], 4)))[0]
            assert held > ((rows @ other) ** 2).sum()
