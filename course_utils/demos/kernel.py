"""What the page's worker answers (`book/web/live/jobs.js`), answered by a kernel: in PyTorch, and at every scale.

The front end asks the same questions in the same words and cannot tell who answers. Pictures go as RGBA.
"""
from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from course_utils.critters.caption import animal
from course_utils.demos import ways
from course_utils.diffusion import flow, schedule
from course_utils.measure import lesson
from course_utils.measure.sweeps.paths import on_plane
from course_utils.measure.trajectories import in_their_plane, path_ratio
from course_utils.models.images import to_array

Pixels = UInt8[np.ndarray, "h w 3"]
Show = Callable[[dict[str, Any]], None]
CONTROL = "controlnet_pose"
MAP = 128
"""Pixels of a map's side, and of a picture that is to be encoded."""


class Kernel:
    """Models by the page's names for them: roles of denoisers to `TextToImage`s, or `"encoder"` to an autoencoder."""

    def __init__(self, draws: Mapping[str, Any]) -> None:
        self.draws, self.known = dict(draws), ways.Known()

    def answer(self, job: str, options: dict[str, Any], show: Show) -> Any:
        """Answer a question. Raises `ValueError` for one that nobody knows, and whatever goes wrong."""
        if job not in JOBS:
            raise ValueError(f"no job called {job!r}; there are {', '.join(JOBS)}")
        return JOBS[job](self, options, show)

    def index(self) -> dict[str, Any]:
        """What there is, as the page's `models.json` has it."""
        found: dict[str, Any] = {}
        for name, draw in self.draws.items():
            if name == "encoder":
                return {"encoder": facts("autoencoder", draw), "decoder": facts("autoencoder", draw)}
            use = {"sampler": draw.sampler or draw.objective, "steps": draw.steps, "guidance": draw.guidance}
            inputs: dict[str, list[int]] = {"z": [], "t": [], "states": []}
            controlled = draw.control is not None
            found |= {"text": facts("text", getattr(draw.text, "model", None)), "decoder": facts("decoder", draw.vae),
                      "critic": facts("critic")}  # fmt: skip
            found[f"controlled{'_lcm' if name == 'lcm' else ''}" if controlled else name] = facts(
                name, draw.unet, use=use, inputs=inputs)
            if controlled:
                found |= {CONTROL: facts("control", draw.control, trained=1), f"hint_{CONTROL}": facts("control")}
        return found

    def draw(self, name: str) -> Any:
        """Who draws under a name; `controlled` is the same with a map."""
        bare = {"controlled": "text_to_image", "controlled_lcm": "lcm"}.get(name, name)
        return self.draws[name if name in self.draws else bare]


def facts(graph: str, model: Any = None, **more: Any) -> dict[str, Any]:
    """A model's entry in the index."""
    weights = list(model.parameters()) if hasattr(model, "parameters") else []
    size = sum(weight.numel() * weight.element_size() for weight in weights)
    return {"graph": graph, "parameters": sum(weight.numel() for weight in weights), "bytes": {graph: size},
            "inputs": {}, "use": {}, **more}


def rgba(picture: Pixels) -> UInt8[np.ndarray, "h w 4"]:
    """A picture as a canvas wants it."""
    return np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])


def reading(picture: Pixels) -> dict[str, Any]:
    """What the critic, or at another scale CLIP, sees: words, and a sentence of them."""
    seen = lesson.read(picture[None])
    words = {name: str(found[0]) for name, found in seen.labels.items()}
    return {"words": words, "size": float(seen.size[0]), "scaly": float(seen.probabilities["texture"][0, 1]),
            "sentence": f"{animal(words)}, {words['stance']}",
            "keypoints": seen.keypoints[0].ravel() if np.isfinite(seen.keypoints).all() else None}  # fmt: skip


def told(draw: Any, began: float, picture: Pixels, read: bool, **more: Any) -> dict[str, Any]:
    """The answer that most jobs give; `step` is milliseconds of an evaluation."""
    step = 1000 * (time.perf_counter() - began) / max(1, getattr(draw, "evaluations", 1))
    seen = reading(picture) if read else None
    return {"pixels": rgba(picture), "reading": seen, "step": step, **more}


def index(kernel: Kernel, options: dict[str, Any], show: Show) -> dict[str, Any]:
    """What there is."""
    return kernel.index()


def loaded(kernel: Kernel, options: dict[str, Any], show: Show) -> dict[str, Any]:
    """The entries of models that are here already."""
    found = kernel.index()
    if missing := [name for name in options["models"] if name not in found]:
        raise ValueError(f"the kernel has no model called {', '.join(missing)}")
    return {name: found[name] for name in options["models"]}


def plane(kernel: Kernel, options: dict[str, Any], show: Show) -> dict[str, Any]:
    """The animal at a place of the plane."""
    draw, began = kernel.draw(options["model"]), time.perf_counter()
    four = draw.text.read(options["corners"])
    states = on_plane(four.view(2, 2, *four.shape[1:]), options["scaly"], options["large"])
    picture = draw(states, [options["seed"]], guidance_scale=options["scale"], steps=options["steps"])[0]
    return told(draw, began, picture, options["read"])


class Watched:
    """A denoiser that tells `look(z, t, unconditional, conditional)` what it predicted for a guided step."""

    def __init__(self, unet: Any, look: Callable[[Tensor, float, Tensor, Tensor], None]) -> None:
        self.unet, self.look = unet, look

    def __getattr__(self, name: str) -> Any:
        """Whatever else the denoiser has."""
        return getattr(self.unet, name)

    def __call__(self, z: Tensor, t: Any, states: Tensor, return_dict: bool = False) -> tuple[Tensor]:
        """As the denoiser."""
        predicted = self.unet(z, t, states, return_dict=return_dict)[0]
        self.look(z[:1].float(), float(t), predicted[:1].float(), predicted[1:].float())
        return (predicted,)


def guidance(kernel: Kernel, options: dict[str, Any], show: Show) -> dict[str, Any]:
    """A picture by guidance; on the way the implied picture at some steps, and the two predictions of each."""
    draw, began = kernel.draw(options["model"]), time.perf_counter()
    scale, stride = options["scale"], -(-options["steps"] // options["frames"])
    arrows: list[dict[str, float]] = []

    def look(z: Tensor, t: float, without: Tensor, having: Tensor) -> None:
        (length, _), (along, across) = in_their_plane(without, having)[0].tolist()
        if len(arrows) % stride == 0:
            implied = implied_picture(draw, z, torch.lerp(without, having, scale), t)
            show({"pixels": rgba(draw.decode(implied.cpu())[0]), "t": round(t), "index": len(arrows)})
        arrows.append({"t": round(t), "length": length, "along": along, "across": across})

    both = scale if scale not in (0, 1) else scale + 1e-6  # so that both are predicted where one would do
    watched = replace(draw, unet=Watched(draw.unet, look))
    watched.apart = draw.apart  # a copy begins anew with what it learnt about the GPU's memory
    picture = watched([options["prompt"]], [options["seed"]], guidance_scale=both, steps=options["steps"],
                      negative_prompt=options["negative"])[0]
    return {**told(watched, began, picture, True), "arrows": arrows}


def implied_picture(draw: Any, z: Tensor, predicted: Tensor, t: float) -> Tensor:
    """Where a prediction leads in one step."""
    if draw.objective == "flow":
        return flow.predict_x0(z, predicted, t / flow.TIMES)
    return schedule.predict_x0(z, predicted, round(t))


def way(kernel: Kernel, options: dict[str, Any], show: Show) -> dict[str, Any]:
    """A picture on one of the ways between two animals."""
    draw, teacher, began = kernel.draw(options["model"]), kernel.draw(options["back"]["model"]), time.perf_counter()
    first, second = ((end["prompt"], end["seed"]) for end in options["ends"])
    z = ways.on_way(draw, teacher, options["way"], first, second, options["t"], kernel.known)
    return told(draw, began, draw.decode(z)[0], options["read"])


def paths(kernel: Kernel, options: dict[str, Any], show: Show) -> dict[str, Any]:
    """A picture by one model, and its path."""
    draw, began, points = kernel.draw(options["model"]), time.perf_counter(), []
    z = draw.latents([options["prompt"]], [options["seed"]], steps=options["steps"], guidance_scale=options["scale"],
                     watch=lambda z, t: points.append(z.detach().float().cpu()))
    path = torch.stack(points)
    return {**told(draw, began, draw.decode(z)[0], options["read"]), "path": profile(path[:, 0]),
            "detour": float(path_ratio(path)[0])}


def profile(path: Float[Tensor, "n c s s"]) -> list[dict[str, float]]:
    """How far along the straight line from first to last each point lies, and how far away from it, as shares of it."""
    flat = path.flatten(1)
    line, rest = flat[-1] - flat[0], flat - flat[0]
    along = rest @ line / line.square().sum()
    away = (rest - along[:, None] * line).norm(dim=1) / line.norm()
    return [{"along": float(a), "away": float(b)} for a, b in zip(along, away, strict=True)]


def controlled(kernel: Kernel, options: dict[str, Any], show: Show) -> dict[str, Any]:
    """A picture by a prompt and a map."""
    draw, began = kernel.draw(options["model"]), time.perf_counter()
    shown = np.rint(255 * options["map"].reshape(3, MAP, MAP).transpose(1, 2, 0)).astype(np.uint8)
    picture = draw([options["prompt"]], [options["seed"]], guidance_scale=options["scale"], steps=options["steps"],
                   control_map=shown, conditioning_scale=options["conditioning"])[0]  # fmt: skip
    found = told(draw, began, picture, options["read"])
    return {**found, "keypoints": found["reading"] and found["reading"].pop("keypoints")}


@torch.inference_mode()
def encode(kernel: Kernel, options: dict[str, Any], show: Show) -> dict[str, Any]:
    """A picture's latent."""
    vae = kernel.draws["encoder"]
    picture = torch.from_numpy(options["picture"].copy()).view(1, 3, MAP, MAP).to(vae.device, vae.dtype)
    z = vae.encode(picture).latent_dist.mode() * vae.config.scaling_factor
    return {"z": z.float().cpu().numpy().ravel()}


@torch.inference_mode()
def decode(kernel: Kernel, options: dict[str, Any], show: Show) -> dict[str, Any]:
    """A latent's picture."""
    vae = kernel.draws["encoder"]
    z = torch.from_numpy(options["z"].copy()).view(1, 4, MAP // 8, MAP // 8).to(vae.device, vae.dtype)
    return {"pixels": rgba(to_array(vae.decode(z / vae.config.scaling_factor).sample.float())[0])}


JOBS: dict[str, Callable[[Kernel, dict[str, Any], Show], Any]] = {
    "index": index, "load": loaded, "plane": plane, "guidance": guidance, "way": way, "paths": paths,
    "controlled": controlled, "encode": encode, "decode": decode,
}  # fmt: skip
