"""A folder of weights as small as they can be, untrained: every kind of model that the course ships."""

import json

import pytest
import torch
from diffusers import AutoencoderTiny, ControlNetModel, UNet2DConditionModel

from course_utils.models import lowrank, tokenizer, weights
from course_utils.train import clip, ship, vae


def unet(size=16, channels=4):
    return UNet2DConditionModel(
        sample_size=size, in_channels=channels, out_channels=channels, block_out_channels=(8, 16), layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16, attention_head_dim=4, norm_num_groups=4)


def moved(model, amount):
    """The model with every weight changed a little."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(amount * torch.randn_like(parameter))
    return model


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory):
    """As `ship` leaves it: half precision, hashes; `lcm` as a difference of rank 2 to `text_to_image`."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights")
    codec = vae.network((8, 8, 8, 8))
    codec.register_to_config(scaling_factor=2.0)
    models = {"vae": codec, "preview": AutoencoderTiny(
        encoder_block_out_channels=(4,) * 4, decoder_block_out_channels=(4,) * 4, num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(1, 1, 1, 1))}
    models |= {role: unet() for role in ("text_to_image", "flow")}
    models["pixel_text_to_image"] = unet(16, 12)
    copy = ControlNetModel.from_unet(models["text_to_image"], conditioning_embedding_out_channels=(4, 4, 4, 4))
    models["controlnet_pose"] = moved(copy, 0.1)
    for name, model in models.items():
        model.half().save_pretrained(folder / name)
    read = clip.network(patch=64, width=16).half()
    read.save_pretrained(folder / "clip")
    tokenizer.write(folder / "clip")
    settings = {"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 128},
                "crop_size": {"height": 128, "width": 128}}
    (folder / "clip/preprocessor_config.json").write_text(json.dumps(settings))
    ship.record(folder)
    base = {name: value.clone() for name, value in models["text_to_image"].float().state_dict().items()}
    student = moved(models["text_to_image"], 0.02)
    student.save_config(folder / "lcm")
    path = folder / "text_to_image/diffusion_pytorch_model.safetensors"
    lowrank.write(folder / "lcm" / lowrank.FILE, lowrank.difference(student.state_dict(), base, 2),
                  base="text_to_image", base_sha256=weights.sha256(path), rank="2")
    ship.record(folder)
    return folder


@pytest.fixture
def tiny(tiny_weights, monkeypatch):
    """The course with those weights in place of its own."""
    monkeypatch.setattr(weights, "FOLDER", tiny_weights)
    return tiny_weights
