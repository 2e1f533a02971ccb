"""Missions, fences and rally points over the wire, as ArduCopter 4.1 does it.

The exchange is MAVLink's (https://mavlink.io/en/services/mission.html), with one difference from
ArduCopter, on the safe side: an upload takes the place of the old list when its last item has been
accepted and not before, so that one which breaks off leaves what was there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from park.mission_item import MissionItem, MissionType
from sim_data.copter.item_wire import home_item, item_from_wire, item_to_wire
from sim_data.copter.mission_list import MAX_ITEMS
from sim_data.copter.session import Session
from sim_data.copter.state import MavMissionResult, Severity
from sim_data.copter.vehicle import SimulatedCopter
from sim_data.copter.wire import Message, mavlink2

_ALL_TYPES = 255
_ASK_AGAIN_S = 1.0
_GIVE_UP_S = 8.0
_GUIDED = 2
_CHANGE_HEIGHT = 3
_DONE_TEXT = {
    MissionType.MISSION: "Flight plan received",
    MissionType.FENCE: "Fence received",
    MissionType.RALLY: "Rally points received",
}
_LATE_TEXT = {
    MissionType.MISSION: "Mission upload timeout",
    MissionType.FENCE: "Fence upload timeout",
    MissionType.RALLY: "Rally upload timeout",
}
_LOG = logging.getLogger(__name__)


@dataclass
class _Upload:
    """A list on its way to the vehicle.

    Attributes:
        session: who sends it.
        sender: its system and component.
        first: number of the first item to come; above 0 when part of a list is replaced.
        last: number of the last.
        items: what has come.
        asked_s: when the next item was asked for.
        heard_s: when the last item came.
    """

    session: Session
    sender: tuple[int, int]
    first: int
    last: int
    asked_s: float
    heard_s: float
    items: list[MissionItem] = field(default_factory=list)

    @property
    def wanted(self) -> int:
        return self.first + len(self.items)


class MissionProtocol:
    """The vehicle's end of the mission protocol, for all clients.

    Args:
        vehicle: whose lists they are.
        say: tells all clients a status text.
        patience: how much longer than on a vehicle in real time to wait for a client, for
            simulations that run faster than it.
    """

    def __init__(
        self,
        vehicle: SimulatedCopter,
        say: Callable[[Severity, str], None],
        *,
        patience: float = 1.0,
    ) -> None:
        self._vehicle = vehicle
        self._say = say
        self._patience = max(1.0, patience)
        self._uploads: dict[MissionType, _Upload] = {}
        self._handlers: dict[str, Callable[[Session, Message, MissionType], None]] = {
            "MISSION_COUNT": self._count,
            "MISSION_WRITE_PARTIAL_LIST": self._write_partial,
            "MISSION_REQUEST_LIST": self._request_list,
            "MISSION_REQUEST": self._request,
            "MISSION_REQUEST_INT": self._request,
            "MISSION_ITEM": self._item,
            "MISSION_ITEM_INT": self._item,
            "MISSION_CLEAR_ALL": self._clear,
        }

    def handle(self, session: Session, message: Message) -> bool:
        """Answer a message, and return whether it was one of this protocol."""
        if message.get_type() == "MISSION_SET_CURRENT":
            self._set_current(session, message)
            return True
        handler = self._handlers.get(message.get_type())
        if handler is None:
            return False
        if message.get_type() == "MISSION_CLEAR_ALL" and message.mission_type == _ALL_TYPES:
            self._clear_everything(session, message)
        elif message.mission_type in MissionType.__members__.values():
            handler(session, message, MissionType(message.mission_type))
        else:
            self._ack(session, message, MavMissionResult.UNSUPPORTED, message.mission_type)
        return True

    def tick(self, now_s: float) -> None:
        """Ask again for items that do not come, and give up on uploads that have stopped."""
        for kind, upload in list(self._uploads.items()):
            if now_s - upload.heard_s > _GIVE_UP_S * self._patience:
                del self._uploads[kind]
                self._say(Severity.INFO, _LATE_TEXT[kind])
                self._ack_to(
                    upload.session, upload.sender, MavMissionResult.OPERATION_CANCELLED, kind
                )
            elif now_s - upload.asked_s > _ASK_AGAIN_S * self._patience:
                self._ask(kind, upload, now_s)

    def forget_all(self) -> None:
        """Forget uploads under way: the vehicle has restarted."""
        self._uploads.clear()

    def _count(self, session: Session, message: Message, kind: MissionType) -> None:
        self._begin(session, message, kind, 0, message.count - 1)

    def _write_partial(self, session: Session, message: Message, kind: MissionType) -> None:
        count = len(self._vehicle.missions[kind].items)
        if not 0 <= message.start_index <= message.end_index < count:
            self._ack(session, message, MavMissionResult.ERROR, kind)
            return
        self._begin(session, message, kind, message.start_index, message.end_index)

    def _begin(
        self, session: Session, message: Message, kind: MissionType, first: int, last: int
    ) -> None:
        sender = _sender(message)
        going_on = self._uploads.get(kind)
        if going_on is not None and going_on.sender != sender:
            self._ack(session, message, MavMissionResult.DENIED, kind)
            return
        self._uploads.pop(kind, None)
        if last + 1 > MAX_ITEMS[kind]:
            self._ack(session, message, MavMissionResult.NO_SPACE, kind)
            return
        now_s = session.now_s
        upload = _Upload(session, sender, first, last, asked_s=now_s, heard_s=now_s)
        if last < first:
            self._finish(kind, upload)
            return
        self._uploads[kind] = upload
        self._ask(kind, upload, now_s)

    def _ask(self, kind: MissionType, upload: _Upload, now_s: float) -> None:
        upload.asked_s = now_s
        upload.session.send(
            mavlink2.MAVLink_mission_request_message(*upload.sender, upload.wanted, int(kind))
        )

    def _item(self, session: Session, message: Message, kind: MissionType) -> None:
        if (
            message.get_type() == "MISSION_ITEM"
            and kind is MissionType.MISSION
            and message.current in (_GUIDED, _CHANGE_HEIGHT)
        ):
            self._guided(session, message)
            return
        upload = self._uploads.get(kind)
        if upload is None:
            self._ack(session, message, MavMissionResult.ERROR, kind)
            return
        if _sender(message) != upload.sender:
            self._ack(session, message, MavMissionResult.DENIED, kind)
            return
        if message.seq != upload.wanted:
            self._ack(session, message, MavMissionResult.INVALID_SEQUENCE, kind)
            return
        item = item_from_wire(message)
        if isinstance(item, MissionItem):
            verdict = self._vehicle.missions[kind].check(item)
        else:
            verdict = item
        if not isinstance(item, MissionItem) or verdict is not MavMissionResult.ACCEPTED:
            del self._uploads[kind]
            _LOG.info("%s item %d refused: %s", kind.name.lower(), message.seq, verdict.name)
            self._ack(session, message, verdict, kind)
            return
        upload.items.append(item)
        upload.heard_s = session.now_s
        if upload.wanted > upload.last:
            del self._uploads[kind]
            self._finish(kind, upload)
        else:
            self._ask(kind, upload, session.now_s)

    def _finish(self, kind: MissionType, upload: _Upload) -> None:
        mission = self._vehicle.missions[kind]
        items = list(mission.items[: upload.first])
        items += upload.items
        if upload.first > 0:
            items += mission.items[upload.last + 1 :]
        result = mission.replace(items)
        if result is MavMissionResult.ACCEPTED:
            self._say(Severity.INFO, _DONE_TEXT[kind])
        self._ack_to(upload.session, upload.sender, result, kind)

    def _guided(self, session: Session, message: Message) -> None:
        item = item_from_wire(message)
        if not isinstance(item, MissionItem):
            self._ack(session, message, item, MissionType.MISSION)
            return
        lat_deg, lon_deg = item.x, item.y
        if message.current == _CHANGE_HEIGHT:
            state = self._vehicle.state
            lat_deg, lon_deg = state.lat_deg, state.lon_deg
        done = self._vehicle.guided_goto(lat_deg, lon_deg, item.z, item.frame)
        if message.current == _CHANGE_HEIGHT:
            done = True
        result = MavMissionResult.ACCEPTED if done else MavMissionResult.ERROR
        self._ack(session, message, result, MissionType.MISSION)

    def _request_list(self, session: Session, message: Message, kind: MissionType) -> None:
        if kind in self._uploads:
            self._ack(session, message, MavMissionResult.DENIED, kind)
            return
        session.send(
            mavlink2.MAVLink_mission_count_message(
                *_sender(message), len(self._vehicle.missions[kind].items), int(kind)
            )
        )

    def _request(self, session: Session, message: Message, kind: MissionType) -> None:
        if kind in self._uploads:
            self._ack(session, message, MavMissionResult.DENIED, kind)
            return
        items = self._vehicle.missions[kind].items
        if kind is MissionType.MISSION and message.seq == 0:
            # Home may always be read, also when there is no mission.
            item = home_item(self._vehicle.state.home)
        elif message.seq < len(items):
            item = items[message.seq]
        else:
            self._ack(session, message, MavMissionResult.INVALID_SEQUENCE, kind)
            return
        current = kind is MissionType.MISSION and self._vehicle.state.mission_seq == message.seq
        whole = message.get_type() == "MISSION_REQUEST_INT"
        session.send(item_to_wire(item, _sender(message), current=current, whole=whole))

    def _clear(self, session: Session, message: Message, kind: MissionType) -> None:
        if kind in self._uploads and self._uploads[kind].sender != _sender(message):
            self._ack(session, message, MavMissionResult.DENIED, kind)
            return
        self._uploads.pop(kind, None)
        result = self._vehicle.missions[kind].replace(())
        self._ack(session, message, result, kind)

    def _clear_everything(self, session: Session, message: Message) -> None:
        self._uploads.clear()
        results = [self._vehicle.missions[kind].replace(()) for kind in MissionType]
        refused = [r for r in results if r is not MavMissionResult.ACCEPTED]
        self._ack(session, message, (refused or results)[0], _ALL_TYPES)

    def _set_current(self, session: Session, message: Message) -> None:
        if self._vehicle.set_mission_current(message.seq):
            session.send(mavlink2.MAVLink_mission_current_message(message.seq))

    def _ack(self, session: Session, message: Message, result: MavMissionResult, kind: int) -> None:
        self._ack_to(session, _sender(message), result, kind)

    def _ack_to(
        self, session: Session, sender: tuple[int, int], result: MavMissionResult, kind: int
    ) -> None:
        session.send(mavlink2.MAVLink_mission_ack_message(*sender, int(result), kind))


def _sender(message: Message) -> tuple[int, int]:
    return message.get_srcSystem(), message.get_srcComponent()
