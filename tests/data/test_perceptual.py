from __future__ import annotations

import io
from math import cos, pi

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from support.real_tree import encoded, picture

from ucdver.data.perceptual import NEAR_BITS, perceptual_hash


def grey(image: Image.Image) -> Image.Image:
    return image.convert("L")


def bits_apart(left: Image.Image, right: Image.Image) -> int:
    first, second = perceptual_hash(grey(left)), perceptual_hash(grey(right))
    assert first is not None and second is not None
    return (first ^ second).bit_count()


def again(image: Image.Image, kind: str, quality: int = 92) -> Image.Image:
    return Image.open(io.BytesIO(encoded(image, kind, quality))).convert("RGB")


@pytest.mark.parametrize("seed", range(8))
def test_the_same_picture_saved_otherwise_keeps_almost_all_bits(seed: int) -> None:
    image = picture(seed, (200, 150))
    assert bits_apart(image, again(image, "JPEG", 60)) <= NEAR_BITS
    assert bits_apart(image, again(image, "WebP", 70)) <= NEAR_BITS
    assert bits_apart(image, again(image, "PNG")) == 0
    assert bits_apart(image, image.resize((120, 90), Image.Resampling.LANCZOS)) <= NEAR_BITS
    assert bits_apart(image, ImageEnhance.Brightness(image).enhance(0.9)) <= NEAR_BITS


def test_other_pictures_are_about_half_the_bits_away() -> None:
    apart = [bits_apart(picture(i), picture(j)) for i in range(12) for j in range(i)]
    assert min(apart) > 11
    assert 24 < np.mean(apart) < 40


def test_a_flat_picture_has_no_hash() -> None:
    assert perceptual_hash(Image.new("L", (50, 40), 128)) is None


def test_the_bits_are_those_of_a_plain_cosine_transform() -> None:
    small = grey(picture(3)).resize((32, 32), Image.Resampling.BILINEAR)
    pixels = np.asarray(small, dtype=np.float64)
    plain = [
        sum(
            pixels[y, x] * cos(pi / 32 * (y + 0.5) * u) * cos(pi / 32 * (x + 0.5) * v)
            for y in range(32)
            for x in range(32)
        )
        for u in range(1, 9)
        for v in range(1, 9)
    ]
    spread = [plain[number + band] for band in range(4) for number in range(0, 64, 4)]
    middle = float(np.median(spread))
    expected = int("".join("1" if value > middle else "0" for value in spread), 2)
    assert perceptual_hash(grey(picture(3))) == expected
