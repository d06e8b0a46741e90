"""Descriptors, the sparse Gaussian process, potentials, model files, the calculator.."""
