"""The adaptation and generalisation methods of ucdver, and the digits they are checked on."""

from __future__ import annotations

from ucdver import DatasetSpec, LabelSpace, MethodSpec, SuiteSpec, hookimpl
from ucdver_uda.methods import methods


@hookimpl
def ucdver_methods() -> list[MethodSpec]:
    """Return the methods, setting by setting."""
    return methods()


@hookimpl
def ucdver_label_spaces() -> list[LabelSpace]:
    """Return the ten digits."""
    return [LabelSpace(name="digits10", classes=tuple("0123456789"), source="MNIST and USPS")]


@hookimpl
def ucdver_datasets() -> list[DatasetSpec]:
    """Return MNIST and USPS."""
    return [
        DatasetSpec(
            name="digits",
            version="1",
            reader="ucdver_uda.digits:read",
            loader="ucdver_uda.digits:loader",
            domains=("mnist", "usps"),
            label_spaces=("digits10",),
            summary="handwritten digits: MNIST (70,000 of 28x28) and USPS (9,298 of 16x16), own splits",
            licence=(
                "Not distributed with ucdver. MNIST is derived from NIST special databases 1 and 3 and is "
                "usually passed on under CC BY-SA 3.0; the publishers of USPS state no licence."
            ),
            obtain=(
                "Save both as one digits.npz with the uint8 arrays mnist_train [60000, 28, 28], mnist_test "
                "[10000, 28, 28], usps_train [7291, 16, 16] and usps_test [2007, 16, 16], digits light on "
                "black, and their labels as mnist_train_y, mnist_test_y, usps_train_y and usps_test_y; then "
                "'ucdver data add digits --root DIR', DIR being the folder that holds it."
            ),
            paper="LeCun et al., Proceedings of the IEEE 86(11), 1998; Hull, IEEE TPAMI 16(5), 1994",
        )
    ]


@hookimpl
def ucdver_suites() -> list[SuiteSpec]:
    """Return the suites that check the methods against published numbers."""
    return [
        SuiteSpec(
            name="digits",
            resource="ucdver_uda:suites/digits.toml",
            summary="MNIST and USPS both ways: do the methods reach what is published?",
        ),
        SuiteSpec(
            name="digits_affine",
            resource="ucdver_uda:suites/digits_affine.toml",
            summary="the same with moved, turned and zoomed pictures, and more methods",
        ),
        SuiteSpec(
            name="digits_sfda",
            resource="ucdver_uda:suites/digits_sfda.toml",
            summary="the same pictures, the source gone when adaptation begins",
        ),
    ]
