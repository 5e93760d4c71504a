"""CLIP in the critic's place: the published equations on cosines that are known, and a CLIP with known answers."""

import types

import numpy as np
import pytest

from course_utils.critters import KEYPOINTS, LARGE_ABOVE, SMALL_BELOW
from course_utils.measure import embeddings, zero_shot
from course_utils.measure.critic import ATTRIBUTES


def test_the_clip_score_is_two_and_a_half_cosines_and_never_negative():
    assert zero_shot.scored(np.array([1.0, 0.3, 0.0, -0.5])).tolist() == [2.5, 0.75, 0.0, 0.0]


def test_probabilities_are_a_softmax_of_scaled_cosines():
    texts = np.eye(3)
    one = zero_shot.probabilities(np.array([[1.0, 0, 0], [0.6, 0.8, 0]]), texts, temperature=10.0)
    exact = np.exp([6.0, 8.0, 0.0])
    assert one.sum(1) == pytest.approx([1, 1])
    assert one[1] == pytest.approx(exact / exact.sum())
    assert zero_shot.probabilities(np.array([[1.0, 0, 0]]), texts, 1e4).tolist() == [[1.0, 0.0, 0.0]]  # no overflow


def test_every_attribute_is_asked_for_in_the_captions_words():
    assert set(zero_shot.ASKED) == {*ATTRIBUTES, "size"}
    assert zero_shot.questions("species")[1] == ["a picture of a dog", "a picture of a fox", "a picture of a cat"]
    assert zero_shot.questions("size")[0] == ("small", "large")
    for name, words in ATTRIBUTES.items():
        assert len(set(zero_shot.questions(name)[1])) == len(words)


WANTED = ({"species": "fox", "texture": "scaly", "facing": "left", "size": "large"},
          {"species": "cat", "size": "small"})  # fmt: skip


@pytest.fixture
def clip(monkeypatch):
    """A CLIP that sees what it was told to: each text is a direction, each picture the sum of its words' texts."""
    asked = [text for name in zero_shot.ASKED for text in zero_shot.questions(name)[1]]
    places = {text: k for k, text in enumerate(dict.fromkeys(asked))}

    def texts(_, prompts):
        return np.eye(len(places))[[places[prompt] for prompt in prompts]]

    def pictures(_, shown):
        told = [[zero_shot.questions(name)[1][zero_shot.questions(name)[0].index(word)] for name, word in one.items()]
                for one in WANTED]  # fmt: skip
        seen = np.stack([texts(_, one).sum(0) for one in told])
        return seen / np.linalg.norm(seen, axis=1, keepdims=True)

    monkeypatch.setattr(zero_shot, "text_embeddings", texts)
    monkeypatch.setattr(zero_shot, "picture_embeddings", pictures)
    return types.SimpleNamespace(logit_scale=np.log(np.array(100.0)))


def test_it_reads_what_clip_sees(clip):
    clip.logit_scale = types.SimpleNamespace(exp=lambda: 100.0)
    found = zero_shot.read_zero_shot(np.zeros((2, 8, 8, 3), np.uint8), clip)
    for row, one in enumerate(WANTED):
        for name, word in one.items():
            assert found.labels[name][row] == word
    assert found.probabilities["species"].shape == (2, 3)
    assert found.size[0] > LARGE_ABOVE
    assert found.size[1] < SMALL_BELOW
    assert found.keypoints.shape == (2, len(KEYPOINTS), 2)
    assert np.isnan(found.keypoints).all()


def test_the_score_wants_a_prompt_for_each_picture(clip):
    with pytest.raises(ValueError, match="2 pictures and 1 prompts"):
        zero_shot.clip_score(np.zeros((2, 8, 8, 3), np.uint8), ["a fox"], clip)


def test_published_clips_are_shown_standardised_pictures_of_their_own_size():
    import torch

    own = types.SimpleNamespace()
    theirs = types.SimpleNamespace(course_scale="sd15", config=types.SimpleNamespace(
        vision_config=types.SimpleNamespace(image_size=16)))  # fmt: skip
    white = torch.ones(1, 3, 64, 64)
    assert embeddings.as_seen(own, white) is white
    seen = embeddings.as_seen(theirs, white)
    assert seen.shape == (1, 3, 16, 16)
    assert seen[0, :, 8, 8].tolist() == pytest.approx([(1 - 0.48145466) / 0.26862954, (1 - 0.4578275) / 0.26130258,
                                                       (1 - 0.40821073) / 0.27577711], abs=1e-4)  # fmt: skip
