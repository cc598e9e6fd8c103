"""The batched augmentation against one that takes each sample, pixel and operation by itself."""

from __future__ import annotations

import colorsys
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ucdver.data.augment import Augment
from ucdver.seeds import scoped_seed
from ucdver.spec.recipe import AugmentRecipe

COLUMNS = (
    "flip", "rotate", "scale", "shift_x", "shift_y", "brightness", "contrast", "saturation", "hue", "grey",
    "invert", "erase", "erase_area", "erase_aspect", "erase_x", "erase_y",
)  # fmt: skip
FULL = AugmentRecipe(
    flip=0.5, rotate=40, translate=0.2, scale=0.4, brightness=0.3, contrast=0.4, saturation=0.5, hue=0.2, grey=0.3,
    invert=0.3, erase=0.5, noise=0.05,
)  # fmt: skip


def pictures(count: int = 6, channels: int = 3, height: int = 9, width: int = 9) -> Tensor:
    rng = np.random.Generator(np.random.Philox(5))
    return torch.from_numpy(rng.random((count, channels, height, width), dtype=np.float32))


def augmented(recipe: AugmentRecipe, images: Tensor, seed: int = 0, background: float = 1.0) -> Tensor:
    with scoped_seed(seed):
        return Augment(recipe, background)(images)


def naive(recipe: AugmentRecipe, images: Tensor, seed: int, background: float) -> np.ndarray[Any, Any]:
    with scoped_seed(seed):
        draws = [dict(zip(COLUMNS, row, strict=True)) for row in torch.rand(len(images), 16).double().tolist()]
        noise = torch.randn(images.shape).double().numpy() if recipe.noise else np.zeros(images.shape)
    out = []
    for picture, draw, hiss in zip(images.double().numpy(), draws, noise, strict=True):
        x = naive_geometry(recipe, picture, draw, background)
        x = naive_colour(recipe, x, draw) + recipe.noise * hiss
        out.append(np.clip(naive_erase(recipe, x, draw, background), 0, 1))
    return np.stack(out)


def naive_geometry(
    recipe: AugmentRecipe, picture: np.ndarray[Any, Any], draw: dict[str, float], background: float
) -> np.ndarray[Any, Any]:
    channels, height, width = picture.shape
    angle = math.radians(recipe.rotate) * (2 * draw["rotate"] - 1)
    zoom = math.exp(recipe.scale * (2 * draw["scale"] - 1))
    across = recipe.translate * width * (2 * draw["shift_x"] - 1)
    down = recipe.translate * height * (2 * draw["shift_y"] - 1)

    def pixel(channel: int, row: int, column: int) -> float:
        inside = 0 <= row < height and 0 <= column < width
        return float(picture[channel, row, column]) if inside else background

    out = np.empty_like(picture)
    for row in range(height):
        for column in range(width):
            x, y = column + 0.5 - width / 2 - across, row + 0.5 - height / 2 - down
            x, y = math.cos(angle) * x + math.sin(angle) * y, math.cos(angle) * y - math.sin(angle) * x
            x, y = x / zoom, y / zoom
            x = -x if draw["flip"] < recipe.flip else x
            x, y = x + width / 2 - 0.5, y + height / 2 - 0.5
            left, top = math.floor(x), math.floor(y)
            for c in range(channels):
                out[c, row, column] = sum(
                    (1 - abs(x - i)) * (1 - abs(y - j)) * pixel(c, j, i)
                    for i in (left, left + 1)
                    for j in (top, top + 1)
                )
    return out


def naive_colour(recipe: AugmentRecipe, x: np.ndarray[Any, Any], draw: dict[str, float]) -> np.ndarray[Any, Any]:
    def luma(image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        weights = [1.0] if len(image) == 1 else [0.299, 0.587, 0.114]
        return np.asarray(sum(w * c for w, c in zip(weights, image, strict=True)))

    def factor(name: str) -> float:
        return 1 + float(getattr(recipe, name)) * (2 * draw[name] - 1)

    x = x * factor("brightness")
    mean = luma(x).mean()
    x = (x - mean) * factor("contrast") + mean
    if len(x) == 3:
        grey = luma(x)
        x = grey + (x - grey) * factor("saturation")
        angle = 2 * math.pi * recipe.hue * (2 * draw["hue"] - 1)
        yiq = np.array([[0.299, 0.587, 0.114], [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])
        y, i, q = np.tensordot(yiq, x, 1)
        turned = np.stack([y, i * math.cos(angle) - q * math.sin(angle), i * math.sin(angle) + q * math.cos(angle)])
        x = np.tensordot(np.linalg.inv(yiq), turned, 1)
        if draw["grey"] < recipe.grey:
            x = np.stack([luma(x)] * 3)
    return 1 - x if draw["invert"] < recipe.invert else x


def naive_erase(
    recipe: AugmentRecipe, x: np.ndarray[Any, Any], draw: dict[str, float], background: float
) -> np.ndarray[Any, Any]:
    if draw["erase"] >= recipe.erase:
        return x
    height, width = x.shape[1:]
    area = 0.02 + 0.31 * draw["erase_area"]
    aspect = 0.3 ** (1 - 2 * draw["erase_aspect"])
    across, down = min(1, math.sqrt(area / aspect)) * width, min(1, math.sqrt(area * aspect)) * height
    left, top = draw["erase_x"] * (width - across), draw["erase_y"] * (height - down)
    x = x.copy()
    for row in range(height):
        for column in range(width):
            if left <= column + 0.5 < left + across and top <= row + 0.5 < top + down:
                x[:, row, column] = background
    return x


LIMITS = {
    "flip": 1, "rotate": 180, "translate": 1, "scale": 1, "brightness": 1, "contrast": 1, "saturation": 1, "hue": 0.5,
    "grey": 1, "invert": 1, "erase": 1, "noise": 0.5,
}  # fmt: skip
RECIPES = st.fixed_dictionaries(
    {}, optional={name: st.floats(0, top).map(lambda v: round(v, 3)) for name, top in LIMITS.items()}
).map(AugmentRecipe.model_validate)


@settings(max_examples=25, deadline=None)
@given(
    RECIPES,
    st.integers(0, 1000),
    st.sampled_from([1, 3]),
    st.sampled_from([(5, 5), (4, 7)]),
    st.sampled_from([0.0, 1.0]),
)
def test_the_batched_form_is_the_naive_one(
    recipe: AugmentRecipe, seed: int, channels: int, size: tuple[int, int], background: float
) -> None:
    images = pictures(3, channels, *size)
    np.testing.assert_allclose(
        augmented(recipe, images, seed, background).numpy(), naive(recipe, images, seed, background), atol=2e-5
    )


@pytest.mark.parametrize("name", LIMITS)
def test_each_field_does_something_and_agrees_with_the_naive_form(name: str) -> None:
    recipe = AugmentRecipe.model_validate({name: LIMITS[name] / 2})
    images = pictures(8)
    out = augmented(recipe, images)
    assert not torch.equal(out, images)
    np.testing.assert_allclose(out.numpy(), naive(recipe, images, 0, 1.0), atol=2e-5)


def test_a_recipe_of_nothing_returns_what_it_was_given_and_draws_nothing() -> None:
    images = pictures()
    with scoped_seed(1):
        before = torch.get_rng_state()
        assert Augment(AugmentRecipe())(images) is images
        assert torch.equal(torch.get_rng_state(), before)


def test_a_sample_does_not_depend_on_the_others() -> None:
    images = pictures()
    others = pictures().flip(0)
    others[2] = images[2]
    assert torch.equal(augmented(FULL, images)[2], augmented(FULL, others)[2])


def test_samples_are_drawn_independently() -> None:
    same = pictures(1).expand(50, -1, -1, -1)
    out = augmented(FULL.model_copy(update={"noise": 0.0}), same)
    assert len({tuple(image.flatten().tolist()) for image in out}) == 50


def test_a_seed_gives_the_same_result_and_the_argument_stays_as_it_is() -> None:
    images = pictures()
    kept = images.clone()
    assert torch.equal(augmented(FULL, images, 3), augmented(FULL, images, 3))
    assert not torch.equal(augmented(FULL, images, 3), augmented(FULL, images, 4))
    assert torch.equal(images, kept)


def test_mixed_precision_around_it_changes_nothing() -> None:
    """A method makes its strong views inside the step, where products would be rounded to half precision."""
    images = pictures(height=32, width=32)
    expected = augmented(FULL, images)
    with torch.autocast("cpu", torch.bfloat16):
        found = augmented(FULL, images)
    assert found.dtype == torch.float32 and torch.equal(found, expected)


def test_switching_a_field_on_does_not_change_the_draws_of_another() -> None:
    images = pictures(40)
    flipped = augmented(AugmentRecipe(flip=0.5), images)
    both = augmented(AugmentRecipe(flip=0.5, invert=1.0), images)
    np.testing.assert_allclose(both, 1 - flipped, rtol=1e-4, atol=1e-5)


def test_a_flip_alone_moves_pixels_exactly_and_half_of_the_time() -> None:
    images = pictures(400)
    out = augmented(AugmentRecipe(flip=0.5), images)
    turned = [torch.equal(a, b.flip(-1)) for a, b in zip(out, images, strict=True)]
    assert all(t or torch.equal(a, b) for t, a, b in zip(turned, out, images, strict=True))
    assert 150 < sum(turned) < 250


def test_uncovered_ground_is_background() -> None:
    dark = torch.zeros(20, 3, 16, 16)
    for background in (1.0, 0.5):
        out = augmented(AugmentRecipe(translate=0.5), dark, background=background)
        assert set(out.max(1).values.flatten(1).max(1).values.tolist()) == {background}
    corner = augmented(AugmentRecipe(rotate=180), torch.ones(20, 3, 16, 16), background=1.0)
    np.testing.assert_allclose(corner, torch.ones(20, 3, 16, 16), rtol=1e-4, atol=1e-5)


def test_hue_keeps_brightness_and_grey() -> None:
    luma = torch.tensor([0.299, 0.587, 0.114])
    images = pictures() * 0.2 + 0.4
    out = augmented(AugmentRecipe(hue=0.5), images)
    np.testing.assert_allclose(
        torch.einsum("bchw,c->bhw", out, luma), torch.einsum("bchw,c->bhw", images, luma), rtol=1e-4, atol=1e-5
    )
    flat = torch.full((4, 3, 5, 5), 0.3)
    np.testing.assert_allclose(augmented(AugmentRecipe(hue=0.5), flat), flat, rtol=1e-4, atol=1e-5)


def test_a_third_of_a_turn_takes_a_colour_to_another() -> None:
    red = torch.tensor([0.6, 0.5, 0.5]).view(1, 3, 1, 1).expand(500, -1, 4, 4)
    hues = [colorsys.rgb_to_hsv(*image[:, 0, 0].tolist())[0] for image in augmented(AugmentRecipe(hue=0.5), red)]
    assert np.histogram(hues, bins=6, range=(0, 1))[0].min() > 20


def test_results_stay_in_range() -> None:
    wild = AugmentRecipe(brightness=1, contrast=1, saturation=1, hue=0.5, noise=1)
    out = augmented(wild, pictures(50))
    assert out.min() >= 0 and out.max() <= 1 and out.isfinite().all()


@pytest.mark.parametrize(
    "images", [torch.zeros(3, 8, 8), torch.zeros(2, 4, 8, 8), torch.zeros(2, 3, 8, 8, dtype=torch.uint8)]
)
def test_what_is_no_batch_of_pictures_is_refused(images: Tensor) -> None:
    with pytest.raises(ValueError, match="images must be float"):
        Augment(FULL)(images)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
def test_a_seed_gives_the_same_result_on_every_device() -> None:
    images = pictures(16)
    np.testing.assert_allclose(augmented(FULL, images.cuda()).cpu(), augmented(FULL, images), atol=1e-4)
