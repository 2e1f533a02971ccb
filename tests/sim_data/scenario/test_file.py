"""A scenario file is read with its lines; what is wrong in it is named with the line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from park.errors import SimulationError
from sim_data.scenario.file import (
    find_scenario,
    parse_duration_s,
    read_scenario,
    shipped_scenarios,
)
from tests.sim_data.scenario.small_park import HEAD, write_scenario


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (90, 90.0),
        (1.5, 1.5),
        ("90 s", 90.0),
        ("2 min", 120.0),
        ("1.5 h", 5400.0),
        ("3 d", 259200.0),
        ("0:02:30", 150.0),
        ("26:00:00.5", 93600.5),
    ],
)
def test_durations_are_written_as_people_write_them(written: object, seconds: float) -> None:
    assert parse_duration_s(written) == seconds


@given(st.floats(0, 1e6).map(lambda v: round(v, 3)))
def test_a_number_and_a_number_with_its_unit_mean_the_same(seconds: float) -> None:
    assert parse_duration_s(f"{seconds} s") == parse_duration_s(seconds)


@pytest.mark.parametrize("wrong", ["soon", "5 minutes", "1:30", True, "", "2026-05-04"])
def test_what_is_no_duration_is_refused_with_examples(wrong: object) -> None:
    with pytest.raises(ValueError, match='no duration; write seconds as a number, "90 s"'):
        parse_duration_s(wrong)


def refused(folder: Path, stages: str, head: str = HEAD) -> str:
    with pytest.raises(SimulationError) as caught:
        read_scenario(write_scenario(folder, stages, head))
    return str(caught.value)


def test_an_unknown_key_is_refused_with_its_line_and_the_keys_there_are(tmp_path: Path) -> None:
    told = refused(tmp_path, "- id: a\n  type: smoke\n  colour: red\n")
    assert "scenario.yaml, line 9: there is no key 'colour' here; there are id, type" in told
    told = refused(tmp_path, "", HEAD + "whether: {}\n")
    assert "line 6: there is no key 'whether' here; there are name" in told


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    assert "line 7: the key 'type' is missing" in refused(tmp_path, "- id: a\n")


def test_every_mistake_is_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    told = refused(
        tmp_path,
        "- {id: a b, type: smoke}\n"
        "- {id: b, type: smoke, lasts: soon}\n"
        "- {id: c, type: smoke, difficulty: mild}\n"
        "- {id: d, type: smoke, days: 0}\n"
        "- {id: e, type: smoke, begins: 2026-13-01}\n",
    ).splitlines()
    assert [line.split("scenario.yaml, ")[1].split(":")[0] for line in told] == [
        f"line {number}" for number in (7, 8, 9, 10, 11)
    ]
    assert "no duration" in told[1]
    assert "'easy', 'medium' or 'hard'" in told[2]
    assert "days are numbers from 1 to 366" in told[3]
    assert "is no date and time" in told[4]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("{lat: 30.6}", "give both lat and lon"),
        ("{east_m: 30.6}", "give both east_m and north_m"),
        ("{lat: 1, lon: 2, feature: a}", "a place is one of"),
        ("{}", "a place is one of"),
        ("{lat: 91, lon: 2}", "less than or equal to 90"),
    ],
)
def test_a_place_is_told_in_one_way(tmp_path: Path, place: str, message: str) -> None:
    told = refused(tmp_path, f"- id: a\n  type: smoke\n  place: {place}\n")
    assert "line 9" in told
    assert message in told


def test_a_place_may_be_a_plain_text(tmp_path: Path) -> None:
    stages = (
        "- {id: a, type: smoke, place: yard}\n- {id: b, type: smoke, place: anywhere in green}\n"
    )
    scenario, _ = read_scenario(write_scenario(tmp_path, stages))
    first, second = (stage.place for stage in scenario.stages)
    assert first is not None
    assert first.feature == "yard"
    assert second is not None
    assert second.anywhere_in == "green"


def test_impossible_weather_is_refused_with_the_line(tmp_path: Path) -> None:
    told = refused(tmp_path, "", HEAD + "weather:\n  wind_mps: 90\n")
    assert "line 6: weather: wind_mps 90.0 is not between 0 and 40" in told


def test_shipped_scenarios_are_found_by_name_and_others_by_path(tmp_path: Path) -> None:
    assert set(shipped_scenarios()) == {
        "clear-day",
        "clear-fence",
        "clear-high",
        "clear-low",
        "clear-stacks",
        "dusk",
        "hazy",
        "look-alikes",
        "night-thermal",
        "people-and-rubbish",
    }
    assert find_scenario("hazy").is_file()
    mine = write_scenario(tmp_path, "")
    assert find_scenario(mine) == mine
    with pytest.raises(SimulationError, match="no such scenario file; shipped are clear-day"):
        find_scenario("sunny")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"name: caf\xe9\n")
    with pytest.raises(SimulationError, match="not written in UTF-8"):
        read_scenario(path)
    path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(SimulationError, match="larger than a scenario can be"):
        read_scenario(path)
