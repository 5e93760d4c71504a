"""The words of the newer cards, from facts that are made up: what they say must be what the facts say."""
import re

import numpy as np
import pytest

from course_utils.train import card, card_models, card_sheets

TRAINED = {"command": "python -m course_utils.train.x", "steps": 1200, "hours": 0.5, "device": "a CPU", "seed": 0,
           "scenes": 20000, "options": {}}
SPREAD = {"n": 500, "mean": 0.0234, "half_width": 0.001, "tenth": 0.01, "median": 0.02, "ninetieth": 0.04}
COMMON = {"trained": TRAINED, "class": "UNet2DConditionModel", "parameters": 4790000, "bytes": 9620000,
          "sha256": "ab" * 32, "licence": "MIT"}
AGREE = {"coat": {"share": 0.987, "kappa": 0.9, "n": 500}}
DENOISER = {"n": 2000, "guidance": 3.0, "steps": 25, "sampler": "ddim", "evaluations": 50.0, "extractor": "critic",
            "accuracy": {"species": 0.991}, "mean_accuracy": 0.981, "frechet": 0.512, "frechet_floor": 0.234,
            "kid": 0.01, "kid_standard_error": 0.002, "kid_floor": 0.0, "kid_floor_standard_error": 0.002,
            "diversity": {"seeds": 8, "of_world": 0.91}, "doubles": {"two_animals": 0.012},
            "agreement": {"generated": AGREE, "renders": AGREE, "noticed": []}}


def words(name, facts, notes=""):
    return card_models.writer(name)(name, {**COMMON, **facts}, notes)


@pytest.mark.parametrize("name", sorted(card_models.TITLES))
def test_a_denoisers_card_tells_its_numbers(name):
    text = words(name, {"measured": DENOISER}, "What falls short: **this**.")
    assert text.startswith("# ")
    for told in ("0.512", "0.234", "0.981", "50 network evaluations", "0.910", "What falls short", "9.62 MB"):
        assert told in text
    assert "less than on renders" in text
    assert "guidance scale matters" not in text


def test_a_sweep_is_a_table_that_names_the_best():
    rows = [{"scale": s, "n": 250, "mean_accuracy": a, "frechet": f, "frechet_floor": 0.9}
            for s, a, f in ((1.0, 0.9, 1.2), (3.0, 0.98, 1.5))]
    text = words("flow", {"measured": DENOISER, "sweep": rows, "best_guidance": {"accuracy": 3.0, "frechet": 1.0}})
    assert "Accuracy is best at 3, the Fréchet distance at 1." in text
    assert re.search(r"\| 3 \| 0\.980 \| 1\.50 \|", text)


def test_a_difference_tells_its_base_and_rank():
    trained = {**TRAINED, "low_rank": {"base": "text_to_image", "rank": 16}}
    text = words("lcm", {"measured": DENOISER, "trained": trained, "bytes": 1990000})
    assert "a difference of rank 16 to `text_to_image`, 1.99 MB" in text


def test_what_the_readers_part_on_is_said():
    facts = {**DENOISER, "agreement": {"generated": AGREE, "renders": AGREE, "noticed": ["coat"]}}
    assert "less than on renders about: coat." in words("lcm", {"measured": facts})


def test_a_controlnets_card_shows_a_distribution_beside_the_base_and_the_floor():
    m = {"n": 500, "controlled": SPREAD, "base": {**SPREAD, "median": 0.2}, "renders": SPREAD, "mean_accuracy": 0.95}
    text = words("controlnet_pose", {"measured": m, "class": "ControlNetModel"})
    assert re.search(r"the base alone \| 2\.34 \| 1 \| 20 \| 4", text)
    assert "ControlNet for pose" in text


def test_clips_card():
    m = {"n": 2000, "retrieval_top_1": 0.99, "caption_retrieval_top_1": 0.995, "choices": 200, "probed_on": 2000,
         "probes": {"facing": 0.949}, "purity": {"facing": 0.73}, "chance": {"facing": 0.5}}
    text = words("clip", {"measured": m, "class": "CLIPModel"})
    assert "99.0 % of pictures among 200" in text
    assert "| facing | 0.949 | 0.730 | 0.500 |" in text


def test_the_fast_decoders_card_has_times_and_what_it_costs():
    m = {"n": 2000, "psnr": 24.1, "psnr_of_vae": 29.4, "psnr_between": 25.0, "critic_on_decoded": {"species": 1.0}}
    text = words("preview", {"measured": m, "milliseconds": {"vae": 61.0, "preview": 7.0}, "class": "AutoencoderTiny"})
    assert "| preview | 24.1 | 7.00 |" in text


def test_the_dense_heads_card_has_floors():
    place = {"edge_f1": SPREAD, "depth_error": SPREAD, "edge_precision": 0.95, "edge_recall": 0.84}
    m = {"n": 500, "tolerance_pixels": 1.36, "on_renders": place, "on_reconstructions": place,
         "against_another_scene": place}
    assert "within 1.4 pixels" in words("dense", {"measured": m, "class": "DenseHead"})


def test_lists_of_numbers_are_rounded_too():
    assert card.rounded({"a": [{"b": 1.23456}], "c": 2}) == {"a": [{"b": 1.235}], "c": 2}


def test_pictures_stand_by_turns():
    a, b = np.zeros((2, 4, 4, 3), np.uint8), np.ones((2, 4, 4, 3), np.uint8)
    assert [int(p[0, 0, 0]) for p in card_sheets.in_turn(a, b)] == [0, 1, 0, 1]


def test_a_curve_is_drawn_of_what_there_is(tmp_path):
    (tmp_path / "curve.csv").write_text("step,seconds,loss,accuracy_4\n1,2,0.5,0.9\n")
    assert card.curve_column(tmp_path) == "loss"
    (tmp_path / "curve.csv").write_text("step,seconds,loss,keypoint\n1,2,0.5,0.9\n")
    assert card.curve_column(tmp_path) == "keypoint"
