"""What can go wrong in a park: domains, incident types, and families of detected classes.

Ids are stable: they stand in tables and in people's queries. Names are for people, in Chinese
and in English.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType

from park.errors import RecordError


class Domain(StrEnum):
    """The four kinds of duty that an incident falls under."""

    WORK_SAFETY = "work_safety"
    ENVIRONMENT = "environment"
    ROAD_TRAFFIC = "road_traffic"
    GOVERNANCE = "governance"

    @property
    def zh(self) -> str:
        """Chinese name."""
        return _DOMAIN_NAMES[self][0]

    @property
    def en(self) -> str:
        """English name."""
        return _DOMAIN_NAMES[self][1]


_DOMAIN_NAMES: Mapping[Domain, tuple[str, str]] = {
    Domain.WORK_SAFETY: ("安全生产", "Work safety"),
    Domain.ENVIRONMENT: ("生态环境", "Environment"),
    Domain.ROAD_TRAFFIC: ("道路交通", "Road traffic"),
    Domain.GOVERNANCE: ("综合治理", "Governance"),
}


class Severity(IntEnum):
    """How soon somebody has to act."""

    NOTICE = 1
    """Put it on the list."""
    WARNING = 2
    """Deal with it today."""
    SERIOUS = 3
    """Send somebody now."""
    CRITICAL = 4
    """Lives may be in danger: raise the alarm."""


class MeasureUnit(StrEnum):
    """The unit of an incident's measure, as written in tables."""

    SECONDS = "s"
    SQUARE_METRES = "m2"
    METRES = "m"
    DEGREES_CELSIUS = "degC"
    VEHICLES = "vehicles"
    PEOPLE = "people"
    PEOPLE_PER_100_M2 = "people/100 m2"
    VEHICLES_PER_LANE_KM = "vehicles/lane km"


class EvidenceKind(StrEnum):
    """What has to be shown for somebody to believe it."""

    PICTURE = "picture"
    """One picture of it is enough."""
    SEQUENCE = "sequence"
    """Pictures over time: it is the staying or the moving that matters."""
    THERMAL = "thermal"
    """A picture with temperatures."""
    BEFORE_AFTER = "before_after"
    """The same place earlier and now."""


@dataclass(frozen=True, slots=True)
class IncidentType:
    """One kind of incident.

    Attributes:
        id: stable identifier, lower case with underscores.
        zh: Chinese name.
        en: English name.
        domain: the duty it falls under.
        severity: the severity it has unless a site's rule says otherwise.
        unit: unit of its measure.
        measure: what is measured, in words.
        evidence: what has to be shown.
    """

    id: str
    zh: str
    en: str
    domain: Domain
    severity: Severity
    unit: MeasureUnit
    measure: str
    evidence: EvidenceKind


def _types() -> tuple[IncidentType, ...]:
    safety, nature = Domain.WORK_SAFETY, Domain.ENVIRONMENT
    traffic, governance = Domain.ROAD_TRAFFIC, Domain.GOVERNANCE
    notice, warning = Severity.NOTICE, Severity.WARNING
    serious, critical = Severity.SERIOUS, Severity.CRITICAL
    seconds, area = MeasureUnit.SECONDS, MeasureUnit.SQUARE_METRES
    people, vehicles = MeasureUnit.PEOPLE, MeasureUnit.VEHICLES
    picture, sequence = EvidenceKind.PICTURE, EvidenceKind.SEQUENCE
    thermal, change = EvidenceKind.THERMAL, EvidenceKind.BEFORE_AFTER
    make = IncidentType
    return (
        make("open_flame", "明火", "Open flame", safety, critical, area, "burning area", picture),
        make("smoke", "冒烟", "Smoke", safety, serious, area, "area under smoke", sequence),
        make(
            "person_in_restricted_zone",
            "人员进入禁入区",
            "Person in restricted zone",
            safety,
            serious,
            seconds,
            "time in the zone",
            sequence,
        ),
        make(
            "no_hard_hat",
            "未戴安全帽",
            "No hard hat",
            safety,
            warning,
            people,
            "people without one",
            picture,
        ),
        make(
            "overheating_equipment",
            "设备过热",
            "Overheating equipment",
            safety,
            serious,
            MeasureUnit.DEGREES_CELSIUS,
            "highest surface temperature",
            thermal,
        ),
        make(
            "smoke_plume",
            "烟羽（烟囱或地面）",
            "Smoke plume (stack or ground)",
            nature,
            warning,
            MeasureUnit.METRES,
            "length of the plume",
            sequence,
        ),
        make(
            "discoloured_water",
            "水体变色",
            "Discoloured water",
            nature,
            serious,
            area,
            "discoloured surface",
            change,
        ),
        make(
            "bare_soil",
            "裸土或未苫盖料堆",
            "Bare soil or uncovered stockpile",
            nature,
            notice,
            area,
            "uncovered area",
            picture,
        ),
        make(
            "dumped_rubbish",
            "乱倒垃圾",
            "Dumped rubbish",
            nature,
            warning,
            area,
            "covered area",
            picture,
        ),
        make(
            "illegal_parking",
            "违章停车",
            "Parked where parking is not allowed",
            traffic,
            warning,
            seconds,
            "time parked",
            sequence,
        ),
        make(
            "vehicle_in_forbidden_zone",
            "车辆进入禁行区或消防通道",
            "Vehicle in forbidden zone or fire lane",
            traffic,
            serious,
            seconds,
            "time in the zone",
            sequence,
        ),
        make(
            "too_many_vehicles",
            "车辆超限",
            "Too many vehicles",
            traffic,
            warning,
            vehicles,
            "most vehicles at a time",
            picture,
        ),
        make(
            "congestion",
            "交通拥堵",
            "Congestion",
            traffic,
            warning,
            MeasureUnit.VEHICLES_PER_LANE_KM,
            "vehicles per kilometre of lane",
            sequence,
        ),
        make(
            "road_obstruction",
            "道路障碍物",
            "Road obstruction",
            traffic,
            serious,
            area,
            "blocked area",
            picture,
        ),
        make(
            "crowd_on_carriageway",
            "人群占道",
            "Crowd on carriageway",
            traffic,
            serious,
            MeasureUnit.PEOPLE_PER_100_M2,
            "people per 100 m2 of the ground they take up",
            picture,
        ),
        make(
            "perimeter_intrusion",
            "周界入侵",
            "Perimeter intrusion",
            governance,
            serious,
            seconds,
            "time inside",
            sequence,
        ),
        make(
            "gathering",
            "人员聚集",
            "Gathering",
            governance,
            warning,
            MeasureUnit.PEOPLE_PER_100_M2,
            "people per 100 m2 of the ground they take up",
            picture,
        ),
        make(
            "new_structure",
            "新增构筑物",
            "New structure",
            governance,
            notice,
            area,
            "covered area",
            change,
        ),
        make(
            "occupied_public_space",
            "占用公共空间",
            "Occupied public space",
            governance,
            notice,
            area,
            "occupied area",
            picture,
        ),
    )


INCIDENT_TYPES: Mapping[str, IncidentType] = MappingProxyType({t.id: t for t in _types()})
"""Every incident type by its id, grouped by domain."""


def incident_type(type_id: str) -> IncidentType:
    """Return the incident type with this id.

    Raises:
        RecordError: there is none; the message has the ids that come near.
    """
    found = INCIDENT_TYPES.get(type_id)
    if found is None:
        near = difflib.get_close_matches(type_id, INCIDENT_TYPES, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "see park/taxonomy.py"
        raise RecordError(f"there is no incident type {type_id!r}; {hint}")
    return found


CLASS_FAMILIES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "two_wheeler": frozenset(
            {"motorcycle", "motorbike", "bicycle", "bike", "scooter", "moped", "ebike", "e_bike"}
        ),
        "vehicle": frozenset(
            {
                "car",
                "truck",
                "lorry",
                "bus",
                "minibus",
                "coach",
                "van",
                "suv",
                "pickup",
                "taxi",
                "trailer",
                "tanker",
                "tractor",
                "tricycle",
                "other_vehicle",
                "two_wheeler",
            }
        ),
        "person": frozenset({"people", "pedestrian", "worker", "man", "woman", "rider"}),
        "flame": frozenset({"fire", "open_fire"}),
        "smoke": frozenset({"smoke_plume", "dust_plume"}),
        "hard_hat": frozenset({"helmet", "hardhat"}),
        "no_hard_hat": frozenset({"no_helmet", "no_hardhat", "bare_head"}),
        "rubbish": frozenset({"garbage", "litter", "trash", "waste"}),
        "overflowing_bin": frozenset({"overflow", "garbage_overflow"}),
        "hotspot": frozenset({"hot_spot"}),
        "discoloured_water": frozenset({"discolored_water"}),
        "bare_soil": frozenset({"bare_ground"}),
        "stockpile": frozenset({"uncovered_stockpile"}),
        "new_object": frozenset({"new_structure"}),
        "obstacle": frozenset({"cone", "barrier", "debris"}),
    }
)
"""Families of classes: what a rule means by "vehicle", whatever the model calls it.

A member may itself be a family. Every family is also a class of its own."""


ONLY_NEW = ("new_object",)
"""What names a thing without saying what it is."""


def class_key(class_name: str) -> str:
    """Return a model's class name in the spelling used here: lower case, underscores.

    ``"Two-Wheeler"`` and ``"two wheeler"`` both become ``"two_wheeler"``.
    """
    return re.sub(r"[\s\-/]+", "_", class_name.strip().lower())


def _parents() -> Mapping[str, frozenset[str]]:
    direct = {
        member: {family for family, members in CLASS_FAMILIES.items() if member in members}
        for members in CLASS_FAMILIES.values()
        for member in members
    }
    closed: dict[str, frozenset[str]] = {}
    for member, parents in direct.items():
        reached, todo = set(parents), list(parents)
        while todo:
            for above in direct.get(todo.pop(), set()) - reached:
                reached.add(above)
                todo.append(above)
        closed[member] = frozenset(reached)
    return MappingProxyType(closed)


_PARENTS = _parents()

KNOWN_CLASSES: frozenset[str] = frozenset(CLASS_FAMILIES) | frozenset(_PARENTS)
"""Every class and family that has a place in the table; models may know others."""


def families_of(class_name: str) -> frozenset[str]:
    """Return every family that a class belongs to, itself included.

    A class that the table does not know is alone in its own family.
    """
    key = class_key(class_name)
    return frozenset({key}) | _PARENTS.get(key, frozenset())


def class_matches(class_name: str, wanted: Iterable[str]) -> bool:
    """Return whether a detected class is one of the classes or families wanted."""
    return not families_of(class_name).isdisjoint(class_key(name) for name in wanted)
