"""Vehicles that drive through a simulated park at an instant."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import shapely

from sim_data.world.dice import throw
from sim_data.world.fleet import vehicle, vehicle_kind
from sim_data.world.records import World
from sim_data.world.rhythm import traffic
from sim_data.world.scene import VehicleActor
from sim_data.world.streams import CYCLE_S, SLOTS, Stream, streams_of

_FULL = 0.62
"""Share of a platoon's places that are taken at the busiest hour."""

_JUNCTION_M = 45.0
"""Beyond the ends of a lane: what waits or turns in the junction belongs to it."""


class Traffic:
    """The vehicles of a park that drive.

    Args:
        world: the park.
        seed: chance of what goes on.
    """

    def __init__(self, world: World, seed: int) -> None:
        self._seed = seed
        self.streams = streams_of(world, seed)
        self._of_lane = {lane: stream for stream in self.streams for lane in stream.spans}
        self._by_number = {stream.number: stream for stream in self.streams}
        self._lanes = shapely.STRtree([lane.line for lane in world.lanes])

    def at(
        self, seconds: float, around: tuple[float, float, float] | None
    ) -> Iterator[VehicleActor]:
        """Yield what drives at a time, within a circle or everywhere."""
        if around is None:
            for stream in self.streams:
                yield from self._on(stream, seconds, 0.0, stream.reached_m[-1])
            return
        east, north, radius = around
        for stream, low, high in self._near(east, north, radius):
            for actor in self._on(stream, seconds, low, high):
                if math.hypot(actor.east_m - east, actor.north_m - north) <= radius:
                    yield actor

    def _near(
        self, east: float, north: float, radius: float
    ) -> Iterator[tuple[Stream, float, float]]:
        """Yield streams with the part of each that lies near a circle."""
        reach = radius + _JUNCTION_M
        area = shapely.box(east - reach, north - reach, east + reach, north + reach)
        spans: dict[int, tuple[float, float]] = {}
        for lane in np.sort(self._lanes.query(area)):
            stream = self._of_lane.get(int(lane))
            if stream is None:
                continue
            low, high = stream.spans[int(lane)]
            begin, end = spans.get(stream.number, (math.inf, -math.inf))
            spans[stream.number] = (
                min(begin, low - _JUNCTION_M),
                max(end, high + _JUNCTION_M),
            )
        for number, (low, high) in spans.items():
            yield self._by_number[number], low, high

    def _on(
        self, stream: Stream, seconds: float, low_m: float, high_m: float
    ) -> Iterator[VehicleActor]:
        """Yield what is on a part of a stream."""
        low_m, high_m = max(low_m, 0.0), min(high_m, stream.reached_m[-1])
        for number, slot in enumerate(SLOTS):
            first = stream.time_at(number, low_m)
            last = stream.time_at(number, high_m)
            newest = math.floor((seconds - first) / CYCLE_S)
            oldest = math.ceil((seconds - last) / CYCLE_S)
            for platoon in range(oldest, newest + 1):
                numbers = (self._seed, 31, stream.number, platoon, number)
                busy = traffic(platoon * CYCLE_S)
                if throw(*numbers) >= _FULL * busy * (0.7 if slot.large else 1.0):
                    continue
                along, speed = stream.along(number, seconds - platoon * CYCLE_S)
                # Trucks and buses keep to the kerb's lane.
                large = slot.large and stream.rank == 0
                kind = vehicle_kind(throw(*numbers, 1), large=large)
                yield vehicle(
                    f"drive-{stream.number}-{platoon}-{number}",
                    kind,
                    stream.place(along),
                    speed,
                    numbers,
                )
