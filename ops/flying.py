"""Puts a flight together: vehicle, plan, recording, control, display; and takes it apart again."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import FrameType

from rich.text import Text

from drone.airspace import Airspace
from drone.cameras.source import CameraSource
from drone.control import ControlServer, Order, OrderName, PatrolStatus
from drone.energy import EnergyModel
from drone.failsafe import FlightLimits
from drone.flight_record import (
    FlightFolder,
    FlightRecord,
    VehicleLock,
    flight_records,
    mission_hash,
    state_folder,
)
from drone.gimbal_told import GimbalTold
from drone.link import VehicleLink, signing_key
from drone.patrol import Patrol
from drone.patrol_flight import Flight
from drone.patrol_mission import PatrolMission
from drone.patrol_prepare import Preparation, prepare
from drone.patrol_result import Outcome, PatrolResult
from drone.patrol_state import PatrolState, Transition
from drone.patrol_takeup import need_on_ground, take_up
from drone.preflight import PreflightReport, Weather
from drone.recorder.manifest import PatrolFacts
from drone.recorder.recorder import Recorder, RecorderOptions, RecordingReport
from drone.recorder.vehicle_time import host_time_base
from drone.records import FlightPlan, Sortie, Vehicle, Wind
from drone.vehicle_params import SafetyRecord, put_back
from drone.way_check import WayCheck
from ops import console_text
from ops.flight_display import FlightDisplay
from ops.footage_out import SIMULATED, CameraWish, footage_place, open_camera
from ops.vehicle_source import VehicleSource
from park.clock import Clock, SystemClock
from park.errors import FlightError, PreflightError
from park.patrol_format import PatrolPoseSigma, TimeBase
from park.site import Site

_CONNECT_S = 60.0
_SYNC_SIGMA_S = 0.1
_DRAWN_SIGMA_S = 0.02
_UPLOAD_S = 120.0
_FPS = 10.0


@dataclass(frozen=True, slots=True)
class FlightWish:
    """What a person wants flown, and how.

    Attributes:
        site: the park.
        plan: checked.
        vehicle: what it can do.
        source: of the vehicle.
        airspace: of the site, for ways that are not in the plan.
        wind: that was planned for.
        camera: word for the video source; None to record nothing.
        drawn: what is recorded in the place of the camera that the word names; None for that.
        pose_sigma: how well the recorded poses are known; the usual where None.
        stop_s: see `drone.recorder.recorder.RecorderOptions`.
        footage: word for where the recording goes; None for the folder `footage`.
        permission: file with the flight permission; None for none.
        weather: that somebody knows; None for nobody.
        check_only: stop after the checks.
        confirm: asks a person, after the checks, and raises where the answer is no; None to ask
            nobody.
        limits: from when on something counts as wrong.
    """

    site: Site
    plan: FlightPlan
    vehicle: Vehicle
    source: VehicleSource
    airspace: Airspace
    wind: Wind
    camera: str | None = None
    drawn: CameraSource | None = None
    pose_sigma: PatrolPoseSigma | None = None
    stop_s: float | None = None
    footage: str | None = None
    permission: Path | None = None
    weather: Weather | None = None
    check_only: bool = False
    confirm: Callable[[], None] | None = None
    limits: FlightLimits = field(default_factory=FlightLimits)


@dataclass(frozen=True, slots=True)
class Flown:
    """One sortie that is over.

    Attributes:
        result: how it ended; None where only the checks were made.
        recording: what was recorded; None for nothing.
        flight: what was flown.
    """

    result: PatrolResult | None
    recording: RecordingReport | None
    flight: Flight


def fly_sortie(wish: FlightWish, sortie: Sortie, clock: Clock | None = None) -> Flown:
    """Fly one sortie, or take it up where a program that died has left it.

    Raises:
        LinkError: the vehicle cannot be reached.
        PreflightError: a check says no go; nothing is armed.
        CommandError: the vehicle refuses an upload, a parameter or to arm.
        FlightError: somebody else flies the vehicle.
        RecordingError: nothing can be recorded.
    """
    clock = clock or SystemClock()
    folder = state_folder()
    cameras = _cameras(wish)
    with ExitStack() as stack:
        url = stack.enter_context(wish.source.at(sortie.home))
        stack.enter_context(VehicleLock(folder, url))
        link = stack.enter_context(
            VehicleLink.connect(
                url, timeout_s=_CONNECT_S, clock=clock, signing_key=signing_key(os.environ)
            )
        )
        left = [record for record in flight_records(folder) if record.vehicle == url]
        if left and not wish.source.simulated:
            return _take_up(wish, left[-1], link, folder, clock, cameras)
        need_on_ground(link)
        name = flight_id(wish.plan, sortie, clock.now())
        run = _Run(wish, sortie, url, name, folder, clock, link, cameras)
        return run.from_the_ground()


def flight_id(plan: FlightPlan, sortie: Sortie, start: datetime) -> str:
    """Return a name for a flight that serves as a folder's: site, route, sortie and start."""
    words = f"{plan.site_id}-{plan.route.route_id}-{sortie.number}"
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", words).strip("_.-") or "flight"
    return f"{plain[:100]}-{start:%Y%m%dT%H%M%SZ}"


def _cameras(wish: FlightWish) -> tuple[CameraSource, ...]:
    """Return the camera that is asked for, not opened yet; none where nothing is recorded."""
    if wish.camera is None:
        return ()
    if wish.drawn is not None:
        return (wish.drawn,)
    camera_wish = CameraWish(
        hfov_deg=wish.plan.route.camera.hfov_deg,
        # No more pictures a second of this machine's time than a real camera gives.
        fps=max(1.0, _FPS / wish.source.speedup),
    )
    return (open_camera(wish.camera, wish.site, camera_wish),)


def _take_up(
    wish: FlightWish,
    record: FlightRecord,
    link: VehicleLink,
    folder: Path,
    clock: Clock,
    cameras: tuple[CameraSource, ...],
) -> Flown:
    number = min(record.sortie, len(wish.plan.sorties))
    sortie = wish.plan.sorties[number - 1]
    run = _Run(wish, sortie, record.vehicle, record.flight_id, folder, clock, link, cameras)
    return run.from_the_air(record)


class _Run:
    """One sortie with everything around it."""

    def __init__(
        self,
        wish: FlightWish,
        sortie: Sortie,
        url: str,
        name: str,
        folder: Path,
        clock: Clock,
        link: VehicleLink,
        cameras: tuple[CameraSource, ...],
    ) -> None:
        self._cameras = cameras
        self._wish, self._sortie, self._link, self._clock = wish, sortie, link, clock
        place = footage_place(wish.footage, name, Path("footage"), os.environ)
        self._place = place
        self._flight = Flight(
            flight_id=name,
            url=url,
            plan=wish.plan,
            mission=PatrolMission.of(sortie),
            vehicle=wish.vehicle,
            check=WayCheck(wish.airspace, wish.plan, sortie, EnergyModel(wish.vehicle, wish.wind)),
            footage=str(place.folder) if wish.camera is not None else "",
            limits=wish.limits,
        )
        self._folder = FlightFolder(folder, name)
        self._started_at = clock.now()
        self._patrol: Patrol | None = None
        self._params = ""
        self._address = ""
        self._over = True
        self._display = FlightDisplay(self._status)

    def _status(self) -> PatrolStatus | None:
        return None if self._patrol is None else self._patrol.status

    def from_the_ground(self) -> Flown:
        """Prepare, check, and unless only that is wanted, fly."""
        try:
            patrol = self._make_patrol(PatrolState.IDLE)
            with self._display.shown():
                patrol.states.enter(PatrolState.PREFLIGHT, "a flight is asked for")
                ready = self._prepare(patrol)
            self._params = ready.safety.as_json()
            if self._wish.check_only:
                patrol.states.enter(PatrolState.IDLE, "only the checks were wanted")
                return Flown(None, None, self._flight)
            self._ask(patrol)
            with self._display.shown():
                return self._record_and(patrol, patrol.fly)
        finally:
            self._tidy()

    def _ask(self, patrol: Patrol) -> None:
        if self._wish.confirm is None:
            return
        try:
            self._wish.confirm()
        except BaseException:
            patrol.states.enter(PatrolState.IDLE, "nobody said yes to the take-off")
            raise

    def _prepare(self, patrol: Patrol) -> Preparation:
        try:
            ready = prepare(
                self._link,
                self._flight,
                self._wish.site,
                recording=self._place.folder if self._wish.camera is not None else None,
                permission=self._wish.permission,
                weather=self._wish.weather,
                tell=lambda line: patrol.say("note", line),
                speedup=self._wish.source.speedup,
            )
        except FlightError as error:
            patrol.states.enter(PatrolState.FAILED, f"it cannot be prepared: {error}")
            raise
        print_report(ready.report)
        if ready.report.go:
            return ready
        patrol.states.enter(PatrolState.FAILED, "a check before take-off says no go")
        left = put_back(self._link, ready.safety)
        try:
            ready.report.need_go()
        except PreflightError as error:
            changed = f"; these parameters stay changed: {'; '.join(left)}" if left else ""
            raise PreflightError(f"{error}. Nothing was armed{changed}") from error
        return ready

    def from_the_air(self, record: FlightRecord) -> Flown:
        """Take part in a flight that lasts."""
        found = take_up(self._link, record, self._flight.mission)
        self._started_at, self._params = record.started_at, record.params
        if not found.in_air:
            self._folder.remove()
            raise FlightError(
                f"flight {record.flight_id}, which a program that ended has left, is over: "
                f"{found.reason}. Nothing was armed; start the command again for a new flight"
            )
        self._over = False
        patrol = self._make_patrol(found.state)
        try:
            with self._display.shown():
                return self._record_and(patrol, lambda: patrol.go_on(found.reason))
        finally:
            self._tidy()

    def _make_patrol(self, state: PatrolState) -> Patrol:
        self._patrol = Patrol(
            self._flight,
            self._link,
            clock=self._clock,
            listener=self._display.line,
            on_state=self._write_record,
            start=state,
        )
        return self._patrol

    def _record_and(self, patrol: Patrol, fly: Callable[[], PatrolResult]) -> Flown:
        """Fly while it is recorded and takes orders."""
        recorder = self._start_recorder()
        if recorder is not None:
            patrol.record_with(recorder)
        recording = None
        try:
            with (
                ControlServer(self._folder.path, patrol.order) as control,
                orders_on_signals(patrol),
            ):
                self._address = control.address
                self._write_record(None, self._link.telemetry.mode or "")
                result = fly()
        except BaseException:
            # Whatever ends the program: what is armed, or not heard, may have to be taken up.
            self._over = not self._link.telemetry.armed and not self._link.lost
            raise
        finally:
            if recorder is not None:
                recording = recorder.close(upload_timeout_s=_UPLOAD_S)
        self._over = result.outcome is not Outcome.OUT_OF_SIGHT
        return Flown(result, recording, self._flight)

    def _start_recorder(self) -> Recorder | None:
        wish = self._wish
        if wish.camera is None:
            return None
        recorder = Recorder(
            self._place.folder,
            PatrolFacts(
                site=wish.site.id,
                patrol_id=self._flight.flight_id,
                vehicle=wish.source.name,
                time_base=_time_base(wish.source, wish.camera),
                pose_sigma=wish.pose_sigma or PatrolPoseSigma(),
                takeoff_alt_amsl_m=self._sortie.home.alt_amsl_m,
                route=wish.plan.route.route_id,
            ),
            self._cameras,
            clock=self._clock,
            options=RecorderOptions(
                speedup=wish.source.speedup,
                stop_s=wish.stop_s,
                assumed_gimbal=GimbalTold.of(self._flight.mission.items).angles,
            ),
            store=self._place.store,
            on_trouble=lambda line: self._display.line("note", line),
        )
        recorder.start()
        return recorder

    def _write_record(self, made: Transition | None, mode: str) -> None:
        """Leave on disk what a restarted program needs; once in the air, or about to be."""
        patrol = self._patrol
        if patrol is None or not self._address:
            return
        if self._control_is_over(patrol):
            return
        status = patrol.status
        self._folder.write(
            FlightRecord(
                flight_id=self._flight.flight_id,
                pid=os.getpid(),
                vehicle=self._flight.url,
                site_id=self._wish.plan.site_id,
                site_hash=self._wish.plan.site_hash,
                route_id=self._wish.plan.route.route_id,
                sortie=self._sortie.number,
                mission_hash=mission_hash(self._flight.mission.items),
                state=status.state,
                cause=status.cause,
                mode=mode,
                started_at=self._started_at,
                changed_at=self._clock.now(),
                footage=self._flight.footage,
                address=self._address,
                params=self._params,
                simulated=self._wish.source.simulated,
            )
        )

    @staticmethod
    def _control_is_over(patrol: Patrol) -> bool:
        return patrol.state in (PatrolState.IDLE, PatrolState.LANDED)

    def _tidy(self) -> None:
        """Leave the vehicle's parameters as they were, and nothing on disk, once it is down."""
        if not self._over and not self._wish.source.simulated:
            return
        if self._params and not self._link.lost and not self._link.telemetry.armed:
            for line in put_back(self._link, SafetyRecord.from_json(self._params)):
                console_text.warn(line)
        self._folder.remove()


def _time_base(source: VehicleSource, camera: str) -> TimeBase:
    """Return the clock of a recording; a simulation's own time is right by definition."""
    if not source.simulated:
        return host_time_base(_SYNC_SIGMA_S)
    sigma_s = _DRAWN_SIGMA_S if camera == SIMULATED else _SYNC_SIGMA_S
    return TimeBase(clock="gnss", sigma_s=sigma_s)


def print_report(report: PreflightReport) -> None:
    """Print the checklist."""
    colours = {True: "green", False: "bold red", None: "yellow"}
    words = {True: "go", False: "NO GO", None: "unknown"}
    for line in report.lines:
        text = Text.assemble((f"{words[line.go]:>8}  ", colours[line.go]), f"{line.name}: ")
        console_text.err.print(text.append(line.reason), soft_wrap=True)


@contextmanager
def orders_on_signals(patrol: Patrol) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM send the vehicle home; the second ends the program.

    The order is given from another thread: this one flies, and carries it out.
    """

    def come_home() -> None:
        try:
            patrol.order(Order(name=OrderName.RETURN))
        except FlightError as error:
            patrol.say("note", f"return: {error}")

    def hear(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        patrol.say(
            "note",
            f"{signal.Signals(number).name}: the vehicle is told to return; once more ends this "
            "program, and the vehicle goes on by its own parameters",
        )
        threading.Thread(target=come_home, name="return on a signal", daemon=True).start()

    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
