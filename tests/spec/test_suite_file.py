from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ucdver.data.annotations import resolve_annotator_config
from ucdver.errors import SpecError
from ucdver.methods.config import resolve_config
from ucdver.plugins import load_registry
from ucdver.spec.suite import Suite
from ucdver.spec.suite_file import load_suite
from ucdver.spec.toml_lines import line_of

GOOD = """\
name = "mine"
protocol = "uda"
steps = 10
seeds = 2
methods = [
    "source_only",
    "dann",
]

[recipe]
backbone = "convnet@none"
image = { size = 32 }

[recipe.optim]
lr = 0.01

[[task]]
id = "one"
sources = ["toy:filled"]
targets = ["toy:outline"]
label_space = "toy3"

[[task]]
id = "two"
sources = ["toy:outline"]
targets = ["toy:filled"]
label_space = "toy3"

[method.dann]
trade_off = 0.5
"""


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Suite]:
    registry = load_registry()

    def check(name: str, options: dict[str, Any]) -> None:
        resolve_config(registry, name, options)

    def check_annotator(name: str, options: dict[str, Any]) -> None:
        resolve_annotator_config(registry, name, options)

    def loaded(text: str) -> Suite:
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return load_suite(str(path), registry, check, check_annotator)

    return loaded


def test_a_suite_is_read(load: Callable[[str], Suite]) -> None:
    suite = load(GOOD)
    assert suite.name == "mine"
    assert suite.seeds == (0, 1)
    assert suite.protocol.steps == 10
    assert suite.methods == {"source_only": {}, "dann": {"trade_off": 0.5}}
    assert [task.id for task in suite.tasks] == ["one", "two"]
    assert suite.recipe.image.size == 32


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("steps = 10", "stpes = 10", 3, "did you mean 'steps'"),
        ('    "dann",', '    "dannn",', 7, "did you mean 'dann'"),
        ('    "dann",', '    "dann",\n    "dann",', 7, "names 'dann' twice"),
        ("lr = 0.01", "learning_rate = 0.01", 15, "unknown key 'learning_rate'"),
        ("lr = 0.01", "lr = -1.0", 15, "greater than 0"),
        ("image = { size = 32 }", "image = { sise = 32 }", 12, "did you mean 'size'"),
        ('targets = ["toy:filled"]', 'targets = ["toy:filed"]', 26, "did you mean 'filled'"),
        ('targets = ["toy:filled"]', 'targets = ["tov:filled"]', 26, "did you mean 'toy'"),
        ('targets = ["toy:filled"]', 'targets = ["filled"]', 26, "write dataset:domain"),
        ('sources = ["toy:outline"]', 'sauces = ["toy:outline"]', 25, "did you mean 'sources'"),
        ('protocol = "uda"', 'protocol = "udda"', 2, "did you mean 'uda'"),
        ("trade_off = 0.5", "tradeoff = 0.5", 30, "did you mean 'trade_off'"),
        ("trade_off = 0.5", 'trade_off = "much"', 30, "trade_off"),
        ("[method.dann]", "[method.mcc]", 29, "not one of the suite's methods"),
        ("seeds = 2", "seeds = true", 4, "write seeds = 3"),
        ("seeds = 2", "seeds = -1", 4, "write seeds = 3"),
        ("seeds = 2", 'seeds = "x"', 4, "write seeds = 3"),
        ("steps = 10", "steps = 0", 3, "greater than or equal to 1"),
        ("steps = 10", "steps = 3\ncheckpoints = 5", 3, "3 steps have no 5 checkpoints"),
        ("steps = 10", "\ncheckpoints = 500", 4, "300 steps have no 500 checkpoints"),
        ('protocol = "uda"\nsteps = 10', 'protocol = "sfda"\nsteps = 1', 3, "cannot be shared by 2 phases"),
        ("seeds = 2", "seeds = [0, 0]", 4, "each once"),
        ("[recipe.optim]", "[split]\nfold = 1\n[recipe.optim]", 15, "fold is read with kind = 'grouped' alone"),
        ("[recipe.optim]", "[split]\nkind = 'official'\nfolds = 5\n[recipe.optim]", 16, "the kind is 'official'"),
        ("seeds = 2", "seeds = []", 4, "at least one seed"),
        ("steps = 10", "steps = true", 3, "steps = true is no number"),
        ("steps = 10", "checkpoints = true", 3, "checkpoints = true is no number"),
        ("lr = 0.01", "lr = true", 15, "lr = true is no number"),
        ("image = { size = 32 }", "bottleneck = true", 12, "bottleneck = true is no number"),
        ("image = { size = 32 }", "image = { channels = true }", 12, "channels = true is no number"),
        ("[recipe.optim]", "[split]\nseed = false\n[recipe.optim]", 15, "seed = false is no number"),
        ("image = { size = 32 }", "image = 3", 12, "image"),
        ("[method.dann]\ntrade_off = 0.5", "[method]\ndann = 3", 30, "write [method.dann]"),
        ('name = "mine"', 'name = "mi ne"', 1, "is not a name"),
        ('id = "two"', 'id = "one"', 1, "two tasks called 'one'"),
        ('label_space = "toy3"\n\n[method', 'label_space = "toy4"\n\n[method', 27, "did you mean 'toy3'"),
        (
            'label_space = "toy3"\n\n[method',
            'label_space = "toy3"\nlabel_maps = { toy = "nope" }\n\n[method',
            28,
            "nope",
        ),
    ],
)
def test_a_mistake_is_refused_with_its_line_and_the_nearest_name(
    load: Callable[[str], Suite], old: str, new: str, line: int, says: str
) -> None:
    assert old in GOOD
    with pytest.raises(SpecError) as caught:
        load(GOOD.replace(old, new))
    assert f"mine.toml:{line}: " in str(caught.value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_folds_of_groups_are_chosen(load: Callable[[str], Suite]) -> None:
    grouped = "[split]\nfolds = 5\nfold = 4\n[recipe.optim]"
    assert load(GOOD.replace('"uda"', '"uda_grouped"').replace("[recipe.optim]", grouped)).protocol.split.fold == 4
    own = grouped.replace("folds", 'kind = "grouped"\nfolds')
    assert load(GOOD.replace("[recipe.optim]", own)).protocol.split.folds == 5


def test_what_is_no_toml_is_refused_with_its_place(load: Callable[[str], Suite]) -> None:
    with pytest.raises(SpecError, match=r"mine\.toml is not TOML.*line 1"):
        load("name = = 3")


def test_a_suite_without_tasks_or_methods_says_what_to_add(load: Callable[[str], Suite]) -> None:
    with pytest.raises(SpecError, match=r"add a \[\[task\]\]"):
        load('name = "x"\nmethods = ["source_only"]\n')
    with pytest.raises(SpecError, match="a suite needs methods"):
        load(GOOD.replace('methods = [\n    "source_only",\n    "dann",\n]', ""))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("task = 3", "write [[task]]"),
        ('task = "x"', "write [[task]]"),
        ("task = [1]", "write [[task]]"),
        ('[task]\nid = "x"', "write [[task]]"),
        ("recipe = 3", "write [recipe]"),
        ("split = 3", "write [split]"),
        ("method = 3", "write [method]"),
    ],
)
def test_a_value_where_a_table_belongs_is_refused_in_the_words_of_toml(
    load: Callable[[str], Suite], text: str, says: str
) -> None:
    with pytest.raises(SpecError) as caught:
        load(text)
    assert "mine.toml:1: " in str(caught.value)
    assert says in str(caught.value)


def test_an_unknown_suite_name_is_refused(load: Callable[[str], Suite]) -> None:
    with pytest.raises(SpecError, match="there is no suite file"):
        load_suite("nowhere.toml", load_registry())


def test_every_installed_suite_can_be_read() -> None:
    registry = load_registry()
    for name in registry.suites.names:
        suite = load_suite(name, registry, lambda method, options: resolve_config(registry, method, options) and None)
        assert suite.name == name


def test_lines_of_dotted_and_quoted_keys() -> None:
    text = 'a = 1\n[b]\nc.d = 2\n"e f" = 3\n[[t]]\nx = 1\n[[t]]\nx = 2\n[t.sub]\ny = 1\n'
    assert line_of(text, ("a",)) == 1
    assert line_of(text, ("b", "c", "d")) == 3
    assert line_of(text, ("b", "e f")) == 4
    assert line_of(text, ("t", 0, "x")) == 6
    assert line_of(text, ("t", 1, "x")) == 8
    assert line_of(text, ("t", 1, "sub", "y")) == 10
    assert line_of(text, ("t", 1, "absent")) == 7
    assert line_of('a = 1\n[m."x.y"]\nb = 1\n"c.d".e = 2\n', ("m", "x.y", "b")) == 3
    assert line_of('a = 1\n[m."x.y"]\nb = 1\n"c.d".e = 2\n', ("m", "x.y", "c.d", "e")) == 4
    assert line_of("a = 1\n[[split]]\nseed = 0\n", ("split",)) == 2
    assert line_of(text, ("absent",)) == 1


@pytest.mark.parametrize(
    ("table", "line", "says"),
    [
        ("[annotator.topik]", 1, "there is no annotator 'topik'; did you mean 'topic'"),
        ("[annotator.topic]\nwidth = 3", 2, "annotator 'topic' has no option 'width'"),
        ("[annotator]\ntopic = 3", 2, "'annotator.topic' is a table"),
    ],
)
def test_an_annotator_is_checked_like_a_method(load: Callable[[str], Suite], table: str, line: int, says: str) -> None:
    assert load(f"{GOOD}\n[annotator.topic]\n").annotators == {"topic": {}}
    with pytest.raises(SpecError, match=f"mine.toml:{GOOD.count(chr(10)) + 1 + line}: {says}"):
        load(f"{GOOD}\n{table}\n")
