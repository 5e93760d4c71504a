"""Tiny untrained networks of the stock classes, for all tests that make pictures."""

import pytest
import torch
from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from course_utils.models.text import TextEncoder
from course_utils.models.tokenizer import LENGTH, build

SIDE = 8
"""Of the latents: pictures and maps are 64x64."""


def small_unet(channels=4):
    return UNet2DConditionModel(
        sample_size=SIDE, in_channels=channels, out_channels=channels, block_out_channels=(16, 16), layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=16, attention_head_dim=4, norm_num_groups=8).eval().requires_grad_(False)


@pytest.fixture(scope="session")
def parts():
    """A U-Net, a text encoder, an autoencoder and a ControlNet that is not silent, all tiny and untrained."""
    torch.manual_seed(0)
    words = build()
    clip = CLIPTextModel(CLIPTextConfig(
        vocab_size=len(words), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=LENGTH, bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id)).eval().requires_grad_(False)
    vae = AutoencoderKL(down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
                        block_out_channels=(8,) * 4, norm_num_groups=4, scaling_factor=0.5).eval().requires_grad_(False)
    unet = small_unet()
    control = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 8, 8, 8)).eval()
    for layer in (*control.controlnet_down_blocks, control.controlnet_mid_block,
                  control.controlnet_cond_embedding.conv_out):
        torch.nn.init.normal_(layer.weight, std=0.3)
    return {"unet": unet, "text": TextEncoder(clip, words), "vae": vae, "control": control.requires_grad_(False)}


@pytest.fixture(params=[3, 12])
def pixel_unet(request):
    """One that works in pixels, 8x8 of them, or 16x16 in squares of four that lie on top of each other."""
    return small_unet(channels=request.param)
