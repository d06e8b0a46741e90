import json

import pytest
from synthetic_properties import FRENKEL, IN_FIELD, put, write_properties

from superion.analysis.transport_result import TransportResult
from superion.errors import CorruptFileError, InputError
from superion.verdict import Value, property_path, study_verdict, write_verdict
from superion.verdict.wording import because


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_properties(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def found(folder):
    return study_verdict(folder)


def reasons(found):
    return {f.row.name: because(f) for f in found.findings}


def test_every_row_has_its_outcome(found):
    assert {f.row.name: f.outcome for f in found.findings} == {
        "forces of Li": "needed",
        "forces of S": "not helped",
        "bulk modulus": "not helped",
        FRENKEL: "needed",
        IN_FIELD: "undecided",
        "conductivity at 800 K": "undecided",
    }


def test_the_answer_is_one_plain_sentence(found):
    assert found.answer == (
        "Long-range electrostatics is needed for forces (1 of 2 values) and defects (1 of 2 values); "
        "undecided for the conductivity, because the error bars allow both answers. This electrostatics "
        "(fixed charges) does not help the elastic moduli; whether equilibrated charges and latent charges "
        "would was not shown."
    )
    assert found.properties == {
        "forces": "needed", "elastic": "not helped", "defects": "needed", "conductivity": "undecided",
    }  # fmt: skip
    assert {"energies", "stresses", "eos", "dielectric"} <= set(found.not_asked)
    assert not set(found.properties) & set(found.not_asked)
    assert (found.fits, found.seeds, found.notes) == (6, {"fit": 3}, ("defects: 2 × 2 × 1 cells",))


def test_reasons_have_numbers_with_intervals(found):
    said = reasons(found)
    assert "Electrostatics removes 36" in said["forces of Li"]
    assert "more than the tolerance of 10 %" in said["forces of Li"]
    assert "The local value misses the reference by 0.4" in said[FRENKEL]
    assert " to " in said[FRENKEL]
    assert "less than the tolerance of 10 %" in said["bulk modulus"]
    assert "the tolerance is a factor of 1.5" in said["conductivity at 800 K"]


def test_a_value_of_one_potential_and_flags_are_said(found):
    assert reasons(found)[IN_FIELD] == (
        "The local potential has no value of it: a local potential has no charges for a field to act on. "
        "Beware – electrostatic: grade 7.2 > 5."
    )


def test_verdict_json_is_strict_and_holds_all_of_it(folder, found):
    def refuse(text):
        raise AssertionError(text)

    path = write_verdict(folder, found)
    content = json.loads(path.read_text(), parse_constant=refuse)
    assert content["answer"] == found.answer
    assert content["properties"] == found.properties
    assert (content["level"], content["fits"], content["not_asked"]) == (0.05, 6, found.not_asked)
    assert content["tolerances"]["defects"] == 0.1
    row = content["rows"][0]
    assert (row["outcome"], row["baseline"]) == ("needed", found.findings[0].row.baseline.value)
    assert row["change"]["low"] < row["change"]["value"] < row["change"]["high"]
    assert row["change"]["value"] == pytest.approx(100 * (row["candidate"] / row["baseline"] - 1))
    assert row["in_tolerances"]["high"] < -1
    assert set(row["standard_errors"]) == {"fit", "test frames"}
    assert {c["claim"] for c in row["claims"] if c["shown"]} == {"removes"}
    missing = next(row for row in content["rows"] if row["name"] == IN_FIELD)
    assert (missing["change"], missing["baseline"]) == (None, None)
    assert missing["flags"] == ["electrostatic: grade 7.2 > 5"]


def test_tolerances_and_level_change_the_answer(folder):
    assert study_verdict(folder, {"defects": 0.6}).properties["defects"] == "undecided"
    assert study_verdict(folder, {"elastic": 0.001}).properties["elastic"] == "undecided"
    assert study_verdict(folder, level=1e-9).properties["forces"] == "undecided"
    with pytest.raises(InputError, match="Did you mean 'elastic'"):
        study_verdict(folder, {"elastics": 0.1})


def test_what_study_yaml_says_holds_unless_told_otherwise(tmp_path):
    write_properties(tmp_path)
    settings = tmp_path / "study.yaml"
    settings.write_text("verdict:\n  tolerances: {defects: 0.6}\n  level: 0.01\n")
    found = study_verdict(tmp_path)
    assert (found.tolerances["defects"], found.level) == (0.6, 0.01)
    assert study_verdict(tmp_path, {"defects": 0.1}, 0.05).properties["defects"] == "needed"
    settings.write_text("verdict:\n  tolerances: {defect: 0.6}\n")
    with pytest.raises(InputError, match=r"study\.yaml: verdict.*Did you mean 'defects'"):
        study_verdict(tmp_path)


def test_the_locality_test_of_a_study_is_read(tmp_path):
    write_properties(tmp_path)
    entry = {
        "radius": 4.5, "spread": 0.008, "low": 0.007, "high": 0.009, "error": 1e-4, "mean_force": 1.0,
        "freedom": 500, "atoms": {"0": 0.008, "7": 0.008},
    }  # fmt: skip
    found = {"kind": "locality", "forces": {"S": [entry]}, "without": {}}
    (tmp_path / "far.json").write_text(json.dumps(found))
    settings = tmp_path / "study.yaml"
    settings.write_text("locality: far.json\nfit: {pair: {cutoff: 4.0}, soap: {cutoff: 5.0}, angle: null}\n")
    said = reasons(study_verdict(tmp_path))["forces of S"]
    assert "forces on S vary by 0.00800 eV/Å when only atoms beyond 4.5 Å move" in said.replace(
        "Forces", "forces"
    )
    assert "would remove about 0.22 % of the error" in said
    settings.write_text("locality: ../gone.json\nfit: {soap: {cutoff: 4.0}}\n")
    assert (
        "locality test ../gone.json that study.yaml names is not there" in study_verdict(tmp_path).notes[-1]
    )
    settings.write_text("locality: far.json\nfit: {soap: {cutoff: 4.0}}\n")
    assert study_verdict(tmp_path).notes[-1] == (
        "forces: the locality test has no radius within the cutoff of 4 Å."
    )


def transport(folder, name, **result):
    """A transport file of which `result` alone is of interest."""
    known = dict.fromkeys(set(TransportResult.model_fields) - {"kind", "format"}, None)
    known |= {"species": "Li", "reference": "system", "status": "converged", "reason": "", "notes": []}
    known |= dict.fromkeys(("frames", "ions", "modes", "replicas"), 1)
    numbers = "charge temperature length discarded timestep volume hop_length hops independent_hops misfit"
    known |= dict.fromkeys((*numbers.split(), "cage_plateau"), 1.0)
    known |= {key: [] for key in ("replica_diffusion", "msd_lags", "msd")}
    known |= {"framework": {}, "slope_lags": [1, 2], "diffusion": 1e-6, "diffusion_interval": [5e-7, 2e-6]}
    known |= {"diffusion_bound": 1e-5}
    content = {"result": known | result}
    (folder / "transport").mkdir(exist_ok=True)
    (folder / "transport" / f"{name}.json").write_text(json.dumps(content))


def test_a_study_without_property_files_is_undecided_and_says_why(tmp_path):
    for potential, sigma in (("gap", 1161.0), ("es-gap", 1277.0)):
        interval = [sigma / 1.2, sigma * 1.2]
        transport(tmp_path, f"{potential}-800K", conductivity=sigma, conductivity_interval=interval)
    errors = {p: {"test": {"force_rmse_by_species": {"Li": e}}} for p, e in (("gap", 0.14), ("es-gap", 0.15))}
    (tmp_path / "accuracy.json").write_text(json.dumps(errors))
    found = study_verdict(tmp_path)
    assert found.answer == (
        "Long-range electrostatics is undecided for forces and the conductivity, because one fit says "
        "nothing about its spread."
    )
    said = reasons(found)
    assert said["conductivity at 800 K"] == (
        "One fit says nothing about its spread. Between these two fits it changes by a factor of 1.10 (0.85 "
        "to 1.42) with electrostatics, by the statistics of the simulations alone."
    )
    assert "it changes by 7.1 % with electrostatics" in said["forces of Li"]
    assert found.fits == 0


def test_an_upper_bound_is_no_value(tmp_path):
    bound = {"status": "upper bound only", "conductivity": None, "conductivity_interval": None}
    bound["reason"] = "4.2 independent hops, 10 are needed for a value."
    transport(tmp_path, "gap-500K", **bound | {"conductivity_bound": 12.0})
    assert reasons(study_verdict(tmp_path))["conductivity at 500 K"] == (
        "The local potential has no value of it: upper bound only (below 12.0 mS/cm): 4.2 independent hops, "
        "10 are needed for a value."
    )


def test_a_melt_has_no_conductivity_to_compare(tmp_path):
    melt = {"status": "melt", "conductivity": 4000.0, "conductivity_interval": [3500.0, 4600.0]}
    melt |= {"conductivity_bound": None, "reason": "the framework diffuses: a melt, not a solid conductor."}
    transport(tmp_path, "gap-500K", **melt)
    assert reasons(study_verdict(tmp_path))["conductivity at 500 K"] == (
        "The local potential has no value of it: melt: the framework diffuses: a melt, not a solid conductor."
    )


def test_a_folder_without_anything_to_compare_is_not_answered(tmp_path):
    with pytest.raises(InputError, match="the folder holds no study"):
        study_verdict(tmp_path)
    (tmp_path / "study.yaml").write_text("name: begun\n")
    assert study_verdict(tmp_path).answer.startswith("Not answered: ")
    with pytest.raises(InputError, match="no such study folder"):
        study_verdict(tmp_path / "gone")


def test_resampled_fits_without_a_value_are_counted(tmp_path):
    write_properties(tmp_path)
    lost = Value(name=FRENKEL, unit="eV", kind="plain", value=None, why="relaxed back to the crystal")
    put(tmp_path, "defects", "gap", 2, [lost])
    assert "1 of 6 resampled pairs of fits have no value of it" in reasons(study_verdict(tmp_path))[FRENKEL]


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("properties/elastic/gap.json", "{", "not valid JSON"),
        ("properties/elastic/gap.json", '{"kind": "locality"}', "property: Field required"),
        (
            "properties/elastic/gap.json",
            '{"property": "eos", "potential": "gap", "values": []}',
            "holds values of 'eos', not of 'elastic'",
        ),
        (
            "properties/elastic/gap-resampled-1.json",
            '{"property": "elastic", "potential": "gap", "resampled": 1, "values": [{"name": "bulk modulus", '
            '"unit": "kbar", "kind": "positive", "value": 250}]}',
            r"in GPa \(positive\) and in kbar",
        ),
    ],
)
def test_damaged_files_are_named(tmp_path, path, text, message):
    write_properties(tmp_path, fits=3)
    (tmp_path / path).write_text(text)
    with pytest.raises(CorruptFileError, match=message):
        study_verdict(tmp_path)


def test_the_two_potentials_have_to_be_tested_on_the_same_frames(tmp_path):
    write_properties(tmp_path, fits=3)
    path = property_path(tmp_path, "forces", "gap")
    content = json.loads(path.read_text())
    value = content["values"][0]
    value["samples"] = value["samples"] * 2
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"not tested on the same frames \(60, 30 frames\)"):
        study_verdict(tmp_path)
