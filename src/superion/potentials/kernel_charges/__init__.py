"""Charge equilibration with electronegativities from kernels."""
