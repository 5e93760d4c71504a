"""Captions can be read back, in every wording."""

import re

from course_utils.critters import Scene, caption, parse, sample
from course_utils.critters.caption import SYNONYMS


def truth(scene: Scene) -> dict[str, str]:
    attributes = {name: getattr(scene, name) for name in SYNONYMS if name != "size"}
    return attributes | ({"size": scene.size_word} if scene.size_word else {})


def test_the_plain_caption_says_everything():
    for scene in sample(300, 0):
        assert parse(caption(scene)) == truth(scene)


def test_a_varied_caption_says_only_what_is_true_and_always_the_species():
    for number, scene in enumerate(sample(2000, 1)):
        stated = parse(caption(scene, number))
        assert stated["species"] == scene.species
        assert stated.items() <= truth(scene).items(), caption(scene, number)


def test_varied_captions_vary_and_leave_things_out():
    scene = Scene()
    texts = [caption(scene, k) for k in range(200)]
    assert len(set(texts)) > 100
    assert caption(scene, 5) == caption(scene, 5)
    for name in SYNONYMS:
        share = sum(name in parse(t) for t in texts) / len(texts)
        assert share == 1 if name == "species" else 0.6 < share < 0.95, name


def test_every_synonym_is_used_and_understood():
    used = {w for k in range(400) for s in sample(3, k) for w in re.findall("[a-z]+", caption(s, k))}
    for name, values in SYNONYMS.items():
        for value, words in values.items():
            for word in words:
                assert word in used, word
                tail = " background" if name == "background" else ""
                assert parse(f"{word}{tail}") == {name: value}


def test_parse_passes_over_what_it_does_not_know():
    assert parse("A purple dragon, please") == {}
    assert parse("") == {}
    assert parse("a GREEN background behind a white Fox") == {"species": "fox", "coat": "white", "background": "green"}


def test_articles_agree():
    assert caption(Scene(texture="fluffy", coat="orange", size=0.65)).startswith("a fluffy")
    for number, scene in enumerate(sample(500, 4)):
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", caption(scene, number)), caption(scene, number)
