"""How busy a park is at an hour of the week: traffic, people on foot, people at work outside."""

from __future__ import annotations

import numpy as np

from park.geodesy import FloatArray

DAY_S = 86_400.0

_HOURS: FloatArray = np.arange(25.0)
_TRAFFIC: FloatArray = np.array(
    [.05, .03, .03, .03, .04, .10, .28, .72, 1.0, .66, .50, .52,
     .58, .54, .50, .52, .66, .92, 1.0, .60, .38, .26, .15, .09, .05]
)  # fmt: skip
_ON_FOOT: FloatArray = np.array(
    [.02, .01, .01, .01, .02, .06, .22, .62, .85, .40, .34, .55,
     1.0, .80, .36, .34, .42, .78, .80, .46, .30, .18, .08, .04, .02]
)  # fmt: skip
_AT_WORK: FloatArray = np.array(
    [0, 0, 0, 0, 0, 0, 0, .55, 1.0, 1.0, 1.0, .85,
     .25, .65, 1.0, 1.0, 1.0, .75, .15, 0, 0, 0, 0, 0, 0]
)  # fmt: skip
_WEEKEND = {"traffic": 0.45, "on_foot": 0.40, "at_work": 0.60}


def traffic(seconds: float) -> float:
    """Return how busy roads are, 0 to 1, so many seconds after midnight before a Monday."""
    return _level(_TRAFFIC, "traffic", seconds)


def on_foot(seconds: float) -> float:
    """Return how many people walk about, 0 to 1."""
    return _level(_ON_FOOT, "on_foot", seconds)


def at_work(seconds: float) -> float:
    """Return how many people work outside in hard hats, 0 to 1; nobody does at night."""
    return _level(_AT_WORK, "at_work", seconds)


def is_weekend(day: int) -> bool:
    """Return whether a day, counted from a Monday, is a Saturday or Sunday."""
    return day % 7 >= 5


def _level(hours: FloatArray, name: str, seconds: float) -> float:
    day, rest = divmod(seconds, DAY_S)
    level = float(np.interp(rest / 3600.0, _HOURS, hours))
    return level * (_WEEKEND[name] if is_weekend(int(day)) else 1.0)
