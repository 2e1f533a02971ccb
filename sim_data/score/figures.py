"""What a matching comes to: precision and recall, errors, confusion; as records and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from park.records import JsonValue
from sim_data.scenario.records import LookAlike
from sim_data.score.locating import PlaceErrors
from sim_data.score.match import Cause, FalseAlarm, Match, Matching

NOT_REPORTED = "not reported"
"""In a confusion: nothing was reported where something was staged."""
NOTHING_STAGED = "nothing"
"""In a confusion: nothing was staged where something was reported."""

_POINT_LIKE_M = 4.0


@dataclass(frozen=True, slots=True)
class TypeScore:
    """How well incidents of one type, or of all together, were reported.

    Attributes:
        type: a type of the taxonomy; "all" for the sum.
        staged: how many there are.
        reported: how many incidents of this type were reported.
        matched: how many of both are the same.
        in_view: how many of those staged any picture shows; None when no footage was given.
        matched_in_view: how many of these were reported.
        place_median_m: median distance of matched incidents from the middle of the thing.
        place_p95_m: 95 % are no further.
        within_sigma: share of matched incidents of things up to 4 m whose place is no further
            off than their `error_m`; None when there are none.
        dwell_error_s: median of time seen less time there; below 0 where it was seen for less.
        time_to_report_s: median from its beginning to the first sighting of the incident.
    """

    type: str
    staged: int
    reported: int
    matched: int
    in_view: int | None = None
    matched_in_view: int | None = None
    place_median_m: float | None = None
    place_p95_m: float | None = None
    within_sigma: float | None = None
    dwell_error_s: float | None = None
    time_to_report_s: float | None = None

    @property
    def precision(self) -> float | None:
        """Share of what was reported that is so; None when nothing was reported."""
        return self.matched / self.reported if self.reported else None

    @property
    def recall(self) -> float | None:
        """Share of what is so that was reported; None when nothing was staged."""
        return self.matched / self.staged if self.staged else None

    @property
    def recall_in_view(self) -> float | None:
        """Share of what any picture shows that was reported."""
        if not self.in_view or self.matched_in_view is None:
            return None
        return self.matched_in_view / self.in_view


@dataclass(frozen=True, slots=True)
class Score:
    """How well a run did against the truth.

    Attributes:
        matching: what is what.
        types: one for each type that was staged or reported, in order of name.
        total: all types together.
        confusion: how often each kind of truth was reported as each type; truth may be a
            look-alike or `NOTHING_STAGED`, the report may be `NOT_REPORTED`.
        look_alikes: how many look-alikes of each kind there are, and how many were reported.
        incident_places: errors of the places of matched incidents of things up to 4 m.
        detection_places: errors of all detections; None without true positions.
        in_view: truth ids of what any picture shows; None when no footage was given.
    """

    matching: Matching
    types: tuple[TypeScore, ...]
    total: TypeScore
    confusion: Mapping[tuple[str, str], int]
    look_alikes: Mapping[str, tuple[int, int]]
    incident_places: PlaceErrors | None
    detection_places: PlaceErrors | None = None
    in_view: frozenset[str] | None = None

    def to_json(self) -> dict[str, JsonValue]:
        """Return all of it as values of JSON."""
        matching = self.matching
        return {
            "total": _type_json(self.total),
            "types": [_type_json(one) for one in self.types],
            "confusion": [
                {"staged": staged, "reported": reported, "count": count}
                for (staged, reported), count in sorted(self.confusion.items())
            ],
            "look_alikes": [
                {"look_alike": name, "staged": staged, "reported": reported}
                for name, (staged, reported) in self.look_alikes.items()
            ],
            "incident_places": _places_json(self.incident_places),
            "detection_places": _places_json(self.detection_places),
            "matches": [_match_json(one) for one in matching.matches],
            "missed": [
                {
                    "truth_id": row.truth_id,
                    "type": row.type,
                    "difficulty": row.difficulty.value,
                    "lat_deg": row.lat_deg,
                    "lon_deg": row.lon_deg,
                    "first_time": row.first_time.isoformat(),
                    "in_view": None if self.in_view is None else row.truth_id in self.in_view,
                }
                for row in matching.missed
            ],
            "false_alarms": [_alarm_json(one) for one in matching.false_alarms],
        }


def score_matching(
    matching: Matching,
    *,
    in_view: Collection[str] | None = None,
    detection_places: PlaceErrors | None = None,
) -> Score:
    """Return what a matching comes to.

    Args:
        matching: from `match_incidents`.
        in_view: truth ids of what any picture shows, where the footage was looked at.
        detection_places: errors of detections, where true positions are known.
    """
    seen = None if in_view is None else frozenset(in_view)
    staged = [*(match.row for match in matching.matches), *matching.missed]
    alarms = matching.false_alarms
    names = sorted({row.type for row in staged} | {alarm.incident.type for alarm in alarms})
    types = tuple(_type_score(name, matching, seen) for name in names)
    confusion: Counter[tuple[str, str]] = Counter()
    for match in matching.matches:
        confusion[(match.row.type, match.incident.type)] += 1
    for alarm in alarms:
        confusion[(alarm.row.type if alarm.row else NOTHING_STAGED, alarm.incident.type)] += 1
    taken = {alarm.row.truth_id for alarm in alarms if alarm.row is not None}
    for row in (*matching.missed, *matching.quiet):
        if row.truth_id not in taken:
            confusion[(row.type, NOT_REPORTED)] += 1
    small = _point_like(matching.matches)
    return Score(
        matching=matching,
        types=types,
        total=_type_score(None, matching, seen),
        confusion=dict(confusion),
        look_alikes=_look_alikes(matching),
        incident_places=PlaceErrors.of(
            [one.distance_m for one in small], [one.incident.place.error_m for one in small]
        ),
        detection_places=detection_places,
        in_view=seen,
    )


def _look_alikes(matching: Matching) -> dict[str, tuple[int, int]]:
    quiet = Counter(row.type for row in matching.quiet)
    fooled = {
        alarm.row.truth_id: alarm.row.type
        for alarm in matching.false_alarms
        if alarm.cause is Cause.LOOK_ALIKE and alarm.row is not None
    }
    reported = Counter(fooled.values())
    return {
        kind.value: (quiet[kind.value] + reported[kind.value], reported[kind.value])
        for kind in LookAlike
        if quiet[kind.value] + reported[kind.value]
    }


def _type_score(name: str | None, matching: Matching, seen: frozenset[str] | None) -> TypeScore:
    matches = [one for one in matching.matches if name in (None, one.row.type)]
    missed = [row for row in matching.missed if name in (None, row.type)]
    alarms = [one for one in matching.false_alarms if name in (None, one.incident.type)]
    small = _point_like(matches)
    far = [one.distance_m for one in matches]
    in_view = matched_in_view = None
    if seen is not None:
        # What was reported rests on a picture, whether or not its middle was in one.
        matched_in_view = len(matches)
        in_view = len(matches) + sum(row.truth_id in seen for row in missed)
    return TypeScore(
        type=name or "all",
        staged=len(matches) + len(missed),
        reported=len(matches) + len(alarms),
        matched=len(matches),
        in_view=in_view,
        matched_in_view=matched_in_view,
        place_median_m=_median(far),
        place_p95_m=float(np.quantile(far, 0.95)) if far else None,
        within_sigma=sum(one.within_sigma for one in small) / len(small) if small else None,
        dwell_error_s=_median([one.dwell_error_s for one in matches]),
        time_to_report_s=_median([one.time_to_report_s for one in matches]),
    )


def _point_like(matches: Sequence[Match]) -> list[Match]:
    """Return matches of things whose place is defined better than a few metres."""
    return [one for one in matches if one.row.extent_m <= _POINT_LIKE_M]


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if values else None


def _type_json(one: TypeScore) -> dict[str, JsonValue]:
    values: dict[str, JsonValue] = asdict(one)
    values["precision"], values["recall"] = one.precision, one.recall
    values["recall_in_view"] = one.recall_in_view
    return values


def _places_json(places: PlaceErrors | None) -> JsonValue:
    return None if places is None else {**asdict(places), "honest": places.honest}


def _match_json(one: Match) -> dict[str, JsonValue]:
    return {
        "truth_id": one.row.truth_id,
        "incident_id": one.incident.incident_id,
        "type": one.row.type,
        "difficulty": one.row.difficulty.value,
        "distance_m": one.distance_m,
        "error_m": one.incident.place.error_m,
        "dwell_error_s": one.dwell_error_s,
        "time_to_report_s": one.time_to_report_s,
    }


def _alarm_json(one: FalseAlarm) -> dict[str, JsonValue]:
    return {
        "incident_id": one.incident.incident_id,
        "type": one.incident.type,
        "cause": one.cause.value,
        "truth_id": one.row.truth_id if one.row else None,
        "staged": one.row.type if one.row else None,
        "lat_deg": one.incident.place.lat_deg,
        "lon_deg": one.incident.place.lon_deg,
        "first_seen": one.incident.first_seen.isoformat(),
        "evidence_uri": one.incident.evidence_uri,
    }
