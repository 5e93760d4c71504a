import warnings

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderTiny,
    DDIMScheduler,
    LCMScheduler,
    StableDiffusionControlNetPipeline,
    StableDiffusionPipeline,
)
from PIL import Image

from course_utils.diffusion import generate, schedule
from course_utils.diffusion.controlled import Controlled
from course_utils.diffusion.generate import TextToImage
from course_utils.diffusion.inversion import invert
from course_utils.diffusion.samplers import ddim, generators, initial_noise
from course_utils.models.registry import Entry
from course_utils.models.tokenizer import LENGTH

SIDE = 8
"""Of the latents of the tiny parts: pictures and maps are 64x64."""

PROMPTS, SEEDS = ["a small scaly blue cat", "a fox", ""], [5, 6, 7]
STOCK = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "timestep_spacing": "trailing",
         "steps_offset": 1, "clip_sample": False}


@pytest.fixture
def draw(parts):
    return TextToImage(**parts, guidance=3.0, steps=3)


@pytest.fixture(scope="module")
def stick():
    """A map of one white bar on black."""
    drawn = np.zeros((64, 64, 3), np.uint8)
    drawn[30:34, 10:50] = 255
    return drawn


def pipeline(parts, kind, scheduler, **more):
    made = kind(parts["vae"], parts["text"].model, parts["text"].words, parts["unet"], scheduler=scheduler,
                safety_checker=None, feature_extractor=None, requires_safety_checker=False, **more)
    made.set_progress_bar_config(disable=True)
    return made


# What it makes


@pytest.mark.parametrize("scale", [1.0, 3.0, 7.5])
def test_the_stock_pipeline_makes_the_same_latents_and_pictures(parts, draw, scale):
    stock = pipeline(parts, StableDiffusionPipeline, DDIMScheduler(**STOCK))
    asked = {"num_inference_steps": 5, "guidance_scale": scale}
    theirs = stock(PROMPTS, output_type="latent", generator=generators(SEEDS), **asked).images
    ours = draw.latents(PROMPTS, SEEDS, guidance_scale=scale, steps=5)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-5)
    pictures = stock(PROMPTS, output_type="np", generator=generators(SEEDS), **asked).images
    made = draw(PROMPTS, SEEDS, guidance_scale=scale, steps=5)
    assert (made.shape, made.dtype) == ((3, 64, 64, 3), np.uint8)
    assert np.abs(made - 255 * pictures).max() < 0.6  # rounding


def test_the_stock_pipeline_draws_the_same_noise_on_the_way(parts, draw):
    stock = pipeline(parts, StableDiffusionPipeline, LCMScheduler(**STOCK))
    theirs = stock(PROMPTS, output_type="latent", num_inference_steps=4, guidance_scale=1.0,
                   generator=generators(SEEDS)).images
    ours = draw.latents(PROMPTS, SEEDS, guidance_scale=1.0, steps=4, sampler="lcm")
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("strength", [0.7, 1.0])
def test_the_stock_pipeline_is_controlled_in_the_same_way(parts, draw, stick, strength):
    stock = pipeline(parts, StableDiffusionControlNetPipeline, DDIMScheduler(**STOCK),
                     controlnet=parts["control"])
    theirs = stock("a fox", image=Image.fromarray(stick), output_type="latent", num_inference_steps=4,
                   guidance_scale=3.0, controlnet_conditioning_scale=strength, generator=generators([6])).images
    ours = draw.latents(["a fox"], [6], steps=4, control_map=stick, conditioning_scale=strength)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-5)
    assert (ours - draw.latents(["a fox"], [6], steps=4)).abs().mean() > 0.01


def test_scales_below_one_mix_the_two_predictions(draw, parts):
    text, start = parts["text"], initial_noise([5], SIDE)
    with torch.no_grad():
        u, c = (parts["unet"](start, 999, text.read([prompt])).sample for prompt in ("", "a fox"))
    predict = draw.predictor(["a fox"], guidance_scale=0.25)
    torch.testing.assert_close(predict(start, 999), u + 0.25 * (c - u))
    ours = draw.latents(["a fox"], [5], guidance_scale=0.25)
    torch.testing.assert_close(ours, ddim(predict, start, schedule.trailing(3)), atol=1e-4, rtol=0)


@pytest.mark.parametrize("sampler", ["ddim", "lcm", "ddpm"])
def test_company_and_batches_do_not_change_a_picture(parts, draw, stick, sampler):
    maps = np.stack([stick, stick.swapaxes(0, 1), stick[::-1]])
    together = draw.latents(PROMPTS, SEEDS, sampler=sampler, control_map=maps)
    for k in range(3):
        alone = draw.latents(PROMPTS[k : k + 1], SEEDS[k : k + 1], sampler=sampler, control_map=maps[k])
        torch.testing.assert_close(together[k : k + 1], alone, atol=1e-4, rtol=0)
    in_pairs = TextToImage(**parts, steps=3, batch=2)
    torch.testing.assert_close(in_pairs.latents(PROMPTS, SEEDS, sampler=sampler, control_map=maps), together, atol=1e-4,
                               rtol=0)
    assert together.equal(draw.latents(PROMPTS, SEEDS, sampler=sampler, control_map=maps))


def test_an_empty_prompt_is_unconditional_at_any_scale(draw):
    free = draw.latents([""], [1], guidance_scale=0.0)
    torch.testing.assert_close(draw.latents([""], [1], guidance_scale=7.5), free, atol=1e-4, rtol=0)
    torch.testing.assert_close(draw.latents(["a fox"], [1], guidance_scale=0.0), free, atol=1e-4, rtol=0)
    assert not draw.latents(["a fox"], [1], guidance_scale=2.0).allclose(free, atol=1e-2)


def test_a_negative_prompt_takes_the_place_of_the_empty_one(draw):
    ours = draw.predictor(["a fox"], 3.0, negative_prompt="a cat")(initial_noise([0], SIDE), 500)
    cat, fox = (draw.predictor([prompt], 1.0)(initial_noise([0], SIDE), 500) for prompt in ("a cat", "a fox"))
    torch.testing.assert_close(ours, cat + 3 * (fox - cat), atol=1e-5, rtol=0)


def test_hidden_states_and_noise_may_be_given_themselves(draw, parts):
    states = parts["text"].read(PROMPTS)
    torch.testing.assert_close(draw.latents(states, initial_noise(SEEDS, SIDE)), draw.latents(PROMPTS, SEEDS))
    torch.testing.assert_close(draw.latents("a fox", 6), draw.latents(["a fox"], [6]))
    torch.testing.assert_close(draw.latents(PROMPTS, np.array(SEEDS)), draw.latents(PROMPTS, torch.tensor(SEEDS)))


def test_latents_can_be_learned_from(draw):
    z = draw.latents(["a fox"], [0])
    weight = torch.ones(1, requires_grad=True)
    (weight * z).square().sum().backward()
    assert weight.grad.isfinite()


def test_a_latent_is_inverted_through_the_same_predictor(draw):
    noise = initial_noise([5], SIDE)
    z = draw.latents(["a fox"], noise, guidance_scale=1.0, steps=25)
    found = invert(draw.predictor(["a fox"], guidance_scale=1.0), z, schedule.trailing(25), corrections=3)
    torch.testing.assert_close(found, noise, atol=0.05, rtol=0)


# What it costs


@pytest.mark.parametrize(("options", "cost"), [
    ({}, 6), ({"guidance_scale": 1.0}, 3), ({"guidance_scale": 0.0}, 3), ({"sampler": "heun"}, 10),
    ({"sampler": "heun", "guidance_scale": 1.0}, 5), ({"sampler": "dpmpp"}, 6), ({"sampler": "lcm"}, 6),
    ({"interval": (500, 900)}, 4), ({"steps": 1, "guidance_scale": 1.0}, 1)])
def test_evaluations_are_counted(parts, options, cost):
    draw = TextToImage(**parts, steps=3, batch=2)
    shown = []
    hook = parts["unet"].register_forward_pre_hook(lambda module, inputs: shown.append(len(inputs[0])))
    draw.latents(PROMPTS, SEEDS, **options)
    hook.remove()
    assert draw.evaluations == cost
    assert sum(shown) == 3 * cost


def test_a_flow_is_walked_by_euler(parts):
    draw = TextToImage(**parts, objective="flow", steps=4, guidance=1.0)
    x, predict = initial_noise([3], SIDE), draw.predictor(["a fox"])
    for s in (1.0, 0.75, 0.5, 0.25):
        x = x - 0.25 * predict(x, 1000 * s)
    torch.testing.assert_close(draw.latents(["a fox"], [3]), x, atol=1e-4, rtol=0)
    assert draw.evaluations == 4
    assert not draw.latents(["a fox"], [3], sampler="lcm_flow").allclose(x, atol=1e-2)


def test_steps_are_watched(draw):
    seen = []
    z = draw.latents(["a fox"], [3], watch=lambda x, t: seen.append((t, x.clone())))
    assert [t for t, _ in seen] == [999, 666, 332, 0]
    assert seen[0][1].equal(initial_noise([3], SIDE))
    assert seen[-1][1].equal(z)


def test_two_controls_add_up_and_none_changes_nothing(parts, stick):
    from diffusers import MultiControlNetModel

    unet, control, z = parts["unet"], parts["control"], initial_noise([0, 1], SIDE)
    context = parts["text"].read(PROMPTS[:2])
    one, other = (torch.tensor(m[None] / 255.0).float().permute(0, 3, 1, 2) for m in (stick, stick.swapaxes(0, 1)))
    with torch.no_grad():
        ours = Controlled(Controlled(unet, control, one, 0.5), control, other, 0.8)(z, 400, context)[0]
        down, middle = MultiControlNetModel([control, control])(
            z, 400, context, [one.expand(2, -1, -1, -1), other.expand(2, -1, -1, -1)], [0.5, 0.8], return_dict=False)
        theirs = unet(z, 400, context, down_block_additional_residuals=down,
                      mid_block_additional_residual=middle).sample
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
        assert Controlled(unet, control, one, 0.0)(z, 400, context)[0].equal(unet(z, 400, context).sample)


def test_without_conditioning_the_map_is_not_even_read(draw, stick):
    assert draw.latents(["a fox"], [0], control_map=stick, conditioning_scale=0.0).equal(draw.latents(["a fox"], [0]))


def test_other_decoders(parts):
    torch.manual_seed(1)
    quick = AutoencoderTiny(encoder_block_out_channels=(8,) * 4, decoder_block_out_channels=(8,) * 4,
                            num_encoder_blocks=(1,) * 4, num_decoder_blocks=(1,) * 4).eval()
    z = initial_noise([0, 1], SIDE)
    draw = TextToImage(parts["unet"], parts["text"], quick)
    assert draw.decode(z).shape == (2, 64, 64, 3)
    assert TextToImage(parts["unet"], parts["text"], quick, batch=1).decode(z) == pytest.approx(draw.decode(z), abs=1)


def test_a_denoiser_in_pixels_needs_no_decoder(parts, pixel_unet):
    """Its latents are pictures, or pictures whose squares of 2x2 pixels lie on top of each other: nothing is lost."""
    pixels, channels = TextToImage(pixel_unet, parts["text"]), pixel_unet.config.in_channels
    side = {3: SIDE, 12: 2 * SIDE}[channels]
    assert pixels(["a fox"], [0], steps=2).shape == (1, side, side, 3)
    given = np.random.default_rng(0).integers(0, 256, (2, side, side, 3), dtype=np.uint8)
    assert pixels.encode(given).shape == (2, channels, SIDE, SIDE)
    np.testing.assert_array_equal(pixels.decode(pixels.encode(given)), given)
    assert pixels.encode(given.repeat(2, 1).repeat(2, 2)).shape == (2, channels, SIDE, SIDE)


# What it is asked in vain


@pytest.mark.parametrize(("options", "says"), [
    ({"guidance_scale": float("nan")}, "guidance_scale must be a finite number"),
    ({"guidance_scale": float("inf")}, "guidance_scale must be a finite number"),
    ({"conditioning_scale": float("nan")}, "conditioning_scale must be a finite number"),
    ({"rescale": 1.5}, "a share in"), ({"interval": (800, 200)}, "low < high"),
    ({"steps": 0}, "takes 1 to 1000 steps"), ({"steps": 1001}, "takes 1 to 1000 steps"),
    ({"steps": 2.5}, "a whole number"), ({"steps": 51, "sampler": "lcm"}, "takes 1 to 50 steps"),
    ({"sampler": "plms"}, "known ones: ddim, dpmpp, heun, ddpm, lcm"),
    ({"sampler": "euler_flow"}, "for a network that predicts epsilon"),
    ({"prompts": []}, "at least one"), ({"prompts": [1, 2]}, "a list of texts"),
    ({"prompts": torch.ones(3, 16)}, "hidden states of prompts are"),
    ({"prompts": torch.full((2, LENGTH, 16), float("nan"))}, "hidden states hold NaN"),
    ({"seeds": [1, 2, 3]}, "2 prompts and 3 seeds"), ({"seeds": 1}, "2 prompts and 1 seeds"),
    ({"seeds": [0.5, 1.0]}, "whole numbers"), ({"seeds": torch.zeros(2, 4, 16, 16)}, "noise of shape"),
    ({"seeds": torch.full((2, 4, SIDE, SIDE), float("nan"))}, "latents hold NaN")])
def test_what_cannot_be_says_what_can(draw, options, says):
    asked = {"prompts": ["a fox", "a cat"], "seeds": [0, 1], **options}
    with pytest.raises(ValueError, match=says):
        draw.latents(**asked)


def test_a_latent_of_nan_is_not_decoded(draw):
    with pytest.raises(ValueError, match="NaN"):
        draw.decode(torch.full((1, 4, SIDE, SIDE), float("nan")))


def test_a_map_without_a_controlnet_says_how_to_get_one(parts, stick):
    with pytest.raises(ValueError, match="condition='pose'"):
        TextToImage(parts["unet"], parts["text"]).latents(["a fox"], [0], control_map=stick)


def test_a_map_of_another_size_is_resized_and_said_so_once(parts, draw, stick):
    large = stick.repeat(2, axis=0).repeat(2, axis=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = TextToImage(**parts, steps=3, batch=1).latents(PROMPTS, SEEDS, control_map=large)
    assert [str(w.message) for w in caught if "resized" in str(w.message)] == [
        "the control map is 128x128 and this ControlNet reads 64x64: it was resized"]
    torch.testing.assert_close(made, draw.latents(PROMPTS, SEEDS, control_map=stick), atol=0.1, rtol=0)


# Where the parts come from


@pytest.fixture
def shelf(parts, monkeypatch):
    """A registry and a loader that hand out the tiny parts; what was asked of them."""
    asked = []

    def load(role, scale=None, device=None, condition=None):
        asked.append((role, scale, device, condition))
        return parts[{"vae": "vae", "preview": "vae", "controlnet": "control"}.get(role, "unet")]

    def entry(role, scale=None, condition=None):
        objective = {"vae": "", "flow": "flow"}.get(role, "epsilon")
        return Entry(role, "critters", "diffusers", "UNet2DConditionModel", objective=objective, guidance=2.5, steps=7,
                     sampler="euler_flow" if objective == "flow" else "dpmpp")

    monkeypatch.setattr(generate, "load", load)
    monkeypatch.setattr(generate, "entry", entry)
    monkeypatch.setattr("course_utils.models.text.load_text", lambda scale, device: parts["text"])
    return asked


def test_a_role_comes_with_its_defaults(shelf):
    draw = TextToImage.load("flow", device="cpu", decoder="preview")
    assert (draw.objective, draw.guidance, draw.steps, draw.sampler) == ("flow", 2.5, 7, "euler_flow")
    assert set(shelf) == {("flow", None, "cpu", None), ("preview", None, "cpu", None)}
    assert draw(["a fox"], [0]).shape == (1, 64, 64, 3)
    assert draw.evaluations == 14


def test_a_condition_brings_its_controlnet(shelf, stick):
    draw = TextToImage.load("lcm", condition="pose")
    assert ("controlnet", None, None, "pose") in shelf
    assert not draw.latents("a fox", 0, steps=2, control_map=stick).equal(draw.latents("a fox", 0, steps=2))


def test_what_cannot_be_loaded_says_so(shelf):
    with pytest.raises(ValueError, match="known ones: vae, preview"):
        TextToImage.load(decoder="jpeg")
    with pytest.raises(ValueError, match="does not denoise"):
        TextToImage.load("vae")
    with pytest.raises(ValueError, match="belong to 'text_to_image'"):
        TextToImage.load("flow", condition="pose")
    assert not shelf
