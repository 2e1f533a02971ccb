"""The whole line on drawn footage, held against what was drawn.

A vehicle in a zone that forbids it becomes one incident with the dwell that the photos show; a
legal one becomes none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from park.geodesy import LocalFrame
from park.records import BoxXyxyPx
from sim_data.aerial import DemoTruth
from sim_data.aerial_world import ParkedVehicle

NO_PARKING_S = 300.0
"""What the drawn site's fire lane allows."""
SAME_PLACE_M = 3.0


@dataclass(frozen=True)
class Result:
    """What one run over all drawn photos gave."""

    said: Any
    tables: dict[str, list[dict[str, Any]]]
    out: Path


@pytest.fixture(scope="module")
def result(
    drawn: DemoTruth,
    parkwatch: Callable[..., Any],
    rows: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Result:
    out = tmp_path_factory.mktemp("truth")
    said = parkwatch(
        "reprocess", drawn.footage_dir, "--site", drawn.site_path, "--warehouse", out / "w",
        "--pictures", out / "pictures", "--report", out / "page.html",
    )  # fmt: skip
    return Result(said, rows(out / "w"), out)


def seen_at(drawn: DemoTruth, vehicle: ParkedVehicle) -> list[datetime]:
    return sorted(
        p.time for p in drawn.photos if any(name == vehicle.vehicle_id for name, _ in p.boxes)
    )


def expected(drawn: DemoTruth) -> dict[str, tuple[ParkedVehicle, str, float]]:
    """Return the vehicles that break a rule, with the zone and the dwell that photos show."""
    wrong = {}
    for vehicle in drawn.vehicles:
        times = seen_at(drawn, vehicle)
        dwell_s = (times[-1] - times[0]).total_seconds() if times else 0.0
        parked_too_long = vehicle.where == "fire-lane" and dwell_s >= NO_PARKING_S
        if times and (parked_too_long or vehicle.where == "tank-yard"):
            wrong[vehicle.vehicle_id] = (vehicle, vehicle.where, dwell_s)
    return wrong


def metres_apart(vehicle: ParkedVehicle, row: dict[str, Any]) -> float:
    east_m, north_m = LocalFrame(vehicle.lat_deg, vehicle.lon_deg).to_en_m(
        row["lat_deg"], row["lon_deg"]
    )
    return math.hypot(east_m, north_m)


def overlap(a: BoxXyxyPx, b: BoxXyxyPx) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (
        (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
    )  # fmt: skip


def test_it_ends_well_and_says_what_it_did(result: Result) -> None:
    assert result.said.returncode == 0, result.said.stderr
    assert "12 read, 0 refused" in result.said.stdout
    assert "Traceback" not in result.said.stderr
    assert result.tables["rejects"] == []


def test_every_staged_vehicle_is_exactly_one_incident(drawn: DemoTruth, result: Result) -> None:
    wrong = expected(drawn)
    assert len(wrong) >= 3, "the drawn park no longer stages enough"
    incidents = result.tables["incidents"]
    for vehicle, zone, _ in wrong.values():
        of_it = [i for i in incidents if metres_apart(vehicle, i) < SAME_PLACE_M]
        assert [i["zone_id"] for i in of_it] == [zone], vehicle.vehicle_id
    assert len(incidents) == len(wrong), "a vehicle that stands where it may became an incident"


def test_dwell_is_what_the_photos_show(drawn: DemoTruth, result: Result) -> None:
    for vehicle, _, dwell_s in expected(drawn).values():
        (row,) = [i for i in result.tables["incidents"] if metres_apart(vehicle, i) < SAME_PLACE_M]
        # One photo more or less at the edge of a picture is eight seconds.
        assert row["dwell_s"] == pytest.approx(dwell_s, abs=8.5)
        assert row["dwell_s"] == (row["last_seen"] - row["first_seen"]).total_seconds()


def test_places_hold_what_their_error_promises(drawn: DemoTruth, result: Result) -> None:
    for vehicle, _, _ in expected(drawn).values():
        (row,) = [i for i in result.tables["incidents"] if metres_apart(vehicle, i) < SAME_PLACE_M]
        assert metres_apart(vehicle, row) < 3.0 * row["error_m"]
        assert 0.3 < row["error_m"] < 5.0


def test_detections_are_what_was_drawn(drawn: DemoTruth, result: Result) -> None:
    found = right = drawn_boxes = seen = 0
    for photo in drawn.photos:
        boxes = [box for _, box in photo.boxes]
        detections = [
            tuple(d["box_xyxy_px"])
            for d in result.tables["detections"]
            if Path(d["source_uri"]).name == photo.file
        ]
        found += len(detections)
        drawn_boxes += len(boxes)
        right += sum(any(overlap(d, b) > 0.4 for b in boxes) for d in detections)
        seen += sum(any(overlap(d, b) > 0.4 for d in detections) for b in boxes)
    print(f"precision {right / found:.3f} of {found}, recall {seen / drawn_boxes:.3f} "
          f"of {drawn_boxes} drawn boxes")  # fmt: skip
    assert right / found > 0.9
    assert seen / drawn_boxes > 0.7


def test_days_sum_up_their_incidents(result: Result) -> None:
    sums: dict[tuple[str, str], int] = {}
    for i in result.tables["incidents"]:
        key = (i["type"], i["zone_id"])
        sums[key] = sums.get(key, 0) + 1
    assert {
        (d["type"], d["zone_id"]): d["incidents"] for d in result.tables["daily_incidents"]
    } == sums


def test_each_frame_gets_an_overview_picture_and_the_report_is_one_page(
    drawn: DemoTruth, result: Result
) -> None:
    pictures = sorted(p.name for p in (result.out / "pictures").iterdir())
    assert len(pictures) == len(drawn.photos)
    assert all(p.endswith(".jpg") for p in pictures)
    page = (result.out / "page.html").read_text("utf-8")
    assert "Tank yard" in page
    assert "<script src=" not in page
