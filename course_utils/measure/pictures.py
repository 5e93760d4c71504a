"""How far one picture is from another: PSNR, SSIM, and a mean with its uncertainty."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from scipy.stats import t as student
from skimage.metrics import structural_similarity

Pictures = UInt8[np.ndarray, "n h w 3"]


class Interval(NamedTuple):
    """A mean of `n` values with a confidence interval of `half_width` to either side."""

    mean: float
    half_width: float
    n: int

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.mean + self.half_width


def psnr(pictures: Pictures, others: Pictures) -> Float[np.ndarray, " n"]:
    r"""Peak signal-to-noise ratio of each pair, in dB; infinite for equal pictures.

    \(\mathrm{PSNR} = 10 \log_{10} \frac{255^2}{\mathrm{MSE}}\), the mean over pixels and channels.
    Each 6 dB halve the error; 20 dB is a poor and 40 dB a fine reproduction. Raises as `batch` does.
    """
    a, b = batch(pictures), batch(others)
    _alike(a, b)
    error = np.array([np.mean((x.astype(np.float32) - y) ** 2, dtype=np.float64) for x, y in zip(a, b, strict=True)])
    with np.errstate(divide="ignore"):
        return 10 * np.log10(255**2 / error)


def ssim(pictures: Pictures, others: Pictures) -> Float[np.ndarray, " n"]:
    """Structural similarity of each pair, at most 1 (equal pictures).

    Wang, Bovik, Sheikh and Simoncelli 2004 (doi:10.1109/TIP.2003.819861): Gaussian window of 11 pixels with
    sigma 1.5, K1 = 0.01, K2 = 0.03; computed for red, green and blue and averaged (they took luminance).
    Raises as `batch` does, and `ValueError` under 11 pixels a side.
    """
    a, b = batch(pictures), batch(others)
    _alike(a, b)
    if min(a.shape[1:3]) < 11:
        raise ValueError(f"SSIM looks through a window of 11 pixels; these pictures have {a.shape[1]}x{a.shape[2]}")
    return np.array([_ssim(x, y) for x, y in zip(a, b, strict=True)])


def mean_and_interval(values: Iterable[float], confidence: float = 0.95) -> Interval:
    r"""Mean and Student's confidence interval: \(\bar{x} \pm t_{n-1} s / \sqrt{n}\).

    Raises `ValueError` for fewer than two values or one that is not finite.
    """
    x = np.asarray(list(values), dtype=np.float64)
    if x.size < 2 or not np.isfinite(x).all():
        raise ValueError(f"an interval needs two or more finite values, got {x.size}: {x[:5]}")
    half = student.ppf((1 + confidence) / 2, x.size - 1) * x.std(ddof=1) / np.sqrt(x.size)
    return Interval(float(x.mean()), float(half), x.size)


def batch(pictures: np.ndarray) -> Pictures:
    """Pictures `[n, h, w, 3]`, a single `[h, w, 3]` becoming a batch of one.

    Raises `TypeError` for anything but uint8 and `ValueError` for other shapes.
    """
    if not isinstance(pictures, np.ndarray) or pictures.dtype != np.uint8:
        kind = getattr(pictures, "dtype", type(pictures).__name__)
        raise TypeError(f"expected pictures as a uint8 array, got {kind}; `models.images.to_array` converts tensors")
    whole = pictures[None] if pictures.ndim == 3 else pictures
    if whole.ndim != 4 or whole.shape[-1] != 3:
        raise ValueError(f"expected pictures of shape [n, h, w, 3] or [h, w, 3], got {list(pictures.shape)}")
    return whole


def _alike(a: Pictures, b: Pictures) -> None:
    if a.shape != b.shape:
        raise ValueError(f"cannot compare pictures of shapes {list(a.shape)} and {list(b.shape)}")


def _ssim(a: UInt8[np.ndarray, "h w 3"], b: UInt8[np.ndarray, "h w 3"]) -> float:
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(a, b, data_range=255, channel_axis=-1, **wang))
