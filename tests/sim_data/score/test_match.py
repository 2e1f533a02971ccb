"""Incidents are paired with truth by type, place and time, each once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from park.errors import RecordError
from sim_data.score import Cause, Tolerance, match_incidents
from sim_data.score.match import NEARLY_ALL
from tests.sim_data.score.reports import incident, row


def test_an_incident_at_its_place_and_time_is_matched() -> None:
    matching = match_incidents(
        [incident("i", "illegal_parking", 1.0, 0.0, first_s=60, last_s=500)],
        [row("t", "illegal_parking", first_s=20, last_s=600)],
    )
    (match,) = matching.matches
    assert match.distance_m == pytest.approx(1.0, abs=0.01)
    assert match.time_to_report_s == 40.0
    assert match.dwell_error_s == 440.0 - 580.0
    assert not matching.missed
    assert not matching.false_alarms


@pytest.mark.parametrize(
    ("east_m", "error_m", "matched"),
    [(8.0, 1.0, False), (6.2, 1.0, True), (8.0, 2.0, True), (30.0, 12.0, True)],
)
def test_how_far_off_it_may_be_follows_its_own_error_and_the_extent(
    east_m: float, error_m: float, matched: bool
) -> None:
    # 2.27 x error + extent 2 m + slack 2 m.
    matching = match_incidents(
        [incident("i", "smoke", east_m, error_m=error_m)], [row("t", "smoke", extent_m=2.0)]
    )
    assert bool(matching.matches) is matched
    assert bool(matching.missed) is not matched
    assert [alarm.cause for alarm in matching.false_alarms] == ([] if matched else [Cause.NOTHING])


def test_three_sigma_of_a_round_error_is_2_27_radii_of_one_sigma() -> None:
    assert pytest.approx(2.27, abs=0.005) == NEARLY_ALL


def test_an_incident_before_or_long_after_is_none() -> None:
    staged = [row("t", "smoke", first_s=200, last_s=300)]
    for first_s, last_s, matched in ((100, 169, 0), (100, 171, 1), (329, 400, 1), (331, 400, 0)):
        found = match_incidents([incident("i", "smoke", first_s=first_s, last_s=last_s)], staged)
        assert len(found.matches) == matched


def test_pairs_are_chosen_so_that_as_many_as_possible_are_matched() -> None:
    # The nearest pair alone would leave the other two without a partner.
    staged = [row("left", "smoke", 0.0), row("right", "smoke", 6.0)]
    reported = [incident("a", "smoke", 1.5), incident("b", "smoke", -4.0)]
    matching = match_incidents(reported, staged)
    assert {(m.incident.incident_id, m.row.truth_id) for m in matching.matches} == {
        ("a", "right"),
        ("b", "left"),
    }


def test_a_look_alike_that_is_reported_is_a_false_alarm_and_one_that_is_not_is_quiet() -> None:
    staged = [row("steam", "steam", 0.0), row("roof", "red_roof", 100.0)]
    matching = match_incidents([incident("i", "smoke")], staged)
    (alarm,) = matching.false_alarms
    assert (alarm.cause, alarm.row) == (Cause.LOOK_ALIKE, staged[0])
    assert matching.quiet == (staged[1],)
    assert matching.missed == ()


def test_another_type_at_the_place_is_a_miss_and_a_false_alarm() -> None:
    staged = [row("t", "open_flame")]
    matching = match_incidents([incident("i", "smoke")], staged)
    assert matching.missed == tuple(staged)
    assert [(a.cause, a.row) for a in matching.false_alarms] == [(Cause.OTHER_TYPE, staged[0])]


def test_a_second_report_of_one_thing_is_said_to_be_that() -> None:
    matching = match_incidents(
        [incident("near", "smoke", 0.5), incident("far", "smoke", 1.5)], [row("t", "smoke")]
    )
    assert [m.incident.incident_id for m in matching.matches] == ["near"]
    assert [(a.incident.incident_id, a.cause) for a in matching.false_alarms] == [
        ("far", Cause.AGAIN)
    ]


def test_a_tolerance_below_zero_is_refused() -> None:
    with pytest.raises(RecordError, match="slack_m -1 of a tolerance is not zero or more"):
        Tolerance(slack_m=-1)


@given(
    st.lists(st.tuples(st.sampled_from(["smoke", "open_flame"]), st.integers(-30, 30)), max_size=8),
    st.lists(
        st.tuples(st.sampled_from(["smoke", "open_flame", "steam"]), st.integers(-30, 30)),
        max_size=8,
    ),
)
def test_everything_is_counted_exactly_once(
    reports: list[tuple[str, int]], truths: list[tuple[str, int]]
) -> None:
    incidents = [incident(f"i{n}", kind, float(e)) for n, (kind, e) in enumerate(reports)]
    rows = [row(f"t{n}", kind, float(e)) for n, (kind, e) in enumerate(truths)]
    found = match_incidents(incidents, rows)
    assert sorted(
        [m.incident.incident_id for m in found.matches]
        + [a.incident.incident_id for a in found.false_alarms]
    ) == sorted(one.incident_id for one in incidents)
    must = sorted(one.truth_id for one in rows if one.must_fire)
    assert (
        sorted([m.row.truth_id for m in found.matches] + [one.truth_id for one in found.missed])
        == must
    )
    assert all(m.row.type == m.incident.type for m in found.matches)
