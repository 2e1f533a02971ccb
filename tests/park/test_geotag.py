"""What a geotagged JPEG says is read back by readers that know nothing of the writer."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import exifread
import numpy as np
import pytest
from defusedxml import ElementTree
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from park.errors import RecordError, StoreError
from park.geotag import GeoTag, geotagged_jpeg, write_geotagged_jpeg

PIXELS = np.full((12, 16, 3), (20, 120, 220), np.uint8)
TIME = datetime(2026, 9, 16, 11, 20, 5, 123000, tzinfo=timezone(timedelta(hours=8)))
DJI = "{http://www.dji.com/drone-dji/1.0/}"


def _open(tag: GeoTag) -> Image.Image:
    return Image.open(io.BytesIO(geotagged_jpeg(PIXELS, tag)))


def _degrees(values: tuple[float, float, float]) -> float:
    d, m, s = (float(v) for v in values)
    assert 0 <= m < 60
    assert 0 <= s < 60
    return d + m / 60 + s / 3600


@settings(max_examples=60, deadline=None)
@given(lat=st.floats(-90, 90), lon=st.floats(-180, 180), alt=st.floats(-400, 8000, allow_nan=False))
def test_positions_survive_to_a_millimetre(lat: float, lon: float, alt: float) -> None:
    gps = (
        _open(GeoTag(TIME, lat_deg=lat, lon_deg=lon, alt_amsl_m=alt)).getexif().get_ifd(IFD.GPSInfo)
    )
    lat_read = _degrees(gps[GPS.GPSLatitude]) * (-1 if gps[GPS.GPSLatitudeRef] == "S" else 1)
    lon_read = _degrees(gps[GPS.GPSLongitude]) * (-1 if gps[GPS.GPSLongitudeRef] == "W" else 1)
    alt_read = float(gps[GPS.GPSAltitude]) * (-1 if gps[GPS.GPSAltitudeRef] == b"\x01" else 1)
    assert lat_read == pytest.approx(lat, abs=1e-9)
    assert lon_read == pytest.approx(lon, abs=1e-9)
    assert alt_read == pytest.approx(alt, abs=6e-4)


def test_exifread_reads_time_lens_and_position() -> None:
    content = geotagged_jpeg(
        PIXELS,
        GeoTag(
            TIME,
            lat_deg=-31.5,
            lon_deg=121.25,
            focal_mm=6.66,
            focal_35mm=24,
            focal_plane_px_per_mm=166.667,
        ),
    )
    tags = exifread.process_file(io.BytesIO(content), details=False)
    assert str(tags["EXIF DateTimeOriginal"]) == "2026:09:16 11:20:05"
    assert str(tags["EXIF OffsetTimeOriginal"]) == "+08:00"
    assert str(tags["EXIF SubSecTimeOriginal"]) == "123"
    assert float(tags["EXIF FocalLength"].values[0]) == pytest.approx(6.66)
    assert tags["EXIF FocalLengthIn35mmFilm"].values[0] == 24
    assert float(tags["EXIF FocalPlaneXResolution"].values[0]) == pytest.approx(1666.67, abs=0.01)
    assert tags["EXIF ExifImageWidth"].values[0] == 16
    assert str(tags["GPS GPSLatitudeRef"]) == "S"
    assert str(tags["GPS GPSDate"]) == "2026:09:16"


def test_offsets_west_of_greenwich_are_negative() -> None:
    zone = timezone(-timedelta(hours=3, minutes=30))
    exif = _open(GeoTag(TIME.astimezone(zone))).getexif().get_ifd(IFD.Exif)
    assert exif[Base.OffsetTimeOriginal] == "-03:30"
    assert exif[Base.DateTimeOriginal] == "2026:09:15 23:50:05"


def test_attitude_stands_in_xmp_as_dji_writes_it() -> None:
    hostile = '"><script>&'
    with _open(
        GeoTag(
            TIME,
            alt_home_m=60.04,
            gimbal_yaw_deg=-178.5,
            gimbal_pitch_deg=-90.0,
            gimbal_roll_deg=0.25,
            flight_yaw_deg=12.0,
            description=hostile,
        )
    ) as picture:
        root = ElementTree.fromstring(picture.info["xmp"])
    (description,) = root.iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description")
    assert description.get(f"{DJI}RelativeAltitude") == "+60.04"
    assert description.get(f"{DJI}GimbalYawDegree") == "-178.50"
    assert description.get(f"{DJI}GimbalPitchDegree") == "-90.00"
    assert description.get(f"{DJI}GimbalRollDegree") == "+0.25"
    assert description.get(f"{DJI}FlightYawDegree") == "+12.00"
    assert description.get(f"{DJI}AbsoluteAltitude") is None
    assert description.get("{http://ns.adobe.com/photoshop/1.0/}Headline") == hostile


def test_without_a_position_there_is_no_gps_block() -> None:
    assert not _open(GeoTag(TIME)).getexif().get_ifd(IFD.GPSInfo)


def test_same_pixels_and_tag_give_the_same_bytes() -> None:
    tag = GeoTag(TIME, lat_deg=1.0, lon_deg=2.0, description="示意")
    assert geotagged_jpeg(PIXELS, tag) == geotagged_jpeg(PIXELS.copy(), tag)


def test_impossible_values_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="has no time zone"):
        GeoTag(datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(RecordError, match="lat_deg and lon_deg go together"):
        GeoTag(TIME, lat_deg=1.0)
    with pytest.raises(RecordError, match=r"lat_deg 91\.0 is not between -90 and 90"):
        GeoTag(TIME, lat_deg=91.0, lon_deg=0.0)
    with pytest.raises(RecordError, match="focal_mm nan is not zero or more"):
        GeoTag(TIME, focal_mm=float("nan"))
    with pytest.raises(RecordError, match="quality 0 is not between 1 and 95"):
        geotagged_jpeg(PIXELS, GeoTag(TIME), quality=0)
    with pytest.raises(RecordError, match=r"not uint8 \(12, 16\)"):
        geotagged_jpeg(PIXELS[:, :, 0], GeoTag(TIME))
    with pytest.raises(StoreError, match=r"missing.x\.jpg: cannot write the picture"):
        write_geotagged_jpeg(tmp_path / "missing" / "x.jpg", PIXELS, GeoTag(datetime.now(UTC)))
