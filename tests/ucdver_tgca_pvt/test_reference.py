"""Parity of every part, and of the whole networks, with the numbers of the published implementations."""

from __future__ import annotations

import pytest
import torch
from naive.reference import Case, case
from naive.tgca_names import diagonals, split
from torch import Tensor, nn

from ucdver_tgca_pvt.blocks import plain_block
from ucdver_tgca_pvt.config import LoraConfig, TgcaConfig
from ucdver_tgca_pvt.fla import FrequencyGate
from ucdver_tgca_pvt.fusion import FusionBlock
from ucdver_tgca_pvt.network import TokenNetwork
from ucdver_tgca_pvt.pvt import PyramidVisionTransformer
from ucdver_tgca_pvt.pyramids import Pyramid
from ucdver_tgca_pvt.tgca import TopicContext, group_weights
from ucdver_tgca_pvt.tokens import class_row, gather, select


def parameters(ref: Case, prefix: str = "w.") -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in ref.tensors.items() if name.startswith(prefix)}


def leaf(ref: Case, name: str) -> Tensor:
    return ref[name].double().requires_grad_()


def gradient(tensor: Tensor) -> Tensor:
    assert tensor.grad is not None
    return tensor.grad


class Whole:
    """A whole network of the reference, in float64."""

    def __init__(self, ref: Case) -> None:
        c = ref.config
        numbers = ("embed_dims", "depths", "num_heads", "mlp_ratios", "sr_ratios", "patch_sizes")
        pyramid = Pyramid(*(tuple(c[name]) for name in numbers), side=c["img_size"])  # type: ignore[arg-type]
        released = TgcaConfig if any("conv4" in name for name in ref.tensors) else LoraConfig
        config = released(
            alpha=c["alpha"],
            local_stages=tuple(map(bool, c["locals"][:3])),
            hidden=c.get("hidden_dim", 48),
            heads=c.get("fuse_num_heads", 12),
            mlp=c.get("fuse_mlp_dim", 96),
        )
        text = (c["text_tokens"], c["text_dim"]) if "text_dim" in c else None
        self.body = PyramidVisionTransformer("reference", pyramid, 3)
        self.network = TokenNetwork(pyramid, config.layout(text))
        assert self.network.layout.vision_tokens(pyramid) + (text or (0,))[0] == c.get("num_tokens", 128)
        body, network, head = split(ref.tensors)
        self.body.load_state_dict(body)
        backbone_alone = not head
        self.network.load_state_dict(network, strict=not backbone_alone)
        self.head = nn.Linear(config.hidden, c.get("num_classes", 7))
        if head:
            self.head.load_state_dict(head)
        for module in (self.body, self.network, self.head):
            module.double().eval()

    def fused(self, ref: Case, image: str, topics: str | None) -> Tensor:
        text = ref["in.text_feat"].double() if self.network.layout.text else None
        groups = ref[topics] if topics else None
        with torch.no_grad():
            found: Tensor = self.network(self.body, ref[image].double(), groups, text)
        return found

    def tokens(self, image: Tensor, topics: Tensor | None) -> Tensor:
        with torch.no_grad():
            return self.network.vision(self.body, image.double(), None if topics is None else group_weights(topics))


@pytest.mark.parametrize("name", ["tgca_sra_block_sr1_cls1", "tgca_sra_block_sr4_cls0", "tgca_sra_block_sr4_cls1"])
@pytest.mark.parametrize("want_map", [True, False])
def test_block(name: str, want_map: bool) -> None:
    ref = case(name)
    c = ref.config
    block = plain_block(c["dim"], c["num_heads"], c["sr_ratio"], c["mlp_ratio"])
    block.load_state_dict(parameters(ref))
    block.double().eval()
    x, grid = leaf(ref, "in.x"), tuple(c["grid"])
    y, probabilities = block(x, grid, want_map)
    (y * ref["in.grad_out"]).sum().backward()
    ref.check(y, "out.block_y")
    ref.check(gradient(x), "out.grad_x")
    attended, map_alone = block.attn(x, grid, want_map)
    ref.check(attended, "out.attn_y")
    if want_map:
        ref.check(probabilities, "out.block_attn_prob")
        ref.check(map_alone, "out.attn_prob")
    else:
        assert probabilities is None


@pytest.mark.parametrize("name", ["tgca_fla_c3", "tgca_fla_c32"])
def test_frequency_gate(name: str) -> None:
    ref = case(name)
    gate = FrequencyGate(ref.config["channels"], "diag")
    gate.load_state_dict(diagonals(parameters(ref)))
    gate.double()
    x = leaf(ref, "in.x")
    y = gate(x)
    (y * ref["in.grad_out"]).sum().backward()
    ref.check(y, "out.y")
    ref.check(gate(ref["in.x_odd"].double()), "out.y_odd")
    ref.check(gradient(x), "out.grad_x")
    ref.check(gradient(gate.r).diag(), "out.grad_r")
    ref.check(gradient(gate.i).diag(), "out.grad_i")
    ref.check(gradient(gate.rb), "out.grad_rb")
    ref.check(gradient(gate.ib), "out.grad_ib")


@pytest.mark.parametrize("suffix", ["L2", "L3", "L4", "L3_last"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_token_choice(suffix: str, dtype: torch.dtype) -> None:
    ref = case(f"tgca_token_select_{suffix}")
    c = ref.config
    maps = [ref[f"in.attn_{number}"].to(dtype) for number in range(c["num_layers"])]
    assert torch.equal(select(class_row(maps, c["last_stage"]), c["k"]), ref["out.topk_idx"])


def test_topic_context() -> None:
    ref = case("tgca_topic_context")
    context = TopicContext(ref.config["dim"])
    context.load_state_dict(parameters(ref))
    context.double()
    x = leaf(ref, "in.x")
    found = x + context(x, group_weights(ref["in.topics_a"]))
    (found * ref["in.grad_out"]).sum().backward()
    ref.check(found, "out.context_a")
    ref.check(gradient(x), "out.grad_x_a")
    ref.check(gradient(context.conv.weight), "out.grad_conv_weight_a")
    assert context.conv.bias is not None
    ref.check(gradient(context.conv.bias), "out.grad_conv_bias_a")
    ref.check(x + context(x, group_weights(ref["in.topics_b"])), "out.context_b")
    for weights in (group_weights(ref["in.topics_singleton"]), None):
        ref.check(x + context(x, weights), "out.context_singleton")


def test_rows_of_word_pieces_make_the_same_groups() -> None:
    ref = case("tgca_topic_relabel")
    found, index = group_weights(ref["in.topic_token_ids"]), ref["out.topic_index"].flatten()
    assert torch.equal(found > 0, index[:, None] == index[None, :])


@pytest.mark.parametrize("suffix", ["a", "singleton"])
def test_fusion_block(suffix: str) -> None:
    ref = case("tgca_fuse_block")
    c = ref.config
    block = FusionBlock(c["hidden_dim"], c["num_heads"], c["mlp_dim"], 0.0, topic_guided=True)
    names = {name.replace("attn.conv", "attn.context.conv"): value for name, value in parameters(ref).items()}
    block.load_state_dict({name: value for name, value in names.items() if not name.startswith("attn.norm")})
    block.double().eval()
    x, weights = leaf(ref, "in.x"), group_weights(ref[f"in.topics_{suffix}"])
    token = block(x, weights)
    (token * ref["in.grad_out"]).sum().backward()
    ref.check(token, f"out.token0_{suffix}")
    ref.check(gradient(x), f"out.grad_x_{suffix}")
    assert block.attn.context is not None
    ref.check(gradient(block.attn.context.conv.weight), f"out.grad_conv_weight_{suffix}")
    ref.check(block.attn(block.attention_norm(x), weights), f"out.attn_all_tokens_{suffix}")


def test_plain_fusion_block() -> None:
    ref = case("lora_fuse_block")
    c = ref.config
    block = FusionBlock(c["hidden_dim"], c["num_heads"], c["mlp_dim"], 0.0, topic_guided=False)
    block.load_state_dict({n: v for n, v in parameters(ref).items() if not n.startswith("attn.norm")})
    block.double().eval()
    x = leaf(ref, "in.x")
    token = block(x, None)
    (token * ref["in.grad_out"]).sum().backward()
    ref.check(token, "out.token0")
    ref.check(gradient(x), "out.grad_x")


@pytest.mark.parametrize("name", ["lora_backbone_locals0010_alpha2", "tgca_backbone_locals0010_alpha2"])
def test_tokens_of_stages_three_and_four_alone(name: str) -> None:
    ref = case(name)
    found = Whole(ref).tokens(ref["in.image"], ref.tensors.get("in.topics_a"))
    ref.check(found, "out.vision_tokens")


def test_parts_of_the_whole_path() -> None:
    ref = case("tgca_lera_and_global_trace")
    whole = Whole(ref)
    with torch.no_grad():
        outputs = whole.network.outputs(whole.body, ref["in.image"].double())
        found = whole.network.assemble(outputs, group_weights(ref["in.topics_a"]))
    for label, output in enumerate(outputs, start=1):
        ref.check(output.tokens, f"out.stage{label}_tokens")
        assert output.indices is not None and output.local is not None
        assert torch.equal(output.indices, ref[f"out.stage{label}_topk_idx"])
        chosen = gather(output.tokens[:, 1:], output.indices)
        assert torch.equal(output.local, chosen + chosen.amax(1, keepdim=True))
        if label < 4:
            ref.check(output.local, f"out.stage{label}_lera_tokens")
    ref.check(found, "out.prenorm_tokens")


@pytest.mark.parametrize(
    ("image", "topics", "suffix"),
    [
        ("in.image", "in.topics_a", "shared"),
        ("in.image", "in.topics_singleton", "singleton"),
        ("in.image", None, "singleton"),
        ("in.image_96", "one", "img96_shared"),
    ],
)
def test_vision(image: str, topics: str | None, suffix: str) -> None:
    ref = case("tgca_full_vision")
    ref.tensors["one"] = torch.tensor([7, 7])
    whole = Whole(ref)
    fused = whole.fused(ref, image, topics)
    ref.check(fused, f"out.feat_{suffix}")
    ref.check(whole.head(fused), f"out.logits_{suffix}")
    ref.check(whole.tokens(ref[image], ref[topics] if topics else None), f"out.vision_tokens_{suffix}")
    if suffix != "singleton":
        with torch.no_grad():
            for label, output in enumerate(whole.network.outputs(whole.body, ref[image].double()), start=1):
                assert output.indices is not None
                assert torch.equal(output.indices, ref[f"out.topk_idx_stage{label}_{suffix}"])


@pytest.mark.parametrize("suffix", ["img64", "img96"])
def test_vision_of_lora(suffix: str) -> None:
    ref = case("lora_full_vision")
    whole, image = Whole(ref), "in.image" if suffix == "img64" else "in.image_96"
    fused = whole.fused(ref, image, None)
    ref.check(fused, f"out.feat_{suffix}")
    ref.check(whole.head(fused), f"out.logits_{suffix}")
    ref.check(whole.tokens(ref[image], None), f"out.vision_tokens_{suffix}")
    with torch.no_grad():
        for label, output in enumerate(whole.network.outputs(whole.body, ref[image].double()), start=1):
            assert output.indices is not None
            assert torch.equal(output.indices, ref[f"out.topk_idx_stage{label}_{suffix}"])


@pytest.mark.parametrize(
    ("name", "topics", "suffix"),
    [("tgca_full_multimodal", "in.topics_a", "_shared"), ("lora_full_multimodal", None, "")],
)
def test_vision_and_text(name: str, topics: str | None, suffix: str) -> None:
    ref = case(name)
    whole = Whole(ref)
    fused = whole.fused(ref, "in.image", topics)
    ref.check(fused, f"out.feat{suffix}")
    ref.check(whole.head(fused), f"out.logits{suffix}")
