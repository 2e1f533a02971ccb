"""The time base of a recording: one clock for telemetry and video.

Telemetry arrives late by a varying time, but carries the vehicle's own clock. The difference of
the two clocks is smallest for the message that was delayed least, so the smallest difference of
the last seconds, added to the vehicle's clock, says when something was measured in this machine's
time, without the jitter of the link (the minimum filter of RFC 5905's clock filter, in short).
A simulated vehicle may run faster than real time; its times are then its own clock from the
first telemetry on, and pictures are stamped with the same.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import threading
from datetime import datetime, timedelta

from park.clock import Clock
from park.patrol_format import TimeBase

WINDOW_S = 10.0
"""Clocks are compared over this long; quartz drifts by less than 1 ms meanwhile."""

_STEP_BACK_S = 1.0
_TIME_ERROR = 5
_TIMEX_BYTES = 512


class VehicleTime:
    """Turns the vehicle's clock into the recording's.

    Args:
        clock: of this machine.
        speedup: how much faster than real time the vehicle lives; 1 for a real one.
    """

    def __init__(self, clock: Clock, *, speedup: float = 1.0) -> None:
        if not 0.01 <= speedup <= 1000.0:
            raise ValueError(f"speedup {speedup} is not between 0.01 and 1000")
        self._clock = clock
        self._speedup = speedup
        self._lock = threading.Lock()
        self._buckets: list[tuple[float, timedelta]] = []
        self._last: tuple[datetime, float, float | None] | None = None
        self._begin: tuple[datetime, float] | None = None

    def go_on_from(self, time: datetime) -> None:
        """Take up the time of a simulated vehicle that was recorded before; it is `time` now."""
        if self._speedup != 1.0:
            self._begin = (time, self._clock.monotonic_s())

    @property
    def speedup(self) -> float:
        """See `FrameTime`."""
        return self._speedup

    @property
    def heard(self) -> bool:
        """Whether the vehicle was heard at all."""
        return self._last is not None

    def now(self) -> datetime:
        """Return the present time of the recording, UTC."""
        if self._speedup == 1.0:
            return self._clock.now()
        with self._lock:
            return self._simulated_now()

    def of(self, arrived: datetime, time_boot_s: float | None) -> datetime:
        """Return when something was measured.

        Args:
            arrived: when its message was received, by this machine's clock.
            time_boot_s: the vehicle's clock in it; None where it has none.
        """
        with self._lock:
            before = self._last
            if time_boot_s is None:
                time = arrived if self._speedup == 1.0 else self._simulated_now()
            elif self._speedup == 1.0:
                time = self._filtered(arrived, time_boot_s)
            elif before is None or before[2] is None or time_boot_s < before[2] - _STEP_BACK_S:
                # The first telemetry, or a vehicle that was switched on anew.
                time = self._simulated_now()
            else:
                time = before[0] + timedelta(seconds=time_boot_s - before[2])
            boot_s = time_boot_s if time_boot_s is not None or before is None else before[2]
            self._last = (time, self._clock.monotonic_s(), boot_s)
            return time

    def _simulated_now(self) -> datetime:
        if self._last is not None:
            time, heard_s = self._last[:2]
        elif self._begin is not None:
            time, heard_s = self._begin
        else:
            return self._clock.now()
        return time + timedelta(seconds=(self._clock.monotonic_s() - heard_s) * self._speedup)

    def _filtered(self, arrived: datetime, time_boot_s: float) -> datetime:
        boot_s = None if self._last is None else self._last[2]
        if boot_s is not None and time_boot_s < boot_s - _STEP_BACK_S:
            self._buckets.clear()
        now_s = self._clock.monotonic_s()
        offset = arrived - timedelta(seconds=time_boot_s) - _ZERO
        if not self._buckets or now_s - self._buckets[-1][0] >= WINDOW_S / 2:
            self._buckets = [*self._buckets[-2:], (now_s, offset)]
        begun_s, least = self._buckets[-1]
        self._buckets[-1] = (begun_s, min(least, offset))
        return _ZERO + min(bucket[1] for bucket in self._buckets) + timedelta(seconds=time_boot_s)


_ZERO = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


def host_time_base(sigma_s: float) -> TimeBase:
    """Return the time base of this machine's clock, as the kernel knows it.

    Args:
        sigma_s: one standard deviation between the times of video and telemetry.

    Returns:
        "ntp" where the kernel says that its clock is kept in step with others, else "free".
    """
    return TimeBase(clock="ntp" if _synchronised() else "free", sigma_s=sigma_s)


def _synchronised() -> bool:
    """Ask the kernel (adjtimex(2), which changes nothing with mode 0)."""
    name = ctypes.util.find_library("c")
    if name is None:
        return False
    adjtimex = getattr(ctypes.CDLL(name), "adjtimex", None)
    if adjtimex is None:
        return False
    state = adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return state not in (-1, _TIME_ERROR)
