"""Command line: thin commands over the rooms.."""
