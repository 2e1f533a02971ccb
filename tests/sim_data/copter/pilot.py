"""A pilot for tests: says in words what is asked of a simulated copter, and lets time pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from park.geodesy import LocalFrame
from park.mission_item import MissionItem, MissionType
from sim_data.copter.battery import BatteryPack
from sim_data.copter.params import ParamTable
from sim_data.copter.state import (
    CommandResult,
    CopterState,
    Event,
    HomePoint,
    MavMissionResult,
    MavResult,
    Mode,
    SimulatedWind,
    StatusText,
)
from sim_data.copter.vehicle import SimulatedCopter

HOME = HomePoint(-35.363261, 149.165230, 584.0, 353.0)
FRAME = LocalFrame(HOME.lat_deg, HOME.lon_deg)
TAKEOFF, LAND, RTL, WAYPOINT = 22, 21, 20, 16
ARM, MOUNT, JUMP, SPEED = 400, 205, 177, 178


def at(east_m: float, north_m: float) -> tuple[float, float]:
    """Return latitude and longitude of a place by metres from home."""
    lat_deg, lon_deg = FRAME.to_lat_lon(east_m, north_m)
    return lat_deg, lon_deg


def item(
    command: int,
    *params: float,
    where: tuple[float, float] | None = None,
    alt_m: float = 0.0,
    frame: int = 3,
) -> MissionItem:
    """Return a mission item; `where` is metres east and north of home."""
    x, y = at(*where) if where is not None else (0.0, 0.0)
    a, b, c, d = (*params, 0.0, 0.0, 0.0, 0.0)[:4]
    return MissionItem(seq=1, frame=frame, command=command, params=(a, b, c, d), x=x, y=y, z=alt_m)


def waypoint(
    east_m: float, north_m: float, alt_m: float = 20.0, *, hold_s: float = 0.0
) -> MissionItem:
    """Return a waypoint by metres from home."""
    return item(WAYPOINT, hold_s, where=(east_m, north_m), alt_m=alt_m)


class Pilot:
    """Flies a copter of its own."""

    def __init__(
        self,
        *,
        seed: int = 1,
        wind: SimulatedWind | None = None,
        pack: BatteryPack | None = None,
        ready: bool = True,
        changes: Mapping[str, float] | None = None,
        **params: float,
    ) -> None:
        table = ParamTable({**(changes or {}), **params})
        pack = pack or BatteryPack()
        wind = wind or SimulatedWind()
        self.copter = SimulatedCopter(HOME, seed=seed, params=table, pack=pack, wind=wind)
        self.events: list[Event] = []
        if ready:
            self.wait(32.0)
            assert self.state.prearm_ok, self.texts

    @property
    def state(self) -> CopterState:
        return self.copter.state

    @property
    def texts(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, StatusText)]

    def forget(self) -> None:
        self.events.clear()

    def wait(self, seconds: float) -> None:
        while seconds > 1e-9:
            self.copter.step(min(1.0, seconds))
            self.events += self.copter.take_events()
            seconds -= 1.0

    def until(
        self, what: Callable[[CopterState], bool], within_s: float, *, every_s: float = 0.2
    ) -> float:
        """Let time pass until something holds; return how long that took."""
        begun = self.copter.time_s
        while not what(self.state):
            took = self.copter.time_s - begun
            assert took < within_s, (took, self.state, self.texts[-5:])
            self.copter.step(every_s)
            self.events += self.copter.take_events()
        return self.copter.time_s - begun

    def command(self, command: int, *params: float, frame: int | None = None) -> MavResult:
        a, b, c, d, e, f, g = (*params, *[0.0] * 7)[:7]
        result: CommandResult = self.copter.command(command, (a, b, c, d, e, f, g), frame=frame)
        self.events += self.copter.take_events()
        return result.result

    def arm(self) -> MavResult:
        return self.command(ARM, 1.0)

    def disarm(self, *, forced: bool = False) -> MavResult:
        return self.command(ARM, 0.0, 21196.0 if forced else 0.0)

    def mode(self, mode: Mode) -> bool:
        done = self.copter.set_mode(mode)
        self.events += self.copter.take_events()
        return done

    def take_off(self, alt_m: float = 20.0) -> None:
        """Arm in GUIDED and climb."""
        assert self.mode(Mode.GUIDED)
        assert self.arm() is MavResult.ACCEPTED, self.texts
        assert self.command(TAKEOFF, 0, 0, 0, 0, 0, 0, alt_m) is MavResult.ACCEPTED
        self.until(lambda s: s.alt_home_m > alt_m - 0.5, 60.0)
        self.wait(3.0)

    def upload(
        self, items: Sequence[MissionItem], kind: MissionType = MissionType.MISSION
    ) -> MavMissionResult:
        """Give it a list; a mission gets a home in front."""
        if kind is MissionType.MISSION:
            items = [item(WAYPOINT, frame=0), *items]
        return self.copter.missions[kind].replace(items)

    def fly_mission(self, items: Sequence[MissionItem], alt_m: float = 10.0) -> None:
        """Upload a mission, take off and switch to AUTO."""
        assert self.upload(items) is MavMissionResult.ACCEPTED
        self.take_off(alt_m)
        assert self.mode(Mode.AUTO), self.texts

    def en(self) -> tuple[float, float]:
        """Return where it believes to be, metres east and north of home."""
        state = self.state
        east, north = FRAME.to_en_m(state.lat_deg, state.lon_deg)
        return east, north

    def truth(self) -> tuple[float, float, float]:
        """Return where it is, metres east and north of home and up."""
        state = self.state
        east, north = FRAME.to_en_m(state.truth_lat_deg, state.truth_lon_deg)
        return east, north, state.truth_alt_amsl_m - HOME.alt_amsl_m
