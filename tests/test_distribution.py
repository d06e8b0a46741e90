"""The packages that `make dist` builds hold all of superion, and nothing else."""

from distribution import build, package


def test_sdist_and_wheel(tmp_path):
    source, wheel = build(tmp_path)
    for name in ("py.typed", "report/report.html", "simulation/lammps_plugin/pair_superion.cpp"):
        assert f"superion/{name}" in wheel
    own = {name for name in wheel if ".dist-info/" not in name}
    assert own == package()
    assert {f"src/{name}" for name in own} | {"pyproject.toml", "README.md", "LICENSE"} <= source
    assert {name.partition("/")[2] for name in wheel - own} >= {"licenses/LICENSE", "entry_points.txt"}
