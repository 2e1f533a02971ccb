"""Photos become upright frames with lens, pose and time, or are refused with a reason."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

from park.errors import FootageError
from park.records import Frame, PosedView
from vision.footage import sigmas
from vision.footage.photo_metadata import parse_xmp
from vision.footage.photos import read_photo
from vision.footage.source import FootageOptions

MakePhoto = Callable[..., Path]
OPTIONS = FootageOptions(time_zone=ZoneInfo("Asia/Shanghai"))
DJI = {
    "RelativeAltitude": "+40.50",
    "AbsoluteAltitude": "+55.10",
    "GimbalYawDegree": "+33.00",
    "GimbalPitchDegree": "-75.00",
    "GimbalRollDegree": "+0.50",
    "FlightYawDegree": "+30.00",
}


def read(path: Path, options: FootageOptions = OPTIONS) -> tuple[Frame, PosedView]:
    frame = read_photo(str(path), "patrol", options)
    assert isinstance(frame.view, PosedView)
    return frame, frame.view


def test_a_photo_with_dji_xmp_has_the_recorded_pose(make_photo: MakePhoto) -> None:
    frame, view = read(make_photo(dji=DJI))
    pose = view.pose
    assert (pose.lat_deg, pose.lon_deg) == pytest.approx((31.2, 121.5))
    assert (pose.alt_home_m, pose.alt_amsl_m) == (40.5, 55.1)
    assert (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) == pytest.approx((33.0, -75.0, 0.5))
    assert view.sigma.vertical_m == pytest.approx(sigmas.barometric_height_sigma_m(40.5))
    assert frame.time.isoformat() == "2026-05-04T13:30:00+08:00"
    assert "camera clock without offset, taken as Asia/Shanghai time" in frame.assumptions


def test_xmp_written_as_elements_reads_like_attributes(make_photo: MakePhoto) -> None:
    elements = "".join(f"<d:{key}>{value}</d:{key}>" for key, value in DJI.items())
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        f'xmlns:d="http://www.dji.com/drone-dji/1.0/">{elements}</rdf:Description>'
        "</rdf:RDF></x:xmpmeta>"
    )
    assert read(make_photo("e.jpg", xmp=xmp))[1].pose == read(make_photo("a.jpg", dji=DJI))[1].pose


def test_xmp_with_entities_is_not_expanded() -> None:
    packet = (
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
        b'<r xmlns:d="http://www.dji.com/drone-dji/1.0/"><d:RelativeAltitude>&b;'
        b"</d:RelativeAltitude></r>"
    )
    assert parse_xmp(packet) == {}


@pytest.mark.parametrize("packet", [b"", b"<", b"<x", b"\xff\xfe<<>>", b"<a></b>", b"plain"])
def test_damaged_xmp_reads_as_absent(packet: bytes) -> None:
    assert parse_xmp(packet) == {}


def test_a_gimbal_past_straight_down_is_brought_into_range(make_photo: MakePhoto) -> None:
    dji = DJI | {"GimbalPitchDegree": "-95.0", "GimbalYawDegree": "10.0", "GimbalRollDegree": "0.0"}
    pose = read(make_photo(dji=dji))[1].pose
    assert (pose.yaw_deg, pose.pitch_deg, pose.roll_deg) == pytest.approx((-170.0, -85.0, -180.0))


def test_without_xmp_the_pose_is_assumed_and_its_error_large(make_photo: MakePhoto) -> None:
    frame, view = read(make_photo())
    assert view.pose.pitch_deg == -90.0
    assert view.pose.alt_home_m == sigmas.ASSUMED_HEIGHT_M
    assert view.sigma.vertical_m == sigmas.ASSUMED_HEIGHT_SIGMA_M
    assert view.sigma.yaw_deg > 100.0
    assert view.sigma.pitch_deg == sigmas.ASSUMED_TILT_DEG
    assert any("straight down assumed" in text for text in frame.assumptions)
    assert any("60 m assumed" in text for text in frame.assumptions)
    assert any("lens unknown" in text for text in frame.assumptions)


def test_the_sites_take_off_altitude_turns_altitude_into_height(make_photo: MakePhoto) -> None:
    options = FootageOptions(takeoff_alt_amsl_m=30.0)
    frame, view = read(make_photo(altitude_m=100.0), options)
    assert view.pose.alt_home_m == pytest.approx(70.0)
    assert view.sigma.vertical_m == sigmas.GNSS_ALTITUDE_M
    assert any("less that of the site" in text for text in frame.assumptions)


def test_rtk_photos_are_known_better(make_photo: MakePhoto) -> None:
    rtk = {"RtkFlag": "50", "RtkStdLat": "0.012", "RtkStdLon": "0.015", "RtkStdHgt": "0.03"}
    assert read(make_photo(dji=DJI | rtk))[1].sigma.horizontal_m == 0.015
    assert read(make_photo(dji=DJI | rtk | {"RtkFlag": "16"}))[1].sigma.horizontal_m == 2.0


@pytest.mark.parametrize(
    ("detail", "gps", "expected"),
    [
        ({Base.OffsetTimeOriginal: "+02:00"}, {}, "2026-05-04T13:30:00+02:00"),
        ({Base.SubsecTimeOriginal: "25"}, {}, "2026-05-04T13:30:00.250000+08:00"),
        (
            {},
            {GPS.GPSDateStamp: "2026:05:04", GPS.GPSTimeStamp: (8.0, 30.0, 1.0)},
            "2026-05-04T13:30:00+05:00",
        ),
        (
            {},
            {GPS.GPSDateStamp: "2026:05:04", GPS.GPSTimeStamp: (8.0, 37.0, 0.0)},
            "2026-05-04T13:30:00+08:00",
        ),
        ({Base.OffsetTimeOriginal: "+99:00"}, {}, "2026-05-04T13:30:00+08:00"),
    ],
)
def test_times(
    make_photo: MakePhoto, detail: dict[int, Any], gps: dict[int, Any], expected: str
) -> None:
    frame, _ = read(make_photo(dji=DJI, detail=detail, gps=gps))
    assert frame.time.isoformat() == expected


def test_a_photo_without_date_has_the_files_time_and_says_so(make_photo: MakePhoto) -> None:
    path = make_photo(dji=DJI, detail={Base.DateTimeOriginal: "    :  :     :  :  "})
    os.utime(path, (1_777_777_777, 1_777_777_777))
    frame, _ = read(path)
    assert frame.time.timestamp() == 1_777_777_777
    assert "no date in EXIF, the file's modification time taken" in frame.assumptions


def test_calibrated_lens_wins(make_photo: MakePhoto) -> None:
    calibrated = {
        "CalibratedFocalLength": "75.0",
        "CalibratedOpticalCenterX": "41.0",
        "CalibratedOpticalCenterY": "29.5",
    }
    lens = read(make_photo(dji=DJI | calibrated, detail={Base.FocalLengthIn35mmFilm: 24}))[
        1
    ].intrinsics
    assert (lens.fx_px, lens.cx_px, lens.cy_px) == (75.0, 41.0, 29.5)


def test_dewarp_data_give_distortion_only_where_the_camera_left_it(make_photo: MakePhoto) -> None:
    data = {"DewarpData": "2023-01-01;70,70,1.0,-2.0,-0.1,0.05,0.001,0.002,-0.01"}
    left = read(make_photo("a.jpg", dji=DJI | data | {"DewarpFlag": "0"}))[1].intrinsics
    assert left.distortion == (-0.1, 0.05, 0.001, 0.002, -0.01)
    assert (left.fx_px, left.cx_px, left.cy_px) == (70.0, 41.0, 28.0)
    done = read(make_photo("b.jpg", dji=DJI | data | {"DewarpFlag": "1"}))[1].intrinsics
    assert done.distortion == (0.0, 0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_turns_pixels_and_lens_together(
    make_photo: MakePhoto, orientation: int
) -> None:
    # Stored pictures are written so that each is the same picture once set upright.
    path = make_photo("upright.png", dji=DJI, size=(80, 60))
    upright = Image.open(path)
    undo = {
        1: [],
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }[orientation]
    stored: Image.Image = upright
    for step in undo:
        stored = stored.transpose(step)
    exif = upright.getexif()
    exif[Base.Orientation] = orientation
    turned = path.with_name("turned.png")
    stored.save(turned, exif=exif, xmp=upright.info.get("xmp"))
    frame, view = read(turned)
    expected = np.asarray(upright.convert("RGB"))[:, :, ::-1]
    assert np.array_equal(frame.image_bgr, expected)
    assert (view.intrinsics.width_px, view.intrinsics.height_px) == (80, 60)
    assert (view.intrinsics.cx_px, view.intrinsics.cy_px) == (40.0, 30.0)


def test_a_camera_turned_in_its_mount_is_not_turned_twice(make_photo: MakePhoto) -> None:
    dji = DJI | {"GimbalRollDegree": "+90.00", "GimbalPitchDegree": "-30.0"}
    pose = read(make_photo(dji=dji, base={Base.Orientation: 6}))[1].pose
    assert pose.roll_deg == pytest.approx(0.0)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_picture_formats(make_photo: MakePhoto, suffix: str) -> None:
    frame, view = read(make_photo("p" + suffix))
    assert frame.image_bgr.shape == (60, 80, 3)
    assert view.pose.lat_deg == pytest.approx(31.2)


def test_channels_are_blue_green_red(make_photo: MakePhoto) -> None:
    frame, _ = read(make_photo("p.png", seed=7))
    assert int(frame.image_bgr[0, -1, 2]) == 200
    assert int(frame.image_bgr[0, 0, 0]) == 7


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"lat_lon": None}, "no GPS position in EXIF"),
        ({"lat_lon": (0.0, 0.0)}, "GPS position is 0, 0: the camera had no satellite fix"),
        ({"gps": {GPS.GPSLatitude: (95.0, 0.0, 0.0)}}, "impossible position"),
        ({"size": (8, 8)}, "too small to see anything"),
    ],
)
def test_photos_that_cannot_be_placed_are_refused(
    make_photo: MakePhoto, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(FootageError, match=reason):
        read(make_photo(**changes))


def test_panoramas_are_refused(make_photo: MakePhoto) -> None:
    xmp = (
        '<r xmlns:G="http://ns.google.com/photos/1.0/panorama/">'
        "<G:ProjectionType>equirectangular</G:ProjectionType></r>"
    )
    with pytest.raises(FootageError, match=r"stitched panorama \(equirectangular\)"):
        read(make_photo(xmp=xmp, size=(120, 60)))


def test_decompression_bombs_are_refused_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (20_000, 20_000)).save(path)
    assert path.stat().st_size < 200_000
    with pytest.raises(FootageError, match=r"absurd size|more than the 150000000 allowed"):
        read(path)


@pytest.mark.parametrize("share", [0.05, 0.3, 0.7, 0.95])
def test_truncated_photos_are_refused(make_photo: MakePhoto, share: float) -> None:
    path = make_photo(dji=DJI, size=(320, 240))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(FootageError, match=r"damaged|cut short"):
        read(path)


def thermal_photo(path: Path, counts: np.ndarray, orientation: int = 1) -> Path:
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    gps = exif.get_ifd(IFD.GPSInfo)
    gps[GPS.GPSLatitudeRef], gps[GPS.GPSLatitude] = "N", (31.0, 12.0, 0.0)
    gps[GPS.GPSLongitudeRef], gps[GPS.GPSLongitude] = "E", (121.0, 30.0, 0.0)
    exif[IFD.GPSInfo] = gps
    Image.fromarray(counts).save(path, exif=exif)
    return path


@pytest.mark.parametrize("name", ["thermal.tif", "thermal.png"])
def test_a_sixteen_bit_photo_of_possible_temperatures_is_thermal(tmp_path: Path, name: str) -> None:
    counts = np.full((40, 60), 29_315, np.uint16)
    counts[:20, :20] = 35_315
    frame, view = read(thermal_photo(tmp_path / name, counts, orientation=3))
    assert (view.intrinsics.width_px, view.intrinsics.height_px) == (60, 40)
    assert frame.spectrum == "thermal"
    celsius = frame.picture.celsius
    assert celsius is not None
    assert celsius.shape == (40, 60)
    # Turned upside down, the warm corner is at the bottom right.
    assert celsius[39, 59] == pytest.approx(80.0, abs=1e-3)
    assert celsius[0, 0] == pytest.approx(20.0, abs=1e-3)
    assert frame.image_bgr[39, 59, 0] > frame.image_bgr[0, 0, 0]
    assert any("hundredths of a kelvin" in words for words in frame.assumptions)


def test_a_tiff_on_its_side_is_refused_rather_than_mixed_up(tmp_path: Path) -> None:
    path = thermal_photo(tmp_path / "t.tif", np.full((40, 60), 29_315, np.uint16), orientation=6)
    with pytest.raises(FootageError, match=r"turns on its side; save it upright"):
        read(path)


@pytest.mark.parametrize("value", [0, 3_000, 65_535])
def test_other_sixteen_bit_pictures_are_refused_with_what_to_do(tmp_path: Path, value: int) -> None:
    path = thermal_photo(tmp_path / "thermal.tif", np.full((40, 40), value, np.uint16))
    with pytest.raises(FootageError, match="export it as 8-bit JPEG"):
        read(path)


@pytest.mark.parametrize(
    ("source", "spectrum"),
    [("InfraredCamera", "thermal"), ("WideCamera", "visible"), (None, None)],
)
def test_what_light_a_photo_was_taken_in_is_what_dji_says(
    make_photo: MakePhoto, source: str | None, spectrum: str | None
) -> None:
    said = {} if source is None else {"ImageSource": source}
    frame, _ = read(make_photo(dji=DJI | said))
    assert frame.spectrum == spectrum
    assert frame.picture.celsius is None


@pytest.mark.parametrize("seed", range(30))
def test_random_damage_never_raises_anything_else(make_photo: MakePhoto, seed: int) -> None:
    path = make_photo(dji=DJI, size=(64, 48))
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    for at in rng.integers(2, len(content), 12):
        content[at] = int(rng.integers(0, 256))
    path.write_bytes(content)
    reason = ""
    try:
        read_photo(str(path), "patrol", OPTIONS)
    except FootageError as error:
        reason = error.reason
    assert reason == "" or len(reason) > 10


def test_the_real_photos_read_as_recorded(shared_data: Path) -> None:
    folder = shared_data / "photos" / "brighton_beach"
    chicago = FootageOptions(time_zone=ZoneInfo("America/Chicago"))
    first, view = read(folder / "DJI_0018.JPG", chicago)
    assert first.image_bgr.shape == (2250, 4000, 3)
    assert first.time.utcoffset() == timedelta(hours=-5)
    assert view.pose.alt_home_m == 39.8
    assert view.pose.pitch_deg == pytest.approx(-89.9)
    # 3.61 mm on a sensor 6.17 mm wide and 4000 px.
    assert view.intrinsics.fx_px == pytest.approx(2340.4, abs=0.1)
