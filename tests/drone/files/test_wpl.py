"""Lists in QGC WPL 110, and ArduPilot's older files."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drone.files.plan_file import PlanFile
from drone.files.wpl import read_wpl, write_wpl
from drone.mission import fence_items, mission_items, rally_items
from drone.records import Fence, RallyPoint
from park.errors import MissionFileError
from park.mission_item import MissionItem
from tests.drone.files.sorties import numbers, places, survey_sortie

HEAD = b"QGC WPL 110\n"
HOME = b"0\t1\t0\t16\t0\t0\t0\t0\t31.2\t121.4\t12.5\t1\n"


@st.composite
def missions(draw: st.DrawFn) -> tuple[MissionItem, ...]:
    count = draw(st.integers(0, 6))
    items = []
    for seq in range(count):
        lat, lon = draw(places())
        items.append(
            MissionItem(
                seq,
                draw(st.sampled_from((0, 2, 3, 10))),
                draw(st.sampled_from((16, 22, 21, 178, 203, 201, 115, 177, 4000))),
                draw(st.tuples(numbers, numbers, numbers, numbers)),
                *(lat, lon, draw(numbers), draw(st.booleans()), draw(st.booleans())),
            )
        )
    return tuple(items)


@given(missions())
def test_a_mission_comes_back_as_it_was_written(items: tuple[MissionItem, ...]) -> None:
    assert read_wpl(write_wpl(items)).mission == items


def test_a_sortie_comes_back_as_it_was_written() -> None:
    items = mission_items(survey_sortie())
    assert read_wpl(write_wpl(items)).mission == items


def test_a_fence_and_rally_points_come_back_as_what_they_are() -> None:
    fence = fence_items(Fence(((1.0, 2.0), (1.0, 3.0), (2.0, 3.0)), (), 50.0))
    assert read_wpl(write_wpl(fence)).fence == fence
    rally = rally_items((RallyPoint(1.0, 2.0, 30.0),))
    assert read_wpl(write_wpl(rally)).rally == rally


def test_numbers_are_written_without_exponents_and_with_tabs() -> None:
    item = MissionItem(0, 0, 16, (1e-7, 0.0, 0.0, float("nan")), 31.2, 121.4, 1e7)
    assert write_wpl([item]) == (
        b"QGC WPL 110\n0\t0\t0\t16\t0.0000001\t0.0\t0.0\tnan\t31.2\t121.4\t10000000.0\t1\n"
    )


def test_windows_line_ends_comments_and_empty_lines_are_taken() -> None:
    text = b"\xef\xbb\xbfQGC WPL 110\r\n\r\n# home\r\n" + HOME.replace(b"\n", b"\r\n")
    (item,) = read_wpl(text).mission
    assert (item.command, item.x, item.current) == (16, 31.2, True)


def test_an_older_fence_file_becomes_a_return_point_and_an_outline() -> None:
    text = b"-35.363\t149.163\n-35.358\t149.165\n-35.359\t149.154\n-35.372\t149.157\n"
    read = read_wpl(text + b"-35.358\t149.165\n")
    assert [item.command for item in read.fence] == [5000, 5001, 5001, 5001]
    assert [item.params[0] for item in read.fence] == [0.0, 3.0, 3.0, 3.0]
    assert read.notes == ("an older fence file",)


def test_an_older_rally_file_is_read() -> None:
    (point,) = read_wpl(b"RALLY 40.07\t-105.22\t30.0\t40.0\t0.0\t0\n").rally
    assert (point.command, point.frame, point.x, point.z) == (5100, 3, 40.07, 30.0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"\xff\xfe\x00", "byte 0 is no text"),
        (b"QGC WPL 120\n", "line 1: version 120 of QGC WPL; only 110 is read"),
        (b"QGC WPL\n", "line 1: version none of QGC WPL"),
        (b"hello\n", 'line 1: begins with "hello", not with "QGC WPL 110"'),
        (HEAD + b"0 1 0 16 0 0 0\n", "line 2: 7 columns instead of 12; the line may be cut short"),
        (HEAD + HOME[:-1] + b" 9\n", "line 2: 13 columns instead of 12$"),
        (HEAD + HOME.replace(b"16", b"1x"), 'line 2: command "1x" is not a whole number'),
        (HEAD + HOME.replace(b"16", b"99999"), "line 2: item 0: command 99999 is not 0 to 65535"),
        (HEAD + HOME.replace(b"31.2", b"abc"), 'line 2: x "abc" is not a number'),
        (HEAD + HOME.replace(b"31.2", b"inf"), "line 2: x is infinite"),
        (HEAD + HOME.replace(b"31.2", b"131.2"), r"line 2: \(131.2, 121.4\) is no place on Earth"),
        (HEAD + HOME + HOME.replace(b"0", b"2", 1), "line 3: item 2 stands where item 1 belongs"),
        (
            HEAD + HOME + b"1 0 3 5100 0 0 0 0 1 1 1 1\n",
            "the file mixes the lists mission and rally",
        ),
        (
            HEAD + b"0 0 0 5001 4 0 0 0 1 1 0 1\n1 0 0 5001 4 0 0 0 1 2 0 1\n",
            "the outline that begins at item 0 says it has 4 corners and does not have them",
        ),
        (b"1.0 2.0\n1.0 2.0\n", "an outline needs three corners; the file has 1"),
        (b"1.0 2.0\n1.0\n", "line 2: 1 columns, not latitude, longitude"),
        (b"1 2\n91 2\n1 3\n2 3\n", "line 2: .91, 2. is no place on Earth"),
        (b"RALLY 1 2 3\n", "line 1: a rally point is RALLY, latitude, longitude"),
    ],
)
def test_a_bad_list_is_refused_with_its_line(content: bytes, message: str) -> None:
    with pytest.raises(MissionFileError, match=message):
        read_wpl(content)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_stands_in_a_file_it_is_read_or_refused(content: bytes) -> None:
    for start in (b"", HEAD, HEAD + HOME):
        with suppress(MissionFileError):
            assert isinstance(read_wpl(start + content), PlanFile)


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(MissionFileError, match="more than a list of items may have"):
        read_wpl(b" " * 16_000_001)
