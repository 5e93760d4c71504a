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
# # 2. Two spaces
#
# Half-way between a dog and a cat: is there an animal? It depends on where you walk. Diffusion
# models carry two very different spaces with them. One is the VAE's **latent space**, a map of
# places. The other begins where the prompt is read, in **CLIP's** world of meanings. People say
# "we interpolate in latent space" of both, and of a third thing besides. This section walks through
# all of them with the same two animals and keeps score.
#
# **You will be able to**
#
# - say what a VAE's latents know of a picture, and what CLIP's embedding knows, with numbers;
# - walk between two pictures in five ways, and predict which of them shows ghosts;
# - invert a picture: find the noise that it could have been made from;
# - tell a smooth change from a jump, and say which of the two you are looking at;
# - explore a plane of meanings, and check that it is one.
#
# **Time**: 45 minutes to read, about a minute to run on two CPU cores. **You need**: section 1, and
# from the [refresher](00_refresher.ipynb) the noise schedule and the cosine.
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
import numpy as np
import torch

from course_utils import show
from course_utils.critters import caption, sample
from course_utils.critters.dataset import REFERENCE_SEED, pictures
from course_utils.diffusion.generate import TextToImage
from course_utils.measure import lesson
from course_utils.measure.sweeps import stored

show.style()
draw = TextToImage.load()
lesson.note()

# %% [markdown]
# ## What the two spaces know
#
# Four hundred scenes, drawn by the course, so all about them is known. Each becomes a point twice:
# as its **latent**, 1,024 numbers of the VAE's encoder, and as its **CLIP embedding**, one vector
# for the whole picture, trained to lie close to the vector of the picture's caption. As a third,
# simplest space we take the pixels themselves, averaged to the 16×16 places that a latent has.

# %%
scenes = sample(400, seed=REFERENCE_SEED)
drawn = pictures(400, seed=REFERENCE_SEED)

# %%
from course_utils.measure.sweeps.spaces import METRICS, spaces

points = spaces(drawn)

# %% tags=["hide-input"]
show.table(
    ["space", "numbers a picture", "what counts as near"],
    [
        [name, vectors.shape[1], f"{METRICS[name]} distance"]
        for name, vectors in points.items()
    ],
)

# %% [markdown]
# **Predict.** Take a picture and look up its nearest neighbour, once in each space. What will the
# neighbours have in common with it: the animal, its coat, its pose, the wall behind it?

# %%
from course_utils.measure.embeddings import neighbours

nearest = {
    name: neighbours(vectors, 1, METRICS[name])[:, 0]
    for name, vectors in points.items()
}

# %% tags=["hide-input"]
shown = (0, 1, 3, 8)
show.pictures(
    {
        "a scene": drawn[list(shown)],
        **{
            f"nearest by {name}": drawn[place[list(shown)]]
            for name, place in nearest.items()
        },
    },
    alt="Four critters in four rows: the scenes, and the nearest other scene "
    "of each by CLIP, by VAE latents and by pixels. Neighbours by CLIP are "
    "animals of the same kind, nearly always; neighbours by latents and by pixels share the "
    "colour of the wall and where things stand.",
)

# %% [markdown]
# Four hundred points do not fit on a page with 1,024 axes. **UMAP** draws them in two: it tries to
# keep neighbours together and cares little about anything else ([McInnes, Healy and Melville,
# 2018](https://arxiv.org/abs/1802.03426)). So read it for *who stands beside whom*. Sizes of
# clusters and distances between them mean next to nothing.
#
# **Predict.** We colour the points by species and by texture. In which of the two spaces will the
# colours be sorted?

# %% tags=["hide-input"]
found = stored("two_spaces")["facts"]
show.two_maps(
    {name: np.array(places) for name, places in found["umap"].items()},
    words={
        "species": [scene.species for scene in scenes],
        "texture": [scene.texture for scene in scenes],
    },
    pictures=drawn,
    captions=[caption(scene) for scene in scenes],
    alt="Four scatter plots of the same four hundred scenes. By CLIP, dogs, "
    "foxes and cats form clusters of their own, and so do fluffy and scaly "
    "ones. By VAE latents there are clusters too, but in each of them all "
    "species and both textures are mixed.",
    id="spaces-map",
)

# %% [markdown]
# Point at the dots: the picture behind each appears. The latents' clusters are real, they are just
# not about animals. Find out what they are about before you read on.
#
# A drawing is no measurement. **Neighbourhood purity** is: of a point's ten nearest neighbours *in
# the full space*, how many share its species? Two lines:

# %%
def purity(vectors, words, metric, k=10):
    """Share of the k nearest neighbours that have the same word."""
    near = neighbours(vectors, k, metric)
    return (words[near] == words[:, None]).mean()


# %%
from course_utils.measure.sweeps.spaces import TOLD

again = {
    (space, told): purity(
        vectors,
        np.array([getattr(scene, told) for scene in scenes]),
        METRICS[space],
    )
    for space, vectors in points.items()
    for told in TOLD
}
kept = found["purity_drawn"]
for (space, told), value in again.items():
    lesson.agree(value, kept[space][told], 0.005, f"{told} by {space}")

# %% tags=["hide-input"]
show.table(
    [f"purity, n = {len(scenes)}", *TOLD],
    [
        *[
            [space, *[f"{again[space, told]:.2f}" for told in TOLD]]
            for space in points
        ],
        ["by chance", *[f"{found['chance'][told]:.2f}" for told in TOLD]],
    ],
)

# %%
from course_utils.measure.embeddings import chance as by_chance

SHARED = ("species", "texture", "coat", "stance", "facing", "background")
words_for = {told: np.array([getattr(scene, told) for scene in scenes]) for told in SHARED}
closest = {
    space: {told: purity(vectors, words, METRICS[space], k=1) for told, words in words_for.items()}
    for space, vectors in points.items()
}

# %% tags=["hide-input"]
show.table(
    ["shared by the single nearest, %", *SHARED],
    [
        *[[space, *[f"{100 * found_:.0f}" for found_ in row.values()]] for space, row in closest.items()],
        ["by chance", *[f"{100 * by_chance(words):.0f}" for words in words_for.values()]],
    ],
)

# %% tags=["hide-input"]
most = max(SHARED, key=lambda told: closest["VAE latents"][told])
show.say(
    "There it is. What a latent's nearest neighbour shares most often is the "
    f"**{most}** ({100 * closest['VAE latents'][most]:.0f} %), the species in "
    f"{100 * closest['VAE latents']['species']:.0f} %; by CLIP the species in "
    f"{100 * closest['CLIP']['species']:.0f} %. And the very nearest says more than the ten nearest "
    f"do ({100 * again['VAE latents', 'species']:.0f} %): two animals that look alike all over are, now and then, "
    "of one kind. A map of places counts *how much of the picture differs, and by how much*. "
    "The wall is most of the picture's area, and a muzzle is small."
)

# %% [markdown]
# ### Linear probes
#
# Not sorted by species does not mean that the species is lost: the decoder can paint it. A **linear
# probe** asks a milder question. Is there a *direction* in the space along which dogs, foxes and
# cats come apart? ([Alain and Bengio, 2017](https://arxiv.org/abs/1610.01644)) One fits a logistic
# regression on some scenes and tests it on others.
#
# **Predict.** Will a probe find the species in latents better than in pixels? And the background?

# %% tags=["hide-input"]
sweep = stored("two_spaces")
from scipy.stats import binomtest


def wilson(share, n):
    """Wilson's 95 % interval for a share of n cases."""
    return binomtest(round(share * n), n).proportion_ci(method="wilson")


def share_of(share, n, unit=""):
    """A share in per cent, its interval in brackets."""
    ends = wilson(share, n)
    return f"{100 * share:.3g}{unit} [{100 * ends.low:.3g}, {100 * ends.high:.3g}]"


tested = found["n_test"]
show.table(
    [f"probe's accuracy, % ([Wilson's 95 %](../book/glossary.md)), n = {tested}", *TOLD],
    [[space, *[share_of(probed[told], tested) for told in TOLD]] for space, probed in found["probes"].items()],
)

# %% tags=["hide-input"]
read_off = {space: p["species"] for space, p in found["probes"].items()}
ours, coarse = (wilson(read_off[space], tested) for space in ("VAE latents", "pixels"))
better = "better than" if ours.low > coarse.high else "worse than" if ours.high < coarse.low else "about as well as"
show.say(
    "A probe names the right species for "
    f"{share_of(read_off['VAE latents'], tested, ' %')} of latents, {better} "
    f"for pixels at 16×16 ({share_of(read_off['pixels'], tested, ' %')}; guessing gives "
    f"{100 * found['chance']['species']:.3g} %). "
    + ("" if better == "better than" else "To a linear reader the latent is a small picture. ")
    + "(Each probe was fitted on twice as many scenes, with the one of three strengths of regularisation that did best "
    "on a quarter of *those*, kept aside for it; nothing was chosen on the scenes it is tested on.)"
)

# %%
clip, vae = found["purity"]["CLIP"], found["purity"]["VAE latents"]
by_clip, by_vae = found["probes"]["CLIP"], found["probes"]["VAE latents"]
chance = found["chance"]

# %% tags=["hide-input"]
from course_utils.measure.claims import settle

lift = (vae["species"] - chance["species"]) / (1 - chance["species"])
settle(
    "C05",
    "holds" if lift < 0.25 and clip["species"] > 0.8
    else "holds within limits" if clip["species"] > vae["species"]
    else "does not hold",
    part="meaning",
    number=f"{100 * vae['species']:.0f} % of neighbours in latent space share "
    f"the species (chance {100 * chance['species']:.0f} %), "
    f"{100 * clip['species']:.0f} % in CLIP's",
    sentence=f"Among {sweep['n']:,} scenes, the ten nearest neighbours share "
    f"the species in {100 * vae['species']:.0f} % of cases by latents and "
    f"{100 * clip['species']:.0f} % by CLIP, the texture in "
    f"{100 * vae['texture']:.0f} % and {100 * clip['texture']:.0f} % (chance "
    f"{100 * chance['texture']:.0f} %), the wall's colour in "
    f"{100 * vae['background']:.0f} % and {100 * clip['background']:.0f} %. The single nearest shares the species in "
    f"{100 * found['nearest']['VAE latents']['species']:.0f} % and "
    f"{100 * found['nearest']['CLIP']['species']:.0f} %. A "
    f"linear probe reads the species off {100 * by_vae['species']:.0f} % of "
    f"latents and {100 * by_clip['species']:.0f} % of embeddings. This CLIP "
    "was trained on captions that name these very attributes.",
)  # fmt: skip

# %% [markdown]
# Mind the last sentence. CLIP's space is no map of meaning as such; it is a map of *what captions
# mention*. Ours were written by the course and mention species and texture always or often. A CLIP
# trained on captions about lenses and cameras would sort by lens.
#
# ## Two animals, and where they live
#
# Now we walk. A generated picture has an **address**: the *noise* that sampling began with, and the
# *words*, which the text encoder turned into one vector for each token. Out of both comes the
# *code*, the latent that the VAE decodes.

# %%
from course_utils.measure.sweeps.paths import pairs

pair = pairs(2)[1]
noise_a, noise_b = draw.noise([2, 3]).split(1)
words_a, words_b = draw.text.read([caption(scene) for scene in pair]).split(1)
code_a = draw.latents(words_a, noise_a)
code_b = draw.latents(words_b, noise_b)

# %% tags=["hide-input"]
show.pictures(
    {" ": [*draw.decode(torch.cat([code_a, code_b]))]},
    columns=[f"{name}: the {scene.species}" for name, scene in zip("AB", pair)],
    alt="The two animals at the ends of every way in this section, generated "
    "from two prompts and two noises.",
)

# %% tags=["hide-input"]
show.say(
    f"A is *{caption(pair[0])}*; B is *{caption(pair[1])}*. The noise of each "
    f"is {noise_a.numel():,} numbers, the words are {words_a.shape[1]} tokens "
    f"of {words_a.shape[2]} numbers, the code is {code_a.numel():,}."
)


# %% [markdown]
# A way is a list of points between two ends:

# %%
def along(a, b, way=torch.lerp, points=5):
    """`points` steps from a to b, both included: [points, ...]."""
    return torch.cat([way(a, b, t) for t in torch.linspace(0, 1, points)])


# %% [markdown]
# ## First way: blend the codes
#
# **Predict.** The code half-way between dog and fox is `(code_a + code_b) / 2`. It has the right
# shape, it has a sensible mean. What will the decoder paint?

# %%
straight = draw.decode(along(code_a, code_b))

# %% [markdown]
# Perhaps the straight line is to blame. In many dimensions random vectors are nearly at right
# angles, so the middle of the line between them is too short by a factor of $\sqrt{1/2}$. On the
# **arc** the length stays ([Shoemake, 1985](https://doi.org/10.1145/325165.325242)):
#
# $$
# \operatorname{slerp}(a,b;t)=\frac{\sin((1-t)\,\Omega)}{\sin\Omega}\,a
# +\frac{\sin(t\,\Omega)}{\sin\Omega}\,b,\qquad
# \cos\Omega=\frac{a\cdot b}{\lVert a\rVert\,\lVert b\rVert}.
# $$

# %%
from course_utils.diffusion import interpolation


def slerp(a, b, t):
    """On the arc from a to b, all numbers taken as one vector."""
    cosine = (a * b).sum() / (a.norm() * b.norm())
    omega = torch.acos(cosine)
    return (
        torch.sin((1 - t) * omega) * a + torch.sin(t * omega) * b
    ) / torch.sin(omega)


middle = slerp(noise_a, noise_b, 0.5)
theirs = interpolation.slerp(noise_a, noise_b, 0.5)
torch.testing.assert_close(middle, theirs, rtol=1e-4, atol=1e-4)
on_arc = draw.decode(along(code_a, code_b, slerp))

# %% tags=["hide-input"]
show.pictures(
    {
        "codes, straight": straight[1:-1],
        "codes, on the arc": on_arc[1:-1],
        "for comparison: pixels, straight": [
            np.rint((1 - t) * straight[0] + t * straight[-1]).astype(np.uint8)
            for t in np.linspace(0, 1, len(straight))[1:-1]
        ],
    },
    alt="Three rows of three pictures: a quarter of the way from the first animal to the second, half-way, three "
    "quarters. In all three rows both animals are there in the middle, one over the other. Of the averaged pixels "
    "the wall is evenly of a colour between; of the blended codes it is patched, pink here and yellow there, and so "
    "are the animals.",
)

# %%
from course_utils.measure.pictures import psnr

half = len(straight) // 2
ends = (straight[0].astype(float) + straight[-1]) / 2
average = np.rint(ends).astype(np.uint8)
close = psnr(straight[half], average)[0]
alone = psnr(straight[0], average)[0]  # the floor: A itself, not blended at all
through = draw.decode(draw.encode(average[None]))  # what the VAE makes of the average
best = psnr(through, average[None])[0]

# %% tags=["hide-input"]
lengths = [
    along(a, b)[half].norm().item() / ((a.norm() + b.norm()) / 2).item()
    for a, b in ((noise_a, noise_b), (code_a, code_b))
]
show.say(
    "Held against the plain average of the two pictures, a cross-fade, the "
    f"decoded middle has a PSNR of **{show.digits(close)} dB**. A itself has {show.digits(alone)}, and the average "
    f"sent through the VAE and back {show.digits(best)}: the middle "
    f"{'is nearer to a cross-fade than A is' if close > alone + 1 else 'is hardly nearer to a cross-fade than A'}"
    f"{', and yet far from being one' if close < best - 1 else ', as near as the VAE can paint one'}. The arc "
    f"changes little: the middle of the line between the two codes has "
    f"{lengths[1]:.2f} of their length (that of the two noises "
    f"{lengths[0]:.2f})."
)

# %% [markdown]
# Nothing is wrong with the line. The decoder reads each cell where it stands. A cell half ear, half wall is
# no cell that it was trained on, and it paints some of both: not the shade between, as averaged pixels have,
# but patches of the one and of the other. **A map of places, averaged, is a double exposure**, and a patchy
# one.
#
# ## Second to fourth way: move the address
#
# Leave the code alone and move what it is made *from*. There are two such things, so we move one of
# them smoothly, and switch the other half-way, all at once. First the noise (on the arc: no model
# ever saw noise of the wrong length), then the words (straight, token by token).
#
# **Predict.** In which of the two does the *animal* jump at the switch, and in which does its
# *pose*? Will there be ghosts?

# %%
def switch(a, b, t):
    return a if t < 0.5 else b


by_noise = draw(along(words_a, words_b, switch), along(noise_a, noise_b, slerp))
by_words = draw(along(words_a, words_b), along(noise_a, noise_b, switch))

# %% tags=["hide-input"]
show.pictures(
    {
        "noise on the arc, words switched half-way": by_noise,
        "words straight, noise switched half-way": by_words,
    },
    alt="Two rows of five pictures; in these, each shows one whole animal. With moving noise the "
    "dog turns into the fox at the switch, with wall, facing and all. With moving words the third picture, where "
    "the noise has been switched, is still a dog on pink that faces right, only white; the fourth "
    "is the fox.",
)

# %% [markdown]
# Each of these pictures is one animal. The denoiser was trained to end at pictures of its world, and in its
# world there are no double exposures; wherever the address points, it has to make up its mind. The
# price is that between two neighbouring addresses it may make up its mind *differently*.
#
# And where did it? In the first row at the switch, which is the words'. In the second row the noise is
# switched in the third picture, and hardly anything turns there; the picture turns one step *later*, when
# the words have gone far enough, and then pose and all. That is no wonder: in these prompts stance and facing are
# words. What the noise decides is what the words leave open.
#
# The two prompts came from one template, so their tokens stand side by side: *dog* is mixed with
# *fox* and *pink* with *yellow*. Prompts of different build would mix *dog* with *on*.
#
# Tools that make morph videos switch nothing: they move both at once.

# %%
by_both = draw(along(words_a, words_b), along(noise_a, noise_b, slerp))

# %% [markdown]
# Its pictures stand below, beside those of the others. One way is left.
#
# ## Fifth way: inversion, and back
#
# (A word ahead. The pictures so far were drawn with *guidance*: every prediction was pushed on, away from what
# the model would say to an empty prompt, by a scale of 3. The next section takes that apart. Here it would be in
# the way: we leave it out, which is a scale of 1.)
#
# All that needs addresses. What if you only have two *pictures*? DDIM adds no noise on its way, so
# it can be run **backwards**. One step forwards is
#
# $$
# z_{s} = \sqrt{\bar\alpha_s}\,\frac{z_t-\sqrt{1-\bar\alpha_t}\,\epsilon}{\sqrt{\bar\alpha_t}}
# + \sqrt{1-\bar\alpha_s}\,\epsilon, \qquad \epsilon=\epsilon_\theta(z_t,t),
# $$
#
# and with $\epsilon$ known it can be solved for $z_t$: the same formula with $s$ and $t$ swapped.
# Only, $\epsilon$ is that of the $z_t$ we are looking for. So we begin with the one at hand, and
# repeat with what we find ([Song and others, 2021](https://arxiv.org/abs/2010.02502); [Pan and
# others, 2023](https://arxiv.org/abs/2309.04907)).

# %%
from course_utils.diffusion.schedule import alphas_bar, trailing

LEVELS = dict(enumerate(alphas_bar().tolist())) | {None: 1.0}
STEPS = trailing(25)


def step(z, epsilon, now, then):
    """One step of DDIM, in whichever direction."""
    a, b = LEVELS[now], LEVELS[then]
    clean = (z - (1 - a) ** 0.5 * epsilon) / a**0.5
    return b**0.5 * clean + (1 - b) ** 0.5 * epsilon


@torch.inference_mode()
def invert(code, words, repeats=3):
    """The noise from which DDIM makes this code of these words."""
    predict, z = draw.predictor(words, guidance_scale=1), code
    for now, then in zip([None, *STEPS[::-1]], STEPS[::-1]):
        found = z
        for _ in range(repeats):
            found = step(z, predict(found, then), now, then)
        z = found
    return z


# %%
@torch.inference_mode()
def denoise(noise, words):
    predict, z = draw.predictor(words, guidance_scale=1), noise
    for now, then in zip(STEPS, [*STEPS[1:], None]):
        z = step(z, predict(z, now), now, then)
    return z


back_a, back_b = invert(code_a, words_a), invert(code_b, words_b)
returned = denoise(torch.cat([back_a, back_b]), torch.cat([words_a, words_b]))

# %%
from course_utils.measure.sweeps import paths

end_a = paths.End(noise_a, words_a, code_a)
lesson.close(back_a, paths.inverted(draw, end_a), rtol=1e-3, atol=1e-3)
missed = (returned[:1] - code_a).norm() / code_a.norm()

# %% tags=["hide-input"]
show.say(
    "Our loop finds the same noise as the course's `diffusion.inversion`. Back "
    f"again from there, the code differs from the true one by a share of "
    f"**{show.digits(missed.item(), 2)}** of its length. The noise found has "
    f"a standard deviation of {show.digits(back_a.std().item())}"
    + (", short of the 1 of true noise: that alone makes pictures between two such noises duller. "
       if back_a.std() < 0.97 else ". ")
    + "It is *not* the noise that A was made from, which was sampled with guidance; it is "
    "one that leads there without."
)

# %% [markdown]
# **Predict.** We put the two found noises on an arc, the two prompts on a line, and denoise. Ghosts
# or animals? And where both move at once, will the change be spread evenly over the way?
#
# All ways have the same ends. So here is only what lies between them: a quarter of the way,
# half-way, three quarters.

# %%
by_inversion = draw.decode(
    denoise(along(back_a, back_b, slerp), along(words_a, words_b))
)

# %% tags=["hide-input", "front-page"]
show.pictures(
    {
        "codes, straight": straight[1:-1],
        "noise": by_noise[1:-1],
        "words": by_words[1:-1],
        "noise and words at once": by_both[1:-1],
        "inversion and back": by_inversion[1:-1],
    },
    alt="Five ways between the same two animals, the three pictures between "
    "the ends of each. Blended codes show both animals at once half-way. In these "
    "pictures the four others show one animal each; inversion's half-way is white as the "
    "fox and has the face of a cat. Where noise and words move at once, the half-way is a white dog.",
)

# %% [markdown]
# ## Keeping score
#
# One pair proves nothing. The same ways for several pairs, and three numbers for every picture:
#
# - the **ghost score**: how spread out the critic's heat maps of nose, paws and tail are, their
#   [geometric mean](../book/glossary.md). One nose, one spot; two noses, two spots;
# - the distance to the **nearest real scene**, in the critic's features. Not in pixels: there an
#   average is close to everything, and ghosts would win;
# - the critic's probability that this is **B's species**.
#
# The critic was trained on renders only and never part of a loss. Dashed: what renders that nobody
# generated score themselves.
#
# **Predict.** Six lines in each panel. Which will have a hill in the middle of the first? Will the second panel,
# the distance to real scenes, tell the same story?

# %%
sweep = stored("four_paths")
four = sweep["facts"]
ways = {
    name: {what: np.array(rows) for what, rows in measured.items()}
    for name, measured in four["ways"].items()
}

# %% tags=["hide-input"]
COLOURS = dict(
    zip(ways, ("orange", "pink", "blue", "green", "ink", "purple"), strict=True)
)
titles = {
    "ghost": "ghost score",
    "nearest": "distance to the nearest real scene",
    "second": "probability of B's species",
}
real = {what: np.mean(four[f"render_{what}"]) for what in ("ghost", "nearest")}
show.bands(
    {
        title: {name: one[what] for name, one in ways.items()}
        for what, title in titles.items()
    },
    four["times"],
    floors={titles[what]: (v, "fresh renders") for what, v in real.items()},
    alt="Three panels against the position on the way from A to B, with six "
    "lines. The ghost score rises in the middle for both blends of codes and "
    "hardly at all for noise, words, both together and inversion. The distance to the nearest "
    "real scene tells the ways far less apart. The probability of the second "
    "species rises from zero to one on all of them.",
    colours=COLOURS,
    limits={titles["second"]: (-0.05, 1.05)},
    legend="below",
    xlabel="way from A (0) to B (1)",
)

# %% [markdown]
# Now we measure a part of it again, here: the middle of each way between the first pair.

# %%
from course_utils.measure.doubles import TWO_FROM, ghost_score

MIDDLE, TOLERANCE = four["times"].index(0.5), 0.05
both = paths.ends(draw, pairs(1)[0], 0)
for name, z in paths.ways(draw, *both, times=(0.5,)).items():
    fresh, known = ghost_score(draw.decode(z))[0], ways[name]["ghost"][0, MIDDLE]
    lesson.agree(fresh / known, 1, TOLERANCE, name)

# %% tags=["hide-input"]
from course_utils.measure.pictures import mean_and_interval
from course_utils.models import card


def middle(name, what="ghost"):
    return mean_and_interval(ways[name][what][:, MIDDLE])


def crest(name):
    """The ghost score where its mean over pairs is highest between the ends, and that place."""
    k = 1 + int(ways[name]["ghost"][:, 1:-1].mean(axis=0).argmax())
    return mean_and_interval(ways[name]["ghost"][:, k]), four["times"][k]


def spread(interval, factor=1.0):
    return f"{factor * interval.mean:.3g} ± {factor * interval.half_width:.2g}"


# %% tags=["hide-input"]
made = card("text_to_image")["measured"]
own_doubles, pairs_seen = made["doubles"]["two_animals"], sweep["n"]
doubled = {n: (w["ghost"][:, MIDDLE] > TWO_FROM).mean() for n, w in ways.items()}
at_ends, n_ends = (ways["noise"]["ghost"][:, [0, -1]] > TWO_FROM).mean(), 2 * pairs_seen
largest = {n: mean_and_interval(w["jump"]) for n, w in ways.items()}
show.table(
    ["", "ghost score half-way", "its highest, and where", "two animals half-way, %",
     "distance to real scenes", "largest of 8 steps, %"],
    [
        [name, spread(middle(name)), f"{spread(crest(name)[0])} at {crest(name)[1]:g}",
         share_of(doubled[name], pairs_seen), spread(middle(name, "nearest")), spread(largest[name], 100)]
        for name in ways
    ],
)  # fmt: skip

# %% tags=["hide-input"]
bare = np.array(four["plain_ghost"])
unguided = mean_and_interval(bare.mean(axis=1))
show.say(
    f"(n = {pairs_seen} pairs, mean and 95 % [confidence interval](../book/glossary.md) over pairs; the first "
    f"pair measured again agrees within {100 * TOLERANCE:.0f} %. *Two animals* "
    f"means a ghost score above {TWO_FROM:g}, which one render in a hundred "
    f"exceeds. At the *ends* {share_of(at_ends, n_ends, ' %')} of pictures do, of all that the "
    f"model draws {100 * own_doubles:.0f} % (n = {made['n']:,}): that is its own "
    "sloppiness, and what a share is to be held against. Inversion comes back without guidance, so its floor is "
    f"what the model draws without: {spread(unguided)}, two animals in "
    f"{share_of((bare > TWO_FROM).mean(), bare.size, ' %')}. Renders score {real['ghost']:.3f}, even blends "
    f"of two renders {np.mean(four['blend_ghost']):.3f}; the distance of fresh "
    f"renders to the nearest of {paths.REAL} others is {real['nearest']:.2f}.)"
)

# %% tags=["hide-input"]
STRAIGHT, ARC, *ADDRESSES = ways
neither = {n: 1 - w["first"][:, MIDDLE] - w["second"][:, MIDDLE] for n, w in ways.items()}
here = lesson.read(by_inversion[2:3])
said, sure = here.labels["species"][0], here.probabilities["species"][0].max()
evenest = min(ADDRESSES, key=lambda name: largest[name].mean)
show.say(
    "Mind what the middle of *noise* is: the words have just been switched, so it is B's prompt on one more noise, a "
    "picture like any other, and no test. The test is the whole curve, and its highest point is in the table. Of the "
    f"four ways that move an address, *{evenest}* has the smallest largest step ({spread(largest[evenest], 100)} % of "
    f"the way in latents; an even walk, as blended codes make, has {100 / (len(four['times']) - 1):.3g} %). Is "
    "what lies between A and B one "
    f"of the two? Look at inversion's half-way in the strip above, and judge; the critic calls it a {said} "
    f"({100 * sure:.0f} %). Over all pairs it gives a third species more than half of its belief in "
    + ", ".join(f"{(x > 0.5).sum()} (*{n}*)" for n, x in neither.items()) + f" of {pairs_seen} pictures half-way."
)

# %% tags=["hide-input"]
nearer = [n for n in ADDRESSES if mean_and_interval(
    ways[STRAIGHT]["nearest"][:, MIDDLE] - ways[n]["nearest"][:, MIDDLE]).low > 0]  # fmt: skip
away = {name: middle(name, "nearest") for name in ways}
off = [name for name in ways if away[name].low > real["nearest"]]
show.say(
    "The ghost score tells the ways apart. And the distance to real scenes? Half-way it is clearly above that of fresh "
    f"renders for {' and '.join(f'*{name}*' for name in off) or 'none of the ways'}. Pair by pair, "
    + (f"clearly nearer to real scenes than codes blended straight ({spread(away[STRAIGHT])}) is "
       f"{' and '.join(f'*{name}*' for name in nearer)}. " if nearer else
       f"none is clearly nearer to real scenes than codes blended straight ({spread(away[STRAIGHT])}): by this measure "
       "alone ghosts would pass. ")
    + "The critic's features were trained to decide *which* animal, and a double exposure is decided much like any "
    "other picture. That is why there are three measures."
)

# %% tags=["hide-input"]
blends, fade = middle(STRAIGHT), mean_and_interval(four["blend_psnr"])
surely = min(wilson(doubled[name], pairs_seen).low for name in (STRAIGHT, ARC))
settle(
    "C06",
    "holds" if surely > 0.75
    else "holds within limits" if surely > wilson(at_ends, n_ends).high
    else "does not hold",
    number=f"{share_of(doubled[STRAIGHT], pairs_seen, ' %')} of the blends show two animals "
    f"half-way, on the arc {share_of(doubled[ARC], pairs_seen, ' %')}, at the ends {share_of(at_ends, n_ends, ' %')}",
    sentence=f"Half-way between the codes of two generated animals (n = "
    f"{sweep['n']} pairs) the ghost score is {spread(blends)} straight and "
    f"{spread(middle(ARC))} on the arc, at the ends "
    f"{ways['noise']['ghost'][:, [0, -1]].mean():.3f}; the straight middle has "
    f"{spread(fade)} dB against the average of the two pictures. Its distance to "
    f"the nearest real scene is {spread(middle(STRAIGHT, 'nearest'))} against "
    f"{real['nearest']:.3g} for fresh renders. The least ghostly of the "
    f"pairs scores {ways[STRAIGHT]['ghost'][:, MIDDLE].min():.3f}. (Two animals: a ghost score above {TWO_FROM:g}; "
    "shares with Wilson's 95 % interval.)",
)  # fmt: skip

# %% [markdown]
# And the famous morph videos, "made by interpolating latents"? They are not made by blending codes.
# The first of them kept the prompt and moved the *noise* on the arc; the tools that followed move
# noise and text embeddings at once, guided, from true noise
# ([stable-diffusion-videos](https://github.com/nateraw/stable-diffusion-videos)): that is the row *noise and
# words*. The word *latent*
# covers both, since noise and code have the same shape. That is the whole confusion.

# %% tags=["hide-input"]
worst = max((crest(name)[0] for name in ADDRESSES), key=lambda one: one.high)  # wherever on the way it is
clear = blends.low > worst.high
single = mean_and_interval(ways["noise"]["ghost"][:, [0, -1]].mean(axis=1))
listed = ", ".join(f"{name} {spread(middle(name))} ({share_of(doubled[name], pairs_seen, ' %')})" for name in ways)
settle(
    "C07",
    "does not hold" if worst.low > single.high
    else "holds within limits" if clear
    else "holds",
    number=f"ghost score half-way: codes {blends.mean:.3f}, "
    + ", ".join(f"{name} {middle(name).mean:.3f}" for name in ADDRESSES)
    + f"; at the ends {single.mean:.3f}",
    sentence=f"{'True of the initial noise, false of the codes' if clear else 'Not told apart'}. Ghost "
    f"scores half-way, with the share of two animals: {listed}; at the ends "
    f"{spread(single)} ({share_of(at_ends, n_ends, ' %')}), without guidance {spread(unguided)}; n = {pairs_seen} "
    f"pairs. The highest mean anywhere on the ways that move an address is {spread(worst)}, and its interval and that "
    f"of blended codes {'do not overlap' if clear else 'overlap'}. What morph tools do, noise and words at once, makes "
    f"{spread(largest['noise and words'], 100)} % of its way in the largest of eight steps. Inversion returns to its "
    f"picture within {spread(mean_and_interval(four['round_trip']), 100)} % of the latent's length.",
    source="nateraw/stable-diffusion-videos moves noise (slerp) and text "
    "embeddings (lerp) together",
)  # fmt: skip

# %% [markdown]
# ## Try it: four ways, one slider
#
# Two animals of your choice, and one slider that walks four of the ways at once. Find the place where
# the blended codes show two animals, and look at the other three there. Then give both animals the
# same pose and colour: how much of the ghost is left?

# %%
from dataclasses import replace

from course_utils.critters import Scene
from course_utils.demos.spaces import Spaces

Spaces(
    replace(draw, steps=10),
    {
        "a brown dog": Scene("dog", coat="brown", background="green"),
        "a blue cat": Scene("cat", texture="scaly", coat="blue",
                            background="pink", stance="walking"),
    },
)  # fmt: skip

# %% [markdown]
# ## Dog to fox to cat
#
# One noise, one template, three species: *a … dog …* becomes *a … fox …* becomes *a … cat …*. Only
# one token of the prompt differs. But all vectors from that token on move, and none before it: the text
# encoder lets later tokens look back at earlier ones.
#
# **Predict.** We take four even steps between two species. Will each picture be a little less dog
# than the one before?

# %%
scene = paths.with_size()[0]
dog, fox, cat = draw.text.read(
    [caption(scene.but(species=name)) for name in ("dog", "fox", "cat")]
).split(1)
walk = torch.cat([along(dog, fox), along(fox, cat)[1:]])
walked = draw(walk, draw.noise([0]).expand(len(walk), -1, -1, -1))

# %% tags=["hide-input"]
show.pictures(
    {" ": walked},
    alt="Nine pictures from dog over fox to cat, the same noise for all. Each "
    "is a whole animal in the same place; species changes within one or two "
    "of the steps.",
)

# %%
sweep = stored("dog_fox_cat")
three = sweep["facts"]
classes = np.array(three["species"])
cosines = np.array(three["cosines"])

# %% tags=["hide-input"]
NAMES = dict(zip(("dog", "fox", "cat"), ("blue", "orange", "green")))
show.bands(
    {
        "the critic's probability of each species": {
            name: classes[:, :, k] for k, name in enumerate(NAMES)
        },
        "CLIP's cosine of picture and text": {
            f"“a {name}”": cosines[:, :, k] for k, name in enumerate(NAMES)
        },
    },
    three["times"],
    alt="Against the way from dog over fox to cat: the critic's three "
    "probabilities, which change places steeply between flat stretches, and "
    "CLIP's cosines with three texts, which do the same.",
    colours=NAMES | {f"“a {name}”": colour for name, colour in NAMES.items()},
    limits={"the critic's probability of each species": (-0.05, 1.05)},
    xticks=[0, 1, 2],
    xticklabels=NAMES,
)

# %% [markdown]
# Flat, steep, flat: that is no even change. But the critic is a *classifier*, and classifiers are
# steep by nature. So we also ask the pictures themselves. How much of the whole way in latent space
# is made in the *largest* step of a leg, if it is walked in eight, half as long as those above? An even
# walk would make an eighth in each.
#
# And is that a jump, or a steep slope? Look closer: that one step is walked again, in eight. Of a slope each
# of these makes an eighth or little more, of a jump one makes it all, however closely one looks.

# %%
from course_utils.measure.interpolation import largest_step

legs, nearer_in = np.array(three["jump"]), np.array(three["closer"])
even = largest_step(np.linspace(0, 1, 9))
leaps = int((nearer_in > 0.5).sum())  # one of 64 steps still makes most of it
widths = np.array([w for pair in three["crossing"] for w in pair if w is not None])
at_once = (widths < 1 / 8).sum()  # nine tenths and one tenth lie within one step
ghosts = np.array(three["ghost"])
at_species = ghosts[:, [0, 8, 16]].mean()
between = ghosts[:, [4, 12]].mean()

# %% tags=["hide-input"]
again = lesson.read(walked).probabilities["species"]
lesson.agree(again[:, 0], classes[0, ::2, 0], 0.05)
jump = mean_and_interval(legs.mean(axis=1))
fine = mean_and_interval(nearer_in.mean(axis=1))
show.say(
    f"The largest of eight steps makes **{spread(jump, 100)} %** of the way in "
    f"latents (an even walk: {100 * even:.3g} %). In "
    f"{at_once} of {len(widths)} legs the critic changes its mind, from nine tenths to one "
    "tenth, within one of these steps (on an even slope it takes more than six). Walked again in eight, the largest of "
    f"the small steps makes **{spread(fine, 100)} %** of that step (a slope: {100 * even:.3g} %, a jump: 100 %), from "
    f"{100 * nearer_in.min():.2g} to {100 * nearer_in.max():.2g} %; more than half in {leaps} of {nearer_in.size} "
    "legs. "
    + ("So most legs are no jump: they are slopes, very steep ones. " if leaps < nearer_in.size / 2 else
       "So most legs jump, as far as can be seen. ")
    + f"Ghost scores are {between:.3f} half-way between "
    f"species and {at_species:.3f} at them. (n = {sweep['n']} noises and "
    "scenes, two legs each. The nine pictures above are every other one of "
    "the first: their probabilities agree within 0.05 on average.)"
)

# %% tags=["hide-input"]
own_text = cosines[:, [0, 8, 16], [0, 1, 2]]  # each animal with its own text
foreign = (cosines[:, [0, 8, 16]].sum(axis=(1, 2)) - own_text.sum(axis=1)) / 6
LEGS = slice(0, 9), slice(8, 17)
turn = [largest_step(one[leg, k + 1] - one[leg, k]) for one in cosines for k, leg in enumerate(LEGS)]

# %% tags=["hide-input"]
show.say(
    "And the other panel? CLIP, another judge, was never asked to classify: it only compares. A picture's cosine with "
    f"its own text is {spread(mean_and_interval(own_text.mean(axis=1)))}, with the two others "
    f"{spread(mean_and_interval(foreign))}. Take the new text's cosine less the old one's: of all its ups and downs "
    f"along a leg, {100 * np.mean(turn):.0f} % fall into the largest of eight steps, "
    + ("nearly as steeply as the critic's opinion: the steepness is not the critic's own."
       if np.mean(turn) > 2 * even else "more evenly than the critic's opinion.")
)

# %% tags=["hide-input"]
near = np.array(three["nearest"])
wholeness = mean_and_interval(ghosts[:, [4, 12]].mean(axis=1) - ghosts[:, [0, 8, 16]].mean(axis=1))
settle(
    "C08",
    "holds" if leaps == 0 and jump.high < 2 * even
    else "does not hold" if leaps == nearer_in.size
    else "holds within limits",
    number=f"{spread(jump, 100)} % of the way in the largest of eight steps (even: {100 * even:.3g} %); walked closer, "
    f"{leaps} of {nearer_in.size} legs jump",
    sentence=f"{'No jump, as a rule, but' if leaps < nearer_in.size / 2 else 'A jump more often than not, and'} far "
    f"from even: the largest of eight steps makes {spread(jump, 100)} % of a leg in latents, and the critic's opinion "
    f"turns within one such step in {at_once} of {len(widths)} legs that it follows. Walked again in eight, "
    f"the largest part of that step is {spread(fine, 100)} % of it, and more than half in {leaps} of {nearer_in.size} "
    f"legs. Pictures between two species are {'not clearly less' if wholeness.low < 0 else 'less'} whole animals than "
    f"at them (ghost score {between:.3f} and {at_species:.3f}, distance to real scenes "
    f"{near[:, [4, 12]].mean():.2f} and {near[:, [0, 8, 16]].mean():.2f}). The conditioning is a sequence of token "
    "vectors, and not CLIP's joint embedding, which no denoiser here reads; "
    f"n = {sweep['n']}.",
)  # fmt: skip

# %% [markdown]
# Two spaces go by CLIP's name, and it pays to keep them apart:
#
# - the **joint embedding**, one vector for a picture or a text, compared by cosine. That is what
#   the maps above show, and where DALL·E 2 interpolates between pictures ([Ramesh and others,
#   2022](https://arxiv.org/abs/2204.06125));
# - the **token sequence**, what the text encoder says of each word *before* it is boiled down to
#   that one vector. That is what Stable Diffusion and our denoiser read, and where we walked.
#
# A cat may be *near* a fox in the first without there being anything to see half-way in the second.
#
# ## A plane to explore
#
# Two directions of meaning span a plane. Four prompts are its corners: *small fluffy*, *small
# scaly*, *large fluffy*, *large scaly*, all else the same. A cursor at $(x, y)$ mixes their token
# sequences, bilinearly:

# %%
def place(corners, x, y):
    """Conditioning at x (fluffy to scaly) and y (small to large)."""
    small, large = torch.lerp(corners[:, 0], corners[:, 1], x)
    return torch.lerp(small, large, y)[None]


corners = paths.corners(draw, scene)
torch.testing.assert_close(
    place(corners, 0.3, 0.8), paths.on_plane(corners, 0.3, 0.8)
)

# %% [markdown]
# **Predict.** Along which of the two sides will the picture change evenly: *fluffy to scaly*, a word
# with two values in training, or *small to large*, where pictures come in every size but captions
# know two words?

# %%
PLACES = paths.PLACES
grid = torch.cat([place(corners, x, y) for y in PLACES for x in PLACES])
tiles = draw(grid, draw.noise([0]).expand(len(grid), -1, -1, -1))

# %% tags=["hide-input"]
rows = tiles.reshape(5, 5, *tiles.shape[1:])[::-1]
names = [*[" " * k for k in range(1, 5)], "this row: small; the uppermost: large"]
show.pictures(
    dict(zip(names, rows, strict=True)),
    columns=["fluffy", "", "half-way", "", "scaly"],
    alt="Five by five generated animals of one kind. From left to right they "
    "turn from fluffy to scaly, from below to above from small to large.",
)

# %%
sweep = stored("plane")
flat = sweep["facts"]
scaly, area = np.array(flat["scaly"]), np.array(flat["area"])
mine = paths.on_cursor(tiles)
lesson.agree(mine["scaly"], scaly[0], 0.05)
lesson.agree(mine["area"], area[0], 0.01)

# %% tags=["hide-input"]
show.against_cursor(
    {
        "cursor, fluffy to scaly": {"texture": scaly.mean(axis=1)},
        "cursor, small to large": {"area": 100 * area.mean(axis=2)},
    },
    PLACES,
    alt="Two panels. Left, the critic's probability of scales against the "
    "cursor from fluffy to scaly. Right, the silhouette's share of the "
    "picture against the cursor from small to large. Both rise; the left one "
    "most of all between two neighbouring places.",
    colours={"texture": "orange", "area": "blue"},
    labels={
        "cursor, fluffy to scaly": "probability of scales",
        "cursor, small to large": "silhouette, % of picture",
    },
)

# %% tags=["hide-input"]
one = {
    key: mean_and_interval(flat[key])
    for key in flat
    if key.startswith(("texture_", "size_"))
}
show.table(
    [f"n = {sweep['n']} planes of 25 pictures", "texture", "size"],
    [
        ["[rank correlation](../book/glossary.md) of cursor and reading", spread(one["texture_rank"]),
         spread(one["size_rank"])],
        ["steps in the right direction, in %", spread(one["texture_steady"], 100),
         spread(one["size_steady"], 100)],
        ["largest of four steps, in % of the way", spread(one["texture_jump"], 100),
         spread(one["size_jump"], 100)],
    ],
)  # fmt: skip

# %% tags=["hide-input"]
ranks = [one[f"{side}_rank"].mean for side in ("texture", "size")]
jumps = [one[f"{side}_jump"].mean for side in ("texture", "size")]
settle(
    "C09",
    "holds" if min(ranks) > 0.8 and max(jumps) < 0.5
    else "holds within limits" if min(ranks) > 0.5
    else "does not hold",
    number=f"rank correlation with the cursor: texture {ranks[0]:.2f}, size "
    f"{ranks[1]:.2f}",
    sentence="On the plane between four prompts the critic's probability of "
    f"scales follows the one side ({spread(one['texture_rank'])}, Spearman) "
    f"and the silhouette's area the other ({spread(one['size_rank'])}); "
    f"{100 * one['texture_steady'].mean:.0f} % and "
    f"{100 * one['size_steady'].mean:.0f} % of steps do not go back. Size "
    f"grows with a largest step of {100 * jumps[1]:.0f} % of the way, texture "
    f"turns in one of {100 * jumps[0]:.0f} % (an even walk: 25 %). n = "
    f"{sweep['n']} planes.",
)  # fmt: skip

# %% [markdown]
# ## Try it: drag through the plane
#
# The animal at the cursor is generated anew wherever you drag it, or move it with the arrow keys.
# Look for the place where fur turns to scales, then change the seed and look again: it has moved.

# %%
from course_utils.demos.plane import Plane

Plane(
    draw,
    {
        "a sitting fox": scene.but(species="fox", stance="sitting"),
        "a walking dog": scene.but(species="dog", stance="walking"),
        "a standing cat": scene.but(species="cat", stance="standing"),
    },
    scaly=0.5,
    large=1.0,
)

# %% [markdown]
# ## What the real one does differently
#
# The same two spaces, larger. What is published of them:

# %%
from course_utils.measure.embeddings import text_embeddings
from course_utils.models import load

texts = text_embeddings(load("clip"), [caption(scene) for scene in scenes])
apart_by_clip = np.linalg.norm(points["CLIP"].mean(axis=0) - texts.mean(axis=0))

# %% tags=["hide-input"]
ARXIV = "[{}](https://arxiv.org/abs/{})".format
show.table(
    ["model", "what", "published", "here"],
    [
        ["[Stable Diffusion 1.5](https://huggingface.co/stable-diffusion-v1-5/stable-diffusion-v1-5)",
         "numbers of a code", "64×64×4", "×".join(map(str, (*code_a.shape[2:], code_a.shape[1])))],
        ["its text encoder, CLIP ViT-L/14", "tokens × numbers of a token", "77×768",
         "×".join(map(str, words_a.shape[1:]))],
        [f"CLIP ViT-L/14@336px ({ARXIV('Radford and others, 2021', '2103.00020')})",
         "ImageNet's 1,000 classes, named without training on them", "76.2 %", "–"],
        [f"CLIP ({ARXIV('Liang and others, 2022', '2203.02053')})",
         "distance between the centres of pictures and of texts in the joint space", "0.82",
         f"{apart_by_clip:.2f} (n = {len(scenes)})"],
    ],
)  # fmt: skip

# %% [markdown]
# - **Codes ghost there, too.** For the same reason; nothing in the argument depends on size.
# - **A bigger world has more in between.** Between dog and cat our world has nothing, so our model
#   turns within a small part of the way. A model of millions of photographs knows puppies that look like
#   kittens, and drawings of everything. Its transitions are often smoother. They can still jump, which is why
#   tools exist that adapt the model to the two ends ([DiffMorpher](https://arxiv.org/abs/2312.07409)) or that search
#   for a better way between them ([Wang and Golland, 2023](https://arxiv.org/abs/2307.12560)).
# - **Inversion is worse with guidance.** We inverted at a scale of one, where going back is exact
#   enough. At the scales people use, errors are multiplied; null-text inversion repairs that
#   ([Mokady and others, 2023](https://arxiv.org/abs/2211.09794)).
# - **Prompts are not aligned.** Real prompts differ in length and build. Interpolating token by
#   token then mixes words that have nothing to do with each other, and pictures on the way can be of
#   anything.
# - **Noise has a length.** That high-dimensional noise must be moved on the arc was first noticed
#   for other generators ([White, 2016](https://arxiv.org/abs/1609.04468)). The centre of several
#   noises has the same problem, and the same kind of repair ([Samuel and others,
#   2023](https://arxiv.org/abs/2306.08687)).
# - **The gap.** In real CLIP models pictures and texts lie in two separate regions of the joint
#   space, as the table's last row says. Half-way between a picture and a text is neither.
#
# ## Then and now
#
# - **1985.** Shoemake interpolates rotations on an arc, for animated cameras.
# - **2015.** Walks through the noise of a GAN turn bedrooms into bedrooms ([Radford, Metz and
#   Chintala](https://arxiv.org/abs/1511.06434)).
# - **2020.** [DDIM](https://arxiv.org/abs/2010.02502) makes sampling deterministic: noise becomes an
#   address, pictures can be inverted, and noise interpolated on the arc.
# - **2021.** [CLIP](https://arxiv.org/abs/2103.00020) gives pictures and texts one space.
# - **2022.** DALL·E 2 walks between pictures in it; with Stable Diffusion come the first morph
#   videos, through noise and token sequences.
# - **2023–24.** Morphing of two given photographs: inversion, and models adapted to both ends.
#
# ## Check yourself
#
# **1.** You average the latents of two pictures that differ only in the colour of the wall. Will the
# middle show a ghost?
#
# <details><summary>Answer</summary>
#
# No ghost of an animal: each cell on it holds the same in both, and ghosts need *different things at the same
# place*. But look at the wall in the blends above. It does not come out in the colour between, it comes out in
# patches of both: the decoder is not linear, and half-way between two walls lies no wall that it knows.
#
# </details>
#
# **2.** Somebody interpolates two initial noises with `torch.lerp` and finds the middle pictures
# flat and pale. Why, and what is the remedy?
#
# <details><summary>Answer</summary>
#
# Two independent noises are nearly at right angles, so their average is about 0.71 times as long as
# either. The denoiser takes the missing variance for a picture that is already less noisy than the
# timestep says. Use slerp, or scale the average up to the right length.
#
# </details>
#
# **3.** In a UMAP of latents you see four clear clusters. A colleague says: the model has learned
# four kinds of animals. What do you check?
#
# <details><summary>Answer</summary>
#
# Colour the points by everything you know, and compute the purity in the full space, with chance
# beside it. Here four clusters would rather be four walls.
#
# </details>
#
# **4.** The critic's probability of *fox* leaps from nearly zero to nearly one between two
# neighbouring pictures. Does that prove that the *pictures* jump?
#
# <details><summary>Answer</summary>
#
# No: a classifier is steep wherever its border is crossed, even by a picture that changes evenly.
# Ask a measure that is not a classifier, such as the share of the way in latents that this one step
# makes. And take smaller steps: a slope comes apart in them, a jump does not.
#
# </details>
#
# ## Exercises
#
# Graded ones are in the [exercises for this section](exercises/02_latent_vs_clip.ipynb). Things to try
# here; change a cell, run it, and write a sentence about what you see.
#
# 1. Move noise and words together, but let the words lead: $t$ for the noise, $\sqrt t$ for the words. Does the
#    largest step become smaller?
# 2. Interpolate the noise straight instead of on the arc. What happens to colours and contrast in
#    the middle?
# 3. Use prompts of different build for the ends (*a cat, pink backdrop*). At which point does the
#    walk through the words break?
# 4. Invert with `repeats=1` and with the wrong prompt. Which hurts more, on the way back and in the
#    middle of the way?
# 5. Find the two scenes among the four hundred whose blended codes have the *lowest* ghost score.
#    What do they share?
#
# ## Further reading
#
# - J. Song, C. Meng and S. Ermon, *Denoising Diffusion Implicit Models*, 2021:
#   [arXiv:2010.02502](https://arxiv.org/abs/2010.02502). Section 5.3 interpolates noises.
# - A. Radford and others, *Learning Transferable Visual Models From Natural Language Supervision*,
#   2021: [arXiv:2103.00020](https://arxiv.org/abs/2103.00020).
# - A. Ramesh and others, *Hierarchical Text-Conditional Image Generation with CLIP Latents*, 2022:
#   [arXiv:2204.06125](https://arxiv.org/abs/2204.06125). Interpolation in the joint embedding.
# - M. Wattenberg, F. Viégas and I. Johnson, *How to Use t-SNE Effectively*, 2016:
#   [doi:10.23915/distill.00002](https://doi.org/10.23915/distill.00002). What a map of neighbours
#   can and cannot show; all of it holds for UMAP.
#
# **Next**: the prompt moved the picture, but how hard does it pull? The next section takes guidance
# apart into arrows.
