"""When each message is due on one link: stream rates, and intervals that were asked for one by one.

Which messages belong to which stream is ArduCopter 4.1's table; times are vehicle time, so that a
simulation at ten times real time sends ten times as much, as ArduPilot's own simulation does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from sim_data.copter.telemetry import BUILDERS
from sim_data.copter.wire import mavlink2

HEARTBEAT = mavlink2.MAVLINK_MSG_ID_HEARTBEAT
_HEARTBEAT_INTERVAL_S = 1.0
SHORTEST_INTERVAL_S = 0.02
"""A message is sent at most once in a step of the simulation."""
_MOST_STREAM_HZ = 50
_ROUNDING_S = 1e-6
"""So that sums of steps and of intervals, which are not exact, meet."""

ALL_STREAMS = mavlink2.MAV_DATA_STREAM_ALL

STREAMS: dict[int, tuple[str, tuple[int, ...]]] = {
    mavlink2.MAV_DATA_STREAM_RAW_SENSORS: (
        "SR0_RAW_SENS",
        (
            mavlink2.MAVLINK_MSG_ID_RAW_IMU,
            mavlink2.MAVLINK_MSG_ID_SCALED_IMU2,
            mavlink2.MAVLINK_MSG_ID_SCALED_PRESSURE,
        ),
    ),
    mavlink2.MAV_DATA_STREAM_EXTENDED_STATUS: (
        "SR0_EXT_STAT",
        (
            mavlink2.MAVLINK_MSG_ID_SYS_STATUS,
            mavlink2.MAVLINK_MSG_ID_POWER_STATUS,
            mavlink2.MAVLINK_MSG_ID_MEMINFO,
            mavlink2.MAVLINK_MSG_ID_MISSION_CURRENT,
            mavlink2.MAVLINK_MSG_ID_GPS_RAW_INT,
            mavlink2.MAVLINK_MSG_ID_NAV_CONTROLLER_OUTPUT,
            mavlink2.MAVLINK_MSG_ID_FENCE_STATUS,
        ),
    ),
    mavlink2.MAV_DATA_STREAM_RC_CHANNELS: (
        "SR0_RC_CHAN",
        (
            mavlink2.MAVLINK_MSG_ID_SERVO_OUTPUT_RAW,
            mavlink2.MAVLINK_MSG_ID_RC_CHANNELS,
            mavlink2.MAVLINK_MSG_ID_RC_CHANNELS_RAW,
        ),
    ),
    mavlink2.MAV_DATA_STREAM_RAW_CONTROLLER: ("SR0_RAW_CTRL", ()),
    mavlink2.MAV_DATA_STREAM_POSITION: (
        "SR0_POSITION",
        (
            mavlink2.MAVLINK_MSG_ID_GLOBAL_POSITION_INT,
            mavlink2.MAVLINK_MSG_ID_LOCAL_POSITION_NED,
        ),
    ),
    mavlink2.MAV_DATA_STREAM_EXTRA1: (
        "SR0_EXTRA1",
        (
            mavlink2.MAVLINK_MSG_ID_ATTITUDE,
            mavlink2.MAVLINK_MSG_ID_SIMSTATE,
            mavlink2.MAVLINK_MSG_ID_AHRS2,
        ),
    ),
    mavlink2.MAV_DATA_STREAM_EXTRA2: ("SR0_EXTRA2", (mavlink2.MAVLINK_MSG_ID_VFR_HUD,)),
    mavlink2.MAV_DATA_STREAM_EXTRA3: (
        "SR0_EXTRA3",
        (
            mavlink2.MAVLINK_MSG_ID_AHRS,
            mavlink2.MAVLINK_MSG_ID_HWSTATUS,
            mavlink2.MAVLINK_MSG_ID_SYSTEM_TIME,
            mavlink2.MAVLINK_MSG_ID_WIND,
            mavlink2.MAVLINK_MSG_ID_BATTERY_STATUS,
            mavlink2.MAVLINK_MSG_ID_MOUNT_STATUS,
            mavlink2.MAVLINK_MSG_ID_EKF_STATUS_REPORT,
            mavlink2.MAVLINK_MSG_ID_VIBRATION,
        ),
    ),
}
"""Parameter with the rate, in Hz, and messages, by ``MAV_DATA_STREAM``."""

_STREAM_OF = {message: stream for stream, (_, messages) in STREAMS.items() for message in messages}
_STREAM_OF_PARAM = {param: stream for stream, (param, _) in STREAMS.items()}


class Streams:
    """What one link is sent without being asked again.

    Args:
        rate_hz: reads a stream rate parameter by its name.
        now_s: vehicle time.
    """

    def __init__(self, rate_hz: Callable[[str], float], now_s: float) -> None:
        self._interval_s: dict[int, float] = {HEARTBEAT: _HEARTBEAT_INTERVAL_S}
        self._due_s: dict[int, float] = {HEARTBEAT: now_s}
        self._next_s = now_s
        self._asked_for: set[int] = set()
        self._stream_hz = {stream: rate_hz(param) for stream, (param, _) in STREAMS.items()}
        for stream, hz in self._stream_hz.items():
            self._set_rate(stream, hz, now_s)

    def request(self, stream: int, rate_hz: float, now_s: float) -> None:
        """Set the rate of a stream: ``REQUEST_DATA_STREAM``.

        Args:
            stream: ``MAV_DATA_STREAM``; 0 is all of them.
            rate_hz: messages a second; 0 stops it.
            now_s: vehicle time.
        """
        for one in STREAMS if stream == ALL_STREAMS else (stream,):
            if one in STREAMS:
                self._set_rate(one, rate_hz, now_s)

    def param_changed(self, name: str, value: float, now_s: float) -> None:
        """Take up a new stream rate, if that is what parameter `name` is."""
        if name in _STREAM_OF_PARAM:
            self._set_rate(_STREAM_OF_PARAM[name], value, now_s)

    def set_interval(self, message: int, interval_us: float, now_s: float) -> bool:
        """Set how often one message is sent: ``MAV_CMD_SET_MESSAGE_INTERVAL``.

        Args:
            message: its number.
            interval_us: microseconds; -1 stops it, 0 is what its stream says.
            now_s: vehicle time.

        Returns:
            Whether there is such a message.
        """
        if message not in BUILDERS or math.isnan(interval_us):
            return False
        self._asked_for.add(message)
        if interval_us > 0.0:
            self._set(message, interval_us / 1e6, now_s)
        elif interval_us < 0.0:
            self._stop(message)
        elif message == HEARTBEAT:
            self._set(message, _HEARTBEAT_INTERVAL_S, now_s)
        else:
            hz = self._stream_hz.get(_STREAM_OF.get(message, ALL_STREAMS), 0.0)
            if hz > 0.0:
                self._set(message, 1.0 / hz, now_s)
            else:
                self._stop(message)
        return True

    def asked_for(self, message: int) -> bool:
        """Return whether the interval of this one message was set."""
        return message in self._asked_for

    def interval_us(self, message: int) -> int:
        """Return how often a message is sent: microseconds, -1 never, 0 when there is none."""
        if message not in BUILDERS:
            return 0
        interval_s = self._interval_s.get(message)
        return -1 if interval_s is None else round(interval_s * 1e6)

    def take_due(self, now_s: float) -> Iterator[int]:
        """Yield the messages to send now.

        One that is due more than once is sent once: what the first would have said is out of
        date, and a link that cannot keep up is not helped by more.
        """
        now_s += _ROUNDING_S
        if now_s < self._next_s:
            return
        for message, due_s in self._due_s.items():
            if due_s <= now_s:
                interval_s = self._interval_s[message]
                late = math.floor((now_s - due_s) / interval_s)
                self._due_s[message] = due_s + (late + 1) * interval_s
                yield message
        self._next_s = min(self._due_s.values(), default=math.inf)

    def _set_rate(self, stream: int, rate_hz: float, now_s: float) -> None:
        hz = min(max(rate_hz, 0.0), _MOST_STREAM_HZ)
        self._stream_hz[stream] = hz
        for message in STREAMS[stream][1]:
            if hz > 0.0:
                self._set(message, 1.0 / hz, now_s)
            else:
                self._stop(message)

    def _set(self, message: int, interval_s: float, now_s: float) -> None:
        self._interval_s[message] = max(interval_s, SHORTEST_INTERVAL_S)
        self._due_s[message] = now_s
        self._next_s = now_s

    def _stop(self, message: int) -> None:
        self._interval_s.pop(message, None)
        self._due_s.pop(message, None)
