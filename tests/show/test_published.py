"""Quoted numbers: each with a source that a reader can follow, ratios worked out and not typed."""

import pytest

from course_utils import show
from course_utils.show.published import AUTOENCODERS, Autoencoder


def test_every_quoted_number_has_a_link():
    assert all("](https://" in coder.source for coder in AUTOENCODERS)


@pytest.mark.parametrize(("per_side", "channels", "fewer"), [(8, 4, 48), (8, 16, 12), (32, 32, 96)])
def test_ratio_of_numbers(per_side, channels, fewer):
    assert Autoencoder("a", per_side, channels, "", None, None, "").fewer == fewer


def test_our_own_row_comes_first():
    ours = Autoencoder("critters", 8, 4, "200 scenes", "27.5", "0.900", "this notebook")
    lines = show.published([ours]).data.splitlines()
    assert lines[2].startswith("| critters | 1/8 | 4 | 48× | 27.5 | 0.900 | 200 scenes: this notebook |")
    assert len(lines) == 2 + 1 + len(AUTOENCODERS)
