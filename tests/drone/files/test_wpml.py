"""DJI waylines."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring

from drone.files.wpml import DJI_DRONES, KML, WPML, write_wpml
from drone.records import Home, LegKind, Sortie, Waypoint
from park.errors import MissionFileError
from tests.drone.files.sorties import survey_sortie

NAMES = {"k": KML, "w": WPML}


def unpack(content: bytes) -> dict[str, Element]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: fromstring(archive.read(name)) for name in archive.namelist()}


def texts(element: Element, path: str) -> list[str]:
    return [found.text or "" for found in element.findall(path, NAMES)]


@pytest.fixture
def waylines() -> Element:
    return unpack(write_wpml(survey_sortie()))["wpmz/waylines.wpml"]


def placemarks(waylines: Element) -> list[Element]:
    return waylines.findall(".//k:Placemark", NAMES)


def test_the_two_files_have_the_names_and_the_root_that_dji_asks_for() -> None:
    files = unpack(write_wpml(survey_sortie()))
    assert list(files) == ["wpmz/template.kml", "wpmz/waylines.wpml"]
    assert {root.tag for root in files.values()} == {f"{{{KML}}}kml"}


def test_the_same_sortie_gives_the_same_bytes() -> None:
    assert write_wpml(survey_sortie()) == write_wpml(survey_sortie())
    with zipfile.ZipFile(io.BytesIO(write_wpml(survey_sortie()))) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_wayline_begins_above_home_and_ends_above_home(waylines: Element) -> None:
    places = [text.strip() for text in texts(waylines, ".//k:coordinates")]
    assert places[0] == places[-1] == "121.40000000,31.20000000"
    assert texts(waylines, ".//w:executeHeight") == ["40", "60", "60", "60", "62.5", "50", "60"]
    assert texts(waylines, ".//w:index") == [str(n) for n in range(7)]
    assert texts(waylines, ".//w:executeHeightMode") == ["relativeToStartPoint"]


def test_a_sortie_that_begins_above_home_has_no_point_twice() -> None:
    sortie = survey_sortie()
    home = sortie.home
    first = Waypoint(home.lat_deg, home.lon_deg, 40.0, LegKind.TRANSIT, 5.0)
    written = write_wpml(replace(sortie, waypoints=(first, *sortie.waypoints)))
    found = unpack(written)["wpmz/waylines.wpml"]
    assert texts(found, ".//w:executeHeight")[:2] == ["40", "60"]


def test_speeds_are_those_of_the_leg_that_begins_at_a_point(waylines: Element) -> None:
    # DJI states speed to the next waypoint, a sortie speed on the way to this one.
    assert texts(waylines, ".//w:waypointSpeed") == ["12", "8", "12", "8", "6", "12", "12"]


def test_lost_control_ends_in_the_way_home_at_the_height_of_the_plan(waylines: Element) -> None:
    config = waylines.find(".//w:missionConfig", NAMES)
    assert config is not None
    assert texts(config, "w:exitOnRCLost") == ["executeLostAction"]
    assert texts(config, "w:executeRCLostAction") == ["goBack"]
    assert texts(config, "w:finishAction") == ["goHome"]
    assert texts(config, "w:globalRTHHeight") == ["60"]
    assert texts(config, "w:takeOffSecurityHeight") == ["40"]


def test_photos_by_distance_run_from_their_start_to_their_end(waylines: Element) -> None:
    groups = [
        group
        for group in waylines.findall(".//w:actionGroup", NAMES)
        if texts(group, ".//w:actionTriggerType") == ["multipleDistance"]
    ]
    spans = [
        (*texts(g, "w:actionGroupStartIndex"), *texts(g, "w:actionGroupEndIndex")) for g in groups
    ]
    assert spans == [("1", "2"), ("3", "4")]
    assert {t for g in groups for t in texts(g, ".//w:actionTriggerParam")} == {"20"}
    ids = texts(waylines, ".//w:actionGroupId")
    assert len(ids) == len(set(ids))


def test_the_camera_turns_before_the_hover_and_the_picture_comes_last(waylines: Element) -> None:
    looking = placemarks(waylines)[5]
    actions = texts(looking, ".//w:actionActuatorFunc")
    assert actions == ["gimbalRotate", "hover", "takePhoto"]
    assert texts(looking, ".//w:hoverTime") == ["12"]
    # 50 m up, 55.4 m away.
    assert texts(looking, ".//w:gimbalPitchRotateAngle") == ["-42"]
    assert texts(looking, ".//w:waypointHeadingMode") == ["towardPOI"]
    assert texts(looking, ".//w:waypointPoiPoint") == ["31.2000000,121.4015000,0.000000"]
    assert texts(placemarks(waylines)[1], ".//w:gimbalPitchRotateAngle") == ["-90"]


def test_the_aircraft_stops_at_corners_and_flies_through_bends() -> None:
    home = Home("roof", 0.0, 0.0)
    points = ((0.001, 0.0), (0.002, 0.0003), (0.002, 0.001), (0.0, 0.0))
    waypoints = tuple(Waypoint(lat, lon, 30.0, LegKind.SURVEY, 5.0) for lat, lon in points)
    sortie = Sortie(1, home, 30.0, waypoints, 500.0, 100.0, 10.0, 0)
    found = unpack(write_wpml(sortie))["wpmz/waylines.wpml"]
    stops = ["Stop" in mode for mode in texts(found, ".//w:waypointTurnMode")]
    assert stops == [True, False, True, True, True]


def test_the_template_has_every_point_and_the_lens(waylines: Element) -> None:
    template = unpack(write_wpml(survey_sortie(), DJI_DRONES["m30t"]))["wpmz/template.kml"]
    assert texts(template, ".//k:coordinates") == texts(waylines, ".//k:coordinates")
    assert texts(template, ".//w:height") == texts(waylines, ".//w:executeHeight")
    assert texts(template, ".//w:templateType") == ["waypoint"]
    assert texts(template, ".//w:imageFormat") == ["wide"]
    assert texts(template, ".//w:droneEnumValue") == ["67"]
    assert texts(template, ".//w:droneSubEnumValue") == ["1"]
    assert texts(template, ".//w:payloadEnumValue") == ["53"]


def test_a_sortie_that_is_too_fast_for_a_wayline_is_refused() -> None:
    sortie = survey_sortie()
    fast = replace(sortie.waypoints[1], speed_mps=16.0)
    with pytest.raises(MissionFileError, match="sortie 1, waypoint 2: 16 m/s is faster than the"):
        write_wpml(replace(sortie, waypoints=(sortie.waypoints[0], fast, sortie.waypoints[-1])))
