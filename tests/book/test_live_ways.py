"""Two spaces and the steps in a real browser: what each control changes, link and code, nothing asked of others."""

import numpy as np
import pytest

from course_utils.demos import export
from tests.book.alone import psnr

pytestmark = pytest.mark.browser

SHEET = """name => { const host = document.querySelector(`[data-demo=${name}]`);
  return [...host.querySelectorAll('.demo-picture')].map(canvas =>
    [...canvas.getContext('2d').getImageData(0, 0, 128, 128).data]); }"""


def pictures(one):
    """All pictures of a demo, from left to right."""
    return np.array(one.page.evaluate(SHEET, one.name), np.uint8).reshape(-1, 128, 128, 4)[..., :3]


def test_all_ways_meet_at_an_animal_and_part_half_way(alone):
    one = alone("spaces", "#spaces?t=0").wait()
    codes, noise, words, back = pictures(one)
    assert (codes == noise).all()
    assert (codes == words).all()
    assert psnr(codes, back) < 60  # the teacher's own, there and back
    one.act(lambda: one.host.get_by_label("from the first to the second", exact=True).fill("0.5"))
    half = pictures(one)
    assert min(psnr(half[j], half[k]) for j in range(4) for k in range(j)) < 25
    assert "At 0.50 of the way the critic sees, latents blended: a" in one.says()
    assert "student in 2 evaluations, the last by the teacher in 25" in one.says()
    assert one.outside == one.errors == []


def test_every_exported_model_draws_from_the_same_noise(alone):
    one = alone("steps", "#steps?evaluations=2").wait()
    count = sum(name in (export.BASE, *export.students()) for name in export.index())
    assert len(pictures(one)) == count == one.host.locator(".demo-path").count()
    assert one.says().startswith("With 2 network evaluations from the same noise. teacher: ")
    before = pictures(one)
    one.act(lambda: one.host.get_by_label("network evaluations", exact=True).fill("0"))
    assert one.says().startswith("With 1 network evaluation from")
    assert all((a != b).any() for a, b in zip(before, pictures(one), strict=True))
    shown, code = one.copied()
    assert code.count('": {"steps": 1, "guidance_scale": 1}') == count
    for k, picture in enumerate(np.split(shown, count, axis=1)):
        assert psnr(picture, pictures(one)[k]) > 25
    assert one.outside == one.errors == []
