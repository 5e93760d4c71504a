import numpy as np
import pytest
import torch
from transformers import CLIPConfig, CLIPModel

from course_utils.critters import SYNONYMS, Scene, caption, sample
from course_utils.critters.dataset import pictures
from course_utils.measure import embeddings
from course_utils.models.tokenizer import LENGTH, encode, tokenizer

RNG = np.random.default_rng(0)


def two_heaps(n, distance, noise=1.0):
    words = np.array(["a", "b"] * (n // 2))
    return (words == "b")[:, None] * distance + noise * RNG.normal(size=(n, 3)), words


def test_a_probe_reads_what_is_linear_and_nothing_else():
    train, test = two_heaps(200, 20.0), two_heaps(200, 20.0)
    assert embeddings.probe(*train, *test) == 1.0
    nothing = embeddings.probe(*two_heaps(400, 0.0), *two_heaps(400, 0.0))
    assert nothing == pytest.approx(0.5, abs=0.12)
    ring, words = RNG.normal(size=(400, 2)), np.array(["in", "out"] * 200)
    ring *= (np.where(words == "in", 1, 5) / np.linalg.norm(ring, axis=1))[:, None]
    assert embeddings.probe(ring, words, ring, words) < 0.7  # a circle inside another: no line parts them


def test_scenes_of_which_nothing_is_said_do_not_count():
    vectors, words = two_heaps(100, 20.0)
    silent = np.where(np.arange(100) < 50, "", words)
    assert embeddings.probe(vectors, silent, vectors, silent) == 1.0
    assert embeddings.purity(vectors, silent, k=5) == embeddings.purity(vectors[50:], words[50:], k=5)


def test_neighbours_are_the_nearest_others():
    line = np.array([[1.0, 0], [1, 0.1], [1, 0.3], [1, 0.7]])
    assert embeddings.neighbours(line, 2, "euclidean").tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    with pytest.raises(ValueError, match="more than 4"):
        embeddings.neighbours(line, 4)


def test_purity_is_one_in_separate_heaps_and_chance_in_one():
    assert embeddings.purity(*two_heaps(100, 50.0), metric="euclidean") == 1.0
    vectors, words = RNG.normal(size=(900, 3)), RNG.choice(["a", "b", "c"], 900, p=[0.6, 0.3, 0.1])
    assert embeddings.chance(words) == pytest.approx(0.46, abs=0.05)
    assert embeddings.purity(vectors, words) == pytest.approx(embeddings.chance(words), abs=0.04)


def test_retrieval_counts_pictures_that_find_their_own_text():
    pictures_, texts = np.eye(4), np.eye(4)[[0, 1, 3, 2]]
    assert embeddings.top_1(pictures_, np.eye(4)) == 1.0
    assert embeddings.top_1(pictures_, texts) == 0.5


def test_chosen_captions_are_full_and_differ():
    scenes = sample(400, 9)
    texts = [caption(scenes[k]) for k in embeddings.unlike(scenes, 150)]
    assert len(set(texts)) == 150
    assert all("small" in text or "large" in text for text in texts)


def test_labels_are_silent_about_middle_sizes():
    scenes = [Scene(species="fox"), Scene(species="cat")]
    assert set(embeddings.labels(sample(100, 0), "size")) == {"", "small", "large"}
    assert embeddings.labels(scenes, "species").tolist() == ["fox", "cat"]


def tiny_clip():
    ids = tokenizer()
    torch.manual_seed(0)
    text = {"vocab_size": len(ids), "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
            "num_attention_heads": 2, "max_position_embeddings": LENGTH, "bos_token_id": ids.bos_token_id,
            "eos_token_id": ids.eos_token_id, "pad_token_id": ids.pad_token_id}
    vision = {"image_size": 128, "patch_size": 32, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
              "num_attention_heads": 2}
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)).eval()


@torch.no_grad()
def test_embeddings_are_those_of_clip_itself():
    clip, scenes = tiny_clip(), sample(6, 2)
    shown, texts = pictures(6, 2, workers=1), [caption(scene) for scene in scenes]
    x = torch.from_numpy(np.array(shown)).permute(0, 3, 1, 2) / 127.5 - 1
    theirs = clip(input_ids=encode(texts), pixel_values=x)
    np.testing.assert_allclose(embeddings.picture_embeddings(clip, shown, batch=4), theirs.image_embeds, atol=1e-5)
    np.testing.assert_allclose(embeddings.text_embeddings(clip, texts, batch=4), theirs.text_embeds, atol=1e-5)


def test_the_report_knows_every_attribute():
    scenes, shown = sample(60, 2), pictures(60, 2, workers=1)
    report = embeddings.clip_report(tiny_clip(), shown, scenes, shown, scenes)
    assert set(report["probes"]) == set(SYNONYMS) == set(report["purity"])
    assert report["choices"] == len(embeddings.unlike(scenes))
    assert 0 <= report["retrieval_top_1"] < 0.5  # untrained
