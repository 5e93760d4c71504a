"""The words of the newer cards: denoisers, ControlNets, CLIP, the dense head, the fast decoder. Measured facts only."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from course_utils.train.card_text import Facts, how, table, told

TITLES: dict[str, tuple[str, str]] = {
    "text_to_image": ("The text-to-image model", "Noise prediction in latents, the course's Stable Diffusion: the"
                      " autoencoder's 16x16x4 latents, captions read by cross-attention from CLIP's text side, the"
                      " 1000-step schedule (Rombach et al., 2022)."),
    "text_to_image_nodropout": ("The text-to-image model that reads captions anew", "All of `text_to_image` but"
                                " its cross-attention, which began with random numbers again and learnt from batches in"
                                " which no caption was dropped: it exists to show what classifier-free guidance needs"
                                " (Ho and Salimans, 2022)."),
    "pixel_text_to_image": ("The twin in pixels", "The same task without an autoencoder: v-prediction on 128x128x3"
                            " pixels (Salimans and Ho, 2022), on ADM's noise schedule (claim C04)."),
    "flow": ("The flow model", "The same network trained as a rectified flow: it predicts the velocity of straight"
             " lines from picture to noise (Liu et al., 2023; Lipman et al., 2023)."),
    "reflow": ("The flow model after one reflow", "Trained on the flow model's own pairs of noise and picture, so that"
               " its paths become straighter (Liu et al., 2023)."),
    "lcm": ("The latent consistency student", "Distilled from the text-to-image model, guidance included: every point"
            " of a path is mapped to its end (Luo et al., 2023)."),
    "dmd": ("The distribution matching student", "Distilled from the text-to-image model by matching the distribution"
            " of its pictures, not their paths (Yin et al., 2024)."),
    "adversarial": ("The adversarial student", "Distilled from the text-to-image model with a discriminator on the"
                    " teacher's own features (Sauer et al., 2023, 2024)."),
    "flow_consistency": ("The consistency student of the flow model", "The consistency objective on the flow model's"
                         " paths, guidance included (Song et al., 2023; Luo et al., 2023)."),
}


def opening(name: str, facts: Facts) -> str:
    """Class, parameters, bytes; for a difference, to what, and of which rank."""
    low = facts["trained"].get("low_rank")
    shipped = (f"shipped as a difference of rank {low['rank']} to `{low['base']}`, {facts['bytes'] / 1e6:.2f} MB"
               if low else f"{facts['bytes'] / 1e6:.2f} MB in float16")
    return f"`{facts['class']}`, {told(facts['parameters'])} parameters, {shipped}."


def denoiser_card(name: str, facts: Facts, notes: str) -> str:
    """The card of a model that makes pictures of prompts."""
    m, (title, what) = facts["measured"], TITLES[name]
    return f"""# {title} (`{name}`)

{what} {opening(name, facts)}

**Trained** {how(facts['trained'])} with their captions.

![How its samples came to be read right as training went on](curve.png)

## What it draws: 64 captions it never saw, nothing picked out

Held-out scenes 0 to 63 with seeds 0 to 63, {told(m['steps'])} steps of `{m['sampler']}`, guidance scale
{m['guidance']:g}: {m['evaluations']:g} network evaluations a picture.

![Sixty-four samples in eight rows](samples.webp)

## In numbers: {m['n']:,} captions, one picture each

{table(('measure', 'pictures', 'renders'), numbers(m))}

Features: {m['extractor']}. Diversity is the mean distance of pictures of one prompt from {m['diversity']['seeds']}
seeds, as a share of that of renders that fit the prompt. Agreement is that of the critic with the independent reader;
{noticed(m['agreement'])}

{table(('attribute', 'read as asked by the critic'), rows(m['accuracy']))}

{sweep(facts)}
{notes}
SHA-256 `{facts['sha256']}`. Licence: {facts['licence']}.
"""


def numbers(m: Facts) -> list[tuple[str, str, str]]:
    """Rows of quality, each with what renders score."""
    agree = [(f"readers agree on {name}", f"{one['share']:.3f}", f"{m['agreement']['renders'][name]['share']:.3f}")
             for name, one in m["agreement"]["generated"].items()]
    return [("accuracy, mean over attributes", f"{m['mean_accuracy']:.3f}", ""),
            ("Fréchet distance", told(m["frechet"]), told(m["frechet_floor"])),
            ("KID", f"{told(m['kid'])} ± {told(m['kid_standard_error'])}",
             f"{told(m['kid_floor'])} ± {told(m['kid_floor_standard_error'])}"),
            ("diversity", told(m["diversity"]["of_world"]), "1"),
            ("two animals at once", f"{100 * m['doubles']['two_animals']:.2g} %", ""), *agree]


def noticed(agreement: Facts) -> str:
    """Whether the two readers part on what was generated."""
    names = ", ".join(agreement["noticed"])
    return f"they agree less than on renders about: {names}." if names else "nowhere is it less than on renders."


def rows(values: Mapping[str, float]) -> list[tuple[str, str]]:
    """Names and shares."""
    return [(name, f"{value:.3f}") for name, value in values.items()]


def sweep(facts: Facts) -> str:
    """The table over guidance scales, and which is best for what."""
    if "sweep" not in facts:
        return ""
    best, first = facts["best_guidance"], facts["sweep"][0]
    lines = [(f"{one['scale']:g}", f"{one['mean_accuracy']:.3f}", told(one["frechet"])) for one in facts["sweep"]]
    return f"""The guidance scale matters: {told(first['n'])} captions each (Fréchet floor at this n:
{told(first['frechet_floor'])}). Accuracy is best at {best['accuracy']:g}, the Fréchet distance at {best['frechet']:g}.

{table(('guidance scale', 'mean accuracy', 'Fréchet distance'), lines)}
"""


def controlnet_card(name: str, facts: Facts, notes: str) -> str:
    """The card of a ControlNet: adherence as a distribution, the base alone and the reader's floor beside it."""
    m, condition = facts["measured"], name.split("_")[1]
    unit = {"pose": "error of the joints, % of the width", "edge": "edge F1, %", "depth": "depth error, % of its range"}
    spreads = [(label, *(f"{100 * m[key][place]:.3g}" for place in ("mean", "tenth", "median", "ninetieth")))
               for label, key in (("with the map", "controlled"), ("the base alone", "base"), ("renders", "renders"))]
    return f"""# The ControlNet for {condition} (`{name}`)

A trainable copy of the text-to-image model's encoder, joined by zero convolutions, that is shown a map of what is
wanted (Zhang et al., 2023). {opening(name, facts)}

**Trained** {how(facts['trained'])} with half of the captions dropped.

![Adherence against the steps of training](curve.png)

![Maps, and the pictures made from them](samples.webp)

## Does the picture follow the map? {m['n']:,} held-out maps with their captions, conditioning scale 1

{table((unit[condition], 'mean', 'a tenth is below', 'median', 'nine tenths are below'), spreads)}

The critic still reads {100 * m['mean_accuracy']:.1f} % of the attributes as the caption asked.

{notes}
SHA-256 `{facts['sha256']}`. Licence: {facts['licence']}.
"""


def clip_card(name: str, facts: Facts, notes: str) -> str:
    """The card of CLIP."""
    m = facts["measured"]
    lines = [(attribute, f"{share:.3f}", f"{m['purity'][attribute]:.3f}", f"{m['chance'][attribute]:.3f}")
             for attribute, share in m["probes"].items()]
    return f"""# CLIP (`clip`)

Two transformers that put a picture and its caption in the same place of one space (Radford et al., 2021). The text side
is what every denoiser of the course reads. {opening(name, facts)}

**Trained** {how(facts['trained'])} with several captions of each.

![Retrieval against the steps of training](curve.png)

## What it knows: {m['n']:,} held-out scenes

The right caption is found for {100 * m['retrieval_top_1']:.1f} % of pictures among {m['choices']} full captions that
differ in attributes, the right picture for {100 * m['caption_retrieval_top_1']:.1f} % of captions. Linear probes on
picture embeddings, fitted on {m['probed_on']:,} training scenes, and the share of the ten nearest neighbours that have
the same attribute, with what chance gives:

{table(('attribute', 'linear probe', 'neighbours alike', 'by chance'), lines)}

{notes}
SHA-256 `{facts['sha256']}`. Licence: {facts['licence']}.
"""


def dense_card(name: str, facts: Facts, notes: str) -> str:
    """The card of the head that reads edges and depth."""
    m = facts["measured"]
    places = (("renders", "on_renders"), ("autoencoder's reconstructions", "on_reconstructions"),
              ("renders, against another scene's map", "against_another_scene"))
    lines = [(label, f"{m[key]['edge_f1']['mean']:.3f}", f"{m[key]['edge_precision']:.3f}",
              f"{m[key]['edge_recall']:.3f}", told(m[key]["depth_error"]["mean"])) for label, key in places]
    return f"""# The dense head (`dense`)

A small network that reads contours and depth off a picture, so that what a ControlNet makes can be held against its
map. {opening(name, facts)} Like the critic it is never part of a loss.

**Trained** {how(facts['trained'])} worn and bent.

![Edge F1 against the steps of training](curve.png)

![Renders, the contours read off them, and the depth](samples.webp)

## The floor: {m['n']:,} held-out scenes

Edges count as found within {m['tolerance_pixels']:.2g} pixels (Martin et al., 2004); depth is told to a share of its
range, the mean of the error on the animal and off it.

{table(('pictures', 'edge F1', 'precision', 'recall', 'depth error'), lines)}

{notes}
SHA-256 `{facts['sha256']}`. Licence: {facts['licence']}.
"""


def preview_card(name: str, facts: Facts, notes: str) -> str:
    """The card of the fast decoder."""
    m = facts["measured"]
    return f"""# The fast decoder (`preview`)

What TAESD is for Stable Diffusion (Ollin Boer Bohan, 2023): a tiny decoder, taught by the autoencoder, for previews
while one drags. {opening(name, facts)}

**Trained** {how(facts['trained'])} their latents slightly noised.

![PSNR against the steps of training](curve.png)

![Scenes as the autoencoder decodes them, and below as the fast decoder does](samples.webp)

## What it costs: {m['n']:,} held-out scenes

{table(('decoder', 'PSNR to the render, dB', 'ms a picture, one thread'),
       [('autoencoder', told(m['psnr_of_vae']), told(facts['milliseconds']['vae'])),
        ('preview', told(m['psnr']), told(facts['milliseconds']['preview']))])}

To the autoencoder's own picture it comes within {told(m['psnr_between'])} dB. Times are medians on the machine that
wrote this card; `make bench` measures them on yours.

{table(('attribute', 'read by the critic'), rows(m['critic_on_decoded']))}

{notes}
SHA-256 `{facts['sha256']}`. Licence: {facts['licence']}.
"""


def writer(name: str) -> Callable[[str, Facts, str], str]:
    """The function that words the card of a model."""
    words = {"clip": clip_card, "dense": dense_card, "preview": preview_card}
    return controlnet_card if name.startswith("controlnet") else words.get(name, denoiser_card)


__all__ = ["TITLES", "writer"]
