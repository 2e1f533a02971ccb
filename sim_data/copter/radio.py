"""The simulated remote control: its sticks, and what a ground station puts over them."""

from __future__ import annotations

from collections.abc import Sequence

RESTING = (1500, 1500, 1000, 1500, 1800, 1000, 1000, 1800)
"""Sticks in the middle, throttle at its lowest: how ArduPilot's simulator leaves them."""

_MIDDLE_US = 1500
_TRAVEL_US = 400.0
_DEAD_US = 30.0
_THROTTLE_DEAD_US = 50.0
_OVERRIDE_CHANNELS = 8


class Radio:
    """Eight channels, each from the sticks or from an override that has not run out."""

    def __init__(self) -> None:
        self.channels: tuple[int, ...] = RESTING
        self._overrides: dict[int, tuple[int, float]] = {}

    def override(self, channels: Sequence[int], now_s: float) -> None:
        """Take overrides: 0 gives a channel back, 65535 leaves it as it is."""
        for place, pulse_us in enumerate(channels[:_OVERRIDE_CHANNELS]):
            if pulse_us == 65_535:
                continue
            if pulse_us == 0:
                self._overrides.pop(place, None)
            else:
                self._overrides[place] = (int(pulse_us), now_s)
        self._merge()

    def update(self, now_s: float, keep_s: float) -> None:
        """Forget overrides that are older than `keep_s`; a negative one keeps them for ever."""
        if not self._overrides or keep_s < 0.0:
            return
        old = [place for place, (_, since_s) in self._overrides.items() if now_s - since_s > keep_s]
        for place in old:
            del self._overrides[place]
        if old:
            self._merge()

    def clear(self) -> None:
        """Forget every override."""
        self._overrides.clear()
        self._merge()

    @property
    def overridden(self) -> bool:
        """Whether a ground station holds any channel."""
        return bool(self._overrides)

    def stick(self, channel: int) -> float:
        """Return where a stick is, -1 to 1, 0 around its middle; channels count from 1."""
        off = self.channels[channel - 1] - _MIDDLE_US
        return _beyond(off, _DEAD_US)

    def climb(self) -> float:
        """Return what the throttle stick asks in modes that hold height, -1 to 1."""
        return _beyond(self.channels[2] - _MIDDLE_US, _THROTTLE_DEAD_US)

    def throttle(self) -> float:
        """Return the throttle stick, 0 to 1."""
        return min(max((self.channels[2] - 1000) / 1000.0, 0.0), 1.0)

    def _merge(self) -> None:
        merged = list(RESTING)
        for place, (pulse_us, _) in self._overrides.items():
            merged[place] = pulse_us
        self.channels = tuple(merged)


def _beyond(off_us: float, dead_us: float) -> float:
    if abs(off_us) <= dead_us:
        return 0.0
    sign = 1.0 if off_us > 0.0 else -1.0
    return sign * min((abs(off_us) - dead_us) / (_TRAVEL_US - dead_us), 1.0)
