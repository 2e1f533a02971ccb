"""YAML is read as its version 1.2 says, with the line of every value."""

from __future__ import annotations

import pytest

from park.errors import SimulationError
from sim_data.scenario.yaml_lines import read_lined


def test_every_value_knows_its_line() -> None:
    read = read_lined("a: 1\nb:\n  - c\n  - {d: 2,\n     e: 3}\n", "x.yaml")
    assert read.content == {"a": 1, "b": ["c", {"d": 2, "e": 3}]}
    assert [read.line(path) for path in ((), ("a",), ("b",), ("b", 0), ("b", 1, "e"))] == [
        1, 1, 2, 3, 5,
    ]  # fmt: skip
    assert read.line(("b", 1, "e", "beyond")) == 5
    assert read.line(("nowhere",)) == 1


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("08:30", "08:30"),
        ("no", "no"),
        ("true", True),
        ("1e3", 1000.0),
        ("010", 10),
        ("2026-05-04", "2026-05-04"),
        ("~", None),
        ("'5'", "5"),
    ],
)
def test_only_what_yaml_1_2_calls_a_number_is_one(written: str, value: object) -> None:
    assert read_lined(f"a: {written}\n", "x").content == {"a": value}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x: the file is empty"),
        ("a: [1\nb: 2\n", "x, line 2: no YAML"),
        ("a: 1\nb: 2\na: 3\n", "x, line 3: the key 'a' is there twice; the first is on line 1"),
        ("a: &n 1\nb: *n\n", r"x, line 1: aliases \(\*name\) and deep nesting"),
        ("a: !!binary aGk=\n", "x, line 1: the tag tag:yaml.org,2002:binary is not known here"),
        ("? [1]\n: 2\n", "x, line 1: a key must be a plain word"),
        ("[" * 40 + "]" * 40, "deep nesting"),
    ],
)
def test_what_is_not_plain_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(SimulationError, match=message):
        read_lined(text, "x")
