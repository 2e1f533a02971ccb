"""How far detections were placed from where things really were, and whether `error_m` is honest.

`error_m` promises that 68.27 % of errors are no larger. Whoever trusts it needs both sides: a
share far below says that errors are understated, one far above that they are overstated.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from scipy.optimize import linear_sum_assignment

from park.geodesy import LocalFrame
from park.records import Observation
from park.taxonomy import class_matches
from sim_data.scenario.records import TruePosition

HONEST_SHARE = (0.60, 0.76)
"""Shares of errors within one sigma that count as honest."""

_NEAR_M = 8.0
_NEAR_ERRORS = 4.0
_LONGEST_GAP_S = 1.0
_NEVER = 1e9


@dataclass(frozen=True, slots=True)
class PlaceErrors:
    """Errors of places, in short.

    Attributes:
        count: how many.
        median_m: half are no larger.
        p95_m: 95 % are no larger.
        within_sigma: share no larger than the `error_m` stated with each.
        stated_m: median of the `error_m` stated.
    """

    count: int
    median_m: float
    p95_m: float
    within_sigma: float
    stated_m: float

    @property
    def honest(self) -> bool:
        """Whether the share within one sigma is between 60 and 76 %."""
        return HONEST_SHARE[0] <= self.within_sigma <= HONEST_SHARE[1]

    @classmethod
    def of(cls, errors_m: Sequence[float], stated_m: Sequence[float]) -> PlaceErrors | None:
        """Return them from each error and what was stated with it; None when there are none."""
        if not errors_m:
            return None
        errors, stated = np.asarray(errors_m), np.asarray(stated_m)
        return cls(
            len(errors_m),
            float(np.median(errors)),
            float(np.quantile(errors, 0.95)),
            float(np.mean(errors <= stated)),
            float(np.median(stated)),
        )


@dataclass(frozen=True, slots=True)
class Located:
    """A detection and the thing that it is of.

    Attributes:
        observation: what was detected.
        thing: where it was at that moment.
        error_m: distance between the two.
    """

    observation: Observation
    thing: TruePosition
    error_m: float


def locate_against(
    observations: Iterable[Observation], positions: Iterable[TruePosition]
) -> tuple[Located, ...]:
    """Pair detections with true positions, frame by frame.

    In each frame detections and things of matching classes are paired so that the sum of their
    distances is least; nothing is paired that is further apart than 8 m and four times the
    detection's `error_m`. Things that move are carried along their heading from the nearest
    moment that is known, up to 1 s.

    Args:
        observations: detections; those without a place are passed over.
        positions: true positions of everything that can be detected.
    """
    by_time: dict[datetime, list[TruePosition]] = defaultdict(list)
    for one in positions:
        by_time[one.time].append(one)
    moments = sorted(by_time)
    frames: dict[tuple[str, datetime], list[Observation]] = defaultdict(list)
    for seen in observations:
        if seen.place is not None:
            frames[(seen.patrol_id, seen.time)].append(seen)
    located: list[Located] = []
    for (_, time), seen_then in sorted(frames.items()):
        moment = _nearest(moments, time)
        if moment is not None:
            there = [_carried(one, time) for one in by_time[moment]]
            located += _pairs(seen_then, there)
    return tuple(located)


def place_errors(located: Sequence[Located]) -> PlaceErrors | None:
    """Return the errors of located detections in short; None when there are none."""
    return PlaceErrors.of(
        [one.error_m for one in located],
        [one.observation.place.error_m for one in located if one.observation.place is not None],
    )


def _nearest(moments: Sequence[datetime], time: datetime) -> datetime | None:
    at = bisect_left(moments, time)
    near = moments[max(0, at - 1) : at + 1]
    best = min(near, key=lambda one: abs((one - time).total_seconds()), default=None)
    if best is None or abs((best - time).total_seconds()) > _LONGEST_GAP_S:
        return None
    return best


def _carried(one: TruePosition, time: datetime) -> TruePosition:
    way_m = one.speed_mps * (time - one.time).total_seconds()
    if way_m == 0.0:
        return one
    turn = math.radians(one.heading_deg)
    lat_deg, lon_deg = LocalFrame(one.lat_deg, one.lon_deg).to_lat_lon(
        way_m * math.sin(turn), way_m * math.cos(turn)
    )
    return replace(one, time=time, lat_deg=lat_deg, lon_deg=lon_deg)


def _pairs(seen: Sequence[Observation], there: Sequence[TruePosition]) -> list[Located]:
    placed = [(one, one.place) for one in seen if one.place is not None]
    if not placed or not there:
        return []
    frame = LocalFrame(placed[0][1].lat_deg, placed[0][1].lon_deg)
    things = np.column_stack(
        frame.to_en_m(
            np.array([one.lat_deg for one in there]), np.array([one.lon_deg for one in there])
        )
    )
    spots = np.array([frame.to_en_m(place.lat_deg, place.lon_deg) for _, place in placed])
    far_m = np.linalg.norm(spots[:, None, :] - things[None, :, :], axis=2)
    reach_m = np.array([max(_NEAR_M, _NEAR_ERRORS * place.error_m) for _, place in placed])
    matching = np.array(
        [[_same_class(one.class_name, thing.class_name) for thing in there] for one, _ in placed]
    )
    cost = np.where(matching & (far_m <= reach_m[:, None]), far_m, _NEVER)
    return [
        Located(placed[i][0], there[j], float(cost[i, j]))
        for i, j in zip(*linear_sum_assignment(cost), strict=True)
        if cost[i, j] < _NEVER
    ]


def _same_class(detected: str, true: str) -> bool:
    # A detector may know only the family ("vehicle"), or another member of it.
    return any(
        class_matches(detected, (family,)) and class_matches(true, (family,))
        for family in ("vehicle", "person", true, detected)
    )
