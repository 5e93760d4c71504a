"""Section 1: its claims, and the definitions that are its lesson, imported out of the notebook and tested."""

import math

import nbformat
import numpy as np
import pytest
import torch

from tests.notebooks.reading import FOLDER, definitions, outputs

NAME = FOLDER / "01_vae_compression"
CLAIM = "application/vnd.course.claim+json"


@pytest.fixture(scope="module")
def lesson():
    return definitions(NAME.with_suffix(".py"))


@pytest.fixture(scope="module")
def claims():
    notebook = nbformat.read(NAME.with_suffix(".ipynb"), as_version=4)
    return [output.data[CLAIM] for output in outputs(notebook) if CLAIM in output.get("data", {})]


def test_each_claim_of_the_section_is_settled_by_one_cell(claims):
    assert [(c["id"], c["part"]) for c in claims] == [
        ("C01", None), ("C02", "numbers"), ("C02", "smaller files"), ("C03", None), ("C04", "cost"),
        ("C04", "training"), ("C05", "locality"),
    ]  # fmt: skip


def test_verdicts_come_with_numbers(claims):
    for claim in claims:
        assert claim["verdict"] in ("holds", "holds within limits", "does not hold")
        assert any(ch.isdigit() for ch in claim["number"])
        assert any(ch.isdigit() for ch in claim["sentence"])


def test_the_shipped_vae_lets_the_claims_hold_at_least_within_limits(claims):
    assert {c["id"]: c["verdict"] for c in claims if c["verdict"] == "does not hold"} == {}


def test_kl_is_the_textbook_divergence(lesson):
    torch.manual_seed(0)
    mean, log_variance = torch.randn(5, 4, 2, 2), torch.randn(5, 4, 2, 2)
    q = torch.distributions.Normal(mean, (log_variance / 2).exp())
    p = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    expected = torch.distributions.kl_divergence(q, p).flatten(1).sum(1)
    torch.testing.assert_close(lesson["kl"](mean, log_variance), expected)


def test_kl_of_the_prior_itself_is_nothing(lesson):
    assert lesson["kl"](torch.zeros(3, 4), torch.zeros(3, 4)).tolist() == [0, 0, 0]


def test_a_nat_is_one_over_ln_2_bits(lesson):
    assert lesson["bits"](math.log(2)) == pytest.approx(1)


def test_reparameterised_samples_have_mean_and_spread(lesson):
    torch.manual_seed(0)
    z = lesson["reparameterise"](torch.full((100_000,), 3.0), torch.full((100_000,), math.log(4.0)))
    assert z.mean() == pytest.approx(3, abs=0.03)
    assert z.std() == pytest.approx(2, abs=0.03)


def test_gradients_pass_through_a_sample(lesson):
    mean, log_variance = torch.zeros(6, requires_grad=True), torch.zeros(6, requires_grad=True)
    torch.manual_seed(0)
    z = lesson["reparameterise"](mean, log_variance)
    z.sum().backward()
    torch.testing.assert_close(mean.grad, torch.ones(6))
    torch.testing.assert_close(log_variance.grad, z.detach() / 2)


def test_quantising_errs_by_half_a_step_at_most(lesson):
    torch.manual_seed(0)
    latents = torch.randn(1000)
    levels = lesson["quantise"](latents, 0.25)
    assert (levels == levels.round()).all()
    assert (lesson["dequantise"](levels, 0.25) - latents).abs().max() <= 0.125 + 1e-6


def test_blocks_and_back(lesson):
    pictures = np.random.default_rng(0).integers(0, 256, (2, 128, 128, 3), dtype=np.uint8)
    assert lesson["blocks"](pictures).shape == (2 * 256, 192)
    assert (lesson["from_blocks"](lesson["blocks"](pictures)) == pictures).all()


def test_tiny_vae_is_the_exchange_rate_of_stable_diffusion(lesson):
    reconstruction, mean, log_variance = lesson["TinyVAE"]()(torch.randn(7, 192))
    assert reconstruction.shape == (7, 192)
    assert mean.shape == log_variance.shape == (7, 4)
    assert 192 / 4 == 48


def test_half_lost_reads_off_the_crossing(lesson):
    frequency = np.array([0.1, 0.2, 0.3])
    assert lesson["half_lost"]((frequency, np.array([0.0, 0.6, 0.4]))) == 0.2
    assert lesson["half_lost"]((frequency, np.array([0.0, 0.1, 0.2]))) == 0.3
