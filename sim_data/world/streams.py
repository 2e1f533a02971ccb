"""Traffic as platoons that come by again and again, so that any instant can be worked out alone.

A stream is a way through the park along lanes that no other stream uses. Every `CYCLE_S` a
platoon sets out on it, of at most `len(SLOTS)` vehicles. All traffic lights have that cycle, so
every platoon meets each light in the same phase and drives like the one before it: one table of
time and distance per place in the platoon says where everybody is at any time. Crossing streams
have green at different times, so nobody meets.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass

from sim_data.world.dice import throw
from sim_data.world.records import Lane, World
from sim_data.world.spot import PointM

CYCLE_S = 90.0
"""Of every traffic light, and between platoons."""

GREEN_S = 40.0
"""How long one road of a junction has green; then all have red for a while, then the other."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a platoon.

    Attributes:
        enters_s: after the first of the platoon.
        queue_m: from the stop line back to the middle of the vehicle when the platoon waits.
        leaves_s: after green, from the queue.
        large: room for a truck or bus.
    """

    enters_s: float
    queue_m: float
    leaves_s: float
    large: bool = False


SLOTS = (
    Slot(0.0, 3.5, 1.0),
    Slot(2.6, 11.5, 2.6),
    Slot(6.2, 23.0, 5.2, large=True),
    Slot(9.8, 34.5, 7.8),
    Slot(12.4, 42.5, 9.4),
)
"""Vehicles of a platoon, the first one first."""

_BRAKE_MPS2 = 1.9
_TURN_MPS = 5.6
_RAMP = 6
_TURN_SHARE = 0.35


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop line on a stream.

    Attributes:
        at_m: along the stream.
        clear_m: how much further the junction has been left.
        green_s: when green begins, in the cycle.
        turns: whether the stream turns right behind it.
    """

    at_m: float
    clear_m: float
    green_s: float
    turns: bool


@dataclass(frozen=True, slots=True)
class Stream:
    """A way through the park, with where the vehicles of a platoon are at which time.

    Attributes:
        number: tells streams apart.
        points: of the way.
        reached_m: along the way, at each point.
        spans: of each lane by its number in the world: where along the way it begins and ends.
        times_s: for each slot, seconds since the platoon set out.
        places_m: for each slot, how far along the way its vehicle is at these times.
        rank: 0 for the lane at the kerb.
    """

    number: int
    points: tuple[PointM, ...]
    reached_m: tuple[float, ...]
    spans: dict[int, tuple[float, float]]
    times_s: tuple[tuple[float, ...], ...]
    places_m: tuple[tuple[float, ...], ...]
    rank: int

    def place(self, along_m: float) -> tuple[float, float, float]:
        """Return east, north and heading of a place along the way."""
        index = min(max(bisect.bisect_right(self.reached_m, along_m), 1), len(self.points) - 1)
        (e0, n0), (e1, n1) = self.points[index - 1], self.points[index]
        length = self.reached_m[index] - self.reached_m[index - 1]
        share = (along_m - self.reached_m[index - 1]) / length
        heading = math.degrees(math.atan2(e1 - e0, n1 - n0)) % 360.0
        return e0 + share * (e1 - e0), n0 + share * (n1 - n0), heading

    def along(self, slot: int, since_s: float) -> tuple[float, float]:
        """Return how far the vehicle of a slot has come after a time, and its speed."""
        times, places = self.times_s[slot], self.places_m[slot]
        index = min(max(bisect.bisect_right(times, since_s), 1), len(times) - 1)
        speed = (places[index] - places[index - 1]) / (times[index] - times[index - 1])
        return places[index - 1] + (since_s - times[index - 1]) * speed, speed

    def time_at(self, slot: int, along_m: float) -> float:
        """Return when the vehicle of a slot comes to a place along the way."""
        times, places = self.times_s[slot], self.places_m[slot]
        if along_m <= places[0]:
            return times[0]
        index = min(bisect.bisect_left(places, along_m), len(places) - 1)
        step = places[index] - places[index - 1]
        share = (along_m - places[index - 1]) / step if step > 0.0 else 0.0
        return times[index - 1] + min(share, 1.0) * (times[index] - times[index - 1])


def streams_of(world: World, seed: int) -> tuple[Stream, ...]:
    """Return the streams of a park: from every gate along its lanes to another gate."""
    following = _following(world, seed)
    gates = [index for index, lane in enumerate(world.lanes) if not lane.from_junction]
    greens = _greens(world, seed)
    streams = []
    for number, first in enumerate(gates):
        way = [first]
        while world.lanes[way[-1]].to_junction:
            after = following.get(way[-1])
            if after is None:
                break
            way.append(after)
        if not world.lanes[way[-1]].to_junction:
            streams.append(_stream(world, number, way, greens))
    return tuple(streams)


def _heading(lane: Lane) -> float:
    (e0, n0), (e1, n1) = lane.line.coords[0][:2], lane.line.coords[-1][:2]
    return math.degrees(math.atan2(e1 - e0, n1 - n0)) % 360.0


def _following(world: World, seed: int) -> dict[int, int]:
    """Return which lane follows on which: straight on, or right at some junctions."""
    leaving: dict[str, list[int]] = {}
    for index, lane in enumerate(world.lanes):
        if lane.from_junction:
            leaving.setdefault(lane.from_junction, []).append(index)
    headings = [_heading(lane) for lane in world.lanes]
    turning = {
        junction.junction_id
        for number, junction in enumerate(world.junctions)
        if throw(seed, 11, number) < _TURN_SHARE
    }
    found: dict[int, int] = {}
    for index, lane in enumerate(world.lanes):
        right = 90.0 if lane.rank == 0 and lane.to_junction in turning else 0.0
        for other in leaving.get(lane.to_junction, ()):
            off = (headings[other] - headings[index] - right + 180.0) % 360.0 - 180.0
            if abs(off) < 20.0 and world.lanes[other].rank == lane.rank:
                found[index] = other
    return found


def _greens(world: World, seed: int) -> dict[tuple[str, str], float]:
    """Return when green begins, by junction and by the road that has it."""
    roads: dict[str, set[str]] = {}
    for lane in world.lanes:
        for junction in (lane.from_junction, lane.to_junction):
            if junction:
                roads.setdefault(junction, set()).add(lane.road_id)
    found = {}
    for number, junction in enumerate(sorted(roads)):
        begins = throw(seed, 12, number) * CYCLE_S
        for turn, road in enumerate(sorted(roads[junction])):
            found[junction, road] = (begins + turn * CYCLE_S / 2.0) % CYCLE_S
    return found


def _stream(
    world: World, number: int, way: Sequence[int], greens: dict[tuple[str, str], float]
) -> Stream:
    points: list[PointM] = []
    reached: list[float] = []
    spans: dict[int, tuple[float, float]] = {}
    stops: list[Stop] = []
    speeds: list[tuple[float, float]] = []

    def add(point: PointM) -> None:
        if points:
            step = math.dist(points[-1], point)
            if step < 1e-6:
                return
            reached.append(reached[-1] + step)
        else:
            reached.append(0.0)
        points.append(point)

    for index, after in zip(way, [*way[1:], None], strict=True):
        lane = world.lanes[index]
        start, end = _ends(lane)
        add(start)
        begin_m = reached[-1]
        add(end)
        spans[index] = (begin_m, reached[-1])
        speeds.append((begin_m, lane.speed_mps))
        if after is None:
            break
        onward = world.lanes[after]
        stop_m = reached[-1]
        turns = onward.road_id != lane.road_id
        if turns:
            for point in _bend(end, start, _ends(onward)[0]):
                add(point)
        else:
            add(_ends(onward)[0])
        clear = reached[-1] - stop_m
        stops.append(Stop(stop_m, clear, greens[lane.to_junction, lane.road_id], turns))
    phase = throw(number, 5) * CYCLE_S
    times, places = _tables(stops, speeds, reached[-1], phase)
    rank = world.lanes[way[0]].rank
    return Stream(number, tuple(points), tuple(reached), spans, times, places, rank)


def _ends(lane: Lane) -> tuple[PointM, PointM]:
    (e0, n0), (e1, n1) = lane.line.coords[0][:2], lane.line.coords[-1][:2]
    return (e0, n0), (e1, n1)


def _bend(end: PointM, before: PointM, start: PointM) -> list[PointM]:
    """Return a smooth way from the end of a lane to the start of one at a right angle to it."""
    length = math.dist(before, end)
    ahead = ((end[0] - before[0]) / length, (end[1] - before[1]) / length)
    # Where the two lanes would meet, were they longer.
    meet = (start[0] - end[0]) * ahead[0] + (start[1] - end[1]) * ahead[1]
    corner = (end[0] + meet * ahead[0], end[1] + meet * ahead[1])
    points = []
    for step in range(1, 11):
        t = step / 10.0
        a, b, c = (1.0 - t) ** 2, 2.0 * t * (1.0 - t), t**2
        points.append(
            (
                a * end[0] + b * corner[0] + c * start[0],
                a * end[1] + b * corner[1] + c * start[1],
            )
        )
    return points


@dataclass(slots=True)
class _Drive:
    """A vehicle while its table is made: where it is, when, and how fast it may go."""

    times: list[float]
    places: list[float]

    def roll_to(self, place_m: float, speed_mps: float) -> None:
        """Go on at a speed up to a place; what lies behind is left alone."""
        if place_m > self.places[-1] + 1e-6:
            self.times.append(self.times[-1] + (place_m - self.places[-1]) / speed_mps)
            self.places.append(place_m)

    def ramp(self, length_m: float, slow_mps: float, fast_mps: float, *, up: bool) -> None:
        """Change between two speeds evenly over a length, in short straight parts."""
        begin_t, begin_m = self.times[-1], self.places[-1]
        seconds = 2.0 * length_m / (slow_mps + fast_mps)
        first, last = (slow_mps, fast_mps) if up else (fast_mps, slow_mps)
        for step in range(1, _RAMP + 1):
            t = seconds * step / _RAMP
            self.times.append(begin_t + t)
            self.places.append(begin_m + first * t + (last - first) * t * t / (2.0 * seconds))

    def wait_until(self, time_s: float) -> None:
        """Stand still."""
        if time_s > self.times[-1] + 1e-6:
            self.times.append(time_s)
            self.places.append(self.places[-1])


def _tables(
    stops: Sequence[Stop], speeds: Sequence[tuple[float, float]], length_m: float, phase_s: float
) -> tuple[tuple[tuple[float, ...], ...], tuple[tuple[float, ...], ...]]:
    """Return times and places of each slot of a platoon that sets out at `phase_s` of the cycle."""
    drives = [_Drive([phase_s + slot.enters_s], [0.0]) for slot in SLOTS]
    for index, stop in enumerate(stops):
        speed = speeds[index][1]
        onward = speeds[index + 1][1]
        passing = [d.times[-1] + (stop.at_m - d.places[-1]) / speed for d in drives]
        slow = _TURN_MPS if stop.turns else speed
        wait = _green_after(passing[0], passing[-1] + (stop.clear_m + 8.0) / slow, stop.green_s)
        if wait is None and not stop.turns:
            for drive in drives:
                drive.roll_to(stop.at_m + stop.clear_m, speed)
            continue
        for drive, slot in zip(drives, SLOTS, strict=True):
            _approach(drive, stop, slot, speed, wait)
        start = 0.0
        if wait is not None:
            # All of a platoon leave together; else it would be drawn out until the next meets it.
            start = max(d.times[-1] + 0.5 - s.leaves_s for d, s in zip(drives, SLOTS, strict=True))
            start = max(start, wait)
        for drive, slot in zip(drives, SLOTS, strict=True):
            if wait is not None:
                drive.wait_until(start + slot.leaves_s)
            _go_on(drive, stop, onward, waited=wait is not None)
    for drive in drives:
        drive.roll_to(length_m, speeds[-1][1])
    return tuple(tuple(d.times) for d in drives), tuple(tuple(d.places) for d in drives)


def _approach(drive: _Drive, stop: Stop, slot: Slot, speed: float, wait: float | None) -> None:
    """Brake for a stop line: to a stand in the queue until green, or only for the turn."""
    slow = 0.0 if wait is not None else _TURN_MPS
    target = stop.at_m - slot.queue_m if wait is not None else stop.at_m
    reach = (speed**2 - slow**2) / (2.0 * _BRAKE_MPS2)
    drive.roll_to(target - reach, speed)
    left = target - drive.places[-1]
    if left > 0.1:
        drive.ramp(left, slow, speed, up=False)


def _go_on(drive: _Drive, stop: Stop, onward_mps: float, *, waited: bool) -> None:
    """Speed up behind a stop line, or go round the turn first."""
    if not stop.turns:
        drive.ramp(onward_mps**2 / (2.0 * _BRAKE_MPS2), 0.0, onward_mps, up=True)
        return
    if waited:
        drive.ramp(_TURN_MPS**2 / (2.0 * _BRAKE_MPS2), 0.0, _TURN_MPS, up=True)
    drive.roll_to(stop.at_m + stop.clear_m, _TURN_MPS)
    drive.ramp((onward_mps**2 - _TURN_MPS**2) / (2.0 * _BRAKE_MPS2), _TURN_MPS, onward_mps, up=True)


def _green_after(first_s: float, last_s: float, green_s: float) -> float | None:
    """Return when a platoon may leave: None if all of it passes within one green, else when."""
    into = (first_s - green_s) % CYCLE_S
    if into + (last_s - first_s) <= GREEN_S + 3.0:
        return None
    return first_s - into + CYCLE_S
