"""Potentials in PyTorch, also on a GPU."""
