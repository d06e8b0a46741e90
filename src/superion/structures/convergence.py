"""Which frames of an output are of a self-consistent cycle that did not converge."""

from __future__ import annotations

import re

from superion.structures.formats import Source

_CYCLES: dict[str, tuple[bytes, bytes, bytes]] = {
    "VASP": (
        rb"aborting loop because EDIFF is reached",
        rb"aborting loop EDIFF was not reached",
        rb"vasp\.\d",
    ),
    "FHI-aims": (
        rb"Self-consistency cycle converged\.",
        rb"Self-consistency cycle not converged|SELF-CONSISTENCY CYCLE DID NOT CONVERGE",
        rb"Invoking FHI-aims|FHI-aims",
    ),
    "Quantum ESPRESSO": (
        rb"convergence has been achieved in",
        rb"convergence NOT achieved after",
        rb"Program PWSCF",
    ),
    "GPAW": (rb"^Converged", rb"Did not converge!", rb"gpaw|GPAW|\|___\|_\|"),
    "ORCA": (rb"SCF CONVERGED AFTER", rb"SCF NOT CONVERGED AFTER", rb"O\s+R\s+C\s+A"),
    "CP2K": (rb"SCF run converged in", rb"SCF run NOT converged", rb"CP2K\|"),
    "Gaussian": (rb"SCF Done:", rb"Convergence failure", rb"Entering Gaussian System"),
}
"""How each program says that a cycle has converged, that it has not, and by what its outputs are known."""


def not_converged(source: Source, frames: int) -> list[int]:
    """Numbers of the frames of an output whose cycles ended without convergence.

    Cycles are counted in the order of the file. Where there are more of them than frames (steps of which no
    structure is printed), the last ones are those of the frames.
    """
    if not source.data:
        return []
    if b"<modeling" in source.data[:2000]:
        return _vasprun(source.data)
    head = source.data[:50000]
    for converged, failed, mark in _CYCLES.values():
        if re.search(mark, head) and re.search(failed, source.data):
            either = re.compile(rb"(%s)|(?:%s)" % (converged, failed), re.MULTILINE)
            ends = [match[1] is None for match in either.finditer(source.data)]
            late = max(len(ends) - frames, 0)
            return [k - late for k, bad in enumerate(ends) if bad and k >= late]
    return []


def _vasprun(data: bytes) -> list[int]:
    """Calculations that took all electronic steps there may be (NELM), the last of them above EDIFF."""
    most, least = (re.search(rb'name="%s">\s*(\S+?)\s*<' % name, data) for name in (b"NELM", b"EDIFF"))
    if not most or not least:
        return []
    bad = []
    for k, part in enumerate(data.split(b"<calculation>")[1:]):
        energies = [
            float(found[1])
            for step in part.split(b"<scstep>")[1:]
            if (found := re.search(rb'name="e_fr_energy">\s*(\S+?)\s*<', step))
        ]
        if len(energies) >= int(most[1]) and abs(energies[-1] - energies[-2]) > float(least[1]):
            bad.append(k)
    return bad
