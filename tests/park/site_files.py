"""Site files for tests, put together in words of their own; and what is said of wrong ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from park.errors import SiteError
from park.site import Site

LON, LAT = 113.94, 22.53


def square(lon: float = LON, lat: float = LAT, side: float = 0.01) -> dict[str, Any]:
    ring = [
        [lon, lat],
        [lon + side, lat],
        [lon + side, lat + side],
        [lon, lat + side],
        [lon, lat],
    ]
    return {"type": "Polygon", "coordinates": [ring]}


def feature(kind: str, geometry: Any = None, /, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"kind": kind, **properties}, "geometry": geometry}


def boundary(**more: Any) -> dict[str, Any]:
    members = {
        "id": "demo-park",
        "name": {"zh": "示范园", "en": "Demo park"},
        "time_zone": "Asia/Shanghai",
        **more,
    }
    return feature("boundary", square(), **members)


def zone(*rules: Any, zone_id: str = "z1", geometry: Any = None, **more: Any) -> dict[str, Any]:
    where = geometry or square(LON + 0.002, LAT + 0.002, 0.002)
    return feature("zone", where, id=zone_id, name="Zone 区", rules=list(rules), **more)


def collection(*features: Any, **members: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", **members, "features": list(features)}


def load(document: Any) -> Site:
    return Site.load(json.dumps(document).encode())


def mistakes(document: Any) -> str:
    with pytest.raises(SiteError) as caught:
        load(document)
    return str(caught.value)


def full() -> dict[str, Any]:
    line = {"type": "LineString", "coordinates": [[LON, LAT, 3.0], [LON + 0.01, LAT + 0.01]]}
    point = {"type": "Point", "coordinates": [LON + 0.005, LAT + 0.005]}
    contact = {"name": "值班室", "role": "duty", "phone": "+86 755 1234 5678", "email": "a@b.cn"}
    return collection(
        boundary(takeoff_alt_amsl_m=12.5, contacts=[contact]),
        zone(
            {
                "type": "no_parking",
                "classes": ["vehicle"],
                "min_dwell_s": 120,
                "active": "08:00-20:00",
                "severity": 3,
            },
            {"type": "forbidden_zone", "classes": ["truck", "Two-Wheeler"]},
            {"type": "vehicle_limit", "max_count": 20},
            owner="Plant 3",
            contacts=[contact],
        ),
        feature("road", line, id="r1", lanes=2, speed_limit_kmh=30, width_m=7.5),
        feature("pipeline", line, contents="氮气", width_m=4),
        feature("building", square(side=0.001), height_m=24.0, name="Hall"),
        feature("asset", point, criticality=4, **{"class": "gas store"}),
        feature("asset", square(side=0.0005), id="a2", criticality=1),
        feature("dock", point, id="dock-1", alt_amsl_m=15.0),
        feature("no_fly", square(side=0.001), min_alt_agl_m=0, max_alt_agl_m=60),
        feature("route", None, id="fence", purpose="perimeter", options={"offset_m": 10}),
        feature("route", square(), id="mow", purpose="area", options={"only": ["a", "b"]}),
    )
