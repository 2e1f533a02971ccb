"""What a network starts from, and how it computes as it learns."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from park.errors import ModelError
from vision.models.offline import load_ultralytics
from vision.models.recipe import load_recipe
from vision.models.training import _compute_in_bfloat16, _start_weights


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("YOLO_CONFIG_DIR", os.fspath(tmp_path / "yolo"))
    torch.manual_seed(3)
    return load_ultralytics().YOLO("yolov5n.yaml").model


def test_it_answers_nearly_the_same_in_32_bits_and_keeps_its_weights(
    network: Any,
) -> None:
    picture = torch.rand(2, 3, 128, 128)
    network.train()
    exact = network.predict(picture)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    _compute_in_bfloat16(network)
    rough = network.predict(picture)
    assert set(rough) == set(exact)
    for key in ("boxes", "scores"):
        assert rough[key].dtype == torch.float32
        both = torch.stack([rough[key].flatten(), exact[key].flatten()])
        assert torch.corrcoef(both)[0, 1] > 0.95
    assert not torch.equal(rough["scores"], exact["scores"]), "or nothing was computed otherwise"
    for key, value in network.state_dict().items():
        assert value.dtype == before[key].dtype


def test_validation_stays_in_32_bits(network: Any) -> None:
    network.eval()
    picture = torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        exact = network.predict(picture)[0]
        _compute_in_bfloat16(network)
        again = network.predict(picture)[0]
    assert torch.allclose(exact, again, atol=1e-4)


def test_what_the_base_has_nothing_for_is_taken_from_other_weights(
    network: Any, tmp_path: Path
) -> None:
    state = network.state_dict()
    backbone = {k: np.asarray(v.numpy() + 1) for k, v in state.items() if k.startswith("model.0.")}
    save_file(backbone, tmp_path / "backbone.safetensors")
    other = load_ultralytics().YOLO("yolov5n.yaml")
    other.save(str(tmp_path / "other.pt"))
    recipe = load_recipe("thermal")
    start, said = _start_weights(
        recipe, tmp_path / "backbone.safetensors", tmp_path / "other.pt", tmp_path / "out"
    )
    made = load_ultralytics().YOLO(str(start)).model.state_dict()
    for key, value in other.model.state_dict().items():
        wanted = torch.as_tensor(backbone[key]) if key in backbone else value
        assert torch.allclose(made[key].float(), wanted.float(), rtol=2e-3, atol=2e-3), key
    count, total = len(backbone), len(state)
    assert said == (
        f"backbone.safetensors ({count} of {total} tensors) and "
        f"other.pt ({total - count} of {total} tensors)"
    )


def test_weights_that_nothing_is_needed_of_are_refused(network: Any, tmp_path: Path) -> None:
    save_file({k: v.numpy() for k, v in network.state_dict().items()}, tmp_path / "a.safetensors")
    save_file({"model.0.conv.weight": np.zeros((2, 2), np.float32)}, tmp_path / "b.safetensors")
    with pytest.raises(ModelError, match=r"no tensor of .*b\.safetensors fits"):
        _start_weights(
            load_recipe("thermal"),
            tmp_path / "a.safetensors",
            tmp_path / "b.safetensors",
            tmp_path / "out",
        )
