import json

import pytest
import torch

from course_utils.measure import budget
from course_utils.measure.budget import CASES, SETTINGS, Case, peaks, verdicts

WEIGHTS = {"text": 2e9, "denoiser": 4e9, "vae": 1e9}


def test_the_sum_is_weights_and_the_larger_peak():
    found = peaks(WEIGHTS, step=1e9, decode=3e9, tile=0.5e9)
    assert found["all on the GPU"] == 7e9 + 3e9 + budget.ALLOWANCE
    assert found["decoding in tiles"] == 7e9 + 1e9 + budget.ALLOWANCE
    assert found["parts take turns"] == 4e9 + 1e9 + budget.ALLOWANCE


def test_the_mildest_setting_that_fits_is_named():
    found = dict(zip(SETTINGS, (16e9, 9e9, 7e9), strict=True))
    assert verdicts(found) == {"T4, 15 GB": "decoding in tiles", "8 GB": "parts take turns"}
    assert verdicts(dict.fromkeys(SETTINGS, 20e9)) == dict.fromkeys(budget.CARDS, "does not fit")


def test_a_controlnet_stands_beside_its_base_and_a_lora_is_merged_into_it():
    base = budget.weights_bytes(Case("text_to_image", "sd15", "", 512))
    controlled = budget.weights_bytes(Case("controlnet", "sd15", "", 512, "edge"))
    assert controlled["denoiser"] - base["denoiser"] == pytest.approx(2 * 361_279_120)
    assert budget.weights_bytes(Case("lcm", "sd15", "", 512)) == base


def test_guidance_takes_two_passes_at_once():
    one = budget.step_bytes(Case("lcm", "sd15", "5", 256))
    two = budget.step_bytes(Case("text_to_image", "sd15", "2", 256))
    assert 1.9 < two / one < 2.1


def test_decoding_grows_with_the_area():
    small, large = (budget.decode_bytes("sd15", side) for side in (128, 256))
    assert 3.5 < large / small < 4.5


def test_what_is_written_is_what_is_computed_and_covers_every_case():
    written = json.loads(budget.FILE.read_text(encoding="utf-8"))
    assert [(r["scale"], r["role"], r["side"]) for r in written["rows"]] == [(c.scale, c.role, c.side) for c in CASES]
    for found, case in zip(written["rows"], CASES, strict=True):
        assert found["weights"] == budget.rounded(budget.weights_bytes(case))
        known = [1e6 * found[name] for name in ("step", "decode", "decode_tile")]
        again = peaks(budget.weights_bytes(case), *known)
        assert found["fits"] == verdicts(again)
        assert found["peaks"] == pytest.approx(budget.rounded(again), abs=3)
    first = written["rows"][0]
    assert first["decode_tile"] == round(budget.decode_bytes("sd15", 256) / 1e6)


def test_the_network_takes_the_format_of_the_gpu():
    chosen = budget.entry("preview", "sd15")
    assert {p.dtype for p in budget.in_format(budget.on_meta(chosen.config), chosen).parameters()} == {torch.float16}
