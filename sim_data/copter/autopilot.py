"""The vehicle's end of every MAVLink protocol, without sockets or threads.

`Autopilot.handle` takes what a client says, `Autopilot.tick` what the vehicle has to say since the
last time. `sim_data.copter.server` calls both in turn.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

from park.version import VERSION
from sim_data.copter.announcements import camera_feedback, status_texts
from sim_data.copter.commands import CommandProtocol
from sim_data.copter.faults import LinkDelay, LinkDrop
from sim_data.copter.mission_protocol import MissionProtocol
from sim_data.copter.moment import Moment
from sim_data.copter.param_protocol import ParamProtocol
from sim_data.copter.session import LinkQuality, Session
from sim_data.copter.state import (
    CameraTriggered,
    Event,
    HomeChanged,
    HomePoint,
    LinkFault,
    MissionCurrentChanged,
    MissionItemReached,
    Rebooted,
    Severity,
    StatusText,
)
from sim_data.copter.streams import HEARTBEAT, Streams
from sim_data.copter.telemetry import BUILDERS
from sim_data.copter.vehicle import GuidedTarget, SimulatedCopter
from sim_data.copter.wire import Message, Wire, mavlink2

_TYPE_GCS = 6
_LATEST_TEXT_ID = 65_535
_MOUNT_CONTROL = 205
_MOUNT_CONFIGURE = 204
_SYSTEM_ID = 1
_LOG = logging.getLogger(__name__)

Tell = Callable[[str], None]
"""Takes a line for people who watch the simulation."""


class Autopilot:
    """What a simulated copter says and does over MAVLink.

    Args:
        vehicle: it.
        origin: where its estimator has its origin.
        start_unix_s: the time of day when the simulation starts.
        patience: see `MissionProtocol`.
        tell: takes a line for each notable event; None to tell nobody.

    Attributes:
        sessions: the clients.
        link: how good the link to them is.
        failed_messages: how many messages of clients could not be dealt with.
    """

    def __init__(
        self,
        vehicle: SimulatedCopter,
        *,
        origin: HomePoint,
        start_unix_s: float,
        patience: float = 1.0,
        tell: Tell | None = None,
    ) -> None:
        self._vehicle = vehicle
        self._origin = origin
        self._start_unix_s = start_unix_s
        self._tell = tell
        self._now_s = 0.0
        self._moment: Moment | None = None
        self._text_id = 0
        self._mode = vehicle.state.mode
        self._armed = vehicle.state.armed
        self.sessions: list[Session] = []
        self.link = LinkQuality()
        self.failed_messages = 0
        self._closed_until_s = 0.0
        self._params = ParamProtocol(vehicle.params)
        self._missions = MissionProtocol(vehicle, self.say, patience=patience)
        self._commands = CommandProtocol(vehicle, self.moment, self._banner)
        self._handlers: dict[str, Callable[[Session, Message], None]] = {
            "HEARTBEAT": self._heartbeat,
            "REQUEST_DATA_STREAM": self._request_data_stream,
            "PARAM_REQUEST_LIST": self._param_request_list,
            "PARAM_REQUEST_READ": self._params.request_read,
            "PARAM_SET": self._param_set,
            "COMMAND_LONG": self._commands.command_long,
            "COMMAND_INT": self._commands.command_int,
            "SET_MODE": self._commands.set_mode,
            "RC_CHANNELS_OVERRIDE": self._rc_override,
            "SET_POSITION_TARGET_GLOBAL_INT": self._position_target_global,
            "SET_POSITION_TARGET_LOCAL_NED": self._position_target_local,
            "MOUNT_CONTROL": self._mount_control,
            "MOUNT_CONFIGURE": self._mount_configure,
            "TIMESYNC": self._timesync,
        }

    @property
    def refuse_clients(self) -> bool:
        """Whether new clients are turned away."""
        return self._now_s < self._closed_until_s

    def moment(self) -> Moment:
        """Return the vehicle's state as it is now."""
        if self._moment is None:
            self._moment = Moment(
                self._vehicle.state, self._start_unix_s + self._now_s, self._origin
            )
        return self._moment

    def connect(self, name: str, wire: Wire) -> Session:
        """Return a session for a new client."""
        streams = Streams(self._rate_hz, self._now_s)
        session = Session(name, wire, streams, self.link, self._now_s)
        self.sessions.append(session)
        return session

    def disconnect(self, session: Session) -> None:
        """Forget a client."""
        if session in self.sessions:
            self.sessions.remove(session)

    def handle(self, session: Session, messages: list[Message]) -> None:
        """Do what a client says.

        A message that cannot be dealt with, through a fault of ours, is logged and counted: it
        must not end the flight of all other clients.
        """
        for message in messages:
            try:
                self._handle(session, message)
            except Exception:  # noqa: BLE001 - counted, and told in the log
                self.failed_messages += 1
                _LOG.exception("%s could not be dealt with", message)
            # What was done may show in the very next answer.
            self._moment = None

    def _handle(self, session: Session, message: Message) -> None:
        handler = self._handlers.get(message.get_type())
        if handler is not None:
            handler(session, message)
        else:
            self._missions.handle(session, message)

    def tick(self, now_s: float) -> None:
        """Say what the vehicle has to say after a step.

        Args:
            now_s: vehicle time since the simulation began, reboots or not.
        """
        self._now_s = now_s
        self._moment = None
        for event in self._vehicle.take_events():
            self._announce(event)
        for session in list(self.sessions):
            self.handle(session, session.tick(now_s))
        self._missions.tick(now_s)
        self._notice_changes()
        for session in self.sessions:
            for message_id in session.streams.take_due(now_s):
                session.send_telemetry(self._telemetry(session, message_id))
            self._params.tick(session)

    def say(self, severity: Severity, text: str) -> None:
        """Tell all clients a status text."""
        self._text_id = self._text_id % _LATEST_TEXT_ID + 1
        for message in status_texts(int(severity), text, self._text_id):
            self._broadcast(message)
        self._note(f"{severity.name}: {text}")

    def _telemetry(self, session: Session, message_id: int) -> Message | None:
        if (
            message_id == mavlink2.MAVLINK_MSG_ID_RC_CHANNELS_RAW
            and session.wire.version == 2
            and not session.streams.asked_for(message_id)
        ):
            # ArduPilot sends it to MAVLink 1 clients only; others have RC_CHANNELS.
            return None
        return BUILDERS[message_id](self.moment())

    def _announce(self, event: Event) -> None:
        match event:
            case StatusText():
                self.say(event.severity, event.text)
            case MissionItemReached():
                self._broadcast(mavlink2.MAVLink_mission_item_reached_message(event.seq))
            case MissionCurrentChanged():
                self._broadcast(mavlink2.MAVLink_mission_current_message(event.seq))
            case CameraTriggered():
                self._broadcast(camera_feedback(event, self._start_unix_s + self._now_s))
                self._note(f"picture {event.image_index}")
            case HomeChanged():
                self._broadcast(BUILDERS[mavlink2.MAVLINK_MSG_ID_HOME_POSITION](self.moment()))
                self._broadcast(BUILDERS[mavlink2.MAVLINK_MSG_ID_GPS_GLOBAL_ORIGIN](self.moment()))
                self._note(
                    f"home is {event.home.lat_deg:.7f}, {event.home.lon_deg:.7f}, "
                    f"{event.home.alt_amsl_m:.1f} m"
                )
            case Rebooted():
                self._note("rebooted; clients are disconnected")
                self._missions.forget_all()
                for session in self.sessions:
                    session.closing = True
            case LinkFault():
                self._link_fault(event.fault)

    def _link_fault(self, fault: object) -> None:
        if isinstance(fault, LinkDrop):
            until_s = self._until_s(fault.duration_s)
            self.link.down_until_s = until_s
            self._closed_until_s = until_s if fault.close else 0.0
            if fault.close:
                for session in self.sessions:
                    session.closing = True
                    session.outbox.clear()
        elif isinstance(fault, LinkDelay):
            self.link.delay_s = fault.delay_s
            self.link.delay_until_s = self._until_s(fault.duration_s)

    def _until_s(self, duration_s: float | None) -> float:
        return math.inf if duration_s is None else self._now_s + duration_s

    def _notice_changes(self) -> None:
        state = self.moment().state
        if state.mode is not self._mode or state.armed is not self._armed:
            if state.mode is not self._mode:
                self._note(f"mode {state.mode.name}")
            if state.armed is not self._armed:
                self._note("armed" if state.armed else "disarmed")
            self._mode, self._armed = state.mode, state.armed
            self._broadcast(BUILDERS[HEARTBEAT](self.moment()))

    def _broadcast(self, message: Message | None) -> None:
        if message is not None:
            for session in self.sessions:
                session.send(message)

    def _note(self, line: str) -> None:
        _LOG.debug("%.2f s: %s", self._now_s, line)
        if self._tell is not None:
            self._tell(line)

    def _rate_hz(self, param: str) -> float:
        return self._vehicle.params.get(param) if param in self._vehicle.params else 0.0

    def _banner(self, session: Session) -> None:
        for text in (f"Simulated copter {VERSION}, as ArduCopter V4.1.5", "Frame: QUAD/PLUS"):
            for message in status_texts(int(Severity.INFO), text, 0):
                session.send(message)

    def _heartbeat(self, session: Session, message: Message) -> None:
        if message.type == _TYPE_GCS:
            self._vehicle.gcs_heartbeat(message.get_srcSystem())

    def _request_data_stream(self, session: Session, message: Message) -> None:
        rate_hz = float(message.req_message_rate) if message.start_stop else 0.0
        session.streams.request(message.req_stream_id, rate_hz, session.now_s)

    def _param_request_list(self, session: Session, message: Message) -> None:
        self._banner(session)
        self._params.request_list(session)

    def _param_set(self, session: Session, message: Message) -> None:
        name = self._params.set_value(self.sessions, message)
        if name is not None:
            value = self._vehicle.params.get(name)
            self._note(f"{name} = {value:g}")
            for other in self.sessions:
                other.streams.param_changed(name, value, other.now_s)

    def _rc_override(self, session: Session, message: Message) -> None:
        channels = [getattr(message, f"chan{n}_raw") for n in range(1, 9)]
        self._vehicle.rc_override(channels)

    def _position_target_global(self, session: Session, message: Message) -> None:
        self._guide(message, (message.lat_int / 1e7, message.lon_int / 1e7, message.alt))

    def _position_target_local(self, session: Session, message: Message) -> None:
        self._guide(message, (message.x, message.y, message.z))

    def _guide(self, message: Message, position: tuple[float, float, float]) -> None:
        self._vehicle.guided_target(
            GuidedTarget(
                frame=message.coordinate_frame,
                type_mask=message.type_mask,
                position=position,
                velocity_ned_mps=(message.vx, message.vy, message.vz),
                yaw_rad=message.yaw,
                yaw_rate_rps=message.yaw_rate,
            )
        )

    def _mount_control(self, session: Session, message: Message) -> None:
        pitch_deg, roll_deg, yaw_deg = (
            value / 100.0 for value in (message.input_a, message.input_b, message.input_c)
        )
        mode = float(mavlink2.MAV_MOUNT_MODE_MAVLINK_TARGETING)
        self._vehicle.command(_MOUNT_CONTROL, (pitch_deg, roll_deg, yaw_deg, 0.0, 0.0, 0.0, mode))

    def _mount_configure(self, session: Session, message: Message) -> None:
        self._vehicle.command(
            _MOUNT_CONFIGURE, (float(message.mount_mode), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        )

    def _timesync(self, session: Session, message: Message) -> None:
        if message.tc1 == 0:
            now_ns = int(self._vehicle.time_boot_s * 1e9)
            session.send(mavlink2.MAVLink_timesync_message(now_ns, message.ts1 + _SYSTEM_ID))
