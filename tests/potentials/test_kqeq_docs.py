"""What docs/kqeq.md shows works as it stands, and prints the numbers that it gives."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_tutorial_gives_the_numbers_it_tells(tmp_path, monkeypatch, capsys):
    text = (ROOT / "docs/kqeq.md").read_text()
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(block, "docs/kqeq.md", "exec"), {})
    (told,) = re.findall(r"prints `(.*?)`", text)
    found, expected = (
        [float(number) for number in re.findall(r"\d\.\d+", line)] for line in (capsys.readouterr().out, told)
    )
    assert len(found) == 2
    assert abs(found[0] - expected[0]) < 0.003
    assert found[1] == expected[1]
    assert found[0] < 0.25 * found[1]
