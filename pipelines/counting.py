"""How many things are in a zone at a time, when a drone sees the zone part by part."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from park.geodesy import LocalFrame
from park.records import GroundPoint, Observation, TrackedObject
from pipelines.stays import Stay


@dataclass(frozen=True, slots=True)
class Visit:
    """A thing inside a zone, from when to when."""

    thing: TrackedObject
    stay: Stay


@dataclass(frozen=True, slots=True)
class Episode:
    """A time during which there were too many.

    Attributes:
        first_seen: the moment from which it was known.
        last_seen: the last moment for which it is known.
        peak: the visits of the moment with the most things.
        observations: all sightings of the peak's things during their visits, in time order.
        evidence: those in the picture that shows most of them.
    """

    first_seen: datetime
    last_seen: datetime
    peak: tuple[Visit, ...]
    observations: tuple[Observation, ...]
    evidence: tuple[Observation, ...]


def crowded_episodes(
    visits: Sequence[Visit],
    max_count: int,
    window_s: float,
    joined: Callable[[datetime, datetime], bool],
) -> tuple[Episode, ...]:
    """Return the times during which more than `max_count` things were there.

    What stands counts as there together with all else that was seen within `window_s` before
    a moment; what moves counts only with what is there at the same moment.

    Args:
        visits: who was inside when.
        max_count: the most that may be there.
        window_s: seconds that the drone takes to see the zone.
        joined: whether two crowded moments belong to one episode.
    """
    if len({visit.thing.object_id for visit in visits}) <= max_count:
        return ()
    counter = _Counter(visits, timedelta(seconds=window_s))
    runs: list[list[datetime]] = []
    for moment in counter.arrivals:
        # Counting visits is quick; one thing may have two visits in a window.
        if counter.count_at(moment) <= max_count or counter.things_at(moment) <= max_count:
            continue
        if runs and joined(runs[-1][-1], moment):
            runs[-1].append(moment)
        else:
            runs.append([moment])
    return tuple(_episode(counter, run, max_count) for run in runs)


def middle_of(visits: Sequence[Visit], frame: LocalFrame) -> GroundPoint:
    """Return the middle of where things are, with a radius that says how far they spread.

    `error_m` holds the spread of the things around their middle and their own errors.
    """
    places = [visit.stay.place for visit in visits]
    en_m = [frame.to_en_m(place.lat_deg, place.lon_deg) for place in places]
    east_m = sum(e for e, _ in en_m) / len(en_m)
    north_m = sum(n for _, n in en_m) / len(en_m)
    spread_m2 = sum((e - east_m) ** 2 + (n - north_m) ** 2 for e, n in en_m) / len(en_m)
    own_m2 = sum(place.error_m**2 for place in places) / len(places)
    lat_deg, lon_deg = frame.to_lat_lon(east_m, north_m)
    return GroundPoint(lat_deg, lon_deg, math.sqrt(spread_m2 + own_m2))


class _Counter:
    def __init__(self, visits: Sequence[Visit], window: timedelta) -> None:
        self._window = window
        self._still = [visit for visit in visits if not visit.thing.moving]
        self._passing = [visit for visit in visits if visit.thing.moving]
        self._still_in = sorted(visit.stay.first_seen for visit in self._still)
        self._still_out = sorted(visit.stay.last_seen for visit in self._still)
        self._passing_in = sorted(visit.stay.first_seen for visit in self._passing)
        self._passing_out = sorted(visit.stay.last_seen for visit in self._passing)
        # How many pass at each of those moments; every window asks for it again.
        self._passing_then = np.array([self._passing_at(one) for one in self._passing_in], np.intp)
        self.arrivals = sorted({visit.stay.first_seen for visit in visits})

    def count_at(self, moment: datetime) -> int:
        """Return how many visits count as there in the window that ends at a moment.

        The most is always reached at somebody's arrival, so only arrivals are asked about.
        """
        begin = moment - self._window
        still = bisect_right(self._still_in, moment) - bisect_left(self._still_out, begin)
        return still + self._busiest(begin, moment)[1]

    def members_at(self, moment: datetime) -> tuple[Visit, ...]:
        """Return the visits that `count_at` counts."""
        begin = moment - self._window
        still = [
            visit
            for visit in self._still
            if visit.stay.first_seen <= moment and visit.stay.last_seen >= begin
        ]
        busiest, _ = self._busiest(begin, moment)
        passing = [
            visit
            for visit in self._passing
            if visit.stay.first_seen <= busiest <= visit.stay.last_seen
        ]
        return (*still, *passing)

    def things_at(self, moment: datetime) -> int:
        """Return how many different things the visits of `members_at` belong to."""
        return len({visit.thing.object_id for visit in self.members_at(moment)})

    def _busiest(self, begin: datetime, end: datetime) -> tuple[datetime, int]:
        first, last = bisect_left(self._passing_in, begin), bisect_right(self._passing_in, end)
        at_begin = self._passing_at(begin)
        if first >= last:
            return begin, at_begin
        busiest = first + int(self._passing_then[first:last].argmax())
        most = int(self._passing_then[busiest])
        return (begin, at_begin) if at_begin >= most else (self._passing_in[busiest], most)

    def _passing_at(self, moment: datetime) -> int:
        return bisect_right(self._passing_in, moment) - bisect_left(self._passing_out, moment)


def _episode(counter: _Counter, crowded: Sequence[datetime], max_count: int) -> Episode:
    peak_moment = max(crowded, key=lambda moment: (counter.things_at(moment), -moment.timestamp()))
    peak = tuple(
        sorted(
            counter.members_at(peak_moment),
            key=lambda visit: (visit.thing.object_id, visit.stay.first_seen),
        )
    )
    last_seen = crowded[0]
    for moment in crowded:
        leaving = sorted(
            (visit.stay.last_seen for visit in counter.members_at(moment)), reverse=True
        )
        # Until here one more than allowed were still seen.
        last_seen = max(last_seen, moment, leaving[max_count])
    observations = tuple(
        sorted(
            {seen.detection_id: seen for v in peak for seen in v.stay.observations}.values(),
            key=lambda seen: (seen.time, seen.detection_id),
        )
    )
    shown = Counter((seen.source_uri, seen.source_time_s) for seen in observations)
    fullest = max(shown, key=lambda picture: (shown[picture], picture))
    evidence = tuple(
        seen for seen in observations if (seen.source_uri, seen.source_time_s) == fullest
    )
    return Episode(crowded[0], last_seen, peak, observations, evidence)
