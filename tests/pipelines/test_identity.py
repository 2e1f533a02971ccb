"""Ids are the same for the same origin, on every machine, and different otherwise."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from park.errors import FootageError
from pipelines.identity import (
    content_hash,
    detection_id,
    incident_id,
    model_id,
    object_id,
    patrol_id,
    run_id,
    stable_id,
)

simple = (
    st.none()
    | st.booleans()
    | st.text(max_size=5)
    | st.binary(max_size=5)
    | st.integers()
    | st.floats(allow_nan=False)
    | st.dates()
    | st.datetimes(timezones=st.just(UTC))
)
parts = st.lists(simple | st.lists(simple, max_size=3).map(tuple), max_size=5)


def typed(value: object) -> object:
    """Return what makes two parts differ: 1, 1.0 and True are three things, and 0.0 is -0.0."""
    if isinstance(value, tuple | list):
        return tuple(typed(one) for one in value)
    return type(value), value


@given(parts, parts)
def test_two_ids_are_equal_when_their_parts_are(one: list[object], other: list[object]) -> None:
    same = stable_id("x", *one) == stable_id("x", *other)  # type: ignore[arg-type]
    assert same == (typed(one) == typed(other))


@given(st.text(max_size=5), st.text(max_size=5))
def test_parts_do_not_run_into_each_other(one: str, other: str) -> None:
    assert stable_id("x", one, other) != stable_id("x", one + other)
    assert stable_id("x", (one,), other) != stable_id("x", one, (other,))


def test_ids_of_two_kinds_never_meet() -> None:
    assert stable_id("object", "a", "b") == object_id("a", "b")
    assert stable_id("object", "a", "b") != stable_id("patrol", "a", "b") == patrol_id("a", "b")


def test_an_instant_is_the_same_in_every_time_zone() -> None:
    noon = datetime(2026, 5, 1, 12, tzinfo=ZoneInfo("Asia/Shanghai"))
    assert stable_id("x", noon) == stable_id("x", noon.astimezone(UTC))


def test_what_has_no_one_value_makes_no_id() -> None:
    with pytest.raises(ValueError, match="not a number"):
        stable_id("x", float("nan"))
    with pytest.raises(ValueError, match="no time zone"):
        stable_id("x", datetime(2026, 5, 1))  # noqa: DTZ001


def test_ids_never_change_between_versions() -> None:
    assert stable_id("x") == hashlib.blake2b(b"", digest_size=16, person=b"x").hexdigest()
    assert (
        detection_id("ab" * 32, 1.5, "vehicle", (1.0, 2.0, 3.0, 4.0), "m@1")
        == "7fb81c6259e80fdb8b657b0b83ee98e4"
    )
    assert (
        incident_id("west", "parking", "z", date(2026, 5, 1), "o")
        == "c6ae0c34e66d7362dd40b7bda91a99f6"
    )


def test_a_box_counts_to_a_tenth_of_a_pixel() -> None:
    def id_of(x0: float) -> str:
        return detection_id("f", 0.0, "vehicle", (x0, 2.0, 30.0, 40.0), "m")

    assert id_of(10.0) == id_of(10.00001)
    assert id_of(10.0) != id_of(10.2)


def test_a_run_is_what_went_into_it() -> None:
    def run(footage: tuple[str, ...] = ("a", "b"), code: str = "1", fps: float = 2.0) -> str:
        return run_id("site", footage, ["m"], code, {"sample_fps": fps, "redact": True})

    assert run() == run(footage=("b", "a", "a"))
    assert len({run(), run(footage=("a",)), run(code="2"), run(fps=3.0)}) == 4


def test_a_model_is_its_name_and_its_weights() -> None:
    assert model_id("vehicles", "0123456789abcdef") == "vehicles@0123456789ab"
    with pytest.raises(ValueError, match="fewer than 12"):
        model_id("vehicles", "0123")


def test_a_file_is_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"x" * 3_000_000)
    assert content_hash(file) == hashlib.sha256(b"x" * 3_000_000).hexdigest()
    with pytest.raises(FootageError, match="b: cannot be read: No such file"):
        content_hash(tmp_path / "b")
