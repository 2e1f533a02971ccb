"""Reading a site file: what is understood, and what is refused in which words."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from park.active_hours import ActiveHours
from park.errors import SiteError
from park.site import Site
from park.site_rules import ForbiddenZone, NoParking, VehicleLimit
from tests.park.site_files import (
    LAT,
    LON,
    boundary,
    collection,
    feature,
    full,
    load,
    mistakes,
    square,
    zone,
)


class TestReading:
    def test_every_kind_is_read(self) -> None:
        site = load(full())
        assert (site.id, site.name.zh, site.takeoff_alt_amsl_m) == ("demo-park", "示范园", 12.5)
        assert site.contacts[0].phone == "+86 755 1234 5678"
        assert (site.roads[0].lanes, site.roads[0].speed_limit_kmh) == (2, 30)
        assert (site.pipelines[0].contents, site.buildings[0].height_m) == ("氮气", 24.0)
        assert [asset.criticality for asset in site.assets] == [4, 1]
        assert (site.assets[0].asset_class, site.docks[0].alt_amsl_m) == ("gas store", 15.0)
        assert site.no_fly[0].max_alt_agl_m == 60
        assert [route.geometry is None for route in site.routes] == [True, False]
        assert site.routes[1].options == {"only": ("a", "b")}

    def test_rules_are_read_with_their_defaults(self) -> None:
        parking, forbidden, limit = load(full()).zone("z1").rules
        assert isinstance(parking, NoParking)
        assert parking.active == ActiveHours.parse("08:00-20:00")
        assert (parking.min_dwell_s, parking.severity, parking.rule_id) == (120, 3, "no_parking")
        assert isinstance(forbidden, ForbiddenZone)
        assert forbidden.classes == ("truck", "two_wheeler")
        assert isinstance(limit, VehicleLimit)
        assert (limit.max_count, limit.classes, limit.min_probability) == (20, ("vehicle",), 0.7)

    def test_a_path_and_a_byte_order_mark_are_fine(self, tmp_path: Path) -> None:
        path = tmp_path / "site.geojson"
        path.write_bytes(b"\xef\xbb\xbf" + json.dumps(full()).encode())
        assert Site.load(path) == Site.load(str(path)) == load(full())

    def test_a_site_pickles_also_after_use(self) -> None:
        site = load(full())
        assert site.zones_at(LAT + 0.003, LON + 0.003)
        copy = pickle.loads(pickle.dumps(site))  # noqa: S301 - our own bytes
        assert copy == site
        assert copy.zones_at(LAT + 0.003, LON + 0.003) == site.zones

    def test_site_members_may_stand_in_an_object_of_their_own(self) -> None:
        members = {"id": "demo-park", "name": "Demo", "time_zone": "Asia/Shanghai"}
        document = collection(feature("boundary", square()), site=members)
        assert load(document).boundary.time_zone == "Asia/Shanghai"
        document["site"] = {**members, "timezone": "x"}
        assert "site: unknown key 'timezone'; did you mean 'time_zone'?" in mistakes(document)

    def test_site_members_that_contradict_each_other_are_refused(self) -> None:
        document = collection(boundary(), site={"time_zone": "Asia/Tokyo"})
        assert "keep one" in mistakes(document)


class TestDrawingPrograms:
    def test_qgis_gives_every_feature_every_column_and_nested_values_as_text(self) -> None:
        edited = boundary(name='{"zh": "园", "en": "Park"}', rules=None, height_m=None, fid=1)
        edited_zone = zone(zone_id="z1", height_m=None, time_zone=None, fid=2)
        edited_zone["properties"]["rules"] = '[{"type": "no_parking"}]'
        crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
        site = load(collection(edited, edited_zone, name="layer", crs=crs))
        assert site.name.zh == "园"
        assert site.zones[0].rules == (NoParking(),)

    def test_qgis_writes_single_places_as_multi_types(self) -> None:
        many = {"type": "MultiPolygon", "coordinates": [square()["coordinates"]]}
        point = {"type": "MultiPoint", "coordinates": [[LON, LAT]]}
        outline = {**boundary(), "geometry": many}
        assert load(collection(outline, feature("dock", point, id="d"))).docks[0].id == "d"

    def test_nested_text_that_is_not_json_is_refused(self) -> None:
        edited = zone()
        edited["properties"]["rules"] = "[{type: no_parking}]"
        assert "`rules` is a text that looks like JSON but is not" in mistakes(
            collection(boundary(), edited)
        )

    def test_names_may_be_columns(self) -> None:
        outline = boundary(name_zh="园", name_en="Park")
        del outline["properties"]["name"]
        assert load(collection(outline)).name.en == "Park"
        assert "keep one of the two ways" in mistakes(collection(boundary(name_zh="园")))

    def test_geojson_io_styles_and_top_level_ids_are_fine(self) -> None:
        outline = boundary(stroke="#555555", **{"fill-opacity": 0.5})
        outline["id"] = outline["properties"].pop("id")
        assert load(collection(outline)).id == "demo-park"

    def test_projected_files_are_refused(self) -> None:
        crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4547"}}
        assert "export it as WGS84" in mistakes(collection(boundary(), crs=crs))


class TestWholeFile:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "the file is empty"),
            (b" \n ", "the file is empty"),
            (b'{"type": "FeatureCollection",\n "features": [}', "line 2, column 15: not JSON"),
            (b"\xff\xfe{\x00", "UTF-16; save it as UTF-8"),
            ('{"a": "示范园"}'.encode("gbk"), "byte 9 is not UTF-8"),
            (b"[]", '"type": "FeatureCollection", not \'list\''),
            (b'{"type": "Feature"}', "not 'Feature'"),
            (b'{"type": "FeatureCollection", "features": []}', "missing or empty"),
            (b'{"type": "FeatureCollection", "features": {}}', "missing or empty"),
            (b"[" * 100_000, "nested too deeply"),
            (b'{"a": NaN}', "NaN is not JSON"),
            (b'{"a": ' + b"9" * 5000 + b"}", "absurdly long"),
            (b'{"type": "FeatureCollection", "features": [1, null, []]}', "feature 3: not an"),
        ],
    )
    def test_what_is_no_site_file_is_refused(self, content: bytes, message: str) -> None:
        with pytest.raises(SiteError) as caught:
            Site.load(content)
        assert message in str(caught.value)

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(SiteError, match=r"nowhere\.geojson: cannot be read \(No such file"):
            Site.load(tmp_path / "nowhere.geojson")
        with pytest.raises(SiteError, match="cannot be read"):
            Site.load(tmp_path)

    def test_huge_files_are_refused_unread(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("park.site.MAX_FILE_BYTES", 10)
        path = tmp_path / "huge.geojson"
        path.write_bytes(b" " * 11)
        with pytest.raises(SiteError, match="11 bytes are more than a site file may have"):
            Site.load(path)

    def test_a_key_given_twice_is_refused(self) -> None:
        text = json.dumps(collection(boundary())).replace(
            '"kind": "boundary"', '"kind": "boundary", "id": "x"'
        )
        with pytest.raises(SiteError, match="'id' is given twice in one object"):
            Site.load(text.encode())

    def test_there_is_exactly_one_boundary(self) -> None:
        assert 'no feature has "kind": "boundary"' in mistakes(collection(zone()))
        twice = collection(boundary(), zone(), boundary(id="other"))
        assert "features 1, 3 are all boundaries" in mistakes(twice)

    def test_ids_are_used_once(self) -> None:
        message = mistakes(collection(boundary(), zone(), zone()))
        assert "feature 3 (zone 'z1'): feature 2 (zone 'z1') has the same id" in message

    def test_all_mistakes_are_told_at_once(self) -> None:
        message = mistakes(
            collection(
                boundary(time_zone="Asia/Shanghia"),
                zone({"type": "no_parkin"}, {"type": "vehicle_limit", "max_cuont": 3}),
                feature("building", square(), height_m=-1),
                feature("dock", square(), id="d"),
                feature("zoen", square()),
            )
        )
        assert "site file: 7 mistakes" in message
        for part in (
            (
                "feature 1 (boundary 'demo-park'): `time_zone` = 'Asia/Shanghia' is not a time "
                "zone of the IANA list; did you mean Asia/Shanghai?"
            ),
            "feature 1 (boundary 'demo-park'): the time zone at the place of the boundary is Asia",
            (
                "feature 2 (zone 'z1'): `rules[1]` has the unknown type 'no_parkin'; did you mean "
                "'no_parking'?"
            ),
            "feature 2 (zone 'z1'): rules[2]: unknown key 'max_cuont'; did you mean 'max_count'?",
            "feature 3 (building): `height_m` = -1: input should be greater than 0",
            "feature 4 (dock 'd'): its geometry is a Polygon; draw a Point",
            "feature 5: unknown kind 'zoen'; did you mean 'zone'?",
        ):
            assert part in message, part


class TestValues:
    @pytest.mark.parametrize(
        ("broken", "message"),
        [
            (zone({"type": "no_parking", "min_dwell_s": "120"}), "write a number, without quotes"),
            (zone({"type": "no_parking", "min_dwell": 5}), "did you mean 'min_dwell_s'?"),
            (zone({"type": "no_parking", "min_dwell_s": -1}), "`rules[1].min_dwell_s` = -1"),
            (zone({"type": "no_parking", "min_dwell_s": True}), "`rules[1].min_dwell_s` = True"),
            (zone({"type": "no_parking", "severity": 5}), "less than or equal to 4"),
            (zone({"type": "no_parking", "active": "8-20"}), "are not hours; write"),
            (zone({"type": "no_parking", "active": 8}), "hours are a text like"),
            (zone({"type": "no_parking", "active": []}), "no hours are given"),
            (zone({"type": "no_parking", "classes": []}), "name at least one class"),
            (zone({"type": "no_parking", "classes": "car"}), "`rules[1].classes` = 'car'"),
            (zone({"type": "no_parking", "classes": ["worker"]}), "use forbidden_zone"),
            (zone({"type": "no_parking", "min_probability": 1.5}), "less than or equal to 0.999"),
            (zone({"type": "vehicle_limit"}), "`rules[1].max_count` is missing: the most that"),
            (zone({"type": "vehicle_limit", "max_count": 1.5}), "`rules[1].max_count` = 1.5"),
            (zone({"classes": ["car"]}), '`rules[1]` has no "type"; write one of no_parking'),
            (zone("no_parking"), "`rules[1]`"),
            (zone({"type": "no_parking"}, {"type": "no_parking"}), "give each rule an id"),
            (zone(zone_id=""), "an id is 1 to 64 letters"),
            (zone(zone_id="a b"), "an id is 1 to 64 letters"),
            (zone(contacts=[{"phone": "call me"}]), "`contacts[1].phone` = 'call me'"),
            (zone(contacts=[{}]), "at least a name, a phone or an email"),
            (zone(contacts=[{"mail": "a@b.c"}]), "did you mean 'email'?"),
            (zone(geometry={"type": "Polygon"}), "coordinates are missing"),
            (feature("zone", square()), "`id` is missing: short name"),
            (feature("no_fly", square(), min_alt_agl_m=50, max_alt_agl_m=40), "is not above"),
            (feature("building", square(), height=20), "did you mean 'height_m'?"),
            (feature("asset", square()), "`criticality` is missing"),
            (feature("route", None, id="r"), "`purpose` is missing"),
            (feature("road", None, id="r"), "has no geometry; draw a LineString"),
            (feature("no-fly", square()), "unknown kind 'no-fly'; did you mean 'no_fly'?"),
            (feature("dock", square(), id="d", geometry=1), "stands beside the properties"),
            ({"type": "Feature", "geometry": square()}, 'has no "properties"'),
            ({"type": "Feature", "properties": {}}, 'has no "kind"; write one of boundary'),
            (boundary(name={"fr": "Parc"}), "unknown key 'fr'"),
            (boundary(name=" "), "`name`"),
            (boundary(takeoff_alt_amsl_m=1e6), "less than or equal to 9000"),
        ],
    )
    def test_wrong_values_are_named(self, broken: dict[str, Any], message: str) -> None:
        assert message in mistakes(collection(boundary(), broken))


def polygon(*corners: tuple[float, float]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[[lon, lat] for lon, lat in corners]]}


class TestGeometry:
    @pytest.mark.parametrize(
        ("geometry", "message"),
        [
            (
                polygon((LON, LAT), (LON + 1, LAT + 1), (LON + 1, LAT), (LON, LAT + 1), (LON, LAT)),
                "self-intersection at [114.440000, 23.030000]",
            ),
            (polygon((LON, LAT), (LON + 1, LAT), (LON, LAT + 1)), "a ring is not closed: repeat"),
            (polygon((LON, LAT), (LON + 1, LAT), (LON, LAT)), "fewer than three corners"),
            (polygon((LON, LAT), (LON, 1), (LON, 2), (LON, LAT)), "not valid"),
            (polygon((LAT, 113.9), (LAT, 114.0), (22.6, 114.0), (LAT, 113.9)), "did you swap"),
            (polygon((5e5, 2.5e6), (5.1e5, 2.5e6), (5e5, 2.6e6), (5e5, 2.5e6)), "projected metres"),
            (polygon((181, 0), (181, 1), (182, 1), (181, 0)), "is outside WGS84"),
            (polygon((-179.9, 0), (179.9, 0), (179.9, 1), (-179.9, 0)), "180th meridian"),
            ({"type": "Polygon", "coordinates": []}, "missing, empty or not nested"),
            ({"type": "Polygon", "coordinates": [[]]}, "missing, empty or not nested"),
            ({"type": "Polygon", "coordinates": [[1, 2], [3, 4]]}, "missing, empty or not nested"),
            ({"type": "Polygon", "coordinates": [[["1", "2"]]]}, "is not a position"),
            ({"type": "Polygon", "coordinates": [[[1, 2, 3, 4]]]}, "is not a position"),
            ({"type": "GeometryCollection", "geometries": []}, "draw a Polygon or MultiPolygon"),
            ({"type": ["Polygon"]}, "draw a Polygon or MultiPolygon"),
            ({"type": "MultiPoint", "coordinates": []}, "draw a Polygon or MultiPolygon"),
            ("POLYGON((0 0))", "has no geometry"),
        ],
    )
    def test_impossible_outlines_are_explained(self, geometry: Any, message: str) -> None:
        text = mistakes(collection(boundary(), zone(geometry=geometry)))
        assert "feature 2 (zone 'z1')" in text
        assert message in text

    def test_a_feature_with_swapped_coordinates_is_noticed(self) -> None:
        here = square(8.40, 49.01, 0.01)
        outline = {**boundary(time_zone="Europe/Berlin"), "geometry": here}
        swapped = square(49.012, 8.402, 0.002)
        message = mistakes(collection(outline, zone(geometry=swapped)))
        assert "zone 'z1': lies far from the boundary, but not with longitude and" in message

    def test_a_file_with_all_coordinates_swapped_is_noticed_by_its_time_zone(self) -> None:
        outline = {**boundary(time_zone="Europe/Berlin"), "geometry": square(49.01, 8.40)}
        assert "did you swap longitude and latitude?" in mistakes(collection(outline))

    def test_a_boundary_as_large_as_a_country_is_refused(self) -> None:
        outline = {**boundary(), "geometry": square(110.0, 22.0, 3.0)}
        assert "is one of its coordinates mistyped?" in mistakes(collection(outline))

    def test_a_corner_far_away_is_refused(self) -> None:
        slip = polygon((LON, LAT), (LON + 0.01, LAT), (LON + 10.0, LAT + 0.01), (LON, LAT))
        message = mistakes(collection(boundary(), zone(geometry=slip)))
        assert "zone 'z1': reaches 1027 km from the middle of the site; is one" in message

    def test_heights_of_positions_are_dropped(self) -> None:
        assert not any(road.geometry.has_z for road in load(full()).roads)
