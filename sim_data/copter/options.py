"""What the command line of the simulated copter says, read and checked."""

from __future__ import annotations

import os
from collections.abc import Sequence

from park.errors import SimulationError
from sim_data.copter.faults import FAULTS, Fault, parse_fault
from sim_data.copter.signing import read_key
from sim_data.copter.state import HomePoint, SimulatedWind


def read_home(text: str) -> HomePoint:
    """Return the place that ``LAT,LON,ALT[,HEADING]`` names.

    Args:
        text: degrees, degrees, metres above mean sea level, and degrees clockwise from north.

    Raises:
        SimulationError: it is not three or four numbers, or no place on Earth.
    """
    values = _numbers(text, "home", "LAT,LON,ALT[,HEADING]", (3, 4))
    return HomePoint(*values)


def read_wind(text: str) -> SimulatedWind:
    """Return the wind that ``SPEED,FROM[,GUSTS]`` names.

    Args:
        text: metres a second, degrees where it comes from, and a standard deviation of gusts in
            metres a second.

    Raises:
        SimulationError: it is not two or three numbers, or no wind.
    """
    values = _numbers(text, "wind", "SPEED,FROM[,GUSTS]", (2, 3))
    return SimulatedWind(*values)


def read_params(texts: Sequence[str]) -> dict[str, float]:
    """Return parameters by name from texts ``NAME=VALUE``.

    Raises:
        SimulationError: one is not a name and a number.
    """
    params: dict[str, float] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            if not equals:
                raise ValueError
            params[name.strip().upper()] = float(value)
        except ValueError:
            raise SimulationError(
                f"parameter '{text}' is not NAME=NUMBER, as RTL_ALT=3000"
            ) from None
    return params


def read_fault(text: str) -> tuple[Fault, float]:
    """Return a fault and when it happens from ``NAME@SECONDS[:SETTING=NUMBER,...]``.

    Args:
        text: for example ``gps-loss@60`` or ``wind-gust@90:speed-mps=15,duration-s=8``; seconds
            are of vehicle time since the simulation began.

    Raises:
        SimulationError: there is no such fault or setting, or no time.
    """
    name_and_time, _, settings = text.partition(":")
    name, at, seconds = name_and_time.partition("@")
    try:
        at_s = float(seconds)
        if not at or not 0.0 <= at_s < float("inf"):
            raise ValueError
    except ValueError:
        raise SimulationError(
            f"fault '{text}' does not say when: NAME@SECONDS, as gps-loss@60; "
            f"names are {', '.join(FAULTS)}"
        ) from None
    return parse_fault(f"{name} {settings}"), at_s


def read_key_of(variable: str) -> bytes:
    """Return the signing key that an environment variable holds.

    Raises:
        SimulationError: it is not set, or empty.
    """
    text = os.environ.get(variable)
    if text is None:
        raise SimulationError(f"the environment variable {variable} is not set")
    return read_key(text)


def _numbers(text: str, what: str, form: str, counts: tuple[int, ...]) -> list[float]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) not in counts:
        raise SimulationError(f"{what} '{text}' is not {form}, in numbers")
    return values
