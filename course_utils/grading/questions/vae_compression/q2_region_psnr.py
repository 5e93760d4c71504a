"""PSNR of a part of a picture: where somebody looks."""
from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

from course_utils.critters import mask, render, sample
from course_utils.grading.question import Case, Mistake, Question


def cases(rng: np.random.Generator) -> list[Case]:
    """Critters before and after JPEG, the animal being the region."""
    found = []
    for scene in sample(3, int(rng.integers(1 << 40))):
        picture, file = render(scene, 64), io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=int(rng.integers(20, 60)))
        found.append({"picture": picture, "other": np.array(Image.open(file)), "region": mask(scene, 64) > 127})
    return found


def region_psnr(picture: np.ndarray, other: np.ndarray, region: np.ndarray) -> float:
    r"""\(10\log_{10}(255^2/\mathrm{MSE})\) over the region's numbers."""
    error = picture[region].astype(float) - other[region].astype(float)
    return float(10 * np.log10(255**2 / np.mean(error**2)))


def _squared(picture: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (picture.astype(float) - other.astype(float)) ** 2


def _decibels(mse: Any) -> float:
    return float(10 * np.log10(255**2 / mse))


def _loop(picture: np.ndarray, other: np.ndarray, region: np.ndarray) -> float:
    total = count = 0
    for y, x in zip(*np.nonzero(region), strict=True):
        for c in range(3):
            total += (int(picture[y, x, c]) - int(other[y, x, c])) ** 2
            count += 1
    return _decibels(total / count)


def _single_precision(picture: np.ndarray, other: np.ndarray, region: np.ndarray) -> Any:
    unit = (picture.astype(np.float32) - other.astype(np.float32)) / 255
    return np.float32(-10 * np.log10((unit[region] ** 2).mean()))


def _in_place(picture: np.ndarray, other: np.ndarray, region: np.ndarray) -> float:
    error = picture.astype(np.int32)
    error -= other
    error *= region[..., None]
    error **= 2
    return 20 * np.log10(255) - 10 * np.log10(error.sum() / (3 * region.sum()))


QUESTION = Question(
    id="q2", title="The PSNR of where one looks", answer="region_psnr", points=2, minutes=10, framework="numpy",
    hints=(
        "A mask of True and False picks pixels out of a picture: picture[region] has the shape [pixels, 3].",
        "Pictures are uint8, which knows no negative numbers. What is np.uint8(3) - np.uint8(5)?",
        "The mean squared error of the picked numbers, in decibels below the square of the largest value, 255.",
    ),
    reference=region_psnr, cases=cases, alternatives=(_loop, _single_precision, _in_place),
    mistakes=(
        Mistake("wraps around", lambda picture, other, region: _decibels(((picture - other) ** 2)[region].mean()),
                "uint8 minus uint8 wraps around: 3 - 5 is 254. Turn the pictures into floats before you subtract."),
        Mistake("whole picture", lambda picture, other, region: _decibels(_squared(picture, other).mean()),
                "That is the PSNR of the whole picture. Average over the region's pixels alone."),
        Mistake("outside counts in the mean",
                lambda picture, other, region: _decibels((_squared(picture, other) * region[..., None]).mean()),
                "The error outside of the region is gone, but its pixels are still counted in the mean."),
        Mistake("outside", lambda picture, other, region: _decibels(_squared(picture, other)[~region].mean()),
                "That is the PSNR of everything but the region."),
        Mistake("peak of one",
                lambda picture, other, region: float(-10 * np.log10(_squared(picture, other)[region].mean())),
                "These pictures go from 0 to 255, so the peak is not 1."),
        Mistake("peak of this picture",
                lambda picture, other, region: float(
                    10 * np.log10(float(picture[region].max()) ** 2 / _squared(picture, other)[region].mean())),
                "The peak is the largest value that there can be, not the largest in this picture."),
        Mistake("natural logarithm",
                lambda picture, other, region: float(10 * np.log(255**2 / _squared(picture, other)[region].mean())),
                "Decibels count in powers of ten: which logarithm does that?"),
        Mistake("sign", lambda picture, other, region: -region_psnr(picture, other, region),
                "The sign is turned round: a better picture has the higher PSNR."),
        Mistake("three numbers a pixel",
                lambda picture, other, region: _decibels(
                    _squared(picture, other)[region].sum() / region.sum()),
                "A pixel is three numbers: the mean is over pixels and channels."),
        Mistake("not squared",
                lambda picture, other, region: _decibels(np.abs(picture[region].astype(float) - other[region]).mean()),
                "PSNR has the mean of the squared error in it, not of the error."),
        Mistake("each channel", lambda picture, other, region: np.array(
            [_decibels(_squared(picture, other)[region][:, c].mean()) for c in range(3)]), "should be one number"),
    ),
)
