"""Section 2: its claims, and the definitions that are its lesson, imported out of the notebook and tested."""

import nbformat
import numpy as np
import pytest
import torch

from course_utils.diffusion import interpolation, inversion, samplers
from course_utils.measure.sweeps import paths
from course_utils.measure.sweeps import stored as sweep
from tests.notebooks.reading import FOLDER, definitions, outputs

NAME = FOLDER / "02_latent_vs_clip"
CLAIM = "application/vnd.course.claim+json"


@pytest.fixture(scope="module")
def lesson():
    names = definitions(NAME.with_suffix(".py"))
    levels = names["alphas_bar"]().tolist()
    names.update(LEVELS=dict(enumerate(levels)) | {None: 1.0}, STEPS=names["trailing"](25))
    return names


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NAME.with_suffix(".ipynb"), as_version=4)


@pytest.fixture(scope="module")
def claims(notebook):
    return [output.data[CLAIM] for output in outputs(notebook) if CLAIM in output.get("data", {})]


class Draw:
    """Stands in for the generator: noise predicted by a network of one layer, the same for all words."""

    def predictor(self, words, guidance_scale):
        assert guidance_scale == 1
        return lambda z, t: 0.9 * z.tanh() * (0.2 + t / 1000)


def test_each_claim_of_the_section_is_settled_by_one_cell(claims):
    assert [(c["id"], c["part"]) for c in claims] == [
        ("C05", "meaning"), ("C06", None), ("C07", None), ("C08", None), ("C09", None)]  # fmt: skip


def test_verdicts_come_with_numbers(claims):
    for claim in claims:
        assert any(ch.isdigit() for ch in claim["number"])
        assert any(ch.isdigit() for ch in claim["sentence"])


def test_where_the_change_jumps_the_verdict_says_so(claims):
    by_id = {claim["id"]: claim for claim in claims}
    assert by_id["C07"]["verdict"] == "holds within limits"
    facts = sweep("dog_fox_cat")["facts"]
    leaps = np.array(facts["closer"]) > 0.5
    assert (by_id["C08"]["verdict"] == "holds") <= (np.mean(facts["jump"]) < 0.25 and not leaps.any())
    assert (by_id["C08"]["verdict"] == "does not hold") == leaps.all()
    assert f"{leaps.sum()} of {leaps.size} legs jump" in by_id["C08"]["number"]


def test_what_morph_tools_do_is_measured(claims):
    """Noise and words at once, guided, from true noise: neither of the two ways that switch."""
    ways = sweep("four_paths")["facts"]["ways"]
    claim = next(claim for claim in claims if claim["id"] == "C07")
    assert f"noise and words {np.mean(ways['noise and words']['ghost'], axis=0)[4]:.3f}" in claim["number"]
    assert np.mean(ways["noise and words"]["jump"]) < np.mean(ways["noise"]["jump"])


def test_shares_come_with_wilson_s_interval(lesson):
    assert lesson["share_of"](1.0, 16, " %") == "100 % [80.6, 100]"
    assert lesson["share_of"](0.0, 16) == "0 [0, 19.4]"


def test_the_arc_in_the_text_is_the_library_s(lesson):
    a, b = torch.randn(2, 1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    for t in (0.0, 0.3, 1.0):
        torch.testing.assert_close(lesson["slerp"](a, b, torch.tensor(t)), interpolation.slerp(a, b, t),
                                   rtol=1e-4, atol=1e-5)  # fmt: skip


def test_a_way_has_both_its_ends(lesson):
    a, b = torch.zeros(1, 2), torch.ones(1, 2)
    assert lesson["along"](a, b, points=5)[:, 0].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert lesson["along"](a, b, lesson["switch"], points=7)[:, 0].tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_purity_is_one_for_clusters_and_chance_for_none(lesson):
    rng = np.random.default_rng(0)
    words = np.array(["a", "b"] * 200)
    apart = np.where(words == "a", 5.0, -5.0)[:, None] + rng.normal(size=(400, 3))
    assert lesson["purity"](apart, words, "euclidean") == 1
    assert lesson["purity"](rng.normal(size=(400, 3)), words, "euclidean") == pytest.approx(0.5, abs=0.05)


def test_a_step_back_undoes_a_step(lesson):
    z, epsilon = torch.randn(2, 1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    there = lesson["step"](z, epsilon, 39, 79)
    torch.testing.assert_close(lesson["step"](there, epsilon, 79, 39), z, rtol=1e-4, atol=1e-5)


def test_inversion_is_the_library_s_and_comes_back(lesson):
    lesson["draw"] = Draw()
    code = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    predict = Draw().predictor(None, 1)
    noise = lesson["invert"](code, None)
    torch.testing.assert_close(noise, inversion.invert(predict, code, lesson["STEPS"], corrections=2),
                               rtol=1e-3, atol=1e-4)  # fmt: skip
    back = lesson["denoise"](noise, None)
    torch.testing.assert_close(back, samplers.ddim(predict, noise, lesson["STEPS"]), rtol=1e-3, atol=1e-4)
    assert (back - code).norm() / code.norm() < 0.05


def test_places_are_the_demo_s(lesson):
    corners = torch.randn(2, 2, 24, 8, generator=torch.Generator().manual_seed(0))
    for x, y in ((0, 0), (0.2, 0.7), (1, 1)):
        torch.testing.assert_close(lesson["place"](corners, x, y), paths.on_plane(corners, x, y))


def test_the_map_carries_a_picture_for_every_point(notebook):
    pages = [o.data["text/html"] for o in outputs(notebook) if "spaces-map" in o.get("data", {}).get("text/html", "")]
    assert len(pages) == 1
    assert pages[0].count("data:image/webp;base64,") == 400
    assert "plotly_hover" in pages[0]
