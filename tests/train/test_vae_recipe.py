import hashlib

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL

from course_utils.models.weights import FOLDER
from course_utils.train import vae
from course_utils.train.adversary import Adversary, PatchDiscriminator
from course_utils.train.common import read_log

TINY = ["--scenes", "16", "--batch", "2", "--every", "3", "--precision", "no", "--widths", "8", "8", "8", "8",
        "--leaves", "4"]


def train(folder, *more):
    vae.main(["--out", str(folder), "--cache", str(folder.parent / "cache"), *TINY, *more])
    return [{k: v for k, v in row.items() if k != "seconds"} for row in read_log(folder / "log.csv")]


def shipped():
    return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(FOLDER.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "vae"
    before = shipped()
    return folder, train(folder, "--steps", "12"), before


def test_the_loss_falls(run):
    _, curve, _ = run
    assert [row["step"] for row in curve] == [3, 6, 9, 12]
    assert curve[2]["loss"] < curve[0]["loss"]  # the last rows see whole pictures


def test_the_shipped_weights_are_not_touched(run):
    assert shipped() == run[2]


def test_what_it_writes_loads_as_the_stock_class(run):
    folder = run[0] / "model"
    loaded = AutoencoderKL.from_pretrained(folder, local_files_only=True)
    assert loaded.config.scaling_factor > 0
    assert loaded.config.mid_block_add_attention is False
    latent = loaded.encode(torch.zeros(1, 3, 128, 128, dtype=loaded.dtype)).latent_dist.mean
    assert latent.shape == (1, 4, 16, 16)
    assert "/" not in str(loaded.config.get("_name_or_path", "")).removeprefix(str(folder))


def test_a_run_that_was_killed_goes_on_to_the_identical_curve(run, tmp_path, monkeypatch):
    keep = vae.common.Run.keep

    def killed(self, step, **numbers):
        keep(self, step, **numbers)
        if step == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(vae.common.Run, "keep", killed)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "vae", "--steps", "12")
    monkeypatch.setattr(vae.common.Run, "keep", keep)
    assert train(tmp_path / "vae", "--steps", "12") == run[1]


def test_the_discriminator_is_resumed_with_all_that_it_has_learnt(tmp_path, monkeypatch):
    more, keep = ("--steps", "12", "--adversarial", "0.1"), vae.common.Run.keep
    whole = train(tmp_path / "whole", *more)

    def killed(self, step, **numbers):
        keep(self, step, **numbers)
        if step == 8:  # in the second half, in which it speaks
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(vae.common.Run, "keep", killed)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "cut", *more)
    assert train(tmp_path / "cut", *more) == whole


def test_a_fresh_network_has_four_levels_and_no_attention():
    assert not any(type(module).__name__ == "Attention" for module in vae.network().modules())
    with torch.no_grad():
        assert vae.network().encode(torch.zeros(1, 3, 64, 96)).latent_dist.mean.shape == (1, 4, 8, 12)


def test_reparameterisation_adds_noise_in_the_posteriors_measure():
    torch.manual_seed(0)
    codec = vae.Codec(vae.network((8, 8, 8, 8))).eval()
    x = torch.rand(1, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        still, mean, _ = codec(x, torch.zeros(1, 4, 8, 8))
        assert torch.allclose(still, codec.vae.decode(mean).sample)
        assert not torch.allclose(still, codec(x, torch.ones(1, 4, 8, 8))[0])


def test_kl_is_nought_for_the_standard_normal_and_known_elsewhere():
    zeros = torch.zeros(1, 4, 2, 2)
    assert vae.kl(zeros, zeros) == 0
    assert vae.kl(zeros + 2, zeros).item() == pytest.approx(2)  # half of the squared mean
    assert vae.kl(zeros, zeros + 2 * np.log(3)).item() == pytest.approx(0.5 * (9 - 1) - np.log(3), rel=1e-5)


def test_the_loss_is_nought_for_equals_and_counts_detail_more():
    x = torch.zeros(1, 3, 32, 32)
    assert vae.picture_loss(x, x) == 0
    busy = ((torch.arange(32)[:, None] + torch.arange(32)) % 2 * 2.0 - 1).expand(1, 3, 32, 32)
    assert vae.picture_loss(busy, busy + 0.1) > vae.picture_loss(x, x + 0.1)
    assert vae.picture_loss(x, x + 0.1, squared=12) > vae.picture_loss(x, x + 0.1)


def test_a_cast_costs_more_than_a_grain_of_the_same_size():
    x = torch.zeros(1, 3, 32, 32)
    sign = (torch.arange(32)[:, None] + torch.arange(32)) % 2 * 2.0 - 1
    same = 2.0 * 0.1**2
    cast = vae.picture_loss(x, x + 0.1, squared=2.0) - vae.picture_loss(x, x + 0.1, squared=0.0)
    grain = vae.picture_loss(x, x + 0.1 * sign, squared=2.0) - vae.picture_loss(x, x + 0.1 * sign, squared=0.0)
    assert grain.item() == pytest.approx(same, rel=1e-4)
    assert cast.item() == pytest.approx(5 * same, rel=1e-4)


def test_the_last_steps_see_whole_scenes_or_large_photographs():
    mixture = vae.Mixture(np.zeros((3, 128, 128, 3), np.uint8), photographic=0.5, leaves=0)
    sizes = {vae.whole_pictures(mixture, np.random.default_rng(seed), 12).shape for seed in range(12)}
    assert sizes == {(3, 128, 128, 3), (1, 224, 224, 3)}


def test_plain_ground_weighs_one():
    assert torch.allclose(vae.detail_weight(torch.full((1, 3, 16, 16), 0.3)), torch.ones(1, 1, 16, 16))


def test_gradients_are_differences_to_the_right_and_below():
    ramp = torch.arange(4.0).expand(1, 1, 4, 4)
    across, down = vae.gradient(ramp).chunk(2, dim=1)
    assert across[0, 0, 0].tolist() == [1, 1, 1, 0]
    assert down.abs().sum() == 0


def test_psnr_of_a_known_error():
    x = torch.zeros(2, 3, 8, 8)
    assert vae.psnr(x, x + 0.2).item() == pytest.approx(20)  # a tenth of the range of two


def test_the_scaling_factor_makes_latents_of_variance_one():
    torch.manual_seed(0)
    network = vae.network((8, 8, 8, 8)).eval()
    scenes = np.random.default_rng(0).integers(0, 256, (8, 128, 128, 3), dtype=np.uint8)
    factor = vae.scaling_factor(network, scenes)
    with torch.no_grad():
        posterior = network.encode(vae.to_tensor(scenes)).latent_dist
        assert (posterior.sample(torch.Generator().manual_seed(1)) * factor).std().item() == pytest.approx(1, abs=0.02)


def test_the_discriminator_learns_to_tell_two_pictures_apart():
    options = type("Options", (), {"steps": 40})()
    torch.manual_seed(0)
    adversary = Adversary(options)
    real, fake = torch.ones(2, 3, 32, 32) * 0.5, torch.zeros(2, 3, 32, 32)
    assert adversary.generator_loss(real, fake, step=0) == 0
    for step in range(40):
        loss = adversary.generator_loss(real, fake.clone().requires_grad_(), step)
    assert loss.requires_grad
    assert adversary.net(real)[0].mean() > adversary.net(fake)[0].mean()
    scores, features = PatchDiscriminator()(real)
    assert scores.shape == (2, 1, 8, 8)
    assert len(features) == 3
