"""The epochs of a training: Adam, then L-BFGS, in one stage after another, and what outlives the process."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from superion.errors import ModelError
from superion.potentials.neural.checkpoint import read_checkpoint, write_checkpoint
from superion.potentials.neural.model import ENERGY, Model
from superion.potentials.neural.objective import Labelled, squares
from superion.potentials.neural.settings import NeuralTraining, Stage
from superion.progress import track

Method = Literal["adam", "lbfgs"]
INNER = 10  # steps of L-BFGS in an epoch
MEMORY = 50  # steps that L-BFGS remembers
BETTER = 1e-3  # part of the loss by which it has to fall, from the start of a linear model


class Run:
    """A training under way.

    model: its weights change. batches, tests: data to learn from and held out; without the latter the loss of
    the former decides which weights are best. best: the best weights of the present stage.
    """

    def __init__(
        self,
        model: Model,
        training: NeuralTraining,
        batches: Sequence[Labelled],
        tests: Sequence[Labelled],
        generator: torch.Generator,
        stages: Sequence[Stage],
    ) -> None:
        self.model, self.training, self.generator = model, training, generator
        self.batches, self.tests = batches, tests
        methods: tuple[tuple[Method, int], ...] = (
            ("adam", training.adam_epochs or 0),
            ("lbfgs", training.lbfgs_epochs or 0),
        )
        self.phases = [(stage, method, count) for stage in stages for method, count in methods]
        self.phase = self.step = self.since = 0
        self.least = self.mark = math.inf  # the least loss, and the last that was clearly better
        self.best = self._copy()
        self._optimiser: torch.optim.Optimizer | None = None
        self._file: Path | None = None
        self._key = ""

    def keep(self, path: str | Path, key: str) -> None:
        """Write checkpoints to this file; go on from the one that is there, if it has the same key."""
        self._file, self._key = Path(path), key
        if self._file.exists():
            self._restore(read_checkpoint(path, key, self.model.scales.mean.device))

    def train(self, progress: bool) -> None:
        """All epochs that are left; `best` is the result."""
        total = sum(count for _, _, count in self.phases[self.phase :]) - self.step
        for done in track(self._epochs(), "training", total, show=progress):
            if self._file is not None and done % self.training.checkpoint_every == 0:
                write_checkpoint(self._file, self._key, self._state())
        if self._file is not None:
            write_checkpoint(self._file, self._key, self._state())

    def _epochs(self) -> Iterator[int]:
        """Train, and count epochs."""
        done = 0
        while self.phase < len(self.phases):
            stage, method, count = self.phases[self.phase]
            patience = self.training.patience
            assert patience is not None
            patient = method == "adam" or self.since < patience
            if self.step < count and patient:
                self._epoch(stage, method)
                self.step += 1
                done += 1
                yield done
                continue
            self._load(self.best)
            self._optimiser = None
            self.phase, self.step, self.since = self.phase + 1, 0, 0
            if self.phase < len(self.phases) and self.phases[self.phase][0] != stage:
                self.least = self.mark = math.inf

    def _epoch(self, stage: Stage, method: Method) -> None:
        weights = list(self._trained(stage).values())
        for value in self.model.weights.values():
            value.requires_grad_(False)
        for value in weights:
            value.requires_grad_(True)
        if self.least == math.inf:
            self._judge(stage)
        self._optimiser = self._optimiser or self._fresh(method, weights)
        if isinstance(self._optimiser, torch.optim.Adam):
            _, _, count = self.phases[self.phase]
            rate = self.training.rate * 0.5 * (1 + math.cos(math.pi * self.step / count))
            self._optimiser.param_groups[0]["lr"] = rate
            for k in torch.randperm(len(self.batches), generator=self.generator).tolist():
                self._optimiser.zero_grad()
                self._slope(self.batches[k : k + 1], stage)
                self._optimiser.step()
        else:
            optimiser = self._optimiser

            def closure() -> float:
                optimiser.zero_grad()
                return self._slope(self.batches, stage)

            optimiser.step(closure)
        self._judge(stage)

    def _fresh(self, method: Method, weights: list[Tensor]) -> torch.optim.Optimizer:
        if method == "adam":
            return torch.optim.Adam(weights, self.training.rate)
        return torch.optim.LBFGS(
            weights, max_iter=INNER, history_size=MEMORY, line_search_fn="strong_wolfe", tolerance_change=0.0
        )

    def _judge(self, stage: Stage) -> None:
        """Keep the weights if they are the best of this stage."""
        if self.tests:
            loss = self._loss(self.tests, stage, backward=False)
        else:
            loss = self._loss(self.batches, stage, backward=False) + float(self._prior(stage).detach())
        self.since += 1
        better = BETTER if self.model.settings.linear else 0.0
        if loss < (1 - better) * self.mark:
            self.mark, self.since = loss, 0
        if loss < self.least:
            self.least = loss
            self.best = self._copy()

    def _slope(self, batches: Sequence[Labelled], stage: Stage) -> float:
        """Add the derivatives of the loss and of the prior of the weights to theirs; their sum."""
        loss = self._loss(batches, stage, backward=True)
        if not self.training.decay:
            return loss
        prior = self._prior(stage)
        prior.backward()
        return loss + float(prior.detach())

    def _prior(self, stage: Stage) -> Tensor:
        """What the weights in training, without biases, cost by themselves; less with more frames."""
        frames = sum(data.geometry.count for data in self.batches)
        weights = [value for name, value in self._trained(stage).items() if name.endswith(".weight")]
        return self.training.decay / frames * torch.stack([value.square().sum() for value in weights]).sum()

    def _trained(self, stage: Stage) -> dict[str, Tensor]:
        """The weights that a stage changes."""
        every = self.model.weights.items()
        return {
            name: value
            for name, value in every
            if stage == "joint" or name.startswith(f"{ENERGY}.") == (stage == "short-range")
        }

    def _loss(self, batches: Sequence[Labelled], stage: Stage, backward: bool) -> float:
        """Σ over kinds of labels of mean squared errors in units of sigma; ModelError if it is not finite."""
        counts = torch.stack([data.counts() for data in batches]).sum(dim=0)
        total = 0.0
        for data in batches:
            sums = squares(data, self.model, self.training.sigma, stage)
            loss = (sums / counts.clamp(min=1.0)).sum()
            if backward:
                loss.backward()
            total += float(loss.detach())
        if not math.isfinite(total):
            raise ModelError(
                f"the loss is {total} in epoch {self.step + 1} of stage {stage}.",
                remedy="check the labels, or lower the rate of the training.",
            )
        return total

    def _copy(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.model.weights.items()}

    def _load(self, weights: dict[str, Tensor]) -> None:
        for name, value in self.model.weights.items():
            value.data.copy_(weights[name])

    def _state(self) -> dict[str, Any]:
        return {
            "phase": self.phase,
            "step": self.step,
            "since": self.since,
            "least": self.least,
            "mark": self.mark,
            "best": self.best,
            "weights": self._copy(),
            "optimiser": None if self._optimiser is None else self._optimiser.state_dict(),
            "generator": self.generator.get_state(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self.phase, self.step, self.since = state["phase"], state["step"], state["since"]
        self.least, self.mark, self.best = state["least"], state["mark"], state["best"]
        self._load(state["weights"])
        self.generator.set_state(state["generator"].cpu())
        if state["optimiser"] is not None:
            stage, method, _ = self.phases[self.phase]
            self._optimiser = self._fresh(method, list(self._trained(stage).values()))
            self._optimiser.load_state_dict(state["optimiser"])
