import math

import pytest
import torch

from course_utils.diffusion import flow, schedule
from course_utils.diffusion.samplers import euler
from course_utils.measure.trajectories import (
    angle,
    at_levels,
    chord,
    curvature,
    geometry,
    in_flow_coordinates,
    in_their_plane,
    norms,
    path_length,
    path_ratio,
    projected,
    straightness,
    turning,
)

STEPS = 8


def noise(seed, batch=3):
    return torch.randn(batch, 4, 4, 4, generator=torch.Generator().manual_seed(seed))


def line(times=None, batch=3):
    start, end = noise(0, batch), noise(1, batch)
    t = torch.linspace(0, 1, STEPS + 1) if times is None else torch.tensor(times)
    return torch.stack([start + (end - start) * s for s in t])


def quarter_circle(radius=2.0, steps=STEPS):
    """Points of a quarter circle in a random plane of latent space."""
    plane, _ = torch.linalg.qr(torch.randn(64, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64))
    phi = torch.linspace(0, math.pi / 2, steps + 1, dtype=torch.float64)
    points = radius * torch.stack([phi.cos(), phi.sin()], -1) @ plane.T
    return points.view(steps + 1, 1, 4, 4, 4)


def test_a_straight_line_is_straight():
    path = line().double()
    assert path_ratio(path).tolist() == pytest.approx([1] * 3)
    assert turning(path).abs().max() < 1e-6
    assert curvature(path).abs().max() < 1e-6
    assert straightness(path).max() < 1e-12
    assert chord(path).tolist() == pytest.approx((path[-1] - path[0]).flatten(1).norm(dim=1).tolist())


def test_a_straight_line_at_uneven_speed_is_straight_but_not_even():
    """Half the way in a quarter of the time: 0.25 (2 - 1)² + 0.75 (2/3 - 1)² = 1/3, unless the clock knows."""
    path = line([0.0, 0.5, 1.0])
    assert path_ratio(path).tolist() == pytest.approx([1] * 3)
    assert straightness(path, [0, 0.25, 1]).tolist() == pytest.approx([1 / 3] * 3, rel=1e-5)
    assert straightness(path, [1, 0.5, 0]).max() < 1e-10  # falling levels serve as well
    assert straightness(path, [0, 0.25, 1]).tolist() == pytest.approx(straightness(path, [0, 25, 100]).tolist())


def test_a_quarter_circle_has_known_measures():
    path, piece = quarter_circle(), 2 * math.sin(math.pi / 4 / STEPS)
    assert path_length(path).item() == pytest.approx(2 * STEPS * piece)
    assert path_ratio(path).item() == pytest.approx(STEPS * piece / math.sqrt(2))
    assert turning(path).flatten().tolist() == pytest.approx([math.pi / 2 / STEPS] * (STEPS - 1))
    assert curvature(path).flatten().tolist() == pytest.approx([0.5] * (STEPS - 1), rel=0.01)  # 1 / radius
    assert straightness(path).item() == pytest.approx((STEPS * piece) ** 2 / 2 - 1)
    assert norms(path).flatten().tolist() == pytest.approx([2 / 8] * (STEPS + 1))


def test_many_points_come_near_the_circle_itself():
    path = quarter_circle(steps=400)
    assert path_ratio(path).item() == pytest.approx(math.pi / 2 / math.sqrt(2), rel=1e-5)
    assert straightness(path).item() == pytest.approx(math.pi**2 / 8 - 1, rel=1e-4)
    assert turning(path).sum().item() == pytest.approx(math.pi / 2, rel=0.01)


def test_nothing_depends_on_scale_or_direction():
    path = quarter_circle() + 0.1 * torch.randn(STEPS + 1, 1, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    for measure in (path_ratio, straightness):
        assert measure(3 * path).item() == pytest.approx(measure(path).item())
        assert measure(path.flip(0)).item() == pytest.approx(measure(path).item())
    assert (curvature(3 * path) * chord(3 * path)).sum() == pytest.approx((curvature(path) * chord(path)).sum().item())


def test_a_step_back_turns_by_half_a_circle():
    a, b = noise(0), noise(1)
    assert turning(torch.stack([a, b, a]).double()).flatten().tolist() == pytest.approx([math.pi] * 3, abs=1e-6)


def test_euler_through_a_constant_field_is_straight_and_through_a_rotation_is_not():
    still = [noise(0)]
    euler(lambda z, t: still.append(z) or noise(7), noise(0), flow.sigmas(6))
    assert straightness(torch.stack(still[1:])).max() < 1e-10
    turned = [noise(0)]
    euler(lambda z, t: turned.append(z) or z.flip(1).flip(2), noise(0), flow.sigmas(6))
    assert straightness(torch.stack(turned[1:])).min() > 0.01


def test_the_schedules_own_path_is_an_arc_that_flow_coordinates_straighten():
    x0, epsilon, times = noise(0).double(), noise(1).double(), [999, 700, 400, 200, 50, 0]
    levels = [float(schedule.alphas_bar()[t]) for t in times]
    path = torch.stack([a**0.5 * x0 + (1 - a) ** 0.5 * epsilon for a in levels])
    assert path_ratio(path).min() > 1.05
    straight, sigmas = in_flow_coordinates(path, levels)
    assert path_ratio(straight).tolist() == pytest.approx([1] * 3)
    assert straightness(straight, sigmas).max() < 1e-12
    assert torch.allclose(straight[2], flow.path(x0, epsilon, sigmas[2]))


def test_flow_coordinates_need_a_level_for_each_point():
    for wrong in ([0.5], [0.5] * (STEPS + 1) + [0.1], [1.5] * (STEPS + 1)):
        with pytest.raises(ValueError, match="needs as many levels"):
            in_flow_coordinates(line(), wrong)


def test_the_summary_is_the_mean():
    summary = geometry(quarter_circle())
    assert summary["n"] == 1
    assert summary["turning_degrees"] == pytest.approx(90 * (STEPS - 1) / STEPS)
    assert summary["path_ratio"] == pytest.approx(path_ratio(quarter_circle()).item())


def test_angles_are_exact_even_where_the_arc_cosine_is_not():
    x, y = torch.zeros(1, 1, 1, 2, dtype=torch.float64), torch.zeros(1, 1, 1, 2, dtype=torch.float64)
    x[..., 0], y[..., 0], y[..., 1] = 5, 2, 2e-9
    assert angle(x, y).item() == pytest.approx(1e-9, rel=1e-6)
    assert angle(x, x).item() == 0
    assert angle(x, -x).item() == pytest.approx(math.pi)


def test_a_direction_of_nothing_has_no_angle():
    assert angle(noise(0), torch.zeros(3, 4, 4, 4)).isnan().all()


def test_a_projection_and_its_rest_are_the_whole_at_right_angles():
    a, b = noise(0), noise(1)
    along, rest = projected(a, b)
    assert torch.allclose(along + rest, a, atol=1e-6)
    assert (rest * b).flatten(1).sum(1).abs().max() < 1e-4
    assert angle(along, b).sin().abs().max() < 1e-5
    assert torch.allclose(projected(3 * b, b)[0], 3 * b)


def test_the_plane_keeps_lengths_and_angles_and_sums():
    u, c = noise(0), noise(1)
    drawn = in_their_plane(u, c)
    assert torch.allclose(drawn.norm(dim=-1), torch.stack([x.flatten(1).norm(dim=1) for x in (u, c)], 1).double())
    guided = u + 7.5 * (c - u)
    in_plane = drawn[:, 0] + 7.5 * (drawn[:, 1] - drawn[:, 0])
    assert torch.allclose(in_plane.norm(dim=-1), guided.double().flatten(1).norm(dim=1))


@pytest.mark.parametrize("wrong", [noise(0), line()[:1]])
def test_what_is_no_path_is_refused(wrong):
    with pytest.raises(ValueError, match="two points or more"):
        path_length(wrong)


@pytest.mark.parametrize("falling", [False, True])
def test_a_walk_is_cut_anew_at_other_levels(falling):
    levels = torch.tensor([0.0, 0.1, 0.4, 1.0])
    path = levels.square().view(4, 1, 1, 1, 1) * torch.ones(1, 2, 1, 2, 2)
    walk, times = (path.flip(0), levels.flip(0)) if falling else (path, levels)
    found = at_levels(walk, times.tolist(), [0.4, 0.25, 0.7])
    assert found[:, 1, 0, 0, 0].tolist() == pytest.approx([0.16, (0.01 + 0.16) / 2, (0.16 + 1) / 2])
    with pytest.raises(ValueError, match="lie between"):
        at_levels(walk, times.tolist(), [1.1])


def test_the_turn_between_levels_does_not_depend_on_how_often_a_circle_was_cut():
    def circle(count):
        turn = torch.linspace(0, 1, count, dtype=torch.float64)
        xy = torch.stack([(turn * 3).cos(), (turn * 3).sin()], -1)
        return xy.view(count, 1, 2, 1, 1), turn.tolist()

    turns = [turning(at_levels(*circle(count), [k / 10 for k in range(11)])).sum().item() for count in (41, 201)]
    assert turns[0] == pytest.approx(turns[1], rel=0.01)


def test_a_broken_path_is_refused():
    path = line()
    path[3, 1, 0, 0, 0] = float("nan")
    with pytest.raises(ValueError, match="NaN"):
        path_ratio(path)


@pytest.mark.parametrize("times", [[0, 1], [0] * (STEPS + 1), [0, 2, 1, 3, 4, 5, 6, 7, 8]])
def test_times_that_do_not_run_are_refused(times):
    with pytest.raises(ValueError, match="as many times"):
        straightness(line(), times)


def test_times_are_told_apart_in_double_precision():
    path = torch.randn(3, 2, 1, 2, 2, dtype=torch.float64)
    assert torch.isfinite(straightness(path, [0.5, 0.5 + 1e-9, 1.0])).all()
