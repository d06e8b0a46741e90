"""Choosing, exploring, cleaning and judging: how a training set grows."""
