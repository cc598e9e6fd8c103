"""The selection rules that ship with ucdver."""

from __future__ import annotations

from typing import Literal

from ucdver.spec.plugin import ValidatorSpec


def _rule(
    name: str,
    summary: str,
    paper: str = "",
    *,
    higher: bool = True,
    scope: Literal["checkpoint", "method"] = "checkpoint",
    oracle: bool = False,
    version: str = "1",
) -> ValidatorSpec:
    return ValidatorSpec(
        name=name,
        version=version,
        target=f"ucdver.selection.{_FILES.get(name, name)}:score",
        scope=scope,
        higher_is_better=higher,
        oracle=oracle,
        summary=summary,
        paper=paper,
    )


_FILES = {"class_ami": "class_cluster"}

VALIDATORS = [
    _rule("last", "the last step: no selection"),
    _rule("source_risk", "cross entropy on held-out source images", higher=False),
    _rule(
        "iwcv",
        "the source risk weighted by a domain classifier",
        "Sugiyama et al., Covariate Shift Adaptation by Importance Weighted Cross Validation, JMLR 2007",
        higher=False,
    ),
    _rule(
        "iwcv_kde",
        "source accuracy weighted by kernel densities",
        "Sugiyama et al., Covariate Shift Adaptation by Importance Weighted Cross Validation, JMLR 2007",
    ),
    _rule(
        "dev",
        "iwcv with a control variate",
        "You et al., Towards Accurate Model Selection in Deep Unsupervised Domain Adaptation, ICML 2019",
        higher=False,
    ),
    _rule(
        "entropy",
        "sure predictions on the target",
        "Morerio et al., Minimal-Entropy Correlation Alignment for Unsupervised Deep Domain Adaptation, ICLR 2018",
    ),
    _rule(
        "infomax",
        "sure and diverse predictions on the target",
        "Shi & Sha, Information-Theoretical Learning of Discriminative Clusters for UDA, ICML 2012",
    ),
    _rule(
        "snd",
        "soft neighbourhood density of the target predictions",
        "Saito et al., Tune it the Right Way: Unsupervised Validation via Soft Neighborhood Density, ICCV 2021",
        version="2",
    ),
    _rule(
        "bnm",
        "nuclear norm of the target predictions",
        "Cui et al., Towards Discriminability and Diversity: Batch Nuclear-norm Maximization, CVPR 2020",
    ),
    _rule(
        "corr_c",
        "class correlation of the target predictions",
        "Tu et al., Assessing Model Out-of-distribution Generalization with Softmax Prediction Correlation, 2022",
    ),
    _rule(
        "mixval",
        "mixed target images keep their pseudo-label",
        "Hu et al., Mixed Samples as Probes for Unsupervised Model Selection in Domain Adaptation, NeurIPS 2023",
    ),
    _rule(
        "class_ami",
        "clusters of the target features agree with the predicted classes",
        "Musgrave et al., Three New Validators and a Large-Scale Benchmark Ranking for UDA, 2022",
    ),
    _rule(
        "ist",
        "neighbourhoods, by cosines as in pytorch-adapt, do not tell source from target",
        "Shi & Sha, Information-Theoretical Learning of Discriminative Clusters for UDA, ICML 2012",
        higher=False,
        version="2",
    ),
    _rule(
        "rankme",
        "effective rank of the target features",
        "Garrido et al., RankMe: Assessing the Downstream Performance of Pretrained Representations, ICML 2023",
        scope="method",
    ),
    _rule("oracle", "the metric on the target's labels: an upper bound, never ranked", oracle=True),
]
