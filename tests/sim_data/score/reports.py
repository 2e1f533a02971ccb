"""Incidents and truth by hand, in metres around one place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from park.geodesy import LocalFrame
from park.records import GroundPoint, Incident, Observation
from park.taxonomy import INCIDENT_TYPES, incident_type
from sim_data.scenario.records import Difficulty, TruePosition, TruthRow

FRAME = LocalFrame(30.6, 122.6)
START = datetime(2026, 5, 4, 1, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def row(
    truth_id: str,
    type_id: str,
    east_m: float = 0.0,
    north_m: float = 0.0,
    *,
    extent_m: float = 2.0,
    first_s: float = 0.0,
    last_s: float = 600.0,
) -> TruthRow:
    lat_deg, lon_deg = FRAME.to_lat_lon(east_m, north_m)
    must_fire = type_id in INCIDENT_TYPES
    return TruthRow(
        truth_id=truth_id,
        type=type_id,
        must_fire=must_fire,
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        extent_m=extent_m,
        first_time=at(first_s),
        last_time=at(last_s),
        measure=1.0,
        unit=INCIDENT_TYPES[type_id].unit.value if must_fire else "",
        difficulty=Difficulty.EASY,
        zone_id="",
        object_ids=(f"{truth_id}/thing",),
    )


def sighting(
    east_m: float,
    north_m: float,
    seconds: float,
    *,
    error_m: float = 1.0,
    class_name: str = "car",
    detection_id: str = "d",
) -> Observation:
    lat_deg, lon_deg = FRAME.to_lat_lon(east_m, north_m)
    return Observation(
        detection_id=detection_id,
        patrol_id="p",
        time=at(seconds),
        class_name=class_name,
        confidence=0.9,
        box_xyxy_px=(10.0, 10.0, 60.0, 40.0),
        track_id=None,
        object_id=None,
        place=GroundPoint(lat_deg, lon_deg, error_m),
        size_m=4.6,
        source_uri="flight.mp4",
        source_time_s=seconds,
        model_id="vehicles@1",
    )


def incident(
    incident_id: str,
    type_id: str,
    east_m: float = 0.0,
    north_m: float = 0.0,
    *,
    error_m: float = 1.0,
    first_s: float = 60.0,
    last_s: float = 540.0,
) -> Incident:
    best = sighting(east_m, north_m, first_s, error_m=error_m, detection_id=f"d-{incident_id}")
    assert best.place is not None
    return Incident(
        incident_id=incident_id,
        day=START.date(),
        domain=str(incident_type(type_id).domain),
        type=type_id,
        severity=2,
        zone_id="zone",
        place=best.place,
        first_seen=at(first_s),
        last_seen=at(last_s),
        dwell_s=last_s - first_s,
        measure=1.0,
        object_ids=("o",),
        observations=3,
        evidence_uri=None,
        model_id="vehicles@1",
        best=best,
    )


def position(
    object_id: str,
    east_m: float,
    north_m: float,
    seconds: float = 0.0,
    *,
    class_name: str = "car",
    heading_deg: float = 0.0,
    speed_mps: float = 0.0,
) -> TruePosition:
    lat_deg, lon_deg = FRAME.to_lat_lon(east_m, north_m)
    return TruePosition(
        at(seconds), object_id, class_name, lat_deg, lon_deg, heading_deg, speed_mps
    )
