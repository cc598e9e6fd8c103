import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ucdver.errors import DataError
from ucdver.spec.base import canonical_json
from ucdver.spec.labels import LabelMap, LabelSpace
from ucdver.spec.protocol import Phase, Protocol, SplitRule
from ucdver.spec.recipe import AugmentRecipe, Recipe
from ucdver.spec.run import MethodChoice, RunSpec
from ucdver.spec.task import Domain, Task

TASK = Task(
    id="a_to_b",
    sources=(Domain(dataset="emoji", name="noto"),),
    targets=(Domain(dataset="emoji", name="openmoji"),),
    label_space="ekman6",
)
PROTOCOL = Protocol(id="uda", setting="uda", phases=(Phase(name="adapt", source=True, target=True),))


def spec(**changes: object) -> RunSpec:
    values = {
        "task": TASK,
        "classes": ("anger", "joy"),
        "protocol": PROTOCOL,
        "method": MethodChoice(name="dann", version="1", config={"trade_off": 1.0}),
        "recipe": Recipe(),
        "seed": 0,
        "data": {"emoji:noto": "f" * 64},
        "labels": {"emoji": "ekman6"},
    }
    return RunSpec.model_validate({**values, **changes})


def test_a_domain_is_written_as_text_and_read_back() -> None:
    domain = Domain.model_validate("emoji:noto")
    assert (domain.dataset, domain.name, str(domain)) == ("emoji", "noto", "emoji:noto")
    assert json.loads(TASK.model_dump_json())["sources"] == ["emoji:noto"]
    assert Task.model_validate_json(TASK.model_dump_json()) == TASK


@pytest.mark.parametrize("text", ["noto", "emoji:", ":noto", "emoji:../x", "emo ji:noto"])
def test_a_domain_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        Domain.model_validate(text)


def test_a_task_refuses_a_domain_on_both_sides_or_twice() -> None:
    noto, open_ = Domain.model_validate("emoji:noto"), Domain.model_validate("emoji:openmoji")
    with pytest.raises(ValidationError, match="as source and as target"):
        Task(id="x", sources=(noto,), targets=(noto,), label_space="ekman6")
    with pytest.raises(ValidationError, match="twice"):
        Task(id="x", sources=(noto, noto), targets=(open_,), label_space="ekman6")
    with pytest.raises(ValidationError, match="at least one source"):
        Task(id="x", sources=(), targets=(open_,), label_space="ekman6")


def test_values_are_frozen_and_refuse_unknown_keys() -> None:
    with pytest.raises(ValidationError):
        TASK.id = "other"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Recipe.model_validate({"batchsize": 3})


def test_a_label_map_drops_on_none_and_refuses_what_it_does_not_name() -> None:
    label_map = LabelMap(name="m", source="a", target="b", table={"happy": "joy", "neutral": None})
    assert label_map.apply("happy") == "joy"
    assert label_map.apply("neutral") is None
    with pytest.raises(DataError, match="did you mean 'neutral'"):
        label_map.apply("neutrl")


def test_a_label_map_is_checked_against_both_spaces() -> None:
    source, target = (
        LabelSpace(name="a", classes=("happy", "sad")),
        LabelSpace(name="b", classes=("joy", "grief")),
    )
    LabelMap(name="m", source="a", target="b", table={"happy": "joy", "sad": None}).check(source, target)
    with pytest.raises(DataError, match="leaves out sad"):
        LabelMap(name="m", source="a", target="b", table={"happy": "joy"}).check(source, target)
    with pytest.raises(DataError, match="'sorrow' is not a class of label space 'b'"):
        LabelMap(name="m", source="a", target="b", table={"happy": "joy", "sad": "sorrow"}).check(source, target)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({"wheel": {"b": 8}}, "wheel of 'b' is 8, not one of 0 to 7"),
        ({"wheel": {"a": -1}}, "wheel of 'a' is -1"),
        ({"polarity": {"a": 2}}, "polarity of 'a' is 2, not one of -1 to 1"),
        ({"polarity": {"c": 1}}, "has no class"),
    ],
)
def test_a_label_space_refuses_places_that_its_metrics_would_miscount(
    place: dict[str, dict[str, int]], message: str
) -> None:
    # A wheel of eight places on which two classes are nine apart has a distance of -1.
    with pytest.raises(ValidationError, match=message):
        LabelSpace.model_validate({"name": "x", "classes": ("a", "b"), **place})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"setting": "uc"}, "no phase may see a target"),
        ({"setting": "sfda"}, "never seen together"),
        ({"phases": (Phase(name="a", source=True, target=False, share=0.5),)}, "add up"),
        ({"phases": (Phase(name="a", source=False, target=False),)}, "sees nothing"),
        ({"split": SplitRule.model_construct(kind="grouped", folds=3, fold=3)}, "fold 3"),
    ],
)
def test_a_protocol_that_contradicts_itself_is_refused(changes: dict[str, object], message: str) -> None:
    values = {"id": "p", "setting": "uda", "phases": (Phase(name="adapt", source=True, target=True),)}
    if "split" in changes:
        changes = {"split": {"kind": "grouped", "folds": 3, "fold": 3}}
    with pytest.raises(ValidationError, match=message):
        Protocol.model_validate({**values, **changes})


@given(steps=st.integers(3, 5000), first=st.floats(0.01, 0.9), second=st.floats(0.01, 0.9))
def test_phases_share_every_step_and_none_is_empty(steps: int, first: float, second: float) -> None:
    total = first + second + 0.5
    shares = (first / total, second / total, 1.0 - first / total - second / total)
    phases = tuple(Phase(name=f"p{i}", source=i == 0, target=i > 0, share=s) for i, s in enumerate(shares))
    counts = Protocol(id="p", setting="sfda", phases=phases, steps=steps).phase_steps()
    assert sum(counts) == steps
    assert min(counts) >= 1


def test_a_run_key_is_the_same_after_a_round_trip_and_whatever_the_order_of_keys() -> None:
    one = spec()
    assert RunSpec.model_validate_json(one.model_dump_json()).key() == one.key()
    other = spec(method=MethodChoice(name="dann", version="1", config=dict(reversed([("a", 1), ("b", 2)]))))
    assert other.key() == spec(method=MethodChoice(name="dann", version="1", config={"a": 1, "b": 2})).key()


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"method": MethodChoice(name="dann", version="2", config={"trade_off": 1.0})},
        {"method": MethodChoice(name="dann", version="1", config={"trade_off": 0.5})},
        {"data": {"emoji:noto": "e" * 64}},
        {"labels": {"emoji": "another_map"}},
        {"recipe": Recipe(batch_size=16)},
        {"recipe": Recipe(augment=AugmentRecipe(flip=0.5))},
        {"weights_sha256": "a" * 64},
        {"protocol": PROTOCOL.model_copy(update={"steps": 7})},
        {"protocol": PROTOCOL.model_copy(update={"version": 2})},
    ],
)
def test_whatever_can_move_a_result_moves_the_key(changes: dict[str, object]) -> None:
    assert spec(**changes).key() != spec().key()


@pytest.mark.parametrize(
    "changes",
    [
        {"task": TASK.model_copy(update={"note": "a remark"})},
        {"protocol": PROTOCOL.model_copy(update={"summary": "a remark"})},
        {"protocol": PROTOCOL.model_copy(update={"seeds": (0, 1, 2, 3, 4)})},
        {"recipe": Recipe(backbone="convnet@/somewhere/else.safetensors")},
    ],
)
def test_what_cannot_move_a_result_does_not_move_the_key(changes: dict[str, object]) -> None:
    assert spec(**changes).key() == spec().key()


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.booleans()))
def test_canonical_json_does_not_depend_on_order(values: dict[str, object]) -> None:
    assert canonical_json(values) == canonical_json(dict(reversed(values.items())))


def test_frozen_features_cannot_be_augmented_and_a_backbone_needs_weights() -> None:
    with pytest.raises(ValidationError, match="cannot be augmented"):
        Recipe(frozen=True, augment=AugmentRecipe(flip=0.5))
    with pytest.raises(ValidationError, match="needs weights"):
        Recipe(backbone="convnet")


SHADES = ("glee", "calm", "rage", "gloom")
FAMILIES = {"glee": "joy", "calm": "joy", "rage": "anger", "gloom": "sadness"}
VALENCE = {"glee": "positive", "calm": "positive", "rage": "negative", "gloom": "negative"}


def test_a_hierarchy_of_labels_keeps_its_levels_in_order() -> None:
    space = LabelSpace(name="shades", classes=SHADES, levels={"families": FAMILIES, "valence": VALENCE})
    again = LabelSpace.model_validate_json(space.model_dump_json())
    assert list(again.levels) == ["families", "valence"]
    assert again.levels["families"]["glee"] == "joy"


@pytest.mark.parametrize(
    ("levels", "says"),
    [
        ({"families": {**FAMILIES, "awe": "joy"}}, "which the space does not have"),
        ({"families": {c: FAMILIES[c] for c in SHADES[:3]}}, r"leaves out \['gloom'\]"),
        ({"same": {c: c for c in SHADES}}, "is not coarser"),
        ({"one": dict.fromkeys(SHADES, "x")}, "a single class"),
        ({"valence": VALENCE, "families": FAMILIES}, "'negative' of level 'valence' is divided at 'families'"),
    ],
)
def test_levels_that_are_no_hierarchy_are_refused(levels: dict[str, dict[str, str]], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        LabelSpace(name="shades", classes=SHADES, levels=levels)
