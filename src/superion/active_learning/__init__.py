"""Choosing, exploring, labelling, cleaning and judging: how a training set grows.

Import from its modules: the worker of a run is one of them, and should start fast.
"""
