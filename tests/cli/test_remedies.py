"""Every remedy of an error can be followed: the commands, options and files that it names exist.

Errors of the rooms reach users of the command line and of Python alike. What a remedy says in the language of
Python it must say for the command line as well.
"""

import ast
import re
from pathlib import Path

import pytest
import typer

import superion
from superion.cli.app import app

ROOT = Path(superion.__file__).parent
COMMANDS = typer.main.get_command(app).commands
OPTIONS = {
    name: {option for part in command.params for option in (*part.opts, *part.secondary_opts)}
    for name, command in COMMANDS.items()
}
EVERYWHERE = {"--help", "--version", "--debug"}
PYTHON = re.compile(r"\b\w+ ?= ?(True|False|None)\b|\b\w+=['\"](?![TF] )|\batoms\.\w+ ?=")


def words(node):
    """The text of an expression; what is only known at run time is left out."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(words(part) for part in node.values)
    if isinstance(node, ast.BinOp):
        return words(node.left) + words(node.right)
    if isinstance(node, ast.IfExp):
        return f"{words(node.body)} {words(node.orelse)}"
    return ""


def remedies():
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                for keyword in node.keywords:
                    text = words(keyword.value) if keyword.arg == "remedy" else ""
                    if text:
                        yield f"{path.relative_to(ROOT)}:{keyword.value.lineno}", text


REMEDIES = dict(remedies())


def test_remedies_are_found():
    assert len(REMEDIES) > 400
    assert any("--key" in text for text in REMEDIES.values())


def test_options_and_commands_that_remedies_name_exist():
    known = set().union(*OPTIONS.values()) | EVERYWHERE
    wrong = []
    for where, text in REMEDIES.items():
        wrong += [f"{where}: {option}" for option in options(text) if option not in known]
        for command, rest in re.findall(r"`superion ([a-z][a-z-]+)([^`]*)`", text):
            if command not in OPTIONS:
                wrong.append(f"{where}: superion {command}")
                continue
            taken = OPTIONS[command] | EVERYWHERE
            wrong += [f"{where}: superion {command} {o}" for o in options(rest) if o not in taken]
    assert wrong == []


def options(text):
    return re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", text)


def test_what_is_said_in_python_is_said_for_the_command_line_too():
    wrong = [
        f"{where}: {text}"
        for where, text in REMEDIES.items()
        if PYTHON.search(text) and not (options(text) or 'pbc="' in text)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("use resume=True.", True),
        ("use reference='none'.", True),
        ("set atoms.pbc = False.", True),
        ("--frenkel Li=2", False),
    ],
)
def test_the_language_of_python_is_noticed(text, found):
    assert bool(PYTHON.search(text)) == found
