"""KCDP for ucdver: the method, and the annotators that make the knowledge it reads."""

from __future__ import annotations

from typing import Literal

from ucdver import AnnotatorSpec, BackboneSpec, MethodSpec, SuiteSpec, hookimpl

PAPER = (
    "Yin et al., Knowledge-Aligned Counterfactual-Enhancement Diffusion Perception for Unsupervised Cross-Domain "
    "Visual Emotion Recognition, CVPR 2025"
)
STABLE_DIFFUSION_LICENCE = "CreativeML Open RAIL-M, for the default model's weights"
SMALL_LICENCE = "Apache-2.0, the project's own; what they learnt from: LICENCE.md beside the weights"
#: Stands under every table with these weights: what they saw belongs to every result that they have a part in.
SAW = (
    "weights saw emoji without a face, drawn by all eleven icon sets, with their names, and ImageNet and text "
    "through EfficientNet-Lite0 and MiniLM; no face emoji"
)
#: What `kcdp_small` is without, by the name of the variant: the rows of the suite `emoji_kcdp_ablation`.
_VARIANTS = {
    "no_knowledge": ("WithoutKnowledge", "with the empty prompt for knowledge"),
    "no_lora": ("WithoutLora", "with the U-Net frozen"),
    "no_moe": ("WithoutMoe", "with a linear layer for the experts"),
    "no_cliea": ("WithoutCliea", "without alignment and pseudo-labels"),
    "no_counterfactuals": ("WithoutCounterfactuals", "with the factual prompts alone"),
    "caption_only": ("CaptionOnly", "with captions and no triples"),
    "triples_only": ("TriplesOnly", "with triples and no captions"),
}


@hookimpl
def ucdver_methods() -> list[MethodSpec]:
    """Return KCDP, KCDP at the size of emoji, and the latter without each of its parts."""
    return [
        MethodSpec(
            name="kcdp",
            version="4",
            target="ucdver_kcdp.method:KCDP",
            settings=("uda", "uc"),
            summary="a diffusion model that attends to captions and triples; prompts that fit are pseudo-labels",
            paper=PAPER,
        ),
        _small("kcdp_small", "small:KCDPSmall", "KCDP on a small diffusion model of its own, in minutes on two cores"),
        *(
            _small(f"kcdp_small_{name}", f"ablations:{cls}", f"kcdp_small with LoRA, {what}: an ablation")
            for name, (cls, what) in _VARIANTS.items()
        ),
        MethodSpec(
            name="kcdp_caption_probe",
            version="1",
            target="ucdver_kcdp.caption_probe:CaptionProbe",
            settings=("uda", "uc"),
            summary="a linear classifier on kcdp's captions alone, without the picture",
            reads_target=False,
            note="it reads captions alone and leaves the recipe's networks unused",
        ),
        MethodSpec(
            name="kcdp_small_caption_probe",
            version="1",
            target="ucdver_kcdp.caption_probe:SmallCaptionProbe",
            settings=("uda", "uc"),
            summary="a linear classifier on kcdp_small's captions alone, without the picture",
            extra="weights",
            reads_target=False,
            note=f"it reads captions alone and leaves the recipe's networks unused; its captioner's {SAW}",
        ),
    ]


def _small(name: str, target: str, summary: str) -> MethodSpec:
    return MethodSpec(
        name=name,
        version="4",
        target=f"ucdver_kcdp.{target}",
        settings=("uda", "uc"),
        summary=summary,
        paper=PAPER,
        extra="weights",
        note=f"it trains networks of its own and leaves the recipe's unused; their {SAW}",
    )


@hookimpl
def ucdver_backbones() -> list[BackboneSpec]:
    """Return the image encoder of the small image-text model."""
    return [
        BackboneSpec(
            name="emoji_image_text",
            target="ucdver_kcdp.image_text:build",
            weights=("package",),
            locate="ucdver_kcdp.image_text:locate",
            summary="EfficientNet-Lite0 mapped by kcdp_small's image-text model; 128 features",
            licence=SMALL_LICENCE,
            note=f"its {SAW}",
        )
    ]


@hookimpl
def ucdver_suites() -> list[SuiteSpec]:
    """Return the suites that tell what the method adds from what its weights add, and what each part adds."""
    return [
        SuiteSpec(
            name="emoji_image_text",
            resource="ucdver_kcdp:suites/emoji_image_text.toml",
            summary="emoji_frozen's methods on the features of kcdp_small's image encoder, and kcdp_small",
        ),
        SuiteSpec(
            name="emoji_kcdp_ablation",
            resource="ucdver_kcdp:suites/emoji_kcdp_ablation.toml",
            summary="kcdp_small with LoRA, and without each of its parts",
        ),
    ]


@hookimpl
def ucdver_annotators() -> list[AnnotatorSpec]:
    """Return captions and triples, and the tokens and features made of them by each text encoder."""
    return [
        AnnotatorSpec(
            name="kcdp_caption",
            version="2",
            target="ucdver_kcdp.captions:Captions",
            summary="a sentence on an image: by a captioner, by retrieval, or the data set's own text",
            kind="text",
            reads=("image", "text"),
            paper=PAPER,
            licence="BSD-3-Clause, for the default model's weights",
        ),
        AnnotatorSpec(
            name="kcdp_triples",
            version="1",
            target="ucdver_kcdp.triples:Triples",
            summary="the caption's triples of subject, verb and object, as JSON",
            kind="text",
            reads=("kcdp_caption",),
            paper=PAPER,
        ),
        *_knowledge(),
        *_features(),
        AnnotatorSpec(
            name="kcdp_latents",
            version="1",
            target="ucdver_kcdp.features:Latents",
            summary="the latent of the picture, by the diffusion model's autoencoder",
            kind="tensor",
            reads=("image",),
            paper=PAPER,
            licence=STABLE_DIFFUSION_LICENCE,
        ),
        *_small_annotators(),
    ]


def _small_annotators() -> list[AnnotatorSpec]:
    made: dict[str, tuple[str, str, Literal["text", "tensor"], tuple[str, ...]]] = {
        "caption": ("SmallCaptions", "phrases that the small image-text model finds nearest", "text", ("image",)),
        "triples": ("SmallTriples", "their triples, as JSON", "text", ("kcdp_small_caption",)),
        "knowledge": (
            "SmallKnowledge",
            "both as tokens in the image-text model's space",
            "tensor",
            ("kcdp_small_caption", "kcdp_small_triples"),
        ),
        "features": (
            "SmallFeatures",
            "features and attention maps of the small U-Net with that knowledge",
            "tensor",
            ("image", "kcdp_small_knowledge"),
        ),
        "features_plain": ("SmallPlainFeatures", "the same without knowledge", "tensor", ("image",)),
        "latents": ("SmallLatents", "the latent by the small autoencoder", "tensor", ("image",)),
    }
    return [
        AnnotatorSpec(
            name=f"kcdp_small_{name}",
            version="2" if name.startswith("features") else "1",
            target=f"ucdver_kcdp.small_annotators:{cls}",
            summary=summary,
            kind=kind,
            reads=reads,
            paper=PAPER,
            licence=SMALL_LICENCE,
            extra="weights",
            views=name.startswith("features"),
        )
        for name, (cls, summary, kind, reads) in made.items()
    ]


def _knowledge() -> list[AnnotatorSpec]:
    made = {
        "kcdp_knowledge": ("ClipKnowledge", "caption and triples as CLIP tokens", STABLE_DIFFUSION_LICENCE),
        "kcdp_knowledge_released": (
            "ReleasedKnowledge",
            "the same as released: words fused, triples summed",
            STABLE_DIFFUSION_LICENCE,
        ),
        "kcdp_knowledge_fused": ("FusedKnowledge", "the same with words fused alone", STABLE_DIFFUSION_LICENCE),
        "kcdp_knowledge_summed": ("SummedKnowledge", "the same with triples summed alone", STABLE_DIFFUSION_LICENCE),
        "kcdp_knowledge_minilm": ("MiniLMKnowledge", "caption and triples as MiniLM tokens", "Apache-2.0"),
        "kcdp_knowledge_hashed": ("HashedKnowledge", "caption and triples as one random vector a word", ""),
    }
    return [
        AnnotatorSpec(
            name=name,
            version="1",
            target=f"ucdver_kcdp.knowledge:{cls}",
            summary=summary,
            kind="tensor",
            reads=("kcdp_caption", "kcdp_triples"),
            paper=PAPER,
            licence=licence,
        )
        for name, (cls, summary, licence) in made.items()
    ]


def _features() -> list[AnnotatorSpec]:
    made = {
        "kcdp_features": (
            "Features",
            "features and attention maps of a frozen U-Net, with CLIP knowledge",
            ("kcdp_knowledge",),
        ),
        "kcdp_features_plain": ("PlainFeatures", "the same without knowledge", ()),
        "kcdp_features_released": (
            "ReleasedFeatures",
            "the same with the released knowledge",
            ("kcdp_knowledge_released",),
        ),
        "kcdp_features_minilm": ("MiniLMFeatures", "the same with MiniLM knowledge", ("kcdp_knowledge_minilm",)),
        "kcdp_features_hashed": ("HashedFeatures", "the same with hashed knowledge", ("kcdp_knowledge_hashed",)),
    }
    return [
        AnnotatorSpec(
            name=name,
            version="3",
            target=f"ucdver_kcdp.features:{cls}",
            summary=summary,
            kind="tensor",
            reads=("image", *reads),
            paper=PAPER,
            licence=STABLE_DIFFUSION_LICENCE,
            views=True,
        )
        for name, (cls, summary, reads) in made.items()
    ]
