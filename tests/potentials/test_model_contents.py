"""A model file whose checksum is right is not believed: what it says must be complete and fit together."""

import json
import warnings

import numpy as np
import pytest
from damaged_models import GONE, WRONG, changed, misshapen, opened, places, written
from kernel_cases import DIPOLES, SOAP, molecules

from superion.electrostatics import (
    ChargeEquilibration,
    CoulombTerm,
    FixedCharges,
    Gaussian,
    MakovPayne,
    Slater,
)
from superion.electrostatics.equilibration_term import EquilibrationTerm
from superion.electrostatics.polarizable_term import PolarizableTerm
from superion.electrostatics.predicted import PredictedCharges
from superion.electrostatics.uniform_field import UniformField
from superion.errors import CorruptFileError, InputError, ModelError, SuperionError
from superion.potentials.classical.pair_forms import Buckingham, Morse
from superion.potentials.classical.pair_potentials import PairPotentials
from superion.potentials.few_body.angle import AngleSettings
from superion.potentials.few_body.pair import PairSettings
from superion.potentials.gap.fit import fit
from superion.potentials.gap.settings import FitSettings
from superion.potentials.kernel_charges.dipoles import AtomicDipoles
from superion.potentials.kernel_charges.property import KernelProperty
from superion.potentials.kernel_charges.vector import VectorBlock
from superion.potentials.many_body.soap import SoapBlock, SoapSettings
from superion.potentials.neural import NeuralSettings, NeuralTerm, SymmetryFunctions, SymmetrySettings
from superion.potentials.neural.model import Model, Scales, initial_weights
from superion.potentials.potential import Potential
from superion.potentials.repulsion import Repulsion

ELEMENTS = ("H", "C", "O")
CHARGES = {"H": 0.1, "C": -0.1, "O": -0.2}
WATER = molecules(1)[0]
WATER.info["total_charge"] = 0.0


def gaussian_process():
    rng, frames = np.random.default_rng(0), molecules(6)
    for atoms in frames:
        atoms.info["REF_energy"] = rng.normal()
        atoms.arrays["REF_forces"] = rng.normal(size=(len(atoms), 3))
    settings = FitSettings(
        pair=PairSettings(cutoff=3.0, sparse_points=3),
        angle=AngleSettings(cutoff=2.0, sparse_points=2),
        soap=SoapSettings(cutoff=3.0, n_max=3, l_max=1, sparse_points=3, channels=3, components=4),
    )
    return fit(frames, settings, {"gap": []})["gap"]


def kernel(name):
    block = SoapBlock.choose(molecules(3), SOAP, (1, 6, 8), np.random.default_rng(0))
    return KernelProperty([block], 0.01 * np.ones(block.size), {"H": 3.0, "C": 5.0, "O": 7.0}, name)


def neural(generation="4g"):
    import torch

    symmetry = SymmetrySettings(cutoff=4.0, radial=3, angular=1, zetas=(1.0,))
    settings = NeuralSettings(generation=generation, symmetry=symmetry, hidden=(3,))
    functions = SymmetryFunctions(settings.symmetry, (1, 6, 8))
    generator = torch.Generator().manual_seed(0)
    ones = torch.ones(3, functions.size, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    scales = Scales(ones[0], ones[0], *(4 * (ones[1],)))
    weights = initial_weights(settings, ELEMENTS, functions.size, generator)
    return [NeuralTerm(Model(settings, functions, scales, weights))]


def dipoles():
    block = VectorBlock.choose(molecules(3), DIPOLES, (1, 6, 8), np.random.default_rng(0))
    return AtomicDipoles([block], 0.01 * np.ones(block.size))


def equilibration(chi, **options):
    hardness, widths = {"H": 13.0, "C": 10.0, "O": 15.0}, {s: Gaussian(0.5) for s in ELEMENTS}
    return EquilibrationTerm(ChargeEquilibration(chi, hardness, widths, total_charge=0.0, **options))


def corrected():
    term = equilibration({"H": 3.0, "C": 5.0, "O": 7.0}, bounds={"H": (-0.1, 0.1)})
    return [term, MakovPayne(term.charges, 2.0)]


MODELS = {
    "gp": gaussian_process,
    "coulomb": lambda: [CoulombTerm(FixedCharges(CHARGES), Slater(2.0))],
    "polarizable": lambda: [PolarizableTerm(FixedCharges(CHARGES), {"H": 0.3, "C": 0.8, "O": 0.6})],
    "equilibration": lambda: [equilibration({"H": 3.0, "C": 5.0, "O": 7.0})],
    "kernel equilibration": lambda: [equilibration(kernel("electronegativity"))],
    "within bounds, corrected": corrected,
    "predicted": lambda: [CoulombTerm(PredictedCharges(kernel("charge"), total_charge=0.0), Gaussian(0.5))],
    "field and dipoles": lambda: [UniformField([0, 0, 0.1], FixedCharges(CHARGES)), dipoles()],
    "neural": neural,
    "pairs and repulsion": lambda: [
        PairPotentials(
            {("H", "O"): Morse(1.0, 2.0, 1.0), ("C", "H"): Buckingham(100.0, 0.3, 1.0)}, species=ELEMENTS
        ),
        Repulsion({(1, 1): 0.7, (1, 6): 0.9, (1, 8): 0.8}),
    ],
}


@pytest.fixture(scope="module", params=MODELS)
def model(request, tmp_path_factory):
    """Header, tensors and file of a model of one kind, which is whole."""
    path = tmp_path_factory.mktemp("models") / "model.safetensors"
    Potential(MODELS[request.param]()).save(path)
    content, arrays = opened(path)
    written(path, content, arrays)
    assert outcome(path) == "used"
    return content, arrays, path


def outcome(path):
    """What comes of a model file: used, refused in a message that names it and a remedy, or what else."""
    try:
        model = Potential.load(path)
    except SuperionError as error:
        return "refused" if str(path) in str(error) and error.remedy else f"message {error}"
    except Exception as error:
        return repr(error)
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            found = model.evaluate(WATER)
    except SuperionError as error:
        return f"refuses the structure: {error}"
    except Exception as error:
        return repr(error)
    finite = np.isfinite(found.energy) and np.isfinite(found.forces).all()
    return "used" if finite else f"energy {found.energy}"


def test_every_key_is_held_against_its_type_and_range(model):
    content, arrays, path = model
    found = {}
    for place in places(content):
        for wrong in WRONG:
            written(path, changed(content, place, wrong), arrays)
            found.setdefault(outcome(path), []).append((place, "gone" if wrong is GONE else wrong))
    strange = {how: cases for how, cases in found.items() if how not in ("used", "refused")}
    assert not {how: cases for how, cases in strange.items() if not how.startswith("refuses the structure")}
    assert len(found["refused"]) > 50
    for key in ("format", "terms", "provenance"):
        written(path, changed(content, (key,), GONE), arrays)
        with pytest.raises(CorruptFileError, match=f"{key}: Field required"):
            Potential.load(path)


def test_every_tensor_is_held_against_the_others(model):
    content, arrays, path = model
    found = {}
    for name, array in arrays.items():
        if not name.endswith(".factor"):  # without it a model has no uncertainties, and is whole
            written(path, content, {other: value for other, value in arrays.items() if other != name})
            found[name, "gone"] = outcome(path)
        for how, wrong in misshapen(array):
            written(path, content, arrays | {name: wrong})
            found[name, how] = outcome(path)
    assert {case: how for case, how in found.items() if how != "refused"} == {}
    written(path, content, arrays | {"term_9.weights": np.zeros(2), "x": np.zeros(1)})
    with pytest.raises(CorruptFileError, match="belongs to no term"):
        Potential.load(path)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"terms": ' + "[" * 5_000 + "]" * 5_000 + "}",
        '{"format": ' + "9" * 5_000 + "}",
        "null",
        '"x"',
        "{}",
        "",
        '{"format": 1, "terms": [], "provenance": {}}',
        '{"format": 1, "units": {"energy": "Ry"}, "terms": [{"kind": "x", "settings": {}}], '
        '"provenance": {}}',
    ],
)
def test_headers_that_are_none(tmp_path, text):
    path = tmp_path / "model.safetensors"
    written(path, text, {})
    with pytest.raises((CorruptFileError, ModelError), match=r"model\.safetensors.*Remedy"):
        Potential.load(path)


@pytest.mark.parametrize("accuracy", [0, -1, float("nan"), 1e-300, 5.0])
def test_sums_without_an_end_are_refused_in_files_and_by_hand(tmp_path, accuracy):
    with pytest.raises(InputError, match="accuracy"):
        CoulombTerm(FixedCharges(CHARGES), Slater(2.0), accuracy=accuracy)
    with pytest.raises(InputError, match="accuracy"):
        ChargeEquilibration(CHARGES, {s: 5.0 for s in CHARGES}, Gaussian(1.0), accuracy=accuracy)
    path = tmp_path / "model.safetensors"
    Potential([CoulombTerm(FixedCharges(CHARGES), Slater(2.0))]).save(path)
    content, arrays = opened(path)
    written(path, json.dumps(changed(content, ("terms", 0, "settings", "accuracy"), accuracy)), arrays)
    with pytest.raises(CorruptFileError, match=r"accuracy|not the description"):
        Potential.load(path)


def test_a_fit_that_is_not_finite_is_not_saved(tmp_path):
    diverged = PairPotentials({("H", "O"): Morse(1.0, 2.0, 1.0)}, species=ELEMENTS, baseline={"H": np.nan})
    for terms in ([diverged], [AtomicDipoles(dipoles().blocks, np.inf * np.ones(len(dipoles().weights)))]):
        with pytest.raises(ModelError, match=r"not finite.*was not saved"):
            Potential(terms).save(tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())
