"""The table of methods: names, settings and papers. It imports no torch."""

from __future__ import annotations

from ucdver import MethodSpec

_UNFIT = "ucdver_uda.applicable:"
#: Versions of the methods that were changed; of all others it is 1.
_VERSIONS = {"deep_coral": "2", "mixstyle": "2", "ssrt": "2", "tent": "2", "toalign": "2"}


def _method(name: str, target: str, setting: str, summary: str, paper: str, unfit: str = "") -> MethodSpec:
    """Return the spec of a method of this package."""
    return MethodSpec(
        name=name,
        version=_VERSIONS.get(name, "1"),
        target=f"ucdver_uda.{target}",
        settings=(setting,),
        summary=summary,
        paper=paper,
        unfit=_UNFIT + unfit if unfit else None,
        reads_target=setting != "uc",
    )


_UDA = (
    (
        "dann",
        "dann:DANN",
        "a domain discriminator behind gradient reversal",
        "Ganin et al., Domain-Adversarial Training of Neural Networks, JMLR 17(59), 2016",
        "",
    ),
    (
        "cdan",
        "cdan:CDAN",
        "a domain discriminator that reads features times predictions",
        "Long et al., Conditional Adversarial Domain Adaptation, NeurIPS 2018",
        "",
    ),
    (
        "mcc",
        "mcc:MCC",
        "less confusion between classes in the target predictions",
        "Jin et al., Minimum Class Confusion for Versatile Domain Adaptation, ECCV 2020",
        "",
    ),
    (
        "deep_coral",
        "deep_coral:DeepCORAL",
        "source and target features with the same covariance",
        "Sun & Saenko, Deep CORAL: Correlation Alignment for Deep Domain Adaptation, ECCV-W 2016",
        "",
    ),
    (
        "dan",
        "dan:DAN",
        "source and target features with the same kernel mean",
        "Long et al., Learning Transferable Features with Deep Adaptation Networks, ICML 2015",
        "",
    ),
    (
        "jan",
        "jan:JAN",
        "features and predictions with the same joint kernel mean",
        "Long et al., Deep Transfer Learning with Joint Adaptation Networks, ICML 2017",
        "",
    ),
    (
        "afn",
        "afn:AFN",
        "feature norms that grow step by step",
        "Xu et al., Larger Norm More Transferable, ICCV 2019",
        "",
    ),
    (
        "mdd",
        "mdd:MDD",
        "an adversarial classifier that agrees on the source and disagrees on the target",
        "Zhang et al., Bridging Theory and Algorithm for Domain Adaptation, ICML 2019",
        "",
    ),
    (
        "bsp",
        "bsp:BSP",
        "dann with the largest singular values of the features penalised",
        "Chen et al., Transferability vs. Discriminability: Batch Spectral Penalization, ICML 2019",
        "",
    ),
    (
        "mcd",
        "mcd:MCD",
        "two classifiers that disagree on the target, and features that make them agree",
        "Saito et al., Maximum Classifier Discrepancy for Unsupervised Domain Adaptation, CVPR 2018",
        "needs_layers",
    ),
    (
        "adda",
        "adda:ADDA",
        "a target encoder moved until a discriminator takes it for the source's",
        "Tzeng et al., Adversarial Discriminative Domain Adaptation, CVPR 2017",
        "needs_layers",
    ),
    (
        "deep_jdot",
        "deep_jdot:DeepJDOT",
        "target images matched with labelled ones by optimal transport",
        "Damodaran et al., DeepJDOT, ECCV 2018",
        "",
    ),
    (
        "fixmatch",
        "fixmatch:FixMatch",
        "sure predictions on weak views of the target as labels of strong ones",
        "Sohn et al., FixMatch: Simplifying Semi-Supervised Learning, NeurIPS 2020",
        "needs_pictures",
    ),
    (
        "adamatch",
        "adamatch:AdaMatch",
        "fixmatch with aligned labels and a threshold that follows the source",
        "Berthelot et al., AdaMatch, ICLR 2022",
        "needs_pictures",
    ),
    (
        "mean_teacher",
        "mean_teacher:MeanTeacher",
        "target predictions that follow a teacher, the mean of the student's past",
        "French et al., Self-ensembling for Visual Domain Adaptation, ICLR 2018",
        "needs_pictures",
    ),
    (
        "toalign",
        "toalign:ToAlign",
        "a discriminator that sees of a source feature what its class reads",
        "Wei et al., ToAlign: Task-oriented Alignment for Unsupervised Domain Adaptation, NeurIPS 2021",
        "",
    ),
    (
        "ssrt",
        "ssrt:SSRT",
        "a vision transformer that keeps its predictions when tokens are disturbed",
        "Sun et al., Safe Self-Refinement for Transformer-based Domain Adaptation, CVPR 2022",
        "needs_transformer",
    ),
)

_UC = (
    (
        "erm_aug",
        "erm_aug:ERMAug",
        "cross entropy on strongly augmented source images",
        "Gulrajani & Lopez-Paz, In Search of Lost Domain Generalization, ICLR 2021",
        "needs_pictures",
    ),
    (
        "mixstyle",
        "mixstyle:MixStyle",
        "early feature statistics mixed between images",
        "Zhou et al., Domain Generalization with MixStyle, ICLR 2021",
        "needs_pictures",
    ),
    (
        "swad",
        "swad:SWAD",
        "weights averaged over the flat valley of the source's validation loss",
        "Cha et al., SWAD: Domain Generalization by Seeking Flat Minima, NeurIPS 2021",
        "",
    ),
    (
        "ema",
        "ema:EMA",
        "predictions with a moving average of the weights",
        "Polyak & Juditsky, Acceleration of Stochastic Approximation by Averaging, SIAM 1992",
        "",
    ),
    (
        "coral_dg",
        "coral_dg:CoralDG",
        "source domains whose features have the same moments",
        "Gulrajani & Lopez-Paz, In Search of Lost Domain Generalization, ICLR 2021",
        "needs_sources",
    ),
    (
        "group_dro",
        "group_dro:GroupDRO",
        "the source domain that does worst counts most",
        "Sagawa et al., Distributionally Robust Neural Networks, ICLR 2020",
        "needs_sources",
    ),
)

_SFDA = (
    (
        "shot",
        "shot:SHOT",
        "certain and diverse target predictions, and labels from centroids, under a frozen head",
        "Liang et al., Do We Really Need to Access the Source Data?, ICML 2020",
        "needs_layers",
    ),
    (
        "shot_im",
        "shot:SHOTIM",
        "shot without pseudo-labels",
        "Liang et al., Do We Really Need to Access the Source Data?, ICML 2020",
        "needs_layers",
    ),
    (
        "aad",
        "aad:AaD",
        "neighbours with the same predictions, all others with different ones",
        "Yang et al., Attracting and Dispersing, NeurIPS 2022",
        "",
    ),
    (
        "tent",
        "tent:Tent",
        "normalisation layers adapted by the entropy of target predictions",
        "Wang et al., Tent: Fully Test-Time Adaptation by Entropy Minimization, ICLR 2021",
        "needs_norms",
    ),
)


def methods() -> list[MethodSpec]:
    """Return every method of this package."""
    return [
        _method(name, target, setting, summary, paper, unfit)
        for setting, rows in (("uda", _UDA), ("uc", _UC), ("sfda", _SFDA))
        for name, target, summary, paper, unfit in rows
    ]
