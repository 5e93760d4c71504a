"""A checkpoint small enough to commit: averaged weights in half precision and the count of steps.

`checkpoint.pt` holds weights, their average and two moments of the optimiser in float32, 16 bytes a parameter. What
crosses from one machine to another is OUT/model, 2 bytes a parameter. A run that finds only this goes on from it:
the optimiser starts anew, so the learning rate rises again from near nothing over 200 steps.
"""
from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers.models import ModelMixin
from safetensors.torch import load_file
from torch import nn

from course_utils.models import lowrank
from course_utils.train import common

WEIGHTS, PROGRESS = lowrank.LIBRARY, "progress.json"
WARM_UP = 200


class Restart:
    """Where the optimiser began: step 0, or the step at which the run was taken up without it."""

    def __init__(self, began: int = 0) -> None:
        self.began = began

    def factor(self, step: int) -> float:
        """What the learning rate is multiplied with: rises from 1/200 to 1 after a restart, else 1."""
        return min(1.0, (step - self.began + 1) / WARM_UP) if self.began else 1.0

    def state_dict(self) -> dict[str, int]:
        """For the checkpoint."""
        return {"began": self.began}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Take up what `state_dict` gave."""
        self.began = state["began"]


class Finish:
    """The end of a step: learn at the rate that the restart allows; where an interval ends, judge, log and keep.

    The losses of an interval stay on the device until it ends, so that a GPU need not wait for each of them. OUT/model
    is written before the checkpoint: a run that is killed between the two does the interval again, and writes it again.
    """

    def __init__(
        self, run: common.Run, restart: Restart, fresh: Callable[[], Any], judge: Callable[[Any, int], dict[str, float]]
    ) -> None:
        self.run, self.restart, self.fresh, self.judge = run, restart, fresh, judge
        self.peak, self.losses = run.options.rate, list[torch.Tensor]()

    def __call__(self, loss: torch.Tensor, step: int) -> None:
        """Take the loss of `step`."""
        self.run.options.rate = self.peak * self.restart.factor(step)
        self.run.learn(loss, step)
        self.losses.append(loss.detach())
        if self.run.due(step):
            self._keep(step)

    def _keep(self, step: int) -> None:
        self.run.note(loss=torch.stack(self.losses).mean())
        self.losses.clear()
        averaged, first = self.run.averaged(self.fresh()), self.run.accelerator.is_main_process
        judged = self.judge(averaged, step + 1) if first else {}
        if first:
            write(averaged, self.run.options.out / "model", step + 1)
            if step + 1 in self.run.options.snapshots:
                shutil.copytree(self.run.options.out / "model", self.run.options.out / f"snapshots/{step + 1:06d}",
                                dirs_exist_ok=True)
        self.run.keep(step, **judged)


def write(model: ModelMixin, folder: Path, step: int) -> None:
    """Half-precision weights that the stock class loads, and the number of steps behind them.

    The model is turned to half precision on the way: hand over one that is not needed afterwards.
    """
    model.half().save_pretrained(folder)
    (folder / PROGRESS).write_text(json.dumps({"step": step}) + "\n")


def read(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of a folder in float32."""
    return {name: value.float() for name, value in load_file(folder / WEIGHTS).items()}


def start_from(model: nn.Module, folder: Path | None, relearnt: str = "") -> None:
    """Begin with the weights of another run's folder, if one is given: a warm start at step 0.

    With `relearnt`, tensors whose name has that part stay untrained, and nothing else will learn. Raises `ValueError`
    if none has.
    """
    if folder is None:
        return
    untrained = {name: value for name, value in model.state_dict().items() if relearnt in name.split(".")}
    if relearnt and not untrained:
        raise ValueError(f"no layer is called {relearnt!r}; cross-attention is attn2, self-attention attn1")
    model.load_state_dict(read(folder) | untrained)
    if relearnt:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in untrained)
    print(f"begins with the weights of {folder}" + (f"; {relearnt} begins anew, and learns alone" if relearnt else ""))


def take_up(options: argparse.Namespace, model: nn.Module) -> None:
    """If OUT holds no checkpoint and a model with its count of steps, make a checkpoint of these, in one process."""
    folder = options.out / "model"
    wanted = common.first_process() and options.resume == "auto" and not (options.out / "checkpoint.pt").exists()
    if wanted and (folder / PROGRESS).exists():
        step = int(json.loads((folder / PROGRESS).read_text())["step"])
        common.write_atomically(options.out / "checkpoint.pt", _checkpoint(model, read(folder), step, options.rate))


def _checkpoint(model: nn.Module, weights: dict[str, torch.Tensor], step: int, rate: float) -> dict[str, Any]:
    fresh = common.optimiser_for(model, rate)
    return {"step": step, "model": weights, "average": weights, "optimiser": fresh.state_dict(),
            "others": {"restart": Restart(step).state_dict()}, "options": {}}  # those of the steps before are unknown
