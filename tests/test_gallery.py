"""The gallery: how its scripts are read and run, and that every page is where readers look for it."""

import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "docs/gallery").glob("*.py"))


@pytest.fixture(scope="module")
def cells():
    spec = importlib.util.spec_from_file_location("site_cells", ROOT / "docs/site_cells.py")
    module = sys.modules["site_cells"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def script(tmp_path, *parts):
    path = tmp_path / "demo.py"
    path.write_text("".join(f"# %%{part}" for part in parts))
    return path


TEXT = " [markdown]\n# # A title\n#\n# One *line*.\n\n"
CODE = "\nx = 2\nprint('seen')\nx + 1\n\n"
DRAWN = """
import matplotlib.pyplot as plt
fig, panel = plt.subplots(num='A line')
panel.plot([0, x], [1, 2])

"""
CAPTION = " [markdown]\n# Figure: Two\n# words.\n#\n# More.\n"


def test_a_script_is_shown_cell_by_cell(cells, tmp_path):
    assert cells.main(script(tmp_path, TEXT, CODE, DRAWN, CAPTION), tmp_path / "out") == 0
    text, code, drawn, rest = json.loads((tmp_path / "out/cells.json").read_text())
    assert (text["kind"], text["source"]) == ("text", "# A title\n\nOne *line*.")
    assert (code["kind"], code["printed"]) == ("code", "seen\n3")
    (figure,) = drawn["figures"]
    assert (figure["alt"], figure["caption"], drawn["printed"]) == ("A line", "Two words.", "")
    assert (tmp_path / "out" / figure["file"]).read_bytes().startswith(b"\x89PNG")
    assert rest["source"] == "More."


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([TEXT, CODE, DRAWN], "needs a caption"),
        ([TEXT, CODE, DRAWN.replace("num='A line'", ""), CAPTION], "needs a description"),
        ([TEXT, CODE], "at least one figure"),
        ([TEXT, "\nimport warnings\nwarnings.warn('odd')\n"], "UserWarning: odd"),
        ([TEXT, "\nimport sys\nprint('odd', file=sys.stderr)\n"], "line 7: the cell wrote to stderr: odd"),
        ([TEXT, "\n1 / 0\n"], "ZeroDivisionError"),
        ([" [markdown]\nx = 1\n"], "text in a comment, and not 'x = 1'"),
    ],
)
def test_a_script_that_fails_or_warns_fails_the_build(cells, tmp_path, capsys, parts, said):
    assert cells.main(script(tmp_path, *parts), tmp_path / "out") == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out/cells.json").exists()


def test_every_script_is_listed_and_begins_with_its_title(cells):
    assert len(SCRIPTS) >= 8
    index = (ROOT / "docs/gallery/README.md").read_text()
    listed = dict(re.findall(r"^- \[(.+)\]\((\w+)\.py\): ", index, re.MULTILINE))
    pages = re.findall(r"- gallery/(\w+)\.md", (ROOT / "mkdocs.yml").read_text())
    assert sorted(listed.values()) == sorted(page for page in pages if page != "README")
    titles = {cells.split(path.read_text())[0].source.splitlines()[0]: path.stem for path in SCRIPTS}
    assert titles == {f"# {title}": name for title, name in listed.items()}
    for page in ("README.md", "docs/start.md"):
        assert "gallery/README.md" in (ROOT / page).read_text()
