"""What every record checks of its values, in the same words."""

from __future__ import annotations

from datetime import datetime

from park.errors import RecordError


def need(condition: bool, message: str) -> None:
    """Raise `RecordError` with a message unless a condition holds."""
    if not condition:
        raise RecordError(message)


def need_aware(name: str, value: datetime) -> None:
    """Raise `RecordError` when a time has no time zone."""
    need(
        value.tzinfo is not None and value.utcoffset() is not None,
        f"{name} {value.isoformat()} has no time zone",
    )


def need_lat_lon(lat_deg: float, lon_deg: float) -> None:
    """Raise `RecordError` when a place is none on Earth."""
    need(-90.0 <= lat_deg <= 90.0, f"lat_deg {lat_deg} is not between -90 and 90")
    need(-180.0 <= lon_deg <= 180.0, f"lon_deg {lon_deg} is not between -180 and 180")
