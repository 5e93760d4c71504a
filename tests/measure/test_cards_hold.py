"""A card's numbers against a fresh measurement: fewer scenes, so the tolerances are those of so few."""
import numpy as np
import pytest
import torch

from course_utils.critters import caption, sample
from course_utils.critters.dataset import HELD_OUT_SEED, pictures
from course_utils.diffusion.generate import TextToImage
from course_utils.measure import adherence, critic, embeddings, generative
from course_utils.models import load
from course_utils.models.registry import available
from course_utils.models.weights import card
from course_utils.train.card_sheets import few

DENOISERS = [entry.folder for entry in available() if entry.embedded and entry.objective and not entry.condition]
FEW = 24


def test_clip_still_finds_the_captions_that_its_card_says():
    told, scenes = card("clip")["measured"], sample(400, HELD_OUT_SEED)
    places = embeddings.unlike(scenes)
    assert len(places) == told["choices"]
    clip, shown = load("clip", "critters", "cpu"), pictures(400, HELD_OUT_SEED, workers=1)[places]
    texts = embeddings.text_embeddings(clip, [caption(scenes[k]) for k in places])
    found = embeddings.top_1(embeddings.picture_embeddings(clip, shown), texts)
    assert found == pytest.approx(told["retrieval_top_1"], abs=0.02)  # the very same captions: only rounding differs
    assert told["retrieval_top_1"] >= 0.9


def test_the_dense_head_still_reads_as_well_as_its_card_says():
    told, now = card("dense")["measured"]["on_renders"], adherence.dense_report(FEW)["on_renders"]
    assert now["edge_f1"]["mean"] == pytest.approx(told["edge_f1"]["mean"], abs=0.03)
    assert now["depth_error"]["mean"] == pytest.approx(told["depth_error"]["mean"], abs=0.003)


@pytest.mark.parametrize("name", DENOISERS)
def test_a_denoiser_still_draws_what_is_asked_as_often_as_its_card_says(name):
    told = card(name)["measured"]
    made, scenes = generative.drawn(TextToImage.load(name, "critters", "cpu"), FEW)
    right = np.mean(list(critic.accuracy(critic.read(made), scenes).values()))
    assert right == pytest.approx(told["mean_accuracy"], abs=0.08)


@pytest.mark.parametrize("name", DENOISERS)
def test_the_same_prompt_and_seed_give_the_same_picture_everywhere(name):
    told = card(name)["example"]
    z = TextToImage.load(name, "critters", "cpu").latents([told["prompt"]], [told["seed"]])[0]
    torch.testing.assert_close(few(z), torch.tensor(told["latent"]), atol=0.02, rtol=0)
