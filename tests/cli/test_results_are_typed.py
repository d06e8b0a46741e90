"""Commands write results through one door, so that all of them can be read by their kind."""

import re
from pathlib import Path

import superion.cli

ALLOWED = {"write_json(duplicates, found.duplicates)"}
"""A list of names, which is no result."""


def test_no_command_writes_json_beside_the_kinds_of_results() -> None:
    calls, results = set(), 0
    for path in Path(superion.cli.__file__).parent.glob("*.py"):
        text = path.read_text()
        calls |= set(re.findall(r"write_json\([^)]*\)|json\.dump\(", text))
        results += len(re.findall(r"write_result\(", text))
    assert calls == ALLOWED
    assert results > 17
