"""Computing in bfloat16 as a model trains: the same network, the loss in 32 bits."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from vision.models.offline import load_ultralytics
from vision.models.training import _compute_in_bfloat16


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
