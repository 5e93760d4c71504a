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
# # 3. Guidance as arrows
#
# Everybody who has used Stable Diffusion has turned the knob called *guidance scale*, and has seen
# what it does: a little more of it, and the picture obeys; too much, and it burns. Behind the knob
# stand two predictions and one sum. This section takes them apart: draws the predictions as arrows,
# measures what the sum buys and what it costs, and follows the words of the prompt to the places
# where they are read.
#
# **You will be able to**
#
# - write classifier-free guidance in three lines, and say what a scale of 0, 1 and 7.5 means;
# - say how long the two predictions are, how far apart, and where the guided one lies;
# - read a guidance sweep: what rises, what falls, and what merely turns gaudy;
# - explain what an empty prompt predicts, what dropping captions has to do with it, and what a negative
#   prompt puts in its place;
# - add a meaning to a prompt by arithmetic, and test it where it was not made;
# - draw a word's attention map, check it against the truth, and change a word without moving the
#   animal.
#
# **Time**: 45 minutes to read, about a minute to run on two CPU cores. **You need**: section 2, and
# from the [refresher](00_refresher.ipynb) the noise schedule and what a denoiser predicts.
#
# **How to read**: wherever it says **Predict**, commit to an answer before you look. Each number in
# the text below a cell was computed by that cell or comes from a stored measurement, of which the
# cell measures a part again. New words are in the [glossary](../book/glossary.md).

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
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch

from course_utils import show
from course_utils.critters import caption, sample
from course_utils.critters.dataset import HELD_OUT_SEED
from course_utils.diffusion.generate import TextToImage
from course_utils.diffusion.samplers import stock_scheduler
from course_utils.measure import lesson
from course_utils.measure.sweeps import guidance, stored

show.style()
draw = TextToImage.load()
unet = draw.unet
lesson.note()

# %% [markdown]
# `unet` is the denoiser of section 2, a `UNet2DConditionModel` like Stable Diffusion's. It takes a
# noisy latent $z$, a timestep $t$ and the vectors of a prompt, and predicts the noise. In the last part
# of its training a tenth of the captions was replaced by empty ones. So the same network answers two
# questions: *what is the noise, if this is the prompt?* and *what is it, if I do not know the prompt?*
#
# ## Two predictions and one sum
#
# Where does guidance come from? We would like pictures that show the prompt $c$ *clearly*. Take the
# pictures' density and sharpen the part that says how well $c$ fits, with an exponent $w$ above one:
#
# $$
# p_w(z) \;\propto\; p(z)\,p(c\mid z)^w .
# $$
#
# The gradient of its logarithm is a sum, and Bayes' rule gets rid of the classifier $p(c\mid z)$:
#
# $$
# \begin{aligned}
# \nabla\log p_w &= \nabla\log p(z) + w\,\nabla\log p(c\mid z) \\[4pt]
# &= \nabla\log p(z) + w\,\big[\nabla\log p(z\mid c)-\nabla\log p(z)\big].
# \end{aligned}
# $$
#
# A noise prediction is such a gradient, up to a factor $-\sqrt{1-\bar\alpha_t}$ ([refresher](00_refresher.ipynb)).
# So, with $\epsilon_u$ for *unconditional* and $\epsilon_c$ for *conditional*,
#
# $$
# \epsilon_w = \epsilon_u + w\,(\epsilon_c-\epsilon_u).
# $$
#
# That is **classifier-free guidance** ([Ho and Salimans, 2022](https://arxiv.org/abs/2207.12598)):
# three lines.

# %%
def guided(z, t, words, nothing, w):
    both = unet(torch.cat([z, z]), t, torch.cat([nothing, words])).sample
    epsilon_u, epsilon_c = both.chunk(2)
    return epsilon_u + w * (epsilon_c - epsilon_u)


# %% [markdown]
# (A word of caution. The derivation sharpens the density at *each* noise level, and the sharpened
# densities do not belong to one noising process. Where a guided sampler ends is therefore not quite
# $p_w$: [Bradley and Nakkiran, 2024](https://arxiv.org/abs/2408.09000).)
#
# A sampler calls it once a step and knows nothing of prompts:

# %%
@torch.inference_mode()
def sampled(noise, words, nothing, w, steps=25):
    scheduler, z = stock_scheduler("ddim", steps), noise
    for t in scheduler.timesteps:
        epsilon = guided(z, t, words, nothing, w)
        z = scheduler.step(epsilon, t, z).prev_sample
    return z


# %% [markdown]
# Is this what the real pipeline does? The course can write its model as a folder that the stock
# `StableDiffusionPipeline` loads, just as it loads Stable Diffusion.

# %%
import tempfile

import diffusers
import transformers

from course_utils.models.export import export
from course_utils.models.schedulers import scheduler

for library in (diffusers, transformers):
    library.utils.logging.set_verbosity_error()
    library.utils.logging.disable_progress_bar()
with tempfile.TemporaryDirectory() as folder:
    place = export("text_to_image", f"{folder}/model")
    stock = diffusers.StableDiffusionPipeline.from_pretrained(place)
stock.to(unet.device, unet.dtype)
stock.scheduler = scheduler("ddim")
stock.set_progress_bar_config(disable=True)

# %% [markdown]
# **Predict.** We ask both for the same prompt from the same noise, at scales of 3 and 7.5, and
# compare latents, number by number. And then at 0: what will the pipeline draw?

# %%
prompt = caption(sample(1, HELD_OUT_SEED)[0])
words, nothing = draw.text.read([prompt, ""]).split(1)
noise = draw.noise([0])


def piped(w):
    """The stock pipeline's latent."""
    options = dict(num_inference_steps=25, latents=noise, output_type="latent")
    return stock(prompt, guidance_scale=w, **options).images.cpu().float()


def apart(a, b):
    """The largest difference, as a share of the largest number."""
    return ((a - b).abs().max() / b.abs().max()).item()


ours = {w: sampled(noise, words, nothing, w) for w in (1.0, 3.0, 7.5)}
gaps = {w: apart(ours[w], piped(w)) for w in (3.0, 7.5)}
at_zero = apart(ours[1.0], piped(0.0))

# %% tags=["hide-input"]
show.say(
    f"For *{prompt}* our latents and the pipeline's differ by "
    f"{show.below(max(gaps.values()), 1e-5)} of their largest number. At a "
    "scale of 0 the pipeline's is *our latent for a scale of 1*, to "
    f"{show.below(at_zero, 1e-5)}: wherever the scale is not above 1, the "
    "pipeline takes it for *no guidance, please*, and evaluates the prompt "
    "alone. Scales from 0 to 1 need a loop of one's own."
)

# %% [markdown]
# We have one. Six scales at once, from the same noise; nothing in `guided` minds that `w` is now six
# numbers.

# %%
SCALES = (0.0, 0.5, 1.0, 3.0, 7.5, 15.0)
ladder = sampled(
    *(x.expand(len(SCALES), *x.shape[1:]) for x in (noise, words, nothing)),
    w=torch.tensor(SCALES).view(-1, 1, 1, 1),
)

# %% tags=["hide-input"]
show.pictures(
    {" ": draw.decode(ladder)},
    columns=[f"w = {w:g}" for w in SCALES],
    alt="Six pictures from the same noise at rising guidance scales. At zero "
    "another animal on another wall; at a half the cat, but not the wall; from "
    "one on the cat on pink that was asked for; at fifteen the same, with "
    "hard dark outlines.",
)

# %% [markdown]
# Mind how scales are counted. Here, in `diffusers` and in Imagen, $w=1$ is the plain conditional
# prediction. Ho and Salimans count from there, so their $w$ is one less.
#
# ## The arrows
#
# A prediction for one picture is a list of 4×16×16 numbers: an arrow in a space of 1,024 dimensions.
# We sample eight pictures at $w=3$ and keep both arrows at every step.
#
# **Predict.** Two random directions in so many dimensions stand at right angles. How large is the
# angle between $\epsilon_u$ and $\epsilon_c$: ninety degrees, thirty, three? When in the course of
# sampling is it largest?

# %%
scenes = sample(8, HELD_OUT_SEED)
states = draw.text.read([caption(scene) for scene in scenes])
empty = nothing.expand_as(states)


@torch.inference_mode()
def arrows(noise, words, nothing, w):
    """Both predictions at each step: [steps, 2, n, 4, 16, 16]."""
    scheduler, z, seen = stock_scheduler("ddim", 25), noise, []
    for t in scheduler.timesteps:
        both = unet(torch.cat([z, z]), t, torch.cat([nothing, words])).sample
        seen.append(both.unflatten(0, (2, -1)))
        epsilon = seen[-1][0] + w * (seen[-1][1] - seen[-1][0])
        z = scheduler.step(epsilon, t, z).prev_sample
    return torch.stack(seen), scheduler.timesteps.tolist()


W = 3.0
pairs, times = arrows(draw.noise(range(8)), states, empty, W)
epsilon_u, epsilon_c = pairs.unbind(1)
difference = epsilon_c - epsilon_u

# %%
PICTURE = (-3, -2, -1)


def length(x):
    """Root mean square of the numbers: 1 for pure noise."""
    return x.square().mean(PICTURE).sqrt()


def degrees(a, b):
    """The angle between two arrows."""
    cosine = (a * b).mean(PICTURE) / (length(a) * length(b))
    return cosine.clamp(-1, 1).arccos().rad2deg()


# %%
from course_utils.measure import trajectories

between = degrees(epsilon_u, epsilon_c)
exact = trajectories.angle(epsilon_u.flatten(0, 1), epsilon_c.flatten(0, 1))
assert (between.flatten() - exact.rad2deg()).abs().max() < 0.1

# %% tags=["hide-input"]
NAMED = {
    "unconditional": epsilon_u,
    "conditional": epsilon_c,
    "guided": epsilon_u + W * difference,
    "difference": difference,
}
show.bands(
    {
        f"length of the arrows (w = {W:g})": {n: length(x).T.numpy() for n, x in NAMED.items()},
        "angle between the two predictions, in degrees": {"angle": between.T.numpy()},
    },
    times,
    alt="Two panels against the timestep, sampling from left to right. Above, "
    "the lengths: both predictions and the guided one lie close to one and to "
    "each other, the difference far below. Below, the angle between the "
    "two predictions, a few degrees, against the timestep.",
    colours=dict(zip((*NAMED, "angle"), ("grey", "blue", "orange", "green", "purple"))),
    legend="below",
    xlim=(1020, 20),
    xlabel="timestep t: from noise (left) to picture (right)",
)  # fmt: skip

# %% tags=["hide-input"]
from course_utils.measure.pictures import Interval, mean_and_interval


def spread(interval, factor=1.0, unit=""):
    """Mean and 95 % interval; equal values have no width to tell of."""
    mean, half = factor * interval.mean, factor * interval.half_width
    return f"{mean:.3g} ± {half:.2g}{unit}" if half > 1e-9 else f"{mean:.3g}{unit} (all {interval.n} alike)"


def over(values):
    return mean_and_interval(values.tolist())


FIRST, MIDDLE, LAST = 0, len(times) // 2, len(times) - 1
steepest = int(between.mean(1).argmax())
shares = (length(difference) / length(epsilon_c)).mean(1)
show.say(
    f"The first step has the two predictions **{spread(over(between[FIRST]))} "
    f"degrees** apart, the middle one (t = {times[MIDDLE]}) "
    f"{spread(over(between[MIDDLE]))}, the last (t = {times[LAST]}) "
    f"{spread(over(between[LAST]))}. The difference, all that "
    "the prompt has to say, is between "
    f"{100 * shares.min():.2g} and {100 * shares.max():.2g} % as long as the "
    "conditional prediction. (n = 8 prompts, mean and 95 % "
    "[confidence interval](../book/glossary.md).)"
)

# %% [markdown]
# So most of what a denoiser says is *the noise*, and about that both agree. The prompt is a slight
# turn of the arrow, and guidance multiplies the turn.
#
# ### The plane they span
#
# Two arrows from one origin span a plane, and in that plane they can be drawn with their true lengths
# and their true angle. No projection, nothing lost.
#
# **Predict.** Where in this plane does the guided arrow for $w=3$ end? And is it longer than the conditional one?
#
# Put $\epsilon_u$ along the first axis; then


# %%
def in_plane(a, b):
    """b along a, and at right angles to it: the two numbers that place it."""
    along = (a * b).sum() / a.norm()
    return along.item(), (b - along * a / a.norm()).norm().item()


def placed(k, picture=0):
    """Where the three arrows end, in the plane, at step k."""
    u, c = epsilon_u[k, picture], epsilon_c[k, picture]
    x, y = in_plane(u, c)
    g = in_plane(u, u + W * (c - u))
    return {"unconditional": (u.norm().item(), 0.0), "conditional": (x, y), "guided": g}


# %%
shown = (FIRST, MIDDLE, LAST)
drawn_in = {f"t = {times[k]}": placed(k) for k in shown}
u, c = epsilon_u[steepest, :1], epsilon_c[steepest, :1]
known = trajectories.in_their_plane(u, c)[0]
at = placed(steepest)
assert np.allclose([at["unconditional"], at["conditional"]], known, atol=1e-2)
straight = np.array(at["unconditional"]) * (1 - W) + W * np.array(at["conditional"])
assert np.allclose(at["guided"], straight, atol=1e-2)

# %% tags=["hide-input"]
from course_utils.show.guidance import plane

plane(
    drawn_in,
    alt="Three rows, at the first, a middle and the last timestep. On the left "
    "three long arrows from the origin, close to each other like the ribs of a fan. On the "
    "right only their ends, enlarged: unconditional, conditional and guided "
    "lie on one straight dotted line, the guided one three times as far "
    "from the unconditional one as the conditional.",
    colours={"unconditional": "grey", "conditional": "blue", "guided": "orange"},
)

# %% [markdown]
# On the left, how little the prompt turns the arrow (an arrow of pure noise is $\sqrt{1024}=32$ long); on
# the right, what guidance does with it: it walks on along the dotted line. The asserts check that the
# guided arrow has no part outside of the plane, and stands on that line.
#
# Which way does the line point? Split the difference into a part *along* the conditional prediction,
# which makes it longer or shorter, and a part *at right angles*, which turns it.

# %%
along, across = trajectories.projected(
    difference.flatten(0, 1), epsilon_c.flatten(0, 1)
)
turns = (across.square().sum(PICTURE) / difference.flatten(0, 1).square().sum(PICTURE))
turns = turns.view(len(times), -1)
guided_arrow = epsilon_u + W * difference
stretch = (length(guided_arrow) / length(epsilon_c)).mean(1)
longest = int(stretch.argmax())
side = (length(across) / length(epsilon_c.flatten(0, 1))).view(len(times), -1)
only = (1 + (W - 1) ** 2 * side.square()).sqrt().mean(1)  # if no part pointed along

# %% tags=["hide-input"]
grown, turned = stretch[longest].item() - 1, only[longest].item() - 1
longer = int((stretch > 1).sum())
show.say(
    f"Of the squared length of the difference {100 * turns.mean():.3g} % lie at right angles to the "
    f"conditional prediction: guidance mostly *turns*. Guided arrows are longer than conditional ones at "
    f"{longer if longer < len(times) else 'each'} of the {len(times)} timesteps, at most by {100 * grown:.2g} % "
    f"(at t = {times[longest]}). From the conditional prediction guidance goes on by {W - 1:g} differences, and "
    f"steps sideways lengthen an arrow, too: they alone would make {100 * turned:.2g} %"
    + (", which is nearly all of it. " if turned > 0.8 * grown else
       ". The rest is the small part of the difference that points *along*: it counts in full, a sideways "
       "one only by its square. ")
    + "Too long a noise prediction takes away more noise than there is, and what shows is contrast. Remember "
    "it for the repairs below."
)  # fmt: skip

# %% tags=["hide-input"]
from course_utils.measure.claims import settle

settle(
    "C10",
    "holds" if max(gaps.values()) < 1e-5 else "does not hold",
    number=f"the stock pipeline's latents within {1e-5:g}; predictions "
    f"{between.mean(1).min():.2g} to {between.mean(1).max():.2g} degrees apart",
    sentence="Three lines give what StableDiffusionPipeline gives at scales of "
    f"3 and 7.5 ({show.below(max(gaps.values()), 1e-5)} of the largest number "
    "apart, after 25 steps); scales in [0, 1], which it drops, need a loop of "
    f"one's own. Along guided paths (w = {W:g}, n = 8 prompts) the two "
    f"predictions are {spread(over(between[0]))} degrees apart at t = "
    f"{times[0]}, at most {spread(over(between[steepest]))} at t = "
    f"{times[steepest]}. {100 * turns.mean():.0f} % of the difference's squared "
    "length are at right angles to the conditional prediction. That the sum "
    "*extrapolates* is exact: the guided arrow lies on the line through both.",
    source="diffusers' StableDiffusionPipeline, loaded from the exported folder",
)  # fmt: skip

# %% [markdown]
# ## What the scale buys, and what it costs
#
# *A larger scale follows the prompt more and costs diversity*, says everyone. We count. For each of
# several prompts and scales, four pictures from four seeds:
#
# - **accuracy**: of what the caption states, how much the critic reads off the picture;
# - **diversity**: how far apart, in the critic's features, the pictures of one prompt are;
# - **saturation** of the colours, and **contrast**, the spread of light and dark over the picture: of both a
#   guided arrow's length makes one suspicious.
#
# Dashed stands what renders of the same prompts score, drawn by the course itself: the world's own
# diversity, and its own colours.
#
# **Predict.** Sketch four curves, from $w=0$ to 15. Which rises? Which falls? Which has its best value
# in between?

# %%
from course_utils.models import card

model_card = card("text_to_image")
sweep, fine = stored("guidance_scales"), stored("guidance_fine")
renders = sweep["facts"]["renders"] | {"n": sweep["n"]}
TITLES = {
    "accuracy": "accuracy, share of what the caption states",
    "diversity": "diversity, mean distance between seeds",
    "saturation": "saturation",
    "contrast": "contrast",
}
FEW, ALL = f"{guidance.STEPS} steps", f"{draw.steps} steps"


def measured(kept, key):
    """Scales, means, half-widths."""
    rows = kept["facts"]["rows"]
    return [row["scale"] for row in rows], *zip(*(row[key] for row in rows))


panels = {title: {FEW: measured(sweep, key), ALL: measured(fine, key)} for key, title in TITLES.items()}
carded = {row["scale"]: row for row in model_card["sweep"]}  # accuracy with all steps: more scales, no error kept
right_with_all = [row["mean_accuracy"] for row in carded.values()]
panels[TITLES["accuracy"]][ALL] = list(carded), right_with_all, None

# %% tags=["hide-input", "front-page"]
from course_utils.show.guidance import sweep as sweep_figure

sweep_figure(
    panels,
    alt="Four panels against the guidance scale from zero to fifteen. Accuracy "
    "jumps to nearly one at one; with ten steps it is highest at three and falls behind it, "
    "with twenty-five it stays up to seven and a half and falls a little at fifteen. "
    "Diversity falls steeply to three, where it is that of renders, and rises "
    "again. Saturation is a little above the renders' at 7.5 and below at fifteen. Contrast rises "
    "all the way, from below the renders' to above. With all steps, at one and fifteen only "
    "but for accuracy, error bars are wide.",
    colours={FEW: "orange", ALL: "blue"},
    floors={title: ("renders", renders[key][0]) for key, title in TITLES.items()},
    limits={TITLES["accuracy"]: (0.3, 1.02)},
    xlabel="guidance scale w",
)

# %% tags=["hide-input"]
def by(key, kept):
    """Rows of a stored sweep by what they vary, each with its n."""
    return {row[key]: row | {"n": kept["n"]} for row in kept["facts"]["rows"]}


def told(row, key, factor=1.0, unit=""):
    """A stored mean and its 95 % interval."""
    return spread(Interval(*row[key], row["n"]), factor, unit)


def percent(row, key):
    return told(row, key, 100, " %")


def line(name, row):
    return [name, told(row, "accuracy", 100), told(row, "diversity"), told(row, "saturation"),
            told(row, "contrast"), told(row, "clipped", 100)]  # fmt: skip


def told_apart(a, b, key):
    """Whether two stored means differ by more than their intervals leave open."""
    return abs(a[key][0] - b[key][0]) > np.hypot(a[key][1], b[key][1])


# %% tags=["hide-input"]
at, finer = by("scale", sweep), by("scale", fine)
COLUMNS = ["accuracy, %", "diversity", "saturation", "contrast", "clipped, %"]
show.table(
    ["", *COLUMNS],
    [
        *[line(f"w = {w:g}, {FEW}", row) for w, row in at.items()],
        line("renders of these prompts", renders),
        *[line(f"w = {w:g}, {ALL}", row) for w, row in finer.items()],
        line("renders of these prompts", fine["facts"]["renders"] | {"n": fine["n"]}),
    ],
)

# %%
quick = replace(draw, steps=guidance.STEPS)
again = guidance.guidance_scales(3, None, scales=(3.0,), draw=quick)["rows"][0] | {"n": 3}
value, half = at[3.0]["accuracy"]
lesson.agree(again["accuracy"][0], value, half + 0.02, "accuracy")

# %% tags=["hide-input"]
show.say(
    f"({FEW}: n = {sweep['n']} prompts × {sweep['facts']['seeds']} seeds at each "
    f"scale; {ALL}: n = {fine['n']} prompts, and in the figure's accuracy the model card's, one picture for each of "
    f"{carded[3.0]['n']} captions. ± is the 95 % interval over prompts, whose seeds are "
    "no independent witnesses; where all are alike it has no width to tell of. Diversity is in units of "
    "the critic's 64 features. *Clipped* is the share of numbers of a picture that are 0 "
    f"or 255. Measured again here, {again['n']} of the prompts at w = 3 with {FEW}, "
    f"{again['pictures']} pictures: accuracy {percent(again, 'accuracy')}, which must lie "
    f"within {100 * (half + 0.02):.3g} percentage points of what is stored.)"
)

# %% tags=["hide-input"]
one, three, most = at[1.0], at[3.0], at[15.0]
follows = three["accuracy"][0] > one["accuracy"][0] and told_apart(one, three, "accuracy")
narrower = three["diversity"][0] < one["diversity"][0] and told_apart(one, three, "diversity")
turns_round = most["accuracy"][0] < three["accuracy"][0] and most["diversity"][0] > three["diversity"][0]
true_loss = three["diversity"][0] < renders["diversity"][0] and told_apart(three, renders, "diversity")
firmer = [told_apart(most, renders, key) and most[key][0] > renders[key][0] for key in ("saturation", "contrast")]
show.say(
    f"From 1 to 3 accuracy {'rises' if follows else 'does not clearly rise'} and diversity "
    f"{'falls' if narrower else 'does not clearly fall'}. But look at the dashed line: at w = 1 pictures of one prompt "
    f"differ by {told(one, 'diversity')}, renders by {told(renders, 'diversity')}. What is above it is no variety of "
    "the world's, it is mistakes. What guidance costs of *true* variety is what lies below: at 3 it "
    f"is {told(three, 'diversity')}, {'which is less' if true_loss else 'which cannot be told from the renders'}. "
    + ("Behind 3 the lines turn round: accuracy *falls*, diversity *rises*. No variety has come back. Arrows so long "
       "lead out of the world that the network knows, pictures break, and broken pictures differ. So beware of "
       "diversity as a number by itself: debris is diverse. " if turns_round else "")
    + f"Of the two that one would call *burnt*, contrast {'ends above' if firmer[1] else 'does not end clearly above'} "
    f"the renders', saturation {'does so, too' if firmer[0] else 'does not'}."
)

# %% [markdown]
# And as a crowd? The **Fréchet distance** of pictures to renders asks that. Of the pictures above it would
# mislead: seeds of one prompt are alike, so it would be the distance of a few dozen prompts, and a crowd
# that varies more within a prompt would score better for that alone. The model's card has a sweep that
# suits: one picture for each caption, many captions, all steps.
#
# **Predict.** At which scale is the crowd most like the world? Where the words are followed best? And is $w=0$
# or 15 further off?

# %%
captions, full = carded[3.0]["n"], model_card["measured"]["steps"]
lowest = carded[3.0]["frechet_floor"]
from_renders = {w: row["frechet"] for w, row in carded.items()}

# %% tags=["hide-input"]
show.curves(
    {
        "Fréchet distance to renders": {
            f"{captions} captions, {full} steps": (list(from_renders), list(from_renders.values())),
            "floor: renders": (list(from_renders), [lowest] * len(from_renders)),
        }
    },
    alt="The Fréchet distance against the guidance scale: far above the floor at zero, nearly on it from two "
    "to seven and a half, and far above it again at fifteen.",
    colours={f"{captions} captions, {full} steps": "blue", "floor: renders": "grey"},
    markers=True,
    xlabel="guidance scale w",
)

# %% tags=["hide-input"]
whole = model_card["measured"]
show.table(
    ["w", "n", "accuracy, %", "Fréchet distance", "its floor", "KID"],
    [
        *[[f"{w:g}", row["n"], f"{100 * row['mean_accuracy']:.3g}", row["frechet"], lowest, f"{row['kid']:.3f}"]
          for w, row in carded.items()],
        [f"{whole['guidance']:g}", whole["n"], f"{100 * whole['mean_accuracy']:.3g}", whole["frechet"],
         whole["frechet_floor"], f"{whole['kid']:.3f} ± {whole['kid_standard_error']:.2g}"],
    ],
)  # fmt: skip

# %% tags=["hide-input"]
least = min(from_renders, key=from_renders.get)
full_right = {w: f"{100 * row['mean_accuracy']:.3g} %" for w, row in carded.items()}
alike = [w for w, row in carded.items() if row["kid"] <= 0]
nearest = f"from {min(alike):g} to {max(alike):g}" if alike else f"at {least:g}"
coarse = sum(at[7.5]["accuracy"]) < carded[7.5]["mean_accuracy"]
breaks = carded[15.0]["mean_accuracy"] < carded[1.0]["mean_accuracy"]
excess = whole["kid"] - whole["kid_floor"]
doubt = 1.96 * np.hypot(whole["kid_standard_error"], whole["kid_floor_standard_error"])
show.say(
    f"(One picture for each of n captions against n renders, the floor: renders of those captions. ± is one "
    f"standard error; for n = {captions} none was kept.) The least Fréchet distance is at {least:g}, but its "
    f"neighbours are hardly further. KID, whose expectation for two like crowds is zero, is not above it {nearest}: "
    f"*there* the crowd is most like the world's, and more cannot be told. With n = {whole['n']:,} KID at "
    f"{whole['guidance']:g} is {excess:.2g} ± {doubt:.2g} above its floor (95 %), so the crowd "
    f"{'does differ a little' if excess > doubt else 'is still not clearly another'}. Do pictures above break for "
    f"want of steps? At 7.5 {'they do' if coarse else 'not for that alone'}: {FEW} leave "
    f"{percent(at[7.5], 'accuracy')} of the words right, {full} steps {full_right[7.5]}"
    f"{': so few steps exaggerate what the scale does' * coarse}. At 15 "
    f"{'all steps do not save them' if breaks else 'all steps save the words, too'}: {full_right[15.0]}, and the "
    f"distance is {from_renders[15.0]:.3g}."
)

# %% [markdown]
# ### Two repairs
#
# Guided arrows come out too long, and guidance at the very first steps decides much very early. For each
# there is a repair of a line or two. **Rescaling** brings the guided prediction back, a good part of
# the way, to the spread of the conditional one ([Lin and others,
# 2024](https://arxiv.org/abs/2305.08891)). A **guidance interval** guides at middle noise levels only
# ([Kynkäänniemi and others, 2024](https://arxiv.org/abs/2404.07724)); outside, one evaluation is
# enough.


# %%
def rescaled(guided, epsilon_c, share=0.7):
    axes = (1, 2, 3)
    ratio = epsilon_c.std(axes, keepdim=True) / guided.std(axes, keepdim=True)
    return guided * (share * ratio + 1 - share)


def scale_within(t, w, low=200, high=700):
    return w if low < t <= high else 1.0


# %%
from course_utils.diffusion import guidance as library

few = guided_arrow[0], epsilon_c[0]
torch.testing.assert_close(rescaled(*few), library.rescaled(*few))
for t in (999, 701, 700, 500, 200):
    assert scale_within(t, 7.5) == library.scale_at(t, 7.5, (200, 700))

# %% [markdown]
# **Predict.** At $w=7.5$ and ten steps, where pictures break: what will each of them mend, the colours,
# the obedience, the variety?

# %%
REPAIRS = {"as it is": {}, "rescaled": {"rescale": 0.7}, "interval": {"interval": (200, 700)}}
asked, seeds = [caption(scene) for scene in scenes[:3]], range(3)
repaired = {
    name: draw(asked, seeds, guidance_scale=7.5, steps=guidance.STEPS, **options)
    for name, options in REPAIRS.items()
}

# %% tags=["hide-input"]
show.pictures(
    {f"w = 7.5, {name}": made for name, made in repaired.items()},
    alt="Three animals in three rows, all at a guidance scale of 7.5: as it is; "
    "rescaled, the same animals, a little softer; and guided in an interval "
    "only, other poses with calmer outlines, and the third cat greyer.",
)

# %% tags=["hide-input"]
mended = by("name", stored("guidance_repairs"))
show.table(
    [FEW, *COLUMNS, "evaluations"],
    [
        [*line("w = 3", at[3.0]), f"{at[3.0]['evaluations']:g}"],
        [*line("w = 7.5", at[7.5]), f"{at[7.5]['evaluations']:g}"],
        *[[*line(f"w = 7.5, {name}", row), f"{row['evaluations']:g}"]
          for name, row in mended.items()],
        [*line("renders", renders), ""],
    ],
)  # fmt: skip

# %% tags=["hide-input"]
plain, tamed, inside = at[7.5], mended["rescale"], mended["interval"]
KINDS = ("saturation", "contrast", "clipped")
calmed = [key for key in KINDS if told_apart(plain, tamed, key) and tamed[key][0] < plain[key][0]]
higher = [key for key in KINDS if tamed[key][0] >= plain[key][0]]
show.say(
    "Rescaling is meant for the colours. From 7.5 as it is to 7.5 rescaled: saturation "
    f"{told(plain, 'saturation')} → {told(tamed, 'saturation')} (renders {told(renders, 'saturation')}), contrast "
    f"{told(plain, 'contrast')} → {told(tamed, 'contrast')} (renders {told(renders, 'contrast')}), clipped numbers "
    f"{percent(plain, 'clipped')} → {percent(tamed, 'clipped')}. "
    f"{'Clearly lower: ' + ', '.join(calmed) if calmed else 'Within these intervals none is clearly lower'}"
    f"{', and not lower at all: ' + ', '.join(higher) if higher else ''} (n = {tamed['n']} prompts)."
)

# %% tags=["hide-input"]
lifts = told_apart(plain, inside, "accuracy") and inside["accuracy"][0] > plain["accuracy"][0]
rival = [key for key in ("accuracy", "diversity", *KINDS) if told_apart(inside, three, key)]
saved = {w: 1 - inside["evaluations"] / at[w]["evaluations"] for w in (3.0, 7.5)}
show.say(
    f"The interval {'lifts' if lifts else 'does not clearly lift'} accuracy, from {percent(plain, 'accuracy')} to "
    f"{percent(inside, 'accuracy')}"
    f"{': so the damage is done by the push outside of it, at one end or at both' * lifts}. But nobody has to guide at "
    "7.5. Its fair rival is the plain scale of 3, in the same table: against that "
    f"{'it differs clearly in ' + ', '.join(rival) if rival else 'no column tells the two apart'}. What it "
    f"surely gains is {100 * saved[3.0]:.3g} % of the evaluations. (Kynkäänniemi and others, who took the ends apart, "
    "find that at the first guidance harms, and at the last it is wasted.)"
)

# %% tags=["hide-input"]
settle(
    "C11",
    "holds" if follows and narrower and true_loss and not turns_round
    else "holds within limits" if follows and narrower
    else "does not hold",
    number=f"from w = 1 to 3 accuracy {percent(one, 'accuracy')} → {percent(three, 'accuracy')}, "
    f"diversity {told(one, 'diversity')} → {told(three, 'diversity')}",
    sentence=f"From w = 1 to 3 the words are {'followed more' if follows else 'not clearly followed more'}, and "
    f"pictures of one prompt {'become less diverse' if narrower else 'do not clearly become less diverse'}. Renders "
    f"have {told(renders, 'diversity')}: the excess at 1 is mistakes, and at 3 true variety is "
    f"{'lower' if true_loss else 'not clearly lower'} (n = {one['n']} prompts). At 15, with {FEW}, accuracy is "
    f"{percent(most, 'accuracy')}, diversity {told(most, 'diversity')} ({'broken ones differ; ' * turns_round}with "
    f"{full} steps {full_right[15.0]} of words are right, n = {captions}), contrast {told(most, 'contrast')} "
    f"(renders {told(renders, 'contrast')}), saturation {told(most, 'saturation')} ({told(renders, 'saturation')}). At "
    f"7.5 rescaling takes saturation from {told(plain, 'saturation')} to {told(tamed, 'saturation')}; an interval "
    f"brings accuracy from {percent(plain, 'accuracy')} to {percent(inside, 'accuracy')}, a plain 3 has "
    f"{percent(three, 'accuracy')}. As a crowd, one picture for each of {captions} captions with {full} steps, "
    "they have a Fréchet distance of "
    + ", ".join(f"{from_renders[w]:.3g} at {w:g}" for w in (0.0, 1.0, 3.0, 7.5, 15.0))
    + f" (floor {lowest:.3g}; the critic's 64 features; no error was kept).",
)  # fmt: skip

# %% [markdown]
# ## What the empty prompt says
#
# The unconditional arrow is the one that guidance leads *away from*, so it pays to know what it is. If
# training did its work, it is the prediction of somebody who was not told the caption: an average
# over all captions, each weighted by how well it fits what can be seen in $z$,
#
# $$
# \epsilon_u(z) = \sum_c p(c\mid z)\,\epsilon_c(z).
# $$
#
# **Predict.** In noise hardly anything can be seen, so captions weigh nearly alike. Will the plain average
# of the conditional predictions for dozens of random captions be close to the empty prompt's? And
# later, when the picture has taken shape?

# %%
from course_utils.critters.dataset import pictures
from course_utils.diffusion import schedule

codes = draw.encode(pictures(24, HELD_OUT_SEED))
fresh = draw.noise(range(100, 124))
told_all = sample(24, HELD_OUT_SEED)
contexts = draw.text.read([caption(scene) for scene in told_all])
TIMES = (999, 800, 500, 200)


@torch.inference_mode()
def predicted(z, t, context, network=None):
    return (network or unet)(z, t, context.expand(len(z), -1, -1)).sample


# %%
crowd = draw.text.read([caption(s, variant=k) for k, s in enumerate(sample(32, 5))])
to_empty, to_average, to_others = {}, {}, {}
for t in TIMES:
    z = schedule.noise(codes, fresh, t)[:8]
    each = torch.stack([predicted(one.expand(32, -1, -1, -1), t, crowd) for one in z])
    average, unsaid = each.mean(1, keepdim=True), predicted(z, t, nothing)[:, None]
    to_empty[t] = length(each - unsaid).mean(1)
    to_average[t] = length(unsaid - average)[:, 0]
    # without itself in it, the average of the other 31 is 32/31 as far away
    to_others[t] = length(each - average).mean(1) * 32 / 31

# %% tags=["hide-input"]
FROM = {
    "one caption's, from the empty prompt's": to_empty,
    "the empty prompt's, from the average of 32": to_average,
    "one caption's, from the average of the others": to_others,
    "*by chance, were the empty one that average*": {t: d / 32**0.5 for t, d in to_others.items()},
}
show.table(
    [f"distance of predictions, n = {len(z)} noised scenes", *[f"t = {t}" for t in TIMES]],
    [[name, *[f"{d[t].mean():.3g}" for t in TIMES]] for name, d in FROM.items()],
)

# %% tags=["hide-input"]
amid = {t: over(to_average[t] / to_others[t]) for t in TIMES}
central = [t for t in TIMES if amid[t].high < 1]
show.say(
    "That the average is nearer to the empty prompt's than a single caption is, says nothing: an average "
    "is nearer to *any* point than its members are on average. So look at the second and the third row. "
    f"At t = 999 the empty prompt's arrow is {spread(amid[999])} times as far from the average as a caption's "
    f"is from that of the others, at t = 500 {spread(amid[500])} times (n = {amid[999].n} noised scenes): "
    f"clearly nearer at {len(central)} of {len(TIMES)} timesteps."
)

# %% [markdown]
# In noise the empty prompt speaks from the midst of the captions, and yet not as near to their plain average
# as chance would have it. Captions do not weigh alike even at $t=999$: half a per cent of the variance there
# is picture ([refresher](00_refresher.ipynb)), which is enough to tell a pink wall from a green one. Later
# most captions no longer fit what can be seen, the network knows it, and the plain average of all is
# hardly more the empty prompt's neighbour than another caption's.
#
# We can also ask how *good* the empty prompt's prediction is, by the loss it was trained on: real scenes,
# noised, with their own caption, with none, and with another scene's.


# %%
def miss(context, t, network=None):
    """Mean squared error of the noise: [n]."""
    z = schedule.noise(codes, fresh, t)
    return (predicted(z, t, context, network) - fresh).square().mean(PICTURE)


CAPTIONS = {
    "its own caption": contexts,
    "no caption": nothing,
    "another scene's": contexts.roll(1, 0),
}
errors = {
    name: {t: miss(context, t) for t in TIMES} for name, context in CAPTIONS.items()
}

# %% tags=["hide-input"]
show.table(
    [f"error of the noise, n = {len(codes)}", *[f"t = {t}" for t in TIMES]],
    [
        [name, *[f"{1000 * e.mean():.3g}" for e in by_time.values()]]
        for name, by_time in errors.items()
    ],
)

# %% tags=["hide-input"]
own, none, wrong = errors.values()
costs = {t: over((none[t] / own[t]).log2()) for t in TIMES}
worse = {t: over((wrong[t] / own[t]).log2()) for t in TIMES}
ordered = all(own[t].mean() < none[t].mean() < wrong[t].mean() for t in TIMES)
show.say(
    "(In thousandths of the noise's variance; the factors below are [geometric means](../book/glossary.md) over "
    "scenes.) Not to know the caption costs "
    f"most at t = {max(costs, key=lambda t: costs[t].mean)}, where the error is "
    f"{2 ** max(c.mean for c in costs.values()):.3g} times as large; to be told a "
    f"wrong one is {'worse at every level' if ordered else 'not always worse'}: "
    f"up to {2 ** max(c.mean for c in worse.values()):.3g} times. "
    + "So the empty prompt misleads this network less than a wrong one. Is that an honest *I was not told*? Being "
      "between the two proves little; we need somebody to compare with." * ordered
)

# %% [markdown]
# A reply to *no caption* is what dropping captions in training is for. Is it *needed*?
#
# ### A twin that reads captions anew
#
# The experiment needs a second model. It has all weights of ours but those of cross-attention, the only place
# where captions are read. There it began with random numbers and learnt anew from batches in which **no
# caption was dropped**. Whatever the empty prompt had come to mean where captions are read is gone. To this
# cross-attention it is a text from outside of its world.

# %% tags=["hide-input"]
learnt, relearnt = (card(role)["trained"] for role in ("text_to_image", "text_to_image_nodropout"))
settings = {key: value for one in learnt["options"].values() for key, value in one.items()}  # later ones count
show.say(
    f"It is no twin in all respects. Its cross-attention learnt for {relearnt['steps']:,} steps, that of the model "
    f"for {learnt['steps']:,}; and the weights that it kept saw {100 * float(settings['dropout']):g} % of captions "
    f"dropped, from step {int(settings['dropout_from']):,} of their training on. So two things differ at once, how "
    "long reading was learnt and whether captions were dropped meanwhile. **Here they cannot be told apart**: what "
    "follows is what was seen *together with* dropping."
)

# %% [markdown]
# **Predict.** Look at the table above. Which of its three rows will look different for the twin? And what
# will guidance with *its* empty prompt draw at a scale of 3?

# %%
twin = TextToImage.load(lesson.twin())
twins = {
    name: {t: miss(context, t, twin.unet) for t in TIMES}
    for name, context in CAPTIONS.items()
}

# %% tags=["hide-input"]
show.table(
    [f"error of the noise, n = {len(codes)}", *[f"t = {t}" for t in TIMES]],
    [
        [f"{name}, {who}", *[f"{1000 * e.mean():.3g}" for e in by_time.values()]]
        for name in CAPTIONS
        for who, by_time in (("the model", errors[name]), ("the twin", twins[name]))
    ],
)

# %%
few_seeds, few_words = range(3), [caption(scene) for scene in scenes[:3]]
side_by_side = {
    f"{who}, w = {w:g}": replace(one, steps=guidance.STEPS)(few_words, few_seeds, guidance_scale=w)
    for w in (0.0, 3.0)
    for who, one in (("the model", draw), ("the twin", twin))
}  # fmt: skip

# %% tags=["hide-input"]
show.pictures(
    side_by_side,
    alt="Four rows of three animals from the same noise, the model and the twin in "
    "turn. Without a prompt both draw some animal, not the same; guided at 3, both "
    "draw what was asked, nearly alike.",
)

# %%
twin_at = by("scale", stored("guidance_nodropout"))
again = guidance.guidance_nodropout(
    2, None, scales=(3.0,), draw=replace(twin, steps=guidance.STEPS)
)["rows"][0]
value, half = twin_at[3.0]["accuracy"]
lesson.agree(again["accuracy"][0], value, half + 0.02, "twin")

# %% tags=["hide-input"]
show.table(
    [FEW, *COLUMNS],
    [
        line(f"w = {w:g}, {who}", table[w])
        for w in twin_at
        for who, table in (("the model", at), ("the twin", twin_at))
    ],
)

# %% tags=["hide-input"]
def factor(name, t=500):
    """How many times the model's error the twin's is, scene by scene: geometric mean and its 95 % interval."""
    ratio = over((twins[name][t] / errors[name][t]).log2())
    return ratio, f"{2**ratio.mean:.3g} times ({2**ratio.low:.3g} to {2**ratio.high:.3g})"


# %% tags=["hide-input"]
ordered_too = all(a[t].mean() < b[t].mean() for a, b in pairwise(twins.values()) for t in TIMES)
(untaught, as_none), (taught, as_own) = factor("no caption"), factor("its own caption")
gain = {who: (table[1.0], table[3.0]) for who, table in (("model", at), ("twin", twin_at))}
show.say(
    f"The order *own, none, another's* {'is' if ordered_too else 'is not'} that of the twin"
    f"{', too, which never learnt what an empty caption means: it proves nothing' * ordered_too}. Hold the two "
    f"against each other instead, scene by scene. With no caption the twin's error at t = 500 is **{as_none}** the "
    f"model's, with its own caption {as_own} (95 % intervals, n = {untaught.n}): "
    + ("it is the answer *I was not told* that it lacks. " if untaught.low > 0 and untaught.mean > taught.high
       else "no more than a slight difference. ")
    + "From w = 1 to 3 accuracy goes from "
    f"{percent(gain['model'][0], 'accuracy')} to {percent(gain['model'][1], 'accuracy')} "
    f"in the model, from {percent(gain['twin'][0], 'accuracy')} to "
    f"{percent(gain['twin'][1], 'accuracy')} in the twin (n = {at[3.0]['n']} prompts)."
)

# %% [markdown]
# And what do they draw when nothing is said? At $w=0$ no prompt is used, every picture has its own noise, and
# nothing makes some of them alike. So here the Fréchet distance of the sweep's pictures may be asked for, of
# one model against the other: the same measure, equally many pictures, the same noise. (A floor was not
# measured for pictures of no prompt.) As a control, the same with prompts: at $w=1$ both draw the same few
# dozen of them, so one may be held against the other there, too, though not against $w=0$.

# %% tags=["hide-input"]
def crowd(w):
    """Fréchet distances of the twin and the model as told, the difference, and half of its 95 % interval."""
    far, near = twin_at[w]["frechet"], at[w]["frechet"]
    doubt = 2.36 * np.hypot(far[1], near[1])  # Student's t of eight parts
    return [*(f"{x[0]:.3g} ± {x[1]:.2g}" for x in (far, near)), far[0] - near[0], doubt]


# %% tags=["hide-input"]
*crowds, further, doubt = crowd(0.0)
*prompted, beyond, unsure = crowd(1.0)
show.say(
    f"The model's {at[0.0]['pictures']} pictures of no prompt have a Fréchet distance of **{crowds[1]}** to "
    f"{guidance.REAL:,} renders, the twin's **{crowds[0]}** (the critic's 64 features; here ± is one standard "
    f"error, by the [jackknife](../book/glossary.md) over eight parts). The twin's are {further:.3g} ± {doubt:.2g} "
    f"further away, with a 95 % interval. With prompts, at w = 1, it is {prompted[1]} for the model and {prompted[0]} "
    f"for the twin, a difference of {beyond:.2g} ± {unsure:.2g}: "
    + ("with prompts the measure tells no difference. " if abs(beyond) < unsure else
       "the two paint differently well even so. ")
    + "That the gap is one of dropping, and not of the twin's shorter schooling, does not follow."
)  # fmt: skip

# %% tags=["hide-input"]
means_less = further > doubt
unhelped, helped_on = gain["twin"]
helps = told_apart(unhelped, helped_on, "accuracy") and helped_on["accuracy"][0] > unhelped["accuracy"][0]
settle(
    "C12",
    "does not hold" if not means_less else "holds within limits" if helps else "holds",
    part="without dropped captions",
    number=f"pictures of no prompt: Fréchet distance {crowds[0]} without, {crowds[1]} with dropped captions "
    f"(± standard error, n = {at[0.0]['pictures']}); accuracy at w = 3 {percent(gain['twin'][1], 'accuracy')} "
    f"and {percent(gain['model'][1], 'accuracy')}",
    sentence=f"Dropping captions {'was seen together with' if means_less else 'was not seen together with'} pictures "
    "of the empty prompt that are nearer to the world's: at w = 0 those of a twin for which none was dropped (its "
    "cross-attention "
    f"learnt anew in {card('text_to_image_nodropout')['trained']['steps']:,} steps without; all else is the "
    f"model's, which had seen dropped captions) have a Fréchet distance of {crowds[0]}, the model's "
    f"{crowds[1]} (the same measure, n = {at[0.0]['pictures']} each, ± one standard error; no floor was "
    f"measured for pictures of no prompt; with prompts, at w = 1, {prompted[0]} and {prompted[1]}). That the twin "
    "learnt to read for a shorter time may be the reason as well. Guidance "
    f"{'does not need that' if helps else 'needs that'}: from w = 1 to 3 the twin's accuracy goes from "
    f"{percent(gain['twin'][0], 'accuracy')} to {percent(gain['twin'][1], 'accuracy')}, the model's from "
    f"{percent(gain['model'][0], 'accuracy')} to {percent(gain['model'][1], 'accuracy')} (n = "
    f"{at[3.0]['n']} prompts, {FEW}).",
)  # fmt: skip

# %% [markdown]
# Two things go by one name here. *What would be drawn if nothing were said* is what dropping captions teaches,
# and what the crowds above were asked for. *What to lead away from* is a humbler job: a prediction that knows
# the noise and not the prompt may do. The table says how well the twin's did, whose reply is that to a text
# it never saw. Others report the same of larger models: a random
# caption in place of the empty one guides as well ([Sadat and others,
# 2024](https://arxiv.org/abs/2407.02687)), and so does a worse model ([Karras and others,
# 2024](https://arxiv.org/abs/2406.02507)).
#
# ### Negative prompts: the same sum
#
# If $\epsilon_u$ is only *what to lead away from*, another arrow can take its place: the prediction
# for a text that says what is *not* wanted ([Liu and others,
# 2022](https://arxiv.org/abs/2206.01714)). In code, the second argument of the same function.

# %%
cats = guidance.cats(6)
open_prompts = [guidance.untold(cat) for cat in cats]
cat_words = draw.text.read(open_prompts)
cat_noise = draw.noise(range(6))
away = {
    text: sampled(cat_noise, cat_words, draw.text.read([text]).expand_as(cat_words), 3.0, guidance.STEPS)
    for text in ("", "a fluffy cat")
}  # fmt: skip
options = dict(guidance_scale=3.0, negative_prompt="a fluffy cat", sampler="ddim")
theirs = quick.latents(open_prompts[:2], range(2), **options)
lesson.close(away["a fluffy cat"][:2], theirs, rtol=1e-3, atol=1e-3)

# %% tags=["hide-input"]
show.pictures(
    {
        f"negative prompt: {text or 'none'}": draw.decode(z)
        for text, z in away.items()
    },
    alt="Six cats whose prompts say nothing of fur or scales, in two rows. "
    "Above, without a negative prompt, some are fluffy and some scaly. Below, "
    "led away from a fluffy cat, most are scaly.",
)

# %%
negative = stored("negative_prompts")
by_text = by("name", negative)
looks = {
    text: guidance.textures(draw.decode(z), cats)["scaly"][0] for text, z in away.items()
}

# %% tags=["hide-input"]
show.say(
    f"Of these {len(cats)}, the first of the {negative['n']} cats below, {len(cats) * looks['']:.0f} are scaly "
    f"without a negative prompt, and {len(cats) * looks['a fluffy cat']:.0f} led away from *a fluffy cat*. A "
    "look, not a test: of so few nearly any number would fit what is stored."
)

# %% tags=["hide-input"]
from scipy.stats import binomtest


def wilson(row, key):
    """Wilson's 95 % interval for a share of n pictures: it has a width even where all are alike."""
    return binomtest(round(row["n"] * row[key][0]), row["n"]).proportion_ci(method="wilson")


def share_of(row, key, unit=""):
    """A share in per cent, its interval in brackets."""
    ends = wilson(row, key)
    return f"{100 * row[key][0]:.3g}{unit} [{100 * ends.low:.3g}, {100 * ends.high:.3g}]"


show.table(
    [f"negative prompt (n = {negative['n']})", "scaly, % ([Wilson's 95 %](../book/glossary.md))",
     "all else as asked, %"],
    [
        [text or "none", share_of(row, "scaly"), told(row, "others", 100)]
        for text, row in by_text.items()
    ],
)

# %% tags=["hide-input"]
base, phrase = (by_text[text] for text in ("", "a fluffy cat"))
moved = phrase["scaly"][0] - by_text["a scaly cat"]["scaly"][0]
clear = wilson(base, "scaly").high < wilson(phrase, "scaly").low
amidst = 999 in central
settle(
    "C12",
    "holds" if amidst and untaught.low > 0 and clear
    else "holds within limits" if amidst or moved > 0
    else "does not hold",
    part="the unconditional branch",
    number=f"the empty prompt's arrow at t = 999 is {spread(amid[999])} times as far from the average of "
    f"captions as they are; negative prompt “a fluffy cat”: {100 * base['scaly'][0]:.3g} % → "
    f"{100 * phrase['scaly'][0]:.3g} % scaly",
    sentence="What a model trained with dropped captions says to the empty prompt "
    f"is {'nearer' if amidst else 'not clearly nearer'} to an average than captions are: at t = 999 it is "
    f"{to_average[999].mean():.3g} from the average of 32 conditional predictions, a caption "
    f"{to_others[999].mean():.3g} from that of the others, at t = 500 {to_average[500].mean():.3g} and "
    f"{to_others[500].mean():.3g} (n = {amid[999].n} noised scenes). With no caption the error at t = 500 of a twin "
    f"whose cross-attention never read an empty one is {as_none} this model's, with its own caption {as_own} "
    f"(95 % intervals, n = {untaught.n}){'' if untaught.low > 0 else ': no clear difference'}. The branch is not "
    "bound to the empty prompt: led away from “a fluffy cat”, cats "
    f"whose prompt leaves the texture open are scaly in {share_of(phrase, 'scaly', ' %')} instead of "
    f"{share_of(base, 'scaly', ' %')}, from “a scaly cat” in {share_of(by_text['a scaly cat'], 'scaly', ' %')} "
    f"(n = {negative['n']}; Wilson's 95 % intervals).",
)  # fmt: skip

# %% [markdown]
# ## Is the prompt a vector?
#
# *The prompt is a vector*, one reads, and vectors can be added. To be exact, it is a **sequence** of
# vectors, one for each token, twenty-four for us and seventy-seven for Stable Diffusion. So let us
# test the arithmetic that made word embeddings famous ([Mikolov and others,
# 2013](https://arxiv.org/abs/1301.3781)): take the difference *scaly minus fluffy* from prompts of
# some animals, and add it to the prompts of another.
#
# The test must be fair. The direction comes from captions of dogs and foxes, and is tried on cats.

# %%
from course_utils.critters.dataset import TRAINING_SEED

teachers = [
    scene
    for scene in sample(512, TRAINING_SEED)
    if scene.species != "cat" and scene.size_word
][:64]


def with_word(texture):
    return draw.text.read([caption(s.but(texture=texture)) for s in teachers])


direction = (with_word("scaly") - with_word("fluffy")).mean(0, keepdim=True)
lesson.close(direction, guidance.texture_direction(draw))

# %% tags=["hide-input"]
words_of = ["(begin)", *caption(teachers[0].but(texture="fluffy")).replace(",", " ,").split(), "(end)"]
lengths = direction[0].norm(dim=-1)
strong = lengths / lengths.max()
show.say(
    f"The direction is {tuple(direction.shape[1:])} numbers, averaged over "
    f"{len(teachers)} captions. It is longest at token {int(lengths.argmax())}, "
    f"*{words_of[int(lengths.argmax())]}*, the place of the word that changes; before it, "
    f"it is {show.below(strong[: int(lengths.argmax())].max().item(), 0.001)} of that, and "
    f"behind it still {100 * strong[int(lengths.argmax()) + 1 :].mean():.2g} % on average: "
    "every later token has read the word."
)

# %% [markdown]
# **Predict.** Will the cats be scaly? If we add the direction at the place of that one word only? If
# we add a *random* direction of the same length?

# %%
fluffy = draw.text.read([caption(cat) for cat in cats])
ARITHMETIC = {"as written": fluffy, "direction": fluffy + direction}
summed = {
    name: quick(states, range(len(cats))) for name, states in ARITHMETIC.items()
}

# %% tags=["hide-input"]
show.pictures(
    {
        "the prompt says fluffy": summed["as written"],
        "and (scaly − fluffy), from dogs and foxes, is added": summed["direction"],
    },
    alt="Six cats in two rows. Above they are fluffy, as the prompt says; below, "
    "with the direction added, the same cats in the same places are scaly.",
)

# %%
arithmetic = stored("prompt_arithmetic")
by_way = by("name", arithmetic)
for name, made in summed.items():  # the first of the sweep's cats, which were all alike: so must these be
    again = guidance.textures(made, cats)["scaly"][0]
    lesson.agree(again, by_way[name]["scaly"][0], 0.05, name)

# %% tags=["hide-input"]
WAYS = {
    "as written": "*fluffy*, as written",
    "word replaced": "the word replaced in the text",
    "direction": "direction added to all tokens",
    "at the word only": "… to the one token of the word",
    "one vector for all": "… its mean, the same vector for every token",
    "random direction": "a random direction of the same lengths, for each cat another",
    "other word order": "direction added, prompt in another word order",
    "back again": "subtracted from prompts that say *scaly*",
}
show.table(
    [f"cats, n = {arithmetic['n']}", "scaly, % [Wilson's 95 %]", "all else as asked, %"],
    [
        [name, share_of(by_way[way], "scaly"), told(by_way[way], "others", 100)]
        for way, name in WAYS.items()
    ],
)

# %% tags=["hide-input"]
added, chance = by_way["direction"], by_way["random direction"]
shifted, single = by_way["other word order"], by_way["one vector for all"]
works = wilson(added, "scaly").low > wilson(chance, "scaly").high
everywhere = min(shifted["scaly"][0], single["scaly"][0]) > 0.9
settle(
    "C12",
    "holds" if works and everywhere else "holds within limits" if works else "does not hold",
    part="the prompt as a vector",
    number=f"scaly − fluffy, from dogs and foxes, makes {share_of(added, 'scaly', ' %')} of "
    f"cats scaly; as one vector {share_of(single, 'scaly', ' %')}",
    sentence="A prompt is a sequence of vectors. A direction for it, the mean of 64 "
    f"differences, turns {share_of(added, 'scaly', ' %')} of cats scaly, on which it was "
    f"not derived (as written {share_of(by_way['as written'], 'scaly', ' %')}, the word "
    f"replaced {share_of(by_way['word replaced'], 'scaly', ' %')}, a random direction of the "
    f"same lengths, for each another, {share_of(chance, 'scaly', ' %')}; n = {arithmetic['n']}, Wilson's 95 % "
    "intervals), and "
    f"of everything else {percent(added, 'others')} stays. At the word's own token "
    f"alone it is {share_of(by_way['at the word only'], 'scaly', ' %')}, as one and the same "
    f"vector for every token {share_of(single, 'scaly', ' %')}, on prompts in another "
    f"word order {share_of(shifted, 'scaly', ' %')}.",
)  # fmt: skip

# %% [markdown]
# ## Where each word is read
#
# How does a prompt get into the picture at all? Through **cross-attention**. At some layers of the
# U-Net every *place* of the picture asks a question $q$, every *token* offers a key $k$ and a value
# $v$, and the place receives a mixture of values:
#
# $$
# M=\operatorname{softmax}\!\left(\frac{qk^\top}{\sqrt d}\right),\qquad \text{output}=Mv .
# $$
#
# A row of $M$ belongs to a place, its weights sum to one. A column belongs to a token: it is a map of
# *where that word is read*. In full, for one layer:

# %%
def attention(layer, places, words):
    """Maps [b, heads, places, tokens], and what the layer says."""
    read = layer.to_q(places), layer.to_k(words), layer.to_v(words)
    q, k, v = (x.unflatten(-1, (layer.heads, -1)).transpose(1, 2) for x in read)
    maps = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
    mixed = (maps @ v).transpose(1, 2).flatten(2)
    return maps, layer.to_out[0](mixed)


# %%
layer = unet.up_blocks[1].attentions[0].transformer_blocks[0].attn2
caught = {}


def catch(layer, places, options, answer):
    caught.update(places=places[0], words=options["encoder_hidden_states"], answer=answer)


T = 500
noisy = schedule.noise(codes, fresh, T)
with torch.inference_mode():
    handle = layer.register_forward_hook(catch, with_kwargs=True)
    predicted(noisy, T, contexts)
    handle.remove()
    maps, said = attention(layer, caught["places"], caught["words"])
lesson.close(said, caught["answer"], rtol=1e-3, atol=1e-4)

# %% tags=["hide-input"]
show.say(
    "Our lines say what the layer says. It has "
    f"{maps.shape[1]} heads, {maps.shape[2]} places and {maps.shape[3]} tokens. Each "
    f"row sums to one (to {show.below((maps.sum(-1) - 1).abs().max().item(), 1e-5)}), "
    "and a softmax has no zeros: *any place may look at any word*, by construction."
)

# %% tags=["hide-input"]
zeros = int((maps == 0).sum())
heaviest = maps.sort(-1, descending=True).values.cumsum(-1)
carry = over(((heaviest < 0.95).sum(-1) + 1).float().mean((1, 2)))  # tokens until 95 % are reached
settle(
    "C13",
    "does not hold" if zeros else "holds",
    part="any word",
    number=f"{zeros} of {maps.numel():,} weights are zero; 95 % of a place's weight lie on {spread(carry)} of "
    f"{maps.shape[3]} tokens",
    sentence="Cross-attention lets every place read every word: a softmax has no zeros, and of the "
    f"{maps.numel():,} weights of one layer at t = {T} (n = {len(maps)} scenes, {maps.shape[1]} heads, "
    f"{maps.shape[2]} places, {maps.shape[3]} tokens) {zeros} are zero; the smallest is "
    f"{maps.min().item():.3g}. That is so by construction, and it is what places *may* do. In fact {spread(carry)} "
    "tokens carry 95 % of a place's weight, the mark of the beginning and those of the end among them (mean over heads "
    "and places). Whether they are the right ones is another part.",
)  # fmt: skip

# %% [markdown]
# Whether it does is another question. To have a truth to compare with, we take scenes that the course
# has drawn, so that the animal's mask is known to the pixel; noise them half-way; and ask for the maps,
# averaged over heads and over all layers that work at 8×8.
#
# **Predict.** Which word's map will fit the animal best: the species, its coat, its texture? What will
# the map of the *background's* colour look like? And how much of all attention goes to words at all?

# %%
from course_utils.diffusion.attention import word_maps
from course_utils.measure import attention as judge

spoken = [judge.attribute_positions(draw.text, scene) for scene in told_all]
truth = judge.true_masks(told_all)
looked = {
    t: word_maps(unet, schedule.noise(codes, fresh, t), t, contexts)
    for t in (800, 500, 200)
}

# %% tags=["hide-input"]
from course_utils.show.guidance import heat

COLUMNS_OF = ("species", "coat", "texture", "stance", "background", "facing")
chosen = [k for k, one in enumerate(spoken) if len(one) == 7][:3]
seen = pictures(24, HELD_OUT_SEED)
show.pictures(
    {
        " " * row: [
            seen[k],
            *[heat(looked[T][k, spoken[k][name]].numpy()) for name in COLUMNS_OF],
        ]
        for row, k in enumerate(chosen, start=1)
    },
    columns=["scene", *[name.replace("background", "wall") for name in COLUMNS_OF]],
    alt="Three scenes, each with six coarse maps beside it, one for each kind "
    "of word: species, coat, texture, stance, wall, facing. Most are darkest somewhere on the "
    "animal, also that of the wall; none has its shape.",
)

# %% tags=["hide-input"]
show.say(
    "The prompts, from above: " + "; ".join(f"*{caption(told_all[k])}*" for k in chosen)
    + f". *Wall* is the word for the background's colour. (t = {T}; each map dark where it is largest.)"
)

# %%
share = judge.usual_share()
fit = {t: judge.overlaps(x, spoken, truth, share) for t, x in looked.items()}
guesses = judge.guesses(truth, share, side=8)

# %% tags=["hide-input"]
GUESSES = {
    "centre": "*a box in the middle*",
    "other": "*another scene's mask*",
    "best": "*the true mask, at 8×8*",
}
show.table(
    [f"overlap with the animal (IoU), n = {len(told_all)}", *[f"t = {t}" for t in fit]],
    [
        *[[name, *[spread(mean_and_interval(found[name])) for found in fit.values()]]
          for name in fit[T]],
        *[[name, *[spread(mean_and_interval(guesses[key]))] * len(fit)]
          for key, name in GUESSES.items()],
    ],
)  # fmt: skip

# %% tags=["hide-input"]
ends = [len(draw.text.words.tokenize(caption(scene))) for scene in told_all]
kinds = {"begin": [], "words": [], "end": []}
for k, n in enumerate(ends):
    mass = looked[T][k].mean((1, 2))
    kinds["begin"].append(mass[0].item())
    kinds["words"].append(mass[1 : n + 1].sum().item())
    kinds["end"].append(mass[n + 1 :].sum().item())
paid = {name: mean_and_interval(values) for name, values in kinds.items()}
show.say(
    f"(The strongest {100 * share:.0f} % of each map count, as much as an animal "
    "usually covers; ± is the 95 % interval over scenes.) Of all attention, "
    f"{spread(paid['begin'], 100)} % go to the mark of the beginning, "
    f"{spread(paid['words'], 100)} % to words and "
    f"{spread(paid['end'], 100)} % to the marks of the end, of which there are as many as "
    "the prompt leaves room for. They have read all words before them, so looking at "
    "them is another way to read the prompt."
)

# %% tags=["hide-input"]
def ahead(name, t):
    """How much further a word's map overlaps the animal than the box does, scene by scene."""
    stated = [name in one for one in spoken]
    many = len(fit) * len(fit[t])  # so many comparisons: each must be the surer
    return mean_and_interval(fit[t][name] - guesses["centre"][stated], 1 - 0.05 / many)


def on_wall(t):
    """The background's word held against the wall, and against all but the box."""
    found = judge.overlaps(looked[t], spoken, ~truth, 1 - share)["background"]
    return found, judge.iou(~judge.centre_box(len(truth), share), ~truth)


better = {t: [name for name in fit[t] if ahead(name, t).low > 0] for t in fit}
wall, around = (mean_and_interval(x) for x in on_wall(T))
on_the_wall = [t for t in fit if mean_and_interval(np.subtract(*on_wall(t))).low > 0]

# %% tags=["hide-input"]
best_word = max(fit[T], key=lambda name: fit[T][name].mean())
word, box = mean_and_interval(fit[T][best_word]), mean_and_interval(guesses["centre"])
counted = ", ".join(f"{len(better[t])} at t = {t}{' (' * bool(better[t])}{', '.join(better[t])}"
                    f"{')' * bool(better[t])}" for t in fit)  # fmt: skip
slight = sum(mean_and_interval(fit[t][name]).mean > box.mean for t in fit for name in fit[t])
settle(
    "C13",
    "holds" if min(map(len, better.values())) >= 3 else "holds within limits" if any(better.values())
    else "does not hold",
    part="maps show the thing",
    number=f"kinds of words, of {len(fit[T])}, clearly better than a box in the middle: {counted}",
    sentence="Where words are read says less than the pictures suggest. Scene by scene their maps overlap the animal "
    f"clearly more than a box in the middle does for this many of {len(fit[T])} kinds: {counted} (95 % over all "
    f"{len(fit) * len(fit[T])} comparisons together; on average {slight} are ahead). At t = {T} the best, "
    f"{best_word}, comes to an IoU of {spread(word)} (n = {word.n} scenes), the box to {spread(box)}, the true mask at "
    f"the maps' own resolution to {spread(mean_and_interval(guesses['best']))}. The background's colour, held against "
    f"the wall, comes to {spread(wall)}, and all but the box to {spread(around)}; it is clearly better than that at "
    f"{len(on_the_wall) or 'none'} of the {len(fit)} timesteps. Only {spread(paid['words'], 100, ' %')} of the "
    "attention goes to words, the rest to marks of beginning and end.",
)

# %% [markdown]
# ### Change the word, keep the maps
#
# Maps say *where*, values say *what*. If that is so, one should be able to change a word and keep the
# animal in its place: draw the old and the new prompt side by side from the same noise, and give the
# new one the *old one's maps*. That is **prompt-to-prompt** ([Hertz and others,
# 2022](https://arxiv.org/abs/2208.01626)). With the batch ordered *unconditional, then conditional; old
# ones, then new ones*, it is this:


# %%
def keep_maps(maps):
    """New prompts get the old prompts' maps; values stay their own."""
    unconditional, conditional = maps.chunk(2)
    old, _ = conditional.chunk(2)
    return torch.cat([unconditional, old, old])


# %% [markdown]
# **Predict.** *Fox* becomes *cat*, from the same noise. How much will the animal move without the trick?
# With it? And will it still be a fox?

# %%
from course_utils.diffusion.attention import attending, keep_first

before, after = guidance.swap_pairs("species", 4)
both_words = draw.text.read([caption(scene) for scene in (*before, *after)])
both_noise = draw.noise(range(4)).repeat(2, 1, 1, 1)
run = both_noise, both_words, nothing.expand_as(both_words), 3.0, guidance.STEPS
free = sampled(*run)
with attending(unet, keep_maps):
    kept = sampled(*run)

some = torch.rand(8, 2, 3, 5, generator=torch.Generator().manual_seed(0))
assert torch.equal(keep_maps(some), keep_first(some))

# %% tags=["hide-input"]
old, new = guidance.SWAPPED["species"]
show.pictures(
    {
        f"the old prompt, a {old}": draw.decode(free[:4]),
        f"the new one, a {new}, from the same noise": draw.decode(free[4:]),
        f"the new one, with the {old}'s maps": draw.decode(kept[4:]),
    },
    alt="Four animals in three rows: foxes; cats drawn from the same noise, in the same places; and "
    "cats that were given the attention maps of the foxes. Three of these sit as before, the second has "
    "moved down and aside.",
)

# %%
swaps = stored("attention_swap")
by_swap = {
    (row["change"], row["until"]): row | {"n": swaps["n"]} for row in swaps["facts"]["rows"]
}
UNTIL = {1000.0: "not at all", 500.0: "while t > 500", 0.0: "always"}

# %% tags=["hide-input"]
show.table(
    [f"n = {swaps['n']}", "maps kept", "new word obeyed, % [Wilson's 95 %]", "other words, %",
     "joints moved, % of width", "overlap of silhouettes"],
    [
        [" → ".join(guidance.SWAPPED[change]), UNTIL[until], share_of(row, "obeyed"),
         told(row, "kept", 100), told(row, "moved", 100), told(row, "overlap")]
        for (change, until), row in by_swap.items()
    ],
)  # fmt: skip

# %% [markdown]
# With a fox's maps and a cat's values, does one get a cat? That says where the *what* is. Then look at the
# last two columns. Do the maps hold the animal in place, or does the noise do that by itself? One
# more experiment. We take the maps away: every place reads the words as the *average* place does.
#
# **Predict.** If maps say where things go, what will be left of the pictures?


# %%
def flat(maps):
    """Every place reads alike: no map is left."""
    return maps.mean(2, keepdim=True).expand_as(maps)


with attending(unet, flat):
    mapless = sampled(*run)

# %% tags=["hide-input"]
show.pictures(
    {
        "as it is": draw.decode(free[4:]),
        "without maps: every place reads alike": draw.decode(mapless[4:]),
    },
    alt="Four cats in two rows: as drawn before, and as they are drawn when "
    "every place of the picture reads the words alike. Three look nearly the same, the second has "
    "become smaller and moved aside.",
)

# %%
from course_utils.measure.reader import read_by_colour

whole, flattened = (draw.decode(z) for z in (free, mapless))
obeys = {
    name: mean_and_interval(guidance.right(lesson.read(x), (*before, *after)))
    for name, x in {"maps": whole, "no maps": flattened}.items()
}
same_place = mean_and_interval(
    judge.iou(read_by_colour(whole).masks, read_by_colour(flattened).masks)
)
joints = {name: lesson.read(draw.decode(z[4:])).keypoints for name, z in
          {"free": free, "kept": kept, "mapless": mapless}.items()}  # fmt: skip
shifts = {name: np.linalg.norm(joints[name] - joints["free"], axis=-1).mean(1) for name in ("kept", "mapless")}

# %% tags=["hide-input"]
show.say(
    f"Without maps {spread(obeys['no maps'], 100, ' %')} of what the prompts state is "
    f"drawn as asked, with maps {spread(obeys['maps'], 100, ' %')}. The silhouettes "
    f"overlap with those before by {spread(same_place)} (n = {same_place.n}). But look at the cats one by one. Against "
    "the free ones their joints lie "
    + ", ".join(f"{100 * x:.2g}" for x in shifts["kept"]) + " % of the width aside with the fox's maps, and "
    + ", ".join(f"{100 * x:.2g}" for x in shifts["mapless"]) + " % without maps. "
    + ("So a changed map *can* shift where an animal stands, now and then. "
       if max(map(max, shifts.values())) > 0.05 else "")
    + "Means of so few pictures hang on one of them; the verdict rests on the many of the table, pair by pair."
)

# %%
free_rows = [by_swap[change, 1000.0] for change in guidance.SWAPPED]
kept_rows = [by_swap[change, 0.0] for change in guidance.SWAPPED]
noise_holds = all(f["overlap"][0] - f["others"][0] > np.hypot(f["overlap"][1], f["others"][1]) for f in free_rows)
sure = 1 - 0.05 / len(free_rows)  # 95 % for all changes together
gains = {f["change"]: mean_and_interval(np.subtract(k["overlaps"], f["overlaps"]), sure)  # pair by pair
         for f, k in zip(free_rows, kept_rows)}  # fmt: skip
obeyed = np.mean([row["obeyed"][0] for row in kept_rows])
helped = [change for change, gain in gains.items() if gain.low > 0]

# %% tags=["hide-input"]
settle(
    "C13",
    "holds" if len(helped) == len(gains) and obeyed > 0.9
    else "holds within limits" if obeyed > 0.9
    else "does not hold",
    part="swapping",
    number=f"fox → cat with the fox's maps: a cat in {share_of(kept_rows[0], 'obeyed', ' %')}; "
    f"pair by pair, silhouettes overlap by {spread(gains['species'])} more than freely",
    sentence="Values say what: with the old prompt's maps and the new one's values the "
    f"new word is obeyed in {100 * obeyed:.3g} % over three kinds of changes. That maps say "
    f"where is clearly seen in {len(helped) or 'none'} of {len(gains)} changes: what keeping them adds to the overlap "
    f"is, pair by pair, {'; '.join(f'{spread(gain)} ({change})' for change, gain in gains.items())} "
    f"(n = {swaps['n']} pairs each, 95 % for all together). Fox → cat overlaps by {told(kept_rows[0], 'overlap')}, "
    f"freely by {told(free_rows[0], 'overlap')}, drawn again from another noise with the same prompt by "
    f"{told(free_rows[0], 'others')}. The same noise {'holds' if noise_holds else 'was not seen to hold'} an "
    f"animal in place by itself: from another one it overlaps {'less' if noise_holds else 'not clearly less'} in "
    "all three. With every "
    f"place reading alike, {spread(obeys['no maps'], 100, ' %')} of the "
    f"words are still obeyed, with maps {spread(obeys['maps'], 100, ' %')}; n = {same_place.n}.",
)  # fmt: skip

# %% [markdown]
# That is worth remembering when you meet a pretty attention map. In large models, whose prompts name
# several things that must go to several places, swapping maps holds the layout, as the authors of
# prompt-to-prompt show, mostly on Imagen. In our world a picture holds one animal and one wall, the noise
# decides where, and maps have less to say: told the words, all alike, the places still sort out by
# themselves who is animal and who is wall, if now and then somewhere else. Self-attention and convolutions do that.
#
# ## Does it have to be text?
#
# To cross-attention a prompt is *some vectors of the right width*, nothing more. It does not know
# that they came from words. That is why the same layers can be fed classes, layouts or pictures: *cross-attention
# makes conditioning universal*. How far does that carry, for a model that is already trained?
#
# **Predict.** We hand the tokens over in random order. Does the picture change? Then we *rotate* all
# vectors by one random rotation: same lengths, same angles between them, nothing is lost. Does the
# picture still obey?

# %%
lottery = torch.Generator().manual_seed(0)
order = torch.randperm(contexts.shape[1], generator=lottery)
rotation, _ = torch.linalg.qr(torch.randn(draw.text.width, draw.text.width, generator=lottery))
with torch.inference_mode():
    straightly = unet(noisy[:8], T, contexts[:8]).sample
    shuffled = unet(noisy[:8], T, contexts[:8][:, order]).sample
    twice = unet(noisy[:8], T, contexts[:8].repeat(1, 2, 1)).sample

# %%
READ = {"as they are": contexts[:8], "rotated": contexts[:8] @ rotation.to(contexts)}
obeying = {
    name: guidance.right(lesson.read(quick(tokens, range(8))), told_all[:8])
    for name, tokens in READ.items()
}

# %% tags=["hide-input"]
right = {name: mean_and_interval(values) for name, values in obeying.items()}
settle(
    "C27",
    "holds" if right["rotated"].low > 0.9
    else "holds within limits" if apart(shuffled, straightly) < 1e-3
    else "does not hold",
    part="cross-attention",
    number=f"any set of vectors: order changes nothing ({show.below(apart(shuffled, straightly), 1e-3)}); "
    f"rotated ones are obeyed in {100 * right['rotated'].mean:.0f} %",
    sentence="As an interface cross-attention is universal: it takes a set of vectors. "
    "Another order of the 24 tokens changes the prediction by "
    f"{show.below(apart(shuffled, straightly), 1e-3)} of its largest number, each token "
    f"given twice by {show.below(apart(twice, straightly), 1e-3)}. What the vectors mean is learnt: turned "
    "by one random rotation, which loses nothing, they are obeyed in "
    f"{spread(right['rotated'], 100, ' %')} (n = {right['rotated'].n}) instead of "
    f"{spread(right['as they are'], 100, ' %')}; with no prompt at all {percent(at[0.0], 'accuracy')} of the "
    f"words come right by chance (n = {at[0.0]['n']} prompts). A new kind of condition "
    "needs training, of what makes the vectors or of what reads them.",
)  # fmt: skip

# %% [markdown]
# Depth maps and other pictures as conditions are compared in the sections on ControlNet and on editing.
#
# ## Try it: turn the knob
#
# Choose the words or type your own, and those that the picture should avoid; turn the scale. Find the
# scale at which the picture begins to burn, and watch how long the orange arrow is there, step by step.
# Keep a picture as A, and compare it with another scale on the same noise.

# %%
from course_utils.demos.guidance import Guidance

Guidance(draw, scale=7.5, seed=0, step=12)

# %% [markdown]
# ## What the real one does differently
#
# The sum is the same to the letter. What differs is the numbers, and they are published:

# %% tags=["hide-input"]
ARXIV = "[{}](https://arxiv.org/abs/{})".format
show.table(
    ["model", "what", "published", "source"],
    [
        ["ImageNet 64×64", "best Fréchet distance at w = 1.1 or 1.3, best Inception Score from 5 on",
         "counted as here", ARXIV("Ho and Salimans, 2022", "2207.12598")],
        ["latent diffusion, text to image", "FID on MS-COCO, without guidance → w = 1.5",
         "23.31 → 12.63", ARXIV("Rombach and others, 2022, table 2", "2112.10752")],
        ["Stable Diffusion 1.5", "captions dropped in training", "10 %",
         "[model card](https://huggingface.co/stable-diffusion-v1-5/stable-diffusion-v1-5)"],
        ["Stable Diffusion's pipeline", "default scale", "7.5",
         "[diffusers](https://huggingface.co/docs/diffusers/api/pipelines/stable_diffusion/text2img)"],
        ["EDM2-XXL, ImageNet 512×512", "FID, guidance always → in an interval", "1.81 → 1.40",
         ARXIV("Kynkäänniemi and others, 2024", "2404.07724")],
        ["EDM2, ImageNet 512×512", "FID, guided by a worse version of itself", "1.25",
         ARXIV("Karras and others, 2024", "2406.02507")],
        ["Stable Diffusion's word maps", "mean IoU with nouns' segmentation", "58.8 to 64.8 %",
         ARXIV("Tang and others, 2023", "2210.04885")],
    ],
)  # fmt: skip

# %% [markdown]
# - **More to gain.** Our world is small and its captions say all there is to say, so the conditional
#   prediction alone is right nearly always, and guidance has little left to improve. On photographs of
#   everything, an unguided sample often shows nothing in particular.
# - **More to lose.** Stable Diffusion is used at scales of 7 to 8, and pictures there are known for
#   their contrast and their sameness. Ours has little left to gain behind 3, so at 7.5 it mostly pays.
# - **Finer maps.** Stable Diffusion 1.5 attends at 64, 32, 16 and 8 places a side, in sixteen layers,
#   and averages over all sampling steps give the published overlaps. Our maps have 8 places a side.
# - **No second evaluation.** Newer models are *distilled* to give the guided prediction at once, with
#   the scale as an input ([Meng and others, 2022](https://arxiv.org/abs/2210.03142); FLUX.1-dev is one).
#   They have no unconditional branch left to put a negative prompt into.
# - **Another thing to lead away from.** A smaller, less trained version of the model itself, instead of
#   the empty prompt, keeps more of the variety ([Karras and others,
#   2024](https://arxiv.org/abs/2406.02507)). And the difference can be split, for the predicted *clean* picture:
#   the part along the conditional one saturates colours and is turned down, the part at right angles kept
#   ([Sadat and others, 2024](https://arxiv.org/abs/2410.02416)).
#
# ## Then and now
#
# - **2013.** Word embeddings add and subtract ([Mikolov and others](https://arxiv.org/abs/1301.3781)).
# - **2021.** [Classifier guidance](https://arxiv.org/abs/2105.05233): the gradient of a classifier,
#   trained on noisy pictures, steers a diffusion model.
# - **2021–22.** [Classifier-free guidance](https://arxiv.org/abs/2207.12598) drops the classifier, and
#   now and then the label. [Latent diffusion](https://arxiv.org/abs/2112.10752) brings cross-attention.
# - **2022.** Stable Diffusion makes the scale a household knob; users find the negative prompt.
#   [Prompt-to-prompt](https://arxiv.org/abs/2208.01626) keeps the maps and changes the word.
# - **2023.** [Rescaling](https://arxiv.org/abs/2305.08891) against burnt colours; guidance distilled
#   away.
# - **2024.** [Intervals](https://arxiv.org/abs/2404.07724), guidance by
#   [a bad version of itself](https://arxiv.org/abs/2406.02507), and first theory of
#   [what the sum samples](https://arxiv.org/abs/2408.09000).
#
# ## Check yourself
#
# **1.** A paper uses a guidance weight of 0.5 and cites Ho and Salimans for the formula. Which scale is
# that in `diffusers`?
#
# <details><summary>Answer</summary>
#
# 1.5. They count from the conditional prediction, $(1+w)\,\epsilon_c-w\,\epsilon_u$; the library
# counts from the unconditional one.
#
# </details>
#
# **2.** You set `guidance_scale=0.5` in the pipeline and a negative prompt beside it. What happens?
#
# <details><summary>Answer</summary>
#
# Neither has any effect. At scales not above 1 the pipeline evaluates the prompt alone: you get the
# conditional prediction, and nobody asks for the negative one.
#
# </details>
#
# **3.** Your pictures are correct, but harsh, and all alike. Somebody suggests a smaller scale, somebody
# else rescaling, a third a guidance interval. Who helps with what?
#
# <details><summary>Answer</summary>
#
# A smaller scale helps with both, and below some scale takes obedience away. Rescaling is meant for the
# colours: it shortens the arrow and leaves its direction; how much that does here, the table of repairs
# tells, with its intervals. The interval lets the first steps, which decide what goes where, be taken without
# a push. Hold it against the smaller scale, its fair rival: what it surely saves is evaluations.
#
# </details>
#
# **4.** Negative prompt and prompt both say *cat*. Does guidance lead away from cats?
#
# <details><summary>Answer</summary>
#
# No. What both say cancels in the difference. It leads along what only *one* of them says. The price is
# that *cat* is no longer amplified, either.
#
# </details>
#
# **5.** An attention map of *fox* lies neatly on the fox. Does that prove that the fox is there *because
# of* that word?
#
# <details><summary>Answer</summary>
#
# No. A map shows where a token's value was mixed in, and with how much weight, not what it did. An
# animal is in the middle of most pictures, so compare with a box in the middle; and to find out what a
# word does, change it.
#
# </details>
#
# ## Exercises
#
# Graded ones are in the [exercises for this section](exercises/03_cfg_vectors.ipynb). Things to try
# here; change a cell, run it, and write a sentence about what you see.
#
# 1. Use a *negative* scale, $w=-1$. What is drawn of *a fluffy cat*?
# 2. Guide by the difference of two prompts, $\epsilon_u+3\,(\epsilon_{\text{a}}-\epsilon_u)+3\,
#    (\epsilon_{\text{b}}-\epsilon_u)$, one naming the species and one the background. Do you get both?
# 3. Keep only the part of the difference at right angles to $\epsilon_c$. What happens to the
#    saturation at $w=7.5$?
# 4. Derive the direction *large minus small* from cats, and add half of it to foxes. Measure the
#    silhouette.
# 5. Swap the maps only while $t<500$. Which of *where* and *what* is decided by then?
#
# ## Further reading
#
# - J. Ho and T. Salimans, *Classifier-Free Diffusion Guidance*, 2022:
#   [arXiv:2207.12598](https://arxiv.org/abs/2207.12598).
# - T. Kynkäänniemi and others, *Applying Guidance in a Limited Interval*, 2024:
#   [arXiv:2404.07724](https://arxiv.org/abs/2404.07724).
# - A. Bradley and P. Nakkiran, *Classifier-Free Guidance is a Predictor-Corrector*, 2024:
#   [arXiv:2408.09000](https://arxiv.org/abs/2408.09000). What the sum does and does not sample.
# - A. Hertz and others, *Prompt-to-Prompt Image Editing with Cross Attention Control*, 2022:
#   [arXiv:2208.01626](https://arxiv.org/abs/2208.01626).
# - R. Tang and others, *What the DAAM: Interpreting Stable Diffusion Using Cross Attention*, 2023:
#   [arXiv:2210.04885](https://arxiv.org/abs/2210.04885).
#
# **Next**: words say what, and hardly where. The next section adds a control that says where, and
# begins with nothing but zeros.
