"""Blocks of descriptors for pairs and for angles, and their tables."""
