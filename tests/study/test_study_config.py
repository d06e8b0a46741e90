from pathlib import Path

import pytest
import yaml
from toy_salt import settings, write_study

from superion.errors import InputError
from superion.settings_file import validate
from superion.simulation import MDSettings
from superion.study import StudySettings, read_study, schema
from superion.study.config import write_study as write_settings


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"dynamics__timestpe": 1}, ["dynamics.timestpe: unknown key", "'timestep'"]),
        ({"dynamics__temperature": 300}, ["dynamics.temperature: unknown key", "'temperatures'"]),
        ({"dynamics__timestep": "fast"}, ["dynamics.timestep: expected a valid number", "found 'fast'"]),
        ({"dynamics__steps": 241}, ["dynamics: steps must be a multiple of sample_every", "242"]),
        ({"dynamics__pressure": 1.0}, ["dynamics: pressure = 1.0 has no effect"]),
        ({"dynamics__temperatures": []}, ["dynamics.temperatures: "]),
        ({"dynamics__temperatures": [300, 300.0]}, ["repeated"]),
        ({"fit__soap__n_maxx": 3}, ["fit.soap.n_maxx: unknown key", "'n_max'"]),
        (
            {"fit__sigma_by_config_type": {"md": {"forse": 1}}},
            ["fit.sigma_by_config_type.md.forse", "'force'"],
        ),
        ({"potentials": ["gap", "esgap"]}, ["models.esgap: unknown preset 'esgap'", "'es-gap'", "open"]),
        ({"potentials": ["gap", "gap"]}, ["potentials", "repeated"]),
        ({"data__test": 1.5}, ["data.test: expected less than 1"]),
        ({"data__keys": ["enrgy=E"]}, ["data.keys: ", "'energy'"]),
        ({"electrostatics__charges__Li": "one"}, ["electrostatics.charges.Li: expected a valid number"]),
        ({"structure__supercell": [2, 2]}, ["structure.supercell"]),
        ({"paralel": 2}, ["paralel: unknown key", "'parallel'"]),
    ],
)
def test_mistakes_are_named_with_dotted_key_and_remedy(tmp_path, change: dict, expected: list[str]) -> None:
    path = write_study(tmp_path, **change)
    with pytest.raises(InputError) as caught:
        read_study(path)
    for text in (str(path), "superion schema", *expected):
        assert text in str(caught.value)


def test_paths_are_relative_to_the_yaml_file_and_survive_the_copy_in_the_folder(tmp_path) -> None:
    study = read_study(write_study(tmp_path, locality="far.json"))
    assert study.locality == str(tmp_path.resolve() / "far.json")
    assert study.data.files[0] == str(tmp_path.resolve() / "salt.extxyz")
    folder = tmp_path / "results" / "deep"
    folder.mkdir(parents=True)
    write_settings(study, folder)
    assert yaml.safe_load((folder / "study.yaml").read_text())["data"]["files"][0] == "../../salt.extxyz"
    assert read_study(folder / "study.yaml") == study


@pytest.mark.parametrize("name", ["li7p3s11", "li7p3s11-verdict"])
def test_examples_can_be_run(name: str) -> None:
    folder = Path(__file__).parents[2] / "examples"
    study = read_study(folder / f"{name}.yaml")
    files = [*study.data.files, study.structure.file, study.locality]
    files += [str(path) for path in study.electrostatics.files().values()]
    assert all(Path(file).is_file() for file in files)
    assert study.fits.count >= 3
    assert {"eos", "elastic", "defects", "conductivity"} <= set(study.properties.chosen)


def test_dynamics_has_every_setting_of_a_run_but_its_temperature() -> None:
    study = validate(settings(dynamics__temperatures=[300, 450.5]), StudySettings)
    run = study.dynamics.at(450.5)
    assert isinstance(run, MDSettings)
    assert (run.temperature, run.timestep, run.steps, run.equilibrate) == (450.5, 2.0, 240, 20)
    assert set(type(study.dynamics).model_fields) == set(MDSettings.model_fields) - {"temperature"} | {
        "temperatures"
    }


def test_schema_describes_every_setting() -> None:
    described = schema()
    blocks = [described, *described["$defs"].values()]
    for block in blocks:
        for name, entry in block.get("properties", {}).items():
            assert entry.get("description"), name
            assert block["additionalProperties"] is False
    assert "K" in described["$defs"]["DynamicsSettings"]["properties"]["temperatures"]["description"]
