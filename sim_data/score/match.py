"""Which reported incident is which staged thing.

An incident can be a staged thing when it is reported no further from it than its own error and
the thing's extent explain, and while the thing was there. Among all that can be, pairs are
chosen so that as many as possible are matched, and the sum of their distances is least
(`scipy.optimize.linear_sum_assignment`). First incidents and staged things of the same type are
paired; what is left over on either side is a miss or a false alarm, and a false alarm beside
something staged was taken for what it is not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from park.errors import RecordError
from park.geodesy import distance_m
from park.records import Incident
from sim_data.scenario.records import TruthRow

NEARLY_ALL = math.sqrt(-2.0 * math.log(1.0 - 0.9973)) / math.sqrt(-2.0 * math.log(1.0 - 0.6827))
"""Radii of 68.27 % within which 99.73 % of round errors are ("three sigma"): 2.27."""

_NEVER = 1e9


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far an incident may be from what is true and still be it.

    Attributes:
        error_factor: how often its own `error_m` it may be away.
        slack_m: metres on top of that and of the extent.
        slack_s: seconds before the thing began and after it ended.
    """

    error_factor: float = NEARLY_ALL
    slack_m: float = 2.0
    slack_s: float = 30.0

    def __post_init__(self) -> None:
        for name in ("error_factor", "slack_m", "slack_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise RecordError(f"{name} {value} of a tolerance is not zero or more")

    def reach_m(self, incident: Incident, row: TruthRow) -> float:
        """Return how far apart the two may be."""
        return self.error_factor * incident.place.error_m + row.extent_m + self.slack_m

    def same_time(self, incident: Incident, row: TruthRow) -> bool:
        """Return whether the incident was seen while the thing was there."""
        slack = timedelta(seconds=self.slack_s)
        return (
            incident.first_seen <= row.last_time + slack
            and incident.last_seen >= row.first_time - slack
        )


@dataclass(frozen=True, slots=True)
class Match:
    """An incident that was reported as it is.

    Attributes:
        incident: what was reported.
        row: what is true.
        distance_m: between the two places.
    """

    incident: Incident
    row: TruthRow
    distance_m: float

    @property
    def within_sigma(self) -> bool:
        """Whether the place is no further off than the incident's `error_m` says."""
        return self.distance_m <= self.incident.place.error_m

    @property
    def dwell_error_s(self) -> float:
        """Seconds by which the incident was seen for longer than it was there; mostly below 0."""
        return self.incident.dwell_s - self.row.duration_s

    @property
    def time_to_report_s(self) -> float:
        """Seconds from its beginning to the first sighting that the incident rests on."""
        return (self.incident.first_seen - self.row.first_time).total_seconds()


class Cause(StrEnum):
    """Why a report is a false alarm."""

    LOOK_ALIKE = "look_alike"
    """It is a look-alike, taken for an incident."""
    OTHER_TYPE = "other_type"
    """Something staged is there, of another type."""
    AGAIN = "again"
    """The same staged thing was reported before."""
    NOTHING = "nothing"
    """Nothing was staged there."""


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """An incident that should not have been reported.

    Attributes:
        incident: what was reported.
        cause: why.
        row: what it was taken for that is there; None where nothing is.
    """

    incident: Incident
    cause: Cause
    row: TruthRow | None = None


@dataclass(frozen=True, slots=True)
class Matching:
    """Incidents and truth, side by side.

    Attributes:
        matches: reported as they are, by time.
        missed: staged incidents that were not reported as what they are, by time.
        false_alarms: reported and not so, by time.
        quiet: look-alikes that nobody took for an incident.
    """

    matches: tuple[Match, ...]
    missed: tuple[TruthRow, ...]
    false_alarms: tuple[FalseAlarm, ...]
    quiet: tuple[TruthRow, ...]


def match_incidents(
    incidents: Iterable[Incident], rows: Iterable[TruthRow], tolerance: Tolerance | None = None
) -> Matching:
    """Pair incidents with truth by type, place and time.

    Args:
        incidents: of the days that the truth is about.
        rows: the truth, look-alikes included.
        tolerance: how far apart they may be.
    """
    allowed = tolerance or Tolerance()
    reported = sorted(incidents, key=lambda one: (one.first_seen, one.incident_id))
    staged = sorted(rows, key=lambda row: (row.first_time, row.truth_id))
    matches: list[Match] = []
    for type_id in sorted({one.type for one in reported}):
        matches += _pairs(
            [one for one in reported if one.type == type_id],
            [row for row in staged if row.must_fire and row.type == type_id],
            allowed,
        )
    matched = {match.row.truth_id for match in matches}
    right = {match.incident.incident_id for match in matches}
    wrong = [one for one in reported if one.incident_id not in right]
    free = [row for row in staged if row.truth_id not in matched]
    # One to one first, so that two false alarms beside two look-alikes are one each.
    beside = {pair.incident.incident_id: pair.row for pair in _pairs(wrong, free, allowed)}
    for one in wrong:
        if one.incident_id not in beside and (row := _nearest(one, staged, allowed)) is not None:
            beside[one.incident_id] = row
    alarms = tuple(_alarm(one, beside.get(one.incident_id)) for one in wrong)
    taken = {alarm.row.truth_id for alarm in alarms if alarm.row is not None}
    return Matching(
        tuple(sorted(matches, key=lambda m: (m.incident.first_seen, m.incident.incident_id))),
        tuple(row for row in free if row.must_fire),
        alarms,
        tuple(row for row in free if not row.must_fire and row.truth_id not in taken),
    )


def _alarm(incident: Incident, row: TruthRow | None) -> FalseAlarm:
    if row is None:
        return FalseAlarm(incident, Cause.NOTHING)
    if not row.must_fire:
        return FalseAlarm(incident, Cause.LOOK_ALIKE, row)
    return FalseAlarm(incident, Cause.AGAIN if row.type == incident.type else Cause.OTHER_TYPE, row)


def _pairs(
    incidents: Sequence[Incident], rows: Sequence[TruthRow], allowed: Tolerance
) -> list[Match]:
    if not incidents or not rows:
        return []
    far_m = np.full((len(incidents), len(rows)), _NEVER)
    for i, incident in enumerate(incidents):
        for j, row in enumerate(rows):
            distance = _distance_m(incident, row)
            if distance <= allowed.reach_m(incident, row) and allowed.same_time(incident, row):
                far_m[i, j] = distance
    chosen: tuple[NDArray[np.intp], NDArray[np.intp]] = linear_sum_assignment(far_m)
    return [
        Match(incidents[i], rows[j], float(far_m[i, j]))
        for i, j in zip(*chosen, strict=True)
        if far_m[i, j] < _NEVER
    ]


def _nearest(incident: Incident, rows: Sequence[TruthRow], allowed: Tolerance) -> TruthRow | None:
    near = [
        row
        for row in rows
        if allowed.same_time(incident, row)
        and _distance_m(incident, row) <= allowed.reach_m(incident, row)
    ]
    # The same type first: a second report of one thing is no confusion.
    return min(
        near,
        key=lambda row: (row.type != incident.type, _distance_m(incident, row), row.truth_id),
        default=None,
    )


def _distance_m(incident: Incident, row: TruthRow) -> float:
    return distance_m(incident.place.lat_deg, incident.place.lon_deg, row.lat_deg, row.lon_deg)
