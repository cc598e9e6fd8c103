"""The methods as a bench runs them, with a small CLIP: where they begin, what they train, what they leave alone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from support.meta_device import step_on_meta
from support.tiny_clip import DEPTH, EMBEDDING, SIZE
from torch import Tensor
from transformers import CLIPModel, CLIPTokenizer

from ucdver import Backbone, Batch, LabeledBatch, Recipe, TaskInfo, UnlabeledBatch, WeightsError
from ucdver.runs.store import RunStore
from ucdver.testing.contract import ToyBench
from ucdver.train.optim import build_optimiser
from ucdver_vlm.ad_clip import ADCLIP
from ucdver_vlm.base import ClipMethod
from ucdver_vlm.daprompt import DAPrompt
from ucdver_vlm.finetune import ClipFineTune
from ucdver_vlm.image_tokens import layer_style
from ucdver_vlm.linear_probe import ClipLinearProbe
from ucdver_vlm.zero_shot import ClipZeroShot

CLASSES = ("joy", "fear", "sadness")
TRAINED: list[type[ClipMethod]] = [ClipLinearProbe, ClipFineTune, DAPrompt, ADCLIP]


def build(kind: type[ClipMethod], clip: Path, sources: int = 1, **options: Any) -> Any:
    task = TaskInfo(CLASSES, tuple(f"d:{i}" for i in range(sources)), "uda", 10)
    torch.manual_seed(0)
    config = kind.Config(model=str(clip), **options)
    return kind(task, Backbone(torch.nn.Identity(), 4, (0.0,), (1.0,)), config)


def pictures(count: int = 6, seed: int = 0) -> Tensor:
    return torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


def batch(count: int = 6, sources: int = 1) -> Batch:
    ids = torch.arange(count)
    source = LabeledBatch(ids, pictures(count), ids % 3, ids % sources)
    return Batch(0, 10, "adapt", source, UnlabeledBatch(ids, pictures(count, seed=1)))


def logits(method: Any, images: Tensor) -> Tensor:
    method.eval()
    with torch.inference_mode():
        return method.predict(images, {}).logits.clone()  # type: ignore[no-any-return]


def learn(method: Any, steps: int = 3, sources: int = 1) -> None:
    """Train as the loop does, as far as weights are concerned."""
    recipe = Recipe.model_validate({"optim": {"lr": 0.01}}).optim
    optimiser = build_optimiser(method, recipe)
    for step in range(steps):
        method.train()
        optimiser.zero_grad()
        method.step(batch(sources=sources), step / steps)["total"].backward()
        optimiser.step()


@pytest.mark.parametrize("kind", TRAINED)
def test_no_step_reads_anything_back(clip: Path, kind: type[ClipMethod]) -> None:
    step_on_meta(build(kind, clip), batch(), 0.5)


def test_zero_shot_predicts_what_transformers_does(clip: Path) -> None:
    method = build(ClipZeroShot, clip, prompts="photo", picture="a sticker")
    model, tokenizer = CLIPModel.from_pretrained(clip).eval(), CLIPTokenizer.from_pretrained(clip)
    texts = tokenizer([f"a sticker of a {name}." for name in CLASSES], padding=True, return_tensors="pt")
    with torch.no_grad():
        expected = model(pixel_values=method.images.network.prepare(pictures()), **texts).logits_per_image
    assert torch.allclose(logits(method, pictures()), expected, atol=1e-4)
    assert not any(p.requires_grad for p in method.parameters())


@pytest.mark.parametrize("kind", [ClipFineTune, ClipLinearProbe])
def test_before_training_predictions_are_those_of_zero_shot(clip: Path, kind: type[ClipMethod]) -> None:
    expected = logits(build(ClipZeroShot, clip), pictures())
    method = build(kind, clip)
    assert torch.equal(logits(method, pictures()), expected)
    learn(method)
    assert not torch.allclose(logits(method, pictures()), expected, atol=1e-3)


def test_a_probe_may_begin_at_random(clip: Path) -> None:
    expected = logits(build(ClipZeroShot, clip), pictures())
    assert not torch.allclose(logits(build(ClipLinearProbe, clip, init="random"), pictures()), expected, atol=1e-2)


def test_interpolation_goes_from_zero_shot_to_fine_tuned(clip: Path) -> None:
    zero_shot = logits(build(ClipZeroShot, clip), pictures())
    found = []
    for share in (0.0, 0.5, 1.0):
        method = build(ClipFineTune, clip, interpolation=share)
        learn(method)
        found.append((logits(method, pictures()), method))
    assert torch.equal(found[0][0], zero_shot)
    plain, half = found[2][1], found[1][1]
    begun = build(ClipFineTune, clip)
    with torch.no_grad():
        for mean, a, b in zip(begun.parameters(), begun.state_dict().values(), plain.parameters(), strict=True):
            mean.copy_(torch.lerp(a, b, 0.5))
    assert torch.allclose(found[1][0], logits(begun, pictures()), atol=1e-4)
    assert not torch.allclose(found[1][0], found[2][0], atol=1e-3)
    # What is trained is not what is interpolated.
    assert all(torch.equal(p, q) for p, q in zip(half.parameters(), plain.parameters(), strict=True))


EXPECTED = {
    ClipLinearProbe: {"head.weight", "head.bias"},
    DAPrompt: {"shared", "own"},
}


@pytest.mark.parametrize("kind", TRAINED)
def test_gradients_reach_what_is_trained_and_nothing_else(clip: Path, kind: type[ClipMethod]) -> None:
    options = {"threshold": 0.0} if kind is DAPrompt else {}
    method = build(kind, clip, **options)
    before = {name: p.detach().clone() for name, p in method.named_parameters()}
    learn(method)
    moved = {name for name, p in method.named_parameters() if not torch.equal(p, before[name])}
    reached = {name for name, p in method.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    # The bias of an attention's keys moves no attention: its gradient is noise about zero.
    keys = {name for name in before if name.endswith("k_proj.bias")}
    if kind is ADCLIP:
        parts = ("style.", "mapping.", "content.")
        wanted = {name for name in before if name.startswith(parts)}
    elif kind is ClipFineTune:
        wanted = {name for name in before if name.startswith(("images.", "head."))}
    else:
        wanted = EXPECTED[kind]
    assert reached - keys == moved - keys == wanted - keys


@pytest.mark.parametrize("kind", [DAPrompt, ADCLIP])
def test_every_loss_alone_moves_what_it_should(clip: Path, kind: type[ClipMethod]) -> None:
    method = build(kind, clip, **({"threshold": 0.0} if kind is DAPrompt else {}))
    losses = method.train().step(batch(), 0.0)
    reached = {}
    for name, loss in losses.items():
        if not loss.requires_grad:
            continue
        gradients = torch.autograd.grad(
            loss, [p for p in method.parameters() if p.requires_grad], retain_graph=True, allow_unused=True
        )
        names = [n for n, p in method.named_parameters() if p.requires_grad]
        moved = {n for n, g in zip(names, gradients, strict=True) if g is not None and g.abs().sum() > 0}
        reached[name] = {n.partition(".")[0] for n in moved}
    if kind is DAPrompt:
        assert reached == {"total": {"shared", "own"}, "source": {"shared", "own"}, "target": {"shared", "own"}}
    else:
        assert reached["source"] == reached["alignment"] == reached["entropy"] == {"style", "content"}
        assert reached["mapping"] == {"style", "mapping"}
        assert reached["total"] == {"style", "mapping", "content"}


def test_the_total_of_dapl_is_its_parts_and_an_unsure_target_adds_nothing(clip: Path) -> None:
    method = build(DAPrompt, clip, threshold=0.0, trade_off=0.25)
    losses = {name: loss.detach() for name, loss in method.step(batch(), 0.0).items()}
    assert float(losses["mask"]) == 1
    assert float(losses["total"]) == pytest.approx(float(losses["source"] + 0.25 * losses["target"]))
    unsure = {n: loss.detach() for n, loss in build(DAPrompt, clip, threshold=0.999999).step(batch(), 0.0).items()}
    assert float(unsure["mask"]) == float(unsure["target"]) == 0


def test_each_domain_of_dapl_has_tokens_of_its_own(clip: Path) -> None:
    method = build(DAPrompt, clip, sources=2, threshold=0.0)
    assert method.own.shape[0] == 3
    before = method.own.detach().clone()
    images = logits(method, pictures())
    with torch.no_grad():
        method.own[:2] += 1
    assert torch.equal(logits(method, pictures()), images)
    with torch.no_grad():
        method.own[2] += torch.randn(method.own[2].shape)
    assert not torch.allclose(logits(method, pictures()), images, atol=1e-3)
    with torch.no_grad():
        method.own.copy_(before)
    alone = build(DAPrompt, clip, sources=2, threshold=0.0, joint=False, trade_off=0.0)
    alone.step(batch(sources=1), 0.0)["total"].backward()
    assert [bool(g.abs().sum() > 0) for g in alone.own.grad] == [True, False, False]


def test_tokens_may_be_those_of_a_class(clip: Path) -> None:
    shared, own = build(DAPrompt, clip), build(DAPrompt, clip, class_specific=True)
    assert shared.shared.shape[0] == 1
    assert own.shared.shape[0] == len(CLASSES)
    assert own.text_embeddings(own.own).shape == (2, len(CLASSES), EMBEDDING)


def test_the_prompts_of_ad_clip_hold_two_styles_and_the_content(clip: Path) -> None:
    method = build(ADCLIP, clip, content=3)
    _, ends = method.names(torch.zeros(2, 2 * DEPTH + 3, method.texts.network.width))
    assert ends.tolist() == [1 + 2 * DEPTH + 3 + len(name) + 1 for name in CLASSES] * 2
    whole = logits(method, pictures(7))
    few = build(ADCLIP, clip, content=3, predict_batch=2)
    few.load_state_dict(method.state_dict())
    assert torch.allclose(logits(few, pictures(7)), whole, atol=1e-4)


def test_a_prediction_of_ad_clip_takes_the_sources_tokens_from_the_mapping_and_the_targets_from_the_style(
    clip: Path,
) -> None:
    method = build(ADCLIP, clip).eval()
    given = []
    method.names.register_forward_pre_hook(lambda module, context: given.append(context[0]))
    logits(method, pictures(2))
    with torch.no_grad():
        style = layer_style(method.images.network.layers(pictures(2))[1])
        expected = torch.cat([method.mapping(style), method.style(style)], dim=1)
    assert torch.allclose(given[0][:, : 2 * DEPTH], expected, atol=1e-5)
    assert not torch.allclose(expected[:, :DEPTH], expected[:, DEPTH:], atol=1e-2)


@pytest.mark.parametrize("mapping", ["target", "source"])
def test_the_mapping_of_ad_clip_learns_from_the_side_that_is_asked_for(clip: Path, mapping: str) -> None:
    method = build(ADCLIP, clip, mapping=mapping)
    seen = []
    method.mapping.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    one = batch()
    method.step(one, 0.0)
    images = one.target.images if mapping == "target" else one.sources.images
    with torch.no_grad():
        expected = layer_style(method.images.network.layers(images)[1])
    assert torch.allclose(seen[0], expected, atol=1e-5)


@pytest.mark.parametrize("kind", [ClipZeroShot, *TRAINED])
def test_what_is_frozen_is_in_no_checkpoint_and_what_is_trained_is(clip: Path, kind: type[ClipMethod]) -> None:
    method = build(kind, clip)
    state = method.state_dict()
    assert not any(name.startswith(("images.network", "texts.network")) for name in state)
    frozen = {name for name, p in method.named_parameters() if name not in state}
    assert all(".network." in name for name in frozen)
    assert {name for name, p in method.named_parameters() if p.requires_grad} <= set(state)
    if kind is not ClipZeroShot:
        learn(method)
    expected = logits(method, pictures())
    again = build(kind, clip)
    again.load_state_dict({name: value.clone() for name, value in method.state_dict().items()})
    assert torch.equal(logits(again, pictures()), expected)


def test_a_frozen_encoder_stays_in_eval_mode_and_is_counted(clip: Path) -> None:
    method = build(ClipLinearProbe, clip).train()
    assert method.training
    assert not any(module.training for module in method.images.modules())
    assert sum(p.numel() for p in method.images.parameters()) > sum(p.numel() for p in method.head.parameters())


def test_a_zero_shot_run_makes_no_step_and_knows_no_seed(clip: Path, tmp_path: Path) -> None:
    bench = ToyBench(tmp_path, "clip_zero_shot", "uda", {"model": str(clip)})
    trained = [bench.train("runs", seed=seed) for seed in (0, 1)]
    cost = trained[0].record.cost
    assert cost is not None
    assert cost.train_seconds == cost.trainable_parameters == 0
    assert cost.parameters > 0
    assert np.array_equal(trained[0].predictions.logits, trained[1].predictions.logits)
    assert set(trained[0].state) == {"head.weight", "head.bias"}
    store = RunStore(tmp_path / "runs")
    assert not (store.folder(trained[0].record.spec.key()) / "log.jsonl").exists()


def test_the_weights_are_in_the_key_and_their_path_is_not(clip: Path, tmp_path: Path) -> None:
    other = shutil.copytree(clip, tmp_path / "other")
    assert ClipZeroShot.weights_sha256(ClipZeroShot.Config(model=str(clip)), fetch=False) == (
        ClipZeroShot.weights_sha256(ClipZeroShot.Config(model=str(other)), fetch=False)
    )


def test_without_weights_a_bench_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match="download it and type --set METHOD"):
        ToyBench(tmp_path, "daprompt", "uda", {"model": "nobody/no-such-clip"})


@pytest.mark.parametrize("kind", [*TRAINED, ClipZeroShot])
def test_logits_are_not_rounded_to_half_precision(clip: Path, kind: type[ClipMethod]) -> None:
    """Where logits lie bfloat16 has steps of 1 / 8: classes nearer than that would tie."""
    method = build(kind, clip).eval()
    images = pictures()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        found = method.predict(images, {}).logits
    assert found.dtype == torch.float32
    assert not torch.equal(found, found.bfloat16().float())


@pytest.mark.parametrize("option", [{"picture": "an emoji"}, {"prompts": "photo"}, {"templates": ["a {noun}"]}])
def test_ad_clip_refuses_texts_that_it_would_not_read(option: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="its prompts are learnt"):
        ADCLIP.Config(**option)
