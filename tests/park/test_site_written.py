"""Any site that is written is read back the same, and anything else is read or refused."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from park.errors import SiteError
from park.site import Site, site_schema
from tests.park.site_files import LAT, LON, boundary, collection, feature, full, load, square, zone

NAMES = st.fixed_dictionaries(
    {"zh": st.text("园区厂房一二三", min_size=1), "en": st.text("Park ab", min_size=1)}
).filter(lambda names: bool(names["en"].strip()))

HOURS = st.sampled_from(
    ["always", "22:00-06:00", "mon-fri 08:00-18:00", ["08:00-09:00", "sun 10:00-24:00"]]
)

RULES = st.one_of(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["no_parking", "forbidden_zone"])},
        optional={
            "min_dwell_s": st.floats(0, 1e5),
            "active": HOURS,
            "severity": st.integers(1, 4),
            "min_probability": st.floats(0.05, 0.999),
            "classes": st.lists(st.sampled_from(["car", "truck", "vehicle"]), min_size=1),
        },
    ),
    st.fixed_dictionaries(
        {"type": st.just("vehicle_limit"), "max_count": st.integers(0, 500)},
        optional={"window_s": st.floats(1, 1e4), "max_gap_s": st.floats(1, 1e6)},
    ),
)

PLACES = st.tuples(
    st.floats(LON, LON + 0.009, allow_nan=False), st.floats(LAT, LAT + 0.009, allow_nan=False)
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_written_site_is_read_back_the_same(data: st.DataObject) -> None:
    features = [
        boundary(name=data.draw(NAMES), takeoff_alt_amsl_m=data.draw(st.floats(-400, 8000)))
    ]
    for number in range(data.draw(st.integers(0, 4))):
        rules = data.draw(st.lists(RULES, max_size=3))
        for index, rule in enumerate(rules):
            rule["id"] = f"r{index}"
        lon, lat = data.draw(PLACES)
        features.append(zone(*rules, zone_id=f"z{number}", geometry=square(lon, lat, 0.001)))
    lon, lat = data.draw(PLACES)
    features.append(feature("dock", {"type": "Point", "coordinates": [lon, lat]}, id="d"))
    site = load(collection(*features))
    written = site.to_geojson()
    assert load(written) == site
    assert load(written).to_geojson() == written


def test_every_kind_is_read_back_the_same() -> None:
    site = load(full())
    assert load(site.to_geojson()) == site


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)

KEYS = ("id", "name", "rules", "contacts", "time_zone", "options", "criticality", "kind", "name_zh")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(["boundary", "zone", "asset", "route", "dock", "no_fly"]),
    key=st.sampled_from(KEYS),
    value=JSON_VALUES,
    geometry=st.none()
    | st.fixed_dictionaries(
        {
            "type": st.sampled_from(["Point", "Polygon", "LineString", "MultiPolygon"]),
            "coordinates": JSON_VALUES,
        }
    ),
)
def test_whatever_stands_in_a_file_it_is_read_or_refused(
    kind: str, key: str, value: Any, geometry: Any
) -> None:
    strange = feature(kind, geometry, **({"id": "x"} | {key: value} if key != "kind" else {}))
    if key == "kind":
        strange["properties"]["kind"] = value
    try:
        site, found = Site.parse(json.dumps(collection(boundary(), strange)).encode())
    except SiteError:
        return
    assert found or site is not None


def test_the_schema_knows_every_kind_and_no_geometry() -> None:
    schema = site_schema()
    assert set(schema["$defs"]) >= {"Zone", "Boundary", "NoParking", "VehicleLimit", "Route"}
    for definition in schema["$defs"].values():
        assert "geometry" not in (*definition["properties"], *definition.get("required", ()))
