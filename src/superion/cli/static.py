"""`superion eos` and `superion elastic`."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from superion.cli.options import (
    AnyModel,
    ChargedCells,
    Json,
    Reading,
    check_output,
    drawing,
    load_model,
    reads_files,
)
from superion.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

    from superion.calculations.elastic import ElasticTensor
    from superion.calculations.elastic_result import ElasticConstants, ElasticResult, LithiumInterface
    from superion.calculations.eos import EquationOfState
    from superion.calculations.eos_result import Curve

SMALLEST = 0.2
"""Volume in units of that given, below which nothing is a crystal."""
LARGEST_ION = 1000.0
ISOTROPIC = 0.5
"""Universal anisotropy above which a crystal is no isotropic half-space."""
Force = Annotated[
    float, typer.Option("--fmax", help="Force on an atom below which a structure is relaxed, in eV/Å.")
]


@reads_files
def show_eos(
    model: AnyModel,
    structure: Annotated[
        Path | None,
        typer.Argument(metavar="[STRUCTURE]", help="Structure file; of several frames the last."),
    ] = None,
    also: Annotated[
        list[str] | None, typer.Option("--also", metavar="MODEL", help="A further model. May be repeated.")
    ] = None,
    bounds: Annotated[
        str, typer.Option("--range", metavar="LOW,HIGH", help="Volumes, in units of that of STRUCTURE.")
    ] = "0.9,1.1",
    points: Annotated[int, typer.Option(help="How many volumes.")] = 11,
    relax: Annotated[bool, typer.Option("--relax/--no-relax", help="Relax the ions at each volume.")] = False,
    fmax: Force = 1e-3,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Compare with labelled frames: energies are those of their structures."
        ),
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the curves as FILE.png and FILE.svg.")
    ] = None,
    charged_cells: ChargedCells = None,
    json: Json = None,
    *,
    reading: Reading,
) -> None:
    """Energy against volume, fitted by Birch and Murnaghan: equilibrium volume and bulk modulus."""
    from superion.calculations.branch import energy_curve, one_branch
    from superion.calculations.doubt import doubts
    from superion.calculations.eos import birch_murnaghan, curve_record, mismatch
    from superion.calculations.eos_judge import judged, judged_curve, same_shape
    from superion.calculations.eos_result import Curve, EosResult, Mismatch
    from superion.results import write_result

    for output in (json, figure):
        if output:
            check_output(output)
    frames, known, start = _structures(structure, labels, bounds, points, relax, reading)
    ions = "relaxed" if relax else "as labelled" if known else "clamped"
    curves: list[Curve] = []
    fits: list[EquationOfState] = []
    given = frames[start].get_volume()
    for name in (str(model), *(also or ())):
        calculator = load_model(name, charged_cells).calculator()
        found = one_branch(energy_curve(frames, calculator, relax=relax, fmax=fmax, start=start), given)
        fits.append(birch_murnaghan(found.volumes, found.energies))
        curves.append(
            Curve(
                **curve_record(name, found.volumes, found.energies, fits[-1]),
                **doubts(calculator, found.structures),
                ions=ions,
                largest_force_eV_per_A=float(found.forces.max()),
                notes=judged_curve(found, fits[-1]),
            )
        )
    if known is not None:
        volumes = [atoms.get_volume() for atoms in frames]
        reference = birch_murnaghan(volumes, known)
        for curve, fit in zip(curves, fits, strict=True):
            curve.difference = Mismatch(**mismatch(curve.energies_eV, fit, known, reference))
        notes = judged(volumes, known, reference) + same_shape(frames)
        record = curve_record("labels", volumes, known, reference)
        curves.insert(0, Curve(**record, ions=ions, notes=notes))
    for curve in curves:
        _print_curve(curve, len(frames[0]))
    if ions == "clamped" and max(curve.largest_force_eV_per_A or 0.0 for curve in curves) > fmax:
        typer.echo(
            "note: clamped ions: their fractional positions are kept, although forces act on them. Relaxed "
            "they give way, and the modulus is lower, often by half: --relax."
        )
    result = EosResult(atoms=len(frames[0]), relaxed_ions=relax, ions=ions, curves=curves)
    if json:
        write_result(json, result)
    if figure:
        with drawing():
            from superion.report.figure_eos import draw_eos
        draw_eos(result, figure.with_suffix(""))


@reads_files
def show_elastic(
    model: AnyModel,
    structure: Annotated[
        Path, typer.Argument(metavar="STRUCTURE", help="Structure file; of several frames the last.")
    ],
    strain: Annotated[
        float, typer.Option(min=1e-5, max=0.1, help="Strain of each finite difference.")
    ] = 0.005,
    relax: Annotated[
        bool, typer.Option("--relax/--no-relax", help="Relax cell and ions before they are strained.")
    ] = True,
    fmax: Force = 1e-4,
    ion_volume: Annotated[
        float | None,
        typer.Option(
            metavar="A3",
            help="Partial volume of a lithium ion in Å³: also the stability of the interface with lithium.",
        ),
    ] = None,
    charged_cells: ChargedCells = None,
    json: Json = None,
    *,
    reading: Reading,
) -> None:
    """Elastic constants, with relaxed and clamped ions, from stresses; stability; moduli of a powder."""
    from superion.calculations.doubt import doubts
    from superion.calculations.elastic import elastic_tensor
    from superion.calculations.elastic_result import ElasticResult
    from superion.calculations.relaxation import relaxed
    from superion.model import require
    from superion.results import write_result

    if json:
        check_output(json)
    if ion_volume is not None and not 1e-3 <= ion_volume <= LARGEST_ION:
        raise InputError(
            f"--ion-volume must be a volume of 0 to {LARGEST_ION:g} Å³, found {ion_volume}.",
            remedy="Shannon's ionic radius of lithium makes 1.84 Å³.",
        )
    potential = load_model(model, charged_cells)
    require(potential, "stress", "superion elastic")
    calculator = potential.calculator()
    atoms = reading.structure(structure)
    if relax:
        atoms = relaxed(atoms, calculator, cell=True, fmax=fmax)
    volume = atoms.get_volume()
    rest = elastic_tensor(atoms, calculator, strain=strain, ions=True, fmax=fmax)
    clamped = elastic_tensor(atoms, calculator, strain=strain, ions=False, fmax=fmax)
    result = ElasticResult(
        **doubts(calculator, rest.structures),
        volume_A3=volume,
        relaxed_cell=relax,
        relaxed_ions=_elastic(rest),
        clamped_ions=_elastic(clamped),
        lithium=_lithium(rest, ion_volume) if ion_volume is not None and rest.stable else None,
    )
    _print_elastic(result)
    if json:
        write_result(json, result)


def _structures(
    structure: Path | None, labels: Path | None, bounds: str, points: int, relax: bool, reading: Reading
) -> tuple[list[Atoms], list[float] | None, int]:
    """Structures of the curve, labels where there are some, and which of them is nearest to STRUCTURE."""
    import numpy as np

    from superion.calculations.eos import at_volumes
    from superion.sizes import check_size

    if (structure is None) == (labels is None):
        raise InputError("give one of both, a STRUCTURE or --labels FILE.")
    if labels is not None:
        if relax:
            raise InputError("labels are those of their structures, which --relax would change.")
        (frames,) = reading.files([labels])
        without = [k for k, atoms in enumerate(frames) if "REF_energy" not in atoms.info]
        if without or len({str(atoms.symbols) for atoms in frames}) > 1:
            raise InputError(
                f"frame {without[0]} has no energy." if without else "the frames are not of one crystal.",
                file=labels,
                remedy="give labelled frames of one crystal at several volumes.",
            )
        return frames, [float(atoms.info["REF_energy"]) for atoms in frames], 0
    try:
        low, high = (float(part) for part in bounds.split(","))
    except ValueError:
        low = high = 0.0
    if not SMALLEST <= low < high <= 1 / SMALLEST or points < 1:
        raise InputError(
            f"cannot use --range {bounds!r} with --points {points}.",
            remedy=f"write --range 0.9,1.1 --points 11; volumes lie between {SMALLEST:g} and {1 / SMALLEST:g}"
            " of that of STRUCTURE.",
        )
    assert structure is not None
    crystal = reading.structure(structure)
    check_size(
        f"a curve of {points} volumes", atoms=float(points) * len(crystal), remedy="take fewer --points."
    )
    ratios = np.linspace(low, high, points)
    return at_volumes(crystal, ratios), None, int(np.abs(ratios - 1).argmin())


def _print_curve(curve: Curve, atoms: int) -> None:
    from superion.calculations.doubt import doubt_lines

    v, b, d = curve.volume_A3, curve.modulus_GPa, curve.derivative
    typer.echo(
        f"{curve.name}, ions {curve.ions}: V0 {v[0]:.5g} ± {v[1]:.2g} Å³, B0 {b[0]:.4g} ± {b[1]:.2g} "
        f"GPa, B0' {d[0]:.3g} ± {d[1]:.2g}; E0 {curve.energy_eV[0]:.6g} eV; "
        f"residual {1000 * (curve.residual_eV or 0.0) / atoms:.2g} meV/atom"
    )
    part = curve.difference
    if part is not None and part.rms_eV is not None and part.largest_eV is not None:
        typer.echo(
            f"  from the labels, minima aligned: {1000 * part.rms_eV / atoms:.3g} meV/atom on average, "
            f"{1000 * part.largest_eV / atoms:.3g} at most; volume {100 * (part.volume or 0.0):+.2f} %, "
            f"modulus {100 * (part.modulus or 0.0):+.1f} %"
        )
    for line in doubt_lines(curve, [f"{volume:.5g} Å³" for volume in curve.volumes_A3]):
        typer.echo(f"  {line}")
    for note in curve.notes:
        typer.echo(f"  note: {note}")


def _elastic(found: ElasticTensor) -> ElasticConstants:
    from ase import units

    from superion.calculations.elastic_result import ElasticConstants

    result: dict[str, Any] = {
        "tensor_GPa": (found.tensor / units.GPa).tolist(),
        "residual_GPa": found.residual / units.GPa,
        "stress_GPa": (found.stress / units.GPa).tolist(),
        "eigenvalues_GPa": (found.eigenvalues / units.GPa).tolist(),
        "stable": found.stable,
        "operations": found.operations,
        "strains": found.strains,
        "curvature": found.bent,
        "energies_apart": found.apart if isfinite(found.apart) else None,
        "farthest_A": found.leap,
        "notes": found.notes(),
    }
    if found.stable:
        moduli = found.moduli()
        for name in ("bulk", "shear", "young", "bulk_voigt", "bulk_reuss", "shear_voigt", "shear_reuss"):
            result[f"{name}_GPa"] = getattr(moduli, name) / units.GPa
        result |= {"poisson": moduli.poisson, "anisotropy": moduli.anisotropy}
    return ElasticConstants(**result)


def _lithium(found: ElasticTensor, ion_volume: float) -> LithiumInterface:
    """Stability of the interface with lithium; half of what Voigt and Reuss differ by is the error of G."""
    from superion.analysis.lithium_stability import LITHIUM_VOLUME, lithium_stability
    from superion.calculations.elastic_result import LithiumInterface

    moduli = found.moduli()
    error = 0.5 * (moduli.shear_voigt - moduli.shear_reuss)
    at = lithium_stability(
        moduli.shear, moduli.poisson, ion_volume, errors={"shear": max(error, found.residual)}
    )
    return LithiumInterface(
        volume_ratio=ion_volume / LITHIUM_VOLUME,
        chi_eV_per_A=at.chi,
        error_eV_per_A=at.error,
        deviatoric_eV_per_A=at.deviatoric,
        hydrostatic_eV_per_A=at.hydrostatic,
        stable=at.stable,
        anisotropy=moduli.anisotropy,
    )


def _print_elastic(result: ElasticResult) -> None:
    from superion.calculations.doubt import doubt_lines

    for part, name in ((result.relaxed_ions, "relaxed ions"), (result.clamped_ions, "clamped ions")):
        typer.echo(
            f"{name}: C in GPa ± {part.residual_GPa:.2g}, {part.operations} rotations, "
            f"{part.strains} strains; xx yy zz yz xz xy"
        )
        for row in part.tensor_GPa:
            typer.echo("  " + " ".join(f"{value:9.3f}" for value in row))
        if part.stable:
            typer.echo(
                f"  stable; B {part.bulk_GPa:.4g} GPa ({part.bulk_reuss_GPa:.4g} Reuss to "
                f"{part.bulk_voigt_GPa:.4g} Voigt), G {part.shear_GPa:.4g} GPa "
                f"({part.shear_reuss_GPa:.4g} to {part.shear_voigt_GPa:.4g}), E {part.young_GPa:.4g}"
                f" GPa, ν {part.poisson:.3f}, anisotropy {part.anisotropy:.3g}"
            )
        else:
            typer.echo(f"  NOT stable: smallest eigenvalue {part.eigenvalues_GPa[0]:.3g} GPa")
        for note in part.notes:
            typer.echo(f"  note: {note}")
    if result.lithium is not None:
        beside = result.lithium
        typer.echo(
            f"interface with lithium: volume ratio {beside.volume_ratio:.3g}, χ {beside.chi_eV_per_A:.3g} ±"
            f" {beside.error_eV_per_A:.2g} eV/Å at k = 0.01/Å, {'stable' if beside.stable else 'unstable'}"
        )
        if beside.anisotropy > ISOTROPIC:
            typer.echo(
                f"note: it is that of an isotropic solid, and the crystal has a universal anisotropy of "
                f"{beside.anisotropy:.2g}: it holds for a fine-grained pellet at best."
            )
    signs = [f"strain {k} {sign}" for k in range(result.relaxed_ions.strains) for sign in "+-"]
    for line in doubt_lines(result, ["no strain", *signs]):
        typer.echo(line)
