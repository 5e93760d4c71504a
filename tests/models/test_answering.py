"""A network that computes elsewhere, or in another format, answers where and as it is asked."""

import copy

import pytest
import torch
from diffusers import ControlNetModel, UNet2DConditionModel

from course_utils.models.answering import answering


@pytest.fixture
def unet():
    torch.manual_seed(0)
    return UNet2DConditionModel(sample_size=8, in_channels=4, out_channels=4, block_out_channels=(8, 16),
                                layers_per_block=1, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                                up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=16,
                                attention_head_dim=4, norm_num_groups=4).requires_grad_(False)  # fmt: skip


def asked():
    draw = torch.Generator().manual_seed(1)
    return torch.randn(2, 4, 8, 8, generator=draw), torch.tensor([5, 900]), torch.randn(2, 3, 16, generator=draw)


def test_double_weights_answer_single_questions(unet):
    plain = unet(*asked()).sample
    other = answering(copy.deepcopy(unet).double())
    for answer in (other(*asked()).sample, other(*asked(), return_dict=False)[0]):
        assert answer.dtype == torch.float32
        torch.testing.assert_close(answer, plain, rtol=1e-3, atol=1e-4)
    assert other(asked()[0].double(), *asked()[1:]).sample.dtype == torch.float64  # as it was asked


def test_lists_keywords_and_gradients_pass(unet):
    control = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(4, 4, 4, 4)).double()
    torch.nn.init.normal_(control.controlnet_mid_block.weight)
    control, base = answering(control), answering(unet.double())
    z, t, words = asked()
    down, middle = control(z, t, words, torch.rand(2, 3, 64, 64), 1.0, return_dict=False)
    assert {x.dtype for x in (*down, middle)} == {torch.float32}
    said = base(z, t, words, down_block_additional_residuals=down, mid_block_additional_residual=middle).sample
    said.square().mean().backward()
    assert control.controlnet_mid_block.weight.grad.abs().max() > 0


def test_what_belongs_there_is_not_touched(unet):
    expected = unet(*asked()).sample
    assert answering(unet)(*asked()).sample.equal(expected)


def test_a_copy_answers_by_its_own_weights(unet):
    answering(unet)
    assert copy.deepcopy(unet).double()(*asked()).sample.dtype == torch.float32


def test_tokens_hold_no_floats_and_are_answered_in_the_networks_format():
    """The text side of Stable Diffusion's CLIP, on a GPU, is asked with nothing but tokens."""
    network = answering(torch.nn.Embedding(7, 3).double())
    answer = network(torch.tensor([[1, 6]]))
    assert (answer.dtype, answer.shape) == (torch.float64, (1, 2, 3))
