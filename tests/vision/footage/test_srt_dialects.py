"""Telemetry subtitles: every dialect is read, or refused with its reason."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from park.errors import FootageError
from vision.footage.srt import CUT, INCOMPLETE, NO_FIX, NO_POSITION, parse_srt

PARSER = "dji_srt_parser/samples/"
EMBEDDER = "dji_embedder/samples/"

# file: usable blocks, first latitude, longitude, height above take-off, altitude, pitch, 35 mm
# focal length, year of the clock; for the coordinates see where each was flown.
GOOD: dict[str, tuple[int, float, float, float | None, float | None, float | None, float | None]]
GOOD = {
    PARSER + "MAVIC3.srt": (12318, 3.41531, -3.3744, -2.4, 0.401, None, 24.0),
    PARSER + "air2s.srt": (17, 41.424724, 2.234156, None, 117.0, None, 24.0),
    PARSER + "broken_incomplete.SRT": (19, -34.7383, -58.4563, 20.1, None, None, None),
    PARSER + "broken_incomplete2.SRT": (4, -34.86995, -57.823395, None, 74.725998, None, 28.0),
    PARSER + "m2zoom.SRT": (7113, 31.452012, 74.398751, None, 213.983002, None, 24.0),
    PARSER + "matrice_300.srt": (381, 36.6146, -6.112, 0.3, None, None, None),
    PARSER + "mavic_2_style.SRT": (468, -20.2533, 149.0251, None, None, None, None),
    PARSER + "mavic_2pro_new.SRT": (8952, -35.080155, -60.286702, None, None, None, 28.0),
    PARSER + "mavic_air2.srt": (25, 41.420684, 2.162162, None, 27.3, None, 24.0),
    PARSER + "mavic_mini.SRT": (117, 48.0771, -121.7458, 200.7, None, None, None),
    PARSER + "mavic_pro.SRT": (468, -20.2533, 149.0251, 1.9, None, None, None),
    PARSER + "mavic_pro_buggy.SRT": (530, 42.4668, -1.2218, 0.0, None, None, None),
    PARSER + "mix_p4rtk_mavic2pro.srt": (12, -34.6502, -59.409424, 17.39, None, -27.3, None),
    PARSER + "old_format.SRT": (468, -20.2533, 149.0251, 1.9, None, None, None),
    PARSER + "p4_rtk.SRT": (55, -34.237922, -58.851745, 85.8, None, -24.4, None),
    PARSER + "p4p_sample.SRT": (5, 47.4692, 8.209, 45.6, None, None, None),
    EMBEDDER + "Avata360/clip.SRT": (5, 53.36508, 6.460739, 5.4, -124.744, 0.0, 28.0),
    EMBEDDER + "Mini5PRO/clip.SRT": (5, 53.365108, 6.460719, 6.0, -122.769, None, 24.0),
    EMBEDDER + "air3/clip.SRT": (2, 59.1111, 18.2222, 5.0, 105.0, None, None),
    EMBEDDER + "air3S/clip.SRT": (5, 34.270373, -84.17616, 0.0, 302.208, None, 24.0),
    EMBEDDER + "avata2/clip.SRT": (2, 39.906217, 116.391305, 91.2, 69.8, None, None),
    EMBEDDER + "mini4pro/clip.SRT": (2, 59.0, 18.0, 1.0, 100.0, None, None),
    EMBEDDER + "neo2/clip.SRT": (5, 45.607181, 13.75386, 0.0, 113.9, None, None),
    EMBEDDER + "neo2/clip_nogps.SRT": (3, 32.848932, -84.861966, 0.4, 269.099, None, None),
}
REFUSED = {
    PARSER + "broken_empty.SRT": "is empty",
    PARSER + "broken_empty2.SRT": "no usable line: it holds no telemetry block",
    PARSER + "mavic_air.SRT": "no usable line in 2 blocks: 2 x no position in the block",
}
PARTLY = {
    PARSER + "broken_incomplete.SRT": ((NO_POSITION, 1),),
    PARSER + "broken_incomplete2.SRT": ((CUT, 2),),
    PARSER + "mavic_pro_buggy.SRT": ((NO_FIX, 16),),
    EMBEDDER + "neo2/clip_nogps.SRT": ((NO_FIX, 3),),
}


@pytest.mark.parametrize("name", sorted(GOOD))
def test_each_real_dialect_is_read(shared_data: Path, name: str) -> None:
    telemetry = parse_srt((shared_data / "telemetry_srt" / name).read_bytes(), name)
    first = telemetry.samples[0]
    assert (
        len(telemetry.samples),
        first.lat_deg,
        first.lon_deg,
        first.alt_home_m,
        first.alt_amsl_m,
        first.gimbal_pitch_deg,
        first.focal_35mm,
    ) == GOOD[name]
    assert telemetry.refused == PARTLY.get(name, ())
    starts_s = [sample.start_s for sample in telemetry.samples]
    assert starts_s == sorted(starts_s)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_each_real_file_without_a_usable_line_is_refused_with_its_reason(
    shared_data: Path, name: str
) -> None:
    with pytest.raises(FootageError) as caught:
        parse_srt((shared_data / "telemetry_srt" / name).read_bytes(), name)
    assert caught.value.reason == REFUSED[name]
    assert caught.value.source_uri == name


def test_no_real_sample_is_left_out(shared_data: Path) -> None:
    folder = shared_data / "telemetry_srt"
    found = {str(path.relative_to(folder)) for path in folder.rglob("*.[sS][rR][tT]")}
    assert found == set(GOOD) | set(REFUSED)


def block(reading: str, clock: str = "") -> str:
    return f"1\n00:00:01,000 --> 00:00:02,000\n{clock}\n{reading}\n\n"


@pytest.mark.parametrize(
    ("reading", "lat", "lon"),
    [
        ("GPS(149.0251,-20.2533,16) BAROMETER:1.9", -20.2533, 149.0251),
        ("GPS (8.2090, 47.4692, 18), D 49.21m, H 45.60m", 47.4692, 8.209),
        ("GPS(36.6146,-6.1120,0.0M) BAROMETER:0.3M", 36.6146, -6.112),
        ("GPS(39.9,116.4,69.8) BAROMETER(91.2)", 39.9, 116.4),
        ("GPS(31.2,121.5,17) BAROMETER:1.9", 31.2, 121.5),
        ("[latitude : 31.2] [longtitude : 121.5]", 31.2, 121.5),
        ("[longitude: 121.5] [latitude: 31.2]", 31.2, 121.5),
    ],
)
def test_order_of_coordinates(reading: str, lat: float, lon: float) -> None:
    sample = parse_srt(block(reading)).samples[0]
    assert (sample.lat_deg, sample.lon_deg) == (lat, lon)


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ("2019-09-27 10:28:08,438,904", datetime(2019, 9, 27, 10, 28, 8, 438000)),  # noqa: DTZ001
        ("2021-12-25 12:27:52.373", datetime(2021, 12, 25, 12, 27, 52, 373000)),  # noqa: DTZ001
        ("2017.8.5 14:11:51", datetime(2017, 8, 5, 14, 11, 51)),  # noqa: DTZ001
        ("HOME(1.0,2.0) 2017.08.05 14:11:51", datetime(2017, 8, 5, 14, 11, 51)),  # noqa: DTZ001
        ("2017-13-45 14:11:51", None),
        ("", None),
    ],
)
def test_clocks(clock: str, expected: datetime | None) -> None:
    sample = parse_srt(block("[latitude: 31.2] [longitude: 121.5]", clock)).samples[0]
    assert sample.local_time == expected


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        ("[latitude: 0.000000] [longitude: 0.000000]", NO_FIX),
        ("GPS(N/A,N/A,3) BAROMETER:0.0", NO_FIX),
        ("[iso: 100]", NO_POSITION),
        ("[latitude: 31.2] [longi", CUT),
        ("[latitude: 131.2] [longitude: 121.5]", "position is not on Earth"),
    ],
)
def test_a_block_without_place_is_refused_with_its_reason(reading: str, reason: str) -> None:
    with pytest.raises(FootageError) as caught:
        parse_srt(block(reading))
    assert caught.value.reason == f"no usable line in 1 blocks: 1 x {reason}"


def test_a_height_cut_off_at_the_end_is_not_taken_for_a_smaller_one() -> None:
    whole = "".join(block("GPS(8.2,47.4,18) BAROMETER:120.5") for _ in range(20))
    cut = block("GPS(8.2,47.4,18) BAROMETER:120.5").rstrip()[:-3]
    telemetry = parse_srt(whole + cut)
    assert {sample.alt_home_m for sample in telemetry.samples} == {120.5}
    assert telemetry.refused == ((INCOMPLETE, 1),)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_encodings_and_line_ends(encoding: str, newline: str) -> None:
    text = block("GPS (8.2, 47.4, 18), H 45.60m, G.PRY (-24.4°, 0.5°, 110.4°)")
    sample = parse_srt(text.replace("\n", newline).encode(encoding)).samples[0]
    assert sample.gimbal_pitch_deg == -24.4
    assert sample.gimbal_roll_deg == 0.5
    assert sample.gimbal_yaw_deg == 110.4
    assert sample.alt_home_m == 45.6


@pytest.mark.parametrize(
    ("reading", "focal", "zoom"),
    [
        ("[focal_len : 280]", 28.0, 1.0),
        ("[focal_len: 24.00] [dzoom_ratio: 1.50]", 24.0, 1.5),
        ("[focal_len: 240] [dzoom_ratio: 20000, delta:0]", 24.0, 2.0),
        ("[focal_len: 0]", None, 1.0),
    ],
)
def test_lens_readings(reading: str, focal: float | None, zoom: float) -> None:
    sample = parse_srt(block("[latitude: 31.2] [longitude: 121.5] " + reading)).samples[0]
    assert (sample.focal_35mm, sample.digital_zoom) == (focal, zoom)


def read_or_refused(content: str | bytes) -> object:
    """Return the samples or the reason of the refusal; anything else is an error of ours."""
    try:
        return parse_srt(content).samples
    except FootageError as error:
        return error.reason


@given(st.text(max_size=400))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert read_or_refused(text)


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    assert read_or_refused(content)


@given(
    st.floats(-89.9, 89.9).filter(lambda v: abs(v) > 1e-3),
    st.floats(-179.9, 179.9).filter(lambda v: abs(v) > 1e-3),
    st.floats(-100, 500),
)
def test_written_readings_come_back(lat: float, lon: float, height: float) -> None:
    reading = f"[latitude: {lat:.6f}] [longitude: {lon:.6f}] [rel_alt: {height:.3f} abs_alt: 9.0]"
    sample = parse_srt(block(reading)).samples[0]
    assert sample.lat_deg == pytest.approx(lat, abs=1e-6)
    assert sample.lon_deg == pytest.approx(lon, abs=1e-6)
    assert sample.alt_home_m == pytest.approx(height, abs=1e-3)
