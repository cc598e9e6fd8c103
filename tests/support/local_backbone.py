"""The source of a `ucdver_local.py` with a backbone, to be edited."""


def backbone_source(name: str) -> str:
    """Return the source of a backbone of that name, a small network without weights."""
    return f"""\
from ucdver import BackboneSpec, hookimpl
from ucdver.backbones.convnet import build


@hookimpl
def ucdver_backbones():
    return [BackboneSpec(name="{name}", target="ucdver_local:build_own", weights=("none",), summary="a test")]


def build_own(name, weights, channels):
    return build("convnet_s", weights, channels)
"""
