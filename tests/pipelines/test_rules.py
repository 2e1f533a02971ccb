from __future__ import annotations

import itertools
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import mapping

from park.geodesy import LocalFrame
from park.records import GroundPoint, Observation, TrackedObject
from park.site import Site
from pipelines.hits import RuleResult
from pipelines.rules import evaluate_rules

FRAME = LocalFrame(22.535, 113.945)
NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # a Monday, 12:00 in Shanghai
HOUR_S = 3600.0


def site_with(*rules: dict[str, Any], half_width_m: float = 20.0) -> Site:
    """Return a site whose one zone is a square around the origin of FRAME."""

    def square(half_m: float) -> Any:
        return mapping(FRAME.unproject_geometry(shapely.box(-half_m, -half_m, half_m, half_m)))

    boundary = {
        "kind": "boundary",
        "id": "test-park",
        "name": "Test park",
        "time_zone": "Asia/Shanghai",
    }
    zone = {"kind": "zone", "id": "z", "name": "Zone", "rules": list(rules)}
    return Site.load(
        json.dumps(
            {
                "type": "FeatureCollection",
                "features": [
                    {"type": "Feature", "properties": boundary, "geometry": square(500.0)},
                    {"type": "Feature", "properties": zone, "geometry": square(half_width_m)},
                ],
            }
        ).encode()
    )


def thing(
    object_id: str,
    seen: Sequence[tuple[float, float, float]],
    *,
    error_m: float = 1.0,
    moving: bool = False,
    class_name: str = "car",
    source: str | None = None,
) -> TrackedObject:
    """Return an object seen at (seconds after NOON, east_m, north_m) each."""
    observations = []
    for number, (after_s, east_m, north_m) in enumerate(seen):
        lat_deg, lon_deg = FRAME.to_lat_lon(east_m, north_m)
        observations.append(
            Observation(
                detection_id=f"{object_id}-{number}",
                patrol_id="p",
                time=NOON + timedelta(seconds=after_s),
                class_name=class_name,
                confidence=0.9,
                box_xyxy_px=(0.0, 0.0, 10.0, 10.0),
                track_id=None,
                object_id=object_id,
                place=GroundPoint(lat_deg, lon_deg, error_m),
                size_m=4.5,
                source_uri=source or f"photo-{after_s:g}.jpg",
                source_time_s=after_s if source else 0.0,
                model_id="m",
            )
        )
    ordered = sorted(observations, key=lambda o: o.time)
    middle = [sum(s[axis] for s in seen) / len(seen) for axis in (1, 2)]
    lat_deg, lon_deg = FRAME.to_lat_lon(middle[0], middle[1])
    return TrackedObject(
        object_id=object_id,
        class_name=class_name,
        place=GroundPoint(lat_deg, lon_deg, error_m),
        first_seen=ordered[0].time,
        last_seen=ordered[-1].time,
        moving=moving,
        speed_mps=None,
        observations=tuple(ordered),
    )


def drive(object_id: str, points: Sequence[tuple[float, float, float]], **more: Any) -> Any:
    """Return a moving object sampled twice a second between (seconds, east_m, north_m)."""
    seen = []
    for (t0, e0, n0), (t1, e1, n1) in itertools.pairwise(points):
        steps = max(1, int((t1 - t0) * 2))
        seen += [
            (
                t0 + (t1 - t0) * k / steps,
                e0 + (e1 - e0) * k / steps,
                n0 + (n1 - n0) * k / steps,
            )
            for k in range(steps)
        ]
    return thing(object_id, [*seen, points[-1]], moving=True, source="film.mp4", **more)


def spans(result: RuleResult) -> list[tuple[float, float]]:
    """Return start and measured length of each hit, seconds after NOON."""
    return [
        ((hit.first_seen - NOON).total_seconds(), (hit.last_seen - hit.first_seen).total_seconds())
        for hit in result.hits
    ]


class TestNoParking:
    def test_a_car_seen_once_breaks_a_rule_without_a_minimum(self) -> None:
        result = evaluate_rules(site_with({"type": "no_parking"}), [thing("a", [(0, 0, 0)])])
        (hit,) = result.hits
        assert (hit.type, hit.severity, hit.measure) == ("illegal_parking", 2, 0.0)
        assert hit.object_ids == ("a",)

    def test_a_car_seen_once_has_no_measured_dwell(self) -> None:
        site = site_with({"type": "no_parking", "min_dwell_s": 60})
        assert evaluate_rules(site, [thing("a", [(0, 0, 0)])]).hits == ()

    @pytest.mark.parametrize(("seen_again_s", "hits"), [(59.0, 0), (60.0, 1), (300.0, 1)])
    def test_dwell_is_measured_from_first_to_last_seen(
        self, seen_again_s: float, hits: int
    ) -> None:
        site = site_with({"type": "no_parking", "min_dwell_s": 60})
        result = evaluate_rules(site, [thing("a", [(0, 0, 0), (seen_again_s, 0, 0)])])
        assert len(result.hits) == hits

    def test_a_car_outside_is_neither_hit_nor_uncertain(self) -> None:
        result = evaluate_rules(site_with({"type": "no_parking"}), [thing("a", [(0, 40, 0)])])
        assert result == RuleResult((), ())

    @pytest.mark.parametrize(
        ("east_m", "hits", "uncertain"), [(17.0, 1, 0), (19.5, 0, 1), (20.8, 0, 1), (23.0, 0, 0)]
    )
    def test_next_to_the_line_it_is_uncertain(
        self, east_m: float, hits: int, uncertain: int
    ) -> None:
        car = thing("a", [(0, east_m, 0)], error_m=3.0)
        result = evaluate_rules(site_with({"type": "no_parking"}), [car])
        assert (len(result.hits), len(result.uncertain)) == (hits, uncertain)

    def test_min_probability_is_the_rules_own(self) -> None:
        car = thing("a", [(0, 19.5, 0)], error_m=3.0)
        site = site_with({"type": "no_parking", "min_probability": 0.5})
        (hit,) = evaluate_rules(site, [car]).hits
        assert 0.5 < hit.probability < 0.7

    def test_driving_through_is_not_parking(self) -> None:
        car = drive("a", [(0, -100, 0), (40, 100, 0)])
        assert evaluate_rules(site_with({"type": "no_parking"}), [car]).hits == ()

    def test_waiting_for_half_a_minute_on_the_way_is_not_parking(self) -> None:
        car = drive("a", [(0, -100, 0), (10, 0, 0), (40, 0, 0), (50, 100, 0)])
        assert evaluate_rules(site_with({"type": "no_parking"}), [car]).hits == ()

    def test_driving_in_and_standing_is_parking_from_when_it_stood(self) -> None:
        car = drive("a", [(0, -100, 0), (10, 0, 0), (200, 0, 0), (210, 100, 0)])
        ((start_s, dwell_s),) = spans(evaluate_rules(site_with({"type": "no_parking"}), [car]))
        assert start_s == pytest.approx(10, abs=1)
        assert dwell_s == pytest.approx(190, abs=2)

    def test_standing_outside_and_driving_through_is_not_parking_inside(self) -> None:
        car = drive("a", [(0, -100, 0), (120, -100, 0), (140, 100, 0), (260, 100, 0)])
        assert evaluate_rules(site_with({"type": "no_parking"}), [car]).hits == ()

    @pytest.mark.parametrize("class_name", ["truck", "Two-Wheeler", "minibus", "motorcycle"])
    def test_families_match(self, class_name: str) -> None:
        car = thing("a", [(0, 0, 0)], class_name=class_name)
        assert len(evaluate_rules(site_with({"type": "no_parking"}), [car]).hits) == 1

    def test_other_classes_do_not_match(self) -> None:
        person = thing("a", [(0, 0, 0)], class_name="person")
        assert evaluate_rules(site_with({"type": "no_parking"}), [person]).hits == ()

    @pytest.mark.parametrize(("off_m", "error_m", "hits"), [(6.0, 0.5, 0), (6.0, 3.0, 1)])
    def test_a_sighting_of_a_neighbour_measures_no_dwell(
        self, off_m: float, error_m: float, hits: int
    ) -> None:
        """A track begins on one car and goes on on the next; errors alone may explain as much."""
        site = site_with({"type": "no_parking", "min_dwell_s": 60})
        seen = [(0.0, off_m, 0.0), *((100.0 + k, 0.0, 0.0) for k in range(5))]
        result = evaluate_rules(site, [thing("a", seen, error_m=error_m)])
        assert len(result.hits) == hits

    @pytest.mark.parametrize(("first_off_m", "hits"), [(0.0, 1), (6.0, 0)])
    def test_a_sighting_of_a_neighbour_is_no_evidence(self, first_off_m: float, hits: int) -> None:
        site = site_with({"type": "forbidden_zone"})
        seen = [(0.0, first_off_m, 0.0), *((0.5 * k, 0.0, 0.0) for k in range(1, 5))]
        car = thing("a", seen, error_m=0.5, source="film.mp4")
        assert len(evaluate_rules(site, [car]).hits) == hits


class TestStays:
    def test_passes_an_hour_apart_are_one_stay(self) -> None:
        car = thing("a", [(0, 0, 0), (HOUR_S, 0, 0), (2 * HOUR_S, 0, 0)])
        result = evaluate_rules(site_with({"type": "no_parking"}), [car])
        assert spans(result) == [(0.0, 2 * HOUR_S)]

    @pytest.mark.parametrize(
        ("first", "told"),
        [
            pytest.param([9.5], [], id="one frame"),
            pytest.param([9.5, 10.0], [(9.5, HOUR_S - 5.5)], id="two frames"),
        ],
    )
    def test_one_frame_of_a_pass_does_not_say_that_a_car_stood_there_ever_since(
        self, first: list[float], told: list[tuple[float, float]]
    ) -> None:
        later = [HOUR_S + second for second in range(5)]
        car = thing("a", [(t, 0, 0) for t in (*first, *later)], source="film.mp4")
        site = site_with({"type": "no_parking", "min_dwell_s": 180})
        assert spans(evaluate_rules(site, [car])) == told

    @pytest.mark.parametrize(
        ("first_error_m", "later_error_m", "dwells_s"),
        [
            pytest.param(7.8, 0.5, [], id="from afar"),
            pytest.param(2.6, 0.5, [HOUR_S + 4], id="less than half of a gap in a queue"),
            pytest.param(4.0, 4.5, [HOUR_S + 4], id="a receiver without corrections"),
        ],
    )
    def test_a_pass_that_placed_it_vaguely_may_have_seen_another_car(
        self, first_error_m: float, later_error_m: float, dwells_s: list[float]
    ) -> None:
        seen = [*range(5), *(HOUR_S + second for second in range(5))]
        car = thing("a", [(t, 0, 0) for t in seen], source="film.mp4")
        placed = tuple(
            replace(
                one, place=replace(one.place, error_m=first_error_m if k < 5 else later_error_m)
            )
            for k, one in enumerate(car.observations)
            if one.place is not None
        )
        site = site_with({"type": "no_parking", "min_dwell_s": 180, "min_probability": 0.5})
        result = evaluate_rules(site, [replace(car, observations=placed)])
        assert [hit.measure for hit in result.hits] == dwells_s

    def test_where_time_does_not_count_one_frame_of_another_pass_is_evidence(self) -> None:
        seen = [9.5, *(HOUR_S + second for second in range(4))]
        car = thing("a", [(t, 0, 0) for t in seen], source="film.mp4")
        (hit,) = evaluate_rules(site_with({"type": "forbidden_zone"}), [car]).hits
        assert len(hit.observations) == 5

    def test_one_frame_of_each_of_three_passes_does(self) -> None:
        seen = [(0.0, 0, 0), (HOUR_S, 0, 0), (2 * HOUR_S, 0, 0)]
        car = thing("a", seen, source="film.mp4")
        site = site_with({"type": "no_parking", "min_dwell_s": 180, "min_sightings": 3})
        assert spans(evaluate_rules(site, [car])) == [(0.0, 2 * HOUR_S)]

    def test_longer_unseen_than_max_gap_s_are_two(self) -> None:
        car = thing("a", [(0, 0, 0), (60, 0, 0), (2 * HOUR_S, 0, 0)])
        site = site_with({"type": "no_parking", "max_gap_s": HOUR_S})
        assert spans(evaluate_rules(site, [car])) == [(0.0, 60.0), (2 * HOUR_S, 0.0)]

    def test_another_car_in_its_place_in_between_makes_two(self) -> None:
        first = thing("a", [(0, 0, 0), (2 * HOUR_S, 0, 0)])
        between = thing("b", [(HOUR_S, 0.5, 0)])
        result = evaluate_rules(site_with({"type": "no_parking"}), [first, between])
        assert spans(result) == [(0.0, 0.0), (HOUR_S, 0.0), (2 * HOUR_S, 0.0)]

    def test_a_neighbour_seen_in_the_same_picture_does_not(self) -> None:
        first = thing("a", [(0, 0, 0), (2 * HOUR_S, 0, 0)], error_m=3.0)
        neighbour = thing("b", [(0, 2.5, 0), (HOUR_S, 2.5, 0)], error_m=3.0)
        result = evaluate_rules(site_with({"type": "no_parking"}), [first, neighbour])
        assert sorted(spans(result)) == [(0.0, HOUR_S), (0.0, 2 * HOUR_S)]


class TestActiveHours:
    def test_outside_its_hours_a_rule_says_nothing(self) -> None:
        site = site_with({"type": "no_parking", "active": "13:00-15:00"})
        assert evaluate_rules(site, [thing("a", [(0, 0, 0)])]).hits == ()

    def test_dwell_counts_within_the_hours_only(self) -> None:
        site = site_with({"type": "no_parking", "active": "12:10-20:00"})
        car = thing("a", [(0, 0, 0), (900, 0, 0), (1800, 0, 0)])
        assert spans(evaluate_rules(site, [car])) == [(900.0, 900.0)]

    def test_a_break_in_the_hours_ends_a_stay(self) -> None:
        site = site_with({"type": "no_parking", "active": ["08:00-12:30", "13:00-18:00"]})
        car = thing("a", [(0, 0, 0), (600, 0, 0), (3600, 0, 0), (4200, 0, 0)])
        assert spans(evaluate_rules(site, [car])) == [(0.0, 600.0), (3600.0, 600.0)]

    def test_days_of_the_week_are_the_sites(self) -> None:
        tuesdays = site_with({"type": "no_parking", "active": "tue 00:00-24:00"})
        in_the_night = thing("a", [(13 * HOUR_S, 0, 0)])  # Tuesday 01:00 there, Monday in UTC
        assert len(evaluate_rules(tuesdays, [in_the_night]).hits) == 1
        assert evaluate_rules(tuesdays, [thing("a", [(0, 0, 0)])]).hits == ()


class TestForbiddenZone:
    def test_driving_through_counts_from_entering_to_leaving(self) -> None:
        car = drive("a", [(0, -100, 0), (20, 100, 0)], error_m=0.5)
        ((start_s, inside_s),) = spans(evaluate_rules(site_with({"type": "forbidden_zone"}), [car]))
        assert start_s == pytest.approx(8.0, abs=0.6)
        assert inside_s == pytest.approx(4.0, abs=1.1)

    def test_driving_past_does_not_count(self) -> None:
        car = drive("a", [(0, -100, 40), (20, 100, 40)])
        assert evaluate_rules(site_with({"type": "forbidden_zone"}), [car]) == RuleResult((), ())

    def test_driving_along_the_line_is_uncertain(self) -> None:
        car = drive("a", [(0, -100, 20.2), (20, 100, 20.2)], error_m=3.0)
        result = evaluate_rules(site_with({"type": "forbidden_zone"}), [car])
        assert result.hits == ()
        assert [doubt.object_ids for doubt in result.uncertain] == [("a",)]

    def test_leaving_and_coming_back_are_two(self) -> None:
        car = drive("a", [(0, -60, 0), (10, 60, 0), (20, 60, 0), (30, -60, 0)])
        assert len(evaluate_rules(site_with({"type": "forbidden_zone"}), [car]).hits) == 2

    @pytest.mark.parametrize(
        ("class_name", "type_id"),
        [
            ("bus", "vehicle_in_forbidden_zone"),
            ("worker", "person_in_restricted_zone"),
            ("boat", "perimeter_intrusion"),
        ],
    )
    def test_the_type_follows_from_who_it_is(self, class_name: str, type_id: str) -> None:
        site = site_with({"type": "forbidden_zone", "classes": [class_name]})
        (hit,) = evaluate_rules(site, [thing("a", [(0, 0, 0)], class_name=class_name)]).hits
        assert hit.type == type_id


class TestVehicleLimit:
    def limited(self, max_count: int, **more: Any) -> Site:
        return site_with({"type": "vehicle_limit", "max_count": max_count, **more})

    def test_parked_cars_seen_one_after_another_count_together(self) -> None:
        cars = [thing(f"c{k}", [(10.0 * k, 3.0 * k, 0)]) for k in range(4)]
        (hit,) = evaluate_rules(self.limited(3), cars).hits
        assert (hit.measure, hit.type, len(hit.object_ids)) == (4.0, "too_many_vehicles", 4)
        assert evaluate_rules(self.limited(4), cars).hits == ()

    def test_parked_cars_seen_longer_apart_than_the_window_do_not(self) -> None:
        cars = [thing("a", [(0, 0, 0)]), thing("b", [(400, 5, 0)])]
        assert evaluate_rules(self.limited(1), cars).hits == ()
        assert len(evaluate_rules(self.limited(1, window_s=400), cars).hits) == 1

    def test_cars_driving_through_one_after_another_do_not(self) -> None:
        cars = [drive(f"c{k}", [(20 * k, -60, 0), (20 * k + 10, 60, 0)]) for k in range(5)]
        assert evaluate_rules(self.limited(1), cars).hits == ()

    def test_cars_driving_through_together_do(self) -> None:
        cars = [drive(f"c{k}", [(k, -60, 0), (k + 10, 60, 0)]) for k in range(3)]
        (hit,) = evaluate_rules(self.limited(2), cars).hits
        assert hit.measure == 3.0

    def test_a_box_that_flashed_in_one_frame_of_a_video_does_not_count(self) -> None:
        cars = [
            thing(f"c{k}", [(k, 3.0 * k, 0), (k + 1, 3.0 * k, 0)], source="a.mp4") for k in (1, 2)
        ]
        flash = thing("c3", [(2, 9.0, 0)], source="a.mp4")
        assert evaluate_rules(self.limited(2), [*cars, flash]).hits == ()
        again = thing("c3", [(2, 9.0, 0), (3, 9.0, 0)], source="a.mp4")
        assert len(evaluate_rules(self.limited(2), [*cars, again]).hits) == 1

    def test_a_car_in_five_photos_counts_once(self) -> None:
        car = thing("a", [(2.0 * k, 0, 0) for k in range(5)])
        assert evaluate_rules(self.limited(1), [car]).hits == ()

    def test_it_lasts_until_the_last_moment_of_too_many(self) -> None:
        cars = [
            thing("a", [(0, 0, 0), (1000, 0, 0)]),
            thing("b", [(100, 5, 0), (600, 5, 0)]),
        ]
        assert spans(evaluate_rules(self.limited(1), cars)) == [(100.0, 500.0)]

    def test_passes_a_day_apart_are_two_incidents(self) -> None:
        cars = [thing(f"c{k}", [(0, k, 0)]) for k in range(3)]
        cars += [thing(f"d{k}", [(86400, k, 0)]) for k in range(3)]
        assert [hit.measure for hit in evaluate_rules(self.limited(2), cars).hits] == [3.0, 3.0]

    def test_cars_on_the_line_that_would_make_it_too_many_are_uncertain(self) -> None:
        cars = [thing("a", [(0, 0, 0)]), thing("b", [(0, 20.0, 0)], error_m=3.0)]
        result = evaluate_rules(self.limited(1), cars)
        assert result.hits == ()
        assert [doubt.object_ids for doubt in result.uncertain] == [("b",)]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_objects_does_not_matter(seed: int) -> None:
    rng = random.Random(seed)
    site = site_with(
        {"type": "no_parking", "min_dwell_s": 30, "max_gap_s": 500},
        {"type": "forbidden_zone", "classes": ["truck"]},
        {"type": "vehicle_limit", "max_count": 3},
    )
    things = []
    for number in range(12):
        place = (rng.uniform(-25, 25), rng.uniform(-25, 25))
        seen = [(rng.choice([0.0, 20.0, 400.0, 3600.0]), *place) for _ in range(3)]
        things.append(thing(f"o{number}", seen, class_name=rng.choice(["car", "truck"])))
    shuffled = rng.sample(things, len(things))
    assert evaluate_rules(site, shuffled) == evaluate_rules(site, things)
    assert evaluate_rules(site, []) == RuleResult((), ())
