"""Parity with the numbers of the public implementations."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from naive.reference import ROOT, Case, case
from torch import Tensor, nn

from ucdver_kcdp.attention_maps import MapReader
from ucdver_kcdp.cliea import CLIEA, alignment_logits, contrastive_loss
from ucdver_kcdp.diffusion import TINY_VAE, Diffusion, build_diffusion
from ucdver_kcdp.moe import MixtureOfExperts, balance_loss
from ucdver_kcdp.neck import PyramidNeck
from ucdver_kcdp.objective import Trade, source_losses, target_losses
from ucdver_kcdp.perception import DiffusionPerceiver, PerceptionOptions
from ucdver_kcdp.pseudo_labels import PseudoLabeller
from ucdver_kcdp.roles import Frame
from ucdver_kcdp.triples import triple_of

#: The whole of the released domain-adaptation objective, quirks included.
RELEASED = Trade(supervised=2.0, contrastive=1.0, target=1.0, balance=0.1, form="released")


def weights(ref: Case, prefix: str) -> dict[str, Tensor]:
    return {k[len(prefix) :]: v for k, v in ref.tensors.items() if k.startswith(prefix)}


def experts(ref: Case, prefix: str) -> MixtureOfExperts:
    own = weights(ref, prefix)
    made = MixtureOfExperts(own["gating.gate.weight"].shape[1], 6)
    stacked = {
        "gate.weight": own["gating.gate.weight"],
        "gate.bias": own["gating.gate.bias"],
        "hidden_weight": torch.stack([own[f"experts.{e}.net.0.weight"] for e in range(4)]),
        "hidden_bias": torch.stack([own[f"experts.{e}.net.0.bias"] for e in range(4)]),
        "out_weight": torch.stack([own[f"experts.{e}.net.2.weight"] for e in range(4)]),
        "out_bias": torch.stack([own[f"experts.{e}.net.2.bias"] for e in range(4)]),
    }
    made.load_state_dict(stacked)
    return made


def neck(ref: Case, prefix: str) -> PyramidNeck:
    made = PyramidNeck([4, 7, 9, 6], 8)
    made.fpn.load_state_dict(weights(ref, prefix))
    return made


def cliea(ref: Case, prefix: str) -> CLIEA:
    prompts = ref["in.label_emb"]
    made = CLIEA(32, prompts, torch.ones(prompts.shape[:2]))
    own = {k.replace("mul_attn", "attention").replace("v_align", "mapping"): v for k, v in weights(ref, prefix).items()}
    assert made.load_state_dict(own, strict=False).missing_keys == ["prompts", "prompt_mask"]
    return made


def ones(knowledge: Tensor) -> Tensor:
    return torch.ones(knowledge.shape[:2])


def grad(parameter: Tensor | None) -> Tensor:
    assert parameter is not None and parameter.grad is not None
    return parameter.grad


def test_experts_and_the_released_balance_loss() -> None:
    ref = case("kcdp_moe")
    network, inputs = experts(ref, "w."), ref["in.x"].requires_grad_()
    routed = network(inputs)
    ref.check(routed.logits, "out.logits")
    ref.check(routed.best, "out.topk_gate")
    assert torch.equal(routed.gates.topk(2, dim=1).indices, ref["out.topk_idx"])
    ref.check(balance_loss(routed, "released"), "out.balance")
    losses = source_losses(routed, None, ref["in.labels"], Trade(balance=0.1, form="released"))
    ref.check(losses["source_total"], "out.loss")
    losses["source_total"].backward()  # type: ignore[no-untyped-call]
    ref.check(grad(inputs), "out.grad_x")
    ref.check(grad(network.gate.weight), "out.grad_gate_weight")
    ref.check(grad(network.hidden_weight)[0], "out.grad_expert0_fc1")


@pytest.mark.parametrize("setting", ["da", "uc"])
def test_heads_of_both_settings(setting: str) -> None:
    ref = case(f"kcdp_head_{setting}")
    pooled = [torch.cat([ref[f"in.v{i}"].mean((2, 3)) for i in range(4)], dim=1)]
    text = [ref["in.triple_emb"].mean(2)] if setting == "uc" else []
    routed = experts(ref, "w.moe.")(torch.cat(pooled + text, dim=1))
    ref.check(routed.logits, "out.logits")
    ref.check(routed.best.sum(0).unsqueeze(1).expand(2, 6), "out.gate_usage")


def test_neck() -> None:
    ref = case("kcdp_fpn_pool")
    features = [ref[f"in.f{i}"] for i in range(4)]
    made = neck(ref, "w.")
    for i, level in enumerate(made.pyramid(features)):
        ref.check(level, f"out.p{i}")
    ref.check(made(features), "out.v_raw")


def test_alignment() -> None:
    ref = case("kcdp_cliea")
    made = cliea(ref, "w.")
    levels = [ref[f"in.v{i}"].requires_grad_() for i in range(4)]
    knowledge = ref["in.knowledge"].requires_grad_()
    visual = torch.cat([level.mean((2, 3)) for level in levels], dim=1)
    ref.check(made.emotions(knowledge, ones(knowledge)), "out.text_emb")
    ref.check(made.mapping(visual), "out.visual_emb")
    logits = made(visual, knowledge, ones(knowledge))
    ref.check(logits, "out.logits")
    loss = contrastive_loss(logits, ref["in.labels"][:, 0])
    ref.check(loss, "out.loss")
    assert torch.equal(PseudoLabeller(6)(logits).labels, ref["out.pseudo_labels"])
    loss.backward()  # type: ignore[no-untyped-call]
    ref.check(grad(made.attention.in_proj_weight), "out.grad_in_proj_weight")
    ref.check(grad(made.attention.out_proj.weight), "out.grad_out_proj_weight")
    ref.check(grad(made.mapping.weight), "out.grad_v_align_weight")
    ref.check(grad(knowledge), "out.grad_knowledge")
    ref.check(grad(levels[3]), "out.grad_v3")


def test_contrastive_loss() -> None:
    ref = case("kcdp_contrastive_loss")
    visual, text = ref["in.visual"].requires_grad_(), ref["in.text"].requires_grad_()
    logits = alignment_logits(visual, text, ref.config["temperature"])
    ref.check(logits, "out.logits")
    loss = contrastive_loss(logits, ref["in.labels"][:, 0])
    ref.check(loss, "out.loss")
    loss.backward()  # type: ignore[no-untyped-call]
    ref.check(grad(visual), "out.grad_visual")
    ref.check(grad(text), "out.grad_text")


def test_the_released_objective_of_domain_adaptation() -> None:
    ref = case("kcdp_da_objective")
    pyramid, head, align = neck(ref, "w.fpn."), experts(ref, "w.cls_head.moe."), cliea(ref, "w.kalie.")
    visual = {side: pyramid([ref[f"in.{side}_f{i}"] for i in range(4)]) for side in "st"}
    aligned = {s: align(v, ref[f"in.{s}_knowledge"], ones(ref[f"in.{s}_knowledge"])) for s, v in visual.items()}
    source, target = head(visual["s"]), head(visual["t"])
    ref.check(source.logits, "out.source_logits")
    ref.check(target.logits, "out.target_logits")
    pseudo = PseudoLabeller(6)(aligned["t"])
    assert torch.equal(pseudo.labels, ref["out.target_pseudo_labels"])
    source_total = source_losses(source, aligned["s"], ref["in.s_labels"], RELEASED)["source_total"]
    target_total = target_losses(target, pseudo, RELEASED)["target_total"]
    ref.check(source_total, "out.source_loss")
    ref.check(target_total, "out.target_loss")
    total = source_total + target_total
    ref.check(total, "out.total_loss")
    total.backward()  # type: ignore[no-untyped-call]
    ref.check(grad(head.gate.weight), "out.grad_gate_weight")
    lateral = [next(block.parameters()) for block in pyramid.fpn.inner_blocks]
    ref.check(grad(lateral[0]), "out.grad_fpn_lateral0")
    ref.check(grad(lateral[3]), "out.grad_fpn_lateral3")
    ref.check(grad(align.mapping.weight), "out.grad_v_align_weight")
    ref.check(grad(align.attention.out_proj.weight), "out.grad_attn_out_proj")


def test_the_released_objective_of_the_universal_setting() -> None:
    ref = case("kcdp_uc_objective")
    pyramid, head = neck(ref, "w.fpn."), experts(ref, "w.cls_head.moe.")
    visual = pyramid([ref[f"in.s_f{i}"] for i in range(4)])
    routed = head(torch.cat([visual, ref["in.s_triple_emb"].mean(2)], dim=1))
    total = source_losses(routed, None, ref["in.s_labels"], Trade(form="released"))["source_total"]
    ref.check(routed.logits, "out.source_logits")
    ref.check(total, "out.total_loss")
    total.backward()  # type: ignore[no-untyped-call]
    ref.check(grad(head.gate.weight), "out.grad_gate_weight")
    lateral = [next(block.parameters()) for block in pyramid.fpn.inner_blocks]
    ref.check(grad(lateral[0]), "out.grad_fpn_lateral0")
    ref.check(grad(lateral[3]), "out.grad_fpn_lateral3")


def perceiver(ref: Case, **options: Any) -> DiffusionPerceiver:
    config: Mapping[str, Any] = ref.config["diffusers_config"]
    diffusion: Diffusion = build_diffusion(config, TINY_VAE)
    diffusion.unet.load_state_dict(weights(ref, "w."), strict=True)
    return DiffusionPerceiver(diffusion, PerceptionOptions(mode="full", **options))


@pytest.mark.parametrize("tokens", [154, 77])
def test_features_and_maps_of_the_unet(tokens: int) -> None:
    ref = case("ldm_unet_features_diffusersnames")
    found = perceiver(ref).read(ref["in.latent"], ref[f"in.context{tokens}"])
    assert [level.shape[1] for level in found] == [8, 16 + tokens, 32 + tokens, 32]
    for i, level in enumerate(found):
        if f"out.feat{i}_{tokens}" in ref.tensors:
            ref.check(level, f"out.feat{i}_{tokens}")


def test_features_of_another_time_step() -> None:
    ref = case("ldm_unet_features_diffusersnames")
    found = perceiver(ref).read(ref["in.latent"], ref["in.context154"], ref["in.timestep_b"].view(1))
    ref.check(found[0], "out.feat0_154_t500")
    ref.check(found[3], "out.feat3_154_t500")


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("kind", ["detached", "attached"])
def test_gradients_of_the_unet(kind: str, checkpointing: bool) -> None:
    """Also with recomputed activations: what runs a second time must neither add a map nor move a gradient."""
    ref = case("ldm_unet_features_diffusersnames")
    made = perceiver(ref, detach_maps=kind == "detached", checkpointing=checkpointing).train()
    latent, context = ref["in.latent"].requires_grad_(), ref["in.context154"].requires_grad_()
    found = made.read(latent, context)
    total = sum((level * ref[f"in.grad_out{i}"]).sum() for i, level in enumerate(found))
    assert isinstance(total, Tensor)
    total.backward()  # type: ignore[no-untyped-call]
    ref.check(grad(latent), f"out.grad_latent_{kind}")
    ref.check(grad(context), f"out.grad_context154_{kind}")
    query: nn.Module = made.unet.get_submodule("up_blocks.2.attentions.1.transformer_blocks.0.attn2.to_q")
    ref.check(grad(query.weight), f"out.grad_attn2_toq_{kind}")  # type: ignore[arg-type]
    assert isinstance(made.maps, MapReader)
    assert made.maps.held == 0


def test_the_rule_from_roles_to_a_triple() -> None:
    """The release appends spans without a separator; here they are kept apart, and joined so for the comparison."""
    path = Path(os.environ.get("UCDVER_SHARED", ROOT.parent / "shared")) / "reference" / "kcdp_srl_triples.json"
    if not path.is_file():
        pytest.skip(f"no reference cases: {path.name} is looked for in {path.parent}")
    cases = json.loads(path.read_text())["cases"]
    assert len(cases) > 50
    for entry in cases:
        triple = triple_of(Frame(tuple(entry["words"]), tuple(entry["tags"])))
        found = None
        if triple is not None:
            slots = {"subject": triple.subject, "verb": triple.verb, "object": triple.object}
            found = {name: "".join(spans) for name, spans in slots.items()}
        assert found == entry["expected"], entry["name"]
