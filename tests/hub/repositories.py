"""The hub's repositories, laid out as the real ones are, with random weights of tiny widths."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import (
    AutoencoderDC,
    AutoencoderKL,
    AutoencoderTiny,
    ControlNetModel,
    DPMSolverMultistepScheduler,
    SanaTransformer2DModel,
    UNet2DConditionModel,
    ZImageTransformer2DModel,
)
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel, Gemma2Config, Gemma2Model

from course_utils.models import tokenizer
from course_utils.models.published import PUBLISHED, SANA, SD15, SDXL, SPRINT, ZIMAGE

WIDTH = 16
BLOCKS = {"down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
          "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
          "block_out_channels": (8, 8, 16, 16)}  # fmt: skip


def unet(channels: int = 4, **more: object) -> UNet2DConditionModel:
    return UNet2DConditionModel(sample_size=8, in_channels=channels, out_channels=4, layers_per_block=1,
                                cross_attention_dim=WIDTH, attention_head_dim=4, norm_num_groups=4,
                                **BLOCKS, **more)  # fmt: skip


def sdxl_unet() -> UNet2DConditionModel:
    return unet(addition_embed_type="text_time", addition_time_embed_dim=4, use_linear_projection=True,
                projection_class_embeddings_input_dim=2 * WIDTH + 24)  # fmt: skip


def vae(latents: int = 4) -> AutoencoderKL:
    return AutoencoderKL(block_out_channels=(4,) * 4, down_block_types=("DownEncoderBlock2D",) * 4, norm_num_groups=4,
                         up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=latents, layers_per_block=1)


def controlnet() -> ControlNetModel:
    return ControlNetModel.from_unet(unet(), conditioning_embedding_out_channels=(4, 4, 4, 4))


def taesd() -> AutoencoderTiny:
    return AutoencoderTiny(encoder_block_out_channels=(4,) * 4, decoder_block_out_channels=(4,) * 4,
                           num_encoder_blocks=(1,) * 4, num_decoder_blocks=(1,) * 4)


def text_settings() -> dict:
    return {"hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_hidden_layers": 1, "num_attention_heads": 2,
            "vocab_size": len(tokenizer.build()), "projection_dim": WIDTH}


def text() -> CLIPTextModel:
    return CLIPTextModel(CLIPTextConfig(**text_settings()))


def clip() -> CLIPModel:
    return CLIPModel(CLIPConfig(projection_dim=WIDTH, text_config=text_settings(), vision_config={
        "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_hidden_layers": 1, "num_attention_heads": 2,
        "image_size": 32, "patch_size": 16}))  # fmt: skip


def gemma() -> Gemma2Model:
    return Gemma2Model(Gemma2Config(vocab_size=64, hidden_size=WIDTH, intermediate_size=32, num_hidden_layers=2,
                                    num_attention_heads=2, num_key_value_heads=1, head_dim=8))  # fmt: skip


def sana(**more: object) -> SanaTransformer2DModel:
    return SanaTransformer2DModel(in_channels=4, out_channels=4, num_attention_heads=2, attention_head_dim=8,
                                  num_layers=1, num_cross_attention_heads=2, cross_attention_head_dim=8,
                                  cross_attention_dim=16, caption_channels=WIDTH, sample_size=4, **more)  # fmt: skip


def sprint() -> SanaTransformer2DModel:
    return sana(guidance_embeds=True, qk_norm="rms_norm_across_heads")


def deep() -> AutoencoderDC:
    return AutoencoderDC(in_channels=3, latent_channels=4, attention_head_dim=2,
                         encoder_block_types=("ResBlock", "EfficientViTBlock"), encoder_block_out_channels=(4, 4),
                         decoder_block_types=("ResBlock", "EfficientViTBlock"), decoder_block_out_channels=(4, 4),
                         encoder_layers_per_block=(1, 1), decoder_layers_per_block=(1, 1),
                         encoder_qkv_multiscales=((), (5,)), decoder_qkv_multiscales=((), (5,)))  # fmt: skip


def zimage() -> ZImageTransformer2DModel:
    return ZImageTransformer2DModel(in_channels=4, dim=32, n_layers=1, n_refiner_layers=1, n_heads=2, n_kv_heads=2,
                                    cap_feat_dim=WIDTH, axes_dims=[4, 6, 6], axes_lens=[64, 32, 32])  # fmt: skip


def lora(path: Path) -> None:
    """Updates of rank 2 for two layers, named and shaped as LCM-LoRA's are; the second one is a convolution."""
    draw = torch.Generator().manual_seed(1)

    def noise(*shape: int) -> torch.Tensor:
        return 0.1 * torch.randn(*shape, generator=draw)

    attention, convolution = "lora_unet_mid_block_attentions_0_proj_in", "lora_unet_down_blocks_0_resnets_0_conv1"
    shapes = {attention: ((2, 16, 1, 1), (16, 2, 1, 1)), convolution: ((2, 8, 3, 3), (8, 2, 1, 1))}
    kept = {}
    for name, (down, up) in shapes.items():
        kept |= {f"{name}.lora_down.weight": noise(*down), f"{name}.lora_up.weight": noise(*up),
                 f"{name}.alpha": torch.tensor(1.0)}
    path.mkdir(parents=True)
    save_file(kept, path / "pytorch_lora_weights.safetensors")


def words(folder: Path) -> None:
    """A tokenizer's files as the older repositories have them."""
    made = tokenizer.build()
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps(made.get_vocab()))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    settings = {"model_max_length": 77, "bos_token": made.bos_token, "eos_token": made.eos_token,
                "unk_token": made.unk_token, "pad_token": made.pad_token, "tokenizer_class": "CLIPTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "special_tokens_map.json").write_text(json.dumps({k: v for k, v in settings.items() if "_token" in k}))


def parts(make: Callable, half: bool = False, shard: str = "") -> Callable[[Path], None]:
    """Writes a model: whole, in half precision beside it, or in several files."""

    def write(folder: Path) -> None:
        torch.manual_seed(0)
        made = make()
        made.save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
        if half:
            made.half().save_pretrained(folder, variant="fp16")

    return write


def older(folder: Path) -> None:
    """OpenAI's CLIP: PyTorch's format alone."""
    torch.manual_seed(0)
    made = clip()
    made.config.save_pretrained(folder)
    torch.save(made.state_dict(), folder / "pytorch_model.bin")


def pipeline(kind: str, **named: tuple[str, str]) -> Callable[[Path], None]:
    """The list of parts that a stock pipeline reads first, and its scheduler."""

    def write(folder: Path) -> None:
        DPMSolverMultistepScheduler().save_pretrained(folder / "scheduler")
        listed = {"scheduler": ("diffusers", "DPMSolverMultistepScheduler"), **named}
        more = {"requires_safety_checker": False} if kind.startswith("StableDiffusion") else {}
        (folder / "model_index.json").write_text(json.dumps({"_class_name": kind, "_diffusers_version": "0.39.0",
                                                             **{k: list(v) for k, v in listed.items()}, **more}))

    return write


DRAWS = {"vae": ("diffusers", "AutoencoderKL"), "text_encoder": ("transformers", "CLIPTextModel"),
         "tokenizer": ("transformers", "CLIPTokenizer"), "unet": ("diffusers", "UNet2DConditionModel"),
         "safety_checker": (None, None), "feature_extractor": (None, None)}  # fmt: skip


def stable_diffusion(kind: str, make: Callable = unet, half: bool = True) -> dict[str, Callable]:
    """The folders of Stable Diffusion 1.5's repository and of its relatives'."""
    return {"": pipeline(kind, **DRAWS), "unet": parts(make, half), "vae": parts(vae, half),
            "text_encoder": parts(text, half), "tokenizer": words}


BASE = stable_diffusion("StableDiffusionPipeline")
LAYOUT: dict[str, dict[str, Callable]] = {
    "stabilityai/sd-vae-ft-mse": {"": parts(vae)},
    "openai/clip-vit-base-patch32": {"": older},
    "laion/CLIP-ViT-B-32-laion2B-s34B-b79K": {"": parts(clip)},
    SD15: BASE,
    "CompVis/stable-diffusion-v1-4": BASE,
    "stable-diffusion-v1-5/stable-diffusion-inpainting":
        stable_diffusion("StableDiffusionInpaintPipeline", lambda: unet(9)),
    "timbrooks/instruct-pix2pix":
        stable_diffusion("StableDiffusionInstructPix2PixPipeline", lambda: unet(8), half=False),
    "XCLiu/2_rectified_flow_from_sd_1_5": {"unet": parts(unet)},
    "latent-consistency/lcm-lora-sdv1-5": {"": lora},
    "madebyollin/taesd": {"": parts(taesd)},
    "madebyollin/sdxl-vae-fp16-fix": {"": parts(vae)},
    SDXL: {"unet": parts(sdxl_unet, True), "text_encoder": parts(text, True), "tokenizer": words},
    "stabilityai/sdxl-turbo": {"unet": parts(sdxl_unet, True)},
    SANA: {"vae": parts(deep), "text_encoder": parts(gemma, shard="4KB"), "transformer": parts(sana, True)},
    "mit-han-lab/dc-ae-f32c32-sana-1.0-diffusers": {"": parts(deep)},
    SPRINT: {"transformer": parts(sprint)},
    ZIMAGE: {"vae": parts(lambda: vae(16)), "transformer": parts(zimage, shard="20KB")},
    **{f"lllyasviel/{name}": {"": parts(controlnet, True)} for name in
       ("control_v11p_sd15_openpose", "control_v11p_sd15_canny", "control_v11f1p_sd15_depth")},
    **{f"lllyasviel/sd-controlnet-{name}": {"": parts(controlnet)} for name in ("openpose", "canny", "depth")},
}


def make(root: Path, ids: list[str] | None = None) -> Path:
    """Repositories under `root`; those that are there already stay."""
    for name in ids or LAYOUT:
        folder = root / name
        if folder.exists():
            continue
        for part, write in LAYOUT[name].items():
            if part:
                write(folder / part)
            else:
                folder.mkdir(parents=True, exist_ok=True)
                if write is lora:
                    shutil.rmtree(folder)
                write(folder)
    return root


def named() -> set[str]:
    """Every id that the registry knows, fallbacks too."""
    return {chosen.hub for chosen in PUBLISHED} | {
        "/".join(other.split("/")[:2]) for chosen in PUBLISHED for other in chosen.fallbacks}
