from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ucdver.errors import PluginError
from ucdver.plugins import command_makers, load_registry, notify, plugin_warnings, reset
from ucdver.registry import BrokenPlugin, Registry, load_target

Add = Callable[[str, str], Path]

METHOD = """
import ucdver

@ucdver.hookimpl
def ucdver_methods():
    return [ucdver.MethodSpec(name="{name}", version="1", target="{module}:M", settings=("uda",), summary="one")]
"""


def method(name: str, module: str = "m") -> str:
    return METHOD.format(name=name, module=module)


def broken(registry: Registry, name: str) -> BrokenPlugin:
    found = [plugin for plugin in registry.broken if plugin.name == name]
    assert len(found) == 1, registry.broken
    return found[0]


def test_a_plugin_is_attributed_to_its_distribution_and_version(add_distribution: Add) -> None:
    add_distribution("acme-uda", method("acme"))
    registry = load_registry()
    assert registry.methods.get("acme").summary == "one"
    assert registry.methods.distribution("acme") == "acme-uda"
    (loaded,) = [plugin for plugin in registry.plugins if plugin.name == "acme_uda"]
    assert (loaded.distribution, loaded.version) == ("acme-uda", "1.2")
    assert loaded.hooks == ("ucdver_methods",)


def test_the_builtin_plugin_comes_by_the_same_path(add_distribution: Add) -> None:
    registry = load_registry()
    assert registry.plugins[0].name == "ucdver.builtin"
    assert registry.methods.distribution("source_only") == "ucdver"
    assert not [plugin for plugin in registry.broken if plugin.distribution == "ucdver"]


def test_the_registry_is_built_once_and_anew_after_reset(add_distribution: Add) -> None:
    first = load_registry()
    assert load_registry() is first
    reset()
    assert load_registry() is not first


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_package_at_all", "ModuleNotFoundError: No module named 'no_such_package_at_all'"),
        ("def f(:", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        (
            "class Mute(Exception):\n    def __str__(self):\n        return 1 / 0\nraise Mute",
            "Mute: it cannot say what",
        ),
        (
            method("x").replace("ucdver_methods", "ucdver_method"),
            "there is no hook 'ucdver_method': did you mean 'ucdver_methods'?",
        ),
        (method("x").replace("@ucdver.hookimpl", ""), "put @ucdver.hookimpl above it"),
        (method("x").replace("@ucdver.hookimpl", "@ucdver.hookimpl(hookwrapper=True)"), "hook wrapper"),
        (method("x").replace("ucdver_methods()", "ucdver_methods(surprise)"), "surprise"),
        (method("x").replace("return [", "1 / 0\n    return ["), "ZeroDivisionError: division by zero"),
        (method("x").replace("return [", "return iter([").replace(")]", ")])"), "returned a list_iterator"),
        ("import ucdver\n@ucdver.hookimpl\ndef ucdver_methods():\n    return None", "returned None"),
        (method("x").replace("ucdver_methods", "ucdver_metrics"), "a MethodSpec in its list, not a MetricSpec"),
        (method("x").replace('settings=("uda",)', "settings='everything'"), "ValidationError"),
        (method("x").replace(")]", ")] * 2"), "ucdver_methods returned 'x' twice"),
    ],
)
def test_a_faulty_plugin_is_set_aside_and_the_rest_goes_on(add_distribution: Add, source: str, reason: str) -> None:
    add_distribution("faulty", source)
    add_distribution("sound", method("fine"))
    registry = load_registry()
    found = broken(registry, "faulty")
    assert found.distribution == "faulty"
    assert reason in found.reason
    assert "\n" not in found.reason
    assert "fine" in registry.methods
    assert "x" not in registry.methods
    assert "faulty" not in [plugin.name for plugin in registry.plugins]


def test_the_reason_names_the_file_and_line_of_the_fault(add_distribution: Add) -> None:
    path = add_distribution("faulty", "\n\n1 / 0\n")
    assert broken(load_registry(), "faulty").reason == f"ZeroDivisionError: division by zero ({path}:3)"


def test_nothing_of_a_plugin_stays_when_one_of_its_hooks_fails(add_distribution: Add) -> None:
    source = method("half") + "\n@ucdver.hookimpl\ndef ucdver_metrics():\n    raise OSError('no disk')\n"
    observer = "\nCALLED = []\n@ucdver.hookimpl\ndef ucdver_run_started(spec):\n    CALLED.append(spec)\n"
    add_distribution("faulty", source + observer)
    registry = load_registry()
    assert "OSError: no disk" in broken(registry, "faulty").reason
    assert "half" not in registry.methods
    notify("started", "anything")  # type: ignore[arg-type]
    assert sys.modules["faulty"].CALLED == []


def test_a_lookup_that_misses_names_the_broken_plugin(add_distribution: Add) -> None:
    add_distribution("faulty", "1 / 0")
    with pytest.raises(PluginError, match=r"plugin 'faulty' \(faulty\) failed to load: ZeroDivisionError"):
        load_registry().methods.get("lost")


def test_a_name_of_two_distributions_is_an_error_that_names_both(
    add_distribution: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_distribution("first-lab", method("same"))
    add_distribution("second-lab", method("same"))
    with pytest.raises(PluginError) as caught:
        load_registry()
    assert "first-lab" in caught.value.problem
    assert "second-lab" in caught.value.problem
    variable, _, value = caught.value.hint.rpartition(" ")[2].partition("=")
    monkeypatch.setenv(variable, value)
    assert load_registry().methods.distribution("same") == "first-lab"


def test_a_newcomer_cannot_take_a_builtin_name(add_distribution: Add) -> None:
    add_distribution("aaa", method("source_only"))
    with pytest.raises(PluginError, match=r"by ucdver and by aaa; .*UCDVER_DISABLE_PLUGINS=aaa"):
        load_registry()


def test_an_older_copy_of_a_distribution_further_down_the_path_is_not_loaded(
    add_distribution: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_distribution("acme", method("new"))
    old = tmp_path / "old" / "acme-0.1.dist-info"
    old.mkdir(parents=True)
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 0.1\n")
    (old / "entry_points.txt").write_text("[ucdver]\nacme_old = acme_old\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(old.parent)])
    registry = load_registry()
    assert "new" in registry.methods
    assert not registry.broken


def test_damaged_entry_points_break_only_their_own_distribution(add_distribution: Add, site: Path) -> None:
    add_distribution("sound", method("fine"))
    add_distribution("faulty", "")
    (site / "faulty-1.2.dist-info" / "entry_points.txt").write_bytes(b"[ucdver]\n\xff\xfe = \n")
    registry = load_registry()
    assert "fine" in registry.methods
    assert [plugin.distribution for plugin in registry.broken] == ["faulty"]


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        (b"Metadata-Version: 2.1\nName: f\xff\xfe\nVersion: 1.2\n", "METADATA cannot be read: UnicodeDecodeError"),
        (b"Metadata-Version: 2.1\nName: faulty\n", "METADATA is absent or names no version"),
        (None, "METADATA is absent or names no version"),
    ],
)
def test_damaged_metadata_break_only_their_own_distribution(
    add_distribution: Add, site: Path, metadata: bytes | None, reason: str
) -> None:
    add_distribution("sound", method("fine"))
    add_distribution("faulty", method("lost"))
    path = site / "faulty-1.2.dist-info" / "METADATA"
    path.unlink() if metadata is None else path.write_bytes(metadata)
    registry = load_registry()
    found = broken(registry, "faulty")
    assert found.distribution == "faulty-1.2.dist-info" and reason in found.reason and "\n" not in found.reason
    assert "fine" in registry.methods and "lost" not in registry.methods
    # A run notes the version of every plugin.
    assert all(plugin.version for plugin in registry.plugins)


@pytest.mark.parametrize(
    ("variable", "value", "kept"),
    [
        ("UCDVER_PLUGINS", "alpha", {"a"}),
        ("UCDVER_PLUGINS", "alpha, Beta_Lab", {"a", "b"}),
        ("UCDVER_PLUGINS", "", set()),
        ("UCDVER_DISABLE_PLUGINS", "beta-lab", {"a"}),
        ("UCDVER_DISABLE_PLUGINS", "alpha,beta_lab", set()),
        ("UCDVER_DISABLE_PLUGINS", "", {"a", "b"}),
    ],
)
def test_the_environment_chooses(
    add_distribution: Add, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, kept: set[str]
) -> None:
    add_distribution("alpha", method("a"))
    add_distribution("beta-lab", method("b"))
    monkeypatch.setenv(variable, value)
    registry = load_registry()
    assert {name for name in ("a", "b") if name in registry.methods} == kept
    assert "source_only" in registry.methods
    assert plugin_warnings() == []


def test_a_blocked_plugin_is_not_even_imported(add_distribution: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    add_distribution("alpha", method("a"))
    monkeypatch.setenv("UCDVER_DISABLE_PLUGINS", "alpha")
    load_registry()
    assert "alpha" not in sys.modules


def test_unknown_names_in_the_environment_are_warned_about(
    add_distribution: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_distribution("alpha", method("a"))
    monkeypatch.setenv("UCDVER_DISABLE_PLUGINS", "alpah")
    (warning,) = plugin_warnings()
    assert warning.startswith("UCDVER_DISABLE_PLUGINS names 'alpah'")
    assert warning.endswith("did you mean 'alpha'?")


def test_observers_are_told_and_their_faults_only_logged(
    add_distribution: Add, caplog: pytest.LogCaptureFixture
) -> None:
    told = "import ucdver\nTOLD = []\n@ucdver.hookimpl\ndef ucdver_run_finished(record):\n    TOLD.append(record)\n"
    add_distribution("a_faulty", told.replace("TOLD.append(record)", "raise OSError('no network')"))
    add_distribution("b_sound", told)
    value = object()
    with caplog.at_level(logging.ERROR, logger="ucdver.plugins"):
        notify("finished", value)  # type: ignore[arg-type]
        notify("failed", value)  # type: ignore[arg-type]
    assert [value] == sys.modules["b_sound"].TOLD
    assert len(caplog.records) == 1
    assert "a_faulty:a_faulty failed in ucdver_run_finished: OSError: no network" in caplog.text


def test_commands_are_added_by_each_plugin_apart(add_distribution: Add) -> None:
    import typer

    add_distribution("faulty", "import ucdver\n@ucdver.hookimpl\ndef ucdver_commands(app):\n    1 / 0\n")
    (maker,) = command_makers()
    assert (maker.plugin, maker.distribution) == ("faulty", "faulty")
    with pytest.raises(ZeroDivisionError):
        maker.add(typer.Typer())


@pytest.mark.parametrize("attribute", ["Absent", "Broken"])
def test_a_target_of_a_package_that_imports_its_names_late_is_told(add_distribution: Add, attribute: str) -> None:
    source = "def __getattr__(name):\n    raise {'Broken': ImportError}.get(name, AttributeError)('no such library')\n"
    add_distribution("late", source)
    with pytest.raises(PluginError, match=r"^method 'x' cannot be loaded"):
        load_target(f"late:{attribute}", "method 'x'")
