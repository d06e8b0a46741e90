import pytest

from superion import sizes
from superion.errors import InputError
from superion.sizes import available_memory, bytes_text, check_size, time_text


def test_memory_is_compared_with_what_there_is(monkeypatch):
    assert available_memory() is None or available_memory() > 0
    monkeypatch.setattr(sizes, "available_memory", lambda: 3_000_000)
    check_size("a 10x10x10 supercell", atoms=6000, remedy="repeat it less often.")
    message = (
        r"^a 99x99x99 supercell has 9\.703e\+05 atoms and needs about 485 MB of memory; "
        r"3 MB are available\. Remedy: repeat it less often\.$"
    )
    with pytest.raises(InputError, match=message):
        check_size("a 99x99x99 supercell", atoms=99**3, remedy="repeat it less often.")
    with pytest.raises(InputError, match=r"^a matrix needs about 8 MB of memory"):
        check_size("a matrix", size=8e6, remedy="less.")


def test_where_the_system_does_not_say_a_terabyte_is_taken(monkeypatch):
    monkeypatch.setattr(sizes, "available_memory", lambda: None)
    check_size("it", size=9e11, remedy="less.")
    with pytest.raises(InputError, match="1 TB are available"):
        check_size("it", size=2e12, remedy="less.")


def test_time():
    check_size("a run", seconds=3e7, remedy="fewer steps.")
    with pytest.raises(InputError, match=r"a run would take about 317 years\. Remedy: fewer steps"):
        check_size("a run", seconds=1e10, remedy="fewer steps.")


def test_integers_of_any_length():
    with pytest.raises(InputError, match="has 1e\\+30 atoms"):
        check_size("it", atoms=10**30, remedy="less.")
    with pytest.raises(InputError, match="of memory"):
        check_size("it", atoms=10**5000, remedy="less.")


def test_texts():
    assert [bytes_text(x) for x in (12, 3.2e9, 5e15)] == ["12 B", "3.2 GB", "5e+03 TB"]
    assert [time_text(x) for x in (12, 204, 18000, 2e5, 1e12)] == [
        "12 s",
        "3.4 min",
        "5 h",
        "2.31 days",
        "3.17e+04 years",
    ]
