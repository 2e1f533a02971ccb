"""Flies one sortie: from the checks on the ground until the motors stand still again.

One thread, that of `Patrol.fly`, does everything that steers. Telemetry and events of the link,
and orders from people, come to it through one queue, so that two things never steer at once. It
sends as little as it can: the mission is on the vehicle, and the vehicle flies it. Whenever a
person takes the controls it sends nothing more.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass

from drone.control import ORDER_TIMEOUT_S, Order, OrderName, PatrolStatus, Reply
from drone.failsafe import HOLDING_MODES, FailsafeWatch, Finding, Reaction
from drone.link import VehicleLink
from drone.mode_watch import OWN_RETREATS, Failsafe
from drone.patrol_end import FlightEnd
from drone.patrol_flight import (
    Flight,
    FlightLogger,
    event_words,
    status_of,
    transition_details,
)
from drone.patrol_launch import Climb, arm, climb, disarm
from drone.patrol_log import PatrolLog
from drone.patrol_orders import Steering
from drone.patrol_prepare import battery_share
from drone.patrol_result import FlightTally, Outcome, PatrolResult
from drone.patrol_state import AIRBORNE, PatrolState, PatrolStates, Transition
from drone.telemetry import (
    CameraFeedback,
    LinkEvent,
    MissionCurrent,
    MissionReached,
    ModeChanged,
    StatusText,
    Telemetry,
    VehicleRebooted,
)
from park.clock import Clock, SystemClock
from park.errors import CommandError, FlightError, LinkError
from park.records import JsonValue

_TICK_S = 0.1
_LEAST_STEP_S = 0.2
_RETRY_S = 2.0

S = PatrolState


@dataclass(frozen=True, slots=True)
class _Asked:
    """An order that waits for its turn."""

    order: Order
    answer: Future[str]


class Patrol:
    """The pilot of one flight.

    Args:
        flight: what is flown.
        link: to its vehicle.
        clock: of this program.
        logger: keeps what happens, besides the log of the program.
        listener: called with every line for people, its kind first; must not block.
        on_state: called with every change of state; what it raises is logged.
        start: the state to begin with; see `drone.patrol_takeup`.
    """

    def __init__(
        self,
        flight: Flight,
        link: VehicleLink,
        *,
        clock: Clock | None = None,
        logger: FlightLogger | None = None,
        listener: Callable[[str, str], None] | None = None,
        on_state: Callable[[Transition, str], None] | None = None,
        start: PatrolState = PatrolState.IDLE,
    ) -> None:
        self.flight = flight
        self._link = link
        self._clock = clock or SystemClock()
        self._told = PatrolLog(logger, listener)
        self._on_state = on_state
        self.states = PatrolStates(self._clock, self._entered, start=start)
        self.steering = Steering(flight.mission, flight.check, link)
        self._watch = FailsafeWatch(
            vehicle=flight.vehicle,
            fence=flight.plan.fence,
            home=flight.mission.sortie.home,
            targets=flight.mission.targets,
            way_home_wh=flight.check.way_home_wh,
            limits=flight.limits,
        )
        self._inbox: queue.SimpleQueue[Telemetry | LinkEvent | _Asked] = queue.SimpleQueue()
        self._seen = link.telemetry
        self._newest_s = -1.0
        self._let_go = False
        self._tally = FlightTally(flight.mission)
        self._waiting: list[_Asked] = []
        self._over = FlightEnd(link, self._clock, flight.limits.reconnect_s)
        self._retry_at_s = 0.0
        self._assumed: str | None = None
        self._unheard: tuple[Failsafe | None, str] | None = None
        self._changed_at = self._clock.now()
        self._cause = "nothing has happened yet"

    # What others may ask for, from any thread.

    @property
    def state(self) -> PatrolState:
        """The present state."""
        return self.states.state

    @property
    def status(self) -> PatrolStatus:
        """Where the patrol is."""
        return status_of(
            self.flight,
            self._link.telemetry,
            self.state,
            cause=self._cause,
            since=self._changed_at,
            time=self._clock.now(),
            steering=not self._let_go,
            left_wh=self._watch.battery.left_wh,
            home_m=self._tally.home_m(self._link.telemetry),
        )

    def order(self, order: Order, *, timeout_s: float = ORDER_TIMEOUT_S) -> Reply:
        """Do what a person asks for, and return the vehicle's answer.

        Raises:
            CommandError: the vehicle refused it, or it cannot be done now.
            AirspaceError: the way there may not be flown.
            LinkError: the vehicle did not answer, or this program did not come to it in time.
        """
        if order.name is OrderName.STATUS:
            status = self.status
            return Reply(done=True, said=f"{status.state}: {status.cause}", status=status)
        asked = _Asked(order, Future())
        self._inbox.put(asked)
        try:
            said = asked.answer.result(timeout_s)
        except FutureTimeoutError:
            begun = "" if asked.answer.cancel() else "; it was begun and may still be done"
            raise LinkError(
                f"{order}: the patrol was busy for {timeout_s:g} s with something else{begun}"
            ) from None
        return Reply(done=True, said=said, status=self.status)

    # The life of a flight.

    def fly(self) -> PatrolResult:
        """Take off and fly the sortie; the vehicle has been prepared and is in `PREFLIGHT`.

        Returns:
            How it ended, once the vehicle is down, or is not heard of any more.

        Raises:
            CommandError: the vehicle does not arm or does not accept the take-off; it is disarmed.
            LinkError: it stopped answering before take-off.
        """
        stop = self._listen()
        try:
            self._launch()
            return self._fly_on()
        finally:
            stop()

    def go_on(self, found: str) -> PatrolResult:
        """Take part in a flight that is in the air already; nothing is armed or uploaded.

        Args:
            found: how the vehicle was found, in words.
        """
        stop = self._listen()
        try:
            self._cause = found
            self.say("note", f"the flight is taken up: {found}")
            self._tally.reached((self._link.telemetry.mission_seq or 0) - 1)
            self._tally.began_s = self._link.telemetry.time_boot_s
            if self.state is S.FAILED:
                self._let_go = True
                self._tally.ends_early(Failsafe.PILOT, found)
            elif self.state is S.RETURNING:
                self._tally.ends_early(None, found)
            return self._fly_on()
        finally:
            stop()

    def record_with(self, logger: FlightLogger) -> None:
        """Keep what happens from now on with a recorder, and what has happened so far."""
        self._told.keep_with(logger, self.states.history)

    def say(self, kind: str, message: str, **details: JsonValue) -> None:
        """Log a line: to the program's log, the recording, and whoever listens."""
        self._told.say(kind, message, details)

    def _listen(self) -> Callable[[], None]:
        stops = (
            self._link.add_listener(self._hear_telemetry, Telemetry),
            self._link.add_listener(self._inbox.put, LinkEvent),
        )
        self._link.need_keepalive(self.flight.limits.hang_s)

        def stop() -> None:
            self._link.need_keepalive(None)
            for one in stops:
                one()

        return stop

    def _hear_telemetry(self, seen: Telemetry) -> None:
        """Pass telemetry on, in the link's thread; rules need no more than five a second."""
        self._told.telemetry(seen)
        boot_s = seen.time_boot_s
        if boot_s is None or not 0.0 <= boot_s - self._newest_s < _LEAST_STEP_S:
            self._newest_s = self._newest_s if boot_s is None else boot_s
            self._inbox.put(seen)

    def _launch(self) -> None:
        sortie = self.flight.mission.sortie
        try:
            share = battery_share(self._link)
            if share is not None:
                self._watch.battery.begin(share)
            self._link.set_mode("GUIDED")
            arm(self._link, self._clock, self.say)
        except FlightError as error:
            self.states.enter(S.FAILED, f"it does not arm: {error}")
            if self._link.telemetry.armed:
                disarm(self._link, self.say)
            raise
        self._tally.began_s = self._link.telemetry.time_boot_s
        self.states.enter(S.ARMED, "all checks say go, and the vehicle accepts it")
        try:
            self._link.takeoff(sortie.takeoff_alt_home_m)
        except FlightError as error:
            disarm(self._link, self.say)
            if self._link.telemetry.armed:
                # It may have heard all the same, and climb: nobody else would watch it.
                self.states.enter(S.TAKE_OFF, f"it is armed, and may take off: {error}")
                return
            self.states.enter(S.FAILED, f"it does not take off: {error}")
            raise
        self.states.enter(S.TAKE_OFF, f"climbs to {sortie.takeoff_alt_home_m:g} m above home")

    def _fly_on(self) -> PatrolResult:
        while True:
            self._take_in()
            result = self._end()
            if result is not None:
                return result

    def _take_in(self) -> None:
        """Deal with what came, or with time that passed."""
        try:
            item = self._inbox.get(timeout=_TICK_S)
        except queue.Empty:
            item = None
        if isinstance(item, _Asked):
            self._waiting.append(item)
        elif isinstance(item, Telemetry):
            self._seen = item
            self._advance(item)
        elif isinstance(item, LinkEvent):
            self._hear(item)
        self._judge_modes()
        self._watch_telemetry()
        # Nothing is sent before it is known who flies; orders wait for that.
        while self._waiting and not self._watch.modes.unsure:
            self._obey(self._waiting.pop(0))
        self._link.keepalive()

    def _hear(self, event: LinkEvent) -> None:
        if isinstance(event, StatusText):
            self.say("status_text", event.text, severity=event.severity)
        elif isinstance(event, ModeChanged):
            by = "this program" if event.by_us else "another"
            self.say("mode", f"{event.before} -> {event.mode} ({by})")
            if event.late:
                self._catch_up(event.mode)
        elif isinstance(event, MissionReached):
            self._tally.reached(event.seq)
            self.say("mission", f"item {event.seq} reached")
        else:
            kind = "mission" if isinstance(event, CameraFeedback | MissionCurrent) else "note"
            self.say(kind, event_words(event))
        if isinstance(event, VehicleRebooted):
            self._tally.rebooted = True
        finding = self._watch.hear(event)
        if finding is not None:
            self._act(finding)

    def _catch_up(self, mode: str) -> None:
        """Follow a vehicle that does what it was asked for, after that was given up."""
        if self._let_go or self.state not in AIRBORNE:
            return
        failsafe, why = self._unheard or (None, f"mode {mode} was asked for")
        cause = f"the vehicle heard it after all: {why}"
        after = S.RETURNING if mode in OWN_RETREATS - {"BRAKE"} else S.PAUSED
        if mode == "AUTO":
            after = S.ON_ROUTE
        if after is S.RETURNING:
            self._tally.ends_early(failsafe, why)
        if after is not self.state and self.states.may_enter(after):
            self.states.enter(after, cause)

    def _judge_modes(self) -> None:
        finding = self._watch.who_changed_mode(self._clock.now())
        if finding is not None and not self._let_go:
            self._act(finding)

    def _watch_telemetry(self) -> None:
        if self._let_go or self.state not in AIRBORNE or self._link.lost:
            return
        finding = self._watch.blind(self._link.telemetry)
        if finding is not None:
            self._act(finding)

    def _advance(self, seen: Telemetry) -> None:
        """Follow the vehicle from state to state, and watch it."""
        self._tally.battery(self._watch.battery.left_wh)
        if self._let_go or self.state not in AIRBORNE or not seen.armed:
            return
        for finding in self._watch.look(seen, on_route=self.state is S.ON_ROUTE):
            self._act(finding)
        if self._watch.battery.assumption != self._assumed:
            self._assumed = self._watch.battery.assumption
            self.say("note", f"assumed: {self._assumed}")
        if self._watch.modes.unsure:
            return
        if self.state is S.TAKE_OFF:
            self._climb(seen)
        elif (
            self.state is S.ON_ROUTE
            and seen.mode == "AUTO"
            and (seen.mission_seq or 0) >= self.flight.mission.return_from
        ):
            self._tally.route_is_flown()
            self.states.enter(S.RETURNING, "the route is flown; on the way home")

    def _climb(self, seen: Telemetry) -> None:
        """Hand over to the mission once it is up, or end what does not get up."""
        flight = self.flight
        got, words = climb(
            seen,
            flight.mission.sortie.takeoff_alt_home_m,
            began_s=self._tally.began_s,
            climb_mps=flight.vehicle.climb_mps,
        )
        if got is Climb.UP:
            self._unheard = (None, "the mission begins")
            try:
                self._link.resume_mission()
            except FlightError as error:
                why = f"it does not go to AUTO: {error}"
                self._act(Finding(Failsafe.VEHICLE, Reaction.RETURN, why))
                return
            self.states.enter(S.ON_ROUTE, f"{words}; the mission begins")
        elif got is Climb.ON_GROUND:
            self._tally.ends_early(Failsafe.VEHICLE, "it did not lift off")
            self.states.enter(S.FAILED, words)
            disarm(self._link, self.say)
        elif got is Climb.TOO_SLOW:
            self._act(Finding(Failsafe.STALLED, Reaction.LAND, words))

    def _act(self, finding: Finding) -> None:
        """Do what a finding asks for; what steers is left out once a person flies."""
        steers = finding.reaction in (Reaction.RETURN, Reaction.LAND)
        held_back = self._let_go or self._watch.modes.unsure or self._link.lost
        if steers and (held_back or self._clock.monotonic_s() < self._retry_at_s):
            return
        self.say("failsafe", str(finding), failsafe=finding.failsafe, reaction=finding.reaction)
        if finding.reaction is Reaction.REPORT or self.state not in AIRBORNE:
            return
        if finding.reaction is Reaction.LET_GO:
            self._release(finding)
            return
        if steers and not self._send_down(finding):
            return
        self._tally.ends_early(finding.failsafe, str(finding))
        if self.state is not S.RETURNING:
            self.states.enter(S.RETURNING, str(finding))

    def _release(self, finding: Finding) -> None:
        self._let_go = True
        self._tally.ends_early(finding.failsafe, str(finding))
        self.states.enter(S.FAILED, str(finding))
        if finding.failsafe is Failsafe.PILOT:
            self.say("note", "a person flies now; this program only watches and records from here")

    def _send_down(self, finding: Finding) -> bool:
        """Send the vehicle home, or down where it is; return whether it accepted."""
        self._retry_at_s = self._clock.monotonic_s() + _RETRY_S
        self._unheard = (finding.failsafe, str(finding))
        try:
            if finding.reaction is Reaction.RETURN:
                self._link.rtl()
            else:
                self._link.land()
        except LinkError as error:
            self.say("command", f"{finding.reaction}: {error}; it is tried again")
            return False
        except CommandError as error:
            self.say("command", f"{finding.reaction} was refused: {error}")
            return finding.reaction is Reaction.RETURN and self._send_down(
                Finding(finding.failsafe, Reaction.LAND, finding.reason)
            )
        self.say("ack", f"the vehicle accepted: {finding.reaction}")
        return True

    def _obey(self, asked: _Asked) -> None:
        """Do one order, or say why not."""
        if not asked.answer.set_running_or_notify_cancel():
            return
        self.say("command", f"order: {asked.order}")
        self._unheard = (None, f"order: {asked.order}")
        try:
            if self._let_go:
                raise CommandError(
                    "a pilot flies, or the vehicle restarted: this program only watches "
                    f"({self._cause})"
                )
            if self._link.lost:
                raise LinkError(
                    "the link to the vehicle is lost; it acts by its own parameters until it is "
                    "back"
                )
            early = None if self._tally.early is None else self._tally.early[1]
            done = self.steering.obey(
                asked.order,
                self.state,
                self._link.telemetry,
                early=early,
                left_wh=self._watch.battery.left_wh,
            )
            if done.state is not self.state:
                self.states.enter(done.state, f"order: {done.said}")
            if done.ends_it:
                self._tally.ends_early(None, f"order: {asked.order}")
        except FlightError as error:
            self.say("ack", f"{asked.order} was not done: {error}")
            self._note_holding(asked.order)
            asked.answer.set_exception(error)
            return
        self.say("ack", done.said)
        asked.answer.set_result(done.said)

    def _note_holding(self, order: Order) -> None:
        """Follow a vehicle that left its mission for an order that it then did not take."""
        mode = self._link.telemetry.mode
        on_mission = self.state in (S.ON_ROUTE, S.RETURNING) and self._tally.early is None
        if on_mission and mode in HOLDING_MODES:
            cause = f"{order} was not done, and it holds where it is (mode {mode})"
            self.states.enter(S.PAUSED, cause)

    # The end of a flight.

    def _end(self) -> PatrolResult | None:
        """Return how the flight ended, or None while it lasts."""
        gone = self._over.out_of_sight()
        if gone is not None:
            self._tally.ends_early(Failsafe.LINK_LOSS, gone)
            if self.state is not S.FAILED:
                self.states.enter(S.FAILED, gone)
            return self._tally.result(
                Outcome.OUT_OF_SIGHT, gone, self._link.telemetry, self.states.history
            )
        seen = self._over.down()
        if seen is None:
            return None
        # What it said before it switched its motors off is read first.
        while self._watch.modes.unsure or not self._inbox.empty():
            self._take_in()
        outcome, cause = self._tally.down(seen)
        away_m = self._tally.home_m(seen)
        where = "at a place that is not known" if away_m is None else f"{away_m:.1f} m from home"
        self.states.enter(S.LANDED, f"the motors stand still, {where}")
        return self._tally.result(outcome, cause, seen, self.states.history)

    def _entered(self, made: Transition) -> None:
        self._cause, self._changed_at = made.cause, made.time
        self.say("state", str(made), **transition_details(made))
        if self._on_state is None:
            return
        try:
            self._on_state(made, self._link.telemetry.mode or "")
        except (FlightError, OSError) as error:
            self.say("note", f"the record of the flight could not be written: {error}")
