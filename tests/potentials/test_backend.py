import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from ase.io import read
from block_oracles import random_structure
from torch_cases import potential

from superion import Calculator, compiled
from superion.compiled import SlowPathWarning
from superion.errors import InputError
from superion.potentials import TorchPotential
from superion.potentials.backend import evaluator

WITHOUT_NUMBA = """
import json, pkgutil, sys, warnings
sys.modules["numba"] = sys.modules["llvmlite"] = None  # importing either fails
import numpy as np
import superion
from superion import Calculator, FitSettings, Potential
from superion.errors import InputError
from superion.potentials.gap.fit import fit
from superion.potentials.many_body.soap import SoapBlock
from superion.simulation import MDSettings, run_md
from ase.io import read

folder = sys.argv[1]
atoms = read(folder + "/atoms.extxyz")
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("default")
    for _ in range(3):
        atoms.calc = Calculator(folder + "/model.safetensors")
found = {"energy": atoms.get_potential_energy(), "forces": atoms.get_forces().tolist(),
         "stress": atoms.get_stress().tolist(), "charges": atoms.get_charges().tolist(),
         "warnings": [[type(w.message).__name__, str(w.message)] for w in seen]}
settings = MDSettings(temperature=300, steps=4, sample_every=2, timestep=0.5)
warnings.simplefilter("ignore")
found["frames"] = run_md(atoms, Calculator(folder + "/model.safetensors"), settings, folder + "/md").frames
found["errors"] = []
atoms.info["REF_energy"] = 1.0
for call in (
    lambda: Calculator(folder + "/model.safetensors", backend="compiled"),
    lambda: Potential.load(folder + "/model.safetensors").evaluate(atoms),
    lambda: fit([atoms], FitSettings(), {"gap": []}),
    lambda: atoms.calc.get_property("energy_std", atoms),
):
    try:
        call()
    except InputError as error:
        found["errors"].append(str(error))
print(json.dumps(found))
"""


def test_without_numba_the_same_model_runs_the_slow_way(tmp_path):
    model, atoms = potential("all"), random_structure(2, 8, length=9.0)
    model.terms[-1].factor = np.eye(model.terms[-1].weights.size)
    model.save(tmp_path / "model.safetensors")
    atoms.write(tmp_path / "atoms.extxyz")
    atoms = read(tmp_path / "atoms.extxyz")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_NUMBA, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found, expected = json.loads(done.stdout.splitlines()[-1]), model.evaluate(atoms)
    assert found["energy"] == pytest.approx(expected.energy, abs=1e-10)
    np.testing.assert_allclose(found["forces"], expected.forces, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found["charges"], expected.charges, rtol=0, atol=1e-10)
    stress = (-expected.virial / atoms.get_volume()).flat[[0, 4, 8, 5, 2, 1]]
    np.testing.assert_allclose(found["stress"], stress, rtol=0, atol=1e-10)
    ((kind, message),) = found["warnings"]
    assert kind == "SlowPathWarning"
    assert "Install numba" in message
    assert found["frames"] == 3
    assert len(found["errors"]) == 4
    assert all("install numba" in error for error in found["errors"])


def test_without_numba_every_module_can_be_told_apart_from_the_compiled_ones():
    text = """
import sys, pkgutil, importlib
sys.modules["numba"] = sys.modules["llvmlite"] = None
import superion
failed = []
for module in pkgutil.walk_packages(superion.__path__, "superion."):
    if module.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except ImportError as error:
        failed.append(module.name)
print(*failed)
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) - {"superion.compile_cache"} == {
        f"superion.potentials.many_body.{name}"
        for name in ("angular", "design", "evaluate", "gemm", "kernels", "simd", "sums")
    }


def test_what_computes():
    ours = potential("all")
    assert evaluator(ours) is ours
    assert evaluator(ours, "compiled") is ours
    assert isinstance(evaluator(ours, "torch"), TorchPotential)


def test_calculators_of_both_backends_agree():
    ours, atoms = potential("all"), random_structure(1, 6)
    one, two = (Calculator(ours, backend=name) for name in ("compiled", "torch"))
    for name in ("energy", "forces", "stress", "charges", "dipole"):
        np.testing.assert_allclose(
            one.get_property(name, atoms), two.get_property(name, atoms), rtol=0, atol=1e-10
        )


def test_missing_numba_warns_or_is_an_error(monkeypatch):
    monkeypatch.setattr(compiled, "MISSING", "No module named 'numba'")
    ours = potential("pair")
    with pytest.warns(SlowPathWarning, match="computed with PyTorch, which is slower"):
        assert isinstance(evaluator(ours), TorchPotential)
    assert isinstance(evaluator(ours, "torch"), TorchPotential)
    with pytest.raises(InputError, match=r"compiled backend needs compiled loops.*Remedy: install numba"):
        evaluator(ours, "compiled")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "touch"}, r"unknown backend 'touch'. Did you mean 'torch'\?"),
        ({"precision": "float16"}, "unknown precision 'float16'"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        (
            {"backend": "compiled", "device": "cuda"},
            "compiled backend computes on the CPU, asked for device cuda",
        ),
    ],
)
def test_choices_that_cannot_be_had(options, message, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match=message):
        Calculator(potential("soap"), **options)
