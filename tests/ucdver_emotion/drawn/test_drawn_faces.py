from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from ucdver import DataError, ImageRecipe
from ucdver.data.catalog import Catalog
from ucdver.plugins import load_registry
from ucdver_emotion.drawn.action_units import ACTION_UNITS, CLASSES, OPTIONAL, PROTOTYPES
from ucdver_emotion.drawn.dataset import DEFAULT, draw_face, fetch, loader, read
from ucdver_emotion.drawn.face import face_marks
from ucdver_emotion.drawn.knobs import DOMAINS, KNOBS, LEVELS, NOISE, SHIFT, STYLES, VARIABILITY, Knobs, knobs_of
from ucdver_emotion.drawn.sampling import sample, soft_label
from ucdver_emotion.drawn.styles import svg
from ucdver_emotion.label_spaces import EKMAN7


def test_the_prototypes_are_those_of_emfacs() -> None:
    units = {name: sorted(expression) for name, expression in PROTOTYPES.items()}
    assert units == {
        "joy": [6, 12],
        "sadness": [1, 4, 15],
        "surprise": [1, 2, 5, 26],
        "fear": [1, 2, 4, 5, 7, 20, 26],
        "anger": [4, 5, 7, 23],
        "disgust": [9, 15, 16],
        "neutral": [],
    }
    assert EKMAN7.classes == CLASSES
    for name, options in OPTIONAL.items():
        assert set(options) <= set(ACTION_UNITS), name


def test_every_domain_is_a_style_and_at_most_one_knob() -> None:
    assert len(DOMAINS) == len(STYLES) * (1 + len(KNOBS) * (LEVELS - 1))
    assert knobs_of("flat_shift_2") == Knobs("flat", shift=2)
    assert knobs_of("chalk") == Knobs("chalk")
    for table in (VARIABILITY, SHIFT, NOISE):
        assert len(table) == LEVELS
        assert list(table) == sorted(set(table))
    with pytest.raises(DataError, match="no domain 'flat_shift_9'"):
        knobs_of("flat_shift_9")


def test_a_face_depends_on_seed_domain_and_index_alone() -> None:
    first = [sample(0, "flat", i) for i in range(5)]
    assert [sample(0, "flat", i) for i in reversed(range(5))] == first[::-1]
    assert sample(1, "flat", 0) != first[0]
    assert sample(0, "shaded", 0) != first[0]
    assert len({s.look for s in first}) == 5


def test_the_prior_is_the_declared_one() -> None:
    for level in (0, 4):
        knobs = Knobs("flat", shift=level)
        prior = np.array(knobs.prior())
        assert prior.sum() == pytest.approx(1)
        assert prior.max() / prior.min() == pytest.approx(SHIFT[level])
        domain = "flat" if level == 0 else f"flat_shift_{level}"
        counts = Counter(sample(3, domain, i).drawn for i in range(1500))
        found = np.array([counts[name] for name in CLASSES])
        # 33.1 is the quantile .99999 of chi squared with six degrees of freedom.
        assert ((found - 1500 * prior) ** 2 / (1500 * prior)).sum() < 33.1


def test_labels_are_wrong_as_often_as_the_knob_says() -> None:
    assert all(s.given == s.drawn for s in (sample(0, "flat", i) for i in range(300)))
    wrong = np.mean([s.given != s.drawn for s in (sample(0, "flat_noise_3", i) for i in range(1500))])
    assert abs(wrong - NOISE[3]) < 5 * (0.3 * 0.7 / 1500) ** 0.5


def test_the_soft_label_is_how_often_each_class_was_drawn_given_the_label() -> None:
    knobs = Knobs("flat", shift=2, noise=3)
    found = soft_label("joy", knobs)
    prior = dict(zip(CLASSES, knobs.prior(), strict=True))
    likelihood = {name: 0.7 if name == "joy" else 0.3 / 6 for name in CLASSES}
    total = sum(prior[name] * likelihood[name] for name in CLASSES)
    assert found == pytest.approx({name: prior[name] * likelihood[name] / total for name in CLASSES})
    assert soft_label("joy", Knobs("flat"))["joy"] == 1.0


def test_expressions_differ_more_at_a_higher_level() -> None:
    def spread(domain: str) -> float:
        faces = [sample(0, domain, i) for i in range(400)]
        joys = [s.expression.get(12, 0.0) for s in faces if s.drawn == "joy"]
        return float(np.std(joys))

    found = [spread("flat"), *(spread(f"flat_variability_{level}") for level in range(1, LEVELS))]
    assert found == sorted(found)
    for i in range(50):
        face = sample(0, "flat_variability_4", i)
        assert set(face.expression) <= set(ACTION_UNITS)
        assert all(0 <= value <= 1 for value in face.expression.values())


def test_noise_and_shift_leave_the_expressions_as_they_are() -> None:
    def mean(domain: str) -> float:
        faces = [sample(0, domain, i) for i in range(600)]
        return float(np.mean([s.expression[12] for s in faces if s.drawn == "joy"]))

    assert mean("flat_noise_4") == pytest.approx(mean("flat"), abs=0.02)
    assert mean("flat_shift_4") == pytest.approx(mean("flat"), abs=0.02)


@pytest.mark.parametrize("style", STYLES)
def test_a_style_draws_the_same_picture_twice_and_another_for_every_class(style: str) -> None:
    look = sample(0, style, 0).look
    pictures = {}
    for name in CLASSES:
        text = svg(face_marks(PROTOTYPES[name], look), look, style, 48)
        assert text == svg(face_marks(PROTOTYPES[name], look), look, style, 48)
        pictures[name] = text
        tags = {str(e.tag).rpartition("}")[2] for e in ElementTree.fromstring(text).iter()}
        assert tags <= {"svg", "rect", "g", "path", "clipPath", "defs", "radialGradient", "stop"}
        assert "nan" not in text
    assert len(set(pictures.values())) == len(CLASSES)
    image = draw_face(sample(0, style, 1), style, 64)
    assert (image.size, image.mode) == ((64, 64), "RGB")
    assert image.tobytes() == draw_face(sample(0, style, 1), style, 64).tobytes()


def test_pixel_art_is_made_of_squares() -> None:
    pixels = np.asarray(draw_face(sample(0, "pixel", 0), "pixel", 64))
    assert (pixels[::2] == pixels[1::2]).all()
    assert (pixels[:, ::2] == pixels[:, 1::2]).all()


@pytest.mark.parametrize("style", ["flat", "outline", "chalk"])
def test_a_nearest_mean_of_one_style_tells_its_emotions_apart(style: str) -> None:
    """On one head: twenty faces to learn a class from, ten to test it, and pixels of grey alone; chance is 1/7."""
    look = sample(0, style, 0).look

    def faces(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        drawn = [replace(sample(0, style, i), look=look) for i in range(start, stop)]
        pictures = np.stack([np.asarray(draw_face(face, style, 32).convert("L"), dtype=float) for face in drawn])
        return pictures.reshape(len(drawn), -1), np.array([face.drawn for face in drawn])

    x, y = faces(0, 140)
    test, truth = faces(140, 210)
    means = np.stack([x[y == name].mean(axis=0) for name in CLASSES])
    found = np.array(CLASSES)[((test[:, None] - means[None]) ** 2).sum(axis=2).argmin(axis=1)]
    assert np.mean(found == truth) > 0.6


def write(root: Path, content: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "drawn.json").write_text(content)
    return root


def test_the_data_set_is_read_at_any_size_and_more_images_leave_the_others_alone(tmp_path: Path) -> None:
    few = list(read(write(tmp_path / "a", '{"seed": 4, "images": 2}')))
    more = list(read(write(tmp_path / "b", '{"seed": 4, "images": 3}')))
    assert len(few) == 2 * len(DOMAINS)
    by_id = {row.id: row for row in more}
    assert all(by_id[row.id] == row for row in few)
    assert any(by_id[row.id] != row for row in read(write(tmp_path / "c", '{"seed": 5, "images": 2}')))
    drawn = loader(tmp_path / "a")(few[0].path, ImageRecipe(size=40))
    assert drawn.tobytes() == draw_face(sample(4, few[0].domain, 0), "shaded", 40).tobytes()


def test_the_catalog_takes_it_and_soft_labels_are_where_the_noise_is_known(tmp_path: Path) -> None:
    catalog = Catalog(load_registry(), tmp_path / "home")
    manifest = catalog.add("drawn", write(tmp_path / "root", '{"seed": 0, "images": 4}'))
    assert len(manifest.rows("flat_noise_2")) == 4
    assert all(not row.soft for row in manifest.rows("flat_shift_2"))
    for row in manifest.rows("flat_noise_2"):
        assert max(row.soft["ekman7"], key=row.soft["ekman7"].__getitem__) == row.labels["ekman7"]
        assert "neutral" not in row.soft.get("ekman6", {})


def test_fetching_writes_the_default_recipe(tmp_path: Path) -> None:
    fetch(tmp_path)
    assert json.loads((tmp_path / "drawn.json").read_text()) == DEFAULT


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no drawn.json"),
        ("{", "is not JSON"),
        ('{"seed": 1}', "must hold seed and images"),
        ('{"seed": true, "images": 3}', "seed must be a whole number"),
        ('{"seed": 0, "images": 0}', "images one from 1"),
        ("[]", "must hold seed and images"),
    ],
)
def test_a_recipe_that_is_none_is_refused_in_words(tmp_path: Path, content: str | None, words: str) -> None:
    if content is not None:
        write(tmp_path, content)
    with pytest.raises(DataError, match=words):
        list(read(tmp_path))
