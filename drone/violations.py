"""What a flight breaks, in words, and the refusal of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from drone.records import LegKind
from park.errors import AirspaceError

_LISTED = 12


class Rule(StrEnum):
    """What a leg may break."""

    BOUNDARY = "outside the boundary or too close to it"
    NO_FLY = "in a no-fly area or too close to it"
    BUILDING = "in a building or too close to it"
    TOO_HIGH = "too high above the ground"
    TOO_LOW = "too low above the ground"
    GROUND_UNKNOWN = "over ground of unknown height"


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule broken by one leg: the place where it is worst.

    Attributes:
        sortie: number of the sortie; 0 where legs were checked by themselves.
        leg: number of the leg, from 1; leg N ends at waypoint N. 0 is the climb from home.
        kind: transit, survey or return; take-off, landing, or way home (the vehicle's own).
        rule: what is broken.
        obstacle: of what, in words; empty where it is the ground or the boundary.
        lat_deg: where.
        lon_deg: where.
        by_m: by how much: metres too high or low, or metres too far in.
        remedy: what to do, in words; may be empty.
    """

    sortie: int
    leg: int
    kind: str
    rule: Rule
    obstacle: str
    lat_deg: float
    lon_deg: float
    by_m: float
    remedy: str = ""

    def __str__(self) -> str:
        where = f"sortie {self.sortie}, " if self.sortie else ""
        what = f" ({self.obstacle})" if self.obstacle else ""
        by = f" by {self.by_m:.1f} m" if math.isfinite(self.by_m) else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return (
            f"{where}leg {self.leg} ({self.kind}): {self.rule}{what}{by} at "
            f"{self.lat_deg:.6f}, {self.lon_deg:.6f}{remedy}"
        )


def refuse(violations: Sequence[Violation], what: str) -> None:
    """Raise for violations, the worst first; do nothing where there are none.

    Raises:
        AirspaceError: lists up to 12 of them, then how many more there are, and by how much a
            higher route would clear the buildings where these are all that is in its way.
    """
    if not violations:
        return
    worst = sorted(violations, key=lambda violation: -violation.by_m)
    lines = [f"  - {violation}" for violation in worst[:_LISTED]]
    if len(worst) > _LISTED:
        lines.append(f"  - and {len(worst) - _LISTED} more")
    if all(one.rule is Rule.BUILDING and one.kind == LegKind.SURVEY for one in worst):
        lines.append(f"alt_agl_m higher by {worst[0].by_m:.1f} m would clear every building")
    count = "once" if len(worst) == 1 else f"{len(worst)} times"
    raise AirspaceError("\n".join([f"{what} breaks the rules of the air {count}", *lines]))
