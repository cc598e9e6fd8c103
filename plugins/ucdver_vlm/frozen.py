"""A pretrained network that stays as it is: always in eval mode, without gradients of its own, in no checkpoint."""

from __future__ import annotations

from typing import Any

from torch import nn


class Frozen(nn.Module):
    """Holds a network whose weights never change.

    Gradients pass through it to what it is given, unless the caller forbids that. Its weights are no part of the state
    dict, which would otherwise put hundreds of megabytes into every checkpoint: whoever builds the method has loaded
    them from their own file already, and that file's hash is in the run's key.

    Args:
        network: any module.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        self.register_state_dict_post_hook(_drop)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_fill)  # type: ignore[no-untyped-call]

    def train(self, mode: bool = True) -> Frozen:
        """Stay in eval mode, whatever is asked for."""
        return super().train(False)

    def forward(self, *given: Any) -> Any:
        """Return what the network returns."""
        return self.network(*given)


def _drop(module: nn.Module, state: dict[str, Any], prefix: str, metadata: Any) -> None:
    for name in [name for name in state if name.startswith(f"{prefix}network.")]:
        del state[name]


def _fill(module: nn.Module, state: dict[str, Any], prefix: str, *rest: Any) -> None:
    network: nn.Module = module.get_submodule("network")
    state.update({f"{prefix}network.{name}": value for name, value in network.state_dict().items()})
