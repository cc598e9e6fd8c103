"""`ucdver new`: the first version of a plugin, which already runs."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from ucdver.cli.output import say
from ucdver.errors import SpecError, UcdverError
from ucdver.files import atomic_write_text
from ucdver.plugins import load_registry
from ucdver.registry import Registry
from ucdver.spec.suite_file import load_suite

app = typer.Typer(add_completion=False, rich_markup_mode=None, help="Write the first version of a plugin.")

# One file, although its import of torch slows down every command that is typed beside it: a loss, its class and its
# spec are then read from top to bottom. A package parts them, as CONTRIBUTING.md says.
_METHOD = Template('''"""$name: a method for ucdver, loaded by every `ucdver` command typed in this folder."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

import ucdver


def adaptation_loss(source: ucdver.Prediction, target: ucdver.Prediction) -> Tensor:
    """Return what pulls the domains together, a scalar: this is the part to replace with your own.

    Here it is the squared distance between the mean features of the two domains.

    Args:
        source: features [n, d] and logits [n, K] of the labelled source images.
        target: the same, [m, d] and [m, K], of the unlabelled target images.
    """
    return (source.features.mean(0) - target.features.mean(0)).square().sum()


class $class_name(ucdver.Method):
    """L = CE(source) + trade_off * adaptation_loss(source, target)."""

    class Config(ucdver.MethodConfig):
        """`trade_off` is the weight of the adaptation loss; `search` is the range that tuning may try."""

        trade_off: float = Field(default=0.1, ge=0, json_schema_extra={"search": [0.01, 1.0], "log": True})

    config: Config

    def step(self, batch: ucdver.Batch, progress: float) -> dict[str, Tensor]:
        """Return the losses of one step; `progress` runs from 0 to 1. The target has no labels to read."""
        count = len(batch.sources.labels)
        features = self.forward_features(ucdver.both_images(batch))
        logits = self.classify(features)
        source = F.cross_entropy(logits[:count], batch.sources.labels)
        adaptation = adaptation_loss(
            ucdver.Prediction(features[:count], logits[:count]),
            ucdver.Prediction(features[count:], logits[count:]),
        )
        total = source + self.config.trade_off * adaptation
        return {"total": total, "source": source, "adaptation": adaptation}


@ucdver.hookimpl
def ucdver_methods() -> list[ucdver.MethodSpec]:
    """Return the methods of this file; raise `version` whenever a change can move a result."""
    return [
        ucdver.MethodSpec(
            name="$name",
            version="1",
            target="ucdver_local:$class_name",
            settings=("uda",),
            summary="cross entropy on the source, and the mean features of both domains pulled together",
        )
    ]
''')

_TEST = Template('''"""The contract of every ucdver method, checked for $name: python -m pytest $test"""

from pathlib import Path

from ucdver.testing.contract import check_method


def test_$name() -> None:
    check_method("$name", local=Path(__file__).parent)
''')


@app.callback()
def root() -> None:
    """Write the first version of a plugin."""


@app.command("method")
def new_method(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits and _.")],
) -> None:
    """Write a method that already runs.

    It goes into ucdver_local.py in this folder, and a test of it beside it.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise SpecError(f"'{name}' cannot name a method", "use small letters, digits and _, as in my_method")
    folder = Path.cwd()
    plugin, test = folder / "ucdver_local.py", folder / f"test_{name}.py"
    if plugin.exists():
        raise SpecError(f"{plugin} exists", "add a class and a MethodSpec to it, or work in another folder")
    if test.exists():
        raise SpecError(f"{test} exists", "choose another name, or work in another folder")
    registry = load_registry()
    if name in registry.methods:
        owner = registry.methods.distribution(name)
        raise SpecError(f"there is a method '{name}' already, in {owner}", "choose another name")
    class_name = "".join(part.capitalize() for part in name.split("_"))
    # Names that Python has, or that the file written here imports.
    if class_name in {"None", "True", "False", "F", "Field", "Tensor"}:
        class_name += "Method"
    atomic_write_text(plugin, _METHOD.substitute(name=name, class_name=class_name))
    atomic_write_text(test, _TEST.substitute(name=name, test=test.name))
    say(f"wrote {plugin.name} and {test.name}. Put your loss into adaptation_loss, check it, try it in seconds:")
    say(f"python -m pytest {test.name}")
    say(f"ucdver bench toy -m source_only -m {name}")
    say("then on real pictures:")
    say(f"ucdver bench emoji -m source_only -m {name}{_one_task(registry)} --seeds 1")


def _one_task(registry: Registry) -> str:
    """Return `-t TASK` for the first task of the suite, so that a first try takes little time."""
    try:
        return f" -t {load_suite('emoji', registry).tasks[0].id}"
    except UcdverError:
        return ""
