"""The demo: its computation, its widget under the keyboard's values, its poster where no kernel answers."""

import base64
import io
import re

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


def test_it_begins_with_one_number_nudged(demo):
    assert (demo.scene, demo.edits, demo.brush, demo.bits) == ("noise", "0.3.4=4", 4.0, 16)
    assert "% of the change lies in the cell's own" in demo.sentence()


def test_the_page_is_given_the_pictures_of_the_notebook(demo):
    assert demo.demo == "zip"
    assert demo.pictures == ["noise", "wide"]
    assert (np.asarray(Image.open(io.BytesIO(demo.shown("wide")))) == WIDE).all()
    with pytest.raises(FileNotFoundError, match="there are: noise, wide"):
        demo.shown("other")


def test_the_static_page_gets_a_real_picture_described_and_no_other_host(demo):
    html = demo._repr_mimebundle_()["text/html"]
    source = re.search(r'src="data:image/webp;base64,([^"]+)"', html)[1]
    assert Image.open(io.BytesIO(base64.b64decode(source))).size[0] == 3 * 256
    assert 'alt="Demo. Three views of noise' in html
    assert "Run this notebook" in html
    assert "http" not in html


def test_a_kernel_gets_the_widget(demo):
    bundle = demo._repr_mimebundle_()
    assert bundle[base.WIDGET]["model_id"] == demo.widget.model_id


@pytest.mark.parametrize("method", ["poster_png", "alt", "caption"])
def test_a_demo_must_describe_itself(method):
    with pytest.raises(NotImplementedError):
        getattr(base.Demo(), method)()
