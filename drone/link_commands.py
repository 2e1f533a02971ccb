"""Asking a vehicle: messages, commands and parameters, each with its answer.

A command that one version of ArduCopter does not know is asked for in the older way, which the
log then says.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable

from drone.lines import Message
from drone.link_answers import (
    ACCEPTED,
    IN_PROGRESS,
    CommandRefusedError,
    command_name,
    result_words,
)
from drone.link_connection import Inbox, LinkConnection
from park.errors import CommandError, LinkError

_LOG = logging.getLogger(__name__)

KEY_VARIABLE = "PARKWATCH_MAVLINK_KEY"
"""Environment variable with the key for signing: 64 hexadecimal digits, or a passphrase."""

# MAV_CMD
_GET_HOME_POSITION = 410
_SET_MESSAGE_INTERVAL = 511
_REQUEST_MESSAGE = 512

RELATIVE_FRAME = 6
"""``MAV_FRAME_GLOBAL_RELATIVE_ALT_INT``: heights above home."""

_REAL32 = 9
_PROGRESS_S = 60.0
_PARAM_TRY_S = 0.7
_TEXT_S = 0.5

_HOME_POSITION = 242
_GIMBAL_ATTITUDE = 285
_MOUNT_STATUS = 158
_FAST_MESSAGES = {33: "GLOBAL_POSITION_INT", 30: "ATTITUDE"}
_SLOW_MESSAGES = {
    1: "SYS_STATUS",
    2: "SYSTEM_TIME",
    24: "GPS_RAW_INT",
    42: "MISSION_CURRENT",
    147: "BATTERY_STATUS",
    168: "WIND",
    193: "EKF_STATUS_REPORT",
    245: "EXTENDED_SYS_STATE",
}
_SLOW_HZ = 2.0
_HOME_HZ = 0.2
_OLD_STREAMS = (1, 2, 6, 10, 11, 12)  # raw sensors, status, position, extras


class LinkCommands(LinkConnection):
    """A link with commands and parameters, without what a flight is made of."""

    def _begin(self, rate_hz: float, answer_s: float) -> None:
        self._answer_s = answer_s
        self._command_locks: dict[int, threading.Lock] = {}
        self._locks_lock = threading.Lock()
        self._intervals: dict[int, float] = {}
        self._old_rate_hz: float | None = None
        self._ever_answered = False
        self._ask_for_messages(rate_hz)
        self.read_param("BATT_CAPACITY")  # the readings note it when it comes
        self.request_message(_HOME_POSITION)

    # What is to be told

    def _ask_for_messages(self, rate_hz: float) -> None:
        wanted = dict.fromkeys(_FAST_MESSAGES, rate_hz) | dict.fromkeys(_SLOW_MESSAGES, _SLOW_HZ)
        refused = [number for number, hz in wanted.items() if not self.set_interval(number, hz)]
        if not any(self.set_interval(n, rate_hz) for n in (_GIMBAL_ATTITUDE, _MOUNT_STATUS)):
            _LOG.info("%s: the vehicle does not tell where its gimbal points", self.where)
        self.set_interval(_HOME_POSITION, _HOME_HZ)
        if set(refused) & set(_FAST_MESSAGES):
            _LOG.warning(
                "%s: the vehicle does not set intervals of messages; asked for streams instead",
                self.where,
            )
            self._old_rate_hz = rate_hz
            self._ask_for_streams()
        elif refused:
            names = ", ".join(_SLOW_MESSAGES[number] for number in refused)
            _LOG.info("%s: the vehicle does not send %s", self.where, names)

    def set_interval(self, message: int, rate_hz: float) -> bool:
        """Ask for a message at a rate, in the vehicle's time; return whether it will come."""
        interval_us = round(1e6 / rate_hz)
        try:
            self.command_long(_SET_MESSAGE_INTERVAL, message, interval_us, timeout_s=self._answer_s)
        except CommandRefusedError:
            return False
        self._intervals[message] = interval_us
        return True

    def _ask_for_streams(self) -> None:
        for stream in _OLD_STREAMS:
            rate = round(self._old_rate_hz or 0.0)
            self.mav.request_data_stream_send(*self.target, stream, rate, 1)

    def _ask_again(self) -> None:
        _LOG.info("%s: asking for messages again", self.where)
        for message, interval_us in self._intervals.items():
            self._send_long(_SET_MESSAGE_INTERVAL, (message, interval_us), 0)
        if self._old_rate_hz is not None:
            self._ask_for_streams()
        self._send_long(_REQUEST_MESSAGE, (_HOME_POSITION,), 0)

    def request_message(self, message: int) -> bool:
        """Ask for a message once; return whether the vehicle says that it will come."""
        try:
            self.command_long(_REQUEST_MESSAGE, message, timeout_s=self._answer_s)
        except CommandRefusedError:
            if message != _HOME_POSITION:
                return False
            try:
                self.command_long(_GET_HOME_POSITION, timeout_s=self._answer_s)
            except CommandRefusedError:
                return False
        return True

    # Commands

    def command_long(
        self, command: int, *params: float, timeout_s: float = 5.0, retries: int = 3
    ) -> None:
        """Give a command and return when the vehicle has accepted it.

        Args:
            command: ``MAV_CMD``.
            params: up to seven; the rest are 0.
            timeout_s: for each answer.
            retries: how often it is said again when no answer comes.

        Raises:
            CommandRefusedError: the vehicle said no; ``unsupported`` tells if it never will.
            LinkError: no answer.
        """
        self._command(
            command, lambda tries: self._send_long(command, params, tries), timeout_s, retries
        )

    def _send_long(self, command: int, params: tuple[float, ...], tries: int) -> None:
        filled = (*params, *(0.0,) * (7 - len(params)))
        self.mav.command_long_send(*self.target, command, tries, *filled)

    def command_int(
        self,
        command: int,
        *,
        params: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
        lat_deg: float,
        lon_deg: float,
        alt_m: float,
        frame: int = RELATIVE_FRAME,
        timeout_s: float = 5.0,
        retries: int = 3,
    ) -> None:
        """Give a command with a place, in ``COMMAND_INT``; as `command_long` otherwise."""
        place = (round(lat_deg * 1e7), round(lon_deg * 1e7), alt_m)
        self._command(
            command,
            lambda _: self.mav.command_int_send(
                *self.target, frame, command, 0, 0, *params, *place
            ),
            timeout_s,
            retries,
        )

    def _command(
        self, command: int, send: Callable[[int], None], timeout_s: float, retries: int
    ) -> None:
        with self._locks_lock:
            lock = self._command_locks.setdefault(command, threading.Lock())
        # Answers carry the command alone: two of the same kind at once could not be told apart.
        # Others may be given meanwhile, so that a landing never waits for an arming.
        if not lock.acquire(timeout=timeout_s * (retries + 1)):
            raise LinkError(f"{command_name(command)} is still being answered to someone else")
        try:
            with self.inbox("COMMAND_ACK") as box:
                for tries in range(retries + 1):
                    send(tries)
                    result = self._result(box, command, timeout_s)
                    if result is None:
                        continue
                    self._ever_answered = True
                    if result != ACCEPTED:
                        words = result_words(result)
                        raise CommandRefusedError(
                            f"{command_name(command)}: {words}", command=command, result=result
                        )
                    return
        finally:
            lock.release()
        raise LinkError(
            f"{self.where}: no answer to {command_name(command)}, said {retries + 1} times"
            f"{self._why_no_answer()}"
        )

    def _result(self, box: Inbox, command: int, timeout_s: float) -> int | None:
        deadline_s = self.clock.monotonic_s() + timeout_s
        longest_s = self.clock.monotonic_s() + max(_PROGRESS_S, timeout_s)
        while True:
            answer = box.get(deadline_s - self.clock.monotonic_s())
            if answer is None:
                return None
            # Some say in their answer to whom it goes; to nobody means to all.
            to = getattr(answer, "target_system", 0)
            if answer.command != command or to not in (0, self.source_system):
                continue
            if answer.result != IN_PROGRESS:
                return int(answer.result)
            deadline_s = min(longest_s, self.clock.monotonic_s() + max(10.0, timeout_s))

    def _why_no_answer(self) -> str:
        if self.lost:
            return "; the link is lost"
        if self.signed or self._ever_answered:
            return ""
        return f"; it may only obey what is signed: then give its key in {KEY_VARIABLE}"

    def _with_texts(
        self, what: str, error: CommandRefusedError, since_s: float
    ) -> CommandRefusedError:
        """Return `error` with what the vehicle said about it, which comes a little later."""
        self.clock.sleep(_TEXT_S)
        # The same complaint comes again every half minute: once is enough.
        texts = dict.fromkeys(text.text for text in self.texts_since(since_s) if text.severity <= 5)
        said = f"; it says: {'; '.join(texts)}" if texts else ""
        return CommandRefusedError(
            f"{what}: {result_words(error.result)}{said}",
            command=error.command,
            result=error.result,
        )

    # Parameters

    def read_param(self, name: str, timeout_s: float = 3.0) -> float | None:
        """Return one of the vehicle's parameters; None when it has none of that name.

        ArduCopter before 4.7 does not answer when it has none, so that None takes the whole of
        `timeout_s`.

        Raises:
            LinkError: the link is lost.
        """
        with self.inbox("PARAM_VALUE", "PARAM_ERROR") as box:
            return self._ask_param(
                name,
                box,
                lambda: self.mav.param_request_read_send(*self.target, name.encode(), -1),
                timeout_s,
            )

    def _ask_param(
        self, name: str, box: Inbox, ask: Callable[[], None], timeout_s: float
    ) -> float | None:
        deadline_s = self.clock.monotonic_s() + timeout_s
        while self.clock.monotonic_s() < deadline_s:
            ask()
            again_s = min(deadline_s, self.clock.monotonic_s() + _PARAM_TRY_S)
            while (answer := box.get(again_s - self.clock.monotonic_s())) is not None:
                if answer.param_id == name:
                    return _param_value(answer)
        if self.lost:
            raise LinkError(f"{self.where}: no answer about parameter {name}; the link is lost")
        return None

    def set_param(self, name: str, value: float, timeout_s: float = 3.0) -> None:
        """Set one of the vehicle's parameters and check what it answers.

        Raises:
            CommandError: it has none of that name, or keeps another value.
            LinkError: the link is lost.
        """
        with self.inbox("PARAM_VALUE", "PARAM_ERROR") as box:
            told = self._ask_param(
                name,
                box,
                lambda: self.mav.param_set_send(*self.target, name.encode(), value, _REAL32),
                timeout_s,
            )
        if told is not None and not same_value(told, value):
            # What came may have been on its way before: ask what it is now.
            told = self.read_param(name, timeout_s)
        if told is None:
            raise CommandError(f"the vehicle has no parameter {name}")
        if not same_value(told, value):
            raise CommandError(f"parameter {name}: set to {value:g}, the vehicle keeps {told:g}")


def _param_value(answer: Message) -> float | None:
    return float(answer.param_value) if answer.get_type() == "PARAM_VALUE" else None


def same_value(one: float, other: float) -> bool:
    """Whether two values of a parameter are the same in single precision."""
    return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
