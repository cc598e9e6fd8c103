"""Reading weights: damaged, malicious and ill-fitting files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ucdver.backbones.weights import file_sha256, load_weights, read_weights
from ucdver.errors import WeightsError


class Armed:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


def test_both_formats_and_the_usual_wrappers(tmp_path: Path) -> None:
    state = nn.Linear(3, 2).state_dict()
    save_file(state, tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "b.pth")
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "c.pth")
    torch.save({"model": state}, tmp_path / "d.pt")
    for name in ("a.safetensors", "b.pth", "c.pth", "d.pt"):
        network = nn.Linear(3, 2)
        load_weights(network, tmp_path / name)
        assert torch.equal(network.weight, state["weight"]), name


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1), "x": Armed(tmp_path / "owned")}, tmp_path / "armed.pth")
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        read_weights(tmp_path / "armed.pth")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
@pytest.mark.parametrize("kept", [0, 10, -20])
def test_truncated_files(tmp_path: Path, name: str, kept: int) -> None:
    path = tmp_path / name
    state = nn.Linear(30, 20).state_dict()
    save_file(state, path) if name.endswith("safetensors") else torch.save(state, path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        read_weights(path)


def test_absent_files_and_files_without_a_state_dict(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="there are no weights at"):
        read_weights(tmp_path / "none.pth")
    for content in ([torch.zeros(2)], {}, {"epoch": 3}):
        torch.save(content, tmp_path / "other.pth")
        with pytest.raises(WeightsError, match="holds no state dict"):
            read_weights(tmp_path / "other.pth")


def test_first_wrong_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    network = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    state = network.state_dict()
    del state["1.weight"], state["1.bias"]
    save_file(state | {"head.bias": torch.zeros(2)}, path)
    with pytest.raises(WeightsError, match=r"lacks '1\.weight' and 1 more and has the unexpected 'head\.bias'"):
        load_weights(network, path)
    with pytest.raises(WeightsError, match=r"lacks '1\.weight' and 1 more$"):
        load_weights(network, path, drop=("head",))
    save_file(network.state_dict() | {"0.bias": torch.zeros(5)}, path)
    with pytest.raises(WeightsError, match=r"'0\.bias' is \[5\], not \[2\]"):
        load_weights(network, path)


def test_nothing_is_loaded_from_a_file_that_does_not_fit(tmp_path: Path) -> None:
    network = nn.Linear(3, 2)
    before = network.weight.detach().clone()
    save_file({"weight": torch.zeros(2, 3)}, tmp_path / "a.safetensors")
    with pytest.raises(WeightsError):
        load_weights(network, tmp_path / "a.safetensors")
    assert torch.equal(network.weight, before)


def test_sha256_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"weights" * 1000)
    assert file_sha256(tmp_path / "a") == hashlib.sha256(b"weights" * 1000).hexdigest()
