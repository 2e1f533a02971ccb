"""Makes a vehicle on the ground ready for a sortie: parameters, mission, fence, rally, checklist.

Nothing here arms. Whatever fails says what has been changed on the vehicle by then, and parameters
are put back as they were.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drone.battery_state import share_left
from drone.link import VehicleLink
from drone.mission import fence_items, rally_items
from drone.patrol_flight import Flight
from drone.preflight import CheckOptions, PreflightReport, Weather, check
from drone.telemetry import Telemetry
from drone.transfer import upload
from drone.vehicle_params import SafetyRecord, put_back, safety_params, set_safety
from park.errors import CommandError, FlightError, LinkError
from park.mission_item import MissionType
from park.site import Site

READY_S = 90.0
"""A vehicle that has just been switched on needs this long at most to know where it is."""
_SETTLE_S = 10.0

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Preparation:
    """A vehicle that was made ready.

    Attributes:
        safety: what was set on it, to be put back after the flight.
        report: the checklist.
    """

    safety: SafetyRecord
    report: PreflightReport


def prepare(
    link: VehicleLink,
    flight: Flight,
    site: Site,
    *,
    recording: Path | None = None,
    permission: Path | None = None,
    weather: Weather | None = None,
    tell: Tell = lambda line: None,
    speedup: float = 1.0,
) -> Preparation:
    """Set, upload, read back, and go through the checklist.

    Args:
        link: to the vehicle.
        flight: what is to be flown.
        site: that it was planned for.
        recording: folder of the recording; None where there is none.
        permission: file with the permission to fly.
        weather: that somebody knows.
        tell: takes a line for people at each step.
        speedup: how much faster than real time a simulated vehicle lives.

    Returns:
        What was set, and the list; whether it says go is for the caller to act on.

    Raises:
        CommandError: the vehicle refuses a parameter or an item; what was changed before is put
            back, and where that is not possible the message says so.
        LinkError: it stopped answering; the message says what it may hold now.
    """
    wait_until_ready(link, tell)
    sortie = flight.mission.sortie
    capacity_mah = link.read_param("BATT_CAPACITY")
    safety = set_safety(
        link,
        safety_params(
            flight.plan,
            sortie,
            vehicle=flight.vehicle,
            capacity_mah=capacity_mah,
            speedup=speedup,
        ),
    )
    tell(f"{len(safety.settings)} safety parameters set and read back")
    try:
        _upload(link, flight, tell)
        _wait(link, lambda now: now.prearm_ok is not False, _SETTLE_S)
        report = check(
            link,
            flight.plan,
            sortie,
            site,
            CheckOptions(
                vehicle=flight.vehicle,
                recording=recording,
                permission=permission,
                weather=weather,
                safety=safety,
                airspace=flight.check.airspace,
            ),
        )
    except CommandError as error:
        left = put_back(link, safety)
        if left:
            raise CommandError(f"{error}; and these stay changed: {'; '.join(left)}") from error
        raise
    return Preparation(safety, report)


def wait_until_ready(link: VehicleLink, tell: Tell = lambda line: None) -> bool:
    """Wait until a vehicle that has just been switched on knows where it is.

    Returns:
        Whether it does; where not, the checklist says why.

    Raises:
        LinkError: the link was lost meanwhile.
    """
    if _is_ready(link.telemetry):
        return True
    tell(f"waiting, at most {READY_S:.0f} s, until the vehicle knows where it is")
    return _wait(link, _is_ready, READY_S)


def _is_ready(now: Telemetry) -> bool:
    known = now.gps_fix is not None and now.gps_fix >= 3 and now.ekf_ok is True
    return known and now.home_lat_deg is not None and now.prearm_ok is not False


def _wait(link: VehicleLink, predicate: Callable[[Telemetry], bool], timeout_s: float) -> bool:
    try:
        link.wait_for(predicate, "the vehicle to be ready", timeout_s)
    except LinkError:
        if link.lost:
            raise
        return False
    return True


def _upload(link: VehicleLink, flight: Flight, tell: Tell) -> None:
    """Upload the three lists; the error says which of them are on the vehicle already."""
    sortie = flight.mission.sortie
    lists = (
        ("fence", fence_items(flight.plan.fence), MissionType.FENCE),
        ("rally points", rally_items(flight.plan.rally_of(sortie)), MissionType.RALLY),
        ("mission", flight.mission.items, MissionType.MISSION),
    )
    done: list[str] = []
    for name, items, kind in lists:
        try:
            upload(link, items, kind)
        except FlightError as error:
            sent = f"; uploaded before it and still there: {', '.join(done)}" if done else ""
            raise type(error)(f"{error}{sent}") from error
        done.append(f"{name} ({len(items)} items)")
        tell(f"{name}: {len(items)} items uploaded and read back")


def battery_share(link: VehicleLink) -> float | None:
    """Return how full the battery is, 0 to 1, while no current is drawn; None if nothing tells."""
    seen = link.telemetry
    left = share_left(
        percent=seen.battery_percent,
        volts=seen.battery_v,
        low_volts=link.read_param("BATT_LOW_VOLT"),
    )
    return None if left is None else left[0]
