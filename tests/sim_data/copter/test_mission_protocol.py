"""Missions, fences and rally points over the wire: what ArduCopter 4.1 answers, and when."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymavlink.dialects.v20 import ardupilotmega as mavlink2

from park.mission_item import MissionItem, MissionType
from sim_data.copter.item_wire import item_from_wire, item_to_wire
from tests.sim_data.copter.ground_station import HOME, Flight, GroundStation

ACCEPTED, ERROR, UNSUPPORTED_FRAME, UNSUPPORTED, NO_SPACE, BAD_X = 0, 1, 2, 3, 4, 10
INVALID_SEQUENCE, DENIED, CANCELLED = 13, 14, 15
MISSION, FENCE, RALLY = 0, 1, 2


@pytest.fixture
def flight() -> Flight:
    return Flight()


def item(
    seq: int, command: int = 16, *, frame: int = 3, p1: float = 0.0, x: float = -35.36,
    y: float = 149.16, z: float = 50.0, kind: int = MISSION,
) -> Any:  # fmt: skip
    return mavlink2.MAVLink_mission_item_int_message(
        1, 1, seq, frame, command, 0, 1, p1, 0.0, 0.0, 0.0, round(x * 1e7), round(y * 1e7), z, kind
    )


def count(number: int, kind: int = MISSION) -> Any:
    return mavlink2.MAVLink_mission_count_message(1, 1, number, kind)


def upload(station: GroundStation, items: list[Any], kind: int = MISSION) -> int:
    """Send a list as a ground station does, and return the type of the acknowledgement."""
    station.heard()
    station.say(count(len(items), kind))
    for _ in range(len(items) + 1):
        for message in station.heard():
            if message.get_type() == "MISSION_ACK":
                assert message.mission_type == kind
                return int(message.type)
            if message.get_type() == "MISSION_REQUEST":
                assert (message.mission_type, message.target_system) == (kind, 255)
                station.say(items[message.seq])
    raise AssertionError("no acknowledgement")


def read_back(station: GroundStation, kind: int = MISSION) -> list[Any]:
    total = station.ask(mavlink2.MAVLink_mission_request_list_message(1, 1, kind), "MISSION_COUNT")
    assert total.mission_type == kind
    return [
        station.ask(
            mavlink2.MAVLink_mission_request_int_message(1, 1, seq, kind), "MISSION_ITEM_INT"
        )
        for seq in range(total.count)
    ]


SIX = [item(0, frame=0, z=584.0), item(1, 22), item(2), item(3), item(4), item(5, 20)]


class TestUpload:
    def test_six_items_sent_are_six_items_read_back_with_home_as_the_first(
        self, flight: Flight
    ) -> None:
        flight.wait(30.0)
        station = flight.station()
        assert upload(station, SIX) == ACCEPTED
        back = read_back(station)
        assert [m.seq for m in back] == [0, 1, 2, 3, 4, 5]
        assert [m.command for m in back] == [16, 22, 16, 16, 16, 20]
        home = back[0]
        assert home.frame == 0
        assert (home.x, home.y) == pytest.approx((-353_632_610, 1_491_652_300), abs=200)
        assert home.z == pytest.approx(584.0, abs=1.0)
        assert (back[2].frame, back[2].x, back[2].y, back[2].z) == (
            3, -353_600_000, 1_491_600_000, 50.0,
        )  # fmt: skip

    def test_it_asks_with_the_old_message_and_says_that_the_plan_was_received(
        self, flight: Flight
    ) -> None:
        station = flight.station()
        station.say(count(1))
        assert [m.get_type() for m in station.heard()] == ["MISSION_REQUEST"]
        station.say(item(0))
        texts = [m.text for m in station.heard() if m.get_type() == "STATUSTEXT"]
        assert texts == ["Flight plan received"]

    def test_items_may_come_as_the_old_message_too_also_in_mavlink_1(self, flight: Flight) -> None:
        station = flight.station(version=1)
        old = [
            station.mavlink.MAVLink_mission_item_message(
                1, 1, seq, 3, 16, 0, 1, 0.0, 0.0, 0.0, 0.0, -35.36, 149.16, 50.0
            )
            for seq in range(3)
        ]
        station.say(station.mavlink.MAVLink_mission_count_message(1, 1, 3))
        for one in old:
            assert "MISSION_REQUEST" in [m.get_type() for m in station.heard()]
            station.say(one)
        assert "MISSION_ACK" in [m.get_type() for m in station.heard()]
        assert flight.items()[2].x == pytest.approx(-35.36, abs=2e-6)

    def test_no_items_are_accepted_and_clear_what_was_there(self, flight: Flight) -> None:
        station = flight.station()
        upload(station, SIX)
        assert upload(station, []) == ACCEPTED
        assert flight.items() == ()

    @pytest.mark.parametrize(
        ("wrong", "answer"),
        [
            (item(2, 31_999), UNSUPPORTED),
            (item(2, x=95.0), BAD_X),
            (item(2, frame=77), UNSUPPORTED_FRAME),
        ],
        ids=["unknown command", "latitude out of range", "unknown frame"],
    )
    def test_a_bad_item_is_refused_at_once_and_the_mission_before_stays(
        self, flight: Flight, wrong: Any, answer: int
    ) -> None:
        station = flight.station()
        upload(station, SIX)
        before = flight.items()
        assert upload(station, [SIX[0], SIX[1], wrong, SIX[3], SIX[4]]) == answer
        assert flight.items() == before
        assert upload(station, SIX[:3]) == ACCEPTED, "the next upload is as good as ever"

    def test_an_infinite_parameter_is_refused_by_its_number(self, flight: Flight) -> None:
        bad = item(0, p1=math.inf)
        assert upload(flight.station(), [bad]) == 6

    def test_more_items_than_there_is_room_for_are_refused_before_the_first(
        self, flight: Flight
    ) -> None:
        ack = flight.station().ask(count(5_000), "MISSION_ACK")
        assert ack.type == NO_SPACE

    def test_an_item_out_of_turn_is_refused_and_the_upload_goes_on(self, flight: Flight) -> None:
        station = flight.station()
        station.say(count(2))
        assert station.ask(item(1), "MISSION_ACK").type == INVALID_SEQUENCE
        assert station.ask(item(0), "MISSION_REQUEST").seq == 1
        assert station.ask(item(1), "MISSION_ACK").type == ACCEPTED

    def test_an_item_that_nobody_asked_for_is_refused(self, flight: Flight) -> None:
        assert flight.station().ask(item(0), "MISSION_ACK").type == ERROR

    def test_a_list_that_the_vehicle_does_not_have_is_refused(self, flight: Flight) -> None:
        assert flight.station().ask(count(1, 7), "MISSION_ACK").type == UNSUPPORTED


class TestBrokenOff:
    def test_a_missing_item_is_asked_for_again_every_second(self, flight: Flight) -> None:
        station = flight.station()
        station.say(count(2))
        flight.wait(3.5)
        asked = [m.seq for m in station.heard() if m.get_type() == "MISSION_REQUEST"]
        assert asked == [0, 0, 0, 0]

    def test_an_upload_that_stops_is_given_up_and_the_old_mission_stays_whole(
        self, flight: Flight
    ) -> None:
        station = flight.station()
        upload(station, SIX)
        before = flight.items()
        station.say(count(3))
        station.say(item(0))
        station.say(item(1))
        flight.wait(9.0)
        heard = station.heard()
        assert [m.type for m in heard if m.get_type() == "MISSION_ACK"] == [CANCELLED]
        assert "Mission upload timeout" in [m.text for m in heard if m.get_type() == "STATUSTEXT"]
        assert flight.items() == before
        assert upload(station, SIX[:2]) == ACCEPTED

    def test_a_faster_simulation_is_more_patient_with_its_clients(self) -> None:
        flight = Flight(patience=5.0)
        station = flight.station()
        station.say(count(2))
        flight.wait(30.0)
        station.say(item(0))
        station.say(item(1))
        assert station.heard()[-1].type == ACCEPTED

    def test_the_same_station_may_begin_again_from_a_new_connection(self, flight: Flight) -> None:
        first = flight.station()
        first.say(count(3))
        flight.autopilot.disconnect(first.session)
        assert upload(flight.station(), SIX) == ACCEPTED

    def test_another_station_is_denied_while_an_upload_goes_on(self, flight: Flight) -> None:
        station, other = flight.station(), flight.station(system=254)
        station.say(count(2))
        assert other.ask(count(2), "MISSION_ACK").type == DENIED
        assert other.ask(item(0), "MISSION_ACK").type == DENIED
        list_request = mavlink2.MAVLink_mission_request_list_message(1, 1, MISSION)
        assert other.ask(list_request, "MISSION_ACK").type == DENIED


class TestRead:
    def test_home_may_be_read_though_there_is_no_mission(self, flight: Flight) -> None:
        flight.wait(30.0)
        station = flight.station()
        assert read_back(station) == []
        home = station.ask(
            mavlink2.MAVLink_mission_request_message(1, 1, 0, MISSION), "MISSION_ITEM"
        )
        assert (home.x, home.y) == pytest.approx((HOME.lat_deg, HOME.lon_deg), abs=1e-5)
        assert home.z == pytest.approx(584.0, abs=1.0)
        assert home.command == 16

    def test_an_item_beyond_the_end_is_refused(self, flight: Flight) -> None:
        request = mavlink2.MAVLink_mission_request_int_message(1, 1, 3, MISSION)
        assert flight.station().ask(request, "MISSION_ACK").type == INVALID_SEQUENCE

    def test_each_message_of_asking_has_its_message_of_answering(self, flight: Flight) -> None:
        station = flight.station()
        upload(station, SIX)
        old = station.ask(mavlink2.MAVLink_mission_request_message(1, 1, 2, 0), "MISSION_ITEM")
        new = station.ask(
            mavlink2.MAVLink_mission_request_int_message(1, 1, 2, 0), "MISSION_ITEM_INT"
        )
        assert old.x == pytest.approx(new.x / 1e7, abs=2e-6)


class TestFenceAndRally:
    SQUARE = ((-35.365, 149.163), (-35.365, 149.168), (-35.361, 149.168), (-35.361, 149.163))

    def fence(self) -> list[Any]:
        corners = [
            item(n, 5001, frame=0, p1=4, x=x, y=y, z=0.0, kind=FENCE)
            for n, (x, y) in enumerate(self.SQUARE)
        ]
        return [*corners, item(4, 5004, frame=0, p1=25.0, z=0.0, kind=FENCE)]

    def test_a_fence_is_read_back_as_it_was_sent_and_leaves_the_mission_alone(
        self, flight: Flight
    ) -> None:
        station = flight.station()
        upload(station, SIX)
        assert upload(station, self.fence(), FENCE) == ACCEPTED
        back = read_back(station, FENCE)
        assert [m.command for m in back] == [5001] * 4 + [5004]
        assert [m.param1 for m in back] == [4, 4, 4, 4, 25]
        corners = [(round(x * 1e7), round(y * 1e7)) for x, y in self.SQUARE]
        assert [(m.x, m.y) for m in back[:4]] == corners
        assert len(flight.items()) == 6

    def test_a_fence_with_a_corner_too_few_is_refused_and_the_old_one_stays(
        self, flight: Flight
    ) -> None:
        station = flight.station()
        upload(station, self.fence(), FENCE)
        before = flight.items(MissionType.FENCE)
        assert upload(station, self.fence()[:3], FENCE) != ACCEPTED
        assert flight.items(MissionType.FENCE) == before

    def test_rally_points_are_read_back_as_they_were_sent(self, flight: Flight) -> None:
        station = flight.station()
        points = [item(n, 5100, x=-35.36 - n / 1000, z=40.0, kind=RALLY) for n in range(3)]
        assert upload(station, points, RALLY) == ACCEPTED
        back = read_back(station, RALLY)
        assert [(m.x, m.y, m.z) for m in back] == [(p.x, p.y, p.z) for p in points]

    def test_clearing_one_list_leaves_the_others(self, flight: Flight) -> None:
        station = flight.station()
        upload(station, SIX)
        upload(station, self.fence(), FENCE)
        clear = mavlink2.MAVLink_mission_clear_all_message(1, 1, FENCE)
        assert station.ask(clear, "MISSION_ACK").type == ACCEPTED
        assert flight.items(MissionType.FENCE) == ()
        assert len(flight.items()) == 6

    def test_clearing_all_leaves_none(self, flight: Flight) -> None:
        station = flight.station()
        upload(station, SIX)
        upload(station, self.fence(), FENCE)
        clear = mavlink2.MAVLink_mission_clear_all_message(1, 1, 255)
        assert station.ask(clear, "MISSION_ACK").type == ACCEPTED
        assert [flight.items(kind) for kind in MissionType] == [(), (), ()]


class TestPartAndCurrent:
    def test_part_of_a_mission_can_be_replaced(self, flight: Flight) -> None:
        station = flight.station()
        upload(station, SIX)
        station.say(mavlink2.MAVLink_mission_write_partial_list_message(1, 1, 2, 3, MISSION))
        assert station.ask(item(2, z=70.0), "MISSION_REQUEST").seq == 3
        assert station.ask(item(3, z=71.0), "MISSION_ACK").type == ACCEPTED
        assert [i.z for i in flight.items()[1:5]] == [50.0, 70.0, 71.0, 50.0]

    def test_part_that_is_not_there_cannot_be_replaced(self, flight: Flight) -> None:
        message = mavlink2.MAVLink_mission_write_partial_list_message(1, 1, 2, 3, MISSION)
        assert flight.station().ask(message, "MISSION_ACK").type == ERROR

    def test_setting_the_current_item_is_answered_with_it_and_not_acknowledged(
        self, flight: Flight
    ) -> None:
        station = flight.station()
        upload(station, SIX)
        station.say(mavlink2.MAVLink_mission_set_current_message(1, 1, 3))
        heard = station.heard()
        assert {m.get_type() for m in heard} == {"MISSION_CURRENT"}
        assert heard[-1].seq == 3

    def test_setting_one_that_is_not_there_is_not_answered(self, flight: Flight) -> None:
        station = flight.station()
        station.say(mavlink2.MAVLink_mission_set_current_message(1, 1, 9))
        assert station.heard() == []

    def test_a_place_to_go_to_is_refused_outside_guided(self, flight: Flight) -> None:
        goto = mavlink2.MAVLink_mission_item_message(
            1, 1, 0, 3, 16, 2, 0, 0.0, 0.0, 0.0, 0.0, -35.36, 149.16, 30.0
        )
        assert flight.station().ask(goto, "MISSION_ACK").type == ERROR


@given(
    command=st.sampled_from([16, 17, 21, 22, 82, 178, 203, 206, 5001, 5100]),
    x=st.floats(-90, 90),
    y=st.floats(-180, 180),
    z=st.floats(-1000, 5000, width=32),
    p1=st.floats(-1000, 1000, width=32),
)
def test_an_item_comes_through_the_wire_as_it_went(
    command: int, x: float, y: float, z: float, p1: float
) -> None:
    if command in (178, 203, 206):
        x, y = float(round(x)), float(round(y))
    sent = MissionItem(seq=7, frame=3, command=command, params=(p1, 0.0, 0.0, 0.0), x=x, y=y, z=z)
    link = mavlink2.MAVLink(None)
    message = item_to_wire(sent, (255, 190), current=False, whole=True)
    (heard,) = mavlink2.MAVLink(None).parse_buffer(message.pack(link))
    got = item_from_wire(heard)
    assert isinstance(got, MissionItem)
    assert (got.x, got.y) == pytest.approx((x, y), abs=5.1e-8)
    assert (got.seq, got.frame, got.command, got.params, got.z) == (7, 3, command, sent.params, z)
