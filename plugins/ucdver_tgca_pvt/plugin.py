"""What the emotion specialists register: TGCA-PVT, its parent and its variants, WSCNet, pyramids, and a recipe."""

from __future__ import annotations

from ucdver import AnnotatorSpec, BackboneSpec, MethodSpec, SuiteSpec, hookimpl

_LORA = "Liu et al., SER30K: A Large-Scale Dataset for Sticker Emotion Recognition, ACM MM 2022"
_TGCA = (
    "Chen et al., TGCA-PVT: Topic-Guided Context-Aware Pyramid Vision Transformer for Sticker Emotion Recognition, "
    "ACM MM 2024"
)
_PVT_V2 = "Wang et al., PVT v2: Improved Baselines with Pyramid Vision Transformer, CVMJ 2022"
_WSCNET = (
    "Yang et al., Weakly Supervised Coupled Networks for Visual Sentiment Analysis, CVPR 2018; She et al., WSCNet, "
    "IEEE Transactions on Multimedia 22(5), 2020"
)
#: The cheapest first: with it the contract is checked.
_PYRAMIDS = ("pvt_mini", "pvt_tiny", "pvt_small")
#: The same of PVT v2, with timm's names and those of its weights.
_PYRAMIDS_V2 = (
    "pvt_v2_mini",
    *(f"pvt_v2_b{size}{weights}" for weights in ("", ".in1k") for size in range(6)),
)
_PROTOCOL = (
    "the published numbers are of the epoch that was best on the test images; here no label of a test image "
    "chooses anything"
)


def _method(name: str, attribute: str, summary: str, paper: str, version: str = "1") -> MethodSpec:
    return MethodSpec(
        name=name,
        version=version,
        target=f"ucdver_tgca_pvt.method:{attribute}",
        settings=("uda", "uc"),
        summary=summary,
        paper=paper,
        backbones=_PYRAMIDS,
        needs_images=True,
        reads_target=False,
        note=_PROTOCOL,
    )


@hookimpl
def ucdver_methods() -> list[MethodSpec]:
    """Return LORA and TGCA-PVT, of vision alone and with text, at the size of emoji, on PVT v2; and WSCNet."""
    return [
        _method("lora", "LORA", "a PVT's class tokens and chosen patches, fused by one transformer block", _LORA),
        _method("lora_mm", "LORAMultimodal", "LORA with the text on the picture, read by a frozen BERT", _LORA),
        _method("tgca_pvt", "TGCAPVT", "LORA with a gate on the spectrum, and topic-guided attention", _TGCA, "3"),
        _method(
            "tgca_pvt_mm",
            "TGCAPVTMultimodal",
            "TGCA-PVT with the text on the picture, read by a frozen BERT",
            _TGCA,
            "3",
        ),
        MethodSpec(
            name="tgca_pvt_small",
            version="5",
            target="ucdver_tgca_pvt.small:TGCAPVTSmall",
            settings=("uda", "uc"),
            summary="TGCA-PVT on a little pyramid of its own, from scratch, for 24 to 96 pixels",
            paper=_TGCA,
            needs_images=True,
            reads_target=False,
            note="it trains a network of its own, from scratch, made for few pictures; the recipe's backbone is unused",
        ),
        MethodSpec(
            name="tgca_pvtv2",
            version="3",
            target="ucdver_tgca_pvt.method_v2:TGCAPVTv2",
            settings=("uda", "uc"),
            summary="TGCA-PVT on timm's PVT v2 (pvt_v2_b0 to pvt_v2_b5), with a class token added to every stage",
            paper=f"{_TGCA}; {_PVT_V2}",
            backbones=_PYRAMIDS_V2,
            needs_images=True,
            reads_target=False,
            note="TGCA-PVT is published on PVT v1 alone; on PVT v2 it is another network, without published numbers",
        ),
        MethodSpec(
            name="wscnet",
            version="1",
            target="ucdver_tgca_pvt.wscnet.method:WSCNet",
            settings=("uda", "uc"),
            summary="a sentiment map detected from labels of whole pictures, and coupled with the features",
            paper=_WSCNET,
            needs_images=True,
            reads_target=False,
            unfit="ucdver_tgca_pvt.wscnet.applicable:needs_maps",
            note=(
                "released with ResNet-101 at 448 pixels, 25 epochs of SGD at 0.0001, divided by ten every seventh; "
                "here network, size and schedule are the recipe's, and its bottleneck is unused"
            ),
        ),
    ]


@hookimpl
def ucdver_annotators() -> list[AnnotatorSpec]:
    """Return the text's hidden states."""
    return [
        AnnotatorSpec(
            name="bert_tokens",
            version="1",
            target="ucdver_tgca_pvt.text:BertTokens",
            summary="the picture's text as the hidden states of a frozen BERT at 30 word pieces",
            kind="tensor",
            reads=("text",),
            paper="Devlin et al., BERT: Pre-training of Deep Bidirectional Transformers, NAACL 2019",
            licence="the weights as their page on the hub says; bert-base-uncased: Apache-2.0",
        )
    ]


@hookimpl
def ucdver_backbones() -> list[BackboneSpec]:
    """Return PVT v1, and pyramids of v1 and v2 for small pictures; timm has PVT v2 itself."""
    published = "the networks as ucdver; the weights Apache-2.0, as their page on the hub says"
    paper = "Wang et al., Pyramid Vision Transformer, ICCV 2021"
    return [
        BackboneSpec(
            name=name,
            target="ucdver_tgca_pvt.backbone:build",
            weights=("none", "path", "hub"),
            locate="ucdver_tgca_pvt.backbone:locate",
            summary=f"PVT v1 ({paper}), {size} parameters; sides that are multiples of 32",
            licence=published,
        )
        for name, size in (("pvt_tiny", "12.7 M"), ("pvt_small", "24.0 M"))
    ] + [
        BackboneSpec(
            name="pvt_mini",
            target="ucdver_tgca_pvt.backbone:build",
            weights=("none", "path"),
            summary="PVT's structure at 0.4 M parameters, for 24 to 96 pixels; sides that are multiples of 8",
        ),
        BackboneSpec(
            name="pvt_v2_mini",
            target="ucdver_tgca_pvt.backbone:build_v2",
            weights=("none", "path"),
            summary="the structure of timm's PVT v2 with the numbers of pvt_mini",
        ),
    ]


@hookimpl
def ucdver_suites() -> list[SuiteSpec]:
    """Return the suite with the published recipe."""
    return [
        SuiteSpec(
            name="emoji_pvt",
            resource="ucdver_tgca_pvt:suites/emoji_pvt.toml",
            summary="emotion across emoji styles with PVT-Small at 448 pixels, by the recipe of LORA and TGCA-PVT",
        )
    ]
