"""When a rule applies: windows of the week in a site's own time.

Written as people write them: ``"08:00-20:00"``, ``"mon-fri 07:30-18:00"``,
``"sat,sun 22:00-06:00"``. A window that ends at or before its start runs past midnight and
belongs to the day on which it starts. Several windows are a list, or one text with ``;``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from park.errors import SiteError

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Days as written in a site file, in the order of `datetime.weekday`."""

_EVERY_DAY = tuple(range(7))
_MINUTES_A_DAY = 24 * 60
_WINDOW = re.compile(
    r"(?:(?P<days>[a-z][a-z,\- ]*?)\s+)?(?P<start>\d{1,2}:\d{2})\s*-\s*(?P<end>\d{1,2}:\d{2})"
)
_EXAMPLE = 'write "08:00-20:00", "mon-fri 22:00-06:00" or "always"'


@dataclass(frozen=True, slots=True)
class ActiveWindow:
    """One window that comes back on some days of the week.

    Attributes:
        days: days on which it starts, 0 Monday to 6 Sunday, in order.
        start_minute: minutes after midnight, 0 to 1439.
        end_minute: minutes after midnight, 1 to 1440; at or before `start_minute` means on
            the next day.
    """

    days: tuple[int, ...]
    start_minute: int
    end_minute: int

    def on(self, day: date, zone: tzinfo) -> tuple[datetime, datetime]:
        """Return start and end, in UTC, of the window that starts on `day`."""
        end_day = day + timedelta(days=1) if self.end_minute <= self.start_minute else day
        return _instant(day, self.start_minute, zone), _instant(end_day, self.end_minute, zone)

    def __str__(self) -> str:
        hours = "-".join(
            f"{minute // 60:02d}:{minute % 60:02d}"
            for minute in (self.start_minute, self.end_minute)
        )
        if self.days == _EVERY_DAY:
            return hours
        return f"{','.join(DAY_NAMES[day] for day in self.days)} {hours}"


@dataclass(frozen=True, slots=True)
class ActiveHours:
    """The windows in which a rule applies; none means always."""

    windows: tuple[ActiveWindow, ...] = ()

    @classmethod
    def parse(cls, text: str | Sequence[str]) -> ActiveHours:
        """Return the hours that a text, or a list of texts, describes.

        Raises:
            SiteError: a window is not written as the module says.
        """
        parts = text.split(";") if isinstance(text, str) else list(text)
        if [part.strip().lower() for part in parts] == ["always"]:
            return cls()
        if not parts:
            raise SiteError(f"no hours are given; {_EXAMPLE}")
        return cls(tuple(_parse_window(part) for part in parts))

    def is_active(self, moment: datetime, zone: tzinfo) -> bool:
        """Return whether the rule applies at a moment (starts count, ends do not)."""
        return not self.windows or any(
            start <= moment < end for start, end in self._around(moment, zone)
        )

    def covers(self, start: datetime, end: datetime, zone: tzinfo) -> bool:
        """Return whether the rule applies at every moment from `start` to `end`.

        Windows that touch or overlap count as one.
        """
        if not self.windows:
            return True
        reached = start
        while True:
            ends = [e for s, e in self._around(reached, zone) if s <= reached < e]
            if not ends:
                return False
            reached = max(ends)
            if end < reached:
                return True

    def to_texts(self) -> list[str]:
        """Return the windows as they are written in a site file."""
        return [str(window) for window in self.windows] or ["always"]

    def _around(self, moment: datetime, zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
        today = moment.astimezone(zone).date()
        for day in (today - timedelta(days=1), today):
            for window in self.windows:
                if day.weekday() in window.days:
                    yield window.on(day, zone)


def _instant(day: date, minute: int, zone: tzinfo) -> datetime:
    if minute == _MINUTES_A_DAY:
        day, minute = day + timedelta(days=1), 0
    return datetime.combine(day, time(minute // 60, minute % 60), zone).astimezone(UTC)


def _parse_window(text: str) -> ActiveWindow:
    match = _WINDOW.fullmatch(text.strip().lower())
    if match is None:
        raise SiteError(f"{text!r} are not hours; {_EXAMPLE}")
    start, end = _minute(match["start"], text), _minute(match["end"], text)
    if start in (end, _MINUTES_A_DAY) or end == 0:
        raise SiteError(
            f"{text!r} starts or ends where no window can; for a whole day write 00:00-24:00"
        )
    return ActiveWindow(_parse_days(match["days"], text), start, end)


def _minute(clock: str, text: str) -> int:
    hour, minute = (int(part) for part in clock.split(":"))
    if minute > 59 or hour * 60 + minute > _MINUTES_A_DAY:
        raise SiteError(f"{clock} in {text!r} is not a time of day (00:00 to 24:00)")
    return hour * 60 + minute


def _parse_days(days: str | None, text: str) -> tuple[int, ...]:
    if days is None:
        return _EVERY_DAY
    found: set[int] = set()
    for part in days.replace(" ", ",").split(","):
        if not part:
            continue
        first, _, last = part.partition("-")
        for name in (first, last or first):
            if name not in DAY_NAMES:
                raise SiteError(f"{name!r} in {text!r} is not a day; use {', '.join(DAY_NAMES)}")
        begin, stop = DAY_NAMES.index(first), DAY_NAMES.index(last or first)
        found.update((begin + step) % 7 for step in range((stop - begin) % 7 + 1))
    return tuple(sorted(found))
