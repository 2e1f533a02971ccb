"""What a photo says about itself: EXIF (Pillow) and XMP (defusedxml), as plain checked values."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from xml.etree.ElementTree import Element, ParseError
from zoneinfo import ZoneInfo

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from park.spectrum import Spectrum
from vision.footage.lens import LensFacts

Xmp = Mapping[str, str]
"""XMP properties by local name, lower case, prefixed by namespace kind: `dji:gimbalyawdegree`."""

_NAMESPACES = (
    ("http://www.dji.com/drone-dji/", "dji"),
    ("http://ns.google.com/photos/1.0/panorama", "gpano"),
    ("http://pix4d.com/camera/", "camera"),
    ("http://www.pix4d.com/camera", "camera"),
    ("http://www.parrot.com/drone-parrot/", "parrot"),
    ("http://www.autel.com/", "autel"),
)


@dataclass(frozen=True, slots=True)
class PhotoMetadata:
    """What a photo records; None where it records nothing usable.

    Angles are as recorded, not yet normalised; see `park.records` for the conventions.

    Attributes:
        lat_deg: WGS84 latitude.
        lon_deg: WGS84 longitude.
        alt_amsl_m: altitude above mean sea level.
        alt_home_m: height above take-off.
        yaw_deg: heading of the camera.
        pitch_deg: pitch of the camera.
        roll_deg: roll of the camera.
        vehicle_yaw_deg: heading of the vehicle.
        rtk_fixed: whether a real-time kinematic fix is recorded.
        rtk_sigma_m: (latitude, longitude, height) standard deviations, metres.
        time: when it was taken; None when it does not say.
        time_assumption: what was assumed about `time`; empty for nothing.
        orientation: EXIF orientation, 1 to 8.
        lens: what it says about the lens.
        panorama: projection of a stitched panorama.
        spectrum: "thermal" where DJI's ImageSource names the infrared camera, "visible" where it
            names another one; None where it is absent.
    """

    lat_deg: float | None
    lon_deg: float | None
    alt_amsl_m: float | None
    alt_home_m: float | None
    yaw_deg: float | None
    pitch_deg: float | None
    roll_deg: float | None
    vehicle_yaw_deg: float | None
    rtk_fixed: bool
    rtk_sigma_m: tuple[float, float, float] | None
    time: datetime | None
    time_assumption: str
    orientation: int
    lens: LensFacts
    panorama: str | None
    spectrum: Spectrum | None = None


def read_photo_metadata(image: Image.Image, time_zone: ZoneInfo) -> PhotoMetadata:
    """Read EXIF and XMP of an opened picture without decoding its pixels.

    Args:
        image: as `PIL.Image.open` returns it.
        time_zone: for times that carry no offset.

    Returns:
        What could be understood. Damaged parts read as absent.
    """
    exif = image.getexif()
    base: dict[int, Any] = dict(exif)
    detail: dict[int, Any] = exif.get_ifd(IFD.Exif)
    gps: dict[int, Any] = exif.get_ifd(IFD.GPSInfo)
    xmp = parse_xmp(_xmp_packet(image, base))
    lat_deg, lon_deg = _position(gps, xmp)
    time, time_assumption = _time(base, detail, gps, xmp, time_zone)
    orientation = base.get(Base.Orientation, 1)
    yaw, pitch, roll = _camera_angles(xmp)
    return PhotoMetadata(
        lat_deg=lat_deg,
        lon_deg=lon_deg,
        alt_amsl_m=_altitude_amsl(gps, xmp),
        alt_home_m=_xmp_number(xmp, "dji:relativealtitude", "autel:relativealtitude"),
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
        vehicle_yaw_deg=_xmp_number(xmp, "dji:flightyawdegree"),
        rtk_fixed=_xmp_number(xmp, "dji:rtkflag") == 50.0,
        rtk_sigma_m=_rtk_sigma(xmp),
        time=time,
        time_assumption=time_assumption,
        orientation=orientation if orientation in range(1, 9) else 1,
        lens=_lens(base, detail, xmp),
        panorama=xmp.get("gpano:projectiontype"),
        spectrum=_spectrum(xmp),
    )


def parse_xmp(packet: bytes) -> Xmp:
    """Return the properties of an XMP packet, written as attributes or as elements.

    Args:
        packet: the bytes of the packet; may be empty.

    Returns:
        Text by `kind:name`, lower case, for the namespaces this module knows. Empty where the
        packet is not XML or uses entities (which are refused).
    """
    start, end = packet.find(b"<"), packet.rfind(b">")
    if start < 0:
        return {}
    try:
        root: Element = fromstring(packet[start : end + 1])
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return {}
    found: dict[str, str] = {}
    for element in root.iter():
        _keep(found, element.tag, element.text)
        for name, value in element.attrib.items():
            _keep(found, name, value)
    return found


def _keep(found: dict[str, str], tag: object, text: str | None) -> None:
    if not isinstance(tag, str) or not text or not text.strip():
        return
    uri, _, name = tag.removeprefix("{").rpartition("}")
    for prefix, kind in _NAMESPACES:
        if uri.lower().startswith(prefix):
            found.setdefault(f"{kind}:{name.lower()}", text.strip())
            return


def _xmp_packet(image: Image.Image, base: Mapping[int, Any]) -> bytes:
    packet = image.info.get("xmp") or base.get(Base.XMLPacket) or b""
    if isinstance(packet, str):
        packet = packet.encode()
    if isinstance(packet, tuple):
        packet = bytes(packet)
    return packet if isinstance(packet, bytes) else b""


def _number(value: object) -> float | None:
    """Return a finite number from EXIF's rationals, XMP's text or None."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _xmp_number(xmp: Xmp, *names: str) -> float | None:
    for name in names:
        match = re.match(r"\s*([+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)", xmp.get(name, ""))
        if match:
            return _number(match[1])
    return None


def _spectrum(xmp: Xmp) -> Spectrum | None:
    source = xmp.get("dji:imagesource", "").lower()
    if not source:
        return None
    return "thermal" if "infrared" in source or "thermal" in source else "visible"


def _sexagesimal(value: object, reference: object, negative: str) -> float | None:
    if not isinstance(value, tuple) or not 1 <= len(value) <= 3:
        return None
    parts = [_number(part) for part in value]
    degrees = 0.0
    for part, unit in zip(parts, (1.0, 60.0, 3600.0), strict=False):
        if part is None or part < 0:
            return None
        degrees += part / unit
    return -degrees if str(reference).strip("\0 ").upper() == negative else degrees


def _position(gps: Mapping[int, Any], xmp: Xmp) -> tuple[float | None, float | None]:
    lat = _sexagesimal(gps.get(GPS.GPSLatitude), gps.get(GPS.GPSLatitudeRef), "S")
    lon = _sexagesimal(gps.get(GPS.GPSLongitude), gps.get(GPS.GPSLongitudeRef), "W")
    if lat is None or lon is None:
        lat = _xmp_number(xmp, "dji:gpslatitude")
        lon = _xmp_number(xmp, "dji:gpslongitude", "dji:gpslongtitude")
    return lat, lon


def _altitude_amsl(gps: Mapping[int, Any], xmp: Xmp) -> float | None:
    recorded = _xmp_number(xmp, "dji:absolutealtitude", "autel:absolutealtitude")
    if recorded is not None:
        return recorded
    altitude = _number(gps.get(GPS.GPSAltitude))
    below_sea = gps.get(GPS.GPSAltitudeRef) in (b"\x01", 1, "\x01")
    return -altitude if altitude is not None and below_sea else altitude


def _camera_angles(xmp: Xmp) -> tuple[float | None, float | None, float | None]:
    yaw = _xmp_number(xmp, "dji:gimbalyawdegree", "autel:gimbalyawdegree")
    pitch = _xmp_number(xmp, "dji:gimbalpitchdegree", "autel:gimbalpitchdegree")
    roll = _xmp_number(xmp, "dji:gimbalrolldegree", "autel:gimbalrolldegree")
    if pitch is not None:
        return yaw, pitch, roll
    parrot = tuple(
        _xmp_number(xmp, f"parrot:camera{part}degree") for part in ("yaw", "pitch", "roll")
    )
    if parrot[1] is not None:
        return parrot[0], parrot[1], parrot[2]
    # Pix4D's Camera:Pitch is 0 for straight down and 90 at the horizon.
    pitch = _xmp_number(xmp, "camera:pitch")
    if pitch is None:
        return yaw, None, roll
    return _xmp_number(xmp, "camera:yaw"), pitch - 90.0, _xmp_number(xmp, "camera:roll")


def _rtk_sigma(xmp: Xmp) -> tuple[float, float, float] | None:
    parts = [_xmp_number(xmp, f"dji:rtkstd{part}") for part in ("lat", "lon", "hgt")]
    lat, lon, height = parts
    if lat is None or lon is None or height is None or min(lat, lon, height) <= 0:
        return None
    return lat, lon, height


def _time(
    base: Mapping[int, Any],
    detail: Mapping[int, Any],
    gps: Mapping[int, Any],
    xmp: Xmp,
    time_zone: ZoneInfo,
) -> tuple[datetime | None, str]:
    local = _local_time(detail.get(Base.DateTimeOriginal)) or _local_time(base.get(Base.DateTime))
    gps_time = _gps_time(gps)
    if local is None:
        return gps_time, "time from GPS, no date in EXIF" if gps_time else ""
    sub_second = re.match(r"\d+", str(detail.get(Base.SubsecTimeOriginal, "")).strip("\0 "))
    if sub_second:
        local += timedelta(seconds=float(f"0.{sub_second[0]}"))
    offset = _offset(detail.get(Base.OffsetTimeOriginal) or detail.get(Base.OffsetTime))
    if offset is not None:
        return local.replace(tzinfo=offset), ""
    utc = xmp.get("dji:utcatexposure")
    if utc is not None:
        try:
            return datetime.fromisoformat(utc).replace(tzinfo=UTC), ""
        except ValueError:
            pass
    if gps_time is not None:
        # The difference to the GPS time is the camera's offset, where it is one at all:
        # a whole number of quarter hours, give or take the age of the fix.
        difference = local.replace(tzinfo=UTC) - gps_time
        quarters = round(difference / timedelta(minutes=15))
        stale = abs(difference - quarters * timedelta(minutes=15))
        if abs(quarters) <= 56 and stale < timedelta(minutes=2):
            zone = timezone(quarters * timedelta(minutes=15))
            return local.replace(tzinfo=zone), "time zone of the camera taken from its GPS time"
    assumption = f"camera clock without offset, taken as {time_zone.key} time"
    return local.replace(tzinfo=time_zone), assumption


def _local_time(value: object) -> datetime | None:
    match = re.match(r"(\d{4})\D(\d\d)\D(\d\d)\D(\d\d)\D(\d\d)\D(\d\d)", str(value))
    if match is None:
        return None
    try:
        return datetime(*(int(part) for part in match.groups()))  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        return None


def _offset(value: object) -> timezone | None:
    match = re.match(r"([+-])(\d\d):?(\d\d)", str(value))
    if match is None:
        return None
    offset = timedelta(hours=int(match[2]), minutes=int(match[3]))
    if offset > timedelta(hours=14):
        return None
    return timezone(-offset if match[1] == "-" else offset)


def _gps_time(gps: Mapping[int, Any]) -> datetime | None:
    clock = gps.get(GPS.GPSTimeStamp)
    day = re.match(r"(\d{4})\D(\d\d)\D(\d\d)", str(gps.get(GPS.GPSDateStamp)))
    if day is None or not isinstance(clock, tuple) or len(clock) != 3:
        return None
    hours, minutes, seconds = (_number(part) for part in clock)
    if hours is None or minutes is None or seconds is None:
        return None
    try:
        midnight = datetime(int(day[1]), int(day[2]), int(day[3]), tzinfo=UTC)
        return midnight + timedelta(hours=hours, minutes=minutes, seconds=seconds)
    except (ValueError, OverflowError):
        return None


def _lens(base: Mapping[int, Any], detail: Mapping[int, Any], xmp: Xmp) -> LensFacts:
    zoom = _number(detail.get(Base.DigitalZoomRatio))
    f_px = _xmp_number(xmp, "dji:calibratedfocallength")
    offset = distortion = None
    dewarp = _dewarp(xmp)
    if dewarp is not None:
        f_px, offset, distortion = dewarp[0], dewarp[1:3], dewarp[3:]
    sides = [_positive(detail.get(tag)) for tag in (Base.ExifImageWidth, Base.ExifImageHeight)]
    recorded = max((side for side in sides if side is not None), default=None)
    return LensFacts(
        model=str(base.get(Base.Model, "")).strip("\0 ") or None,
        focal_mm=_positive(detail.get(Base.FocalLength)),
        focal_35mm=_positive(detail.get(Base.FocalLengthIn35mmFilm)),
        digital_zoom=zoom if zoom is not None and 1.0 < zoom <= 30.0 else 1.0,
        focal_plane_px_per_mm=_focal_plane_px_per_mm(detail),
        calibrated_f_px=f_px,
        calibrated_cx_px=_xmp_number(xmp, "dji:calibratedopticalcenterx"),
        calibrated_cy_px=_xmp_number(xmp, "dji:calibratedopticalcentery"),
        calibrated_offset_px=offset,
        distortion=distortion,
        recorded_long_px=round(recorded) if recorded is not None and recorded >= 16 else None,
    )


def _positive(value: object) -> float | None:
    number = _number(value)
    return number if number is not None and number > 0 else None


def _focal_plane_px_per_mm(detail: Mapping[int, Any]) -> float | None:
    resolution = _positive(detail.get(Base.FocalPlaneXResolution))
    mm = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}.get(detail.get(Base.FocalPlaneResolutionUnit, 2))
    return resolution / mm if resolution is not None and mm is not None else None


def _dewarp(
    xmp: Xmp,
) -> tuple[float, float, float, float, float, float, float, float] | None:
    """Return (f, offset x, offset y, k1, k2, p1, p2, k3) of a picture left distorted.

    DewarpData is written as `date;fx,fy,cx,cy,k1,k2,p1,p2,k3`, with the principal point from
    the middle of the picture. DewarpFlag 1 says that the camera has already corrected it.
    """
    if _xmp_number(xmp, "dji:dewarpflag") != 0.0:
        return None
    values = [_number(part) for part in xmp.get("dji:dewarpdata", "").partition(";")[2].split(",")]
    numbers = [value for value in values if value is not None]
    if len(values) != 9 or len(numbers) != 9:
        return None
    fx, _, ox, oy, k1, k2, p1, p2, k3 = numbers
    return fx, ox, oy, k1, k2, p1, p2, k3
