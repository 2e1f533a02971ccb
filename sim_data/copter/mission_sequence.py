"""Which item of a mission comes next: ArduPilot's rules for navigation, do and jump commands.

One navigation item is flown at a time. The do and condition items that follow a navigation item
are run one after another while the next navigation item is being flown; a condition holds back
those behind it. Do items behind the last navigation item are not waited for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from park.mission_item import MissionItem

DO_JUMP = 177
_MAX_LOOPS = 64
_LAST_NAV = 95
"""Commands up to this number, and 213 and 4000 and above, are flown; the rest are done."""


class MissionHost(Protocol):
    """Who carries a mission out."""

    def start_item(self, item: MissionItem) -> bool:
        """Begin an item; False when it cannot be flown and is to be passed over."""

    def item_done(self, item: MissionItem) -> bool:
        """Return whether an item that was begun is done."""

    def mission_complete(self) -> None:
        """Note that there is nothing left to fly."""

    def jumped(self, item: MissionItem, times: int) -> None:
        """Note that a jump is taken for the `times`-th time."""


def is_nav(command: int) -> bool:
    """Return whether a command is flown, not done on the way."""
    return command <= _LAST_NAV or command == 213


class MissionSequence:
    """Where in its mission a vehicle is.

    Args:
        host: that flies it.
    """

    def __init__(self, host: MissionHost) -> None:
        self._host = host
        self.items: Sequence[MissionItem] = ()
        self.running = False
        self.complete = False
        self.nav: MissionItem | None = None
        self.nav_loaded = False
        self._do: MissionItem | None = None
        self._do_loaded = False
        self._do_all_done = False
        self._jumps: dict[int, int] = {}
        self._start_at = 0

    @property
    def current_seq(self) -> int:
        """The navigation item being flown, or to be flown next; 0 before a start."""
        if self.nav is not None:
            return self.nav.seq
        return self._start_at

    def reset(self) -> None:
        """Forget the progress: the next start begins at the first item."""
        self.nav = self._do = None
        self.nav_loaded = self._do_loaded = self._do_all_done = False
        self._jumps.clear()
        self._start_at = 0
        self.running = self.complete = False

    def start(self) -> None:
        """Begin at the first item."""
        self.reset()
        self.running = True
        if not self._advance():
            self._finish()

    def resume(self) -> None:
        """Go on with the item that was being flown, from the beginning of that item."""
        if self.complete or self.nav is None:
            start_at = 0 if self.complete else self._start_at
            self.reset()
            self.running, self._start_at = True, start_at
            if not self._advance():
                self._finish()
            return
        self.running = True
        if self.nav_loaded and not self._host.start_item(self.nav):
            self.nav_loaded = False
        if self._do_loaded and self._do is not None:
            self._host.start_item(self._do)

    def stop(self) -> None:
        """Hold the progress, to be taken up again."""
        self.running = False

    def set_current(self, seq: int) -> bool:
        """Go on with item `seq`, and return whether there is one that can be flown."""
        if not 0 <= seq < len(self.items):
            return False
        seq = max(seq, 1)
        was_running = self.running
        jumps = dict(self._jumps)
        self.reset()
        self._jumps = jumps
        self._start_at = seq
        self.running = was_running
        if was_running:
            if not self._advance():
                self._finish()
            return True
        found = self._next(seq, count=False)
        if found is None:
            return False
        self._start_at = found.seq
        return True

    def update(self) -> None:
        """Let the item being flown, and the one being done, go on."""
        if not self.running:
            return
        if not self.nav_loaded or self.nav is None:
            if not self._advance():
                self._finish()
                return
        elif self._host.item_done(self.nav):
            self.nav_loaded = False
            if self.running and not self._advance():
                self._finish()
                return
        if not self.running:
            return
        if not self._do_loaded or self._do is None:
            self._advance_do()
        elif self._host.item_done(self._do):
            self._do_loaded = False

    def _finish(self) -> None:
        self.running = False
        self.complete = True
        self._host.mission_complete()

    def _advance(self) -> bool:
        """Begin the next navigation item, and the first do item before it."""
        self._do, self._do_loaded, self._do_all_done = None, False, False
        place = self._start_at or (self.nav.seq + 1 if self.nav is not None else 1)
        self._start_at = 0
        for _ in range(255):
            item = self._next(place, count=True)
            if item is None:
                return False
            if is_nav(item.command):
                self.nav = item
                self.nav_loaded = self._host.start_item(item)
                if self.nav_loaded:
                    break
            elif not self._do_loaded:
                self._do, self._do_loaded = item, True
                self._host.start_item(item)
            place = item.seq + 1
        else:
            return False
        if not self._do_loaded:
            self._do_all_done = True
        return True

    def _advance_do(self) -> None:
        if self._do_all_done or self._do is None:
            return
        item = self._next(self._do.seq + 1, count=False)
        if item is None or is_nav(item.command):
            self._do_all_done = True
            return
        self._do, self._do_loaded = item, True
        self._host.start_item(item)

    def _next(self, place: int, *, count: bool) -> MissionItem | None:
        """Return the item at or behind `place` that is no jump, following jumps."""
        loops = 0
        first_jump: int | None = None
        while 0 < place < len(self.items):
            item = self.items[place]
            if item.command != DO_JUMP:
                return item
            loops += 1
            target, times = int(item.params[0]), int(item.params[1])
            if loops > _MAX_LOOPS or not 0 < target < len(self.items):
                return None
            if not count and first_jump == place:
                return None
            if first_jump is None:
                first_jump = place
            run = self._jumps.get(place, 0)
            if times == -1:
                place = target
            elif run < times:
                if count:
                    self._jumps[place] = run + 1
                    self._host.jumped(item, run + 1)
                place = target
            else:
                place += 1
        return None

    def peek_nav(self) -> MissionItem | None:
        """Return the navigation item that follows the one being flown; None at the end."""
        if self.nav is None:
            return None
        place = self.nav.seq + 1
        for _ in range(_MAX_LOOPS):
            item = self._next(place, count=False)
            if item is None or is_nav(item.command):
                return item
            place = item.seq + 1
        return None
