"""Missions, fences and rally points to the vehicle and back, each verified by reading it back.

MAVLink's mission protocol (https://mavlink.io/en/services/mission.html). The vehicle asks for one
item after another, with ``MISSION_REQUEST`` or ``MISSION_REQUEST_INT``, and gets each as
``MISSION_ITEM_INT``. DroneKit sees none of it (`drone.dronekit_today`).

ArduCopter writes items over its old list as they come: an upload that is refused halfway leaves a
list that nobody has planned. So what was there is read before, and put back when an upload fails.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from drone.lines import Message
from drone.link import Inbox, VehicleLink
from drone.link_answers import command_name
from drone.mission import has_place
from drone.mission_compare import item_differences
from park.errors import CommandError, LinkError
from park.mission_item import MissionItem, MissionType

_LOG = logging.getLogger(__name__)

_ANSWER_S = 1.5
_TRIES = 6
_STALLED_S = 12.0
_MAX_OUT_OF_ORDER = 20
_SHOWN_DIFFERENCES = 3
_INT32_MAX = 2**31 - 1

_ACCEPTED = 0
_INVALID_SEQUENCE = 13
_RESULT_WORDS = {
    1: "it gives no reason",
    2: "it does not know this frame for heights",
    3: "it does not know this command",
    4: "it has no room for so many",
    5: "a value is invalid",
    6: "parameter 1 is invalid",
    7: "parameter 2 is invalid",
    8: "parameter 3 is invalid",
    9: "parameter 4 is invalid",
    10: "the latitude (or parameter 5) is out of range",
    11: "the longitude (or parameter 6) is out of range",
    12: "the height (or parameter 7) is invalid",
    13: "an item came out of order",
    14: "it takes none from us now; is another ground station at work?",
    15: "it broke the upload off",
}
_LIST_WORDS = {
    MissionType.MISSION: "mission",
    MissionType.FENCE: "fence",
    MissionType.RALLY: "list of rally points",
}


class TransferError(CommandError):
    """A list did not get to the vehicle.

    Args:
        message: what went wrong, and what the vehicle holds now.
        seq: the item that was refused; None where it was not a single one.
        restored: whether the vehicle holds what it held before.
    """

    def __init__(self, message: str, *, seq: int | None = None, restored: bool = False) -> None:
        super().__init__(message)
        self.seq = seq
        self.restored = restored


def upload(
    link: VehicleLink, items: Sequence[MissionItem], mission_type: MissionType
) -> tuple[MissionItem, ...]:
    """Put a list on the vehicle in place of the one there, and return it as read back.

    Args:
        link: to the vehicle.
        items: numbered from 0; empty to clear. Item 0 of a mission is home.
        mission_type: which of its lists.

    Raises:
        TransferError: the vehicle refused an item, or gives back another list than it got. What
            it held before was put back, or, where that failed, cleared; the message says so.
        LinkError: the link broke off; what the vehicle holds is not known then.
    """
    _check(items, mission_type)
    with link.transfer_lock:
        before = _read(link, mission_type)
        try:
            _write(link, items, mission_type)
            read = _read(link, mission_type)
            differences = _differences(items, read)
            if differences:
                shown = "; ".join(differences[:_SHOWN_DIFFERENCES])
                raise TransferError(
                    f"the {_LIST_WORDS[mission_type]} came back different from what was sent: "
                    f"{shown}" + (" and more" if len(differences) > _SHOWN_DIFFERENCES else "")
                )
        except TransferError as error:
            now, restored = _put_back(link, before, mission_type)
            raise TransferError(f"{error}; {now}", seq=error.seq, restored=restored) from error
        except LinkError as error:
            raise LinkError(
                f"{error}; the {_LIST_WORDS[mission_type]} on the vehicle may be half of the new "
                "one: upload it again, or clear it, before it flies"
            ) from error
    _LOG.info("%s: %d items uploaded and read back", _LIST_WORDS[mission_type], len(items))
    return read


def download(link: VehicleLink, mission_type: MissionType) -> tuple[MissionItem, ...]:
    """Return a list as the vehicle holds it.

    Raises:
        TransferError: the vehicle refuses to give it.
        LinkError: no answer.
    """
    with link.transfer_lock:
        return _read(link, mission_type)


def clear(link: VehicleLink, mission_type: MissionType) -> None:
    """Clear a list; as `upload` of an empty one."""
    upload(link, (), mission_type)


def _check(items: Sequence[MissionItem], mission_type: MissionType) -> None:
    for number, item in enumerate(items):
        if item.seq != number or item.mission_type is not mission_type:
            raise TransferError(
                f"item {number} is numbered {item.seq}, for the "
                f"{_LIST_WORDS[item.mission_type]}; nothing was sent",
                restored=True,
            )
        scale = 1e7 if has_place(item.command) else 1.0
        if not (abs(item.x * scale) <= _INT32_MAX and abs(item.y * scale) <= _INT32_MAX):
            raise TransferError(
                f"item {number} ({command_name(item.command)}): {item.x:g}, {item.y:g} cannot be "
                "sent as whole numbers; nothing was sent",
                seq=number,
                restored=True,
            )


def _differences(sent: Sequence[MissionItem], read: Sequence[MissionItem]) -> tuple[str, ...]:
    if not sent and len(read) == 1 and read[0].mission_type is MissionType.MISSION:
        return ()  # a cleared mission still has home
    return item_differences(sent, read)


def _put_back(
    link: VehicleLink, before: tuple[MissionItem, ...], mission_type: MissionType
) -> tuple[str, bool]:
    """Put back what was there; return in words what the vehicle holds now, and if it is that."""
    words = _LIST_WORDS[mission_type]
    try:
        if not _differences(before, _read(link, mission_type)):
            return f"the {words} from before is still there ({len(before)} items)", True
        _write(link, before, mission_type)
        if not _differences(before, _read(link, mission_type)):
            return f"the {words} from before was put back ({len(before)} items)", True
    except TransferError as error:
        _LOG.warning("putting back the %s: %s", words, error)
    except LinkError as error:
        return f"and then the link broke off ({error}): what {words} it holds is not known", False
    try:
        _write(link, (), mission_type)
        if not _differences((), _read(link, mission_type)):
            return f"the {words} from before could not be put back, so it was cleared", False
    except (TransferError, LinkError) as error:
        _LOG.warning("clearing the %s: %s", words, error)
    return f"what {words} it holds now is not known: do not fly it", False


# Writing


def _write(link: VehicleLink, items: Sequence[MissionItem], mission_type: MissionType) -> None:
    with link.inbox("MISSION_REQUEST", "MISSION_REQUEST_INT", "MISSION_ACK") as box:
        if items:
            _Upload(link, box, items, mission_type).run()
        else:
            _clear(link, box, mission_type)


def _clear(link: VehicleLink, box: Inbox, mission_type: MissionType) -> None:
    for _ in range(_TRIES):
        link.mav.mission_clear_all_send(*link.target, mission_type)
        answer = _next(link, box, mission_type, _ANSWER_S, "MISSION_ACK")
        if answer is not None:
            _need_accepted(answer.type, f"to clear the {_LIST_WORDS[mission_type]}")
            return
    raise LinkError(f"{link.where}: no answer to clearing the {_LIST_WORDS[mission_type]}")


class _Upload:
    """One upload under way."""

    def __init__(
        self,
        link: VehicleLink,
        box: Inbox,
        items: Sequence[MissionItem],
        mission_type: MissionType,
    ) -> None:
        self._link = link
        self._box = box
        self._items = items
        self._type = mission_type
        self._asked = -1
        self._furthest = -1
        self._out_of_order = 0

    def run(self) -> None:
        """Go through it; return when it was accepted, or when only reading back can tell."""
        clock = self._link.clock
        counts = 0
        progress_s = clock.monotonic_s()
        while True:
            if self._asked < 0:
                if counts == _TRIES:
                    raise LinkError(
                        f"{self._link.where}: no answer to a {_LIST_WORDS[self._type]} of "
                        f"{len(self._items)} items, offered {counts} times"
                    )
                counts += 1
                count = len(self._items)
                self._link.mav.mission_count_send(*self._link.target, count, self._type)
            answer = _next(self._link, self._box, self._type, _ANSWER_S)
            if answer is not None:
                before = self._furthest
                if self._answered(answer):
                    return
                if self._furthest > before:
                    progress_s = clock.monotonic_s()
            silent_s = clock.monotonic_s() - progress_s
            if self._furthest == len(self._items) - 1 and answer is None:
                return  # its answer may have got lost; reading back tells
            if self._asked >= 0 and silent_s > _STALLED_S:
                raise LinkError(
                    f"{self._link.where}: the vehicle asked for item {self._asked} of "
                    f"{len(self._items)} and then for no other in {_STALLED_S:g} s"
                )

    def _answered(self, answer: Message) -> bool:
        """Do what the vehicle asks; return whether it has accepted the list."""
        if answer.get_type() != "MISSION_ACK":
            self._give(answer.seq)
            return False
        if answer.type == _INVALID_SEQUENCE and self._out_of_order < _MAX_OUT_OF_ORDER:
            # An item that got doubled on its way; the vehicle asks on.
            self._out_of_order += 1
            return False
        if answer.type == _ACCEPTED:
            if self._furthest < len(self._items) - 1:
                raise TransferError(
                    f"the vehicle accepted the {_LIST_WORDS[self._type]} after item "
                    f"{self._furthest} of {len(self._items)}"
                )
            return True
        seq = self._asked if self._asked >= 0 else None
        _need_accepted(answer.type, self._what(seq), seq)
        return True

    def _give(self, seq: int) -> None:
        if not 0 <= seq < len(self._items):
            raise TransferError(f"the vehicle asked for item {seq} of a list of {len(self._items)}")
        self._asked = seq
        self._furthest = max(self._furthest, seq)
        self._link.mav.mission_item_int_send(*_to_wire(self._items[seq], self._link.target))

    def _what(self, seq: int | None) -> str:
        words = _LIST_WORDS[self._type]
        if seq is None:
            return f"a {words} of {len(self._items)} items"
        item = self._items[seq]
        place = f" at {item.x:.6f}, {item.y:.6f}" if has_place(item.command) else ""
        return f"item {seq} of the {words} ({command_name(item.command)}{place})"


def _need_accepted(result: int, what: str, seq: int | None = None) -> None:
    if result != _ACCEPTED:
        why = _RESULT_WORDS.get(result, f"its answer is {result}")
        raise TransferError(f"the vehicle refuses {what}: {why}", seq=seq)


def _next(
    link: VehicleLink, box: Inbox, mission_type: MissionType, timeout_s: float, *kinds: str
) -> Message | None:
    """Return the next message about this list that is for us."""
    deadline_s = link.clock.monotonic_s() + timeout_s
    while (message := box.get(deadline_s - link.clock.monotonic_s())) is not None:
        if (
            message.target_system in (0, link.source_system)
            and message.mission_type == mission_type
            and (not kinds or message.get_type() in kinds)
        ):
            return message
    return None


# Reading


def _read(link: VehicleLink, mission_type: MissionType) -> tuple[MissionItem, ...]:
    words = _LIST_WORDS[mission_type]
    with link.inbox("MISSION_COUNT", "MISSION_ITEM_INT", "MISSION_ITEM", "MISSION_ACK") as box:
        count = None
        for _ in range(_TRIES):
            link.mav.mission_request_list_send(*link.target, mission_type)
            answer = _next(link, box, mission_type, _ANSWER_S, "MISSION_COUNT", "MISSION_ACK")
            if answer is not None:
                if answer.get_type() == "MISSION_ACK":
                    _need_accepted(answer.type, f"to give its {words}")
                    continue
                count = answer.count
                break
        if count is None:
            raise LinkError(f"{link.where}: no answer when asked for its {words}")
        items = tuple(_read_item(link, box, mission_type, seq, count) for seq in range(count))
        link.mav.mission_ack_send(*link.target, _ACCEPTED, mission_type)
        return items


def _read_item(
    link: VehicleLink, box: Inbox, mission_type: MissionType, seq: int, count: int
) -> MissionItem:
    words = _LIST_WORDS[mission_type]
    for _ in range(_TRIES):
        link.mav.mission_request_int_send(*link.target, seq, mission_type)
        deadline_s = link.clock.monotonic_s() + _ANSWER_S
        while True:
            wait_s = deadline_s - link.clock.monotonic_s()
            answer = _next(link, box, mission_type, wait_s)
            if answer is None:
                break
            if answer.get_type() == "MISSION_ACK":
                _need_accepted(answer.type, f"to give item {seq} of {count} of its {words}")
            elif answer.get_type() != "MISSION_COUNT" and answer.seq == seq:
                return _from_wire(answer)
    raise LinkError(
        f"{link.where}: item {seq} of {count} of its {words} did not come, asked for {_TRIES} times"
    )


# On the wire


def _to_wire(item: MissionItem, target: tuple[int, int]) -> tuple[object, ...]:
    scale = 1e7 if has_place(item.command) else 1.0
    return (
        *target,
        item.seq,
        item.frame,
        item.command,
        int(item.current),
        int(item.autocontinue),
        *item.params,
        round(item.x * scale),
        round(item.y * scale),
        item.z,
        int(item.mission_type),
    )


def _from_wire(message: Message) -> MissionItem:
    scale = 1.0
    if message.get_type() == "MISSION_ITEM_INT" and has_place(message.command):
        scale = 1e7
    return MissionItem(
        seq=message.seq,
        frame=message.frame,
        command=message.command,
        params=(message.param1, message.param2, message.param3, message.param4),
        x=message.x / scale,
        y=message.y / scale,
        z=message.z,
        current=bool(message.current),
        autocontinue=bool(message.autocontinue),
        mission_type=MissionType(message.mission_type),
    )
