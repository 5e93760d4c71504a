"""The ways of section 2: their points, and the plane, where what must come out is known."""

import numpy as np
import pytest
import torch

from course_utils.critters import caption
from course_utils.measure.sweeps import paths, spaces
from course_utils.models.tokenizer import encode


def test_every_way_begins_at_a_and_ends_at_b():
    a, b = torch.randn(2, 1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    for way in (torch.lerp, paths.slerp, paths.switched):
        points = paths.along(a, b, way)
        assert points.shape == (9, 4, 16, 16)
        torch.testing.assert_close(points[:1], a)
        torch.testing.assert_close(points[-1:], b)


def test_the_switch_is_thrown_half_way():
    a, b = torch.zeros(1, 2), torch.ones(1, 2)
    assert paths.along(a, b, paths.switched)[:, 0].tolist() == [0] * 4 + [1] * 5


def test_pairs_differ_where_it_shows_and_their_tokens_are_aligned():
    for a, b in paths.pairs(20):
        assert a.species != b.species
        assert a.background != b.background
        lengths = {int((ids != ids[-1]).sum()) for ids in encode([caption(a), caption(b)])}
        assert len(lengths) == 1
    assert paths.pairs(20)[:5] == paths.pairs(5)
    with pytest.raises(ValueError, match="pairs"):
        paths.pairs(1000)


def test_the_corners_of_the_plane_are_the_corners_and_the_middle_is_their_mean():
    four = torch.randn(2, 2, 24, 3, generator=torch.Generator().manual_seed(0))
    for large in (0, 1):
        for scaly in (0, 1):
            torch.testing.assert_close(paths.on_plane(four, scaly, large)[0], four[large, scaly])
    torch.testing.assert_close(paths.on_plane(four, 0.5, 0.5)[0], four.mean((0, 1)))


@pytest.mark.parametrize("place", [(-0.1, 0), (0, 1.1)])
def test_a_place_outside_of_the_plane_is_refused(place):
    with pytest.raises(ValueError, match="plane reaches"):
        paths.on_plane(torch.zeros(2, 2, 24, 3), *place)


def test_coarse_pixels_are_means_of_blocks():
    import numpy as np

    picture = np.zeros((1, 128, 128, 3), np.uint8)
    picture[0, :8, 8:16] = 255
    coarse = spaces.coarse(picture).reshape(16, 16, 3)
    assert coarse[0, 1].tolist() == [1, 1, 1]
    assert coarse.sum() == 3


def test_a_cursor_over_pictures_without_an_animal_has_no_jumps():
    grey = np.full((25, 64, 64, 3), 128, np.uint8)
    found = paths.on_cursor(grey)
    assert np.ptp(found["area"]) == 0
    assert np.isnan(found["size_jump"])


class Walker:
    """Stands in for the generator: a latent is the sum of what it is made from, and all steps are counted."""

    def __init__(self):
        self.drawn = 0

    def latents(self, states, noise):
        self.drawn += len(noise)
        return noise + states.mean((1, 2)).view(-1, 1, 1, 1)


def test_noise_and_words_may_move_together(monkeypatch):
    """That way has no switch: of all that move an address its largest step is the smallest."""
    monkeypatch.setattr(paths, "inverted", lambda draw, end: end.noise)
    monkeypatch.setattr(paths, "from_noise", lambda draw, noise, states: Walker().latents(states, noise))
    lots = torch.Generator().manual_seed(0)
    a, b = (paths.End(torch.randn(1, 4, 16, 16, generator=lots), torch.full((1, 24, 8), level), None)
            for level in (0.0, 5.0))  # fmt: skip
    a, b = (paths.End(end.noise, end.states, Walker().latents(end.states, end.noise)) for end in (a, b))
    ways = paths.ways(Walker(), a, b)
    for z in ways.values():
        torch.testing.assert_close(z[:1], a.latent)
        torch.testing.assert_close(z[-1:], b.latent)
    jumps = {name: paths.largest_step(z.numpy()) for name, z in ways.items()}
    assert jumps["noise and words"] < min(jumps["noise"], jumps["words"])


def test_a_closer_look_tells_a_jump_from_a_steep_slope():
    """Between the same nine points: a jump stays one step however closely it is walked, a slope falls apart."""
    noise, states = torch.zeros(1, 4, 2, 2), torch.linspace(0, 8, 9).view(9, 1, 1).expand(9, 24, 2)

    def walker(height):
        return type("", (), {"latents": lambda _, states, noise: noise + height(states.mean((1, 2))).view(-1, 1, 1, 1)})

    shares = []
    for height in (lambda x: x + 9.0 * (x > 4.55), lambda x: x + 9.0 * (x - 4).clip(0, 1)):
        draw = walker(height)()
        z = draw.latents(states, noise.expand(9, -1, -1, -1))
        path = paths.closer(draw, states, z, noise)
        assert path.shape == (9, 4, 2, 2)
        torch.testing.assert_close(path[[0, -1]], z[[4, 5]])
        shares.append(paths.largest_step(path.numpy()))
    assert shares[0] > 0.9
    assert shares[1] == pytest.approx(1 / 8, abs=0.01)


def test_a_probe_s_strength_is_not_chosen_on_what_it_is_tested_on(monkeypatch):
    tested = []
    monkeypatch.setattr(spaces, "probe", lambda train, words, test, others, c: tested.append((len(test), c)) or c)
    assert spaces.strength(np.zeros((8, 2)), np.array(["a", "b"] * 4)) == max(spaces.STRENGTHS)
    assert tested == [(2, c) for c in spaces.STRENGTHS]
