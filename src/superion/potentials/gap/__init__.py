"""The sparse Gaussian process: its basis, its equations, its fit."""
