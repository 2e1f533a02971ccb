"""Every incident gets its picture, what moves a clip, and nothing that is there is lost."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import pipelines.evidence
from ops.store import FolderStore
from park.geotag import GeoTag, write_geotagged_jpeg
from park.records import GroundPoint, Incident, Observation
from park.rows import Redaction, RunStamp, incidents_to_table
from park.site import Site
from pipelines.evidence import EvidenceMaker, EvidenceSettings, shown_in_clip
from pipelines.hits import RuleHit
from tests.vision.scene.drawn_ground import DrawnGround, posed, rectangle, sight_of
from vision.clip import ClipOptions
from vision.footage import FootageOptions, FootageSource, discover
from vision.scene.baseline import BaselineBuilder

START = datetime(2026, 5, 4, 5, 30, tzinfo=UTC)
CORNERS = [[121.5, 31.2], [121.501, 31.2], [121.501, 31.199], [121.5, 31.199]]
NOT_LOOKED_FOR = ("face", "number_plate", "person")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> FootageSource:
    """A fixed camera's video of eight seconds."""
    folder = tmp_path_factory.mktemp("film")
    with av.open(str(folder / "gate.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height = 320, 240
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "ultrafast"}
        for number in range(80):
            image = np.full((240, 320, 3), 90, np.uint8)
            image[100:120, 2 * number : 2 * number + 20] = 200
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    said = {"corners_lonlat_tl_tr_br_bl": CORNERS, "start_time": "2026-05-04T13:30:00+08:00"}
    (folder / "gate.json").write_text(json.dumps(said), "utf-8")
    (source,) = discover([str(folder)], FootageOptions()).sources
    return source


def site() -> Site:
    ring = [[121.4, 31.1], [121.6, 31.1], [121.6, 31.3], [121.4, 31.1]]

    def feature(**properties: Any) -> dict[str, Any]:
        geometry = {"type": "Polygon", "coordinates": [ring]}
        return {"type": "Feature", "properties": properties, "geometry": geometry}

    features = [
        feature(kind="boundary", id="west", name="West", time_zone="Asia/Shanghai"),
        feature(kind="zone", id="gate", name="Gate", rules=[{"type": "forbidden_zone"}]),
    ]
    return Site.load(json.dumps({"type": "FeatureCollection", "features": features}).encode())


def sighting(source_uri: str, time_s: float, **changes: Any) -> Observation:
    x = 20.0 * time_s
    seen = Observation(
        f"d{time_s:04.1f}-{'x' * 8}", "p", START + timedelta(seconds=time_s), "car", 0.8,
        (x, 100.0, x + 20.0, 120.0), "t", "o", GroundPoint(31.1995, 121.5005, 2.0), 4.0,
        source_uri, time_s, "m@1",
    )  # fmt: skip
    return replace(seen, **changes)


def hit(source_uri: str, *, moving: bool = True, **changes: Any) -> RuleHit:
    seen = tuple(sighting(source_uri, k / 2, **changes) for k in range(16))
    place = seen[0].place
    assert place is not None
    return RuleHit(
        zone_id="gate", rule_id="r", type="vehicle_in_forbidden_zone", severity=3, key="o",
        object_ids=("o",), observations=seen, evidence=seen, place=place, probability=0.9,
        first_seen=seen[0].time, last_seen=seen[-1].time, measure=7.5, moving=moving,
    )  # fmt: skip


def incident(of: RuleHit, best: int = 8, incident_id: str = "i1") -> Incident:
    return Incident(
        incident_id, date(2026, 5, 4), "road_traffic", of.type, of.severity, of.zone_id, of.place,
        of.first_seen, of.last_seen, 7.5, 7.5, of.object_ids, 16, None, "m@1",
        of.observations[best],
    )  # fmt: skip


def maker(store: FolderStore, *sources: FootageSource, **changes: Any) -> EvidenceMaker:
    made = EvidenceSettings(
        site=site(), stamp=RunStamp("west", "r", UTC, START), footage=FootageOptions(),
        sources=sources, models=(), store=store,
    )  # fmt: skip
    return EvidenceMaker(replace(made, **changes))


def test_what_moves_gets_a_picture_and_a_clip(film: FootageSource, tmp_path: Path) -> None:
    store, found = FolderStore(tmp_path), hit(film.files[0])
    one = incident(found)
    moving = {"i1": shown_in_clip(found, one, ClipOptions())}
    (made,), redactions, rejects = maker(store, film).make([one], moving)
    assert rejects == ()
    assert made.evidence_uri == str(tmp_path / "evidence/2026-05-04/i1-d04.0-xx.jpg")
    assert made.clip_uri == str(tmp_path / "evidence/2026-05-04/i1-d04.0-xx.mp4")
    assert redactions == {"i1": Redaction((), NOT_LOOKED_FOR)}
    with av.open(made.clip_uri, "r") as clip:
        shown = [frame.time or 0.0 for frame in clip.decode(video=0)]
    assert shown[-1] == pytest.approx(5.0, abs=0.15)
    assert len(shown) == pytest.approx(40, abs=3)


def test_what_stands_gets_a_picture_only(film: FootageSource, tmp_path: Path) -> None:
    found = hit(film.files[0], moving=False)
    assert shown_in_clip(found, incident(found), ClipOptions()) == ()
    (made,), _, _ = maker(FolderStore(tmp_path), film).make([incident(found)], {})
    assert made.evidence_uri is not None
    assert made.clip_uri is None


@pytest.mark.parametrize("name", ["person", "smoke", "dust_plume", "fire", "worker"])
def test_people_smoke_and_flames_are_shown_moving_wherever_they_are(name: str) -> None:
    found = hit("v.mp4", moving=False, class_name=name)
    assert shown_in_clip(found, incident(found), ClipOptions())


@pytest.mark.parametrize("name", ["bare_soil", "uncovered_stockpile", "new_object", "garbage"])
def test_what_only_seems_to_move_with_the_view_has_no_clip(name: str) -> None:
    found = hit("v.mp4", moving=True, class_name=name)
    assert shown_in_clip(found, incident(found), ClipOptions()) == ()


def test_photos_have_no_clip() -> None:
    found = hit("a.jpg", track_id=None)
    assert shown_in_clip(found, incident(found), ClipOptions()) == ()


def test_a_clip_shows_the_sightings_of_its_own_file_and_time() -> None:
    found = hit("v.mp4")
    other = tuple(sighting("w.mp4", k / 2) for k in range(16))
    found = replace(found, observations=found.observations + other)
    shown = shown_in_clip(found, incident(found), ClipOptions(before_s=1.0, after_s=0.5))
    assert {seen.source_uri for seen in shown} == {"v.mp4"}
    assert [seen.source_time_s for seen in shown] == [
        1.5,
        2.0,
        2.5,
        3.0,
        3.5,
        4.0,
        4.5,
        5.0,
        5.5,
        6.0,
    ]


def test_not_redacting_is_said_of_clips_too(film: FootageSource, tmp_path: Path) -> None:
    found = hit(film.files[0])
    moving = {"i1": found.observations}
    (made,), redactions, _ = maker(FolderStore(tmp_path), film, redaction=False).make(
        [incident(found)], moving
    )
    assert made.clip_uri is not None
    assert redactions["i1"] == Redaction((), NOT_LOOKED_FOR)


def kept_rows(found: Incident, path: Path) -> str:
    rows = incidents_to_table(
        [found],
        RunStamp("west", "r0", UTC, START),
        {found.incident_id: Redaction(("person",), ("face", "number_plate"))},
    )
    pq.write_table(rows, path)
    return str(path)


def test_evidence_of_footage_that_is_not_part_of_the_run_is_kept(
    film: FootageSource, tmp_path: Path
) -> None:
    store, found = FolderStore(tmp_path), hit(film.files[0])
    (made,), _, _ = maker(store, film).make([incident(found)], {"i1": found.observations})
    before = kept_rows(made, tmp_path / "before.parquet")
    again = incident(found, incident_id="seen-earlier-too")
    (kept,), redactions, rejects = maker(store, before=before).make(
        [again], {"seen-earlier-too": found.observations}
    )
    assert rejects == ()
    assert (kept.evidence_uri, kept.clip_uri) == (made.evidence_uri, made.clip_uri)
    assert redactions == {"seen-earlier-too": Redaction(("person",), ("face", "number_plate"))}
    assert made.clip_uri is not None
    Path(made.clip_uri).unlink()
    (kept,), _, _ = maker(store, before=before).make([again], {})
    assert (kept.evidence_uri, kept.clip_uri) == (made.evidence_uri, None)


def test_footage_that_is_gone_is_a_reject_and_the_incident_stays(
    film: FootageSource, tmp_path: Path
) -> None:
    found = hit("gone.mp4")
    kept, redactions, (reject,) = maker(FolderStore(tmp_path), film).make([incident(found)], {})
    assert kept == (incident(found),)
    assert redactions == {}
    assert (reject.source_uri, reject.stage) == ("gone.mp4", "evidence")
    assert "give that footage as a source too" in reject.reason


def test_a_change_is_shown_beside_what_was_there_before(tmp_path: Path) -> None:
    ground = DrawnGround.rough(150, gsd_m=0.2, contrast=26)
    builder = BaselineBuilder(tmp_path / "base", 0.2)
    for number in range(6):
        view = posed(east_m=-25.0 + 10.0 * number, size=(960, 540))
        builder.add(sight_of(ground.seen(view), view, time_s=float(number)))
    builder.finish()
    ground.paint(rectangle(2, 2, 8, 5), (168, 112, 70), 4.0)
    flown = posed(size=(960, 540))
    pose = flown.pose
    tag = GeoTag(
        START, pose.lat_deg, pose.lon_deg, alt_home_m=60.0, gimbal_yaw_deg=0.0,
        gimbal_pitch_deg=-90.0, gimbal_roll_deg=0.0, focal_35mm=26,
    )  # fmt: skip
    (tmp_path / "photos").mkdir()
    photo = tmp_path / "photos" / "a.jpg"
    write_geotagged_jpeg(photo, ground.seen(flown), tag)
    options = FootageOptions(hfov_deg=70.0)
    (source,) = discover([str(photo.parent)], options).sources
    seen = sighting(
        str(photo), 0.0, class_name="new_object", track_id=None, box_xyxy_px=(450, 200, 560, 280)
    )
    one = replace(
        incident(hit("v.mp4")), best=seen, type="new_structure", measure=40.0, measure_error=6.0
    )
    store = FolderStore(tmp_path)
    sizes = []
    for baseline in (None, str(tmp_path / "base")):
        made = maker(store, source, footage=options, baseline=baseline)
        (shown,), redactions, rejects = made.make([one], {})
        assert rejects == ()
        assert redactions["i1"].not_redacted == NOT_LOOKED_FOR
        assert shown.evidence_uri is not None
        with Image.open(shown.evidence_uri) as picture:
            sizes.append(picture.size)
    assert sizes[1][0] == 1062, "two panels"
    assert sizes[0] != sizes[1]


def test_only_so_many_clips_are_made_of_the_most_severe(
    film: FootageSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipelines.evidence, "MOST_CLIPS", 1)
    found = hit(film.files[0])
    mild = replace(incident(found, 6, "a-mild"), severity=1)
    severe = replace(incident(found, 8, "b-severe"), severity=4)
    shown = {"a-mild": found.observations, "b-severe": found.observations}
    made, _, rejects = maker(FolderStore(tmp_path), film).make([mild, severe], shown)
    assert rejects == ()
    assert [one.clip_uri is not None for one in made] == [False, True]
    assert all(one.evidence_uri for one in made)
