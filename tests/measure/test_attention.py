"""Overlap of attention maps with masks, where it can be counted by hand."""

import numpy as np
import pytest
import torch

from course_utils.critters import Scene, caption
from course_utils.measure import attention
from course_utils.models.tokenizer import tokenizer


class Words:
    words = tokenizer()


def test_words_are_found_behind_the_mark_of_the_beginning():
    placed = attention.positions(Words, "a large fluffy orange fox, facing right")
    assert (placed["large"], placed["fox"], placed[","], placed["right"]) == (2, 5, 6, 8)


def test_of_a_word_in_pieces_the_last_one_counts():
    placed = attention.positions(Words, "a zebra fox")
    assert placed["fox"] == len(tokenizer().tokenize("a zebra fox"))
    assert placed["zebra"] == placed["fox"] - 1


def test_attributes_are_found_in_captions_with_and_without_a_size():
    large, middle = Scene(size=0.74), Scene(size=0.65)
    assert attention.attribute_positions(Words, large) == {
        "species": 5, "texture": 3, "size": 2, "coat": 4, "background": 9, "stance": 6, "facing": 13}  # fmt: skip
    assert "size" not in attention.attribute_positions(Words, middle)
    assert attention.attribute_positions(Words, middle)["species"] == 4
    assert caption(large).split()[4] == "fox"


def test_iou_counts_pixels():
    a, b = np.zeros((2, 4, 4), bool), np.zeros((2, 4, 4), bool)
    a[:, :2], b[0, 1:3], b[1, 3:] = True, True, True
    assert attention.iou(a, b).tolist() == [4 / 12, 0]
    assert attention.iou(a, a).tolist() == [1, 1]


def test_the_strongest_share_is_that_many_pixels_with_the_largest_values():
    maps = np.arange(16.0).reshape(1, 4, 4)
    chosen = attention.strongest(maps, 0.25)
    assert chosen.sum() == 4
    assert chosen[0, 3].all()
    with pytest.raises(ValueError, match="between 0 and 1"):
        attention.strongest(maps, 1.0)


def test_ties_are_broken_so_that_the_share_is_kept():
    assert attention.strongest(np.ones((3, 8, 8)), 0.25).sum((1, 2)).tolist() == [16, 16, 16]


def test_the_box_covers_its_share():
    box = attention.centre_box(2, 0.25)
    assert box.shape == (2, 128, 128)
    assert box.mean() == pytest.approx(0.25)
    assert box[0, 64, 64]
    assert not box[0, 20, 64]


def test_a_map_that_is_the_mask_overlaps_as_well_as_cells_can():
    masks = np.zeros((2, 32, 32), bool)
    masks[0, 8:24, 8:24], masks[1, 0:16, 16:32] = True, True
    maps = torch.zeros(2, 3, 4, 4)
    maps[0, 1, 1:3, 1:3], maps[1, 2, 0:2, 2:4] = 1, 1
    found = attention.overlaps(maps, [{"species": 1}, {"species": 2, "size": 0}], masks, 0.25)
    best = attention.guesses(masks, 0.25, 4)
    assert found["species"] == pytest.approx(best["best"])
    assert best["best"].min() > 0.75
    assert best["centre"][0] == 1
    assert found["size"].shape == (1,)


def test_scenes_that_are_judged_nowhere_else_give_the_usual_share():
    assert 0.2 < attention.usual_share(20) < 0.35
