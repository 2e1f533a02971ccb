"""Missions, fences and rally points: all of it arrives, or the error says what is there."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.link import VehicleLink
from drone.mission_compare import same_items
from drone.transfer import TransferError, clear, download, upload
from park.errors import LinkError
from park.mission_item import MissionItem, MissionType
from sim_data.copter.server import CopterServer
from sim_data.copter.state import HomePoint
from sim_data.copter.vehicle import SimulatedCopter
from tests.drone.odd_vehicle import Answer, OddVehicle, has_params

HOME = HomePoint(31.2, 121.5, 10.0)
MISSION, FENCE, RALLY = MissionType.MISSION, MissionType.FENCE, MissionType.RALLY


def point(seq: int, lat_deg: float = 31.2, *, command: int = 16, frame: int = 3) -> MissionItem:
    return MissionItem(seq, frame, command, x=lat_deg, y=121.5, z=30.0, current=seq == 0)


def mission(count: int) -> list[MissionItem]:
    return [point(seq, 31.2 + 1e-4 * seq) for seq in range(count)]


def corner(seq: int, lat_deg: float, lon_deg: float, count: int) -> MissionItem:
    params = (float(count), 0.0, 0.0, 0.0)
    return MissionItem(seq, 0, 5001, params, lat_deg, lon_deg, mission_type=FENCE)


SQUARE = [corner(i, *p, 4) for i, p in enumerate([(31, 121), (31, 122), (32, 122), (32, 121)])]
RALLIES = [MissionItem(0, 3, 5100, x=31.21, y=121.51, z=40.0, mission_type=RALLY)]


@pytest.fixture(scope="module")
def link() -> Iterator[VehicleLink]:
    with (
        CopterServer(SimulatedCopter(HOME), port=0, speedup=5.0) as server,
        VehicleLink.connect(f"tcp:127.0.0.1:{server.port}") as made,
    ):
        yield made


class ListHolder:
    """The vehicle's end of the protocol, which writes over its list as items come.

    Args:
        refuse: number of the item that is refused, with this result.
        damage: what becomes of an item that is kept.
        loses: how many of its messages get lost, by type.
        asks_whole: whether it asks with MISSION_REQUEST_INT.
        deaf_after: item after which it falls silent.
    """

    def __init__(
        self,
        items: list[MissionItem] | None = None,
        *,
        refuse: tuple[int, int] | None = None,
        damage: Callable[[MissionItem], MissionItem] = lambda item: item,
        loses: dict[str, int] | None = None,
        asks_whole: bool = False,
        deaf_after: int | None = None,
    ) -> None:
        self.items = list(items or [])
        self.refuse = refuse
        self.damage = damage
        self.loses = dict(loses or {})
        self.asks_whole = asks_whole
        self.deaf_after = deaf_after
        self.count = 0

    def answers(self) -> dict[str, Answer]:
        return has_params({"BATT_CAPACITY": 0.0}) | {
            "MISSION_COUNT": self._count,
            "MISSION_ITEM_INT": self._item,
            "MISSION_REQUEST_LIST": lambda v, _: self._say(
                v, mavlink.MAVLink_mission_count_message(255, 190, len(self.items), 0)
            ),
            "MISSION_REQUEST_INT": self._give,
            "MISSION_CLEAR_ALL": self._clear,
        }

    def _say(self, vehicle: OddVehicle, message: Any) -> None:
        kind = message.get_type()
        if self.loses.get(kind, 0) > 0:
            self.loses[kind] -= 1
            return
        vehicle.say(message)

    def _ack(self, vehicle: OddVehicle, result: int) -> None:
        self._say(vehicle, mavlink.MAVLink_mission_ack_message(255, 190, result, 0))

    def _ask(self, vehicle: OddVehicle, seq: int) -> None:
        kind = (
            mavlink.MAVLink_mission_request_int_message
            if self.asks_whole
            else mavlink.MAVLink_mission_request_message
        )
        self._say(vehicle, kind(255, 190, seq, 0))

    def _count(self, vehicle: OddVehicle, message: Any) -> None:
        self.count = message.count
        self._ask(vehicle, 0)

    def _item(self, vehicle: OddVehicle, message: Any) -> None:
        if message.seq == self.deaf_after:
            return
        if self.refuse is not None and message.seq == self.refuse[0]:
            self._ack(vehicle, self.refuse[1])
            return
        item = point(message.seq, message.x / 1e7, command=message.command, frame=message.frame)
        self.items[message.seq : message.seq + 1] = [self.damage(item)]
        if message.seq + 1 < self.count:
            self._ask(vehicle, message.seq + 1)
        else:
            del self.items[self.count :]
            self._ack(vehicle, 0)

    def _give(self, vehicle: OddVehicle, message: Any) -> None:
        item = self.items[message.seq]
        self._say(
            vehicle,
            mavlink.MAVLink_mission_item_int_message(
                *(255, 190, item.seq, item.frame, item.command, 0, 1, *item.params),
                *(round(item.x * 1e7), round(item.y * 1e7), item.z, 0),
            ),
        )

    def _clear(self, vehicle: OddVehicle, _: Any) -> None:
        self.items = []
        self._ack(vehicle, 0)


def with_holder(holder: ListHolder) -> tuple[OddVehicle, Callable[[], VehicleLink]]:
    odd = OddVehicle(answers=holder.answers())
    return odd, lambda: VehicleLink.connect(odd.url, timeout_s=5.0)


@pytest.mark.parametrize(
    ("items", "kind"), [(mission(6), MISSION), (SQUARE, FENCE), (RALLIES, RALLY)]
)
def test_every_list_goes_up_and_comes_back_the_same(
    link: VehicleLink, items: list[MissionItem], kind: MissionType
) -> None:
    assert same_items(items, upload(link, items, kind))
    assert same_items(items, download(link, kind))


def test_lists_do_not_touch_each_other(link: VehicleLink) -> None:
    upload(link, mission(3), MISSION)
    upload(link, SQUARE, FENCE)
    clear(link, MISSION)
    assert download(link, MISSION) == ()
    assert same_items(SQUARE, download(link, FENCE))


def test_dronekits_own_handling_does_not_answer_beside_ours(link: VehicleLink) -> None:
    before = link._connection.line.mav.total_packets_sent
    upload(link, mission(50), MISSION)
    sent = link._connection.line.mav.total_packets_sent - before
    # Read before, written, read back: 50 items each way, and what begins and ends them.
    assert sent <= 2 + 51 + 52 + 10


@settings(max_examples=15, deadline=None)
@given(
    places=st.lists(
        st.tuples(st.floats(-89.9, 89.9), st.floats(-179.9, 179.9), st.floats(1.0, 120.0)),
        min_size=1,
        max_size=12,
    )
)
def test_places_anywhere_come_back_to_a_centimetre(
    link: VehicleLink, places: list[tuple[float, float, float]]
) -> None:
    items = [MissionItem(0, 0, 16)] + [
        MissionItem(seq, 3, 16, x=lat, y=lon, z=alt)
        for seq, (lat, lon, alt) in enumerate(places, start=1)
    ]
    read = upload(link, items, MISSION)
    for sent, got in zip(items[1:], read[1:], strict=True):
        assert got.x == pytest.approx(sent.x, abs=1.01e-7)
        assert got.y == pytest.approx(sent.y, abs=1.01e-7)
        assert got.z == pytest.approx(sent.z, abs=0.011)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (point(2, 95.0), r"NAV_WAYPOINT at 95.000000, 121.500000\): the latitude .* out of range"),
        (point(2, command=31_000), r"WAYPOINT_USER_1\): it does not know this command"),
        (point(2, frame=99), r"NAV_WAYPOINT at .*\): it does not know this frame"),
    ],
)
def test_a_refused_item_is_named_and_the_mission_from_before_stays(
    link: VehicleLink, bad: MissionItem, why: str
) -> None:
    before = upload(link, mission(4), MISSION)
    with pytest.raises(TransferError, match=rf"refuses item 2 of the mission \({why}") as refused:
        upload(link, [point(0), point(1), bad], MISSION)
    assert refused.value.seq == 2
    assert refused.value.restored
    assert "the mission from before is still there (4 items)" in str(refused.value)
    assert same_items(before, download(link, MISSION))


def test_what_was_half_overwritten_is_put_back() -> None:
    before = mission(5)
    holder = ListHolder(before, refuse=(2, 3))
    new = [point(seq, 30.0) for seq in range(4)]
    odd, connect = with_holder(holder)
    with odd, connect() as link:
        # The refusal is of the new list's item alone: what was there went in before.
        holder_items = holder._item

        def refuse_new(vehicle: OddVehicle, message: Any) -> None:
            holder.refuse = (2, 3) if message.x == 300000000 else None
            holder_items(vehicle, message)

        odd._answers["MISSION_ITEM_INT"] = refuse_new
        with pytest.raises(TransferError, match=r"from before was put back \(5 items\)") as refused:
            upload(link, new, MISSION)
    assert refused.value.restored
    assert same_items(before, holder.items)


def test_what_cannot_be_put_back_is_cleared_and_said() -> None:
    holder = ListHolder(mission(5), refuse=(2, 4))
    odd, connect = with_holder(holder)
    with (
        odd,
        connect() as link,
        pytest.raises(TransferError, match="could not be put back, so it was cleared") as refused,
    ):
        upload(link, [point(seq, 30.0) for seq in range(4)], MISSION)
    assert not refused.value.restored
    assert holder.items == []


def test_a_list_that_comes_back_different_is_not_taken() -> None:
    def lower(item: MissionItem) -> MissionItem:
        return MissionItem(item.seq, item.frame, item.command, x=item.x, y=item.y, z=5.0)

    odd, connect = with_holder(ListHolder(damage=lower))
    with (
        odd,
        connect() as link,
        pytest.raises(TransferError, match=r"came back different .* 5.00 m instead of 30.00 m"),
    ):
        upload(link, mission(3), MISSION)


@pytest.mark.parametrize("asks_whole", [False, True], ids=["REQUEST", "REQUEST_INT"])
def test_both_ways_of_asking_get_whole_numbers(asks_whole: bool) -> None:
    holder = ListHolder(asks_whole=asks_whole)
    odd, connect = with_holder(holder)
    with odd, connect() as link:
        upload(link, mission(3), MISSION)
    assert len(odd.heard_of("MISSION_ITEM_INT")) == 3
    assert odd.heard_of("MISSION_ITEM") == []


@pytest.mark.parametrize(
    "lost", ["MISSION_COUNT", "MISSION_ITEM_INT", "MISSION_REQUEST", "MISSION_ACK"]
)
def test_one_lost_message_costs_only_time(lost: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drone.transfer._ANSWER_S", 0.4)
    holder = ListHolder(mission(2), loses={lost: 1})
    odd, connect = with_holder(holder)
    with odd, connect() as link:
        assert len(upload(link, mission(3), MISSION)) == 3
    assert same_items(mission(3), holder.items)


def test_a_vehicle_that_never_answers_is_an_error_that_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("drone.transfer._ANSWER_S", 0.2)
    odd = OddVehicle(answers=has_params({"BATT_CAPACITY": 0.0}))
    with odd, VehicleLink.connect(odd.url, timeout_s=5.0) as link:
        started_s = time.monotonic()
        with pytest.raises(LinkError, match="no answer when asked for its fence"):
            download(link, FENCE)
        assert time.monotonic() - started_s < 6.0


def test_an_upload_that_stops_halfway_says_what_may_be_on_the_vehicle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("drone.transfer._ANSWER_S", 0.5)
    monkeypatch.setattr("drone.transfer._STALLED_S", 2.0)
    odd, connect = with_holder(ListHolder(mission(2), deaf_after=1))
    with (
        odd,
        connect() as link,
        pytest.raises(LinkError, match=r"item 1 of 3 .* may be half of the new one: upload it"),
    ):
        upload(link, mission(3), MISSION)


def test_a_link_that_breaks_off_ends_an_upload_at_once() -> None:
    odd, connect = with_holder(ListHolder(mission(2), deaf_after=1))
    with odd, connect() as link:
        threading.Timer(0.5, link.close).start()
        started_s = time.monotonic()
        with pytest.raises(LinkError, match=r"the link was closed; the mission .* may be half"):
            upload(link, mission(3), MISSION)
        assert time.monotonic() - started_s < 5.0


@pytest.mark.parametrize(
    ("items", "kind", "why"),
    [
        ([point(0), point(2)], MISSION, "item 1 is numbered 2"),
        (SQUARE, MISSION, "item 0 is numbered 0, for the fence"),
        ([point(0, 250.0)], MISSION, "item 0 .NAV_WAYPOINT.: 250, 121.5 cannot be sent"),
        ([point(0, math.nan)], MISSION, "cannot be sent as whole numbers"),
    ],
)
def test_a_list_that_cannot_be_sent_is_refused_before_anything_is(
    link: VehicleLink, items: list[MissionItem], kind: MissionType, why: str
) -> None:
    with pytest.raises(TransferError, match=rf"{why}.*nothing was sent"):
        upload(link, items, kind)


def test_another_station_that_uploads_is_said() -> None:
    def denied(vehicle: OddVehicle, _: Any) -> None:
        vehicle.say(mavlink.MAVLink_mission_ack_message(255, 190, 14, 0))

    odd = OddVehicle(answers=ListHolder().answers() | {"MISSION_REQUEST_LIST": denied})
    with (
        odd,
        VehicleLink.connect(odd.url, timeout_s=5.0) as link,
        pytest.raises(TransferError, match="is another ground station at work"),
    ):
        download(link, MISSION)
