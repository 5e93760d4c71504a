import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny
from torch.utils.flop_counter import FlopCounterMode

from course_utils.models.images import to_array
from course_utils.train import common, latents, preview, vae
from course_utils.train.common import read_log


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder with an untrained autoencoder."""
    folder = tmp_path_factory.mktemp("preview")
    torch.manual_seed(0)
    codec = vae.network((8, 8, 8, 8))
    codec.register_to_config(scaling_factor=2.0)
    codec.save_pretrained(folder / "vae")
    return folder


def run(folder, name, *more):
    preview.main(["--smoke", "--vae", str(folder / "vae"), "--out", str(folder / name), "--cache",
                  str(folder / "cache"), "--precision", "no", "--width", "8", *more])
    return [{**row, "seconds": 0} for row in read_log(folder / name / "log.csv")]


@pytest.fixture(scope="module")
def whole(tiny):
    return run(tiny, "whole")


def test_the_loss_falls_and_the_pictures_come_closer(whole):
    assert [row["step"] for row in whole] == [4, 8]
    assert whole[1]["loss"] < whole[0]["loss"]
    assert whole[1]["to_vae"] > whole[0]["to_vae"]
    assert whole[1]["vae_to_render"] == whole[0]["vae_to_render"]  # the teacher stands still


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tiny, whole, monkeypatch):
    class KilledError(RuntimeError):
        pass

    original = common.Run.learn

    def learn(self, loss, step):
        if step == 6:
            raise KilledError
        original(self, loss, step)

    with monkeypatch.context() as patch:
        patch.setattr(common.Run, "learn", learn)
        with pytest.raises(KilledError):
            run(tiny, "killed")
    assert run(tiny, "killed") == whole


def test_what_it_writes_loads_as_the_stock_class_and_takes_scaled_latents(tiny, whole):
    loaded, unknown = AutoencoderTiny.from_config(
        AutoencoderTiny.load_config(tiny / "whole/model", local_files_only=True), return_unused_kwargs=True)
    assert "block_out_channels" not in unknown  # diffusers would warn of them, in every notebook
    loaded = AutoencoderTiny.from_pretrained(tiny / "whole/model", local_files_only=True)
    assert loaded.config.scaling_factor == 1.0
    z = torch.zeros(2, 4, 16, 16, dtype=loaded.dtype)
    assert loaded.decode(z).sample.shape == (2, 3, 128, 128)
    assert loaded.encode(torch.zeros(2, 3, 128, 128, dtype=loaded.dtype)).latents.shape == z.shape


def test_the_teachers_pictures_are_decoded_once(tiny, tmp_path):
    codec = latents.autoencoder(tiny / "vae", "cpu")
    z = torch.randn(3, 4, 16, 16, generator=torch.Generator().manual_seed(0)).half()
    made = preview.decoded(codec, z, tmp_path / "decoded.npy")
    with torch.inference_mode():
        own = to_array(codec.decode(z.float() / 2.0).sample)
    np.testing.assert_array_equal(made, own)
    np.save(tmp_path / "decoded.npy", np.zeros_like(own))
    assert not preview.decoded(codec, z, tmp_path / "decoded.npy").any()  # read, not made again
    assert [path.name for path in tmp_path.iterdir()] == ["decoded.npy"]


def test_the_judges_numbers_are_known_for_known_answers(tiny):
    options = common.parsed(common.arguments("preview", "", 1, 1, 1e-3), [
        "--smoke", "--out", str(tiny / "judged"), "--cache", str(tiny / "cache")])
    judge = preview.Judge(options, latents.autoencoder(tiny / "vae", "cpu"))
    assert judge.z.shape == (32, 4, 16, 16)
    grey = torch.zeros_like(judge.render)
    judge.z, judge.render, judge.teacher = torch.zeros_like(judge.z), grey, grey + 0.02

    class Pupil:
        decode = staticmethod(lambda z: type("Out", (), {"sample": grey[: len(z)] + 0.2}))
        encode = staticmethod(lambda x: type("Out", (), {"latents": judge.z[: len(x)] - 0.5}))

    numbers = judge(Pupil())
    assert numbers["to_render"] == pytest.approx(20)  # a tenth of the range of two
    assert numbers["vae_to_render"] == pytest.approx(40, abs=1e-4)
    assert numbers["to_vae"] == pytest.approx(-20 * np.log10(0.09), abs=1e-4)
    assert numbers["latent_error"] == pytest.approx(0.5)


def test_noise_reaches_from_none_to_the_most():
    z, epsilon = torch.zeros(4000, 1, 1, 1), torch.ones(4000, 1, 1, 1)
    s = preview.noised(z, epsilon, np.random.default_rng(0), 0.1)
    assert 0 <= s.min() < 0.001 < 0.099 < s.max() <= 0.1
    assert s.mean() == pytest.approx(0.05, abs=0.002)


def test_the_loss_is_nought_only_where_teacher_and_render_agree():
    x = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert preview.preview_loss(x, x, x, 0.25) == 0
    assert preview.preview_loss(x, x, x + 0.1, 0.0) == 0
    assert preview.preview_loss(x, x, x + 0.1, 0.5) > preview.preview_loss(x, x, x + 0.1, 0.25) > 0


def test_the_shipped_sizes_decoder_costs_a_fraction_of_the_autoencoders():
    def cost(decode):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            decode(torch.zeros(1, 4, 16, 16, device="meta"))
        return counter.get_total_flops()

    with torch.device("meta"):
        tiny, codec = preview.network(), vae.network()
    assert 8 * cost(tiny.decode) < cost(codec.decode)
    assert 2 * sum(p.numel() for p in tiny.parameters()) < 0.6e6  # bytes in float16
