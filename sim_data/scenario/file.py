"""What may stand in a scenario file: one pydantic model per part, and times as people write them.

docs/scenarios.md describes the file. Everything that can be said without a park is checked here;
`sim_data.scenario.staging` finds the places.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from park.errors import RecordError, SimulationError
from sim_data.scenario.records import Difficulty
from sim_data.scenario.yaml_lines import LinedYaml, read_lined
from sim_data.world.records import Weather

MAX_DAYS = 366
_MAX_FILE_BYTES = 1_000_000
_UNITS_S = {"s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_AMOUNT = re.compile(r"([-+]?\d+(?:\.\d+)?)\s*(s|sec|min|h|d)")
_CLOCK = re.compile(r"(\d{1,3}):(\d{2}):(\d{2}(?:\.\d+)?)")
_RANGE = re.compile(r"(\d+)\s*-\s*(\d+)")
_ANYWHERE = re.compile(r"anywhere in (\w+)")
_DURATION_HELP = 'write seconds as a number, "90 s", "2 min", "1.5 h", "3 d" or "0:02:00"'


def parse_duration_s(value: object) -> float:
    """Return the seconds that a duration means.

    Args:
        value: a number of seconds, `"90 s"`, `"2 min"`, `"1.5 h"`, `"3 d"` or `"0:02:00"`.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    text = str(value).strip()
    if amount := _AMOUNT.fullmatch(text):
        return float(amount[1]) * _UNITS_S[amount[2]]
    if clock := _CLOCK.fullmatch(text):
        return int(clock[1]) * 3600.0 + int(clock[2]) * 60.0 + float(clock[3])
    raise ValueError(f"{text!r} is no duration; {_DURATION_HELP}")


def _parse_moment(value: object) -> object:
    """Return a datetime for an ISO date and time, else seconds after the patrol's start."""
    if isinstance(value, str) and re.match(r"\d{4}-\d{2}-\d{2}", value.strip()):
        try:
            return datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError(
                f"{value!r} is no date and time; write it as 2026-05-04T09:00:00+08:00"
            ) from None
    return parse_duration_s(value)


def _parse_days(value: object) -> object:
    """Return the numbers of days; None for all."""
    if value in (None, "all"):
        return None
    if isinstance(value, str) and (span := _RANGE.fullmatch(value.strip())):
        return tuple(range(int(span[1]), min(int(span[2]), MAX_DAYS) + 1))
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(
        isinstance(day, int) and not isinstance(day, bool) and 1 <= day <= MAX_DAYS
        for day in listed
    ):
        raise ValueError(
            f'days are numbers from 1 to {MAX_DAYS}: 2, [1, 3], "2-5" or "all", not {value!r}'
        )
    return tuple(sorted(set(listed)))


def _parse_place(value: object) -> object:
    """Take a text for a feature's id, or for `anywhere in KIND`."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str):
        found = _ANYWHERE.fullmatch(value.strip())
        return {"anywhere_in": found[1]} if found else {"feature": value.strip()}
    return value


Duration = Annotated[
    float, BeforeValidator(parse_duration_s), Field(gt=0, le=MAX_DAYS * 86400, allow_inf_nan=False)
]
"""Seconds, above zero."""
Moment = Annotated[datetime | float, BeforeValidator(_parse_moment)]
"""A date and time, or seconds after the patrol's start."""
Days = Annotated[tuple[int, ...] | None, BeforeValidator(_parse_days)]
"""Numbers of days, from 1; None for all."""
_Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PlacePart(_Part):
    """Where a stage is: a feature, a coordinate, or anywhere in places of a kind.

    Attributes:
        feature: id of anything in the park: a zone, a road, a plot, a tank.
        anywhere_in: a kind of place (`sim_data.scenario.places.PlaceKind`).
        lat: WGS84 latitude, with `lon`.
        lon: WGS84 longitude.
        east_m: east of the middle of the park, with `north_m`.
        north_m: north of it.
    """

    feature: str | None = Field(None, min_length=1)
    anywhere_in: str | None = None
    lat: Annotated[float, Field(ge=-90, le=90)] | None = None
    lon: Annotated[float, Field(ge=-180, le=180)] | None = None
    east_m: _Finite | None = None
    north_m: _Finite | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.lat is None) != (self.lon is None):
            raise ValueError("give both lat and lon")
        if (self.east_m is None) != (self.north_m is None):
            raise ValueError("give both east_m and north_m")
        given = [self.feature, self.anywhere_in, self.lat, self.east_m]
        if sum(one is not None for one in given) != 1:
            raise ValueError(
                "a place is one of: a feature's id, anywhere in KIND, lat and lon, "
                "east_m and north_m"
            )
        return self


class StagePart(_Part):
    """One thing that is staged.

    Attributes:
        id: names it in the truth.
        type: an incident type or a look-alike.
        place: where; anywhere in the places usual for its type when absent.
        begins: when; the patrol's start when absent.
        lasts: for how many seconds; to the end of the patrol when absent.
        size: of the type's own size, metres; by the difficulty when absent.
        count: how many people, vehicles or things, where the type has many.
        difficulty: how hard it is to see.
        variant: one of the type's variants; by chance when absent.
        days: on which days of a run it is staged.
        stays: it does not end with its day, but stays to the end of the run or for `lasts`.
    """

    id: str = Field(pattern=r"^\w[\w.\-]{0,63}$")
    type: str
    place: Annotated[PlacePart, BeforeValidator(_parse_place)] | None = None
    begins: Moment = 0.0
    lasts: Duration | None = None
    size: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    count: Annotated[int, Field(ge=1, le=500)] | None = None
    difficulty: Difficulty = Difficulty.MEDIUM
    variant: str | None = None
    days: Days = None
    stays: bool = False


class PatrolPart(_Part):
    """When the patrol is.

    Attributes:
        starts: of the first day; in the site's time zone without an offset. The start of the
            park's own time when absent.
        lasts: how many seconds each patrol takes.
        days: on how many days one is flown, at the same time of day.
    """

    starts: datetime | None = None
    lasts: Duration = 900.0
    days: Annotated[int, Field(ge=1, le=MAX_DAYS)] = 1


class WeatherPart(_Part):
    """The air during the patrol; what is absent is as `sim_data.world.records.Weather` has it."""

    wind_from_deg: _Finite = Weather().wind_from_deg
    wind_mps: _Finite = Weather().wind_mps
    visibility_m: _Finite = Weather().visibility_m
    cloud_share: _Finite = Weather().cloud_share
    air_c: _Finite = Weather().air_c

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        self.weather()
        return self

    def weather(self) -> Weather:
        """Return it as the record that the world uses."""
        return Weather(**self.model_dump())


class ScenarioPart(_Part):
    """The whole file.

    Attributes:
        name: what the scenario is called.
        description: what it is for.
        seed: decides everything that is left to chance.
        patrol: when the patrol is.
        weather: the air.
        stages: what is staged.
    """

    name: str = Field(min_length=1, max_length=100)
    description: str = ""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    patrol: PatrolPart = PatrolPart()
    weather: WeatherPart = WeatherPart()
    stages: tuple[StagePart, ...] = ()


def shipped_scenarios() -> Mapping[str, Path]:
    """Return the scenarios that come with parkwatch, by name."""
    folder = Path(str(resources.files("sim_data") / "scenarios"))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find_scenario(named: str | Path) -> Path:
    """Return the file of a scenario: a path, or the name of one that is shipped.

    Raises:
        SimulationError: there is neither; the message lists those shipped.
    """
    shipped = shipped_scenarios()
    if str(named) in shipped:
        return shipped[str(named)]
    if not Path(named).is_file():
        raise SimulationError(
            f"{named}: there is no such scenario file; shipped are {', '.join(shipped)}"
        )
    return Path(named)


def read_scenario(path: str | Path) -> tuple[ScenarioPart, LinedYaml]:
    """Read a scenario file and check what needs no park.

    Args:
        path: the file, or the name of a shipped scenario.

    Returns:
        What it says, and on which lines.

    Raises:
        SimulationError: it cannot be read or is wrong; each mistake with its line.
    """
    found = find_scenario(path)
    try:
        if found.stat().st_size > _MAX_FILE_BYTES:
            raise SimulationError(f"{found}: is larger than a scenario can be (1 MB)")
        text = found.read_text("utf-8")
    except OSError as error:
        raise SimulationError(f"{found}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SimulationError(f"{found}: is not written in UTF-8: {error}") from error
    lined = read_lined(text, str(found))
    try:
        return ScenarioPart.model_validate(lined.content), lined
    except ValidationError as error:
        mistakes = [
            (lined.line(item["loc"]), _told(item["loc"], item["msg"], item["type"]))
            for item in error.errors(include_url=False, include_input=False)
        ]
    except RecordError as error:
        mistakes = [(lined.line(("weather",)), str(error))]
    raise SimulationError(told_mistakes(lined, mistakes))


def told_mistakes(lined: LinedYaml, mistakes: list[tuple[int, str]]) -> str:
    """Return mistakes as one message, a line each, in the order of the file."""
    ordered = sorted(set(mistakes))
    return "\n".join(f"{lined.source}, line {line}: {message}" for line, message in ordered)


_KEYS: dict[tuple[str, ...], type[BaseModel]] = {
    (): ScenarioPart,
    ("patrol",): PatrolPart,
    ("weather",): WeatherPart,
    ("stages",): StagePart,
    ("stages", "place"): PlacePart,
}


def _told(place: tuple[str | int, ...], message: str, kind: str) -> str:
    words = [str(part) for part in place if isinstance(part, str) and part.islower()]
    name = words[-1] if words else "scenario"
    if kind == "extra_forbidden":
        model = _KEYS.get(tuple(words[:-1]), ScenarioPart)
        return f"there is no key {name!r} here; there are {', '.join(model.model_fields)}"
    if kind == "missing":
        return f"the key {name!r} is missing"
    return f"{name}: {message.removeprefix('Value error, ')}"
