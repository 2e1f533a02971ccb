from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from park.geodesy import LocalFrame
from park.records import GroundPoint, Incident, Observation
from park.rows import RunStamp, incidents_to_table
from park.schemas import INCIDENTS
from pipelines.cases import with_cases

FRAME = LocalFrame(31.0, 121.0)
MORNING = datetime(2026, 5, 4, 1, tzinfo=UTC)
STAMP = RunStamp("west", "r", UTC, MORNING)
NONE = INCIDENTS.empty_table()


def incident(
    name: str,
    day: int,
    east_m: float = 0.0,
    *,
    error_m: float = 1.0,
    kind: str = "bare_soil",
    zone_id: str = "z",
    case_id: str | None = None,
) -> pa.Table:
    lat_deg, lon_deg = FRAME.to_lat_lon(east_m, 0.0)
    place = GroundPoint(lat_deg, lon_deg, error_m)
    seen = MORNING + timedelta(days=day)
    best = Observation(
        f"d{name}", "p", seen, "bare_soil", 0.9, (0.0, 0.0, 1.0, 1.0), None, None, place, 3.0,
        "a.jpg", 0.0, "m@1",
    )  # fmt: skip
    one = Incident(
        name, seen.date(), "environment", kind, 1, zone_id, place, seen, seen, 0.0, 3.0, ("o",), 1,
        None, "m@1", best, None, case_id,
    )  # fmt: skip
    return incidents_to_table([one], STAMP, {})


def together(*rows: pa.Table) -> pa.Table:
    return pa.concat_tables(rows)


def cases(rows: pa.Table, others: pa.Table = NONE) -> dict[str, str]:
    found = with_cases(rows, others)
    return {str(row["incident_id"]): str(row["case_id"]) for row in found.to_pylist()}


def test_the_first_incident_begins_a_case() -> None:
    assert cases(incident("a", 0)) == {"a": "a"}


def test_the_same_thing_on_another_day_belongs_to_it() -> None:
    assert cases(incident("b", 1), incident("a", 0, case_id="a")) == {"b": "a"}


def test_it_does_not_matter_which_day_is_processed_first() -> None:
    assert cases(incident("a", 0), incident("b", 1, case_id="b")) == {"a": "b"}


def test_days_of_one_run_are_joined() -> None:
    rows = together(incident("c", 2), incident("a", 0), incident("b", 1))
    assert cases(rows) == {"a": "a", "b": "a", "c": "a"}


def test_another_place_zone_or_type_is_another_case() -> None:
    others = incident("a", 0, case_id="a")
    assert cases(incident("b", 1, 8.0), others) == {"b": "b"}
    assert cases(incident("b", 1, zone_id="y"), others) == {"b": "b"}
    assert cases(incident("b", 1, kind="dumped_rubbish"), others) == {"b": "b"}


def test_places_are_the_same_within_their_errors() -> None:
    others = incident("a", 0, case_id="a", error_m=4.0)
    assert cases(incident("b", 1, 11.0, error_m=4.0), others) == {"b": "a"}
    assert cases(incident("b", 1, 12.0, error_m=4.0), others) == {"b": "b"}


def test_what_was_unseen_for_a_month_is_a_new_case() -> None:
    others = incident("a", 0, case_id="a")
    assert cases(incident("b", 30), others) == {"b": "a"}
    assert cases(incident("b", 31), others) == {"b": "b"}


def test_a_case_lives_on_as_long_as_it_is_seen() -> None:
    others = together(incident("a", 0, case_id="a"), incident("b", 25, case_id="a"))
    assert cases(incident("c", 50), others) == {"c": "a"}


def test_of_two_cases_at_one_place_the_older_counts() -> None:
    others = together(incident("a", 0, -4.0, case_id="a"), incident("b", 1, 4.0, case_id="b"))
    assert cases(incident("c", 2), others) == {"c": "a"}


def test_what_moved_keeps_a_case_of_its_own() -> None:
    others = incident("a", 0, case_id="a")
    assert cases(incident("b", 1, case_id="b"), others) == {"b": "b"}


@given(
    st.lists(st.tuples(st.integers(0, 60), st.floats(-40, 40)), min_size=1, max_size=8),
    st.randoms(),
)
def test_order_does_not_matter(seen: list[tuple[int, float]], dice: random.Random) -> None:
    rows = [incident(f"i{k}", day, east_m) for k, (day, east_m) in enumerate(seen)]
    shuffled = list(rows)
    dice.shuffle(shuffled)
    assert cases(together(*rows)) == cases(together(*shuffled))


@given(st.lists(st.tuples(st.integers(0, 20), st.floats(-40, 40)), min_size=1, max_size=6))
def test_doing_it_again_changes_nothing(seen: list[tuple[int, float]]) -> None:
    rows = together(*(incident(f"i{k}", day, east_m) for k, (day, east_m) in enumerate(seen)))
    once = with_cases(rows, NONE)
    assert with_cases(once, NONE).equals(once)
