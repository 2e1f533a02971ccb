"""Says inside a JPEG where, when and how it was taken, the way drones and cameras do.

EXIF tags and types follow CIPA DC-008 (Exif 2.32); the attitude goes into XMP under DJI's
`drone-dji` namespace, in attribute form, as DJI's own cameras write it.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base
from PIL.TiffImagePlugin import IFDRational

from park.errors import RecordError, StoreError

_HPOSITIONING_ERROR = 0x001F  # GPSHPositioningError, which pillow's enum may not name
_LARGEST_RATIONAL = 2**32 - 1


@dataclass(frozen=True, slots=True)
class GeoTag:
    """What a JPEG says about itself.

    Attributes:
        time: when it was taken; timezone-aware. Its offset is written too.
        lat_deg: WGS84 latitude; None (with `lon_deg`) leaves GPS out.
        lon_deg: WGS84 longitude.
        alt_amsl_m: height above mean sea level.
        alt_home_m: height above the take-off point (XMP RelativeAltitude).
        error_m: horizontal positioning error (GPSHPositioningError).
        gimbal_yaw_deg: camera heading, clockwise from north.
        gimbal_pitch_deg: -90 straight down.
        gimbal_roll_deg: positive right side down.
        flight_yaw_deg: heading of the vehicle.
        flight_pitch_deg: pitch of the vehicle.
        flight_roll_deg: roll of the vehicle.
        focal_mm: focal length.
        focal_35mm: focal length on 35 mm film that gives the same view.
        focal_plane_px_per_mm: pixels per millimetre of the sensor (square pixels).
        make: maker of the camera.
        model: its model.
        software: what wrote the file.
        description: in words; EXIF gets it with non-ASCII letters replaced, XMP as it is.
    """

    time: datetime
    lat_deg: float | None = None
    lon_deg: float | None = None
    alt_amsl_m: float | None = None
    alt_home_m: float | None = None
    error_m: float | None = None
    gimbal_yaw_deg: float | None = None
    gimbal_pitch_deg: float | None = None
    gimbal_roll_deg: float | None = None
    flight_yaw_deg: float | None = None
    flight_pitch_deg: float | None = None
    flight_roll_deg: float | None = None
    focal_mm: float | None = None
    focal_35mm: int | None = None
    focal_plane_px_per_mm: float | None = None
    make: str = "parkwatch"
    model: str = "drawn"
    software: str = "parkwatch"
    description: str = ""

    def __post_init__(self) -> None:
        if self.time.tzinfo is None or self.time.utcoffset() is None:
            raise RecordError(f"time {self.time.isoformat()} has no time zone")
        if (self.lat_deg is None) != (self.lon_deg is None):
            raise RecordError("lat_deg and lon_deg go together: give both or neither")
        for name, limit in (("lat_deg", 90.0), ("lon_deg", 180.0)):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and abs(value) <= limit):
                raise RecordError(f"{name} {value} is not between -{limit:g} and {limit:g}")
        for name in ("focal_mm", "focal_35mm", "focal_plane_px_per_mm", "error_m"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise RecordError(f"{name} {value} is not zero or more")


def _rational(value: float, denominator: int) -> IFDRational:
    numerator = round(value * denominator)
    if not 0 <= numerator <= _LARGEST_RATIONAL:
        raise RecordError(f"{value} does not fit an EXIF rational with denominator {denominator}")
    return IFDRational(numerator, denominator)


def _degrees_minutes_seconds(value: float) -> tuple[IFDRational, IFDRational, IFDRational]:
    # Counted in 1e-6 arc seconds so that rounding can never write 60 seconds.
    whole = round(abs(value) * 3600e6)
    degrees, rest = divmod(whole, 3600_000_000)
    minutes, micro = divmod(rest, 60_000_000)
    return IFDRational(degrees, 1), IFDRational(minutes, 1), IFDRational(micro, 1_000_000)


def _offset_text(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60.0)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _ascii(text: str) -> str:
    return "".join(c for c in text.encode("ascii", "replace").decode() if c.isprintable())


def _gps(tag: GeoTag) -> dict[int, object]:
    if tag.lat_deg is None or tag.lon_deg is None:
        return {}
    utc = tag.time.astimezone(UTC)
    gps: dict[int, object] = {
        GPS.GPSVersionID: b"\x02\x03\x00\x00",
        GPS.GPSLatitudeRef: "S" if tag.lat_deg < 0 else "N",
        GPS.GPSLatitude: _degrees_minutes_seconds(tag.lat_deg),
        GPS.GPSLongitudeRef: "W" if tag.lon_deg < 0 else "E",
        GPS.GPSLongitude: _degrees_minutes_seconds(tag.lon_deg),
        GPS.GPSMapDatum: "WGS-84",
        GPS.GPSDateStamp: utc.strftime("%Y:%m:%d"),
        GPS.GPSTimeStamp: (
            IFDRational(utc.hour, 1),
            IFDRational(utc.minute, 1),
            IFDRational(utc.second * 1000 + utc.microsecond // 1000, 1000),
        ),
    }
    if tag.alt_amsl_m is not None:
        gps[GPS.GPSAltitudeRef] = b"\x01" if tag.alt_amsl_m < 0 else b"\x00"
        gps[GPS.GPSAltitude] = _rational(abs(tag.alt_amsl_m), 1000)
    if tag.error_m is not None:
        gps[_HPOSITIONING_ERROR] = _rational(min(tag.error_m, 1e6), 100)
    return gps


def _exif(tag: GeoTag, width_px: int, height_px: int) -> Image.Exif:
    exif = Image.Exif()
    local = tag.time.strftime("%Y:%m:%d %H:%M:%S")
    offset = tag.time.utcoffset()
    if offset is None:
        raise RecordError(f"time {tag.time.isoformat()} has no time zone")
    for key, text in (
        (Base.ImageDescription, tag.description),
        (Base.Make, tag.make),
        (Base.Model, tag.model),
        (Base.Software, tag.software),
        (Base.DateTime, local),
    ):
        if text:
            exif[key] = _ascii(text)
    exif[Base.Orientation] = 1
    detail: dict[int, object] = {
        Base.ExifVersion: b"0232",
        Base.DateTimeOriginal: local,
        Base.DateTimeDigitized: local,
        Base.SubsecTime: f"{tag.time.microsecond // 1000:03d}",
        Base.SubsecTimeOriginal: f"{tag.time.microsecond // 1000:03d}",
        Base.SubsecTimeDigitized: f"{tag.time.microsecond // 1000:03d}",
        Base.OffsetTime: _offset_text(offset),
        Base.OffsetTimeOriginal: _offset_text(offset),
        Base.OffsetTimeDigitized: _offset_text(offset),
        Base.ColorSpace: 1,
        Base.ExifImageWidth: width_px,
        Base.ExifImageHeight: height_px,
    }
    if tag.focal_mm is not None:
        detail[Base.FocalLength] = _rational(tag.focal_mm, 1000)
    if tag.focal_35mm is not None:
        detail[Base.FocalLengthIn35mmFilm] = tag.focal_35mm
    if tag.focal_plane_px_per_mm is not None:
        per_cm = _rational(tag.focal_plane_px_per_mm * 10.0, 1000)
        detail[Base.FocalPlaneXResolution] = per_cm
        detail[Base.FocalPlaneYResolution] = per_cm
        detail[Base.FocalPlaneResolutionUnit] = 3  # centimetre
    exif.get_ifd(IFD.Exif).update(detail)
    gps = _gps(tag)
    if gps:
        exif.get_ifd(IFD.GPSInfo).update(gps)
    return exif


def _xmp(tag: GeoTag) -> bytes:
    attributes: list[tuple[str, str]] = [("xmp:CreatorTool", tag.software)]
    if tag.description:
        attributes.append(("photoshop:Headline", tag.description))
    for name, value in (
        ("AbsoluteAltitude", tag.alt_amsl_m),
        ("RelativeAltitude", tag.alt_home_m),
        ("GimbalRollDegree", tag.gimbal_roll_deg),
        ("GimbalYawDegree", tag.gimbal_yaw_deg),
        ("GimbalPitchDegree", tag.gimbal_pitch_deg),
        ("FlightRollDegree", tag.flight_roll_deg),
        ("FlightYawDegree", tag.flight_yaw_deg),
        ("FlightPitchDegree", tag.flight_pitch_deg),
    ):
        if value is not None:
            attributes.append((f"drone-dji:{name}", f"{value:+.2f}"))
    written = "\n   ".join(f"{name}={quoteattr(value)}" for name, value in attributes)
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        ' <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        '  <rdf:Description rdf:about=""\n'
        '   xmlns:xmp="http://ns.adobe.com/xap/1.0/"\n'
        '   xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"\n'
        '   xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/"\n'
        f"   {written}/>\n"
        " </rdf:RDF>\n</x:xmpmeta>\n"
        '<?xpacket end="w"?>'
    ).encode()


def geotagged_jpeg(image_bgr: NDArray[np.uint8], tag: GeoTag, *, quality: int = 90) -> bytes:
    """Return a picture as JPEG bytes that carry `tag` as EXIF and XMP.

    The same pixels and tag always give the same bytes on one version of pillow.

    Args:
        image_bgr: uint8, shape (height, width, 3), OpenCV's channel order.
        tag: what to write.
        quality: JPEG quality, 1 to 95.

    Raises:
        RecordError: the pixels have another shape or type, or a value fits no EXIF field.
    """
    if image_bgr.ndim != 3 or image_bgr.shape[2] != 3 or image_bgr.dtype != np.uint8:
        raise RecordError(
            f"a JPEG needs uint8 pixels of shape (height, width, 3), "
            f"not {image_bgr.dtype} {image_bgr.shape}"
        )
    if not 1 <= quality <= 95:
        raise RecordError(f"quality {quality} is not between 1 and 95")
    height_px, width_px = image_bgr.shape[:2]
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image_bgr[:, :, ::-1])).save(
        out,
        format="JPEG",
        quality=quality,
        subsampling=1,
        exif=_exif(tag, width_px, height_px),
        xmp=_xmp(tag),
    )
    return out.getvalue()


def write_geotagged_jpeg(
    path: Path, image_bgr: NDArray[np.uint8], tag: GeoTag, *, quality: int = 90
) -> None:
    """Write `geotagged_jpeg` to a file.

    Raises:
        RecordError: see `geotagged_jpeg`.
        StoreError: the file cannot be written.
    """
    content = geotagged_jpeg(image_bgr, tag, quality=quality)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise StoreError(f"{path}: cannot write the picture: {error.strerror}") from error
