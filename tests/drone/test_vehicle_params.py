"""The vehicle's own failsafes: set for the plan, read back, and put back after the flight."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from shapely.geometry import Polygon

from drone.link import VehicleLink
from drone.records import (
    Camera,
    Fence,
    FlightPlan,
    Home,
    LegKind,
    PatrolRoute,
    PlanFigures,
    RallyPoint,
    RoutePoint,
    Sortie,
    Strip,
    Vehicle,
    Waypoint,
)
from drone.vehicle_params import (
    SafetyRecord,
    put_back,
    safety_params,
    set_safety,
    verify,
)
from park.errors import CommandError, FlightError
from sim_data.copter.server import CopterServer
from sim_data.copter.state import HomePoint
from sim_data.copter.vehicle import SimulatedCopter
from tests.drone.odd_vehicle import OddVehicle, has_params

HOME = Home("north", 31.2, 121.5, 10.0)
CORNERS = ((31.19, 121.49), (31.19, 121.51), (31.21, 121.51), (31.21, 121.49))

NEWER = {
    "FS_GCS_ENABLE": 0.0,
    "FS_OPTIONS": 18.0,
    "FS_EKF_ACTION": 0.0,
    "FENCE_ALT_MAX": 100.0,
    "FENCE_RADIUS": 150.0,
    "FENCE_MARGIN": 2.0,
    "FENCE_ACTION": 0.0,
    "FENCE_TYPE": 7.0,
    "FENCE_ENABLE": 0.0,
    "RTL_ALT_M": 15.0,
    "RTL_ALT_FINAL_M": 3.0,
    "BATT_FS_LOW_ACT": 0.0,
    "BATT_MONITOR": 4.0,
    "BATT_LOW_VOLT": 10.5,
    "BATT_CAPACITY": 5200.0,
    "BATT_LOW_MAH": 0.0,
    "WP_SPD": 10.0,
    "SYSID_MYGCS": 255.0,
    "ARMING_CHECK": 1.0,
}


def plan(*, rally: tuple[RallyPoint, ...] = (), corners: object = CORNERS) -> FlightPlan:
    over = Waypoint(31.201, 121.5, 60.0, LegKind.SURVEY, 8.0)
    back = Waypoint(31.2, 121.5, 60.0, LegKind.RETURN, 12.0)
    sortie = Sortie(1, HOME, 62.5, (over, back), 222.0, 120.0, 20.0, 0)
    route = PatrolRoute(
        "round", "points", (Strip((RoutePoint(31.201, 121.5, 60.0),)),), Camera(), 8.0
    )
    figures = PlanFigures(222.0, 111.0, 120.0, 20.0, 1, 0, (0.04, 0.04), None, None, None)
    fence = Fence(tuple(corners), (), 110.0)  # type: ignore[arg-type]
    assert Polygon(fence.inclusion).is_valid
    return FlightPlan("works", "0" * 64, route, (sortie,), fence, rally, figures)


def wanted(made: FlightPlan, **options: float) -> dict[str, float]:
    """Return values by their first names, those that depend on the present one left out."""
    params = safety_params(made, made.sorties[0], **options)  # type: ignore[arg-type]
    firsts = (param.names[0] for param in params)
    return {name: float(value) for name, value in firsts if not callable(value)}


@pytest.fixture(scope="module")
def link() -> Iterator[VehicleLink]:
    copter = SimulatedCopter(HomePoint(HOME.lat_deg, HOME.lon_deg, 10.0))
    with (
        CopterServer(copter, port=0, speedup=5.0) as server,
        VehicleLink.connect(f"tcp:127.0.0.1:{server.port}") as made,
    ):
        yield made


def test_the_fence_is_that_of_the_plan_and_wide_enough_for_it() -> None:
    values = wanted(plan())
    # The furthest corner is 1.46 km away; a circle of the default 150 m would end every patrol.
    assert values["FENCE_RADIUS"] == pytest.approx(1470.0, abs=15.0)
    assert values["FENCE_ALT_MAX"] == 110.0
    assert values["FENCE_TYPE"] == 7.0
    assert (values["FENCE_ENABLE"], values["FENCE_ACTION"]) == (1.0, 1.0)


def test_a_park_that_is_wider_than_the_widest_circle_goes_without_one() -> None:
    values = wanted(plan(corners=((31.0, 121.3), (31.0, 121.7), (31.4, 121.7), (31.4, 121.3))))
    assert "FENCE_RADIUS" not in values
    assert values["FENCE_TYPE"] == 5.0


def test_the_fence_is_switched_on_only_when_it_is_right() -> None:
    names = list(wanted(plan()))
    last = names.index("FENCE_ENABLE")
    assert all(names.index(n) < last for n in names if n.startswith("FENCE_") and n != names[last])


def test_it_returns_as_high_as_the_plan_was_checked_and_lands() -> None:
    values = wanted(plan())
    assert values["RTL_ALT"] == 6250.0
    assert (values["RTL_CONE_SLOPE"], values["RTL_ALT_FINAL"]) == (0.0, 0.0)
    assert values["RTL_CLIMB_MIN"] == 0.0, "it would climb above what was checked"
    assert (values["RTL_SPEED"], values["WPNAV_SPEED"]) == (0.0, 1200.0)
    assert "RALLY_LIMIT_KM" not in values


def test_rally_points_count_however_far_they_are() -> None:
    values = wanted(plan(rally=(RallyPoint(31.205, 121.505, 62.5),)))
    assert (values["RALLY_LIMIT_KM"], values["RALLY_INCL_HOME"]) == (0.0, 1.0)


def test_the_battery_calls_low_below_the_planned_reserve() -> None:
    assert "BATT_LOW_MAH" not in wanted(plan())
    values = wanted(plan(), capacity_mah=20_000.0, vehicle=Vehicle(reserve=0.25))  # type: ignore[arg-type]
    assert (values["BATT_LOW_MAH"], values["BATT_CRT_MAH"]) == (4000.0, 2000.0)
    assert (values["BATT_FS_LOW_ACT"], values["BATT_FS_CRT_ACT"]) == (2.0, 1.0)


@pytest.mark.parametrize(("speedup", "waits_s"), [(10.0, 50.0), (50.0, 120.0)])
def test_a_simulation_in_a_hurry_is_told_to_be_patient(speedup: float, waits_s: float) -> None:
    made = plan()

    def told(times: float) -> dict[str, object]:
        params = safety_params(made, made.sorties[0], speedup=times)
        return {name: value for param in params for name, value in param.names}

    assert told(speedup)["FS_GCS_TIMEOUT"] == waits_s
    assert "FS_GCS_TIMEOUT" not in told(1.0)


def test_all_is_set_read_back_and_put_back(link: VehicleLink) -> None:
    made = plan()
    record = set_safety(link, safety_params(made, made.sorties[0]))
    assert link.read_param("FENCE_ENABLE") == 1.0
    assert link.read_param("FS_GCS_ENABLE") == 1.0
    assert link.read_param("RTL_ALT") == 6250.0
    assert verify(link, record) == ()
    assert record.absent == ()
    again = SafetyRecord.from_json(record.as_json())
    assert again == record
    assert put_back(link, again) == ()
    for setting in record.settings:
        assert link.read_param(setting.name) == pytest.approx(setting.before), setting.name
    assert link.read_param("FENCE_ENABLE") == 0.0


def test_a_parameter_that_somebody_changes_is_noticed(link: VehicleLink) -> None:
    made = plan()
    record = set_safety(link, safety_params(made, made.sorties[0]))
    link.set_param("FENCE_ACTION", 0.0)
    assert verify(link, record) == ("FENCE_ACTION is 0 instead of 1",)
    put_back(link, record)


def test_a_newer_vehicle_gets_newer_names_and_units_and_what_it_lacks_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("drone.vehicle_params.PARAM_S", 0.2)
    values = dict(NEWER)
    made = plan()
    with OddVehicle(answers=has_params(values)) as odd, VehicleLink.connect(odd.url) as link:
        record = set_safety(link, safety_params(made, made.sorties[0], capacity_mah=5200.0))
    assert values["RTL_ALT_M"] == 62.5
    assert values["RTL_ALT_FINAL_M"] == 0.0
    assert values["WP_SPD"] == 12.0
    assert values["FS_OPTIONS"] == 16.0, "bit 1 would fly a mission on without its ground station"
    assert values["FS_EKF_ACTION"] == 1.0
    assert values["BATT_LOW_MAH"] == 1040.0
    assert "WPNAV_SPEED_UP or WP_SPD_UP (its climb, as planned for)" in record.absent


def test_a_newer_vehicle_that_leaves_no_check_out_is_flown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("drone.vehicle_params.PARAM_S", 0.2)
    values, made = NEWER | {"ARMING_SKIPCHK": 0.0, "RTL_CLIMB_MIN_M": 12.0}, plan()
    del values["ARMING_CHECK"]
    with OddVehicle(answers=has_params(values)) as odd, VehicleLink.connect(odd.url) as link:
        record = set_safety(link, safety_params(made, made.sorties[0]))
    assert "RTL_CLIMB_MIN_M" in {setting.name for setting in record.settings}
    assert values["RTL_CLIMB_MIN_M"] == 0.0


@pytest.mark.parametrize("name", ["FS_GCS_ENABLE", "FENCE_ENABLE", "RTL_ALT_M", "BATT_FS_LOW_ACT"])
def test_a_vehicle_without_a_failsafe_is_not_flown_and_nothing_stays_changed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drone.vehicle_params.PARAM_S", 0.1)
    values = {key: value for key, value in NEWER.items() if key != name}
    before, made = dict(values), plan()
    with (
        OddVehicle(answers=has_params(values)) as odd,
        VehicleLink.connect(odd.url) as link,
        pytest.raises(CommandError, match=rf"no parameter .*{name} .*it is not safe without"),
    ):
        set_safety(link, safety_params(made, made.sorties[0]))
    assert values == before


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"BATT_MONITOR": 0.0}, "BATT_MONITOR is 0: the vehicle does not measure its battery"),
        ({"BATT_LOW_VOLT": 0.0, "BATT_CAPACITY": 0.0}, "does not know when its battery is low"),
        ({"ARMING_CHECK": 0.0}, "would take off without checking itself"),
        ({"SYSID_MYGCS": 254.0}, "SYSID_MYGCS is 254 and our system id is 255"),
        ({"BATT_MONITOR": None}, "BATT_MONITOR does not answer"),
        ({"ARMING_CHECK": None}, "neither ARMING_CHECK nor it answers"),
        ({"ARMING_CHECK": None, "ARMING_SKIPCHK": -1.0}, "ARMING_SKIPCHK: it is -1"),
        ({"SYSID_MYGCS": None}, "neither SYSID_MYGCS nor MAV_GCS_SYSID answers"),
    ],
)
def test_a_vehicle_that_cannot_be_made_safe_is_refused_before_anything_is_set(
    changed: dict[str, float | None], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drone.vehicle_params.PARAM_S", 0.2)
    wanted_now = (NEWER | changed).items()
    values, made = {name: value for name, value in wanted_now if value is not None}, plan()
    before = dict(values)
    with (
        OddVehicle(answers=has_params(values)) as odd,
        VehicleLink.connect(odd.url) as link,
        pytest.raises(CommandError, match=why),
    ):
        set_safety(link, safety_params(made, made.sorties[0]))
    assert values == before
    assert odd.heard_of("PARAM_SET") == []


def test_what_cannot_be_put_back_is_said_and_the_rest_is_put_back(link: VehicleLink) -> None:
    made = plan()
    record = set_safety(link, safety_params(made, made.sorties[0]))
    first = record.settings[0]
    gone = SafetyRecord((type(first)("NO_SUCH_NAME", 1.0, 2.0, "nothing"), *record.settings))
    (left,) = put_back(link, gone)
    assert left.startswith("NO_SUCH_NAME stays 2 (was 1)")
    assert link.read_param("FENCE_ENABLE") == 0.0


@pytest.mark.parametrize("text", ["", "{", "[]", '{"settings": [{}], "absent": []}'])
def test_a_record_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(FlightError, match="this is no record of vehicle parameters"):
        SafetyRecord.from_json(text)
