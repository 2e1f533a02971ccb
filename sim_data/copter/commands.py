"""Commands over the wire: those about the link are done here, all others by the vehicle.

The answers are those of ArduCopter 4.1: one COMMAND_ACK for each COMMAND_LONG and COMMAND_INT.
"""

from __future__ import annotations

from collections.abc import Callable

from sim_data.copter.item_wire import has_place
from sim_data.copter.moment import Moment
from sim_data.copter.session import Session
from sim_data.copter.state import CommandResult, MavResult
from sim_data.copter.telemetry import BUILDERS
from sim_data.copter.vehicle import SimulatedCopter
from sim_data.copter.wire import Message, mavlink2

_GET_HOME_POSITION = 410
_GET_MESSAGE_INTERVAL = 510
_SET_MESSAGE_INTERVAL = 511
_REQUEST_MESSAGE = 512
_REQUEST_CAPABILITIES = 520
_SEND_BANNER = 42428

_AUTOPILOT_VERSION = 148
_HOME_POSITION = 242
_GPS_GLOBAL_ORIGIN = 49
_SET_MODE_ID = 11
_PROGRESS_NOT_TOLD = 255
_FRAME_MISSION = 2

Params = tuple[float, float, float, float, float, float, float]


class CommandProtocol:
    """The vehicle's end of the command protocol, for all clients.

    Args:
        vehicle: what is commanded.
        moment: tells the vehicle's state as it is now.
        banner: tells a client what vehicle this is.
    """

    def __init__(
        self,
        vehicle: SimulatedCopter,
        moment: Callable[[], Moment],
        banner: Callable[[Session], None],
    ) -> None:
        self._vehicle = vehicle
        self._moment = moment
        self._banner = banner
        self._own: dict[int, Callable[[Session, Params], MavResult]] = {
            _GET_HOME_POSITION: self._get_home,
            _GET_MESSAGE_INTERVAL: self._get_interval,
            _SET_MESSAGE_INTERVAL: self._set_interval,
            _REQUEST_MESSAGE: self._request_message,
            _REQUEST_CAPABILITIES: self._request_capabilities,
            _SEND_BANNER: self._send_banner,
        }

    def command_long(self, session: Session, message: Message) -> None:
        """Do what a COMMAND_LONG says, and acknowledge."""
        params = (
            message.param1,
            message.param2,
            message.param3,
            message.param4,
            message.param5,
            message.param6,
            message.param7,
        )
        self._do(session, message, params, None)

    def command_int(self, session: Session, message: Message) -> None:
        """Do what a COMMAND_INT says, and acknowledge."""
        x, y = float(message.x), float(message.y)
        if has_place(message.command) and message.frame != _FRAME_MISSION:
            x, y = x / 1e7, y / 1e7
        params = (message.param1, message.param2, message.param3, message.param4, x, y, message.z)
        self._do(session, message, params, message.frame)

    def set_mode(self, session: Session, message: Message) -> None:
        """Change the flight mode: SET_MODE, which ArduPilot acknowledges as command 11."""
        if not message.base_mode & mavlink2.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED:
            result = MavResult.DENIED
        elif self._vehicle.set_mode(message.custom_mode):
            result = MavResult.ACCEPTED
        else:
            result = MavResult.FAILED
        self._ack(session, message, _SET_MODE_ID, CommandResult(result))

    def _do(self, session: Session, message: Message, params: Params, frame: int | None) -> None:
        own = self._own.get(message.command)
        if own is not None:
            result = CommandResult(own(session, params))
        else:
            result = self._vehicle.command(message.command, params, frame=frame)
        self._ack(session, message, message.command, result)

    def _ack(self, session: Session, message: Message, command: int, result: CommandResult) -> None:
        progress = 0 if result.progress == _PROGRESS_NOT_TOLD else result.progress
        session.send(
            mavlink2.MAVLink_command_ack_message(
                command,
                int(result.result),
                progress,
                result.result_param2,
                message.get_srcSystem(),
                message.get_srcComponent(),
            )
        )

    def _send_now(self, session: Session, message_id: int) -> bool:
        message = BUILDERS[message_id](self._moment())
        if message is None:
            return False
        session.send(message)
        return True

    def _get_home(self, session: Session, params: Params) -> MavResult:
        if not self._send_now(session, _HOME_POSITION):
            return MavResult.FAILED
        self._send_now(session, _GPS_GLOBAL_ORIGIN)
        return MavResult.ACCEPTED

    def _get_interval(self, session: Session, params: Params) -> MavResult:
        wanted = _message_number(params[0])
        interval_us = session.streams.interval_us(wanted)
        session.send(mavlink2.MAVLink_message_interval_message(wanted, interval_us))
        return MavResult.ACCEPTED if interval_us else MavResult.FAILED

    def _set_interval(self, session: Session, params: Params) -> MavResult:
        known = session.streams.set_interval(_message_number(params[0]), params[1], session.now_s)
        return MavResult.ACCEPTED if known else MavResult.DENIED

    def _request_message(self, session: Session, params: Params) -> MavResult:
        wanted = _message_number(params[0])
        if wanted not in BUILDERS:
            return MavResult.FAILED
        self._send_now(session, wanted)
        return MavResult.ACCEPTED

    def _request_capabilities(self, session: Session, params: Params) -> MavResult:
        if params[0] != 1.0:
            return MavResult.FAILED
        self._send_now(session, _AUTOPILOT_VERSION)
        return MavResult.ACCEPTED

    def _send_banner(self, session: Session, params: Params) -> MavResult:
        self._banner(session)
        return MavResult.ACCEPTED


def _message_number(value: float) -> int:
    """Return a parameter as the number of a message; one that no message has where it is none."""
    return int(value) if 0.0 <= value < 65_536.0 else 65_535
