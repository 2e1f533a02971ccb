"""A simulated patrol is made, looked through and scored by `parkwatch accuracy`, once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ops.accuracy_scenarios
from ops.accuracy_pooling import pool
from ops.accuracy_results import Results
from ops.accuracy_scenarios import RunWish, measure_run
from ops.app import App
from ops.simulated_days import DaysWish, SimulatedPark, simulated_park

SCENARIO = """
name: small
seed: 5
patrol: {starts: 2026-05-11T10:00:00, lasts: 15 min}
stages:
  - {id: fire, type: open_flame, difficulty: easy}
  - {id: red-sheets, type: red_roof}
"""


def thirteen_seconds(wish: DaysWish) -> SimulatedPark:
    """Return the park with a part of its first flight: all of it takes minutes to draw."""
    park = simulated_park(wish)
    first = park.flights[0]
    part = {
        name: getattr(first.flight, name)[600:731]
        for name in first.flight.__dataclass_fields__
        if isinstance(getattr(first.flight, name), np.ndarray)
    }
    return replace(park, flights=(replace(first, flight=replace(first.flight, **part)),))


@pytest.mark.slow
def test_a_small_run_is_made_scored_and_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ops.accuracy_scenarios, "simulated_park", thirteen_seconds)
    scenario = tmp_path / "small.yaml"
    scenario.write_text(SCENARIO, "utf-8")
    wish = RunWish("small", str(scenario), 5, ("assets",), width_px=640, height_px=360, fps=1.0)
    first = measure_run(App.start(), wish, Results(tmp_path / "work"))
    assert 10 <= first.frames <= 16
    pooled = pool([first.score])
    assert [one.staged for one in pooled.types if one.type == "open_flame"] == [1]
    assert pooled.look_alikes["red_roof"].of == 1
    kept = sorted(path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*"))
    assert measure_run(App.start(), wish, Results(tmp_path / "work")) == first
    assert sorted(path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*")) == kept
