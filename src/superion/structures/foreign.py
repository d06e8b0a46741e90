"""How the files of other programs are to be read: one answer for all files of a command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ase.data import atomic_numbers

from superion.errors import InputError, suggest
from superion.structures import labels


@dataclass(frozen=True, slots=True)
class Foreign:
    """What files do not say of themselves.

    mappings: where labels stand that have other keys than those of the conventions, see `labels`.
    total_charge: e, of frames that state none. elements: symbols in the order of the numbered types of
    LAMMPS. atom_style: of data files of LAMMPS that do not name theirs. cell: (3, 3) Å, or cell_file: of
    CP2K, of XYZ files without a cell. topology: atomic numbers of a trajectory of coordinates
    alone (DCD, XTC).

    It remembers which keys the files had: a mapping must occur in some file, not in every one.
    """

    mappings: tuple[labels.Mapping, ...] = ()
    total_charge: float | None = None
    elements: tuple[str, ...] = ()
    atom_style: str | None = None
    cell: tuple[tuple[float, ...], ...] | None = None
    cell_file: Path | None = None
    topology: tuple[int, ...] | None = None
    present: set[str] = field(default_factory=set, compare=False)
    files: list[str] = field(default_factory=list, compare=False)

    @classmethod
    def of(
        cls,
        keys: Sequence[str] | Mapping[str, str] = (),
        *,
        total_charge: float | None = None,
        elements: Sequence[str] = (),
        atom_style: str | None = None,
    ) -> Foreign:
        """From mappings as text, `label=key[:unit][:order]`, or by label; InputError for what is neither."""
        for symbol in elements:
            if symbol not in atomic_numbers or symbol == "X":
                raise InputError(
                    f"{symbol!r} is not an element.",
                    remedy="name elements in the order of the types, with --elements Li,P,S.",
                )
        return cls(tuple(labels.parse_mappings(keys)), total_charge, tuple(elements), atom_style)

    def saw(self, file: object, keys: Iterable[str]) -> None:
        """Remember the keys of a file."""
        self.files.append(str(file))
        self.present.update(keys)

    def check(self) -> None:
        """InputError for a mapped key that no frame of any file had."""
        for mapping in self.mappings:
            if mapping.key and mapping.key not in self.present:
                raise InputError(
                    f"no frame has the key {mapping.key!r} that is mapped to {mapping.label.name}."
                    f"{suggest(mapping.key, self.present)}",
                    file=", ".join(self.files) or None,
                    remedy=f"keys that were found: {', '.join(sorted(self.present)) or 'none'}.",
                )
