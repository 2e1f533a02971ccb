"""Evidence shows the thing with its surroundings, names it, and gives nobody away."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

import vision.lettering
from park.errors import RecordError
from park.picture import Pixels
from park.records import (
    BoxXyxyPx,
    CameraPose,
    Detection,
    Frame,
    GroundPoint,
    Incident,
    Intrinsics,
    Observation,
    PosedView,
    PoseSigma,
)
from vision.evidence import (
    EvidenceOptions,
    crop_window,
    evidence_picture,
)
from vision.evidence_words import duration_text, measure_mark, measure_text
from vision.lettering import NO_CHINESE_NOTE
from vision.locate import Locator

ZONE = ZoneInfo("Asia/Shanghai")
TIME = datetime(2026, 9, 16, 3, 20, tzinfo=UTC)


def _frame(width: int = 1600, height: int = 1200) -> Frame:
    image = np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Frame(Pixels(image), TIME, None, "a/SIM_0001.JPG", 0.0, "p1")


def _incident(box: BoxXyxyPx, size_m: float | None = 4.5, **changes: object) -> Incident:
    place = GroundPoint(40.0001, 100.0002, 1.8)
    best = Observation(
        "d1", "p1", TIME, "car", 0.9, box, None, "o1", place, size_m, "a/SIM_0001.JPG", 0.0, "m@1"
    )
    incident = Incident(
        "i1", date(2026, 9, 16), "road_traffic", "illegal_parking", 3, "fire-lane", place, TIME,
        TIME + timedelta(minutes=20), 1200.0, 1200.0, ("o1",), 4, None, "m@1", best,
    )  # fmt: skip
    return replace(incident, **changes)  # type: ignore[arg-type]


def _pixels(jpeg: bytes) -> NDArray[np.uint8]:
    decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(decoded, dtype=np.uint8)


@settings(max_examples=120, deadline=None)
@given(
    x=st.floats(-50, 1590),
    y=st.floats(-50, 1190),
    w=st.floats(1, 2000),
    h=st.floats(1, 1500),
    gsd=st.one_of(st.none(), st.floats(0.005, 2.0)),
)
def test_the_window_lies_in_the_frame_and_holds_what_of_the_box_does(
    x: float, y: float, w: float, h: float, gsd: float | None
) -> None:
    box = (x, y, x + w, y + h)
    if box[2] <= 0 or box[3] <= 0:
        with pytest.raises(RecordError, match="lies outside the frame"):
            crop_window((1600, 1200), box, gsd, EvidenceOptions())
        return
    left, top, right, bottom = crop_window((1600, 1200), box, gsd, EvidenceOptions())
    assert 0 <= left < right <= 1600
    assert 0 <= top < bottom <= 1200
    assert left <= max(0.0, x) + 1
    assert top <= max(0.0, y) + 1
    assert right >= min(1600.0, box[2]) - 1
    assert bottom >= min(1200.0, box[3]) - 1


def test_twelve_metres_of_ground_are_shown_on_each_side() -> None:
    left, top, right, bottom = crop_window(
        (4000, 3000), (2000, 1500, 2080, 1540), 0.05, EvidenceOptions(margin_m=12.0)
    )
    assert (2000 - left) * 0.05 >= 11.9
    assert (right - 2080) * 0.05 >= 11.9
    assert (1500 - top) * 0.05 >= 11.9
    assert (bottom - 1540) * 0.05 >= 11.9


@pytest.mark.parametrize(
    ("frame_wh", "box", "size_m"),
    [
        ((1600, 1200), (700, 500, 780, 540), 4.5),
        ((1600, 1200), (0, 0, 12, 8), None),
        ((64, 48), (10, 10, 20, 20), None),
        ((8000, 6000), (10, 10, 7990, 5990), 300.0),
        ((4000, 40), (100, 5, 300, 30), 4.0),
    ],
)
def test_sizes_stay_within_their_limits(
    frame_wh: tuple[int, int], box: BoxXyxyPx, size_m: float | None
) -> None:
    picture = evidence_picture(
        _frame(*frame_wh), _incident(box, size_m), [], model_classes=["car"], time_zone=ZONE
    )
    assert max(picture.width_px, picture.height_px) <= 1280
    assert _pixels(picture.jpeg).shape == (picture.height_px, picture.width_px, 3)
    assert picture.scale <= 6.0


def test_enlarging_is_said() -> None:
    picture = evidence_picture(
        _frame(160, 120), _incident((70, 50, 80, 55)), [], model_classes=[], time_zone=ZONE
    )
    assert any(note.startswith("enlarged ") for note in picture.notes)


def test_people_are_blurred_before_anything_is_cut() -> None:
    frame = _frame()
    person = Detection("person", 0.3, (760.0, 500.0, 800.0, 580.0), "m@2")
    incident = _incident((700.0, 500.0, 740.0, 540.0), 4.5)
    arguments = {"model_classes": ["person", "car"], "time_zone": ZONE}
    safe = evidence_picture(frame, incident, [person], **arguments)  # type: ignore[arg-type]
    assert safe.redacted == ("person",)
    assert safe.not_redacted == ("face", "number_plate")
    bare = evidence_picture(frame, incident, [person], redaction=False, **arguments)  # type: ignore[arg-type]
    assert bare.redacted == ()
    assert "redaction was switched off" in bare.notes
    left, top, _, _ = crop_window((1600, 1200), (700, 500, 740, 540), 4.5 / 40, EvidenceOptions())
    scale = safe.scale
    area = np.s_[
        int((505 - top) * scale) : int((575 - top) * scale),
        int((765 - left) * scale) : int((795 - left) * scale),
    ]
    assert _pixels(bare.jpeg)[area].std() > 40
    assert _pixels(safe.jpeg)[area].std() < 12


def test_the_file_says_where_when_and_what_was_not_redacted() -> None:
    picture = evidence_picture(
        _frame(), _incident((700, 500, 780, 540)), [], model_classes=["car"], time_zone=ZONE
    )
    with Image.open(io.BytesIO(picture.jpeg)) as opened:
        exif = opened.getexif()
    gps = exif.get_ifd(IFD.GPSInfo)
    degrees = [float(v) for v in gps[GPS.GPSLatitude]]
    assert degrees[0] + degrees[1] / 60 + degrees[2] / 3600 == pytest.approx(40.0001, abs=1e-8)
    assert exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] == "2026:09:16 11:20:00"
    assert "not redacted: face, number_plate, person" in exif[Base.ImageDescription]
    assert "incident i1" in exif[Base.ImageDescription]


def test_without_a_chinese_font_labels_are_english_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vision.lettering, "_CHINESE", ("no-such-font.ttf",))
    vision.lettering.lettering.cache_clear()
    try:
        picture = evidence_picture(
            _frame(), _incident((700, 500, 780, 540)), [], model_classes=[], time_zone=ZONE,
            zone_name=("消防通道", ""),
        )  # fmt: skip
    finally:
        vision.lettering.lettering.cache_clear()
    assert NO_CHINESE_NOTE in picture.notes


def test_hostile_names_cannot_break_a_label() -> None:
    incident = _incident((700, 500, 780, 540))
    incident = replace(
        incident, best=replace(incident.best, class_name="\n\x00<b>" * 60), model_id="m" * 900
    )
    picture = evidence_picture(
        _frame(), incident, [], model_classes=[], time_zone=ZONE, zone_name=("区" * 300, "z" * 999)
    )
    assert picture.width_px <= 1280


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (1208, "20 min 08 s"), (7200, "2 h 00 min")],
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_measures_carry_the_unit_of_their_type() -> None:
    assert measure_text(_incident((1, 1, 2, 2))) == "20 min 00 s"
    many = _incident((1, 1, 2, 2), type="too_many_vehicles", measure=31.0)
    assert measure_text(many) == "31 vehicles"


def test_a_time_is_at_least_that_between_the_sightings() -> None:
    assert measure_mark(_incident((1, 1, 2, 2))) == "≥ 20 min 00 s"
    once = _incident((1, 1, 2, 2), measure=0.0)
    assert measure_mark(once) == ""
    soil = _incident((1, 1, 2, 2), type="bare_soil", measure=340.0, measure_error=40.0)
    assert measure_mark(soil) == "340 ± 40 m²"


def test_box_and_measure_are_drawn_in_the_colour_of_the_severity() -> None:
    incident = _incident((700, 500, 780, 540), type="bare_soil", measure=340.0, measure_error=40.0)
    grey = np.full((1200, 1600, 3), 90, np.uint8)
    frame = Frame(Pixels(grey), TIME, None, "a/SIM_0001.JPG", 0.0, "p1")
    drawn = evidence_picture(frame, incident, [], model_classes=["car"], time_zone=ZONE)
    blue, green, red = (_pixels(drawn.jpeg).astype(int)[..., k] for k in range(3))
    orange = (abs(red - 255) < 40) & (abs(green - 122) < 40) & (abs(blue - 26) < 60)
    box_px = 2 * (80 + 40) * drawn.scale
    assert orange.sum() > 1.5 * box_px, "more than the box alone: the paper of the measure too"


def test_scale_and_north_are_drawn_where_the_camera_is_known() -> None:
    grey = np.full((720, 1280, 3), 90, np.uint8)
    pose = CameraPose(40.0, 100.0, 60.0, None, 30.0, -90.0, 0.0)
    lens = Intrinsics.from_fov(1280, 720, 60.0)
    view = PosedView(lens, pose, PoseSigma(1.0, 1.0, 1.0, 0.5, 0.5))
    frame = Frame(Pixels(grey), TIME, view, "a/SIM_0001.JPG", 0.0, "p1")
    arguments = {"model_classes": ["car"], "time_zone": ZONE}
    incident = _incident((600, 300, 680, 340))
    plain = evidence_picture(frame, incident, [], **arguments)  # type: ignore[arg-type]
    marked = evidence_picture(frame, incident, [], locator=Locator(view), **arguments)  # type: ignore[arg-type]
    apart = _pixels(plain.jpeg).astype(int) - _pixels(marked.jpeg)
    changed = np.asarray(apart.any(axis=2))
    height, width = changed.shape
    assert changed[: height // 4, -width // 6 :].mean() > 0.05, "north, at the top on the right"
    assert changed[height // 2 :, : width // 3].mean() > 0.01, "scale, below on the left"
    assert not changed[height // 3 : height // 2].any()


def test_what_is_measured_with_an_error_says_so() -> None:
    soil = _incident((1, 1, 2, 2), type="bare_soil", measure=120.4, measure_error=8.2)
    assert measure_text(soil) == "120 ± 8 m²"
    small = _incident((1, 1, 2, 2), type="dumped_rubbish", measure=4.25, measure_error=1.04)
    assert measure_text(small) == "4.2 ± 1.0 m²"


def test_impossible_options_are_refused() -> None:
    with pytest.raises(RecordError, match="shortest_px <= longest_px"):
        EvidenceOptions(shortest_px=900, longest_px=500)
    with pytest.raises(RecordError, match="margin cannot be negative"):
        EvidenceOptions(margin_m=-1)
    with pytest.raises(RecordError, match="lies outside the frame"):
        evidence_picture(
            _frame(), _incident((1700, 10, 1800, 50)), [], model_classes=[], time_zone=ZONE
        )
