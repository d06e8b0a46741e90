"""`superion label`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from superion.cli.options import Executor, Reading, check_output, reads_files

if TYPE_CHECKING:
    from rich.table import Table

    from superion.reference import Outcome


@reads_files
def label(
    frames: Annotated[Path, typer.Argument(metavar="FRAMES", help="File with the structures to label.")],
    labeller: Annotated[
        str,
        typer.Option(
            metavar="NAME|SETTINGS|MODEL",
            help="gpaw, cp2k, sevennet, chgnet, a settings file (.yaml; `superion schema label` lists its "
            "keys), or a model file. A settings file may name code to run: use your own only.",
        ),
    ],
    store: Annotated[
        Path, typer.Option(metavar="DIR", help="Label store; made if there is none, continued if there is.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the labelled structures as extended XYZ, in the order of FRAMES: REF_energy (eV), "
            "REF_energy_free (eV), REF_forces (eV/Å), REF_stress (eV/Å³), REF_charges (e), REF_dipole (e·Å).",
        ),
    ],
    executor: Executor = "processes:1",
    timeout: Annotated[
        float | None,
        typer.Option(min=0.001, help="Kill a label that takes longer than this many seconds. Default: none."),
    ] = None,
    retries: Annotated[
        int, typer.Option(min=0, help="Further attempts at a label that failed, over the life of the store.")
    ] = 1,
    again: Annotated[
        bool, typer.Option("--again", help="Forget earlier failures and try those labels again.")
    ] = False,
    export_only: Annotated[
        bool,
        typer.Option(
            "--export-only", help="Make no label: write those the store has. Safe while another runs."
        ),
    ] = False,
    *,
    reading: Reading,
) -> None:
    """Label structures from first principles; labels in the store are not made again.

    Exit code 0 if every structure has a label, 1 if some failed (they are listed), 2 for an error.
    """
    from superion.potentials.opening import labeller_settings
    from superion.reference import export, label_frames, stored_labels
    from superion.structures import census, read_frames
    from superion.structures.read import read_raw
    from superion.terminal import PlainConsole
    from superion.work.executors import check_executor, open_executor

    check_executor(executor)
    check_output(output)
    foreign = reading.foreign()
    structures = read_frames(frames, foreign)
    foreign.check()
    kept = read_raw(frames, foreign)
    for raw, clean in zip(kept, structures, strict=True):
        raw.calc = None
        raw.info |= {name: clean.info[name] for name in ("total_charge", "config_type") if name in clean.info}
    settings = labeller_settings(labeller)
    if export_only:
        outcome = stored_labels(structures, settings, store)
    else:
        with open_executor(executor) as workers:
            outcome = label_frames(
                structures, settings, store, workers, timeout=timeout, retries=retries, again=again
            )
    for damage in outcome.damages:
        typer.echo(f"warning: {damage}; set aside, its label is made again if needed", err=True)
    failures = outcome.failures
    if len(failures) < len(structures):
        made = export(output, kept, outcome.entries)
        found = census(made)
        PlainConsole().print(found.table())
        for warning in found.warnings:
            typer.echo(f"warning: {warning}")
        typer.echo(f"{len(made)} labelled structures, {outcome.made} labels made now: {output}")
    else:
        typer.echo("no structure has a label; nothing was written", err=True)
    if failures:
        PlainConsole(stderr=True).print(_table(outcome))
        typer.echo(f"{len(failures)} of {len(structures)} structures have no label", err=True)
        raise typer.Exit(1)


def _table(outcome: Outcome) -> Table:
    from rich.table import Table

    table = Table("frame", "attempts", "status", "reason")
    for name, entry in outcome.failures.items():
        reason = entry.reason if len(entry.reason) < 600 else f"{entry.reason[:300]} … {entry.reason[-300:]}"
        table.add_row(name, str(entry.attempts), entry.status, reason)
    return table


def store_status(folder: Path) -> None:
    """How many labels of a store are in which state."""
    from collections import Counter

    from rich.table import Table

    from superion.reference import read_store
    from superion.terminal import PlainConsole

    store = read_store(folder)
    counts = Counter(entry.status for entry in store.entries.values())
    table = Table("status", "labels")
    for status, count in counts.items():
        table.add_row(status, str(count))
    PlainConsole().print(table)
    seconds = [entry.seconds for entry in store.entries.values() if entry.status == "done"]
    if seconds:
        typer.echo(f"{sum(seconds) / len(seconds):.1f} s per label")
    for damage in store.damages:
        typer.echo(f"warning: line {damage.number} of the journal is damaged ({damage.reason})")
