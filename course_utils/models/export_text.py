"""The README of an exported folder: what it is, and lines that run it, which the tests execute as they stand."""
from __future__ import annotations

from course_utils.models.registry import Entry
from course_utils.models.schedulers import CONFIGURED


def readme(chosen: Entry, prompt: str, in_pipeline: bool) -> str:
    """The whole README in Markdown; `prompt` is the example's."""
    remark = "" if in_pipeline or not chosen.objective else f"\n{why_no_pipeline(chosen)}\n"
    condition = f" --condition {chosen.condition}" if chosen.condition else ""
    return f"""# {chosen.name}, embedded model of the course *Latent Space and Control*

It knows the course's small drawn animals and nothing else; pictures are 128x128. Licence: {chosen.licence}. Written by
`python -m course_utils.models export {chosen.role} FOLDER{condition}`; `export.json` names the weights it comes from.
{remark}
Run in this folder:

```python
{code(chosen, prompt, in_pipeline)}```
"""


def why_no_pipeline(chosen: Entry) -> str:
    """Why the stock pipeline cannot run a role."""
    if chosen.objective == "flow":
        why = "it asks its scheduler for `init_noise_sigma`, which the schedulers of flows do not have"
    else:
        why = "it decodes latents, and this model makes pixels"
    return f"`StableDiffusionPipeline` cannot run it: {why}. Hence no `model_index.json` here, but a short loop."


def code(chosen: Entry, prompt: str, in_pipeline: bool) -> str:
    """The lines that load the folder and use it once."""
    if not chosen.objective:
        return ALONE[chosen.kind]
    settings = f"num_inference_steps={chosen.steps}, guidance_scale={chosen.guidance}"
    if in_pipeline and chosen.condition:
        return _CONTROLNET.format(prompt=prompt, settings=settings)
    return _PIPELINE.format(prompt=prompt, settings=settings) if in_pipeline else loop(chosen, prompt)


def loop(chosen: Entry, prompt: str) -> str:
    """A sampler in a few lines, for what no pipeline runs."""
    pixels, flow = chosen.role.startswith("pixel"), chosen.objective == "flow"
    guided = (_ONE if chosen.guidance == 1 else _TWO).format(guidance=chosen.guidance)
    levels = "sigmas=[1 - k / steps for k in range(steps)]" if flow else "steps"
    return _LOOP.format(
        prompt=prompt, steps=chosen.steps, guided=guided, levels=levels, scheduler=CONFIGURED[chosen.sampler][0],
        codec="" if pixels else "AutoencoderKL, ",
        vae="" if pixels else 'vae = AutoencoderKL.from_pretrained("vae")\n',
        picture=UNFOLDED if pixels else "vae.decode(z / vae.config.scaling_factor).sample")


UNFOLDED = "torch.nn.functional.pixel_shuffle(z, 2)  # 12 channels are squares of 2x2 pixels, laid side by side again"

_PIPELINE = '''import torch
from diffusers import StableDiffusionPipeline

pipeline = StableDiffusionPipeline.from_pretrained(".")
prompt, noise = "{prompt}", torch.Generator().manual_seed(0)
picture = pipeline(prompt, generator=noise, {settings}).images[0]
picture.save("picture.png")
'''

_CONTROLNET = '''import torch
from diffusers import StableDiffusionControlNetPipeline
from PIL import Image

pipeline = StableDiffusionControlNetPipeline.from_pretrained(".")
prompt, noise = "{prompt}", torch.Generator().manual_seed(0)
picture = pipeline(prompt, Image.open("map.png"), generator=noise, {settings}).images[0]
picture.save("picture.png")
'''

_LOOP = '''import torch
from diffusers import {codec}{scheduler}, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextModel, CLIPTokenizer

{vae}unet = UNet2DConditionModel.from_pretrained("unet")
text, words = CLIPTextModel.from_pretrained("text_encoder"), CLIPTokenizer.from_pretrained("tokenizer")
scheduler, steps = {scheduler}.from_pretrained("scheduler"), {steps}

with torch.no_grad():
    noise, size = torch.Generator().manual_seed(0), unet.config.sample_size
    z = torch.randn(1, unet.config.in_channels, size, size, generator=noise)
    prompts = ["", "{prompt}"]
    empty, prompt = text(words(prompts, padding="max_length", return_tensors="pt").input_ids)[0].chunk(2)
    scheduler.set_timesteps({levels})
    for t in scheduler.timesteps:
{guided}
        z = scheduler.step(predicted, t, z, generator=noise).prev_sample
    x = {picture}

pixels = ((x[0].permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255).byte().numpy()
Image.fromarray(pixels).save("picture.png")
'''

_ONE = "        predicted = unet(z, t, prompt).sample  # guidance was learnt: one evaluation"

_TWO = """        without, with_prompt = unet(z, t, empty).sample, unet(z, t, prompt).sample
        predicted = without + {guidance} * (with_prompt - without)"""

ALONE = {
    "AutoencoderKL": '''import torch
from diffusers import AutoencoderKL

vae = AutoencoderKL.from_pretrained(".")
latent = vae.encode(torch.zeros(1, 3, 128, 128)).latent_dist.mean * vae.config.scaling_factor
picture = vae.decode(latent / vae.config.scaling_factor).sample
''',
    "AutoencoderTiny": '''import torch
from diffusers import AutoencoderTiny

vae = AutoencoderTiny.from_pretrained(".")
picture = vae.decode(torch.zeros(1, 4, 16, 16)).sample
''',
    "CLIPModel": '''import torch
from PIL import Image
from transformers import CLIPModel, CLIPProcessor

clip, processor = CLIPModel.from_pretrained("."), CLIPProcessor.from_pretrained(".")
inputs = processor(text=["a fox", "a cat"], images=Image.new("RGB", (128, 128)), padding=True, return_tensors="pt")
picture = clip(**inputs).logits_per_image
''',
}
"""Of models that are used by themselves, by class."""
