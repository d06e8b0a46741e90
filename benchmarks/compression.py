"""Speed against accuracy of the two compressions of SOAP: channels kept, components kept.

    OMP_NUM_THREADS=1 python benchmarks/compression.py

The local potential of the example, trained and tested on its split. Prints JSON: for each pair of settings
the length of the spectra, processor time of energy and forces in µs per atom (median; 504 atoms, in float64
and float32), the held-out force RMSE in eV/Å, and its ratio to that of the uncompressed model.
"""

from __future__ import annotations

import json
import platform
import time
from importlib.metadata import version
from pathlib import Path

from evaluation import median_ms, moved

from superion.analysis.accuracy import errors
from superion.potentials.fit import fit
from superion.potentials.potential import Potential
from superion.structures.read import read_frames
from superion.structures.split import split_by_trajectory
from superion.study.config import read_study
from superion.study.presets import fixed_terms

ROOT = Path(__file__).parents[1]
GRID = [
    *((None, components) for components in (None, 256, 128, 64)),
    *((channels, None) for channels in (12, 10, 8, 7, 6, 4)),
    *((channels, components) for channels in (12, 10, 8) for components in (128, 64)),
]


def main() -> None:
    study = read_study(ROOT / "examples" / "li7p3s11.yaml")
    frames = [atoms for path in study.data.files for atoms in read_frames(path)]
    train, test = split_by_trajectory(frames, test=study.data.test)
    targets = {"gap": fixed_terms("gap", train)}
    crystal = read_frames(ROOT / "data" / "lps" / "train.extxyz")[0] * (3, 2, 2)
    results: dict[str, object] = {
        "machine": platform.processor() or platform.machine(),
        "versions": {name: version(name) for name in ("numpy", "numba")},
        "atoms": len(crystal),
    }
    reference = 0.0
    for channels, components in GRID:
        soap = study.fit.soap.model_copy(update={"channels": channels, "components": components})
        settings = study.fit.model_copy(update={"soap": soap, "uncertainty": False})
        started = time.process_time()
        potential = Potential(fit(train, settings, targets, workers=1)["gap"])
        spent = time.process_time() - started
        rmse = errors(test, [potential.evaluate(atoms) for atoms in test])["force_rmse"]
        reference = reference or rmse
        single = potential.with_precision("float32")
        block = potential.terms[-1].blocks[-1]
        name = f"channels {channels or 'all'}, components {components or 'all'}"
        results[name] = {
            "length": block.length,
            **{
                f"us per atom, {label}": round(
                    1e3 * median_ms(lambda p=p: p.evaluate(moved(crystal)), len(crystal), 7), 2
                )
                for label, p in (("float64", potential), ("float32", single))
            },
            "force rmse": round(rmse, 4),
            "relative to all": round(rmse / reference, 3),
            "fit seconds": round(spent, 1),
        }
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
