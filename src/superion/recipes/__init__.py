"""Recipes: how `superion fit --preset NAME`, studies and active learning make a model."""
