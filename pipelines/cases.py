"""The same standing thing on several days is one case with a history.

Incidents are rows of a day. What stands at the same place of the same zone and breaks the same
rule again, on a later patrol or another day, gets the `case_id` of the incident that it was first
known by. What moved is a case of its own: nothing says that it is the same.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pyarrow as pa

from park.geodesy import LocalFrame

LONGEST_ABSENCE = timedelta(days=30)
"""What was unseen for longer is a new case."""

_LEAST_M = 5.0
_MOST_M = 50.0
_ERRORS = 2.0
"""Two radii of 68 % together, twice: about three standard deviations of the distance."""


@dataclass(frozen=True, slots=True)
class _Known:
    incident_id: str
    case_id: str | None
    first_seen: datetime
    last_seen: datetime
    place: tuple[float, float, float]

    @property
    def name(self) -> str:
        return self.case_id or self.incident_id


def with_cases(rows: pa.Table, others: pa.Table) -> pa.Table:
    """Return rows of `incidents` with the case that each belongs to.

    Rows that have a case already keep it. Of several known cases at one place the one that
    began first counts; where none is known, the incident's own id begins one. The result does
    not depend on the order of either table.

    Args:
        rows: incidents of the days of a run.
        others: incidents of the same site on all other days.
    """
    known: dict[tuple[str, str], list[_Known]] = defaultdict(list)
    for key, one in _read(others):
        known[key].append(one)
    fresh = list(_read(rows))
    frame = _frame(fresh)
    cases: dict[str, str] = {}
    for key, one in sorted(fresh, key=lambda item: (item[1].first_seen, item[1].incident_id)):
        belongs = one
        if one.case_id is None:
            same = [other for other in known[key] if _is_same(one, other, frame)]
            first = min(same, key=lambda other: (other.first_seen, other.name), default=one)
            belongs = replace(one, case_id=first.name)
        cases[one.incident_id] = belongs.name
        known[key].append(belongs)
    index = rows.schema.get_field_index("case_id")
    named = [cases[str(incident_id)] for incident_id in rows["incident_id"].to_pylist()]
    return rows.set_column(index, rows.schema.field(index), pa.array(named, pa.string()))


def _read(rows: pa.Table) -> Iterable[tuple[tuple[str, str], _Known]]:
    columns = [
        "incident_id", "case_id", "zone_id", "type", "first_seen", "last_seen",
        "lat_deg", "lon_deg", "error_m",
    ]  # fmt: skip
    for row in rows.select(columns).to_pylist():
        place = (row["lat_deg"], row["lon_deg"], row["error_m"])
        yield (
            (row["zone_id"], row["type"]),
            _Known(row["incident_id"], row["case_id"], row["first_seen"], row["last_seen"], place),
        )


def _frame(rows: list[tuple[tuple[str, str], _Known]]) -> LocalFrame:
    if not rows:
        return LocalFrame(0.0, 0.0)
    first = min(rows, key=lambda item: item[1].incident_id)[1]
    return LocalFrame(first.place[0], first.place[1])


def _is_same(one: _Known, other: _Known, frame: LocalFrame) -> bool:
    apart = max(one.first_seen - other.last_seen, other.first_seen - one.last_seen)
    if apart > LONGEST_ABSENCE:
        return False
    here, there = frame.to_en_m(*one.place[:2]), frame.to_en_m(*other.place[:2])
    reach_m = _ERRORS * math.hypot(one.place[2], other.place[2])
    return math.dist(here, there) <= min(max(_LEAST_M, reach_m), _MOST_M)
