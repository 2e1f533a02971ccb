"""Classes that may be names of one and the same thing, and how fast such things move.

Models disagree about what they see: one car is `car` in one picture and `van` in the next.
Tracking and merging therefore ask for the same family, not for the same class.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """Classes that may be one thing.

    Attributes:
        name: what to call them together.
        classes: names that models use for them, in lower case.
        speed_sigma_mps: one standard deviation of their speed along each axis.
        acceleration_sigma_mps2: one standard deviation of how they change it.
        least_apart_m: two of them cannot have their middles closer than this; 0 where that is
            not known.
    """

    name: str
    classes: frozenset[str]
    speed_sigma_mps: float
    acceleration_sigma_mps2: float
    least_apart_m: float = 0.0


VEHICLE = Family(
    "vehicle",
    frozenset(
        {
            "vehicle", "car", "van", "truck", "bus", "minibus", "lorry", "pickup", "suv",
            "trailer", "machinery", "othervehicle", "forklift", "tractor",
        }
    ),
    14.0,
    3.0,
)  # fmt: skip
CYCLE = Family(
    "cycle",
    frozenset({"bicycle", "motorcycle", "motorbike", "bike", "scooter", "tricycle", "cyclist"}),
    6.0,
    2.0,
)
PERSON = Family(
    "person",
    frozenset({"person", "people", "pedestrian", "worker", "human"}),
    1.5,
    1.0,
    0.5,
)

FAMILIES = (VEHICLE, CYCLE, PERSON)
"""Every family that is known; any other class is a family of its own."""

_FAMILY_OF = {name: family for family in FAMILIES for name in family.classes}


def family_of(class_name: str) -> Family:
    """Return the family of a class; a class that is not known is alone in its own.

    Things of unknown families are taken to move as people do, which suits smoke, animals and
    litter in the wind, and does no harm to what never moves.
    """
    known = _FAMILY_OF.get(class_name.strip().lower())
    if known is not None:
        return known
    return Family(class_name.strip().lower(), frozenset({class_name}), 1.5, 1.0)
