"""Errors of forces on the test set, of every species."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms

from superion.analysis.disorder import unlike
from superion.calculations.evaluation import predict
from superion.calculations.locality.results import read_locality
from superion.structures import get_label, is_isolated
from superion.structures.clusters import clusters_of
from superion.study.properties.base import Measured, Property, Row
from superion.study.resample import Fit
from superion.verdict.values import Value, error_value

ALL = "all atoms"
NO_TEST = "the study has no labelled forces in its test set"


class Forces(Property):
    """Root-mean-square errors of force components."""

    name = "forces"

    def identity(self, fit: Fit | None) -> dict[str, object]:
        """What the values depend on."""
        return self.study.settings.data.model_dump(mode="json", exclude={"files"})

    def files(self, fit: Fit | None) -> dict[str, Path]:
        """Files that are read."""
        named = self._locality(fit)
        return self.study.data_files | ({} if named is None else {"locality": named})

    def rows(self) -> list[Row]:
        """All values there are."""
        symbols = sorted({symbol for atoms in self._frames() for symbol in atoms.symbols})
        return [Row(f"forces of {name}", "eV/Å", "error") for name in (*symbols, ALL)]

    def measure(self, fit: Fit) -> Measured:
        """The values by one fit."""
        frames = self._frames()
        if not frames:
            return Measured([row.without(NO_TEST) for row in self.rows()])
        found = predict(self.study.open(fit), frames)
        clusters = clusters_of(frames)
        apart = [f.forces - get_label(a, "forces") for a, f in zip(frames, found, strict=True)]
        values: list[Value] = []
        for row in self.rows():
            symbol = row.name.removeprefix("forces of ")
            chosen = [
                part if symbol == ALL else part[np.asarray(atoms.symbols) == symbol]
                for atoms, part in zip(frames, apart, strict=True)
            ]
            values.append(error_value(row.name, row.unit, chosen, clusters=clusters))
        named = self._locality(fit)
        why = None if named is None else unlike(read_locality(named).displaced, frames)
        return Measured(values, [] if why is None else [why])

    def _locality(self, fit: Fit | None) -> Path | None:
        """The locality test of the study; the main fit of the first potential looks at it, for all."""
        named = self.study.settings.locality
        return Path(named) if named and fit == Fit(next(iter(self.study.settings.models))) else None

    def _frames(self) -> list[Atoms]:
        test = self.study.data.part("test")
        return [a for a in test if not is_isolated(a) and get_label(a, "forces") is not None]
