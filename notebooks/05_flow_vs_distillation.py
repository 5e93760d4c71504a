# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 5. Fewer steps: flow against distillation
#
# A picture of section 3 took fifty passes through the network. Two ideas promise fewer. **Flow
# matching** trains a network on straight lines from noise to pictures. **Distillation** trains a
# network to leap to where another one arrives after many steps. Both are called *fast*, both are found
# on the same models, and so they are often taken for one. This section takes them apart, first with
# points in the plane, where everything can be seen, then on pictures.
#
# **You will be able to**
#
# - write the flow-matching loss and its sampler in three lines each;
# - say why straight lines in training do not make straight paths in sampling, and in what a flow
#   differs from a diffusion model, and in what not;
# - straighten paths by *reflow* and leap along bent ones by *distillation*, and tell which was done;
# - count evaluations honestly, and say how far a better sampler gets without any training;
# - say what a student of few steps has lost.
#
# **Time**: 45 minutes to read, a minute or two to run on two CPU cores. **You need**: section 3, and
# from the [refresher](00_refresher.ipynb) the ideal denoiser and DDIM.
#
# **How to read**: wherever it says **Predict**, commit to an answer before you look. Each number in
# the text below a cell was computed by that cell or comes from a stored measurement, of which the cell
# measures a part again. New words are in the [glossary](../book/glossary.md).

# %% tags=["setup", "remove-cell"]
#@title Set-up {display-mode: "form"}
#@markdown On Colab, run this first: it installs the course. `critters` runs anywhere,
#@markdown the other scales are Stable Diffusion and its relatives and want a GPU.
scale = "critters"  #@param ["critters", "sd15", "sdxl", "sana", "z-image"]
address = ""
import sys

if "google.colab" in sys.modules:
    import importlib.util
    import subprocess
    from pathlib import Path

    if importlib.util.find_spec("course_utils") is None:
        wheels = sorted(map(str, Path().glob("course_utils-*.whl")))
        if not (wheels or address):
            sys.exit("Upload course_utils-….whl (folder icon on the left), then run this cell again.")
        source = wheels[-1] if wheels else f"{address}/archive/HEAD.zip"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", source]
        subprocess.run(pip, check=True)
    from course_utils.start import start

    start(scale)

# %%
import copy
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from course_utils import show
from course_utils.diffusion import flow, schedule
from course_utils.diffusion.samplers import denoise, stock_scheduler

show.style()

# %% [markdown]
# ## Part one: in the plane
#
# The refresher's problem once more: points on the outline of a cat, and noise around them.

# %%
from scipy.ndimage import binary_erosion

from course_utils.critters import Scene, mask

cat = mask(Scene("cat", "scaly", stance="standing", size=0.78), 256) > 127
row, column = np.nonzero(cat & ~binary_erosion(cat, iterations=2))
points = torch.tensor(np.stack([column, -row], axis=1)).float()
points = (points - points.mean(0)) / (points - points.mean(0)).std()


def some(n):
    """n points of the outline."""
    return points[torch.randint(len(points), (n,))]


# %% [markdown]
# ### Straight lines
#
# A diffusion model mixes picture and noise with roots,
# $\sqrt{\bar\alpha}\,x_0+\sqrt{1-\bar\alpha}\,\epsilon$.
# **Flow matching**, in its simplest form, **rectified flow** ([Lipman and others,
# 2022](https://arxiv.org/abs/2210.02747); [Liu, Gong and Liu, 2022](https://arxiv.org/abs/2209.03003)),
# mixes them in a straight line, and asks for the **velocity** along it, which is the same everywhere:
#
# $$
# x_\sigma=(1-\sigma)\,x_0+\sigma\,\epsilon,\qquad \frac{dx_\sigma}{d\sigma}=\epsilon-x_0 .
# $$
#
# At $\sigma=0$ is the picture, at $\sigma=1$ the noise. (Some papers count the other way.) The network
# reads $1000\,\sigma$, as if it were a timestep.

# %%
def flow_loss(network, x0, epsilon, sigma):
    """x0, epsilon [n, 2] and levels sigma [n, 1] -> mean squared error."""
    x = (1 - sigma) * x0 + sigma * epsilon
    velocity = epsilon - x0
    return (network(x, 1000 * sigma) - velocity).square().mean()


# %%
from course_utils.train.text_to_image import flow_loss as recipe_loss


def as_unet(network):
    """A network of points [n, 2], called like one of latents [n, 2, 1, 1]."""
    return lambda z, t, words, return_dict=False: (network(z[..., 0, 0], t[:, None])[..., None, None],)


torch.manual_seed(0)
x0, epsilon, sigma = some(64), torch.randn(64, 2), torch.rand(64, 1)
stand_in = nn.Linear(2, 2)  # any network will do
boxed = x0[..., None, None], epsilon[..., None, None], sigma[:, 0]
with torch.no_grad():
    ours = flow_loss(lambda x, t: stand_in(x) * t, x0, epsilon, sigma)
    recipe = recipe_loss(as_unet(lambda x, t: stand_in(x) * t), *boxed, None)
assert torch.allclose(ours, recipe)

# %% [markdown]
# (The asserts of this section hold its lines against the course's recipes and the stock schedulers.)
#
# **Predict.** Every line of training is straight. So will a sampler, which follows the velocity that
# the network has learnt, walk in straight lines?
#
# ### Where lines cross
#
# Noise is drawn, a point of the outline is drawn, and a line laid between them. Nobody has told the
# lines to stay out of each other's way.

# %%
torch.manual_seed(1)
many = 30_000
data, noise = some(many), torch.randn(many, 2)
SIGMA, place = 0.5, torch.tensor([[0.75, -0.55]])
middle = (1 - SIGMA) * data + SIGMA * noise
through = (middle - place).norm(dim=1) < 0.12
mean = (noise - data)[through].mean(0)


# %%
def exact_velocity(x, sigma):
    """Mean of epsilon - x0 over all lines through x [n, 2] at sigma."""
    apart = torch.cdist(x.double(), (1 - sigma) * points.double())
    weights = torch.softmax(-(apart**2) / (2 * sigma**2), dim=1)
    x0 = weights @ points.double()  # the ideal denoiser of the refresher
    return ((x - x0) / sigma).float()


exact = exact_velocity(place, SIGMA)[0]
speed = (noise - data)[through].norm(dim=1).mean()

# %% tags=["hide-input"]
from course_utils.show.flow import crossing, walks

passing = through.nonzero()[:36, 0]
crossing(
    noise[:60], data[:60], noise[passing], data[passing], tuple(place[0].tolist()),
    tuple(mean.tolist()),
    alt="Left, sixty straight lines from noise to the outline of a cat, crossing "
    "everywhere. Right, only the lines that pass a small circle half way: they "
    "run in all directions, and a short arrow shows where they go on average.",
    points=points,
)  # fmt: skip

# %% tags=["hide-input"]
assert (mean - exact).norm() < 0.2
show.say(
    f"Of {many:,} lines {int(through.sum())} pass this circle when half way, each with its own "
    f"velocity, {show.digits(speed.item(), 2)} long on average. Their **mean** is only "
    f"{show.digits(mean.norm().item(), 2)} long; exactly at the centre, over all lines, it is "
    f"{show.digits(exact.norm().item(), 2)}."
)

# %% [markdown]
# A network that stands at that place cannot know which line it is on. The answer with the least squared
# error is the **mean velocity**, as the best guess of a denoiser is a mean picture; in fact it *is*
# that guess, for $\mathbb E[\epsilon-x_0\mid x]=(x-\mathbb E[x_0\mid x])/\sigma$. And since the mix of
# lines differs from place to place, the mean turns as one walks. **The lines of training are straight;
# the paths of sampling bend.**
#
# ### Against diffusion's paths
#
# To sample, follow the velocity down from 1 to 0. The simplest way is **Euler's**: walk straight on for
# a step, ask again.

# %%
@torch.inference_mode()
def euler(network, x, sigmas):
    """Where points x [n, 2] are at each level, from the first to the last."""
    path = [x]
    for now, then in pairwise(sigmas):
        x = x + (then - now) * network(x, torch.full((len(x), 1), 1000 * now))
        path.append(x)
    return torch.stack(path)


# %% [markdown]
# Now hold it against diffusion. The refresher's sampler was DDIM, its denoiser can be had exactly, too.
# It works at other scales: divide its points by $\sqrt{\bar\alpha}+\sqrt{1-\bar\alpha}$, and they are
# mixtures $(1-\sigma)\,x_0+\sigma\,\epsilon$ again, with
# $\sigma=\sqrt{1-\bar\alpha}\,/\,(\sqrt{\bar\alpha}+\sqrt{1-\bar\alpha})$.
#
# **Predict.** DDIM with the exact denoiser, Euler with the exact velocity, the same noise, the same
# levels: how far apart will they end?

# %%
@torch.inference_mode()
def ddim(z, timesteps):
    """Diffusion's sampler with the ideal denoiser: points at each level."""
    alphas = schedule.alphas_bar()[timesteps].double().tolist()
    path = [z]
    for now, then in pairwise([*alphas, 1.0]):
        apart = torch.cdist(z.double(), now**0.5 * points.double())
        weights = torch.softmax(-(apart**2) / (2 * (1 - now)), dim=1)
        x0 = (weights @ points.double()).float()
        epsilon = (z - now**0.5 * x0) / (1 - now) ** 0.5
        z = then**0.5 * x0 + (1 - then) ** 0.5 * epsilon
        path.append(z)
    return torch.stack(path), [*alphas, 1.0]


# %%
torch.manual_seed(2)
start = torch.randn(1200, 2)
few = start[:400]
diffused, alphas = ddim(few, schedule.trailing(50))
scale = torch.tensor([a**0.5 + (1 - a) ** 0.5 for a in alphas])
sigmas = [(1 - a) ** 0.5 / c for a, c in zip(alphas, scale.tolist())]
flowed = euler(
    lambda x, t: exact_velocity(x, t[0, 0].item() / 1000), diffused[0] / scale[0], sigmas
)
gap = (diffused / scale.view(-1, 1, 1) - flowed).norm(dim=-1).max()

# %% tags=["hide-input"]
show.say(
    f"At each of {len(sigmas)} levels all {len(few):,} points agree, to "
    f"{show.below(gap.item(), 1e-3)}: rounding. **DDIM is Euler's method on a flow**, in other units. "
    "With independent pairs of noise and picture, diffusion and flow matching have *the same paths*; "
    "they differ in the clock, in what the network is asked for, and in which levels training "
    "dwells on."
)

# %% [markdown]
# That is known, and easily forgotten ([Gao and others, 2024](https://diffusionflow.github.io/)). So a
# flow is not straighter than a diffusion model, merely because it was trained on lines. By how much are
# these paths bent? Take a path's **detour**: how much longer it is than the straight way between its
# ends.

# %%
def detour(path):
    """Length of each path [points, n, 2] over the distance of its ends, less one."""
    walked = (path[1:] - path[:-1]).norm(dim=-1).sum(0)
    return walked / (path[-1] - path[0]).norm(dim=-1) - 1


# %%
from course_utils.measure import trajectories
from course_utils.measure.claims import settle

levels = flow.sigmas(50)
paths = {"exact velocity": euler(lambda x, t: exact_velocity(x, t[0, 0].item() / 1000), few, levels)}
known = trajectories.path_ratio(paths["exact velocity"][..., None, None]) - 1
assert torch.allclose(detour(paths["exact velocity"]).double(), known, rtol=1e-3, atol=1e-4)

# %% [markdown]
# ### Trained in seconds
#
# A network instead of the formula: the refresher's, with another question.

# %%
class Network(nn.Module):
    """Points [n, 2] at times [n, 1] -> a velocity each [n, 2]."""

    def __init__(self, waves=48, width=128):
        super().__init__()
        self.register_buffer("waves", 2 * torch.randn(3, waves))
        self.layers = nn.Sequential(
            nn.Linear(2 * waves + 3, width), nn.SiLU(),
            nn.Linear(width, width), nn.SiLU(),
            nn.Linear(width, 2),
        )  # fmt: skip

    def forward(self, x, t):
        x = torch.cat([x, t / 1000], dim=1)
        angles = x @ self.waves
        return self.layers(torch.cat([x, angles.sin(), angles.cos()], 1))


# %%
def train(network, loss, steps=1800, rate=0.01):
    """Adam on loss(network), drawn anew in each step; the rate falls to zero."""
    optimiser = torch.optim.Adam(network.parameters(), lr=rate)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = rate * (1 - step / steps)
        optimiser.zero_grad()
        loss(network).backward()
        optimiser.step()
    return network


def independent(network, n=256):
    return flow_loss(network, some(n), torch.randn(n, 2), torch.rand(n, 1))


torch.manual_seed(0)
first = train(Network(), independent)

# %%
paths["flow"] = euler(first, start, levels)

stock = stock_scheduler("euler_flow", 50)
with torch.inference_mode():
    theirs = denoise(lambda x, t: first(x, torch.full((len(x), 1), t)), stock, start)
assert torch.allclose(paths["flow"][-1], theirs, atol=1e-3)

# %% [markdown]
# (The stock scheduler `FlowMatchEulerDiscreteScheduler` ends where we end.)

# %% tags=["hide-input"]
shown = slice(0, 48)
lines = torch.stack([start[shown], some(48)])
walks(
    {
        "what it was trained on": lines,
        "what it walks": paths["flow"][:, shown],
    },
    alt="Two panels with the outline of a cat. Left, straight lines from noise to "
    "points all over the outline, crossing each other. Right, the paths that the "
    "trained flow walks from the same noise: they bend, part before each other, and "
    "end on the outline.",
    points=points,
)

# %% [markdown]
# Where there is one velocity at each place and level, no two paths are ever at one place at the same
# level. (Drawn on top of each other, one may still run across where another was earlier.) They part
# before each other, and most go to a part of the outline on the side that they came from.
#
# **Predict.** Now *one* step of Euler, from noise along the first velocity. Where will the points land?

# %%
def ends(network, steps):
    return euler(network, start, flow.sigmas(steps))[-1]


def on_outline(x):
    """Share of points within a tenth of the outline, in percent."""
    return 100 * (torch.cdist(x, points).amin(1) < 0.1).float().mean().item()


reached = {"flow": {n: on_outline(ends(first, n)) for n in (1, 2, 4, 50)}}

# %% tags=["hide-input"]
from course_utils.show.refresher import clouds

clouds(
    {
        "a flow": {
            f"{n} step{'s' * (n > 1)}": ends(first, n) for n in (1, 4, 50)
        }
    },
    alt="Points after 1, 4 and 50 steps of a flow. One step gives a blob in the "
    "middle, four a rough cat, fifty the clear outline.",
)

# %% tags=["hide-input"]
show.say(
    "In the middle, as in the refresher, and for the same reason: at $\\sigma=1$ every point is "
    "still possible, and the mean of all lines leads to the mean of all points. On the outline end "
    f"{show.below(reached['flow'][1], 20)} % after one step, {show.above(reached['flow'][50], 80)} % "
    "after fifty. (Within a tenth of it; bounds rather than digits for what is trained while you watch.)"
)

# %% [markdown]
# A flow by itself is not a one-step model, and never was. What can be done about it? There are two
# quite different ideas.
#
# ### First idea: pair noise and points better
#
# Lines crossed because noise and point were paired by chance. The flow itself pairs them better: it
# leads each noise to *one* point, and no two of its paths meet at one level. So pair each noise with *its own* end,
# lay straight lines between *these*, and train again with the same loss. That is **reflow** ([Liu, Gong
# and Liu, 2022](https://arxiv.org/abs/2209.03003)).
#
# **Predict.** The new network sees the same noise and the same points. What will have changed: where
# paths end, or how they run?

# %%
torch.manual_seed(3)
paired_noise = torch.randn(8_000, 2)
paired_path = euler(first, paired_noise, flow.sigmas(30))
paired_end = paired_path[-1]


def coupled(network, n=256):
    i = torch.randint(len(paired_noise), (n,))
    return flow_loss(network, paired_end[i], paired_noise[i], torch.rand(n, 1))


second = train(copy.deepcopy(first), coupled, steps=1200)
paths["reflow"] = euler(second, start, levels)
reached["reflow"] = {n: on_outline(ends(second, n)) for n in (1, 2, 4, 50)}

# %% tags=["hide-input"]
walks(
    {
        "the flow": paths["flow"][:, shown],
        "after reflow": paths["reflow"][:, shown],
    },
    alt="Two panels with the outline of a cat and the paths from the same noise. "
    "Left, the first flow's, bent. Right, after reflow: they run in straight "
    "lines to nearly the same ends.",
    points=points,
)

# %%
bent, straight = (detour(paths[k]).median().item() for k in ("flow", "reflow"))
moved = (paths["reflow"][-1] - paths["flow"][-1]).norm(dim=1).median().item()

# %% tags=["hide-input"]
show.say(
    f"How they run. Half of the flow's paths make a detour of {show.above(100 * bent, 2)} %, after "
    f"reflow of {show.below(100 * straight, 1)} %; where they end has moved by "
    f"{show.below(moved, 0.1)} (median). And because they are straight, one step along the first velocity now "
    f"arrives: {show.above(reached['reflow'][1], 70)} % of the points are on the outline after **one** step, where the "
    f"flow had {show.below(reached['flow'][1], 20)} %."
)

# %% [markdown]
# ### Second idea: leave the paths alone, and learn where they end
#
# Why walk at all, if somebody has walked before? Give a student a point anywhere on a path of the flow,
# and ask it for the path's **end**. The path may be as bent as it likes. That is **distillation**. Ours
# keeps the teacher's form: its velocity is read as *the end is there*, $f(x,\sigma)=x-\sigma v$, which
# at $\sigma=0$ is $x$ by itself.

# %%
def end(network, x, sigma):
    """Where the network says that the path through x at sigma ends."""
    return x - sigma * network(x, 1000 * sigma)


def told_the_end(student, n=256):
    """Points of the teacher's paths, half of them at the noise; the goal is the end."""
    i = torch.randint(len(paired_noise), (n,))
    k = torch.randint(30, (n,)) * torch.randint(2, (n,))
    x, sigma = paired_path[k, i], 1 - k[:, None] / 30
    return (end(student, x, sigma) - paired_end[i]).square().mean()


torch.manual_seed(4)
student = train(copy.deepcopy(first), told_the_end, steps=1200)

# %% [markdown]
# Here the teacher's walks were stored. Where a walk costs fifty passes through a large network, one
# would rather not. **Consistency distillation** ([Song and others,
# 2023](https://arxiv.org/abs/2303.01469)) needs none: it asks of the student that it says *the same* at
# two neighbouring points of a path, one step of the teacher apart. At
# $\sigma=0$ the end is the point itself, and from there the truth travels upwards, step by step. So the
# course's students of pictures are trained.


# %%
def two_answers(student, x, now, then):
    """The student's at x, and at the point where the teacher's step leads."""
    with torch.no_grad():  # the second is the goal, and stands still
        nearer = x + (then - now) * first(x, 1000 * now)
        goal = end(student, nearer, then)
    return end(student, x, now), goal


# %%
from course_utils.train import lcm
from course_utils.train.paths import PATHS

x, now = torch.randn(64, 2), torch.full((64, 1), 0.75)
answer, goal = two_answers(student, x, now, now - 0.25)
called = [lambda z, t, words, net=net: as_unet(net)(z, t, words)[0] for net in (student, first)]
with torch.no_grad():
    recipe = lcm.consistency_loss(
        PATHS["flow"], *called, x[..., None, None], now[:, 0], now[:, 0] - 0.25, None
    )
    ours = lcm.pseudo_huber(answer[..., None, None], goal[..., None, None])
assert torch.allclose(ours, recipe, rtol=1e-3)

# %% [markdown]
# (The recipe for pictures measures the disagreement by a milder distance than squares; the two answers
# are the same.)
#
# To draw, the student leaps. With more than one evaluation it goes back to a lower level, with fresh
# noise, and leaps again.

# %%
@torch.inference_mode()
def leap(network, x, steps, seed=0):
    """To the end, back to a lower level with fresh noise, to the end again."""
    fresh = torch.Generator().manual_seed(seed)
    for now, then in pairwise(flow.sigmas(steps)):
        x0 = end(network, x, torch.full((len(x), 1), now))
        x = (1 - then) * x0 + then * torch.randn(x.shape, generator=fresh)
    return x


leaps = {n: leap(student, start, n) for n in (1, 2, 4, 50)}
reached["distilled"] = {n: on_outline(x) for n, x in leaps.items()}

# %% tags=["hide-input"]
clouds(
    {
        "one evaluation": {
            "flow": ends(first, 1), "reflow": ends(second, 1), "distilled": leaps[1]
        }
    },
    alt="Points after one evaluation. The flow gives a blob in the middle; the "
    "flow after reflow gives the outline of a cat, and so does the distilled "
    "student.",
)  # fmt: skip

# %% tags=["hide-input"]
order = {"flow": "as trained", "reflow": "after reflow", "distilled": "its distilled student"}
bounds = {  # checked, not measured digits: they change with the machine
    "flow": (show.below(reached["flow"][1], 20), show.above(reached["flow"][50], 80)),
    "reflow": (show.above(reached["reflow"][1], 70), show.above(reached["reflow"][50], 80)),
    "distilled": tuple(show.above(reached["distilled"][n], 40) for n in (1, 50)),
}
show.table(
    ["on the outline, %", "one evaluation", "fifty", "its paths"],
    [
        [order["flow"], *bounds["flow"], f"detours of {show.above(100 * bent, 2)} %"],
        [order["reflow"], *bounds["reflow"], f"detours of {show.below(100 * straight, 1)} %"],
        [order["distilled"], *bounds["distilled"], "the flow's, which it leaps over"],
    ],
)  # fmt: skip

# %%
astray = (leaps[1] - paths["flow"][-1]).norm(dim=1).median().item()
blurred = (ends(first, 1) - paths["flow"][-1]).norm(dim=1).median().item()

# %% tags=["hide-input"]
show.say(
    f"The student lands {show.below(astray, 0.35)} away from where the *flow's* bent path ends from the same "
    f"noise (median; one step of the flow: {show.above(blurred, 0.8)}). Nothing was made straight. It "
    "has learnt, roughly, where each path leads."
)

# %% [markdown]
# So there they are, side by side:
#
# | | what is trained | what changes | needs a teacher |
# |:--|:--|:--|:--|
# | **flow matching** | velocity on straight lines | no path; another question than the noise | no |
# | **reflow** | the same, on pairs that a flow has made | paths become straighter | a flow, to make pairs |
# | **distillation** | the end of another model's path | no path; they are leapt over | any model, bent or straight |
#
# A flow can be distilled. So can a diffusion model. A flow need not be. Whoever says "it is fast,
# because it is a flow" has skipped a line of this table.
#
# ## Part two: on pictures
#
# The course's own models, all with the same U-Net on the same latents. Two are teachers:
# `text_to_image`, which predicts noise, and `flow`, which predicts velocity. From these the others were
# made: `reflow`, and students by several methods of distillation. (They exist in the critters' world
# alone, so this part stays there at every scale.)

# %%
import json

from course_utils.critters import CHOICES, caption, render, sample
from course_utils.critters.dataset import HELD_OUT_SEED
from course_utils.diffusion.generate import TextToImage
from course_utils.measure.sweeps import few_steps, stored
from course_utils.models import weights
from course_utils.models.registry import entry
from course_utils.train.compute import passes, pictures_seen

NAMES = {
    "text_to_image": "diffusion, the teacher", "flow": "flow, the teacher",
    "reflow": "flow after reflow", "lcm": "consistency student of diffusion",
    "flow_consistency": "consistency student of the flow",
    "dmd": "distribution matching student", "adversarial": "adversarial student",
}  # fmt: skip
LACKS = {role: why for role in NAMES if (why := few_steps.missing(role))}
HERE = [role for role in NAMES if role not in LACKS]
draw = {role: TextToImage.load(role, scale="critters") for role in HERE}
prompts = [caption(scene) for scene in sample(6, HELD_OUT_SEED)]


# %%
def told(row, key, factor=1.0, unit=""):
    """Mean and half-width of its 95 % interval, which has no width where all values are alike."""
    if not row[key]:
        return "–"
    value, half = (factor * number for number in row[key])
    width = f" ± {show.digits(half, 2)}{unit}" if half else f"{unit} (all alike)"
    return show.digits(value) + width


# %% tags=["hide-input"]
def training(role):
    """Beginning, steps, batch and passes through the network, as the shipped recipe tells."""
    if role in LACKS:
        return [NAMES[role], LACKS[role], "", "", ""]
    told = json.loads((weights.FOLDER / role / "recipe.json").read_text())
    start = told["options"]["from step 0"].get("start", "None")
    begins = start if start != "None" else entry(role, "critters").base
    steps = told["steps"]
    return [NAMES[role], f"`{begins}`" if begins else "nothing", steps,
            f"{pictures_seen(told) / steps:.0f}", show.digits(passes(role) / 1000)]  # fmt: skip


show.table(
    ["model", "begins with", "own steps", "batch", "cost, 1000 passes"],
    [training(role) for role in NAMES],
)

# %% tags=["hide-input"]
costs = {role: passes(role) for role in HERE if role not in ("text_to_image", "flow")}
shipped = [json.loads((weights.FOLDER / role / "recipe.json").read_text())["low_rank"] for role in costs]
kept_shares = [100 * each["share_of_change_kept"] for each in shipped]
assert max(costs.values()) < 1.01 * min(costs.values())
show.say(
    "Read that table before any comparison. *Cost* counts forward passes of one latent, a backward pass as two, and "
    "everyone's: a step of distillation asks the teacher, too, and some ask a rival; reflow has to draw its pairs "
    "first. What a model began with counts as well, but not a student's teacher. "
    f"**All {len(costs)} that were made from a teacher have had the same**, "
    f"{show.digits(costs['lcm'] / 1000)} thousand passes, {show.digits(100 * costs['lcm'] / passes('text_to_image'))} "
    "% of the diffusion teacher's own training. Two of them leave the consistency student's road at two thirds of its "
    "length, and each spends the last third in its own way. Each model was trained *once*: the intervals below are "
    "over prompts, and say nothing about another training with another seed. What ships of each is a difference of low "
    f"rank, and with it {min(kept_shares):.0f} to {max(kept_shares):.0f} % of what training changed, as squares."
)

# %% [markdown]
# The teachers have not had the same: the flow was not trained from nothing, it *begins with the weights of*
# `text_to_image` and learnt to answer with velocities. So it has had the first training *and* its own.
#
# How evaluations are counted: a **guided** step costs two, a step of Heun two. Both teachers are guided
# at a scale of 3; students have that scale built in and take one evaluation a step.
#
# ### How straight are the paths of pictures?
#
# In the plane, paths were bent. What about 1,024 dimensions? Divide DDIM's latents by
# $\sqrt{\bar\alpha}+\sqrt{1-\bar\alpha}$ as above, and diffusion and flow walk in the same coordinates.
#
# **Predict.** Whose paths turn more on their way, diffusion's or the flow's? And does a detour of a few in a
# hundred sound like much?

# %%
WALKERS = [
    role for role in ("text_to_image", "flow", "reflow") if not few_steps.missing(role, "straightness")
]
walked = {role: stored(f"straightness_{role}") for role in WALKERS}
shape = {role: walked[role]["facts"]["bare"] for role in WALKERS}
once, at = few_steps.path(draw["text_to_image"], 3, 1.0, few_steps.WALK)
ratios = trajectories.path_ratio(once).tolist()
assert np.allclose(ratios, shape["text_to_image"]["path_ratio"][:3], rtol=0.01)

# %%
HIGH, LOW = few_steps.COMMON[0], few_steps.COMMON[-1]
assert at[-2] < LOW < HIGH < at[0]  # between these levels both walks have points
alike = trajectories.turning(trajectories.at_levels(once, at, few_steps.COMMON)).rad2deg().sum(0)
assert np.allclose(alike, shape["text_to_image"]["alike"][:3], rtol=0.05)


# %% tags=["hide-input"]
from course_utils.measure.pictures import mean_and_interval

HUES = {"text_to_image": "blue", "flow": "orange", "reflow": "green", "lcm": "purple",
        "flow_consistency": "pink", "dmd": "grey", "adversarial": "ink"}  # fmt: skip
show.curves(
    {
        f"angle turned at each of {few_steps.WALK} steps, degrees": {
            NAMES[role]: tuple(facts["profile"]) for role, facts in shape.items()
        }
    },
    alt="The angle that paths turn at each step, against the noise level, from one on "
    "the left down to zero on the right: smallest in the middle, larger in noise and near the picture.",
    colours={NAMES[role]: HUES[role] for role in WALKERS},
    xlim=(1.02, -0.02),
    xlabel="σ: from noise (left) to picture (right)",
)


# %% tags=["hide-input"]
def over(values, factor=1.0, less=0.0):
    one = mean_and_interval([factor * (value - less) for value in values])
    return f"{show.digits(one.mean)} ± {show.digits(one.half_width, 2)}"


guided_ones = {
    f"{NAMES[role]}, guided": kept["facts"]["guided"]
    for role, kept in walked.items() if "guided" in kept["facts"]
}  # fmt: skip


show.table(
    [f"n = {walked['text_to_image']['n']}", "detour, %", "whole turn, degrees", f"of it from σ = {HIGH} to {LOW}",
     "unevenness S", "off after one step", "after five"],
    [
        [name, over(f["path_ratio"], 100, 1), over(f["turning"]), over(f["alike"]), over(f["straightness"]),
         told(f["jump"], "1"), told(f["jump"], "5")]
        for name, f in (*((NAMES[role], f) for role, f in shape.items()), *guided_ones.items())
    ]
    + [[NAMES[role], LACKS[role], "", "", "", "", ""] for role in ("flow", "reflow") if role in LACKS],
)  # fmt: skip

# %% tags=["hide-input"]
show.say(
    f"(Not cut alike: DDIM's {few_steps.WALK} steps go from σ = {at[0]:.2f} to {at[-2]:.2f} and then to 0 in one; the "
    "flow's are even, from 1 to 0. So detour, whole turn, S and *off* of diffusion and flow compare only roughly, and "
    f"so do heights in the figure. What compares is the turn from σ = {HIGH} to {LOW}: there both walks have points, "
    f"and for it both are cut anew at the same {len(few_steps.COMMON)} levels. Intervals are over paths.)"
)

# %% [markdown]
# ($S$ is the mean squared distance of the velocity from the straight path's, over the latter's square;
# *off* is how far one or five steps end from where fifty do, root mean square, where a latent's numbers
# have a spread of one.)
#
# Beware of the detour. In so many dimensions a path can be only a little longer than the straight way, and
# yet turn by a right angle or so; and a teacher's single step misses the end by more than half of the spread of all
# pictures, a guided one by all of it. The last two columns say what a detour means. (Reflow's pairs were made with
# guidance, so its paths lead to where the *guided* flow's do: compare it with the last row, too.)

# %% tags=["hide-input"]
STRAIGHT = {"flow", "reflow"} <= set(WALKERS)
WAITS = "(The claim waits for the models that are not trained yet.)"
long = {role: over(f["path_ratio"], 100, 1) for role, f in shape.items()}
mile = {role: told(f["jump"], "1") for role, f in shape.items()}
bend = {role: over(f["alike"]) for role, f in shape.items()}
if STRAIGHT:
    (after, error), (before, spread) = (shape[role]["jump"]["1"] for role in ("reflow", "flow"))
    turns = {role: mean_and_interval(f["alike"]) for role, f in shape.items()}
    straight_at_once = turns["flow"].high < 0.1 * turns["text_to_image"].low
    straighter = turns["flow"].high < turns["text_to_image"].low
    helped = after + error < before - spread
    verdict = "holds" if straight_at_once else "holds within limits" if helped else "does not hold"

# %% tags=["hide-input"]
settle(
    "C17",
    verdict,
    number=f"degrees turned from σ = {HIGH} to {LOW}: diffusion {bend['text_to_image']}, flow {bend['flow']}, "
    f"reflow {bend['reflow']}; means, n = {walked['flow']['n']}",
    sentence="The lines of training are straight, by construction. The paths of sampling are not: they follow "
    "the mean of all lines through a place, and with exact predictions DDIM's path is the flow's, rescaled (shown "
    f"in the plane, to rounding). On latents the flow's paths turn by {bend['flow']} degrees from σ = {HIGH} to "
    f"{LOW}, diffusion's by {bend['text_to_image']}: {'less, and not straight' if straighter else 'no less'}. The "
    f"flow's detour is {long['flow']} %, and one step ends {mile['flow']} from the path's end. "
    f"{'Within limits, because of reflow' if verdict == 'holds within limits' else 'After reflow'}: "
    f"{bend['reflow']} degrees, a detour of {long['reflow']} %, one step {mile['reflow']} off. n = "
    f"{walked['flow']['n']} prompts, seeds 0, 1, 2, …; no guidance, {few_steps.WALK} steps; the flow began with the "
    "diffusion model's weights, and each model was trained once.",
) if STRAIGHT else show.say(WAITS)  # fmt: skip

# %% [markdown]
# ### The same noise through every model
#
# **Predict.** One noise, one prompt; every model, at 1, 2, 4, 8 and 50 evaluations. Which pictures will be
# blurred, and which will be *other animals*?

# %%
COLUMNS = (1, 2, 4, 8, 50)


def spent(role, evaluations, prompts, seeds):
    """Pictures by a model with so many evaluations, or one fewer."""
    steps, scale = few_steps.plan(role, evaluations)
    return draw[role](prompts, seeds, steps=steps, guidance_scale=scale)


strip = {
    role: [spent(role, n, prompts[1:2], [1])[0] for n in COLUMNS] for role in HERE
}

# %% tags=["hide-input", "front-page"]
told_counts = ", ".join(map(str, COLUMNS))
show.pictures(
    {f"{NAMES[role]}: {told_counts} evaluations": row for role, row in strip.items()},
    alt="One row for each model, one column for each number of evaluations, all from "
    "the same noise and prompt. The teachers' first columns are blurred and "
    "become a cat with more evaluations; the students show a cat at once, in debris at "
    "one evaluation, whole from two or four on.",
)

# %% [markdown]
# In this strip the teachers are a blur at one evaluation and at two, where their single guided step has given the wall
# another colour, too. Reflow's cat is torn at first and then stays one and the same: its path is walked, and hardly
# bent. The students have a cat at once. At one evaluation it sits in debris; and from column to column it is a little
# *another* one, since each leap adds fresh noise. That is one noise and one prompt.

# %% [markdown]
# ### The grid
#
# Now with numbers: each model with its own sampler, the same prompts, four seeds each, at each number of
# evaluations.
#
# **Predict.** What will be the more forgiving measure, whether a reader finds the words in a picture, or how much
# fine detail it has?

# %%
GRID = {role: stored(f"few_steps_{role}") for role in HERE}
by_count = {
    role: {row["evaluations"]: row for row in kept["facts"]["rows"]} for role, kept in GRID.items()
}
renders = GRID["text_to_image"]["facts"]["renders"]
real = np.stack([render(scene) for scene in sample(GRID["text_to_image"]["n"], HELD_OUT_SEED)])
autoencoder = draw["text_to_image"]
once_coded = few_steps.detail(autoencoder.decode(autoencoder.encode(real)))
coded = mean_and_interval(once_coded)[:2]  # what a denoiser could at best have
floors = {"accuracy": renders["accuracy"][0], "detail": coded[0]}


def line(role, key):
    """Evaluations, means and half-widths of a model."""
    return tuple(zip(*((n, *row[key]) for n, row in by_count[role].items())))


# %% tags=["hide-input"]
from course_utils.show.guidance import sweep as sweep_figure

panels = {"accuracy": "accuracy, share of what the caption states", "detail": "detail, power in short waves"}
counts = few_steps.GRID
sweep_figure(
    {title: {NAMES[role]: line(role, key) for role in HERE} for key, title in panels.items()},
    alt="Two panels against the number of evaluations, one line for each model. Above, accuracy: "
    "the lines of the students and of the flow after reflow begin high, both teachers' "
    "low, and all meet at the renders'. Below, power in short waves: next to none for the teachers "
    "at one and two evaluations, most of what they ever have for the others; all stay below the renders.",
    colours={NAMES[role]: HUES[role] for role in HERE},
    floors={title: ("renders, coded", floors[key]) for key, title in panels.items()},
    below=True, xscale="log", xticks=counts, xticklabels=counts, xlabel="evaluations",
)  # fmt: skip

# %% tags=["hide-input"]
pictured = by_count["text_to_image"][1]["pictures"]


bare = {
    role: {1: by_count[role][1]}
    | {row["evaluations"]: row for row in stored(f"bare_steps_{role}")["facts"]["rows"]}
    for role in ("text_to_image", "flow")
    if role in HERE
}  # one evaluation is unguided in any case
GUIDED = {role: f"{NAMES[role]}{', guided' * (role in bare)}" for role in NAMES}


def cells(name, rows, key, factor):
    """One row of a table, a dash where nothing was measured."""
    return [name, *[told(rows[n], key, factor) if n in rows else "–" for n in counts]]


def grid(key, factor):
    """All models, and teachers without guidance."""
    yield from (cells(GUIDED[role], by_count[role], key, factor) for role in HERE)
    yield from (cells(f"{NAMES[role]}, unguided", rows, key, factor) for role, rows in bare.items())
    yield from ([NAMES[role], *[why] * len(counts)] for role, why in LACKS.items())


show.table(["accuracy, %", *map(str, counts)], [*grid("accuracy", 100)])

# %% tags=["hide-input"]
show.table(
    ["detail, 1/1000", *map(str, counts)],
    [
        *grid("detail", 1000),
        ["renders, coded and decoded", *[told({"detail": coded}, "detail", 1000)] * len(counts)],
        ["renders, never coded", *[told(renders, "detail", 1000)] * len(counts)],
    ],
)


# %%
def missed(row):
    """How much of the captions was misread, counted in whole captions."""
    return row["pictures"] * (1 - row["accuracy"][0])


anew = few_steps.few_steps(2, None, "lcm", (4,), draw["lcm"])["rows"][0]
assert missed(anew) < missed(by_count["lcm"][4]) + 0.2  # of the same pictures; a word is a sixth

# %% tags=["hide-input"]
asked = GRID["lcm"]["n"]
may = 100 * 1.96**2 / (asked + 1.96**2)
guessed = np.mean([1 / len(words) for words in CHOICES.values()])
show.say(
    "Accuracy is what the critic reads, a network trained on clean renders: it finds words even in a blur, so the "
    f"upper panel says what is *lost*, and not how good a picture looks. (Guessing gives about {100 * guessed:.0f} %.) "
    "The lower one shows up a blur, which has no detail. Debris it counts like fur: for that there are eyes, and the "
    "distances of crowds below."
)

# %% tags=["hide-input"]
show.say(
    f"(n = {pictured} pictures of {asked} prompts in each cell; 95 % "
    "intervals over prompts. *All alike*: every prompt scored the same, and the interval has no width. That is no "
    f"certainty: if none of {asked} prompts misses a word, as many as {show.digits(may)} % of all prompts may "
    f"(Wilson's interval, 95 %). Renders of the same prompts score {told(renders, 'accuracy', 100, ' %')}.)"
)

# %% tags=["hide-input"]
show.say(
    "(A teacher's single evaluation is unguided. From two on it is guided, at two evaluations a step: 2 is one step, "
    "4 is two, 25 is twelve and one unspent. Unguided it has twice the steps, and lacks what guidance gives. "
    "*Detail* is power at waves of eight pixels and shorter. Measured again just now: the consistency student with "
    f"four evaluations, {told(anew, 'accuracy', 100, ' %')}, n = {anew['pictures']} of the same pictures.)"
)

# %% tags=["hide-input"]
right = {
    role: {n: told(row, "accuracy", 100, " %") for n, row in rows.items()} for role, rows in by_count.items()
}
TEACHER = {"epsilon": "text_to_image", "flow": "flow"}
MADE = {role: TEACHER[entry(role, "critters").objective] for role in HERE if role not in bare}
STUDENTS = [role for role in MADE if role != "reflow"]


def reaches(role, n, share=0.98):
    """Whether n evaluations have that share of the teacher's accuracy at fifty."""
    teacher = by_count[MADE.get(role, role)][50]["accuracy"][0]
    rows = [each[role][n] for each in (by_count, bare) if n in each.get(role, ())]  # guided or not, the better
    return max(row["accuracy"][0] for row in rows) >= share * teacher


first_good = {role: next((n for n in counts if reaches(role, n)), float("inf")) for role in HERE}
both = {"flow", "flow_consistency", "reflow"} <= set(HERE)
if both:
    leaps_sooner = all(first_good[role] < first_good[MADE[role]] for role in STUDENTS)
    only_they = first_good["reflow"] >= first_good["flow"] and min(first_good[role] for role in bare) >= 20
    verdict = "does not hold" if not leaps_sooner else "holds" if only_they else "holds within limits"

# %% tags=["hide-input"]
settle(
    "C18", verdict,
    number="evaluations for 98 % of the teacher's accuracy: "
    + ", ".join(f"{NAMES[role]} {first_good[role]}" for role in HERE),
    sentence="Being a flow does not make a model a few-step model: at one evaluation the flow has "
    f"{right['flow'][1]}, the diffusion model {right['text_to_image'][1]}; at four "
    f"{right['flow'][4]} and {right['text_to_image'][4]} by two guided steps, "
    f"{told(bare['flow'][4], 'accuracy', 100, ' %')} and {told(bare['text_to_image'][4], 'accuracy', 100, ' %')} by "
    "four unguided ones. Distilled students at one: "
    + ", ".join(f"{NAMES[role]} {right[role][1]}" for role in STUDENTS)
    + ". Distillation is not the only road: the flow after reflow, trained by the flow's own loss on guided pairs, has "
    f"{right['reflow'][1]} at one, {right['reflow'][2]} at two. And twenty to fifty evaluations are not what teachers "
    "need *in this small world*: with eight they have "
    f"{right['flow'][8]} and {right['text_to_image'][8]}, at fifty {right['flow'][50]} and "
    f"{right['text_to_image'][50]}. n = {pictured} pictures a cell; equal networks, the same compute for all that "
    "were made from a teacher, stated above, each trained once.",
    source="FLUX.1-dev and FLUX.1-schnell: one flow as it is, and the same distilled",
) if both else show.say(WAITS)  # fmt: skip

# %% [markdown]
# ### What a student loses
#
# Latent consistency models and SDXL-Turbo are advertised with one to four steps instead of fifty. Ours
# is the consistency student of `text_to_image`, a change of low rank, as LCM-LoRA is to Stable
# Diffusion.
#
# **Predict.** Which of these will suffer: the words, the fine detail, the variety between seeds? And when
# you turn the guidance scale of a student, what will it do?

# %%
teacher, pupil = by_count["text_to_image"], by_count["lcm"]
COMPARED = {
    "teacher, 50": teacher[50], "teacher, 4": teacher[4], "student, 1": pupil[1],
    "student, 2": pupil[2], "student, 4": pupil[4],
    "renders (detail: coded)": {**renders, "detail": list(coded)},
}  # fmt: skip

# %% tags=["hide-input"]
show.table(
    [f"n = {teacher[50]['pictures']}; evaluations", "accuracy, %", "detail, 1/1000", "diversity", "saturation"],
    [
        [name, told(row, "accuracy", 100), told(row, "detail", 1000), told(row, "diversity"), told(row, "saturation")]
        for name, row in COMPARED.items()
    ],
)  # fmt: skip

# %% [markdown]
# For distances of crowds that is too few pictures. The models' cards have two thousand each, with the evaluations
# that each model takes unless told otherwise. (Diversity has fewer there: a few prompts, each with several seeds. How
# much the world varies under the same prompts is measured here.)

# %%
from course_utils.measure import diversity
from course_utils.measure.frechet import features_of

carded = {role: weights.card(role)["measured"] for role in HERE}
facts = carded["lcm"]["diversity"]
count, each = facts["prompts"], facts["seeds"]
stated = [caption(scene) for scene in sample(count, HELD_OUT_SEED)]
varied = [scene for k, one in enumerate(stated) for scene in diversity.allowed(one, each, k)]
far = map(diversity.mean_pairwise_distance, features_of(varied).reshape(count, each, -1))
world = mean_and_interval(far)[:2]
assert abs(world[0] - facts["distance_of_renders"]) < 0.01

# %% tags=["hide-input"]
spread_of = {role: (c["diversity"]["distance"], c["diversity"]["distance_interval"]) for role, c in carded.items()}
spread_of["renders"] = world
kid_of = {role: f"{c['kid']:.3f} ± {c['kid_standard_error']:.3f}" for role, c in carded.items()}
floor = carded["lcm"]
kid_floor = f"{floor['kid_floor']:.3f} ± {floor['kid_floor_standard_error']:.3f}"
show.table(
    [f"n = {floor['n']:,}; the critic's 64 features", "evaluations", "Fréchet distance", "KID ± standard error",
     "accuracy, %", f"diversity, {count} prompts × {each} seeds"],
    [
        [NAMES[role], f"{c['evaluations']:g}", f"{c['frechet']:.3f}", kid_of[role],
         f"{100 * c['mean_accuracy']:.2f}", told(spread_of, role)]
        for role, c in carded.items()
    ]
    + [["renders of the same captions: the floor", "–", f"{floor['frechet_floor']:.3f}", kid_floor, "–",
        told(spread_of, "renders")]],
)  # fmt: skip


# %%
def differ(one, other):
    """Whether two means are further apart than their half-widths explain, added as squares."""
    return abs(one[0] - other[0]) > (one[1] ** 2 + other[1] ** 2) ** 0.5


near = {role: (c["kid"], 1.96 * c["kid_standard_error"]) for role, c in carded.items()}


def compared(one, other):
    """In words, before "diverse than"."""
    return "not measurably more or less" if not differ(one, other) else "more" if one[0] > other[0] else "less"


left_its_road = ("dmd", "adversarial")
nearer = [NAMES[role] for role in left_its_road if carded[role]["frechet"] < carded["lcm"]["frechet"]]
shows = [NAMES[role] for role in left_its_road if differ(near[role], near["lcm"])]

# %% tags=["hide-input"]
show.say(
    f"The consistency student is {compared(spread_of['lcm'], spread_of['text_to_image'])} diverse than its teacher "
    f"({told(spread_of, 'lcm')} against {told(spread_of, 'text_to_image')}, {count} prompts), and "
    f"{compared(spread_of['lcm'], spread_of['renders'])} diverse than the world ({told(spread_of, 'renders')}). "
    "(Section 3's warning holds: debris is diverse, too.) Of the two that left its road, nearer to the world by "
    f"Fréchet distance, which has no error on the cards: {' and '.join(nearer) or 'neither'}; by KID, beyond errors: "
    f"{' and '.join(shows) or 'neither'} "
    + "("
    + ", ".join(f"{NAMES[role]} {kid_of[role]}" for role in (*left_its_road, "lcm"))
    + ")."
)

# %% [markdown]
# Now the knob. The student has the teacher's guidance built in, so at a scale of 1 it takes one
# evaluation a step, and the empty prompt is not asked at all. Nothing keeps one from turning the scale
# up.

# %%
turned_up = {role: stored(f"scale_control_{role}") for role in ("text_to_image", "lcm")}
knob = {role: kept["facts"] for role, kept in turned_up.items()}


def turned(role):
    """Rows of the table: scale, words, colours; scaly cats, without and with a negative prompt."""
    for row, cats in zip(knob[role]["rows"], knob[role]["scaly"]):
        yield [NAMES[role], f"{row['scale']:g}", told(row, "accuracy", 100), told(row, "saturation"),
               told(row, "clipped", 100), *(told(cats, text, 100) for text in ("", few_steps.UNWANTED))]  # fmt: skip


def led_away(role, scale=3.0):
    """From what share of scaly cats to what share the negative prompt leads."""
    at = [row["scale"] for row in knob[role]["rows"]].index(scale)
    return "from {:.0f} to {:.0f} %".format(
        *(100 * knob[role]["scaly"][at][text][0] for text in ("", few_steps.UNWANTED))
    )


led = {role: led_away(role) for role in knob}


# %% tags=["hide-input"]
show.table(
    ["", "scale", "accuracy, %", "saturation", "clipped, %", "scaly cats, %",
     f"led away from *{few_steps.UNWANTED}*"],
    [row for role in knob for row in turned(role)],
)  # fmt: skip

# %% tags=["hide-input"]
show.say(
    f"(n = {knob['lcm']['rows'][0]['pictures']} pictures of {turned_up['lcm']['n']} prompts a row, each model with its "
    f"own number of steps; scaly cats: of {turned_up['lcm']['n']} prompts that leave the texture open.) At 1 neither "
    "looks at the negative prompt, so the last two columns agree to the digit; but 1 is the scale that the student was "
    f"made for. At 3 the negative prompt moves the teacher {led['text_to_image']}, and the student {led['lcm']}: "
    "turned up, it does read it, at two evaluations a step. What that costs says the rest of its row."
)

# %%
scales = (1.0, 3.0, 7.5)
louder = {
    role: [draw[role](prompts[:1], [0], guidance_scale=w)[0] for w in scales]
    for role in ("text_to_image", "lcm")
}

# %% tags=["hide-input"]
show.pictures(
    {f"{NAMES[role]}, {draw[role].steps} steps, at w = 1, 3, 7.5": row for role, row in louder.items()},
    alt="One animal in two rows at guidance scales of 1, 3 and 7.5. Above the teacher's; "
    "below the student's, whose colours and outlines grow harsh as the scale rises.",
)

# %% tags=["hide-input"]
def words(role):
    """Accuracy on a model's card, and at most the half-width: that of a share."""
    share, n = carded[role]["mean_accuracy"], carded[role]["n"]
    return share, 1.96 * (share * (1 - share) / n) ** 0.5


kept = {1: pupil[1]["accuracy"][0] / teacher[50]["accuracy"][0], 4: words("lcm")[0] / words("text_to_image")[0]}
finer = {n: pupil[n]["detail"][0] / teacher[50]["detail"][0] for n in (1, 4)}
loud = {role: {row["scale"]: row for row in facts["rows"]} for role, facts in knob.items()}
wide = f"{told(spread_of, 'lcm')} against {told(spread_of, 'text_to_image')}"
apart_by = {
    "accuracy at one evaluation": differ(pupil[1]["accuracy"], teacher[50]["accuracy"]),
    "accuracy at four": differ(words("lcm"), words("text_to_image")),
    "detail at one": differ(pupil[1]["detail"], teacher[50]["detail"]),
    "detail at four": differ(pupil[4]["detail"], teacher[50]["detail"]),
    "KID at four": differ(near["lcm"], near["text_to_image"]),
    f"diversity at four ({wide})": differ(spread_of["lcm"], spread_of["text_to_image"]),
    "clipping at a scale of 7.5": differ(*(loud[role][7.5]["clipped"] for role in loud)),
}  # fmt: skip
yes, no = ([name for name, does in apart_by.items() if does == which] or ["nothing"] for which in (True, False))

# %% tags=["hide-input"]
kids = f"{kid_of['lcm']} against {kid_of['text_to_image']}"
tells, survive = apart_by["KID at four"], kept[4] > 0.98
crowd = {role: carded[role]["frechet"] for role in ("lcm", "text_to_image")}
settle(
    "C19",
    "does not hold" if not survive else "holds within limits" if any(apart_by.values()) else "holds",
    number=f"of the teacher's accuracy at 50 evaluations the student has {100 * kept[4]:.1f} % at 4, n = "
    f"{carded['lcm']['n']:,}, and {100 * kept[1]:.1f} % at 1, n = {pupil[1]['pictures']}; KID at 4, with standard "
    f"errors: {kids}, {'told' if tells else 'not told'} apart",
    sentence=f"Words {'survive' if survive else 'do not survive'} at four evaluations: {100 * words('lcm')[0]:.2f} % "
    f"against {100 * words('text_to_image')[0]:.2f} % (n = {carded['lcm']['n']:,}). At one there are "
    f"{told(pupil[1], 'accuracy', 100, ' %')}, and {100 * finer[1]:.0f} % of the teacher's power in short waves "
    f"({100 * finer[4]:.0f} % at four; n = {pupil[1]['pictures']}). At 95 % student and teacher are told apart by "
    f"{', '.join(yes)}; not by {', '.join(no)}. The Fréchet distance is {crowd['lcm']:.3f} against "
    f"{crowd['text_to_image']:.3f} (floor {floor['frechet_floor']:.3f}, no error known); KID "
    f"{'tells' if tells else 'does not tell'} the two apart ({kids}, floor {kid_floor}). "
    "The knob is out of reach: guidance is built in, so at the student's own scale of 1 a negative prompt is never "
    f"read; at 3 it is (scaly cats {led['lcm']}), and guides what is guided already (at 7.5 accuracy is "
    f"{told(loud['lcm'][7.5], 'accuracy', 100, ' %')}, of a picture's numbers "
    f"{told(loud['lcm'][7.5], 'clipped', 100, ' %')} are clipped, the teacher's "
    f"{told(loud['text_to_image'][7.5], 'clipped', 100, ' %')}; n = {loud['lcm'][7.5]['pictures']}).",
)  # fmt: skip

# %% [markdown]
# ### And without any training: walk better
#
# The first diffusion models were sampled as they were trained: a thousand small steps, noise added
# again in each (**DDPM**, [Ho and others, 2020](https://arxiv.org/abs/2006.11239)). **DDIM** leaves the
# fresh noise out, so that the path is smooth, and walks it in longer steps ([Song and others,
# 2021](https://arxiv.org/abs/2010.02502)). And a smooth path can be *extrapolated*: samplers of second
# order use the last evaluation (**DPM-Solver++**, [Lu and others,
# 2022](https://arxiv.org/abs/2211.01095)) or a trial step (**Heun**, [Karras and others,
# 2022](https://arxiv.org/abs/2206.00364)) to learn how it bends.
#
# One model, `text_to_image`, and no guidance here, so that a step of DDPM or DDIM is one evaluation.
#
# **Predict.** Ten evaluations for each. Who will be sharp, who blurred, who noisy?

# %%
TITLES = {"ddpm": "DDPM", "ddim": "DDIM", "dpmpp": "DPM-Solver++", "heun": "Heun"}
diffusion = draw["text_to_image"]
ten = {
    name: diffusion(prompts, range(6), guidance_scale=1, sampler=name, steps=few_steps.steps_for(name, 10))
    for name in TITLES
}
exact = diffusion(prompts, range(6), guidance_scale=1, sampler="dpmpp", steps=40)

# %% tags=["hide-input"]
show.pictures(
    {
        **{f"{TITLES[name]}, {few_steps.spent(name, 10)} evaluations": made for name, made in ten.items()},
        "DPM-Solver++, forty": exact,
    },
    alt="Six animals in five rows, from the same noise: by DDPM, DDIM, DPM-Solver++ "
    "and Heun with ten evaluations or nine, and by DPM-Solver++ with forty. DDPM's are "
    "other animals, because it adds noise of its own; the other rows show the same "
    "animals, at different sharpness.",
)

# %%
sweep = stored("samplers")
found = {(row["sampler"], row["evaluations"]): row for row in sweep["facts"]["rows"]}


def along(name, key):
    """Evaluations, means and half-widths of a sampler."""
    mine = [(row["spent"], *row[key]) for (who, _), row in found.items() if who == name and row[key]]
    return tuple(zip(*mine))


# %% tags=["hide-input"]
COLOURS = {"DDPM": "grey", "DDIM": "blue", "DPM-Solver++": "orange", "Heun": "green"}
TICKS = sorted({n for _, n in found})
AXIS = {"xscale": "log", "xticks": TICKS, "xticklabels": TICKS, "xlabel": "evaluations"}
sweep_figure(
    {
        "distance from the path's true end": {
            TITLES[name]: along(name, "away") for name in ("ddim", "dpmpp", "heun")
        },
        "accuracy, share of what the caption states": {
            TITLES[name]: along(name, "accuracy") for name in TITLES
        },
    },
    alt="Two panels against the number of evaluations. Above, the distance from where the path "
    "ends: from a handful of evaluations on it falls for all three deterministic samplers, to nearly nothing at fifty. "
    "Below, accuracy, which rises to its ceiling.",
    colours=COLOURS,
    **AXIS,
)


# %% tags=["hide-input"]
show.table(
    [f"sampler, n = {sweep['n']}", "evaluations", "accuracy, %", "detail, 1/1000", "off the true end"],
    [
        [TITLES[name], row["spent"], told(row, "accuracy", 100), told(row, "detail", 1000), told(row, "away")]
        for (name, _), row in found.items()
    ],
)  # fmt: skip

# %%
again = few_steps.samplers(8, None, ("ddim",), (10,), draw=diffusion)["rows"][0]
for key in ("accuracy", "detail"):
    value, half = found["ddim", 10][key]
    assert abs(again[key][0] - value) <= half + again[key][1] + 0.001, key

# %% tags=["hide-input"]
slow, off = found["ddpm", 1000], {name: found[name, 20]["away"] for name in ("ddim", "dpmpp", "heun")}
best = min(off, key=lambda name: off[name][0])
quick, n = found[best, 20], sweep["n"]


def least(row):
    """Lower end of the accuracy's interval; where all are right, Wilson's for shares."""
    mean, half = row["accuracy"]
    return mean - half if half else mean * n / (n + 1.96**2)


as_good = least(quick) > 0.9 * slow["accuracy"][0]
sooner = [k for k in few_steps.EVALUATIONS if k <= few_steps.UPTO[best] and found[best, k]["accuracy"][0]
          > found["ddpm", k]["accuracy"][0] and differ(found[best, k]["accuracy"], found["ddpm", k]["accuracy"])]
ranks = f"{TITLES[best]} reads better than DDPM at {' and '.join(map(str, sooner))}" if sooner else (
    "at no number can accuracy tell it from DDPM"
)  # fmt: skip
own = few_steps.UPTO["ddim"], 50 * found["ddim", 50]["away"][0] / few_steps.UPTO["ddim"]

# %% tags=["hide-input"]
show.say(
    f"(*Off the true end* is the root mean square distance from where DDIM's {own[0]} steps lead. This reference errs "
    f"itself: DDIM's distances {told(found['ddim', 10], 'away')}, {told(found['ddim', 20], 'away')} and "
    f"{told(found['ddim', 50], 'away')}, continued as one over the number of evaluations from the last, come to about "
    f"{show.digits(own[1], 1)} at {own[0]}. Differences under that may be the reference's own. Heun spends an odd "
    "number: his last step costs one evaluation."
    + (" With three steps he ends further off than with one: a trial step so long misleads.)"
       if found["heun", 5]["away"][0] > found["heun", 2]["away"][0] else ")")
)

# %% tags=["hide-input"]
settle(
    "C20",
    "does not hold" if not as_good else "holds" if sooner else "holds within limits",
    number=f"{TITLES[best]} with {quick['spent']} evaluations: accuracy {told(quick, 'accuracy', 100, ' %')}; DDPM "
    f"with 1000: {told(slow, 'accuracy', 100, ' %')}; n = {n}",
    sentence="The same model, not trained any further: with 20 evaluations accuracy is "
    + ", ".join(f"{told(found[name, 20], 'accuracy', 100, ' %')} by {TITLES[name]}" for name in TITLES)
    + f", DDPM's thousand steps have {told(slow, 'accuracy', 100, ' %')}. In this small world even DDPM needs few: "
    f"{told(found['ddpm', 5], 'accuracy', 100, ' %')} with 5, {told(found['ddpm', 10], 'accuracy', 100, ' %')} with "
    f"10; {ranks}. What a better sampler buys shows in the distance: {TITLES[best]}'s latents are "
    f"{told(quick, 'away')} (root mean square) from where the path ends, DDIM's {told(found['ddim', 20], 'away')}. "
    f"n = {n}, no guidance.",
)  # fmt: skip

# %% [markdown]
# So a thousand steps are had in twenty for nothing, before anybody straightens or distils anything. (In this small
# world even the old sampler hardly needs more: what a better one buys is the *same* picture, sooner.) A comparison of a
# student with "1000 steps of diffusion" compares with something that nobody does any more.
#
# ## Try it: one noise, every model
#
# Choose the number of evaluations and the seed: every model draws from the same noise. The sentence below
# says how long each one's way was, as a multiple of the straight line. Find for each model the number from
# which on more evaluations change nothing.

# %%
from course_utils.demos.steps import Steps

Steps({NAMES[role]: draw[role] for role in HERE}, evaluations=8, seed=1)

# %% [markdown]
# ## What the real one does differently
#
# The two ideas are found on real models in all combinations, and their numbers are published:

# %% tags=["hide-input"]
ARXIV = "[{}](https://arxiv.org/abs/{})".format
show.table(
    ["model", "what was done", "published", "source"],
    [
        ["CIFAR-10, FID, one step", "rectified flow → reflow once → that, distilled",
         "378 → 12.21 → 4.85", ARXIV("Liu, Gong and Liu, 2022, table 1", "2209.03003")],
        ["Stable Diffusion → InstaFlow", "reflow, then distillation; one step",
         "FID 23.3 on COCO 2017, 199 A100 days", ARXIV("Liu and others, 2023", "2309.06380")],
        ["FLUX.1-dev, FLUX.1-schnell", "one flow; guidance distilled, and steps distilled as well",
         "50 steps in its example; 1 to 4",
         "[dev](https://huggingface.co/black-forest-labs/FLUX.1-dev), "
         "[schnell](https://huggingface.co/black-forest-labs/FLUX.1-schnell)"],
        ["SANA → SANA-Sprint", "a flow, distilled by consistency and an adversary",
         "20 steps → 1 to 4; FID 7.59 with one", ARXIV("Chen and others, 2025", "2503.09641")],
        ["SDXL → SDXL-Turbo", "diffusion, distilled with an adversary",
         "1 to 4 steps; scale 0, no negative prompt",
         "[diffusers](https://huggingface.co/docs/diffusers/api/pipelines/stable_diffusion/sdxl_turbo)"],
        ["Stable Diffusion → LCM", "diffusion, distilled by consistency",
         "2 to 4 steps, 32 A100 hours of training", ARXIV("Luo and others, 2023", "2310.04378")],
        ["CIFAR-10, FID, DDIM", "a better sampler, no training: 10, 20, 50, 1000 steps",
         "13.36, 6.84, 4.67, 4.04", ARXIV("Song and others, 2021, table 1", "2010.02502")],
    ],
)  # fmt: skip

# %% [markdown]
# - **More to draw.** A scene here is told by seven words, and eight evaluations draw it. On photographs of
#   everything teachers do need their twenty to fifty.
# - **More training.** Ours are students of minutes. The published ones took hours to months of GPUs, and many
#   combine several losses.
# - **Other levels.** Large flows train and sample more at high noise, the more so the larger the picture
#   ([Esser and others, 2024](https://arxiv.org/abs/2403.03206)). That moves the clock, and not the paths.
# - **Guidance distilled by itself.** FLUX.1-dev takes the scale as an input and needs one evaluation a step, fifty
#   times: distilled, and not a few-step model.
#
# ## Then and now
#
# - **2020.** [DDPM](https://arxiv.org/abs/2006.11239) takes a thousand steps; four months later
#   [DDIM](https://arxiv.org/abs/2010.02502) takes fifty.
# - **2022.** [Progressive distillation](https://arxiv.org/abs/2202.00512) halves the steps again and again.
#   [DPM-Solver](https://arxiv.org/abs/2206.00927) and [Karras and others](https://arxiv.org/abs/2206.00364)
#   need ten to forty evaluations untrained. In autumn, three groups find flows at the same time:
#   [flow matching](https://arxiv.org/abs/2210.02747), [rectified flow](https://arxiv.org/abs/2209.03003),
#   [stochastic interpolants](https://arxiv.org/abs/2209.15571).
# - **2023.** [Consistency models](https://arxiv.org/abs/2303.01469), then [latent ones](https://arxiv.org/abs/2310.04378);
#   [SDXL-Turbo](https://arxiv.org/abs/2311.17042); [distribution matching](https://arxiv.org/abs/2311.18828).
# - **2024.** Stable Diffusion 3 and FLUX.1 are flows, and each has a distilled sister. That is when the
#   words began to be mixed up.
# - **Since.** One-step models trained without a teacher, on the *mean* velocity over a stretch of the path
#   ([MeanFlow](https://arxiv.org/abs/2505.13447)).
#
# ## Check yourself
#
# **1.** "It is a rectified flow, so one step is enough." What is wrong?
#
# <details><summary>Answer</summary>
#
# Its *training lines* are straight, its paths are not. One Euler step from noise goes along the mean of
# all lines, to the mean of all pictures. Reflow would make it nearly true, distillation would make it
# true in another way.
#
# </details>
#
# **2.** A student draws in four steps and its paper shows paths of noise that are strongly bent. A contradiction?
#
# <details><summary>Answer</summary>
#
# No. Distillation leaves the teacher's paths as bent as they are, and leaps.
#
# </details>
#
# **3.** Sampler A takes 25 steps with guidance, Heun takes 25 steps without, a student takes 4. How many
# evaluations is that?
#
# <details><summary>Answer</summary>
#
# 50 (two a step); 49 (two a step, but one in the last); 4.
#
# </details>
#
# **4.** Of two models one was trained to predict noise, one to predict velocity on straight lines. Both
# have learnt perfectly. Do they make different pictures of the same noise?
#
# <details><summary>Answer</summary>
#
# No. With exact predictions their paths are the same up to a scale and a clock, as DDIM and Euler
# showed. Real ones differ, for neither has learnt perfectly, and they err in different places.
#
# </details>
#
# **5.** Your student ignores the negative prompt. Is it broken?
#
# <details><summary>Answer</summary>
#
# No. At a scale of 1 nobody asks for the unconditional prediction, so there is nothing that a negative
# prompt could take the place of. The teacher's guidance was built in when it was distilled.
#
# </details>
#
# ## Exercises
#
# Graded ones are in the [exercises for this section](exercises/05_flow_vs_distillation.ipynb). Things
# to try here; change a cell, run it, and write a sentence about what you see.
#
# 1. Reflow a second time, on pairs made by `second`. Does the detour fall again? Where do the points end?
# 2. Pair each noise with the nearest of sixteen drawn points of the outline, instead of any. Are the paths straighter
#    without a reflow?
# 3. Distil `second` instead of `first`. Does the student need less training?
# 4. Let the student leap in two evaluations with its second level at 0.2, 0.5 and 0.8. Which is best?
# 5. Walk `text_to_image` in eight evaluations by DPM-Solver++, with guidance. How near is that to the student's four?
#
# ## Further reading
#
# - X. Liu, C. Gong and Q. Liu, *Flow Straight and Fast*, 2022:
#   [arXiv:2209.03003](https://arxiv.org/abs/2209.03003).
# - Y. Lipman and others, *Flow Matching for Generative Modeling*, 2022:
#   [arXiv:2210.02747](https://arxiv.org/abs/2210.02747).
# - R. Gao and others, *Diffusion Meets Flow Matching*, 2024: [diffusionflow.github.io](https://diffusionflow.github.io/).
#   Two names, one family.
# - Y. Song and others, *Consistency Models*, 2023: [arXiv:2303.01469](https://arxiv.org/abs/2303.01469).
# - T. Karras and others, *Elucidating the Design Space of Diffusion-Based Generative Models*, 2022:
#   [arXiv:2206.00364](https://arxiv.org/abs/2206.00364). Where schedules, samplers and training are taken apart.
#
# **Next**: so far every picture began with noise. The section after this one begins with a picture.
