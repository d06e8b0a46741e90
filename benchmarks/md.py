"""Speed of molecular dynamics with the built-in engine, and what it is spent on, one core.

    OMP_NUM_THREADS=1 python benchmarks/md.py

Models are fitted to energies alone, for the time does not depend on the weights. Prints JSON: processor time
per step in µs, ns/day, and the shares in per cent of the terms of the potential, of neighbour lists and of
everything else (integrator, guard, trajectory, calculator), for supercells of Li7P3S11.
"""

from __future__ import annotations

import json
import platform
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ase import Atoms

from superion import Calculator, FitSettings, Potential, read_frames
from superion.potentials.many_body.soap import SoapSettings
from superion.recipes.base import Job, fit_jobs
from superion.recipes.registry import fit_preset
from superion.simulation import MDSettings, run_md

DATA = Path(__file__).parents[1] / "data" / "lps"
TIMESTEP = 2.0  # fs
SIZES = {(1, 1, 1): 500, (2, 2, 1): 400, (3, 2, 2): 100}  # supercells and steps


def models() -> dict[str, Potential]:
    """Potentials with and without electrostatics, as the presets make them."""
    frames = [a for name in ("train", "strained") for a in read_frames(DATA / f"{name}.extxyz")]
    for atoms in frames:
        atoms.info.pop("REF_stress", None)
        atoms.arrays.pop("REF_forces", None)
    settings = FitSettings(soap=SoapSettings(), uncertainty=False)
    fits = fit_jobs(frames, {name: Job(fit_preset(name), settings) for name in ("gap", "es-gap")})
    return {name: Potential(fitted) for name, fitted in fits.items()}


def timed(call: Callable[..., Any], spent: Counter[str], name: str) -> Callable[..., Any]:
    """The same call, its processor time added to `spent`."""

    def clocked(*arguments: Any, **options: Any) -> Any:
        started = time.process_time()
        try:
            return call(*arguments, **options)
        finally:
            spent[name] += time.process_time() - started

    return clocked


def run(potential: Potential, atoms: Atoms, steps: int) -> dict[str, float]:
    """Processor time of a run per step and its shares, after a short one to warm up."""
    spent: Counter[str] = Counter()
    terms = [object.__new__(type(term)) for term in potential.terms]
    for copy, term in zip(terms, potential.terms, strict=True):
        copy.__dict__.update(term.__dict__)
        name = "add" if hasattr(term, "add") else "evaluate"
        setattr(copy, name, timed(getattr(term, name), spent, "model"))
    calculator = Calculator(Potential(terms))
    lists = calculator._pairs
    lists.update = timed(lists.update, spent, "lists")  # type: ignore[method-assign]
    for count in (10, steps):
        settings = MDSettings(
            ensemble="nvt", temperature=600, timestep=TIMESTEP, steps=count, sample_every=10, seed=1
        )
        with tempfile.TemporaryDirectory() as folder:
            spent.clear()
            lists.searches = 0
            started = time.process_time()
            run_md(atoms, calculator, settings, folder, progress=False)
            total = time.process_time() - started
    return {
        "µs/step": round(1e6 * total / steps),
        "ns/day": round(86400 * TIMESTEP * 1e-6 * steps / total, 2),
        "model %": round(100 * spent["model"] / total, 1),
        "neighbour lists %": round(100 * spent["lists"] / total, 1),
        "rest %": round(100 * (1 - (spent["model"] + spent["lists"]) / total), 1),
        "steps per search": round(steps / lists.searches, 1),
    }


def main() -> None:
    cell = read_frames(DATA / "train.extxyz")[0]
    results: dict[str, object] = {
        "machine": platform.processor() or platform.machine(),
        "versions": {name: version(name) for name in ("numpy", "numba")},
    }
    for name, potential in models().items():
        results[name] = {
            f"{len(cell * repeat)} atoms": run(potential, cell * repeat, steps)
            for repeat, steps in SIZES.items()
        }
    print(json.dumps(results, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
