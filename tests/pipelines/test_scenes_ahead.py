"""Scenes are looked for beside all else, and what they give is of the right frame, in order."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import pytest

from park.errors import ParkwatchError
from park.records import Detection
from pipelines import scenes_ahead
from pipelines.camera_look import CameraLook
from pipelines.scenes import watched_scenes
from pipelines.scenes_ahead import looked_for
from tests.pipelines.test_camera_look import seen_at
from tests.pipelines.test_rules import site_with
from tests.pipelines.test_scenes import watch
from vision.scene.detector import SceneDetector, WatchedZone
from vision.scene.view import SceneView


class Told:
    """A detector that looks when it is told to, and sees the second of the frame."""

    name = "scene-soil"
    version = 1
    incident_classes: tuple[str, ...] = ("bare_soil",)
    every_s = 0.0

    def __init__(self, may_look: threading.Event, error: Exception | None = None) -> None:
        self._may_look, self._error = may_look, error

    def fresh(self) -> Self:
        return self

    def look(self, view: SceneView, zones: Sequence[WatchedZone]) -> tuple[Detection, ...]:
        assert self._may_look.wait(timeout=20.0)
        if self._error is not None:
            raise self._error
        second = view.frame.time.second
        return (Detection("bare_soil", 0.5, (0.0, 0.0, 10.0 + second, 10.0), "m@1"),)


def camera(detector: SceneDetector | None) -> CameraLook:
    site = site_with(watch("bare_soil"))
    return CameraLook("p", site, watched_scenes(site, [detector] if detector else []))


def test_all_else_goes_on_while_scenes_are_looked_for_in_order() -> None:
    may_look = threading.Event()
    one = camera(Told(may_look))
    with ThreadPoolExecutor(1) as thread:
        begun = [looked_for(thread, seen_at(second), one, ()) for second in (1.0, 2.0, 3.0)]
        assert not any(frame.is_done() for frame in begun)
        may_look.set()
        widths = [frame.scene_detections()[0].box_xyxy_px[2] for frame in begun]
    base = begun[0].sight.frame.time.second
    assert widths == [10.0 + base + k for k in range(3)]


def test_where_nothing_is_watched_nothing_is_waited_for() -> None:
    with ThreadPoolExecutor(1) as thread:
        begun = looked_for(thread, seen_at(1.0), camera(None), ())
        assert begun.is_done()
        assert begun.scene_detections() == ()


def test_what_goes_wrong_in_a_scene_goes_wrong_here() -> None:
    may_look = threading.Event()
    may_look.set()
    with ThreadPoolExecutor(1) as thread:
        begun = looked_for(
            thread, seen_at(1.0), camera(Told(may_look, ValueError("no picture"))), ()
        )
        with pytest.raises(ValueError, match="no picture"):
            begun.scene_detections()


def test_scenes_that_do_not_come_back_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes_ahead, "_LONGEST_S", 0.05)
    may_look = threading.Event()
    with ThreadPoolExecutor(1) as thread:
        begun = looked_for(thread, seen_at(1.0), camera(Told(may_look)), ())
        with pytest.raises(ParkwatchError, match="scene detectors did not come back within 0 s"):
            begun.scene_detections()
        may_look.set()
