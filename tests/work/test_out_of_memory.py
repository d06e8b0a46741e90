"""A step that asks for more memory than there is fails like any other; the steps after it are done."""

from superion.work.executors import open_executor
from superion.work.plan import run_plan
from superion.work.state import State
from superion.work.step import Step


def test_a_step_without_memory_fails_with_a_remedy_and_the_others_go_on(tmp_path):
    def greedy():
        raise MemoryError("Unable to allocate 6.94 EiB for an array")

    def modest():
        (tmp_path / "b.json").write_text("{}")
        return [tmp_path / "b.json"]

    steps = [
        Step("a", (), None, dict, greedy),
        Step("b", (), None, dict, modest),
        Step("c", ("a",), None, dict),
    ]
    failed = run_plan(steps, State(tmp_path), open_executor("serial"), progress=False)
    assert list(failed) == ["a"]
    assert failed["a"].startswith(
        "out of memory: Unable to allocate 6.94 EiB for an array. Remedy: run the same"
    )
    found = State.read(tmp_path).records
    assert (found["a"].status, found["b"].status, found["c"].status) == ("failed", "done", "waiting")
    assert "smaller structures" in (found["a"].error or "")
