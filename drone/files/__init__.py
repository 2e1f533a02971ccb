"""Plan files of ground stations and shape files, in and out.

`read_plan_file` and `read_shapes` tell the format by content; `write_sortie` by the suffix. The
formats are in modules of their own, from bytes and to bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from drone.files.geojson import read_geojson, write_geojson
from drone.files.kml import read_kml
from drone.files.plan_file import MAX_FILE_BYTES, PlanFile, plan_file_of
from drone.files.qgc_plan import read_qgc_plan, write_qgc_plan
from drone.files.shapes import Shape, only_area
from drone.files.wpl import read_wpl, write_wpl
from drone.files.wpml import DJI_DRONES, DjiDrone, write_wpml
from drone.records import FlightPlan, Sortie
from park.errors import MissionFileError

_T = TypeVar("_T")

__all__ = [
    "DJI_DRONES",
    "SORTIE_SUFFIXES",
    "DjiDrone",
    "PlanFile",
    "Shape",
    "only_area",
    "plan_file_of",
    "read_geojson",
    "read_kml",
    "read_plan_file",
    "read_qgc_plan",
    "read_shapes",
    "read_wpl",
    "sortie_bytes",
    "write_geojson",
    "write_qgc_plan",
    "write_wpl",
    "write_wpml",
]

SORTIE_SUFFIXES = (".plan", ".waypoints", ".txt", ".kmz")
"""Suffixes of files that hold one sortie: QGroundControl, QGC WPL 110 (two), DJI waylines."""


def read_plan_file(path: Path) -> PlanFile:
    """Return what a ``.plan`` file or a plain text list holds; the content tells which it is.

    Raises:
        MissionFileError: it cannot be read or used; the file, and the line or item, are named.
    """
    content = _bytes(path, MAX_FILE_BYTES)
    is_json = content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    read = read_qgc_plan if is_json else read_wpl
    return _named(path, content, read)


def read_shapes(path: Path) -> tuple[Shape, ...]:
    """Return the shapes of a KML, KMZ or GeoJSON file; the content tells which it is.

    Raises:
        MissionFileError: it cannot be read or used; the file, and the shape, are named.
    """
    content = _bytes(path, MAX_FILE_BYTES)
    start = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:2]
    if start[:1] in (b"{", b"["):
        return _named(path, content, read_geojson)
    return _named(path, content, read_kml)


def sortie_bytes(plan: FlightPlan, sortie: Sortie, suffix: str, drone: DjiDrone) -> bytes:
    """Return one sortie of a plan in the format that a suffix of `SORTIE_SUFFIXES` stands for.

    A ``.plan`` holds fence and rally points too; the others hold the mission alone.

    Raises:
        MissionFileError: the suffix is another, or the format cannot hold the sortie: DJI's has
            no rally points.
    """
    if suffix == ".plan":
        return write_qgc_plan(plan_file_of(plan, sortie))
    if suffix in (".waypoints", ".txt"):
        return write_wpl(plan_file_of(plan, sortie).mission)
    if suffix == ".kmz":
        rally = plan.rally_of(sortie)
        if rally:
            raise MissionFileError(
                f"sortie {sortie.number} needs {len(rally)} rally points, because the straight "
                "way home is closed from parts of it, and a DJI aircraft knows none: it would "
                "return through what is in the way. Write another format, or plan a route from "
                "which the way home is open"
            )
        return write_wpml(sortie, drone)
    raise MissionFileError(
        f'"{suffix}" is no plan file: write .plan (QGroundControl), .waypoints or .txt '
        "(QGC WPL 110), or .kmz (DJI)"
    )


def _bytes(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise MissionFileError(f"{path}: cannot be read ({error.strerror or error})") from error
    if len(content) > limit:
        raise MissionFileError(f"{path}: more than {limit} bytes; no such file is that large")
    return content


def _named(path: Path, content: bytes, read: Callable[[bytes], _T]) -> _T:
    try:
        return read(content)
    except MissionFileError as error:
        raise MissionFileError(f"{path}: {error}") from error
