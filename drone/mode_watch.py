"""Tells who changed the flight mode: this program, the vehicle's own failsafe, or a person.

ArduPilot says a line of text when one of its failsafes acts. A change that we did not ask for and
that no such line explains was made by somebody: with the remote, or from another ground station.
The human always wins, so what cannot be explained is taken for one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from drone.telemetry import LinkLost, LinkRegained, ModeChanged, StatusText

OWN_RETREATS = frozenset({"RTL", "SMART_RTL", "AUTO_RTL", "LAND", "BRAKE"})
"""Modes that ArduCopter's failsafes change into by themselves."""


class Failsafe(StrEnum):
    """What can go wrong in the air."""

    LINK_LOSS = "link loss"
    LOW_BATTERY = "low battery"
    GPS_LOSS = "GPS loss"
    FENCE_BREACH = "fence breach"
    WIND = "wind over limit"
    STALLED = "mission stalled"
    BLIND = "no telemetry"
    PILOT = "taken over by a pilot"
    REBOOT = "vehicle rebooted"
    VEHICLE = "the vehicle's own failsafe"


_ANNOUNCEMENTS: tuple[tuple[str, Failsafe], ...] = (
    (r"gcs failsafe", Failsafe.LINK_LOSS),
    (r"battery.*failsafe|battery \d+ is (low|critical)", Failsafe.LOW_BATTERY),
    (r"ekf.*failsafe|ekf variance|dead ?reckon", Failsafe.GPS_LOSS),
    (r"fence.*breach", Failsafe.FENCE_BREACH),
    (r"failsafe|^crash|^avoid|thrust loss|parachute", Failsafe.VEHICLE),
)
_TAKEN_BACK = re.compile(r"clear|recovered|\boff\b|\bended\b|stopped$", re.IGNORECASE)
_NAMED_MODE = re.compile(r"changed to (\w+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Announcement:
    """A line by which the vehicle says that one of its failsafes acts.

    Attributes:
        failsafe: which.
        text: as it was said.
        time: when it was heard.
        mode: that the text names; None where it names none.
    """

    failsafe: Failsafe
    text: str
    time: datetime
    mode: str | None = None

    def explains(self, mode: str) -> bool:
        """Return whether a change into a mode can be this failsafe's doing."""
        return mode == self.mode if self.mode else mode in OWN_RETREATS


def announcement_of(said: StatusText) -> Announcement | None:
    """Return which failsafe a line of the vehicle announces, or None.

    The texts are ArduCopter's, 4.1 and newer; case and what follows do not matter. A line that
    says that a failsafe is over announces nothing.
    """
    if _TAKEN_BACK.search(said.text):
        return None
    for pattern, failsafe in _ANNOUNCEMENTS:
        if re.search(pattern, said.text, re.IGNORECASE):
            named = _NAMED_MODE.search(said.text)
            return Announcement(
                failsafe, said.text, said.time, named.group(1).upper() if named else None
            )
    return None


@dataclass(frozen=True, slots=True)
class ModeVerdict:
    """Who changed the mode.

    Attributes:
        mode: the new one.
        failsafe: `Failsafe.PILOT` for a person, else which failsafe of the vehicle.
        reason: in words.
    """

    mode: str
    failsafe: Failsafe
    reason: str


class ModeWatch:
    """Judges each change of mode that this program did not ask for.

    The text that explains a change may be heard after the change itself, so a verdict is given
    at the latest `grace_s` later. While one is open (`unsure`), nothing may be sent.

    Args:
        grace_s: how long after a change its explanation may still come.
        explains_for_s: how long an announcement explains changes; each explains one.
    """

    def __init__(self, *, grace_s: float = 2.0, explains_for_s: float = 10.0) -> None:
        self._grace = timedelta(seconds=grace_s)
        self._explains_for = timedelta(seconds=explains_for_s)
        self._announced: list[Announcement] = []
        self._open: ModeChanged | None = None

    @property
    def unsure(self) -> bool:
        """Whether a change has been seen of which it is not known yet who made it."""
        return self._open is not None

    def hear_text(self, said: StatusText) -> Announcement | None:
        """Take note of what the vehicle says; return what it announces, if anything."""
        announced = announcement_of(said)
        if announced is not None:
            self._announced.append(announced)
        return announced

    def hear_link(self, event: LinkLost | LinkRegained) -> None:
        """Take note of silence: what was said during it could not be heard.

        The vehicle's ground station failsafe may have acted meanwhile; a change into one of its
        retreats that is seen when it is heard again is taken for that.
        """
        self._announced.append(Announcement(Failsafe.LINK_LOSS, "the link was lost", event.time))

    def hear_mode(self, changed: ModeChanged) -> None:
        """Take note of a change of mode."""
        if changed.by_us or changed.before is None:
            return
        if self._open is None:
            self._open = changed
        elif changed.mode not in OWN_RETREATS:
            # Two in a row, the second of which no failsafe makes: judge that one.
            self._open = changed

    def verdict(self, now: datetime) -> ModeVerdict | None:
        """Return who made the open change, once that can be said; each change once."""
        changed = self._open
        if changed is None:
            return None
        oldest = changed.time - self._explains_for
        self._announced = [a for a in self._announced if a.time >= oldest]
        # The newest first, and a text of the vehicle before the mere fact of a silent link.
        for announced in sorted(
            self._announced, key=lambda a: (a.text != "the link was lost", a.time), reverse=True
        ):
            if announced.explains(changed.mode):
                self._announced.remove(announced)
                self._open = None
                return ModeVerdict(
                    changed.mode,
                    announced.failsafe,
                    f"the vehicle changed from {changed.before} to {changed.mode} by itself: "
                    f"{announced.text}",
                )
        if now - changed.time < self._grace:
            return None
        self._open = None
        return ModeVerdict(
            changed.mode,
            Failsafe.PILOT,
            f"the mode changed from {changed.before} to {changed.mode}, which this program did not "
            "ask for and no failsafe of the vehicle announced",
        )
