"""Fewer evaluations: one model by many samplers, and every model by few: behind section 5.

Prompts are plain captions of held-out scenes, mostly `guidance.SEEDS` pictures of each; seeds are 0, 1, 2, ..., the
same for all, so that every model and sampler begins with the same noise. Means have the half-width of their 95 %
interval over prompts beside them, a Fréchet distance its jackknife error. An evaluation is one pass through the network
for one picture: a guided step costs two, a Heun step two.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

from course_utils.critters import Scene, caption, render, sample
from course_utils.critters.dataset import HELD_OUT_SEED
from course_utils.diffusion import schedule
from course_utils.diffusion.generate import TextToImage
from course_utils.diffusion.samplers import Latents, stock_scheduler
from course_utils.measure import critic, trajectories
from course_utils.measure.spectrum import radial_power_spectrum
from course_utils.measure.sweeps import RESULTS, guidance
from course_utils.measure.sweeps.guidance import SEEDS, Cache, Row, interval, over_prompts
from course_utils.models.registry import available, entry

BATCH = 32
"""Pictures at once; they do not change with it."""

ROLES = ("text_to_image", "flow", "reflow", "lcm", "flow_consistency", "dmd", "adversarial")
"""Denoisers of latents that draw from prompts: both teachers, and all that was made from them."""

FINE = 0.125
"""Cycles per pixel from which on a picture's power counts as detail: waves of eight pixels and shorter."""


def generator(role: str) -> TextToImage:
    """The embedded model of a role, on the CPU."""
    draw = TextToImage.load(role, scale="critters", device="cpu")
    draw.batch = BATCH
    return draw


def trained(role: str) -> bool:
    """Whether this copy of the course holds the model of that role."""
    return any(have.role == role and have.embedded for have in available())


def missing(role: str, measure: str = "few_steps") -> str:
    """Why there is no number of a role: "not trained", or "not measured" while `make sweeps` has not been run since;
    empty if there is one."""
    if not trained(role):
        return "not trained"
    return "" if (RESULTS / f"{measure}_{role}.json").is_file() else "not measured"


# ------------------------------------------------------------------------------- one model, many samplers (C20)

SAMPLERS = ("ddpm", "ddim", "dpmpp", "heun")
EVALUATIONS = (2, 5, 10, 20, 50, 250, 1000)
UPTO = {"ddpm": 1000, "ddim": 250, "dpmpp": 50, "heun": 50}
"""Evaluations up to which each is followed: there the deterministic ones have arrived."""


def samplers(
    n: int, cache: Cache, names: Sequence[str] = SAMPLERS, evaluations: Sequence[int] = EVALUATIONS,
    draw: TextToImage | None = None,
) -> Row:
    """One picture of each of n prompts by each sampler with so many evaluations, without guidance.

    `spent` is what they came to. `away` is the root mean square distance of the latents from where DDIM's 250
    steps lead from the same noise: what a deterministic sampler could at best arrive at. That reference has an error of
    its own (continued as one over the evaluations, about 0.006), so smaller differences say nothing. None for that row
    itself, without it, and for DDPM, whose own noise leads elsewhere.
    """
    draw = draw or generator("text_to_image")
    made = {(name, count): latents(draw, n, name, count)
            for name in names for count in evaluations if count <= UPTO[name]}
    exact, rows = made.get(("ddim", UPTO["ddim"])), []
    for (name, count), z in made.items():
        pictures, scenes = draw.decode(z), sample(len(z), HELD_OUT_SEED)
        near = None if exact is None or z is exact or name == "ddpm" else interval(rms(z, exact))
        rows.append({"sampler": name, "evaluations": count, "spent": spent(name, count), "away": near,
                     "accuracy": interval(guidance.right(critic.read(pictures), scenes)),
                     "detail": interval(detail(pictures))})
    return {"guidance": 1.0, "pictures": n, "rows": rows}


def latents(draw: TextToImage, n: int, name: str, evaluations: int) -> Latents:
    """Latents of n prompts by a sampler, with as many steps as these evaluations allow."""
    prompts = [caption(scene) for scene in sample(n, HELD_OUT_SEED)]
    return draw.latents(prompts, range(n), guidance_scale=1.0, sampler=name, steps=steps_for(name, evaluations))


def steps_for(name: str, evaluations: int) -> int:
    """Steps that so many evaluations allow: Heun's last one costs one evaluation, all others of his two."""
    return (evaluations + 1) // 2 if name == "heun" else evaluations


def spent(name: str, evaluations: int) -> int:
    """What these steps come to: with Heun one evaluation less where the number is even."""
    return 2 * steps_for(name, evaluations) - 1 if name == "heun" else evaluations


def rms(z: Latents, exact: Latents) -> Float[np.ndarray, " n"]:
    """Root mean square difference of each latent from the exact one."""
    return (z - exact).square().mean((1, 2, 3)).sqrt().numpy(force=True)


# -------------------------------------------------------------------- every model, few evaluations (C18, C19)

def facts(made: UInt8[np.ndarray, "n h w 3"], scenes: Sequence[Scene], cache: Cache) -> Row:
    """`guidance.facts`, and `detail`: power at `FINE` and higher frequencies."""
    return {**guidance.facts(made, scenes, cache), "detail": over_prompts(detail(made))}


def detail(pictures: UInt8[np.ndarray, "n h w 3"]) -> Float[np.ndarray, " n"]:
    """A picture's power at frequencies of `FINE` cycles per pixel and above, values counted from 0 to 1."""
    powers = []
    for picture in pictures:
        frequency, power = radial_power_spectrum(picture / 255)
        powers.append(power[frequency >= FINE].sum())
    return np.array(powers)


GRID = (1, 2, 4, 8, 25, 50)
BARE = (2, 4, 8)
"""Where a teacher is measured without guidance, too; with a single evaluation it never has any."""


def plan(role: str, evaluations: int) -> tuple[int, float]:
    """Steps and guidance scale that spend so many evaluations, or one fewer.

    A teacher is guided as its entry says, at two evaluations a step; with a single one it has to do without. So two
    evaluations are one guided step and four are two; `bare_steps` has them without.
    """
    scale = entry(role, "critters").guidance
    return (evaluations, 1.0) if scale == 1 or evaluations == 1 else (evaluations // 2, scale)


def few_steps(n: int, cache: Cache, role: str, grid: Sequence[int] = GRID, draw: TextToImage | None = None) -> Row:
    """n prompts by one model and its own sampler at each number of evaluations; `spent` is what they came to."""
    draw, rows = draw or generator(role), []
    for count in grid:
        steps, scale = plan(role, count)
        made, scenes = pictures(draw, n, steps=steps, guidance_scale=scale)
        rows.append({"evaluations": count, "spent": draw.evaluations, "steps": steps, "guidance": scale,
                     **facts(made, scenes, cache)})
    return {"seeds": SEEDS, "sampler": draw.sampler, "rows": rows, "renders": of_renders(n, cache)}


def bare_steps(n: int, cache: Cache, role: str, grid: Sequence[int] = BARE, draw: TextToImage | None = None) -> Row:
    """A teacher without guidance, one evaluation a step: beside `few_steps`, where half of as many are steps."""
    draw, rows = draw or generator(role), []
    for count in grid:
        made, scenes = pictures(draw, n, steps=count, guidance_scale=1.0)
        rows.append({"evaluations": count, "spent": draw.evaluations, **facts(made, scenes, cache)})
    return {"seeds": SEEDS, "sampler": draw.sampler, "rows": rows}


def scenes_of(pictures: int) -> list[Scene]:
    """The scene of each picture's caption: `SEEDS` pictures for each of the first held-out scenes."""
    return [scene for scene in sample(pictures // SEEDS, HELD_OUT_SEED) for _ in range(SEEDS)]


def pictures(draw: TextToImage, n: int, **options: Any) -> tuple[UInt8[np.ndarray, "n h w 3"], list[Scene]]:
    """`SEEDS` pictures for each of n prompts, and the scenes that these describe."""
    scenes = scenes_of(n * SEEDS)
    return draw([caption(scene) for scene in scenes], range(len(scenes)), **options), scenes


def of_renders(n: int, cache: Cache) -> Row:
    """`guidance.of_renders`, with the detail of the held-out renders."""
    drawn = np.stack([render(scene) for scene in sample(n, HELD_OUT_SEED)])
    return {**guidance.of_renders(n, cache), "detail": interval(detail(drawn))}


# ------------------------------------------------------------------------------ what guidance still does (C19)

SCALES = (1.0, 3.0, 7.5)
UNWANTED = "a fluffy cat"


def scale_control(n: int, cache: Cache, role: str, scales: Sequence[float] = SCALES, draw: TextToImage | None = None
                  ) -> Row:
    """The guidance scale turned, and a negative prompt given, with as many steps as the model is made for.

    `rows` have the facts of n prompts at each scale; `scaly`, at each scale, the share of scaly cats with no negative
    prompt and with `UNWANTED`, of n prompts that leave the texture open.
    """
    draw = draw or generator(role)
    rows = [{"scale": scale, **facts(*pictures(draw, n, guidance_scale=scale), cache)} for scale in scales]
    cats = guidance.cats(n)
    scaly = [{text: guidance.textures(draw([guidance.untold(cat) for cat in cats], range(n), guidance_scale=scale,
                                           negative_prompt=text), cats)["scaly"] for text in ("", UNWANTED)}
             for scale in scales]
    return {"seeds": SEEDS, "own": entry(role, "critters").guidance, "steps": draw.steps, "rows": rows, "scaly": scaly}


# ------------------------------------------------------------------------------------- how straight (C17)

WALK = 50
"""Steps of the walk whose shape is measured; the answer of a tenth of them is compared with its end."""

COMMON = tuple(k / 100 for k in range(93, 12, -4))
"""Levels at which every walk is cut alike: DDIM's steps go down from 0.94 to 0.12 and then to 0 in one."""


def straightness(n: int, cache: Cache, role: str, steps: int = WALK, draw: TextToImage | None = None) -> Row:
    """The shape of n paths from noise to latent, in the coordinates of a flow, guided as the model is used.

    Of every path `path_ratio`, `straightness` and the whole turn in degrees; `profile`, levels and the mean angle that
    is turned there; `alike`, the turn of every path between `COMMON`'s levels; `jump`, how far one step and a tenth of
    the steps end from the walk's own end, root mean square. All that once `guided`, where the model is used so, and
    once `bare`.

    Walks of diffusion and of a flow are not cut alike (see `path`): of the two, compare only `alike`, for which both
    are cut at the same levels, where both have points.
    """
    draw = draw or generator(role)
    scale = entry(role, "critters").guidance
    found = {"guided" if w != 1 else "bare": shape(draw, n, w, steps) for w in dict.fromkeys((scale, 1.0))}
    return {"steps": steps, "guidance": scale, **found}


def shape(draw: TextToImage, n: int, scale: float, steps: int) -> Row:
    """The measures of `straightness` at one guidance scale; `n` pictures, seeds 0, 1, 2, ..."""
    walked, levels = path(draw, n, scale, steps)
    ends = {str(count): path(draw, n, scale, count)[0][-1] for count in (1, max(1, steps // 10))}
    turned = trajectories.turning(walked).rad2deg()
    return {"path_ratio": trajectories.path_ratio(walked).tolist(),
            "straightness": trajectories.straightness(walked, levels).tolist(),
            "turning": turned.sum(0).tolist(), "profile": [levels[1:-1], turned.mean(1).tolist()],
            "alike": trajectories.turning(trajectories.at_levels(walked, levels, COMMON)).rad2deg().sum(0).tolist(),
            "jump": {count: interval((z - walked[-1]).square().mean((1, 2, 3)).sqrt().numpy())
                     for count, z in ends.items()}}


def path(
    draw: TextToImage, n: int, scale: float, steps: int
) -> tuple[Float[torch.Tensor, "points n c h w"], list[float]]:
    r"""Where n latents are before each step and at the end, in the coordinates of a flow, and their levels \(\sigma\).

    A noise-predicting model's latents are scaled as `trajectories.in_flow_coordinates` says: else its schedule would
    count as curvature. The levels still differ: of 50 steps DDIM's go from about 0.94 to 0.12 and then to 0 in one, a
    flow's are even from 1 to 0.
    """
    seen: list[list[torch.Tensor]] = []
    for k in range(0, n, draw.batch):
        chosen = range(k, min(n, k + draw.batch))
        seen.append([])
        draw.latents([caption(scene) for scene in sample(n, HELD_OUT_SEED)[k : k + draw.batch]], chosen, scale, steps,
                     watch=lambda z, t: seen[-1].append(z.clone()))
    walked = torch.stack([torch.cat(parts) for parts in zip(*seen, strict=True)]).double()
    scheduler = stock_scheduler(draw.sampler, steps)
    if draw.objective == "flow":
        return walked, [float(t) / 1000 for t in scheduler.timesteps] + [0.0]
    alphas = [float(schedule.alphas_bar()[int(t)]) for t in scheduler.timesteps] + [1.0]
    return trajectories.in_flow_coordinates(walked, alphas)
