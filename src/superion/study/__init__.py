"""One YAML file, one resumable study.."""
