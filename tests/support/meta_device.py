"""Steps on torch's meta device, from which nothing can be read back: `.item()`, a mask as an index, a branch on a
tensor are errors there, where a GPU would be waited for."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from ucdver import Batch, Method

#: Their results are checked on the CPU by the library itself, which a GPU would have to wait for.
DECOMPOSITIONS = ("_linalg_", "linalg_")


class NoDecomposition(TorchDispatchMode):
    """Refuses what waits for a GPU and runs on the meta device all the same."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name.startswith(DECOMPOSITIONS) and name != "linalg_vector_norm":
            raise AssertionError(f"{name} makes a GPU wait")
        return func(*args, **(kwargs or {}))


def on_meta(value: Any) -> Any:
    """Return a tensor, a mapping of tensors or one side of a batch on the meta device."""
    if isinstance(value, Tensor):
        return value.to("meta")
    if isinstance(value, dict):
        return {name: on_meta(own) for name, own in value.items()}
    return type(value)(**{name: on_meta(own) for name, own in vars(value).items()})


def batch_on_meta(batch: Batch) -> Batch:
    """Return a batch whose sides are on the meta device."""
    source = on_meta(batch.sources) if batch.has_source else None
    target = on_meta(batch.target) if batch.has_target else None
    return Batch(batch.step, batch.total_steps, batch.phase, source, target)


def step_on_meta(method: Method, batch: Batch, progress: float) -> dict[str, Tensor]:
    """Make a step of a method there, forwards and backwards, and return its losses."""
    method = method.to("meta").train()
    with NoDecomposition():
        losses = method.step(batch_on_meta(batch), progress)
        losses["total"].backward()
    assert all(value.device.type == "meta" and value.ndim == 0 for value in losses.values())
    return losses
