"""The demo: its computation, its widget under the keyboard's values, its poster where no kernel answers."""

import base64
import io
import re

import ipywidgets as widgets
import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from PIL import Image

from course_utils.demos import Nudge, base, nudge

PICTURE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
WIDE = np.random.default_rng(1).integers(0, 256, (64, 96, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def vae():
    """Untrained, and convolutional: enough for what is tested here."""
    torch.manual_seed(0)
    return AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=[8] * 4, norm_num_groups=4, mid_block_add_attention=False,
    ).eval()  # fmt: skip


@pytest.fixture
def demo(vae):
    return Nudge(vae, {"noise": PICTURE, "wide": WIDE}, row=3, column=4)


def test_no_nudge_changes_nothing(vae):
    state = nudge.nudge(vae, nudge.encode(vae, PICTURE), 3, 4, channel=0, amount=0.0)
    assert (state.before == state.after).all()
    assert np.isnan(state.share)


def test_a_nudge_changes_the_neighbourhood_most(vae):
    state = nudge.nudge(vae, nudge.encode(vae, PICTURE), 3, 4, channel=1, amount=20.0)
    change = np.abs(state.after.astype(float) - state.before).sum(axis=2)
    assert change[16:40, 24:48].mean() > 1.5 * change.mean()
    assert 9 / 64 < state.share <= 1


@pytest.mark.parametrize("where", [(8, 0, 0), (0, 8, 0), (0, 0, 4), (-1, 0, 0)])
def test_a_cell_outside_is_refused(vae, where):
    with pytest.raises(IndexError, match="4 channels, 8 rows, 8 columns"):
        nudge.nudge(vae, nudge.encode(vae, PICTURE), *where, amount=1.0)


def test_a_demo_without_pictures_is_refused(vae):
    with pytest.raises(ValueError, match="at least one picture"):
        Nudge(vae, {}, row=0, column=0)


def test_moving_a_control_changes_picture_and_sentence(demo):
    before = demo.image.value, demo.status.value
    demo.controls["amount"].value = -5.0
    assert demo.image.value != before[0]
    assert demo.status.value != before[1]
    demo.controls["amount"].value = 0.0
    assert "no change" in demo.status.value


def test_controls_are_native_labelled_and_within_the_latent(demo):
    kinds = {name: type(control) for name, control in demo.controls.items()}
    assert kinds == {"picture": widgets.Dropdown, "row": widgets.IntSlider, "column": widgets.IntSlider,
                     "channel": widgets.IntSlider, "amount": widgets.FloatSlider}  # fmt: skip
    assert all(control.description for control in demo.controls.values())
    assert [demo.controls[name].max for name in ("row", "column", "channel")] == [7, 7, 3]


def test_sliders_follow_the_size_of_the_picture(demo):
    demo.controls["picture"].value = "wide"
    assert demo.controls["column"].max == 11
    demo.controls["column"].value = 11
    demo.controls["picture"].value = "noise"
    assert demo.controls["column"].value == demo.controls["column"].max == 7


def test_results_are_told_to_screen_readers(demo):
    assert 'role="status"' in demo.status.value
    assert 'aria-live="polite"' in demo.status.value


def test_the_static_page_gets_a_real_picture_described_and_no_other_host(demo):
    html = demo._repr_mimebundle_()["text/html"]
    source = re.search(r'src="data:image/png;base64,([^"]+)"', html)[1]
    assert Image.open(io.BytesIO(base64.b64decode(source))).size[0] == 3 * 256
    assert 'alt="Demo. Three views of noise' in html
    assert "Run this notebook" in html
    assert "http" not in html


def test_a_kernel_gets_the_widget(demo):
    bundle = demo._repr_mimebundle_()
    assert bundle[base.WIDGET]["model_id"] == demo.widget.model_id


def test_colab_gets_the_widget_only(demo, monkeypatch):
    monkeypatch.setattr(base, "on_colab", lambda: True)
    assert "text/html" not in demo._repr_mimebundle_()


@pytest.mark.parametrize("method", ["poster_png", "alt", "caption"])
def test_a_demo_must_describe_itself(method):
    with pytest.raises(NotImplementedError):
        getattr(base.Demo(), method)()
