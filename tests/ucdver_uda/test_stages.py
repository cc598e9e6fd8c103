"""Methods that keep a second network, remember, or change what they train: what moves, what stays, and when."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from naive.batches import vector_backbone, vector_batch, vector_task
from support.tiny_runs import make, pictures, train
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import Batch, LabeledBatch, SpecError, Views
from ucdver.spec.recipe import OptimRecipe
from ucdver.train.optim import build_optimiser
from ucdver_uda.adda import ADDA
from ucdver_uda.ema import EMA
from ucdver_uda.group_dro import GroupDRO
from ucdver_uda.loss_valley import LossValley
from ucdver_uda.mcd import MCD
from ucdver_uda.mean_teacher import MeanTeacher
from ucdver_uda.safe_training import SafeTraining, collapsed
from ucdver_uda.shot import SHOT, SHOTIM
from ucdver_uda.swad import SWAD
from ucdver_uda.tent import Tent


def vectors(seed: int = 0, n: int = 6, m: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 5, generator=generator), torch.arange(n) % 3, torch.randn(m, 5, generator=generator) + 0.5


def snapshot(module: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in module.parameters()]


def moved(before: list[Tensor], module: nn.Module) -> bool:
    return any(not torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))


def test_mcd_moves_in_turn_everything_the_heads_and_the_features() -> None:
    torch.manual_seed(0)
    method = MCD(vector_task(), vector_backbone(5), MCD.Config(hidden=8, updates=2)).train()
    optimiser = build_optimiser(method, OptimRecipe(lr=0.1))
    seen: list[tuple[bool, bool]] = []
    step = optimiser.step

    def watched(*arguments: object) -> None:
        features, heads = snapshot(method.bottleneck), snapshot(method.heads)
        step()
        seen.append((moved(features, method.bottleneck), moved(heads, method.heads)))

    optimiser.step = watched  # type: ignore[method-assign, assignment]
    losses = method.manual_step(vector_batch(*vectors()), 0.5, optimiser)
    assert seen == [(True, True), (False, True), (True, False), (True, False)]
    assert all(torch.isfinite(v) for v in losses.values())


def test_mcd_predicts_with_the_mean_of_both_heads() -> None:
    method = MCD(vector_task(), vector_backbone(5), MCD.Config(hidden=8)).eval()
    images = vectors()[0]
    first, second = method.both_heads(images)
    expected = (first.softmax(1) + second.softmax(1)) / 2
    torch.testing.assert_close(method.predict(images, {}).logits.softmax(1), expected)


def test_adda_keeps_the_source_encoder_and_the_head_in_its_second_stage() -> None:
    torch.manual_seed(0)
    method = ADDA(vector_task(), vector_backbone(5), ADDA.Config(hidden=8, source_share=0.5)).train()
    optimiser = build_optimiser(method, OptimRecipe(lr=0.05))

    def update(step: int) -> dict[str, Tensor]:
        method.train()
        optimiser.zero_grad(set_to_none=True)
        losses = method.step(vector_batch(*vectors(step), step=step, total=10), step / 10)
        losses["total"].backward()
        optimiser.step()
        return losses

    assert all(set(update(step)) == {"total", "source"} for step in range(5))
    head, encoder = snapshot(method.head), snapshot(method.bottleneck)
    assert set(update(5)) == {"total", "domain", "reversal"}
    update(6)
    assert not moved(head, method.head) and moved(encoder, method.bottleneck)
    assert not moved(encoder, method.source_networks.bottleneck)


def test_a_teacher_and_an_average_follow_by_their_decay() -> None:
    for cls, attribute, decay in ((MeanTeacher, "teacher", 0.9), (EMA, "average", 0.9)):
        method = make(cls, "uda", {"decay": decay})
        copy = getattr(method, attribute)
        with torch.no_grad():
            method.head.weight.fill_(1.0)
            copy.head.weight.fill_(0.0)
        sides = _Sides()
        batch = Batch(999, 1000, "adapt", sides.source, sides.target)
        method.train()
        method.step(batch, 0.999)
        torch.testing.assert_close(copy.head.weight, torch.full_like(copy.head.weight, 0.1))
        assert not any(p.requires_grad for p in copy.parameters())
        grouped = {id(p) for g in method.parameter_groups() for p in g.parameters}
        assert grouped == {id(p) for p in method.parameters()} - {id(p) for p in copy.parameters()}


class _Sides:
    def __init__(self) -> None:
        from ucdver import UnlabeledBatch

        view = pictures("uda").source_train
        images = view.images[:6].float() / 255
        self.source = LabeledBatch(torch.arange(6), images, view.labels[:6], view.domains[:6])
        self.target = UnlabeledBatch(torch.arange(6), images)


def valley(losses: list[float], converge: int = 2, patience: int = 3, tolerance: float = 1.5) -> float | None:
    """Return the mean of a network that holds the segment's number while it lasts, or None without a valley."""
    network = nn.Linear(1, 1, bias=False)
    found = LossValley(network, converge, patience, tolerance)
    for number, loss in enumerate(losses):
        for _ in range(2):
            with torch.no_grad():
                network.weight.fill_(float(number))
            found.add(network)
        found.close_segment(loss)
    if not found.found:
        return None
    found.write_mean(network)
    return network.weight.item()


def test_the_valley_is_where_the_published_algorithm_has_it() -> None:
    # Starts with the first of two segments of which the first has the least loss: number 2.
    assert valley([3.0, 2.0, 1.0, 1.1, 1.0]) == pytest.approx((2 + 3 + 4) / 3)
    # Ends before three losses above 1.5 times the mean of 1.0 and 1.1: the last three are left out.
    assert valley([3.0, 2.0, 1.0, 1.1, 1.0, 9.0, 9.0, 9.0, 1.0, 1.0]) == pytest.approx((2 + 3 + 4) / 3)
    # Two bad ones do not end it.
    assert valley([1.0, 1.1, 9.0, 9.0, 1.0]) == pytest.approx(2.0)
    # A loss that always falls has no valley.
    assert valley([5.0, 4.0, 3.0, 2.0]) is None


def test_swad_predicts_with_the_average_once_training_is_over(tmp_path: Path) -> None:
    config = {"converge": 1, "patience": 2, "tolerance": 100.0}
    method = train(SWAD, "uc", tmp_path / "run", config)
    assert isinstance(method, SWAD) and method.valley.found
    method.eval()
    images = pictures("uc").source_train.images.float() / 255
    with torch.no_grad():
        torch.testing.assert_close(method.predict(images, {}).logits, method.average(images)[1])
        assert not torch.equal(method.predict(images, {}).logits, method(images))


def test_swad_needs_held_out_images() -> None:
    method = make(SWAD, "uc", {})
    empty = Views(None, None, None, source_val=None)
    with pytest.raises(SpecError, match="held-out source images"):
        method.on_epoch(empty, 0)


def test_a_fall_of_diversity_is_noticed_at_any_level() -> None:
    steady, nothing = torch.full((32,), 6.0), torch.full((32,), -torch.inf)
    assert not collapsed(steady, nothing, 2)
    fallen = torch.cat([steady[:16], steady[16:] - 2])
    assert collapsed(fallen, nothing, 2)
    dip = steady.clone()
    dip[8:10] -= 3
    assert collapsed(dip, nothing, 2) and not collapsed(dip, nothing, 8)
    assert not collapsed(steady - torch.linspace(0, 1, 32), nothing, 2)
    # A collapse that begins with an interval shows beside the one before it alone.
    assert collapsed(steady - 2, steady, 2) and not collapsed(steady - 2, nothing, 2)
    assert not collapsed(steady - 2, torch.cat([steady[:16], steady[16:] - 2]), 2)


@pytest.mark.parametrize("steps", [200, 2_000, 20_000])
def test_chance_alone_is_no_collapse(steps: int) -> None:
    """Batches of 32 predictions, always from one distribution over eight classes: what falls, falls by chance."""
    generator = torch.Generator().manual_seed(0)
    interval = SafeTraining(nn.Linear(1, 1), steps).interval
    shares = torch.tensor([0.4, 0.2, 0.15, 0.1, 0.06, 0.04, 0.03, 0.02])
    drawn = torch.multinomial(shares, 100 * interval * 32, replacement=True, generator=generator)
    seen = torch.zeros(100 * interval, 8).scatter_(1, drawn.view(-1, 32), 1.0).sum(1).view(100, interval)
    assert sum(bool(collapsed(now, before)) for before, now in pairwise(seen)) <= 2


def test_safe_training_goes_back_to_the_last_snapshot_and_ramps_anew() -> None:
    network = nn.Linear(2, 2)
    safety = SafeTraining(network, 320)
    varied, alike = torch.eye(4).repeat(2, 1), torch.zeros(8, 4)

    def interval(logits: Tensor, number: int) -> None:
        """Predict the same in each step of an interval and end it, with weights that move meanwhile."""
        for step in range(62 * number, 62 * (number + 1)):
            safety.note(logits, step)
        with torch.no_grad():
            network.weight.add_(1.0)
        safety.begin(network, 62 * (number + 1))

    assert safety.interval == 62
    safety.begin(network, 0)
    start = snapshot(network)
    interval(varied, 0)
    assert moved(start, network)
    good = snapshot(network)
    interval(alike, 1)
    assert not moved(good, network)
    assert safety.ramp(124).item() == 0 and safety.ramp(155).item() == pytest.approx(2**-0.5)
    assert safety.length.item() == 62
    # Within the ramp that began then: a longer one. What is measured by is the interval before the collapse.
    interval(alike, 2)
    assert not moved(good, network) and safety.length.item() == 124
    # As long as the refinement has next to no weight it is to blame for nothing.
    safety.length.fill_(1e6)
    interval(alike, 3)
    assert moved(good, network)


def test_a_restored_run_goes_on_as_safely() -> None:
    """All that decides is in the state: a copy made in the middle of an interval decides the same."""
    network, other = nn.Linear(2, 2), nn.Linear(2, 2)
    safety, copy = SafeTraining(network, 320), SafeTraining(other, 320)
    varied, alike = torch.eye(4).repeat(2, 1), torch.zeros(8, 4)
    for step in range(100):
        safety.begin(network, step)
        safety.note(varied if step < 62 else alike, step)
    copy.load_state_dict(safety.state_dict())
    other.load_state_dict(network.state_dict())
    with torch.no_grad():
        other.weight.add_(1.0)
        network.weight.add_(1.0)
    for step in range(100, 126):
        for watched, of in ((safety, network), (copy, other)):
            watched.begin(of, step)
            watched.note(alike, step)
    assert safety.began.item() == copy.began.item() == 124
    torch.testing.assert_close(network.state_dict(), other.state_dict())


@pytest.mark.parametrize("cls", [SHOT, SHOTIM])
def test_shot_freezes_its_head_when_the_source_is_gone(tmp_path: Path, cls: type[SHOT]) -> None:
    source = train(cls, "sfda", tmp_path / "half", stop_at=6)
    whole = train(cls, "sfda", tmp_path / "whole")
    assert torch.equal(source.head.weight, whole.head.weight)
    assert moved(snapshot(source.backbone), whole.backbone)
    assert whole.class_counts.sum() == 36


def test_shot_remembers_pseudo_labels_where_it_uses_them(tmp_path: Path) -> None:
    assert train(SHOT, "sfda", tmp_path / "a").labels.filled
    assert not train(SHOTIM, "sfda", tmp_path / "b").labels.filled


@pytest.mark.parametrize("prior", ["uniform", "source", "none"])
def test_every_prior_of_shot_trains(tmp_path: Path, prior: str) -> None:
    method = train(SHOT, "sfda", tmp_path / "run", {"prior": prior})
    assert all(torch.isfinite(p).all() for p in method.parameters())


def test_shot_can_keep_every_class_as_its_code_for_digits_does(tmp_path: Path) -> None:
    assert train(SHOT, "sfda", tmp_path / "run", {"threshold": "none"}).labels.filled


def test_tent_moves_normalisation_alone_when_the_source_is_gone(tmp_path: Path) -> None:
    source = train(Tent, "sfda", tmp_path / "half", stop_at=6)
    whole = train(Tent, "sfda", tmp_path / "whole")
    assert not moved(snapshot(source.backbone), whole.backbone) and not moved(snapshot(source.head), whole.head)
    names = [
        n for (n, a), b in zip(source.named_parameters(), whole.parameters(), strict=True) if not torch.equal(a, b)
    ]
    assert names == ["bottleneck.1.weight", "bottleneck.1.bias"]
    # The recipe's weight decay would pull scales to 0, and the entropy is not what it was chosen for.
    decays = {group.name: group.weight_decay for group in whole.parameter_groups()}
    assert decays["norms"] == 0.0


def test_tent_says_when_there_is_nothing_to_adapt() -> None:
    method = Tent(vector_task(bottleneck=0), vector_backbone(5), Tent.Config())
    method.start_phase("adapt")
    with pytest.raises(SpecError, match="normalisation layers, and this network has none"):
        method.parameter_groups()


def test_group_dro_raises_the_weight_of_the_worse_domain() -> None:
    torch.manual_seed(0)
    method = make(GroupDRO, "uc", {"eta": 1.0}).train()
    sides = _Sides()
    domains = torch.tensor([0, 0, 0, 1, 1, 1])
    source = LabeledBatch(sides.source.ids, sides.source.images, sides.source.labels, domains)
    with torch.no_grad():
        logits = method(source.images)
        each = F.cross_entropy(logits, source.labels, reduction="none").view(2, 3).mean(1)
        expected = 0.5 * each.exp()
        losses = method.step(Batch(0, 1, "train", source, None), 0.0)
    weights = method.get_buffer("weights")
    torch.testing.assert_close(weights, expected / expected.sum(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses["total"], (weights * each).sum(), rtol=1e-4, atol=1e-5)
