"""The record of a permission to fly, which some sites ask for before a flight."""

from __future__ import annotations

import json
import tomllib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from park.errors import PreflightError

MAX_FILE_BYTES = 100_000


class FlightPermission(BaseModel):
    """Who allowed what, where and when.

    Attributes:
        permission_id: number or name under which it was given.
        issued_by: who gave it.
        site_id: the site that it is for.
        valid_from: with a time zone.
        valid_until: with a time zone.
        max_alt_agl_m: highest flight above the ground that it allows; None for no limit of its
            own.
        routes: ids of the routes that it is for; empty for all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    permission_id: str = Field(min_length=1, max_length=200)
    issued_by: str = Field(min_length=1, max_length=200)
    site_id: str = Field(min_length=1)
    valid_from: AwareDatetime
    valid_until: AwareDatetime
    max_alt_agl_m: float | None = Field(None, gt=0.0)
    routes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.valid_until <= self.valid_from:
            raise ValueError("valid_until is not after valid_from")
        return self

    def refusal(
        self, *, site_id: str, route_id: str, alt_m: float, start: datetime, duration_s: float
    ) -> str | None:
        """Return why it does not allow a flight; None when it does.

        Args:
            site_id: where.
            route_id: what.
            alt_m: how high, above the take-off point or the ground, whichever is more.
            start: when it begins.
            duration_s: how long it takes.
        """
        end = start + timedelta(seconds=duration_s)
        if self.site_id != site_id:
            return f"it is for {self.site_id}, not {site_id}"
        if self.routes and route_id not in self.routes:
            return f"it is for {', '.join(self.routes)}, not {route_id}"
        if start < self.valid_from:
            return f"it is valid from {self.valid_from.isoformat()} on"
        if end > self.valid_until:
            return (
                f"it ends at {self.valid_until.isoformat()}, before the flight does "
                f"({end.isoformat(timespec='seconds')})"
            )
        if self.max_alt_agl_m is not None and alt_m > self.max_alt_agl_m:
            return f"it allows {self.max_alt_agl_m:g} m and the flight goes up to {alt_m:.0f} m"
        return None


def read_permission(path: Path) -> FlightPermission:
    """Return the permission in a JSON or TOML file.

    Raises:
        PreflightError: the file cannot be read or is no permission; every mistake is named.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise PreflightError(f"{path}: too large for a permission record")
        text = path.read_text(encoding="utf-8-sig")
        data = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
        return FlightPermission.model_validate(data)
    except ValidationError as error:
        mistakes = "; ".join(
            f"{'.'.join(map(str, mistake['loc'])) or 'record'}: {mistake['msg']}"
            for mistake in error.errors()
        )
        raise PreflightError(f"{path} is no permission record: {mistakes}") from error
    except OSError as error:
        raise PreflightError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise PreflightError(f"{path} is neither JSON nor TOML: {error}") from error
