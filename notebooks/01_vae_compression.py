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
# # 1. What a latent keeps
#
# Stable Diffusion never touches a pixel. It works on a small grid of numbers, the **latent**, and
# only at the very end a network, the **VAE**, turns that grid into a picture. Whatever the VAE
# drops on the way in, no diffusion model can bring back. So this course begins with one question:
# *what does a latent keep?*
#
# **You will be able to**
#
# - say what a VAE optimises, and read its KL term as a price in bits;
# - work out the shape of a latent, and not confuse fewer *numbers* with fewer *bytes*;
# - measure what a reconstruction has lost, and at which scale;
# - explain by what factor latents make diffusion cheaper, and against whom that is a fair
#   comparison;
# - show, with an experiment, that a latent is a map of *places*.
#
# **Time**: 45 minutes to read, a minute or two to run on two CPU cores. **You need**: arrays and
# functions in Python, and what a Gaussian and an expectation are. If you have trained a small
# network once, all the better.
#
# **How to read**: wherever it says **Predict**, stop and commit to an answer before you look. Being
# wrong on purpose is the fastest way to learn this. Each number in the text below a cell was
# computed by that cell, or comes from a stored or published measurement that the cell names.

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
from course_utils import show
from course_utils.critters import caption, sample
from course_utils.critters.dataset import pictures
from course_utils.models import load

show.style()
vae = load("vae")

# %% [markdown]
# `vae` is an `AutoencoderKL`, the very class that Stable Diffusion uses, trained by this course on
# a world of its own: small illustrated animals, the *critters*, and some photographs. Here are
# scenes it has never seen.

# %%
from course_utils.train.data import HELD_OUT_SEED

scenes = sample(200, seed=HELD_OUT_SEED)
held_out = pictures(200, seed=HELD_OUT_SEED)
show.say(f"The first of them is captioned: *{caption(scenes[0])}*.")

# %% [markdown]
# Two functions do all the travelling between pictures and latents. The encoder answers with a
# distribution; we take its mean. The *scaling factor* brings latents to unit variance, which is
# what a diffusion model expects.

# %%
import torch

from course_utils.models.images import to_array, to_tensor


@torch.inference_mode()
def encode(pictures):
    """uint8 [n, h, w, 3] -> float [n, 4, h/8, w/8], unit variance."""
    batches = to_tensor(pictures).to(vae.device).split(20)
    means = [vae.encode(x).latent_dist.mode().cpu() for x in batches]
    return torch.cat(means) * vae.config.scaling_factor


@torch.inference_mode()
def decode(latents):
    """float [n, 4, h/8, w/8] -> uint8 [n, h, w, 3]."""
    batches = (latents / vae.config.scaling_factor).to(vae.device).split(20)
    return to_array(torch.cat([vae.decode(z).sample.cpu() for z in batches]))


# %%
latents = encode(held_out)
decoded = decode(latents)

# %% tags=["hide-input"]
show.pictures(
    {
        "a picture": held_out[:3],
        "its latent, three of its four channels as colours": [
            show.latent_picture(z) for z in latents[:3]
        ],
        "decoded from the latent alone": decoded[:3],
    },
    alt="Three critters in three rows. Top: the drawn pictures. Middle: "
    "their latents, shown as coarse mosaics of coloured squares. Bottom: "
    "the pictures that the decoder makes of those mosaics, close to the top "
    "row.",
)

# %% [markdown]
# The mosaics in the middle are all that a diffusion model ever sees. The rest of this section asks
# how such a code is learnt, how small it really is, what it loses, what it buys, and what kind of
# thing it is.

# %% [markdown]
# ## What a VAE is
#
# An autoencoder squeezes a picture $x$ through a few numbers $z$ and tries to get it back. A
# *variational* autoencoder makes two changes. The encoder names no point but a Gaussian, $q(z\mid
# x)=\mathcal N(\mu,\sigma^2)$: *it is about here, give or take*. And there is a prior,
# $p(z)=\mathcal N(0,1)$, which says where codes ought to live.
#
# The aim is to make the pictures likely. That likelihood is an integral nobody can do, but a bound
# on it is easy. Multiply and divide by $q$, then move the logarithm inside (Jensen's inequality):
#
# $$
# \begin{aligned}
# \log p(x) &= \log \mathbb E_{q(z\mid x)}\!\left[\frac{p(x\mid z)\,p(z)}{q(z\mid x)}\right] \\[4pt]
# &\ge \mathbb E_{q(z\mid x)}\big[\log p(x\mid z)\big] && \text{is it the same picture?} \\[4pt]
# &\quad - \mathrm{KL}\big(q(z\mid x)\,\|\,p(z)\big) && \text{what does the code cost?}
# \end{aligned}
# $$
#
# The right-hand side is the **evidence lower bound**. If the decoder's pixels are Gaussian with
# standard deviation $s$, the first term is $-\lVert x-\hat x\rVert^2/2s^2$ and a constant. Multiply
# by $-2s^2$ and you hold a loss:
#
# $$
# \text{loss} = \lVert x-\hat x\rVert^2 + \beta\,\mathrm{KL}, \qquad \beta = 2s^2 .
# $$
#
# So the weight of the KL term is a statement about *how exact pixels have to be*. Three short
# functions are all of it.

# %%
import math


def reparameterise(mean, log_variance):
    """A sample of N(mean, variance), through which gradients flow."""
    return mean + (log_variance / 2).exp() * torch.randn_like(mean)


def kl(mean, log_variance):
    """KL(N(mean, variance) || N(0, 1)) in nats: [n, ...] -> [n]."""
    each = (mean**2 + log_variance.exp() - 1 - log_variance) / 2
    return each.flatten(1).sum(1)


def bits(nats):
    """One nat is 1 / ln 2 bits."""
    return nats / math.log(2)


# %% [markdown]
# Why write a sample as $\mu+\sigma\varepsilon$? Because drawing a random number has no derivative,
# while adding and multiplying have. All the randomness sits in $\varepsilon$, which does not depend
# on the network.
#
# **Predict.** The gradient of $z$ with respect to $\mu$ is 1 for every sample. What is it with
# respect to $\log\sigma^2$, at $\mu=0$ and $\sigma=1$?

# %%
torch.manual_seed(0)
mean = torch.zeros(5, requires_grad=True)
log_variance = torch.zeros(5, requires_grad=True)
z = reparameterise(mean, log_variance)
z.sum().backward()

# %% tags=["hide-input"]
show.table(
    ["sample", "z", "dz / dmean", "dz / dlog variance"],
    zip(
        range(1, 6),
        z.tolist(),
        mean.grad.tolist(),
        log_variance.grad.tolist(),
    ),
)

# %% [markdown]
# It is $\tfrac12\sigma\varepsilon$, half the noise that was drawn (here $z=\varepsilon$): noisy,
# but right on average. That is all the reparameterisation does.
#
# The KL term is a **rate**: measured in bits, it is what sending the code costs with the best coder
# there is, given that the receiver knows the prior ([Hinton and van Camp,
# 1993](https://doi.org/10.1145/168304.168306)). First a check that our formula is the one Stable
# Diffusion's own class computes.

# %%
with torch.inference_mode():
    x = to_tensor(held_out[:20]).to(vae.device)
    posterior = vae.encode(x).latent_dist
    ours = kl(posterior.mean, posterior.logvar)

assert torch.allclose(ours, posterior.kl(), rtol=1e-4)
numbers = posterior.mean[0].numel()

# %% tags=["hide-input"]
show.say(
    "Ours and `diffusers`' agree. A scene costs this VAE "
    f"**{show.digits(bits(ours).mean().item())} bits**, or "
    f"{show.digits(bits(ours).mean().item() / numbers)} bits for each of its "
    f"{numbers:,} latent numbers: the encoder's give-or-take σ is "
    f"{show.digits(posterior.std.mean().item() / posterior.mean.std().item())} "
    "of the spread of the means."
)

# %% [markdown]
# ### A VAE small enough to train here
#
# Take one block of 8×8 pixels in colour and squeeze it into 4 numbers: the exchange rate of Stable
# Diffusion, on the smallest picture possible. Two layers in, two layers out.

# %%
from torch import nn
from torch.nn import functional as F


def two_layers(inward, outward, width=128):
    return nn.Sequential(
        nn.Linear(inward, width), nn.SiLU(), nn.Linear(width, outward)
    )


class TinyVAE(nn.Module):
    """8 x 8 x 3 numbers -> a Gaussian over 4 -> 8 x 8 x 3 numbers."""

    def __init__(self, pixels=192, latent=4):
        super().__init__()
        self.encoder = two_layers(pixels, 2 * latent)
        self.decoder = two_layers(latent, pixels)

    def forward(self, x):
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        z = reparameterise(mean, log_variance)
        return self.decoder(z), mean, log_variance


# %%
def blocks(pictures):
    """uint8 [n, h, w, 3] -> float [n * h/8 * w/8, 192]."""
    cut = F.unfold(to_tensor(pictures), 8, stride=8)
    return cut.transpose(1, 2).reshape(-1, 192)


def train(kl_weight, data, steps=800):
    torch.manual_seed(0)
    model = TinyVAE()
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(steps):
        x = data[torch.randint(len(data), (256,))]
        rebuilt, mean, log_variance = model(x)
        error = ((x - rebuilt) ** 2).sum(1)
        loss = (error + kl_weight * kl(mean, log_variance)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model


# %% [markdown]
# How good a reconstruction is we say by its **PSNR**: the mean squared error on a logarithmic scale,
# in decibels (dB). More is better; six more halve the root of that error.
#
# **Predict.** We train it three times. A KL weight of a millionth, which is what Stable Diffusion's
# VAE was trained with; a weight of one; a weight of a hundred. Which of the three will look best?
# Which will need the fewest bits? What will the last one paint?

# %%
WEIGHTS = {
    "KL weight 0.000001": 1e-6,
    "KL weight 1": 1.0,
    "KL weight 100": 100.0,
}
train_blocks, test_blocks = blocks(held_out[3:67]), blocks(held_out[:3])
tiny = {name: train(weight, train_blocks) for name, weight in WEIGHTS.items()}

# %%
painted, price, quality = {}, {}, {}
with torch.no_grad():
    for name, model in tiny.items():
        painted[name], mean, log_variance = model(test_blocks)
        price[name] = bits(kl(mean, log_variance)).mean().item()
        error = ((painted[name] - test_blocks) ** 2).mean().item()
        quality[name] = 10 * math.log10(2**2 / error)  # PSNR on -1 to 1


# %%
def from_blocks(x, side=128):
    """The inverse of `blocks`."""
    cut = x.reshape(-1, (side // 8) ** 2, 192).transpose(1, 2)
    return to_array(F.fold(cut, side, 8, stride=8))


# %% tags=["hide-input"]
show.pictures(
    {
        "original": held_out[:3],
        **{name: from_blocks(x) for name, x in painted.items()},
    },
    alt="Three critters in four rows. The originals; then the tiny KL "
    "weight: blocky, but animals with their colours; then weight one: the "
    "same animals, each block tinted at random; then weight one hundred: no "
    "animals at all, the same beige block everywhere.",
)

# %% tags=["hide-input"]
tiny_weight, one, hundred = WEIGHTS
show.say(
    f"At a millionth, a block costs {show.above(price[tiny_weight], 40)} "
    f"bits. At one, it costs {show.below(price[one], 12)}, and the price is "
    f"{show.below(quality[tiny_weight] - quality[one], 3)} dB. At a hundred "
    f"it costs {show.below(price[hundred], 0.1)} bits, and every block is "
    "painted alike: the code has gone silent and the decoder repeats the "
    "average block. That is **posterior collapse**. (Bounds, not digits: "
    "whatever is trained while you watch comes out a little different on "
    "another machine.)"
)

# %% tags=["hide-input"]
show.scatter(
    {name: (price[name], quality[name]) for name in WEIGHTS},
    alt="Quality against rate for the three KL weights. From weight one "
    "hundred, at zero bits and poor quality, the points rise steeply to "
    "weight one, then hardly at all to the millionth, at many times the "
    "bits.",
    colours=dict(zip(WEIGHTS, ("orange", "blue", "green"))),
    xlabel="rate: bits for a block of 8×8 pixels",
    ylabel="PSNR in dB",
)

# %% [markdown]
# The curve is steep, then flat. Stable Diffusion sits at the far flat end on purpose: its KL weight
# is a millionth, on a KL summed over the latent and an error summed over the pixels ([Rombach et
# al., 2022](https://arxiv.org/abs/2112.10752), and [their
# configuration](https://github.com/CompVis/latent-diffusion/blob/main/configs/autoencoder/autoencoder_kl_32x32x4.yaml)).

# %% tags=["hide-input"]
beta = WEIGHTS[tiny_weight]
squared, absolute = (127.5 * width for width in (math.sqrt(beta / 2), beta))
show.say(
    "In the bound, such a weight says how exact pixels must be. With a squared error it is s = "
    f"√(β/2), **{show.digits(squared)} of one of the 255 steps from black to white**. Stable Diffusion's error "
    "is an absolute one, as if pixels were spread by a Laplacian of width β, which is "
    f"{absolute:.1g} of a step (its perceptual term left out). No picture needs either. So its KL term "
    "is no honest price. It is a light leash that keeps codes from growing without bound; what limits the "
    "information is the *number of numbers*."
)

# %% [markdown]
# ## Eight times per side
#
# The claim you will meet everywhere: *Stable Diffusion's VAE compresses eight times per side, so
# that 512×512×3 becomes 64×64×4, forty-eight times fewer numbers.* Let us ask the real class with
# the real configurations. Torch's *meta* device runs a network on shapes alone: no weights, no
# download, no waiting.
#
# **Predict.** SDXL paints 1024×1024. Is its ratio larger, smaller or the same? And that of our
# small VAE?

# %%
from course_utils.models.configs import on_meta


def shapes(vae, side):
    """Shapes of a picture and its latent, and the ratio of their sizes."""
    x = torch.empty(1, 3, side, side, device=vae.device)
    z = vae.encode(x).latent_dist.mode()
    return x.shape[1:], z.shape[1:], x.numel() / z.numel()


with torch.no_grad():
    found = {
        "Stable Diffusion 1.5": shapes(on_meta("sd15-vae"), 512),
        "SDXL": shapes(on_meta("sdxl-vae"), 1024),
        "the one loaded here, with its weights": shapes(vae, 128),
    }


# %% tags=["hide-input"]
def times(shape):
    return "×".join(str(n) for n in (*shape[1:], shape[0]))


show.table(
    ["VAE", "picture", "numbers", "latent", "numbers", "ratio"],
    [
        [name, times(x), x.numel(), times(z), z.numel(), f"{n:g}"]
        for name, (x, z, n) in found.items()
    ],
)

# %% tags=["hide-input"]
from course_utils.measure.claims import settle

per_side = sorted(
    {x[side] / z[side] for x, z, _ in found.values() for side in (1, 2)}
)
x, z, ratio = found["Stable Diffusion 1.5"]
settle(
    "C01",
    "holds" if per_side == [8] else "does not hold",
    number=f"{times(x)} → {times(z)}",
    sentence="The real Stable Diffusion 1.5 configuration, SDXL's and the "
    "embedded VAE with its weights all divide each side by "
    f"{', '.join(f'{n:g}' for n in per_side)}.",
    source="AutoencoderKL with the published configurations of Stable "
    "Diffusion 1.5 and SDXL, on torch's meta device",
)

# %% [markdown]
# ## Fewer numbers, but how many fewer bytes?
#
# A pixel's number is one byte. A latent's number comes out of the encoder as a float of four. So
# "fewer numbers" hides a question: *how many bits does a latent number need?* We find out by
# rounding. A **quantiser** with step $\Delta$ keeps whole numbers only; those can be written to a
# file.


# %%
def quantise(latents, step):
    return (latents / step).round()


def dequantise(levels, step):
    return levels * step


# %% [markdown]
# **Predict.** Latents have a standard deviation of one. How coarse can the step be before the
# pictures lose half a decibel: a hundredth, a tenth, a half?

# %%
from course_utils.measure.pictures import psnr
from course_utils.measure.rate import empirical_entropy

STEPS = (1 / 64, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0)
some, exact = held_out[:20], psnr(held_out[:20], decoded[:20]).mean()
rounding = {}
for step in STEPS:
    levels = quantise(latents[:20], step)
    lost = exact - psnr(some, decode(dequantise(levels, step))).mean()
    rounding[step] = empirical_entropy(levels.int().numpy()), lost

# %% tags=["hide-input"]
show.table(
    [
        "step, in standard deviations",
        "bits for each latent number",
        "PSNR lost, in dB",
    ],
    [
        [f"{step:g}", entropy, f"{lost:.2f}"]
        for step, (entropy, lost) in rounding.items()
    ],
)

# %% tags=["hide-input"]
fine = max(
    (step for step in STEPS if rounding[step][1] < 0.5), default=STEPS[0]
)
show.say(
    "The coarsest of these steps that costs less than half a decibel is "
    f"**{fine:g}** of a standard deviation. At that step a latent number "
    f"carries {show.digits(rounding[fine][0])} bits of entropy, where "
    "float32 spends 32 and the KL term counted "
    f"{show.digits(bits(ours).mean().item() / numbers)}. (n = {len(some)} "
    f"scenes, {show.digits(exact)} dB without rounding.)"
)

# %% [markdown]
# Now a fair race. PSNR on one axis, bits per pixel on the other, whole files counted: our quantised
# latents through a real entropy coder (it writes bytes and reads them back), against JPEG and WebP
# at several qualities, and the latents as plain 16-bit floats and as single bytes. On scenes, for
# which our VAE was trained, and on two photographs that neither it nor anything else in this course
# was trained on.
#
# **Predict.** At equal PSNR, which file is smallest on scenes? And on photographs?

# %%
import numpy as np

from course_utils.measure import photos, rate

photographs = list(photos.held_out().values())
middles = [photo[80:336, 128:512] for photo in photographs]
codes = [encode(middle[None])[0] for middle in middles]
sets = {
    "scenes": list(zip(held_out[:12], latents[:12].numpy())),
    "photographs, their middle": [(x, z.numpy()) for x, z in zip(middles, codes)],
}


def decode_one(latent):
    return decode(torch.as_tensor(latent)[None])[0]


def stored(picture, latent, n_bytes):
    """A latent kept number by number: its bytes, and how good the picture is."""
    quality = psnr(picture, decode_one(latent))[0]
    return rate.RatePoint("latent", "plain", n_bytes, 0, quality)


# %%
def race(picture, latent):
    """Points of rate and quality for one picture, codec by codec."""
    coded = rate.latent_curve(picture, latent, decode_one, STEPS[1:])
    return {
        "latent, entropy-coded": coded,
        "latent, 16-bit floats": [stored(picture, *rate.half_precision(latent))],
        "latent, one byte each": [stored(picture, *rate.eight_bit(latent))],
        "JPEG": rate.file_curve(picture, "jpeg", (5, 10, 20, 40, 60, 80, 92)),
        "WebP": rate.file_curve(picture, "webp", (1, 5, 15, 35, 60, 80, 92)),
    }


def averaged(runs, codec, area):
    """Mean bits per pixel and mean PSNR over pictures, at each setting."""
    table = [[(8 * p.bytes / area, p.psnr) for p in run[codec]] for run in runs]
    return [tuple(point) for point in np.mean(table, axis=0)]


panels = {}
for name, pairs in sets.items():
    runs = [race(*pair) for pair in pairs]
    height, width, _ = pairs[0][0].shape
    panels[f"{name} (n = {len(pairs)})"] = {
        codec: averaged(runs, codec, height * width) for codec in runs[0]
    }

# %% tags=["hide-input"]
show.rate_distortion(
    panels,
    alt="Quality against bits per pixel, on scenes and on photographs. The "
    "curve of entropy-coded latents rises to the quality of the VAE and "
    "stays there, however many bits it is given; the curves of JPEG and "
    "WebP keep rising. Latents as plain floats or bytes lie to the right of "
    "the entropy-coded ones, at the same quality.",
    colours=dict(zip(runs[0], ("orange", "purple", "pink", "blue", "green"))),
    id="rate-distortion",
)

# %% [markdown]
# The orange curve ends where the VAE ends: no number of bits lifts a latent above what the encoder
# kept, while JPEG and WebP go on rising. So there is only one fair way to compare bytes, at *equal*
# quality. For each picture we take the latent at the step found above, and look for the smallest
# JPEG and WebP file that is at least as good. On the photographs we also round the latent twice as
# coarsely.

# %%
from statistics import geometric_mean

CODECS = {"JPEG": "jpeg", "WebP": "webp"}


def larger(picture, latent, codec, step):
    """How many times larger than ours a file as good is, and how much better it is still."""
    ours = rate.latent_point(picture, latent, decode_one, step)
    theirs = rate.smallest_at_equal_quality(picture, ours.psnr, CODECS[codec])
    return theirs.bytes / ours.bytes, theirs.psnr - ours.psnr


of_scenes, of_photographs = sets.values()
factors = {
    codec: geometric_mean(larger(*pair, codec, fine)[0] for pair in of_scenes) for codec in CODECS
}
races = {
    (name, step): {codec: larger(*pair, codec, step) for codec in CODECS}
    for name, pair in zip(photos.held_out(), of_photographs)
    for step in (fine, 2 * fine)
}

# %% tags=["hide-input"]
UNEQUAL = 0.3  # dB


def compared(factor, better):
    return f"{show.digits(factor)}×" + (f", {better:.1f} dB better" if better > UNEQUAL else "")


show.table(
    ["file, compared with a latent that is as good", *CODECS],
    [
        [f"scenes (n = {len(of_scenes)}), step {fine:g}", *(f"{show.digits(x)}×" for x in factors.values())],
        *[[f"{name}, step {step:g}", *(compared(*x) for x in found.values())]
          for (name, step), found in races.items()],
    ],
)  # fmt: skip

# %% tags=["hide-input"]
def jpeg(step):
    """The factors of JPEG on the photographs, as words."""
    found = [show.digits(x["JPEG"][0]) for (_, s), x in races.items() if s == step]
    return " and ".join(found)


never_as_bad = [x["WebP"][1] for (_, step), x in races.items() if step == fine]
needs = " and ".join(f"{codec} takes {show.digits(x)}" for codec, x in factors.items())
show.say(
    f"On scenes {needs} times the latent's bytes (n = {len(of_scenes)}). On photographs "
    f"(n = {len(of_photographs)}) it depends on how the latent is rounded: at {fine:g} JPEG takes {jpeg(fine)} times "
    f"its bytes, at {2 * fine:g} {jpeg(2 * fine)} times."
    + (" With WebP there is no equal quality to compare at: its smallest files are "
       f"{' and '.join(f'{x:.1f}' for x in never_as_bad)} dB better than what this VAE makes of photographs."
       if min(never_as_bad) > UNEQUAL else "")
)  # fmt: skip

# %% tags=["hide-input"]
raw, latent = held_out[0].size, latents[0].numpy()
half = raw / rate.half_precision(latent)[1]
byte = raw / rate.eight_bit(latent)[1]
settle(
    "C02",
    "holds" if all(n == 48 for _, _, n in found.values()) else "does not hold",
    part="numbers",
    number=f"{ratio:g}× fewer numbers; {show.digits(half)}× fewer bytes as 16-bit floats",
    sentence=f"Exactly {ratio:g} times fewer numbers, for Stable Diffusion 1.5 and SDXL as for the VAE here. In "
    f"bytes that is {show.digits(half)} times fewer than raw pixels as 16-bit floats, {show.digits(byte)} as "
    "single bytes.",
)

# %% tags=["hide-input"]
png = np.mean([len(rate.png_bytes(x)) for x in held_out[:12]]) / raw
win = min(factors.values())
fair = [factor for each in races.values() for factor, better in each.values() if better <= UNEQUAL]
settle(
    "C02",
    "holds" if min(win, *fair) > 1
    else "does not hold" if max(win, *fair) < 1
    else "holds within limits",
    part="smaller files",
    number=f"{show.digits(win)}× smaller than JPEG and WebP on scenes, {show.digits(min(fair))} to "
    f"{show.digits(max(fair))}× on photographs",
    sentence="Fewer numbers need not be a smaller file, for pictures are not stored raw. A lossless PNG of a scene "
    f"takes {show.digits(100 * png)} % of the raw bytes; and at equal PSNR the better of JPEG and WebP takes "
    f"{show.digits(win)} times the bytes of the entropy-coded latent on scenes (n = {len(of_scenes)}). On the "
    f"middles of two photographs a file as good takes {show.digits(min(fair))} to {show.digits(max(fair))} times, by "
    "photograph and by how the latent is rounded. Whole files are counted, headers too; the decoder's weights are not.",
)  # fmt: skip

# %% [markdown]
# ## What survives
#
# *Perceptually important structure survives*, says the claim. We compare with two rivals that keep
# as many numbers. **PCA** is the best *linear* code for the pictures it is fitted to: 1,024 numbers
# for each scene. And plain **down- and up-sampling**: a thumbnail with 48 times fewer numbers (it
# has three channels, a latent four, so it may be a little larger than the latent's grid), enlarged
# again, with the filters that suit it best.
#
# Beside PSNR stands **SSIM**, which compares small windows by mean, variance and correlation: 1 means
# identical.
#
# **Predict.** By how many decibels does the VAE beat PCA on scenes?

# %%
from course_utils.measure.linear_codes import PictureBasis, best_down_up
from course_utils.train.data import TRAINING_SEED

fitted_to = pictures(1500, seed=TRAINING_SEED)
AS_MANY = 48**0.5  # times smaller a side
filters, thumbnails = best_down_up(held_out, AS_MANY)
rebuilt = {
    "VAE": decoded,
    "PCA": PictureBasis.fit(fitted_to, numbers=1024, mirrored=True).reconstruct(held_out),
    "thumbnail": thumbnails,
}

# %%
from course_utils.measure.pictures import mean_and_interval, ssim

on_scenes, similar, SOME = {}, {}, 50
for name, x in rebuilt.items():
    on_scenes[name] = mean_and_interval(psnr(held_out, x))
    similar[name] = ssim(held_out[:SOME], x[:SOME]).mean()

# %% tags=["hide-input"]
show.table(
    [
        f"code (n = {len(held_out)} held-out scenes)",
        "PSNR in dB",
        "95 % interval",
        f"SSIM (n = {SOME})",
    ],
    [
        [name, x.mean, f"± {x.half_width:.2f}", similar[name]]
        for name, x in on_scenes.items()
    ],
)

# %% tags=["hide-input"]
show.say(
    "The VAE is "
    f"**{show.gap(on_scenes['VAE'].mean - on_scenes['PCA'].mean)}** PCA "
    f"(fitted to {len(fitted_to):,} training scenes and their mirror images) and "
    f"{show.gap(on_scenes['VAE'].mean - on_scenes['thumbnail'].mean)} "
    f"thumbnails ({filters})."
)

# %% [markdown]
# Is that fair to PCA? It gets better the more scenes it is fitted to, and a notebook must not take
# all day. The model card had more time; from here on we quote the gap to its stronger PCA.

# %%
from course_utils.models import card

at_leisure, fitted = card("vae")["measured"], card("vae")["scenes"]["pca_fitted_on"]
lead = at_leisure["psnr"] - at_leisure["rivals"]["pca_1024"]["psnr"]
show.say(
    f"Fitted to {fitted:,} scenes, PCA reaches {show.digits(at_leisure['rivals']['pca_1024']['psnr'])} dB "
    f"on {at_leisure['n']:,} held-out scenes, the VAE {show.digits(at_leisure['psnr'])} dB: "
    f"still **{show.gap(lead)}**, and still more scenes would narrow that a little further."
)

# %% tags=["hide-input", "front-page"]
show.pictures(
    {
        "original": held_out[5:8],
        "VAE": decoded[5:8],
        "what the VAE got wrong, 3×": [
            show.difference(held_out[i], decoded[i]) for i in (5, 6, 7)
        ],
        "PCA with as many numbers": rebuilt["PCA"][5:8],
        "thumbnail, enlarged": thumbnails[5:8],
    },
    alt="Three critters in five rows: original; the VAE's reconstruction; "
    "its error on grey, strongest along outlines and in the texture; PCA, a "
    "noisy ghost of each animal; the enlarged thumbnail, a blur.",
)

# %% [markdown]
# Look closely. The most difficult things are thin: whiskers, the strokes of fur, the markings of a
# coat. Here are faces, enlarged.

# %%
from course_utils.critters import keypoints


def face(picture, scene, half=24):
    """The square around the head."""
    x, y = np.clip(keypoints(scene, 128)["head"], half, 128 - half).astype(int)
    return picture[y - half : y + half, x - half : x + half]


# %% tags=["hide-input"]
show.pictures(
    {
        "original": [face(held_out[i], scenes[i]) for i in (4, 5, 6, 7)],
        "VAE": [face(decoded[i], scenes[i]) for i in (4, 5, 6, 7)],
    },
    alt="The faces of four critters, enlarged: as drawn above, as the VAE "
    "gives them back below. Outlines, eyes and noses stay; stripes and strokes "
    "of fur are smeared, and the whiskers' ends fade.",
)

# %% [markdown]
# Which details those are, the **power spectrum** says without an eye. A residual is a picture too:
# we take its power in rings of equal spatial frequency, and divide by the power of the original in
# that ring. Zero is perfect. One means that the code might as well have left the ring empty. More
# than one means that it put noise of its own there.
#
# **Predict.** A latent has one cell for each 8×8 pixels. A thumbnail of that size could hold
# frequencies up to 1/16 of a cycle per pixel; ours, a little larger, holds a little more. Up to which
# frequency does the VAE's error stay below half of the signal's power?

# %%
from course_utils.measure.spectrum import error_by_frequency

spectra = {
    name: error_by_frequency(held_out, x) for name, x in rebuilt.items()
}

# %% tags=["hide-input"]
show.curves(
    {f"error power as a share of the signal's (n = {len(held_out)} scenes)": spectra},
    alt="The error's power as a share of the signal's against spatial frequency, "
    "for the VAE, PCA and the thumbnail. All three curves rise with frequency; the "
    "thumbnail's rises first, at about a fourteenth of a cycle per pixel, and stays "
    "at one; PCA's passes it.",
    colours={"VAE": "orange", "PCA": "blue", "thumbnail": "green"},
    markers=True,
    xlabel="cycles per pixel",
    ylabel="error power / signal power",
    ylim=(0, 1.5),
)


# %%
def half_lost(curve):
    """The first frequency at which the error has half of the signal's power."""
    frequency, lost = curve
    above = frequency[lost > 0.5]
    return float(above[0] if len(above) else frequency[-1])


limits = {name: half_lost(curve) for name, curve in spectra.items()}

# %% tags=["hide-input"]
show.say(
    "The error reaches half of the signal's power at "
    f"**{show.digits(limits['VAE'])}** cycles "
    f"per pixel by the VAE, at {show.digits(limits['PCA'])} by PCA and at "
    f"{show.digits(limits['thumbnail'])} by the thumbnail, which ends at {show.digits(0.5 / AS_MANY)}. "
    f"That is {show.digits(limits['VAE'] / limits['thumbnail'])} times the "
    "thumbnail's. A learnt decoder can draw an edge finer than its cells: "
    "it need not store the pixels, only *which* edge passes through the "
    "block."
)

# %% [markdown]
# ### Can it still be told what it is?
#
# Decibels do not know what matters. So a **critic**, a small network trained on renders only and
# never part of any loss, reads each attribute off the pictures. How well it reads the drawn
# originals is the **floor**: no reconstruction can be expected to do better.
#
# **Predict.** Seven attributes: species, texture, coat, background, stance, facing, size. Which of
# them can no longer be read off a thumbnail? And which after the VAE?

# %%
from course_utils.measure import critic

sized = sum(scene.size_word is not None for scene in scenes)  # captions say it of the small and the large
accuracy, joints = {}, {}
for name, x in {"drawn": held_out, **rebuilt}.items():
    reading = critic.read(x)
    accuracy[name] = critic.accuracy(reading, scenes)
    joints[name] = np.median(critic.keypoint_errors(reading, scenes))

# %% tags=["hide-input"]
rows = {a: [f"{100 * accuracy[x][a]:.1f}" for x in accuracy] for a in accuracy["drawn"]}
rows["joints: error in % of the width"] = [f"{100 * joints[x]:.2f}" for x in joints]
show.table(
    [f"read correctly, in % (n = {len(scenes)}; size {sized})", "drawn: the floor", *rebuilt],
    [[name, *values] for name, values in rows.items()],
)

# %% tags=["hide-input"]
least = {name: 100 * min(each.values()) for name, each in accuracy.items()}
show.say(
    "From the VAE's pictures the critic reads every attribute right in at "
    f"least **{show.digits(least['VAE'])} %** of scenes (floor "
    f"{show.digits(least['drawn'])} %), and half of the joints to within "
    f"{show.digits(100 * joints['VAE'])} % of the width (floor "
    f"{show.digits(100 * joints['drawn'])} %). From thumbnails it is "
    f"{show.digits(least['thumbnail'])} % and "
    f"{show.digits(100 * joints['thumbnail'])} %. What a decoder cannot draw "
    "no diffusion model on its latents can paint; these numbers say how little that "
    "is where attributes are concerned. (A high one "
    "is no praise by itself. PCA's noisy ghosts are read right in "
    f"{show.digits(least['PCA'])} %: whatever the critic can still tell, a "
    "picture may look terrible.)"
)

# %% [markdown]
# ### And on photographs?
#
# Scenes are what this VAE was made for. Two photographs that it never saw are a harder test. The
# linear rival is now PCA of 8×8 blocks with 4 coefficients each, fitted to the photographs the VAE
# did train on.

# %%
from course_utils.measure.linear_codes import BlockBasis

trained_on = photos.training_photos().values()
block_pca = BlockBasis.fit(trained_on, block=8, coefficients=4)
photo_codes = {
    "VAE": lambda x: decode(encode(x)),
    "block PCA": block_pca.reconstruct,
    "thumbnail": lambda x: best_down_up(x, AS_MANY)[1],
}
photo_rebuilt, on_photographs = {}, {}
for name, code in photo_codes.items():
    photo_rebuilt[name] = [code(photo[None])[0] for photo in photographs]
    pairs = zip(photographs, photo_rebuilt[name])
    on_photographs[name] = [psnr(*pair)[0] for pair in pairs]

# %% tags=["hide-input"]
show.table(
    ["PSNR in dB", *photos.held_out()],
    [[name, *values] for name, values in on_photographs.items()],
)


# %% tags=["hide-input"]
def details(number, top, left, size=128):
    """The same square of a photograph and of what each code makes of it."""
    all_of_it = [photographs[number], *(x[number] for x in photo_rebuilt.values())]
    return [x[top : top + size, left : left + size] for x in all_of_it]


show.pictures(
    {"": details(0, 150, 230), " ": details(1, 140, 250)},
    columns=["original", *photo_rebuilt],
    alt="Details of two photographs, a Chinese temple and a dahlia, in four "
    "columns: original, VAE, PCA of blocks with visible block borders, and "
    "a blurred thumbnail.",
)

# %% tags=["hide-input"]
mean_psnr = {name: np.mean(values) for name, values in on_photographs.items()}
gain = {name: np.subtract(on_photographs["VAE"], values) for name, values in on_photographs.items()}


def gaps(name):
    """How far the VAE lies above or below another code, photograph by photograph."""
    if min(gain[name]) > 0:
        return " and ".join(show.digits(float(x)) for x in gain[name]) + " dB above"
    return " and ".join(show.gap(x) for x in gain[name])


show.say(
    f"On these photographs (n = {len(photographs)}) the VAE is "
    f"{gaps('thumbnail')} the thumbnail and "
    f"{gaps('block PCA')} block PCA. The same VAE reaches "
    f"{show.digits(on_scenes['VAE'].mean)} dB on scenes: a learnt code is "
    "good at what it has seen."
)

# %% [markdown]
# ### Your own photograph
#
# Put a path between the quotation marks (on Colab: upload a file and name it) and run the cell
# again.

# %%
photo = photos.load_photo("", longest_side=512, fallback=photos.flower)
own, own_back = photo.pixels, decode(encode(photo.pixels[None]))[0]
show.say(
    f"*{photo.name}*: {show.digits(psnr(own, own_back)[0])} dB, {own.size:,} "
    f"numbers through {encode(own[None]).numel():,}. {photo.note}"
)

# %% tags=["hide-input"]
show.pictures(
    {"": [own, own_back]},
    columns=["the photograph", "through the latent and back"],
    alt=f"A photograph ({photo.name}), and beside it what the VAE makes of "
    "it: shapes and colours stay, fine texture goes.",
)

# %% tags=["hide-input"]
ceiling = least["VAE"] / 100
better = min(*gain["thumbnail"], *gain["block PCA"]) > 0
everything = ceiling > 0.98 and limits["VAE"] > 0.5  # as fine as pixels get
settle(
    "C03",
    "does not hold" if ceiling < 0.9 or not better
    else "holds" if everything
    else "holds within limits",
    number=f"{show.digits(on_scenes['VAE'].mean)} dB on scenes, "
    f"{show.digits(mean_psnr['VAE'])} dB on photographs",
    sentence="With 48 times fewer numbers every attribute of a scene is "
    f"still read correctly, the worst of them in {show.digits(least['VAE'])} % of "
    f"scenes (n = {len(scenes)}, floor {show.digits(least['drawn'])} %), and "
    f"PSNR is {show.gap(lead)} PCA with as many numbers (fitted to {fitted:,} "
    f"scenes; n = {at_leisure['n']:,}). The limit is fine detail: above "
    f"{show.digits(limits['VAE'])} cycles per pixel the error has more than half "
    "of the signal's power. (The critic reads attributes as surely from PCA's "
    f"noisy pictures, the worst of them in {show.digits(least['PCA'])} %: it cannot tell "
    f"the two apart.) On photographs (n = {len(photographs)}) PSNR is {gaps('thumbnail')} "
    f"thumbnails and {gaps('block PCA')} block PCA.",
)  # fmt: skip

# %% [markdown]
# ## What it buys
#
# Now the reason for all this. A diffusion model runs its denoiser dozens of times for one picture.
# What does *one* pass cost, in latents and in pixels? We count for the real U-Net of Stable
# Diffusion 1.5, again on the meta device, the multiplications and additions of every convolution,
# matrix product and attention layer. (What is done number by number is little, and left out.)
#
# To run that same network on 512×512 pixels would be a straw man: its attention was never meant for
# so many positions. A fair rival is a network *designed* for pixels. We take ADM ([Dhariwal and
# Nichol, 2021](https://arxiv.org/abs/2105.05233)) for 512×512, the best of its time, with attention
# only at 32, 16 and 8. (It reads a class, not a prompt, and is the smaller network, see below.)
#
# **Predict.** The latent has 48 times fewer numbers. Is a pass 48 times cheaper than the fair
# rival's? More? Less?

# %%
from course_utils.measure.cost import cost, denoiser_inputs


def one_pass(network, side):
    """Cost of one denoiser pass in 16-bit floats on a square sample."""
    network = network.half()
    return cost(network, **denoiser_inputs(network, side, side))


passes = {
    "in latents, 64×64×4": one_pass(on_meta("sd15-unet"), 64),
    "fair rival in pixels (ADM)": one_pass(on_meta("adm-512"), 512),
    "same U-Net in pixels, 512×512×3": one_pass(
        on_meta("sd15-unet", in_channels=3, out_channels=3), 512
    ),
}
decoder = on_meta("sd15-vae").half()
decoding = cost(
    decoder.decode, torch.empty(1, 4, 64, 64, device="meta", dtype=torch.half)
)

# %% tags=["hide-input"]
show.bars(
    {name: x.flops / 1e12 for name, x in passes.items()},
    alt="Bars of the floating-point operations of one denoiser pass, on a "
    "logarithmic axis: shortest in latents, longer for the fair rival in "
    "pixels, longest by far for the same U-Net in pixels.",
    labels=[f"{show.digits(x.flops / 1e12)} TFLOPs" for x in passes.values()],
    colours=["orange", "blue", "grey"],
    xscale="log",
    xlabel="TFLOPs for one pass (logarithmic)",
    xlim=(0.1, 10 * max(x.flops for x in passes.values()) / 1e12),
)

# %% [markdown]
# And memory: the activations that are alive at the same time. It depends on how attention is
# computed. *Naively*, the matrix of all positions against all positions is written out; *fused*
# kernels never hold it.

# %% tags=["hide-input"]
counted = passes | {"SD's decoder, once per picture": decoding}
show.table(
    ["one pass, 16-bit", "weights", "TFLOPs", "memory, fused", "memory, naive"],
    [
        [name, f"{x.parameters / 1e6:,.0f} M", x.flops / 1e12,
         show.size(x.fused_bytes), show.size(x.naive_bytes)]
        for name, x in counted.items()
    ],
)  # fmt: skip

# %% tags=["hide-input"]
latent_pass, rival, same_net = passes.values()
PASSES = 50
whole = PASSES * latent_pass.flops + decoding.flops
saved = rival.flops / latent_pass.flops
straw = same_net.flops / latent_pass.flops
whole_saved = PASSES * rival.flops / whole
settle(
    "C04",
    "holds" if whole_saved > 10
    else "holds within limits" if whole_saved > 1.5
    else "does not hold",
    part="cost",
    number=f"{show.digits(saved)}× fewer FLOPs for each pass than a fair "
    "pixel rival",
    sentence=f"One pass in latents costs {show.digits(saved)} times fewer "
    "FLOPs than ADM's on 512×512 pixels and needs "
    f"{show.digits(rival.fused_bytes / latent_pass.fused_bytes)} times less "
    f"activation memory (fused attention). Over {PASSES} passes, the VAE's "
    f"decoder counted, a picture is {show.digits(whole_saved)} times "
    f"cheaper. The same U-Net put on pixels would cost {show.digits(straw)} "
    "times more, and with naive attention hold "
    f"{show.size(same_net.naive_bytes)} of activations: true, and unfair.",
    source="UNet2DConditionModel with the published configuration of Stable "
    "Diffusion 1.5; ADM for ImageNet 512×512 (arXiv:2105.05233); torch's "
    "flop counter",
)  # fmt: skip

# %% [markdown]
# A factor of hundreds, like the grey bar's, compares with a network nobody would build.
# Against the fair rival the saving is smaller, comes on every pass, and is larger in memory than in
# arithmetic.
#
# ### And training?
#
# Does *training* in latents reach a given quality with less computation, too? Our world is small
# enough to try. The course's text-to-image model works on latents. Its **twin in pixels** has the
# same task, captions and text encoder, but no autoencoder, and is built as models of pixels are: few
# channels where places are many, attention at coarse levels only, squares of 2×2 pixels laid on top
# of each other ([simple diffusion](https://arxiv.org/abs/2301.11093)). While each of them learnt, the
# critic looked at what it drew.
#
# The latent model has one more bill to pay: somebody had to train its autoencoder. It is paid once,
# for every model that will ever work in these latents.
#
# **Predict.** Which of the two learns sooner to draw what it is asked for? And if the autoencoder's
# training is put on the latent model's bill alone?

# %%
from course_utils.models.weights import FOLDER
from course_utils.train import compute
from course_utils.train.common import read_log

UNIT = 1e14  # FLOPs
LATENT, TWIN = "text_to_image", "pixel_text_to_image"
bill = compute.latent_bill(FOLDER / LATENT)
before = bill["autoencoder"] + bill["encoding"]  # what is spent before the first step
looks = read_log(FOLDER / LATENT / "curve.csv")
spent = [bill["denoiser"] * look["step"] / looks[-1]["step"] for look in looks]
twins = read_log(FOLDER / TWIN / "curve.csv")
another = read_log(FOLDER / TWIN / "curve_v.csv")


# %%
def right(looks):
    return [100 * look["accuracy"] for look in looks]


def flops(looks):
    return [look["flops"] for look in looks]


stages = card(TWIN)["trained"]["options"]
switch = next(int(name.split()[-1]) for name, asked in stages.items() if asked.get("objective") == "v")
first = [look for look in twins if look["step"] <= switch]
then = twins[len(first) - 1 :]
learning = {
    "latents": (spent, right(looks)),
    "latents, the autoencoder's bill first": ([before + x for x in spent], right(looks)),
    "pixels, asked for the noise": (flops(first), right(first)),
    "pixels, then asked for v": (flops(then), right(then)),
    "pixels, asked for v from the beginning": (flops(another), right(another)),
}

# %% tags=["hide-input"]
show.curves(
    {
        "attributes as asked, in %": {
            name: ([x / UNIT for x in cost], y) for name, (cost, y) in learning.items()
        }
    },
    alt="The share of attributes drawn as asked against the FLOPs of training. The latents' line begins "
    "high and soon reaches the top; with the autoencoder's bill first it is the same line, far to the "
    "right. Pixels asked for the noise stay below two thirds; asked for v from there on they jump above "
    "ninety and fall a little; asked for v from the beginning they rise faster than for the noise, as far "
    "as they go.",
    colours=dict(zip(learning, ("orange", "pink", "grey", "blue", "green"))),
    markers=True,
    xlabel="FLOPs of training, in 10¹⁴",
)

# %% [markdown]
# The twin was trained more than once, and that is a lesson by itself. In its first life (grey) it
# predicted the *noise*, as Stable Diffusion and our latent model do. It learnt to draw animals, on
# walls of the wrong colour and in the wrong coat. A colour is decided early, where hardly anything but
# noise is left, and there a loss on the noise is blind: for a picture that is wrong by $\hat x_0-x_0$,
# with $\mathrm{SNR}=\bar\alpha_t/(1-\bar\alpha_t)$,
#
# $$\lVert\hat\epsilon-\epsilon\rVert^2=\mathrm{SNR}\,\lVert\hat x_0-x_0\rVert^2
# \qquad\text{but}\qquad
# \lVert\hat v-v\rVert^2=(\mathrm{SNR}+1)\,\lVert\hat x_0-x_0\rVert^2$$
#
# for $v=\sqrt{\bar\alpha_t}\,\epsilon-\sqrt{1-\bar\alpha_t}\,x_0$, **v-prediction** ([Salimans and Ho,
# 2022](https://arxiv.org/abs/2202.00512)). From the same weights it was then asked for v (blue). Another
# twin was asked for v from the beginning (green), and stopped early. (The latent model predicts noise
# all the same. It has 64 times fewer places to agree on a colour, so noise hides colours from it sooner.)

# %% tags=["hide-input"]
def judged(role):
    """Pictures at each look."""
    return int(card(role)["trained"]["options"]["from step 0"]["judged"])


same, late = first[: len(another)][-1], twins[len(first)]
lives = {
    f"the noise, {same['step']:,.0f} steps": same,
    f"v from the beginning, {another[-1]['step']:,.0f}": another[-1],
    f"the noise, {first[-1]['step']:,.0f}": first[-1],
    f"and then v, {late['step'] - switch:,.0f} more": late,
}
COLUMNS = ("species", "facing", "texture", "coat", "background", "stance")
show.table(
    [f"as asked, in % (n = {judged(TWIN)})", *COLUMNS],
    [
        [name, *(f"{100 * look[column]:.0f}" for column in COLUMNS)]
        for name, look in lives.items()
    ],
)

# %% [markdown]
# Here is what the two draw at the end of their training: the first captions, nothing picked out.

# %%
from course_utils.diffusion.generate import TextToImage

prompts = [caption(scene) for scene in scenes[:3]]
drawn_in = {
    space: TextToImage.load(role, "critters")(prompts, seeds=[0, 1, 2])
    for space, role in (("in latents", LATENT), ("in pixels", TWIN))
}

# %% tags=["hide-input"]
show.pictures(
    drawn_in,
    alt="Three critters, drawn by two models from the same captions. In latents they have clean outlines; in "
    "pixels the same colours, ragged outlines, a fine grid over everything, and one cat has two heads.",
)

# %% tags=["hide-input"]
show.say("\n".join(f"{k + 1}. {prompt}" for k, prompt in enumerate(prompts)))

# %% tags=["hide-input"]
made = {name: card(role)["measured"] for name, role in (("latents", LATENT), ("pixels", TWIN))}
assert made["latents"]["n"] == made["pixels"]["n"]
whole_training = {"latents": bill["denoiser"], "pixels": flops(twins)[-1]}
show.table(
    [f"n = {made['pixels']['n']:,}", "10¹⁴ FLOPs of training", "attributes right, %", "Fréchet distance", "floor"],
    [
        [f"in {name}", cost / UNIT, f"{100 * m['mean_accuracy']:.1f}", m["frechet"], m["frechet_floor"]]
        for (name, m), cost in zip(made.items(), whole_training.values())
    ],
)  # fmt: skip


# %%
def needed(cost, found, level):
    """FLOPs spent at the first look at which as much was as asked."""
    return next((x for x, y in zip(cost, found) if y >= level), math.inf)


LEVEL = 90
alone, counted = (needed(*learning[name], LEVEL) for name in list(learning)[:2])
twin = min(needed(flops(logged), right(logged), LEVEL) for logged in (twins, another))

# %% tags=["hide-input"]
def bill_of(cost):
    return f"{show.digits(cost / UNIT)}·10¹⁴ FLOPs"


def accurate(name):
    return f"{100 * made[name]['mean_accuracy']:.1f} %"


# %% tags=["hide-input"]
cheaper = "fewer" if counted < twin else "more"
settle(
    "C04",
    "holds" if counted < twin
    else "holds within limits" if alone < twin
    else "does not hold",
    part="training",
    number=f"{show.digits(twin / alone)}× fewer FLOPs to {LEVEL} % in latents; with the autoencoder's training "
    f"{show.digits(max(twin / counted, counted / twin))}× {cheaper}",
    sentence=f"At the first look at which the critic read {LEVEL} % of the attributes as asked, training in latents "
    f"had cost {bill_of(alone)}, training in pixels {bill_of(twin)}, {show.digits(twin / alone)} times as much. Put "
    "the training of the autoencoder on this one model's bill, and latents had cost "
    f"{bill_of(counted)}. At the end {accurate('latents')} are right in latents and {accurate('pixels')} in pixels "
    f"(n = {made['pixels']['n']:,}), and the Fréchet distance is {show.digits(made['latents']['frechet'])} after "
    f"{bill_of(whole_training['latents'])} of the denoiser's training, and {show.digits(made['pixels']['frechet'])} "
    f"after {bill_of(whole_training['pixels'])} (floor {show.digits(made['pixels']['frechet_floor'])}; the critic's 64 "
    f"features). Looks every {looks[0]['step']:,.0f} steps with {judged(LATENT)} pictures in latents, every "
    f"{twins[0]['step']:,.0f} with {judged(TWIN)} in pixels; the twin's first {switch:,} steps, which predicted the "
    "noise, are on its bill. One training of each.",
)  # fmt: skip

# %% [markdown]
# ## A map of places
#
# What kind of thing is a latent? Change one of its cells and see who listens.
#
# **Predict.** We nudge one cell of the 16×16. Does the change spread over the picture, stay within
# the 8×8 pixels behind the cell, or something in between?

# %%
from course_utils.measure.locality import share_inside, uniform_share


@torch.inference_mode()
def decode_tensor(latents, network=None):
    """As `decode`, but floats [n, 3, h, w]: nothing is rounded away."""
    network = network or vae
    z = latents.to(network.device) / vae.config.scaling_factor
    return network.decode(z).sample.cpu()


def change(latent, row, column, amount=2.0, network=None):
    """Squared change of each pixel when one cell is nudged: [h, w]."""
    nudged = latent.clone()
    nudged[:, row, column] += amount
    before, after = decode_tensor(torch.stack([latent, nudged]), network)
    return ((after - before) ** 2).mean(dim=0).numpy()


# %% tags=["hide-input"]
def cell(joint):
    """Row and column of the latent cell in which a joint of scene 4 lies."""
    x, y = keypoints(scenes[4], 128)[joint]
    return int(y // 8), int(x // 8)


cells = {
    "on the face": cell("head"),
    "on the body": cell("hip"),
    "in the background": (1, 13),
}
show.change_maps(
    held_out[4],
    {name: (change(latents[4], *cell), cell) for name, cell in cells.items()},
    alt="A critter with three framed blocks, and three maps of it, dark "
    "where pixels changed when the latent cell of that block was nudged: on "
    "the face, on the body, in the background. Each change is a dark spot "
    "in and around the frame.",
)

# %%
from course_utils.train.vae import network as untrained

grid = [(row, col) for row in range(2, 15, 4) for col in range(2, 15, 4)]
maps = [(change(latents[i], *at), at) for i in (4, 6) for at in grid]
torch.manual_seed(0)
newborn = untrained().eval().to(vae.device)  # the same layers, random weights
knows_nothing = [(change(latents[4], *at, network=newborn), at) for at in grid[::2]]
inside, by_layers, evenly = {}, {}, {}
for n in (1, 3, 5):
    inside[n] = np.mean([share_inside(m, at, n) for m, at in maps])
    by_layers[n] = np.mean([share_inside(m, at, n) for m, at in knows_nothing])
    evenly[n] = np.mean([uniform_share((128, 128), at, n) for at in grid])

# %% tags=["hide-input"]
where = (
    "in the cell's own 8×8 block",
    "with its eight neighbours",
    "with the ring around those",
)
show.table(
    [
        f"share of the change, in % (n = {len(maps)} cells of two scenes)",
        "measured",
        f"untrained (n = {len(knows_nothing)})",
        "if it spread evenly",
    ],
    [
        [name, *(f"{100 * share[n]:.1f}" for share in (inside, by_layers, evenly))]
        for n, name in zip(inside, where)
    ],
)

# %% [markdown]
# Some of it is the layers' doing: a decoder with random weights prefers the neighbourhood, too. The rest
# was learnt. Neighbouring cells overlap: an edge that passes between two blocks is drawn by both. The little
# that lands far away gets there through many layers of convolutions, which together reach nearly
# across the picture, and through the decoder's group normalisations, which average over all of it.
# (Stable Diffusion's decoder also has one layer of attention, which sees everything.)
#
# If a latent is a map of places, then moving the map should move the picture. **Predict.** Mirror a
# *latent* and decode it: do you get the mirrored picture?

# %%
mirrored = decode(latents[4:8].flip(-1))

# %% tags=["hide-input"]
show.pictures(
    {
        "the picture's reconstruction, mirrored": list(decoded[4:7, :, ::-1]),
        "the mirrored latent, decoded": list(mirrored[:3]),
    },
    alt="Three critters, mirrored in two ways: above the reconstruction was "
    "flipped left to right; below the latent was flipped and then decoded, "
    "which puts everything in the right place but damages fine detail.",
)

# %%
from course_utils.measure.locality import flip_error, relative_error, shift_errors


@torch.inference_mode()
def there_and_back(x):
    z = vae.encode(x.to(vae.device)).latent_dist.mode()
    return vae.decode(z).sample.cpu()


x = to_tensor(held_out[4:8])
shifts = shift_errors(there_and_back, x, shifts=range(0, 17, 2))
mirrored_first = relative_error(there_and_back(x.flip(-1)), there_and_back(x).flip(-1))


def moved_by_a_cell(z, margin=16):
    """Relative error between decoding a latent moved by one cell and moving the decoded picture, inside."""
    still, moved = decode_tensor(z[..., :-1]), decode_tensor(z[..., 1:])
    rows = slice(margin, -margin)
    return relative_error(moved[..., rows, margin : -margin - 8], still[..., rows, margin + 8 : -margin])


a_cell = moved_by_a_cell(latents[4:8])
flip = flip_error(decode_tensor, latents[4:8])

# %% tags=["hide-input"]
show.curves(
    {
        "moving the picture under the grid (n = 4 scenes)": {
            "error": (list(shifts), list(shifts.values()))
        }
    },
    alt="Relative error against the shift in pixels: zero without a shift, "
    "high between multiples of eight, low again at eight and sixteen.",
    colours={"error": "orange"},
    markers=True,
    xlabel="shift in pixels",
    ylabel="relative error",
    xticks=range(0, 17, 4),
)

# %% tags=["hide-input"]
between = max(value for shift, value in shifts.items() if shift % 8)
show.say(
    "Moved by a whole cell (8 pixels) the reconstruction moves with it to "
    f"within a relative error of **{show.digits(shifts[8])}**; moved by part "
    f"of a cell it differs by up to {show.digits(between)}, and mirrored by {show.digits(mirrored_first)}: the "
    "encoder writes the mirrored picture in other numbers, and the decoder reads them. Now the latent alone. "
    f"Moved by one cell and then decoded, it errs by {show.digits(a_cell)}; mirrored and then decoded, by "
    f"**{show.digits(flip)}** (n = 4 scenes). Places are mirrored, but the "
    "*contents* of a cell are not: a stroke that leans left is written in "
    "other numbers than one that leans right, and nobody told the decoder "
    "that they are related."
)

# %% [markdown]
# ### One channel at a time
#
# Each cell holds four numbers. Are they red, green, blue and something? Look at the four channels
# of one latent, then decode with a single channel left as it is and the others set to their
# average.

# %% tags=["hide-input"]
show.channel_maps(
    latents[4].numpy(),
    alt="The four channels of one critter's latent as coarse maps in red "
    "and blue; in each the animal's outline shows, each with its own "
    "pattern of light and dark.",
)


# %%
def only(channel):
    """Decode with every other channel at its mean over all scenes."""
    mean = latents.mean(dim=(0, 2, 3), keepdim=True)
    kept = mean.expand_as(latents[5:8]).clone()
    kept[:, channel] = latents[5:8, channel]
    return decode(kept)


# %% tags=["hide-input"]
show.pictures(
    {f"channel {channel} alone": only(channel) for channel in range(4)},
    alt="The same three critters decoded from one channel at a time. One row "
    "shows a grey animal with outline and face, the others spots and casts of "
    "colour where it stands; none is a picture in one primary colour.",
)

# %% [markdown]
# No channel is red, green or blue. Some carry more of the picture than others, and the decoder
# reads all four together: what one of them means depends on the other three.

# %% tags=["hide-input"]
settle(
    "C05",
    "holds" if inside[3] > 0.9 and shifts[8] < between / 2
    else "holds within limits" if inside[3] > 2 * by_layers[3]
    else "does not hold",
    part="locality",
    number=f"{show.digits(100 * inside[3])} % of a cell's effect within its "
    "own and the eight neighbouring blocks",
    sentence="Nudging one latent cell changes pixels around it: "
    f"{show.digits(100 * inside[1])} % of the squared change in its own 8×8 "
    f"block, {show.digits(100 * inside[3])} % with the eight neighbours "
    f"(by a decoder of random weights {show.digits(100 * by_layers[3])} %, evenly spread "
    f"{show.digits(100 * evenly[3])} %; n = {len(maps)} cells of two scenes). Coding commutes with shifts by "
    f"whole cells (relative error {show.digits(shifts[8])}), less with shifts by a part "
    f"({show.digits(between)}) and with mirroring ({show.digits(mirrored_first)}). The latent itself can be "
    f"shifted by a cell ({show.digits(a_cell)}), but not mirrored ({show.digits(flip)}; n = 4 scenes). What it "
    "says about meaning is settled in the next section.",
)  # fmt: skip

# %% [markdown]
# ## Try it: nudge a latent
#
# Choose a picture, or bring a photograph of your own, and paint on one of the four channels: where
# does the picture change, and how far around? Then give each number fewer bits, and find how few the
# eye bears; the table weighs what is left, beside JPEG and PNG.

# %%
from course_utils.demos import Nudge

row, column = cells["on the face"]
Nudge(
    vae,
    {
        "a held-out critter": held_out[4],
        "another": held_out[6],
        "the dahlia": photos.flower()[144:272, 256:384],
    },
    row=row,
    column=column,
)

# %% [markdown]
# ## What the real one does differently
#
# Ours is a small network for a small world. The classes and the arithmetic are those of Stable
# Diffusion; the scale is not, and the numbers below must not be compared across different pictures.

# %% tags=["hide-input"]
from course_utils.show.published import Autoencoder

ours = Autoencoder(
    "critters, this notebook", 8, 4, f"held-out scenes, n = {len(held_out)} (SSIM: {SOME})",
    show.digits(on_scenes["VAE"].mean), show.digits(similar["VAE"]), "measured above",
)  # fmt: skip
show.published([ours])

# %% [markdown]
# - **Loss.** Stable Diffusion's first stage is trained with an absolute error, a *perceptual* loss
#   on the features of another network (LPIPS) and a *patch discriminator*: it prefers a sharp,
#   plausible texture to a blurred, correct one, and pays for that in PSNR. The decoder was later
#   retrained twice; `sd-vae-ft-mse` with more weight on the squared error.
# - **Data.** Millions of photographs (OpenImages), so faces and small print suffer less than with
#   us, but they do suffer: at 512×512 a face in a crowd has a handful of cells.
# - **More channels.** Stable Diffusion 3 and FLUX keep 16 channels instead of 4: a quarter of the
#   compression, for fine detail and lettering. The denoiser has to be larger to profit from it, as
#   [Stable Diffusion 3's paper](https://arxiv.org/abs/2403.03206) shows.
# - **More space per cell.** SANA's autoencoder divides each side by 32 and keeps 32 channels: half
#   as many numbers as 8× with 4 channels, in sixteen times fewer places. Since attention pays for
#   *places*, that is where the next factor was found.
#
# ## Then and now
#
# - **1993.** Hinton and van Camp read the KL term as the length of a message.
# - **2013–14.** [Kingma and Welling](https://arxiv.org/abs/1312.6114), and independently [Rezende
#   and others](https://arxiv.org/abs/1401.4082), publish the VAE and the reparameterisation.
# - **2021.** [VQGAN](https://arxiv.org/abs/2012.09841) adds a discriminator and a perceptual loss;
#   in December [latent diffusion](https://arxiv.org/abs/2112.10752) puts a diffusion model on top.
# - **2022.** Stable Diffusion is released, in August, with the VAE of this section: f = 8, four
#   channels.
# - **2023.** [SDXL](https://arxiv.org/abs/2307.01952) retrains the same VAE with larger batches.
# - **2024.** Sixteen channels ([Stable Diffusion 3](https://arxiv.org/abs/2403.03206), FLUX); 32
#   times per side ([DC-AE](https://arxiv.org/abs/2410.10733)).
#
# ## Check yourself
#
# **1.** A video model's VAE divides each side by 8 and keeps 16 channels. How many times fewer
# numbers is that for one frame?
#
# <details><summary>Answer</summary>
#
# $8\cdot 8\cdot 3/16 = 12$ times. Sixteen channels are four times as many as Stable Diffusion's
# four.
#
# </details>
#
# **2.** You train a VAE and find its KL at zero while the loss has settled. What do the
# reconstructions look like, and what would you change first?
#
# <details><summary>Answer</summary>
#
# They are all alike: the average picture. It has collapsed; the KL weight is too large for the
# scale of the error term. Lower the weight, or raise it slowly from zero, and check whether the
# error is summed or averaged over pixels: that alone changes its scale a thousandfold.
#
# </details>
#
# **3.** Somebody says: "Latents are 48 times smaller, so my archive of photographs will shrink
# 48-fold." What do you answer?
#
# <details><summary>Answer</summary>
#
# Forty-eight times fewer *numbers* than raw pixels, at a given loss of quality. Photographs are
# stored as JPEG or better, not raw; a latent number needs more bits than a pixel's if it is kept as
# a float; and quality cannot rise above that of the VAE, however many bytes one spends. Look at the
# race above.
#
# </details>
#
# **4.** Why is the pass through the same U-Net in pixels the wrong comparison for what latents
# save?
#
# <details><summary>Answer</summary>
#
# Because nobody would build it. Attention over all pairs of 262,144 pixels dominates its cost. A
# network designed for pixels has attention at coarse levels only, and against that one the factor
# is much smaller: see the table above.
#
# </details>
#
# **5.** You want to mirror a picture inside a diffusion pipeline. Is it safe to mirror the latent?
#
# <details><summary>Answer</summary>
#
# No. Places are mirrored, but what a cell contains is not. Decode, mirror, encode again; shifts by
# whole cells are safe.
#
# </details>
#
# ## Exercises
#
# Graded ones are in the [exercises for this section](exercises/01_vae_compression.ipynb). Things to
# try here; change a cell, run it, and write a sentence about what you see.
#
# 1. Train `TinyVAE` with 1, 2, 8 and 16 latent numbers at a weight of a millionth. Draw quality
#    against the count. Where is the knee?
# 2. Sweep the KL weight in ten steps from 0.001 to 100 and draw the whole rate-distortion curve.
#    Where does it bend?
# 3. Quantise each channel with a step of its own. Can you save a tenth of the bits at the same PSNR?
# 4. Find the ten scenes of the 200 with the lowest PSNR, and the ten with the highest. What does each
#    group have in common?
# 5. Put a photograph of yours with small lettering through the VAE. From which height in pixels on
#    can it be read?
#
# ## Further reading
#
# - D. Kingma and M. Welling, *Auto-Encoding Variational Bayes*, 2013:
#   [arXiv:1312.6114](https://arxiv.org/abs/1312.6114).
# - A. Alemi and others, *Fixing a Broken ELBO*, 2018:
#   [arXiv:1711.00464](https://arxiv.org/abs/1711.00464). Rate and distortion, properly.
# - R. Rombach and others, *High-Resolution Image Synthesis with Latent Diffusion Models*, 2022:
#   [arXiv:2112.10752](https://arxiv.org/abs/2112.10752). Section 3.1 and the tables of autoencoders
#   in the appendix.
# - J. Chen and others, *Deep Compression Autoencoder*, 2024:
#   [arXiv:2410.10733](https://arxiv.org/abs/2410.10733).
#
# **Next**: if a latent is no map of meaning, where is meaning? The next section looks for it in
# CLIP's space.
