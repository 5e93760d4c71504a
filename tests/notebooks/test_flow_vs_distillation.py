"""Section 5: its claims, and the definitions that are its lesson, imported out of the notebook and tested."""

import re

import nbformat
import numpy as np
import pytest
import torch
from torch import nn

from course_utils.diffusion import flow, samplers
from course_utils.measure import trajectories
from course_utils.measure.sweeps import few_steps, stored
from course_utils.models.weights import card
from course_utils.show.text import digits
from course_utils.train.compute import passes
from tests.notebooks.reading import FOLDER, definitions, outputs

NAME = FOLDER / "05_flow_vs_distillation"
CLAIM = "application/vnd.course.claim+json"


@pytest.fixture(scope="module")
def lesson():
    return definitions(NAME.with_suffix(".py"))


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NAME.with_suffix(".ipynb"), as_version=4)


@pytest.fixture(scope="module")
def claims(notebook):
    return {o.data[CLAIM]["id"]: o.data[CLAIM] for o in outputs(notebook) if CLAIM in o.get("data", {})}


class Towards(nn.Module):
    """Knows one goal: its velocity leads there in a straight line."""

    def __init__(self, goal):
        super().__init__()
        self.goal = nn.Parameter(torch.tensor(goal))

    def forward(self, x, t):
        return (x - self.goal) * 1000 / t.clamp(min=1e-3)


def test_claims_are_settled_where_their_models_are_measured(claims):
    wanted = {"C19", "C20"}
    if not any(map(few_steps.missing, ("flow", "flow_consistency"))):
        wanted |= {"C18"}
    if not any(few_steps.missing(role, "straightness") for role in ("flow", "reflow")):
        wanted |= {"C17"}
    assert set(claims) == wanted
    for claim in claims.values():
        assert any(ch.isdigit() for ch in claim["number"])
        assert any(ch.isdigit() for ch in claim["sentence"])


def test_a_cell_without_a_number_says_why(notebook):
    text = "\n".join(o.data.get("text/markdown", "") for o in outputs(notebook) if "data" in o)
    grid = text[text.index("| accuracy, % |"):]
    for role, name in {"flow": "flow, the teacher, guided", "lcm": "consistency student of diffusion",
                       "reflow": "flow after reflow", "dmd": "distribution matching student",
                       "adversarial": "adversarial student"}.items():  # fmt: skip
        row, why = re.search(rf"\| {name} \|.*", grid)[0], few_steps.missing(role)
        assert re.findall(r"not \w+", row) == ([why] * len(few_steps.GRID) if why else [])
        assert ("±" in row) == (not why)


def test_turning_is_compared_where_both_walks_have_points(claims):
    for role, name in {"text_to_image": "diffusion", "flow": "flow", "reflow": "reflow"}.items():
        alike = stored(f"straightness_{role}")["facts"]["bare"]["alike"]
        assert f"{name} {digits(np.mean(alike))} ± " in claims["C17"]["number"]


def test_a_student_is_as_good_as_its_card_says(claims):
    cards = {role: card(role)["measured"] for role in ("lcm", "text_to_image")}
    kept = cards["lcm"]["mean_accuracy"] / cards["text_to_image"]["mean_accuracy"]
    assert (claims["C19"]["verdict"] == "does not hold") == (kept <= 0.98)
    assert f"{100 * kept:.1f} % at 4, n = {cards['lcm']['n']:,}" in claims["C19"]["number"]


def test_kid_tells_apart_what_its_errors_allow(lesson, claims):
    (one, error), (other, another) = ((m["kid"], m["kid_standard_error"]) for m in (
        card(role)["measured"] for role in ("lcm", "text_to_image")))  # fmt: skip
    apart = lesson["differ"]((one, 1.96 * error), (other, 1.96 * another))
    assert f"{one:.3f} ± {error:.3f} against {other:.3f} ± {another:.3f}" in claims["C19"]["number"]
    assert claims["C19"]["number"].endswith(", told apart" if apart else "not told apart")
    assert ("KID tells the two apart" in claims["C19"]["sentence"]) == apart


def test_means_differ_by_more_than_their_half_widths_explain(lesson):
    assert lesson["differ"]((1.0, 0.3), (1.6, 0.4))
    assert not lesson["differ"]((1.0, 0.3), (1.4, 0.4))
    assert not lesson["differ"]((1.6, 3.0), (1.0, 0.0))


def test_a_wide_interval_does_not_pass_for_a_good_sampler(lesson, claims):
    lesson["n"] = 10
    assert lesson["least"]({"accuracy": [0.9, 0.2]}) == pytest.approx(0.7)
    assert lesson["least"]({"accuracy": [1.0, 0.0]}) == pytest.approx(10 / (10 + 1.96**2))
    rows = {(row["sampler"], row["evaluations"]): row for row in stored("samplers")["facts"]["rows"]}
    best = min(("ddim", "dpmpp", "heun"), key=lambda name: rows[name, 20]["away"][0])
    lesson["n"] = stored("samplers")["n"]
    as_good = lesson["least"](rows[best, 20]) > 0.9 * rows["ddpm", 1000]["accuracy"][0]
    assert (claims["C20"]["verdict"] != "does not hold") == as_good


def test_no_interval_is_printed_without_a_width(lesson, notebook):
    assert lesson["told"]({"a": [1.0, 0.0]}, "a", 100, " %") == "100 % (all alike)"
    assert lesson["told"]({"a": [0.93, 0.054]}, "a", 100, " %") == "93.0 ± 5.4 %"
    assert lesson["told"]({"a": None}, "a") == "–"
    text = "\n".join(o.data.get("text/markdown", "") for o in outputs(notebook) if "data" in o)
    assert not re.search(r"± 0(?![.\d])", text)


def test_everything_made_from_a_teacher_cost_the_same():
    costs = {role: passes(role) for role in few_steps.ROLES if role not in ("text_to_image", "flow")}
    assert max(costs.values()) < 1.01 * min(costs.values())


def test_teachers_stand_in_the_grid_with_guidance_and_without(notebook):
    text = "\n".join(o.data.get("text/markdown", "") for o in outputs(notebook) if "data" in o)
    for title in ("accuracy, %", "detail, 1/1000"):
        grid = text[text.index(f"| {title} | 1 |"):]
        for name in ("diffusion", "flow"):
            guided, bare = (re.search(rf"\| {name}, the teacher, {how} \|(.*)\|", grid)[1].split("|")
                            for how in ("guided", "unguided"))
            assert guided[0] == bare[0]
            assert [cell.strip() == "–" for cell in bare] == [n > max(few_steps.BARE) for n in few_steps.GRID]


def test_the_loss_is_zero_for_who_knows_the_velocity(lesson):
    x0, epsilon, sigma = torch.randn(9, 2), torch.randn(9, 2), torch.rand(9, 1)
    seen = []

    def oracle(x, t):
        seen.append((x, t))
        return epsilon - x0

    assert lesson["flow_loss"](oracle, x0, epsilon, sigma) == 0
    x, t = seen[0]
    assert torch.allclose(x, x0 + sigma * (epsilon - x0), atol=1e-6)
    assert torch.equal(t, 1000 * sigma)
    off = lesson["flow_loss"](lambda x, t: epsilon - x0 + 2, x0, epsilon, sigma)
    assert off == pytest.approx(4, rel=1e-4)


def test_euler_keeps_every_level_and_agrees_with_the_library(lesson):
    start, sigmas = torch.randn(5, 2), flow.sigmas(7)
    network = Towards([0.3, -0.2])
    path = lesson["euler"](network, start, sigmas)
    assert path.shape == (8, 5, 2)
    theirs = samplers.euler(lambda x, t: network(x, torch.full((5, 1), t)), start, sigmas)
    assert torch.allclose(path[-1], theirs, atol=1e-5)
    assert torch.allclose(path[-1], network.goal.expand(5, 2), atol=1e-4)


def test_detour_is_the_exercise_s_measure_path_by_path(lesson):
    path = torch.randn(6, 4, 2)
    known = trajectories.path_ratio(path[..., None, None]) - 1
    assert torch.allclose(lesson["detour"](path).double(), known, atol=1e-5)
    straight = torch.linspace(0, 1, 5).view(5, 1, 1) * torch.tensor([[3.0, 4.0]])
    assert lesson["detour"](straight) == pytest.approx(0, abs=1e-6)


def test_the_exact_velocity_is_the_mean_over_all_lines(lesson):
    points = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    lesson["points"] = points
    v = lesson["exact_velocity"](torch.tensor([[0.0, 0.5], [0.9, 0.0]]), 0.5)
    assert torch.allclose(v[0], torch.tensor([0.0, 1.0]), atol=1e-5)  # both are as near: their mean is the origin
    assert v[1, 0] < 0  # nearly surely from the right one: towards it, noise lies to the left
    torch.manual_seed(0)
    data, noise = points[torch.randint(2, (200_000,))], torch.randn(200_000, 2)
    near = ((0.5 * data + 0.5 * noise) - torch.tensor([0.9, 0.0])).norm(dim=1) < 0.1
    assert (noise - data)[near].mean(0)[0] == pytest.approx(v[1, 0].item(), abs=0.08)


def test_the_goal_of_consistency_stands_still_and_one_who_knows_the_end_has_no_loss(lesson):
    lesson["first"] = teacher = Towards([0.5, 0.5])  # the notebook's name for the flow
    student = Towards([0.5, 0.5])
    x, now = torch.randn(8, 2), torch.full((8, 1), 0.6)
    answer, goal = lesson["two_answers"](student, x, now, now - 0.2)
    assert not goal.requires_grad
    assert answer.requires_grad
    assert torch.allclose(answer, goal, atol=1e-4)
    assert torch.allclose(lesson["end"](teacher, x, now), teacher.goal.expand(8, 2), atol=1e-4)
    assert torch.equal(lesson["end"](Towards([9.0, 9.0]), x, torch.zeros(8, 1)), x)


def test_a_leap_ends_at_the_end_however_often_it_leaps(lesson):
    network, start = Towards([0.5, -0.5]), torch.randn(6, 2)
    for steps in (1, 2, 4):
        assert torch.allclose(lesson["leap"](network, start, steps), network.goal.expand(6, 2), atol=1e-4)
