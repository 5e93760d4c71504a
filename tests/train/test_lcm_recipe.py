"""The consistency loss against Gaussians, whose consistency functions are known."""
import pytest
import torch

from course_utils.diffusion import consistency
from course_utils.diffusion.samplers import stock_scheduler
from course_utils.train.lcm import consistency_loss, pseudo_huber
from course_utils.train.paths import PATHS, visited

STEPS, SPREAD = 25, 0.5


def signal_and_noise(path, u):
    """The two factors of a path's place."""
    one, none = torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1)
    return path.noised(one, none, u).view(-1, 1, 1, 1), path.noised(none, one, u).view(-1, 1, 1, 1)


def exact_teacher(path):
    """The best prediction for pictures drawn from a Gaussian of standard deviation SPREAD around 0."""

    def predict(z, t, context):
        u = fraction(path, t)
        a, s = signal_and_noise(path, u)
        variance = (a * SPREAD) ** 2 + s**2
        x0, epsilon = a * SPREAD**2 / variance * z, s / variance * z
        return epsilon if path is PATHS["epsilon"] else epsilon - x0

    return predict


def fraction(path, t):
    """The place behind a time; timestep 0 is the picture's."""
    u = path.fraction(t.float())
    return torch.where(t == 0, torch.zeros_like(u), u)


def leaps(path):
    """By how much the teacher's sampler shrinks a latent, from each of its places to the end."""
    places, teacher, whole = torch.arange(STEPS + 1) / STEPS, exact_teacher(path), [1.0]
    for u, v in zip(places[1:], places[:-1], strict=True):
        z, u, v = torch.ones(1, 4, 1, 1), u[None], v[None]
        stepped = path.step(z, teacher(z, path.times(u), None), u, v)
        whole.append(whole[-1] * float(stepped[0, 0]))
    return torch.tensor(whole)


def exact_student(path):
    """The network whose guess is where the teacher's sampler ends."""
    shrink = leaps(path)

    def predict(z, t, context):
        u = fraction(path, t)
        guess = shrink[(u * STEPS).round().long()].view(-1, 1, 1, 1) * z
        if path is PATHS["flow"]:
            return (z - guess) / u.clamp(min=1e-6).view(-1, 1, 1, 1)
        a, s = signal_and_noise(path, u)
        skip, out = consistency.c_skip(t), consistency.c_out(t).clamp(min=1e-6)
        return (z - a * (guess - skip * z) / out) / s

    return predict


@pytest.mark.parametrize("objective", PATHS)
def test_the_exact_consistency_function_has_no_loss(objective):
    path, generator = PATHS[objective], torch.Generator().manual_seed(0)
    u = torch.arange(1, STEPS + 1) / STEPS
    x0, epsilon = torch.randn(2, STEPS, 4, 16, 16, generator=generator)
    z, v = path.noised(SPREAD * x0, epsilon, u), u - 1 / STEPS
    teacher = exact_teacher(path)
    assert consistency_loss(path, exact_student(path), teacher, z, u, v, None) < 1e-6
    assert consistency_loss(path, teacher, teacher, z, u, v, None) > 3e-3  # the mean of all pictures is no leap


@pytest.mark.parametrize("objective", PATHS)
def test_the_exact_consistency_function_makes_the_right_spread_at_once(objective):
    path, one, z = PATHS[objective], torch.ones(1), torch.ones(1, 4, 1, 1)
    made = path.clean(z, exact_student(path)(z, path.times(one), None), one)
    assert float(made[0, 0]) == pytest.approx(SPREAD, rel=0.1)  # as near as 25 first-order steps come


@pytest.mark.parametrize("objective", PATHS)
def test_at_the_end_the_guess_is_the_picture_itself(objective):
    z, prediction = torch.randn(2, 3, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    assert PATHS[objective].clean(z, prediction, torch.zeros(3)).equal(z)


def test_the_gradient_flows_through_the_noisier_guess_alone():
    path, scale = PATHS["flow"], torch.tensor(0.5, requires_grad=True)
    z, u, v = torch.ones(1, 1, 1, 1), torch.tensor([0.5]), torch.tensor([0.25])
    loss = consistency_loss(path, lambda z, t, c: scale * z, lambda z, t, c: 0 * z, z, u, v, None)
    loss.backward()
    # guesses 1 - 0.5 s and 1 - 0.25 s: were both to move, the gradient would be half as large and the sign the same
    difference = (1 - 0.5 * 0.5) - (1 - 0.25 * 0.5)
    slope = difference / (difference**2 + 0.03**2) ** 0.5
    assert scale.grad == pytest.approx(slope * -0.5)


def test_pseudo_huber_is_a_distance_far_off_and_a_square_near_by():
    at = lambda d: float(pseudo_huber(torch.full((2, 4, 8, 8), d), torch.zeros(2, 4, 8, 8), c=0.03))  # noqa: E731
    assert at(0.0) == 0
    assert at(10.0) == pytest.approx(10 - 0.03, rel=1e-4)
    assert at(0.0003) == pytest.approx(0.0003**2 / 0.06, rel=1e-2)


def test_students_are_asked_where_the_stock_samplers_ask():
    assert visited(PATHS["epsilon"], 4) == pytest.approx([1, 0.76, 0.5, 0.26])
    assert visited(PATHS["flow"], 4) == pytest.approx([1, 0.75, 0.5, 0.25])
    for path in PATHS.values():
        scheduler, u = stock_scheduler(path.leaps, 1), torch.tensor(visited(path, 1))
        z, prediction = torch.randn(2, 1, 4, 16, 16, generator=torch.Generator().manual_seed(0))
        theirs = scheduler.step(prediction, scheduler.timesteps[0], z, return_dict=False)[0]
        torch.testing.assert_close(path.clean(z, prediction, u), theirs, atol=1e-4, rtol=1e-4)
