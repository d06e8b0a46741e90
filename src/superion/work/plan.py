"""Doing a plan: every step that is not done, or no longer holds, and nothing else."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from superion.display import Display, say
from superion.errors import InputError, SuperionError
from superion.progress import track
from superion.work.pieces import each_done
from superion.work.pools import Workers
from superion.work.state import State
from superion.work.step import CHANGED, Step, Task, attempt, clear, note_failure, reason


def run_plan(
    plan: Sequence[Step], state: State, workers: Workers, *, progress: bool = True
) -> dict[str, str]:
    """Do all steps in turn, each after those it needs; the messages of those that failed.

    Steps that do not depend on one that failed are still done. Tasks are done by `workers`, several at once;
    steps that can also be done here are, where there is one worker only.
    """
    return _Run(state, workers, progress).go(plan)


@dataclass(slots=True)
class _Run:
    state: State
    workers: Workers
    progress: bool
    failed: dict[str, str] = field(default_factory=dict)

    def go(self, plan: Sequence[Step]) -> dict[str, str]:
        missing: set[str] = set()
        together: list[Step] = []

        def do_together() -> None:
            if together:
                self._together(together)
            missing.update(self.failed)
            together.clear()

        for step in plan:
            apart, family = how = self._how(step)
            if together and (how != self._how(together[0]) or {one.name for one in together} & {*step.needs}):
                do_together()
            blocked = [need for need in step.needs if need in missing]
            if blocked:
                missing.add(step.name)
                clear(step, self.state)
                self.state.stop(step.name, "waiting", f"needs {', '.join(blocked)}")
            elif not apart and family is None:
                self._here(step, self.progress)
                missing |= {step.name} & set(self.failed)
            else:
                together.append(step)
        do_together()
        return self.failed

    def _together(self, steps: Sequence[Step]) -> None:
        apart, family = self._how(steps[0])
        if apart:
            self._apart(steps)
        elif family is not None:
            self._family(family, steps)

    def _how(self, step: Step) -> tuple[bool, str | None]:
        """Whether a step is a task for the workers, or else with which others it is shown."""
        apart = step.work is None or (step.task is not None and self.workers.slots > 1)
        return apart, None if apart else step.family

    def _here(self, step: Step, progress: bool) -> bool:
        """Do one step unless its result still holds; whether it was done, or failed, now.

        A failure that was not foreseen ends the plan, but for steps that have something to say about it.
        """
        try:
            return attempt(step, self.state, progress)
        except Exception as error:
            if not isinstance(error, SuperionError | MemoryError) and step.failed is None:
                raise
            self.failed[step.name] = reason(error)
            say(f"{step.name}: failed: {reason(error)}", progress or step.family is not None)
            return True

    def _family(self, name: str, steps: Sequence[Step]) -> None:
        """Do steps that are reported in one line."""
        since = time.monotonic()
        each = track(steps, name, len(steps), show=self.progress)
        done = sum(self._here(step, progress=False) for step in each)
        lost = sum(step.name in self.failed for step in steps)
        parts = [(done - lost, "done"), (len(steps) - done, "done before"), (lost, "failed")]
        text = f"{name}: " + ", ".join(f"{n} {what}" for n, what in parts if n)
        say(f"{text}, {time.monotonic() - since:.1f} s" if done else text, self.progress)

    def _apart(self, steps: Sequence[Step]) -> None:
        """Let the workers do all steps that are not done, several at once."""
        inputs = {step.name: step.inputs() for step in steps}
        open_ = [step for step in steps if not self.state.holds(step.name, inputs[step.name])]
        for step in open_:  # before a worker writes a new one in its place
            clear(step, self.state)
        shown = _Shown(steps, open_)
        running: dict[str, tuple[Task, float]] = {}

        def begin(step: Step) -> Future[Any]:
            assert step.task is not None
            task = step.task()
            task.prepare()
            self.state.begin(step.name, inputs[step.name], task.fraction() if task.fraction else 0.0)
            running[step.name] = task, time.monotonic()
            return self.workers.begin(task.function, *task.arguments, name=task.name, log=task.log)

        with Display(shown.names, show=self.progress) as display:

            def look() -> None:
                for name, (task, _) in running.items():
                    if task.fraction is not None:
                        display.update(name, task.fraction())

            for step, future in each_done(deque(open_), self.workers.slots, begin, look):
                task, since = running.pop(step.name)
                self._settle(step, task, future, inputs[step.name], time.monotonic() - since)
                shown.end(step, display, self.failed)
        for line in shown.notes(self.failed):
            say(line, self.progress)

    def _settle(self, step: Step, task: Task, future: Future[Any], inputs: str, seconds: float) -> None:
        try:
            written = task.outputs(future.result())
            if step.inputs() != inputs:
                raise InputError(CHANGED)
        except Exception as error:
            self._lost(step, reason(error), seconds)
            return
        self.state.finish(step.name, written, seconds)
        for line in task.done():
            say(line, self.progress)

    def _lost(self, step: Step, why: str, seconds: float) -> None:
        """Note that a step failed."""
        self.failed[step.name] = why
        note_failure(step, self.state, why, seconds)


class _Shown:
    """How far tasks are: one bar for each, or for each family of them."""

    def __init__(self, steps: Sequence[Step], open_: Sequence[Step]) -> None:
        self._steps, self._open = steps, {step.name for step in open_}
        self._done: dict[str, int] = {}
        self.names = list(dict.fromkeys(_line(step) for step in open_))

    def end(self, step: Step, display: Display, failed: dict[str, str]) -> None:
        """Show that a step is over."""
        line = _line(step)
        same = [one for one in self._steps if _line(one) == line]
        total = sum(one.name in self._open for one in same)
        self._done[line] = self._done.get(line, 0) + 1
        if step.family is not None:
            display.update(line, self._done[line] / total)
        if self._done[line] == total:
            lost = sum(one.name in failed for one in same)
            text = f"{lost} failed" if step.family is not None else "failed"
            display.end(line, text if lost else "done")

    def notes(self, failed: dict[str, str]) -> list[str]:
        """What else is to be said: failures of families, and what was done before."""
        found = [
            f"{step.name}: failed: {failed[step.name]}"
            for step in self._steps
            if step.family is not None and step.name in failed
        ]
        for line in dict.fromkeys(_line(step) for step in self._steps):
            if line not in self.names:
                same = [step for step in self._steps if _line(step) == line]
                many = f"{len(same)} " if same[0].family is not None else ""
                found.append(f"{line}: {many}done before")
        return found


def _line(step: Step) -> str:
    return step.family or step.name
