"""What moves in a simulated park, and what is parked: at any instant, without a history."""

from __future__ import annotations

import math
from datetime import datetime
from functools import cached_property

from park.errors import RecordError
from sim_data.world.parked import Parked
from sim_data.world.people import People
from sim_data.world.records import World
from sim_data.world.scene import Scene
from sim_data.world.traffic import Traffic

Around = tuple[float, float, float]
"""East, north and radius of a circle, metres."""


class Life:
    """The daily life of a park: traffic on its lanes, vehicles in its bays, people on its walks.

    Everything is a function of the time, the world and the seed: two instants can be asked for
    in any order, and the same one always gives the same answer.

    Vehicles keep to the right and to the speed limit, stop at red lights behind each other, turn
    right at some junctions and never left, and come and go through the gates of the park. What
    is parked comes and goes by the hour, and does not drive from the road into its bay. People
    walk from end to end of a walk, where they come from and go to buildings.

    Args:
        world: the park.
        seed: chance of what goes on, apart from that of the park.
    """

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.seed = seed

    @cached_property
    def traffic(self) -> Traffic:
        """What drives."""
        return Traffic(self.world, self.seed)

    @cached_property
    def parked(self) -> Parked:
        """What stands in bays."""
        return Parked(self.world, self.seed)

    @cached_property
    def people(self) -> People:
        """Who is on foot."""
        return People(self.world, self.seed)

    def at(self, time: datetime, around: Around | None = None) -> Scene:
        """Return who and what is there at an instant.

        Args:
            time: the instant, with a time zone.
            around: only what is within this circle; everything where absent.

        Raises:
            RecordError: the time has no time zone, or the circle is none.
        """
        if time.utcoffset() is None:
            raise RecordError(f"{time.isoformat()} has no time zone")
        if around is not None and not (all(map(math.isfinite, around)) and around[2] > 0.0):
            raise RecordError(f"{around} is no circle: east, north and radius in metres")
        seconds = (time - self.world.start).total_seconds()
        return Scene(
            time=time,
            vehicles=(
                *self.traffic.at(seconds, around),
                *self.parked.at(seconds, around),
            ),
            people=self.people.at(seconds, around),
        )
