"""From when on something counts as wrong in the air, and what is to be done about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from drone.failsafe import (
    BatteryWatch,
    FailsafeWatch,
    FenceWatch,
    Finding,
    FlightLimits,
    Reaction,
    Target,
)
from drone.mode_watch import Failsafe
from drone.records import Fence, Home, Vehicle
from drone.telemetry import LinkLost, ModeChanged, StatusText, Telemetry, VehicleRebooted
from park.errors import FlightError
from park.geodesy import LocalFrame

START = datetime(2026, 5, 4, 5, 30, tzinfo=UTC)
HOME = Home("dock-1", 31.2, 121.5)
FRAME = LocalFrame(HOME.lat_deg, HOME.lon_deg)
SQUARE = ((-200.0, -200.0), (200.0, -200.0), (200.0, 200.0), (-200.0, 200.0))
SHED = ((50.0, 50.0), (100.0, 50.0), (100.0, 100.0), (50.0, 100.0))
FENCE = Fence(
    tuple(FRAME.to_lat_lon(e, n) for e, n in SQUARE),
    (tuple(FRAME.to_lat_lon(e, n) for e, n in SHED),),
    80.0,
)
VEHICLE = Vehicle(battery_wh=100.0, reserve=0.25)


def target(east_m: float, north_m: float, hold_s: float = 0.0) -> Target:
    return Target(*FRAME.to_lat_lon(east_m, north_m), 40.0, hold_s)


def seen(
    boot_s: float,
    east_m: float = 0.0,
    north_m: float = 0.0,
    alt_home_m: float = 40.0,
    **values: Any,
) -> Telemetry:
    lat, lon = FRAME.to_lat_lon(east_m, north_m)
    known: dict[str, Any] = {
        "mode": "AUTO",
        "gps_fix": 3,
        "ekf_ok": True,
        "mission_seq": 2,
        "battery_percent": 90.0,
        **values,
    }
    time = START + timedelta(seconds=boot_s)
    return Telemetry(
        time, 0.1, 0.1, 0.1, time_boot_s=boot_s, lat_deg=lat, lon_deg=lon,
        alt_home_m=alt_home_m, **known,
    )  # fmt: skip


def watch(**targets: Target) -> FailsafeWatch:
    return FailsafeWatch(
        vehicle=VEHICLE,
        fence=FENCE,
        home=HOME,
        targets={int(name[1:]): place for name, place in targets.items()},
        way_home_wh=lambda lat, lon, alt: 10.0,
    )


def findings(
    rules: FailsafeWatch, readings: Iterable[Telemetry], *, on_route: bool = True
) -> list[Finding]:
    return [f for reading in readings for f in rules.look(reading, on_route=on_route)]


def test_a_flight_as_planned_finds_nothing() -> None:
    rules = watch(i2=target(100.0, 0.0))
    assert findings(rules, [seen(s, east_m=float(s)) for s in range(100)]) == []


# --- battery ------------------------------------------------------------------------------------


def test_it_goes_home_while_the_way_home_still_leaves_most_of_the_reserve() -> None:
    # 25 Wh are the reserve; 15 Wh of it must be left at home, and the way there takes 10 Wh.
    rules = watch()
    assert findings(rules, [seen(0.0, battery_percent=25.1)]) == []
    (found,) = findings(rules, [seen(1.0, battery_percent=24.9)])
    assert found.failsafe is Failsafe.LOW_BATTERY
    assert found.reaction is Reaction.RETURN
    assert "24.9 Wh are left and the way home takes 10.0 Wh, so 14.9 Wh" in found.reason


def test_what_was_drawn_counts_where_the_percentage_is_too_good() -> None:
    battery = BatteryWatch(VEHICLE, lambda *place: 10.0, FlightLimits())
    for second, used in enumerate((0.0, 1000.0, 2000.0)):
        battery.look(
            seen(float(second), battery_percent=95.0, battery_used_mah=used, battery_v=20.0)
        )
    assert battery.left_wh == pytest.approx(95.0 - 40.0)
    assert battery.assumption is None


def test_a_vehicle_that_does_not_say_its_charge_is_taken_as_full_and_that_is_said() -> None:
    battery = BatteryWatch(VEHICLE, lambda *place: 10.0, FlightLimits())
    values: dict[str, Any] = {"battery_percent": None, "battery_v": 20.0}
    assert battery.look(seen(0.0, battery_used_mah=0.0, **values)) is None
    assert battery.assumption is not None
    assert "the battery was full (100 Wh)" in battery.assumption
    found = battery.look(seen(9.0, battery_used_mah=4000.0, **values))
    assert battery.left_wh == pytest.approx(20.0)
    assert found is not None
    assert found.reaction is Reaction.RETURN


def test_a_battery_of_which_nothing_is_known_is_no_finding() -> None:
    battery = BatteryWatch(VEHICLE, lambda *place: 10.0, FlightLimits())
    assert battery.look(seen(0.0, battery_percent=None)) is None
    assert battery.left_wh is None


def test_a_battery_of_which_nothing_is_known_for_long_is_told_to_be_unwatched() -> None:
    battery = BatteryWatch(VEHICLE, lambda *place: 10.0, FlightLimits())
    for second in range(10):
        battery.look(seen(float(second), battery_percent=None))
    assert battery.assumption is None
    battery.look(seen(10.0, battery_percent=None))
    assert battery.assumption is not None
    assert "it tells neither what is left nor what it has used" in battery.assumption


# --- fence --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("east_m", "north_m", "alt_m", "wrong"),
    [
        (0.0, 0.0, 40.0, None),
        (202.0, 0.0, 40.0, None),
        (210.0, 0.0, 40.0, "10 m outside the fence"),
        (75.0, 60.0, 40.0, "10 m inside an area that is fenced off"),
        (0.0, 0.0, 82.0, None),
        (0.0, 0.0, 90.0, "10 m above the fence"),
    ],
)
def test_places_outside_the_fence_by_more_than_its_margin_are_told(
    east_m: float, north_m: float, alt_m: float, wrong: str | None
) -> None:
    fence = FenceWatch(FENCE, HOME, FlightLimits())
    assert fence.breach(*FRAME.to_lat_lon(east_m, north_m), alt_m) == wrong


def test_the_program_sends_it_home_when_the_vehicles_own_fence_does_not() -> None:
    rules = watch()
    found = findings(rules, [seen(float(s), east_m=220.0) for s in range(6)])
    assert found[0].failsafe is Failsafe.FENCE_BREACH
    assert found[0].reaction is Reaction.RETURN
    assert "20 m outside the fence for 4 s" in found[0].reason
    back = watch()
    flicker = [seen(float(s), east_m=220.0 if s % 3 else 0.0) for s in range(30)]
    assert findings(back, flicker) == []


# --- position -----------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [{"gps_fix": 1}, {"ekf_ok": False}])
def test_a_lost_position_is_told_once_and_landed_on_when_the_vehicle_does_not(
    lost: dict[str, Any],
) -> None:
    rules = watch()
    found = findings(rules, [seen(float(s), **lost) for s in range(22)], on_route=False)
    assert [f.failsafe for f in found] == [Failsafe.GPS_LOSS] * 3
    assert [f.reaction for f in found] == [Reaction.REPORT, Reaction.LAND, Reaction.LAND]


def test_a_vehicle_that_lands_by_itself_is_left_to_it() -> None:
    rules = watch()
    assert findings(rules, [seen(float(s), gps_fix=1, mode="LAND") for s in range(60)]) == []


@pytest.mark.parametrize(("mode", "age_s", "acts"), [
    ("AUTO", 14.9, False), ("AUTO", 15.0, True), ("GUIDED", 60.0, True), ("RTL", 60.0, False),
])  # fmt: skip
def test_a_vehicle_that_beats_and_does_not_say_where_it_is_is_sent_home(
    mode: str, age_s: float, acts: bool
) -> None:
    found = watch().blind(replace(seen(0.0, mode=mode), position_age_s=age_s))
    assert (found is not None) is acts
    if found is not None:
        assert (found.failsafe, found.reaction) == (Failsafe.BLIND, Reaction.RETURN)
        assert f"where it is for {age_s:.0f} s, although the link is there" in found.reason


# --- mission ------------------------------------------------------------------------------------


def test_a_mission_that_gets_no_closer_is_stalled() -> None:
    rules = watch(i2=target(100.0, 0.0))
    assert findings(rules, [seen(float(s), east_m=50.0) for s in range(60)]) == []
    (found,) = findings(rules, [seen(60.0, east_m=50.0)])
    assert found.failsafe is Failsafe.STALLED
    assert found.reaction is Reaction.RETURN
    assert "no closer than 50 m to item 2 of the mission for 60 s" in found.reason


def test_holding_at_a_point_as_planned_is_no_stall() -> None:
    rules = watch(i2=target(0.0, 0.0, hold_s=300.0))
    assert findings(rules, [seen(float(s)) for s in range(350)]) == []
    assert findings(rules, [seen(361.0)])[0].failsafe is Failsafe.STALLED


def test_the_next_point_and_a_pause_begin_anew() -> None:
    rules = watch(i2=target(100.0, 0.0), i3=target(0.0, 100.0))
    assert findings(rules, [seen(float(s)) for s in range(50)]) == []
    assert findings(rules, [seen(50.0 + s, mission_seq=3) for s in range(50)]) == []
    held = [seen(100.0 + s, mission_seq=3, mode="BRAKE") for s in range(100)]
    assert findings(rules, held, on_route=False) == []
    assert findings(rules, [seen(200.0 + s, mission_seq=3) for s in range(50)]) == []


# --- wind ---------------------------------------------------------------------------------------


def test_wind_over_the_limit_for_long_enough_ends_the_patrol_and_says_how_it_is_known() -> None:
    rules = watch()
    gale = [seen(float(s), wind_mps=14.0, wind_from_deg=90.0) for s in range(15 + 10 + 1)]
    (found,) = findings(rules, gale, on_route=False)
    assert found.failsafe is Failsafe.WIND
    assert found.reaction is Reaction.RETURN
    assert "wind of 14 m/s (as the vehicle says) for 10 s" in found.reason
    breeze = [seen(float(s), wind_mps=11.0, wind_from_deg=90.0) for s in range(100)]
    assert findings(watch(), breeze, on_route=False) == []


# --- events -------------------------------------------------------------------------------------


def test_a_reboot_is_let_go_of_and_silence_is_reported() -> None:
    rules = watch()
    rebooted = rules.hear(VehicleRebooted(START, 300.0, 2.0))
    assert rebooted is not None
    assert (rebooted.failsafe, rebooted.reaction) == (Failsafe.REBOOT, Reaction.LET_GO)
    silent = rules.hear(LinkLost(START, 5.2))
    assert silent is not None
    assert (silent.failsafe, silent.reaction) == (Failsafe.LINK_LOSS, Reaction.REPORT)
    assert silent.reason == "nothing heard for 5.2 s"


def test_the_vehicles_failsafe_is_followed_and_a_person_is_let_go_to() -> None:
    rules = watch()
    later = START + timedelta(seconds=5)
    text = rules.hear(StatusText(START, 2, "Battery Failsafe"))
    assert text is not None
    assert text.reaction is Reaction.REPORT
    rules.hear(ModeChanged(START, "AUTO", "RTL"))
    own = rules.who_changed_mode(later)
    assert own is not None
    assert (own.failsafe, own.reaction) == (Failsafe.LOW_BATTERY, Reaction.FOLLOW)
    rules.hear(ModeChanged(later, "RTL", "LOITER"))
    assert rules.modes.unsure
    person = rules.who_changed_mode(later + timedelta(seconds=2))
    assert person is not None
    assert (person.failsafe, person.reaction) == (Failsafe.PILOT, Reaction.LET_GO)


def test_limits_are_numbers() -> None:
    with pytest.raises(FlightError, match="the limit stall_s is nan"):
        FlightLimits(stall_s=float("nan"))
