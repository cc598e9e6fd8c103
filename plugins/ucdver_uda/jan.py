"""JAN: features and predictions with the same joint kernel mean in both domains (Long et al., ICML 2017)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ucdver import Backbone, Batch, Method, MethodConfig, TaskInfo, at_least_float32, both_images, no_autocast
from ucdver_uda.gradient_reversal import reverse_gradient
from ucdver_uda.mmd import Estimator, adaptive_kernels, fixed_kernel, mmd

#: Bandwidth of the kernel on predictions, in the authors' code (https://github.com/thuml/Xlearn) and in TLlib.
SIGMA = 0.92


def joint_mmd(features: Tensor, probabilities: Tensor, num_source: int, estimator: Estimator) -> Tensor:
    """Return the joint MMD of features [n + m, d] and probabilities [n + m, K], source first, a scalar.

    The kernel of two images is the product of DAN's kernels on their features and a Gaussian on their predictions.
    Computed in float32 at least.
    """
    with no_autocast(features):
        on_features = adaptive_kernels(at_least_float32(features))
        on_predictions = fixed_kernel(at_least_float32(probabilities), SIGMA)
        return mmd(on_features * on_predictions, num_source, estimator)


class Theta(nn.Module):
    """A linear map that ascends the loss which what lies before it descends: the adversary of JAN-A.

    Args:
        width: width of what goes in and comes out.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        # It begins as JAN, as in TLlib: a random map would shrink what SIGMA was chosen for.
        nn.init.eye_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, values: Tensor) -> Tensor:
        """Return the mapped values [B, width]; the gradient is reversed for the weights alone."""
        return reverse_gradient(self.linear(reverse_gradient(values, 1.0)), 1.0)


class JAN(Method):
    """Source cross entropy plus the joint MMD of features and predictions.

    L = CE(source) + trade_off * joint_mmd((f_s, p_s), (f_t, p_t)), p being the softmax, with gradient. With
    `adversarial` the MMD is taken behind linear maps that maximise it (JAN-A).

    Paper: Long et al., Deep Transfer Learning with Joint Adaptation Networks, ICML 2017.
    """

    class Config(MethodConfig):
        """`estimator`: quadratic in TLlib, linear-time in the paper; `trade_off`: 1 in TLlib."""

        estimator: Estimator = "quadratic"
        adversarial: bool = False
        trade_off: float = Field(default=1.0, ge=0, json_schema_extra={"search": [0.1, 10.0], "log": True})

    config: Config

    def __init__(self, task: TaskInfo, backbone: Backbone, config: Config) -> None:
        super().__init__(task, backbone, config)
        adversarial = config.adversarial
        self.theta_features: nn.Module = Theta(self.feature_dim) if adversarial else nn.Identity()
        self.theta_classes: nn.Module = Theta(task.num_classes) if adversarial else nn.Identity()

    def step(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses: "source" is the cross entropy, "mmd" the unweighted discrepancy."""
        num_source = len(batch.sources.labels)
        features = self.forward_features(both_images(batch))
        logits = self.classify(features)
        source = F.cross_entropy(logits[:num_source], batch.sources.labels)
        mapped, predicted = self.theta_features(features), self.theta_classes(logits.softmax(1))
        discrepancy = joint_mmd(mapped, predicted, num_source, self.config.estimator)
        return {"total": source + self.config.trade_off * discrepancy, "source": source, "mmd": discrepancy}
