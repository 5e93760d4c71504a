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
# # 4. Control: zeros that learn
#
# "A fox, standing." Where does it stand? Which way does it look? Words are poor at such things, and
# a drawing says them at once. A **ControlNet** lets a finished model read a drawing: a skeleton, an
# outline, a depth map. It is a copy of half of the model, tied to the original by layers whose
# weights are all *zero*. This section builds one by hand, follows its first gradients exactly, and
# trains a small one while you watch.
#
# **You will be able to**
#
# - write a zero convolution, and explain why it learns although it is zero;
# - say which weights receive a gradient in the first, the second and the third step, and why;
# - build a ControlNet out of a U-Net in two short classes;
# - train one, and tell whether it converges *suddenly*, what does, and whether the loss shows it;
# - say how closely pictures follow skeletons, outlines and depth, and who wins when prompt and map disagree;
# - steer one picture with two ControlNets, and say what is added;
# - say in what a ControlNet differs from channel concatenation, the older way, and in what not.
#
# **Time**: 45 minutes to read, a minute or two to run on two CPU cores. **You need**: section 1, and
# from section 3 how prompt and noise make a picture; what a gradient is.
#
# **How to read**: wherever it says **Predict**, commit to an answer before you look. Each number in
# the text below a cell was computed by that cell, or comes from a stored measurement that the cell
# reads. New words are in the [glossary](../book/glossary.md).

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
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from course_utils import show
from course_utils.critters import caption, render, sample
from course_utils.critters.dataset import HELD_OUT_SEED
from course_utils.diffusion.generate import TextToImage
from course_utils.measure import lesson, map_routes
from course_utils.measure import small_control as small
from course_utils.models.answering import answering

show.style()
draw = TextToImage.load()
base = map_routes.plain(draw.unet.float().requires_grad_(False))  # frozen, all along
lesson.note()

# %% [markdown]
# ## A drawing beside the prompt
#
# Because the course draws its world itself, it can also draw what lies behind each picture. Real
# pipelines get such maps from a picture by another network: OpenPose for skeletons, Canny's filter
# for edges, MiDaS for depth.

# %%
from course_utils.critters import CONDITIONS
from course_utils.train.maps import as_picture

scenes = sample(4, seed=HELD_OUT_SEED)
maps = {
    name: as_picture(np.stack([paint(scene) for scene in scenes]))
    for name, paint in CONDITIONS.items()
}

# %% tags=["hide-input"]
show.pictures(
    {"a scene": [render(scene) for scene in scenes], **maps},
    alt="Four critters in four rows: the pictures; their skeletons in coloured "
    "lines on black; their outlines in white on black; their depth, near parts "
    "bright and far ones dark.",
)

# %% [markdown]
# What we want is a model that reads *both*, prompt and map, and that loses nothing it could do
# before. So there are two demands. At the first training step the new parts must not disturb the old
# ones at all. And they must still be able to learn.
#
# ## A convolution that is zero
#
# The trick is so short that it looks like a joke ([Zhang, Rao and Agrawala,
# 2023](https://arxiv.org/abs/2302.05543)): a 1×1 convolution with weight and bias zero.

# %%
def zero_convolution(channels):
    layer = nn.Conv2d(channels, channels, kernel_size=1)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


# %% [markdown]
# Whatever goes in, zero comes out: the first demand is met. But how could it learn? "If the weights
# are zero, the gradient is zero" is what many people say. At one place of the picture the layer
# computes $y = Wx + b$. With $g=\partial L/\partial y$, what the loss wants of $y$,
#
# $$
# \frac{\partial L}{\partial W} = g\,x^\top, \qquad
# \frac{\partial L}{\partial b} = g, \qquad
# \frac{\partial L}{\partial x} = W^\top g .
# $$
#
# Only the *last* of the three contains $W$.
#
# **Predict.** One zero convolution gets an input of ones, and the loss wants its output to be one.
# Which of the three gradients are zero? And then: *two* zero convolutions, one behind the other. Do
# they learn?

# %%
def gradients(*layers):
    """Largest gradient at each layer's weight, and at the input."""
    x = torch.ones(1, 3, 8, 8, requires_grad=True)
    loss = (nn.Sequential(*layers)(x) - 1).square().mean()
    loss.backward()
    weights = [layer.weight.grad.abs().max().item() for layer in layers]
    return *weights, x.grad.abs().max().item()


one, behind_one = gradients(zero_convolution(3))
first, second, behind_two = gradients(zero_convolution(3), zero_convolution(3))
assert one > 0
assert (behind_one, first, second, behind_two) == (0, 0, 0, 0)

# %% tags=["hide-input"]
show.table(
    ["largest gradient at", "one zero layer", "two, one behind the other"],
    [
        ["the weight of the last layer", one, second],
        ["the weight of the layer before", "–", first],
        ["the input", behind_one, behind_two],
    ],
)

# %% [markdown]
# One zero layer learns at once: its gradient is the input times what the loss wants, and neither is
# zero. It only lets nothing *through* to what lies behind, for one step. Two in a row are dead: the
# second sees an input of zero, the first gets no wish passed on. (Only the bias of the last ever
# moves.) So a zero layer needs a living input. Keep that in mind, for a ControlNet does contain two
# of them on one path.
#
# ## A ControlNet by hand
#
# A U-Net has an encoder, which looks at the noisy latent at ever coarser scales and hands what it
# found across to the decoder at every scale. A ControlNet is
#
# 1. a **copy** of the encoder, weights included, to be trained;
# 2. a small **hint encoder** that brings the map from 128×128 to the latent's 16×16;
# 3. a **zero convolution** at each place where the encoder hands something across.
#
# What comes out of the zero convolutions is *added* to what the frozen original hands across. First
# the hint encoder. It halves the map three times, and its last layer begins at zero as well.

# %%
class HintEncoder(nn.Module):
    """Maps [b, 3, 128, 128] to features [b, channels, 16, 16]."""

    WIDTHS = (16, 24, 32, 64)

    def __init__(self, channels):
        super().__init__()
        widths = self.WIDTHS
        self.conv_in = nn.Conv2d(3, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList()
        for narrow, wide in pairwise(widths):
            self.blocks.append(nn.Conv2d(narrow, narrow, 3, padding=1))
            self.blocks.append(nn.Conv2d(narrow, wide, 3, 2, padding=1))
        self.conv_out = nn.Conv2d(widths[-1], channels, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)

    def forward(self, shown):
        h = nn.functional.silu(self.conv_in(shown))
        for layer in self.blocks:
            h = nn.functional.silu(layer(h))
        return self.conv_out(h)


# %%
class ControlNet(nn.Module):
    """The base's encoder copied, a zero convolution at every exit."""

    config = SimpleNamespace(conditioning_embedding_out_channels=HintEncoder.WIDTHS)

    def __init__(self, base):
        super().__init__()
        for part in ("conv_in", "time_proj", "time_embedding", "down_blocks", "mid_block"):
            setattr(self, part, copy.deepcopy(getattr(base, part)))
        self.controlnet_cond_embedding = HintEncoder(base.conv_in.out_channels)
        exits = handed_across(base)
        self.controlnet_down_blocks = nn.ModuleList(map(zero_convolution, exits))
        self.controlnet_mid_block = zero_convolution(exits[-1])
        self.requires_grad_(True)
        answering(self.to(base.device))  # on a GPU, if the base is

    def forward(self, z, t, words, shown, scale=1.0, return_dict=False):
        time = self.time_embedding(self.time_proj(torch.as_tensor(t).expand(len(z))))
        h = self.conv_in(z) + self.controlnet_cond_embedding(shown)
        found = [h]
        for block in self.down_blocks:
            h, several = look(block, h, time, words)
            found += several
        h = self.mid_block(h, time, encoder_hidden_states=words)
        down = [zero(x) for zero, x in zip(self.controlnet_down_blocks, found)]
        return [scale * y for y in down], scale * self.controlnet_mid_block(h)


# %% tags=["hide-input"]
def handed_across(unet):
    """Channels of what the encoder hands across; the middle has the last."""
    widths = unet.config.block_out_channels
    exits = [widths[0]]
    for level, width in enumerate(widths):
        halving = level < len(widths) - 1
        exits += [width] * (unet.config.layers_per_block + halving)
    return exits


def look(block, h, time, words):
    """One level of the encoder; not all levels listen to the words."""
    if getattr(block, "has_cross_attention", False):
        return block(h, time, encoder_hidden_states=words)
    return block(h, time)


# %% [markdown]
# Is that really it? The parts have the names that `diffusers` gives them, so its class can take our
# weights. To have anything to compare, we put random numbers where the zeros are.

# %%
from diffusers.models import ControlNetModel

torch.manual_seed(0)
ours = ControlNet(base)
theirs = ControlNetModel.from_unet(
    base, conditioning_embedding_out_channels=HintEncoder.WIDTHS
)
for weight in ours.parameters():
    if not weight.any():
        nn.init.normal_(weight, std=0.1)
theirs.load_state_dict(ours.state_dict(), strict=True)
answering(theirs.to(base.device))

LATENT, SIDE = draw.noise([0]).shape[1:], draw.side
z, t = torch.randn(2, *LATENT), torch.tensor([100, 900])
words, shown = draw.text.read(["a fox", "a cat"]), torch.rand(2, 3, SIDE, SIDE)
with torch.no_grad():
    mine, library = (
        net(z, t, words, shown, return_dict=False) for net in (ours, theirs)
    )
for a, b in zip([*mine[0], mine[1]], [*library[0], library[1]], strict=True):
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)

# %% tags=["hide-input"]
count = {
    "the base, frozen": base,
    "our ControlNet": ours,
    "of it, the hint encoder": ours.controlnet_cond_embedding,
    "of it, the zero convolutions": nn.ModuleList(
        [*ours.controlnet_down_blocks, ours.controlnet_mid_block]
    ),
}
show.table(
    ["network", "parameters"],
    [[k, sum(p.numel() for p in net.parameters())] for k, net in count.items()],
)

# %% [markdown]
# The same answers, to rounding. So from here on *ours* is *theirs*.
#
# ## Step by step, exactly
#
# Now with the zeros back in place.
#
# **Predict.** We draw four animals with the base alone, and four with the untrained ControlNet at its
# side, from the same noise. By how much do they differ: not visibly, by rounding, or not at all?

# %%
torch.manual_seed(0)
control = ControlNet(base)
draw.control = control
prompts, shown = [caption(scene) for scene in scenes], lesson.maps(scenes, SIDE)
few = {"steps": 10}
alone = draw.latents(prompts, range(4), **few)
beside = draw.latents(prompts, range(4), control_map=shown, **few)
difference = (alone - beside).abs().max().item()

# %% tags=["hide-input"]
exactly = "Adding zero is exact in floating point, so not even rounding differs."
show.say(
    f"Largest difference among {alone.numel():,} numbers, after "
    f"{few['steps']} steps with guidance: **{difference:g}**. "
    + (exactly if difference == 0 else "So something does disturb the base.")
)

# %% [markdown]
# **Predict.** Four groups of weights: the zero convolutions at the exits; the copied encoder; the
# last layer of the hint encoder (it is zero too); all before that layer. Which of them receive a
# gradient in the first step? In the second? In the third?

# %%
from course_utils.diffusion import schedule
from course_utils.diffusion.controlled import Controlled
from course_utils.diffusion.maps import from_pictures

GROUPS = {
    "zero convolutions at the exits": lambda n: "controlnet_down" in n
    or "controlnet_mid" in n,
    "the copy": lambda n: "controlnet" not in n,
    "hint encoder, its last layer": lambda n: "embedding.conv_out" in n,
    "hint encoder, all before": lambda n: "cond_embedding" in n
    and "conv_out" not in n,
}


def largest_gradients(net):
    return [
        max(w.grad.abs().max().item() for n, w in net.named_parameters() if mine(n))
        for mine in GROUPS.values()
    ]


# %%
def follow(net, steps=3):
    """Largest gradient of each group, before each of some steps."""
    z0, hints = torch.randn(4, *LATENT), from_pictures(shown)
    words, rows = draw.text.read(prompts), []
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in range(steps):
        t, epsilon = torch.randint(1000, (4,)), torch.randn_like(z0)
        noised = schedule.noise(z0, epsilon, t)
        predicted = Controlled(base, net, hints)(noised, t, words)[0]
        adam.zero_grad()
        (predicted - epsilon).square().mean().backward()
        rows.append(largest_gradients(net))
        adam.step()
    return np.array(rows)


torch.manual_seed(0)
exact = follow(copy.deepcopy(control))


# %% tags=["hide-input"]
def gradient_table(rows):
    words = [["exactly 0" if g == 0 else "not zero" for g in row] for row in rows]
    return show.table(
        ["gradient at", "first step", "second step", "third step"],
        [[name, *column] for name, column in zip(GROUPS, zip(*words))],
    )


gradient_table(exact)

# %% [markdown]
# Zeros open one after the other, from the exit backwards. At first only the exits can move. Once
# they have, a wish passes through them into the copy and reaches the hint's last layer. Once *that*
# has moved, it passes on to the rest of the hint encoder. Two zero layers on one path, and yet not
# dead: between them stands the copy, and **the copy's input is never zero, because the hint is
# *added* to the latent**. That living input is what the exits learn from in the first step.
#
# (The copy's features at first say nothing of the map. So what the exits learn in their first step is
# to repair what the base does wrong anyway. The map speaks only after two.)
#
# Are the zeros needed? The other choice would be the usual one: small random numbers.

# %%
def with_gaussian_exits(net, std=0.1):
    net = copy.deepcopy(net)
    for layer in [*net.controlnet_down_blocks, net.controlnet_mid_block]:
        nn.init.normal_(layer.weight, std=std)
    return net


torch.manual_seed(0)
noisy = with_gaussian_exits(control, map_routes.EXITS)
draw.control = noisy
disturbed = draw(prompts, range(4), control_map=shown, **few)
gaussian = follow(noisy)

# %% tags=["hide-input"]
show.pictures(
    {
        "the base alone; with zero exits; the same": draw.decode(alone[:3]),
        "with Gaussian exits, before any training": disturbed[:3],
    },
    alt="Two rows of three generated animals before any training. With zero "
    "exits they are whole. With Gaussian exits the same animals are there, "
    "with torn outlines, blotched coats and scratches all over the ground.",
)

# %% tags=["hide-input"]
gradient_table(gaussian)

# %% [markdown]
# So there is something to be had from random exits, too: they pass a wish on at once, and only the
# hint's last layer holds it up for a step. The price is paid in pictures. Could training repair them? We
# come back to it when we have a training to try it with.

# %% tags=["hide-input"]
AS_TOLD = np.array([[1, 0, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]], bool)


def first_reached(rows):
    """The step in which each group of weights first has a gradient."""
    names = ("first", "second", "third")
    return [names[c.argmax()] if c.any() else "none of the three" for c in (rows > 0).T]


# %% tags=["hide-input"]
from course_utils.measure.claims import settle
from course_utils.measure.critic import accuracy
from course_utils.measure.pictures import psnr

apart = psnr(draw.decode(alone), disturbed).mean()
right = np.mean(list(accuracy(lesson.read(disturbed), scenes).values()))
changed = int((alone != beside).sum())
reached = "; ".join(f"{name}: {step}" for name, step in zip(GROUPS, first_reached(exact)))
settle(
    "C14",
    "holds" if difference == 0 and ((exact > 0) == AS_TOLD).all()
    else "holds within limits" if difference < 1e-4 and exact[0, 0] > 0
    else "does not hold",
    number=f"difference at step 0: {difference:g}; first step with a gradient: {reached}",
    sentence="A ControlNet built by hand answers as diffusers' class does. Beside the base, "
    f"untrained, it changes {changed or 'none'} of {alone.numel():,} latent numbers. First step with "
    f"a gradient that is not exactly zero: {reached}. With Gaussian weights at the exits "
    f"(standard deviation {map_routes.EXITS:g}, our choice) these are {', '.join(first_reached(gaussian))}, and before "
    f"any training pictures are {apart:.1f} dB from the undisturbed ones, though the critic still reads "
    f"{100 * right:.0f} % of attributes as asked (n = {len(scenes)} pictures).",
)  # fmt: skip

# %% [markdown]
# ## Train one while you read
#
# A ControlNet for all prompts takes far longer than a lesson. In half a minute we can only learn
# something small, so we make the question small. **One caption** and one place for all
# pictures; left open is *which way* the fox looks and how it holds head and tail, and the skeleton
# says so. And only the **highest noise levels**: such things are decided there.

# %%
given = small.problem(draw)
STEPS, JUDGE_AT = 90, (0, 30, 90)

# %% tags=["hide-input"]
show.say(
    f"The caption is *{small.CAPTION}*. We learn from {len(given.latents)} "
    f"scenes, {small.BATCH} a step, at timesteps {small.LOWEST} to 999, and "
    f"judge {len(given.judged)} skeletons that were not among them: from the "
    "critic's twelve joints in the picture to those on the map, on average, as "
    "a share of the picture's width. A fox looks the *wrong way* if its joints "
    "are nearer to those of the same fox in a mirror."
)

# %% [markdown]
# The loss is the base's own: predict the noise. Nothing in it mentions joints.

# %%
def training_step(net, optimiser, rng):
    chosen = torch.randint(len(given.latents), (small.BATCH,), generator=rng)
    t = torch.randint(small.LOWEST, 1000, (small.BATCH,), generator=rng)
    epsilon = torch.randn(small.BATCH, *LATENT, generator=rng)
    noised = schedule.noise(given.latents[chosen], epsilon, t)
    denoiser = Controlled(base, net, given.maps[chosen])
    predicted = denoiser(noised, t, given.words.expand(len(t), -1, -1))[0]
    loss = (predicted - epsilon).square().mean()
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimiser.step()
    return loss.item()


# %% [markdown]
# What begins at zero or at random may move fast; the copy, which begins well, four times more slowly.
# (The random part is that of the stored runs with seed 0, to compare with them below.)
#
# **Predict.** The foxes of the base alone look left or right by chance, and stand where they like,
# while all scenes to learn from have one place and one size. What will be learnt first: place and size,
# or to look where the skeleton looks? And will the foxes turn from the first step on, or not at all
# for a while and then quickly?

# %%
foxes = small.foxes(small.JUDGED, HELD_OUT_SEED)
control = ControlNet(base)
control.load_state_dict(map_routes.controlnet(base, seed=0).state_dict())
fresh = [w for n, w in control.named_parameters() if "controlnet" in n]
copied = [w for n, w in control.named_parameters() if "controlnet" not in n]
optimiser = torch.optim.Adam(
    [{"params": fresh, "lr": 4e-3}, {"params": copied, "lr": 1e-3}],
    betas=(0.9, 0.99),
)
rng = torch.Generator().manual_seed(0)
drawn_at, losses = {}, []
for step in range(STEPS + 1):
    if step in JUDGE_AT:
        drawn_at[step] = small.pictures(
            draw, lambda maps: Controlled(base, control, maps), given
        )
    if step < STEPS:
        losses.append(training_step(control, optimiser, rng))

# %%
def judged(pictures):
    """Each fox's error, and which foxes look the wrong way."""
    mirror = small.mirrored(foxes)
    asked_for, opposite = (lesson.distances(pictures, s).mean(1) for s in (foxes, mirror))
    return asked_for, asked_for > opposite


error_at = {k: judged(pictures)[0] for k, pictures in drawn_at.items()}
wrong_at = {k: judged(pictures)[1] for k, pictures in drawn_at.items()}

# %% tags=["hide-input", "nbval-ignore-output"]
wrong_first = np.argsort(~wrong_at[0], kind="stable")[:3]  # foxes that begin wrong, if there are
show.pictures(
    {
        "the map": [np.uint8(255 * m.permute(1, 2, 0)) for m in given.judged[wrong_first]],
        **{f"after {k} steps": p[wrong_first] for k, p in drawn_at.items()},
    },
    alt="Three skeletons, and below each the fox that is drawn for it before training, "
    "after thirty and after ninety steps. Before, the foxes look away from where the skeleton "
    "looks, and are of different size; after thirty they have one size and place and look the "
    "wrong way still; after ninety they look where the skeleton does.",
)

# %% tags=["hide-input"]
count_at = {k: int(wrong.sum()) for k, wrong in wrong_at.items()}
placed_at = {k: error_at[k][~wrong].mean() for k, wrong in wrong_at.items()}
start, between, end = JUDGE_AT
show.say(
    f"Of {len(foxes)} foxes {count_at[start]} look the wrong way before training. After {between} steps "
    f"that has hardly changed (still {show.above(count_at[between], 1)}), and yet the error of those "
    f"that look the right way is {show.below(placed_at[between] / placed_at[start], 0.5)} of what it was: "
    "all have gone to the place and the size that the scenes share, and for that nobody needs a map. "
    f"Between step {between} and step {end} they turn: {show.below(count_at[end], 2)} of {len(foxes)} "
    "look the wrong way then. So the map is not followed at all for a while, and then quickly. (Bounds, and "
    "no digits: whatever is trained while you watch comes out a little different on another machine.)"
)

# %% [markdown]
# ## Does it happen suddenly?
#
# The authors say so: the model "does not gradually learn the control conditions but abruptly
# succeeds"; in their figure at step 6133, and usually before step 10,000 ([section
# 3.3](https://arxiv.org/abs/2302.05543)). The ControlNet that the course ships was trained on all
# prompts, at all noise levels but mostly at high ones, and its training was judged at regular steps,
# always with the same maps, prompts and seeds.
#
# **Predict.** If it came evenly, each stretch of training would bring the same. Sketch the error against
# the training step. And beside it, the loss.

# %%
import csv
import json

from course_utils.models.weights import FOLDER

with open(FOLDER / "controlnet_pose" / "curve.csv") as file:
    rows = list(csv.DictReader(file))
steps = np.array([0, *[int(row["step"]) for row in rows]])
alone_error = float(rows[0]["uncontrolled"])  # step 0 is the base, exactly
error = np.array([alone_error, *[float(row["keypoint"]) for row in rows]])
loss = np.array([float(row["loss"]) for row in rows])


def steepest(errors):
    """Largest fall between two looks, as a share of the whole fall."""
    return (errors[:-1] - errors[1:]).max() / (errors[0] - errors[-1])


# %% tags=["hide-input"]
show.curves(
    {
        "keypoint error, share of the width": {"held-out maps": (steps, error)},
        "training loss": {"held-out maps": (steps[1:], loss)},
    },
    alt="Two panels against the training step of the shipped ControlNet. The "
    "keypoint error stays at the base's for about a third of the training, then "
    "falls steeply, and flattens. The loss wobbles; after that fall its points lie "
    "lower than before.",
    colours={"held-out maps": "orange"},
    markers=True,
    xlabel="training step",
)

# %% tags=["hide-input"]
fall = int((error[:-1] - error[1:]).argmax())  # the stretch in which the error falls most
loss_before, loss_after = loss[:fall], loss[fall + 1 :]
drop = 1 - loss_after.mean() / loss_before.mean()
apart_losses = loss_after.max() < loss_before.min()
late = np.array(losses[STEPS // 2 :])
show.say(
    f"Does the loss show it? Each of its points is the mean over a stretch. Those before the fall are "
    f"{loss_before.mean():.4f} on average, those after it {loss_after.mean():.4f}, {100 * drop:.0f} % "
    f"{'lower' if drop > 0 else 'off'}, and "
    + (f"each of the {len(loss_after)} after it is below each of the {len(loss_before)} before. " if apart_losses
       else f"the {len(loss_after)} after it and the {len(loss_before)} before overlap. ")
    + "While a training runs you see single batches. In yours, from one batch of "
    f"{small.BATCH} pictures to the next, the loss varied by {show.above(100 * late.std() / late.mean(), 10)} % of "
    "its mean (standard deviation): most of it is noise that no map can predict."
)

# %% [markdown]
# One training is one story. The small problem above is cheap enough for three, each with other noise,
# other scenes in each batch and another random start, and far enough for them to end. They were
# trained once and their errors kept; what you trained above are the first stretches of the first.

# %%
from course_utils.measure.sweeps import stored

trainings = stored("control_training")["facts"]
small_errors = {
    way: np.array(one["errors"]) for way, one in trainings["ways"].items()
}  # [seeds, looks, maps]
by_seed = small_errors["ControlNet"].mean(axis=2)
shares = [float(steepest(errors)) for errors in by_seed]
small_wrong = {
    way: small_errors[way] > np.array(one["mirrored"]) for way, one in trainings["ways"].items()
}

# %% tags=["hide-input"]
show.curves(
    {
        title: {
            f"seed {seed}": (trainings["shares"], values)
            for seed, values in zip(trainings["seeds"], lines)
        }
        for title, lines in (
            ("keypoint error on the small problem", by_seed),
            ("foxes that look the wrong way, %", 100 * small_wrong["ControlNet"].mean(axis=2)),
        )
    },
    alt="Two panels against the share of the training that is over, a line for each of "
    "three trainings on the small problem: the mean keypoint error, and the share of foxes that "
    "look the wrong way. Both stay high for the first eighth, fall steeply in the second or "
    "third, and are flat from there on.",
    colours=dict(zip([f"seed {s}" for s in trainings["seeds"]], ("orange", "blue", "green"))),
    markers=True,
    xlabel="share of the training",
)

# %% tags=["hide-input"]
stretches, share = len(steps) - 1, steepest(error)
recipe = json.loads((FOLDER / "controlnet_pose" / "recipe.json").read_text())
settle(
    "C16",
    "holds" if share > 0.5 and min(shares) > 0.5
    else "holds within limits" if share > 2 / stretches
    else "does not hold",
    number=f"one stretch of {stretches} makes {100 * share:.0f} % of the whole "
    "improvement",
    sentence=f"Between steps {steps[fall]} and {steps[fall + 1]} of {steps[-1]} "
    f"the keypoint error falls from {error[fall]:.3f} to {error[fall + 1]:.3f} of "
    f"the width, {100 * share:.0f} % of the fall from {error[0]:.3f} to "
    f"{error[-1]:.3f} (steady: {100 / stretches:.0f} %); before, it is the base's "
    f"within {100 * abs(error[1 : fall + 1] / error[0] - 1).max():.0f} %. The loss, averaged over "
    f"stretches, is {100 * drop:.0f} % lower after it than before. "
    "(Mean over joints of the median over pictures, which jumps when half of them have turned; "
    f"n = {recipe['options']['from step 0']['judged']} pictures; one training.) On the small "
    f"problem the steepest eighth makes {', '.join(f'{100 * s:.0f}' for s in shares)} % "
    f"(seeds {', '.join(str(s) for s in trainings['seeds'])}; n = "
    f"{small_errors['ControlNet'].shape[2]} maps each; "
    f"steady: {100 / (len(trainings['shares']) - 1):.0f} %).",
    source="Zhang et al., 2023: abruptly, at step 6133 in their figure, usually "
    "before step 10,000",
)  # fmt: skip

# %% [markdown]
# What is sudden? On the small problem we can look at the two parts of the error apart: how far off those
# foxes are that look the right way, and how many look the wrong way.

# %% tags=["hide-input"]
def placed(way):
    """Mean error of the foxes that look the right way, % of the width: [seeds, looks]."""
    right = ~small_wrong[way]
    return 100 * (small_errors[way] * right).sum(axis=2) / right.sum(axis=2)


near, wrong = placed("ControlNet").mean(axis=0), 100 * small_wrong["ControlNet"].mean(axis=(0, 2))
turn = int((wrong[:-1] - wrong[1:]).argmax()) + 1  # the look before which most of them turned
settled = (near[0] - near[turn - 1]) / (near[0] - near[-1])
eighth = trainings["ways"]["ControlNet"]["steps"] / (len(near) - 1)
LOOKS = [0, 1, 2, 3, 4, -1]
show.table(
    ["ControlNet, mean of three trainings", *(f"step {eighth * (k % len(near)):.0f}" for k in LOOKS)],
    [
        ["look the wrong way, %", *wrong[LOOKS].tolist()],
        ["error of the others, % of the width", *near[LOOKS].tolist()],
    ],
)

# %% tags=["hide-input"]
one_stretch = (wrong[turn - 1] - wrong[turn]) / (wrong[0] - wrong[-1])
show.say(
    f"Before step {eighth * (turn - 1):.0f} the others have made {100 * settled:.0f} % of their improvement, and "
    f"the share that looks the wrong way went from {wrong[0]:.0f} to {wrong[turn - 1]:.0f} %. Then one stretch of "
    f"{eighth:.0f} steps makes {100 * one_stretch:.0f} % of all the turning there is. "
    + ("What is sudden is a *yes or no*: an animal looks left or right, and half-way between there is none, so "
       "pictures do not approach their map, they change sides. " if one_stretch > 0.5 else
       "So they change sides one after the other. ")
    + "The zeros account for the first three steps; a turn that comes tens of steps later needs another reason."
)  # fmt: skip

# %% [markdown]
# Now to what we had put off: exits that do *not* begin at zero. The same problem, steps and seeds, Gaussian
# weights at the exits, trained once and kept.
#
# **Predict.** Will training repair them? Will they learn to read the map sooner, since nothing has to open first,
# or later, or not at all?

# %% tags=["hide-input"]
random_exits = stored("gaussian_exits")["facts"]["ways"][map_routes.GAUSSIAN]
their_errors = np.array(random_exits["errors"])
their_wrong = their_errors > np.array(random_exits["mirrored"])
ENDS = {
    "zero": (small_errors["ControlNet"], small_wrong["ControlNet"]),
    "Gaussian": (their_errors, their_wrong),
}
show.table(
    ["exits begin", "", *(f"step {eighth * (k % len(near)):.0f}" for k in LOOKS)],
    [
        row
        for name, (errors, wrong_way) in ENDS.items()
        for row in (
            [name, "error, % of the width", *(100 * errors.mean(axis=(0, 2)))[LOOKS].tolist()],
            [name, "look the wrong way, %", *(100 * wrong_way.mean(axis=(0, 2)))[LOOKS].tolist()],
        )
    ],
)

# %% tags=["hide-input"]
def turned_by(wrong_way):
    """For each seed, the first look at which half as many look the wrong way as at first, or past the end."""
    fewer = wrong_way.mean(axis=2) < wrong_way[:, :1].mean(axis=2) / 2
    return np.where(fewer.any(axis=1), fewer.argmax(axis=1), fewer.shape[1])


def step_of(look):
    return f"{eighth * look:.0f}" if look < len(near) else "none"


turned = {name: turned_by(wrong_way) for name, (_, wrong_way) in ENDS.items()}
last = {name: 100 * errors[:, -1].mean(axis=1) for name, (errors, _) in ENDS.items()}  # a training each
later = turned["Gaussian"] > turned["zero"]
repaired = last["Gaussian"].min() <= last["zero"].max()  # no gap between the two ranges
show.say(
    "Most foxes have turned by step "
    + "; ".join(f"{', '.join(map(step_of, looks))} with {name} exits" for name, looks in turned.items())
    + f" (seeds {', '.join(map(str, trainings['seeds']))}): later without zeros in {later.sum()} of {len(later)}. "
    f"At the end they are off by {', '.join(f'{e:.2f}' for e in last['Gaussian'])} %, with zeros by "
    f"{', '.join(f'{e:.2f}' for e in last['zero'])} %. "
    + ("So here training does repair them" if repaired else "So within these steps training does not repair them")
    + ("; what zeros save is time, and the base's pictures meanwhile. " if repaired and later.sum() > 1 else ". ")
    + ("The paper found otherwise at full size (in the table of published numbers below). " if repaired else "")
    + "And this counts joints, not scratches on the ground."
)  # fmt: skip

# %% [markdown]
# ## The older way: more channels
#
# Before ControlNet, maps came in as further *channels* of the input: latent diffusion did so for
# segmentation maps, and Stable Diffusion 2 had a model with one more channel for depth. One widens
# the first convolution, sets the new weights to zero (here, too), and trains *all* of the model. On
# paper it looks different from a hint that is added behind the first convolution. Is it?
#
# **Predict.** A convolution with 4 + 64 input channels, or one with 4 and one with 64 whose results
# are added: by how much do they differ?

# %%
h = torch.randn(2, 64, *LATENT[1:])
for_z, for_h = nn.Conv2d(4, 48, 3, padding=1), nn.Conv2d(64, 48, 3, padding=1)
wide = nn.Conv2d(4 + 64, 48, 3, padding=1)
with torch.no_grad():
    wide.weight.copy_(torch.cat([for_z.weight, for_h.weight], dim=1))
    wide.bias.copy_(for_z.bias + for_h.bias)
    torch.testing.assert_close(
        wide(torch.cat([z, h], 1)), for_z(z) + for_h(h), rtol=1e-4, atol=1e-5
    )

# %% [markdown]
# By rounding, for a convolution is linear:
#
# $$
# W * [z, h] \;=\; W_z * z + W_h * h .
# $$
#
# So what tells the two apart is not *where* the map comes in. It is what is trained: a
# copy at the side of a frozen model, or the model itself.
#
# ## A third way: the map as words
#
# Cross-attention reads a *set of vectors*, and [section 3](03_cfg_vectors.ipynb) found that it minds
# neither their order nor where they come from, as long as it was trained to read them. So make words of
# the map: one for each patch of its features, with a vector that says where the patch is, read by keys
# and values of their own beside the prompt's. That is how
# [IP-Adapter](https://arxiv.org/abs/2308.06721) shows a picture to a frozen model. Its new keys and
# values begin as copies of the prompt's; our values begin at zero, so that this way, too, starts as the
# base.
#
# **Predict.** What does each way cost? Count a training step, forwards and backwards. A ControlNet adds
# half a network; but the frozen encoder needs no backward pass, and the frozen decoder only half of
# one.

# %%
from torch.utils.flop_counter import FlopCounterMode


def flops(way):
    network, part = map_routes.made(way, base, seed=0)
    with FlopCounterMode(display=False) as counter:
        next(small.training(network, part, given, seed=0, steps=1))
    trained = sum(p.numel() for p in part.parameters() if p.requires_grad)
    rates = [group["lr"] for group in map_routes.optimiser(part).param_groups]
    return counter.get_total_flops(), trained, rates


cost, trained, rates = {}, {}, {}
for way in map_routes.WAYS:
    cost[way], trained[way], rates[way] = flops(way)
ratio = max(cost.values()) / min(cost.values())
lesson.agree(ratio, 1, within=0.5)

# %% tags=["hide-input"]
show.table(
    ["a training step", "GFLOPs", "parameters trained", "learning rate: what is new", "what was there"],
    [
        [way, n / 1e9, trained[way], *(f"{rate:g}" for rate in rates[way]), *["–"] * (2 - len(rates[way]))]
        for way, n in cost.items()
    ],
)

# %% tags=["hide-input"]
dearest, cheapest = max(cost, key=cost.get), min(cost, key=cost.get)
slower = rates["ControlNet"][1] / rates["channel concatenation"][1]
show.say(
    f"A step of the dearest ({dearest}) costs {ratio:.2f} times that of the cheapest ({cheapest}), though the numbers "
    f"that are trained differ {max(trained.values()) / min(trained.values()):.0f}-fold. Note the rates: one choice "
    "each, none of them tuned. What was there before moves "
    f"{slower:.0f} times more slowly where it is the model itself, for whatever changes in it is heard at once."
)

# %% [markdown]
# So compute hardly decides between them. Does it show in what they learn? Each way was trained on the small
# problem with three seeds, as many steps as the same number of FLOPs buys.
#
# **Predict.** Which follows the map best at the end? Which starts first?

# %% tags=["hide-input"]
KEYPOINT = "keypoint error, share of the width"
COLOUR = dict(zip(map_routes.WAYS, ("orange", "blue", "green")))
named = {way: [way, f"_{way} 1", f"_{way} 2"] for way in small_errors}  # "_": not in the legend
show.curves(
    {
        KEYPOINT: {
            name: (trainings["shares"], errors)
            for way, e in small_errors.items()
            for name, errors in zip(named[way], e.mean(axis=2))
        }
    },
    alt="The keypoint error of three ways to bring a skeleton in, against the share "
    "of the same training compute, a line for each of three trainings. ControlNets "
    "fall first; channels and cross-attention stay high for half of the training and "
    "more, and come down one training after another.",
    colours={name: COLOUR[way] for way, names in named.items() for name in names},
    markers=True,
    xlabel="share of the training compute",
    ylim=(0, 0.28),  # room for the legend
)

# %% tags=["hide-input"]
ended = {way: 100 * e[:, -1].mean(axis=1) for way, e in small_errors.items()}  # a training each
middle = {way: np.median(each) for way, each in ended.items()}
started = 100 * small_errors["ControlNet"][:, 0].mean()
words_way = middle["cross-attention"]
arrived = {way: (e.mean(axis=2) < started / 200) for way, e in small_errors.items()}
when = {  # share of the compute at which the error is first halved, for the seeds that get there
    way: [trainings["shares"][seed.argmax()] for seed in a if seed.any()] for way, a in arrived.items()
}

# %% tags=["hide-input"]
first = min(arrived, key=lambda way: np.mean(when[way]) if len(when[way]) == len(arrived[way]) else 2)
best = min(middle, key=middle.get)
beaten = min(each.min() for way, each in ended.items() if way != best)
many_zeros = first == "ControlNet"
show.say(
    f"The first to halve its error is {first}; the nearest at the end is {best}, and "
    + ("each of its trainings ends nearer than any of the others'. " if ended[best].max() < beaten else
       "its trainings and the others' overlap. ")
    + ("Zeros do not make it late: a map's way through the ControlNet passes two layers that begin at zero, "
       "through the others one, and they turn later. " if many_zeros else "")
    + "But rates differ between the ways, and a way that is slow here may be slow for its rate. Three seeds on one "
    "small problem are no ranking."
)  # fmt: skip

# %% tags=["hide-input"]
settle(
    "C27",
    "holds" if words_way < started / 2 and words_way < 1.25 * min(middle.values())
    else "holds within limits" if words_way < 0.8 * started
    else "does not hold",
    part="maps",
    number="keypoint error after equal compute, three trainings each: " + "; ".join(
        f"{way} {', '.join(f'{one:.1f}' for one in sorted(each))}" for way, each in ended.items())
    + f"; without training {started:.1f} % of the width",
    sentence="A map can be brought in as channels, as words for cross-attention, or by a "
    "ControlNet. On the small problem, after "
    f"{trainings['ways']['ControlNet']['steps'] * trainings['ways']['ControlNet']['gigaflops']:.0f} "
    "GFLOPs of training each, pictures are off by "
    + ", ".join(f"{middle[way]:.1f} % ({way}; {each.min():.1f} to {each.max():.1f}; "
                f"{trainings['ways'][way]['parameters']:,} numbers trained)"
                for way, each in ended.items())
    + f" of the width (median and range of n = {len(trainings['seeds'])} trainings, each judged on the same "
    f"{small_errors['ControlNet'].shape[2]} maps; before {started:.1f} %, true pictures "
    f"{100 * np.mean(trainings['floor']):.2f} %). The error is halved after "
    + "; ".join(f"{', '.join(f'{100 * share:.0f}' for share in when[way])} % of it ({way}, "
                f"{len(when[way])} of {len(a)} seeds)" for way, a in arrived.items())
    + ". One kind of map, one caption, the highest noise "
    f"levels; learning rates chosen once, not tuned, and {slower:.0f} times lower for the model itself (channels) than "
    "for a ControlNet's copy: this ranks no ways.",
)  # fmt: skip

# %% [markdown]
# Whatever the order: a ControlNet and an adapter leave their base as it was, bit for bit, and can be
# taken off again, shared, weakened, or added to another. A model that was retrained with more channels
# is another model.

# %% [markdown]
# ## The trained one
#
# Here it is. (Its copy may differ from the base by a low-rank change only, a *Control-LoRA*, which
# keeps the file small; hint encoder and zero convolutions are learnt whole.)

# %%
from course_utils.measure.sweeps import control as pulls
from course_utils.models import load

CONDITION = lesson.condition()
draw.control = load("controlnet", condition=CONDITION)
eight = sample(8, seed=HELD_OUT_SEED)
drawn = {s: pulls.pictures(draw, CONDITION, eight, s) for s in (0.0, 1.0)}

# %% tags=["hide-input", "front-page"]
show.pictures(
    {
        "the map": shown,
        "the base alone": drawn[0.0][:4],
        "with the ControlNet": drawn[1.0][:4],
    },
    alt="Four skeletons; below them what the base draws of the four prompts "
    "alone, and what comes with the ControlNet at its side: the animals stand "
    "as the skeletons do.",
)

# %% [markdown]
# "Pixel-perfect", say some. "Soft; nothing is locked", say others. Both can show pictures. A claim
# about locking is a claim about the *distribution*: not how far off on average, but how far off how
# often. So here is the share of joints below each error. The eight pictures make few joints; two dozen at several
# strengths were drawn once and their errors kept. The first eight are those above, and must agree.
#
# **Predict.** If the structure were locked, where would the line have to lie?

# %%
kept = stored("control_pose")
joints = dict(zip(kept["facts"]["scales"], 128 * np.array(kept["facts"]["joints"])))  # [n, 12]
live = {s: 128 * lesson.distances(pictures, eight) for s, pictures in drawn.items()}
for s in live:
    lesson.agree(live[s].mean(), joints[s][: len(eight)].mean(), within=0.6)  # pixels
if not lesson.own():
    joints = {**joints, **live}
off = {
    "the base alone": joints[0.0],
    "with the ControlNet": joints[1.0],
    "true, decoded": 128 * np.array(kept["facts"]["joints_reconstructed"]),
}

# %% tags=["hide-input"]
TITLE = "a joint's distance from the skeleton, pixels of 128"
show.shares(
    {TITLE: {k: off[k].ravel() for k in ("the base alone", "with the ControlNet")}},
    alt="The share of joints below each distance, for the base alone, which "
    "rises slowly, and with the ControlNet, which rises within a few pixels; "
    "dashed, true pictures through the autoencoder, which rise at once.",
    colours={"the base alone": "blue", "with the ControlNet": "orange"},
    floors={TITLE: ("true, decoded", off["true, decoded"].ravel())},
    limits={TITLE: (0, 40)},
    of="joints",
)

# %% tags=["hide-input"]
tenths = {k: np.percentile(v, (10, 50, 90)).tolist() for k, v in off.items()}
dice = np.random.default_rng(0)  # joints of one picture err together: resample pictures, not joints
drawn_again = dice.integers(len(off["with the ControlNet"]), size=(2000, len(off["with the ControlNet"])))
resampled = np.percentile(off["with the ControlNet"][drawn_again], (50, 90), axis=(1, 2))
middle_ends, high_ends = np.percentile(resampled, (2.5, 97.5), axis=1).T
show.table(
    ["joints, pixels of 128", "n", "10th percentile", "median", "90th percentile", "largest"],
    [[name, v.size, *tenths[name], float(v.max())] for name, v in off.items()],
)

# %% tags=["hide-input"]
within_two = {name: show.digits(100 * float((v < 2).mean())) for name, v in off.items()}
show.say(
    "Locked would be the dashed line: no further off than what critic and autoencoder err on pictures that are right "
    f"by construction ({within_two['true, decoded']} % of joints within two pixels). With the ControlNet it is "
    f"{within_two['with the ControlNet']} %, with the base alone {within_two['the base alone']} %."
)

# %% [markdown]
# ### Pulling harder
#
# The **conditioning scale** is a factor on all that the ControlNet adds: at 0 the base is alone, at 1 it
# pulls as it was trained to.
#
# **Predict.** If 1 follows closely, does 1.5 follow more closely still? And what happens to the prompt?

# %% tags=["hide-input"]
from course_utils.measure.pictures import mean_and_interval

MEAN = "mean distance of a picture's joints, pixels of 128"
pulled = dict(zip(kept["facts"]["scales"], 128 * np.array(kept["facts"]["values"])))
show.shares(
    {MEAN: {f"scale {s:g}": v for s, v in pulled.items()}},
    alt="The share of pictures below each mean distance, at four conditioning "
    "scales. At 0 it rises slowly, at one half faster, and at 1 and 1.5 within a "
    "few pixels; dashed, true pictures after the autoencoder.",
    colours=dict(zip([f"scale {s:g}" for s in pulled], ("blue", "green", "orange", "purple"))),
    floors={MEAN: ("true, decoded", 128 * np.array(kept["facts"]["reconstructions"]))},
    limits={MEAN: (0, 40)},
)

# %% tags=["hide-input"]
show.table(
    [f"n = {kept['n']}", "median", "90th percentile", "prompt obeyed, %"],
    [
        [f"scale {s:g}", *np.percentile(v, (50, 90)).tolist(), 100 * right]
        for (s, v), right in zip(pulled.items(), kept["facts"]["accuracy"])
    ],
)

# %% tags=["hide-input"]
harder = mean_and_interval(pulled[1.0] - pulled[1.5])  # picture by picture
obeyed = dict(zip(kept["facts"]["scales"], kept["facts"]["accuracy"]))
show.say(
    f"From 1 to 1.5 a picture's joints come {harder.mean:.2g} pixels nearer (mean of the pairs, 95 % interval "
    f"{harder.low:.2g} to {harder.high:.2g}): "
    + ("closer still. " if harder.low > 0 else "not surely closer. ")
    + f"The prompt is obeyed to {show.digits(100 * obeyed[1.0])} % at 1 and {show.digits(100 * obeyed[1.5])} % at "
    "1.5. But prompt and map are of one scene here; what happens when they are not, we ask below."
)

# %% [markdown]
# ### Outlines and depth
#
# Nothing in a ControlNet knows what a skeleton is. Two more were trained the same way: one is shown outlines, one
# depth, near parts light. A small network that was trained on renders reads both off a picture, so that what was
# drawn can be held against what was asked for.
#
# **Predict.** An outline says more than a skeleton. Will it be followed more closely? And will either of the two
# stop the prompt from being obeyed when it is pulled at harder?

# %%
from course_utils.measure.adherence import MEASURES

KINDS = {"edge": "outlines", "depth": "depth"}
asked_for, got = {}, {}
for kind in KINDS:
    draw.control = load("controlnet", condition=kind)
    asked_for[kind] = lesson.maps(eight[:3], SIDE, kind)
    got[kind] = pulls.pictures(draw, kind, eight[:3], 1.0)
draw.control = load("controlnet", condition=CONDITION)

# %% tags=["hide-input"]
show.pictures(
    {
        "outlines": asked_for["edge"],
        "drawn to the outlines": got["edge"],
        "depth": asked_for["depth"],
        "drawn to the depth": got["depth"],
    },
    alt="Four rows of three: white outlines of animals on black; animals drawn "
    "to these outlines; depth maps, near parts light; animals drawn to the "
    "depth maps. All stand as their maps do.",
)

# %%
stored_by = {kind: stored(f"control_{kind}")["facts"] for kind in KINDS}
for kind, facts in stored_by.items():
    again = MEASURES[kind](got[kind], pulls.maps(kind, eight[:3])).mean()
    before = np.mean(facts["values"][facts["scales"].index(1.0)][:3])
    lesson.agree(again, before, within=0.03, what=kind)

# %% tags=["hide-input"]
def quantiles(values):
    return [100 * float(q) for q in np.percentile(values, (10, 50, 90))]


by_scale = {
    kind: {s: quantiles(v) for s, v in zip(facts["scales"], facts["values"])}
    for kind, facts in stored_by.items()
}
floor = {kind: quantiles(facts["reconstructions"]) for kind, facts in stored_by.items()}
obeyed_by = {kind: dict(zip(facts["scales"], facts["accuracy"])) for kind, facts in stored_by.items()}

# %% tags=["hide-input"]
show.table(
    [f"n = {kept['n']}; 10th, 50th, 90th percentile", "F1 of outlines, %", "prompt obeyed, %",
     "error of depth, % of its range", "prompt obeyed, %"],
    [
        *[[f"scale {s:g}",
           *[cell for kind in KINDS
             for cell in (", ".join(f"{q:.3g}" for q in by_scale[kind][s]), 100 * obeyed_by[kind][s])]]
          for s in by_scale["edge"]],
        ["true pictures, decoded",
         *[cell for kind in KINDS for cell in (", ".join(f"{q:.3g}" for q in floor[kind]), "")]],
    ],
)  # fmt: skip

# %% [markdown]
# (F1 is the harmonic mean of two shares: of the map's outlines that are found in the picture, and of the
# picture's that are in the map, both within a pixel. Outlines want a large number, depth a small one.)
# Prompt and map are of one scene here and agree, so that the prompt is obeyed proves little: neither map
# stops a prompt that it does not contradict.
#
# ## Two controls at once
#
# What a ControlNet says is *added* to the base, and sums can have more than two terms. So two of
# them, trained apart, that never met, can steer one picture: each reads its own map, and what both say is added.

# %%
from course_utils.diffusion.maps import prepared
from course_utils.diffusion.samplers import denoise, with_guidance

PAIR = ("pose", "edge")
nets = [load("controlnet", condition=kind) for kind in PAIR]


def added(*steering):
    """The base with any number of ControlNets at its side: (net, maps, scale) each."""
    network = draw.unet
    for net, maps, scale in steering:
        network = Controlled(network, net, prepared(maps, len(maps), SIDE).to(draw.place), scale)
    return network


# %% [markdown]
# The library calls that a `MultiControlNetModel`. One call of both:

# %%
from diffusers import MultiControlNetModel

two = sample(2, seed=HELD_OUT_SEED)
skeletons, outlines = (lesson.maps(two, SIDE, kind) for kind in PAIR)
states = draw.text.read([caption(scene) for scene in two])
z, t = draw.noise([0, 1]), 500
with torch.inference_mode():
    ours = added((nets[0], skeletons, 1.0), (nets[1], outlines, 0.5))(z, t, states)[0]
    maps = [prepared(one, 2, SIDE) for one in (skeletons, outlines)]
    down, middle = MultiControlNetModel(nets)(z, t, states, maps, [1.0, 0.5], return_dict=False)
    theirs = draw.unet(z, t, states, down_block_additional_residuals=down,
                       mid_block_additional_residual=middle).sample  # fmt: skip
lesson.close(ours, theirs)

# %% [markdown]
# **Predict.** Skeleton and outlines of the same scene, both at full strength: does the animal follow both more
# closely than either alone, or is it pulled too hard? And if the outlines are *another* scene's: who wins, or will
# there be something in the middle? Does it matter whose caption is the prompt?

# %%
from course_utils.diffusion.samplers import stock_scheduler


@torch.inference_mode()
def drawn_with(network, words):
    nothing = draw.text.read([""]).expand_as(words)
    predict = with_guidance(network, words, nothing, draw.guidance)
    return draw.decode(denoise(predict, stock_scheduler("ddim", draw.steps), draw.noise([0, 1])))


together = drawn_with(added((nets[0], skeletons, 1.0), (nets[1], outlines, 1.0)), states)
foreign = lesson.maps(sample(3, seed=HELD_OUT_SEED)[1:], SIDE, "edge")
theirs = draw.text.read([caption(scene) for scene in sample(3, seed=HELD_OUT_SEED)[1:]])
quarrelling = added((nets[0], skeletons, 1.0), (nets[1], foreign, 1.0))
quarrel, other_side = (drawn_with(quarrelling, words) for words in (states, theirs))

# %% tags=["hide-input"]
show.pictures(
    {
        "the skeleton": skeletons,
        "its own outlines": outlines,
        "both": together,
        "another scene's outlines": foreign,
        "skeleton, these, the skeleton's caption": quarrel,
        "the same, the outlines' caption": other_side,
    },
    alt="Six rows of two: skeletons; outlines of the same animals; animals that "
    "follow both; outlines of other animals; and what comes of the first "
    "skeletons with the outlines of the others, once with the caption of either.",
)

# %%
pairs = stored("two_controls")
by_pull = {row["name"]: row for row in pairs["facts"]["rows"]}
again = 128 * lesson.distances(together, two).mean()
lesson.agree(again, 128 * np.mean(by_pull["both"]["joints"][:2]), within=0.6)

# %% tags=["hide-input"]
def spread(values, factor):
    """Median, 10th and 90th percentile, as text."""
    low, middle, high = np.percentile(factor * np.array(values), (10, 50, 90))
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


decoded = [stored(f"control_{kind}")["facts"]["reconstructions"][: pairs["n"]] for kind in PAIR]
show.table(
    [f"n = {pairs['n']}, medians (10th to 90th percentile)", "joints off the skeleton, pixels of 128",
     "F1 of outlines, %", "prompt obeyed, %"],
    [
        *[[name, spread(row["joints"], 128), spread(row["edges"], 100), f"{100 * row['accuracy']:.3g}"]
          for name, row in by_pull.items()],
        ["true pictures, decoded", spread(decoded[0], 128), spread(decoded[1], 100), ""],
    ],
)  # fmt: skip

# %% tags=["hide-input"]
nearer = {
    key: mean_and_interval(sign * (np.array(by_pull["the edges alone"][key]) - np.array(by_pull["both"][key])))
    for key, sign in (("joints", 128), ("edges", -100))
}  # picture by picture, above zero where both together do better


def better(gain, unit):
    """A paired gain in words, with its interval."""
    words = "better" if gain.low > 0 else "worse" if gain.high < 0 else "no different within its uncertainty"
    return f"{words} ({gain.mean:+.2g} {unit}, 95 % interval {gain.low:.2g} to {gain.high:.2g})"


middle = {name: 128 * np.median(row["joints"]) for name, row in by_pull.items()}
show.say(
    f"Together against the outlines alone, picture by picture (n = {pairs['n']}): joints are "
    f"{better(nearer['joints'], 'pixels')}, outlines {better(nearer['edges'], 'points of F1')}. "
    f"There was not much left to gain: outlines alone hold the joints within {middle['the edges alone']:.2g} pixels, "
    f"the skeleton alone within {middle['the skeleton alone']:.2g} (medians)."
)

# %% tags=["hide-input"]
from scipy.stats import binomtest

close_to = np.percentile(by_pull["the skeleton alone"]["joints"], 90)  # nine in ten come as close in peace


def of_all(which):
    """How many pictures, with Wilson's 95 % interval in per cent."""
    ends = binomtest(int(which.sum()), len(which)).proportion_ci(method="wilson")
    return f"{which.sum()} [{100 * ends.low:.0f}, {100 * ends.high:.0f} %]"


fights = {side: {k: np.array(row[k]) for k in ("joints", "theirs")} for side, row in pairs["facts"]["quarrels"].items()}
won = {side: row["joints"] < row["theirs"] for side, row in fights.items()}  # nearer to the skeleton's scene
place = {side: row["joints"] / (row["joints"] + row["theirs"]) for side, row in fights.items()}
amid = {side: abs(p - 0.5) < 1 / 6 for side, p in place.items()}  # in the middle third between the two scenes
show.table(
    [f"of {pairs['n']} quarrels [Wilson's 95 %]", "nearer to the skeleton's scene", "within "
     f"{128 * close_to:.1f} pixels of it", f"within {128 * close_to:.1f} pixels of the outlines' scene",
     "in the middle third between the two"],
    [
        [f"caption of the {'skeleton' if side == 'skeleton' else 'outlines'}", of_all(won[side]),
         *(of_all(row[key] < close_to) for key in ("joints", "theirs")), of_all(amid[side])]
        for side, row in fights.items()
    ],
)  # fmt: skip

# %% tags=["hide-input"]
with_bones, with_lines = (int(won[side].sum()) for side in ("skeleton", "edges"))
half, middling = pairs["n"] / 2, sum(int(a.sum()) for a in amid.values())
show.say(
    f"With the caption of its own scene the skeleton wins {with_bones} of {pairs['n']} times, with that of the "
    f"outlines' scene {with_lines}: "
    + ("the side with the words behind it wins. " if with_lines < half < with_bones else
       "the caption does not decide. ")
    + f"Against the caption the outlines win {pairs['n'] - with_bones} times, the skeleton {with_lines}. "
    + (f"And a sum is hardly ever a compromise: {middling} of {2 * pairs['n']} pictures lie in the middle third. "
       "Half-way between a tail on the left and one on the right there is no animal, and the base draws animals."
       if middling < pairs["n"] / 5 else
       f"The sum may well be a compromise: {middling} of {2 * pairs['n']} lie in the middle third.")
)  # fmt: skip

# %% [markdown]
# ## Who wins?
#
# So far prompt and map agreed. Now they do not: the prompt says *sitting*, the skeleton walks.
#
# **Predict.** Does the animal sit, does it walk, or is it something in between?

# %%
striding = pulls.walking(3)
against = [caption(scene.but(stance="sitting")) for scene in striding]
argued = {
    s: pulls.pictures(draw, CONDITION, striding, s, against) for s in (0.0, 1.0)
}
torn = {s: 128 * lesson.distances(p, striding).ravel() for s, p in argued.items()}
stances = {s: lesson.read(p).labels["stance"].tolist() for s, p in argued.items()}

# %% tags=["hide-input"]
show.pictures(
    {
        "the map walks": lesson.maps(striding, SIDE),
        "the prompt alone says: sitting": argued[0.0],
        "both": argued[1.0],
    },
    alt="Three skeletons of walking animals; below them the sitting animals that "
    "the prompts give alone; below these what comes of both.",
)

# %% tags=["hide-input"]
show.table(
    ["", "the critic sees", "joints off the skeleton, pixels: median", "90th"],
    [
        [name, ", ".join(stances[s]), *np.percentile(torn[s], (50, 90)).tolist()]
        for name, s in (("the prompt alone", 0.0), ("both", 1.0))
    ],
)

# %% [markdown]
# Three animals make no distribution. Two dozen, at several conditioning scales, were drawn once and
# their readings kept:

# %% tags=["hide-input"]
argument = stored("contradiction")
many = argument["facts"]
far_off = {s: 128 * np.array(e) for s, e in zip(many["scales"], many["error"])}  # [n] each, pixels
TORN = "prompt sits, skeleton walks: joints off, pixels of 128"
show.shares(
    {TORN: {f"scale {s:g}": e for s, e in far_off.items()}},
    alt="The share of pictures below each mean distance from the walking skeleton, at four conditioning scales. "
    "At 0 and at one half all lie beyond ten pixels. At 1 a part, at 1.5 a larger part is within a few "
    "pixels, and the rest stays where it was.",
    colours=dict(zip([f"scale {s:g}" for s in far_off], ("blue", "green", "orange", "purple"))),
    limits={TORN: (0, 40)},
)

# %% tags=["hide-input"]
STANCES = ("sitting", "standing", "walking")
seen_at = {s: np.array(seen) for s, seen in zip(many["scales"], many["stance"])}
counts = {s: [int((seen == stance).sum()) for stance in STANCES] for s, seen in seen_at.items()}
torn_by = {
    s: [float(np.median(e[which])) if which.any() else "–" for which in (sits, ~sits)]
    for s, e in far_off.items()
    for sits in [seen_at[s] == "sitting"]
}
show.table(
    [f"n = {argument['n']}; the critic sees", *STANCES, "joints off, median: those that sit", "those that do not"],
    [[f"scale {s:g}", *counts[s], *torn_by[s]] for s in far_off],
)

# %% tags=["hide-input"]
hardest, seen = far_off[1.5], seen_at[1.5]
rest, risen = hardest[seen == "sitting"], hardest[seen != "sitting"]
at_rest = far_off[0.0][seen == "sitting"]
parted = len(risen) and len(rest) and risen.max() < rest.min()
show.say(
    f"At scale 1 {counts[1.0][0]} of {argument['n']} still sit, at 1.5 {counts[1.5][0]}. "
    + (f"Those that got up are a median of {np.median(risen):.1f} pixels off the skeleton, those that sit "
       f"{np.median(rest):.1f}: " if len(risen) and len(rest) else "")
    + ("every one that got up is nearer to its skeleton than any that sits. So it is not half-way for all: each "
       "picture decides. " if parted else
       "the two groups overlap, so some pictures lie in between. ")
    + f"(Those that sit have been pulled, too: without a map the same were {np.median(at_rest):.1f} pixels off.) "
    f"The critic takes {counts[1.5][1]} of those that got up for standing and {counts[1.5][2]} for walking."
)  # fmt: skip

# %% tags=["hide-input"]
(low, middle, high), base_middle = tenths["with the ControlNet"], tenths["the base alone"][1]
halfway = {s: np.median(v) for s, v in pulled.items()}
stand_up = {s: f"{c[0]} still sit, {c[1]} stand, {c[2]} walk" for s, c in counts.items()}
settle(
    "C15",
    "holds" if high < 2
    else "holds within limits" if middle < base_middle / 2
    else "does not hold",
    number=f"half of the joints within {middle:.1f} pixels of 128, nine in ten "
    f"within {high:.1f}; the base alone {base_middle:.1f}",
    sentence=("Close, and not pixel-perfect. " if high >= 2 else "")
    + f"At conditioning scale 1 joints are {low:.1f} to {high:.1f} pixels from the skeleton (10th to 90th percentile; "
    f"median {middle:.1f} [{middle_ends[0]:.1f}, {middle_ends[1]:.1f}], 90th [{high_ends[0]:.1f}, {high_ends[1]:.1f}], "
    f"95 % by resampling the {len(joints[1.0])} pictures; largest {off['with the ControlNet'].max():.0f}), in true "
    f"pictures, decoded, {tenths['true, decoded'][1]:.1f} (median) and {tenths['true, decoded'][2]:.1f} (90th). "
    f"A picture's mean error goes from {halfway[0.0]:.1f} at scale 0 over "
    f"{halfway[0.5]:.1f} at 0.5 and {halfway[1.0]:.1f} at 1 to {halfway[1.5]:.1f} at 1.5 "
    f"(medians, n = {kept['n']}). Where prompt and map quarrel, told to sit with a "
    f"walking skeleton, of {argument['n']} pictures {stand_up[1.0]} at scale 1; {stand_up[1.5]} at 1.5; without a map "
    f"{counts[0.0][0]} sit. One skeleton and seed a picture. Outlines: F1 "
    f"{by_scale['edge'][0.0][1]:.0f} % at scale 0, {by_scale['edge'][1.0][1]:.0f} % at 1 (true pictures, decoded: "
    f"{floor['edge'][1]:.0f} %); depth: error {by_scale['depth'][0.0][1]:.2g} % of its range at 0, "
    f"{by_scale['depth'][1.0][1]:.2g} % at 1 (true pictures {floor['depth'][1]:.2g} %; medians, n = {kept['n']}).",
)  # fmt: skip

# %% [markdown]
# ## A skeleton by hand
#
# A map need not come from a picture. Take a scene's joints, move some, draw the bones again.
#
# **Predict.** A raised tail, and a nose *behind the tail*, which no scene ever had. Which will be
# followed, and how far?

# %%
from course_utils.critters import KEYPOINTS, draw_pose, keypoints

posed = [one.but(stance="standing", facing="left", x=0.5) for one in eight]
EDITS = {
    "its own bones": {},
    "tail up": {"tail_tip": (-6, -22), "tail_mid": (-4, -12)},
    "nose behind the tail": {"nose": (70, 0)},
}


def with_moves(one, moves):
    """A scene's joints, some of them moved, in pixels of 128."""
    own = keypoints(one, SIDE)
    return {k: tuple(own[k] + SIDE / 128 * np.array(moves.get(k, (0, 0)))) for k in own}


# %%
drawings, by_hand, found = {}, {}, {}
for name, moves in EDITS.items():
    drawings[name] = np.stack([draw_pose(with_moves(one, moves), SIDE) for one in posed])
    by_hand[name] = draw([caption(one) for one in posed], range(8), control_map=drawings[name])
    found[name] = 128 * lesson.read(by_hand[name]).keypoints  # [8, 12, 2], pixels

# %% tags=["hide-input"]
show.pictures(
    {
        "": [maps[3] for maps in drawings.values()],
        "what is drawn": [made[3] for made in by_hand.values()],
    },
    columns=list(EDITS),
    alt="Three skeletons, the scene's own and two edited by hand, and the "
    "animal that is drawn for each. The tail is a little higher in the second; in the third the "
    "animal looks as it did.",
)

# %% [markdown]
# How far does a moved joint follow? Compare with the picture of the scene's own bones, same prompt and seed: by how
# much has the joint moved along the way that it was asked to move?

# %% tags=["hide-input"]
def followed(name):
    """Of each scene: how far the moved joints went along their moves, pixels; and how far the others went."""
    went = found[name] - found["its own bones"]
    moved = np.array([joint in EDITS[name] for joint in KEYPOINTS])
    ways = np.array(list(EDITS[name].values()), float)
    along = (went[:, moved] * ways / np.linalg.norm(ways, axis=1, keepdims=True)).sum(axis=2)
    return along.mean(axis=1), np.linalg.norm(went[:, ~moved], axis=2).mean(axis=1)


asked_to_move = {k: float(np.mean([np.hypot(*move) for move in moves.values()])) for k, moves in EDITS.items() if moves}
went_along = {name: followed(name) for name in asked_to_move}
show.table(
    [f"pixels of 128, medians of {len(posed)} scenes (least to most)", "asked to move", "moved along",
     "the others moved"],
    [
        [name, asked_to_move[name],
         *(f"{np.median(e):.3g} ({e.min():.2g} to {e.max():.2g})" for e in went_along[name])]
        for name in asked_to_move
    ],
)  # fmt: skip

# %% tags=["hide-input"]
part = {name: 100 * float(np.median(went_along[name][0])) / asked_to_move[name] for name in asked_to_move}
show.say(
    "; ".join(f"*{name}*: {share:.0f} % of the way" for name, share in part.items())
    + f" (medians of {len(posed)} scenes, one seed each). "
    + ("What scenes never had is not drawn, however clearly it is asked for; " if part["nose behind the tail"] < 20 else
       "Even what no scene ever had is followed in part; ")
    + ("the raised tail goes most of the way." if part["tail up"] > 80 else
       "the tail goes a part of the way." if part["tail up"] > 20 else "even the tail hardly rises.")
)

# %% [markdown]
# ## Try it: pull at a joint
#
# Pull at a joint, turn the conditioning scale. Find a place to which the animal will not follow. Then go
# back in the training: after how many steps does it begin to follow at all? By edges instead of joints,
# you may draw yourself.

# %%
from course_utils.demos.skeleton import Skeleton

Skeleton(
    draw,
    {
        "a standing fox": posed[3].but(species="fox", coat="orange"),
        "a walking dog": striding[0].but(species="dog"),
        "a sitting cat": posed[3].but(species="cat", stance="sitting"),
    },
)

# %% [markdown]
# ## What the real one does differently
#
# - **More of it, from more.** Stable Diffusion's ControlNet copies twelve encoder blocks and the middle,
#   thirteen zero convolutions at the exits. Training costs about a quarter more memory and a third more
#   time an iteration than training the model itself ([section
#   3.2](https://arxiv.org/abs/2302.05543)). Half of the prompts are dropped, so
#   that the map must be read.
# - **Maps are estimates.** Ours are true. OpenPose, Canny and MiDaS make mistakes, and a ControlNet
#   learns to live with the mistakes of *its* detector.
# - **Guidance.** In Stable Diffusion's pipeline the map goes to both branches, with and without the
#   prompt. The paper tries the prompted branch alone, and weights by resolution.
# - **Smaller relatives.** They ask how much of the copy is needed.

# %% tags=["hide-input"]
show.table(
    ["published", "what", "source"],
    [
        ["segmentation read back, IoU: real 0.58, ControlNet 0.35, "
         "without the copy 0.32, latent diffusion (channels) 0.31",
         "ADE20K, read by OneFormer",
         "[Zhang et al., 2023, table 2](https://arxiv.org/abs/2302.05543)"],
        ["users tell the two apart with a precision of 0.52 ± 0.17",
         "depth by ControlNet (200,000 samples, one RTX 3090 Ti, 5 days) and by a "
         "channel (12 million, thousands of A100 hours)",
         "[the same, section 4.3](https://arxiv.org/abs/2302.05543)"],
        ["Gaussian instead of zero: as weak as without the copy",
         "the counter-experiment, at full size",
         "[the same, section 4.2](https://arxiv.org/abs/2302.05543)"],
        ["a usable model “at about 3k to 7k steps”", "batch 4, suddenly",
         "[training notes](https://github.com/lllyasviel/ControlNet/blob/main/docs/train.md)"],
        ["SDXL: ControlNet 1,251 M parameters, Control-LoRA of rank 128 197.78 M, "
         "T2I-Adapter 79 M", "size of the part that reads the map",
         "[Hugging Face, 2023](https://huggingface.co/blog/t2i-sdxl-adapters)"],
    ],
)  # fmt: skip

# %% [markdown]
# ## Then and now
#
# - **2016.** [pix2pix](https://arxiv.org/abs/1611.07004) turns outlines into pictures: one network for
#   each kind of map, trained from nothing.
# - **2021.** Latent diffusion takes maps as further channels of its input
#   ([Rombach and others](https://arxiv.org/abs/2112.10752)).
# - **2022.** Stable Diffusion 2 comes with a depth model of its own: one more channel, all of the model
#   [trained on](https://huggingface.co/stabilityai/stable-diffusion-2-depth).
# - **February 2023.** ControlNet leaves the model alone and trains at its side. A few days later,
#   [T2I-Adapter](https://arxiv.org/abs/2302.08453): a small encoder, asked once for the whole
#   sampling instead of in each step. In August, Control-LoRA: the copy as a low-rank change.
# - **Since.** Transformers have no encoder with skip connections. Control goes on as a side network over
#   some of the blocks, or as the map's tokens in the same attention
#   ([OminiControl](https://arxiv.org/abs/2411.15098)). Zeros at the joints have stayed.
#
# ## Check yourself
#
# **1.** Somebody sets the exits to zero and *freezes* them, so that nothing can go wrong, and trains
# only the copy and the hint encoder. What happens?
#
# <details><summary>Answer</summary>
#
# Nothing, for ever. The gradient behind a zero layer is exactly zero as long as the layer is zero, and
# this one never stops being so. The exits have to move first.
#
# </details>
#
# **2.** After one step of training the picture is changed a little. Does it already follow the map?
#
# <details><summary>Answer</summary>
#
# No. In the first step only the exits moved, and what the copy hands them knows nothing of the map:
# the hint encoder still ends in zeros. The change is a small repair of the base. The map can speak
# from the second step on.
#
# </details>
#
# **3.** The loss curve of a ControlNet's training is flat. Is the training broken?
#
# <details><summary>Answer</summary>
#
# It need not be. Most of the loss is noise that no map can predict, and single batches differ widely. What the
# map explains shows in means over long stretches, if at all. Look at pictures, or better: measure adherence at
# fixed seeds.
#
# </details>
#
# **4.** You have a fine-tuned variant of the base. Can it use the ControlNet that was trained for the
# base? Could it use one trained by channel concatenation?
#
# <details><summary>Answer</summary>
#
# The first yes, as a rule: the ControlNet only adds to what the encoder hands across, and a
# fine-tuned model still understands that. The second no: there is nothing to take over, the map's
# knowledge is spread over all weights of another model.
#
# </details>
#
# ## Exercises
#
# Graded ones are in the [exercises for this section](exercises/04_controlnet_zero_conv.ipynb). Things to
# try here; change a cell, run it, and write a sentence about what you see.
#
# 1. Set only *some* exits to zero and the rest to Gaussian. Which exit disturbs the picture most?
# 2. Leave the hint encoder's last layer at its usual random start. Which row of the gradient table
#    changes? Does the live training become faster?
# 3. Train with `small.LOWEST = 0` instead, for the same number of steps. Why is it slower?
# 4. Freeze the copy and train only the hint encoder and the exits. How much of the adherence is left?
# 5. Take edges instead of skeletons. (`course_utils.critters.edge_map`; the judge may stay.)
#
# ## Further reading
#
# - L. Zhang, A. Rao and M. Agrawala, *Adding Conditional Control to Text-to-Image Diffusion Models*,
#   2023: [arXiv:2302.05543](https://arxiv.org/abs/2302.05543).
# - C. Mou and others, *T2I-Adapter*, 2023: [arXiv:2302.08453](https://arxiv.org/abs/2302.08453).
# - D. Zavadski, J.-F. Feiden and C. Rother, *ControlNet-XS*, 2023:
#   [arXiv:2312.06573](https://arxiv.org/abs/2312.06573). How small the side network may be.
# - P. Isola and others, *Image-to-Image Translation with Conditional Adversarial Networks*, 2016:
#   [arXiv:1611.07004](https://arxiv.org/abs/1611.07004).
#
# **Next**: all this takes twenty-five steps for a picture. The next section asks what it takes to do
# with fewer, and keeps apart two ideas that are often taken for one.
