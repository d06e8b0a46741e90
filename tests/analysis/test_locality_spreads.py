import numpy as np
import pytest

from superion.calculations.locality.spreads import Response, spreads
from superion.errors import InputError


def responses(sigma: float, atoms: int, perturbations: int, seed: int = 0) -> list[Response]:
    rng = np.random.default_rng(seed)
    made = []
    for atom in range(atoms):
        rest = rng.normal(size=3)
        forces = rest + sigma * rng.normal(size=(perturbations, 3))
        made.append(Response("Li", atom, 5.0, forces, rest))
    return made


@pytest.mark.parametrize(("about", "freedom"), [("unperturbed", 3000), ("mean", 2700)])
def test_a_known_spread_is_found(about, freedom) -> None:
    (found,) = spreads(responses(0.2, 100, 10), about)["Li"]
    assert found.freedom == freedom
    assert found.value == pytest.approx(0.2, rel=0.04)
    assert found.low < 0.2 < found.high


@pytest.mark.parametrize("about", ["unperturbed", "mean"])
def test_the_interval_covers_the_truth_as_often_as_it_says(about) -> None:
    inside = sum(
        f.low < 0.3 < f.high for seed in range(300) for f in spreads(responses(0.3, 1, 4, seed), about)["Li"]
    )
    assert inside / 300 == pytest.approx(0.95, abs=0.04)


def test_the_bootstrap_error_is_that_of_repeated_experiments() -> None:
    found = [spreads(responses(0.3, 20, 3, seed))["Li"][0] for seed in range(100)]
    scatter = np.std([f.value for f in found], ddof=1)
    assert np.mean([f.error for f in found if f.error]) == pytest.approx(scatter, rel=0.3)


def test_spreads_of_atoms_add_up_in_quadrature_and_by_species_and_radius() -> None:
    rest = np.zeros(3)
    one = Response("P", 7, 4.0, np.array([[0.3, 0, 0]]), rest)
    two = Response("P", 9, 4.0, np.array([[0, 0.1, 0], [0, 0, 0.1]]), rest)
    far = Response("P", 9, 6.0, np.array([[0, 0.01, 0]]), rest)
    near, beyond = spreads([far, one, two])["P"]
    assert (near.radius, beyond.radius) == (4.0, 6.0)
    assert near.value == pytest.approx(np.sqrt((0.09 + 0.02) / 9))
    assert near.atoms == {7: pytest.approx(0.3 / np.sqrt(3)), 9: pytest.approx(0.1 / np.sqrt(3))}
    assert near.mean_force == pytest.approx((0.3 + 0.05 * np.sqrt(2)) / 2)
    assert beyond.error is None


def test_one_perturbation_has_no_spread_about_its_mean() -> None:
    with pytest.raises(InputError, match=r"atom 0 .* one perturbation at 5 Å"):
        spreads(responses(0.1, 1, 1), "mean")
    assert spreads(responses(0.1, 1, 1))["Li"][0].freedom == 3
