from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from time import process_time
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from park.errors import RecordError
from park.geodesy import LocalFrame
from park.records import GroundPoint, Observation
from vision.track import TrackOptions, VideoTracker

FRAME = LocalFrame(31.2, 121.5)
START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
Scene = Callable[[float], dict[str, tuple[float, float]]]


def seen(
    name: str,
    time_s: float,
    east_m: float,
    north_m: float,
    *,
    class_name: str = "car",
    confidence: float = 0.8,
) -> Observation:
    lat, lon = FRAME.to_lat_lon(east_m, north_m)
    x_px, y_px = 20.0 * east_m, -20.0 * north_m
    return Observation(
        f"{name}@{time_s}", "patrol", START + timedelta(seconds=time_s), class_name, confidence,
        (x_px, y_px, x_px + 11.0, y_px + 20.0), None, None, GroundPoint(lat, lon, 3.0), 4.5,
        "v.mp4", time_s, "m",
    )  # fmt: skip


def follow(
    scene: Scene, *, seconds: float, jitter_m: float, shift_m: float = 0.0, fps: float = 2.0
) -> dict[str, list[str | None]]:
    """Return the track ids that each thing of a scene was given, in order of time."""
    rng = np.random.default_rng(11)
    tracker = VideoTracker("patrol")
    ids: dict[str, list[str | None]] = {}
    for k in range(int(seconds * fps)):
        time_s = k / fps
        shift = rng.normal(0.0, shift_m, 2)
        things = list(scene(time_s).items())
        things = [things[i] for i in rng.permutation(len(things))]
        frame = [
            seen(name, time_s, *(np.array(place) + shift + rng.normal(0.0, jitter_m, 2)).tolist())
            for name, place in things
        ]
        tracked = tracker.update(START + timedelta(seconds=time_s), frame)
        assert [o.detection_id for o in tracked] == [o.detection_id for o in frame]
        for (name, _), observation in zip(things, tracked, strict=True):
            ids.setdefault(name, []).append(observation.track_id)
    return ids


def switches(ids: dict[str, list[str | None]]) -> int:
    return sum(a != b for row in ids.values() for a, b in pairwise(row))


def car_park(_: float) -> dict[str, tuple[float, float]]:
    return {f"{i}-{j}": (2.5 * i, 6.0 * j) for i in range(10) for j in range(2)}


def test_parked_cars_keep_their_ids_though_the_pose_jitters() -> None:
    ids = follow(car_park, seconds=15.0, jitter_m=0.3, shift_m=0.3)
    assert switches(ids) == 0
    assert len({row[0] for row in ids.values()}) == 20


def test_tracks_do_not_hop_over_parked_cars_that_a_drone_passes() -> None:
    """One in five is missed in each frame, and new rows come into view at 8 m/s."""
    rng = np.random.default_rng(6)

    def rows(time_s: float) -> dict[str, tuple[float, float]]:
        ahead_m = 8.0 * time_s
        return {
            f"{i}-{j}": (2.6 * i, 6.0 * j)
            for i in range(12)
            for j in range(40)
            if ahead_m <= 6.0 * j <= ahead_m + 30.0 and rng.random() > 0.2
        }

    ids = follow(rows, seconds=15.0, jitter_m=0.25)
    cars: dict[str | None, Counter[str]] = {}
    for name, row in ids.items():
        for track_id in row:
            cars.setdefault(track_id, Counter())[name] += 1
    strangers = sum(seen.total() - max(seen.values()) for seen in cars.values())
    assert strangers <= 0.03 * sum(len(row) for row in ids.values())


@pytest.mark.parametrize("speed_mps", [5.0, 10.0, 15.0, 20.0, 25.0])
def test_a_moving_car_keeps_its_id_at_two_frames_a_second(speed_mps: float) -> None:
    ids = follow(lambda t: {"car": (speed_mps * t, 3.0)}, seconds=10.0, jitter_m=0.4)
    assert switches(ids) == 0


def test_traffic_keeps_its_ids_mostly() -> None:
    gaps = np.cumsum(np.random.default_rng(2).uniform(25.0, 60.0, 30)) - 400.0

    def road(time_s: float) -> dict[str, tuple[float, float]]:
        places = {f"east {i}": (float(x) + 14.0 * time_s, 0.0) for i, x in enumerate(gaps)}
        places |= {f"west {i}": (-float(x) - 14.0 * time_s, 8.0) for i, x in enumerate(gaps)}
        return {name: place for name, place in places.items() if abs(place[0]) < 150.0}

    ids = follow(road, seconds=15.0, jitter_m=0.4)
    assert switches(ids) <= 0.05 * sum(len(row) for row in ids.values())


def test_two_seconds_out_of_sight_are_bridged() -> None:
    def scene(time_s: float) -> dict[str, tuple[float, float]]:
        return {} if 4.0 <= time_s < 6.0 else {"car": (8.0 * time_s, 0.0), "van": (0.0, 30.0)}

    assert switches(follow(scene, seconds=10.0, jitter_m=0.2)) == 0


def test_what_has_no_place_gets_no_track() -> None:
    nowhere = Observation(
        "x", "patrol", START, "car", 0.9, (0.0, 0.0, 1.0, 1.0), None, None, None, None, "v", 0.0,
        "m",
    )  # fmt: skip
    tracked = VideoTracker("patrol").update(START, [nowhere, seen("car", 0.0, 0.0, 0.0)])
    assert [o.track_id for o in tracked] == [None, "patrol-000001"]


def test_a_faint_detection_goes_on_with_a_track_but_starts_none() -> None:
    tracker = VideoTracker("patrol", TrackOptions(start_confidence=0.5))
    faint = seen("a", 0.0, 0.0, 0.0, confidence=0.3)
    assert tracker.update(START, [faint])[0].track_id is None
    tracker.update(START + timedelta(seconds=1), [seen("a", 1.0, 0.0, 0.0)])
    followed = tracker.update(
        START + timedelta(seconds=2), [seen("a", 2.0, 0.0, 0.0, confidence=0.3)]
    )
    assert followed[0].track_id == "patrol-000001"


def test_a_second_box_on_a_walker_begins_no_track_that_takes_over() -> None:
    tracker = VideoTracker("patrol")
    ids = []
    for k in range(8):
        time_s = k / 2
        frame = [seen("walker", time_s, 0.7 * k, 0.0, class_name="person")]
        if k == 3:
            twice = seen("twice", time_s, 0.7 * k + 0.4, 0.1, class_name="person", confidence=0.3)
            frame.insert(0, twice)
        tracked = tracker.update(START + timedelta(seconds=time_s), frame)
        ids.append({o.detection_id.partition("@")[0]: o.track_id for o in tracked})
    assert {one["walker"] for one in ids} == {"patrol-000001"}
    assert ids[3]["twice"] is None


@pytest.mark.parametrize(
    ("class_name", "apart_m", "tracks"),
    [("person", 0.6, 2), ("person", 0.4, 1), ("car", 0.4, 2), ("smoke", 0.1, 2)],
)
def test_only_what_cannot_stand_so_close_is_one_thing(
    class_name: str, apart_m: float, tracks: int
) -> None:
    frame = [
        seen(name, 0.0, east_m, 0.0, class_name=class_name, confidence=confidence)
        for name, east_m, confidence in (("a", 0.0, 0.8), ("b", apart_m, 0.6))
    ]
    tracked = VideoTracker("patrol").update(START, frame)
    assert len({o.track_id for o in tracked} - {None}) == tracks
    assert tracked[0].track_id is not None


@pytest.mark.parametrize(
    ("place_m", "frames", "tracks"),
    [
        pytest.param((0.3, -0.4), {3}, 2, id="a leg is somebody, too"),
        pytest.param((0.3, -0.4), {3, 4, 5}, 2, id="a leg is somebody for long"),
        pytest.param((0.7, -1.0), {3, 4, 5, 6, 7}, 3, id="a third joins them"),
    ],
)
def test_who_is_seen_before_a_surer_one_begins_a_track_when_clear_of_them(
    place_m: tuple[float, float], frames: set[int], tracks: int
) -> None:
    tracker = VideoTracker("patrol")
    ids: dict[str, list[str | None]] = {}
    for k in range(8):
        time_s = k / 2
        frame = [
            seen("left", time_s, 0.0, 1.2 * k, class_name="person", confidence=0.6),
            seen("right", time_s, 1.4, 1.2 * k, class_name="person", confidence=0.6),
        ]
        if k in frames:
            place = place_m[0], 1.2 * k + place_m[1]
            frame.append(seen("third", time_s, *place, class_name="person", confidence=0.4))
        for one in tracker.update(START + timedelta(seconds=time_s), frame):
            ids.setdefault(one.detection_id.partition("@")[0], []).append(one.track_id)
    assert len({track for row in ids.values() for track in row} - {None}) == tracks
    assert len(set(ids["left"])) == len(set(ids["right"])) == 1


def test_of_a_row_of_boxes_each_further_than_the_surest_allows_is_a_thing() -> None:
    """The middle one is the first one told again, so the last is nobody's double."""
    frame = [
        seen(name, 0.0, east_m, 0.0, class_name="person", confidence=confidence)
        for name, east_m, confidence in (("a", 0.0, 0.8), ("b", 0.4, 0.6), ("c", 0.8, 0.5))
    ]
    tracked = VideoTracker("patrol").update(START, frame)
    assert [o.track_id is None for o in tracked] == [False, True, False]


def test_a_person_beside_a_car_is_not_the_car() -> None:
    tracker = VideoTracker("patrol")
    first = tracker.update(START, [seen("a", 0.0, 0.0, 0.0)])
    second = tracker.update(
        START + timedelta(seconds=1), [seen("b", 1.0, 0.0, 0.0, class_name="person")]
    )
    assert first[0].track_id != second[0].track_id


def test_a_car_that_is_called_a_truck_for_once_is_the_same_thing() -> None:
    tracker = VideoTracker("patrol")
    first = tracker.update(START, [seen("a", 0.0, 0.0, 0.0)])
    second = tracker.update(
        START + timedelta(seconds=1), [seen("a", 1.0, 0.0, 0.0, class_name="truck")]
    )
    assert first[0].track_id == second[0].track_id


def test_after_a_reset_ids_are_new() -> None:
    tracker = VideoTracker("patrol")
    before = tracker.update(START, [seen("a", 0.0, 0.0, 0.0)])[0].track_id
    tracker.reset()
    assert tracker.update(START, [seen("a", 0.0, 0.0, 0.0)])[0].track_id != before


def test_frames_out_of_order_are_refused() -> None:
    tracker = VideoTracker("patrol")
    tracker.update(START, [])
    with pytest.raises(RecordError, match="not later than the frame before"):
        tracker.update(START, [])
    with pytest.raises(RecordError, match="has no time zone"):
        tracker.update(START.replace(tzinfo=None), [])


@pytest.mark.parametrize("month", [3, 11])
def test_a_change_of_the_clock_is_no_break_in_a_video(month: int) -> None:
    zone = ZoneInfo("America/New_York")
    before = datetime(2026, month, 8 if month == 3 else 1, 1, 59, 59, tzinfo=zone).astimezone(UTC)
    tracker = VideoTracker("patrol")
    ids = set()
    for k in range(5):
        time = (before + timedelta(seconds=k / 2)).astimezone(zone)
        (found,) = tracker.update(time, [seen("a", k / 2, 4.0 * k, 0.0)])
        ids.add(found.track_id)
    assert ids == {"patrol-000001"}


def test_many_things_that_appear_at_once_cost_as_much_each_as_few() -> None:
    def followed_s(count: int) -> float:
        places = np.random.default_rng(4).uniform(0.0, 400.0, (count, 2))
        things = [seen(str(i), 0.0, *place) for i, place in enumerate(places.tolist())]
        tracker = VideoTracker("patrol")
        begun = process_time()
        assert len({one.track_id for one in tracker.update(START, things)}) == count
        return process_time() - begun

    few_s = min(followed_s(750) for _ in range(3))
    # Asking every newcomer about every other took sixteen times as long for four times as many.
    assert min(followed_s(3000) for _ in range(2)) < 10.0 * few_s


def test_impossible_options_are_refused() -> None:
    with pytest.raises(RecordError, match=r"lost_s 0 is not more than zero"):
        TrackOptions(lost_s=0)
    with pytest.raises(RecordError, match=r"start_confidence 2.0 is not in 0..1"):
        TrackOptions(start_confidence=2.0)


def test_tracking_does_not_pull_in_torch() -> None:
    code = "import sys, vision.track; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
