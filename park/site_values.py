"""Kinds of values that stand in a site file, and how each is checked and written."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)

from park.active_hours import ActiveHours
from park.errors import SiteError

Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]
"""A number above zero."""
NotNegative = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
"""A number, zero or more."""
Altitude = Annotated[float, Field(strict=True, ge=-500, le=9000, allow_inf_nan=False)]
"""Metres above mean sea level, from the Dead Sea to the highest mountain."""


def _text_id(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _check_id(value: str) -> str:
    if not re.fullmatch(r"\w[\w.\-]{0,63}", value):
        raise ValueError(
            "an id is 1 to 64 letters, digits, '_', '-' or '.', starting with a letter or digit"
        )
    return value


Identifier = Annotated[str, BeforeValidator(_text_id), AfterValidator(_check_id)]
"""A short name for tables and commands: ``fire-lane-2``; letters of any script."""


def _parse_hours(value: object) -> ActiveHours:
    if isinstance(value, ActiveHours):
        return value
    texts = (value,) if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
        raise ValueError('hours are a text like "08:00-20:00" or a list of such texts')
    try:
        return ActiveHours.parse(value if isinstance(value, str) else [str(t) for t in texts])
    except SiteError as error:
        raise ValueError(str(error)) from error


def _write_hours(hours: ActiveHours) -> str | list[str]:
    texts = hours.to_texts()
    return texts[0] if len(texts) == 1 else texts


Hours = Annotated[
    ActiveHours,
    PlainValidator(_parse_hours),
    PlainSerializer(_write_hours),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    ),
]
"""Hours of the week in the site's own time."""


class Strict(BaseModel):
    """Base of everything in a site file: unknown keys are refused, values do not change."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        arbitrary_types_allowed=True,
        str_strip_whitespace=True,
    )
