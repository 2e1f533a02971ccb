"""The site file of the park that does not exist, in the format that any site uses."""

from __future__ import annotations

import json

from park.records import JsonValue
from sim_data.aerial_ground import RectM, rounded_rect
from sim_data.aerial_world import (
    CAR_PARK,
    FIRE_LANE,
    HALL_A,
    HALL_B,
    HEIGHT_M,
    LOADING_YARD,
    MAIN_ROAD,
    SIDE_ROAD,
    TANK_YARD,
    TANKS,
    WIDTH_M,
    to_lat_lon,
)

GROUND_AMSL_M = 1200.0
"""Height of the invented park above mean sea level; it is flat."""


def _position(x_m: float, y_m: float) -> list[float]:
    lat_deg, lon_deg = to_lat_lon(x_m, y_m)
    return [round(lon_deg, 7), round(lat_deg, 7)]


def _polygon(rect: RectM) -> JsonValue:
    west, north, east, south = rect
    corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
    return {"type": "Polygon", "coordinates": [[_position(x, y) for x, y in corners]]}


def _feature(geometry: JsonValue, **properties: JsonValue) -> JsonValue:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _zones() -> list[JsonValue]:
    contact = [{"name": "Simulated duty desk", "phone": "+86 000 0000 0000"}]
    return [
        _feature(
            _polygon(FIRE_LANE),
            kind="zone",
            id="fire-lane",
            name={"zh": "一号厂房消防通道", "en": "Fire lane of hall 1"},
            owner="Simulated works A",
            contacts=contact,
            rules=[{"type": "no_parking", "min_dwell_s": 300, "severity": 3}],
        ),
        _feature(
            _polygon(TANK_YARD),
            kind="zone",
            id="tank-yard",
            name={"zh": "储罐区", "en": "Tank yard"},
            owner="Simulated works B",
            contacts=contact,
            rules=[{"type": "forbidden_zone", "severity": 4}],
        ),
        _feature(
            _polygon(CAR_PARK),
            kind="zone",
            id="car-park",
            name={"zh": "员工停车场", "en": "Staff car park"},
            owner="Simulated park office",
            rules=[{"type": "vehicle_limit", "max_count": 90}],
        ),
        _feature(
            _polygon(LOADING_YARD),
            kind="zone",
            id="loading-yard",
            name={"zh": "装卸场", "en": "Loading yard"},
            owner="Simulated works B",
            rules=[],
        ),
    ]


def _halls() -> list[JsonValue]:
    return [
        _feature(
            _polygon(hall),
            kind="building",
            id=f"hall-{number}",
            name={"zh": f"{'一二'[number - 1]}号厂房", "en": f"Hall {number}"},
            height_m=8.0,
        )
        for number, hall in enumerate((HALL_A, HALL_B), start=1)
    ]


def _roads() -> list[JsonValue]:
    main_y = (MAIN_ROAD[1] + MAIN_ROAD[3]) / 2
    side_x = (SIDE_ROAD[0] + SIDE_ROAD[2]) / 2
    main = ((2.0, main_y), (WIDTH_M - 2.0, main_y))
    side = ((side_x, main_y), (side_x, HEIGHT_M - 2.0))
    return [
        _feature(
            {"type": "LineString", "coordinates": [_position(x, y) for x, y in ends]},
            kind="road",
            id=name,
            name=names,
            lanes=2,
            speed_limit_kmh=30,
            width_m=width_m,
        )
        for name, names, ends, width_m in (
            ("main-road", {"zh": "主路", "en": "Main road"}, main, MAIN_ROAD[3] - MAIN_ROAD[1]),
            ("side-road", {"zh": "支路", "en": "Side road"}, side, SIDE_ROAD[2] - SIDE_ROAD[0]),
        )
    ]


def _tanks() -> list[JsonValue]:
    features = []
    for number, (x, y, radius_m) in enumerate(TANKS, start=1):
        ring = rounded_rect((x - radius_m, y - radius_m, x + radius_m, y + radius_m), radius_m)
        outline = [_position(*point) for point in ring[::-1]]
        outline.append(outline[0])
        features.append(
            _feature(
                {"type": "Polygon", "coordinates": [outline]},
                kind="asset",
                id=f"tank-{number}",
                name={"zh": f"{number}号储罐", "en": f"Tank {number}"},
                **{"class": "tank"},
                criticality=4,
            )
        )
    return features


def demo_site() -> JsonValue:
    """Return the site file of the drawn park as a GeoJSON FeatureCollection."""
    boundary = _feature(
        _polygon((1.0, 1.0, WIDTH_M - 1.0, HEIGHT_M - 1.0)),
        kind="boundary",
        id="drawn-park",
        name={"zh": "示意园区（模拟）", "en": "Drawn park (simulated)"},
        time_zone="Asia/Shanghai",
        takeoff_alt_amsl_m=GROUND_AMSL_M,
        notes="Invented and drawn by the project: no such place exists.",
    )
    dock = _feature(
        {"type": "Point", "coordinates": _position(96.0, 58.0)},
        kind="dock",
        id="dock-1",
        name={"zh": "一号机库", "en": "Dock 1"},
        alt_amsl_m=GROUND_AMSL_M,
    )
    features = [boundary, *_zones(), *_halls(), *_roads(), *_tanks(), dock]
    return {"type": "FeatureCollection", "features": features}


def demo_site_text() -> str:
    """Return the site file as text, the same every time."""
    return json.dumps(demo_site(), ensure_ascii=False, indent=1) + "\n"
