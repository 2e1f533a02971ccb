"""Heartbeats, silence, cuts and restarts: what the link notices, and what it does then."""

from __future__ import annotations

import threading
import time

import pytest
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from drone.link import LinkLost, LinkRegained, VehicleLink, VehicleRebooted
from drone.telemetry import ModeChanged, StatusText
from park.errors import LinkError
from sim_data.copter.faults import LinkDrop, Reboot
from sim_data.copter.server import CopterServer
from sim_data.copter.vehicle import SimulatedCopter
from tests.drone.links import HOME, SPEEDUP, Heard, connect, position, url
from tests.drone.odd_vehicle import OddVehicle


def test_our_heartbeats_come_once_a_second_of_the_vehicles_time(odd: OddVehicle) -> None:
    odd.beat = False
    odd_beats = threading.Thread(target=_beat, args=(odd, 0.1, 12), daemon=True)
    threading.Timer(0.1, odd_beats.start).start()
    with connect(odd):
        before = len(odd.heard_of("HEARTBEAT"))
        odd_beats.join(10.0)
        time.sleep(0.1)
        assert len(odd.heard_of("HEARTBEAT")) - before >= 8
        # And none is answered twice: when the vehicle is silent, ours come once a second.
        before = len(odd.heard_of("HEARTBEAT"))
        time.sleep(1.5)
        assert 1 <= len(odd.heard_of("HEARTBEAT")) - before <= 2


def _beat(odd: OddVehicle, every_s: float, times: int) -> None:
    for _ in range(times):
        odd.heartbeat()
        time.sleep(every_s)


def test_one_who_only_looks_on_sends_no_heartbeats(odd: OddVehicle) -> None:
    with connect(odd, heartbeat=False):
        time.sleep(0.3)
        assert odd.heard_of("HEARTBEAT") == []


def test_a_pilot_program_that_hangs_falls_silent(
    odd: OddVehicle, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(odd, keepalive_s=0.3) as link:
        deadline_s = time.monotonic() + 10.0
        while "our heartbeats stop" not in caplog.text:
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
        silent = len(odd.heard_of("HEARTBEAT"))
        time.sleep(0.4)
        assert len(odd.heard_of("HEARTBEAT")) <= silent + 1
        link.keepalive()
        link.keepalive()
        while len(odd.heard_of("HEARTBEAT")) < silent + 2:
            assert time.monotonic() < deadline_s, "they begin again"
            link.keepalive()
            time.sleep(0.02)


def test_silence_is_noticed_and_its_end_too() -> None:
    with (
        CopterServer(SimulatedCopter(HOME), port=0, speedup=SPEEDUP) as own,
        VehicleLink.connect(url(own), lost_after_s=0.4) as link,
    ):
        heard = Heard(link)
        own.inject(LinkDrop(duration_s=1.2 * SPEEDUP))
        lost = heard.wait(LinkLost)
        assert lost.age_s == pytest.approx(0.6, abs=0.4)
        assert link.lost
        regained = heard.wait(LinkRegained)
        assert regained.gap_s == pytest.approx(1.2, abs=0.8)
        assert not link.lost
        seen = link.telemetry.time_boot_s or 0.0
        link.wait_for(lambda t: (t.time_boot_s or 0.0) > seen + 1.0, "telemetry again", 10.0)


def test_a_silence_that_nobody_could_look_for_is_told_before_what_ended_it(
    odd: OddVehicle,
) -> None:
    """A change of mode in it is the vehicle's own: unheard, the silence made it a pilot's."""
    held_up, go_on = threading.Event(), threading.Event()

    def dawdle(news: StatusText) -> None:
        held_up.set()
        assert go_on.wait(10.0), news

    with connect(odd, lost_after_s=0.4) as link:
        heard = Heard(link)
        link.add_listener(dawdle, StatusText)
        odd.beat = False
        odd.say(mavlink.MAVLink_statustext_message(6, b"hold on"))
        assert held_up.wait(10.0)
        time.sleep(0.8)
        odd.heartbeat(mode=6)
        link.wait_for(lambda t: t.mode == "RTL", "its heartbeat", 10.0)
        go_on.set()
        heard.wait(LinkRegained)
        kinds = [type(news) for news in heard.news]
        assert kinds[-3:] == [LinkLost, ModeChanged, LinkRegained]
        assert heard.of(LinkLost)[0].age_s > 0.7


def test_telemetry_comes_again_after_the_line_was_cut() -> None:
    with (
        CopterServer(SimulatedCopter(HOME), port=0, speedup=SPEEDUP) as own,
        VehicleLink.connect(url(own), lost_after_s=0.5) as link,
    ):
        heard = Heard(link)
        own.inject(LinkDrop(duration_s=1.0 * SPEEDUP, close=True))
        heard.wait(LinkLost)
        heard.wait(LinkRegained)
        link.wait_for(
            lambda t: t.position_age_s < 0.2 and t.attitude_age_s < 0.2, "positions again", 10.0
        )


def test_a_command_to_a_lost_vehicle_says_that_the_link_is_lost(odd: OddVehicle) -> None:
    with connect(odd, lost_after_s=0.2) as link:
        odd.beat = False
        odd._answers.clear()
        with pytest.raises(LinkError, match=r"no answer to DO_CHANGE_SPEED.*; the link is lost"):
            link.command_long(178, 1.0, timeout_s=0.3, retries=1)


def test_a_reboot_is_noticed_and_the_state_from_before_forgotten(odd: OddVehicle) -> None:
    with connect(odd) as link:
        heard = Heard(link)
        odd.say(mavlink.MAVLink_mission_current_message(5))
        odd.say(position(90_000))
        link.wait_for(lambda t: t.time_boot_s == 90.0, "the first", 5.0)
        odd.say(mavlink.MAVLink_attitude_message(2_000, 0, 0, 0, 0, 0, 0))
        event = heard.wait(VehicleRebooted)
        assert (event.before_s, event.after_s) == (90.0, 2.0)
        assert link.telemetry.lat_deg is None
        assert link.telemetry.mission_seq is None


def test_messages_out_of_order_are_no_reboot(odd: OddVehicle) -> None:
    with connect(odd) as link:
        heard = Heard(link)
        odd.say(position(90_000))
        odd.say(position(89_900, relative_alt=7_000))
        link.wait_for(lambda t: t.alt_home_m == 7.0, "the second", 5.0)
        assert link.telemetry.time_boot_s == 90.0
        assert heard.of(VehicleRebooted) == []


def test_the_clock_of_a_gimbal_that_was_switched_on_later_is_no_reboot(odd: OddVehicle) -> None:
    attitude = mavlink.MAVLink_gimbal_device_attitude_status_message(
        0, 0, 5_000, 32, [1.0, 0.0, 0.0, 0.0], 0.0, 0.0, 0.0, 0
    )
    with connect(odd) as link:
        heard = Heard(link)
        odd.say(position(90_000))
        link.wait_for(lambda t: t.time_boot_s == 90.0, "the vehicle's clock", 5.0)
        odd.say(attitude)
        link.wait_for(lambda t: t.gimbal_pitch_deg is not None, "the gimbal", 5.0)
        assert heard.of(VehicleRebooted) == []
        assert link.telemetry.lat_deg is not None


def test_after_a_reboot_the_vehicle_is_asked_for_messages_again() -> None:
    with (
        CopterServer(SimulatedCopter(HOME), port=0, speedup=SPEEDUP) as own,
        VehicleLink.connect(url(own)) as link,
    ):
        heard = Heard(link)
        link.wait_for(lambda t: (t.time_boot_s or 0.0) > 40.0, "40 s", 10.0)
        own.inject(Reboot())
        heard.wait(VehicleRebooted)
        link.wait_for(lambda t: t.attitude_age_s < 0.5, "telemetry again", 10.0)
        link.wait_for(lambda t: t.ekf_ok is True, "the vehicle to be ready again", 20.0)
