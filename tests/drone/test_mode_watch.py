"""Who changed the mode: the program, the vehicle by itself, or a person, who always wins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from drone.mode_watch import OWN_RETREATS, Failsafe, ModeWatch, announcement_of
from drone.telemetry import LinkLost, LinkRegained, ModeChanged, StatusText

START = datetime(2026, 5, 4, 5, 30, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def said(text: str, seconds: float = 0.0) -> StatusText:
    return StatusText(at(seconds), 4, text)


def changed(mode: str, seconds: float = 0.0, *, by_us: bool = False) -> ModeChanged:
    return ModeChanged(at(seconds), "AUTO", mode, by_us)


@pytest.mark.parametrize(
    ("text", "failsafe"),
    [
        ("GCS Failsafe", Failsafe.LINK_LOSS),
        ("GCS Failsafe - Continuing Auto Mode", Failsafe.LINK_LOSS),
        ("Battery Failsafe", Failsafe.LOW_BATTERY),
        ("Battery 1 is low 11.01V used 321 mAh", Failsafe.LOW_BATTERY),
        ("Battery 1 is critical 10.02V used 400 mAh", Failsafe.LOW_BATTERY),
        ("EKF Failsafe: changed to LAND Mode", Failsafe.GPS_LOSS),
        ("EKF variance", Failsafe.GPS_LOSS),
        ("Fence Breached", Failsafe.FENCE_BREACH),
        ("Polygon fence breached", Failsafe.FENCE_BREACH),
        ("Radio Failsafe", Failsafe.VEHICLE),
        ("Crash: Disarming: AngErr=62>30, Accel=0.9<3.0", Failsafe.VEHICLE),
    ],
)
def test_texts_of_failsafes_are_known_whatever_their_case(text: str, failsafe: Failsafe) -> None:
    for spelt in (text, text.upper(), text.lower()):
        announced = announcement_of(said(spelt))
        assert announced is not None
        assert announced.failsafe is failsafe


@pytest.mark.parametrize(
    "text",
    [
        "GCS Failsafe Cleared",
        "EKF Failsafe Cleared",
        "Fence Breach Cleared",
        "Mission: 2 WP",
        "Reached command #2",
        "Fence Indexed OK",
        "PreArm: Mode not armable",
    ],
)
def test_other_texts_announce_nothing(text: str) -> None:
    assert announcement_of(said(text)) is None


@pytest.mark.parametrize("order", ["text first", "text after"])
def test_a_change_that_a_text_explains_is_the_vehicles(order: str) -> None:
    watch = ModeWatch(grace_s=2.0)
    if order == "text first":
        watch.hear_text(said("Fence Breached", 0.0))
        watch.hear_mode(changed("RTL", 0.5))
    else:
        watch.hear_mode(changed("RTL", 0.0))
        assert watch.verdict(at(0.5)) is None
        watch.hear_text(said("Fence Breached", 0.6))
    verdict = watch.verdict(at(0.7))
    assert verdict is not None
    assert verdict.failsafe is Failsafe.FENCE_BREACH
    assert "from AUTO to RTL by itself: Fence Breached" in verdict.reason
    assert not watch.unsure


def test_a_change_that_nothing_explains_is_a_persons_but_not_before_the_grace_is_over() -> None:
    watch = ModeWatch(grace_s=2.0)
    watch.hear_mode(changed("LOITER", 0.0))
    assert watch.unsure
    assert watch.verdict(at(1.9)) is None
    verdict = watch.verdict(at(2.0))
    assert verdict is not None
    assert verdict.failsafe is Failsafe.PILOT
    assert not watch.unsure
    assert watch.verdict(at(3.0)) is None, "each change is judged once"


@pytest.mark.parametrize("mode", ["STABILIZE", "LOITER", "ALT_HOLD", "POSHOLD", "GUIDED", "AUTO"])
def test_no_failsafe_text_excuses_a_mode_that_only_people_choose(mode: str) -> None:
    watch = ModeWatch(grace_s=2.0)
    watch.hear_text(said("Battery Failsafe", 0.0))
    watch.hear_mode(changed(mode, 0.5))
    verdict = watch.verdict(at(2.5))
    assert verdict is not None
    assert verdict.failsafe is Failsafe.PILOT


def test_a_text_that_names_its_mode_explains_that_one_only() -> None:
    for mode, failsafe in (("LAND", Failsafe.GPS_LOSS), ("RTL", Failsafe.PILOT)):
        watch = ModeWatch(grace_s=2.0)
        watch.hear_text(said("EKF Failsafe: changed to LAND Mode", 0.0))
        watch.hear_mode(changed(mode, 0.5))
        verdict = watch.verdict(at(2.5))
        assert verdict is not None
        assert verdict.failsafe is failsafe


def test_one_text_explains_one_change() -> None:
    watch = ModeWatch(grace_s=2.0)
    watch.hear_text(said("Battery Failsafe", 0.0))
    watch.hear_mode(changed("RTL", 0.5))
    first = watch.verdict(at(0.6))
    watch.hear_mode(changed("LAND", 1.0))
    second = watch.verdict(at(3.0))
    assert first is not None
    assert first.failsafe is Failsafe.LOW_BATTERY
    assert second is not None
    assert second.failsafe is Failsafe.PILOT


def test_an_old_text_explains_nothing() -> None:
    watch = ModeWatch(grace_s=2.0, explains_for_s=10.0)
    watch.hear_text(said("Fence Breached", 0.0))
    watch.hear_mode(changed("RTL", 11.0))
    verdict = watch.verdict(at(13.0))
    assert verdict is not None
    assert verdict.failsafe is Failsafe.PILOT


@pytest.mark.parametrize("mode", sorted(OWN_RETREATS))
def test_a_retreat_found_after_silence_is_the_vehicles_answer_to_the_silence(mode: str) -> None:
    watch = ModeWatch(grace_s=2.0)
    watch.hear_link(LinkLost(at(0.0), 5.0))
    watch.hear_link(LinkRegained(at(60.0), 60.0))
    watch.hear_mode(changed(mode, 60.1))
    verdict = watch.verdict(at(60.2))
    assert verdict is not None
    assert verdict.failsafe is Failsafe.LINK_LOSS


def test_what_this_program_asked_for_and_the_first_mode_are_nobodys_doing() -> None:
    watch = ModeWatch(grace_s=0.0)
    watch.hear_mode(changed("RTL", 0.0, by_us=True))
    watch.hear_mode(ModeChanged(at(0.0), None, "STABILIZE"))
    assert not watch.unsure
    assert watch.verdict(at(9.0)) is None


def test_of_two_changes_in_a_row_the_one_that_only_people_make_is_judged() -> None:
    watch = ModeWatch(grace_s=2.0)
    watch.hear_text(said("Fence Breached", 0.0))
    watch.hear_mode(changed("RTL", 0.1))
    watch.hear_mode(changed("STABILIZE", 0.2))
    verdict = watch.verdict(at(3.0))
    assert verdict is not None
    assert verdict.mode == "STABILIZE"
    assert verdict.failsafe is Failsafe.PILOT
