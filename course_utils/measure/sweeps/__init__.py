"""Measurements too slow for a notebook: made once by `make sweeps`, kept as small files, plotted by the notebooks.

    python -m course_utils.measure sweeps                    # those that are missing or out of date
    python -m course_utils.measure sweeps guidance --anew    # this one in any case
    accelerate launch --num_processes 4 -m course_utils.measure sweeps   # four share them

A result carries n, the seconds it took, what its function says of seeds, and the hashes of the weights behind it.
Weights that have changed since make it an error to read, so no figure shows what the models no longer do. Each sweep is
a function in a module of this package, listed in `SWEEPS`.
"""
from __future__ import annotations

import argparse
import importlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.models.registry import scale_or_default
from course_utils.models.weights import expected, shipped

Facts = dict[str, Any]
RESULTS = Path(__file__).parent / "results"


class StaleError(RuntimeError):
    """A result is missing, damaged, or older than the weights; the message says what to do."""


@dataclass(frozen=True)
class Sweep:
    """One measurement.

    Attributes:
        module: of this package; the function in it is called like the sweep, `f(n, cache) -> facts`.
        models: folders of the weights it depends on, such as `"vae"` or `"controlnet_pose"`.
        n: pictures or prompts, as the function understands it.
        role: of the model it measures, where the same is measured of several: the sweep is called `f_role`, and its
            function `f(n, cache, role)`.
    """

    module: str
    models: tuple[str, ...]
    n: int
    role: str = ""

    @property
    def lacks(self) -> tuple[str, ...]:
        """Models that this copy of the course does not hold: without them it cannot be made."""
        return tuple(model for model in self.models if not shipped(model))


def _of(role: str, n: int) -> Sweep:
    return Sweep("few_steps", ("vae", "clip", role, "critic"), n, role)


SWEEPS: dict[str, Sweep] = {
    "two_spaces": Sweep("spaces", ("vae", "clip"), 800),
    "four_paths": Sweep("paths", ("vae", "clip", "text_to_image", "critic"), 16),
    "dog_fox_cat": Sweep("paths", ("vae", "clip", "text_to_image", "critic"), 16),
    "plane": Sweep("paths", ("vae", "clip", "text_to_image", "critic"), 5),
    "guidance_scales": Sweep("guidance", ("vae", "clip", "text_to_image", "critic"), 38),
    "guidance_nodropout": Sweep("guidance", ("vae", "clip", "text_to_image_nodropout", "critic"), 38),
    "guidance_fine": Sweep("guidance", ("vae", "clip", "text_to_image", "critic"), 5),
    "guidance_repairs": Sweep("guidance", ("vae", "clip", "text_to_image", "critic"), 38),
    "prompt_arithmetic": Sweep("guidance", ("vae", "clip", "text_to_image", "critic"), 16),
    "negative_prompts": Sweep("guidance", ("vae", "clip", "text_to_image", "critic"), 24),
    "attention_swap": Sweep("guidance", ("vae", "clip", "text_to_image", "critic"), 24),
    "control_pose": Sweep("control", ("vae", "clip", "text_to_image", "controlnet_pose", "critic"), 24),
    "control_edge": Sweep("control", ("vae", "clip", "text_to_image", "controlnet_edge", "critic", "dense"), 24),
    "control_depth": Sweep("control", ("vae", "clip", "text_to_image", "controlnet_depth", "critic", "dense"), 24),
    "two_controls": Sweep("two_controls", ("vae", "clip", "text_to_image", "controlnet_pose", "controlnet_edge",
                                           "critic", "dense"), 24),
    "contradiction": Sweep("control", ("vae", "clip", "text_to_image", "controlnet_pose", "critic"), 24),
    "control_training": Sweep("control_training", ("vae", "clip", "text_to_image", "critic"), 24),
    "gaussian_exits": Sweep("control_training", ("vae", "clip", "text_to_image", "critic"), 24),
    "samplers": Sweep("few_steps", ("vae", "clip", "text_to_image", "critic"), 24),
    **{f"few_steps_{role}": _of(role, 24) for role in
       ("lcm", "text_to_image", "flow", "flow_consistency", "reflow", "dmd", "adversarial")},
    **{f"bare_steps_{role}": _of(role, 24) for role in ("text_to_image", "flow")},
    **{f"scale_control_{role}": _of(role, 24) for role in ("lcm", "text_to_image")},
    **{f"straightness_{role}": _of(role, 32) for role in ("text_to_image", "flow", "reflow")},
}
"""Name to sweep, in the order in which `make sweeps` makes them."""


def weights_hashes(models: Sequence[str]) -> dict[str, str]:
    """The recorded hashes of all files of these models, eight digits each."""
    return {path: digest[:8] for path, digest in sorted(expected().items()) if path.split("/")[0] in models}


def compute(name: str, n: int, cache: str | Path | None = None) -> Facts:
    """Run the sweep's function: what a notebook calls to measure a point again."""
    one = sweep(name)
    module = importlib.import_module(f"{__name__}.{one.module}")
    if not one.role:
        return getattr(module, name)(n, cache)  # type: ignore[no-any-return]
    return getattr(module, name.removesuffix(f"_{one.role}"))(n, cache, one.role)  # type: ignore[no-any-return]


def sweep(name: str) -> Sweep:
    """The sweep called `name`. Raises `ValueError` that lists them."""
    if name not in SWEEPS:
        raise ValueError(f"no sweep called {name!r}; there are: {', '.join(SWEEPS) or 'none'}")
    return SWEEPS[name]


def make(name: str, cache: str | Path | None = None, folder: Path = RESULTS) -> Path:
    """Run a sweep and keep what it found, four significant digits."""
    one, began = sweep(name), time.monotonic()
    facts = compute(name, one.n, cache)
    result = {"name": name, "n": one.n, "seconds": round(time.monotonic() - began),
              "weights": weights_hashes(one.models), "facts": rounded(facts)}
    path = folder / f"{name}.json"
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    unfinished.write_text(json.dumps(result, separators=(",", ":")) + "\n")  # half the size of an indented one
    unfinished.replace(path)
    return path


def stored(name: str, folder: Path = RESULTS) -> Facts:
    """The kept result of a sweep: `name`, `n`, `seconds`, `weights`, `facts`.

    Raises `StaleError` if there is none, if the file is damaged, or if it was made with other weights or another n.
    """
    path, remedy = folder / f"{name}.json", f"make it with: python -m course_utils.measure sweeps {name}"
    one = sweep(name)
    if not path.is_file():
        raise StaleError(f"the sweep {name!r} has not been run; {remedy}")
    try:
        result: Facts = dict(json.loads(path.read_text()))
        changed = sorted(set(result["weights"].items()) ^ set(weights_hashes(one.models).items()))
        n, _ = result["n"], result["facts"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StaleError(f"{path} is damaged ({error}); {remedy} --anew") from None
    if changed:
        raise StaleError(f"the sweep {name!r} was made with other weights ({changed[0][0]}); {remedy}")
    if n != one.n:
        raise StaleError(f"the sweep {name!r} was made with n = {n}, and {one.n} is wanted; {remedy}")
    return result


def up_to_date(name: str, folder: Path = RESULTS) -> bool:
    """Whether the result of a sweep is there and belongs to the shipped weights."""
    try:
        stored(name, folder)
    except StaleError:
        return False
    return True


def rounded(value: Any) -> Any:
    """Floats, also in lists and dictionaries, to four significant digits: more would change with the machine."""
    if isinstance(value, Mapping):
        return {str(key): rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def mine(names: Sequence[str]) -> list[str]:
    """Those that this process makes: all, or, under `accelerate launch`, every so-manieth, on the process's own GPU."""
    rank, count = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    if count > 1:
        import torch

        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
    return list(names)[rank::count]


def main(argv: list[str] | None = None, folder: Path = RESULTS) -> None:
    """Run what is asked for, or what is missing or out of date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="SWEEP", help=f"by default all: {', '.join(SWEEPS)}")
    parser.add_argument("--anew", action="store_true", help="also those that are up to date")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"), help="where renders and features are kept")
    options = parser.parse_args(argv)
    for name in options.names:
        sweep(name)
    if scale_or_default(None) != "critters":
        parser.error("sweeps are measured on the course's own models: unset COURSE_SCALE")
    for name in mine(options.names or list(SWEEPS)):
        if up_to_date(name, folder) and not options.anew:
            print(f"{name}: up to date")
            continue
        if lacks := sweep(name).lacks:
            print(f"{name}: waits for {', '.join(lacks)}, which is not in this copy of the course")
            continue
        path = make(name, options.cache, folder)
        print(f"{name}: {json.loads(path.read_text())['seconds']} s, {path.name}", flush=True)
