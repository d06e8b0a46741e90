"""Small disordered crystals, written as CIF."""

from __future__ import annotations

from pathlib import Path

CIF = """data_toy
_symmetry_space_group_name_H-M '{group}'
_symmetry_Int_Tables_number {number}
_cell_length_a {a}
_cell_length_b {a}
_cell_length_c {c}
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma {gamma}
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
"""
SITE = "{0}{1} {0} {2}\n"


def write_cif(
    path: Path, sites: list[tuple[str, str]], group="P m -3 m", number=221, a=4.0, c=None, gamma=90
) -> Path:
    """sites: element, and "x y z occupancy"."""
    text = CIF.format(group=group, number=number, a=a, c=c or a, gamma=gamma)
    path.write_text(text + "".join(SITE.format(s, k, rest) for k, (s, rest) in enumerate(sites)))
    return path


def half_filled(path: Path, number: int = 221, a: float = 3.0) -> Path:
    """Primitive cubic sites, half of them Li, and a halide in the middle: Li0.5 at charge +1, Cl at −0.5."""
    return write_cif(path, [("Li", "0 0 0 0.5"), ("Cl", ".5 .5 .5 1")], number=number, a=a)


GARNET = """data_garnet
_cell_length_a 12.9827
_cell_length_b 12.9827
_cell_length_c 12.9827
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'I a -3 d'
_symmetry_Int_Tables_number 230
_chemical_formula_sum 'Li7 La3 Zr2 O12'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_symmetry_multiplicity
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Li1 Li1+ 24 0.375 0 0.25 0.94
Li2 Li1+ 96 0.0974 0.6853 0.5771 0.349
La1 La3+ 24 0.125 0 0.25 1
Zr1 Zr4+ 16 0 0 0 1
O1 O2- 96 -0.0318 0.0550 0.1497 1
"""
"""Cubic Li7La3Zr2O12 as refined (J. Awaka et al., Chem. Lett. 40, 60, 2011): Li on sites 1.6 Å apart."""
