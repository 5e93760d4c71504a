"""Section 3: its claims, and the definitions that are its lesson, imported out of the notebook and tested."""

import re
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch

from course_utils.critters import caption
from course_utils.diffusion import attention, guidance, samplers
from course_utils.measure import trajectories
from course_utils.measure.sweeps import guidance as sweeps
from course_utils.measure.sweeps import stored
from tests.notebooks.reading import FOLDER, definitions, outputs

NAME = FOLDER / "03_cfg_vectors"
CLAIM = "application/vnd.course.claim+json"


@pytest.fixture(scope="module")
def lesson():
    names = definitions(NAME.with_suffix(".py"))
    names["PICTURE"] = (-3, -2, -1)
    return names


@pytest.fixture(scope="module")
def claims():
    notebook = nbformat.read(NAME.with_suffix(".ipynb"), as_version=4)
    return [output.data[CLAIM] for output in outputs(notebook) if CLAIM in output.get("data", {})]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def network(z, t, context, return_dict=True):
    """Stands in for the U-Net: what it says depends on all that it is given."""
    noise = 0.9 * z.tanh() * (0.2 + float(t) / 1000) + context.mean((1, 2)).view(-1, 1, 1, 1)
    return SimpleNamespace(sample=noise) if return_dict else (noise,)


def test_each_claim_of_the_section_is_settled_by_one_cell(claims):
    assert [(c["id"], c["part"]) for c in claims] == [
        ("C10", None), ("C11", None), ("C12", "without dropped captions"), ("C12", "the unconditional branch"),
        ("C12", "the prompt as a vector"), ("C13", "any word"), ("C13", "maps show the thing"), ("C13", "swapping"),
        ("C27", "cross-attention")]  # fmt: skip


def test_verdicts_come_with_numbers(claims):
    for claim in claims:
        assert any(ch.isdigit() for ch in claim["number"])
        assert any(ch.isdigit() for ch in claim["sentence"])


def test_that_guidance_needs_dropped_captions_is_not_said_where_it_works_without(claims):
    rows = {row["scale"]: row for row in stored("guidance_nodropout")["facts"]["rows"]}
    (plain, half), (guided, _) = (rows[scale]["accuracy"] for scale in (1.0, 3.0))
    twin = next(claim for claim in claims if claim["part"] == "without dropped captions")
    assert (twin["verdict"] == "holds") == (guided <= plain + half)
    assert ("does not need that" in twin["sentence"]) == (guided > plain + half)


def test_the_twin_is_not_called_a_model_that_never_knew_of_dropped_captions(claims):
    twin = next(claim for claim in claims if claim["part"] == "without dropped captions")
    assert "all else is the model's, which had seen dropped captions" in twin["sentence"]


def test_no_distance_of_a_crowd_is_told_where_seeds_of_a_prompt_are_alike(claims):
    """That of the guidance sweeps' pictures is one of 38 prompts; at w = 0 alone are they independent."""
    told = [(claim["id"], claim["sentence"]) for claim in claims if "Fréchet" in claim["sentence"]]
    assert [name for name, _ in told] == ["C11", "C12"]
    (_, crowd), (_, twin) = told
    assert "one picture for each of" in crowd
    assert f"n = {4 * stored('guidance_scales')['n']} each" in twin
    assert "no floor was measured" in twin


def test_a_map_that_fits_no_better_than_a_box_is_not_said_to_show_the_thing(claims):
    maps = next(claim for claim in claims if claim["part"] == "maps show the thing")
    better = [int(count) for count in re.findall(r"(\d+) at t = ", maps["number"])]
    assert len(better) == 3
    some = "holds within limits" if any(better) else "does not hold"
    assert maps["verdict"] == ("holds" if min(better) >= 3 else some)


def test_being_ahead_of_the_box_by_chance_does_not_count(lesson):
    """Words of no meaning, each for each timestep against the box: at 95 % apiece one of so many would come out."""
    scatter = np.random.default_rng(0).normal(0.5, 0.1, (3, 7, 24))
    lesson.update(spoken=[dict.fromkeys("abcdefg", 0)] * 24, guesses={"centre": np.full(24, 0.5)},
                  fit={t: dict(zip("abcdefg", rows, strict=True)) for t, rows in enumerate(scatter)})  # fmt: skip
    found = [lesson["ahead"](name, t) for t in range(3) for name in "abcdefg"]
    assert not any(one.low > 0 for one in found)
    assert found[0].half_width > 1.3 * lesson["mean_and_interval"](scatter[0, 0]).half_width


def test_dropping_is_not_said_to_bring_what_a_shorter_schooling_may_have_brought(claims):
    twin = next(claim for claim in claims if claim["part"] == "without dropped captions")
    assert "seen together with" in twin["sentence"]
    assert "shorter time may be the reason" in twin["sentence"]
    rows = [stored(name)["facts"]["rows"][1]["frechet"][0] for name in ("guidance_nodropout", "guidance_scales")]
    assert all(f"{value:.3g} ± " in twin["sentence"] for value in rows), "the control, with prompts"


def test_guidance_is_not_said_to_cost_variety_that_was_mistakes(claims):
    facts = stored("guidance_scales")["facts"]
    three, world = (row["diversity"] for row in (facts["rows"][2], facts["renders"]))
    lower = three[0] < world[0] - np.hypot(three[1], world[1])
    claim = next(claim for claim in claims if claim["id"] == "C11")
    assert ("not clearly lower" in claim["sentence"]) == (not lower)
    assert (claim["verdict"] == "holds") <= lower


def test_values_that_are_all_alike_have_no_width_and_shares_have_wilson_s(lesson):
    alike, apart = lesson["mean_and_interval"]([1.0] * 8), lesson["mean_and_interval"]([0.0, 1.0])
    assert lesson["spread"](alike, 100, " %") == "100 % (all 8 alike)"
    assert lesson["spread"](apart, unit=" m") == "0.5 ± 6.4 m"
    assert lesson["told"]({"accuracy": [0.979, 0.008], "n": 38}, "accuracy", 100) == "97.9 ± 0.8"
    assert lesson["share_of"]({"scaly": [1.0, 0.0], "n": 16}, "scaly", " %") == "100 % [80.6, 100]"


def test_a_direction_that_works_only_in_part_is_not_said_to_hold(claims):
    rows = {row["name"]: row["scaly"][0] for row in stored("prompt_arithmetic")["facts"]["rows"]}
    vector = next(claim for claim in claims if claim["part"] == "the prompt as a vector")
    assert (vector["verdict"] == "holds") == (min(rows["other word order"], rows["one vector for all"]) > 0.9)


@pytest.mark.parametrize("w", [0.0, 0.5, 1.0, 3.0, 15.0])
def test_the_three_lines_are_the_library_s_sum(lesson, w):
    lesson["unet"] = network
    z, words, nothing = random(2, 4, 8, 8), random(2, 5, 3, seed=1), random(2, 5, 3, seed=2)
    expected = samplers.with_guidance(network, words, nothing, w)(z, 500)
    torch.testing.assert_close(lesson["guided"](z, 500, words, nothing, w), expected)


def test_scales_may_differ_within_a_batch(lesson):
    lesson["unet"] = network
    z, words, nothing = random(1, 4, 8, 8), random(1, 5, 3, seed=1), random(1, 5, 3, seed=2)
    together = lesson["sampled"](z.expand(2, -1, -1, -1), words.expand(2, -1, -1), nothing.expand(2, -1, -1),
                                 torch.tensor([0.0, 4.0]).view(-1, 1, 1, 1), steps=5)  # fmt: skip
    for row, w in zip(together, (0.0, 4.0), strict=True):
        torch.testing.assert_close(row[None], lesson["sampled"](z, words, nothing, w, steps=5))


def test_the_arrows_are_those_of_the_sampled_path(lesson):
    lesson["unet"] = network
    z, words, nothing = random(2, 4, 8, 8), random(2, 5, 3, seed=1), random(2, 5, 3, seed=2)
    pairs, times = lesson["arrows"](z, words, nothing, 3.0)
    assert (pairs.shape, times[0]) == ((25, 2, 2, 4, 8, 8), 999)
    torch.testing.assert_close(pairs[0, 0], network(z, 999, nothing).sample)
    torch.testing.assert_close(pairs[0, 1], network(z, 999, words).sample)
    assert not torch.equal(pairs[1, 1], pairs[0, 1])


def test_lengths_and_angles(lesson):
    a = torch.ones(1, 4, 2, 2)
    b = a * torch.tensor([1.0, -1.0]).view(1, 1, 1, 2)
    assert lesson["length"](3 * a).item() == pytest.approx(3)
    assert lesson["degrees"](a, b).item() == pytest.approx(90)
    assert lesson["degrees"](a, a + b).item() == pytest.approx(45)
    x, y = random(2, 4, 8, 8), random(2, 4, 8, 8, seed=1)
    torch.testing.assert_close(lesson["degrees"](x, y), trajectories.angle(x, y).rad2deg().float(), rtol=1e-3, atol=0)


def test_the_plane_keeps_lengths_and_angles(lesson):
    a, b = random(1, 4, 8, 8), random(1, 4, 8, 8, seed=1)
    x, y = lesson["in_plane"](a[0], b[0])
    assert np.hypot(x, y) == pytest.approx(b.norm().item(), rel=1e-5)
    assert trajectories.in_their_plane(a, b)[0, 1].tolist() == pytest.approx([x, y], rel=1e-4)


def test_the_repairs_are_the_library_s(lesson):
    guided, conditional = 2 * random(3, 4, 8, 8), random(3, 4, 8, 8, seed=1)
    torch.testing.assert_close(lesson["rescaled"](guided, conditional), guidance.rescaled(guided, conditional))
    full = lesson["rescaled"](guided, conditional, share=1.0)
    torch.testing.assert_close(full.std((1, 2, 3)), conditional.std((1, 2, 3)))
    for t in (0, 200, 201, 700, 701, 999):
        assert lesson["scale_within"](t, 7.5) == guidance.scale_at(t, 7.5, (200, 700))


def test_attention_is_what_a_stock_layer_computes(lesson):
    from diffusers.models.attention_processor import Attention

    torch.manual_seed(0)
    layer = Attention(query_dim=12, cross_attention_dim=6, heads=3, dim_head=4)
    places, words = random(2, 10, 12), random(2, 5, 6, seed=1)
    maps, said = lesson["attention"](layer, places, words)
    torch.testing.assert_close(said, layer(places, words), rtol=1e-4, atol=1e-5)
    assert maps.shape == (2, 3, 10, 5)
    torch.testing.assert_close(maps.sum(-1), torch.ones(2, 3, 10))


def test_keeping_maps_is_prompt_to_prompt(lesson):
    maps = random(8, 2, 3, 5)
    kept = lesson["keep_maps"](maps)
    assert torch.equal(kept, attention.keep_first(maps))
    assert torch.equal(kept[6:], maps[4:6])
    assert torch.equal(kept[:4], maps[:4])


def test_prompts_that_leave_the_texture_open_read_well():
    for cat in sweeps.cats(12):
        assert sweeps.untold(cat) == caption(cat).replace("fluffy ", "")
        assert "fluffy" not in sweeps.untold(cat)
