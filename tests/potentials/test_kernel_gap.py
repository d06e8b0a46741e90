import numpy as np
import pytest
from ase import Atoms
from block_oracles import random_structure

from superion.errors import InputError
from superion.potentials import FitSettings, KernelQEqSettings, Potential, Sigmas, fit_kqeq_gap
from superion.potentials.few_body.pair import PairBlock, PairSettings
from superion.potentials.gap.gaussian_process import SparseGP
from superion.potentials.kernel_charges.qeq import charge_terms, unlearned_problem
from superion.potentials.kernel_charges.settings import KernelSigmas
from superion.potentials.many_body.soap import SoapSettings

SOAP = SoapSettings(cutoff=3.5, cutoff_width=1.5, n_max=2, l_max=1, zeta=1, delta=2.0, sparse_points=40)
PAIR = PairSettings(cutoff=4.0, lengthscale=1.2, delta=1.0, sparse_points=20)
SETTINGS = KernelQEqSettings(
    electronegativity=(SOAP,),
    atomic_dipoles=(),
    hardness={"Li": 6.0, "P": 8.0, "S": 9.0},
    width={"Li": 1.1, "P": 1.0, "S": 0.9},
    learn=(),
    total_charge=0.0,
    sigma=KernelSigmas(charge=0.003),
)
BASELINE = {"Li": -1.0, "P": -2.0, "S": -3.0}
LOCAL = FitSettings(pair=PAIR, soap=None, sigma=Sigmas(energy=1e-3, force=0.01, virial=0.02))


def labelled(seeds: range, truth: Potential, pbc: bool, charges: bool) -> list[Atoms]:
    frames = [random_structure(seed, atoms=6, length=5.0, pbc=(pbc,) * 3) for seed in seeds]
    for atoms in frames:
        result = truth.evaluate(atoms)
        atoms.info["REF_energy"], atoms.arrays["REF_forces"] = result.energy, result.forces
        if pbc:
            stress = -result.virial / atoms.get_volume()
            atoms.info["REF_stress"] = stress[(0, 1, 2, 1, 0, 0), (0, 1, 2, 2, 2, 1)]
        if charges:
            atoms.arrays["REF_charges"] = result.charges
    return frames


def known_model(pbc: bool) -> Potential:
    """Charges of some tenths of e by element and environment, and a pair potential."""
    frames = [random_structure(seed, atoms=6, length=5.0, pbc=(pbc,) * 3) for seed in range(20)]
    problem, rng = unlearned_problem(frames, SETTINGS), np.random.default_rng(5)
    unknowns = np.zeros(problem.size)
    for part, factor in problem.prior():
        unknowns[part] = np.linalg.solve(factor, rng.standard_normal(len(factor)))
    unknowns[problem.kernels :] = [-4.0, -1.0, 4.0]
    block = PairBlock.choose(frames, PAIR, problem.elements.species, rng)
    weights = 0.3 * np.linalg.solve(
        np.linalg.cholesky(block.prior() + 1e-6 * np.eye(block.size)).T, rng.standard_normal(block.size)
    )
    local = SparseGP([block], weights, BASELINE)
    return Potential([*charge_terms(problem, unknowns), local])


def rms(values: object) -> float:
    return float(np.sqrt(np.mean(np.concatenate([np.ravel(v) for v in values]) ** 2)))


@pytest.mark.filterwarnings("ignore::superion.electrostatics.charge_transfer.ChargeTransferWarning")
@pytest.mark.parametrize(("pbc", "charges"), [(False, True), (False, False), (True, True)])
def test_known_model_is_recovered(pbc, charges):
    truth = known_model(pbc)
    frames = labelled(range(100, 110 if pbc else 130), truth, pbc, charges)
    settings = SETTINGS
    if charges:  # lone atoms tell the constant energies
        for atom, energy in BASELINE.items():
            frames.append(Atoms(atom, info={"config_type": "IsolatedAtom", "REF_energy": energy}))
    else:
        settings = settings.model_copy(update={"start_charges": {"Li": 0.3, "P": 0.1, "S": -0.3}})
    fitted = Potential(fit_kqeq_gap(frames, settings, LOCAL))
    new = labelled(range(200, 210), truth, pbc, True)
    results = [fitted.evaluate(atoms) for atoms in new]
    wanted = [a.arrays["REF_forces"] for a in new]
    force = rms([r.forces - f for r, f in zip(results, wanted, strict=True)]) / rms(wanted)
    energies = np.array([[r.energy, a.info["REF_energy"]] for r, a in zip(results, new, strict=True)])
    energy = rms([energies[:, 0] - energies[:, 1]]) / energies[:, 1].std()
    q = [a.arrays["REF_charges"] for a in new]
    charge = rms([r.charges - own for r, own in zip(results, q, strict=True)]) / rms(q)
    assert force < 0.05
    assert energy < 0.05
    assert charge < 0.02


def test_fits_that_know_nothing_of_charges_or_energies_are_refused():
    frames = [random_structure(seed, pbc=(False,) * 3) for seed in range(3)]
    with pytest.raises(InputError, match="no frame carries REF_energy"):
        fit_kqeq_gap(frames, SETTINGS, LOCAL)
    for atoms in frames:
        atoms.info["REF_energy"] = 0.0
    with pytest.raises(InputError, match="no start charge of"):
        fit_kqeq_gap(frames, SETTINGS, LOCAL)
