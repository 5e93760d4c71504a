import warnings

import pytest
import torch
from transformers import CLIPTextModel, CLIPTokenizer

from course_utils.critters import caption, sample
from course_utils.models import NoNetworkError, load_text, text
from course_utils.models.text import TextEncoder
from course_utils.models.tokenizer import LENGTH, build, encode
from course_utils.train import clip


@pytest.fixture(scope="module")
def pair():
    torch.manual_seed(0)
    return clip.network(patch=64, width=16).eval()


@pytest.fixture
def encoder(pair):
    return TextEncoder(pair, build())


@pytest.fixture
def strict():
    """No warning passes unnoticed."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.usefixtures("strict")
def test_prompts_become_the_last_hidden_states_of_the_text_side(pair, encoder):
    prompts = ["a small scaly blue cat", "", "a fox"]
    read = encoder.read(prompts)
    assert read.shape == (3, LENGTH, 16)
    assert (encoder.width, encoder.length, encoder.device.type) == (16, LENGTH, "cpu")
    with torch.no_grad():
        theirs = pair.text_model(input_ids=encode(prompts)).last_hidden_state
    torch.testing.assert_close(read, theirs)
    assert not read.requires_grad
    assert not read[1].equal(read[2])


def test_a_text_model_alone_will_do_and_so_will_an_older_one_that_wraps_it(pair, encoder):
    alone = CLIPTextModel(pair.config.text_config)
    alone.load_state_dict(pair.text_model.state_dict())
    older = torch.nn.Module()
    older.text_model = alone  # transformers before 5.6
    for model in (alone, older):
        torch.testing.assert_close(TextEncoder(model.eval(), build()).read(["a fox"]), encoder.read(["a fox"]))


@pytest.mark.usefixtures("strict")
def test_many_prompts_are_read_in_batches(encoder, monkeypatch):
    prompts = [caption(scene) for scene in sample(5, 0)]
    whole = encoder.read(prompts)
    monkeypatch.setattr(text, "BATCH", 2)
    torch.testing.assert_close(encoder.read(prompts), whole)
    assert encoder.read([]).shape == (0, LENGTH, 16)


def test_words_that_no_caption_holds_are_named_once_and_read_all_the_same(encoder):
    with pytest.warns(UserWarning, match=r"holds 'striped', 'zebra': the model never saw") as caught:
        first = encoder.read(["a striped zebra", "a zebra"])
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert encoder.read(["a striped zebra", "a zebra"]).equal(first)
        encoder.read(["A small, GREY kitten!"])
    with pytest.warns(UserWarning, match=r"holds 'horse':"):
        encoder.read(["a horse on a zebra"])


def test_the_end_of_a_long_prompt_is_named(encoder):
    prompt = "a fox " + "on a green background " * 5 + "facing left"
    with pytest.warns(UserWarning, match=r"first 22 tokens .* left out: 'facing left'"):
        encoder.read([prompt])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder.read([prompt])
        assert encoder.unread("a fox " + "on a green background " * 5) == ""


def test_other_tokenizers_are_not_told_about_this_world(pair):
    words = {**build().get_vocab(), "zebra</w>": len(build())}
    foreign = TextEncoder(pair, CLIPTokenizer(vocab=words, merges=[], model_max_length=LENGTH))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        foreign.read(["zebra"])


@pytest.mark.parametrize("wrong", ["a fox", [3], [None], [["a fox"]]])
def test_what_is_no_list_of_strings_is_refused(encoder, wrong):
    with pytest.raises(TypeError, match="a list of strings"):
        encoder.read(wrong)


def test_the_embedded_scale_takes_the_text_side_of_the_shipped_clip(pair, monkeypatch):
    asked = []
    monkeypatch.setattr(text, "load", lambda *a: asked.append(a) or pair)
    assert load_text(device="cpu").width == 16
    assert asked == [("clip", "critters", "cpu")]


@pytest.mark.filterwarnings("ignore:scale")
def test_without_a_network_it_says_so():
    with pytest.raises(NoNetworkError, match="HF_HUB_OFFLINE is set"):
        load_text("sd15", "cpu")
    with pytest.raises(ValueError, match="it does at: sd15, sdxl, sana"):
        load_text("z-image")


def test_a_name_that_the_package_lacks_is_an_error():
    import course_utils.models

    assert course_utils.models.TextEncoder is TextEncoder
    with pytest.raises(AttributeError, match="no attribute 'laod'"):
        _ = course_utils.models.laod
