import numpy as np
import pytest
import torch

from course_utils.critters import render, sample
from course_utils.measure.agreement import (
    BOTH,
    Agreement,
    agreement,
    compared,
    is_large,
    joints_inside,
    kappa,
    noticed,
    report,
)
from course_utils.measure.critic import ATTRIBUTES, Critic, load_critic, read
from course_utils.measure.reader import read_by_colour
from course_utils.models.images import to_array, to_tensor

SCENES = sample(96, seed=906)
PICTURES = np.stack([render(scene) for scene in SCENES])


@pytest.fixture(scope="module")
def on_renders():
    return agreement(PICTURES)


def test_kappa_of_a_table_by_hand():
    """Of 50 pairs 35 agree; chance would give 0.5: kappa is 0.4 (20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no)."""
    first = np.array(["yes"] * 25 + ["no"] * 25)
    second = np.array(["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15)
    assert kappa(first, second) == pytest.approx(0.4)


def test_kappa_at_its_ends():
    words = np.array(["a", "b", "c"] * 4)
    assert kappa(words, words) == pytest.approx(1)
    assert kappa(np.array(["a", "a", "b", "b"]), np.array(["a", "b", "a", "b"])) == pytest.approx(0)
    assert kappa(np.array(["a", "b"]), np.array(["b", "a"])) == pytest.approx(-1)
    assert np.isnan(kappa(words[:1], words[:1]))


def test_the_readers_agree_on_renders(on_renders):
    assert set(on_renders) == {*BOTH, "joints"}
    for name in ("background", "coat", "texture"):
        assert on_renders[name].share > 0.93
        assert on_renders[name].kappa > 0.9
        assert on_renders[name].n == len(SCENES)
    assert on_renders["size"].kappa > 0.4
    assert on_renders["joints"].share > 0.97


def test_renders_give_no_cause_for_notice(on_renders):
    assert noticed(agreement(PICTURES[:32]), on_renders) == []
    assert noticed(on_renders, on_renders) == []


def test_a_shortfall_is_noticed_by_its_size_and_by_n():
    def one(share, n):
        return {"coat": Agreement(share, share, n)}

    assert noticed(one(0.80, 1000), one(0.99, 1000)) == ["coat"]
    assert noticed(one(0.80, 10), one(0.99, 10)) == []
    assert noticed(one(0.99, 1000), one(0.80, 1000)) == []  # agreeing more is no cause
    assert noticed(one(1.0, 1000), one(1.0, 1000)) == []


def pleasing(pictures, words, strength=16.0, steps=10):
    """Pictures changed a little, so that the critic sees these coats: gradient ascent on what it says."""
    critic, wanted = Critic().eval(), torch.tensor([ATTRIBUTES["coat"].index(word) for word in words])
    critic.load_state_dict({name: value.clone() for name, value in load_critic().state_dict().items()})
    start = to_tensor(pictures)
    x = start.clone()
    for _ in range(steps):
        x.requires_grad_(True)
        loss = torch.nn.functional.cross_entropy(critic(x)["coat"], wanted)
        (slope,) = torch.autograd.grad(loss, x)
        x = (x.detach() - strength / 3 / 127.5 * slope.sign()).clamp(start - strength / 127.5, start + strength / 127.5)
        x = x.clamp(-1, 1)
    return to_array(x)


def test_pictures_made_to_please_the_critic_are_noticed(on_renders):
    """It is fooled, the reader is not: their agreement on the coat falls, on the background it does not."""
    some = PICTURES[:12]
    others = [ATTRIBUTES["coat"][(ATTRIBUTES["coat"].index(s.coat) + 1) % 5] for s in SCENES[:12]]
    made = pleasing(some, others)
    assert np.abs(made.astype(int) - some).max() <= 17
    assert np.mean(read(made).labels["coat"] == others) > 0.8
    result = report(made, some)
    assert "coat" in result["noticed"]
    assert "background" not in result["noticed"]
    assert result["generated"]["coat"]["kappa"] < 0.3 < 0.9 < result["renders"]["coat"]["kappa"]
    assert result["renders"]["coat"]["n"] == 12


def test_joints_in_the_void_are_noticed():
    masks = np.zeros((1, 100, 100), bool)
    masks[0, 40:60, 40:60] = True
    points = np.array([[[0.5, 0.5], [0.4, 0.4], [0.385, 0.5], [0.37, 0.5], [0.9, 0.1], [1.0, 1.0]]])
    assert joints_inside(points, masks)[0].tolist() == [True, True, True, False, False, False]


def test_x_is_a_column_and_y_a_row():
    masks = np.zeros((1, 10, 10), bool)
    masks[0, 2, 8] = True
    assert joints_inside(np.array([[[0.85, 0.25], [0.25, 0.85]]]), masks)[0].tolist() == [True, False]


def test_no_animal_has_no_joints():
    assert not joints_inside(np.full((1, 2, 2), 0.5), np.zeros((1, 10, 10), bool)).any()


def test_size_is_judged_by_the_middle_of_its_range():
    assert is_large(np.array([0.5, 0.649, 0.651, 0.8])).tolist() == [False, False, True, True]


def test_readings_of_different_pictures_are_refused():
    with pytest.raises(ValueError, match="the critic read 3 pictures, the reader 2"):
        compared(read(PICTURES[:3]), read_by_colour(PICTURES[:2]))
