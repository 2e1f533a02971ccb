"""The sun stands where published examples say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from park.errors import RecordError
from sim_data.world.sun import Sun, sun_at


def test_it_agrees_with_the_worked_example_of_nrels_solar_position_algorithm() -> None:
    # Reda and Andreas, "Solar Position Algorithm", NREL/TP-560-34302, table A5.1: topocentric
    # zenith 50.11162 degrees with 0.016 degrees of refraction, azimuth 194.34024 degrees.
    time = datetime(2003, 10, 17, 12, 30, 30, tzinfo=timezone(timedelta(hours=-7)))
    sun = sun_at(time, 39.742476, -105.1786)
    assert sun.elevation_deg == pytest.approx(90.0 - 50.11162 - 0.016, abs=0.02)
    assert sun.azimuth_deg == pytest.approx(194.34024, abs=0.02)


def test_at_noon_of_an_equinox_it_stands_90_degrees_less_the_latitude_high() -> None:
    times = [datetime(2026, 3, 20, 2, tzinfo=UTC) + timedelta(minutes=m) for m in range(240)]
    highest = max((sun_at(time, 30.2, 123.4) for time in times), key=lambda s: s.elevation_deg)
    assert highest.elevation_deg == pytest.approx(59.8, abs=0.25)
    assert highest.azimuth_deg == pytest.approx(180.0, abs=1.0)


def test_it_rises_in_the_east_and_sets_in_the_west() -> None:
    morning = sun_at(datetime(2026, 6, 1, 22, tzinfo=UTC), 30.2, 123.4)
    evening = sun_at(datetime(2026, 6, 1, 9, tzinfo=UTC), 30.2, 123.4)
    night = sun_at(datetime(2026, 6, 1, 16, tzinfo=UTC), 30.2, 123.4)
    assert 40.0 < morning.azimuth_deg < 110.0
    assert 250.0 < evening.azimuth_deg < 320.0
    assert morning.is_up
    assert evening.is_up
    assert not night.is_up


def test_a_shadow_points_away_from_the_sun_and_is_as_long_as_high_at_45_degrees() -> None:
    east, north = Sun(azimuth_deg=90.0, elevation_deg=45.0).shadow_m(10.0)
    assert (east, north) == pytest.approx((-10.0, 0.0))


def test_there_is_no_shadow_at_night() -> None:
    with pytest.raises(RecordError, match=r"the sun is 3\.0 degrees below the horizon"):
        Sun(0.0, -3.0).shadow_m(2.0)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(RecordError, match="has no time zone, so the sun has no place"):
        sun_at(datetime(2026, 6, 1, 12), 30.2, 123.4)  # noqa: DTZ001
