"""The pages name every hook, command and public name; what they point at exists, and their suites can be read."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ucdver
from ucdver import hookspecs
from ucdver.cli.app import COMMANDS, main
from ucdver.methods.config import resolve_config
from ucdver.plugins import load_registry
from ucdver.spec import plugin as specs
from ucdver.spec.base import Value
from ucdver.spec.labels import LabelMap, LabelSpace
from ucdver.spec.protocol import Phase, Protocol, SplitRule
from ucdver.spec.recipe import AugmentRecipe, ImageRecipe, OptimRecipe, Recipe
from ucdver.spec.suite import Suite
from ucdver.spec.suite_file import load_suite
from ucdver.spec.task import Task
from ucdver_emotion.datasets import DATASETS
from ucdver_emotion.emoji_labels import all_labels, labelled
from ucdver_emotion.icon_sets import ICON_SETS, IconSet
from ucdver_emotion.label_spaces import LABEL_SPACES

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "CONTRIBUTING.md", ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
#: Places on somebody's own machine; a reader has none of them.
FORBIDDEN = ("/work", "/tmp", "shared/")
HOOKS = [name for name in vars(hookspecs) if name.startswith("ucdver_")]
FENCE = re.compile(r"^ *```([^\n]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def fences(kind: str) -> Iterator[tuple[Path, str]]:
    for path in PAGES:
        for info, body in FENCE.findall(path.read_text(encoding="utf-8")):
            if info.strip() == kind:
                yield path, body


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as the web pages of code hosts make them."""
    outside = FENCE.sub("", text)
    titles = re.findall(r"^#+ +(.*)$", outside, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_there_are_pages() -> None:
    assert {path.name for path in PAGES} >= {"CONTRIBUTING.md", "cli.md", "data.md", "plugins.md", "suites.md"}


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_told_with_its_signature(name: str) -> None:
    signature = str(inspect.signature(getattr(hookspecs, name))).replace("'", "")
    assert f"`{name}{signature}`" in page("plugins.md")


def test_no_hook_is_told_that_does_not_exist() -> None:
    told = set(re.findall(r"`(ucdver_\w+)\(", page("plugins.md")))
    assert told == set(HOOKS)


@pytest.mark.parametrize("name", ucdver.__all__)
def test_every_public_name_is_told(name: str) -> None:
    assert f"`{name}`" in page("plugins.md")


@pytest.mark.parametrize("name", [name for name in vars(specs) if name.endswith("Spec")])
def test_every_field_of_a_spec_is_told_in_its_row(name: str) -> None:
    (row,) = [line for line in page("plugins.md").splitlines() if line.startswith(f"| `{name}` |")]
    for field in set(getattr(specs, name).model_fields) - {"name", "summary"}:
        assert re.search(rf"`{field}\b", row), f"{name}.{field} is not in: {row}"


@pytest.mark.parametrize("value", [LabelSpace, LabelMap, Task, Protocol, Phase, SplitRule])
def test_every_field_of_a_value_is_told_in_its_row(value: type[Value]) -> None:
    (row,) = [line for line in page("plugins.md").splitlines() if line.startswith(f"| `{value.__name__}` |")]
    told = set(re.findall(r"`(\w+)(?:=[^`]*)?`", row)) - {value.__name__, "Domain", "None"}
    assert told == set(value.model_fields)


@pytest.mark.parametrize(
    ("title", "keys"),
    [
        ("### `[recipe]`", set(Recipe.model_fields) - {"image", "augment", "optim"}),
        ("### `[recipe.image]`", set(ImageRecipe.model_fields)),
        ("### `[recipe.augment]`", set(AugmentRecipe.model_fields)),
        ("### `[recipe.optim]`", set(OptimRecipe.model_fields)),
        ("### `[split]`", set(SplitRule.model_fields)),
        ("### `[[task]]`", set(Task.model_fields)),
        ("## Keys", (set(Suite.model_fields) - {"tasks", "recipe", "annotators"}) | {"steps", "checkpoints"}),
    ],
)
def test_the_keys_of_a_suite_that_are_told_are_those_that_there_are(title: str, keys: set[str]) -> None:
    section = re.split(r"\n##", page("suites.md").partition(f"{title}\n")[2])[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert {key for cell in rows for key in re.findall(r"`(\w+)`", cell)} == keys


@pytest.mark.parametrize("protocol", load_registry().protocols.names)
def test_every_protocol_is_told(protocol: str) -> None:
    assert f"| `{protocol}` |" in page("suites.md")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_told_with_an_example(command: str) -> None:
    text = page("cli.md")
    assert f"\n## ucdver {command}\n" in text
    section = text.partition(f"\n## ucdver {command}\n")[2].partition("\n## ")[0]
    assert f"\n$ ucdver {command}" in section


@pytest.mark.parametrize("command", ["bench", "prepare", "leaderboard"])
def test_the_options_that_are_told_are_those_that_there_are(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    there = set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out.partition("Options:")[2])) - {"--help"}
    section = page("cli.md").partition(f"\n## ucdver {command}\n")[2].partition("\n## ")[0]
    told = {
        name for x in section.splitlines() if x.startswith("| `-") for name in re.findall(r"--[a-z-]+", x.split("|")[1])
    }
    assert told == there


@pytest.mark.parametrize("icons", ICON_SETS, ids=lambda icons: icons.domain)
def test_every_icon_set_is_told_with_its_maker_and_licence(icons: IconSet) -> None:
    (row,) = [line for line in page("data.md").splitlines() if line.startswith(f"| `{icons.domain}` |")]
    assert f"| {icons.author} | {icons.licence} | `{icons.package}` {icons.version} |" in row


@pytest.mark.parametrize("spec", [spec for spec in DATASETS if spec.fetch is None], ids=lambda spec: spec.name)
def test_every_data_set_of_emotion_is_told_with_its_label_spaces(spec: specs.DatasetSpec) -> None:
    (row,) = [line for line in page("data.md").splitlines() if line.startswith(f"| `{spec.name}` |")]
    assert row.split("|")[2].strip() == ", ".join(f"`{space}`" for space in spec.label_spaces)


@pytest.mark.parametrize("space", LABEL_SPACES, ids=lambda space: space.name)
def test_every_label_space_of_emotion_is_told(space: LabelSpace) -> None:
    assert f"`{space.name}`" in page("data.md")


@pytest.mark.parametrize("suite", load_registry().suites.names)
def test_every_suite_is_told_with_its_protocol_and_metric(suite: str) -> None:
    section = page("suites.md").partition("## Suites that come with it\n")[2].partition("\n## ")[0]
    (row,) = [line for line in section.splitlines() if line.startswith("| `") and f"`{suite}`" in line.split("|")[1]]
    found = load_suite(suite, load_registry())
    assert f"`{found.protocol.id}`" in row.split("|")[2]
    assert f"`{found.metric}`" in row.split("|")[5]


def test_the_counts_of_the_label_table_are_those_of_the_table() -> None:
    judged, counts = all_labels(), Counter(label.ekman7 for label in labelled())
    told = page("data.md")
    assert f"judges {len(judged)} concepts; {len(labelled())} carry a" in told
    order = ("joy", "sadness", "fear", "anger", "surprise", "disgust")
    parts = ", ".join(f"{counts[name]} {name}" for name in order).replace("33 joy", "33 are joy")
    assert f"Of the {len(labelled())}, {parts} and {counts['neutral']} neutral" in told


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text)):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.is_relative_to(ROOT), target
        assert found.exists(), f"{path.name} links to {target}"
        if anchor:
            assert anchor in anchors(found.read_text(encoding="utf-8")), f"{path.name} links to {target}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_files_that_are_named_exist(path: Path) -> None:
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    for name in re.findall(r"`((?:ucdver|plugins|tests|docs|benchmarks)/[\w./-]+)`", text):
        assert (ROOT / name).exists(), f"{path.name} names {name}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_no_private_place_is_named(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert [word for word in FORBIDDEN if word in text] == []


@pytest.mark.parametrize("number", range(len(list(fences("toml suite")))))
def test_the_suites_on_the_pages_can_be_read(number: int, tmp_path: Path) -> None:
    path, body = list(fences("toml suite"))[number]
    (tmp_path / "page.toml").write_text(body, encoding="utf-8")
    registry = load_registry()

    def check(method: str, options: dict[str, Any]) -> None:
        resolve_config(registry, method, options)

    suite = load_suite(str(tmp_path / "page.toml"), registry, check)
    assert suite.tasks, path


def test_there_are_suites_on_the_pages() -> None:
    assert len(list(fences("toml suite"))) >= 2


def test_other_toml_and_python_on_the_pages_can_be_read() -> None:
    for _, body in fences("toml"):
        tomllib.loads(body)
    for _, body in fences("python"):
        ast.parse(body)
