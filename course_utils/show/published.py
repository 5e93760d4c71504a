"""Numbers that others published, each with its source: quoted beside what the course measures itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from IPython.display import Markdown

from course_utils.show.text import table


@dataclass(frozen=True)
class Autoencoder:
    """One autoencoder as its authors describe it, qualities with the digits that they gave."""

    name: str
    per_side: int
    channels: int
    pictures: str
    psnr: str | None
    ssim: str | None
    source: str

    @property
    def fewer(self) -> float:
        """How many times fewer numbers: 3 f^2 / channels."""
        return 3 * self.per_side**2 / self.channels


_COCO = "COCO 2017 at 256×256, n = 5,000"
_MSE_CARD = "[card](https://huggingface.co/stabilityai/sd-vae-ft-mse)"
_SDXL_CARD = "[card](https://huggingface.co/stabilityai/sdxl-vae)"
_SD3 = "[Esser et al., 2024, table 3](https://arxiv.org/abs/2403.03206)"

AUTOENCODERS = (
    Autoencoder("Stable Diffusion 1.x, kl-f8", 8, 4, _COCO, "23.4", "0.69", _MSE_CARD),
    Autoencoder("sd-vae-ft-mse, decoder retrained", 8, 4, _COCO, "24.5", "0.71", _MSE_CARD),
    Autoencoder("SDXL", 8, 4, _COCO, "24.7", "0.73", _SDXL_CARD),
    Autoencoder("Stable Diffusion 3 study, 4 channels", 8, 4, "the authors' set", "25.12", "0.75", _SD3),
    Autoencoder("Stable Diffusion 3, 16 channels", 8, 16, "the authors' set", "28.62", "0.86", _SD3),
    Autoencoder("DC-AE of SANA", 32, 32, "", None, None,
                "[Chen et al., 2024](https://arxiv.org/abs/2410.10733), [Xie et al., 2024](https://arxiv.org/abs/2410.10629)"),
)  # fmt: skip


def published(measured: Sequence[Autoencoder] = ()) -> Markdown:
    """Our own measured autoencoders first, then the published ones."""
    columns = ("autoencoder", "side", "channels", "fewer numbers", "PSNR in dB", "SSIM", "measured on, source")
    return table(columns, [_row(coder) for coder in (*measured, *AUTOENCODERS)])


def _row(coder: Autoencoder) -> list[object]:
    quality = [value or "–" for value in (coder.psnr, coder.ssim)]
    source = f"{coder.pictures}: {coder.source}" if coder.pictures else coder.source
    return [coder.name, f"1/{coder.per_side}", coder.channels, f"{coder.fewer:g}×", *quality, source]
