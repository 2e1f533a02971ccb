"""What changed between two measurements: before a model was trained anew, and after."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from park.errors import SettingsError

_SAME = 5e-4
"""What is less is not shown by three digits."""


@dataclass(frozen=True, slots=True)
class Change:
    """A figure that is no longer what it was.

    Attributes:
        figure: what it is of.
        before: what it was; None where there was none.
        now: what it is; None where there is none any more.
    """

    figure: str
    before: float | None
    now: float | None

    @property
    def told(self) -> str:
        """By how much, in words."""
        if self.before is None:
            return "new"
        if self.now is None:
            return "gone"
        return f"{self.now - self.before:+.3f}"


def read_figures(path: Path) -> dict[str, Any]:
    """Return what `parkwatch accuracy --json` wrote.

    Raises:
        SettingsError: it cannot be read, or is something else.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise SettingsError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict) or not {"models", "weathers"} <= content.keys():
        raise SettingsError(f"{path} is not what `parkwatch accuracy --json FILE` writes")
    return content


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return the figures that changed, of what was measured now, in the order of the page."""
    old, new = dict(_figures(before)), dict(_figures(now))
    # What was not measured this time (`--only`) did not change.
    groups = {_group(name) for name in new}
    names = [*new, *(name for name in old if name not in new and _group(name) in groups)]
    found = (Change(name, old.get(name), new.get(name)) for name in names)
    return tuple(one for one in found if _differs(one))


def _differs(one: Change) -> bool:
    if one.before is None or one.now is None:
        return one.before is not one.now
    return abs(one.now - one.before) >= _SAME


def _group(name: str) -> str:
    return name.partition(":")[0]


def _figures(content: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    for one in content["models"]:
        measured = one["measured"]
        where = f"{measured['model']} on {measured['folder']} {measured['split']}".rstrip()
        for row in (*one["classes"], one["overall"]):
            name = f"{where}: {row['name']}"
            yield f"{name} AP50", row["ap50"]
            yield f"{name} precision", _share(row["hits"], row["boxes"])
            yield f"{name} recall", _share(row["hits"], row["labels"])
    for weather, part in content["weathers"].items():
        for row in part["types"]:
            yield f"{weather}: {row['type']} precision", row["precision"]
            yield f"{weather}: {row['type']} recall", row["recall"]
        for kind, counts in part["look_alikes"].items():
            yield f"{weather}: {kind} reported", _share(counts["reported"], counts["staged"])


def _share(hits: int, of: int) -> float | None:
    return hits / of if of else None
