"""`parkwatch fly` and `parkwatch patrol` as people type them, on the simulated copter."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import shapely

from drone.records import Home
from park.site_model import Asset, Dock, Road, Zone
from sim_data.copter.server import CopterServer
from sim_data.copter.state import HomePoint, Mode
from sim_data.copter.vehicle import SimulatedCopter
from tests.drone.parks import FRAME, drawn, park, route_feature
from tests.e2e.conftest import Run, Said

Start = Callable[..., "subprocess.Popen[str]"]

REPOSITORY = Path(__file__).resolve().parents[2]
FAST = "20"
QUICK_WALK = ("perimeter", "--alt-agl", "20", "--inward", "40")
HOME = Home("dock-1", *FRAME.to_lat_lon(0.0, -30.0), 10.0)

ROUTES = {
    "area": ("area", "yard", "--alt-agl", "40"),
    "corridor": ("corridor", "--along", "roads", "--alt-agl", "25"),
    "perimeter": QUICK_WALK,
    "points": ("points", "--dwell", "2", "--alt-agl", "25"),
    "orbit": ("orbit", "tank", "--radius", "20", "--altitudes", "25"),
    "look": ("look", "{:.6f},{:.6f}".format(*FRAME.to_lat_lon(40.0, 30.0)), "--dwell", "3"),
    "a route of the site": ("night-walk",),
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site file of a small park with something to fly for every purpose."""
    made = park(
        Dock(id=HOME.dock_id, alt_amsl_m=10.0, geometry=drawn(shapely.Point(0.0, -30.0))),
        Zone(id="yard", rules=(), geometry=drawn(shapely.box(-50.0, 0.0, 0.0, 40.0))),
        Road(id="main", geometry=drawn(shapely.LineString([(-60.0, 10.0), (60.0, 10.0)]))),
        Asset(id="tank", criticality=2, geometry=drawn(shapely.Point(30.0, 20.0))),
        route_feature("night-walk", "perimeter", alt_agl_m=20.0, inward_m=40.0),
        outline=shapely.box(-110.0, -90.0, 110.0, 90.0),
    )
    path = tmp_path / "site.geojson"
    path.write_text(json.dumps(made.to_geojson()), "utf-8")
    return path


@pytest.fixture(autouse=True)
def state(no_settings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    monkeypatch.setenv("PARKWATCH_STATE", str(folder))
    return folder


@pytest.fixture
def copter() -> Iterator[CopterServer]:
    """A simulated copter of its own, which outlives the program that flies it."""
    home = HomePoint(HOME.lat_deg, HOME.lon_deg, 10.0)
    with CopterServer(SimulatedCopter(home), port=0, speedup=12.0) as server:
        yield server


@pytest.fixture
def calm_copter() -> Iterator[CopterServer]:
    """One that stays in the air for as long as a program takes to start on a busy machine."""
    home = HomePoint(HOME.lat_deg, HOME.lon_deg, 10.0)
    with CopterServer(SimulatedCopter(home), port=0, speedup=4.0) as server:
        yield server


def records(state: Path) -> list[Path]:
    return sorted(state.glob("*/flight.json"))


def problems(parkwatch: Run, folder: Path, *known: str) -> list[str]:
    """Return what is wrong with a recording, without what has one of the known words."""
    said = parkwatch("footage", "check", folder).stdout.splitlines()
    assert any(line.startswith("ok       telemetry") for line in said), said
    wrong = [line for line in said if line.startswith("problem")]
    return [line for line in wrong if not any(word in line for word in known)]


def patrol_says(parkwatch: Run, *words: str, within_s: float = 60.0) -> Said:
    """Ask until the patrol's status has all the words in it."""
    waiting = threading.Event()
    said = parkwatch("patrol", "status")
    for _ in range(int(within_s / 0.1)):
        if all(word in said.stdout for word in words):
            return said
        waiting.wait(0.1)
        said = parkwatch("patrol", "status")
    raise AssertionError(f"no {words} within {within_s:g} s: {said.stdout} {said.stderr}")


def ended(process: subprocess.Popen[str], timeout_s: float = 90.0) -> Said:
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"it did not end: {out} {err}") from None
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.mark.parametrize("words", ROUTES.values(), ids=ROUTES)
def test_every_kind_of_route_is_flown_and_recorded(
    parkwatch: Run, site: Path, tmp_path: Path, state: Path, words: tuple[str, ...]
) -> None:
    said = parkwatch(
        "fly", *words, "--site", site, "--sim", "--speedup", FAST, "--footage", tmp_path / "footage"
    )
    assert said.returncode == 0, said.stderr
    assert "flown as planned and landed at home" in said.stdout
    (folder,) = (tmp_path / "footage").iterdir()
    assert str(folder) in said.stdout.replace("\n", "")
    assert problems(parkwatch, folder) == []
    log = (folder / "flight-log.jsonl").read_text("utf-8")
    states = [
        line["details"]["after"]
        for line in map(json.loads, log.splitlines())
        if line["kind"] == "state"
    ]
    assert states == ["preflight", "armed", "take-off", "on route", "returning", "landed"]
    assert records(state) == [], "a flight that is over leaves nothing behind"


# --- before take-off ----------------------------------------------------------------------------


def test_only_the_checks_leave_the_vehicle_as_it_was(
    parkwatch: Run, site: Path, copter: CopterServer, state: Path
) -> None:
    fence = "FENCE_ENABLE"
    before = copter.ask(lambda vehicle: vehicle.params.get(fence))
    said = parkwatch(
        "fly", *QUICK_WALK, "--site", site, "--vehicle", copter.url, "--camera", "none",
        "--check-only",
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert "all checks say go; nothing was armed" in said.stdout
    assert "go  battery:" in said.stderr
    assert not copter.state.armed
    assert copter.ask(lambda vehicle: vehicle.params.get(fence)) == before
    assert records(state) == []


def test_a_no_go_arms_nothing(parkwatch: Run, site: Path, copter: CopterServer) -> None:
    park_of = json.loads(site.read_text("utf-8"))
    park_of["features"][0]["properties"]["flight_permission_required"] = True
    site.write_text(json.dumps(park_of), "utf-8")
    said = parkwatch(
        "fly", *QUICK_WALK, "--site", site, "--vehicle", copter.url, "--camera", "none", "--yes"
    )
    assert said.returncode == 2
    assert "NO GO  permission" in said.stderr
    assert "no go: permission: test-park asks for a record of one" in said.stderr
    assert "Nothing was armed" in said.stderr
    assert not copter.state.armed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "what is to be flown"),
        (("--sim", "--vehicle", "tcp:127.0.0.1:1"), "are two vehicles; give one"),
        (("--vehicle", "tcp:127.0.0.1:1", "--camera", "none", "--yes"), "127.0.0.1:1"),
        (("--vehicle", "tcp:127.0.0.1:1", "--speedup", "2"), "a vehicle has none"),
        (("--vehicle", "tcp:127.0.0.1:1"), "what is to be recorded"),
        (("--sim", "--speedup", "1000"), "is not between 0.1 and 50"),
        (("--sim", "--sortie", "9"), "--sortie 9: the plan has 1"),
        (("--sim", "--sortie", "1", "--all"), "give one"),
        (("--sim", "--camera", "nothing"), "is no camera and no file"),
        (("--sim", "--sitl-binary", "no-such"), "is no program that can be run"),
        (("--vehicle", "tcp:127.0.0.1:1", "--camera", "none"), "there is no terminal to ask"),
    ],
)
def test_what_cannot_be_flown_is_refused_with_a_sentence(
    parkwatch: Run, site: Path, words: tuple[str, ...], message: str
) -> None:
    said = parkwatch("fly", *QUICK_WALK, "--site", site, *words)
    assert said.returncode == 2
    assert message in said.stderr.replace("\n", " ")


def test_a_vehicle_that_somebody_else_has_armed_is_left_alone(
    parkwatch: Run, site: Path, copter: CopterServer
) -> None:
    copter.wait_for(lambda now: now.prearm_ok, "it to be ready", 30.0)
    copter.ask(lambda vehicle: vehicle.params.set("DISARM_DELAY", 0.0))
    copter.ask(lambda vehicle: vehicle.command(400, (1, 0, 0, 0, 0, 0, 0)))
    said = parkwatch(
        "fly", *QUICK_WALK, "--site", site, "--vehicle", copter.url, "--camera", "none", "--yes"
    )
    assert said.returncode == 2
    assert "somebody else flies it. Nothing was sent to it" in said.stderr.replace("\n", " ")
    assert copter.state.armed


# --- in the air ---------------------------------------------------------------------------------


def test_another_terminal_sees_and_steers_the_patrol(
    parkwatch: Run, start_parkwatch: Start, site: Path, copter: CopterServer, state: Path
) -> None:
    flying = start_parkwatch(
        "fly", *QUICK_WALK, "--site", site, "--vehicle", copter.url, "--camera", "none", "--yes"
    )
    try:
        patrol_says(parkwatch, "on route", "waypoint 2 of")
        paused = parkwatch("patrol", "pause")
        assert paused.returncode == 0, paused.stderr
        assert "it holds where it is" in paused.stdout
        assert copter.state.mode in (Mode.BRAKE, Mode.LOITER)
        assert "paused" in parkwatch("patrol", "status").stdout
        again = parkwatch("patrol", "pause")
        assert again.returncode == 3
        assert "the patrol is paused already" in again.stderr.replace("\n", " ")
        outside = parkwatch("patrol", "goto", "{:.6f},{:.6f}".format(*FRAME.to_lat_lon(500.0, 0.0)))
        assert outside.returncode == 3
        assert "outside the boundary" in outside.stderr.replace("\n", " ")
        assert parkwatch("patrol", "resume").returncode == 0
        patrol_says(parkwatch, "on route")
        second = parkwatch(
            "fly", *QUICK_WALK, "--site", site, "--vehicle", copter.url, "--camera", "none", "--yes"
        )
        assert second.returncode == 2
        assert "another parkwatch on this machine flies" in second.stderr.replace("\n", " ")
        home = parkwatch("patrol", "return", "--flight", records(state)[0].parent.name)
        assert home.returncode == 0, home.stderr
        said = ended(flying)
    finally:
        flying.kill()
    assert said.returncode == 3, said.stderr
    assert "landed at home before the route was flown: order: return" in said.stdout
    nobody = parkwatch("patrol", "pause")
    assert nobody.returncode == 2
    assert "no patrol flies from this machine" in nobody.stderr.replace("\n", " ")


def test_ctrl_c_brings_it_home(
    parkwatch: Run, start_parkwatch: Start, site: Path, copter: CopterServer
) -> None:
    flying = start_parkwatch(
        "fly", *QUICK_WALK, "--site", site, "--vehicle", copter.url, "--camera", "none", "--yes"
    )
    try:
        patrol_says(parkwatch, "on route", "waypoint 2 of")
        flying.send_signal(signal.SIGINT)
        said = ended(flying)
    finally:
        flying.kill()
    assert said.returncode == 3, said.stderr
    assert "the vehicle is told to return" in said.stderr.replace("\n", " ")
    assert not copter.state.armed


def test_a_program_that_is_killed_takes_its_flight_up_again(
    parkwatch: Run, start_parkwatch: Start, site: Path, calm_copter: CopterServer,
    tmp_path: Path, state: Path,
) -> None:  # fmt: skip
    words = (
        "fly", *QUICK_WALK, "--site", site, "--vehicle", calm_copter.url, "--camera", "pattern",
        "--footage", tmp_path / "footage", "--yes",
    )  # fmt: skip
    flying = start_parkwatch(*words)
    patrol_says(parkwatch, "on route", "waypoint 2 of")
    flying.kill()
    flying.communicate()
    (left,) = records(state)
    assert json.loads(left.read_text("utf-8"))["state"] == "on route"
    gone = parkwatch("patrol", "status")
    assert gone.returncode == 3
    assert "Start the same `parkwatch fly` again" in gone.stderr.replace("\n", " ")
    said = parkwatch(*words)
    assert said.returncode in (0, 3), said.stderr
    assert "the flight is taken up: found it in" in said.stderr.replace("\n", " ")
    assert "armed" not in [line.split(" -> ")[-1] for line in said.stderr.splitlines()]
    assert "landed at home" in said.stdout
    assert not calm_copter.state.armed
    assert records(state) == []
    (folder,) = (tmp_path / "footage").iterdir()
    # A vehicle given by its address is taken for one that lives in real time; and while nobody
    # flew it, nobody recorded.
    known = ("time base", "starts", "overlaps", "outside", "gap of")
    assert problems(parkwatch, folder, *known) == []
    assert calm_copter.ask(lambda vehicle: vehicle.params.get("FENCE_ENABLE")) == 0.0


def test_what_landed_while_the_program_was_dead_is_not_flown_again_by_itself(
    parkwatch: Run, start_parkwatch: Start, site: Path, copter: CopterServer
) -> None:
    words = ("fly", *QUICK_WALK, "--site", site, "--vehicle", copter.url, "--camera", "none",
             "--yes")  # fmt: skip
    flying = start_parkwatch(*words)
    patrol_says(parkwatch, "on route", "waypoint 2 of")
    flying.kill()
    flying.communicate()
    landed = copter.wait_for(lambda now: not now.armed, "it to come home by itself", 60.0)
    assert landed.lat_deg == pytest.approx(HOME.lat_deg, abs=3e-5)
    assert landed.lon_deg == pytest.approx(HOME.lon_deg, abs=3e-5)
    said = parkwatch(*words)
    assert said.returncode == 2
    assert "the flight is over" in said.stderr.replace("\n", " ")
    assert "Nothing was armed" in said.stderr.replace("\n", " ")
    assert not copter.state.armed


# --- a binary in the vehicle's place --------------------------------------------------------------

STANDS_IN = """\
import runpy, sys
words = sys.argv[1:]
home = words[words.index("--home") + 1]
speedup = words[words.index("--speedup") + 1]
port = 5760 + 10 * int([w for w in words if w.startswith("-I")][0][2:])
sys.path.insert(0, {root!r})
sys.argv = ["copter", "--home=" + home, "--speedup", speedup, "--port", str(port)]
runpy.run_module("sim_data.copter", run_name="__main__")
"""


def test_a_simulator_binary_is_started_flown_and_ended(
    parkwatch: Run, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = tmp_path / "arducopter"
    body = STANDS_IN.format(root=str(REPOSITORY))
    binary.write_text(f"#!{sys.executable}\n{body}", "utf-8")
    binary.chmod(0o755)
    monkeypatch.setenv("PARKWATCH_SITL", str(binary))
    said = parkwatch(
        "fly", *ROUTES["look"], "--site", site, "--sim", "--speedup", FAST,
        "--footage", tmp_path / "footage",
    )  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert "with ArduCopter SITL (simulated)" in said.stderr.replace("\n", " ")
    (folder,) = (tmp_path / "footage").iterdir()
    assert problems(parkwatch, folder) == []
    # By its own parameters it has no gimbal that says where it looks.
    log = (folder / "flight-log.jsonl").read_text("utf-8")
    assert "the vehicle reports no gimbal: the camera is taken as level" in log
    assert os.environ["PARKWATCH_SITL"] == str(binary)
