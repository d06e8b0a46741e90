"""Calls of the command line in this process."""

from typer.testing import CliRunner

from superion.cli.app import app


def call(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def succeeds(*arguments):
    result = call(*arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def refused(*arguments):
    result = call(*arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return " ".join(result.output.split())
