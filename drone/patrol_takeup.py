"""Takes up a flight whose program died while the vehicle was in the air.

The vehicle goes on without us: it flies its mission to the end, or returns by its ground station
failsafe. A restarted program never arms, never uploads, and never changes the mode of a vehicle
that it finds: it makes sure that the mission on board is the one that the record tells of, and
then watches, records and takes orders as the first one did.
"""

from __future__ import annotations

from dataclasses import dataclass

from drone.flight_record import FlightRecord, mission_hash
from drone.link import VehicleLink
from drone.mission_compare import item_differences
from drone.mode_watch import OWN_RETREATS
from drone.patrol_mission import PatrolMission
from drone.patrol_state import PatrolState
from drone.telemetry import LandedState, Telemetry
from drone.transfer import download
from park.errors import FlightError
from park.mission_item import MissionType

S = PatrolState

_HEARD_S = 10.0
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class TakenUp:
    """A flight as it was found.

    Attributes:
        state: to go on with; `FAILED` where somebody else flies.
        reason: why that state, in words.
        in_air: whether there is still something to watch.
    """

    state: PatrolState
    reason: str
    in_air: bool = True


def take_up(link: VehicleLink, record: FlightRecord, mission: PatrolMission) -> TakenUp:
    """Return how to go on with the flight that a record tells of.

    Args:
        link: to its vehicle.
        record: what the program that died has left.
        mission: planned anew from the same words, for the same sortie.

    Raises:
        FlightError: the mission on the vehicle is another one; nothing is steered then.
        LinkError: the vehicle does not say what it does.
    """
    seen = link.wait_for(
        lambda now: now.mode is not None and now.lat_deg is not None and now.heartbeat_age_s < 3.0,
        "the vehicle's mode and position",
        _HEARD_S,
    )
    if not seen.armed:
        where = f"{seen.lat_deg:.6f}, {seen.lon_deg:.6f}"
        return TakenUp(S.FAILED, f"it stands disarmed at {where}: the flight is over", in_air=False)
    _need_the_same_mission(link, record, mission)
    return _state_of(seen, record)


def _need_the_same_mission(link: VehicleLink, record: FlightRecord, mission: PatrolMission) -> None:
    if mission_hash(mission.items) != record.mission_hash:
        raise FlightError(
            f"the vehicle is in the air with sortie {record.sortie} of route {record.route_id}, "
            "and what is asked for now comes to another mission. Give the words and the site file "
            "that it was started with; until then it flies on by its own parameters"
        )
    differences = item_differences(mission.items, download(link, MissionType.MISSION))
    if differences:
        shown = "; ".join(differences[:_SHOWN])
        raise FlightError(
            f"the mission on the vehicle is not the one of this flight any more ({shown}): "
            "somebody else has changed it. It is not steered from here; use the remote"
        )


def _state_of(seen: Telemetry, record: FlightRecord) -> TakenUp:
    mode = seen.mode or ""
    if mode == "AUTO":
        return TakenUp(S.ON_ROUTE, "found it in AUTO, on its mission")
    if mode in OWN_RETREATS - {"BRAKE"}:
        return TakenUp(S.RETURNING, f"found it in {mode}, on its way down")
    if seen.landed is LandedState.ON_GROUND:
        return TakenUp(S.FAILED, "found it armed on the ground; it is not flown from here")
    if mode == record.mode and record.state is S.TAKE_OFF:
        return TakenUp(S.TAKE_OFF, "found it climbing from home")
    if mode == record.mode and record.state is S.PAUSED:
        return TakenUp(S.PAUSED, f"found it holding in {mode}, as it was told to")
    return TakenUp(
        S.FAILED,
        f"found it in {mode}, which this program did not ask for: a person flies; it is only "
        "watched and recorded",
    )


def need_on_ground(link: VehicleLink) -> None:
    """Check that a vehicle of which no record tells may be prepared for a flight.

    Raises:
        FlightError: it is armed: somebody else is about to fly it, or flies it.
        LinkError: it does not say.
    """
    seen = link.wait_for(
        lambda now: now.mode is not None and now.heartbeat_age_s < 3.0, "a heartbeat", _HEARD_S
    )
    if seen.armed:
        raise FlightError(
            f"the vehicle is armed already (mode {seen.mode}) and no record on this machine tells "
            "of a flight: somebody else flies it. Nothing was sent to it"
        )
