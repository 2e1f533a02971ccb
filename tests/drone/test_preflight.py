"""The checklist: each line says go, no-go or unknown for a reason that can be read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.airspace import Airspace
from drone.battery_state import share_left
from drone.flight_permission import read_permission
from drone.link import VehicleLink
from drone.mission import fence_items, mission_items, rally_items
from drone.preflight import CheckLine, CheckOptions, PreflightReport, Weather, check
from drone.records import FlightPlan, Vehicle
from drone.transfer import clear, upload
from drone.vehicle_params import safety_params, set_safety
from park.errors import PreflightError
from park.mission_item import MissionType
from park.site import Site
from park.terrain import FlatTerrain
from sim_data.copter.server import CopterServer
from sim_data.copter.state import HomePoint
from sim_data.copter.vehicle import SimulatedCopter
from tests.drone.odd_vehicle import OddVehicle, has_params
from tests.drone.test_vehicle_params import CORNERS, HOME, plan

LINES = [
    "link",
    "on the ground",
    "GPS",
    "EKF",
    "vehicle's own checks",
    "battery",
    "home inside the boundary",
    "at the dock",
    "mission",
    "fence",
    "rally points",
    "safety parameters",
    "storage",
    "wind",
    "weather",
    "permission",
]
PLAN: FlightPlan = plan()
SORTIE = PLAN.sorties[0]
PREARM = 0x1000_0000


def site(**boundary: Any) -> Site:
    ring = [[lon, lat] for lat, lon in (*CORNERS, CORNERS[0])]
    properties = {"kind": "boundary", "id": "works", "name": "Works", "time_zone": "Asia/Shanghai"}
    feature = {
        "type": "Feature",
        "properties": properties | boundary,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    content = {"type": "FeatureCollection", "features": [feature]}
    return Site.load(json.dumps(content).encode())


@pytest.fixture(scope="module")
def link() -> Iterator[VehicleLink]:
    """A simulated copter at the dock, ready, with the plan on it."""
    copter = SimulatedCopter(HomePoint(HOME.lat_deg, HOME.lon_deg, 10.0))
    with (
        CopterServer(copter, port=0, speedup=20.0) as server,
        VehicleLink.connect(f"tcp:127.0.0.1:{server.port}") as made,
    ):
        made.wait_for(lambda now: now.prearm_ok is True, "the vehicle to be ready", 30.0)
        upload(made, mission_items(SORTIE), MissionType.MISSION)
        upload(made, fence_items(PLAN.fence), MissionType.FENCE)
        upload(made, rally_items(PLAN.rally), MissionType.RALLY)
        yield made


class Dressed:
    """An odd vehicle that says what a vehicle at its dock says, but for what a test changes."""

    def __init__(self, **params: float) -> None:
        values = {"BATT_CAPACITY": 5200.0, "BATT_LOW_VOLT": 10.5} | params
        self.odd = OddVehicle(answers=has_params(values))

    def link(self, **changes: Any) -> VehicleLink:
        link = VehicleLink.connect(self.odd.url, timeout_s=5.0)
        said = {
            "fix": 3, "satellites": 12, "hdop": 90, "ekf": 0x33F, "prearm": PREARM,
            "percent": 95, "millivolts": 12500, "lat": 312000000, "lon": 1215000000,
        } | changes  # fmt: skip
        say = self.odd.say
        say(mavlink.MAVLink_gps_raw_int_message(
            0, said["fix"], 0, 0, 0, said["hdop"], 0, 0, 0, said["satellites"]))  # fmt: skip
        say(mavlink.MAVLink_ekf_status_report_message(said["ekf"], 0.1, 0.1, 0.1, 0.1, 0.1))
        say(mavlink.MAVLink_sys_status_message(
            PREARM, PREARM, said["prearm"], 0, said["millivolts"], 50, said["percent"],
            0, 0, 0, 0, 0, 0))  # fmt: skip
        say(mavlink.MAVLink_global_position_int_message(
            1000, said["lat"], said["lon"], 10_000, 0, 0, 0, 0, 0))  # fmt: skip
        link.wait_for(lambda now: now.time_boot_s == 1.0, "what it says", 5.0)
        return link


def line_of(name: str, *, options: CheckOptions | None = None, **changes: Any) -> CheckLine:
    """Return one line of the list for a vehicle that says what is asked for."""
    dressed = Dressed(**changes.pop("params", {}))
    with dressed.odd, dressed.link(**changes) as link:
        made = check(link, PLAN, SORTIE, site(), options or CheckOptions(uploaded=False))
    return made.line(name)


def checked(
    link: VehicleLink, where: Site | None = None, made: FlightPlan = PLAN, **options: Any
) -> PreflightReport:
    return check(link, made, made.sorties[0], where or site(), CheckOptions(**options))


def test_a_vehicle_at_its_dock_with_the_plan_on_it_is_a_go(
    link: VehicleLink, tmp_path: Path
) -> None:
    record = set_safety(link, safety_params(PLAN, SORTIE))
    link.wait_for(lambda now: now.prearm_ok is True, "its checks to pass with the fence", 20.0)
    report = checked(link, safety=record, recording=tmp_path / "not-there-yet")
    assert [line.name for line in report.lines] == LINES
    assert {line.name for line in report.lines if line.go is not True} == {"weather"}
    assert report.go
    report.need_go()
    assert "items read back, as planned" in report.line("fence").reason


def test_nothing_is_uploaded_nor_changed_by_checking(link: VehicleLink) -> None:
    before = link._connection.line.mav.total_packets_sent
    report = checked(link, uploaded=False)
    assert report.line("mission").go is None
    # Parameters that are read, and heartbeats; no list, no command.
    assert link._connection.line.mav.total_packets_sent - before < 20


def test_a_no_go_stops_with_every_reason(link: VehicleLink) -> None:
    report = checked(link, vehicle=Vehicle(battery_wh=25.0))
    with pytest.raises(
        PreflightError, match=r"no go: battery: .* 105% needed.*safety param.*not set"
    ):
        report.need_go()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"fix": 1}, "no position in three dimensions"),
        ({"satellites": 5}, "8 satellites are needed"),
        ({"hdop": 210}, "HDOP 2.1; more than 1.4 is too inexact"),
    ],
)
def test_a_poor_fix_is_a_no_go(changes: dict[str, Any], why: str) -> None:
    line = line_of("GPS", **changes)
    assert line.go is False
    assert why in line.reason


@pytest.mark.parametrize("flags", [0x33F & ~16 & ~512, 0x33F | 128, 0x33F | 1024, 0x33F & ~1])
def test_a_vehicle_that_does_not_trust_its_position_is_a_no_go(flags: int) -> None:
    assert line_of("EKF", ekf=flags).go is False


def test_the_vehicles_own_complaint_is_repeated() -> None:
    dressed = Dressed()
    with dressed.odd, dressed.link(prearm=0) as link:
        dressed.odd.say(mavlink.MAVLink_statustext_message(2, b"PreArm: Compass not calibrated"))
        link.wait_for(lambda _: bool(link.texts_since(0.0)), "the text", 5.0)
        line = check(link, PLAN, SORTIE, site(), CheckOptions(uploaded=False)).line(
            "vehicle's own checks"
        )
    assert (line.go, line.reason) == (False, "PreArm: Compass not calibrated")


def test_motors_that_turn_already_are_a_no_go() -> None:
    dressed = Dressed()
    dressed.odd.armed = True
    with dressed.odd, dressed.link() as link:
        line = check(link, PLAN, SORTIE, site(), CheckOptions(uploaded=False)).line("on the ground")
    assert line.go is False
    assert "armed already" in line.reason


def test_the_battery_must_do_the_sortie_and_keep_its_reserve() -> None:
    # 20 Wh of 270 and a reserve of 25 %: a third of the battery.
    assert line_of("battery", percent=40).go is True
    short = line_of("battery", percent=30)
    assert short.go is False
    assert short.reason.startswith("30% left (counted by the vehicle), 32% needed: 20 Wh and")


def test_a_battery_that_is_not_counted_is_judged_by_its_voltage() -> None:
    uncounted = {"BATT_CAPACITY": 0.0}
    full = line_of("battery", percent=0, millivolts=12500, params=uncounted)
    assert full.go is True
    assert "estimated from 12.5 V of 3 cells" in full.reason
    assert line_of("battery", percent=0, millivolts=11000, params=uncounted).go is False


def test_a_battery_that_nothing_is_known_of_is_a_no_go() -> None:
    unknown = {"BATT_CAPACITY": 0.0, "BATT_LOW_VOLT": 0.0}
    assert line_of("battery", percent=0, params=unknown).go is False


def test_a_counter_that_began_at_full_with_a_half_empty_battery_is_not_believed() -> None:
    line = line_of("battery", percent=100, millivolts=11100)
    assert line.go is False
    assert "although the vehicle counts 100 %" in line.reason


@pytest.mark.parametrize(
    ("percent", "volts", "share"),
    [(100, 12.5, 1.0), (100, 12.06, 0.8), (100, 11.85, 0.7), (60, 11.55, 0.6), (30, 12.6, 0.3)],
)
def test_what_is_counted_is_believed_as_far_as_the_voltage_can_bear_it_out(
    percent: float, volts: float, share: float
) -> None:
    found = share_left(percent=percent, volts=volts, low_volts=10.5)
    assert found is not None
    assert found[0] == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize(
    ("volts", "low_volts", "share"),
    [(12.6, 10.5, 1.0), (16.8, 14.0, 1.0), (11.52, 10.5, 0.5), (9.0, 10.5, 0.0)],
)
def test_voltage_at_rest_is_read_by_the_cell(volts: float, low_volts: float, share: float) -> None:
    found = share_left(percent=None, volts=volts, low_volts=low_volts)
    assert found is not None
    assert found[0] == pytest.approx(share, abs=0.01)


def test_a_limit_that_is_for_another_battery_says_nothing() -> None:
    assert share_left(percent=None, volts=22.2, low_volts=10.5) is None


def test_a_home_outside_the_boundary_is_a_no_go() -> None:
    line = line_of("home inside the boundary", lat=312200000)
    assert line.go is False
    assert "31.220000, 121.500000 is outside the boundary of works" in line.reason


def test_a_vehicle_that_stands_elsewhere_is_a_no_go() -> None:
    line = line_of("at the dock", lat=312003000)
    assert line.go is False
    assert line.reason.startswith("33.3 m from dock north; the flight was planned from there")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("mission", MissionType.MISSION), ("fence", MissionType.FENCE)],
)
def test_a_list_that_is_not_the_planned_one_is_a_no_go(
    link: VehicleLink, name: str, kind: MissionType
) -> None:
    items = mission_items(SORTIE) if kind is MissionType.MISSION else fence_items(PLAN.fence)
    clear(link, kind)
    try:
        line = checked(link).line(name)
    finally:
        upload(link, items, kind)
    assert line.go is False
    assert "items were sent" in line.reason


def test_a_changed_waypoint_is_a_no_go(link: VehicleLink) -> None:
    lower = replace(SORTIE.waypoints[0], alt_home_m=30.0)
    sortie = replace(SORTIE, waypoints=(lower, *SORTIE.waypoints[1:]))
    line = checked(link, made=replace(PLAN, sorties=(sortie,))).line("mission")
    assert line.go is False
    assert "the height is 60.00 m instead of 30.00 m" in line.reason


def test_a_check_that_cannot_be_made_is_a_no_go_and_the_others_are_made() -> None:
    dressed = Dressed()
    with dressed.odd, dressed.link() as link:
        link.close()
        report = check(link, PLAN, SORTIE, site())
    assert report.line("link").go is False
    assert "the link was closed" in report.line("mission").reason
    assert report.line("GPS").go is True
    assert len(report.lines) == len(LINES)


def test_a_full_disk_is_a_no_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10_000_000))
    line = line_of("storage", options=CheckOptions(recording=tmp_path, uploaded=False))
    # 120 s of 1.5 MB, and 200 MB to spare.
    assert (line.go, line.reason) == (False, "0.0 GB free, 0.4 GB needed")


@pytest.mark.parametrize(
    ("weather", "wind", "other"),
    [
        (None, None, None),
        (Weather("mast", wind_mps=6.0), True, None),
        (Weather("mast", wind_mps=6.0, gusts_mps=14.0), False, None),
        (Weather("forecast", rain=True), None, False),
        (Weather("forecast", rain=False, visibility_m=800.0), None, False),
        (Weather("forecast", rain=False, visibility_m=9000.0), None, True),
    ],
)
def test_weather_counts_where_it_is_known(
    weather: Weather | None, wind: bool | None, other: bool | None
) -> None:
    options = CheckOptions(weather=weather, uploaded=False)
    assert line_of("wind", options=options).go is wind
    assert line_of("weather", options=options).go is other


# Permission


def permission(tmp_path: Path, **changes: Any) -> Path:
    now = datetime.now(UTC)
    content = {
        "permission_id": "2026-17",
        "issued_by": "tower",
        "site_id": "works",
        "valid_from": (now - timedelta(hours=1)).isoformat(),
        "valid_until": (now + timedelta(hours=1)).isoformat(),
    } | changes
    path = tmp_path / "permission.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def permission_line(path: Path | None, **boundary: Any) -> CheckLine:
    dressed = Dressed()
    with dressed.odd, dressed.link() as link:
        options = CheckOptions(permission=path, uploaded=False)
        return check(link, PLAN, SORTIE, site(**boundary), options).line("permission")


def test_a_site_that_asks_for_a_permission_gets_one_or_no_flight(tmp_path: Path) -> None:
    assert permission_line(None).go is True
    asked = permission_line(None, flight_permission_required=True)
    assert (asked.go, asked.reason[:5]) == (False, "works")
    given = permission_line(permission(tmp_path), flight_permission_required=True)
    assert (given.go, given.reason) == (True, "2026-17 by tower")


def in_hours(hours: float) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (lambda: {"site_id": "harbour"}, "it is for harbour, not works"),
        (lambda: {"routes": ["perimeter"]}, "it is for perimeter, not round"),
        (lambda: {"valid_from": in_hours(0.5)}, "it is valid from"),
        (lambda: {"valid_until": in_hours(0.01)}, "before the flight does"),
        (lambda: {"max_alt_agl_m": 50.0}, "it allows 50 m and the flight goes up to 62 m"),
    ],
)
def test_a_permission_for_another_flight_is_a_no_go(
    tmp_path: Path, changes: Callable[[], dict[str, Any]], why: str
) -> None:
    line = permission_line(permission(tmp_path, **changes()))
    assert line.go is False
    assert why in line.reason


class _Valley:
    """Level ground, 40 m lower from 50 m north of the dock on."""

    sigma_m = 0.0
    resolution_m = 10.0

    def height_home_m(self, lat_deg: Any, lon_deg: Any) -> Any:
        return np.where(np.asarray(lat_deg) > HOME.lat_deg + 50.0 / 111_000.0, -40.0, 0.0)


def test_a_permission_counts_heights_above_the_ground_below(tmp_path: Path) -> None:
    allowed = permission(tmp_path, max_alt_agl_m=80.0)
    dressed = Dressed()
    with dressed.odd, dressed.link() as link:
        lines = [
            check(link, PLAN, SORTIE, site(), CheckOptions(
                permission=allowed, uploaded=False, airspace=Airspace.of(site(), terrain),
            )).line("permission")
            for terrain in (FlatTerrain(), _Valley())
        ]  # fmt: skip
    assert [line.go for line in lines] == [True, False]
    assert "it allows 80 m and the flight goes up to 101 m" in lines[1].reason


def test_a_permission_may_be_toml(tmp_path: Path) -> None:
    path = tmp_path / "permission.toml"
    path.write_text(
        'permission_id = "1"\nissued_by = "tower"\nsite_id = "works"\n'
        "valid_from = 2026-01-01T00:00:00+08:00\nvalid_until = 2026-12-31T00:00:00+08:00\n"
    )
    assert read_permission(path).valid_from == datetime(2025, 12, 31, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("p.json", "{}", "permission_id: Field required; issued_by: Field required"),
        ("p.json", "no", "is neither JSON nor TOML"),
        ("p.toml", "= 1", "is neither JSON nor TOML"),
        ("p.json", '{"valid_from": "2026-01-01T00:00:00"}', "timezone"),
        ("p.json", " " * 200_000, "too large"),
    ],
)
def test_a_file_that_is_no_permission_is_refused_by_its_mistakes(
    tmp_path: Path, name: str, content: str, why: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(PreflightError, match=why):
        read_permission(tmp_path / name)


def test_a_permission_that_is_not_there_is_said(tmp_path: Path) -> None:
    line = permission_line(tmp_path / "none.toml")
    assert line.go is False
    assert "cannot be read: No such file" in line.reason


def test_a_permission_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PreflightError, match="valid_until is not after valid_from"):
        read_permission(permission(tmp_path, valid_until=in_hours(-2.0)))
