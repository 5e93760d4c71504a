"""The words of the cards: Markdown from the measured facts, nothing typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Facts = Mapping[str, Any]


def told(value: Any) -> str:
    """Three significant digits for people."""
    return f"{value:,}" if isinstance(value, int) else f"{value:#.3g}"


def how(trained: Facts) -> str:
    """Command, length, machine, seed and scenes of a training."""
    return (f"by `{trained['command']}`: {trained['steps']:,} steps, {told(trained['hours'])} hours on"
            f" {trained['device']}, seed {trained['seed']}, on renders of {trained['scenes']:,} scenes,")


def option(trained: Facts, name: str, before: str | None = None) -> str:
    """The values that an option had, stage by stage: `0.25, from step 9250 0.5`.

    `before` is what held for a run that began when the recipe had no such option.
    """
    stages = [(stage, options[name]) for stage, options in trained["options"].items() if name in options]
    if before is not None and not any(stage == "from step 0" for stage, _ in stages):
        stages.insert(0, ("from step 0", before))
    return ", ".join(value if stage == "from step 0" else f"{stage} {value}" for stage, value in stages) or "unknown"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, ("---",) * len(head), *rows)]
    return "\n".join(lines)


CODES = ("this autoencoder", "plain 8x down and up", "best 8x down and up", "blocks of 8x8, 4 numbers")
RIVALS = ("", "_down_up", "_best_down_up", "_block_pca")


def vae_card(facts: Facts, notes: str) -> str:
    """The autoencoder's card as Markdown, from its facts alone."""
    m, trained = facts["measured"], facts["trained"]
    rivals = m.get("rivals", {})
    fidelity = [("this autoencoder", told(m["psnr"]), told(m["ssim"])),
                *[(name.replace("_", " "), told(r["psnr"]), told(r["ssim"])) for name, r in rivals.items()]]
    photos = [(name.replace("_", ", "), *(f"{told(p['psnr' + k])} dB / {told(p['ssim' + k])}" for k in RIVALS))
              for name, p in m["photographs"].items()]
    return f"""# The autoencoder (`vae`, scale `critters`)

`diffusers.AutoencoderKL`: pictures 128x128x3 to latents 16x16x4, 48 times fewer numbers, as in Stable Diffusion.
{told(facts['parameters'])} parameters, {facts['bytes'] / 1e6:.2f} MB in float16. Unlike Stable Diffusion's it has no
attention in its middle: it is convolutional through and through, so any size divisible by 8 goes in.

**Trained** {how(trained)} on photographs that
scikit-image ships and on dead-leaves pictures (as a share of all: {option(trained, 'photographic')}). The photographs
of scikit-learn are test data and were never seen. The loss is detail-weighted L1, gradients, squared error (its weight:
{option(trained, 'squared', before='2.0')}) and a KL term of small weight; no perceptual network, no discriminator.
`scaling_factor` {facts['scaling_factor']} is {facts['scaling_factor_is']}.

![The validation PSNR rises with the steps of training](curve.png)

## What it keeps: {m['n']:,} scenes it never saw

{table(('code', 'PSNR, dB', 'SSIM'), fidelity)}

The posterior carries {told(m['bits_per_latent_number'])} bits a latent number. Principal components were fitted on
{facts['scenes']['pca_fitted_on']:,} training scenes, with as many numbers as a latent has; a thumbnail has three
quarters of them.

![Twelve scenes, each row above its reconstructions](reconstructions.jpg)

What the critic reads off reconstructions, its floor on the renders themselves beside it, and the independent reader:

{table(('attribute', 'critic, reconstructions', 'critic, renders', 'reader, reconstructions', 'reader, renders'),
       readings(m))}

## Photographs it never saw

PSNR / SSIM of whole photographs, and of the same shrunk to about the size of the course's pictures:

{table(('photograph', *CODES), photos)}

{notes}
SHA-256 `{facts['sha256']}`. Licence: {facts['licence']}.
"""


def readings(m: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Rows of the table that sets critic and reader side by side."""
    columns = ("critic_on_reconstructions", "critic_on_renders", "reader_on_reconstructions", "reader_on_renders")
    names = [name for name in m[columns[0]] if name != "keypoint_error"]
    rows = [(name, *(f"{m[c][name]:.3f}" if name in m[c] else "" for c in columns)) for name in names]
    keypoints = [f"{100 * m[c]['keypoint_error']:.2g} %" for c in columns[:2]]
    return [*rows, ("keypoints (median error, share of the width)", *keypoints, "", "")]


def critic_card(facts: Facts, notes: str) -> str:
    """The critic's card as Markdown, from its facts alone."""
    m, trained = facts["measured"], facts["trained"]
    columns = [name for name, value in m.items() if isinstance(value, dict) and "keypoint_error" in value]
    names = [name for name in m["on_renders"] if name != "keypoint_error"]
    rows = [(name, *(f"{m[c][name]:.4f}" for c in columns)) for name in names]
    rows.append(("keypoints (median error)", *(f"{100 * m[c]['keypoint_error']:.2g} %" for c in columns)))
    points = [(name.replace("_", " "), f"{100 * error:.2g} %") for name, error in m["keypoint_error_by_name"].items()]
    return f"""# The critic (`critic`)

A small network that reads species, texture, size, coat, background, stance, facing and keypoints off a picture of
128x128. {told(facts['parameters'])} parameters, {facts['bytes'] / 1e6:.2f} MB in float16. Every quality number of the
course leans on it; it is never part of a loss. Its own errors, below, are the floor beside those numbers.

**Trained** {how(trained)} worn by noise,
blur, shifts, resampling, colour, contrast and JPEG. It never saw a reconstruction or a generated picture.

![The keypoint error falls with the steps of training](curve.png)

## The floor: {m['n']:,} fresh renders, clean and worn

{table(('attribute', *(c.replace('_', ' ') for c in columns)), rows)}

Size is read to {told(m['size_error'])} of the picture's height on average; the share counts scenes outside the middle
band, where a caption names the size. Median error of each keypoint, as a share of the width:

{table(('keypoint', 'error'), points)}

{notes}
SHA-256 `{facts['sha256']}`. Licence: {facts['licence']}.
"""


TEXTS: dict[str, Callable[[Facts, str], str]] = {"vae": vae_card, "critic": critic_card}
"""The writer of each role's card."""
