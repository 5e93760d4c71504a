r"""DDIM backwards: from a picture's latent to the noise that a sampler would make it from."""
from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from course_utils.diffusion import schedule
from course_utils.diffusion.samplers import Latents, Predict, ddim_step


def invert(
    predict: Predict, z: Latents, timesteps: Sequence[int], last: float = 1.0, corrections: int = 0
) -> Latents:
    r"""The latent at `timesteps[0]` from which `ddim(predict, ..., timesteps, last)` returns to z, or nearly.

    Each step of DDIM can be undone once its noise is known; only that noise, \(\epsilon(z_t, t)\), is that of the
    latent one is looking for. The latent at hand must do, \(\epsilon(z_s, t)\) with s < t: for small steps the two
    agree, since DDIM follows an ordinary differential equation that runs both ways (Song et al., Denoising Diffusion
    Implicit Models, 2021, section 4.3). The error falls as one over their number. Guidance multiplies it (Mokady et
    al., Null-text Inversion for Editing Real Images, 2023): one inverts at a guidance scale of 1.

    Args:
        predict: predicts noise; the same prompts, and best no guidance.
        z: clean latents.
        timesteps: from high to low, as for `ddim`.
        last: the level \(\bar\alpha\) of z, as for `ddim`.
        corrections: how often each step is repeated with \(\epsilon\) of the latent it found, another evaluation each
            time: a fixed-point iteration, exact where it converges (Pan et al., Effective Real Image Editing with
            Accelerated Iterative Diffusion Inversion, 2023). Without any, a step costs one evaluation.
    """
    rising = list(reversed(timesteps))
    levels = [last, *(float(schedule.alphas_bar()[t]) for t in rising)]
    for t, (now, then) in zip(rising, pairwise(levels), strict=True):
        found = ddim_step(z, predict(z, t), now, then)
        for _ in range(corrections):
            found = ddim_step(z, predict(found, t), now, then)
        z = found
    return z
