"""The process that compiles the loops and those that load them get the same bits."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import superion

SOURCE = Path(superion.__file__).parent


def compiled(path: Path) -> dict[str, tuple[str, ast.FunctionDef]]:
    """Options and body of every compiled function of a module, by name."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            options = [text for text in map(ast.unparse, node.decorator_list) if "njit" in text]
            if options:
                found[node.name] = options[0], node
    return found


def imported(path: Path) -> dict[str, tuple[str, ast.FunctionDef]]:
    """Compiled functions that a module takes from others."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("superion."):
            source = (SOURCE.parent / node.module.replace(".", "/")).with_suffix(".py")
            theirs = compiled(source) if source.is_file() else {}
            found |= {name.name: theirs[name.name] for name in node.names if name.name in theirs}
    return found


def test_what_compiled_loops_call_is_inlined():
    """A call may else go to another copy of the function, optimised in another way (superion.compiled)."""
    helpers = {}
    for path in SOURCE.rglob("*.py"):
        own = compiled(path)
        known = imported(path) | own
        for _, body in own.values():
            names = {ast.unparse(node.func) for node in ast.walk(body) if isinstance(node, ast.Call)}
            helpers |= {f"{path.name}: {name}": known[name][0] for name in names & set(known)}
    assert len(helpers) > 20
    assert [name for name, options in helpers.items() if "inline" not in options] == []


def test_compiling_and_loading_give_the_same_bits(tmp_path):
    program = Path(__file__).with_name("compiled_digests.py")
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    digests = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, program], env=environment, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stderr
        digests.append(json.loads(done.stdout))
    assert any(tmp_path.rglob("*.nbc"))
    assert digests[0] == digests[1]
