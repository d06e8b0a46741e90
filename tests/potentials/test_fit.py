"""The fit against textbook Gaussian-process regression, dense least squares and a synthetic truth."""

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.lj import LennardJones

from superion.electrostatics import CoulombTerm, FixedCharges, Slater
from superion.errors import InputError, ModelError
from superion.potentials.baseline import BaselineWarning, baseline_energies, lone_atoms, undetermined
from superion.potentials.few_body.angle import AngleSettings
from superion.potentials.few_body.pair import PairSettings
from superion.potentials.gap.fit import fit
from superion.potentials.gap.gaussian_process import SparseGP, design, prior_factor
from superion.potentials.gap.settings import FitSettings, Sigmas
from superion.potentials.many_body.soap import SoapSettings
from superion.potentials.potential import Potential
from superion.terms import Evaluation

SOAP = SoapSettings(cutoff=4.0, cutoff_width=1.5, n_max=4, l_max=3, zeta=2, delta=0.7, sparse_points=12)
PAIR = PairSettings(cutoff=4.0, cutoff_width=1.5, delta=0.5, sparse_points=8)
SIGMA = Sigmas(energy=0.01, force=0.1, virial=0.1)
PLAIN = FitSettings(pair=None, soap=SOAP, sigma=SIGMA, baseline="least-squares")


def labelled(count: int, seed: int = 0) -> list[Atoms]:
    """Frames of a two-species Lennard-Jones crystal with exact labels."""
    rng = np.random.default_rng(seed)
    frames = []
    for k in range(count):
        cell = np.diag([4.2, 4.4, 4.6]) + np.triu(rng.normal(0, 0.2, (3, 3)), 1)
        grid = np.array([(i, j, l) for i in range(2) for j in range(2) for l in range(2)]) / 2 + 0.1
        atoms = Atoms("Li3S5" if k % 2 else "Li4S4", grid @ cell, cell=cell, pbc=True)
        atoms.positions += rng.normal(0, 0.1, (8, 3))
        atoms.calc = LennardJones(sigma=1.9, epsilon=0.3, rc=4.0, smooth=True)
        frame = Atoms(atoms.numbers, atoms.positions, cell=cell, pbc=True)
        shift = 1.5 * (atoms.numbers == 3).sum() - 2.5 * (atoms.numbers == 16).sum()
        frame.info["REF_energy"] = atoms.get_potential_energy() + shift
        frame.arrays["REF_forces"] = atoms.get_forces()
        frame.info["REF_stress"] = atoms.get_stress()
        frames.append(frame)
    return frames


def strip(frames: list[Atoms], *names: str) -> list[Atoms]:
    copies = [atoms.copy() for atoms in frames]
    for atoms in copies:
        for name in names:
            atoms.info.pop(name, None)
            atoms.arrays.pop(name, None)
    return copies


def total(terms, atoms) -> Evaluation:
    return Potential(terms).evaluate(atoms)


def test_all_environments_sparse_is_textbook_regression():
    """Mean and variance of energies against K(K + Σ)⁻¹y and k** − k(K + Σ)⁻¹k."""
    frames, unseen = strip(labelled(6), "REF_forces", "REF_stress"), labelled(3, seed=9)
    settings = PLAIN.model_copy(
        update={"soap": SOAP.model_copy(update={"sparse_method": "all"}), "jitter": 1e-13}
    )
    gp = fit(frames, settings, {"gap": []})["gap"][-1]
    block = gp.blocks[0]
    everything = [*frames, *unseen]
    spectra = [block.spectra(atoms) for atoms in everything]

    def covariance(a: int, b: int) -> float:
        same = everything[a].numbers[:, None] == everything[b].numbers
        return (np.where(same, (spectra[a] @ spectra[b].T) ** 2, 0) * 0.7**2).sum()

    kernel = np.array([[covariance(a, b) for b in range(9)] for a in range(9)])
    noise = 0.01**2 * 8 * np.eye(6)
    labels = [atoms.info["REF_energy"] - gp.constants(atoms).sum() for atoms in frames]
    mean = kernel[6:, :6] @ np.linalg.solve(kernel[:6, :6] + noise, labels)
    variance = kernel[6:, 6:] - kernel[6:, :6] @ np.linalg.solve(kernel[:6, :6] + noise, kernel[:6, 6:])
    ours = [gp.evaluate(atoms).energy - gp.constants(atoms).sum() for atoms in unseen]
    np.testing.assert_allclose(ours, mean, rtol=1e-6)
    deviations = [gp.deviation(atoms).energy for atoms in unseen]
    np.testing.assert_allclose(deviations, np.sqrt(np.diag(variance)), rtol=1e-4)


def test_streaming_fit_is_the_dense_solution():
    frames = labelled(10)
    settings = PLAIN.model_copy(update={"pair": PAIR, "angle": AngleSettings(cutoff=3.0, sparse_points=6)})
    gp = fit(frames, settings, {"gap": []})["gap"][-1]
    rows, labels = [], []
    index = ([0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1])
    for atoms in frames:
        energy, force, virial = design(gp.blocks, atoms)
        rows += [energy.sum(axis=0)[None] / (0.01 * np.sqrt(8)), force.reshape(24, -1) / 0.1]
        rows += [virial[index] / (0.1 * np.sqrt(8))]
        labels += [[(atoms.info["REF_energy"] - gp.constants(atoms).sum()) / (0.01 * np.sqrt(8))]]
        labels += [atoms.arrays["REF_forces"].ravel() / 0.1]
        labels += [-atoms.info["REF_stress"] * atoms.get_volume() / (0.1 * np.sqrt(8))]
    sizes = np.cumsum([0] + [block.size for block in gp.blocks])
    for block, start in zip(gp.blocks, sizes, strict=False):
        prior = np.zeros((block.size, sizes[-1]))
        prior[:, start : start + block.size] = prior_factor(block.prior())
        rows.append(prior)
        labels.append(np.zeros(block.size))
    dense = np.linalg.lstsq(np.concatenate(rows), np.concatenate(labels), rcond=None)[0]
    for atoms in frames[:3]:
        force = design(gp.blocks, atoms)[1]
        np.testing.assert_allclose(gp.evaluate(atoms).forces, force @ dense, atol=1e-9)


def test_learns_a_known_potential_and_knows_where_it_does_not():
    pair = PairSettings(cutoff=4.0, cutoff_width=0.5, delta=5.0, lengthscale=0.4, sparse_points=25)
    settings = PLAIN.model_copy(update={"pair": pair})
    train, test = labelled(40), labelled(10, seed=5)
    terms = fit(train, settings, {"gap": []})["gap"]
    error = np.concatenate([total(terms, a).forces - a.arrays["REF_forces"] for a in test])
    assert np.sqrt(np.mean(error**2)) < 0.12 * np.sqrt(np.mean([a.arrays["REF_forces"] ** 2 for a in test]))
    strange = test[0].copy()
    strange.positions[0] += 0.8
    inside, outside = (terms[-1].deviation(a) for a in (test[0], strange))
    assert outside.energy > 3 * inside.energy
    assert outside.energies[0] > 1.2 * inside.energies[0]
    assert outside.forces.max() > 1.5 * inside.forces.max()


class Shift:
    """A fixed term that says the same of every atom, and pushes along x."""

    kind = "shift"

    def evaluate(self, atoms: Atoms) -> Evaluation:
        n = len(atoms)
        return Evaluation(0.5 * n, np.full(n, 0.5), np.tile([0.1, 0, 0], (n, 1)), 0.2 * np.eye(3))


def test_fixed_terms_are_subtracted_from_the_labels():
    """What a fixed term adds, the local term fitted under it takes away again."""
    frames = labelled(12)
    fits = fit(frames, PLAIN, {"plain": [], "shifted": [Shift()]})
    alone = fit(frames, PLAIN, {"plain": []})["plain"]
    shifted_labels = [atoms.copy() for atoms in frames]
    for atoms in shifted_labels:
        push = Shift().evaluate(atoms)
        atoms.info["REF_energy"] -= push.energy
        atoms.arrays["REF_forces"] -= push.forces
        atoms.info["REF_stress"] = atoms.info["REF_stress"] + 0.2 / atoms.get_volume() * np.array(
            [1, 1, 1, 0, 0, 0]
        )
    by_hand = fit(shifted_labels, PLAIN, {"plain": []})["plain"]
    for atoms in labelled(2, seed=3):
        assert total(alone, atoms).energy == pytest.approx(total(fits["plain"], atoms).energy, abs=1e-8)
        local = fits["shifted"][-1].evaluate(atoms)
        np.testing.assert_allclose(local.forces, total(by_hand, atoms).forces, atol=1e-7)


def test_threads_do_not_change_the_result():
    frames = labelled(8)
    one, two = (fit(frames, PLAIN, {"gap": []}, workers=w)["gap"][-1].weights for w in (1, 2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    "missing", [["REF_energy"], ["REF_forces"], ["REF_stress"], ["REF_forces", "REF_stress"]]
)
def test_any_label_may_be_missing(missing):
    terms = fit(strip(labelled(6), *missing), PLAIN, {"gap": []})["gap"]
    assert np.isfinite(total(terms, labelled(1)[0]).forces).all()


def test_regularisation_per_config_type_species_and_force():
    """A label trusted more is followed more closely, by each of the four ways to say so."""
    frames = labelled(8)
    for atoms in frames:
        atoms.info["config_type"] = "md"
    frames[3].info["config_type"] = "special"
    tight = Sigmas(energy=0.01, force=0.003, virial=0.1)

    def misfit(settings: FitSettings, data: list[Atoms], select) -> float:
        terms = fit(data, settings, {"gap": []})["gap"]
        return np.sqrt(
            np.mean(
                [select(total(terms, a).forces - a.arrays["REF_forces"], a, k) for k, a in enumerate(data)]
            )
        )

    def third(error, atoms, k):
        return (error**2).mean() if k == 3 else 0.0

    def sulfur(error, atoms, k):
        return (error[atoms.numbers == 16] ** 2).mean()

    loose = PLAIN.model_copy(update={"sigma": Sigmas(energy=0.01, force=0.5, virial=0.1)})
    by_type = loose.model_copy(update={"sigma_by_config_type": {"special": tight}})
    assert misfit(by_type, frames, third) < 0.6 * misfit(loose, frames, third)
    by_species = loose.model_copy(update={"force_sigma_by_species": {"S": 0.02}})
    assert misfit(by_species, frames, sulfur) < 0.75 * misfit(loose, frames, sulfur)
    single = [atoms.copy() for atoms in frames]
    single[3].arrays["force_sigma"] = np.full(8, 0.003)
    assert misfit(loose, single, third) == pytest.approx(misfit(by_type, frames, third), rel=1e-3)
    relative = PLAIN.model_copy(update={"force_sigma_relative": 5.0})
    assert misfit(relative, frames, sulfur) > 1.2 * misfit(PLAIN, frames, sulfur)


def test_baseline_energies():
    frames = labelled(6)
    nothing = [Evaluation.zero(8) for _ in frames]
    counts = np.array([[(a.numbers == z).sum() for z in (3, 16)] for a in frames])
    for k, atoms in enumerate(frames):
        atoms.info["REF_energy"] = float(counts[k] @ [1.5, -2.5])
    fitted = baseline_energies(frames, frames, nothing, "auto", [3, 16])
    assert fitted == {"Li": pytest.approx(1.5), "S": pytest.approx(-2.5)}
    isolated = [Atoms(s, cell=[9, 9, 9], pbc=True) for s in ("Li", "S")]
    for atoms, energy in zip(isolated, (-0.3, -1.0), strict=True):
        atoms.info.update(config_type="IsolatedAtom", REF_energy=energy)
    assert baseline_energies([*isolated, *frames], frames, nothing, "auto", [3, 16]) == {
        "Li": -0.3,
        "S": -1.0,
    }
    with pytest.raises(InputError, match=r"IsolatedAtom for \['S'\]"):
        baseline_energies([isolated[0], *frames], frames, nothing, "isolated", [3, 16])
    with pytest.warns(BaselineWarning, match=r"there of Li, but not of S: .* fitted by least squares"):
        assert baseline_energies([isolated[0], *frames], frames, nothing, "auto", [3, 16]) == fitted
    silent = baseline_energies([isolated[0], *frames], frames, nothing, "least-squares", [3, 16])
    assert silent == fitted


def test_energies_that_frames_leave_open_are_told():
    def energetic(*formulae: str) -> list[Atoms]:
        made = [Atoms(formula, cell=[9, 9, 9], pbc=True) for formula in formulae]
        for atoms in made:
            atoms.info.update(
                {"REF_energy": -1.0} | ({"config_type": "IsolatedAtom"} if len(atoms) == 1 else {})
            )
        return made

    thio = energetic("Li3PS4", "Li6P2S8")
    said = undetermined(thio, "auto")
    assert said.startswith("the frames with energies are of one composition, ")
    assert "Remedy: add isolated atoms of Li, P, S (config_type=IsolatedAtom), or frames" in said
    assert undetermined([*thio, *energetic("Li", "P", "S")], "auto") is None
    assert undetermined([*thio, *energetic("Li", "P")], "auto") == said
    alone = undetermined([*thio, *energetic("Li", "P", "S")], "least-squares")
    assert alone.endswith("Remedy: add frames of other compositions, with energies.")
    line = energetic("Li2S", "P2S5", "Li7P3S11", "Li4P2S7")
    assert "are mixtures of 2 compositions, fewer than the 3 elements," in undetermined(line, "auto")
    assert undetermined([*line, *energetic("Li23P8S32")], "auto") is None
    assert undetermined(energetic("Li8"), "auto") is None
    assert undetermined(strip(labelled(2), "REF_energy"), "auto") is None


def test_ions_beside_isolated_atoms_change_no_fit():
    lone = [Atoms(symbol, cell=[9, 9, 9], pbc=True) for symbol in ("Li", "S")]
    for atoms, energy in zip(lone, (-0.3, -1.0), strict=True):
        atoms.info.update(config_type="IsolatedAtom", REF_energy=energy)
    ion, frames = lone[0].copy(), labelled(3)
    ion.info.update(REF_energy=5.1, total_charge=1.0, source="ions.extxyz#0")
    (plain,), (more,) = (
        fit([*frames, *some], PLAIN, {"gap": []})["gap"] for some in (lone, [ion, *lone, ion])
    )
    assert more.baseline == plain.baseline
    np.testing.assert_array_equal(more.weights, plain.weights)
    assert lone_atoms([ion]) == [ion]
    del ion.info["total_charge"]
    with pytest.raises(
        InputError, match=r"ions.extxyz#0: isolated atoms of Li have the energies -0.3 and 5.1"
    ):
        fit([*frames, *lone, ion], PLAIN, {"gap": []})


def test_a_lone_atom_has_the_energy_of_its_label():
    lone = [Atoms(symbol, cell=[9, 9, 9], pbc=True) for symbol in ("Li", "S")]
    for atoms, energy in zip(lone, (-0.3, -1.0), strict=True):
        atoms.info.update(config_type="IsolatedAtom", REF_energy=energy)
    exact = {"IsolatedAtom": Sigmas(energy=1e-5, force=0.1, virial=0.1)}
    settings = PLAIN.model_copy(update={"baseline": "isolated", "sigma_by_config_type": exact})
    terms = fit([*labelled(6), *lone], settings, {"gap": []})["gap"]
    for atoms in lone:
        assert total(terms, atoms).energy == pytest.approx(atoms.info["REF_energy"], abs=0.02)


def test_unusable_input_is_named():
    with pytest.raises(InputError, match=r"no frame carries REF_energy.*--key"):
        fit(strip(labelled(2), "REF_energy", "REF_forces", "REF_stress"), PLAIN, {"gap": []})
    with pytest.raises(InputError, match="all null"):
        fit(labelled(2), FitSettings(pair=None, soap=None, angle=None), {"gap": []})
    frames = labelled(2)
    frames[1].info["source"] = "train.extxyz#1"
    frames[1].arrays["force_sigma"] = np.zeros(8)
    with pytest.raises(InputError, match=r"frame train.extxyz#1: force_sigma must be positive"):
        fit(frames, PLAIN, {"gap": []})
    frames[1].pbc = (True, True, False)
    coulomb = CoulombTerm(FixedCharges({"Li": 0.4, "S": -0.4}), Slater.from_screening(2.0))
    with pytest.raises(
        InputError, match=r"frame train.extxyz#1: periodic axes .* three periodic axes or none"
    ):
        fit(frames[1:], PLAIN, {"es-gap": [coulomb]})


def test_no_covariance_no_deviation():
    terms = fit(labelled(3), PLAIN.model_copy(update={"uncertainty": False}), {"gap": []})["gap"]
    assert isinstance(terms[-1], SparseGP)
    with pytest.raises(ModelError, match="without its covariance"):
        terms[-1].deviation(labelled(1)[0])
