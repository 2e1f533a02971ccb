from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from park.measure import Measure
from park.records import TrackedObject
from park.taxonomy import MeasureUnit
from pipelines.hits import RuleHit, RuleResult
from pipelines.rules import evaluate_rules
from tests.pipelines.test_rules import drive, site_with, thing

M2, METRES, CELSIUS = MeasureUnit.SQUARE_METRES, MeasureUnit.METRES, MeasureUnit.DEGREES_CELSIUS


def measured(seen: TrackedObject, *values: float, unit: MeasureUnit = M2) -> TrackedObject:
    """Return an object whose sightings carry measures, the last one repeated."""
    found = [
        replace(one, measure=Measure(values[min(k, len(values) - 1)], 1.0, unit))
        for k, one in enumerate(seen.observations)
    ]
    return replace(seen, observations=tuple(found))


def filmed(object_id: str, frames: int, east_m: float = 0.0, **more: Any) -> TrackedObject:
    """Return a thing seen in so many frames of one video, half a second apart."""
    places = [(0.5 * k, east_m, 0.0) for k in range(frames)]
    seen = thing(object_id, places, source="film.mp4", **more)
    tracked = tuple(replace(one, track_id=f"t-{object_id}") for one in seen.observations)
    return replace(seen, observations=tracked)


def watched(incident: str, *things: TrackedObject, **settings: Any) -> RuleResult:
    return evaluate_rules(site_with({"type": "watch", "incident": incident, **settings}), things)


def only(result: RuleResult) -> RuleHit:
    (hit,) = result.hits
    return hit


class TestWatch:
    def test_what_is_watched_for_is_an_incident_with_its_measure_and_error(self) -> None:
        soil = measured(filmed("s", 6, class_name="bare_soil"), 120.0)
        hit = only(watched("bare_soil", soil))
        assert (hit.type, hit.severity) == ("bare_soil", 1)
        assert (hit.measure, hit.measure_error) == (120.0, 1.0)
        assert hit.object_ids == ("s",)

    def test_other_classes_are_nothing_to_it(self) -> None:
        assert watched("bare_soil", filmed("c", 6)).hits == ()

    def test_a_models_own_word_for_it_will_do(self) -> None:
        assert only(watched("open_flame", filmed("f", 6, class_name="fire"))).type == "open_flame"

    def test_a_flash_in_one_frame_of_a_video_is_no_incident(self) -> None:
        assert watched("open_flame", filmed("f", 2, class_name="flame")).hits == ()
        assert len(watched("open_flame", filmed("f", 3, class_name="flame")).hits) == 1

    def test_what_is_found_without_being_followed_counts_frames_of_a_video_too(self) -> None:
        def found(frames: int) -> TrackedObject:
            shed = filmed("n", frames, class_name="new_object")
            loose = (replace(s, track_id=None, source_time_s=7.5 + s.source_time_s)
                     for s in shed.observations)  # fmt: skip
            return replace(shed, observations=tuple(loose))

        assert watched("new_structure", found(2)).hits == ()
        assert len(watched("new_structure", found(3)).hits) == 1

    def test_what_is_new_in_another_place_in_every_picture_is_nothing(self) -> None:
        glimpses = [filmed(f"n{k}", 2, 3.0 * k, class_name="new_object") for k in range(3)]
        assert watched("new_structure", *glimpses).hits == ()
        shed = filmed("shed", 3, 3.0, class_name="new_object")
        assert only(watched("new_structure", *glimpses, shed)).object_ids == (
            "n0", "n1", "n2", "shed"
        )  # fmt: skip

    def test_smoke_has_to_stay_longer_than_a_flame(self) -> None:
        assert watched("smoke", filmed("s", 4, class_name="smoke")).hits == ()
        assert len(watched("smoke", filmed("s", 5, class_name="smoke")).hits) == 1

    def test_how_often_it_must_be_seen_can_be_said(self) -> None:
        flame = filmed("f", 6, class_name="flame")
        assert watched("open_flame", flame, min_sightings=7).hits == ()
        assert len(watched("open_flame", flame, min_sightings=6).hits) == 1

    def test_what_is_hot_by_the_limit_of_another_zone_is_not_hot_by_its_own(self) -> None:
        warm = measured(filmed("h", 6, class_name="hotspot"), 92.0, unit=CELSIUS)
        assert len(watched("overheating_equipment", warm, limit_c=80.0).hits) == 1
        assert watched("overheating_equipment", warm, limit_c=400.0).hits == ()
        unmeasured = filmed("m", 6, class_name="hotspot")
        assert len(watched("overheating_equipment", unmeasured, limit_c=400.0).hits) == 1

    def test_a_photo_is_evidence_enough(self) -> None:
        assert len(watched("open_flame", thing("f", [(0, 0, 0)], class_name="flame")).hits) == 1

    def test_parts_near_each_other_are_one_and_their_sizes_add_up(self) -> None:
        parts = [
            measured(filmed(n, 6, e, class_name="rubbish"), 4.0) for n, e in (("a", 0), ("b", 9))
        ]
        hit = only(watched("dumped_rubbish", *parts))
        assert (hit.measure, hit.object_ids) == (8.0, ("a", "b"))
        apart = watched("dumped_rubbish", *parts, join_m=5.0)
        assert [one.measure for one in apart.hits] == [4.0, 4.0]

    def test_most_frames_show_only_a_part_so_the_upper_quartile_counts(self) -> None:
        water = filmed("w", 9, class_name="discoloured_water")
        seen = measured(water, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0)
        assert only(watched("discoloured_water", seen)).measure == 70.0

    def test_what_is_smaller_than_asked_for_is_left(self) -> None:
        soil = measured(filmed("s", 6, class_name="bare_soil"), 40.0)
        assert watched("bare_soil", soil, min_measure=50.0).hits == ()

    def test_heat_is_the_hottest_seen_and_a_plume_the_longest(self) -> None:
        hot = measured(filmed("h", 4, class_name="hotspot"), 80.0, 95.0, 90.0, unit=CELSIUS)
        assert only(watched("overheating_equipment", hot)).measure == 95.0
        plume = measured(filmed("p", 6, class_name="smoke"), 35.0, unit=METRES)
        assert only(watched("smoke_plume", plume)).measure == 35.0

    def test_a_box_without_a_measure_is_taken_by_its_size_with_a_large_error(self) -> None:
        hit = only(watched("dumped_rubbish", filmed("r", 4, class_name="rubbish")))
        assert hit.measure == pytest.approx(0.6 * 4.5**2)
        assert hit.measure_error == pytest.approx(0.5 * hit.measure)

    def test_people_are_counted(self) -> None:
        heads = [filmed(f"p{k}", 4, 2.0 * k, class_name="no_hard_hat") for k in range(3)]
        hit = only(watched("no_hard_hat", *heads))
        assert (hit.measure, hit.measure_error) == (3.0, None)

    def test_it_is_one_incident_until_it_was_unseen_for_too_long(self) -> None:
        soil = thing("s", [(0, 0, 0), (3600, 0, 0)], class_name="bare_soil")
        assert len(watched("bare_soil", soil).hits) == 1
        assert len(watched("bare_soil", soil, max_gap_s=1800.0).hits) == 2


class TestPeople:
    def crowd(self, *easts: float) -> list[TrackedObject]:
        return [filmed(f"p{k}", 6, east_m, class_name="person") for k, east_m in enumerate(easts)]

    def test_people_near_each_other_are_a_gathering(self) -> None:
        rule = {"type": "people_limit", "max_count": 3}
        hit = only(evaluate_rules(site_with(rule), self.crowd(0, 2, 4, 6)))
        assert (hit.type, len(hit.object_ids)) == ("gathering", 4)

    def test_a_crowd_is_measured_by_its_people_per_100_m2(self) -> None:
        rule = {"type": "people_limit", "max_count": 3}
        # In a row 2 m apart: 6 m long, 1 m of room around it.
        (hit,) = evaluate_rules(site_with(rule), self.crowd(0, 2, 4, 6)).hits
        assert hit.measure == pytest.approx(100.0 * 4 / (6 * 2 + 3.14), rel=0.02)
        assert hit.measure_error is not None
        assert hit.measure_error > 0.0

    def test_people_who_stand_apart_may_be_no_crowd(self) -> None:
        rule = {"type": "people_limit", "max_count": 3, "min_per_100_m2": 20.0}
        assert evaluate_rules(site_with(rule), self.crowd(0, 6, 12, 18)).hits == ()
        assert len(evaluate_rules(site_with(rule), self.crowd(0, 2, 4, 6)).hits) == 1

    def test_people_here_and_there_are_not(self) -> None:
        rule = {"type": "people_limit", "max_count": 3, "within_m": 4.0}
        assert evaluate_rules(site_with(rule), self.crowd(-15, -13, 6, 8)).hits == ()

    def test_on_a_carriageway_they_are_called_what_they_are(self) -> None:
        rule = {"type": "people_limit", "max_count": 1, "incident": "crowd_on_carriageway"}
        assert (
            only(evaluate_rules(site_with(rule), self.crowd(0, 2))).type == "crowd_on_carriageway"
        )

    def test_in_a_forbidden_zone_they_can_be_intruders(self) -> None:
        rule = {"type": "forbidden_zone", "classes": ["person"], "incident": "perimeter_intrusion"}
        assert only(evaluate_rules(site_with(rule), self.crowd(0))).type == "perimeter_intrusion"


QUEUES = {"type": "congestion", "min_length_m": 60.0}


class TestCongestion:
    def queue(self, count: int, gap_m: float, speed_mps: float = 0.0) -> list[TrackedObject]:
        cars = [filmed(f"c{k}", 8, gap_m * (k - count / 2)) for k in range(count)]
        return [replace(car, speed_mps=speed_mps) for car in cars]

    def test_a_standing_queue_is_measured_by_its_vehicles_per_lane_kilometre(self) -> None:
        queue = self.queue(12, 8.0, speed_mps=0.5)
        hit = only(evaluate_rules(site_with(QUEUES, half_width_m=200.0), queue))
        assert hit.type == "congestion"
        length_m = 11 * 8.0 + 5.0
        assert hit.measure == pytest.approx(1000.0 * 12 / (length_m * 2), rel=0.01)
        share = 2**0.5 / 1.515 / length_m
        assert hit.measure_error == pytest.approx(share * hit.measure, rel=0.02)
        assert hit.speed_mps == 0.5

    def test_traffic_that_flows_is_none(self) -> None:
        site = site_with(QUEUES, half_width_m=200.0)
        assert evaluate_rules(site, self.queue(12, 8.0, speed_mps=9.0)).hits == ()

    def test_a_few_cars_far_apart_are_none(self) -> None:
        site = site_with(QUEUES, half_width_m=200.0)
        assert evaluate_rules(site, self.queue(8, 24.0)).hits == ()

    def test_a_short_queue_is_none(self) -> None:
        site = site_with(QUEUES, half_width_m=200.0)
        assert evaluate_rules(site, self.queue(5, 8.0)).hits == ()

    def test_cars_that_drive_through_a_queue_do_not_lengthen_it(self) -> None:
        site = site_with(QUEUES, half_width_m=200.0)
        passing = replace(drive("fast", [(0, -150, 3), (10, 150, 3)]), speed_mps=30.0)
        hit = only(evaluate_rules(site, [*self.queue(12, 8.0), passing]))
        assert "fast" not in hit.object_ids
