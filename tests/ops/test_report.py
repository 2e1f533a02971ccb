"""The report is one file that shows everything, loads nothing and trusts nobody's text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from ops.report import (
    ModelNote,
    ReportClip,
    ReportData,
    ReportPicture,
    render_report,
    write_report,
)
from ops.report_flight import FlownPath, flown_paths
from park.errors import RecordError, StoreError
from park.records import (
    GroundPoint,
    Incident,
    Observation,
    PatrolSummary,
    Reject,
    TrackedObject,
)
from park.site import Site
from park.site_model import Names
from sim_data.aerial_site import demo_site_text

TIME = datetime(2026, 9, 16, 3, 20, tzinfo=UTC)
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}"
VOID = {"meta", "img", "input", "br", "link", "hr"}


class _Page(HTMLParser):
    """Reads a page as a browser does: elements, their attributes, and whether they nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def site() -> Site:
    return Site.load(demo_site_text().encode())


def _jpeg(shade: int = 90) -> ReportPicture:
    done, content = cv2.imencode(".jpg", np.full((60, 80, 3), shade, np.uint8))
    assert done
    return ReportPicture(content.tobytes(), 80, 60, ("enlarged 2.0 times",))


def _incident(number: int, severity: int = 3, text: str = "") -> Incident:
    place = GroundPoint(40.0 + number * 1e-6, 100.0, 1.8)
    best = Observation(
        f"d{number}", "p1", TIME, "car" + text, 0.9, (1, 1, 9, 9), None, "o1", place, 4.5,
        "f/SIM_0001.JPG", 0.0, "m@1",
    )  # fmt: skip
    return Incident(
        f"i{number}{text}", date(2026, 9, 16), "road_traffic", "illegal_parking", severity,
        "fire-lane" + text, place, TIME, TIME + timedelta(minutes=20), 1200.0, 1200.0, ("o1",), 4,
        f"evidence/{number}.jpg{text}", "m@1", best,
    )  # fmt: skip


def _data(site: Site, text: str = "") -> ReportData:
    incidents = tuple(_incident(k, 1 + k % 4, text) for k in range(4))
    return ReportData(
        site,
        TIME,
        days=(date(2026, 9, 16),),
        incidents=incidents,
        objects=(
            TrackedObject(
                "o1" + text,
                "car" + text,
                incidents[0].place,
                TIME,
                TIME,
                False,
                None,
                (incidents[0].best,),
            ),
        ),
        patrols=(
            PatrolSummary("p1", "photos" + text, "f" + text, TIME, None, 12, 1, 30, ("x" + text,)),
        ),
        rejects=(Reject("f/broken.jpg" + text, "footage" + text, "not a picture" + text),),
        pictures={incident.incident_id: _jpeg() for incident in incidents[:3]},
        footprints=(((40.0, 100.0), (40.0, 100.001), (39.999, 100.001), (39.999, 100.0)),),
        models=(ModelNote("m@1" + text, ("knows 3 to 12 cm per pixel" + text,)),),
        redacted=("person" + text,),
        not_redacted=("face" + text,),
        simulated=True,
    )


def test_everything_that_was_found_is_shown(site: Site) -> None:
    page = _Page(render_report(_data(site)))
    assert not page.open
    text = " ".join(page.text)
    for expected in (
        "示意园区（模拟）", "Drawn park (simulated)", "SIMULATED FOOTAGE", "2026-09-16",
        "违章停车", "Parked where parking is not allowed", "Fire lane of hall 1", "紧急",
        "Critical",
        "2026-09-16 11:20:00", "20 min 00 s", "± 1.8 m", "f/broken.jpg", "not a picture",
        "knows 3 to 12 cm per pixel", "not looked for", "evidence/", "Asia/Shanghai",
    ):  # fmt: skip
        assert expected in text, expected
    assert len([a for a in page.all("tr") if a.get("data-i")]) == 4
    assert len([a for a in page.all("a") if a.get("class") == "mk"]) == 4
    pictures = page.all("img")
    assert len(pictures) == 3
    for picture in pictures:
        assert picture["alt"]
        assert (picture["width"], picture["height"]) == ("80", "60")
        source = picture["src"] or ""
        assert base64.b64decode(source.removeprefix("data:image/jpeg;base64,")) == _jpeg().jpeg


def test_most_severe_comes_first(site: Site) -> None:
    html = render_report(_data(site))
    assert re.findall(r'<span class="sev sev(\d)">', html[html.index('<table id="incidents"') :])[
        :4
    ] == ["4", "3", "2", "1"]


def test_links_inside_lead_somewhere(site: Site) -> None:
    page = _Page(render_report(_data(site)))
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    for anchor in page.all("a"):
        target = anchor["href"] or ""
        assert target.startswith("#")
        assert target[1:] in ids
    for label in page.all("label"):
        assert label["for"] in ids


def test_nothing_is_loaded_and_the_policy_allows_only_what_is_inside(site: Site) -> None:
    html = render_report(_data(site))
    page = _Page(html)
    for tag, attributes in page.elements:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/jpeg;base64,"))
    assert "http://" not in html
    assert "https://" not in html
    policy = next(a["content"] for a in page.all("meta") if "http-equiv" in a) or ""
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_hostile_text_stays_text(site: Site) -> None:
    names = Names(zh=HOSTILE, en=HOSTILE)
    hostile_zones = tuple(
        zone.model_copy(update={"name": names, "owner": HOSTILE}) for zone in site.zones
    )
    hostile_site = replace(
        site, boundary=site.boundary.model_copy(update={"name": names}), zones=hostile_zones
    )
    html = render_report(_data(hostile_site, HOSTILE))
    page = _Page(html)
    assert not page.open
    assert len(page.all("script")) == 1
    assert len(page.all("img")) == 3
    assert not [name for _, a in page.elements for name in a if name.startswith("on")]
    # Word for word: nothing of it was run, not even by jinja2.
    assert HOSTILE in page.text
    assert "<script>alert" not in html
    assert "<img src=x" not in html


def test_two_thousand_incidents_open_and_say_which_pictures_are_left_out(site: Site) -> None:
    many = tuple(_incident(k, 1 + k % 4) for k in range(2000))
    data = replace(
        _data(site),
        incidents=many,
        pictures={i.incident_id: _jpeg() for i in many},
        max_pictures=25,
    )
    html = render_report(data)
    assert html.count("<img ") == 25
    assert "25 pictures are inside this file, most severe first; 1975 more" in html
    assert html.count('<tr id="r') == 2000
    assert len(html) < 6_000_000


def test_bytes_of_pictures_are_capped_too(site: Site) -> None:
    size = len(_jpeg().jpeg)
    html = render_report(replace(_data(site), max_picture_bytes=2 * size + 1))
    assert html.count("<img ") == 2


def test_an_empty_run_is_a_page_too(site: Site) -> None:
    page = _Page(render_report(ReportData(site, TIME)))
    assert not page.open
    text = " ".join(page.text)
    assert "Nothing was found that breaks a rule" in text
    assert "Nothing was refused" in text
    assert "SIMULATED" not in text


def test_places_far_away_do_not_shrink_the_map(site: Site) -> None:
    far = replace(_incident(1), place=GroundPoint(10.0, 10.0, 5.0))

    def width(data: ReportData) -> float:
        (box,) = re.findall(r'<svg id="map".*?viewBox="([^"]*)"', render_report(data))
        return float(box.split()[2])

    assert width(replace(_data(site), incidents=(far,))) == width(ReportData(site, TIME))


def test_the_file_is_written_whole_or_not_at_all(site: Site, tmp_path: Path) -> None:
    target = tmp_path / "new" / "report.html"
    write_report(target, _data(site))
    assert target.read_text(encoding="utf-8") == render_report(_data(site))
    assert [p.name for p in target.parent.iterdir()] == ["report.html"]
    (tmp_path / "taken").write_text("x")
    with pytest.raises(StoreError, match="cannot write the report"):
        write_report(tmp_path / "taken" / "report.html", _data(site))
    folder = tmp_path / "folder.html"
    folder.mkdir()
    with pytest.raises(StoreError, match=r"folder\.html: cannot write the report"):
        write_report(folder, _data(site))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.html", "new", "taken"]


def test_impossible_data_is_refused(site: Site) -> None:
    with pytest.raises(RecordError, match="has no time zone"):
        ReportData(site, datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(RecordError, match="max_pictures -1 is negative"):
        ReportData(site, TIME, max_pictures=-1)
    with pytest.raises(RecordError, match="must be a JPEG"):
        ReportPicture(b"<svg onload=alert(1)>", 10, 10)


def _flight(start_s: float = 1_789_528_800.0) -> FlownPath:
    places = tuple((40.0 + step * 1e-5, 100.0) for step in range(4))
    times = tuple(start_s + step for step in range(4))
    return FlownPath("p1", times, places, (60.0,) * 4, (0.0,) * 4)


def test_the_flown_path_is_on_the_map_with_a_slider_over_its_times(site: Site) -> None:
    page = _Page(render_report(replace(_data(site), flights=(_flight(),))))
    (slider,) = [one for one in page.all("input") if one.get("type") == "range"]
    assert slider["id"] == "when"
    assert len([one for one in page.all("path") if one.get("class") == "way"]) == 1
    html = render_report(replace(_data(site), flights=(_flight(),)))
    (told,) = re.findall(r'<script type="application/json" id="flights">(.*?)</script>', html)
    (flight,) = json.loads(told)
    assert flight["t"] == [0.0, 1.0, 2.0, 3.0]
    assert flight["start"] == 1_789_528_800.0
    assert len({len(flight[key]) for key in "txyhd"}) == 1
    assert flight["y"][0] > flight["y"][-1], "north is up"


def test_what_was_found_says_when_for_the_slider(site: Site) -> None:
    page = _Page(render_report(replace(_data(site), flights=(_flight(),))))
    timed = [one for tag in ("a", "tr", "article") for one in page.all(tag) if "data-first" in one]
    assert {float(str(one["data-first"])) for one in timed} == {TIME.timestamp()}
    assert len(timed) == 4 + 4 + 3, "a pin and a row for each, a card for each picture"


CLIP = ReportClip(b"\x00\x00\x00\x18ftypisom" + b"\x00" * 400)


def _with_clips(site: Site, max_clip_bytes: int = 20_000_000) -> ReportData:
    data = _data(site)
    incidents = tuple(
        replace(one, clip_uri=f"evidence/{one.incident_id}.mp4") for one in data.incidents
    )
    clips = {one.incident_id: CLIP for one in incidents}
    return replace(data, incidents=incidents, clips=clips, max_clip_bytes=max_clip_bytes)


def test_a_clip_is_played_with_its_picture_before_it(site: Site) -> None:
    html = render_report(_with_clips(site))
    page = _Page(html)
    assert not page.open
    assert "media-src data:;" in html
    films = page.all("video")
    assert len(films) == 3, "one for each picture; the fourth incident has no card"
    assert not page.all("img")
    for film in films:
        said = film["src"] or ""
        assert base64.b64decode(said.removeprefix("data:video/mp4;base64,")) == CLIP.mp4
        assert (film["poster"] or "").startswith("data:image/jpeg;base64,")
        assert (film["width"], film["height"]) == ("80", "60")
        assert film["aria-label"]
        assert "controls" in film
        assert "autoplay" not in film


def test_clips_for_which_there_is_no_room_are_named(site: Site) -> None:
    html = render_report(_with_clips(site, max_clip_bytes=2 * len(CLIP.mp4) + 1))
    page = _Page(html)
    assert len(page.all("video")) == 2
    assert len(page.all("img")) == 1
    left_out = [one.incident_id for one in _data(site).incidents if one.severity <= 2]
    assert sum(f"evidence/{name}.mp4" in " ".join(page.text) for name in left_out) >= 1


def test_what_is_no_video_is_no_clip() -> None:
    with pytest.raises(RecordError, match="must be an MP4 file's bytes"):
        ReportClip(b"<script>")


def test_without_a_flight_there_is_no_slider(site: Site) -> None:
    page = _Page(render_report(_data(site)))
    assert not [one for one in page.all("input") if one.get("type") == "range"]


def test_a_patrols_name_cannot_end_the_script_that_it_stands_in(site: Site) -> None:
    hostile = replace(_flight(), patrol_id=HOSTILE)
    html = render_report(replace(_data(site), flights=(hostile,)))
    assert "<script>alert(1)" not in html
    _Page(html)


def test_a_path_whose_times_do_not_rise_is_refused() -> None:
    with pytest.raises(RecordError, match="must rise"):
        replace(_flight(), times_s=(1.0, 1.0, 2.0, 3.0))
    with pytest.raises(RecordError, match="needs a place"):
        replace(_flight(), heights_m=(1.0,))


def test_what_is_no_recorded_patrol_has_no_path(tmp_path: Path) -> None:
    assert flown_paths([("p1", str(tmp_path)), ("p2", str(tmp_path / "gone"))]) == ()
