"""Charge densities, Coulomb sums, charge models, the Coulomb term.."""
