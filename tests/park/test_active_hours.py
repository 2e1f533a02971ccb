from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from park.active_hours import ActiveHours, ActiveWindow
from park.errors import SiteError

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")


def local(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("hours", "moment", "active"),
    [
        ("08:00-20:00", "2026-03-02T08:00", True),
        ("08:00-20:00", "2026-03-02T07:59", False),
        ("08:00-20:00", "2026-03-02T20:00", False),
        ("8:00 - 20:00", "2026-03-02T12:00", True),
        ("22:00-06:00", "2026-03-02T23:00", True),
        ("22:00-06:00", "2026-03-03T05:59", True),
        ("22:00-06:00", "2026-03-03T06:00", False),
        ("fri 22:00-06:00", "2026-03-07T05:00", True),  # Saturday morning
        ("fri 22:00-06:00", "2026-03-06T05:00", False),  # Friday morning
        ("mon-fri 00:00-24:00", "2026-03-06T23:59", True),
        ("mon-fri 00:00-24:00", "2026-03-07T00:00", False),
        ("fri-mon 09:00-10:00", "2026-03-08T09:30", True),
        ("fri-mon 09:00-10:00", "2026-03-04T09:30", False),
        ("sat,sun 09:00-10:00", "2026-03-07T09:30", True),
        ("08:00-09:00; 17:00-18:00", "2026-03-02T17:30", True),
        ("always", "2026-03-02T03:00", True),
    ],
)
def test_windows(hours: str, moment: str, active: bool) -> None:
    assert ActiveHours.parse(hours).is_active(local(moment), SHANGHAI) is active


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("8 to 20", "are not hours; write"),
        ("25:00-26:00", "25:00 in .* is not a time of day"),
        ("08:61-09:00", "08:61 in .* is not a time of day"),
        ("08:00-08:00", "for a whole day write 00:00-24:00"),
        ("24:00-08:00", "for a whole day write 00:00-24:00"),
        ("monday 08:00-09:00", "'monday' in .* is not a day; use mon"),
        ("", "are not hours"),
    ],
)
def test_what_is_not_hours_is_refused(text: str, message: str) -> None:
    with pytest.raises(SiteError, match=message):
        ActiveHours.parse(text)


def test_no_hours_are_refused() -> None:
    with pytest.raises(SiteError, match="no hours are given"):
        ActiveHours.parse([])


def test_a_span_is_covered_only_without_a_break() -> None:
    hours = ActiveHours.parse(["08:00-12:00", "12:00-14:00", "15:00-18:00"])
    assert hours.covers(local("2026-03-02T09:00"), local("2026-03-02T13:59"), SHANGHAI)
    assert not hours.covers(local("2026-03-02T09:00"), local("2026-03-02T15:30"), SHANGHAI)
    assert not hours.covers(local("2026-03-02T14:30"), local("2026-03-02T15:30"), SHANGHAI)


def test_whole_days_join_across_midnight() -> None:
    hours = ActiveHours.parse("mon-tue 00:00-24:00")
    assert hours.covers(local("2026-03-02T00:00"), local("2026-03-03T23:00"), SHANGHAI)
    assert not hours.covers(local("2026-03-03T00:00"), local("2026-03-04T01:00"), SHANGHAI)


def test_the_night_of_the_change_to_summer_time_is_an_hour_shorter() -> None:
    hours = ActiveHours.parse("22:00-06:00")
    moments = [
        local("2026-03-28T22:00", BERLIN).astimezone(UTC) + timedelta(hours=h) for h in (6, 7)
    ]
    assert [hours.is_active(moment, BERLIN) for moment in moments] == [True, False]


WINDOWS = st.builds(
    ActiveWindow,
    days=st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
    start_minute=st.integers(0, 1439),
    end_minute=st.integers(1, 1440),
).filter(lambda window: window.start_minute != window.end_minute)


@given(st.lists(WINDOWS, max_size=4).map(lambda windows: ActiveHours(tuple(windows))))
def test_written_hours_are_read_back(hours: ActiveHours) -> None:
    assert ActiveHours.parse(hours.to_texts()) == hours


@given(WINDOWS, st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)))  # noqa: DTZ001
def test_a_moment_is_covered_when_and_only_when_active(
    window: ActiveWindow, moment: datetime
) -> None:
    hours, there = ActiveHours((window,)), moment.replace(tzinfo=BERLIN)
    assert hours.covers(there, there, BERLIN) is hours.is_active(there, BERLIN)
