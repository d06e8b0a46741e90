import pytest
from pydantic import BaseModel, ConfigDict, Field

from superion.errors import InputError
from superion.potentials import FitSettings
from superion.settings_file import read_settings, read_yaml, validate


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    width: float = Field(1.0, gt=0, description="in Å")


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    needed: int = Field(description="a number of things")
    inner: Inner | None = None
    many: dict[str, Inner] = {}
    either: list[str] | float | None = None


def problem(values: dict) -> str:
    with pytest.raises(InputError) as caught:
        validate(values, Outer, "file.yaml")
    assert str(caught.value).startswith("file.yaml: ")
    return caught.value.problem


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"needed": 1, "iner": {}}, ["iner: unknown key.", "'inner'"]),
        ({"needed": 1, "inner": {"widht": 2}}, ["inner.widht: unknown key.", "'width'"]),
        ({"needed": 1, "many": {"x": {"widht": 2}}}, ["many.x.widht: unknown key.", "'width'"]),
        ({"needed": 1, "inner": {"zzz": 2}}, ["inner.zzz: unknown key."]),
        ({}, ["needed: is missing (a number of things)."]),
        ({"needed": "few"}, ["needed: expected a valid integer", "found 'few'"]),
        ({"needed": 1, "inner": {"width": -1}}, ["inner.width: expected greater than 0, found -1."]),
        ({"needed": 1, "inner": 3}, ["inner: expected a valid dictionary", "found 3"]),
        ({"needed": 1, "either": [1]}, ["either[0]: expected a valid string, found 1; put it in quotes."]),
        ({"needed": 1, "either": [False]}, ["found False; put it in quotes, for YAML reads yes, no,"]),
        ({"needed": True}, ["needed: expected a number, found True; YAML reads yes, no,"]),
        ({"needed": 1, "many": {"x": {"width": True}}}, ["many.x.width: expected a number, found True"]),
    ],
)
def test_every_mistake_is_named_with_its_dotted_key(values: dict, expected: list[str]) -> None:
    found = problem(values)
    for text in expected:
        assert text in found


def test_all_mistakes_are_listed_up_to_a_limit() -> None:
    both = problem({"iner": 1})
    assert "iner: unknown" in both
    assert "needed: is missing" in both
    assert "and 3 more" in problem({"needed": 1, **{f"key{k}": 0 for k in range(11)}})


def test_valid_settings_are_read(tmp_path) -> None:
    path = tmp_path / "good.yaml"
    path.write_text("needed: 3\ninner: {width: 1e-3}\n")
    settings = read_settings(path, Outer)
    assert settings.needed == 3
    assert settings.inner is not None
    assert settings.inner.width == 1e-3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: !!python/object/apply:os.system ['touch owned']", "only plain values are allowed (line 1"),
        ("a: !!python/name:os.system", "only plain values"),
        ("a: [1, 2", "not valid YAML (line 1"),
        ("- 1\n- 2", "found list"),
        ("", "found NoneType"),
        ("a: 1\nb:\n  c: 1\n  c: 2", "the key b.c is given twice"),
    ],
)
def test_files_that_are_not_plain_settings_are_refused(
    tmp_path, monkeypatch, text: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_yaml(path)
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)
    assert not (tmp_path / "owned").exists()


def test_an_alias_bomb_is_refused_without_expanding_it(tmp_path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]" for k in range(1, 12)]
    path = tmp_path / "bomb.yaml"
    path.write_text("\n".join(lines))
    with pytest.raises(InputError, match="unknown key"):
        read_settings(path, Outer)


def test_a_missing_or_binary_file_is_named(tmp_path) -> None:
    with pytest.raises(InputError, match=r"none\.yaml: cannot be read \(No such file"):
        read_yaml(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(InputError, match="not a text file"):
        read_yaml(tmp_path / "binary.yaml")


@pytest.mark.parametrize("block", ["pair", "angle", "soap"])
def test_cutoffs_that_nobody_can_compute_are_refused(block: str) -> None:
    """50 nm instead of 5 Å would search for neighbours without end."""
    with pytest.raises(InputError, match=rf"{block}\.cutoff: expected less than or equal to 20"):
        validate({block: {"cutoff": 50.0}}, FitSettings)
