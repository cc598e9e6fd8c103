"""ucdver: a benchmark for unsupervised cross-domain visual emotion recognition.

The names below are what a plugin author uses. They are imported on first use, so that `import ucdver` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_PUBLIC = {
    "hookimpl": "ucdver.hookspecs",
    "UcdverError": "ucdver.errors",
    "DataError": "ucdver.errors",
    "FetchError": "ucdver.errors",
    "PluginError": "ucdver.errors",
    "SpecError": "ucdver.errors",
    "WeightsError": "ucdver.errors",
    "LabelMap": "ucdver.spec.labels",
    "LabelSpace": "ucdver.spec.labels",
    "Domain": "ucdver.spec.task",
    "Task": "ucdver.spec.task",
    "Phase": "ucdver.spec.protocol",
    "Protocol": "ucdver.spec.protocol",
    "SplitRule": "ucdver.spec.protocol",
    "AugmentRecipe": "ucdver.spec.recipe",
    "ImageRecipe": "ucdver.spec.recipe",
    "Recipe": "ucdver.spec.recipe",
    "AnnotatorSpec": "ucdver.spec.plugin",
    "BackboneSpec": "ucdver.spec.plugin",
    "DatasetSpec": "ucdver.spec.plugin",
    "ExecutorSpec": "ucdver.spec.plugin",
    "ExporterSpec": "ucdver.spec.plugin",
    "MethodSpec": "ucdver.spec.plugin",
    "MetricSpec": "ucdver.spec.plugin",
    "SuiteSpec": "ucdver.spec.plugin",
    "ValidatorSpec": "ucdver.spec.plugin",
    "Row": "ucdver.data.manifest",
    "Annotator": "ucdver.data.annotator",
    "AnnotatorConfig": "ucdver.data.annotator",
    "Item": "ucdver.data.annotator",
    "SourceInput": "ucdver.data.annotator",
    "Augment": "ucdver.data.augment",
    "Batch": "ucdver.data.batches",
    "both_images": "ucdver.data.batches",
    "LabeledBatch": "ucdver.data.batches",
    "UnlabeledBatch": "ucdver.data.batches",
    "SourceOutputs": "ucdver.selection.outputs",
    "TargetOutputs": "ucdver.selection.outputs",
    "MixedOutputs": "ucdver.selection.outputs",
    "LabelledTarget": "ucdver.selection.outputs",
    "Backbone": "ucdver.backbones.base",
    "efficientnet_lite0": "ucdver.backbones.package",
    "efficientnet_lite0_sha256": "ucdver.backbones.package",
    "folder_sha256": "ucdver.backbones.model_files",
    "model_folder": "ucdver.backbones.model_files",
    "sha256_if_here": "ucdver.backbones.model_files",
    "check_whole": "ucdver.backbones.pretrained",
    "quiet_loading": "ucdver.backbones.pretrained",
    "load_state": "ucdver.backbones.weights",
    "read_weights": "ucdver.backbones.weights",
    "Method": "ucdver.methods.base",
    "MethodConfig": "ucdver.methods.base",
    "ParameterGroup": "ucdver.methods.base",
    "Prediction": "ucdver.methods.base",
    "PseudoLabels": "ucdver.methods.base",
    "TaskInfo": "ucdver.methods.base",
    "Views": "ucdver.methods.base",
    "at_least_float32": "ucdver.precision",
    "no_autocast": "ucdver.precision",
}

if TYPE_CHECKING:
    from ucdver.backbones.base import Backbone as Backbone
    from ucdver.backbones.model_files import folder_sha256 as folder_sha256
    from ucdver.backbones.model_files import model_folder as model_folder
    from ucdver.backbones.model_files import sha256_if_here as sha256_if_here
    from ucdver.backbones.package import efficientnet_lite0 as efficientnet_lite0
    from ucdver.backbones.package import efficientnet_lite0_sha256 as efficientnet_lite0_sha256
    from ucdver.backbones.pretrained import check_whole as check_whole
    from ucdver.backbones.pretrained import quiet_loading as quiet_loading
    from ucdver.backbones.weights import load_state as load_state
    from ucdver.backbones.weights import read_weights as read_weights
    from ucdver.data.annotator import Annotator as Annotator
    from ucdver.data.annotator import AnnotatorConfig as AnnotatorConfig
    from ucdver.data.annotator import Item as Item
    from ucdver.data.annotator import SourceInput as SourceInput
    from ucdver.data.augment import Augment as Augment
    from ucdver.data.batches import Batch as Batch
    from ucdver.data.batches import LabeledBatch as LabeledBatch
    from ucdver.data.batches import UnlabeledBatch as UnlabeledBatch
    from ucdver.data.batches import both_images as both_images
    from ucdver.data.manifest import Row as Row
    from ucdver.errors import DataError as DataError
    from ucdver.errors import FetchError as FetchError
    from ucdver.errors import PluginError as PluginError
    from ucdver.errors import SpecError as SpecError
    from ucdver.errors import UcdverError as UcdverError
    from ucdver.errors import WeightsError as WeightsError
    from ucdver.hookspecs import hookimpl as hookimpl
    from ucdver.methods.base import Method as Method
    from ucdver.methods.base import MethodConfig as MethodConfig
    from ucdver.methods.base import ParameterGroup as ParameterGroup
    from ucdver.methods.base import Prediction as Prediction
    from ucdver.methods.base import PseudoLabels as PseudoLabels
    from ucdver.methods.base import TaskInfo as TaskInfo
    from ucdver.methods.base import Views as Views
    from ucdver.precision import at_least_float32 as at_least_float32
    from ucdver.precision import no_autocast as no_autocast
    from ucdver.selection.outputs import LabelledTarget as LabelledTarget
    from ucdver.selection.outputs import MixedOutputs as MixedOutputs
    from ucdver.selection.outputs import SourceOutputs as SourceOutputs
    from ucdver.selection.outputs import TargetOutputs as TargetOutputs
    from ucdver.spec.labels import LabelMap as LabelMap
    from ucdver.spec.labels import LabelSpace as LabelSpace
    from ucdver.spec.plugin import AnnotatorSpec as AnnotatorSpec
    from ucdver.spec.plugin import BackboneSpec as BackboneSpec
    from ucdver.spec.plugin import DatasetSpec as DatasetSpec
    from ucdver.spec.plugin import ExecutorSpec as ExecutorSpec
    from ucdver.spec.plugin import ExporterSpec as ExporterSpec
    from ucdver.spec.plugin import MethodSpec as MethodSpec
    from ucdver.spec.plugin import MetricSpec as MetricSpec
    from ucdver.spec.plugin import SuiteSpec as SuiteSpec
    from ucdver.spec.plugin import ValidatorSpec as ValidatorSpec
    from ucdver.spec.protocol import Phase as Phase
    from ucdver.spec.protocol import Protocol as Protocol
    from ucdver.spec.protocol import SplitRule as SplitRule
    from ucdver.spec.recipe import AugmentRecipe as AugmentRecipe
    from ucdver.spec.recipe import ImageRecipe as ImageRecipe
    from ucdver.spec.recipe import Recipe as Recipe
    from ucdver.spec.task import Domain as Domain
    from ucdver.spec.task import Task as Task

__all__ = [*_PUBLIC, "__version__"]


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'ucdver' has no attribute '{name}'")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
