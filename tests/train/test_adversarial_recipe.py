import pytest
import torch

from course_utils.train import text_to_image
from course_utils.train.adversarial import Heads, advice, features, hinge


@pytest.fixture(scope="module")
def teacher():
    torch.manual_seed(0)
    return text_to_image.network(16, (16, 16, 32)).eval().requires_grad_(False)


def test_features_are_those_of_a_whole_pass(teacher):
    kept = {}
    hooks = [block.register_forward_hook(lambda module, given, out, name=name: kept.update({name: out}))
             for name, block in [*enumerate(teacher.down_blocks), ("middle", teacher.mid_block)]]
    z, t, context = torch.randn(2, 4, 16, 16), torch.tensor([5, 900]), torch.randn(2, 24, 16)
    teacher(z, t, context)
    for hook in hooks:
        hook.remove()
    *levels, middle = features(teacher, z, t, context)
    assert middle.equal(kept["middle"])
    assert [level.shape[1:] for level in levels] == [(16, 16, 16), (16, 8, 8), (32, 4, 4)]
    assert all(level.equal(kept[k][1][0]) for k, level in enumerate(levels))


def test_the_gradient_reaches_the_picture_and_no_weight(teacher):
    z = torch.randn(2, 4, 16, 16, requires_grad=True)
    heads = Heads([16, 16, 32, 32], width=8)
    heads(features(teacher, z, torch.tensor([5, 900]), torch.randn(2, 24, 16))).mean().backward()
    assert z.grad.abs().sum() > 0
    assert all(p.grad is None for p in teacher.parameters())


def test_hinge_rests_beyond_the_margin_and_punishes_in_proportion():
    sure, wrong = torch.full((2, 3), 1.5), torch.full((2, 3), -1.5)
    assert hinge(sure, wrong) == 0
    assert hinge(wrong, sure) == 5.0
    assert hinge(torch.zeros(2, 3), torch.zeros(2, 3)) == 2.0


def test_heads_learn_to_tell_two_kinds_apart_and_the_student_is_sent_the_right_way(teacher):
    torch.manual_seed(0)
    heads, t, context = Heads([16, 16, 32, 32], width=8), torch.tensor([50] * 8), torch.randn(8, 24, 16)
    optimiser, shift = torch.optim.Adam(heads.parameters(), 5e-3), torch.full((1, 4, 1, 1), 1.5)
    losses = []
    for _ in range(25):
        real, made = (features(teacher, sign * shift + 0.3 * torch.randn(8, 4, 16, 16), t, context) for sign in (1, -1))
        losses.append(hinge(heads(real), heads(made)))
        optimiser.zero_grad()
        losses[-1].backward()
        optimiser.step()
    assert losses[-1] < 0.5 * losses[0]
    x = (0.3 * torch.randn(8, 4, 16, 16) - shift).requires_grad_()
    (-heads(features(teacher, x, t, context)).mean()).backward()
    assert (x.grad * shift).sum() < 0  # going down the loss goes towards the real ones


def test_advice_pulls_to_the_teachers_guess_less_where_noise_hid_the_picture():
    x, guess = torch.zeros(2, 4, 16, 16, requires_grad=True), torch.ones(2, 4, 16, 16)
    advice(x, guess, torch.tensor([0.25, 0.75])).backward()
    assert (x.grad < 0).all()
    assert (x.grad[0] / x.grad[1]).mean() == pytest.approx(3.0)
    assert advice(guess, guess, torch.tensor([0.25, 0.75])) == 0
