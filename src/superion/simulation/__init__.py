"""Molecular dynamics that can be killed and resumed.."""
