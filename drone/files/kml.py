"""Reads polygons, lines and points from KML and KMZ files.

A file is untrusted: document type declarations, and with them entities, are refused, and of a
KMZ no more is unpacked than a shape file may have.
"""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from drone.files.shapes import MAX_SHAPE_BYTES, SHAPE_TYPES, Shape
from park.errors import MissionFileError
from park.site_geometry import read_geometry

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MAX_ENTRIES = 1000
_UNPACKING_FAILS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError),
    # Compressions and ciphers that are not supported.
    *(NotImplementedError, RuntimeError),
)


def read_kml(content: bytes) -> tuple[Shape, ...]:
    """Return the polygons, lines and points of a KML file, or of the one within a KMZ.

    Heights are left out. Of a KMZ ``doc.kml`` is read, or else the first ``.kml`` file.

    Raises:
        MissionFileError: it is no KML or KMZ, too large, or a shape is wrong; the placemark is
            named.
    """
    if len(content) > MAX_SHAPE_BYTES:
        raise MissionFileError(f"{len(content)} bytes are more than a shape file may have")
    if content.startswith(b"PK"):
        content = _unpacked(content)
    try:
        root = fromstring(content, forbid_dtd=True)
    except DefusedXmlException as error:
        raise MissionFileError(
            "the file declares a document type or entities, which no KML needs; it is not read"
        ) from error
    except (ParseError, ValueError, LookupError) as error:
        raise MissionFileError(f"not KML ({error})") from error
    if _local(root) != "kml":
        raise MissionFileError(f"not KML: the outermost element is <{_local(root)[:40]}>")
    shapes = tuple(_shapes(root))
    if not shapes:
        raise MissionFileError("the file holds no polygon, line or point")
    return shapes


def _unpacked(content: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if len(entries) > _MAX_ENTRIES:
                raise MissionFileError(f"{len(entries)} files in a KMZ are not believable")
            named = [e for e in entries if e.filename.lower().endswith(".kml")]
            if not named:
                raise MissionFileError("there is no .kml file in the KMZ")
            first = next((e for e in named if e.filename.lower() == "doc.kml"), named[0])
            # The size that an archive states may be a lie; what is read is counted.
            with archive.open(first) as stream:
                unpacked = stream.read(MAX_SHAPE_BYTES + 1)
    except _UNPACKING_FAILS as error:
        raise MissionFileError(f"the KMZ cannot be unpacked ({error})") from error
    if len(unpacked) > MAX_SHAPE_BYTES:
        raise MissionFileError(
            f"the .kml in the KMZ unpacks to more than {MAX_SHAPE_BYTES} bytes; it is not read"
        )
    return unpacked


def _local(element: Element) -> str:
    """Return an element's name without its namespace, whichever version of KML that is."""
    return str(element.tag).rpartition("}")[2]


def _child(element: Element, name: str) -> Element | None:
    return next((child for child in element if _local(child) == name), None)


def _shapes(root: Element) -> Iterator[Shape]:
    placemarks = [element for element in root.iter() if _local(element) == "Placemark"]
    for number, placemark in enumerate(placemarks, 1):
        named = _child(placemark, "name")
        name = (named.text or "").strip() if named is not None else ""
        where = f"placemark {number}" + (f" ({name[:60]})" if name else "")
        for element in placemark.iter():
            raw = _as_geojson(element, where)
            if raw is None:
                continue
            mistakes: list[str] = []
            geometry = read_geometry(raw, SHAPE_TYPES, mistakes)
            if geometry is None or mistakes:
                raise MissionFileError(f"{where}: {'; '.join(mistakes)}")
            yield Shape(name, geometry)


def _as_geojson(element: Element, where: str) -> dict[str, Any] | None:
    kind = _local(element)
    if kind == "Point":
        places = _coordinates(element, where)
        return {"type": "Point", "coordinates": places[0] if places else []}
    if kind == "LineString":
        return {"type": "LineString", "coordinates": _coordinates(element, where)}
    if kind != "Polygon":
        return None
    outer = [e for e in element if _local(e) == "outerBoundaryIs"]
    inner = [e for e in element if _local(e) == "innerBoundaryIs"]
    if len(outer) != 1:
        raise MissionFileError(f"{where}: its polygon has {len(outer)} outer outlines, not one")
    rings = []
    for boundary in (*outer, *inner):
        for ring in boundary:
            if _local(ring) == "LinearRing":
                line = _coordinates(ring, where)
                # Programs differ in whether the first corner is said again at the end.
                rings.append(line if line[:1] == line[-1:] else [*line, line[0]])
    return {"type": "Polygon", "coordinates": rings}


def _coordinates(element: Element, where: str) -> list[list[float]]:
    found = _child(element, "coordinates")
    text = (found.text or "") if found is not None else ""
    places = []
    for number, word in enumerate(text.split(), 1):
        try:
            lon, lat, *_ = (float(part) for part in word.split(","))
        except ValueError:
            raise MissionFileError(
                f'{where}: coordinate {number} "{word[:40]}" is not longitude,latitude[,height]'
            ) from None
        places.append([lon, lat])
    return places
