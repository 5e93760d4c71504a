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
# # 0. The refresher
#
# Show a network a picture under noise and ask: *which part of this is noise?* Do it often enough,
# and something odd becomes possible. Hand it nothing but noise, ask again and again, and a picture
# appears. That is a diffusion model. This page walks up to it in four steps: pictures as
# **vectors**, what **noise** does to them, what the best possible **denoiser** would answer, and a
# whole **diffusion model** of points, trained while you watch.
#
# **You will be able to**
#
# - turn things into vectors and compare them by a cosine;
# - read a noise schedule, and noise a picture to any level in one line;
# - say what the best denoiser answers, and why its answer is often a blur;
# - write a diffusion model, training and sampling, in forty lines.
#
# **Time**: 10 minutes to read, a little more if you stop to think, and half a minute to run on one
# CPU core. **You need**: arrays and functions in Python, and what a mean and a variance are. If all
# of this is old to you, try the questions under *Check yourself* and go on to section 1.
#
# **How to read**: wherever it says **Predict**, commit to an answer before you look. Each number in
# the text below a cell was computed by that cell. New words are in the
# [glossary](../book/glossary.md).

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
import numpy as np
import torch

from course_utils import show
from course_utils.critters import Scene, render, sample
from course_utils.critters.dataset import TRAINING_SEED, pictures

show.style()
scenes = sample(2000, seed=TRAINING_SEED)
world = pictures(2000, seed=TRAINING_SEED, size=32)

# %% [markdown]
# `world` holds two thousand *critters*, the drawn animals with which this course measures
# everything, here at 32×32 pixels. Each was drawn from a `Scene`, so we know all there is to know
# about it.
#
# ## Things as vectors
#
# An **embedding** gives every thing a list of numbers, so that things that are alike get lists that
# are alike. One can write an embedding by hand:

# %%
def embed(scene):
    """Scene -> [dog, fox, cat, scaly or fluffy, large or small]."""
    species = [scene.species == name for name in ("dog", "fox", "cat")]
    texture = 1 if scene.texture == "scaly" else -1
    size = (scene.size - 0.65) / 0.13
    return np.array([*species, texture, size], dtype=float)


def cosine(a, b):
    """1: same direction. 0: at a right angle. -1: opposite."""
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


# %%
three = {
    "A": Scene("fox", "scaly", "orange", size=0.78),
    "B": Scene("fox", "fluffy", "orange", size=0.52),
    "C": Scene("cat", "scaly", "blue", "pink", size=0.78),
}

# %% tags=["hide-input"]
show.pictures(
    {" ": [render(scene) for scene in three.values()]},
    columns=list(three),
    alt="Three critters. A: a large scaly orange fox. B: a small fluffy "
    "orange fox, on the same green background. C: a large scaly blue cat, "
    "on pink.",
)

# %% [markdown]
# **Predict.** Whose vector has the larger cosine with A's: B's or C's?

# %% tags=["hide-input"]
vectors = {name: embed(scene) for name, scene in three.items()}
show.table(
    ["", "vector", "cosine with A"],
    [
        [name, ", ".join(f"{x:g}" for x in v), f"{cosine(vectors['A'], v):.2f}"]
        for name, v in vectors.items()
    ],
)

# %% [markdown]
# The cat's, by far. It agrees with A in two of the things we count, texture and size, and we do not
# count colours at all. *An embedding is a decision about what counts.*
#
# A picture is a vector too: its pixels, one after the other. What does that one count? For critters
# that are not in `world` we look up their **nearest neighbours** there, once by pixels and once by
# attributes.

# %%
from course_utils.critters.dataset import HELD_OUT_SEED
from course_utils.models.images import to_tensor

strangers = sample(300, seed=HELD_OUT_SEED)
unseen = pictures(300, seed=HELD_OUT_SEED, size=32)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def nearest(queries, others):
    """For each query the number of the other with the largest cosine."""
    return (unit(queries) @ unit(others).T).argmax(axis=1)


def as_pixels(pictures):
    """uint8 [n, 32, 32, 3] -> float64 [n, 3072], from -1 to 1."""
    return to_tensor(pictures).flatten(1).double()


# %%
by_pixels = nearest(as_pixels(unseen).numpy(), as_pixels(world).numpy())
by_attributes = nearest(
    np.stack([embed(scene) for scene in strangers]),
    np.stack([embed(scene) for scene in scenes]),
)

# %% [markdown]
# **Predict.** What will neighbours by pixels have in common: the animal, its coat, or something
# else?

# %% tags=["hide-input"]
shown = (0, 1, 5, 7)
show.pictures(
    {
        "not in the world": [render(strangers[i]) for i in shown],
        "nearest by pixels": [render(scenes[by_pixels[i]]) for i in shown],
        "nearest by attributes": [
            render(scenes[by_attributes[i]]) for i in shown
        ],
    },
    alt="Four critters in three rows. Below each stands its nearest "
    "neighbour by pixels, on the same background and in the same place but "
    "not always the same animal; below that the nearest by attributes, the "
    "same kind of animal in the same size, on any background.",
)


# %% tags=["hide-input"]
def agree(field, neighbours):
    """In how many of a hundred neighbours a field is the same."""
    same = [
        getattr(a, field) == getattr(scenes[i], field)
        for a, i in zip(strangers, neighbours)
    ]
    return f"{100 * np.mean(same):.0f}"


chance = {"background": 4, "facing": 2, "coat": 5, "species": 3, "texture": 2}
show.table(
    [f"the same, in % (n = {len(strangers)})", "by pixels", "by attributes", "by chance"],
    [
        [field, agree(field, by_pixels), agree(field, by_attributes), f"{100 / n:.0f}"]
        for field, n in chance.items()
    ],
)

# %% [markdown]
# Pixels count what covers many of them: the background, and which way the animal looks. What it is and
# what it wears agree in two cases of three. Section 2 meets CLIP, a network that learns from captions
# which coordinates count.
#
# ## Noise
#
# To noise a picture $x$ a little, shrink it a little and add a little Gaussian noise:
# $x_t=\sqrt{1-\beta_t}\,x_{t-1}+\sqrt{\beta_t}\,\epsilon_t$. The shrinking keeps a variance of one
# at one, since $(1-\beta)+\beta=1$ (so data are scaled to variance one first, as latents are). And
# because sums of independent Gaussians are Gaussian, many small steps are one large one:
#
# $$
# \begin{aligned}
# x_t&=\sqrt{\bar\alpha_t}\,x_0+\sqrt{1-\bar\alpha_t}\,\epsilon,\qquad \epsilon\sim\mathcal N(0,1),\\[4pt]
# \bar\alpha_t&=\prod_{s\le t}(1-\beta_s).
# \end{aligned}
# $$
#
# The list of all $\beta$ is the **noise schedule**, $t$ the **timestep**. This is Stable
# Diffusion's.

# %%
betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000).double() ** 2
alphas_bar = (1 - betas).cumprod(0)


def noised(x0, epsilon, t):
    """The picture at timestep t; one t for all, or one for each."""
    a = alphas_bar[t].view(-1, *[1] * (x0.ndim - 1)).to(x0)
    return a.sqrt() * x0 + (1 - a).sqrt() * epsilon


# %%
from diffusers import DDIMScheduler

library = DDIMScheduler(
    beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
    timestep_spacing="trailing", clip_sample=False,
)  # fmt: skip
torch.manual_seed(0)
bright = to_tensor(np.stack([render(strangers[i]) for i in (0, 7)]))
middle, spread = bright.mean(), bright.std()
critters = (bright - middle) / spread  # of variance one
epsilon = torch.randn_like(critters)

for t in torch.tensor([0, 500, 999]):
    theirs = library.add_noise(critters, epsilon, t)
    assert torch.allclose(noised(critters, epsilon, t), theirs, atol=1e-4)

# %% [markdown]
# (It is `diffusers`' own, too: the assertion holds.)
#
# **Predict.** Half way, at $t=500$: the picture's variance was one; what share of $x_t$'s is still
# picture? And can you still see which animal it is?

# %% tags=["hide-input"]
from course_utils.models.images import to_array

levels = (0, 500, 999)
show.pictures(
    {" ": [to_array(noised(critters[:1], epsilon[:1], t) * spread + middle)[0] for t in levels]},
    columns=[f"t = {t}" for t in levels],
    alt="A critter under more and more noise, from clean at t = 0 to "
    "nothing but noise at t = 999. At t = 500 the animal can still be made "
    "out.",
)

# %% tags=["hide-input"]
times = range(0, 1000, 9)
show.curves(
    {
        "share of the variance": {
            "picture": (times, alphas_bar[::9].tolist()),
            "noise": (times, (1 - alphas_bar[::9]).tolist()),
        }
    },
    alt="The picture's share of the variance falls from one to nearly zero "
    "over the timesteps, steeply in the middle; the noise's share rises to "
    "meet it.",
    colours={"picture": "orange", "noise": "blue"},
    xlabel="timestep t",
    ylim=(0, 1),
)

# %% tags=["hide-input"]
cross = int((alphas_bar > 0.5).sum())
show.say(
    f"At $t=500$ the picture's share is **{show.digits(100 * alphas_bar[500].item())} %**; "
    f"the two draw level at $t={cross}$ already, and "
    f"{show.digits(100 * alphas_bar[999].item())} % are left at $t=999$. Still you "
    "can see the animals at $t=500$: neighbouring pixels agree and noise does not, so "
    "your eye averages it away. The more numbers say the same thing, the more "
    "noise it takes to hide it."
)

# %% [markdown]
# One surprise about noise, on which later sections lean. **Predict.** Take two noises for such a
# picture, 49,152 Gaussian numbers each. What is their cosine? How much do their lengths differ?

# %% tags=["hide-input"]
one, other = torch.randn(2, 128 * 128 * 3).double().numpy()
lengths = sorted(np.linalg.norm(noise) for noise in (one, other))
show.say(
    f"Cosine **{cosine(one, other):.3f}**, lengths {lengths[0]:.1f} and "
    f"{lengths[1]:.1f}; √49,152 is {49152**0.5:.1f}. In so many dimensions "
    "any two noises are nearly at right angles and nearly of the same "
    "length: noise lives on a sphere."
)

# %% [markdown]
# ## The best possible denoiser
#
# Now backwards: you are shown $x_t$ and asked for $x_0$. Many pictures could be behind that noise.
# The answer with the least squared error is their *mean*, each weighted by how probable it is. If
# `world` were all there is, Bayes' rule gives the weights:
#
# $$
# \begin{aligned}
# \hat x_0&=\mathbb E[x_0\mid x_t]=\sum_i w_i\,x_i,\\[4pt]
# w_i&\propto\exp\!\left(-\frac{\lVert x_t-\sqrt{\bar\alpha_t}\,x_i\rVert^2}{2\,(1-\bar\alpha_t)}\right).
# \end{aligned}
# $$


# %%
def ideal(x_t, t, world):
    """The best guesses [n, d] behind x_t [n, d], and the weights [n, m].

    Every row of `world` [m, d] is as probable as any other.
    """
    a = alphas_bar[t]
    apart = torch.cdist(x_t, a.sqrt() * world) ** 2
    weights = torch.softmax(-apart / (2 * (1 - a)), dim=1)
    return weights @ world, weights


# %% [markdown]
# **Predict.** What does it answer at $t=999$? And what does it answer at $t=100$, under very little
# noise, when it is shown a critter that is not in its list?

# %%
LEVELS = (999, 850, 700, 100)
known = as_pixels(world)
torch.manual_seed(0)
noise = torch.randn(1, 3072).double()

seen, guessed, wavering = {}, {}, {}
for name, x0 in {
    "in its list": known[4:5],
    "not in it": as_pixels(unseen[7:8]),
}.items():
    seen[name] = [noised(x0, noise, t) for t in LEVELS]
    answers = [ideal(x, t, known) for x, t in zip(seen[name], LEVELS)]
    guessed[name] = [guess for guess, _ in answers]
    entropies = [torch.special.entr(w).sum() for _, w in answers]
    wavering[name] = [entropy.exp().item() for entropy in entropies]


# %% tags=["hide-input"]
def small(xs):
    return to_array(torch.cat(xs).view(-1, 3, 32, 32))


show.pictures(
    {
        "in its list, at t = 999, 850, 700, 100": small(seen["in its list"]),
        "the ideal guesses": small(guessed["in its list"]),
        "not in its list, at the same timesteps": small(seen["not in it"]),
        "the ideal guesses ": small(guessed["not in it"]),
    },
    alt="Two critters at four noise levels, from left to right t = 999, "
    "850, 700 and 100, each with the ideal denoiser's guess below. At 999 "
    "the guess is a blur of many critters, at 850 a ghost of several. From "
    "700 on, the critter in the list is guessed exactly; for the other one "
    "the guess is a sharp picture of a different critter.",
)

# %% tags=["hide-input"]
show.table(
    ["pictures it wavers between, about", *(f"t = {t}" for t in LEVELS)],
    [
        [f"the critter {name}", *(show.digits(n, 2) for n in counts)]
        for name, counts in wavering.items()
    ],
)

# %% [markdown]
# Two lessons. **A guess is an average.** While many pictures are possible the best answer is a blur
# of them all, and that is why a denoiser does not leap from noise to a picture in one go (section 5
# trains students that do, and has to ask them for something else). And **the best denoiser of a list
# knows only the list.** Shown something new it answers with a memory. A network that is shown far more
# pictures than it can store has to find rules that hold from picture to picture, and these let it make
# pictures that nobody drew ([Kadkhodaie and others, 2024](https://arxiv.org/abs/2310.02557)).
#
# Guessing the picture and guessing the noise is the same thing, for $x_t$ is known:
# $\hat\epsilon=(x_t-\sqrt{\bar\alpha_t}\,\hat x_0)/\sqrt{1-\bar\alpha_t}$. Most networks are asked
# for the noise: **epsilon prediction**. (Times $-1/\sqrt{1-\bar\alpha_t}$ it is the **score**, the
# direction in which probability rises fastest.)
#
# ## Try it: how much noise hides a critter?
#
# Choose a picture and slide the timestep. On the left the picture, in the middle all that the
# denoiser is shown, on the right its best guess.

# %%
from course_utils.demos.noise import IdealDenoiser

IdealDenoiser(
    world,
    {
        "a critter in the list": world[4],
        "another in the list": world[9],
        "a critter it never saw": unseen[7],
    },
)

# %% [markdown]
# ## A diffusion model, whole
#
# Everything so far in one piece, on things of two numbers instead of 49,152: the points of a cat's
# outline, scaled to variance one.

# %%
from scipy.ndimage import binary_erosion

from course_utils.critters import mask

cat = mask(Scene("cat", "scaly", stance="standing", size=0.78), 256) > 127
row, column = np.nonzero(cat & ~binary_erosion(cat, iterations=2))
points = torch.tensor(np.stack([column, -row], axis=1)).float()
points = points - points.mean(0)
points = points / points.std()

# %% [markdown]
# The network reads a point and its timestep and answers with the noise. Sines of many frequencies
# come first; without them small networks round off every corner ([Tancik and others,
# 2020](https://arxiv.org/abs/2006.10739)).

# %%
from torch import nn
from torch.nn import functional as F


class Denoiser(nn.Module):
    """Points [n, 2] at timesteps [n] -> the noise in them [n, 2]."""

    def __init__(self, waves=64, width=128):
        super().__init__()
        self.register_buffer("waves", 2 * torch.randn(3, waves))
        self.layers = nn.Sequential(
            nn.Linear(2 * waves + 3, width), nn.SiLU(),
            nn.Linear(width, width), nn.SiLU(),
            nn.Linear(width, 2),
        )  # fmt: skip

    def forward(self, x, t):
        x = torch.cat([x, t[:, None] / 1000], dim=1)
        angles = x @ self.waves
        return self.layers(torch.cat([x, angles.sin(), angles.cos()], 1))


# %% [markdown]
# Training is one idea: take a clean point, draw a timestep and a noise, mix them by the schedule,
# and ask for the noise back.


# %%
def train(model, data, steps=2500, rate=0.01):
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    for step in range(steps):
        x0 = data[torch.randint(len(data), (512,))]
        t = torch.randint(1000, (512,))
        epsilon = torch.randn_like(x0)
        loss = F.mse_loss(model(noised(x0, epsilon, t), t), epsilon)
        optimiser.param_groups[0]["lr"] = rate * (1 - step / steps)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model


torch.manual_seed(0)
denoiser = train(Denoiser(), points)

# %% [markdown]
# **Predict.** With a large network and all the time in the world: would the loss go to zero?


# %%
@torch.inference_mode()
def losses(t, n=2000):
    """Mean squared errors of the noise at t: ours, and the ideal's."""
    torch.manual_seed(t)
    x0 = points[torch.randint(len(points), (n,))]
    epsilon = torch.randn_like(x0)
    x_t, a = noised(x0, epsilon, t), alphas_bar[t]
    guess, _ = ideal(x_t.double(), t, points.double())
    best = (x_t - a.sqrt() * guess) / (1 - a).sqrt()
    ours = denoiser(x_t, torch.full((n,), t))
    errors = (ours - epsilon, best - epsilon)
    return [error.square().mean().item() for error in errors]


ours, least = zip(*(losses(t) for t in range(0, 1000, 37)))

# %% tags=["hide-input"]
show.curves(
    {
        "error of the predicted noise": {
            "the ideal denoiser": (range(0, 1000, 37), least),
            "our network": (range(0, 1000, 37), ours),
        }
    },
    alt="Mean squared error of the predicted noise against the timestep. "
    "The ideal denoiser's stays above one half at low timesteps and falls "
    "to nearly zero at t = 999. The network's lies on it, except at t = 0, "
    "where it is higher.",
    colours={"our network": "orange", "the ideal denoiser": "blue"},
    markers=True,
    xlabel="timestep t",
    ylim=(0, 1.1),
)

# %% tags=["hide-input"]
gap = np.mean(ours) - np.mean(least)
assert ours[0] - least[0] > gap * len(ours) / 2  # most of it at t = 0
show.say(
    "No. Several clean points could be behind the same noisy one, and nobody "
    f"can know which: the ideal denoiser errs by {show.digits(np.mean(least))} "
    f"on average, our network by {show.below(gap, 0.04)} more, most of it at "
    "the very lowest noise. (A bound, not digits: what is trained while you "
    "watch comes out a little different on another machine.)"
)

# %% [markdown]
# So a falling loss tells little about pictures; look at samples instead. To **sample**, begin with
# noise and ask for the noise in it. That implies a finished point. Go to the next lower noise level
# as if point and noise were right, and ask again. This is **DDIM** ([Song and others,
# 2021](https://arxiv.org/abs/2010.02502)):


# %%
@torch.inference_mode()
def ddim(model, x, steps):
    """Noise [n, 2] -> where it was after each step [steps + 1, n, 2]."""
    timesteps = [round(1000 - k * 1000 / steps) - 1 for k in range(steps)]
    levels = [*alphas_bar[timesteps].float(), torch.ones(())]
    path = [x]
    for t, now, then in zip(timesteps, levels, levels[1:]):
        epsilon = model(x, torch.full((len(x),), t))
        x0 = (x - (1 - now).sqrt() * epsilon) / now.sqrt()
        x = then.sqrt() * x0 + (1 - then).sqrt() * epsilon
        path.append(x)
    return torch.stack(path)


# %%
torch.manual_seed(1)
start = torch.randn(1500, 2)
ends = {n: ddim(denoiser, start, n)[-1] for n in (1, 3, 10, 50)}

library.set_timesteps(50)
with torch.inference_mode():
    theirs = start
    for t in library.timesteps:
        guess = denoiser(theirs, t.expand(len(start)))
        theirs = library.step(guess, t, theirs).prev_sample
assert torch.allclose(ends[50], theirs, atol=1e-3)

# %% [markdown]
# (The same `DDIMScheduler` as above ends where we end.)
#
# **Predict.** One step, straight from $t=999$ to the end: where will the points land?

# %% tags=["hide-input"]
from course_utils.show.refresher import arrows, clouds, paths

named = {f"{n} step{'s' * (n > 1)}": end for n, end in ends.items()}
pairs = list(named.items())
clouds(
    {"": dict(pairs[:2]), " ": dict(pairs[2:])},
    alt="Points sampled in 1, 3, 10 and 50 steps. One step gives a blob in "
    "the middle, three a filled shape without outline, ten a rough outline, "
    "fifty the clear outline of a cat with ears, legs and a raised tail.",
)

# %% tags=["hide-input"]
near = {
    steps: (torch.cdist(x, points).amin(1) < 0.1).float().mean().item()
    for steps, x in {0: start, **ends}.items()
}
show.say(
    "Around the middle, where there is no outline: at $t=999$ every point is "
    "still possible, and the best guess is their average. (Ours scatters about it, for an error in the noise counts "
    rf"$1/\sqrt{{\bar\alpha_{{999}}}}$ = {(alphas_bar[999] ** -0.5).item():.3g} times in the point.) "
    "Within a tenth of the outline end "
    f"{show.below(100 * near[1], 35)} % of the points after one step and "
    f"{show.above(100 * near[50], 75)} % after fifty. (Of the noise itself "
    f"{show.digits(100 * near[0])} % lie there by chance; n = {len(start):,}.)"
)

# %% [markdown]
# Forwards the schedule dissolves the outline; backwards the network draws it. At every level the
# two clouds should look alike, and they do.

# %% tags=["hide-input"]
path = ddim(denoiser, start, 50)
stops = {19: 49, 79: 46, 159: 42, 999: 0}
torch.manual_seed(0)
drawn = points[torch.randint(len(points), (1500,))]
clouds(
    {
        "noise is added →": {
            f"t = {t}": noised(drawn, torch.randn_like(drawn), t) for t in stops
        },
        "← noise is removed": {
            f"t = {t}": path[step] for t, step in stops.items()
        },
    },
    alt="Two rows of four clouds. Above, the cat's outline dissolves into a "
    "round cloud as noise is added. Below, from right to left, the network "
    "turns a round cloud into the outline; column by column the two rows "
    "look alike.",
)

# %% [markdown]
# And what is it that moves the points? At each level the network is a field of arrows, from every
# place towards the finished point that it implies. (Long arrows are cut.)


# %% tags=["hide-input"]
@torch.inference_mode()
def implied(x, t):
    """The finished point that the network's noise implies."""
    a = alphas_bar[t].float()
    return (x - (1 - a).sqrt() * denoiser(x, torch.full((len(x),), t))) / a.sqrt()


line = torch.linspace(-2.3, 2.3, 14)
grid = torch.cartesian_prod(line, line)
arrows(
    {f"t = {t}": (grid, implied(grid, t)) for t in (900, 400, 150, 50)},
    points=points,
    alt="Four fields of arrows over the cat's outline. At t = 900 all "
    "arrows point to the middle; at 400 and 150 they begin to part; at 50 "
    "they point to the nearest piece of the outline and end there.",
)

# %% tags=["hide-input"]
paths(
    path[:, :80],
    points=points,
    alt="Paths of eighty points from noise to the cat's outline. Many are "
    "hooked: they set out in one direction and turn towards a piece of the "
    "outline late.",
)

# %% tags=["hide-input"]
way = (path[1:] - path[:-1]).norm(dim=2)
straight = (path[-1] - path[0]).norm(dim=1).sum()
early = (100 * way[:25].sum() / way.sum()).item()
detour = (100 * (way.sum() / straight - 1)).item()
show.say(
    "While the guess is everybody's average the points hardly move: in the "
    f"first half of the steps they cover {show.below(early, 30)} % of their "
    "way. Then the guess sharpens and each turns to one place. The paths are "
    f"bent, {show.above(detour, 10)} % longer than straight lines, and a "
    "sampler with few steps cuts their corners. That is where section 5 begins."
)

# %% [markdown]
# Nothing was drawn at random on the way. With this sampler the noise you begin with decides where you
# end, and that is all that a *seed* is.
#
# ## What the real one does differently

# %% tags=["hide-input"]
from course_utils.models.configs import on_meta, parameters

unet = on_meta("sd15-unet")
side, depth = unet.config.sample_size, unet.config.in_channels
show.table(
    ["", "here", "Stable Diffusion 1.5"],
    [
        ["what is denoised", f"a point, {points.shape[1]} numbers",
         f"a latent, {side}×{side}×{depth} = {side * side * depth:,} numbers"],
        ["the network", f"{len(denoiser.layers) // 2 + 1} layers, {parameters(denoiser):,} parameters",
         f"a U-Net, {parameters(unet):,} parameters"],
        ["what it is told", "noisy point, timestep",
         f"noisy latent, timestep, a prompt: 77 vectors of {unet.config.cross_attention_dim}"],
        ["schedule and loss", "the lines above", "the same lines"],
        ["sampler", "DDIM", "DDIM, or any other: it came with PNDM"],
    ],
)  # fmt: skip

# %% [markdown]
# - **Latents.** It denoises what a VAE keeps of a picture, not pixels: section 1.
# - **Prompts.** The network also reads vectors of words, and guidance exaggerates what they change:
#   sections 2 and 3.
# - **Data.** Captioned pictures from LAION, far too many to remember them all; the most repeated
#   ones it does remember ([Carlini and others, 2023](https://arxiv.org/abs/2301.13188)).
#
# ## Then and now
#
# - **1956.** Robbins, after Tweedie, shows that the best guess of what is behind Gaussian noise
#   needs only the density of the noisy values.
# - **2011.** [Vincent](https://doi.org/10.1162/NECO_a_00142): to train a denoiser is to learn the
#   score.
# - **2013.** [word2vec](https://arxiv.org/abs/1301.3781) makes embeddings that are learnt, not
#   written, a household tool; in 2021 [CLIP](https://arxiv.org/abs/2103.00020) puts pictures and
#   sentences into one space.
# - **2015.** [Sohl-Dickstein and others](https://arxiv.org/abs/1503.03585) destroy data step by
#   step and learn the way back.
# - **2020.** [DDPM](https://arxiv.org/abs/2006.11239): a thousand steps, epsilon prediction, the
#   loss above, and pictures people wanted to look at. In October DDIM takes fewer steps.
# - **2022.** [Karras and others](https://arxiv.org/abs/2206.00364) sort schedules, networks and
#   samplers into choices that one can make one at a time.
#
# ## Check yourself
#
# **1.** Two pictures show the same fox, once on green and once on pink. Are they close as pixels?
# As CLIP embeddings?
#
# <details><summary>Answer</summary>
#
# As pixels no: the background is most of the numbers. As embeddings that were learnt from captions,
# presumably: "a fox" describes both. How much of the background CLIP keeps is an experiment, and
# section 2 makes it.
#
# </details>
#
# **2.** Why is the picture multiplied by $\sqrt{\bar\alpha_t}$, not by $\bar\alpha_t$?
#
# <details><summary>Answer</summary>
#
# Because variances add, and multiplying by $c$ multiplies a variance by $c^2$. With the roots, data
# of variance one stay at variance one at every $t$, and the network always sees numbers of the same
# size.
#
# </details>
#
# **3.** Your model's first implied picture, at $t=999$, is a blurred brown square. Is it broken?
#
# <details><summary>Answer</summary>
#
# No. From pure noise every picture is possible and the best guess is the average of the training
# set. It would be suspicious if it were sharp.
#
# </details>
#
# **4.** A colleague trains longer and the loss stops at 0.3. "It does not learn," he says. What do
# you answer?
#
# <details><summary>Answer</summary>
#
# The loss has a floor that no denoiser can get below, since the noise cannot be known exactly.
# Compare it with that floor where it can be computed, and else judge samples.
#
# </details>
#
# ## Exercises
#
# 1. Give `embed` the background, one number for each colour. How do the nearest neighbours change?
# 2. Build `world` at 16×16 and at 64×64 pixels. At which timestep does the ideal denoiser become
#    certain? Why does size matter?
# 3. Give `Denoiser` 4 waves instead of 64, or none. What happens to the ears?
# 4. Replace `denoiser` in the sampler by `ideal`. Where do the points end, and what has the network
#    got that the ideal has not?
# 5. Put another animal's outline in, or the outline of your own initials.
#
# ## Further reading
#
# - J. Ho, A. Jain and P. Abbeel, *Denoising Diffusion Probabilistic Models*, 2020:
#   [arXiv:2006.11239](https://arxiv.org/abs/2006.11239). Its algorithms 1 and 2 are this page in a dozen lines.
# - J. Song, C. Meng and S. Ermon, *Denoising Diffusion Implicit Models*, 2021:
#   [arXiv:2010.02502](https://arxiv.org/abs/2010.02502).
# - T. Karras and others, *Elucidating the Design Space of Diffusion-Based Generative Models*, 2022:
#   [arXiv:2206.00364](https://arxiv.org/abs/2206.00364). The ideal denoiser is in appendix B.3.
# - S. Lin and others, *Common Diffusion Noise Schedules and Sample Steps Are Flawed*, 2024:
#   [arXiv:2305.08891](https://arxiv.org/abs/2305.08891). Why it matters that a little picture is
#   left at the last step.
# - P. Vincent, *A Connection Between Score Matching and Denoising Autoencoders*, 2011:
#   [doi:10.1162/NECO_a_00142](https://doi.org/10.1162/NECO_a_00142).
#
# **Next**: Stable Diffusion denoises neither points nor pixels but *latents*. What does a latent
# keep?
