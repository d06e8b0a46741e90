"""The command line is put together once, and not again for every call that a test makes."""

from functools import cache

import typer.testing

typer.testing._get_command = cache(typer.testing._get_command)
