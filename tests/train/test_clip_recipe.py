import numpy as np
import pytest
import torch
from transformers import CLIPModel, CLIPProcessor, CLIPTextModel

from course_utils.critters import Scene, caption, parse, render, sample
from course_utils.measure import embeddings
from course_utils.models import to_tensor
from course_utils.models.tokenizer import encode
from course_utils.train import clip, words
from course_utils.train.common import read_log

SMOKE = ["--smoke", "--width", "16", "--patch", "32", "--rate", "3e-3", "--precision", "no"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A few steps, and the folder that they left."""
    folder = tmp_path_factory.mktemp("clip")
    clip.main([*SMOKE, "--out", str(folder / "whole"), "--steps", "8"])
    return folder


def test_loss_falls(run):
    rows = read_log(run / "whole/log.csv")
    assert [row["step"] for row in rows] == [4, 8]
    assert rows[1]["loss"] < rows[0]["loss"]
    assert all(0 <= row["retrieval"] <= 1 for row in rows)


def test_a_killed_run_goes_on_as_if_nothing_had_happened(run, monkeypatch):
    class KilledError(RuntimeError):
        pass

    original = clip.common.Run.learn

    def learn(self, loss, step):
        if step == 6:
            raise KilledError
        original(self, loss, step)

    arguments = [*SMOKE, "--out", str(run / "killed"), "--steps", "8"]
    with monkeypatch.context() as patch:
        patch.setattr(clip.common.Run, "learn", learn)
        with pytest.raises(KilledError):
            clip.main(arguments)
    clip.main(arguments)
    whole, killed = (read_log(run / name / "log.csv") for name in ("whole", "killed"))
    assert [{**row, "seconds": 0} for row in whole] == [{**row, "seconds": 0} for row in killed]


def test_stock_classes_load_what_was_written(run):
    folder = run / "whole/model"
    model, processor = CLIPModel.from_pretrained(folder, dtype=torch.float32), CLIPProcessor.from_pretrained(folder)
    picture = render(Scene())
    inputs = processor(text=[caption(Scene())], images=[picture], return_tensors="pt", padding="max_length")
    torch.testing.assert_close(inputs.pixel_values, to_tensor(picture[None]), atol=1e-5, rtol=0)
    assert inputs.input_ids.equal(encode([caption(Scene())]))
    assert model(**inputs).image_embeds.shape == (1, 64)


def test_the_text_encoder_is_the_one_that_a_pipeline_loads(run):
    folder, ids = run / "whole/model", encode(["a small blue cat", ""])
    encoder = words.TextEncoder(folder)
    stock = CLIPTextModel.from_pretrained(folder, dtype=torch.float32)
    assert encoder.width == 16
    torch.testing.assert_close(encoder(ids), stock(ids)[0])
    assert encoder.read(["a fox"]).shape == (1, 24, 16)
    with pytest.raises(FileNotFoundError, match="holds no CLIP"):
        words.TextEncoder(run)


def test_the_loss_of_a_batch_told_apart_is_none_and_of_a_guess_is_its_size():
    nothing = torch.zeros(4, 4, dtype=torch.bool)
    assert clip.contrastive(100 * torch.eye(4), nothing) < 1e-6
    assert clip.contrastive(torch.zeros(4, 4), nothing) == pytest.approx(np.log(4))


def test_captions_that_are_true_of_two_pictures_are_no_negatives():
    twins = torch.ones(2, 2, dtype=torch.bool)
    assert clip.contrastive(torch.zeros(2, 2), twins) == pytest.approx(0.0)
    one = torch.tensor([[True, True], [False, True]])  # caption 1 is true of picture 0, too: left out one way only
    assert clip.contrastive(torch.zeros(2, 2), one) == pytest.approx(np.log(2) / 2)


def test_agreement_asks_only_what_is_said():
    fox = Scene()  # large
    scenes = [fox, fox.but(species="cat"), fox.but(size=0.65), fox.but(size=0.55)]
    texts = [caption(fox), "a fox", "a small animal", "hello"]
    told = clip.agreement(clip.attributes([parse(caption(s)) for s in scenes]), clip.attributes(map(parse, texts)))
    assert told.int().tolist() == [[1, 1, 0, 1], [0, 0, 0, 1], [1, 1, 1, 1], [0, 1, 1, 1]]


def test_scenes_to_be_found_differ_and_say_everything():
    scenes = sample(512, 3)
    texts = [caption(scenes[k]) for k in embeddings.unlike(scenes)]
    assert len(texts) == len(set(texts)) == 200
    assert all(len(parse(text)) == 7 for text in texts)


def test_jitter_is_mild_and_keeps_shape_and_range():
    x = to_tensor(np.stack([render(scene) for scene in sample(4, 0)]))
    y = clip.jittered(x, np.random.default_rng(0))
    assert y.shape == x.shape
    assert y.abs().max() <= 1
    assert 0 < (x - y).abs().mean() < 0.4
    assert clip.on_device(np.full((1, 2, 2, 3), 255, np.uint8), torch.device("cpu")).equal(torch.ones(1, 3, 2, 2))


def test_wordings_begin_plain_vary_and_sometimes_hold_a_foreign_word():
    scenes = sample(300, 4)
    texts = words.wordings(scenes, 4)
    assert texts == words.wordings(scenes, 4)
    assert [several[0] for several in texts] == [caption(scene) for scene in scenes]
    foreign = [bool(clip.tokens.unknown_words(text)) for several in texts for text in several[1:]]
    assert 0.02 < np.mean(foreign) < 0.09
    assert words.tokens(texts).shape == (300, 4, 24)


def test_a_mirror_image_is_told_the_other_way_round():
    scene = Scene(facing="left")
    texts = [caption(scene), "a fox facing right", "a cat"]
    swapped = clip.swap_sides(encode(texts))
    assert swapped.equal(encode([caption(Scene(facing="right")), "a fox facing left", "a cat"]))
    stated = clip.attributes([parse(text) for text in texts])
    assert clip.turn_round(stated).equal(clip.attributes([{**parse(texts[0]), "facing": "right"},
                                                          parse("a fox facing left"), parse("a cat")]))


def test_without_mirror_images_it_is_another_run(run):
    clip.main([*SMOKE, "--no-mirrored", "--out", str(run / "plain"), "--steps", "4"])
    plain, whole = (read_log(run / name / "log.csv")[0] for name in ("plain", "whole"))
    assert plain["loss"] != whole["loss"]
