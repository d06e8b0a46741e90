"""Machine-learned interatomic potentials with long-range electrostatics for solid electrolytes."""
