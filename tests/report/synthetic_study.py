"""A study folder with made-up but realistic numbers, in the layout of docs/study.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from ase.calculators.lj import LennardJones
from ase.io import read
from safetensors.numpy import save_file

from superion.simulation import MDSettings, run_md

ROOT = Path(__file__).parents[2]
SPECIES = ["Li"] * 14 + ["P"] * 6 + ["S"] * 22
NUMBERS = {"Li": 3, "P": 15, "S": 16}
SIGMA = {("gap", 500): 95.0, ("es-gap", 500): 160.0, ("gap", 700): 420.0, ("es-gap", 700): 450.0}
TEST = "Li7P3S11-1000K-s2"
TRAIN = {"Li7P3S11-500K-s0": 11, "Li7P3S11-800K-s1": 24}


def transport_result(
    kelvin: float,
    sigma: float | None,
    spread: float = 1.3,
    bound: float = 20.0,
    length: float = 200.0,
    haven: float | None = 0.55,
) -> dict[str, Any]:
    """Fields of a TransportResult: sigma with the interval sigma/spread … sigma·spread, or else a bound."""
    known = sigma is not None
    per_sigma = 2.6e-8 * kelvin / 500
    value = sigma or bound
    hops = value * length / 60
    interval = [value / spread, value * spread]
    collective = known and haven is not None
    return {
        "species": "Li",
        "charge": 1.0,
        "temperature": float(kelvin),
        "reference": "system",
        "length": length,
        "discarded": 10.0,
        "timestep": 0.02,
        "frames": int(length / 0.02),
        "ions": 14,
        "volume": 829.4,
        "status": "converged" if known else "upper bound only",
        "reason": f"{hops if known else 4.2:.1f} independent hops, 10 are needed for a value.",
        "notes": ["2.1 effective hops per ion: hops back and forth cannot be seen."] if known else [],
        "diffusion": value * per_sigma if known else None,
        "diffusion_interval": [v * per_sigma for v in interval] if known else None,
        "diffusion_bound": None if known else bound * per_sigma,
        "diffusion_tensor": None,
        "conductivity": value if known else None,
        "conductivity_interval": interval if known else None,
        "conductivity_bound": None if known else bound,
        "collective_conductivity": value / haven if collective else None,
        "collective_interval": [0.5 * value / haven, 2 * value / haven] if collective else None,
        "haven_ratio": haven if collective else None,
        "haven_interval": [haven / 2, haven * 2] if collective else None,
        "collective_reason": None if collective else "the collective displacement is one path.",
        "hop_length": 3.0,
        "hops": hops,
        "independent_hops": 0.8 * hops if known else 4.2,
        "slope": 0.97 if known else None,
        "slope_lags": [1.0, 40.0],
        "modes": 40,
        "diffusive_from": 1.0 if known else None,
        "misfit": 0.4,
        "cage_plateau": 0.9,
        "cage_relaxation": None,
        "framework": {},
        "replicas": 1,
        "replica_diffusion": [],
        "msd_lags": [],
        "msd": [],
    }


def growing(kelvin: float, sigma: float | None, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Results on ten prefixes of 200 ps; the first of them are only bounded."""
    parts = []
    for length in np.linspace(20, 200, 10):
        noise = float(np.exp(0.45 * rng.normal() * np.sqrt(20 / length)))
        early = sigma is None or (length < 45 and kelvin < 600)
        spread = 1 + 0.9 * float(np.sqrt(20 / length))
        parts.append(
            transport_result(
                kelvin,
                None if early else sigma * (1 if length == 200 else noise),
                spread,
                bound=(sigma or 4.0) * 900 / length / 4,
                length=float(length),
            )
        )
    return parts


def transport_file(kelvin: float, sigma: float | None, seed: int = 0, **options: Any) -> dict[str, Any]:
    """Content of `transport/<potential>-<T>K.json`."""
    rng = np.random.default_rng(seed)
    lag = np.geomspace(0.02, 100, 60)
    shape = {"Li": (1.1, (sigma or 0.3) * 2.6e-8 * 6e4 * kelvin / 500), "P": (0.12, 0.0), "S": (0.22, 0.0)}
    msd = {s: (a * lag**2 / (lag**2 + 0.02) + b * lag).tolist() for s, (a, b) in shape.items()}
    time = np.linspace(0, 200, 1000)
    conserved = 2e-6 * time * rng.normal() + 2e-5 * rng.normal(size=1000)
    return {
        "result": transport_result(kelvin, sigma, **options),
        "against_length": growing(kelvin, sigma, rng),
        "msd": {"lag_ps": lag.tolist(), **msd},
        "thermo": {
            "time_ps": time.tolist(),
            "temperature_K": (kelvin * (1 + rng.normal(size=1000) * np.sqrt(2 / 123))).tolist(),
            "conserved_eV_per_atom": (conserved - conserved[0]).tolist(),
        },
    }


def census_file(test: bool, stress: bool) -> dict[str, Any]:
    """Content of `census.json`."""
    counts = {**TRAIN, TEST: 14}
    labels = {"energy": 49, "forces": 49} | ({"stress": 49} if stress else {})
    group = {
        "name": "train.extxyz / md",
        "frames": 49,
        "atoms": [42, 42],
        "species": ["Li", "P", "S"],
        "labels": labels,
        "energy_per_atom": [-4.2817, -4.1602],
        "force_max": 5.93,
        "force_rms": 0.84,
        "stress": [-0.0312, 0.0187] if stress else None,
        "trajectories": counts,
    }
    split = {"train": TRAIN, "test": {TEST: 14}} if test else {"train": counts, "test": {}}
    total = {**group, "name": "total"}
    census = {"groups": [group], "total": total, "duplicates": [], "warnings": [], "notes": []}
    return {"census": census, "split": split}


def parity_arrays(
    frames: int, error: float, stress: bool, rng: np.random.Generator, labels: np.random.Generator
) -> dict[str, np.ndarray]:
    """Content of a parity file; `labels` draws the reference, `rng` the errors of the prediction."""
    atoms = 42 * frames
    width = np.array([0.5 if s == "Li" else 1.0 for s in SPECIES * frames])[:, None]
    force = width * labels.normal(size=(atoms, 3))
    energy = -4.22 + 0.03 * labels.normal(size=frames)
    arrays = {
        "energy_reference": energy,
        "energy_predicted": energy + 0.02 * error * rng.normal(size=frames),
        "force_reference": force,
        "force_predicted": force + error * width * rng.normal(size=(atoms, 3)),
        "numbers": np.array([NUMBERS[s] for s in SPECIES * frames]),
    }
    tension = 0.008 * labels.normal(size=(frames if stress else 0, 6))
    wrong = 0.01 * error * rng.normal(size=tension.shape)
    return arrays | {"stress_reference": tension, "stress_predicted": tension + wrong}


def accuracy_entry(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Errors of a parity file under the keys of `superion.analysis.accuracy.errors`."""
    found: dict[str, Any] = {}
    names = {"energy": "energy_{}_per_atom", "force": "force_{}", "stress": "stress_{}"}
    for quantity, key in names.items():
        error = arrays[f"{quantity}_predicted"] - arrays[f"{quantity}_reference"]
        found[key.format("rmse")] = float(np.sqrt(np.mean(error**2))) if error.size else None
        found[key.format("mae")] = float(np.mean(np.abs(error))) if error.size else None
    force = arrays["force_predicted"] - arrays["force_reference"]
    parts = {s: force[arrays["numbers"] == z] for s, z in NUMBERS.items()}
    frames = len(arrays["energy_reference"])
    return found | {
        "force_rmse_by_species": {s: float(np.sqrt(np.mean(p**2))) for s, p in parts.items()},
        "force_mae_by_species": {s: float(np.mean(np.abs(p))) for s, p in parts.items()},
        "frames": frames,
        "atoms": 42 * frames,
    }


def write_study(
    folder: Path,
    *,
    potentials: Sequence[str] = ("gap", "es-gap"),
    sigma: Mapping[tuple[str, int], float | None] = SIGMA,
    stress: bool = True,
    test: bool = True,
    name: str = "lps",
) -> Path:
    """Write a complete study folder; `sigma` gives mS/cm by potential and temperature, None for a bound."""
    for part in ("parity", "transport", "models"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    accuracy: dict[str, Any] = {}
    for k, potential in enumerate(potentials):
        accuracy[potential] = {"train": None, "test": None}
        for split, frames, error in (("train", 35, 0.10), ("test", 14, 0.14)):
            if split == "test" and not test:
                continue
            labels = np.random.default_rng(frames)
            found = parity_arrays(frames, error * (1 - 0.15 * k), stress, np.random.default_rng(k), labels)
            save_file(found, folder / "parity" / f"{potential}-{split}.safetensors")
            accuracy[potential][split] = accuracy_entry(found)
    steps = {"census": 0.8, "fit": 412.0, "accuracy": 9.3}
    for k, ((potential, kelvin), value) in enumerate(sigma.items()):
        if potential not in potentials:
            continue
        write(folder / "transport" / f"{potential}-{kelvin}K.json", transport_file(kelvin, value, k))
        steps |= {f"dynamics/{potential}-{kelvin}K": 8123.5, f"transport/{potential}-{kelvin}K": 3.1}
    write(folder / "accuracy.json", accuracy)
    write(folder / "census.json", census_file(test, stress))
    records = {step: record(seconds) for step, seconds in steps.items()}
    write(folder / "state.json", {"format": 1, "pid": 4711, "steps": records})
    write(folder / "provenance.json", provenance())
    (folder / "study.yaml").write_text(yaml.safe_dump(settings(name, potentials, sigma), sort_keys=False))
    return folder


def record(seconds: float) -> dict[str, Any]:
    """One step of `state.json`."""
    return {
        "status": "done",
        "inputs": "a" * 64,
        "outputs": {"models/gap.safetensors": "b" * 64} if seconds == 412.0 else {},
        "seconds": seconds,
        "started": "2026-03-01T10:00:00+00:00",
        "version": "0.1.0",
        "error": None,
    }


def settings(name: str, potentials: Sequence[str], sigma: Mapping[tuple[str, int], Any]) -> dict[str, Any]:
    """Content of `study.yaml`."""
    return {
        "name": name,
        "data": {"files": ["../data/lps/train.extxyz"], "test": [TEST], "seed": 0},
        "structure": {"file": "../data/lps/Li7P3S11.vasp", "supercell": [1, 1, 1]},
        "potentials": list(potentials),
        "electrostatics": {"charges": {"Li": 0.445, "P": 2.225, "S": -0.89}, "screening": 2.0},
        "fit": {"soap": {"sparse_points": 800}, "seed": 0},
        "dynamics": {"temperatures": sorted({t for _, t in sigma}), "timestep": 2.0, "steps": 100000},
        "transport": {"species": "Li", "charge": 1.0, "discard_ps": 10.0},
        "parallel": None,
    }


def provenance() -> dict[str, Any]:
    """Content of `provenance.json`."""
    return {
        "versions": {"superion": "0.1.0", "numpy": "2.4.0", "torch": "2.13.0"},
        "python": "3.11.2",
        "processor": "Example CPU @ 2.60GHz",
        "cpu_cores": 8,
        "command": "superion run study.yaml",
        "data": {"train.extxyz": "c" * 64},
        "seeds": {"split": 0, "fit": 0, "dynamics": 0},
    }


def write(path: Path, value: Any) -> None:
    """Write JSON."""
    path.write_text(json.dumps(value))


def add_trajectory(folder: Path, potential: str = "gap", kelvin: int = 500) -> None:
    """Add a real but very short trajectory folder."""
    atoms = read(ROOT / "data" / "lps" / "Li7P3S11.vasp")
    chosen = MDSettings(temperature=kelvin, timestep=1.0, steps=2, sample_every=1)
    calculator = LennardJones(sigma=1.5, epsilon=1e-3, rc=4.0)
    run_md(atoms, calculator, chosen, folder / "md" / f"{potential}-{kelvin}K", progress=False)
