"""A flash in one frame of a video is no evidence; a photo is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from park.records import GroundPoint, Observation
from park.site_rules import ForbiddenZone
from park.taxonomy import incident_type
from pipelines.grouping import in_pictures, seen_enough

NOON = datetime(2026, 5, 4, 4, tzinfo=UTC)


def sighting(uri: str, at_s: float, track_id: str | None = None) -> Observation:
    return Observation(
        detection_id=f"{uri}-{at_s}",
        patrol_id="p",
        time=NOON + timedelta(seconds=at_s),
        class_name="rubbish",
        confidence=0.2,
        box_xyxy_px=(0.0, 0.0, 40.0, 40.0),
        track_id=track_id,
        object_id="a",
        place=GroundPoint(31.2, 121.5, 1.0),
        size_m=4.0,
        source_uri=uri,
        source_time_s=at_s,
        model_id="m",
    )


def enough(sightings: Sequence[Observation]) -> bool:
    rule = ForbiddenZone(type="forbidden_zone", id="r")
    return seen_enough(rule, incident_type("dumped_rubbish"), sightings)


@pytest.mark.parametrize("uri", ["DJI_0001.JPG", "patrol/photo.png", "picture-without-a-suffix"])
def test_one_photo_is_evidence(uri: str) -> None:
    assert enough([sighting(uri, 0.0)])


@pytest.mark.parametrize("uri", ["video/00003.mp4", "s3://bucket/patrol/video/rgb-00003.MP4"])
def test_the_first_frame_of_a_part_of_a_video_is_no_photo(uri: str) -> None:
    """Patrols are recorded in parts of some seconds, and each has a frame at 0 s."""
    assert not enough([sighting(uri, 0.0)])
    assert not in_pictures([sighting(uri, 0.0)], 2)


@given(st.integers(1, 9), st.integers(1, 9))
def test_frames_of_all_parts_of_a_video_count_together(frames: int, at_least: int) -> None:
    seen = [sighting(f"video/{number:05d}.mp4", 0.0) for number in range(frames)]
    assert in_pictures(seen, at_least) is (frames >= at_least)
    assert in_pictures([*seen, *seen], at_least) is (frames >= at_least)
