"""The former place of `superion.settings_file`."""

from superion.settings_file import explain, read_settings, read_yaml, validate

__all__ = ["explain", "read_settings", "read_yaml", "validate"]
