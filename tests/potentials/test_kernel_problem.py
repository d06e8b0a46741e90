import numpy as np
import pytest
import torch
from kernel_cases import ELEMENTS, SETTINGS, charges_of, molecules, problem, random_unknowns, tensor
from scipy.optimize import check_grad

from superion.errors import InputError, ModelError
from superion.potentials.kernel_charges.observables import observables, quadrupole_matrix
from superion.potentials.kernel_charges.settings import KernelSigmas
from superion.potentials.kernel_charges.tuning import left_out_loss, tune

COULOMB = 14.399645


def labelled(count: int, settings=SETTINGS, seed: int = 0, labels=("REF_dipole",)):
    """Frames with the labels that a known model gives, and its unknowns."""
    own = problem(molecules(count, seed), settings)
    truth = random_unknowns(own)
    for atoms in own.frames:
        label(own, truth, atoms, labels)
    return own, truth


def label(own, truth, atoms, labels):
    q = charges_of(atoms, own.kernel_rows(atoms) @ truth[: own.charged], own.elements)
    p = np.zeros((len(atoms), 3))
    weights = truth[own.charged :]
    for block in own.vectors:
        p += block.design(atoms) @ weights[: block.size]
        weights = weights[block.size :]
    if "REF_dipole" in labels:
        atoms.info["REF_dipole"] = q @ atoms.positions + p.sum(axis=0)
    if "REF_charges" in labels:
        atoms.arrays["REF_charges"] = q
    return q, p


def test_charges_are_linear_in_the_unknowns():
    """The rows of the problem times a known model are the labels of that model."""
    own, truth = labelled(8, labels=("REF_dipole", "REF_charges"))
    for atoms in own.frames:
        rows, right = own.rows(atoms)
        np.testing.assert_allclose(rows @ truth, right, rtol=0, atol=2e-6)


def test_both_ways_to_solve_agree():
    own, _ = labelled(10)
    equations = [own.rows(atoms) for atoms in own.frames]
    rows, right = (np.concatenate(parts) for parts in zip(*equations, strict=True))
    by_labels, by_unknowns = own.solve_by_labels(rows.copy(), right), own.solve_by_unknowns(equations)
    np.testing.assert_allclose(rows @ by_labels, rows @ by_unknowns, rtol=0, atol=1e-6)


def test_solution_is_the_optimum_of_the_objective():
    """The gradient of squared errors plus squared deviation from the prior vanishes at the solution."""
    own, _ = labelled(10)
    solution = own.solve()
    equations = [own.rows(atoms) for atoms in own.frames]

    def objective(unknowns: np.ndarray) -> float:
        error = sum(((rows @ unknowns - right) ** 2).sum() for rows, right in equations)
        return 0.5 * error + 0.5 * sum(((u @ unknowns[part]) ** 2).sum() for part, u in own.prior())

    def gradient(unknowns: np.ndarray) -> np.ndarray:
        total = sum(rows.T @ (rows @ unknowns - right) for rows, right in equations)
        for part, u in own.prior():
            total[part] += u.T @ (u @ unknowns[part])
        return total

    rng = np.random.default_rng(0)
    scale = max(np.abs(rows.T @ right).max() for rows, right in equations)
    assert np.abs(gradient(solution)).max() < 1e-8 * scale
    for _ in range(5):
        away = random_unknowns(own, rng.integers(1000))
        assert objective(solution + 1e-2 * away) > objective(solution)
    assert check_grad(objective, gradient, solution + away, epsilon=1e-6) < 1e-3 * scale


def test_known_model_is_recovered_from_dipoles():
    own, truth = labelled(64)
    solution = own.solve()
    new = molecules(16, seed=99)
    errors, sizes = [], []
    for atoms in new:
        label(own, truth, atoms, ("REF_dipole",))
        rows, right = own.rows(atoms)
        errors.append((rows @ solution - right) * SETTINGS.sigma.dipole)
        sizes.append(atoms.info["REF_dipole"])
    assert np.abs(sizes).mean() > 0.1
    assert np.sqrt(np.mean(np.square(errors))) < 0.1 * np.sqrt(np.mean(np.square(sizes)))


def test_charges_are_recovered_from_dipoles_without_atomic_dipoles():
    settings = SETTINGS.model_copy(update={"atomic_dipoles": ()})
    own, truth = labelled(64, settings)
    solution = own.solve()
    wrong, size = [], []
    for atoms in molecules(16, seed=99):
        q, _ = label(own, truth, atoms, ())
        predicted = charges_of(atoms, own.kernel_rows(atoms) @ solution)
        wrong.append(predicted - q)
        size.append(q)
    wrong, size = np.concatenate(wrong), np.concatenate(size)
    assert np.sqrt(np.mean(wrong**2)) < 0.15 * np.sqrt(np.mean(size**2))


def test_left_out_loss_is_that_of_fits_without_the_group():
    rng = np.random.default_rng(2)
    features, labels, sizes = rng.standard_normal((9, 4)), rng.standard_normal(9), [2, 3, 1, 3]
    covariance = features @ features.T + 0.3 * np.eye(9)
    expected, first = 0.0, 0
    for size in sizes:
        out = np.arange(first, first + size)
        rest = np.setdiff1d(np.arange(9), out)
        gain = covariance[np.ix_(out, rest)] @ np.linalg.inv(covariance[np.ix_(rest, rest)])
        mean = gain @ labels[rest]
        spread = covariance[np.ix_(out, out)] - gain @ covariance[np.ix_(rest, out)]
        error = labels[out] - mean
        expected += 0.5 * error @ np.linalg.solve(spread, error) + 0.5 * np.linalg.slogdet(spread)[1]
        first += size
    assert left_out_loss(tensor(covariance), tensor(labels), sizes).item() == pytest.approx(expected / 4)


def test_learning_finds_hardnesses_that_predict_better():
    settings = SETTINGS.model_copy(
        update={
            "atomic_dipoles": (),
            "learn": ("hardness", "width", "delta"),
            "steps": 30,
            "sigma": KernelSigmas(charge=0.002),
        }
    )
    truth = labelled(40, settings, labels=("REF_charges",))[0]
    wrong = type(ELEMENTS)(ELEMENTS.species, 2.0 * ELEMENTS.hardness, 0.8 * ELEMENTS.width)
    start = problem(truth.frames, settings, wrong)
    cases, dipoles = start._cases(np.random.default_rng(0))
    found = tune(cases, dipoles, wrong, settings.learn, settings.steps)
    assert found.loss[1] < found.loss[0] - 1.0
    own = (found.elements.hardness + COULOMB / (found.elements.width * torch.pi**0.5)).numpy()
    before = (wrong.hardness + COULOMB / (wrong.width * torch.pi**0.5)).numpy()
    target = (ELEMENTS.hardness + COULOMB / (ELEMENTS.width * torch.pi**0.5)).numpy()
    assert np.abs(own / target - 1).max() < 0.5 * np.abs(before / target - 1).max()


def test_observables_of_known_charges_and_dipoles():
    """Quadrupole and potential of charges, and of dipoles as pairs of charges a small distance apart."""
    (atoms,) = molecules(1)
    rng = np.random.default_rng(5)
    points = 5.0 * rng.standard_normal((4, 3)) + [8.0, 0, 0]
    atoms.info |= {"REF_quadrupole": np.zeros(6), "REF_esp_points": points, "REF_esp": np.zeros(4)}
    width = np.array([0.4, 0.5, 0.6])
    seen = observables(atoms, SETTINGS, width)
    q = rng.standard_normal(3)
    rows = seen.charges(tensor(width)).numpy()
    expected = np.zeros(6)
    for charge, r in zip(q, atoms.positions, strict=True):
        full = 0.5 * charge * (3 * np.outer(r, r) - r @ r * np.eye(3))
        expected += full[(0, 1, 2, 1, 0, 0), (0, 1, 2, 2, 2, 1)]
    np.testing.assert_allclose(rows[:6] @ q, expected, atol=1e-12)
    np.testing.assert_allclose(quadrupole_matrix(atoms.positions)[:3].sum(axis=0), 0, atol=1e-12)
    away = np.linalg.norm(points[:, None] - atoms.positions, axis=-1)
    np.testing.assert_allclose(rows[6:] @ q, (COULOMB * q / away).sum(axis=1), rtol=1e-6)

    step, p = 1e-4, rng.standard_normal((3, 3))
    both = [atoms.copy(), atoms.copy()]
    values = []
    for sign, moved in zip((1, -1), both, strict=True):
        moved.positions += sign * step * p
        values.append(observables(moved, SETTINGS, width).charges(tensor(width)).numpy().sum(axis=1))
    numerical = (values[0] - values[1]) / (2 * step)
    analytic = np.einsum("rnu,nu->r", seen.dipoles, p)
    np.testing.assert_allclose(analytic, numerical, rtol=1e-5, atol=1e-6)


def test_labels_without_meaning_are_refused():
    (atoms,) = molecules(1)
    atoms.info["REF_dipole"] = np.zeros(3)
    periodic = atoms.copy()
    periodic.info = dict(atoms.info)
    periodic.set_cell(np.eye(3) * 8)
    periodic.pbc = True
    with pytest.raises(InputError, match="no unique value"):
        observables(periodic, SETTINGS, np.ones(3))
    atoms.info["REF_dipole"] = np.zeros(4)
    with pytest.raises(InputError, match="shape"):
        observables(atoms, SETTINGS, np.ones(3))
    own = problem(molecules(3), SETTINGS.model_copy(update={"total_charge": None}))
    with pytest.raises(ModelError, match="total charge"):
        own.rows(own.frames[0])
