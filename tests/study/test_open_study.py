"""A study folder opened in Python: finished, unfinished, damaged; the example of the documentation."""

from __future__ import annotations

import builtins
import doctest
import re
import shutil
from pathlib import Path

import pytest
import yaml
from toy_salt import write_inputs, write_study

import superion
from superion.errors import InputError
from superion.files import read_json, sha256
from superion.study import run_study
from superion.verdict import study_verdicts

DOCS = Path(__file__).parents[2] / "docs/study.md"


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("salt")
    write_inputs(root)
    return run_study(write_study(root, dynamics__steps=220, name="salt & <b>"), root / "out", progress=False)


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy that finds its inputs where the original has them."""
    return Path(shutil.copytree(finished.parent, tmp_path / "copy")) / "out"


def test_everything_in_a_finished_study(finished: Path) -> None:
    before = {path: sha256(path) for path in finished.rglob("*") if path.is_file()}
    study = superion.open_study(finished)
    assert study.missing == []
    assert study.models == ["gap", "es-gap"]
    assert study.settings.dynamics.temperatures == [300]
    assert {row.status for row in study.steps} == {"done"}
    assert study.state.records["fit"].outputs
    stored = read_json(finished / "accuracy.json")
    assert study.accuracy["gap"].test.force_rmse == stored["gap"]["test"]["force_rmse"]
    file = read_json(finished / "transport/gap-300K.json")
    found = study.transport["gap", 300]
    assert found.result.conductivity_bound == file["result"]["conductivity_bound"]
    assert found.dynamics.temperature.mean == file["dynamics"]["temperature"]["mean"]
    assert list(study.transport) == [("es-gap", 300.0), ("gap", 300.0)]
    assert len(study.trajectory("gap", 300)) == 111
    assert study.model("es-gap").terms[0].kind == "coulomb"
    assert study.properties["forces"]["gap"].values[0].unit == "eV/Å"
    assert study.census.total.frames == 14
    assert study.split.test == {"b": 4}
    assert study.provenance.seeds["fit"] == 0
    assert [v.answer for v in study.verdicts] == [v.answer for v in study_verdicts(finished)]
    assert study.report == finished / "report.html"
    assert repr(study) == f"OpenedStudy('salt & <b>', 11 of 11 steps done, in {finished})"
    assert {path: sha256(path) for path in finished.rglob("*") if path.is_file()} == before


def test_tables_become_frames_with_the_numbers_of_the_files(finished: Path) -> None:
    study = superion.open_study(finished)
    errors = study.accuracy.to_frame()
    assert list(errors["model"]) == ["gap", "gap", "es-gap", "es-gap"]
    assert errors["force RMSE (eV/Å)"][1] == study.accuracy["gap"].test.force_rmse
    transport = study.transport.to_frame().set_index("model")
    assert transport["σ bound (mS/cm)"]["gap"] == study.transport["gap", 300].result.conductivity_bound
    rows = study.verdicts[0].to_frame()
    assert list(rows["name"]) == [finding.row.name for finding in study.verdicts[0].findings]
    assert rows["baseline"][0] == study.properties["forces"]["gap"].by_name()[rows["name"][0]].value
    one = study.transport["gap", 300].to_frame().set_index("quantity")
    assert one["bound"]["D"] == study.transport["gap", 300].result.diffusion_bound
    values = study.values.to_frame()
    assert set(values["fit"]) == {"gap", "es-gap"}


def test_html_is_escaped(finished: Path) -> None:
    study = superion.open_study(finished)
    text = study._repr_html_()
    assert "salt &amp; &lt;b&gt;" in text
    assert "<b>" not in text
    assert "σ (mS/cm)" in text
    assert study.verdicts[0].answer.split()[0] in study.verdicts[0]._repr_html_()
    assert "<td>D</td>" in study.transport["gap", 300]._repr_html_()


def test_without_pandas_an_error_says_what_to_install(finished: Path, monkeypatch) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: object) -> object:
        if name == "pandas":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(InputError, match=r"Remedy: pip install 'superion\[notebook\]'"):
        superion.open_study(finished).accuracy.to_frame()


def test_an_unfinished_study_gives_what_is_there(folder: Path) -> None:
    for path in ("transport", "verdict.json", "report.html", "accuracy.json", "properties"):
        if (folder / path).is_dir():
            shutil.rmtree(folder / path)
        else:
            (folder / path).unlink()
    study = superion.open_study(folder)
    assert study.accuracy.to_frame().empty
    assert dict(study.transport) == {}
    assert study.report is None
    assert study.census.total.frames == 14
    said = " ".join(study.missing)
    assert "accuracy.json is missing: the step 'accuracy' has not been done." in said
    assert "step transport/gap-300K: to do" in said
    assert "report.html is missing" in said
    with pytest.raises(KeyError, match=r"no transport of .'gap', 400.; there are: none"):
        study.transport["gap", 400]
    with pytest.raises(InputError, match=r"there are: es-gap-300K, gap-300K"):
        study.trajectory("gap", 400)
    with pytest.raises(InputError, match=r"no model 'pepper'.*name one of gap, es-gap"):
        study.model("pepper")


@pytest.mark.parametrize(
    "name", ["accuracy.json", "census.json", "provenance.json", "transport/gap-300K.json", "state.json"]
)
@pytest.mark.parametrize("text", ["{", "[]", '{"result": 1, "versions": 1, "census": 1, "gap": 1}'])
def test_a_damaged_file_is_named_and_the_others_are_read(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    study = superion.open_study(folder)
    assert any(name in said for said in study.missing)
    assert "transport" in repr(study) or "OpenedStudy" in repr(study)
    assert name in study._repr_html_()
    assert (study.accuracy.get("gap") is None) == (name == "accuracy.json")
    assert (("gap", 300) in study.transport) == (name != "transport/gap-300K.json")


def test_damaged_settings_leave_the_results(folder: Path) -> None:
    (folder / "study.yaml").write_text("name: [")
    study = superion.open_study(folder)
    assert study.settings is None
    assert study.models == ["gap", "es-gap"]
    assert study.accuracy["gap"].test.frames == 4
    assert any("study.yaml" in said for said in study.missing)
    assert study.model("gap").terms


def test_a_changed_result_is_named(folder: Path) -> None:
    path = folder / "accuracy.json"
    path.write_text(path.read_text().replace('"frames": 4', '"frames": 5'))
    assert any("accuracy.json is not as the step" in said for said in superion.open_study(folder).missing)


def test_a_folder_without_a_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the folder holds no study"):
        superion.open_study(tmp_path)
    with pytest.raises(InputError, match="no such study folder"):
        superion.open_study(tmp_path / "none")


def test_a_model_that_a_settings_file_opens_is_not_opened_from_the_folder(folder: Path) -> None:
    settings = yaml.safe_load((folder / "study.yaml").read_text())
    settings["models"]["gap"] = {"open": "evil.yaml"}
    (folder / "study.yaml").write_text(yaml.safe_dump(settings))
    (folder / "evil.yaml").write_text("kind: ase\ncalculator: os.system\n")
    with pytest.raises(InputError, match=r"may name code to run.*superion\.open_model\('.*evil\.yaml'\)"):
        superion.open_study(folder).model("gap")


def test_the_example_of_the_documentation(folder: Path, monkeypatch) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    monkeypatch.chdir(folder.parent)
    folder.rename("salt")
    scope: dict = {}
    exec(compile(block, "docs/study.md", "exec"), scope)
    assert scope["found"].result.species == "Li"
    assert len(scope["errors"]) == 4
    assert len(scope["trajectory"]) == 111
    test = doctest.DocTestFinder().find(superion.open_study, "open_study", globs={"superion": superion})[0]
    assert test.examples
    said: list[str] = []
    assert doctest.DocTestRunner().run(test, out=said.append).failed == 0, "".join(said)


def test_a_study_of_the_first_version_is_read(tmp_path: Path) -> None:
    frozen = DOCS.parents[1] / "tests/frozen/salt"
    folder = Path(shutil.copytree(frozen, tmp_path / "salt")) / "study"
    study = superion.open_study(folder)
    assert "kind" not in read_json(folder / "accuracy.json")
    for name, both in study.accuracy.items():
        assert both.test.force_rmse == read_json(folder / "accuracy.json")[name]["test"]["force_rmse"]
    assert set(study.accuracy) == {"gap", "es-gap"}
    assert {kelvin for _, kelvin in study.transport} == {900.0}
    assert study.verdicts[0].answer == read_json(folder / "verdict.json")["answer"]
    assert not any(name.endswith(".json") for name in study._faults)
