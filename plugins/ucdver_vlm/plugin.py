"""What the vision-language methods register. It imports no torch: every ucdver command loads this file."""

from __future__ import annotations

from ucdver import MethodSpec, hookimpl

_CLIP = "Radford et al., Learning Transferable Visual Models From Natural Language Supervision, ICML 2021"
_ZERO_SHOT = (
    "nothing is trained, so every seed gives the same; CLIP has seen pictures of the web with their texts, which may "
    "hold the test pictures: this row is what it knew already"
)
_WEB = (
    "CLIP has seen pictures of the web with their texts, which may hold the test pictures: what training adds is what "
    "stands above clip_zero_shot; the recipe's backbone and bottleneck are unused"
)


@hookimpl
def ucdver_methods() -> list[MethodSpec]:
    """Return CLIP as it is, a linear probe and fine-tuning, and two methods that learn its prompts."""
    return [
        MethodSpec(
            name="clip_zero_shot",
            version="1",
            target="ucdver_vlm.zero_shot:ClipZeroShot",
            settings=("uda", "uc", "sfda"),
            summary="CLIP with an ensemble of emotion prompts, not trained at all",
            paper=_CLIP,
            needs_images=True,
            note=_ZERO_SHOT,
        ),
        MethodSpec(
            name="clip_linear_probe",
            version="1",
            target="ucdver_vlm.linear_probe:ClipLinearProbe",
            settings=("uda", "uc"),
            summary="a linear classifier on the frozen image embedding of CLIP, trained on the source",
            paper=_CLIP,
            needs_images=True,
            note=_WEB,
        ),
        MethodSpec(
            name="clip_finetune",
            version="1",
            target="ucdver_vlm.finetune:ClipFineTune",
            settings=("uda", "uc"),
            summary="CLIP's image encoder fine-tuned on the source from its zero-shot classifier, as in WiSE-FT",
            paper="Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022",
            needs_images=True,
            note=_WEB,
        ),
        MethodSpec(
            name="daprompt",
            version="1",
            target="ucdver_vlm.daprompt:DAPrompt",
            settings=("uda",),
            summary="learnt prompts of a frozen CLIP, a part of them for each domain, by zero-shot pseudo-labels",
            paper="Ge et al., Domain Adaptation via Prompt Learning, arXiv 2202.06687, 2022",
            needs_images=True,
            note=_WEB,
        ),
        MethodSpec(
            name="ad_clip",
            version="1",
            target="ucdver_vlm.ad_clip:ADCLIP",
            settings=("uda",),
            summary="prompts of a frozen CLIP made of each image's own style and content",
            paper="Singha et al., AD-CLIP: Adapting Domains in Prompt Space Using CLIP, ICCV-W 2023",
            needs_images=True,
            note=_WEB,
        ),
    ]
