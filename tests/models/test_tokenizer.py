import random
from itertools import product

import pytest
from transformers import CLIPTokenizer

from course_utils.critters import CHOICES, Scene, caption, sample
from course_utils.models import tokenizer as tokens

SIZES = (0.55, 0.65, 0.75)


@pytest.fixture(scope="module")
def reloaded(tmp_path_factory):
    """The tokenizer as a pipeline reads it: written to a folder, and loaded by the stock class."""
    folder = tmp_path_factory.mktemp("tokenizer")
    tokens.write(folder)
    return CLIPTokenizer.from_pretrained(folder)


def every_plain_caption():
    for words in product(*CHOICES.values()):
        for size in SIZES:
            yield caption(Scene(**dict(zip(CHOICES, words, strict=True)), size=size))


def test_every_word_and_sign_of_a_caption_is_one_token(reloaded):
    texts = [*every_plain_caption(), *(caption(scene, k) for k, scene in enumerate(sample(2000, 5)))]
    signs = [text.replace(",", " ,").replace(":", " :").split() for text in texts]
    ids = reloaded(texts, padding=False, truncation=False).input_ids
    assert all(len(row) == len(words) + 2 for row, words in zip(ids, signs, strict=True))
    assert max(map(len, ids)) <= tokens.LENGTH - 4  # room for words of one's own


def test_no_caption_word_is_left_out_and_none_is_made_up():
    seen = set()
    for number, scene in enumerate(sample(3000, 6)):
        seen |= set(caption(scene, number).replace(",", "").replace(":", "").split())
    assert seen == set(tokens.caption_words())


def test_captions_come_back_from_their_tokens(reloaded):
    text = caption(Scene())
    assert reloaded.decode(reloaded(text).input_ids, skip_special_tokens=True).replace(" ,", ",") == text


def test_two_builds_write_the_same_bytes(tmp_path):
    for name in "ab":
        tokens.write(tmp_path / name)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert "tokenizer.json" in names
    assert all((tmp_path / "a" / n).read_bytes() == (tmp_path / "b" / n).read_bytes() for n in names)


def test_the_file_on_disk_says_what_the_object_says(reloaded):
    texts = ["", "A  Fluffy FOX!", "an ünicode 猫, dragon's 42", caption(Scene(), 3)]
    assert tokens.encode(texts).equal(tokens.encode(texts, by=reloaded))
    assert reloaded.model_max_length == tokens.LENGTH


def test_unknown_words_fall_apart_and_lose_nothing(reloaded):
    ids = reloaded("a dragon 猫", padding=False).input_ids
    assert len(ids) > 3 + 2
    assert reloaded.decode(ids, skip_special_tokens=True) == "a dragon 猫"


def test_shape_start_end_and_padding():
    ids = tokens.encode(["", "a fox", "dragon " * 50])
    end = tokens.tokenizer().eos_token_id
    assert ids.shape == (3, tokens.LENGTH)
    assert (ids[:, 0] == tokens.tokenizer().bos_token_id).all()
    assert (ids[:, -1] == end).all()  # also where the text was cut
    assert (ids[0, 1:] == end).all()
    assert end == len(tokens.tokenizer()) - 1  # the highest index, as in CLIP
    assert tokens.encode([]).shape == (0, tokens.LENGTH)


def test_unknown_words_are_named():
    assert tokens.unknown_words("A big green DRAGON, facing left") == ["dragon"]
    assert tokens.unknown_words(caption(Scene())) == []
    assert tokens.unknown_words("") == []


def test_words_inside_one_another_and_of_shared_beginnings_stay_whole():
    rng = random.Random(0)
    words = sorted({"".join(rng.choice("ab") for _ in range(rng.randint(1, 7))) for _ in range(120)})
    ranks = {pair: rank for rank, pair in enumerate(tokens.merges_for(words))}
    assert all(tokens.joined(tokens.letters(word), ranks) == [word + tokens.LAST] for word in words)
