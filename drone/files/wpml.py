"""Writes DJI waylines: a ``.kmz`` with ``wpmz/template.kml`` and ``wpmz/waylines.wpml``.

After DJI's "WPML" pages (https://developer.dji.com/doc/cloud-api-tutorial/en/api-reference/
dji-wpml/), version 1.0.2. The wayline begins above home at take-off height and ends above home,
so that every leg of it is one that was checked. Heights are above the take-off point.

What differs from flying the same sortie with ArduCopter: the aircraft stops at waypoints where it
turns by more than `PASS_TURN_DEG`; a place that is looked at is followed by the nose, the camera's
pitch is set at each waypoint; fence and rally points are no part of the format.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as Xml

from pyproj import Geod

from drone.records import LegKind, Sortie, Waypoint
from park.errors import MissionFileError
from park.geodesy import distance_m

KML = "http://www.opengis.net/kml/2.2"
WPML = "http://www.dji.com/wpmz/1.0.2"
MAX_SPEED_MPS = 15.0
"""Fastest that a DJI wayline may be flown."""
PASS_TURN_DEG = 45.0
"""Up to this change of direction the aircraft flies through a waypoint instead of stopping."""
PASS_DAMPING_M = 2.0
"""How far from a waypoint a turn through it begins; the corner is cut by less than 1 m."""

_GEOD = Geod(ellps="WGS84")
_NEAR_M = 0.5
# Waypoints nearer to each other than this are one to the aircraft.


@dataclass(frozen=True, slots=True)
class DjiDrone:
    """An aircraft and its camera, by DJI's numbers.

    Attributes:
        name: for people.
        drone: ``droneEnumValue`` and ``droneSubEnumValue``.
        payload: ``payloadEnumValue``.
        lens: ``payloadLensIndex``: from which lens pictures are kept.
    """

    name: str
    drone: tuple[int, int]
    payload: int
    lens: str


DJI_DRONES = {
    "m30": DjiDrone("Matrice 30", (67, 0), 52, "wide"),
    "m30t": DjiDrone("Matrice 30T", (67, 1), 53, "wide"),
    "m3e": DjiDrone("Mavic 3E", (77, 0), 66, "wide"),
    "m3t": DjiDrone("Mavic 3T", (77, 1), 67, "wide"),
    "m3d": DjiDrone("Matrice 3D", (91, 0), 80, "wide"),
    "m3td": DjiDrone("Matrice 3TD", (91, 1), 81, "wide"),
    "m350-h20t": DjiDrone("Matrice 350 RTK with H20T", (89, 0), 43, "wide"),
}
"""Aircraft that waylines can be written for, by short name."""

_Tree = list[tuple[str, "str | _Tree"]]


def write_wpml(sortie: Sortie, drone: DjiDrone = DJI_DRONES["m3td"]) -> bytes:
    """Return a sortie as a DJI ``.kmz``; the same sortie gives the same bytes.

    Args:
        sortie: any.
        drone: who flies it; DJI's programs refuse a file for another aircraft.

    Raises:
        MissionFileError: it is faster than a wayline may be.
    """
    for number, waypoint in enumerate(sortie.waypoints, 1):
        if waypoint.speed_mps > MAX_SPEED_MPS:
            raise MissionFileError(
                f"sortie {sortie.number}, waypoint {number}: {waypoint.speed_mps:g} m/s is faster "
                f"than the {MAX_SPEED_MPS:g} m/s of a DJI wayline; plan it slower"
            )
    points = _points(sortie)
    files = {
        "wpmz/template.kml": _document(_template(sortie, points, drone)),
        "wpmz/waylines.wpml": _document(_waylines(sortie, points, drone)),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            # A fixed time, and rights that do not depend on who writes.
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return packed.getvalue()


@dataclass(frozen=True, slots=True)
class _Point:
    """A point of the wayline.

    Attributes:
        waypoint: what it is.
        speed_mps: to the next.
        turn_m: where a turn through it begins; 0 to stop at it.
        pitch_deg: of the camera from here on; None before it was ever said.
        turns_camera: whether the camera is told to turn here.
        photo_end: number of the last point of the photos by distance that begin here; None
            where none do.
    """

    waypoint: Waypoint
    speed_mps: float
    turn_m: float
    pitch_deg: float | None
    turns_camera: bool
    photo_end: int | None


def _points(sortie: Sortie) -> list[_Point]:
    home = sortie.home
    first = sortie.waypoints[0]
    above = Waypoint(
        home.lat_deg, home.lon_deg, sortie.takeoff_alt_home_m, LegKind.TRANSIT, first.speed_mps
    )
    flown = [above, *sortie.waypoints]
    if _apart_m(above, first) < _NEAR_M:
        flown = list(sortie.waypoints)
    points: list[_Point] = []
    pitch_deg: float | None = None
    for number, waypoint in enumerate(flown):
        wanted = _pitch_deg(waypoint)
        turns = wanted is not None and wanted != pitch_deg
        pitch_deg = pitch_deg if wanted is None else wanted
        following = flown[min(number + 1, len(flown) - 1)]
        busy = turns or waypoint.take_photo or waypoint.hold_s > 0.0
        points.append(
            _Point(
                waypoint,
                following.speed_mps,
                0.0 if busy else _damping_m(flown, number),
                pitch_deg,
                turns,
                _photo_end(flown, number),
            )
        )
    return points


def _apart_m(one: Waypoint, other: Waypoint) -> float:
    level = distance_m(one.lat_deg, one.lon_deg, other.lat_deg, other.lon_deg)
    return math.hypot(level, one.alt_home_m - other.alt_home_m)


def _pitch_deg(waypoint: Waypoint) -> float | None:
    """Return the camera's angle; towards what is looked at, which lies at home's height."""
    if waypoint.look_at is None:
        return waypoint.gimbal_pitch_deg
    level = distance_m(waypoint.lat_deg, waypoint.lon_deg, *waypoint.look_at)
    return max(-90.0, round(-math.degrees(math.atan2(waypoint.alt_home_m, level)), 1))


def _damping_m(flown: Sequence[Waypoint], number: int) -> float:
    """Return where the turn through a waypoint begins, or 0 where the aircraft has to stop."""
    if not 0 < number < len(flown) - 1:
        return 0.0
    before, here, after = flown[number - 1 : number + 2]
    legs = (_apart_m(before, here), _apart_m(here, after))
    if min(legs) < 2.5 * PASS_DAMPING_M:
        return 0.0
    into, _, _ = _GEOD.inv(before.lon_deg, before.lat_deg, here.lon_deg, here.lat_deg)
    out, _, _ = _GEOD.inv(here.lon_deg, here.lat_deg, after.lon_deg, after.lat_deg)
    turn_deg = abs((out - into + 180.0) % 360.0 - 180.0)
    return PASS_DAMPING_M if turn_deg <= PASS_TURN_DEG else 0.0


def _photo_end(flown: Sequence[Waypoint], number: int) -> int | None:
    if not flown[number].photo_spacing_m:
        return None
    ends = (n for n in range(number + 1, len(flown)) if flown[n].photo_spacing_m is not None)
    return next(ends, len(flown) - 1)


def _number(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _mission(sortie: Sortie, drone: DjiDrone, *, template: bool) -> _Tree:
    home = sortie.home
    height_m = min(max(sortie.takeoff_alt_home_m, 2.0), 1500.0)
    tree: _Tree = [
        ("wpml:flyToWaylineMode", "safely"),
        ("wpml:finishAction", "goHome"),
        ("wpml:exitOnRCLost", "executeLostAction"),
        ("wpml:executeRCLostAction", "goBack"),
        ("wpml:takeOffSecurityHeight", _number(height_m, 2)),
    ]
    if template:
        place = f"{home.lat_deg:.7f},{home.lon_deg:.7f},{home.alt_amsl_m or 0.0:.2f}"
        tree += [("wpml:takeOffRefPoint", place), ("wpml:takeOffRefPointAGLHeight", "0")]
    tree += [
        ("wpml:globalTransitionalSpeed", _number(sortie.waypoints[0].speed_mps, 2)),
        ("wpml:globalRTHHeight", _number(sortie.waypoints[-1].alt_home_m, 2)),
        (
            "wpml:droneInfo",
            [
                ("wpml:droneEnumValue", str(drone.drone[0])),
                ("wpml:droneSubEnumValue", str(drone.drone[1])),
            ],
        ),
        (
            "wpml:payloadInfo",
            [
                ("wpml:payloadEnumValue", str(drone.payload)),
                ("wpml:payloadPositionIndex", "0"),
            ],
        ),
    ]
    return tree


def _heading(point: _Point) -> _Tree:
    look_at = point.waypoint.look_at
    place = "0.000000,0.000000,0.000000" if look_at is None else _poi(look_at)
    return [
        ("wpml:waypointHeadingMode", "followWayline" if look_at is None else "towardPOI"),
        ("wpml:waypointHeadingAngle", "0"),
        ("wpml:waypointPoiPoint", place),
        ("wpml:waypointHeadingPathMode", "followBadArc"),
    ]


def _poi(look_at: tuple[float, float]) -> str:
    return f"{look_at[0]:.7f},{look_at[1]:.7f},0.000000"


def _turn(point: _Point) -> _Tree:
    mode = "toPointAndStopWithDiscontinuityCurvature"
    if point.turn_m:
        mode = "toPointAndPassWithContinuityCurvature"
    return [
        ("wpml:waypointTurnMode", mode),
        ("wpml:waypointTurnDampingDist", _number(point.turn_m, 1)),
    ]


def _place(waypoint: Waypoint) -> _Tree:
    return [("coordinates", f"{waypoint.lon_deg:.8f},{waypoint.lat_deg:.8f}")]


def _actions(number: int, point: _Point, drone: DjiDrone) -> _Tree:
    """Return the action groups of a point: camera, wait, picture; then photos by distance."""
    waypoint = point.waypoint
    steps: list[tuple[str, _Tree]] = []
    if point.turns_camera and point.pitch_deg is not None:
        steps.append(("gimbalRotate", _gimbal(point.pitch_deg)))
    if waypoint.hold_s > 0.0:
        steps.append(("hover", [("wpml:hoverTime", _number(waypoint.hold_s, 1))]))
    if waypoint.take_photo:
        steps.append(("takePhoto", _photo(drone)))
    groups: _Tree = []
    if steps:
        trigger: _Tree = [("wpml:actionTriggerType", "reachPoint")]
        groups.append(_group(2 * number, number, number, trigger, steps))
    if point.photo_end is not None and waypoint.photo_spacing_m:
        trigger = [
            ("wpml:actionTriggerType", "multipleDistance"),
            ("wpml:actionTriggerParam", _number(waypoint.photo_spacing_m, 2)),
        ]
        by_distance = [("takePhoto", _photo(drone))]
        groups.append(_group(2 * number + 1, number, point.photo_end, trigger, by_distance))
    return groups


def _group(
    number: int, first: int, last: int, trigger: _Tree, steps: list[tuple[str, _Tree]]
) -> tuple[str, _Tree]:
    tree: _Tree = [
        ("wpml:actionGroupId", str(number)),
        ("wpml:actionGroupStartIndex", str(first)),
        ("wpml:actionGroupEndIndex", str(last)),
        ("wpml:actionGroupMode", "sequence"),
        ("wpml:actionTrigger", trigger),
    ]
    for index, (name, how) in enumerate(steps):
        action: _Tree = [
            ("wpml:actionId", str(index)),
            ("wpml:actionActuatorFunc", name),
            ("wpml:actionActuatorFuncParam", how),
        ]
        tree.append(("wpml:action", action))
    return ("wpml:actionGroup", tree)


def _gimbal(pitch_deg: float) -> _Tree:
    tree: _Tree = [
        ("wpml:payloadPositionIndex", "0"),
        ("wpml:gimbalHeadingYawBase", "north"),
        ("wpml:gimbalRotateMode", "absoluteAngle"),
        ("wpml:gimbalPitchRotateEnable", "1"),
        ("wpml:gimbalPitchRotateAngle", _number(pitch_deg, 1)),
    ]
    for axis in ("Roll", "Yaw"):
        tree += [(f"wpml:gimbal{axis}RotateEnable", "0"), (f"wpml:gimbal{axis}RotateAngle", "0")]
    return [*tree, ("wpml:gimbalRotateTimeEnable", "0"), ("wpml:gimbalRotateTime", "0")]


def _photo(drone: DjiDrone) -> _Tree:
    return [
        ("wpml:payloadPositionIndex", "0"),
        ("wpml:fileSuffix", ""),
        ("wpml:payloadLensIndex", drone.lens),
        ("wpml:useGlobalPayloadLensIndex", "0"),
    ]


def _waylines(sortie: Sortie, points: Sequence[_Point], drone: DjiDrone) -> _Tree:
    folder: _Tree = [
        ("wpml:templateId", "0"),
        ("wpml:executeHeightMode", "relativeToStartPoint"),
        ("wpml:waylineId", "0"),
        ("wpml:autoFlightSpeed", _number(points[0].speed_mps, 2)),
    ]
    for number, point in enumerate(points):
        tree: _Tree = [
            ("Point", _place(point.waypoint)),
            ("wpml:index", str(number)),
            ("wpml:executeHeight", _number(point.waypoint.alt_home_m, 2)),
            ("wpml:waypointSpeed", _number(point.speed_mps, 2)),
            ("wpml:waypointHeadingParam", _heading(point)),
            ("wpml:waypointTurnParam", _turn(point)),
            ("wpml:useStraightLine", "1"),
            *_actions(number, point, drone),
        ]
        folder.append(("Placemark", tree))
    mission = _mission(sortie, drone, template=False)
    return [("wpml:missionConfig", mission), ("Folder", folder)]


def _template(sortie: Sortie, points: Sequence[_Point], drone: DjiDrone) -> _Tree:
    height = _number(points[0].waypoint.alt_home_m, 2)
    folder: _Tree = [
        ("wpml:templateType", "waypoint"),
        ("wpml:templateId", "0"),
        (
            "wpml:waylineCoordinateSysParam",
            [("wpml:coordinateMode", "WGS84"), ("wpml:heightMode", "relativeToStartPoint")],
        ),
        ("wpml:autoFlightSpeed", _number(points[0].speed_mps, 2)),
        ("wpml:globalHeight", height),
        ("wpml:gimbalPitchMode", "manual"),
        ("wpml:globalWaypointHeadingParam", [("wpml:waypointHeadingMode", "followWayline")]),
        ("wpml:globalWaypointTurnMode", "toPointAndStopWithDiscontinuityCurvature"),
        ("wpml:globalUseStraightLine", "1"),
    ]
    for number, point in enumerate(points):
        own_height = _number(point.waypoint.alt_home_m, 2)
        tree: _Tree = [
            ("Point", _place(point.waypoint)),
            ("wpml:index", str(number)),
            ("wpml:ellipsoidHeight", own_height),
            ("wpml:height", own_height),
            ("wpml:useGlobalHeight", "0"),
            ("wpml:useGlobalSpeed", "0"),
            ("wpml:waypointSpeed", _number(point.speed_mps, 2)),
            ("wpml:useGlobalHeadingParam", "0"),
            ("wpml:waypointHeadingParam", _heading(point)),
            ("wpml:useGlobalTurnParam", "0"),
            ("wpml:waypointTurnParam", _turn(point)),
            ("wpml:useStraightLine", "1"),
            ("wpml:gimbalPitchAngle", _number(point.pitch_deg or 0.0, 1)),
            *_actions(number, point, drone),
        ]
        folder.append(("Placemark", tree))
    folder.append(
        (
            "wpml:payloadParam",
            [("wpml:payloadPositionIndex", "0"), ("wpml:imageFormat", drone.lens)],
        )
    )
    mission = _mission(sortie, drone, template=True)
    return [("wpml:author", "parkwatch"), ("wpml:missionConfig", mission), ("Folder", folder)]


def _document(content: _Tree) -> bytes:
    root = Xml.Element("kml", {"xmlns": KML, "xmlns:wpml": WPML})
    _fill(Xml.SubElement(root, "Document"), content)
    Xml.indent(root)
    text: str = Xml.tostring(root, "unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _fill(parent: Xml.Element, content: _Tree) -> None:
    for name, value in content:
        element = Xml.SubElement(parent, name)
        if isinstance(value, str):
            element.text = value
        else:
            _fill(element, value)
