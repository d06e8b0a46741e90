import json

import numpy as np
import pytest
from pydantic import ValidationError

from superion.errors import CorruptFileError, InputError
from superion.verdict import (
    REFERENCE,
    PropertyFile,
    Value,
    error_value,
    property_path,
    read_property,
    write_property,
)


def modulus(**changes):
    return Value(**{"name": "bulk modulus", "unit": "GPa", "kind": "positive", "value": 25.1, **changes})


def test_a_file_comes_back_as_it_was_written(tmp_path):
    rng = np.random.default_rng(1)
    found = PropertyFile(
        property="eos",
        potential="es-gap",
        resampled=2,
        values=(
            modulus(error=0.01, flags=("extrapolation grade 7.2 > 5",)),
            error_value("energy–volume rms error", "eV/atom", [rng.normal(size=3) for _ in range(4)]),
            Value(name="polarization", unit="e/Å²", kind="plain", value=None, why="no charges"),
        ),
        notes=("a note",),
    )
    path = property_path(tmp_path, "eos", "es-gap", 2)
    assert path == tmp_path / "properties" / "eos" / "es-gap-resampled-2.json"
    write_property(path, found)
    assert read_property(path) == found
    assert set(json.loads(path.read_text())["values"][0]) == {
        "name", "unit", "kind", "value", "error", "samples", "clusters", "why", "seen", "flags",
    }  # fmt: skip
    assert found.by_name()["bulk modulus"].error == 0.01


def test_labels_and_main_fits_have_no_number_in_their_file_name(tmp_path):
    assert property_path(tmp_path, "eos", REFERENCE).name == "reference.json"
    assert property_path(tmp_path, "eos", "gap").name == "gap.json"


def test_every_deviation_counts_the_same_whatever_frame_it_is_of():
    rng = np.random.default_rng(2)
    parts = [rng.normal(size=(n, 3)) for n in (1, 5, 0, 20)]
    found = error_value("forces of Li", "eV/Å", parts)
    assert found.value == pytest.approx(np.sqrt(np.mean(np.concatenate(parts) ** 2)), rel=1e-12)
    assert len(found.samples) == 4
    assert np.mean(found.samples) == pytest.approx(found.value**2, rel=1e-12)


def test_an_error_of_nothing_is_refused():
    with pytest.raises(InputError, match="forces of Li: no frame has a deviation"):
        error_value("forces of Li", "eV/Å", [np.zeros((0, 3))])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value": None}, "does not say why"),
        ({"value": None, "why": "lost", "error": 0.1}, "but no value"),
        ({"value": 0.0}, "must be above 0, found 0"),
        ({"value": float("nan")}, "finite"),
        ({"error": -0.1}, "greater than or equal to 0"),
        ({"samples": (1.0,)}, "must not have samples"),
        ({"kind": "error", "value": -1.0}, "root-mean-square error; found -1"),
        ({"kind": "error", "value": 2.0, "samples": (1.0, 9.0)}, "is 2.23606798, the value 2"),
        ({"kind": "error", "value": 2.0, "samples": ()}, "one or more"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_a_value_that_contradicts_itself_is_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        modulus(**changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"property": "eos", "potential": "gap", "val', "not valid JSON"),
        ('{"kind": "locality"}', "property: Field required"),
        ("[]", "valid dictionary or instance|an object"),
        (
            '{"property": "eos", "potential": "gap", "values": [{"name": "a", "unit": "", "kind": "plain"}]}',
            r"values\.0\.value: Field required",
        ),
        (
            '{"property": "eos", "potential": "gap", "values": '
            '[{"name": "a", "unit": "", "kind": "plain", "value": NaN}]}',
            r"values\.0\.value: nan is not a finite number",
        ),
        (
            '{"property": "eos", "potential": "gap", "values": '
            '[{"name": "a", "unit": "", "kind": "plain", "value": 1},'
            ' {"name": "a", "unit": "", "kind": "plain", "value": 2}]}',
            "'a' has more than one value",
        ),
        (
            '{"property": "eos", "potential": "reference", "resampled": 1, "values": []}',
            "cannot be resampled",
        ),
    ],
)
def test_a_damaged_or_foreign_file_is_named_with_a_remedy(tmp_path, text, message):
    path = tmp_path / "gap.json"
    path.write_text(text)
    with pytest.raises(CorruptFileError, match=message) as caught:
        read_property(path)
    assert str(path) in str(caught.value)
    assert "Remedy: delete the file" in str(caught.value)
