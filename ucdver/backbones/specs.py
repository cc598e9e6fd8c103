"""The backbones that ship with ucdver, declared without importing torch."""

from __future__ import annotations

from ucdver.spec.plugin import BackboneSpec

BACKBONES: tuple[BackboneSpec, ...] = (
    BackboneSpec(
        name="convnet",
        target="ucdver.backbones.convnet:build",
        weights=("none", "path"),
        summary="five strided conv layers, 32 to 256 wide, for 48 to 96 pixels on a CPU",
    ),
    BackboneSpec(
        name="convnet_s",
        target="ucdver.backbones.convnet:build",
        weights=("none", "path"),
        summary="convnet at half the width, at about a third of the cost",
    ),
    BackboneSpec(
        name="lenet",
        target="ucdver.backbones.lenet:build",
        weights=("none", "path"),
        summary="the LeNet of the digit tables, for 28 pixels; 500 features",
    ),
    BackboneSpec(
        name="digits_cnn",
        target="ucdver.backbones.lenet:build",
        weights=("none", "path"),
        summary="skada-bench's digit network, for 28 pixels; 128 features",
    ),
    BackboneSpec(
        name="efficientnet_lite0",
        target="ucdver.backbones.package:build",
        weights=("none", "path", "package"),
        locate="ucdver.backbones.package:locate",
        summary="EfficientNet-Lite0; its ImageNet weights come in the extra 'weights'",
        licence="Apache-2.0",
    ),
    BackboneSpec(
        name="timm",
        target="ucdver.backbones.timm_family:build",
        weights=("none", "path", "hub"),
        locate="ucdver.backbones.timm_family:locate",
        family=True,
        names="ucdver.backbones.timm_family:names",
        summary="every network of timm, by timm's own name, as in resnet18@hub",
        licence="the networks Apache-2.0; the weights as their page on the hub says",
    ),
)
