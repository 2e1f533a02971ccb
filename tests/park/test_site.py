"""What a site answers about its places, and what it warns of."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from park.errors import SiteError
from park.geodesy import distance_m
from park.site_checks import site_warnings
from tests.park.site_files import LAT, LON, boundary, collection, full, load, square, zone


class TestAsking:
    def test_zones_at_a_place(self) -> None:
        site = load(full())
        assert [z.id for z in site.zones_at(LAT + 0.003, LON + 0.003)] == ["z1"]
        assert site.zones_at(LAT + 0.009, LON + 0.009) == ()

    def test_an_unknown_zone_is_named_with_those_known(self) -> None:
        with pytest.raises(SiteError, match="has no zone 'z9'; its zones are: z1"):
            load(full()).zone("z9")

    def test_metres(self) -> None:
        site = load(full())
        width_m = distance_m(LAT + 0.005, LON, LAT + 0.005, LON + 0.01)
        height_m = distance_m(LAT, LON, LAT + 0.01, LON)
        assert site.boundary_m.area == pytest.approx(width_m * height_m, rel=1e-4)
        assert abs(site.boundary_m.centroid.x) < 0.1

    @pytest.mark.parametrize(
        ("moment", "day"),
        [
            (datetime(2026, 3, 2, 15, 59, tzinfo=UTC), date(2026, 3, 2)),
            (datetime(2026, 3, 2, 16, 0, tzinfo=UTC), date(2026, 3, 3)),
        ],
    )
    def test_days_are_the_sites_own(self, moment: datetime, day: date) -> None:
        assert load(full()).day_of(moment) == day

    @pytest.mark.parametrize(
        ("moment", "day"),
        [
            # Summer time begins on 29 March 2026 and ends on 25 October 2026.
            (datetime(2026, 3, 28, 22, 59, tzinfo=UTC), 28),
            (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), 29),
            (datetime(2026, 3, 29, 21, 59, tzinfo=UTC), 29),
            (datetime(2026, 3, 29, 22, 0, tzinfo=UTC), 30),
            (datetime(2026, 10, 24, 22, 0, tzinfo=UTC), 25),
            (datetime(2026, 10, 25, 22, 59, tzinfo=UTC), 25),
            (datetime(2026, 10, 25, 23, 0, tzinfo=UTC), 26),
        ],
    )
    def test_days_with_a_change_of_the_clock(self, moment: datetime, day: int) -> None:
        outline = {**boundary(time_zone="Europe/Berlin"), "geometry": square(8.40, 49.01)}
        assert load(collection(outline)).day_of(moment).day == day

    def test_a_time_without_zone_has_no_day(self) -> None:
        with pytest.raises(SiteError, match="has no time zone"):
            load(full()).day_of(datetime(2026, 3, 2, 12))  # noqa: DTZ001


class TestWarnings:
    def test_a_good_file_has_none(self) -> None:
        document = collection(
            boundary(), zone({"type": "no_parking"}, name_zh="区", name_en="Zone")
        )
        del document["features"][1]["properties"]["name"]
        assert site_warnings(load(document)) == ()

    @pytest.mark.parametrize(
        ("document", "message"),
        [
            (collection(boundary()), "there is no zone, so no incident can be found"),
            (collection(boundary(), zone()), "zone 'z1': has no rules"),
            (collection(boundary(time_zone="Asia/Tokyo")), "is not that of the place (Asia/"),
            (collection(boundary(name="Park")), "boundary 'demo-park': has no name in zh"),
            (
                collection(boundary(), zone(geometry=square(LON + 0.02, LAT, 0.001))),
                "zone 'z1': lies outside the boundary, 1029 m from it",
            ),
            (
                collection(boundary(), zone(geometry=square(LON + 0.009, LAT, 0.002))),
                "zone 'z1': 50% of it lie outside the boundary",
            ),
            (
                collection(boundary(), zone({"type": "no_parking", "classes": ["vehicel"]})),
                (
                    "rules[1] (no_parking): the class 'vehicel' is in no table of classes; did you "
                    "mean 'vehicle'?"
                ),
            ),
            (
                collection(
                    boundary(),
                    zone({"type": "no_parking"}, geometry=square(LON, LAT, 0.00002)),
                ),
                "the zone is only 2.1 m wide; with a position error of 3 m",
            ),
        ],
    )
    def test_what_is_probably_not_meant(self, document: Any, message: str) -> None:
        assert any(message in warning for warning in site_warnings(load(document)))
