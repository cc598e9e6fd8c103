"""The text's hidden states, against transformers called by hand, and methods that read them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support.tiny_bert import WIDTH, write_bert
from transformers import BertModel, BertTokenizer

from ucdver import Batch, Item, LabeledBatch, TaskInfo, WeightsError
from ucdver_tgca_pvt.backbone import build
from ucdver_tgca_pvt.config import LoraConfig, TgcaConfig
from ucdver_tgca_pvt.method import LORAMultimodal, TGCAPVTMultimodal
from ucdver_tgca_pvt.text import BertTokens

CPU = torch.device("cpu")
TEXTS = ("So HAPPY pandas!", "", "sad sad sad sad sad sad sad sad sad")


def items(texts: tuple[str, ...]) -> list[Item]:
    return [Item("bert_tokens", text=text) for text in texts]


def annotate(folder: Path, texts: tuple[str, ...], length: int = 8) -> torch.Tensor:
    with torch.inference_mode():
        return BertTokens(BertTokens.Config(model=str(folder), length=length), CPU).annotate(items(texts))


def test_they_are_the_mean_of_the_last_four_hidden_states(tmp_path: Path) -> None:
    folder = write_bert(tmp_path / "bert")
    found = annotate(folder, TEXTS)
    assert found.shape == (3, 8, WIDTH)
    model, tokenizer = BertModel.from_pretrained(folder).eval(), BertTokenizer.from_pretrained(folder)
    pieces = [[2, 5, 6, 9, 10, 11, 3, 0], [2, 3, 0, 0, 0, 0, 0, 0], [2, 7, 7, 7, 7, 7, 7, 3]]
    assert tokenizer.convert_tokens_to_ids("##s") == 10
    for row, ids in zip(found, pieces, strict=True):
        mask = torch.tensor([[int(i > 0) for i in ids]])
        with torch.inference_mode():
            states = model(torch.tensor([ids]), attention_mask=mask, output_hidden_states=True).hidden_states
        torch.testing.assert_close(row, torch.stack(states)[2:, 0].mean(0), atol=1e-5, rtol=1e-5)


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = write_bert(tmp_path / "bert")
    capfd.readouterr()
    annotate(folder, TEXTS)
    assert capfd.readouterr() == ("", "")


def test_a_text_is_annotated_alike_alone_and_among_others(tmp_path: Path) -> None:
    folder = write_bert(tmp_path / "bert")
    torch.testing.assert_close(annotate(folder, TEXTS[:1]), annotate(folder, TEXTS)[:1], atol=1e-5, rtol=1e-5)


def test_the_hash_follows_weights_and_tokenizer(tmp_path: Path) -> None:
    def found(folder: Path) -> str:
        return BertTokens.weights_sha256(BertTokens.Config(model=str(folder)), fetch=False)

    first, again = write_bert(tmp_path / "a"), write_bert(tmp_path / "b")
    assert len(found(first)) == 64
    assert found(first) == found(again)
    assert found(first) != found(write_bert(tmp_path / "c", seed=1))
    tokenizer = again / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text().replace("sad", "mad"))
    assert found(first) != found(again)


def test_what_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsError, match=r"empty' holds no config\.json"):
        BertTokens.weights_sha256(BertTokens.Config(model=str(tmp_path / "empty")), fetch=True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    config = BertTokens.Config(model="nobody/has-this")
    assert BertTokens.weights_sha256(config, fetch=False) == ""
    broken = write_bert(tmp_path / "broken")
    (broken / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="cannot be loaded as a BERT"):
        BertTokens(BertTokens.Config(model=str(broken)), CPU)


@pytest.mark.parametrize(
    ("method", "config"), [(LORAMultimodal, LoraConfig()), (TGCAPVTMultimodal, TgcaConfig(topic="row"))]
)
def test_text_moves_the_prediction_and_is_trained_on(method: type[LORAMultimodal], config: LoraConfig) -> None:
    task = TaskInfo(("joy", "anger"), ("a",), "uda", 10, extras={"bert_tokens": (6, WIDTH), "topic": ()})
    fused = method(task, build("pvt_mini", None, 3), config).eval()
    images, topics = torch.rand(2, 3, 24, 24), torch.tensor([2**60, 5])
    one, other = torch.randn(2, 2, 6, WIDTH)
    logits = [fused.predict(images, {"bert_tokens": text, "topic": topics}).logits for text in (one, other)]
    assert not torch.allclose(*logits)
    zeros = torch.zeros(2, dtype=torch.long)
    batch = LabeledBatch(zeros, images, zeros, zeros, {"bert_tokens": one, "topic": topics})
    fused.step(Batch(0, 10, "adapt", batch, None), 0.0)["total"].backward()
    assert fused.network.l_proj is not None
    assert fused.network.l_proj.weight.grad is not None
    assert fused.network.l_proj.weight.grad.abs().max() > 0
    assert "bert_tokens" in method.needed_extras(config)
