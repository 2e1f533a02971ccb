from __future__ import annotations

import pytest

from park.errors import SimulationError
from sim_data.copter.faults import (
    FAULTS,
    FenceBreach,
    GpsGlitch,
    GpsLoss,
    LinkDrop,
    MotorWeakness,
    WindGust,
    parse_fault,
)
from sim_data.copter.state import LinkFault
from tests.sim_data.copter.pilot import Pilot


@pytest.mark.parametrize("word", FAULTS)
def test_every_fault_can_be_named_alone(word: str) -> None:
    assert type(parse_fault(word)) is FAULTS[word]


def test_settings_are_read_with_hyphens_or_underscores_commas_or_spaces() -> None:
    assert parse_fault("gps-glitch north-m=80,duration_s=5") == GpsGlitch(80.0, 0.0, 5.0)
    assert parse_fault("link-drop close=1 duration-s=3") == LinkDrop(3.0, close=True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("meteor", "there is no fault 'meteor'; known are gps-loss"),
        ("", "there is no fault ''"),
        ("gps-loss sats=3", "has no setting 'sats=3'; it has duration_s"),
        ("reboot now", "has no setting 'now'; it has none"),
        ("wind-gust speed-mps=fast", "'speed-mps=fast' of fault wind-gust is not a number"),
        ("motor-weakness share-left=2", "share_left 2.0 is not between 0 and 1"),
        ("gps-loss duration-s=-1", "duration_s -1.0 of a fault is negative"),
        ("wind-gust speed-mps=nan", "speed_mps nan of a fault is not a number"),
    ],
)
def test_mistakes_are_named(words: str, message: str) -> None:
    with pytest.raises(SimulationError, match=message.replace("(", r"\(")):
        parse_fault(words)


def test_faults_of_the_link_are_handed_to_whoever_has_the_link() -> None:
    pilot = Pilot()
    pilot.copter.inject(LinkDrop(3.0))
    assert LinkFault(LinkDrop(3.0)) in pilot.copter.take_events()


def test_a_duration_of_zero_ends_a_fault() -> None:
    pilot = Pilot()
    pilot.copter.inject(GpsLoss())
    pilot.wait(5.0)
    assert pilot.state.gps_fix < 2
    pilot.copter.inject(GpsLoss(duration_s=0.0))
    pilot.wait(1.0)
    assert pilot.state.gps_fix >= 3


def test_a_gust_is_seen_in_the_wind_and_goes_again() -> None:
    pilot = Pilot()
    pilot.copter.inject(WindGust(12.0, 90.0, 4.0))
    pilot.wait(3.5)
    assert pilot.state.wind_speed_mps == pytest.approx(12.0, abs=0.5)
    assert pilot.state.wind_from_deg == pytest.approx(90.0, abs=1.0)
    pilot.wait(5.0)
    assert pilot.state.wind_speed_mps < 0.1


def test_a_fence_that_is_not_watched_cannot_be_broken() -> None:
    with pytest.raises(SimulationError, match="no fence to carry the copter over"):
        Pilot().copter.inject(FenceBreach())


def test_a_weak_motor_shakes() -> None:
    pilot = Pilot()
    pilot.take_off()
    calm = pilot.state.vibration_mps2[0]
    pilot.copter.inject(MotorWeakness(0.6))
    pilot.wait(1.0)
    assert pilot.state.vibration_mps2[0] > calm + 10.0
