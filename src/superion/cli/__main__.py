"""`python -m superion.cli`."""

from superion.cli import main

main()
