"""The models on the Hugging Face hub, a line each: where, which revision, which licence, how large, what else will do.

Sizes are those of the files that are fetched; counts of parameters are checked against the configurations (see
`models.configs`). A revision stands where it was seen in use; elsewhere the newest is taken.
"""

from __future__ import annotations

from typing import Any

from course_utils.models.entries import Entry

SIZES = {
    "clip-b32": 151_277_313,
    "sana-sprint-transformer": 593_501_216,
    "sana-text": 2_614_341_888,
    "sana-transformer": 591_747_872,
    "sana-vae": 312_250_275,
    "sd15-controlnet": 361_279_120,
    "sd15-inpainting-unet": 859_535_364,
    "sd15-instruct-unet": 859_532_484,
    "sd15-text": 123_060_480,
    "sd15-unet": 859_520_964,
    "sd15-vae": 83_653_863,
    "sdxl-unet": 2_567_463_684,
    "sdxl-vae": 83_653_863,
    "taesd": 2_445_063,
    "z-image-transformer": 6_154_908_736,
    "z-image-vae": 83_819_683,
}
"""Parameters of each configuration; a test counts them."""


def _hub(role: str, scale: str, kind: str, hub: str, megabytes: float, licence: str, **facts: Any) -> Entry:
    facts.setdefault("parameters", SIZES.get(facts.get("config", ""), 0))
    return Entry(role, scale, facts.pop("library", "diffusers"), kind, hub, megabytes, licence, **facts)


_RAIL, _RAILPP = "CreativeML Open RAIL-M", "CreativeML Open RAIL++-M"
_NVIDIA, _TURBO = "NVIDIA License, Gemma Terms of Use", "Stability AI Non-Commercial"
_REFLOW = "CC BY-NC 4.0, CreativeML Open RAIL-M"

SD15, SDXL = "stable-diffusion-v1-5/stable-diffusion-v1-5", "stabilityai/stable-diffusion-xl-base-1.0"
SANA = "Efficient-Large-Model/Sana_600M_512px_diffusers"
SPRINT = "Efficient-Large-Model/Sana_Sprint_0.6B_1024px_diffusers"
ZIMAGE = "Tongyi-MAI/Z-Image-Turbo"
_AT = {
    SD15: "451f4fe16113bff5a5d2269ed5ad43b0592e9a14",
    SDXL: "462165984030d82259a11f4367a4eed129e94a7b",
    SANA: "2defc07f5fb66d0c53ace051585e9a2cb83f8c15",
}

_HALF = {"gpu_dtype": "float16", "variant": "fp16"}
_DRAWS = {"objective": "epsilon", "sampler": "dpmpp", "steps": 25, "guidance": 7.5, "gpu_dtype": "float16"}
_FLOWS = {"objective": "flow", "sampler": "euler_flow"}
_FEW = {"objective": "epsilon", "sampler": "lcm", "steps": 4, "guidance": 1.0}
_TEXT = {"library": "transformers", "subfolder": "text_encoder"}
_UNET = "UNet2DConditionModel"


def _control(condition: str, name: str, revision: str = "", note: str = "") -> Entry:
    older = {"pose": "openpose", "edge": "canny", "depth": "depth"}[condition]
    return _hub("controlnet", "sd15", "ControlNetModel", f"lllyasviel/{name}", 723, _RAIL, condition=condition,
                note=note, config="sd15-controlnet", revision=revision, variant="fp16",
                pipeline="StableDiffusionControlNetPipeline", fallbacks=(f"lllyasviel/sd-controlnet-{older}",),
                **_DRAWS)


PUBLISHED = (
    _hub("vae", "sd15", "AutoencoderKL", "stabilityai/sd-vae-ft-mse", 335, "MIT", config="sd15-vae",
         revision="31f26fdeee1355a5c34592e401dd41e45d25a493", fallbacks=(f"{SD15}/vae",),
         note="512x512 pictures, 64x64x4 latents"),
    _hub("clip", "sd15", "CLIPModel", "openai/clip-vit-base-patch32", 605, "MIT", library="transformers",
         config="clip-b32", gpu_dtype="float16", revision="3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268",
         fallbacks=("laion/CLIP-ViT-B-32-laion2B-s34B-b79K",),
         note="for comparisons; Stable Diffusion reads a larger one, the role text_encoder"),
    _hub("text_encoder", "sd15", "CLIPTextModel", SD15, 246, _RAIL, config="sd15-text", revision=_AT[SD15],
         fallbacks=("CompVis/stable-diffusion-v1-4/text_encoder",), **_HALF, **_TEXT),
    _hub("text_to_image", "sd15", _UNET, SD15, 1719, _RAIL, subfolder="unet", config="sd15-unet", variant="fp16",
         revision=_AT[SD15], fallbacks=("CompVis/stable-diffusion-v1-4/unet",), pipeline="StableDiffusionPipeline",
         **_DRAWS),
    _control("pose", "control_v11p_sd15_openpose"),
    _control("edge", "control_v11p_sd15_canny", "115a470d547982438f70198e353a921996e2e819", "edges by Canny"),
    _control("depth", "control_v11f1p_sd15_depth"),
    _hub("lcm", "sd15", "LoRA", "latent-consistency/lcm-lora-sdv1-5", 135, _RAILPP, base="text_to_image",
         parameters=67252224, gpu_dtype="float16", pipeline="StableDiffusionPipeline", **_FEW,
         note="a low-rank difference, merged into text_to_image"),
    _hub("inpainting", "sd15", _UNET, "stable-diffusion-v1-5/stable-diffusion-inpainting", 1719, _RAIL,
         subfolder="unet", config="sd15-inpainting-unet", variant="fp16", pipeline="StableDiffusionInpaintPipeline",
         stock=True, note="nine channels: latents, mask, masked latents", **_DRAWS),
    _hub("instruct", "sd15", _UNET, "timbrooks/instruct-pix2pix", 3438, "MIT", subfolder="unet",
         config="sd15-instruct-unet",
         revision="31519b5cb02a7fd89b906d88731cd4d6a7bbf88d", pipeline="StableDiffusionInstructPix2PixPipeline",
         stock=True, note="InstructPix2Pix; eight channels: latents and those of the picture to edit", **_DRAWS),
    _hub("reflow", "sd15", _UNET, "XCLiu/2_rectified_flow_from_sd_1_5", 3438, _REFLOW, subfolder="unet",
         config="sd15-unet", gpu_dtype="float16", steps=25, guidance=1.5, backwards=True, **_FLOWS,
         note="2-rectified flow from Stable Diffusion 1.5: the reserve where SANA does not fit"),
    _hub("preview", "sd15", "AutoencoderTiny", "madebyollin/taesd", 10, "MIT", config="taesd", gpu_dtype="float16"),

    _hub("vae", "sdxl", "AutoencoderKL", "madebyollin/sdxl-vae-fp16-fix", 335, "MIT", config="sdxl-vae",
         revision="207b116dae70ace3637169f1ddd2434b91b3a8cd", gpu_dtype="float16",
         note="1024x1024 pictures, 128x128x4 latents; the original overflows in float16"),
    _hub("text_encoder", "sdxl", "CLIPTextModel", SDXL, 246, _RAILPP, config="sd15-text", revision=_AT[SDXL],
         note="the first of two", **_HALF, **_TEXT),
    _hub("text_to_image", "sdxl", _UNET, SDXL, 5135, _RAILPP, subfolder="unet", config="sdxl-unet", variant="fp16",
         revision=_AT[SDXL], pipeline="StableDiffusionXLPipeline", stock=True, **{**_DRAWS, "guidance": 5.0}),
    _hub("adversarial", "sdxl", _UNET, "stabilityai/sdxl-turbo", 5135, _TURBO, subfolder="unet", config="sdxl-unet",
         pipeline="StableDiffusionXLPipeline", stock=True, note="adversarial distillation: one to four steps",
         **{**_HALF, **_FEW, "steps": 1}),

    _hub("vae", "sana", "AutoencoderDC", SANA, 1249, _NVIDIA, subfolder="vae", config="sana-vae",
         revision=_AT[SANA], fallbacks=("mit-han-lab/dc-ae-f32c32-sana-1.0-diffusers",),
         note="512x512 pictures, 16x16x32 latents; float32, as published for it"),
    _hub("text_encoder", "sana", "Gemma2Model", SANA, 5229, "Gemma Terms of Use", config="sana-text",
         gpu_dtype="bfloat16", revision=_AT[SANA], **_TEXT,
         note="Gemma 2, 2B; never in float16. A T4 has no native bfloat16: it works there, slowly"),
    _hub("flow", "sana", "SanaTransformer2DModel", SANA, 1184, _NVIDIA, subfolder="transformer",
         config="sana-transformer",
         revision=_AT[SANA], pipeline="SanaPipeline", stock=True, steps=20, guidance=4.5, **_HALF, **_FLOWS,
         note="the reserve is the role reflow at scale sd15"),
    _hub("flow_consistency", "sana", "SanaTransformer2DModel", SPRINT, 1187, _NVIDIA, subfolder="transformer",
         config="sana-sprint-transformer", gpu_dtype="bfloat16", pipeline="SanaSprintPipeline", stock=True, steps=2,
         guidance=4.5,
         objective="flow", sampler="lcm_flow",
         note="SANA-Sprint: one to four steps; guidance is an input of the network"),

    _hub("vae", "z-image", "AutoencoderKL", ZIMAGE, 168, "Apache 2.0", subfolder="vae", config="z-image-vae",
         gpu_dtype="bfloat16", note="1024x1024 pictures, 128x128x16 latents, 12 times fewer numbers"),
    _hub("dmd", "z-image", "ZImageTransformer2DModel", ZIMAGE, 12310, "Apache 2.0", subfolder="transformer",
         config="z-image-transformer", gpu_dtype="bfloat16", pipeline="ZImagePipeline", stock=True, steps=8,
         objective="flow",
         sampler="lcm_flow", note="distribution matching at 6 B; NaN in float16, so not for a T4"),
)  # fmt: skip
