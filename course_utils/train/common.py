"""What every recipe shares: arguments, checkpoints that survive a kill, averaged weights, the log.

Nothing here knows what is being trained. A run is a function of its seed and of the step: batches and noise of
step k are drawn from generators seeded with (seed, k, process), so a checkpoint needs no state of any generator,
and a run that was killed and taken up again follows the curve of one that never stopped.
"""
from __future__ import annotations

import argparse
import csv
import math
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn
from tqdm.auto import tqdm

Net = TypeVar("Net", bound=nn.Module)


def arguments(role: str, description: str, steps: int, batch: int, rate: float) -> argparse.ArgumentParser:
    """Options of every recipe of a `role`; `description` is the module's docstring, the numbers are its defaults."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs") / role,
                        help="folder for checkpoint, log and trained weights (default %(default)s)")
    parser.add_argument("--steps", type=int, default=steps, help="length of the schedule (default %(default)s)")
    parser.add_argument("--batch", type=int, default=batch, help="pictures a step and process (default %(default)s)")
    parser.add_argument("--rate", type=float, default=rate, help="peak learning rate (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scenes", type=int, default=20_000, help="training scenes to render (default %(default)s)")
    parser.add_argument("--cache", type=Path, default=None,
                        help="where rendered scenes are kept (default: `cache` beside OUT, shared by the recipes)")
    parser.add_argument("--resume", choices=("auto", "never"), default="auto",
                        help="auto: go on from OUT/checkpoint.pt where there is one; never: start anew")
    parser.add_argument("--precision", choices=("auto", "bf16", "no"), default="auto",
                        help="autocast (weights stay float32); auto: bf16 where the machine computes it natively")
    parser.add_argument("--every", type=int, default=500, help="steps between checkpoints and validations")
    parser.add_argument("--snapshots", type=int, nargs="*", default=(), metavar="STEP",
                        help="validated steps whose weights are kept for good, in OUT/snapshots")
    parser.add_argument("--smoke", action="store_true", help="a few tiny steps, to see that everything runs")
    return parser


def parsed(parser: argparse.ArgumentParser, argv: list[str] | None) -> argparse.Namespace:
    """The arguments, made tiny under --smoke; a number below one is refused."""
    options = parser.parse_args(argv)
    if options.smoke:
        options.steps, options.batch, options.scenes, options.every = min(options.steps, 8), 4, 32, 4
    for name in ("steps", "batch", "scenes", "every"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(options, name)}")
    options.cache = options.cache or options.out.parent / "cache"
    if options.precision == "auto":
        options.precision = "bf16" if native_bfloat16() else "no"
    options.out.mkdir(parents=True, exist_ok=True)
    return options


def native_bfloat16() -> bool:
    """Whether bfloat16 is faster than float32 here: from Ampere on, and on processors with AVX-512 for it.

    Anywhere else it is emulated, and a training step takes ten times as long as in float32.
    """
    if torch.cuda.is_available():
        return torch.cuda.get_device_capability() >= (8, 0)
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())


def own_device() -> torch.device:
    """This process's device: the GPU of its number among a machine's processes, or the CPU.

    Ask before anything is put there: until a process has chosen its GPU, "cuda" is the first one for all of them.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    place = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(place)
    return place


def name_of(device: torch.device) -> str:
    """What a recipe is told to have run on."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"a CPU ({platform.machine()})"


def first_process() -> bool:
    """Whether this is the first of a launcher's processes, or the only one."""
    return os.environ.get("RANK", "0") == "0"


def accelerator_for(options: argparse.Namespace) -> Accelerator:
    """GPU where there is one, else CPU; mixed precision as asked. `accelerate launch` makes it several processes."""
    return Accelerator(cpu=not torch.cuda.is_available(), mixed_precision=options.precision)


def numpy_generator(seed: int, step: int, process: int = 0) -> np.random.Generator:
    """The generator of one step: the same whether the run was interrupted or not."""
    return np.random.default_rng((seed, step, process))


def torch_generator(seed: int, step: int, process: int = 0) -> torch.Generator:
    """The same for tensors; always on the CPU, so that every device sees the same noise."""
    return torch.Generator().manual_seed(int(numpy_generator(seed, step, process + 1_000).integers(2**62)))


def cosine(step: int, steps: int, warm_up: int = 200, floor: float = 0.01) -> float:
    r"""Factor on the learning rate: linear warm-up, then \(\tfrac12(1+\cos\pi t)\) down to `floor`
    (Loshchilov and Hutter, SGDR, 2017)."""
    warm_up = min(warm_up, max(1, steps // 10))
    if step < warm_up:
        return (step + 1) / warm_up
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


def on_device(model: Net, device: torch.device) -> Net:
    """The model on its device; channels last on a GPU alone, for a CPU's group norm in bfloat16 is slow with them."""
    layout = torch.channels_last if device.type == "cuda" else torch.contiguous_format
    return model.to(device, memory_format=layout)  # type: ignore[call-overload,no-any-return]


def optimiser_for(model: nn.Module, rate: float) -> torch.optim.AdamW:
    """AdamW as every recipe has it (Loshchilov and Hutter, 2019), without decay."""
    return torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=0.0, fused=True)


class Average:
    r"""Exponential moving average of weights, \(\bar\theta \leftarrow d\,\bar\theta + (1-d)\,\theta\) with
    \(d = \min(\text{decay}, (1+k)/(10+k))\), so that the first steps are forgotten. Buffers are copied."""

    def __init__(self, model: nn.Module, decay: float = 0.999) -> None:
        self.decay = decay
        self.weights = {name: value.detach().clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after step k."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                self.weights[name].lerp_(value, 1 - decay)
            else:
                self.weights[name].copy_(value)


def write_atomically(path: Path, state: dict[str, Any]) -> None:
    """Write beside, flush to the disk, rename: a kill leaves the old file or the new one, never half of one."""
    beside = path.with_suffix(".partial")
    with open(beside, "wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


class Log:
    """The training curve: `log.csv` in the run's folder. Rows after the resumed step are dropped.

    A run that is taken up may note other numbers than before: what a row has not is left empty.
    """

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        self.rows = [row for row in read_log(path) if row["step"] <= step] if step and path.exists() else []
        self.began = time.time() - (self.rows[-1]["seconds"] if self.rows else 0.0)
        if self.rows:
            self._write()
        else:
            path.unlink(missing_ok=True)

    def write(self, step: int, **numbers: float) -> None:
        """Add a row."""
        self.rows.append({"step": step, "seconds": round(time.time() - self.began, 1), **numbers})
        self._write()

    def _write(self) -> None:
        """All rows anew (they are few), beside and then in place: a kill leaves the old file or the new one."""
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        beside = self.path.with_suffix(".partial")
        with open(beside, "w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=names)
            writer.writeheader()
            writer.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in self.rows)
        os.replace(beside, self.path)


def read_log(path: Path) -> list[dict[str, float]]:
    """Rows of a training curve as numbers, each with what was noted in it; one that has no time was cut short."""
    with open(path, newline="") as file:
        rows = [{name: float(value) for name, value in row.items() if name and value} for row in csv.DictReader(file)]
    return [row for row in rows if "step" in row and "seconds" in row]


class Run:
    """The frame around a training loop: device, weights, optimiser, averaging, checkpoint, log, progress bar.

        run = Run(options, model)
        for step in run.steps():
            loss = ...                       # run.model, run.device, run.numbers(step), run.noise(step)
            run.learn(loss, step)
            run.note(loss=loss)
            if run.due(step): run.keep(step, psnr=validate(run.averaged()))
    """

    def __init__(
        self, options: argparse.Namespace, model: nn.Module, others: dict[str, Any] | None = None
    ) -> None:
        self.options, self.accelerator = options, accelerator_for(options)
        self.device, self.others = self.accelerator.device, others or {}
        self.raw = on_device(model, self.device)
        optimiser = optimiser_for(self.raw, options.rate)
        self.average = Average(self.raw)
        self.step, self.file = 0, options.out / "checkpoint.pt"
        self.stages: list[dict[str, Any]] = []
        self.accelerator.wait_for_everyone()  # the first process may be making the checkpoint: `portable.take_up`
        if options.resume == "auto" and self.file.exists():
            self._load(optimiser)
        self._begin_stage()
        self.model, self.optimiser = self.accelerator.prepare(self.raw, optimiser)
        self.log = Log(options.out / "log.csv", self.step) if self.accelerator.is_main_process else None
        self.sums: dict[str, float] = {}
        self.noted = 0

    def _load(self, optimiser: torch.optim.Optimizer) -> None:
        state = torch.load(self.file, map_location="cpu", weights_only=True)
        self.raw.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        for name, value in state["average"].items():
            self.average.weights[name].copy_(value)
        for name, other in self.others.items():
            other.load_state_dict(state["others"][name])
        self.step, self.stages = state["step"], state.get("stages") or [{"from": 0, **state["options"]}]
        print(f"going on from step {self.step} of {self.options.steps} ({self.file})")

    def _begin_stage(self) -> None:
        """Remember the options; a run that is taken up with others (a longer schedule, say) has several stages."""
        options = {**{name: str(value) for name, value in vars(self.options).items()}, "device": name_of(self.device)}
        if not self.stages or {"from": self.stages[-1]["from"], **options} != self.stages[-1]:
            self.stages.append({"from": self.step, **options})

    def steps(self) -> Iterator[int]:
        """The steps still to do, with a progress bar."""
        yield from tqdm(range(self.step, self.options.steps), initial=self.step, total=self.options.steps,
                        disable=not self.accelerator.is_main_process, mininterval=5.0)

    def numbers(self, step: int) -> np.random.Generator:
        """The generator from which this step draws its batch."""
        return numpy_generator(self.options.seed, step, self.accelerator.process_index)

    def noise(self, step: int, *shape: int) -> torch.Tensor:
        """Standard normal numbers of this step."""
        generator = torch_generator(self.options.seed, step, self.accelerator.process_index)
        return torch.randn(shape, generator=generator).to(self.device)

    def learn(self, loss: torch.Tensor, step: int) -> None:
        """One step of AdamW at the scheduled rate, gradients clipped to norm 1."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.options.rate * cosine(step, self.options.steps)
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.average.update(self.raw, step)

    def note(self, **numbers: torch.Tensor | float) -> None:
        """Add to the running means that the next log row reports."""
        self.noted += 1
        for name, value in numbers.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value)

    def due(self, step: int) -> bool:
        """Whether this step ends an interval (or the run)."""
        return (step + 1) % self.options.every == 0 or step + 1 == self.options.steps

    def keep(self, step: int, **validated: float) -> None:
        """Log the interval's means and what was validated, then write the checkpoint."""
        self.accelerator.wait_for_everyone()
        if not self.accelerator.is_main_process or self.log is None:
            return
        means = {name: value / max(1, self.noted) for name, value in self.sums.items()}
        self.sums, self.noted = {}, 0
        self.log.write(step + 1, **means, **validated)
        write_atomically(self.file, {
            "step": step + 1, "model": self.raw.state_dict(), "average": self.average.weights,
            "others": {name: other.state_dict() for name, other in self.others.items()},
            "optimiser": self.optimiser.state_dict(), "stages": self.stages})
        tqdm.write(f"step {step + 1}: " + ", ".join(f"{k} {v:.3g}" for k, v in {**means, **validated}.items()))

    def averaged(self, model: Net) -> Net:
        """`model` (a fresh one of the same make) with the averaged weights, ready to judge or to ship."""
        model.load_state_dict(self.average.weights)
        return model.to(self.device).eval()
