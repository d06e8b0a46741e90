"""Command line: thin commands over the rooms."""


def main() -> None:
    """Entry point of the `superion` command."""
    from superion.cli.app import app

    app(prog_name="superion")
