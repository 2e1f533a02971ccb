"""The parameter protocol, as ArduPilot answers it (https://mavlink.io/en/services/parameter.html)."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

from sim_data.copter.params import Param, ParamTable
from sim_data.copter.session import TELEMETRY_BACKLOG_BYTES, Session
from sim_data.copter.wire import Message, mavlink2

_NO_INDEX = 65_535
_AT_ONCE = 20
_LOG = logging.getLogger(__name__)


class ParamProtocol:
    """Lists, reads and sets parameters.

    Args:
        params: of the vehicle.
    """

    def __init__(self, params: ParamTable) -> None:
        self._params = params

    def request_list(self, session: Session) -> None:
        """Begin to send all parameters; `tick` goes on with it."""
        session.params_from = 0

    def request_read(self, session: Session, message: Message) -> None:
        """Send one parameter, asked for by name or index; silent where there is none."""
        if message.param_index >= 0:
            if message.param_index < len(self._params):
                param = self._params.at(message.param_index)
                session.send(self._value(param, param.index))
        elif message.param_id in self._params:
            session.send(self._value(self._params.param(message.param_id), _NO_INDEX))
        else:
            _LOG.info(
                "%s asked for parameter %r, which is not there", session.name, message.param_id
            )

    def set_value(self, sessions: Sequence[Session], message: Message) -> str | None:
        """Store a value and tell everybody; silent where there is no such parameter.

        Returns:
            The name of the parameter that was set.
        """
        name = message.param_id
        if name not in self._params or not math.isfinite(message.param_value):
            _LOG.info("parameter %r was not set to %s", name, message.param_value)
            return None
        self._params.set(name, message.param_value)
        value = self._value(self._params.param(name), _NO_INDEX)
        for session in sessions:
            session.send(value)
        return str(name)

    def tick(self, session: Session) -> None:
        """Go on with a list that a client asked for, as fast as it reads."""
        if session.params_from is None or session.backlog_bytes > TELEMETRY_BACKLOG_BYTES:
            return
        end = min(session.params_from + _AT_ONCE, len(self._params))
        for index in range(session.params_from, end):
            session.send(self._value(self._params.at(index), index))
        session.params_from = end if end < len(self._params) else None

    def _value(self, param: Param, index: int) -> Message:
        return mavlink2.MAVLink_param_value_message(
            param.name.encode("ascii"), param.value, param.mav_type, len(self._params), index
        )
