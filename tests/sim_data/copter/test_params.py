from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from park.errors import SimulationError
from sim_data.copter.params import INT8, INT16, INT32, REAL32, ParamTable, as_float32


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FS_GCS_ENABLE", 0),
        ("FS_THR_ENABLE", 1),
        ("FENCE_ENABLE", 0),
        ("FENCE_ACTION", 1),
        ("FENCE_TYPE", 7),
        ("FENCE_ALT_MAX", 100),
        ("FENCE_RADIUS", 150),
        ("FENCE_MARGIN", 2),
        ("BATT_MONITOR", 4),
        ("BATT_CAPACITY", 0),
        ("BATT_LOW_VOLT", 10.5),
        ("BATT_FS_LOW_ACT", 0),
        ("BATT_FS_CRT_ACT", 0),
        ("RTL_ALT", 1500),
        ("WPNAV_SPEED", 1000),
        ("DISARM_DELAY", 10),
        ("ARMING_CHECK", 1),
        ("AUTO_OPTIONS", 0),
        ("FS_EKF_ACTION", 1),
        ("MNT_TYPE", 0),
        ("SYSID_MYGCS", 255),
    ],
)
def test_defaults_are_those_of_arducopter(name: str, value: float) -> None:
    assert ParamTable().get(name) == value


def test_the_table_has_a_fixed_order_names_that_fit_and_known_types() -> None:
    table = ParamTable()
    rows = list(table)
    assert len(rows) == len(table) > 400
    assert [row.index for row in rows] == list(range(len(table)))
    assert [row.name for row in rows] == [row.name for row in ParamTable()]
    assert all(0 < len(row.name) <= 16 for row in rows)
    assert {row.mav_type for row in rows} == {INT8, INT16, INT32, REAL32}
    assert all(table.at(row.index) == row == table.param(row.name) for row in rows)


def test_every_default_fits_its_type() -> None:
    table = ParamTable()
    for row in table:
        assert ParamTable().set(row.name, row.value) == row.value


@given(st.floats(-1e6, 1e6))
def test_values_are_kept_in_single_precision(value: float) -> None:
    stored = ParamTable().set("WPNAV_SPEED", value)
    assert stored == struct.unpack("<f", struct.pack("<f", value))[0] == as_float32(value)


@pytest.mark.parametrize(("value", "stored"), [(2.4, 2), (2.5, 3), (-1.6, -2), (400, 127)])
def test_whole_numbers_are_rounded_and_held_within_their_range(value: float, stored: float) -> None:
    assert ParamTable().set("DISARM_DELAY", value) == stored


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(value: float) -> None:
    table = ParamTable()
    with pytest.raises(SimulationError, match="RTL_ALT is not a number"):
        table.set("RTL_ALT", value)
    assert table.get("RTL_ALT") == 1500.0


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(SimulationError, match="no parameter THR_MIN"):
        ParamTable({"THR_MIN": 1.0})
    with pytest.raises(SimulationError, match="no parameter 9999"):
        ParamTable().at(9999)
    assert "THR_MIN" not in ParamTable()


def test_two_tables_do_not_share_their_values() -> None:
    one, other = ParamTable(), ParamTable()
    one.set("RTL_ALT", 3000.0)
    assert other.get("RTL_ALT") == 1500.0
