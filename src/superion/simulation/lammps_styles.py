"""The terms of a potential as LAMMPS pair styles: which lines an input script needs for them.

Electrostatics: 1s Slater densities are those of Streitz and Mintmire, Phys. Rev. B 50, 11996 (1994), without
core charge, hardness and electronegativity (`pair_style coul/streitz`). Points are very compact ones, for
`coul/long` knows erfc to seven digits only. The far part is summed by particle-particle particle-mesh
(Hockney and Eastwood, "Computer Simulation Using Particles", 1988) or by Ewald summation.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ase import Atoms

from superion.electrostatics import CoulombTerm, Density, Point, Slater
from superion.electrostatics.densities import reach
from superion.errors import ModelError
from superion.model import Model, terms_of
from superion.potentials import Potential
from superion.terms import LocalTerm, Term, is_local

SHORTEST = 9.0
"""Least real-space cutoff (Å) of the electrostatics; it decides speed, not accuracy."""
COMPACT = 100.0
"""Exponent (1/Å) of a density that no atom can tell from a point: it is felt below 0.2 Å."""
ALIKE = 1e-2
"""Relative difference below which LAMMPS' integral of two unequal Slater exponents loses digits."""


def split_terms(potential: Model) -> tuple[list[LocalTerm], CoulombTerm | None]:
    """The local terms and the electrostatic one, if any; ModelError for anything else."""
    local: list[LocalTerm] = []
    coulomb: CoulombTerm | None = None
    terms = terms_of(potential)
    if not terms:
        raise ModelError(
            f"LAMMPS cannot compute {potential.name}, which is not a sum of terms of superion.",
            remedy="use the built-in molecular dynamics (--engine superion).",
        )
    for term in terms:
        known: Any = term
        if is_local(term):
            local.append(known)
        elif coulomb is None and getattr(term, "in_lammps", False):
            coulomb = known
        else:
            raise ModelError(
                "LAMMPS runs take local terms and one electrostatic term with fixed charges, found another: "
                f"{term.kind!r}.",
                remedy="use the built-in molecular dynamics (--engine superion).",
            )
    return local, coulomb


def pair_lines(
    symbols: Sequence[str],
    coulomb: CoulombTerm | None,
    *,
    model: str | Path | None,
    streitz: str | Path,
    kspace: str,
    accuracy: float,
) -> list[str]:
    """LAMMPS commands from `pair_style` to `kspace_style` for atom types of these elements.

    model: file of which the plugin computes the local terms, None if it does not. streitz: file of the
    exponents, which LAMMPS itself writes. Charges are not set.
    """
    elements = " ".join(symbols)
    if coulomb is None:
        if model is None:
            return ["pair_style none"]
        return ["pair_style superion", f'pair_coeff * * "{model}" {elements}']
    exponents = exponents_of([coulomb.densities.get(s, coulomb.densities.get("*")) for s in symbols])
    cutoff = max(SHORTEST, reach([Slater(zeta) for zeta in set(exponents)], accuracy))
    lines = [  # element chi eta gamma zeta zcore
        f'print "{s} 0.0 0.0 0.0 {zeta!r} 0.0" {"append" if k else "file"} "{streitz}" screen no'
        for k, (s, zeta) in enumerate(zip(symbols, exponents, strict=True))
    ]
    style = f"coul/streitz {cutoff!r} ewald"
    if model is None:
        lines += [f"pair_style {style}", f'pair_coeff * * "{streitz}" {elements}']
    else:
        lines += [
            f"pair_style hybrid/overlay superion local {style}",
            f'pair_coeff * * superion "{model}" {elements}',
            f'pair_coeff * * coul/streitz "{streitz}" {elements}',
        ]
    return [*lines, f"kspace_style {kspace} {accuracy!r}"]


def input_lines(
    potential: Model, model: Path, plugin: Path, elements: Sequence[str], kspace: str, accuracy: float
) -> list[str]:
    """Lines of an input script that computes a whole model, for atom types of these elements in this order.

    Raises ModelError for terms that LAMMPS cannot compute and elements without charges.
    """
    local, coulomb = split_terms(potential)
    lines = [f'plugin load "{plugin}"'] if local else []
    if coulomb is not None:
        charges = coulomb.charges.charges(Atoms(list(elements))).tolist()
        lines += [f"set type {k} charge {q!r}" for k, q in enumerate(charges, start=1)]
    return lines + pair_lines(
        elements,
        coulomb,
        model=model if local else None,
        streitz="superion.streitz",
        kspace=kspace,
        accuracy=accuracy,
    )


def exponents_of(densities: Sequence[Density | None]) -> list[float]:
    """Exponents (1/Å) of 1s Slater densities or of points; ModelError for any other."""
    if all(density == Point() for density in densities):
        return [COMPACT] * len(densities)
    exponents = [d.zeta for d in densities if isinstance(d, Slater) and d.n == 1]
    close = any(0 < abs(a - b) < ALIKE * b for a in exponents for b in exponents)
    if len(exponents) < len(densities) or close:
        raise ModelError(
            "LAMMPS runs take point charges, or 1s Slater densities of equal or clearly different exponents; "
            f"found {list(densities)}.",
            remedy="use the built-in molecular dynamics (--engine superion).",
        )
    return exponents


def write_local(path: str | Path, terms: Sequence[Term]) -> None:
    """Write a model file of these terms, without the covariance of their weights."""
    Potential(
        [term.without_deviation() if hasattr(term, "without_deviation") else term for term in terms]
    ).save(path)
