"""`ucdver prepare` as a user types it, with a plugin whose method reads captions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.small_suite import SUITE

from .conftest import Ucdver

LOCAL = """\
import torch
from torch.nn.functional import cross_entropy
from ucdver import Annotator, AnnotatorSpec, Method, MethodSpec, WeightsError, hookimpl


class Captions(Annotator):
    @classmethod
    def weights_sha256(cls, config, *, fetch):
        raise WeightsError("the captioning model is not on this machine", "import captions")

    def annotate(self, items):
        raise AssertionError("there is no model")


class Length(Annotator):
    def annotate(self, items):
        return torch.tensor([float(len(item.annotation("captions"))) for item in items])


class Reader(Method):
    @classmethod
    def needed_extras(cls, config):
        return ("length",)

    def step(self, batch, progress):
        assert (batch.sources.extras["length"] == 16).all() and (batch.target.extras["length"] == 17).all()
        return {"total": cross_entropy(self(batch.sources.images), batch.sources.labels)}


@hookimpl
def ucdver_annotators():
    return [
        AnnotatorSpec(
            name="captions", version="1", target="ucdver_local:Captions", kind="text", reads=("image",), summary="t"
        ),
        AnnotatorSpec(
            name="length", version="1", target="ucdver_local:Length", kind="tensor", reads=("captions",), summary="t"
        ),
    ]


@hookimpl
def ucdver_methods():
    return [MethodSpec(name="reader", version="1", target="ucdver_local:Reader", settings=("uda",), summary="t")]
"""


@pytest.fixture
def captions(ucdver: Ucdver) -> Path:
    """Write plugin, suite and captions into the current folder: each caption says which image it is of."""
    Path("ucdver_local.py").write_text(LOCAL)
    Path("small.toml").write_text(
        SUITE.replace("seeds = 2", "seeds = 1").replace('"target_only"', '"reader"') + "\n[annotator.length]\n"
    )
    ids = [f"{domain}/{number:03d}" for domain in ("filled", "outline") for number in range(60)]
    lines = [json.dumps({"id": f"toy/{row_id}", "text": f"image {row_id}"}) for row_id in ids]
    path = Path("captions.jsonl")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_captions_are_imported_prepared_and_read_by_a_method(ucdver: Ucdver, captions: Path) -> None:
    lacking = ucdver("bench", "small.toml", "-j", "1")
    assert lacking.code == 0 and "1 done" in lacking.err
    only = ucdver("prepare", "small.toml", "-m", "reader")
    assert only.code == 2 and "the captioning model is not on this machine; import captions" in only.err
    made = ucdver("prepare", "small.toml", "--import", "captions=captions.jsonl")
    assert made.code == 0, made.err
    assert "imported 120 texts of 'toy' for captions" in made.err
    assert "annotating toy:outline with length (60 images)" in made.err
    assert "annotating" not in ucdver("prepare", "small.toml").err
    run = ucdver("bench", "small.toml", "-j", "1")
    assert run.code == 0 and "1 cached, 1 done" in run.err, run.err


def test_what_cannot_be_imported_is_refused_in_one_line(ucdver: Ucdver, captions: Path) -> None:
    def refused(text: str) -> str:
        outcome = ucdver("prepare", "small.toml", "--import", text)
        assert outcome.code == 2 and outcome.err.count("\n") == 1
        return outcome.err

    assert "write --import ANNOTATOR=FILE.jsonl" in refused("captions")
    assert "there is no annotator 'caption'; did you mean 'captions'" in refused("caption=captions.jsonl")
    assert "'length' gives tensors" in refused("length=captions.jsonl")
    assert "there is no such file" in refused("captions=none.jsonl")
    with captions.open("a") as stream:
        stream.write("oops\n")
    assert "captions.jsonl:121: not JSON" in refused("captions=captions.jsonl")
