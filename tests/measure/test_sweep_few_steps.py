"""Section 5's sweeps on stand-ins: evaluations that are counted, paths whose shape is known, roles that are missing."""

import numpy as np
import pytest
import torch

from course_utils.critters import caption, render, sample
from course_utils.diffusion import flow, schedule
from course_utils.diffusion.samplers import drawn, generators
from course_utils.measure import sweeps
from course_utils.measure.sweeps import few_steps


class Painter:
    """Paints the scene of the prompt; its latents are where it was told to end."""

    batch, objective, sampler, steps = 2, "epsilon", "ddim", 4

    def __init__(self, objective="epsilon", sampler="ddim"):
        self.objective, self.sampler, self.asked, self.evaluations = objective, sampler, [], 0.0

    def __call__(self, prompts, seeds, steps=None, guidance_scale=None, **options):
        self.asked.append((len(prompts), steps, guidance_scale))
        self.evaluations = float((steps or 4) * (2 if guidance_scale not in (None, 0, 1) else 1))
        return self.decode(prompts)

    def decode(self, prompts):
        scenes = {caption(scene): scene for scene in sample(4, few_steps.HELD_OUT_SEED)}
        return np.stack([render(scenes[prompt]) for prompt in prompts])


@pytest.mark.parametrize(("role", "evaluations", "expected"), [
    ("text_to_image", 1, (1, 1.0)), ("text_to_image", 2, (1, 3.0)), ("text_to_image", 25, (12, 3.0)),
    ("flow", 50, (25, 3.0)), ("lcm", 1, (1, 1.0)), ("lcm", 25, (25, 1.0)), ("reflow", 8, (8, 1.0)),
])  # fmt: skip
def test_evaluations_become_steps(role, evaluations, expected):
    assert few_steps.plan(role, evaluations) == expected


def test_a_grid_says_what_was_spent():
    painter = Painter()
    facts = few_steps.few_steps(4, None, "lcm", (1, 25), painter)
    assert [row["evaluations"] for row in facts["rows"]] == [1, 25]
    assert [row["spent"] for row in facts["rows"]] == [1.0, 25.0]
    assert [count for count, *_ in painter.asked] == [4 * few_steps.SEEDS] * 2
    assert facts["rows"][0]["accuracy"][0] > 0.95
    guided = few_steps.few_steps(2, None, "flow", (2, 8), Painter())["rows"]
    assert [(row["steps"], row["guidance"], row["spent"]) for row in guided] == [(1, 3.0, 2.0), (4, 3.0, 8.0)]


def test_a_teacher_without_guidance_has_a_step_for_each_evaluation():
    painter = Painter()
    rows = few_steps.bare_steps(2, None, "flow", (2, 8), painter)["rows"]
    assert painter.asked == [(2 * few_steps.SEEDS, 2, 1.0), (2 * few_steps.SEEDS, 8, 1.0)]
    assert [(row["evaluations"], row["spent"]) for row in rows] == [(2, 2.0), (8, 8.0)]


def test_detail_is_in_short_waves():
    x = np.arange(128)
    waves = {length: np.broadcast_to(np.rint(127 + 100 * np.sin(2 * np.pi * x / length))[None, :, None],
                                     (128, 128, 3)).astype(np.uint8) for length in (4, 32)}  # fmt: skip
    short, long = few_steps.detail(np.stack([waves[4], waves[32]]))
    assert short == pytest.approx(0.5 * (100 / 255) ** 2, rel=0.02)
    assert long < 0.01 * short


class Walker:
    """Latents whose path is known: a flow that bends as it is told, or a diffusion model that knows the picture."""

    batch = 2

    def __init__(self, objective, bend=0.0):
        self.objective, self.bend = objective, bend
        self.sampler = "euler_flow" if objective == "flow" else "ddim"
        self.wanted = torch.linspace(-1, 1, 4).view(1, 4, 1, 1).expand(1, 4, 4, 4)

    def latents(self, prompts, seeds, scale, steps, watch):
        from course_utils.diffusion.samplers import denoise, stock_scheduler

        def predict(z, t):
            if self.objective == "flow":
                turned = self.bend * (t / flow.TIMES - 0.5) * torch.ones_like(z)
                return (z - self.wanted) * flow.TIMES / t + turned
            return schedule.predict_epsilon(z, self.wanted.expand_as(z), int(t))

        noise = drawn(generators(seeds), 4)
        return denoise(predict, stock_scheduler(self.sampler, steps), noise, watch=watch)


@pytest.mark.parametrize("objective", ["flow", "epsilon"])
def test_who_knows_the_picture_walks_straight_in_a_flow_s_coordinates(objective):
    facts = few_steps.shape(Walker(objective), 3, 1.0, 20)
    assert len(facts["path_ratio"]) == 3
    assert max(facts["path_ratio"]) < 1 + 1e-5
    assert max(facts["straightness"]) < 1e-6
    assert facts["jump"]["1"][0] < 1e-3
    assert len(facts["profile"][0]) == 19
    assert facts["profile"][0] == sorted(facts["profile"][0], reverse=True)


def test_a_bend_is_noticed():
    bent = few_steps.shape(Walker("flow", bend=4.0), 3, 1.0, 20)
    assert min(bent["straightness"]) > 0.01
    assert bent["jump"]["1"][0] > 3 * bent["jump"]["2"][0] > 0


def test_guided_models_are_also_walked_bare(monkeypatch):
    asked = []
    monkeypatch.setattr(few_steps, "shape", lambda draw, n, scale, steps: asked.append(scale) or {"n": n})
    teacher = few_steps.straightness(2, None, "flow", 5, Walker("flow"))
    assert asked == [3.0, 1.0]
    assert (teacher["guided"], teacher["bare"]) == ({"n": 2}, {"n": 2})
    assert "guided" not in few_steps.straightness(2, None, "reflow", 5, Walker("flow"))


def test_distances_are_root_mean_squares():
    z, exact = torch.zeros(4, 4, 2, 2), torch.full((4, 4, 2, 2), 3.0)
    assert few_steps.rms(z, exact) == pytest.approx([3.0] * 4)


def test_a_sweep_of_a_role_calls_one_function_with_it_and_waits_for_its_weights(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(few_steps, "few_steps", lambda n, cache, role: {"role": role, "n": n})
    sweep = sweeps.SWEEPS["few_steps_lcm"]
    assert sweeps.compute("few_steps_lcm", 7) == {"role": "lcm", "n": 7}
    assert "lcm" in sweep.models
    monkeypatch.setattr(sweeps, "shipped", lambda model: model != "lcm")
    assert sweep.lacks == ("lcm",)
    sweeps.main(["few_steps_lcm", "--anew"], tmp_path)
    assert "few_steps_lcm: waits for lcm" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_every_role_has_its_sweeps():
    assert {f"few_steps_{role}" for role in few_steps.ROLES} <= set(sweeps.SWEEPS)
    assert few_steps.trained("text_to_image")
    assert not few_steps.trained("nobody")


def test_why_a_number_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(few_steps, "RESULTS", tmp_path)
    assert few_steps.missing("nobody") == "not trained"
    assert few_steps.missing("lcm") == "not measured"
    (tmp_path / "few_steps_lcm.json").touch()
    assert few_steps.missing("lcm") == ""


class Knower:
    """All samplers but DDPM end at what it knows, the sooner the more evaluations; DDPM elsewhere."""

    def __init__(self):
        self.asked = []

    def latents(self, prompts, seeds, guidance_scale, sampler, steps):
        assert guidance_scale == 1.0
        self.asked.append((sampler, len(prompts), steps))
        spent = 2 * steps - 1 if sampler == "heun" else steps
        return torch.full((len(prompts), 4, 2, 2), 7.0 if sampler == "ddpm" else 1 / spent)

    def decode(self, z):
        return np.stack([render(scene) for scene in sample(len(z), few_steps.HELD_OUT_SEED)])


def test_samplers_are_followed_as_far_as_they_need_and_held_against_ddim_s_end():
    knower = Knower()
    rows = few_steps.samplers(3, None, evaluations=(10, 250, 1000), draw=knower)["rows"]
    found = {(row["sampler"], row["evaluations"]): row for row in rows}
    assert set(found) == {("ddpm", 10), ("ddpm", 250), ("ddpm", 1000), ("ddim", 10), ("ddim", 250), ("dpmpp", 10),
                          ("heun", 10)}
    assert ("heun", 3, 5) in knower.asked
    assert [found[name, 10]["spent"] for name in ("ddpm", "ddim", "dpmpp", "heun")] == [10, 10, 10, 9]
    assert found["ddim", 10]["away"][0] == pytest.approx(1 / 10 - 1 / 250)
    assert found["heun", 10]["away"][0] == pytest.approx(1 / 9 - 1 / 250)
    assert found["ddim", 250]["away"] is None
    assert found["ddpm", 1000]["away"] is None
    assert found["ddpm", 10]["accuracy"][0] > 0.95
