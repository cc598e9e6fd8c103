import pytest

from ucdver.data.check.names import windows_trouble


@pytest.mark.parametrize("path", ["a/b.png", "console/x.png", "a.b.c", ".hidden", "com10.txt", "with blank.png"])
def test_names_that_windows_can_hold(path: str) -> None:
    assert windows_trouble(path) == ""


@pytest.mark.parametrize(
    "path", ["a:b.png", "AUX", "com1.tar.gz", "x/nul /y.png", "dot.", "blank ", "tab\t.png", "a\\b"]
)
def test_names_that_windows_cannot_hold(path: str) -> None:
    assert windows_trouble(path) != ""
