"""Depthwise convolutions on small maps are those of torch, forward and backward."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ucdver.backbones.base import Backbone
from ucdver.backbones.depthwise import DepthwiseConv2d, replace_depthwise


def pair(kernel: tuple[int, int], bias: bool = False) -> tuple[nn.Conv2d, DepthwiseConv2d]:
    torch.manual_seed(0)
    padding = (kernel[0] // 2, kernel[1] // 2)
    conv = nn.Conv2d(3, 3, kernel, padding=padding, groups=3, bias=bias, dtype=torch.float64)
    return conv, DepthwiseConv2d.of(copy.deepcopy(conv))


def gradients(conv: nn.Conv2d, images: Tensor) -> list[Tensor]:
    images = images.clone().requires_grad_()
    made = conv(images)
    found = torch.autograd.grad(made.sin().sum(), [images, *conv.parameters()])
    return [made, *found]


@settings(deadline=None)
@given(
    st.tuples(st.sampled_from([3, 5, 7]), st.sampled_from([3, 5, 7])),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.booleans(),
    st.booleans(),
)
def test_values_and_gradients_are_those_of_torch(
    kernel: tuple[int, int], size: tuple[int, int], bias: bool, channels_last: bool
) -> None:
    conv, own = pair(kernel, bias)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    images = torch.randn(2, 3, *size, dtype=torch.float64).contiguous(memory_format=layout)
    for one, two in zip(gradients(own, images), gradients(conv, images), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-10, atol=1e-10)


def test_gradients_can_be_differentiated() -> None:
    _, own = pair((5, 5))
    images = torch.randn(1, 3, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(own, (images,))


def kernels(conv: nn.Conv2d, images: Tensor) -> list[list[int]]:
    """Return the shapes of the kernels that torch is given."""
    with torch.profiler.profile(record_shapes=True) as profile:
        conv(images)
    events = [event for event in profile.events() if event.name == "aten::conv2d"]
    return [list(event.input_shapes[1]) for event in events]


def test_only_what_learns_on_a_map_smaller_than_its_kernel_is_put_together() -> None:
    _, own = pair((5, 5))
    small, large = (torch.randn(1, 3, size, size, dtype=torch.float64) for size in (4, 5))
    assert kernels(own, small) == [[3, 1, 3, 3]] * 4
    assert kernels(own, small[:, :, :2, :2]) == [[3, 1, 3, 3]]
    assert kernels(own, large) == [[3, 1, 5, 5]]
    with torch.no_grad():
        assert kernels(own, small) == [[3, 1, 5, 5]]
    own.requires_grad_(False)
    assert kernels(own, small) == [[3, 1, 5, 5]]


def test_a_network_keeps_its_parameters_and_what_is_no_such_convolution() -> None:
    body = nn.Sequential(
        nn.Conv2d(4, 4, 5, padding=2, groups=4, bias=False),
        nn.Sequential(nn.Conv2d(4, 4, 3, padding="same", groups=4)),
        nn.Conv2d(4, 4, 3, padding=1),
        nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=4),
        nn.Conv2d(4, 4, 3, groups=4),
        nn.Conv2d(4, 4, 3, padding=1, groups=4, padding_mode="reflect"),
        nn.Conv2d(4, 8, 3, padding=1, groups=4),
        nn.Conv2d(4, 4, 1, groups=4),
    ).eval()
    names, parameters = zip(*body.named_parameters(), strict=True)
    replace_depthwise(body)
    convolutions = [module for module in body.modules() if isinstance(module, nn.Conv2d)]
    assert [type(module) is DepthwiseConv2d for module in convolutions] == [True, True] + [False] * 6
    assert not any(module.training for module in convolutions)
    assert [name for name, _ in body.named_parameters()] == list(names)
    assert all(one is two for one, two in zip(body.parameters(), parameters, strict=True))


@pytest.mark.parametrize("channels_last", [True, False])
def test_backbones_with_channels_last_have_them(channels_last: bool) -> None:
    body = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.Flatten())
    Backbone(body, 4, (0.0,) * 4, (1.0,) * 4, channels_last=channels_last)
    assert isinstance(body[0], DepthwiseConv2d) == channels_last
