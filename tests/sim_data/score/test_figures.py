"""Figures of a matching: precision, recall, errors, confusion."""

from __future__ import annotations

import json

import pytest

from sim_data.score import match_incidents, score_matching
from sim_data.score.figures import NOT_REPORTED, NOTHING_STAGED, Score
from tests.sim_data.score.reports import incident, row


def scored(in_view: set[str] | None = None) -> Score:
    staged = [
        row("p1", "illegal_parking", 0.0, first_s=0, last_s=600),
        row("p2", "illegal_parking", 100.0),
        row("p3", "illegal_parking", 200.0),
        row("f1", "open_flame", 300.0),
        row("s1", "steam", 400.0),
        row("s2", "steam", 500.0),
        row("r1", "red_roof", 600.0),
    ]
    reported = [
        incident("a", "illegal_parking", 0.5, error_m=1.0, first_s=30, last_s=570),
        incident("b", "illegal_parking", 101.5, error_m=1.0, first_s=50, last_s=590),
        incident("c", "illegal_parking", 900.0),
        incident("d", "smoke", 300.0),
        incident("e", "smoke", 400.0),
    ]
    return score_matching(match_incidents(reported, staged), in_view=in_view)


def test_precision_and_recall_are_those_of_each_type_and_of_all() -> None:
    score = scored()
    by_type = {one.type: one for one in score.types}
    parking = by_type["illegal_parking"]
    assert (parking.staged, parking.reported, parking.matched) == (3, 3, 2)
    assert parking.precision == parking.recall == pytest.approx(2 / 3)
    assert (by_type["open_flame"].recall, by_type["open_flame"].precision) == (0.0, None)
    assert (by_type["smoke"].recall, by_type["smoke"].precision) == (None, 0.0)
    assert (score.total.staged, score.total.reported, score.total.matched) == (4, 5, 2)


def test_errors_are_medians_of_what_was_matched() -> None:
    parking = next(one for one in scored().types if one.type == "illegal_parking")
    assert parking.place_median_m == pytest.approx(1.0, abs=0.01)
    assert parking.within_sigma == 0.5
    assert parking.time_to_report_s == 40.0
    assert parking.dwell_error_s == -60.0


def test_the_confusion_says_what_was_taken_for_what() -> None:
    assert scored().confusion == {
        ("illegal_parking", "illegal_parking"): 2,
        ("illegal_parking", NOT_REPORTED): 1,
        ("open_flame", "smoke"): 1,
        ("steam", "smoke"): 1,
        ("steam", NOT_REPORTED): 1,
        ("red_roof", NOT_REPORTED): 1,
        (NOTHING_STAGED, "illegal_parking"): 1,
    }
    assert scored().look_alikes == {"steam": (2, 1), "red_roof": (1, 0)}


def test_recall_in_view_leaves_out_what_no_picture_shows() -> None:
    parking = next(one for one in scored({"f1"}).types if one.type == "illegal_parking")
    assert parking.in_view == 2
    assert parking.recall_in_view == 1.0
    total = scored({"f1"}).total
    assert total.in_view == 3
    assert total.recall_in_view == pytest.approx(2 / 3)
    assert scored().total.recall_in_view is None


def test_places_of_large_things_say_nothing_about_honesty() -> None:
    score = score_matching(
        match_incidents([incident("a", "smoke", 9.0)], [row("t", "smoke", extent_m=20.0)])
    )
    assert score.incident_places is None
    assert score.types[0].within_sigma is None
    assert score.types[0].place_median_m == pytest.approx(9.0, abs=0.01)


def test_the_score_is_json() -> None:
    told = json.loads(json.dumps(scored({"f1"}).to_json()))
    assert told["total"]["recall"] == 0.5
    assert {one["truth_id"]: one["in_view"] for one in told["missed"]} == {"p3": False, "f1": True}
    assert {one["incident_id"]: one["cause"] for one in told["false_alarms"]} == {
        "c": "nothing",
        "d": "other_type",
        "e": "look_alike",
    }
    assert told["incident_places"]["count"] == 2
    assert told["detection_places"] is None


def test_nothing_staged_and_nothing_reported_is_a_score_too() -> None:
    score = score_matching(match_incidents([], []))
    assert score.types == ()
    assert score.total.recall is None
    assert json.dumps(score.to_json())
