"""The smooth overlap of atomic positions (SOAP): spectra, kernels, their compiled sums."""
