"""What tables of the 2- and 3-body energies save, and what they cost in accuracy and memory.

    OMP_NUM_THREADS=1 python benchmarks/tables.py

A 2-body + 3-body model fitted to Li7P3S11; a supercell of 504 atoms. Prints JSON: processor time in µs per
atom of the kernels and of the tables, their stated error of one slope and the found error of a force in
eV/Å, and memory in MB, for several tolerances.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
from evaluation import median_ms

from superion import FitSettings, Potential, read_frames
from superion.batch import Batch
from superion.potentials.few_body.angle import AngleSettings
from superion.potentials.few_body.pair import PairSettings
from superion.potentials.gap.fit import fit
from superion.potentials.gap.gaussian_process import SparseGP
from superion.terms import Sums

DATA = Path(__file__).parents[1] / "data" / "lps"


def main() -> None:
    frames = read_frames(DATA / "train.extxyz")
    settings = FitSettings(pair=PairSettings(), angle=AngleSettings(), soap=None, uncertainty=False)
    gp = Potential(fit(frames, settings, {"gap": []}, workers=1)["gap"]).terms[-1]
    assert isinstance(gp, SparseGP)
    crystal = frames[0] * (3, 2, 2)
    crystal.rattle(0.05, seed=1)
    batch = Batch([crystal], gp.cutoff)

    def forces(model: SparseGP) -> np.ndarray:
        sums = Sums.zero(len(crystal), 1)
        model.add(batch, sums)
        return sums.forces

    exact = forces(gp)
    rows: dict[str, object] = {
        "atoms": len(crystal),
        "basis functions": {block.kind: block.size for block in gp.blocks},
        "force, eV/Å rms": round(float(np.sqrt((exact**2).mean())), 3),
        "kernels, µs per atom": round(1000 * median_ms(lambda: forces(gp), len(crystal), 5), 1),
    }
    for tolerance in (1e-2, 1e-3, 1e-4):
        started = time.process_time()
        tabulated = gp.tabulated(tolerance)
        seconds = time.process_time() - started
        tables = [table for table in tabulated.tables if table is not None]
        error = forces(tabulated) - exact
        rows[f"tables to {tolerance:.0e} eV/Å"] = {
            "stated error of one slope": float(f"{max(table.error for table in tables):.2e}"),
            "force error, rms": float(f"{np.sqrt((error**2).mean()):.2e}"),
            "force error, largest": float(f"{np.abs(error).max():.2e}"),
            "µs per atom": round(1000 * median_ms(lambda m=tabulated: forces(m), len(crystal), 5), 1),
            "MB": round(1e-6 * sum(table.bytes for table in tables), 1),
            "seconds to make": round(seconds, 2),
        }
    print(json.dumps(rows, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
