"""Pictures from prompts in one call: every denoiser of the course, at every scale, by any sampler.

    >>> from course_utils.diffusion.generate import TextToImage
    >>> draw = TextToImage.load()                                    # doctest: +SKIP
    >>> draw(["a fluffy red fox", "a small scaly blue cat"], seeds=[0, 1])   # uint8 [2, 128, 128, 3]  # doctest: +SKIP

It does what `StableDiffusionPipeline` does, and any guidance scale, also in [0, 1]; velocities; noise that belongs to
a picture and not to its place in a batch; an account of the evaluations.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import interpolate, pixel_shuffle, pixel_unshuffle

from course_utils.diffusion import maps, thrift
from course_utils.diffusion.controlled import Controlled
from course_utils.diffusion.inputs import Prompts, Starts, checked_guidance, checked_sampler, several, starts, whole
from course_utils.diffusion.samplers import Latents, Predict, denoise, initial_noise, stock_scheduler, with_guidance
from course_utils.models import load, to_array, to_tensor
from course_utils.models.registry import entry

Context = Float[Tensor, "n k d"]

DECODERS = ("vae", "preview")
FOLDED = {3: 1, 12: 2}
"""Channels of denoisers that work in pixels, and the side of the squares whose pixels lie on top of each other."""


@dataclass
class TextToImage:
    """A denoiser with what it needs to make pictures; `TextToImage.load` finds the parts.

    Attributes:
        unet: a `UNet2DConditionModel`.
        text: reads prompts, see `models.text.TextEncoder`.
        vae: decodes, an `AutoencoderKL` or `AutoencoderTiny`; `None` for a denoiser that works in pixels.
        control: a `ControlNetModel` of the denoiser, or none.
        objective: what the denoiser predicts, "epsilon" or "flow".
        guidance, steps, sampler: used where a call names none.
        batch: how many pictures at once; memory grows with it, pictures do not change. Where a GPU's memory does not
            suffice it is halved, and more is saved as needed; see `thrift`.
        role: what it was loaded as; empty if it was put together by hand.
        apart: the GPU on which the parts take turns, if it came to that.
        evaluations: network evaluations for each picture of the last call: a guided step costs two, a Heun step two.
    """

    unet: Any
    text: Any
    vae: Any = None
    control: Any = None
    objective: str = "epsilon"
    guidance: float = 3.0
    steps: int = 25
    sampler: str = ""
    batch: int = 16
    role: str = ""
    apart: torch.device | None = field(default=None, init=False)
    evaluations: float = field(default=0.0, init=False)
    _seen: int = field(default=0, init=False, repr=False)

    @classmethod
    def load(
        cls, role: str = "text_to_image", scale: str | None = None, device: str | torch.device | None = None,
        condition: str | None = None, decoder: str = "vae",
    ) -> TextToImage:
        """The denoiser of a role, with its own best guidance scale, steps and sampler.

        Args:
            role: `"text_to_image"`, `"flow"`, `"lcm"`, ...; see `models.roles()`.
            scale, device: as for `models.load`.
            condition: the map of a ControlNet at its side, `"pose"`, `"edge"` or `"depth"`.
            decoder: `"vae"`, or `"preview"`, which is faster and not as exact.

        Raises what `models.load` raises, and `ValueError` for an unknown decoder, a role that is no denoiser, or a
        condition beside a role that predicts something else than the ControlNet's base.
        """
        from course_utils.models.text import load_text

        if decoder not in DECODERS:
            raise ValueError(f"no decoder called {decoder!r}; known ones: {', '.join(DECODERS)}")
        known = entry(role, scale)
        if not known.objective:
            raise ValueError(f"the role {role!r} makes no pictures of prompts: it does not denoise")
        if known.stock:
            raise ValueError(f"{known.name} of scale {known.scale!r} is conditioned in a way of its own: draw with"
                             f" diffusers' {known.pipeline}")
        if condition and entry("controlnet", scale, condition).objective != known.objective:
            raise ValueError(f"the ControlNets belong to 'text_to_image' and its students; {role!r} predicts another"
                             " quantity: leave condition out")
        control = load("controlnet", scale, device, condition) if condition else None
        unet = load(role, scale, device)
        vae = None if unet.config.in_channels in FOLDED else load(decoder, scale, device)
        return cls(unet, load_text(scale, device), vae, control, known.objective, known.guidance, known.steps,
                   known.sampler, 16 if known.embedded else 2, role)

    def __call__(self, prompts: Prompts, seeds: Starts, **options: Any) -> UInt8[np.ndarray, "n h w 3"]:
        """Pictures, one for each prompt and seed; the options are those of `latents`."""
        return self.decode(self.latents(prompts, seeds, **options))

    def latents(
        self, prompts: Prompts, seeds: Starts, guidance_scale: float | None = None, steps: int | None = None,
        negative_prompt: str = "", control_map: Any = None, conditioning_scale: float = 1.0, sampler: str | None = None,
        rescale: float = 0.0, interval: tuple[float, float] | None = None,
        watch: Callable[[Latents, float], object] | None = None,
    ) -> Float[Tensor, "n c s s"]:
        """Scaled latents, one for each prompt and seed, on the CPU.

        Args:
            prompts: texts, or the hidden states `[n, tokens, width]` of texts. An empty one is unconditional.
            seeds: whole numbers, or noise `[n, c, s, s]` itself. A picture's noise comes from its own generator on the
                CPU, so neither device nor company changes it beyond rounding.
            guidance_scale: 0 unconditional, 1 conditional, above it beyond; see `guidance.guided`.
            steps: of the sampler, 1 to 1000.
            negative_prompt: what guidance leads away from, in place of the empty prompt.
            control_map: one map for all pictures or one for each; see `maps.prepared`.
            conditioning_scale: how much the ControlNet says; 0 silences it.
            sampler: a name in `samplers.SAMPLERS` of the objective.
            rescale, interval: see `guidance.rescaled` and `guidance.scale_at`.
            watch: sees the latents of each batch before each step and at the end; see `samplers.denoise`.

        Raises:
            ValueError: anything of these that cannot be, and what can.
        """
        asked, name = several(prompts), checked_sampler(self.objective, sampler or self.sampler)
        noise, sources = starts(seeds, len(asked), (self.unet.config.in_channels, self.unet.config.sample_size))
        shown, begun = self._maps(control_map, len(asked)), [source.get_state() for source in sources]

        def made() -> Latents:
            parts, self._seen = [], 0
            for source, state in zip(sources, begun, strict=True):  # a try that failed may have drawn from them
                source.set_state(state)
            for k in range(0, len(asked), self.batch):
                part = slice(k, k + self.batch)
                predict = self.predictor(asked[part], guidance_scale, negative_prompt,
                                         None if shown is None else shown[part], conditioning_scale, rescale, interval)
                scheduler = stock_scheduler(name, self.steps if steps is None else steps)
                parts.append(denoise(predict, scheduler, noise[part].to(self.place), sources[part], watch))
            return torch.cat(parts)

        with torch.inference_mode():
            z = thrift.thrifty(self, made)
        self.evaluations = self._seen / len(asked)
        return z.cpu().clone()  # outside of inference mode: gradients may be taken of what is made from them

    def predictor(
        self, prompts: Prompts, guidance_scale: float | None = None, negative_prompt: str = "", control_map: Any = None,
        conditioning_scale: float = 1.0, rescale: float = 0.0, interval: tuple[float, float] | None = None,
    ) -> Predict:
        """The guided prediction for these prompts, for a sampler of one's own; arguments as for `latents`."""
        scale = self.guidance if guidance_scale is None else guidance_scale
        checked_guidance(scale, rescale, interval, conditioning_scale)
        asked = several(prompts)
        conditional, unconditional = self._states(asked, None if scale == 1 else negative_prompt)
        network = self._network(self._maps(control_map, len(asked)), conditioning_scale)
        return with_guidance(network, conditional, unconditional, scale, rescale, interval)

    def noise(self, seeds: Sequence[int]) -> Float[Tensor, "n c s s"]:
        """Standard normal latents of the denoiser's own size, a seed each, on the CPU: what pictures begin with."""
        return initial_noise(seeds, self.unet.config.sample_size, self.unet.config.in_channels)

    @property
    def side(self) -> int:
        """Pixels of a picture's side: eight for each place of a latent, with the autoencoders of Stable Diffusion."""
        size = int(self.unet.config.sample_size)
        if self.vae is None:
            return size * FOLDED[self.unet.config.in_channels]
        return int(size * 2 ** (len(self.vae.config.block_out_channels) - 1))

    @torch.no_grad()
    def encode(self, pictures: UInt8[np.ndarray, "n h w 3"]) -> Float[Tensor, "n c s s"]:
        """Scaled latents of pictures (the means of the posterior), on the CPU; other sizes are brought to the model's.

        Of a denoiser in pixels, pictures are latents already: in [-1, 1], folded where it reads them so.
        """
        side, parts = self.side, []
        for part in to_tensor(pictures).split(self.batch):
            if part.shape[-2:] != (side, side):
                part = interpolate(part, (side, side), mode="bilinear", antialias=True)
            parts.append(self._encoded(part))
        return torch.cat(parts)

    def _encoded(self, x: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n c s s"]:
        if self.vae is None:
            return pixel_unshuffle(x, FOLDED[self.unet.config.in_channels])
        said = self.vae.encode(x.to(self.vae.device, self.vae.dtype))
        z = said.latent_dist.mode() if hasattr(said, "latent_dist") else said.latents  # the fast one names no Gaussian
        return z.float().cpu() * self.vae.config.scaling_factor

    @property
    def place(self) -> torch.device:
        """Where it denoises."""
        return self.apart or self.unet.device

    @torch.inference_mode()
    def decode(self, z: Float[Tensor, "n c s s"]) -> UInt8[np.ndarray, "n h w 3"]:
        """Pictures of scaled latents; of a denoiser in pixels, the latents are pictures already, folded or not."""
        if self.vae is None:
            return to_array(pixel_shuffle(z, FOLDED[z.shape[1]]))
        scaled = whole("latents", z) / self.vae.config.scaling_factor

        def made() -> UInt8[np.ndarray, "n h w 3"]:
            with thrift.turn(self, "vae"):
                parts = [to_array(self.vae.decode(part.to(self.vae.device, self.vae.dtype)).sample)
                         for part in scaled.split(self.batch)]  # fmt: skip
            return np.concatenate(parts)

        return thrift.thrifty(self, made)

    def _states(self, asked: list[str] | Tensor, negative: str | None) -> tuple[Context, Context]:
        """Hidden states of prompts and of the negative one, which is read along with them; `None`: none is needed."""
        place = self.place
        if isinstance(asked, Tensor):
            conditional, others = asked.to(place), [] if negative is None else [negative]
            unconditional = self.text.read(others).to(place) if others else conditional
        else:
            with thrift.turn(self, "text"):
                read = self.text.read(asked if negative is None else [*asked, negative]).to(place)
            conditional, unconditional = read[: len(asked)], read if negative is None else read[-1:]
        return conditional, unconditional.expand_as(conditional)

    def _maps(self, control_map: Any, count: int) -> Float[Tensor, "n 3 h w"] | None:
        """Maps in the size that the ControlNet reads, or none."""
        if control_map is None:
            return None
        if self.control is None:
            raise ValueError("a control map needs a ControlNet: TextToImage.load(condition='pose'), 'edge' or 'depth'")
        halvings = len(self.control.config.conditioning_embedding_out_channels) - 1
        return maps.prepared(control_map, count, self.unet.config.sample_size * 2**halvings).to(self.place)

    def _network(self, shown: Float[Tensor, "n 3 h w"] | None, conditioning_scale: float) -> Callable[..., Any]:
        """The denoiser, controlled or not, in its own precision, its evaluations counted."""
        unet, dtype = self.unet, self.unet.dtype
        if shown is not None and conditioning_scale:
            unet = Controlled(unet, self.control, shown.to(dtype), conditioning_scale)

        def evaluated(z: Latents, t: Tensor | float, context: Context, return_dict: bool = False) -> tuple[Latents]:
            self._seen += len(z)
            with thrift.turn(self, "unet", "control"):
                return (unet(z.to(dtype), t, context.to(dtype), return_dict=return_dict)[0].float(),)

        return evaluated
