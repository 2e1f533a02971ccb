from __future__ import annotations

import math

import pytest

from park.mission_item import MissionType
from sim_data.copter.state import LandedState, Mode
from tests.sim_data.copter.pilot import Pilot, at, item


def away(pilot: Pilot, east_m: float = 200.0, alt_m: float = 10.0) -> Pilot:
    pilot.take_off(alt_m)
    assert pilot.copter.guided_goto(*at(east_m, 0.0), alt_m, 3)
    pilot.until(lambda _: math.dist(pilot.en(), (east_m, 0.0)) < 1.0, 60.0)
    pilot.wait(3.0)
    return pilot


def test_it_climbs_to_its_height_first_then_comes_straight_back() -> None:
    pilot = away(Pilot(RTL_ALT=3000.0))
    pilot.mode(Mode.RTL)
    pilot.until(lambda s: s.alt_home_m > 29.0, 30.0)
    assert pilot.en()[0] == pytest.approx(200.0, abs=1.0)
    pilot.until(lambda _: pilot.en()[0] < 100.0, 30.0)
    assert pilot.state.alt_home_m == pytest.approx(30.0, abs=0.6)
    assert abs(pilot.en()[1]) < 1.0
    pilot.until(lambda s: s.landed_state is LandedState.LANDING, 40.0)
    pilot.until(lambda s: not s.armed, 60.0)
    assert math.hypot(*pilot.en()) < 0.7


def test_higher_than_that_it_stays_as_high() -> None:
    pilot = away(Pilot(), alt_m=40.0)
    pilot.mode(Mode.RTL)
    pilot.until(lambda _: pilot.en()[0] < 100.0, 30.0)
    assert pilot.state.alt_home_m == pytest.approx(40.0, abs=0.6)


def test_near_home_the_cone_keeps_it_from_climbing_far() -> None:
    pilot = away(Pilot(RTL_ALT=6000.0), east_m=5.0)
    pilot.mode(Mode.RTL)
    highest = 0.0
    for _ in range(20):
        pilot.wait(1.0)
        highest = max(highest, pilot.state.alt_home_m)
    assert highest == pytest.approx(15.0, abs=1.0)


def test_the_fences_ceiling_holds_on_the_way_back() -> None:
    pilot = away(Pilot(RTL_ALT=9000.0, FENCE_ENABLE=1.0, FENCE_TYPE=1.0, FENCE_ALT_MAX=50.0))
    pilot.mode(Mode.RTL)
    highest = 0.0
    for _ in range(60):
        pilot.wait(1.0)
        highest = max(highest, pilot.state.alt_home_m)
    assert highest == pytest.approx(48.0, abs=0.7)


def test_it_waits_above_home_and_turns_as_it_was_armed() -> None:
    pilot = away(Pilot(RTL_LOIT_TIME=15000.0))
    pilot.mode(Mode.RTL)
    pilot.until(lambda _: math.hypot(*pilot.en()) < 1.0, 60.0)
    pilot.wait(12.0)
    assert pilot.state.alt_home_m == pytest.approx(15.0, abs=0.5)
    assert pilot.state.yaw_deg == pytest.approx(353.0, abs=3.0)
    pilot.until(lambda s: not s.armed, 60.0)


def test_with_a_final_height_it_does_not_land() -> None:
    pilot = away(Pilot(RTL_ALT_FINAL=600.0))
    pilot.mode(Mode.RTL)
    pilot.wait(90.0)
    assert pilot.state.armed
    assert pilot.state.alt_home_m == pytest.approx(6.0, abs=0.5)


@pytest.mark.parametrize(
    ("rally_m", "params", "lands_m"),
    [
        ((150.0, 20.0), {}, (150.0, 20.0)),
        ((-150.0, 0.0), {}, (0.0, 0.0)),
        ((-50.0, 0.0), {"RALLY_INCL_HOME": 0.0}, (-50.0, 0.0)),
        ((200.0, 310.0), {"RALLY_INCL_HOME": 0.0}, (0.0, 0.0)),
    ],
    ids=["nearer than home", "farther than home", "home does not count", "beyond the limit"],
)
def test_a_rally_point_is_taken_instead_of_home(
    rally_m: tuple[float, float], params: dict[str, float], lands_m: tuple[float, float]
) -> None:
    pilot = Pilot(changes=params)
    pilot.upload([item(5100, where=rally_m, alt_m=22.0)], MissionType.RALLY)
    away(pilot)
    pilot.mode(Mode.RTL)
    pilot.until(lambda s: not s.armed, 150.0)
    assert math.dist(pilot.en(), lands_m) < 1.0


def test_its_own_speed_is_kept() -> None:
    pilot = away(Pilot(RTL_SPEED=400.0))
    pilot.mode(Mode.RTL)
    pilot.wait(15.0)
    assert pilot.state.ground_speed_mps == pytest.approx(4.0, abs=0.2)
