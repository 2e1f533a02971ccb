"""Shapes from KML, KMZ and GeoJSON, and a plan as GeoJSON."""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import LineString, Point, Polygon, box, mapping

from drone.files import read_shapes
from drone.files.geojson import read_geojson, write_geojson
from drone.files.kml import read_kml
from drone.files.shapes import Shape, only_area
from park.errors import MissionFileError
from tests.drone.files.sorties import plan_of, survey_sortie

SQUARE = "121.4,31.2,0 121.41,31.2,0 121.41,31.21,0 121.4,31.21,0 121.4,31.2,0"
HOLE = "121.402,31.202 121.402,31.204 121.404,31.204 121.404,31.202 121.402,31.202"


def kml(inner: str, head: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}'
        f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{inner}</Document></kml>'
    ).encode()


def polygon(outer: str = SQUARE, inner: str = "") -> str:
    hole = (
        f"<innerBoundaryIs><LinearRing><coordinates>{inner}</coordinates></LinearRing>"
        "</innerBoundaryIs>"
    )
    return (
        "<Polygon><outerBoundaryIs><LinearRing><coordinates>\n"
        f"{outer}\n</coordinates></LinearRing></outerBoundaryIs>{hole if inner else ''}</Polygon>"
    )


def placemark(inner: str, name: str = "field") -> str:
    return f"<Folder><Placemark><name>{name}</name>{inner}</Placemark></Folder>"


def kmz(content: bytes, name: str = "doc.kml") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("readme.txt", "a field")
        archive.writestr(name, content)
    return packed.getvalue()


def test_a_polygon_with_a_hole_is_read_from_kml() -> None:
    (shape,) = read_kml(kml(placemark(polygon(inner=HOLE))))
    expected = box(121.4, 31.2, 121.41, 31.21) - box(121.402, 31.202, 121.404, 31.204)
    assert shape.name == "field"
    assert shape.geometry.equals(expected)


def test_lines_points_and_shapes_within_shapes_are_read_from_kml() -> None:
    line = "<LineString><coordinates>121.4,31.2 121.5,31.3</coordinates></LineString>"
    point = "<Point><coordinates>121.4,31.2,5</coordinates></Point>"
    multi = f"<MultiGeometry>{line}<MultiGeometry>{point}</MultiGeometry></MultiGeometry>"
    first, second = read_kml(kml(placemark(multi)))
    assert first.geometry.equals(LineString([(121.4, 31.2), (121.5, 31.3)]))
    assert second.geometry.equals(Point(121.4, 31.2))


def test_an_outline_that_is_not_closed_is_closed() -> None:
    open_outline = " ".join(SQUARE.split()[:-1])
    (shape,) = read_kml(kml(placemark(polygon(open_outline))))
    assert shape.geometry.equals(box(121.4, 31.2, 121.41, 31.21))


@pytest.mark.parametrize("name", ["doc.kml", "files/field.KML"])
def test_a_kmz_is_unpacked(name: str) -> None:
    (shape,) = read_kml(kmz(kml(placemark(polygon())), name))
    assert shape.geometry.equals(box(121.4, 31.2, 121.41, 31.21))


LAUGHS = (
    '<!DOCTYPE kml [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{("&" + chr(97 + n) + ";") * 10}">' for n in range(8))
    + "]>"
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (kml(placemark("&i;"), LAUGHS), "declares a document type or entities"),
        (
            kml(placemark("&x;"), '<!DOCTYPE kml [<!ENTITY x SYSTEM "file:///etc/hostname">]>'),
            "declares a document type or entities",
        ),
        (b"<kml><Document>", "not KML"),
        (b"<gpx></gpx>", "not KML: the outermost element is <gpx>"),
        (kml(""), "the file holds no polygon, line or point"),
        (
            kml(placemark(polygon("121.4,31.2 121.41,31.2"))),
            r"placemark 1 \(field\): .*",
        ),
        (
            kml(placemark(polygon("0,0 1,1 1,0 0,1 0,0"))),
            r"placemark 1 \(field\): its outline is not valid: self-intersection",
        ),
        (
            kml(placemark("<Point><coordinates>121.4</coordinates></Point>")),
            r'placemark 1 \(field\): coordinate 1 "121.4" is not longitude,latitude',
        ),
        (kml(placemark("<Point><coordinates>31.2,121.4</coordinates></Point>")), "placemark 1"),
        (kml(placemark("<Point/>")), "placemark 1"),
        (kml(placemark("<Polygon/>")), "its polygon has 0 outer outlines, not one"),
        (kmz(b"", "notes.md"), "there is no .kml file in the KMZ"),
        (kmz(kml(placemark(polygon())))[:60], "the KMZ cannot be unpacked"),
    ],
)
def test_a_bad_kml_is_refused_with_its_placemark(content: bytes, message: str) -> None:
    with pytest.raises(MissionFileError, match=message):
        read_kml(content)


def test_no_more_of_a_kmz_is_unpacked_than_a_shape_file_may_have() -> None:
    bomb = kmz(b" " * 17_000_000)
    assert len(bomb) < 100_000
    with pytest.raises(MissionFileError, match="unpacks to more than 16000000 bytes"):
        read_kml(bomb)


def test_a_kmz_that_is_damaged_inside_is_refused() -> None:
    packed = bytearray(kmz(kml(placemark(polygon()))))
    start = packed.index(b"doc.kml") + 7
    packed[start : start + 40] = bytes(40)
    with pytest.raises(MissionFileError, match="the KMZ cannot be unpacked"):
        read_kml(bytes(packed))


@given(st.binary(max_size=300))
def test_whatever_stands_in_a_file_it_is_read_or_refused(content: bytes) -> None:
    for start in (b"", b"PK\x03\x04", kmz(kml(placemark(polygon())))[:-100]):
        with suppress(MissionFileError):
            assert read_kml(start + content)
    with suppress(MissionFileError):
        assert read_geojson(content)


@st.composite
def areas(draw: st.DrawFn) -> Polygon:
    west, south = draw(st.floats(-170.0, 160.0)), draw(st.floats(-80.0, 70.0))
    width, height = draw(st.floats(0.001, 5.0)), draw(st.floats(0.001, 5.0))
    return box(west, south, west + width, south + height)


@given(areas())
def test_an_area_comes_back_from_kml_and_geojson_as_it_was_drawn(area: Polygon) -> None:
    outline = " ".join(f"{lon!r},{lat!r}" for lon, lat in area.exterior.coords)
    (from_kml,) = read_kml(kml(placemark(polygon(outline))))
    assert from_kml.geometry.equals(area)
    (from_geojson,) = read_geojson(json.dumps(mapping(area)).encode())
    assert from_geojson.geometry.equals(area)


def test_features_and_collections_of_geojson_are_read_with_their_names() -> None:
    area = mapping(box(0.0, 0.0, 1.0, 1.0))
    feature = {"type": "Feature", "properties": {"name": "north field"}, "geometry": area}
    nothing = {"type": "Feature", "properties": None, "geometry": None}
    both = {"type": "GeometryCollection", "geometries": [area, mapping(Point(1, 2))]}
    inner = {"type": "Feature", "properties": None, "geometry": both}
    collection = {"type": "FeatureCollection", "features": [feature, nothing, inner]}
    shapes = read_geojson(json.dumps(collection).encode())
    assert [(s.name, s.geometry.geom_type) for s in shapes] == [
        ("north field", "Polygon"),
        ("", "Polygon"),
        ("", "Point"),
    ]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([1], "not GeoJSON: there is no object in it"),
        ({"type": "FeatureCollection", "features": {}}, '"features" is no list'),
        ({"type": "FeatureCollection", "features": []}, "holds no polygon, line or point"),
        ({"type": "FeatureCollection", "features": [3]}, "feature 1: not a GeoJSON object"),
        (
            {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]},
            "the file: its outline is not valid",
        ),
        ({"type": "Polygon", "coordinates": "here"}, "the file: "),
        (
            {
                "type": "Feature",
                "properties": {"name": "pond"},
                "geometry": {"type": "Point", "coordinates": [31.2, 121.4]},
            },
            r"the file \(pond\): ",
        ),
        (
            {"type": "Point", "coordinates": [1, 2], "crs": {"properties": {"name": "EPSG:3857"}}},
            "reference system is 'EPSG:3857'; export it as WGS84",
        ),
    ],
)
def test_a_bad_geojson_is_refused_with_its_feature(document: object, message: str) -> None:
    with pytest.raises(MissionFileError, match=message):
        read_geojson(json.dumps(document).encode())


def test_nesting_without_end_is_refused() -> None:
    document: dict[str, object] = {"type": "Point", "coordinates": [1, 2]}
    for _ in range(50):
        document = {"type": "GeometryCollection", "geometries": [document]}
    with pytest.raises(MissionFileError, match="not a GeoJSON object"):
        read_geojson(json.dumps(document).encode())
    with pytest.raises(MissionFileError, match="not JSON"):
        read_geojson(b'{"a":' * 100_000)


def test_the_content_tells_the_format_and_errors_name_the_file(tmp_path: Path) -> None:
    drawn = tmp_path / "field.xml"
    drawn.write_bytes(kml(placemark(polygon())))
    assert read_shapes(drawn)[0].geometry.equals(box(121.4, 31.2, 121.41, 31.21))
    drawn.write_text('  {"type": "Point", "coordinates": [1, 2]}')
    assert read_shapes(drawn)[0].geometry.equals(Point(1, 2))
    drawn.write_text("nothing")
    with pytest.raises(MissionFileError, match=r"field\.xml: not KML"):
        read_shapes(drawn)
    with pytest.raises(MissionFileError, match="cannot be read"):
        read_shapes(tmp_path / "missing.kml")


def test_the_polygons_of_a_file_are_one_area() -> None:
    shapes = (
        Shape("a", box(0, 0, 1, 1)),
        Shape("gate", Point(0, 0)),
        Shape("b", box(1, 0, 2, 1)),
    )
    assert only_area(shapes, "field.kml").equals(box(0, 0, 2, 1))
    with pytest.raises(MissionFileError, match=r"field\.kml: has no polygon, only Point; draw"):
        only_area(shapes[1:2], "field.kml")


def test_a_plan_is_written_as_geojson_that_reads_back() -> None:
    content = write_geojson(plan_of(survey_sortie(), survey_sortie(2)))
    kinds = [f["properties"]["kind"] for f in json.loads(content)["features"]]
    assert kinds == ["sortie", "sortie", "home", "fence", "fence_exclusion", "rally"]
    first = json.loads(content)["features"][0]
    assert first["properties"]["alt_home_m"] == [40.0, 60.0, 60.0, 60.0, 62.5, 50.0, 60.0]
    assert first["properties"]["survey_legs"] == [2, 4, 5]
    assert first["geometry"]["coordinates"][0] == [121.4, 31.2]
    assert len(read_geojson(content)) == 6
