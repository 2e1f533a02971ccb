"""What people may ask of a patrol in the air: no way is flown that was not looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import shapely
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.airspace import Airspace
from drone.control import Order, OrderName
from drone.energy import EnergyModel
from drone.link import VehicleLink
from drone.patrol_mission import PatrolMission
from drone.patrol_orders import Done, Steering
from drone.patrol_state import PatrolState
from drone.planner import plan
from drone.records import FlightPlan, Vehicle, Wind
from drone.route_request import RouteRequest
from drone.way_check import WayCheck
from park.errors import AirspaceError
from park.site_model import Dock, NoFly
from park.terrain import FlatTerrain
from tests.drone.odd_vehicle import AUTO, OddVehicle, accept, has_params
from tests.drone.parks import FRAME, drawn, park

S = PatrolState
SET_CURRENT = 224
SITE = park(
    Dock(id="dock-1", alt_amsl_m=10.0, geometry=drawn(shapely.Point(0.0, -40.0))),
    NoFly(id="tank", geometry=drawn(shapely.box(-15.0, 5.0, 15.0, 25.0))),
    outline=shapely.box(-110.0, -90.0, 110.0, 90.0),
)


def made() -> FlightPlan:
    words = {"alt_agl_m": 20.0, "inward_m": 40.0}
    return plan(SITE, "0" * 64, RouteRequest.from_words(SITE, "perimeter", (), words))


class Held:
    """A vehicle that does as it is told, at once, and stands where the test puts it."""

    def __init__(self, odd: OddVehicle, link: VehicleLink, flown: FlightPlan) -> None:
        self.odd, self.link = odd, link
        sortie = flown.sorties[0]
        self.mission = PatrolMission.of(sortie)
        airspace = Airspace.of(SITE, FlatTerrain())
        check = WayCheck(airspace, flown, sortie, EnergyModel(Vehicle(), Wind()))
        self.steering = Steering(self.mission, check, link)
        self.state = S.ON_ROUTE
        self._boot_s = 100

    def stands(self, east_m: float, north_m: float, seq: int, alt_home_m: float = 20.0) -> None:
        """Put it somewhere, on its way to an item of the mission."""
        self._boot_s += 1
        lat, lon = FRAME.to_lat_lon(east_m, north_m)
        up = int(alt_home_m * 1000)
        self.odd.say(mavlink.MAVLink_mission_current_message(seq))
        self.odd.say(
            mavlink.MAVLink_global_position_int_message(
                self._boot_s * 1000, round(lat * 1e7), round(lon * 1e7), up + 10_000, up, 0, 0, 0, 0
            )
        )
        self.link.wait_for(lambda now: now.time_boot_s == self._boot_s, "its place", 5.0)

    def order(self, name: OrderName, *place: float, left_wh: float | None = 200.0) -> Done:
        known: dict[str, float] = {}
        if place:
            known["lat_deg"], known["lon_deg"] = FRAME.to_lat_lon(*place[:2])
            known |= {"alt_home_m": place[2]} if len(place) > 2 else {}
        seen = self.link.telemetry
        done = self.steering.obey(
            Order(name=name, **known), self.state, seen, early=None, left_wh=left_wh
        )
        self.state = done.state
        return done


@pytest.fixture
def held() -> Iterator[Held]:
    def skips(odd: OddVehicle, message: Any) -> None:
        accept(odd, message)
        if message.command == SET_CURRENT:
            odd.say(mavlink.MAVLink_mission_current_message(int(message.param1)))

    answers = {**has_params({"BATT_CAPACITY": 10_000.0}), "COMMAND_LONG": skips}
    with OddVehicle(answers=answers) as odd:
        odd.mode, odd.armed = AUTO, True
        with VehicleLink.connect(odd.url) as link:
            yield Held(odd, link, made())


def corner(held: Held, number: int) -> tuple[float, float, int]:
    """Return a waypoint of the route in metres, and the item that leads there."""
    seq = held.mission.done_at[number]
    target = held.mission.targets[seq]
    return (*FRAME.to_en_m(target.lat_deg, target.lon_deg), seq)


def test_where_it_left_its_mission_it_goes_on_without_ado(held: Held) -> None:
    east, north, seq = corner(held, 1)
    held.stands(east, north, seq)
    held.order(OrderName.PAUSE)
    assert held.order(OrderName.RESUME).state is S.ON_ROUTE


def test_it_is_not_sent_above_the_fence_that_would_turn_it_back(held: Held) -> None:
    east, north, seq = corner(held, 1)
    held.stands(east, north, seq)
    with pytest.raises(AirspaceError, match=r"60 m above the vehicle's own fence, which is 30 m"):
        held.order(OrderName.GOTO, east, north - 5.0, 90.0)
    assert held.odd.heard_of("COMMAND_INT") == []
    assert held.order(OrderName.GOTO, east, north - 5.0, 29.0).state is S.PAUSED


def test_it_is_sent_as_far_as_its_battery_lasts_and_an_unknown_one_is_said(held: Held) -> None:
    east, north, seq = corner(held, 1)
    held.stands(east, north, seq)
    with pytest.raises(AirspaceError, match="Wh more than the battery has above its reserve"):
        held.order(OrderName.GOTO, east, north - 5.0, left_wh=60.0)
    assert "nobody knows" not in held.order(OrderName.GOTO, east, north - 5.0).said
    said = held.order(OrderName.GOTO, east, north - 6.0, left_wh=None).said
    assert said.endswith("what is left of the battery is not known, so nobody knows if it lasts")


def test_a_waypoint_that_was_skipped_from_elsewhere_is_not_flown_to_unseen(held: Held) -> None:
    # It leaves its mission at P, and the waypoint is skipped from B, from where the way to the
    # one after it is free. From P it is not: the tank is between.
    legs = [(corner(held, n), corner(held, n + 1), corner(held, n + 2)) for n in range(4)]
    (p_east, p_north, _), (b_east, b_north, seq), (_, _, after) = next(
        leg for leg in legs if crosses_tank(leg[0], leg[2])
    )
    held.stands(p_east, p_north, seq)
    held.order(OrderName.PAUSE)
    held.order(OrderName.GOTO, b_east, b_north)
    held.stands(b_east, b_north, seq)
    held.order(OrderName.SKIP)
    held.order(OrderName.GOTO, p_east, p_north)
    held.stands(p_east, p_north, after)
    with pytest.raises(AirspaceError, match=r"(?s)resuming from here .*transit.*no-fly area"):
        held.order(OrderName.RESUME)
    assert held.state is S.PAUSED


def crosses_tank(start: tuple[float, ...], end: tuple[float, ...]) -> bool:
    tank = shapely.box(-15.0, 5.0, 15.0, 25.0)
    return bool(shapely.LineString([start[:2], end[:2]]).intersects(tank))
